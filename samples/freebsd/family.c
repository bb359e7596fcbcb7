/// A family for the tests of sudden ends: children, grandchildren and threads that wait for ever, each with the
/// mark of its argument in its command line.
#include "freebsd.h"

static char stack[16384] __attribute__((aligned(16)));

static void waits(void *unused) {
    for (;;) nap(1000);
}

static void sample(long argc, char **argv, char **environment) {
    if (argc < 2) return;
    struct { void (*start)(void *); void *argument; char *stack; size_t size; char *tls; size_t tls_size;
             long *child, *parent; int32_t flags; void *priority, *spare[3]; }
        parameters = {waits, 0, stack, sizeof stack, 0, 0, 0, 0, 0, 0, {0}};
    for (int child = 0; child < 3; child++) {
        if (SYS0(fork)) continue;
        if (child == 0) SYS0(setsid);
        if (child == 1) SYS(execve, argv[0], argv + 1, environment);
        SYS0(fork);
        SYS(thr_new, &parameters, sizeof parameters);
        waits(0);
    }
    SYS(thr_new, &parameters, sizeof parameters);
    say("ready\n");
    if (argc > 2) {
        nap(300);
        SYS(kill, SYS0(getpid), argv[2][0] == 's' ? SIGSEGV : SIGUSR1);
    }
    waits(0);
}
