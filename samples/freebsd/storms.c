/// Threads that begin and end and processes that fork while another process sends signals without a pause: a signal is the
/// process's alone that it was sent to, comes to a handler once, and keeps nobody from beginning, forking or ending.
#include "freebsd.h"

enum { UMTX_WAIT = 11, UMTX_WAKE = 3, WNOHANG = 1, SIGNALS = 4000, STACK = 32768 };

static char stacks[8][STACK] __attribute__((aligned(16)));
static volatile int ended, handled;
static int32_t done = -1;
static volatile long self;
static int ends[2];

typedef struct {
    void *start, *argument;
    char *stack;
    uint64_t size;
    char *tls;
    uint64_t tls_size;
    long *child, *parent;
    int flags;
    void *priority, *spare[3];
} thread;

static void on_signal(int signal) {
    if (SYS0(getpid) != self) SYS(exit, 99);
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
    SYS(write, ends[1], "x", 1);
}

static void run(void *unused) {
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
    SYS(_umtx_op, &ended, UMTX_WAKE, 100);
    SYS(thr_exit, 0);
}

/// Each signal is sent when the one before was handled; one that is lost ends it.
static long send(void) {
    long child = SYS0(fork);
    if (child == 0) {
        struct { int descriptor; short events, found; } wait = {ends[0], 1, 0};
        char byte;
        for (int left = SIGNALS; left > 0; left--) {
            if (SYS(kill, self, SIGUSR1) != 0 || SYS(poll, &wait, 1, 5000) != 1 || SYS(read, ends[0], &byte, 1) != 1) leave(1);
        }
        leave(0);
    }
    return child;
}

static int status_of(long child) {
    int32_t status = -1;
    while (SYS(wait4, child, &status, 0, 0) == -EINTR) continue;
    return status;
}

/// fork(2) and vfork(2) do not end with EINTR: after a signal they are made again without SA_RESTART too.
static void without_restart(void) {
    sigaction action = {on_signal, 0, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    long sender = send();
    int failed = 0, other = 0, turns = 0;
    while (SYS(wait4, sender, &done, WNOHANG, 0) != sender) {
        long child = turns++ & 1 ? SYS0(vfork) : SYS0(fork);
        if (child == 0) leave(7);
        failed += child < 0;
        other += child > 0 && status_of(child) != 7 << 8;
    }
    expect("the sender's status", done, 0);
    expect("forks that failed", failed, 0);
    expect("children that ended otherwise", other, 0);
}

static void sample(long argc, char **argv, char **environment) {
    self = SYS0(getpid);
    SYS(pipe2, ends, 0);
    sigaction action = {on_signal, SA_RESTART, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    long sender = send(), ids[2];
    int begun = 0, good = 0;
    for (int index = 0; SYS(wait4, sender, &done, WNOHANG, 0) != sender; index++) {
        // Some want to know the thread's id, and some do not.
        thread parameters = {(void *)run, 0, stacks[index % 8], STACK, 0, 0, index & 1 ? &ids[0] : 0, index & 2 ? &ids[1] : 0, 0, 0, {0}};
        int before = ended;
        ids[0] = ids[1] = 0;
        begun += SYS(thr_new, &parameters, sizeof parameters) == 0;
        good += (!!ids[0] == (index & 1)) && (!!ids[1] == !!(index & 2));
        while (ended == before) SYS(_umtx_op, &ended, UMTX_WAIT, before);
        if (index % 4 == 3) {
            long child = SYS0(fork);
            if (child == 0) leave(7);
            good += status_of(child) == 7 << 8;
        }
    }
    expect("the sender's status", done, 0);
    holds("as many threads ended as begun", ended == begun && begun > 0);
    holds("ids and children were as they should be", good == begun + begun / 4);
    expect("signals handled", handled, SIGNALS);
    without_restart();
}
