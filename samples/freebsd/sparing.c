/// SO_NOSIGPIPE: whose writers get no SIGPIPE, and whose do.
#include "freebsd.h"

enum { AF_UNIX = 1, AF_INET = 2, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOL_SOCKET = 0xffff, SO_NOSIGPIPE = 0x800 };
typedef struct { uint8_t length, family; char path[104]; } local;

/// How a child ends that writes to a local socket nobody reads, which it has or has not from one with SO_NOSIGPIPE.
static int writing(int isSpared, int isAccepted) {
    int status = 0, one = isSpared;
    long child = SYS0(fork);
    if (child == 0) {
        local address = {0, AF_UNIX, "spared"};
        int pair[2];
        SYS(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
        if (isAccepted) {
            long server = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
            SYS(bind, server, &address, sizeof address);
            SYS(listen, server, 5);
            SYS(setsockopt, server, SOL_SOCKET, SO_NOSIGPIPE, &one, 4);
            pair[1] = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
            SYS(connect, pair[1], &address, sizeof address);
            pair[0] = SYS(accept, server, 0, 0);
        } else {
            SYS(setsockopt, pair[0], SOL_SOCKET, SO_NOSIGPIPE, &one, 4);
        }
        SYS(close, pair[1]);
        for (int turn = 0; turn < 300; turn++) // long enough to have become a jump
            if (SYS(write, pair[0], "x", 1) != -EPIPE) leave(1);
        leave(2);
    }
    SYS(wait4, child, &status, 0, 0);
    SYS(unlink, "spared");
    return status;
}

static void sample(long argc, char **argv, char **environment) {
    sigaction standard = {0}; // whoever began this may ignore SIGPIPE
    SYS(sigaction, 13, &standard, 0);
    int pair[2], value = 1, ends[2];
    uint32_t four = 4;
    long each[] = {SYS(socket, AF_INET, SOCK_STREAM, 0), SYS(socket, AF_INET, SOCK_DGRAM, 0), SYS(socket, AF_UNIX, SOCK_DGRAM, 0)};
    for (int index = 0; index < 3; index++) {
        value = 1;
        expect("set", SYS(setsockopt, each[index], SOL_SOCKET, SO_NOSIGPIPE, &value, 4), 0);
        expect("get", SYS(getsockopt, each[index], SOL_SOCKET, SO_NOSIGPIPE, &value, &four), 0);
        expect("its own bit", value, SO_NOSIGPIPE);
        SYS(close, each[index]);
    }
    expect("a writer is spared", writing(1, 0), 2 << 8);
    expect("one is not", writing(0, 0), 13);
    expect("one of an accepted socket is", writing(1, 1), 2 << 8);
    expect("or not", writing(0, 1), 13);
    long child = SYS0(fork);
    if (child == 0) {
        SYS(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
        SYS(setsockopt, pair[0], SOL_SOCKET, SO_NOSIGPIPE, &value, 4);
        SYS(pipe2, ends, 0);
        SYS(close, ends[0]);
        SYS(write, ends[1], "x", 1);
        leave(1);
    }
    SYS(wait4, child, &value, 0, 0);
    expect("a pipe's writer never is", value, 13);
    child = SYS0(fork);
    if (child == 0) {
        long socket = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
        SYS(setsockopt, socket, SOL_SOCKET, SO_NOSIGPIPE, &value, 4);
        SYS(kill, SYS0(getpid), 13);
        leave(1);
    }
    SYS(wait4, child, &value, 0, 0);
    expect("nor who is sent one", value, 13);
}
