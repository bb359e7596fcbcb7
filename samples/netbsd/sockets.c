/// Sockets: addresses, several messages at once, descriptors in messages, accepting under a signal mask.
#include "netbsd.h"

enum { AF_LOCAL = 1, AF_INET = 2, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x10000000, SOL_SOCKET = 0xffff };
typedef struct { void *base; size_t size; } iovec;
typedef struct {
    void *name;
    uint32_t namelen;
    iovec *iov;
    int32_t iovlen;
    void *control;
    uint32_t controllen;
    int32_t flags;
} message;
typedef struct { message header; uint32_t length; } many;
_Static_assert(sizeof(many) == 56, "NetBSD's size");
struct address { uint8_t len, family; uint16_t port; uint8_t host[4]; char zero[8]; };

static volatile int signals;
static void onsignal(int signal, siginfo *info, ucontext *context) { signals++; }

static void sample(long argc, char **argv, char **environment) {
    say("several messages\n");
    int pair[2];
    expect("socketpair", SYS(socketpair, AF_LOCAL, SOCK_DGRAM, 0, pair), 0);
    iovec parts[3] = {{"one", 3}, {"three", 5}, {"seven..", 7}};
    many out[3];
    memset(out, 0, sizeof out);
    for (int index = 0; index < 3; index++) out[index].header.iov = &parts[index], out[index].header.iovlen = 1;
    expect("sendmmsg", SYS(sendmmsg, pair[0], out, 3, 0), 3);
    expect("lengths", out[0].length * 100 + out[1].length * 10 + out[2].length, 357);
    static char room[4][32];
    iovec places[4];
    many in[4];
    memset(in, 0, sizeof in);
    for (int index = 0; index < 4; index++) {
        places[index] = (iovec){room[index], 32};
        in[index].header.iov = &places[index], in[index].header.iovlen = 1;
    }
    expect("recvmmsg", SYS(recvmmsg, pair[1], in, 4, 0x2000, 0), 3);
    expect("lengths", in[0].length * 100 + in[1].length * 10 + in[2].length, 357);
    expect("the second", same(room[1], "three", 6), 1);
    expect("recvmmsg of none", SYS(recvmmsg, pair[1], in, 4, 0x80, 0), -EAGAIN);
    expect("recvmmsg on no socket", SYS(recvmmsg, 99, in, 4, 0, 0), -EBADF);

    say("a writer that is spared SIGPIPE\n");
    int spared[2], one = 1;
    SYS(socketpair, AF_LOCAL, SOCK_STREAM, 0, spared);
    expect("SO_NOSIGPIPE", SYS(setsockopt, spared[0], SOL_SOCKET, 0x800, &one, 4), 0);
    uint32_t four = 4;
    one = 7;
    expect("is told", SYS(getsockopt, spared[0], SOL_SOCKET, 0x800, &one, &four), 0);
    expect("as 1", one, 1); // sogetopt1() of kern/uipc_socket.c
    SYS(close, spared[1]);
    expect("nobody reads", SYS(write, spared[0], "x", 1), -EPIPE);
    SYS(close, spared[0]);

    say("descriptors\n");
    int ends[2];
    SYS(pipe2, ends, 0);
    struct { uint32_t len; int32_t level, type, padding; int32_t descriptor; } control = {20, SOL_SOCKET, 1, 0, ends[1]};
    iovec letter = {"x", 1};
    message sent = {0, 0, &letter, 1, &control, sizeof control, 0};
    expect("sendmsg", SYS(sendmsg, pair[0], &sent, 0), 1);
    control.descriptor = -1;
    iovec place = {room[0], 32};
    message received = {0, 0, &place, 1, &control, sizeof control, 0};
    expect("recvmsg", SYS(recvmsg, pair[1], &received, 0), 1);
    holds("a descriptor", control.descriptor >= 0);
    expect("write to it", SYS(write, control.descriptor, "!", 1), 1);
    expect("read", SYS(read, ends[0], room[0], 1), 1);

    say("accepting\n");
    long listener = SYS(__socket30, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    holds("socket", listener >= 0);
    struct address local = {16, AF_INET, 0, {127, 0, 0, 1}, ""}, peer;
    expect("bind", SYS(bind, listener, &local, 16), 0);
    expect("listen", SYS(listen, listener, 5), 0);
    uint32_t size = 16;
    expect("getsockname", call(32, listener, (long)&local, (long)&size, 0, 0, 0), 0);
    expect("length and family", local.len * 100 + local.family, 1602);
    handle(SIGUSR1, onsignal, 0);
    sigset blocked = {{1u << (SIGUSR1 - 1)}}, open = {{0}};
    SYS(__sigprocmask14, SIG_BLOCK, &blocked, 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    size = 16;
    expect("paccept that a signal interrupts", SYS(paccept, listener, &peer, &size, &open, 0), -EINTR);
    expect("signals", signals, 1);
    SYS(__sigprocmask14, SIG_UNBLOCK, &blocked, 0);
    long connection = SYS(__socket30, AF_INET, SOCK_STREAM, 0);
    expect("connect", SYS(connect, connection, &local, 16), 0);
    long accepted = SYS(paccept, listener, &peer, &size, &open, SOCK_CLOEXEC);
    holds("paccept", accepted >= 0);
    expect("close-on-exec", SYS(fcntl, accepted, F_GETFD, 0), 1);
    expect("peer", peer.len == 16 && peer.family == AF_INET && peer.host[0] == 127, 1);
}
