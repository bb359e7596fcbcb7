/// EVFILT_SIGNAL tells of signals that the program ignores or blocks, also while it waits.
#include "freebsd.h"

enum { SIGNAL = -6, ADD = 1, DELETE = 2 };
typedef struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; uint64_t udata, ext[4]; } event;

static long queue;
static event got;

static long change(uint64_t ident, uint16_t flags) {
    event wanted = {ident, SIGNAL, flags, 0, 0, ident * 10, {0}};
    return SYS(kevent, queue, &wanted, 1, 0, 0, 0);
}

static long next(long milliseconds) {
    timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    memset(&got, 0, sizeof got);
    return SYS(kevent, queue, 0, 0, &got, 1, &limit);
}

static void caught(int signal) { (void)signal; }

static void sample(long argc, char **argv, char **environment) {
    queue = SYS0(kqueue);
    sigaction action = {(void *)1, 0, {{0}}}; // SIG_IGN
    SYS(sigaction, SIGUSR2, &action, 0);
    expect("filter of an ignored signal", change(SIGUSR2, ADD), 0);
    SYS(kill, SYS0(getpid), SIGUSR2);
    expect("ignored, but told", next(1000), 1);
    expect("once", got.data, 1);
    long parent = SYS0(getpid), sender = SYS0(fork);
    if (sender == 0) {
        nap(50);
        SYS(kill, parent, SIGUSR2);
        leave(0);
    }
    expect("told while waiting", next(10000), 1);
    expect("by", (long)got.ident, SIGUSR2);
    SYS(wait4, sender, 0, 0, 0);
    sender = SYS0(fork);
    if (sender == 0) {
        nap(50);
        SYS(kill, parent, SIGUSR2);
        leave(0);
    }
    expect("what else waits goes on", SYS(poll, 0, 0, 300), 0);
    expect("also asleep", (SYS(kill, SYS0(getpid), SIGUSR2), SYS(nanosleep, span(0, 100000000), 0)), 0);
    expect("told afterwards", next(1000), 1);
    expect("twice", got.data, 2);
    SYS(wait4, sender, 0, 0, 0);
    change(SIGUSR2, DELETE);
    action.handler = caught;
    SYS(sigaction, SIGUSR1, &action, 0);
    sigset blocked = {{1u << (SIGUSR1 - 1)}};
    SYS(sigprocmask, SIG_BLOCK, &blocked, 0);
    expect("filter of a blocked signal", change(SIGUSR1, ADD), 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("blocked, but told", next(1000), 1);
    expect("which", (long)got.ident, SIGUSR1);
    expect("only once", next(10), 0);
    SYS(sigprocmask, SIG_UNBLOCK, &blocked, 0);
    expect("not again when delivered", next(10), 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("delivered and told", next(1000), 1);
    expect("its number", got.data, 1);

    // Who is stopped and continued goes on waiting.
    long waiter = SYS0(fork);
    if (waiter == 0) {
        queue = SYS0(kqueue);
        change(SIGUSR2, ADD);
        leave(next(500));
    }
    nap(100);
    SYS(kill, waiter, SIGSTOP);
    nap(50);
    SYS(kill, waiter, SIGCONT);
    int status = -1;
    SYS(wait4, waiter, &status, 0, 0);
    expect("a waiter that was stopped", status, 0);
}
