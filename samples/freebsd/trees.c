/// Many processes: a tree of a thousand, pipelines with Linux programs, errors through vfork(2)'s memory, usage, limits.
#include "freebsd.h"

enum { SYS_setuid = 23, RLIMIT_NPROC = 7, WNOHANG = 1 };
typedef struct {
    timeval utime, stime;
    long maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
} rusage;
_Static_assert(sizeof(rusage) == 144, "sys/resource.h");

static int status_of(long child) {
    int status = -1;
    long got;
    while ((got = SYS(wait4, child, &status, 0, 0)) == -EINTR) continue;
    return got == child ? status : (int)got;
}

/// A process with `width` children on each of `depth` levels, all of them alive at once; each writes one byte.
static void grow(int depth, int width, long counter, long gate) {
    char byte = 'p';
    SYS(write, counter, &byte, 1);
    int right = 1;
    if (depth == 0) SYS(read, gate, &byte, 1); // ends when the gate is closed
    for (int index = 0; depth && index < width; index++) {
        long child = SYS0(fork);
        if (child == 0) grow(depth - 1, width, counter, gate);
        right &= child > 0;
    }
    for (int index = 0; depth && index < width; index++) {
        int status = -1;
        right &= SYS(wait4, -1, &status, 0, 0) > 0 && status == 5 << 8;
    }
    leave(right ? 5 : 6);
}

/// Counts what arrives until no one can write any more.
static long drain(long descriptor, char *last, long wanted) {
    char text[256];
    long total = 0, count;
    while (total < wanted && (count = SYS(read, descriptor, text, sizeof text)) > 0) {
        total += count;
        *last = text[count - 1];
    }
    return total;
}

/// Begins `path` with standard input and output at those descriptors.
static long begin_with(const char *path, char **words, long input, long output) {
    static char *none[] = {0};
    long child = SYS0(fork);
    if (child) return child;
    SYS(dup2, input, 0);
    SYS(dup2, output, 1);
    SYS(close_range, 3, 9, 0);
    SYS(execve, path, words, none);
    leave(99);
    return 0;
}

static void sample(long argc, char **argv, char **environment) {
    char *none[] = {0}, byte = 0;
    if (argc > 1 && argv[1][0] == 'u') { // what comes in goes out with its letters counted up
        char text[64];
        long count;
        while ((count = SYS(read, 0, text, sizeof text)) > 0) {
            for (long index = 0; index < count; index++)
                if (text[index] >= 'a' && text[index] <= 'z') text[index] -= 32;
            SYS(write, 1, text, count);
        }
        leave(0);
    }
    if (argc > 1) leave(argv[1][0] - '0');

    int counter[2], gate[2], inner[2], outer[2];
    SYS(pipe2, counter, 0);
    SYS(pipe2, gate, 0);
    long root = SYS0(fork);
    if (root == 0) {
        SYS(close, gate[1]);
        grow(3, 10, counter[1], gate[0]);
    }
    SYS(close, counter[1]);
    expect("processes at once", drain(counter[0], &byte, 1111), 1111);
    SYS(close, gate[1]);
    expect("all of them ended as they should", status_of(root), 5 << 8);
    SYS(close, counter[0]);
    SYS(close, gate[0]);

    int wrongs = 0;
    for (int index = 0; index < 200; index++) {
        char digit[2] = {(char)('0' + index % 10), 0};
        char *self[] = {argv[0], digit, 0}, *shell[] = {"false", 0};
        long child = index % 3 ? SYS0(fork) : SYS0(vfork);
        if (child == 0) {
            if (index % 2) SYS(execve, argv[0], self, none);
            else SYS(execve, "/bin/false", shell, none);
            leave(99);
        }
        wrongs += status_of(child) != (index % 2 ? index % 10 : 1) << 8;
    }
    expect("two hundred programs, wrong", wrongs, 0);

    char *upper[] = {argv[0], "u", 0}, *cat[] = {"cat", 0}, *echo[] = {"sh", "-c", "echo a line; echo the last", 0}, text[64];
    SYS(pipe2, inner, 0);
    SYS(pipe2, outer, 0);
    int last[2];
    SYS(pipe2, last, 0);
    long first = begin_with("/bin/sh", echo, 0, inner[1]);
    long second = begin_with(argv[0], upper, inner[0], outer[1]);
    long third = begin_with("/bin/cat", cat, outer[0], last[1]);
    SYS(close, inner[0]);
    SYS(close, inner[1]);
    SYS(close, outer[0]);
    SYS(close, outer[1]);
    SYS(close, last[1]);
    long used = 0, count;
    while ((count = SYS(read, last[0], text + used, 63 - used)) > 0) used += count;
    text[used] = 0;
    say("Linux to FreeBSD to Linux: %s", text);
    expect("their statuses", status_of(first) | status_of(second) | status_of(third), 0);

    volatile long told = 0;
    long child = SYS0(vfork);
    if (child == 0) { // posix_spawn(3)
        told = SYS(execve, "/nowhere", none, none);
        leave(127);
    }
    expect("what the child tells through memory", told, -ENOENT);
    expect("its status", status_of(child), 127 << 8);
    long late = 0; // a child that could not execute can be waited for as soon as its parent goes on
    for (int turn = 0; turn < 200; turn++) {
        int status;
        child = turn % 2 ? SYS0(vfork) : SYS(rfork, 0x80000000);
        if (child == 0) {
            SYS(execve, "/nowhere", none, none);
            if (turn % 4 > 1) SYS(kill, SYS0(getpid), SIGKILL);
            leave(127);
        }
        if (SYS(wait4, child, &status, WNOHANG, 0) == child) continue;
        late++;
        status_of(child);
    }
    expect("two hundred of them, too late", late, 0);
    told = 0;
    child = SYS(rfork, 0x80000000); // RFSPAWN
    if (child == 0) {
        told = SYS(execve, "/", none, none);
        leave(127);
    }
    expect("the same by RFSPAWN", told, -EACCES);
    expect("and status", status_of(child), 127 << 8);

    rusage usage;
    memset(&usage, 0, sizeof usage);
    child = SYS0(fork);
    if (child == 0) {
        for (volatile long turn = 0; turn < 30000000; turn++) continue;
        leave(2);
    }
    int status = 0;
    while (SYS(wait4, child, &status, WNOHANG, &usage) == 0) nap(2);
    expect("wait4 with usage", status, 2 << 8);
    holds("processor time", usage.utime.sec * 1000000 + usage.utime.usec > 1000);
    holds("largest size, in kilobytes", usage.maxrss > 50 && usage.maxrss < 1000000);

    child = SYS0(fork);
    if (child == 0) {
        if (SYS0(getuid) == 0) SYS(setuid, 65534); // limits do not hold for root
        SYS(setrlimit, RLIMIT_NPROC, ((long[]){1, 1}));
        long made = 0, error;
        while ((error = SYS0(fork)) > 0) made++;
        if (error == 0) leave(0);
        expect("a fork bomb ends with", error, -EAGAIN);
        holds("at its limit", made <= 1);
        leave(wrong);
    }
    expect("and its parent goes on", status_of(child), 0);
}
