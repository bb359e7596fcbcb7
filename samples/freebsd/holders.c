/// Holders: what fstat(1) and fuser(1) ask: all processes, and what each of them has open.
#include "freebsd.h"

static char list[16 << 20];

/// What is told of kern.proc.`what` of `which`: its length, or an error.
static long told(int what, int which, size_t room) {
    int name[4] = {1, 14, what, which};
    size_t size = room;
    long result = SYS(__sysctl, name, 4, list, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

/// The length that a list is said to have.
static long length_of(int what, int which) {
    int name[4] = {1, 14, what, which};
    size_t size = 0;
    long result = SYS(__sysctl, name, 4, 0, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

static int state(long process) {
    // ki_stat of struct kinfo_proc
    return told(1, process, 1088) == 1088 ? list[388] : -1;
}

/// Processes that have ended stand behind all others, in kern.proc.proc.
static void ended(void) {
    long first = SYS0(fork), second;
    if (first == 0) leave(0);
    // SZOMB
    timespec instant = {0, 1000000}, minute = {60, 0};
    while (state(first) != 5) SYS(nanosleep, &instant, 0);
    second = SYS0(fork);
    if (second == 0) {
        SYS(nanosleep, &minute, 0);
        leave(0);
    }
    long count = told(8, 0, sizeof list), isEnded = 0, isLiving = 0, order = 1;
    for (long at = 0; at + 1088 <= count; at += 1088) {
        int number = *(int *)(list + at + 72), zombie = list[at + 388] == 5;
        if (number == first) isEnded = zombie;
        if (number == second) isLiving = !zombie && !isEnded;
        if (!zombie && at > 0 && list[at - 1088 + 388] == 5) order = 0;
    }
    holds("whole entries", count > 0 && count % 1088 == 0);
    holds("the one that has ended, behind the one that has not", isEnded && isLiving && order);
    holds("the length leaves room for others", length_of(8, 0) > count);
    SYS(kill, second, SIGKILL);
    SYS(wait4, first, 0, 0, 0);
    SYS(wait4, second, 0, 0, 0);
}

/// A list of files that has no room for all holds whole ones, as many as there is room for.
static void shortened(void) {
    long whole = told(33, -1, sizeof list), first = *(int *)list, second = *(int *)(list + first);
    holds("files", whole > first + second);
    holds("room for one and a half", told(33, -1, first + second / 2) == first);
    expect("no room", told(33, -1, 8), 0);
    holds("the length leaves room for more", length_of(33, -1) > whole);
    whole = told(32, -1, sizeof list);
    first = *(int *)list;
    holds("mappings", whole > first);
    holds("room for one", told(32, -1, first + 100) == first);
    expect("no such process", told(33, 0x7fffffff, sizeof list), -ESRCH);
}

struct address { uint8_t length, family; uint16_t port; uint8_t rest[124]; };

/// What is told of the socket `descriptor`: struct kinfo_file.
static void shown(const char *title, long descriptor, int domain, int type, int protocol, const char *name) {
    struct address local = {0}, peer = {0};
    uint32_t local_size = sizeof local, peer_size = sizeof peer;
    long size = told(33, -1, sizeof list);
    SYS(getsockname, descriptor, &local, &local_size);
    if (SYS(getpeername, descriptor, &peer, &peer_size) < 0) peer_size = 0;
    for (long at = 0; at < size; at += *(int *)(list + at)) {
        const char *file = list + at;
        const int *number = (const int *)file;
        if (number[2] != descriptor) continue;
        holds(title, number[1] == 2 && number[9] == domain && number[10] == type && number[11] == protocol
            && same(file + 368, name, length(name) + 1));
        holds("  its address", same(file + 48, (char *)&local, local_size) && *(uint64_t *)(file + 304));
        // Without a peer the address is one that holds nothing but its family.
        holds("  its peer", peer_size ? same(file + 176, (char *)&peer, peer_size) : file[176] >= 16 && file[177] == domain && !file[178]);
        return;
    }
    holds(title, 0);
}

/// The addresses of sockets.
static void sockets(void) {
    struct address name = {16, 2, 0, {127, 0, 0, 1}}, newer = {28, 28, 0, {0}}, path = {9, 1, 0, {0}};
    uint32_t size = 16;
    int pair[2];
    newer.rest[4 + 15] = 1;
    long listener = SYS(socket, 2, 1, 0), caller = SYS(socket, 2, 1, 0), accepted, datagrams = SYS(socket, 28, 2, 0), local = SYS(socket, 1, 1, 0);
    SYS(bind, listener, &name, 16);
    SYS(listen, listener, 5);
    SYS(getsockname, listener, &name, &size);
    SYS(connect, caller, &name, 16);
    accepted = SYS(accept, listener, 0, 0);
    SYS(bind, datagrams, &newer, 28);
    // struct sockaddr_un with the path "holder"
    for (int at = 0; at < 7; at++) ((char *)&path)[2 + at] = "holder"[at];
    SYS(bind, local, &path, 9);
    SYS(listen, local, 5);
    SYS(socketpair, 1, 2, 0, pair);
    shown("a listener", listener, 2, 1, 6, "internet");
    shown("a caller", caller, 2, 1, 6, "internet");
    shown("the one it called", accepted, 2, 1, 6, "internet");
    shown("datagrams of IPv6", datagrams, 28, 2, 17, "internet6");
    shown("unbound", SYS(socket, 2, 2, 0), 2, 2, 17, "internet");
    shown("a local listener", local, 1, 1, 0, "local");
    long client = SYS(socket, 1, 1, 0);
    expect("connected to it", SYS(connect, client, &path, 9), 0);
    long served = SYS(accept, local, 0, 0);
    shown("local, with a peer's name", client, 1, 1, 0, "local");
    shown("the one it is connected to", served, 1, 1, 0, "local");
    shown("a pair", pair[0], 1, 2, 0, "local");
    SYS(unlink, "holder");
}

/// The auxiliary vector of this process and of a child that asks for its parent's, as it stands on the stack.
static void vectors(char **environment) {
    while (*environment) environment++;
    uint64_t *own = (uint64_t *)(environment + 1), *end = own;
    while (*end) end += 2;
    long size = (char *)(end + 2) - (char *)own, parent = SYS0(getpid), child;
    holds("an auxiliary vector", told(36, -1, sizeof list) == size && same(list, (char *)own, size));
    child = SYS0(fork);
    if (child == 0) {
        holds("of the parent", told(36, parent, sizeof list) == size && same(list, (char *)own, size));
        expect("too little room", told(36, parent, 16), -ENOMEM);
        // struct kinfo_kstack of a process that waits, which the superuser may see; 2 is KKST_STATE_RUNNING
        long stack;
        do stack = told(15, parent, sizeof list); while (stack > 0 && *(int *)(list + 4) == 2);
        holds("where it waits in the kernel", stack == -EPERM || (stack == 1096 && *(int *)list == parent && !*(int *)(list + 4)
            && same(list + 8, "#0 0x0 at ", 10)));
        leave(0);
    }
    SYS(wait4, child, 0, 0, 0);
}

static void sample(long argc, char **argv, char **environment) {
    ended();
    shortened();
    sockets();
    vectors(environment);
}
