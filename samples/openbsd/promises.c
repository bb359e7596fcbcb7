// pledge's promises for the next program, what it finds unveiled, and descriptors that are passed.
#include "openbsd.h"

enum { SYS___pledge_open = 125, SYS_ftruncate = 168, SYS_fchown = 123, SYS_connect = 98, SYS_fchmod = 124, SYS_recvmsg = 27, SYS_sendmsg = 28, SCM_RIGHTS = 1, SOL_SOCKET = 0xffff };
typedef struct { void *base; size_t size; } vector;
typedef struct {
    void *name;
    uint32_t name_length, padding;
    vector *vectors;
    uint32_t count, padding2;
    void *control;
    uint32_t control_length;
    int32_t flags;
} message;
typedef struct { uint32_t length; int32_t level, type, padding, descriptor, padding2; } rights;

static char *self;
static stat status;

static long fate(void (*act)(void)) {
    int result = 0;
    long child = SYS0(fork);
    if (child == 0) {
        act();
        leave(0);
    }
    SYS(wait4, child, &result, 0, 0);
    return result & 0x7f ? 256 + (result & 0x7f) : result >> 8;
}

static void make(const char *path) {
    long file = SYS(open, path, O_WRONLY | O_CREAT, 0600);
    SYS(close, file);
}

static void next(const char *what) {
    char *arguments[] = {self, (char *)what, 0}, *none[] = {0};
    SYS(execve, self, arguments, none);
    leave(90);
}

static void free_next(void) { next("fork"); }
static void promised_next(void) {
    if (SYS(pledge, 0, "stdio rpath")) leave(91);
    next("fork");
}
static void kept_next(void) {
    if (SYS(pledge, "stdio rpath exec", "stdio rpath")) leave(91);
    next("stat");
}
static void more_next(void) {
    if (SYS(pledge, 0, "stdio rpath")) leave(91);
    next("more");
}
static void hidden_next(void) {
    SYS(unveil, self, "rx");
    SYS(unveil, "shown", "r");
    SYS(pledge, 0, "stdio rpath unveil");
    next("hidden");
}
static void forgotten_next(void) {
    SYS(unveil, self, "rx");
    SYS(unveil, "shown", "r");
    SYS(unveil, 0, 0);
    next("forgotten");
}

static void asks(const char *promises, long flag, int port) {
    struct { uint8_t length, family; uint16_t port; uint32_t address; char zero[8]; } name = {16, 2, (uint16_t)(port << 8), 0x0100007f, {0}};
    long socket = SYS(socket, 2, 2 | flag, 0);
    if (SYS(pledge, promises, 0)) leave(91);
    leave(SYS(connect, socket, &name, 16) == 0 ? 0 : 4);
}
static void asks_without(void) {
    struct { uint8_t length, family; uint16_t port; uint32_t address; char zero[8]; } name = {16, 2, 80 << 8, 0x0100007f, {0}};
    long socket = SYS(socket, 2, 2 | 0x1000, 0);
    if (SYS(connect, socket, &name, 16) != -EINVAL) leave(1);
    name.port = 53 << 8;
    if (SYS(connect, socket, &name, 8) != -EINVAL) leave(2);
    leave(SYS(connect, socket, &name, 16) == 0 ? 0 : 4);
}
static void asks_names(void) { asks("stdio dns", 0x1000, 53); }
static void asks_other(void) { asks("stdio dns", 0x1000, 80); }
static void asks_unmarked(void) { asks("stdio dns", 0, 53); }
static void asks_anything(void) { asks("stdio inet", 0, 80); }
static void makes_special(void) {
    if (SYS(pledge, "stdio rpath wpath cpath fattr", 0)) leave(91);
    long file = SYS(open, "special", O_WRONLY | O_CREAT, 04755);
    SYS(fstat, file, &status);
    uint32_t made = status.mode;
    SYS(fchmod, file, 04711);
    SYS(fstat, file, &status);
    leave((made & 07777) == 0755 && (status.mode & 07777) == 0711 ? 0 : 4);
}

/// Sends a descriptor to itself and takes it in; what comes back.
static void pass(const char *promises, const char *path) {
    int pair[2];
    char byte = 1;
    long file = SYS(open, path, O_RDONLY, 0);
    SYS(socketpair, 1, 1, 0, pair);
    rights right = {20, SOL_SOCKET, SCM_RIGHTS, 0, (int32_t)file, 0};
    vector data = {&byte, 1};
    message out = {0, 0, 0, &data, 1, 0, &right, 24, 0}, in = {0, 0, 0, &data, 1, 0, &right, 24, 0};
    SYS(sendmsg, pair[0], &out, 0);
    if (SYS(pledge, promises, 0)) leave(91);
    long result = SYS(recvmsg, pair[1], &in, 0);
    leave(result == -EPERM ? 3 : result == 1 && in.control_length == 24 ? 0 : 4);
}
static void takes_file(void) { pass("stdio recvfd", "shown"); }
static void takes_folder(void) { pass("stdio recvfd", "."); }
static void takes_without(void) { pass("stdio", "shown"); }
static void send(const char *promises, const char *path) {
    int pair[2];
    char byte = 1;
    long file = SYS(open, path, O_RDONLY, 0);
    SYS(socketpair, 1, 1, 0, pair);
    rights right = {20, SOL_SOCKET, SCM_RIGHTS, 0, (int32_t)file, 0};
    vector data = {&byte, 1};
    message out = {0, 0, 0, &data, 1, 0, &right, 24, 0};
    if (SYS(pledge, promises, 0)) leave(91);
    leave(SYS(sendmsg, pair[0], &out, 0) == 1 ? 0 : 4);
}
static void sends_file(void) { send("stdio sendfd", "shown"); }
static void sends_folder(void) { send("stdio sendfd", "."); }
static void sends_without(void) { send("stdio", "shown"); }

/// What libc opens for itself by __pledge_open may be read, and nothing else.
static void library_files(void) {
    char byte = 'x';
    int pair[2];
    long file = SYS(__pledge_open, "shown", O_RDWR, 0);
    long null = SYS(__pledge_open, "/dev/null", O_RDWR, 0), reading = SYS(__pledge_open, "shown", O_RDONLY, 0);
    expect("__pledge_open", file >= 0 && null >= 0 && reading >= 0, 1);
    expect("read it", SYS(read, file, &byte, 1), 0);
    expect("write it", SYS(write, file, &byte, 1), -EPERM);
    expect("write it without having opened it to", SYS(write, reading, &byte, 1), -EBADF);
    expect("write a device", SYS(write, null, &byte, 1), 1);
    expect("truncate it", SYS(ftruncate, file, 0), -EPERM);
    expect("its mode", SYS(fchmod, file, 0600), -EPERM);
    expect("its owner", SYS(fchown, file, -1, -1), -EPERM);
    long copy = SYS(dup, file);
    expect("a duplicate", SYS(write, copy, &byte, 1), -EPERM);
    SYS(socketpair, 1, 1, 0, pair);
    rights right = {20, SOL_SOCKET, SCM_RIGHTS, 0, (int32_t)copy, 0};
    vector data = {&byte, 1};
    message out = {0, 0, 0, &data, 1, 0, &right, 24, 0};
    expect("send it", SYS(sendmsg, pair[0], &out, 0), -EPERM);
    SYS(close, copy);
    long other = SYS(open, "shown", O_RDWR, 0);
    expect("the number again", other, copy);
    expect("write by another descriptor", SYS(write, other, &byte, 1), 1);
    expect("over the first", SYS(dup2, other, file), file);
    expect("write it", SYS(write, file, &byte, 1), 1);
}

/// What the program does when it is the next one.
static void second(const char *what) {
    if (same(what, "fork", 4)) {
        if (SYS0(fork) == 0) leave(0);
        SYS(wait4, -1, 0, 0, 0);
        leave(0);
    }
    if (same(what, "stat", 4)) leave(SYS(stat, "shown", &status) == 0 ? 0 : 5);
    if (same(what, "more", 4)) leave(SYS(pledge, "stdio rpath proc", 0) == -EPERM ? 0 : 5);
    if (same(what, "hidden", 6))
        leave(SYS(stat, "shown", &status) == 0 && SYS(stat, "/", &status) == -ENOENT && SYS(stat, "hid", &status) == -ENOENT
                  ? 0 : 5);
    leave(SYS(stat, "hid", &status) == 0 && SYS(unveil, "shown", "r") == 0 && SYS(stat, "hid", &status) == -ENOENT ? 0 : 5);
}

static void sample(long argc, char **argv, char **environment) {
    if (argc > 1) second(argv[1]);
    self = argv[0];
    make("shown");
    make("hid");
    expect("a next program without promises", fate(free_next), 0);
    expect("with promises, which it breaks", fate(promised_next), 256 + SIGABRT);
    expect("with promises, which it keeps", fate(kept_next), 0);
    expect("with promises, and asks for more", fate(more_next), 0);
    expect("what is unveiled goes with promises", fate(hidden_next), 0);
    expect("and is forgotten without", fate(forgotten_next), 0);
    expect("no promises, a socket for names", fate(asks_without), 0);
    expect("dns, a socket for names", fate(asks_names), 0);
    expect("dns, that socket elsewhere", fate(asks_other), 256 + SIGABRT);
    expect("dns, another socket", fate(asks_unmarked), 256 + SIGABRT);
    expect("inet, another socket elsewhere", fate(asks_anything), 0);
    expect("modes that are special", fate(makes_special), 0);
    expect("recvfd, a file", fate(takes_file), 0);
    expect("recvfd, a folder", fate(takes_folder), 3);
    expect("no recvfd", fate(takes_without), 256 + SIGABRT);
    expect("sendfd, a file", fate(sends_file), 0);
    expect("sendfd, a folder", fate(sends_folder), 256 + SIGABRT);
    expect("no sendfd", fate(sends_without), 256 + SIGABRT);

    library_files();
    expect("promises for the next program", SYS(pledge, 0, "stdio rpath"), 0);
    expect("more of them", SYS(pledge, 0, "stdio rpath exec"), -EPERM);
    expect("fewer of them", SYS(pledge, 0, "stdio"), 0);
}
