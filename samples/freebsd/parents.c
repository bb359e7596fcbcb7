/// Whose child a process is: orphans, who adopts them (procctl(2)), signals at a parent's death, processes that a descriptor
/// stands for.
#include "freebsd.h"

/// sys/procctl.h, sys/wait.h, sys/procdesc.h, sys/poll.h
enum {
    SYS_pdfork = 518, SYS_pdkill = 519, SYS_pdgetpid = 520, SYS_procctl = 544, P_PID = 0, P_ALL = 7, WNOHANG = 1, WEXITED = 16,
    REAP_ACQUIRE = 2, REAP_RELEASE = 3, REAP_STATUS = 4, REAP_GETPIDS = 5, REAP_KILL = 6, PDEATHSIG_CTL = 11,
    PDEATHSIG_STATUS = 12, OWNED = 1, REALINIT = 2, VALID = 1, CHILD = 2, KILL_CHILDREN = 1, KILL_SUBTREE = 2,
    PD_DAEMON = 1, POLLIN = 1, POLLHUP = 0x10, EVFILT_PROCDESC = -8, EV_ADD = 1,
};
#define NOTE_EXIT 0x80000000u
typedef struct { uint32_t flags, children, descendants; int32_t reaper, pid; uint32_t pad[15]; } reaper_status;
typedef struct { int32_t pid, subtree; uint32_t flags, pad[15]; } reaper_pidinfo;
typedef struct { uint32_t count, pad[15]; reaper_pidinfo *pids; } reaper_pids;
typedef struct { int32_t signal; uint32_t flags; int32_t subtree; uint32_t killed; int32_t failed; uint32_t pad[15]; } reaper_kill;
_Static_assert(sizeof(reaper_status) == 80 && sizeof(reaper_pids) == 72 && sizeof(reaper_kill) == 80, "sys/procctl.h");

static long control(long command, void *data) { return SYS(procctl, P_PID, 0, command, data); }

static int status_of(long child) {
    int status = -1;
    long got = SYS(wait4, child, &status, 0, 0);
    return got == child ? status : (int)got;
}

static void stay(void) {
    for (;;) nap(1000);
}

/// A child with a child, both of which stay; its pid.
static long family(void) {
    long child = SYS0(fork);
    if (child) return child;
    if (SYS0(fork) == 0) stay();
    stay();
    return 0;
}

static volatile int seen;
static void note(int signal) { seen = signal; }

/// `handler`: none for what the system does.
static void handle(long signal, void (*handler)(int)) {
    sigaction action = {(void *)handler, 0, {{0}}};
    SYS(sigaction, signal, &action, 0);
}

/// What a process hears whose parent dies, through a pipe; `executes`: it executes itself before.
static void deaths(const char *title, char **argv, int executes) {
    int pipe[2];
    char told = 0, *none[] = {0}, number[2] = {0, 0}, *words[] = {argv[0], "heir", number, 0};
    SYS(pipe2, pipe, 0);
    if (SYS0(fork) == 0) {
        if (SYS0(fork) == 0) {
            int signal = SIGUSR1;
            control(PDEATHSIG_CTL, &signal);
            number[0] = (char)('0' + pipe[1]);
            if (executes) SYS(execve, argv[0], words, none);
            handle(SIGUSR1, note);
            SYS(write, pipe[1], "r", 1);
            for (int turn = 0; turn < 50 && !seen; turn++) nap(100);
            told = (char)('0' + (seen == SIGUSR1) + 2 * (SYS0(getppid) == 1));
            SYS(write, pipe[1], &told, 1);
            leave(0);
        }
        SYS(read, pipe[0], &told, 1); // until it is ready
        leave(0);
    }
    SYS(close, pipe[1]);
    SYS(wait4, -1, 0, 0, 0);
    SYS(read, pipe[0], &told, 1);
    expect(title, told - '0', 3);
    SYS(close, pipe[0]);
}

static void reapers(void) {
    reaper_status status;
    reaper_pidinfo found[8];
    reaper_pids list = {8, {0}, found};
    reaper_kill kill = {SIGTERM, 0, 0, 9, 9, {0}};
    expect("who adopts none hears of init", control(REAP_STATUS, &status), 0);
    holds("it", status.flags == REALINIT && status.reaper == 1 && status.descendants > 0);
    expect("and kills nobody", control(REAP_KILL, &kill), -EPERM);
    expect("release of nothing", control(REAP_RELEASE, 0), -EINVAL);
    expect("acquire", control(REAP_ACQUIRE, 0), 0);
    expect("again", control(REAP_ACQUIRE, 0), -EBUSY);
    expect("status", control(REAP_STATUS, &status), 0);
    expect("none descend", status.descendants + status.children, 0);
    expect("so none is named", status.pid, -1);
    holds("owned, by itself", status.flags == OWNED && status.reaper == SYS0(getpid));
    expect("nobody to kill", control(REAP_KILL, &kill), -ESRCH);
    expect("killed", kill.killed, 0);
    expect("failed", kill.failed, -1);

    long first = family(), second = family();
    nap(50);
    expect("status of two families", control(REAP_STATUS, &status), 0);
    expect("children", status.children, 2);
    expect("descendants", status.descendants, 4);
    holds("one of them", status.pid == first || status.pid == second);
    memset(found, 0, sizeof found);
    expect("list", control(REAP_GETPIDS, &list), 0);
    int right = 0, children = 0;
    for (int index = 0; index < 4; index++) {
        right += (found[index].flags & VALID) && (found[index].subtree == first || found[index].subtree == second);
        children += (found[index].flags & CHILD) && found[index].pid == found[index].subtree;
    }
    expect("in it", right, 4);
    expect("children in it", children, 2);
    expect("and no more", found[4].flags, 0);
    list.count = 1;
    memset(found, 0, sizeof found);
    expect("with room for one", control(REAP_GETPIDS, &list), 0);
    holds("one", found[0].flags != 0 && found[1].flags == 0);
    kill.flags = KILL_CHILDREN | KILL_SUBTREE;
    expect("both kinds", control(REAP_KILL, &kill), -EINVAL);
    kill.flags = 0;
    kill.signal = 0;
    expect("no signal", control(REAP_KILL, &kill), -EINVAL);
    kill.flags = KILL_SUBTREE;
    kill.subtree = first;
    kill.signal = SIGKILL;
    expect("one family's death", control(REAP_KILL, &kill), 0);
    expect("dead", kill.killed, 2);
    expect("its status", status_of(first), SIGKILL);
    expect("its orphan, which came here", SYS(wait4, -1, 0, 0, 0) > 0, 1);
    // The orphans that a child's death brings are not killed with it, however soon they come.
    kill.flags = KILL_CHILDREN;
    expect("a child's death", control(REAP_KILL, &kill), 0);
    expect("dead", kill.killed, 1);
    expect("its status", status_of(second), SIGKILL);
    kill.flags = 0;
    expect("all others'", control(REAP_KILL, &kill), 0);
    expect("dead", kill.killed, 1);
    while (SYS(wait4, -1, 0, 0, 0) > 0) continue;
    expect("bad address", control(REAP_STATUS, (void *)8), -EFAULT);
    expect("release", control(REAP_RELEASE, 0), 0);
}

static void descriptors(void) {
    int descriptor = -1, pid = 0, status;
    handle(SIGCHLD, note);
    long child = SYS(pdfork, &descriptor, PD_DAEMON);
    if (child == 0) stay();
    expect("pdgetpid", SYS(pdgetpid, descriptor, &pid) == 0 && pid == child, 1);
    struct { int fd; int16_t events, revents; } entry = {descriptor, POLLIN, 0};
    expect("while it lives", SYS(poll, &entry, 1, 0), 0);
    expect("pdkill", SYS(pdkill, descriptor, SIGTERM), 0);
    expect("its end", SYS(poll, &entry, 1, 5000), 1);
    expect("is a hang-up", entry.revents, POLLHUP);
    entry.events = 0;
    expect("for who asks for nothing too", SYS(poll, &entry, 1, 5000), 1);
    expect("a hang-up", entry.revents, POLLHUP);
    struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; void *udata; uint64_t ext[4]; }
        event = {descriptor, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, 0, {0}}, got = {0};
    long queue = SYS0(kqueue);
    expect("its event", SYS(kevent, queue, &event, 1, &got, 1, span(5, 0)), 1);
    expect("tells the status", got.data, SIGTERM);
    SYS(close, queue);
    expect("any child", SYS(wait4, -1, &status, WNOHANG, 0), -ECHILD);
    expect("any child", SYS(wait6, P_ALL, 0, &status, WEXITED | WNOHANG, 0, 0), -ECHILD);
    expect("this one", status_of(child), SIGTERM);
    expect("and no signal", seen, 0);
    SYS(close, descriptor);
    handle(SIGCHLD, 0); // no wait is interrupted from now on
}

static void sample(long argc, char **argv, char **environment) {
    if (argc == 3) {
        int descriptor = argv[2][0] - '0', signal = 0;
        control(PDEATHSIG_STATUS, &signal);
        handle(SIGUSR1, note);
        SYS(write, descriptor, "r", 1);
        for (int turn = 0; turn < 50 && !seen; turn++) nap(100);
        char told = (char)('0' + (seen == SIGUSR1 && signal == SIGUSR1) + 2 * (SYS0(getppid) == 1));
        SYS(write, descriptor, &told, 1);
        leave(0);
    }
    long self = SYS0(getpid);
    int pipe[2];
    SYS(pipe2, pipe, 0);
    long child = SYS0(fork);
    if (child == 0) leave(SYS0(getppid) != self);
    expect("a child's parent", status_of(child), 0);

    // What waits goes on waiting while its parent dies.
    child = SYS0(fork);
    if (child == 0) {
        if (SYS0(fork) == 0) {
            long parents[2] = {SYS0(getppid), 0};
            long waited = SYS(poll, 0, 0, 500);
            parents[1] = waited == 0 ? SYS0(getppid) : waited;
            SYS(write, pipe[1], parents, sizeof parents);
            leave(0);
        }
        nap(100);
        leave(0);
    }
    long parents[2] = {0, 0};
    SYS(close, pipe[1]);
    SYS(read, pipe[0], parents, sizeof parents);
    expect("whose parent is, while it lives", parents[0] == child, 1);
    expect("and when it is dead", parents[1], 1);
    status_of(child);

    int signal = 7;
    expect("signal at a parent's death", control(PDEATHSIG_STATUS, &signal) == 0 && signal == 0, 1);
    deaths("it comes", argv, 0);
    deaths("it comes to the next program", argv, 1);
    seen = 0;
    descriptors();
    reapers();
}
