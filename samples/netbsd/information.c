/// sysctl: names, values of the host, processes and threads.
#include "netbsd.h"

enum { CTL_KERN = 1, CTL_VM = 2, CTL_HW = 6 };
struct node {
    uint32_t flags;
    int32_t num;
    char name[32];
    uint32_t ver, rsvd;
    char rest[48];
};
_Static_assert(sizeof(struct node) == 96, "sizeof struct sysctlnode");
/// The beginning of struct kinfo_proc2: thirteen pointers, then flags and ids.
struct process { uint64_t pointers[13]; int32_t eflag, exitsig, flag, pid, ppid, sid, pgid, tpgid; uint32_t uid, ruid, gid, rgid; };
struct thread { uint64_t pointers[4]; int32_t lid, flag; };

static int name[8];
static unsigned depth;
#define NAME(...) (depth = sizeof (int[]){__VA_ARGS__} / sizeof(int), memcpy(name, (int[]){__VA_ARGS__}, depth * sizeof(int)))
static long ask(void *old, size_t *length) { return SYS(__sysctl, name, depth, old, length, 0, 0); }

/// The number of a name's part below the nodes so far, as sysctlbyname finds it.
static int below(const char *part) {
    static struct node nodes[128];
    size_t room = sizeof nodes;
    name[depth++] = -2;  // CTL_QUERY
    struct node query = {0x1000000, 0, "", 0, 0, ""};
    long result = SYS(__sysctl, name, depth, nodes, &room, &query, sizeof query);
    depth--;
    if (result < 0) return (int)result;
    for (size_t index = 0; index < room / sizeof nodes[0]; index++)
        if (same(nodes[index].name, part, length(part) + 1))
            return nodes[index].num;
    return -ENOENT;
}

static void sample(long argc, char **argv, char **environment) {
    char text[256] = "";
    size_t size = sizeof text;
    NAME(CTL_KERN, 1);
    expect("kern.ostype", ask(text, &size), 0);
    say("%s, %d bytes\n", text, (long)size);
    size = 3;
    expect("into 3 bytes", ask(text, &size), -ENOMEM);
    expect("only the length", ask(0, &size), 0);
    expect("length", size, 7);
    size = 4;
    expect("a new value", SYS(__sysctl, name, 2, 0, 0, "x", 1), -EPERM);
    NAME(CTL_KERN, 999);
    expect("no such variable", ask(text, &size), -ENOENT);
    NAME(CTL_KERN, 82);
    expect("a node", ask(text, &size), -EISDIR);

    say("by name\n");
    depth = 0;
    int kern = below("kern");
    expect("kern", kern, CTL_KERN);
    NAME(CTL_KERN);
    expect("kern.hostname", below("hostname"), 10);
    expect("kern.none", below("none"), -ENOENT);
    NAME(CTL_HW);
    expect("hw.physmem64", below("physmem64"), 13);

    say("values\n");
    int64_t large = 0;
    int small = 0;
    NAME(CTL_HW, 13), size = 8;
    expect("hw.physmem64", ask(&large, &size), 0);
    holds("some", large > 1 << 20);
    NAME(CTL_HW, 5), size = 4;
    expect("hw.physmem", ask(&small, &size), 0);
    expect("as much as an int holds", small == (large > 0x7ffff000 ? 0x7ffff000 : large), 1);
    NAME(CTL_HW, 3), size = 4;
    expect("hw.ncpu", ask(&small, &size), 0);
    holds("one or more", small >= 1);
    timespec boot, now;
    NAME(CTL_KERN, 83), size = sizeof boot;
    expect("kern.boottime", ask(&boot, &size), 0);
    SYS(__clock_gettime50, 0, &now);
    holds("in the past", boot.sec > 0 && boot.sec <= now.sec);
    uint64_t times[5] = {0};
    NAME(CTL_KERN, 51), size = sizeof times;
    expect("kern.cp_time", ask(times, &size), 0);
    holds("ticks", times[0] + times[2] + times[4] > 0);
    int clock[5];
    NAME(CTL_KERN, 12), size = sizeof clock;
    expect("kern.clockrate", ask(clock, &size), 0);
    expect("hz and tick", clock[0] * clock[1], 1000000);
    int64_t memory[89];
    NAME(CTL_VM, 5), size = sizeof memory;
    expect("vm.uvmexp2", ask(memory, &size), 0);
    expect("page size", memory[0], 4096);
    holds("pages", memory[3] > memory[4] && memory[4] > 0);

    say("processes\n");
    static char entries[4 * 680];
    struct process *process = (struct process *)entries;
    long self = SYS0(getpid);
    NAME(CTL_KERN, 47, 1, (int)self, 680, 1), size = sizeof entries;
    expect("kern.proc2 of this process", ask(entries, &size), 0);
    expect("size", size, 680);
    expect("pid and parent", process->pid == self && process->ppid == SYS0(getppid), 1);
    expect("user", process->ruid == SYS0(getuid), 1);
    NAME(CTL_KERN, 47, 1, 99999999, 680, 1), size = sizeof entries;
    expect("of none", ask(entries, &size), -ESRCH);
    NAME(CTL_KERN, 47, 0, 0, 120, 2), size = sizeof entries;
    expect("two of all, 120 bytes of each", ask(entries, &size), 0);
    expect("size", size, 240);
    NAME(CTL_KERN, 47, 0, 0, 680, 0);
    expect("only the length", ask(0, &size), 0);
    holds("six or more", size >= 6 * 680);
    struct thread threads[2];
    NAME(CTL_KERN, 64, (int)self, sizeof threads[0], 2), size = sizeof threads;
    expect("kern.lwp", ask(threads, &size), 0);
    expect("one thread", size == sizeof threads[0] && threads[0].lid == self, 1);
    NAME(CTL_KERN, 48, (int)self, 2), size = 4;
    expect("kern.proc_args: how many", ask(&small, &size), 0);
    expect("arguments", small, argc);
    NAME(CTL_KERN, 48, (int)self, 5), size = sizeof text;
    expect("kern.proc_args: the path", ask(text, &size), 0);
    expect("absolute", text[0], '/');
}
