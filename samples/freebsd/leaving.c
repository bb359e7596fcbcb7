/// A process whose first thread has ended lives on in the others, and is told as living; its name may hold anything.
#include "freebsd.h"

enum { WAIT = 2, SET_NAME = 15 };

static char stack[16384] __attribute__((aligned(16)));
static char tls[64] __attribute__((aligned(16)));
static char told[1088];
static volatile long first = 2;

static long tell(long process) {
    int name[4] = {1, 14, 1, (int)process}; // kern.proc.pid
    size_t size = sizeof told;
    long result = SYS(__sysctl, name, 4, told, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

static void rest(void *word) {
    timespec instant = {0, 1000000};
    // thr_exit sets the word to 1, and the first thread is a moment later no more.
    while (first != 1) SYS(nanosleep, &instant, 0);
    SYS(nanosleep, &instant, 0);
    SYS(nanosleep, &instant, 0);
    expect("kern.proc.pid", tell(SYS0(getpid)), 1088);
    // ki_pid, ki_ppid, ki_stat, ki_comm, ki_size of struct kinfo_proc (sys/user.h)
    holds("its own", *(int *)(told + 72) == SYS0(getpid) && *(int *)(told + 76) == SYS0(getppid));
    holds("lives", told[388] == 2 || told[388] == 3); // SRUN, SSLEEP
    say("%s\n", told + 447);
    holds("has memory", *(uint64_t *)(told + 256) > 0);
    leave(3);
}

static void sample(long argc, char **argv, char **environment) {
    if (argc > 1) {
        long other;
        thr_param parameters = {
            .start = rest, .stack = stack, .stack_size = sizeof stack, .tls = tls, .tls_size = sizeof tls, .child = &other, .parent = &other,
        };
        expect("thr_new", SYS(thr_new, &parameters, sizeof parameters), 0);
        SYS(thr_exit, &first);
    }
    char *name = "x) R 1 (", *again[] = {name, "again", 0};
    expect("link", SYS(link, argv[0], name), 0);
    long child = SYS0(fork);
    if (child == 0) leave(SYS(execve, name, again, environment) != 0);
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    expect("its status", status, 3 << 8);
    SYS(unlink, name);
}
