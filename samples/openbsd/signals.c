// Signals: sets as words, struct sigcontext, the cookie, the alternate stack, waiting.
#include "openbsd.h"

static volatile int caught, code_seen;
static volatile long fault_address;
static sigcontext *seen;

static void count(int signal, siginfo *info, sigcontext *context) {
    caught = signal;
    seen = context;
    code_seen = info ? info->code : -1;
    if (signal == SIGSEGV) {
        fault_address = (long)info->fault.address;
        // The instruction is `movb $1, (%rax)`: three bytes.
        context->rip += 3;
    }
}

static void install(int signal, int flags) {
    sigaction action = {count, 0, flags};
    SYS(sigaction, signal, &action, 0);
}

static void forge(int signal, siginfo *info, sigcontext *context) { context->cookie ^= 1; }

static void sample(long argc, char **argv, char **environment) {
    install(SIGUSR1, 0);
    expect("kill", SYS(kill, SYS0(getpid), SIGUSR1), 0);
    expect("caught", caught, SIGUSR1);
    expect("no siginfo asked", code_seen, -1);
    install(SIGUSR1, SA_SIGINFO);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("code of kill", code_seen, 0);
    holds("context at a multiple of 16", (long)seen % 16 == 0);

    long usr1 = 1u << (SIGUSR1 - 1);
    caught = 0;
    expect("block", SYS(sigprocmask, SIG_BLOCK, usr1), 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("not yet", caught, 0);
    expect("pending", SYS0(sigpending), usr1);
    expect("sigsuspend", SYS(sigsuspend, 0), -EINTR);
    expect("suspended until", caught, SIGUSR1);
    expect("unblock tells the mask before", SYS(sigprocmask, SIG_UNBLOCK, usr1), usr1);
    expect("a how that is none", SYS(sigprocmask, 9, 0), -EINVAL);

    install(SIGSEGV, SA_SIGINFO);
    char *page = (char *)SYS(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
    __asm__ volatile("movb $1, (%%rax)" : : "a"(page) : "memory");
    expect("fault", caught, SIGSEGV);
    holds("fault's address", fault_address == (long)page);
    expect("SEGV_ACCERR", code_seen, 2);

    struct { char *base; size_t size; int flags; } stack = {0};
    stack.base = (char *)SYS(mmap, 0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_STACK, -1, 0);
    stack.size = 65536;
    expect("sigaltstack", SYS(sigaltstack, &stack, 0), 0);
    install(SIGUSR2, SA_ONSTACK);
    SYS(kill, SYS0(getpid), SIGUSR2);
    holds("on the alternate stack", (char *)seen > stack.base && (char *)seen < stack.base + stack.size);

    double before = 1.5, after;
    __asm__ volatile("movsd %1, %%xmm7; movl $122, %%eax; movl %2, %%edi; movl $30, %%esi; syscall; movsd %%xmm7, %0"
                     : "=m"(after) : "m"(before), "r"((int)SYS0(getpid)) : "rax", "rcx", "r11", "rdi", "rsi", "xmm7");
    holds("floating-point registers come back", after == before);

    int status = 0;
    long child = SYS0(fork);
    if (child == 0) {
        sigaction action = {forge, 0, 0};
        SYS(sigaction, SIGUSR1, &action, 0);
        SYS(kill, SYS0(getpid), SIGUSR1);
        leave(0);
    }
    holds("wait4", SYS(wait4, child, &status, 0, 0) == child);
    expect("a forged context ends with SIGILL", status & 0x7f, SIGILL);
    child = SYS0(fork);
    if (child == 0) {
        SYS(sigreturn, seen);
        leave(0);
    }
    SYS(wait4, child, &status, 0, 0);
    expect("sigreturn from elsewhere", status & 0x7f, SIGILL);
}
