/// kqueue, poll and select.
#include "netbsd.h"

enum { READ = 0, WRITE = 1, AIO = 2, VNODE = 3, PROC = 4, SIGNAL = 5, TIMER = 6, USER = 8 };
enum { ADD = 1, DELETE = 2, ENABLE = 4, DISABLE = 8, ONESHOT = 0x10, CLEAR = 0x20, RECEIPT = 0x40, ERROR = 0x4000, END = 0x8000 };
typedef struct {
    uint64_t ident;
    uint32_t filter, flags, fflags;
    int64_t data;
    void *udata;
} kevent;
_Static_assert(sizeof(kevent) == 40, "NetBSD's size");

static long queue;
static kevent got[8];

static long change(uint64_t ident, int filter, int flags, unsigned fflags, long data) {
    kevent one = {ident, filter, flags, fflags, data, (void *)7};
    return SYS(kevent, queue, &one, 1, 0, 0, 0);
}
static long gather(int milliseconds) { return SYS(kevent, queue, 0, 0, got, 8, span(milliseconds / 1000, milliseconds % 1000 * 1000000L)); }

static void nothing(int signal, siginfo *info, ucontext *context) {}

static void sample(long argc, char **argv, char **environment) {
    int ends[2];
    queue = SYS(kqueue1, O_CLOEXEC);
    holds("kqueue1", queue >= 0);
    expect("close-on-exec", SYS(fcntl, queue, F_GETFD, 0), 1);
    expect("pipe2", SYS(pipe2, ends, O_CLOEXEC), 0);
    expect("watch an empty pipe", change(ends[0], READ, ADD, 0, 0), 0);
    expect("nothing yet", gather(0), 0);
    SYS(write, ends[1], "abc", 3);
    expect("something", gather(1000), 1);
    expect("which", got[0].ident == ends[0] && got[0].filter == READ && got[0].udata == (void *)7, 1);
    expect("bytes", got[0].data, 3);
    SYS(close, ends[1]);
    expect("the end", gather(1000), 1);
    expect("flags", got[0].flags & END, END);
    expect("forget", change(ends[0], READ, DELETE, 0, 0), 0);
    expect("forget again", change(ends[0], READ, DELETE, 0, 0), -ENOENT);
    expect("an unknown filter", change(0, 99, ADD, 0, 0), -EINVAL);
    expect("no descriptor", change(99, READ, ADD, 0, 0), -EBADF);

    say("timers\n");
    expect("every 5 ms", change(1, TIMER, ADD, 0, 5), 0);
    nap(30);
    expect("ticks", gather(1000), 1);
    holds("several", got[0].data >= 3);
    expect("no more of them", change(1, TIMER, DELETE, 0, 0), 0);
    expect("once, in microseconds", change(2, TIMER, ADD | ONESHOT, 2, 1000), 0);
    expect("tick", gather(1000), 1);
    expect("no more", gather(20), 0);

    say("user events\n");
    expect("add", change(5, USER, ADD | CLEAR, 0, 0), 0);
    expect("nothing yet", gather(0), 0);
    expect("trigger", change(5, USER, 0, 0x1000000, 0), 0);
    expect("triggered", gather(1000), 1);
    expect("cleared", gather(0), 0);

    say("signals\n");
    handle(SIGUSR1, nothing, 0);
    expect("add", change(SIGUSR1, SIGNAL, ADD, 0, 0), 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("seen", gather(1000), 1);
    expect("how many", got[0].data, 2);

    say("processes\n");
    long child = SYS0(fork);
    if (child == 0) {
        nap(20);
        leave(3);
    }
    expect("add", change(child, PROC, ADD, 0x80000000u, 0), 0);
    expect("exit", gather(2000), 1);
    expect("what", got[0].fflags == 0x80000000u && got[0].ident == child, 1);
    expect("status", got[0].data, 0x300);
    int status;
    SYS(__wait450, child, &status, 0, 0);

    say("files\n");
    long file = SYS(open, "watched", O_CREAT | O_RDWR, 0600);
    expect("add", change(file, VNODE, ADD | CLEAR, 0x1 | 0x2 | 0x20, 0), 0);
    SYS(write, file, "x", 1);
    expect("written", gather(1000), 1);
    expect("what", got[0].fflags & 0x2, 0x2);
    SYS(unlink, "watched");
    expect("deleted", gather(1000), 1);
    expect("what", got[0].fflags & 0x1, 0x1);

    say("poll and select\n");
    int pair[2];
    expect("socketpair", SYS(socketpair, 1, 1, 0, pair), 0);
    struct { int32_t fd; int16_t events, revents; } entries[2] = {{pair[0], 1, 0}, {pair[1], 4, 0}};
    expect("poll", SYS(poll, entries, 2, 0), 1);
    expect("writable", entries[1].revents, 4);
    SYS(write, pair[1], "x", 1);
    expect("pollts", SYS(__pollts50, entries, 2, span(1, 0), 0), 2);
    expect("readable", entries[0].revents, 1);
    uint32_t set[8] = {0};
    set[0] = 1u << pair[0];
    timeval limit = {1, 0, -1};
    expect("select", SYS(__select50, pair[0] + 1, set, 0, 0, &limit), 1);
    expect("readable", set[0] == 1u << pair[0], 1);
}
