// sysctl: numbers, text and structures, this process among all, and what is not there; System V's objects and
// mounts, as OpenBSD lays them out.
#include "openbsd.h"

enum { EOPNOTSUPP = 45, ENOMEM = 12, SYS_semget = 221, SYS_shmget = 289, SYS_msgget = 225, SYS___semctl = 295, SYS_shmctl = 296,
       SYS_msgctl = 297, SYS_getfsstat = 62, SYS_fstatfs = 64, SYS_pathconfat = 190, SYS_sendmmsg = 117, SYS_recvmmsg = 116,
       SYS_kqueue1 = 270, IPC_CREAT = 0x200, IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, GETVAL = 5, SETVAL = 8 };

typedef struct {
    uint64_t pointers[12];
    int32_t eflag, exitsig, flag, pid, ppid, sid, pgid, tpgid;
    uint32_t uid, ruid, gid, rgid, groups[16];
    int16_t ngroups, jobc;
    uint32_t rest1[9];
    uint64_t ticks[3], tracep;
    int32_t traceflag, holdcnt, siglist;
    uint32_t masks[3];
    int8_t stat;
    uint8_t priority, usrpri, nice;
    uint16_t xstat, spare;
    char comm[24], wmesg[8];
    uint64_t wchan;
    char login[32];
    int32_t rssize, tsize, dsize, ssize;
    int64_t uvalid;
    uint64_t ustart_sec;
    uint32_t times[5], padding;
    uint64_t usage[14];
    uint32_t ctime_sec, ctime_usec, psflags, acflag, svuid, svgid;
    char emul[8];
    uint64_t rss, cpuid, map_size;
    int32_t tid;
    uint32_t rtableid;
    uint64_t pledge;
    char name[24];
} kinfo_proc;

static int64_t value[4096];
static size_t size;

static long get(size_t room, int count, int a, int b, int c, int d, int e, int f) {
    int name[] = {a, b, c, d, e, f};
    size = room;
    return SYS(sysctl, name, count, value, &size, 0, 0);
}

typedef struct { void *base; size_t size; } vector;
typedef struct {
    void *name;
    uint32_t name_length, padding;
    vector *vectors;
    uint32_t count, padding2;
    void *control;
    uint32_t control_length;
    int32_t flags;
    uint32_t length, padding3;
} message;
typedef struct {
    uint32_t flags, bsize, iosize, padding;
    uint64_t counts[10];
    int32_t fsid[2];
    uint32_t namemax, owner;
    uint64_t ctime;
    char type[16], on[90], from[90], spec[90];
    char padding2[2], info[160];
} statfs;
_Static_assert(sizeof(kinfo_proc) == 648 && sizeof(statfs) == 568 && sizeof(message) == 56, "OpenBSD's sizes");

/// The interfaces and their addresses, as getifaddrs(3) reads them: net.route.0.FAMILY.NET_RT_IFLIST.INTERFACE.
static void interfaces(void) {
    static unsigned char list[65536];
    int32_t name[6] = {4, 17, 0, 0, 3, 0};
    size_t room = sizeof list;
    expect("net.route", SYS(sysctl, name, 6, list, &room, 0, 0), 0);
    int loop = 0, up = 0, messages = 0, wrong = 0, own = 0, masked = 0;
    for (size_t at = 0; at < room; messages++) {
        unsigned char *message = list + at;
        int length = message[0] | message[1] << 8, head = message[4] | message[5] << 8;
        int flags = *(int32_t *)(message + 16), addresses = *(int32_t *)(message + 12);
        unsigned char *address = message + head;
        if (length < head || message[2] != 5) wrong++;
        if (message[3] == 0xe) {  // RTM_IFINFO: a sockaddr_dl
            if (head != 168 || addresses != 0x10 || address[1] != 18) wrong++;
            loop = address[5] == 2 && same((char *)address + 8, "lo", 2);
            if (loop) up = (flags & 9) == 9 && message[24] == 24;
        } else if (message[3] == 0xc && loop && address[1] == 2) {  // RTM_NEWADDR: netmask, address
            if (head != 24 || (addresses & 0x24) != 0x24) wrong++;
            masked = address[4] == 255 && address[5] == 0;
            own = address[16] == 16 && address[16 + 4] == 127 && address[16 + 7] == 1;
        }
        if (length == 0) break;
        at += length;
    }
    holds("messages", messages >= 2 && wrong == 0);
    holds("the loopback is up", up);
    holds("its address and netmask", own && masked);
    name[3] = 2;
    expect("of the Internet", SYS(sysctl, name, 6, list, &room, 0, 0), 0);
    name[4] = 77;
    expect("another question", SYS(sysctl, name, 6, list, &room, 0, 0), -EINVAL);
}

static void sample(long argc, char **argv, char **environment) {
    expect("kern.ostype", get(64, 2, 1, 1, 0, 0, 0, 0), 0);
    say("%s, %d bytes\n", (char *)value, (long)size);
    expect("with room for four bytes", get(4, 2, 1, 1, 0, 0, 0, 0), -ENOMEM);
    expect("hw.pagesize", get(4, 2, 6, 7, 0, 0, 0, 0), 0);
    say("%d\n", value[0] & 0xffffffff);
    expect("kern.clockrate", get(64, 2, 1, 12, 0, 0, 0, 0), 0);
    expect("its bytes", size, 16);
    expect("kern.cptime", get(64, 2, 1, 40, 0, 0, 0, 0), 0);
    expect("its bytes", size, 48);
    expect("vm.loadavg", get(64, 2, 2, 2, 0, 0, 0, 0), 0);
    expect("its bytes", size, 24);
    expect("vm.psstrings", get(64, 2, 2, 3, 0, 0, 0, 0), 0);
    long *strings = (long *)value[0];
    holds("they name argv", *(char ***)strings == argv && (int)strings[1] == argc);
    expect("what is not there", get(64, 2, 1, 9999, 0, 0, 0, 0), -EOPNOTSUPP);

    kinfo_proc *process = (kinfo_proc *)value;
    expect("kern.proc of this one", get(sizeof value, 6, 1, 66, 1, SYS0(getpid), sizeof *process, 1), 0);
    expect("its bytes", size, sizeof *process);
    holds("its ids", process->pid == SYS0(getpid) && process->ppid == SYS0(getppid) && process->uid == SYS0(getuid));
    say("%s\n", process->comm);
    holds("its start", process->ustart_sec > 1600000000 && process->uvalid == 1);
    expect("of its group, short ones", get(sizeof value, 6, 1, 66, 2, SYS0(getpgrp), 132, 10), 0);
    holds("a multiple of that", size >= 132 && size % 132 == 0);
    expect("none", get(sizeof value, 6, 1, 66, 1, 0x7ffffff0, sizeof *process, 1), 0);
    expect("its bytes", size, 0);
    expect("a wrong size", get(sizeof value, 6, 1, 66, 1, 1, 10000, 1), -EINVAL);
    expect("kern.proc_args", get(sizeof value, 4, 1, 55, SYS0(getpid), 1, 0, 0), 0);
    holds("argv[0]", same((char *)value[0], argv[0], length(argv[0]) + 1) && value[1] == 0);
    expect("their number", get(4, 4, 1, 55, SYS0(getpid), 2, 0, 0), 0);
    expect("is", value[0] & 0xffffffff, 1);

    struct { uint32_t cuid, cgid, uid, gid, mode; uint16_t seq; int64_t key; void *base; uint16_t nsems; int64_t times[8]; } set;
    long sem = SYS(semget, 0, 3, IPC_CREAT | 0600);
    expect("semctl SETVAL", SYS(__semctl, sem, 1, SETVAL, &(long){7}), 0);
    expect("semctl GETVAL", SYS(__semctl, sem, 1, GETVAL, 0), 7);
    void *pointer = &set;
    expect("semctl IPC_STAT", SYS(__semctl, sem, 0, IPC_STAT, &pointer), 0);
    holds("3 semaphores, mode 0600", set.nsems == 3 && (set.mode & 0777) == 0600);
    expect("semctl IPC_RMID", SYS(__semctl, sem, 0, IPC_RMID, 0), 0);
    struct {
        uint32_t cuid, cgid, uid, gid, mode; uint16_t seq; int64_t key;
        int32_t size, lpid, cpid; int16_t attached; int64_t times[6]; void *internal;
    } segment;
    long shm = SYS(shmget, 0, 5000, IPC_CREAT | 0600);
    expect("shmctl IPC_STAT", SYS(shmctl, shm, IPC_STAT, &segment), 0);
    holds("5000 bytes of this process", segment.size == 5000 && segment.cpid == SYS0(getpid) && segment.attached == 0);
    segment.mode = 0400;
    expect("shmctl IPC_SET", SYS(shmctl, shm, IPC_SET, &segment), 0);
    SYS(shmctl, shm, IPC_STAT, &segment);
    expect("its mode", segment.mode & 0777, 0400);
    expect("shmctl IPC_RMID", SYS(shmctl, shm, IPC_RMID, 0), 0);
    int64_t queue[20];
    long msg = SYS(msgget, 0, IPC_CREAT | 0600);
    expect("msgctl IPC_STAT", SYS(msgctl, msg, IPC_STAT, queue), 0);
    holds("nothing in it, room for some", queue[7] == 0 && queue[8] > 0);
    expect("msgctl IPC_RMID", SYS(msgctl, msg, IPC_RMID, 0), 0);

    statfs mount;
    expect("statfs of /proc", call(63, (long)"/proc", (long)&mount, 0, 0, 0, 0), 0);
    say("%s on %s\n", mount.type, mount.on);
    long count = SYS(getfsstat, 0, 0, 2);
    holds("getfsstat counts", count > 0);
    expect("and tells one", SYS(getfsstat, &mount, sizeof mount, 2), 1);
    holds("with its names", mount.on[0] == '/' && mount.type[0]);
    expect("pathconfat", SYS(pathconfat, -100, "/", 4, 0), 255);
    holds("kqueue1", SYS(kqueue1, O_CLOEXEC) > 0);

    int pair[2];
    char in[2][8] = {{0}}, *out[2] = {"first", "second"};
    SYS(socketpair, 1, 2, 0, pair);
    vector sent[2] = {{out[0], 6}, {out[1], 7}}, got[2] = {{in[0], 8}, {in[1], 8}};
    message many[2] = {{.vectors = &sent[0], .count = 1}, {.vectors = &sent[1], .count = 1}};
    expect("sendmmsg", SYS(sendmmsg, pair[0], many, 2, 0), 2);
    expect("bytes of the second", many[1].length, 7);
    message more[2] = {{.vectors = &got[0], .count = 1}, {.vectors = &got[1], .count = 1}};
    expect("recvmmsg", SYS(recvmmsg, pair[1], more, 2, 0, 0), 2);
    say("%s %s\n", in[0], in[1]);
    expect("recvmmsg that does not wait", SYS(recvmmsg, pair[1], more, 2, 0x80, 0), -EAGAIN);
    interfaces();
}
