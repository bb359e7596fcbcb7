/// Errors: numbers that no call has, addresses that are nobody's.
#include "freebsd.h"

static void sample(long argc, char **argv, char **environment) {
    sigaction ignore = {(void *)1, 0, {{0}}};
    SYS(sigaction, SIGSYS, &ignore, 0); // kern.signosys would end the program otherwise
    expect("number beyond all", call(100000, 1, 2, 3, 4, 5, 6), -ENOSYS);
    expect("number below all", call(-5, 1, 2, 3, 4, 5, 6), -ENOSYS);
    expect("obsolete: old execv", call(11, 0, 0, 0, 0, 0, 0), -ENOSYS);
    expect("Linux's number of gettid", call(186, 0, 0, 0, 0, 0, 0), -ENOSYS);
    expect("through __syscall", call(198, SYS_getpid, 0, 0, 0, 0, 0) == SYS0(getpid), 1);
    expect("through syscall", call(0, SYS_close, 99, 0, 0, 0, 0), -EBADF);
    expect("read into nowhere", SYS(open, 16, O_RDONLY, 0), -EFAULT);
    expect("write from nowhere", SYS(write, 1, 16, 5), -EFAULT);
    expect("stat into nowhere", SYS(fstat, 1, 16), -EFAULT);
    expect("stat into the engine", SYS(fstat, 1, 0x7000001000), -EFAULT);
    expect("pipe into nowhere", SYS(pipe2, 16, 0), -EFAULT);
    expect("sigaction from nowhere", SYS(sigaction, SIGUSR1, 16, 0), -EFAULT);
    expect("nanosleep from nowhere", SYS(nanosleep, 16, 0), -EFAULT);
    expect("writev from nowhere", SYS(writev, 1, 16, 1), -EFAULT);
    expect("execve from nowhere", SYS(execve, 16, argv, 0), -EFAULT);
    expect("non-canonical address", SYS(open, 0x8000000000000000, O_RDONLY, 0), -EFAULT);
    // A successful call clears the carry flag that was set before it.
    long result;
    unsigned char carry;
    __asm__ volatile("stc\n syscall" : "=a"(result), "=@ccc"(carry) : "a"(SYS_getpid) : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    holds("carry cleared", carry == 0 && result > 0);
    __asm__ volatile("clc\n syscall" : "=a"(result), "=@ccc"(carry) : "a"(SYS_close), "D"(99) : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    holds("carry set", carry == 1 && result == EBADF);
}
