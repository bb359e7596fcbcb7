// What the kernel tells of processes, threads, file systems and interfaces, in DragonFly's own layouts.
#include "dragonfly.h"

static union { char bytes[65536]; uint64_t words[8192]; uint32_t halves[16384]; } told;
static size_t length;

static long ask(int a, int b, int c, int d, int e, int f, int count) {
    int name[6] = {a, b, c, d, e, f};
    length = sizeof told;
    return SYS(202, name, count, told.bytes, &length, 0, 0);
}

static void program(void) {
    long pid = SYS(20);
    expect("kern.proc.pid", ask(1, 14, 1, (int)pid, 0, 0, 4), 0);
    expect("kp_pid", *(int *)(told.bytes + 220) == pid, 1);
    expect("kp_ppid", *(int *)(told.bytes + 224) == SYS(39), 1);
    expect("kp_nthreads", *(int *)(told.bytes + 296), 1);
    expect("kern.proc.pid_lwp", ask(1, 14, 17, (int)pid, 0, 0, 4), 0);
    expect("one for each: 992 bytes", (long)length, 992);
    expect("kl_tid", *(int *)(told.bytes + 664 + 4) == SYS(496), 1);
    expect("kern.proc.pid of nobody: ESRCH", ask(1, 14, 1, 0x7ffffff0, 0, 0, 4), -3);

    expect("lwp_setname", SYS(542, SYS(496), "worker"), 0);
    char name[16];
    expect("lwp_getname", SYS(549, SYS(496), name, sizeof name), 0);
    expect("its first letter", name[0], 'w');
    expect("its end", name[6], 0);
    expect("lwp_getname of nobody: ESRCH", SYS(549, 0x7ffffff0, name, sizeof name), -3);
    uint64_t mask[4] = {0, 0, 0, 7};
    expect("lwp_getaffinity", SYS(545, 0, 0, mask), 0);
    expect("some processor, and none of the last", (mask[0] | mask[1] | mask[2]) != 0 && mask[3] == 0, 1);
    expect("lwp_setaffinity", SYS(544, 0, SYS(496), mask), 0);
    uint64_t none[4] = {0, 0, 0, 0};
    expect("lwp_setaffinity without any: EPERM", SYS(544, 0, 0, none), -1);
    uint16_t priority[2] = {9, 9};
    expect("lwp_rtprio", SYS(498, 0, 0, SYS(496), priority), 0);

    expect("PROC_REAP_RELEASE before: ENOTCONN", SYS(536, 0, pid, 2, 0), -57);
    expect("PROC_REAP_ACQUIRE", SYS(536, 0, pid, 1, 0), 0);
    expect("PROC_REAP_ACQUIRE again: EALREADY", SYS(536, 0, pid, 1, 0), -37);
    expect("PROC_REAP_STATUS", SYS(536, 0, pid, 3, told.bytes), 0);
    expect("REAPER_STAT_OWNED", told.halves[0], 1);
    expect("no child", (int)told.halves[32], -1);
    expect("PROC_REAP_RELEASE", SYS(536, 0, pid, 2, 0), 0);

    uint64_t status[20];
    expect("statvfs", SYS(500, "/", status), 0);
    expect("f_frsize", status[1] >= 512, 1);
    expect("f_namemax", status[10], 255);

    expect("net.routetable, NET_RT_IFLIST", ask(4, 17, 0, 0, 3, 0, 6), 0);
    expect("RTM_VERSION", (uint8_t)told.bytes[2], 7);
    expect("RTM_IFINFO", told.bytes[3], 14);
    expect("RTA_IFP", told.halves[3], 16);
    expect("sockaddr_dl behind 176 bytes: AF_LINK", told.bytes[177], 18);
}
