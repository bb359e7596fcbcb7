/// What a freestanding FreeBSD/amd64 program needs: an entry, system calls, printing. No libc, no headers of
/// the system; numbers and layouts are FreeBSD 14's (sys/syscall.h, sys/fcntl.h, sys/signal.h and so on).
#ifndef SAMPLE_FREEBSD_H
#define SAMPLE_FREEBSD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_wait4 = 7,
    SYS_link = 9, SYS_unlink = 10, SYS_chdir = 12, SYS_fchdir = 13, SYS_chmod = 15, SYS_chown = 16,
    SYS_break = 17, SYS_getpid = 20, SYS_getuid = 24, SYS_geteuid = 25, SYS_recvmsg = 27, SYS_sendmsg = 28,
    SYS_recvfrom = 29, SYS_accept = 30, SYS_getpeername = 31, SYS_getsockname = 32, SYS_access = 33,
    SYS_kill = 37, SYS_getppid = 39, SYS_dup = 41, SYS_getegid = 43, SYS_getgid = 47, SYS_sigaltstack = 53,
    SYS_ioctl = 54, SYS_symlink = 57, SYS_readlink = 58, SYS_execve = 59, SYS_umask = 60, SYS_msync = 65,
    SYS_vfork = 66, SYS_munmap = 73, SYS_mprotect = 74, SYS_madvise = 75, SYS_mincore = 78,
    SYS_getgroups = 79, SYS_getpgrp = 81, SYS_setpgid = 82, SYS_setitimer = 83, SYS_getitimer = 86,
    SYS_getdtablesize = 89, SYS_dup2 = 90, SYS_fcntl = 92, SYS_select = 93, SYS_fsync = 95,
    SYS_setpriority = 96, SYS_socket = 97, SYS_connect = 98, SYS_getpriority = 100, SYS_bind = 104,
    SYS_setsockopt = 105, SYS_listen = 106, SYS_gettimeofday = 116, SYS_getrusage = 117,
    SYS_getsockopt = 118, SYS_readv = 120, SYS_writev = 121, SYS_fchown = 123, SYS_fchmod = 124,
    SYS_rename = 128, SYS_flock = 131, SYS_mkfifo = 132, SYS_sendto = 133, SYS_shutdown = 134,
    SYS_socketpair = 135, SYS_mkdir = 136, SYS_rmdir = 137, SYS_utimes = 138, SYS_setsid = 147,
    SYS_sysarch = 165, SYS_getrlimit = 194, SYS_setrlimit = 195, SYS___sysctl = 202, SYS_mlock = 203,
    SYS_munlock = 204, SYS_getpgid = 207, SYS_poll = 209, SYS_clock_gettime = 232, SYS_clock_getres = 234,
    SYS_ktimer_create = 235, SYS_ktimer_delete = 236, SYS_ktimer_settime = 237,
    SYS_nanosleep = 240, SYS_clock_nanosleep = 244, SYS_rfork = 251, SYS_issetugid = 253,
    SYS_lchmod = 274, SYS_getsid = 310,
    SYS___getcwd = 326, SYS_sigprocmask = 340, SYS_sigsuspend = 341, SYS_sigpending = 343,
    SYS_sigtimedwait = 345, SYS_sigwaitinfo = 346, SYS_getresuid = 360, SYS_kqueue = 362,
    SYS_sigaction = 416, SYS_sigreturn = 417, SYS_sigwait = 429, SYS_thr_exit = 431, SYS_thr_self = 432,
    SYS_thr_kill = 433, SYS__umtx_op = 454, SYS_thr_new = 455, SYS_sigqueue = 456, SYS_pread = 475,
    SYS_pwrite = 476, SYS_mmap = 477, SYS_lseek = 478, SYS_truncate = 479, SYS_ftruncate = 480,
    SYS_cpuset_getaffinity = 487, SYS_faccessat = 489, SYS_fchmodat = 490, SYS_linkat = 495,
    SYS_mkdirat = 496, SYS_openat = 499, SYS_readlinkat = 500, SYS_renameat = 501, SYS_symlinkat = 502,
    SYS_unlinkat = 503, SYS_pselect = 522, SYS_wait6 = 532, SYS_accept4 = 541, SYS_pipe2 = 542,
    SYS_ppoll = 545, SYS_futimens = 546, SYS_utimensat = 547, SYS_fdatasync = 550, SYS_fstat = 551,
    SYS_fstatat = 552, SYS_getdirentries = 554, SYS_statfs = 555, SYS_fstatfs = 556, SYS_kevent = 560,
    SYS_getrandom = 563, SYS___sysctlbyname = 570, SYS_close_range = 575,
};

/// sys/errno.h
enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EBADF = 9, ECHILD = 10, EDEADLK = 11, ENOMEM = 12, EACCES = 13,
    EFAULT = 14, EBUSY = 16, EEXIST = 17, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENOTTY = 25, ESPIPE = 29,
    EPIPE = 32, ERANGE = 34, EAGAIN = 35, EINPROGRESS = 36, ENOTSOCK = 38, EDESTADDRREQ = 39, EMSGSIZE = 40,
    EPROTOTYPE = 41, ENOPROTOOPT = 42, EPROTONOSUPPORT = 43, EOPNOTSUPP = 45, EAFNOSUPPORT = 47,
    EADDRINUSE = 48, EADDRNOTAVAIL = 49, ECONNRESET = 54, EISCONN = 56, ENOTCONN = 57, ETIMEDOUT = 60,
    ECONNREFUSED = 61, ELOOP = 62, ENAMETOOLONG = 63, ENOTEMPTY = 66, ENOSYS = 78,
};

/// sys/signal.h
enum {
    SIGHUP = 1, SIGINT = 2, SIGILL = 4, SIGABRT = 6, SIGFPE = 8, SIGKILL = 9, SIGBUS = 10, SIGSEGV = 11,
    SIGSYS = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGURG = 16, SIGSTOP = 17, SIGTSTP = 18, SIGCONT = 19,
    SIGCHLD = 20, SIGVTALRM = 26, SIGWINCH = 28, SIGINFO = 29, SIGUSR1 = 30, SIGUSR2 = 31,
};
enum { SA_ONSTACK = 1, SA_RESTART = 2, SA_RESETHAND = 4, SA_NOCLDSTOP = 8, SA_NODEFER = 0x10, SA_SIGINFO = 0x40 };
enum { SIG_BLOCK = 1, SIG_UNBLOCK = 2, SIG_SETMASK = 3 };

/// sys/fcntl.h, sys/mman.h
enum {
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_NONBLOCK = 4, O_APPEND = 8, O_EXLOCK = 0x20, O_NOFOLLOW = 0x100,
    O_CREAT = 0x200, O_TRUNC = 0x400, O_EXCL = 0x800, O_DIRECTORY = 0x20000, O_CLOEXEC = 0x100000,
    AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x200, AT_REMOVEDIR = 0x800,
    F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 11, F_SETLK = 12,
    F_DUPFD_CLOEXEC = 17,
    PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4,
    MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_STACK = 0x400, MAP_ANON = 0x1000, MAP_GUARD = 0x2000,
    MAP_EXCL = 0x4000,
};

typedef struct { int64_t sec, nsec; } timespec;
typedef struct { int64_t sec, usec; } timeval;
typedef struct { uint32_t bits[4]; } sigset;
typedef struct { void *handler; int32_t flags; sigset mask; } sigaction;
typedef struct {
    int32_t signo, error, code, pid;
    uint32_t uid;
    int32_t status;
    void *addr;
    uint64_t value, reason[5];
} siginfo;

/// sys/thr.h
typedef struct {
    void (*start)(void *);
    void *argument;
    char *stack;
    size_t stack_size;
    char *tls;
    size_t tls_size;
    long *child, *parent;
    int32_t flags;
    void *priority;
    void *spare[3];
} thr_param;
_Static_assert(sizeof(thr_param) == 104, "sys/thr.h");

/// sys/stat.h
typedef struct {
    uint64_t dev, ino, nlink;
    uint16_t mode, padding0;
    uint32_t uid, gid, padding1;
    uint64_t rdev;
    timespec atim, mtim, ctim, birthtim;
    int64_t size, blocks;
    int32_t blksize;
    uint32_t flags;
    uint64_t gen, spare[10];
} stat;
_Static_assert(sizeof(stat) == 224 && sizeof(siginfo) == 80 && sizeof(sigaction) == 32, "FreeBSD's sizes");

#include "../sample.h"

/// FreeBSD enters with the arguments' place in rdi, the stack 8 below a multiple of 16.
__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start: xorl %ebp, %ebp\n"
        "        andq $-16, %rsp\n"
        "        call begin\n"
        "        hlt\n"
        ".section .note.ABI-tag,\"a\",@note\n"
        "        .long 8, 4, 1\n"
        "        .asciz \"FreeBSD\"\n"
        "        .long 1400097\n"
        ".text\n");

#endif
