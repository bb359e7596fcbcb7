/// What a freestanding NetBSD/amd64 program needs: the note that marks it, an entry, system calls, printing. No libc,
/// no headers of the system; numbers and layouts are NetBSD 10's (sys/syscall.h, sys/signal.h and so on).
#ifndef SAMPLE_NETBSD_H
#define SAMPLE_NETBSD_H

#include <stddef.h>
#include <stdint.h>

enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_link = 9,
    SYS_unlink = 10, SYS_chdir = 12, SYS_fchdir = 13, SYS_getpid = 20, SYS_getuid = 24, SYS_recvmsg = 27,
    SYS_sendmsg = 28, SYS_accept = 30, SYS_access = 33, SYS_kill = 37, SYS_getppid = 39, SYS_dup = 41,
    SYS_ioctl = 54, SYS_symlink = 57, SYS_readlink = 58, SYS_execve = 59, SYS_munmap = 73, SYS_mprotect = 74,
    SYS_getpgrp = 81, SYS_setpgid = 82, SYS_dup2 = 90, SYS_fcntl = 92, SYS_connect = 98, SYS_bind = 104,
    SYS_setsockopt = 105, SYS_listen = 106, SYS_getsockopt = 118, SYS_rename = 128, SYS_sendto = 133,
    SYS_shutdown = 134, SYS_socketpair = 135,
    SYS_mkdir = 136, SYS_rmdir = 137, SYS_setsid = 147, SYS_pread = 173, SYS_pwrite = 174, SYS_pathconf = 191,
    SYS_getrlimit = 194, SYS_mmap = 197, SYS_lseek = 199, SYS_ftruncate = 201, SYS___sysctl = 202,
    SYS_poll = 209, SYS_semget = 221, SYS_semop = 222, SYS_msgget = 225, SYS_msgsnd = 226, SYS_msgrcv = 227,
    SYS_shmat = 228, SYS_shmdt = 230, SYS_shmget = 231, SYS_timer_create = 235, SYS_timer_delete = 236,
    SYS_timer_getoverrun = 239, SYS_sigqueueinfo = 245, SYS__ksem_init = 247, SYS__ksem_open = 248,
    SYS__ksem_unlink = 249, SYS__ksem_close = 250, SYS__ksem_post = 251, SYS__ksem_wait = 252,
    SYS__ksem_trywait = 253, SYS__ksem_getvalue = 254, SYS__ksem_destroy = 255, SYS__ksem_timedwait = 256,
    SYS_mq_open = 257, SYS_mq_close = 258, SYS_mq_unlink = 259, SYS_mq_getattr = 260, SYS_mq_setattr = 261,
    SYS_mq_notify = 262, SYS_mq_send = 263, SYS_mq_receive = 264, SYS___sigaltstack14 = 281, SYS___clone = 287,
    SYS___sigpending14 = 292, SYS___sigprocmask14 = 293, SYS___sigsuspend14 = 294, SYS___getcwd = 296,
    SYS_getcontext = 307, SYS_setcontext = 308, SYS__lwp_create = 309, SYS__lwp_exit = 310, SYS__lwp_self = 311,
    SYS__lwp_wait = 312, SYS__lwp_suspend = 313, SYS__lwp_continue = 314, SYS__lwp_wakeup = 315,
    SYS__lwp_getprivate = 316, SYS__lwp_setprivate = 317, SYS__lwp_kill = 318, SYS__lwp_detach = 319,
    SYS__lwp_unpark = 321, SYS__lwp_unpark_all = 322, SYS__lwp_setname = 323, SYS__lwp_getname = 324,
    SYS__lwp_ctl = 325, SYS___sigaction_sigtramp = 340, SYS_kqueue = 344, SYS__sched_setparam = 346,
    SYS__sched_getparam = 347, SYS__sched_setaffinity = 348, SYS__sched_getaffinity = 349,
    SYS_sched_yield = 350, SYS_stat30 = 387, SYS___getdents30 = 390, SYS___socket30 = 394, SYS_aio_cancel = 399,
    SYS_aio_error = 400, SYS_aio_fsync = 401, SYS_aio_read = 402, SYS_aio_return = 403, SYS_aio_write = 405,
    SYS_lio_listio = 406, SYS_mremap = 411, SYS___posix_fadvise50 = 416, SYS___select50 = 417,
    SYS___gettimeofday50 = 418, SYS___utimes50 = 420, SYS___setitimer50 = 425, SYS___getitimer50 = 426,
    SYS___clock_gettime50 = 427, SYS___clock_getres50 = 429, SYS___nanosleep50 = 430,
    SYS_____sigtimedwait50 = 431, SYS___mq_timedsend50 = 432, SYS___mq_timedreceive50 = 433, SYS_kevent = 435,
    SYS___pollts50 = 437, SYS___aio_suspend50 = 438, SYS___stat50 = 439, SYS___fstat50 = 440,
    SYS___lstat50 = 441, SYS_____semctl50 = 442, SYS___shmctl50 = 443, SYS___msgctl50 = 444,
    SYS___getrusage50 = 445, SYS___timer_settime50 = 446, SYS___timer_gettime50 = 447, SYS___wait450 = 449,
    SYS_pipe2 = 453, SYS_kqueue1 = 455, SYS_paccept = 456, SYS_linkat = 457, SYS_renameat = 458,
    SYS_mkdirat = 461, SYS_faccessat = 462, SYS_fstatat = 466, SYS_utimensat = 467, SYS_openat = 468,
    SYS_readlinkat = 469, SYS_symlinkat = 470, SYS_unlinkat = 471, SYS_futimens = 472, SYS_posix_spawn = 474,
    SYS_recvmmsg = 475, SYS_sendmmsg = 476, SYS_clock_nanosleep = 477, SYS____lwp_park60 = 478,
    SYS_posix_fallocate = 479, SYS_fdiscard = 480, SYS_wait6 = 481, SYS_clock_getcpuclockid2 = 482,
    SYS___getvfsstat90 = 483, SYS___statvfs190 = 484, SYS___fstatvfs190 = 485,
    SYS_nanosleep = SYS___nanosleep50,
};

/// sys/errno.h
enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EBADF = 9, ECHILD = 10, EDEADLK = 11, ENOMEM = 12, EACCES = 13,
    EFAULT = 14, EEXIST = 17, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENOTTY = 25, EPIPE = 32, ERANGE = 34,
    EAGAIN = 35, EALREADY = 37, EMSGSIZE = 40, ENOTEMPTY = 66, ETIMEDOUT = 60, ENOSYS = 78, EIDRM = 82, ENOMSG = 83,
    ENOTSUP = 86,
};

/// sys/signal.h
enum {
    SIGHUP = 1, SIGINT = 2, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGFPE = 8, SIGKILL = 9, SIGBUS = 10, SIGSEGV = 11,
    SIGSYS = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGURG = 16, SIGSTOP = 17, SIGTSTP = 18, SIGCONT = 19,
    SIGCHLD = 20, SIGWINCH = 28, SIGUSR1 = 30, SIGUSR2 = 31,
};
enum { SA_ONSTACK = 1, SA_RESTART = 2, SA_RESETHAND = 4, SA_NOCLDSTOP = 8, SA_NODEFER = 0x10, SA_SIGINFO = 0x40 };
enum { SIG_BLOCK = 1, SIG_UNBLOCK = 2, SIG_SETMASK = 3 };

/// sys/fcntl.h, sys/mman.h, sys/wait.h
enum {
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_NONBLOCK = 4, O_APPEND = 8, O_CREAT = 0x200, O_TRUNC = 0x400,
    O_EXCL = 0x800, O_NOCTTY = 0x8000, O_DIRECTORY = 0x200000, O_CLOEXEC = 0x400000,
    AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x200, AT_REMOVEDIR = 0x800,
    F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4,
    PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4,
    MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANON = 0x1000, MAP_REMAPDUP = 4,
    WNOHANG = 1, WUNTRACED = 2, WEXITED = 0x20,
};

typedef struct { int64_t sec, nsec; } timespec;
typedef struct { int64_t sec; int32_t usec, padding; } timeval;
typedef struct { uint32_t bits[4]; } sigset;
typedef struct { void *handler; sigset mask; int32_t flags; } sigaction;
typedef struct {
    int32_t signo, code, error, padding;
    union {
        struct { int32_t pid; uint32_t uid; void *value; } sender;
        struct { int32_t pid; uint32_t uid; int32_t status; } child;
        struct { void *address; int32_t trap; } fault;
        char room[112];
    };
} siginfo;
/// sys/arch/amd64/include/mcontext.h: rdi rsi rdx rcx r8...r15 rbp rbx rax gs fs es ds trapno err rip cs rflags rsp ss
enum { REG_RDI = 0, REG_RAX = 14, REG_ERR = 20, REG_RIP = 21, REG_RFLAGS = 23, REG_RSP = 24, REGISTERS = 26 };
enum { UC_SIGMASK = 1, UC_STACK = 2, UC_CPU = 4, UC_FPU = 8, UC_TLSBASE = 0x80000 };
typedef struct ucontext {
    uint32_t flags;
    struct ucontext *link;
    sigset mask;
    struct { void *base; size_t size; int32_t flags; } stack;
    uint64_t registers[REGISTERS];
    uint64_t tlsbase;
    char floating[512] __attribute__((aligned(8)));
} ucontext;

/// sys/stat.h
typedef struct {
    uint64_t dev;
    uint32_t mode;
    uint64_t ino;
    uint32_t nlink, uid, gid;
    uint64_t rdev;
    timespec atim, mtim, ctim, birthtim;
    int64_t size, blocks;
    int32_t blksize;
    uint32_t flags, gen, spare[2];
} stat;
_Static_assert(sizeof(stat) == 152 && sizeof(siginfo) == 128 && sizeof(sigaction) == 32 && sizeof(ucontext) == 784,
               "NetBSD's sizes");

#include "../sample.h"

/// Anonymous memory: the offset is mmap's seventh word, which is on the stack.
static char *map(size_t size, int protection) {
    register long r10 __asm__("r10") = MAP_ANON | MAP_PRIVATE;
    register long r8 __asm__("r8") = -1;
    register long r9 __asm__("r9") = 0;
    long result = SYS_mmap;
    unsigned char failed;
    __asm__ volatile("pushq $0\n pushq $0\n syscall\n leaq 16(%%rsp), %%rsp"
                     : "+a"(result), "=@ccc"(failed), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "D"(0), "S"(size), "d"((long)protection)
                     : "rcx", "r11", "memory");
    return failed ? 0 : (char *)result;
}

/// What a handler returns into (libc's __sigtramp_siginfo_2): the context is in r15.
void trampoline(void);
__asm__("trampoline: movq %r15, %rdi\n"
        "            movl $308, %eax\n"
        "            syscall\n"
        "            movl $-1, %edi\n"
        "            movl $1, %eax\n"
        "            syscall\n");

/// Has a function called at a signal, or its default (0) or nothing (1) done.
static long handle(int signal, void (*handler)(int, siginfo *, ucontext *), int flags) {
    sigaction action = {(void *)handler, {{0}}, flags};
    int none = (uintptr_t)handler < 2;
    return SYS(__sigaction_sigtramp, signal, &action, 0, none ? 0 : (void *)trampoline, none ? 0 : 2);
}

/// NetBSD enters with the stack pointer at argc.
__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start: movq %rsp, %rdi\n"
        "        xorl %ebp, %ebp\n"
        "        andq $-16, %rsp\n"
        "        call begin\n"
        "        hlt\n"
        ".section .note.netbsd.ident,\"a\",@note\n"
        "        .long 7, 4, 1\n"
        "        .asciz \"NetBSD\"\n"
        "        .byte 0\n"
        "        .long 1001000000\n"
        ".text\n");

#endif
