/// Sockets: inet, inet6 and unix, addresses with their length byte, options, messages with control data.
#include "freebsd.h"

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 28, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOL_SOCKET = 0xffff,
       SO_REUSEADDR = 4, SO_KEEPALIVE = 8, SO_LINGER = 0x80, SO_NOSIGPIPE = 0x800, SO_RCVTIMEO = 0x1006,
       SO_ERROR = 0x1007, SO_TYPE = 0x1008, SO_ACCEPTCONN = 2, MSG_PEEK = 2, MSG_TRUNC = 0x10, MSG_DONTWAIT = 0x80,
       MSG_NOSIGNAL = 0x20000, SCM_RIGHTS = 1 };

typedef struct { uint8_t length, family; uint16_t port; uint32_t address; char zero[8]; } inet;
typedef struct { uint8_t length, family; uint16_t port; uint32_t flow; uint8_t address[16]; uint32_t scope; } inet6;
typedef struct { uint8_t length, family; char path[104]; } local;
typedef struct { void *name; uint32_t name_size; void *parts; int32_t count; void *control; uint32_t control_size;
                 int32_t flags; } message;
typedef struct { void *base; size_t size; } part;
_Static_assert(sizeof(message) == 48 && sizeof(inet6) == 28, "sys/socket.h");

static void stream(const char *family, void *address, uint32_t size, int number) {
    char buffer[64], name[128];
    uint32_t named = sizeof name;
    int one = 1, value = 0;
    uint32_t four = 4;
    say("-- %s\n", family);
    long server = SYS(socket, number, SOCK_STREAM, 0);
    expect("SO_REUSEADDR", SYS(setsockopt, server, SOL_SOCKET, SO_REUSEADDR, &one, 4), 0);
    expect("bind", SYS(bind, server, address, size), 0);
    expect("bind again", SYS(bind, server, address, size), -EINVAL);
    expect("listen", SYS(listen, server, 5), 0);
    expect("getsockname", SYS(getsockname, server, name, &named), 0);
    expect("length byte", name[0], number == AF_UNIX ? named : (int)size);
    expect("family byte", name[1], number);
    expect("SO_ACCEPTCONN", SYS(getsockopt, server, SOL_SOCKET, SO_ACCEPTCONN, &value, &four), 0);
    expect("its own bit", value, SO_ACCEPTCONN); // sogetopt() of kern/uipc_socket.c
    long client = SYS(socket, number, SOCK_STREAM, 0);
    expect("getpeername too early", SYS(getpeername, client, name, &named), -ENOTCONN);
    named = sizeof name;
    SYS(getsockname, server, name, &named);
    expect("connect", SYS(connect, client, name, named), 0);
    expect("connect again", SYS(connect, client, name, named), -EISCONN);
    named = sizeof name;
    long connection = SYS(accept, server, name, &named);
    holds("accept", connection > client);
    expect("peer's family", name[1], number);
    expect("send", SYS(sendto, client, "hello", 5, 0, 0, 0), 5);
    expect("peek", SYS(recvfrom, connection, buffer, 64, MSG_PEEK, 0, 0), 5);
    expect("receive", SYS(recvfrom, connection, buffer, 64, 0, 0, 0), 5);
    holds("text", same(buffer, "hello", 5));
    expect("a name, at which a stream does not look", SYS(sendto, client, "again", 5, 0, address, size), 5);
    expect("receive", SYS(recvfrom, connection, buffer, 64, 0, 0, 0), 5);
    expect("nothing more", SYS(recvfrom, connection, buffer, 64, MSG_DONTWAIT, 0, 0), -EAGAIN);
    timeval limit = {0, 20000};
    expect("SO_RCVTIMEO", SYS(setsockopt, connection, SOL_SOCKET, SO_RCVTIMEO, &limit, 16), 0);
    expect("nothing in time", SYS(read, connection, buffer, 64), -EAGAIN);
    expect("SO_TYPE", SYS(getsockopt, client, SOL_SOCKET, SO_TYPE, &value, &four), 0);
    expect("stream", value, SOCK_STREAM);
    expect("SO_ERROR", SYS(getsockopt, client, SOL_SOCKET, SO_ERROR, &value, &four), 0);
    expect("no error", value, 0);
    if (number != AF_UNIX) {
        int linger[2] = {1, 5};
        uint32_t eight = 8;
        expect("TCP_NODELAY", SYS(setsockopt, client, 6, 1, &one, 4), 0);
        expect("is set", SYS(getsockopt, client, 6, 1, &value, &four) == 0 && value != 0, 1);
        expect("SO_LINGER", SYS(setsockopt, client, SOL_SOCKET, SO_LINGER, linger, 8), 0);
        linger[1] = 0;
        SYS(getsockopt, client, SOL_SOCKET, SO_LINGER, linger, &eight);
        expect("seconds", linger[1], 5);
        expect("SO_KEEPALIVE", SYS(setsockopt, client, SOL_SOCKET, SO_KEEPALIVE, &one, 4), 0);
        expect("no such option", SYS(setsockopt, client, 6, 0x7777, &one, 4), -ENOPROTOOPT);
    }
    expect("shutdown", SYS(shutdown, client, 1), 0);
    expect("end", SYS(read, connection, buffer, 64), 0);
    expect("after the end", SYS(sendto, client, "x", 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    SYS(close, client);
    SYS(close, connection);
    SYS(close, server);
}

static void datagrams(void) {
    say("-- datagrams\n");
    inet address = {16, AF_INET, 0, 0x0100007f, {0}}, from;
    uint32_t size = sizeof address;
    long left = SYS(socket, AF_INET, SOCK_DGRAM, 0), right = SYS(socket, AF_INET, SOCK_DGRAM | 0x10000000, 0);
    expect("close-on-exec", SYS(fcntl, right, F_GETFD, 0), 1);
    SYS(bind, left, &address, 16);
    SYS(bind, right, &address, 16);
    SYS(getsockname, left, &address, &size);
    expect("sendto", SYS(sendto, right, "datagram", 8, 0, &address, 16), 8);
    char buffer[64], control[64];
    memset(&from, 0, sizeof from);
    size = sizeof from;
    expect("recvfrom, cut short", SYS(recvfrom, left, buffer, 4, 0, &from, &size), 4);
    expect("sender's length byte", from.length, 16);
    expect("sender's family", from.family, AF_INET);
    expect("sender's size", size, 16);
    part parts[2] = {{"two ", 4}, {"parts", 5}};
    message header = {&address, 16, parts, 2, 0, 0, 0};
    expect("sendmsg", SYS(sendmsg, right, &header, 0), 9);
    part into[1] = {{buffer, 5}};
    message receive = {&from, sizeof from, into, 1, control, sizeof control, 0};
    expect("recvmsg", SYS(recvmsg, left, &receive, 0), 5);
    expect("truncated", receive.flags, MSG_TRUNC);
    expect("name's size", (long)receive.name_size, 16);
    expect("no control data", (long)receive.control_size, 0);
    expect("no address", SYS(sendto, right, "x", 1, 0, 0, 0), -EDESTADDRREQ);
    expect("too long", SYS(sendto, right, 0x400000, 70000, 0, &address, 16), -EMSGSIZE);
    SYS(close, left);
    SYS(close, right);
}

static void passing(void) {
    say("-- control data\n");
    int pair[2], ends[2];
    expect("socketpair", SYS(socketpair, AF_UNIX, SOCK_STREAM, 0, pair), 0);
    SYS(pipe2, ends, 0);
    struct { uint32_t size; int32_t level, type; int32_t fill; int32_t files[2]; } control = {24, SOL_SOCKET, SCM_RIGHTS, 0, {ends[0], ends[1]}};
    part parts[1] = {{"!", 1}};
    message header = {0, 0, parts, 1, &control, sizeof control, 0};
    expect("send two descriptors", SYS(sendmsg, pair[0], &header, 0), 1);
    char byte;
    struct { uint32_t size; int32_t level, type; int32_t fill; int32_t files[8]; } got;
    memset(&got, 0, sizeof got);
    part into[1] = {{&byte, 1}};
    message receive = {0, 0, into, 1, &got, sizeof got, 0};
    expect("receive them", SYS(recvmsg, pair[1], &receive, 0), 1);
    expect("cmsg_len", got.size, 24);
    expect("cmsg_level", got.level, SOL_SOCKET);
    expect("cmsg_type", got.type, SCM_RIGHTS);
    holds("new descriptors", got.files[0] > pair[1] && got.files[1] > pair[1] && got.files[0] != ends[0]);
    expect("into the pipe", SYS(write, got.files[1], "y", 1), 1);
    expect("out of the pipe", SYS(read, ends[0], &byte, 1), 1);
    expect("byte", byte, 'y');
    SYS(close, pair[1]);
    expect("broken", SYS(sendto, pair[0], "x", 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    SYS(close, pair[0]);
}

static void sample(long argc, char **argv, char **environment) {
    expect("no such family", SYS(socket, 200, SOCK_STREAM, 0), -EAFNOSUPPORT);
    expect("no such protocol", SYS(socket, AF_INET, SOCK_STREAM, 200), -EPROTONOSUPPORT);
    long file = SYS(open, "/dev/null", O_RDONLY, 0);
    expect("no socket", SYS(listen, file, 1), -ENOTSOCK);
    SYS(close, file);
    inet four = {16, AF_INET, 0, 0x0100007f, {0}};
    inet6 six = {28, AF_INET6, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0};
    local path = {0, AF_UNIX, "socket"};
    path.length = 2 + 6 + 1;
    stream("inet", &four, sizeof four, AF_INET);
    stream("inet6", &six, sizeof six, AF_INET6);
    stream("unix", &path, path.length, AF_UNIX);
    SYS(unlink, "socket");
    datagrams();
    passing();
    long client = SYS(socket, AF_INET, SOCK_STREAM, 0);
    four.port = 0x0100; // port 1, where nobody listens
    expect("refused", SYS(connect, client, &four, sizeof four), -ECONNREFUSED);
    four.address = 0x01020304;
    long other = SYS(socket, AF_INET, SOCK_STREAM, 0);
    expect("not an own address", SYS(bind, other, &four, sizeof four), -EADDRNOTAVAIL);
}
