/// What a freestanding OpenBSD/amd64 program needs: the note that marks it, an entry, system calls, printing. No
/// libc, no headers of the system; numbers and layouts are OpenBSD 7.9's (sys/syscall.h, sys/signal.h and so on).
#ifndef SAMPLE_OPENBSD_H
#define SAMPLE_OPENBSD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_getentropy = 7,
    SYS___tfork = 8, SYS_unlink = 10, SYS_wait4 = 11, SYS_getpid = 20, SYS_getuid = 24, SYS_kill = 122,
    SYS_getppid = 39, SYS_stat = 38, SYS_dup = 41, SYS_sigaction = 46, SYS_sigprocmask = 48, SYS_mmap = 49,
    SYS_sigpending = 52, SYS_fstat = 53, SYS_ioctl = 54, SYS_execve = 59, SYS_kevent = 72, SYS_munmap = 73, SYS_mprotect = 74,
    SYS_mquery = 78, SYS_getpgrp = 81, SYS_setpgid = 82, SYS_futex = 83, SYS_kbind = 86,
    SYS_clock_gettime = 87, SYS_dup2 = 90, SYS_nanosleep = 91, SYS_fcntl = 92, SYS___thrsleep = 94,
    SYS_socket = 97, SYS_getdents = 99, SYS_pipe2 = 101, SYS_dup3 = 102, SYS_sigreturn = 103, SYS_pledge = 108,
    SYS_ppoll = 109, SYS_sigsuspend = 111, SYS_poll = 252, SYS_kqueue = 269, SYS_statfs = 63, SYS_unveil = 114, SYS_thrkill = 119, SYS_socketpair = 135, SYS_mkdir = 136,
    SYS_rmdir = 137, SYS_setsid = 147, SYS_pinsyscalls = 158, SYS_mimmutable = 159, SYS_waitid = 160,
    SYS_lseek = 166, SYS_pread = 169, SYS_sysctl = 202, SYS_pipe = 263, SYS_closefrom = 287,
    SYS_sigaltstack = 288, SYS_sched_yield = 298, SYS_getthrid = 299, SYS___thrwakeup = 301,
    SYS___threxit = 302, SYS___getcwd = 304, SYS___set_tcb = 329, SYS___get_tcb = 330,
};

/// sys/errno.h
enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EBADF = 9, ECHILD = 10, EACCES = 13, EFAULT = 14, EINVAL = 22,
    ENOTTY = 25, EAGAIN = 35, ETIMEDOUT = 60, ENOSYS = 78, ECANCELED = 88,
};

/// sys/signal.h
enum {
    SIGHUP = 1, SIGINT = 2, SIGILL = 4, SIGABRT = 6, SIGKILL = 9, SIGSEGV = 11, SIGALRM = 14, SIGTERM = 15,
    SIGSTOP = 17, SIGTSTP = 18, SIGCONT = 19, SIGCHLD = 20, SIGTTIN = 21, SIGTTOU = 22, SIGUSR1 = 30, SIGUSR2 = 31,
};
enum { SA_ONSTACK = 1, SA_RESTART = 2, SA_RESETHAND = 4, SA_SIGINFO = 0x40 };
enum { SIG_BLOCK = 1, SIG_UNBLOCK = 2, SIG_SETMASK = 3 };

/// sys/fcntl.h, sys/mman.h, sys/wait.h
enum {
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x200, O_TRUNC = 0x400, O_CLOEXEC = 0x10000,
    O_DIRECTORY = 0x20000, F_GETFD = 1,
    PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANON = 0x1000,
    MAP_STACK = 0x4000, WNOHANG = 1, WUNTRACED = 2, WEXITED = 4, WCONTINUED = 8,
};

typedef struct { int64_t sec, nsec; } timespec;
typedef struct { void *handler; uint32_t mask; int32_t flags; } sigaction;
typedef struct {
    int32_t signo, code, error, padding;
    union {
        struct { int32_t pid; uint32_t uid; int64_t utime, stime; int32_t status; } child;
        struct { void *address; int32_t trap; } fault;
        int32_t room[30];
    };
} siginfo;
typedef struct {
    int64_t rdi, rsi, rdx, rcx, r8, r9, r10, r11, r12, r13, r14, r15, rbp, rbx, rax, gs, fs, es, ds, trapno, err,
        rip, cs, rflags, rsp, ss;
    void *fpstate;
    int32_t unused, mask;
    int64_t cookie;
} sigcontext;
typedef struct {
    uint32_t mode, dev;
    uint64_t ino;
    uint32_t nlink, uid, gid, rdev;
    timespec atim, mtim, ctim;
    int64_t size, blocks;
    int32_t blksize;
    uint32_t flags, gen, padding;
    timespec birthtim;
} stat;
_Static_assert(sizeof(stat) == 128 && sizeof(siginfo) == 136 && sizeof(sigaction) == 16 && sizeof(sigcontext) == 232,
               "OpenBSD's sizes");

#include "../sample.h"

/// OpenBSD enters with the stack pointer at argc. The note is what its kernel runs a program by.
__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start: movq %rsp, %rdi\n"
        "        xorl %ebp, %ebp\n"
        "        andq $-16, %rsp\n"
        "        call begin\n"
        "        hlt\n"
        ".section .note.openbsd.ident,\"a\",@note\n"
        "        .long 8, 4, 1\n"
        "        .asciz \"OpenBSD\"\n"
        "        .long 0\n"
        ".text\n");

#endif
