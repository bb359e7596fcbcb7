/// posix_spawn, __clone, wait6.
#include "netbsd.h"

enum { FAE_OPEN = 0, FAE_DUP2 = 1, FAE_CLOSE = 2, FAE_CHDIR = 3 };
enum { SETPGROUP = 2, SETSIGDEF = 0x10, SETSIGMASK = 0x20 };
typedef struct {
    int32_t action, fildes;
    union {
        struct { const char *path; int32_t oflag; uint32_t mode; } open;
        int32_t newfildes;
    };
} entry;
struct actions { uint32_t size, len; entry *entries; };
struct attributes {
    int16_t flags;
    int32_t group, priority, policy;
    sigset defaults, mask;
};
_Static_assert(sizeof(entry) == 24 && sizeof(struct attributes) == 48, "NetBSD's sizes");

static volatile int shared;
static char stack[16384] __attribute__((aligned(16)));

static void child_tells(char **argv) {
    if (argv[1][0] == 'g') {
        leave(SYS0(getpgrp) == SYS0(getpid) ? 21 : 22);
    }
    sigset mask;
    SYS(__sigprocmask14, 0, 0, &mask);
    say("the child: argument %s, mask %x\n", argv[1], mask.bits[0]);
    leave(17);
}

static void sample(long argc, char **argv, char **environment) {
    if (argc > 1) child_tells(argv);
    char *arguments[] = {argv[0], "spawned", 0};
    int pid = -1, status = 0;
    say("posix_spawn\n");
    long spawned = SYS(posix_spawn, &pid, argv[0], 0, 0, arguments, environment);
    int waited = SYS(__wait450, pid, &status, 0, 0) == pid;
    expect("spawn", spawned, 0);
    expect("wait", waited, 1);
    expect("status", status, 17 << 8);
    expect("no such file", SYS(posix_spawn, &pid, "none", 0, 0, arguments, environment), ENOENT);
    expect("no child is left", SYS(__wait450, -1, &status, 0, 0), -ECHILD);
    entry list[] = {
        {FAE_OPEN, 1, {.open = {"output", O_CREAT | O_WRONLY | O_TRUNC, 0600}}},
        {FAE_DUP2, 1, {.newfildes = 2}},
        {FAE_CLOSE, 0, {.newfildes = 0}},
    };
    struct actions actions = {3, 3, list};
    struct attributes attributes = {SETSIGMASK, 0, 0, 0, {{0}}, {{1u << (SIGUSR1 - 1)}}};
    expect("spawn with actions", SYS(posix_spawn, &pid, argv[0], &actions, &attributes, arguments, environment), 0);
    expect("wait", SYS(__wait450, pid, &status, 0, 0) == pid, 1);
    char text[64] = "";
    long file = SYS(open, "output", O_RDONLY);
    long length = SYS(read, file, text, 63);
    say("%s", text);
    holds("what it wrote", length > 0);
    SYS(close, file);
    SYS(unlink, "output");
    list[0].open.path = "none/output";
    expect("an action that fails", SYS(posix_spawn, &pid, argv[0], &actions, 0, arguments, environment), ENOENT);
    attributes.flags = SETPGROUP;
    arguments[1] = "group";
    expect("spawn in a group of its own", SYS(posix_spawn, &pid, argv[0], 0, &attributes, arguments, environment), 0);
    expect("wait", SYS(__wait450, pid, &status, 0, 0) == pid, 1);
    expect("status", status, 21 << 8);

    say("__clone\n");
    long child = SYS(__clone, SIGCHLD, 0);
    if (child == 0) leave(4);
    SYS(__wait450, child, &status, 0, 0);
    expect("a copy's status", status, 4 << 8);
    shared = 1;
    // The child's stack holds where it goes on: it must not return from this function.
    register long result __asm__("rax") = SYS___clone;
    __asm__ volatile("syscall\n"
                     "testl %%eax, %%eax\n"
                     "jnz 1f\n"
                     "movl $5, shared(%%rip)\n"
                     "movl $6, %%edi\n"
                     "movl $1, %%eax\n"
                     "syscall\n"
                     "1:"
                     : "+a"(result)
                     : "D"(0x100 | 0x4000 | SIGCHLD), "S"(stack + sizeof stack)
                     : "rcx", "r11", "memory");
    SYS(__wait450, result, &status, 0, 0);
    expect("in the same memory", shared, 5);
    expect("status", status, 6 << 8);
    expect("shared signal actions alone", SYS(__clone, 0x800, 0), -EINVAL);

    say("wait6\n");
    child = SYS0(fork);
    if (child == 0) leave(9);
    struct { char self[144], children[144]; } usage;
    siginfo info;
    memset(&info, 0, sizeof info);
    expect("wait6", SYS(wait6, 1, child, &status, WEXITED, &usage, &info) == child, 1);
    expect("status", status, 9 << 8);
    expect("info", info.signo == SIGCHLD && info.child.status == 9 && info.child.pid == child, 1);
}
