/// Runs Tests/stepping/guest.c's calls under ptrace(2). `tracer count GUEST…` counts the instructions of each call and
/// holds them against the budget, `tracer count-logged GUEST…` against that of a call that is recorded; `tracer inject GUEST…` stops a guest at each instruction of a call's way, gives it a
/// signal right there, and has it check itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/// In the guest's order; the most engine instructions, without and with the log (docs/performance.md tells what is
/// wanted); whether the call waits.
static const struct { const char *name; long budget, logged; int waits; } cases[] = {
    {"geteuid", 120, 460, 0}, {"lseek", 120, 540, 0}, {"read, 1 byte", 120, 770, 0}, {"close, failing", 150, 770, 0},
    {"fstat", 350, 1050, 0}, {"open", 480, 1200, 0}, {"clock_gettime", 140, 1080, 0}, {"sigprocmask", 640, 0, 0},
    {"sigprocmask, asking", 200, 0, 0}, {"sigprocmask, blocking", 640, 0, 0}, {"kill, handler, sigreturn", 3950, 0, 0}, {"read that is begun again", 0, 0, 1},
    {"read that is interrupted", 0, 0, 1}, {"sigsuspend", 0, 0, 1}, {"fork", 0, 0, 0}, {"vfork", 0, 0, 0},
};
enum { CASES = sizeof cases / sizeof *cases, MOST = 200000, LINUX_SIGUSR1 = 10 };

static pid_t guest;
static int memory;
static uint64_t control;
enum { GO = 0, KIND = 8, EXPECTED = 16, FAILURES = 24 };

static void fail(const char *what) {
    fprintf(stderr, "stepping: %s: %s\n", what, strerror(errno));
    if (guest) kill(guest, SIGKILL);
    exit(2);
}
static int64_t load(uint64_t address) {
    int64_t value = 0;
    if (pread(memory, &value, 8, (off_t)address) != 8) fail("reading the guest");
    return value;
}
static void store(uint64_t address, int64_t value) {
    if (pwrite(memory, &value, 8, (off_t)address) != 8) fail("writing the guest");
}
static uint8_t swap_byte(uint64_t address, uint8_t value) {
    uint8_t old;
    if (pread(memory, &old, 1, (off_t)address) != 1 || pwrite(memory, &value, 1, (off_t)address) != 1) fail("setting a breakpoint");
    return old;
}
static uint64_t place(void) {
    return (uint64_t)ptrace(PTRACE_PEEKUSER, guest, offsetof(struct user_regs_struct, rip), 0);
}
static void go_to(uint64_t address) { ptrace(PTRACE_POKEUSER, guest, offsetof(struct user_regs_struct, rip), address); }

static void on_alarm(int unused) { (void)unused; }
static void limit(long microseconds) {
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, 0);
}

static long extra;

/// Whether the guest sleeps in a call of its own that waits (read, rt_sigsuspend), rather than waits for a processor or, while a
/// site is looked at, for the supervisor.
static int is_waiting(void) {
    char name[64];
    long call = -1;
    snprintf(name, sizeof name, "/proc/%d/syscall", guest);
    FILE *file = fopen(name, "r");
    if (!file) fail(name);
    int found = fscanf(file, "%ld", &call);  // "running" is no number
    fclose(file);
    return found == 1 && (call == 0 || call == 130);
}

/// Lets the guest run until a breakpoint or the end of a step; its other signals reach it. With `waits`, a guest that
/// sleeps gets a signal, and is told.
static void run(int request, int signal, int waits) {
    for (;;) {
        if (ptrace(request, guest, 0, signal) != 0) fail("ptrace");
        int status;
        limit(waits ? 2000 : 10000000);
        while (waitpid(guest, &status, __WALL) < 0) {
            if (errno != EINTR) fail("waitpid");
            if (!waits) {
                errno = ETIMEDOUT;
                fail("the guest");
            }
            if (!is_waiting()) continue;
            extra++;
            store(control + EXPECTED, load(control + EXPECTED) + 1);
            kill(guest, LINUX_SIGUSR1);
        }
        limit(0);
        if (!WIFSTOPPED(status)) {
            fprintf(stderr, "stepping: the guest ended with wait status %#x\n", status);
            guest = 0;
            exit(2);
        }
        signal = WSTOPSIG(status);
        if (signal == SIGTRAP) return;
    }
}

static uint64_t peek(long offset) { return (uint64_t)ptrace(PTRACE_PEEKUSER, guest, offset, 0); }
#define USER(name) offsetof(struct user_regs_struct, name)

/// A step; the flag by which it is made stays out of what the guest's code sees of its flags. An instruction that sets
/// them is carried out here, since Linux takes the flag for the guest's own after it.
static void step(int waits) {
    uint64_t at = place();
    uint8_t code = (uint8_t)load(at);
    if (code == 0x9d) {  // popf
        uint64_t stack = peek(USER(rsp));
        ptrace(PTRACE_POKEUSER, guest, USER(eflags), load(stack));
        ptrace(PTRACE_POKEUSER, guest, USER(rsp), stack + 8);
        go_to(at + 1);
        return;
    }
    run(PTRACE_SINGLESTEP, 0, waits);
    if (code == 0x9c) {  // pushf
        uint64_t stack = peek(USER(rsp));
        store(stack, load(stack) & ~0x100);
    }
}

static void begin(const char *program[]) {
    int ends[2];
    if (pipe(ends) != 0) fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execv(program[0], (char **)program);
        _exit(127);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    char line[256];
    while (!guest && fgets(line, sizeof line, from)) {
        if (strncmp(line, "failures", 8) == 0) {
            if (strstr(line, "not")) fprintf(stderr, "stepping: the guest fails by itself\n"), exit(1);
        } else if (sscanf(line, "%d %lx", &guest, &control) != 2) {
            guest = 0;
        }
    }
    if (!guest) fail("no word of the guest");
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mem", guest);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    sched_setaffinity(guest, sizeof one, &one);
    if (ptrace(PTRACE_SEIZE, guest, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, guest, 0, 0) != 0) fail("ptrace");
    int status;
    waitpid(guest, &status, __WALL);
    memory = open(name, O_RDWR);
    if (memory < 0) fail(name);
    store(control + GO, 1);
    run(PTRACE_CONT, 0, 0);
}

static uint64_t way[MOST];
static long waited;  // how many of them came before the guest waited

static int is_engine(uint64_t address) { return address >= 0x7000000000 && address < 0x7001000000; }

/// Steps through a call from its first breakpoint to its second; how many instructions it took, in `way`. A repeated
/// string instruction counts once.
static long walk(int kind) {
    store(control + KIND, kind);
    store(control + EXPECTED, 0);
    extra = 0;
    run(PTRACE_CONT, 0, 0);
    long count = 0;
    waited = 0;
    for (;;) {
        uint64_t at = place();
        if (!is_engine(at) && (load(at) & 0xff) == 0xcc) break;
        if (count < MOST && (count == 0 || way[count - 1] != at)) way[count++] = at;
        step(cases[kind].waits);
        if (extra == 0) waited = count;
    }
    run(PTRACE_CONT, 0, 0);  // over the breakpoint ahead
    run(PTRACE_CONT, 0, 0);  // and to the idle one
    return count;
}

static int counting(int logged) {
    int over = 0;
    printf("%-28s %8s %8s %8s %8s\n", logged ? "of a call that is recorded" : "instructions of a call", "engine", "vDSO", "others", "at most");
    for (int kind = 0; kind < CASES; kind++) {
        long budget = logged ? cases[kind].logged : cases[kind].budget;
        if (cases[kind].waits || !budget) continue;
        long count = walk(kind), engine = 0, shared = 0;
        for (long index = 0; index < count; index++) {
            engine += is_engine(way[index]);
            shared += way[index] >= 0x700000000000;
        }
        printf("%-28s %8ld %8ld %8ld", cases[kind].name, engine, shared, count - engine - shared);
        printf(" %8ld", budget);
        puts(engine > budget ? "  over" : "");
        over |= engine > budget;
    }
    return over;
}

/// One call with a signal at the `times`th coming to `address`; 0 when it does not come there.
static int inject(int kind, uint64_t address, int times, int *failures) {
    int waits = cases[kind].waits, came = 0;
    store(control + KIND, kind);
    store(control + EXPECTED, 0);
    extra = 0;
    run(PTRACE_CONT, 0, 0);
    uint8_t old = swap_byte(address, 0xcc);
    if (place() == address) go_to(address);
    for (;;) {
        run(PTRACE_CONT, 0, waits);
        if (place() != address + 1) break;
        swap_byte(address, old);
        go_to(address);
        if (--times == 0) {
            came = 1;
            store(control + EXPECTED, load(control + EXPECTED) + 1);
            run(PTRACE_CONT, LINUX_SIGUSR1, waits);
            break;
        }
        step(waits);
        swap_byte(address, 0xcc);
    }
    if (!came) swap_byte(address, old);
    run(PTRACE_CONT, 0, 0);  // to the idle breakpoint
    *failures = (int)load(control + FAILURES);
    store(control + FAILURES, 0);
    return came;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int injecting(void) {
    static const char *const kinds[] = {"registers", "vector registers", "direction", "result or mask", "handlers"};
    int bad = 0;
    for (int kind = 0; kind < CASES; kind++) {
        long count = walk(kind), points = 0, distinct = 0;
        // What follows a wait is mostly the way of the signal that ends it, and each visit takes a wait: every 20th.
        if (cases[kind].waits) {
            long kept = waited;
            for (long index = waited; index < count; index += 20) way[kept++] = way[index];
            count = kept;
        }
        store(control + FAILURES, 0);
        qsort(way, (size_t)count, sizeof *way, compare);
        for (long index = 0; index < count; index++)
            if (index == 0 || way[index] != way[distinct - 1]) way[distinct++] = way[index];
        for (long index = 0; index < distinct; index++) {
            if (way[index] >= 0x700000000000) continue;  // the vDSO, which all processes share
            for (int times = 1; times <= 2; times++) {
                int failures;
                if (!inject(kind, way[index], times, &failures)) break;
                points++;
                for (int bit = 0; bit < 5; bit++)
                    if (failures & 1 << bit) {
                        printf("%s: %s wrong after a signal at %#lx, time %d\n", cases[kind].name, kinds[bit], way[index], times);
                        bad = 1;
                    }
            }
        }
        printf("%-28s signals at %ld places\n", cases[kind].name, points);
        fflush(stdout);
    }
    return bad;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, 0);
    begin((const char **)argv + 2);
    int result = strncmp(argv[1], "count", 5) == 0 ? counting(argv[1][5] != 0) : injecting();
    store(control + KIND, -1);
    ptrace(PTRACE_CONT, guest, 0, 0);
    return result;
}
