/// Asynchronous I/O: on files, sockets, pipes and terminals, how its end is told, what can be canceled.
#include "freebsd.h"

enum {
    SYS_aio_read = 255, SYS_aio_write = 256, SYS_lio_listio = 257, SYS_aio_return = 314, SYS_aio_suspend = 315,
    SYS_aio_cancel = 316, SYS_aio_error = 317, SYS_aio_waitcomplete = 359, SYS_kevent11 = 363, SYS_kmq_open = 457, SYS_kmq_timedsend = 460,
    SYS_kmq_notify = 461, SYS_kmq_unlink = 462, SYS_aio_fsync = 465, SYS_posix_openpt = 504, SYS_aio_writev = 578, SYS_aio_readv = 579,
    EIO = 5, ECANCELED = 85, LIO_NOP = 0, LIO_WRITE = 1, LIO_READ = 2, LIO_NOWAIT = 0, LIO_WAIT = 1,
    AIO_CANCELED = 1, AIO_NOTCANCELED = 2, AIO_ALLDONE = 3, O_SYNC = 0x80,
    SIGEV_NONE = 0, SIGEV_SIGNAL = 1, SIGEV_KEVENT = 3, SIGEV_THREAD_ID = 4,
    EVFILT_AIO = -3, EVFILT_LIO = -10, EV_ADD = 1, EV_DELETE = 2, EV_ENABLE = 4, EV_ONESHOT = 0x10, EV_CLEAR = 0x20, EV_EOF = 0x8000,
};
typedef struct { int32_t notify, signo; void *value; int64_t rest[8]; } sigevent;
typedef struct {
    int32_t fildes;
    int64_t offset;
    void *buf;
    uint64_t nbytes;
    int64_t spare[2];
    int32_t opcode, reqprio;
    int64_t status, error;
    void *mark;
    sigevent event;
} aiocb;
typedef struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; uint64_t udata; } event11;
typedef struct { event11 common; uint64_t ext[4]; } event;
typedef struct { void *base; uint64_t length; } iovec;
_Static_assert(sizeof(aiocb) == 160 && sizeof(sigevent) == 80 && sizeof(event11) == 32 && sizeof(event) == 64, "FreeBSD's sizes");

static volatile int signals, code;
static void *volatile value;
static void hears(int signal, siginfo *info) {
    signals++;
    code = info->code;
    value = (void *)info->value;
}

/// Waits up to a second for a signal.
static void await_signal(void) {
    for (int turn = 0; turn < 200 && !signals; turn++) nap(5);
}

static aiocb operation(int descriptor, int opcode, void *buffer, uint64_t count) {
    return (aiocb){descriptor, 0, buffer, count, {0}, opcode, 0, 0, 0, 0, {0}};
}

static long queue;
static event11 got;
static long next(long milliseconds) {
    memset(&got, 0, sizeof got);
    return SYS(kevent11, queue, 0, 0, &got, 1, span(milliseconds / 1000, milliseconds % 1000 * 1000000));
}

static sigevent by_event(void *value, long flags) { return (sigevent){SIGEV_KEVENT, (int32_t)queue, value, {flags}}; }

static void files(void) {
    say("files\n");
    long file = SYS(open, "asynchronous", O_CREAT | O_RDWR, 0600);
    char text[16] = "";
    aiocb write = operation(file, LIO_WRITE, "words", 5), read = operation(file, LIO_READ, text, 7);
    write.offset = 2;
    write.event = (sigevent){SIGEV_SIGNAL, SIGUSR1, (void *)0x77, {0}};
    aiocb *list[] = {&write, &read}, *found = &read;
    signals = 0;
    expect("aio_suspend before there is one", SYS(aio_suspend, list, 1, 0), -EAGAIN);
    expect("aio_error of none, as a value", SYS(aio_error, &write), EINVAL);
    expect("aio_waitcomplete of none", SYS(aio_waitcomplete, &found, span(0, 1000)), -EAGAIN);
    holds("none", found == 0);
    expect("aio_write", SYS(aio_write, &write), 0);
    expect("aio_suspend", SYS(aio_suspend, list, 1, 0), 0);
    await_signal();
    expect("told by a signal", signals, 1);
    expect("SI_ASYNCIO", code, 0x10004);
    holds("its value", value == (void *)0x77);
    expect("aio_error", SYS(aio_error, &write), 0);
    expect("aio_return", SYS(aio_return, &write), 5);
    expect("aio_return again", SYS(aio_return, &write), -EINVAL);
    expect("lio_listio", SYS(lio_listio, LIO_WAIT, list, 2, 0), 0);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 5);
    holds("the first", found == &write);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, span(1, 0)), 7);
    holds("the second", found == &read);
    holds("what was read", same(text, "\0\0words", 7));
    expect("aio_waitcomplete of no more", SYS(aio_waitcomplete, &found, span(0, 0)), -EAGAIN);
    expect("aio_return of what was fetched", SYS(aio_return, &read), -EINVAL);
    expect("aio_cancel", SYS(aio_cancel, file, 0), AIO_ALLDONE);
    expect("aio_fsync", SYS(aio_fsync, O_SYNC, &write), 0);
    expect("aio_return", SYS(aio_return, &write), 0);
    expect("aio_fsync of something else", SYS(aio_fsync, 1, &write), -EINVAL);
    static aiocb many[257];
    static aiocb *all[257];
    long begun = 0, fetched = 0;
    while (begun < 257) {
        many[begun] = read;
        all[begun] = &many[begun];
        if (SYS(aio_read, &many[begun]) != 0) break;
        begun++;
    }
    expect("as many as a process may have", begun, 256);
    expect("one more", SYS(aio_read, &many[256]), -EAGAIN);
    expect("which the block tells", SYS(aio_error, &many[256]), EAGAIN);
    while (SYS(aio_waitcomplete, &found, span(0, 0)) == 7 && found == &many[fetched]) fetched++;
    expect("fetched in their order", fetched, 256);
    expect("aio_suspend of sixteen", SYS(aio_suspend, all, 16, 0), 0);
    say("aio_suspend of seventeen: %d\n", SYS(aio_suspend, all, 17, 0));
    long single = SYS(open, "asynchronous", O_RDONLY, 0);
    write.fildes = single;
    expect("aio_write of what is read only", SYS(aio_write, &write), -EBADF);
    expect("which the block tells", SYS(aio_error, &write), EBADF);
    iovec parts[] = {{text, 3}, {text + 8, 4}};
    aiocb vector = operation(single, 0, parts, 2);
    say("aio_readv: %d\n", SYS(aio_readv, &vector));
    say("aio_return: %d\n", SYS(aio_return, &vector));
    read.offset = -1;
    expect("no place", SYS(aio_read, &read), -EINVAL);
    read.fildes = 99;
    expect("no descriptor", SYS(aio_read, &read), -EBADF);
    SYS(close, single);
    SYS(close, file);
    SYS(unlink, "asynchronous");
}

/// A reader that waits does not hold up the program; what comes goes to the readers in their order.
static void sockets(void) {
    say("sockets\n");
    int ends[2];
    static char text[3][16], much[1 << 20], back[1 << 20];
    expect("socketpair", SYS(socketpair, 1, 1, 0, ends), 0);
    aiocb read = operation(ends[0], LIO_READ, text[0], 4), second = operation(ends[0], LIO_READ, text[1], 4);
    aiocb third = operation(ends[0], LIO_READ, text[2], 4), write = operation(ends[1], LIO_WRITE, "abcdefgh", 8);
    read.event = (sigevent){SIGEV_SIGNAL, SIGUSR1, (void *)0x78, {0}};
    aiocb *list[] = {&read, &second}, *last[] = {&third, &write}, *single[] = {&third}, *found = 0;
    signals = 0;
    expect("aio_read with nothing there", SYS(aio_read, &read), 0);
    expect("another", SYS(aio_read, &second), 0);
    expect("aio_error", SYS(aio_error, &read), EINPROGRESS);
    expect("aio_return", SYS(aio_return, &read), -EINVAL);
    expect("aio_suspend", SYS(aio_suspend, list, 2, span(0, 20000000)), -EAGAIN);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, span(0, 20000000)), -EAGAIN);
    expect("write", SYS(write, ends[1], "one!", 4), 4);
    expect("aio_suspend", SYS(aio_suspend, list, 1, 0), 0);
    await_signal();
    expect("told by a signal", signals, 1);
    holds("its value", value == (void *)0x78);
    expect("aio_error", SYS(aio_error, &read), 0);
    expect("aio_return", SYS(aio_return, &read), 4);
    expect("the second waits", SYS(aio_error, &second), EINPROGRESS);
    expect("write", SYS(write, ends[1], "two!", 4), 4);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    holds("the second", found == &second);
    holds("in their order", same(text[0], "one!", 4) && same(text[1], "two!", 4));
    expect("lio_listio that waits for itself", SYS(lio_listio, LIO_WAIT, last, 2, 0), 0);
    expect("aio_return", SYS(aio_return, &write), 8);
    expect("aio_return", SYS(aio_return, &third), 4);
    sigevent all = {SIGEV_THREAD_ID, SIGUSR1, (void *)0x79, {0}};
    SYS(thr_self, &all.rest[0]);
    signals = 0;
    expect("read", SYS(read, ends[0], text[0], 16), 4);
    expect("lio_listio", SYS(lio_listio, LIO_NOWAIT, single, 1, &all), 0);
    nap(10);
    expect("not told yet", signals, 0);
    expect("write", SYS(write, ends[1], "last", 4), 4);
    await_signal();
    expect("the thread is told when all have ended", signals, 1);
    holds("its value", value == (void *)0x79);
    expect("aio_return", SYS(aio_return, &third), 4);
    aiocb large = operation(ends[1], LIO_WRITE, much, sizeof much);
    for (unsigned index = 0; index < sizeof much; index++) much[index] = (char)(index * 7 >> 3);
    expect("aio_write of more than fits", SYS(aio_write, &large), 0);
    expect("aio_error", SYS(aio_error, &large), EINPROGRESS);
    expect("close of its descriptor", SYS(close, ends[1]), 0);
    long total = 0, count;
    while ((count = SYS(read, ends[0], back + total, sizeof back - total)) > 0) total += count;
    expect("all of it", total, sizeof much);
    holds("as it was", same(back, much, sizeof much));
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), sizeof much);
    aiocb late = operation(ends[0], LIO_WRITE, "x", 1);
    sigaction ignore = {(void *)1, 0, {{0}}};
    SYS(sigaction, SIGPIPE, &ignore, 0);
    expect("aio_write that nobody reads", SYS(aio_write, &late), 0);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), -EPIPE);
    SYS(close, ends[0]);
}

/// What waits for a socket can be canceled, whatever waits before or behind it.
static void canceling(void) {
    say("canceling\n");
    int ends[2], other[2];
    char text[3][8];
    static char much[1 << 20], back[1 << 16];
    SYS(socketpair, 1, 1, 0, ends);
    aiocb each[3], *found;
    signals = 0;
    for (int index = 0; index < 3; index++) {
        each[index] = operation(ends[0], LIO_READ, text[index], 4);
        if (index < 2) each[index].event = (sigevent){SIGEV_SIGNAL, SIGUSR1, (void *)0x81, {0}};
        expect("aio_read", SYS(aio_read, &each[index]), 0);
    }
    nap(10);
    expect("aio_cancel of the first", SYS(aio_cancel, ends[0], &each[0]), AIO_CANCELED);
    expect("aio_error", SYS(aio_error, &each[0]), ECANCELED);
    await_signal();
    expect("told", signals, 1);
    expect("again", SYS(aio_cancel, ends[0], &each[0]), AIO_ALLDONE);
    expect("by another descriptor", SYS(aio_cancel, ends[1], &each[1]), AIO_ALLDONE);
    expect("aio_return", SYS(aio_return, &each[0]), -ECANCELED);
    expect("the second waits", SYS(aio_error, &each[1]), EINPROGRESS);
    SYS(write, ends[1], "2222", 4);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    holds("the second", found == &each[1] && same(text[1], "2222", 4));
    expect("aio_cancel of all", SYS(aio_cancel, ends[0], 0), AIO_CANCELED);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), -ECANCELED);
    holds("the third", found == &each[2]);
    expect("aio_cancel of none", SYS(aio_cancel, ends[0], 0), AIO_ALLDONE);
    expect("aio_cancel of no descriptor", SYS(aio_cancel, 99, 0), -EBADF);
    expect("what is written is not lost", SYS(write, ends[1], "rest", 4), 4);
    expect("read", SYS(read, ends[0], text[0], 4), 4);
    aiocb large = operation(ends[1], LIO_WRITE, much, sizeof much);
    expect("aio_write of more than fits", SYS(aio_write, &large), 0);
    nap(10);
    long answer = SYS(aio_cancel, ends[1], &large), part = 0, count;
    say("aio_cancel of what is written in part: %d\n", answer);
    if (answer == AIO_CANCELED) {
        long told = SYS(aio_return, &large);
        holds("the part is told", told > 0 && told < (long)sizeof much);
        SYS(close, ends[1]);
        while ((count = SYS(read, ends[0], back, sizeof back)) > 0) part += count;
        holds("and is there", part == told);
    } else {
        SYS(close, ends[1]);
        while ((count = SYS(read, ends[0], back, sizeof back)) > 0) part += count;
        expect("all of it", part, sizeof much);
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), sizeof much);
    }
    SYS(close, ends[0]);
    SYS(pipe2, other, 0);
    expect("aio_cancel of a pipe's none", SYS(aio_cancel, other[0], 0), AIO_ALLDONE);
    SYS(close, other[0]);
    SYS(close, other[1]);
}

/// SIGEV_KEVENT: an event for each operation until its outcome is fetched, and one for a list.
static void events(void) {
    say("events\n");
    int ends[2];
    char text[8];
    aiocb *found;
    queue = SYS0(kqueue);
    SYS(socketpair, 1, 1, 0, ends);
    aiocb read = operation(ends[0], LIO_READ, text, 4);
    read.event = by_event((void *)0x91, 0);
    expect("aio_read", SYS(aio_read, &read), 0);
    expect("nothing yet", next(10), 0);
    SYS(write, ends[1], "abcd", 4);
    expect("an event", next(1000), 1);
    holds("its control block", got.ident == (uint64_t)&read);
    holds("EVFILT_AIO", got.filter == EVFILT_AIO);
    expect("flags", got.flags, EV_EOF);
    expect("fflags", got.fflags, 0);
    expect("data", got.data, 0);
    holds("udata", got.udata == 0x91);
    expect("again", next(0), 1);
    event whole;
    memset(&whole, 0xff, sizeof whole);
    long answer = SYS(kevent, queue, 0, 0, &whole, 1, span(0, 0));
    say("as of release 12: %d\n", answer);
    holds("ext", answer < 0 || (whole.ext[0] == 0 && whole.ext[1] == 0 && whole.ext[2] == 0 && whole.ext[3] == 0));
    expect("aio_return", SYS(aio_return, &read), 4);
    expect("no more", next(0), 0);
    event11 change = {(uint64_t)&read, EVFILT_AIO, EV_DELETE, 0, 0, 0};
    expect("it is gone", SYS(kevent11, queue, &change, 1, 0, 0, 0), -ENOENT);
    change.flags = EV_ADD;
    expect("programs cannot add one", SYS(kevent11, queue, &change, 1, 0, 0, 0), -EPERM);
    read.event = by_event((void *)0x92, EV_ONESHOT);
    expect("aio_read, one shot", SYS(aio_read, &read), 0);
    expect("aio_cancel", SYS(aio_cancel, ends[0], &read), AIO_CANCELED);
    expect("an event", next(1000), 1);
    expect("flags", got.flags, EV_EOF | EV_ONESHOT);
    expect("data", got.data, ECANCELED);
    expect("no more", next(0), 0);
    expect("aio_return", SYS(aio_return, &read), -ECANCELED);
    SYS(write, ends[1], "abcd", 4);
    read.event = by_event((void *)0x93, EV_CLEAR);
    expect("aio_read of what is there", SYS(aio_read, &read), 0);
    expect("an event", next(1000), 1);
    expect("flags", got.flags, EV_EOF | EV_CLEAR);
    expect("no more", next(0), 0);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    read.event = by_event((void *)0x94, EV_ADD);
    expect("other flags", SYS(aio_read, &read), -EINVAL);
    read.event = (sigevent){SIGEV_KEVENT, ends[0], 0, {0}};
    expect("no kqueue", SYS(aio_read, &read), -EBADF);
    expect("which the block tells", SYS(aio_error, &read), EBADF);

    char other[8];
    aiocb second = operation(ends[0], LIO_READ, other, 4), *list[] = {&read, &second};
    read.event = by_event((void *)0x95, EV_ONESHOT);
    sigevent all = by_event((void *)0x96, 0);
    expect("lio_listio", SYS(lio_listio, LIO_NOWAIT, list, 2, &all), 0);
    expect("nothing yet", next(10), 0);
    SYS(write, ends[1], "1111", 4);
    expect("the first's event", next(1000), 1);
    holds("is its own", got.ident == (uint64_t)&read && got.udata == 0x95);
    expect("the list's not yet", next(10), 0);
    SYS(write, ends[1], "2222", 4);
    expect("the list's event", next(1000), 1);
    holds("its address", got.ident == (uint64_t)list);
    holds("EVFILT_LIO", got.filter == EVFILT_LIO);
    expect("flags", got.flags, 0);
    expect("data", got.data, 0);
    holds("udata", got.udata == 0x96);
    expect("aio_return", SYS(aio_return, &read), 4);
    expect("still there", next(0), 1);
    expect("aio_return", SYS(aio_return, &second), 4);
    expect("no more", next(0), 0);

    read.event = by_event((void *)0x97, 0);
    expect("aio_read", SYS(aio_read, &read), 0);
    expect("close of the kqueue", SYS(close, queue), 0);
    SYS(write, ends[1], "3333", 4);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    SYS(close, ends[0]);
    SYS(close, ends[1]);
}

/// Pipes and terminals: release 10's daemons wait in the read itself, later ones refuse.
static void others(void) {
    say("pipes\n");
    int ends[2];
    char text[2][8] = {"", ""};
    aiocb *found = 0;
    SYS(pipe2, ends, 0);
    aiocb read = operation(ends[0], LIO_READ, text[0], 4), second = operation(ends[0], LIO_READ, text[1], 4);
    long answer = SYS(aio_read, &read);
    say("aio_read: %d\n", answer);
    say("aio_error: %d\n", SYS(aio_error, &read));
    if (answer == 0) {
        expect("another", SYS(aio_read, &second), 0);
        nap(10);
        expect("aio_cancel", SYS(aio_cancel, ends[0], &read), AIO_NOTCANCELED);
        expect("aio_cancel of all", SYS(aio_cancel, ends[0], 0), AIO_NOTCANCELED);
        SYS(write, ends[1], "one", 3);
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 3);
        holds("the first", found == &read && same(text[0], "one", 3));
        SYS(close, ends[1]);
        expect("aio_waitcomplete of the end", SYS(aio_waitcomplete, &found, 0), 0);
        holds("the second", found == &second);
        expect("aio_fsync", SYS(aio_fsync, O_SYNC, &read), -EINVAL);
        SYS(close, ends[0]);
        SYS(pipe2, ends, O_NONBLOCK);
        read.fildes = ends[0];
        expect("aio_read of none", SYS(aio_read, &read), 0);
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), -EAGAIN);
        holds("the read", found == &read);
        SYS(close, ends[0]);
        aiocb write = operation(ends[1], LIO_WRITE, "x", 1);
        signals = 0;
        sigaction listen = {(void *)hears, SA_SIGINFO, {{0}}};
        SYS(sigaction, SIGPIPE, &listen, 0);
        expect("aio_write that nobody reads", SYS(aio_write, &write), 0);
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), -EPIPE);
        expect("without a signal", signals, 0);
        say("terminals\n");
        long master = SYS(posix_openpt, O_RDWR), terminal = -1;
        char path[] = "/dev/pts/0\0\0\0\0\0";
        struct { int32_t length; char *name; } name = {8, path + 5};
        expect("FIODGNAME", SYS(ioctl, master, 0x80106678, &name), 0);
        terminal = SYS(open, path, O_RDWR, 0);
        holds("open", terminal >= 0);
        read = operation(terminal, LIO_READ, text[0], 8);
        expect("aio_read", SYS(aio_read, &read), 0);
        nap(10);
        expect("aio_error", SYS(aio_error, &read), EINPROGRESS);
        SYS(write, master, "line\n", 5);
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 5);
        holds("what was typed", same(text[0], "line\n", 5));
        SYS(close, terminal);
        SYS(close, master);
    }
    SYS(close, ends[0]);
    SYS(close, ends[1]);
    long null = SYS(open, "/dev/null", O_RDWR, 0);
    aiocb write = operation(null, LIO_WRITE, "x", 1);
    say("aio_write of a device: %d\n", SYS(aio_write, &write));
    if (SYS(aio_error, &write) == EINPROGRESS || SYS(aio_error, &write) == 0)
        expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 1);
    SYS(close, null);
}

/// What the engine does for a waiting reader changes nothing else: neither a message queue's notice, nor what a child has open.
static void bystanders(void) {
    say("bystanders\n");
    int ends[2], spare[2];
    char text[8], name[32] = "/sample-", byte;
    aiocb *found;
    long pid = SYS0(getpid);
    for (int digit = 8; pid; pid /= 10) name[digit++] = '0' + pid % 10;
    long messages = SYS(kmq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, 0);
    holds("kmq_open", messages >= 0);
    SYS(kmq_unlink, name);
    sigevent event = {SIGEV_SIGNAL, SIGUSR1, (void *)0xa1, {0}};
    expect("kmq_notify", SYS(kmq_notify, messages, &event), 0);
    SYS(socketpair, 1, 1, 0, ends);
    aiocb read = operation(ends[0], LIO_READ, text, 4);
    expect("aio_read", SYS(aio_read, &read), 0);
    nap(10);
    expect("socketpair", SYS(socketpair, 1, 1, 0, spare), 0);
    expect("the next descriptors", spare[0] - ends[1], 1);
    SYS(close_range, ends[1] + 1, ~0u, 0);
    SYS(write, ends[1], "abcd", 4);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    nap(10);
    signals = 0;
    expect("a message", SYS(kmq_timedsend, messages, "x", 1, 0, 0), 0);
    await_signal();
    expect("is told of", signals, 1);
    holds("its value", value == (void *)0xa1);

    // A child must not hold the socket of which its parent's reader waits.
    expect("aio_read", SYS(aio_read, &read), 0);
    nap(10);
    int go[2];
    SYS(pipe2, go, 0);
    long child = SYS0(fork);
    if (child == 0) {
        expect("a child has none", SYS(aio_error, &read), EINVAL);
        SYS(close, ends[0]);
        SYS(close, ends[1]);
        SYS(close, go[1]);
        SYS(read, go[0], &byte, 1);
        SYS(exit, 0);
    }
    nap(20);
    SYS(close, ends[0]);
    expect("the reader has it still", SYS(write, ends[1], "last", 4), 4);
    expect("aio_waitcomplete", SYS(aio_waitcomplete, &found, 0), 4);
    nap(10);
    expect("then nobody has", SYS(write, ends[1], "more", 4), -EPIPE);
    SYS(close, go[1]);
    int status;
    holds("wait4", SYS(wait4, child, &status, 0, 0) == child);
    SYS(close, ends[1]);
    SYS(close, messages);

    // Who waits for it does not keep a program alive.
    child = SYS0(fork);
    if (child == 0) {
        SYS(socketpair, 1, 1, 0, ends);
        read.fildes = ends[0];
        expect("aio_read", SYS(aio_read, &read), 0);
        SYS(thr_exit, 0);
    }
    long ended = 0;
    for (int turn = 0; turn < 400 && !ended; turn++) {
        nap(5);
        ended = SYS(wait4, child, &status, 1, 0);
    }
    holds("ends with its last thread", ended == child && status == 0);
}

static void sample(long argc, char **argv, char **environment) {
    sigaction listen = {(void *)hears, SA_SIGINFO, {{0}}};
    SYS(sigaction, SIGUSR1, &listen, 0);
    files();
    sockets();
    canceling();
    events();
    others();
    bystanders();
}
