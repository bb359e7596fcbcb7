/// Events: kqueue's filters, poll and select.
#include "freebsd.h"

typedef struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; uint64_t udata, ext[4]; } event;
_Static_assert(sizeof(event) == 64, "sys/event.h");

enum { READ = -1, WRITE = -2, VNODE = -4, PROC = -5, SIGNAL = -6, TIMER = -7, USER = -11,
       ADD = 1, DELETE = 2, ENABLE = 4, DISABLE = 8, ONESHOT = 0x10, CLEAR = 0x20, RECEIPT = 0x40, DISPATCH = 0x80,
       ERROR = 0x4000, END = 0x8000 };

static long queue;

static long change(uint64_t ident, int filter, int flags, uint32_t fflags, int64_t data) {
    event each = {ident, (int16_t)filter, (uint16_t)flags, fflags, data, filter == PROC ? 7 : ident * 10, {0}};
    return SYS(kevent, queue, &each, 1, 0, 0, 0);
}

static event got;
/// One event within so many milliseconds: how many came.
static long next(long milliseconds) {
    timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    memset(&got, 0, sizeof got);
    return SYS(kevent, queue, 0, 0, &got, 1, &limit);
}

static void reading(void) {
    int ends[2];
    char buffer[16];
    SYS(pipe2, ends, 0);
    expect("add a reader", change(ends[0], READ, ADD, 0, 0), 0);
    expect("nothing", next(10), 0);
    SYS(write, ends[1], "three", 5);
    expect("readable", next(1000), 1);
    holds("its descriptor", got.ident == (uint64_t)ends[0] && got.udata == (uint64_t)ends[0] * 10);
    expect("its filter", got.filter, READ);
    expect("bytes", got.data, 5);
    expect("level: again", next(0), 1);
    SYS(read, ends[0], buffer, 16);
    expect("level: no more", next(0), 0);
    expect("flags of what is there stay", change(ends[0], READ, ADD | CLEAR, 0, 0), 0);
    SYS(write, ends[1], "x", 1);
    expect("still level", next(100) + next(0), 2);
    SYS(read, ends[0], buffer, 16);
    change(ends[0], READ, DELETE, 0, 0);
    expect("edge", change(ends[0], READ, ADD | CLEAR, 0, 0), 0);
    SYS(write, ends[1], "x", 1);
    expect("edge: once", next(100), 1);
    expect("edge: not twice", next(0), 0);
    expect("disable", change(ends[0], READ, DISABLE, 0, 0), 0);
    SYS(write, ends[1], "x", 1);
    expect("disabled", next(10), 0);
    expect("enable", change(ends[0], READ, ENABLE, 0, 0), 0);
    expect("enabled", next(100), 1);
    expect("add a writer", change(ends[1], WRITE, ADD | ONESHOT, 0, 0), 0);
    expect("writable", next(100), 1);
    expect("its filter", got.filter, WRITE);
    holds("room", got.data > 0);
    expect("one shot: gone", change(ends[1], WRITE, DELETE, 0, 0), -ENOENT);
    expect("both at one descriptor", change(ends[0], READ, DELETE, 0, 0), 0);
    expect("delete again", change(ends[0], READ, DELETE, 0, 0), -ENOENT);
    change(ends[0], READ, ADD | CLEAR, 0, 0);
    next(10);
    SYS(close, ends[1]);
    expect("end of file", next(100), 1);
    expect("its flag", got.flags & END, END);
    SYS(close, ends[0]);
    expect("closing removes", next(10), 0);
    expect("closed descriptor", change(ends[0], READ, ADD, 0, 0), -EBADF);
    expect("no such filter", change(0, -99, ADD, 0, 0), -EINVAL);
    int pair[2];
    SYS(socketpair, 1, 1, 0, pair);
    event two[2] = {{(uint64_t)pair[0], READ, ADD | CLEAR, 0, 0, 1, {0}}, {(uint64_t)pair[0], WRITE, ADD | CLEAR, 0, 0, 2, {0}}};
    event back[4];
    expect("two filters, as Go has them", SYS(kevent, queue, two, 2, 0, 0, 0), 0);
    expect("writable only", SYS(kevent, queue, 0, 0, back, 4, span(0, 10000000)), 1);
    SYS(write, pair[1], "data", 4);
    expect("readable", SYS(kevent, queue, 0, 0, back, 4, span(0, 100000000)), 1);
    expect("by the reader", (long)back[0].udata, 1);
    SYS(close, pair[1]);
    long ended = SYS(kevent, queue, 0, 0, back, 4, span(0, 100000000)), ends_seen = 0;
    for (long index = 0; index < ended; index++) ends_seen += (back[index].flags & END) != 0;
    expect("both told of the end", ends_seen, 2);
    SYS(close, pair[0]);
}

static void errors(void) {
    event changes[2] = {{77, READ, ADD, 0, 0, 1, {0}}, {1, USER, ADD | RECEIPT, 0, 0, 2, {0}}}, back[2];
    expect("errors as events", SYS(kevent, queue, changes, 2, back, 2, 0), 2);
    expect("flag", back[0].flags & ERROR, ERROR);
    expect("which", back[0].data, EBADF);
    expect("receipt", back[1].data, 0);
    expect("receipt's flag", back[1].flags & ERROR, ERROR);
    expect("kevent on no queue", SYS(kevent, 0, changes, 0, back, 1, span(0, 0)), -EBADF);
    expect("kevent into nowhere", SYS(kevent, queue, 16, 1, 0, 0, 0), -EFAULT);
    change(1, USER, DELETE, 0, 0);
}

static void timers(void) {
    expect("timer", change(1, TIMER, ADD, 2, 20), 0); // NOTE_MSECONDS
    expect("not yet", next(0), 0);
    expect("fires", next(1000), 1);
    expect("its filter", got.filter, TIMER);
    holds("times", got.data >= 1);
    expect("fires again", next(1000), 1);
    expect("delete", change(1, TIMER, DELETE, 0, 0), 0);
    expect("silent", next(50), 0);
    expect("one shot", change(2, TIMER, ADD | ONESHOT, 4, 5000), 0); // NOTE_USECONDS
    expect("once", next(1000), 1);
    expect("and gone", change(2, TIMER, DELETE, 0, 0), -ENOENT);
    change(3, TIMER, ADD, 0, 10);
    SYS(nanosleep, span(0, 100000000), 0);
    expect("collected", next(1000), 1);
    holds("several times", got.data >= 5);
    change(3, TIMER, DELETE, 0, 0);
}

static void user(void) {
    expect("user event", change(5, USER, ADD | CLEAR, 0, 0), 0);
    expect("not triggered", next(0), 0);
    expect("trigger", change(5, USER, 0, 0x01000000 | 0xc0000000 | 0x15, 0), 0); // NOTE_TRIGGER | NOTE_FFCOPY
    expect("triggered", next(100), 1);
    expect("its bits", got.fflags, 0x15);
    expect("cleared", next(0), 0);
    expect("dispatch", change(6, USER, ADD | DISPATCH, 0, 0), 0);
    change(6, USER, 0, 0x01000000, 0);
    expect("dispatched", next(100), 1);
    expect("then disabled", next(0), 0);
    change(6, USER, DELETE, 0, 0);
    change(5, USER, DELETE, 0, 0);
}

static void caught(int signal) { (void)signal; }

static void processes(void) {
    sigaction action = {caught, 0, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    expect("signal filter", change(SIGUSR1, SIGNAL, ADD, 0, 0), 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("signal", next(100), 1);
    expect("which", (long)got.ident, SIGUSR1);
    expect("how often", got.data, 2);
    change(SIGUSR1, SIGNAL, DELETE, 0, 0);
    int ends[2];
    char byte;
    SYS(pipe2, ends, 0);
    long child = SYS0(fork);
    if (child == 0) {
        SYS(read, ends[0], &byte, 1);
        leave(9);
    }
    expect("process filter", change(child, PROC, ADD, 0x80000000, 0), 0); // NOTE_EXIT
    expect("lives", next(10), 0);
    SYS(write, ends[1], "x", 1);
    expect("ended", next(1000), 1);
    holds("its number", got.ident == (uint64_t)child);
    expect("its note", got.fflags, 0x80000000);
    expect("its status", got.data, 9 << 8);
    SYS(wait4, child, 0, 0, 0);
    expect("no such process", change(99999999, PROC, ADD, 0x80000000, 0), -ESRCH);
    SYS(close, ends[0]);
    SYS(close, ends[1]);
}

static void vnodes(void) {
    long file = SYS(open, "watched", O_CREAT | O_RDWR, 0600);
    expect("file filter", change(file, VNODE, ADD | CLEAR, 0x7f, 0), 0);
    expect("quiet", next(10), 0);
    SYS(write, file, "text", 4);
    expect("written", next(1000), 1);
    holds("written or extended", (got.fflags & 6) != 0); // NOTE_WRITE, NOTE_EXTEND
    SYS(chmod, "watched", 0640);
    expect("changed", next(1000), 1);
    expect("attributes", got.fflags & 8, 8);
    SYS(rename, "watched", "moved");
    expect("renamed", next(1000), 1);
    expect("name", got.fflags & 0x20, 0x20);
    SYS(unlink, "moved");
    expect("removed", next(1000), 1);
    expect("deletion", got.fflags & 1, 1);
    SYS(close, file);
    long folder = SYS(open, ".", O_RDONLY, 0);
    expect("folder filter", change(folder, VNODE, ADD | CLEAR, 2, 0), 0);
    long entry = SYS(open, "new", O_CREAT | O_WRONLY, 0600);
    SYS(close, entry);
    expect("new entry", next(1000), 1);
    SYS(unlink, "new");
    SYS(close, folder);
}

static void polling(void) {
    int ends[2];
    SYS(pipe2, ends, 0);
    struct { int32_t fd; int16_t events, revents; } files[3] = {{ends[0], 0x41, 0}, {-1, 1, 7}, {88, 1, 0}};
    expect("poll", SYS(poll, files, 3, 0), 1);
    expect("closed", files[2].revents, 0x20); // POLLNVAL
    expect("skipped", files[1].revents, 0);
    SYS(write, ends[1], "x", 1);
    expect("poll", SYS(poll, files, 1, 1000), 1);
    expect("readable", files[0].revents, 0x41); // POLLIN | POLLRDNORM
    SYS(close, ends[1]);
    char byte;
    SYS(read, ends[0], &byte, 1);
    expect("poll", SYS(poll, files, 1, 1000), 1);
    expect("hung up, which is input, too", files[0].revents, 0x51); // POLLHUP | POLLIN | POLLRDNORM
    uint64_t set[16] = {1ull << ends[0]};
    timeval limit = {1, 0};
    expect("select", SYS(select, ends[0] + 1, set, 0, 0, &limit), 1);
    expect("its bit", set[0] == 1ull << ends[0], 1);
    expect("poll of nothing", SYS(poll, 0, 0, 10), 0);
    expect("poll nowhere", SYS(poll, 16, 1, 10), -EFAULT);
    SYS(close, ends[0]);
}

static void sample(long argc, char **argv, char **environment) {
    queue = SYS0(kqueue);
    holds("kqueue", queue > 2);
    reading();
    errors();
    timers();
    user();
    processes();
    vnodes();
    polling();
    long child = SYS0(fork);
    if (child == 0) leave(SYS(kevent, queue, 0, 0, &got, 1, span(0, 0)) == -EBADF ? 0 : 1);
    int status = 0;
    SYS(wait4, child, &status, 0, 0);
    expect("a queue is not inherited", status, 0);
    expect("close", SYS(close, queue), 0);
}
