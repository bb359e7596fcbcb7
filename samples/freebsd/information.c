/// Information: what a program asks of sysctl.
#include "freebsd.h"

enum { SYS_getlogin = 49, SYS_setlogin = 50 };

static long integer(const char *name, int first, int second) {
    int names[2] = {first, second};
    int value = -1;
    size_t size = sizeof value;
    long result = SYS(__sysctl, names, 2, &value, &size, 0, 0);
    if (result) expect(name, result, 0);
    return value;
}

static void text(const char *name, int first, int second, const char *wanted) {
    int names[2] = {first, second};
    char value[256] = {0};
    size_t size = sizeof value;
    expect(name, SYS(__sysctl, names, 2, value, &size, 0, 0), 0);
    if (wanted) say("  %s\n", value);
    holds("  as it should be", wanted ? same(value, wanted, length(wanted) + 1) && size == length(wanted) + 1 : size > 1);
}

/// The kernel's routes: struct rt_msghdr of net/route.h, then the addresses that rtm_addrs tells of.
static void routes(void) {
    static char messages[1 << 16];
    struct { uint16_t msglen; uint8_t version, type; uint16_t index, spare; int32_t flags, addrs; } *route;
    int question[6] = {4, 17, 0, 0, 1, 0}, neighbours[6] = {4, 17, 0, 2, 2, 0x400}; // NET_RT_DUMP; NET_RT_FLAGS, RTF_LLDATA
    size_t size = 0, got = sizeof messages, at = 0;
    int whole = 1, loopback = 0;
    expect("the routes' size", SYS(__sysctl, question, 6, 0, &size, 0, 0), 0);
    expect("the routes", SYS(__sysctl, question, 6, messages, &got, 0, 0), 0);
    holds("as many", got > 0 && got == size);
    for (; at + 152 <= got; at += route->msglen) {
        route = (void *)(messages + at);
        whole &= route->msglen > 152 && route->version == 5 && route->type == 4 && (route->addrs & 3) == 3 && (route->flags & 1);
        loopback |= same(messages + at + 152, "\020\002\0\0\177\0\0\1", 8) && (route->flags & 4) && !(route->flags & 2);
        if (!whole) break;
    }
    holds("each is whole", whole && at == got);
    holds("one leads to 127.0.0.1, a host, without a gateway", loopback);
    got = sizeof messages;
    expect("neighbours", SYS(__sysctl, neighbours, 6, messages, &got, 0, 0), 0);
    question[4] = 77;
    expect("another question", SYS(__sysctl, question, 6, 0, &size, 0, 0), -EINVAL);
}

/// By name, into `to`; the length, or an error.
static long told(const char *name, void *to, size_t size) {
    long result = SYS(__sysctlbyname, name, length(name), to, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

/// Lists of sockets and files: a socket that listens is in both.
static void sockets(void) {
    static char list[8 << 20];
    struct { uint8_t length, family; uint16_t port; uint32_t host; uint64_t zero; } name = {16, 2, 0, 0x0100007f, 0};
    uint32_t size = 16;
    long listener = SYS(socket, 2, 1, 0), own = SYS0(getpid), count;
    SYS(bind, listener, &name, 16);
    SYS(listen, listener, 5);
    SYS(getsockname, listener, &name, &size);
    uint64_t socket = 0;
    int state = 0, file = 0;
    count = told("net.inet.tcp.pcblist", list, sizeof list);
    expect("the list's beginning, struct xinpgen", *(uint64_t *)list, 64);
    for (long at = 64; at + 744 <= count; at += 744)
        if (same(list + at + 262, &name.port, 2)) { // ie_lport of struct xtcpcb
            state = *(int32_t *)(list + at + 568);
            socket = *(uint64_t *)(list + at + 24);
        }
    expect("TCPS_LISTEN", state, 1);
    count = told("kern.file", list, sizeof list);
    for (long at = 0; at + 128 <= count; at += 128)
        if (*(int32_t *)(list + at + 8) == own && *(int32_t *)(list + at + 16) == listener)
            file = *(int16_t *)(list + at + 32) == 2 && *(uint64_t *)(list + at + 56) == socket;
    holds("DTYPE_SOCKET, the same socket", file && socket);
    holds("local sockets", told("net.local.stream.pcblist", list, sizeof list) >= 64);
}

static void statistics(void) {
    uint64_t counter = 0, short_counter = 0, totals[11];
    expect("a counter", told("vm.stats.sys.v_swtch", &counter, 8), 8);
    expect("for programs of before 12", told("vm.stats.sys.v_swtch", &short_counter, 4), 4);
    holds("it counts", counter > 0 && short_counter > 0);
    expect("vm.vmtotal", told("vm.vmtotal", totals, 88), 88);
    holds("free pages", totals[8] > 0);
    int version = 0, swap[18];
    size_t size = 16;
    expect("kern.devstat.version", told("kern.devstat.version", &version, 4), 4);
    expect("is", version, 6);
    int query[2] = {0, 3};
    expect("vm.swap_info", SYS(__sysctl, query, 2, swap, &size, "vm.swap_info", 12), 0);
    swap[size / 4] = 1000;
    // libkvm asks for it first, in all releases (lib/libkvm/kvm_getswapinfo.c).
    int32_t reserved = -1;
    size_t reserved_size = sizeof reserved;
    expect("vm.dmmax", SYS(__sysctlbyname, "vm.dmmax", 8, &reserved, &reserved_size, 0, 0), 0);
    expect("pages that a device does not give", reserved, 0);
    expect("no thousandth place to swap to", SYS(__sysctl, swap, size / 4 + 1, 0, &size, 0, 0), -ENOENT);
}

/// What libthr asks before it takes or tells a thread attribute's processors.
static void masks(void) {
    int maximum = 0, bytes = 0, least = 0, highest = 0;
    uint64_t mask[16];
    expect("kern.smp.maxcpus", told("kern.smp.maxcpus", &maximum, 4), 4);
    expect("kern.sched.cpusetsize", told("kern.sched.cpusetsize", &bytes, 4), 4);
    expect("is, CPU_MAXSIZE of sys/_cpuset.h in bytes", bytes, 128);
    holds("a bit for each", maximum == 8 * bytes);
    expect("kern.sched.cpusetsizemin", told("kern.sched.cpusetsizemin", &least, 4), 4);
    told("kern.smp.maxid", &highest, 4);
    holds("as long as the highest needs", least == highest / 8 + 1);
    expect("cpuset_getaffinity, so many", SYS(cpuset_getaffinity, 3, 1, -1L, least, mask), 0);
}

static void sample(long argc, char **argv, char **environment);

/// What setproctitle(3) does, and the name of a login session.
static void named(long argc, char **argv) {
    int name[4] = {1, 32}, arguments[4] = {1, 14, 7, -1}, parent[4] = {1, 14, 7, SYS0(getppid)};
    struct { char **argv; uint32_t argc; char **envv; uint32_t envc; } *strings = 0;
    size_t size = sizeof strings;
    expect("kern.ps_strings", SYS(__sysctl, name, 2, &strings, &size, 0, 0), 0);
    holds("struct ps_strings", strings->argv == argv && strings->argc == argc);
    char text[256] = {0};
    stat null;
    long device = SYS(open, "/dev/null", 0, 0);
    SYS(fstat, device, &null);
    SYS(close, device);
    size = sizeof text;
    expect("kern.devname", SYS(__sysctlbyname, "kern.devname", 12, text, &size, &null.rdev, 8), 0);
    holds("null", size == 5 && same(text, "null", 5));
    expect("no device", SYS(__sysctlbyname, "kern.devname", 12, text, &size, &(uint64_t){0xfffff}, 8), -ENOENT);
    int question[4] = {1, 14, 33, -1}; // kern.proc.filedesc
    static char files[65536];
    size = sizeof files;
    device = SYS(open, "/dev/null", 2, 0);
    expect("kern.proc.filedesc", SYS(__sysctl, question, 4, files, &size, 0, 0), 0);
    int found = 0, program = 0;
    for (size_t at = 0; at < size && *(int32_t *)(files + at); at += *(int32_t *)(files + at)) {
        char *file = files + at;
        // kf_type, kf_fd, kf_flags, kf_vnode_type; kf_path
        if (*(int32_t *)(file + 8) == device)
            found = *(int32_t *)(file + 4) == 1 && *(int32_t *)(file + 16) == 3 && *(int32_t *)(file + 32) == 4 && same(file + 368, "/dev/null", 10);
        if (*(int32_t *)(file + 8) == -5) program = same(file + 368 + length(file + 368) - 11, "information", 12);
    }
    holds("a device to read and write, and the program", found && program);
    SYS(close, device);
    question[2] = 32; // kern.proc.vmmap
    size = sizeof files;
    expect("kern.proc.vmmap", SYS(__sysctl, question, 4, files, &size, 0, 0), 0);
    found = 0;
    for (size_t at = 0; at < size && *(int32_t *)(files + at); at += *(int32_t *)(files + at)) {
        char *map = files + at;
        // kve_type, kve_start, kve_end, kve_protection
        if (*(uint64_t *)(map + 8) <= (uint64_t)&sample && *(uint64_t *)(map + 16) > (uint64_t)&sample)
            found = *(int32_t *)(map + 4) == 2 && *(int32_t *)(map + 56) == 5;
    }
    holds("this text", found);
    expect("a title", SYS(__sysctl, arguments, 4, 0, 0, "server: idle", 13), 0);
    size = sizeof text;
    expect("asked for", SYS(__sysctl, arguments, 4, text, &size, 0, 0), 0);
    holds("is told", size == 13 && same(text, "server: idle", 13));
    holds("arguments stay", argv[0][length(argv[0]) - 1] == 'n');
    expect("another's", SYS(__sysctl, parent, 4, 0, 0, "server: idle", 13), -EPERM);
    long child = SYS0(fork);
    if (child == 0) {
        int isNamed = SYS0(setsid) < 0 || SYS(setlogin, "someone") == 0;
        holds("setlogin, or not the superuser", isNamed || SYS0(geteuid) != 0);
        if (isNamed) {
            child = SYS0(fork);
            if (child == 0) {
                SYS0(setsid);
                holds("getlogin in a session of it", SYS(getlogin, text, 33) == 0 && same(text, "someone", 8));
                leave(0);
            }
            SYS(wait4, child, 0, 0, 0);
            expect("a long name", SYS(setlogin, "0123456789012345678901234567890123456789"), -EINVAL);
        } else {
            say("getlogin in a session of it: yes\na long name: error 22\n");
        }
        leave(0);
    }
    SYS(wait4, child, 0, 0, 0);
}

static void sample(long argc, char **argv, char **environment) {
    text("kern.ostype", 1, 1, "FreeBSD");
    text("kern.osrelease", 1, 2, 0);
    text("kern.version", 1, 4, 0);
    text("kern.hostname", 1, 10, 0);
    text("hw.machine", 6, 1, "amd64");
    text("hw.machine_arch", 6, 11, "amd64");
    expect("kern.osreldate / 100000", integer("kern.osreldate", 1, 24) / 100000, 14);
    holds("hw.ncpu", integer("hw.ncpu", 6, 3) >= 1);
    expect("hw.pagesize", integer("hw.pagesize", 6, 7), 4096);
    expect("hw.byteorder", integer("hw.byteorder", 6, 4), 1234);
    holds("kern.argmax", integer("kern.argmax", 1, 8) >= 65536);
    holds("kern.ngroups", integer("kern.ngroups", 1, 18) >= 16);
    int names[4] = {6, 5}; // hw.physmem
    uint64_t memory = 0;
    size_t size = 8;
    expect("hw.physmem", SYS(__sysctl, names, 2, &memory, &size, 0, 0), 0);
    holds("some", memory > 1 << 24);
    int value = 0;
    size = 4;
    expect("by name", SYS(__sysctlbyname, "hw.ncpu", 7, &value, &size, 0, 0), 0);
    holds("same", value == integer("hw.ncpu", 6, 3));
    size = sizeof names;
    names[0] = 0;
    names[1] = 3; // sysctl.name2oid
    expect("name to number", SYS(__sysctl, names, 2, names, &size, "kern.ostype", 11), 0);
    expect("two numbers", size, 8);
    expect("first", names[0], 1);
    expect("second", names[1], 1);
    expect("no such name", SYS(__sysctlbyname, "no.such", 7, &value, &size, 0, 0), -ENOENT);
    names[0] = 99;
    expect("no such number", SYS(__sysctl, names, 2, &value, &size, 0, 0), -ENOENT);
    names[0] = 1;
    names[1] = 1;
    size = 3;
    expect("too little room", SYS(__sysctl, names, 2, &value, &size, 0, 0), -ENOMEM);
    size = 0;
    expect("size alone", SYS(__sysctl, names, 2, 0, &size, 0, 0), 0);
    expect("so long", size, 8);
    expect("writing what cannot be written", SYS(__sysctl, names, 2, 0, 0, "Linux", 6), -EPERM);
    int program[4] = {1, 14, 12, -1}; // kern.proc.pathname of this process
    char path[1024] = {0};
    size = sizeof path;
    expect("own path", SYS(__sysctl, program, 4, path, &size, 0, 0), 0);
    holds("absolute", path[0] == '/' && same(path + length(path) - 11, "information", 11));
    routes();
    sockets();
    statistics();
    masks();
    named(argc, argv);
}
