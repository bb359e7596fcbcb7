/// Signals: actions, masks, frames, alternate stacks, interruption and restart, faults.
#include "freebsd.h"

static volatile int calls, depth, deepest, last, code;
static void *volatile address;
static volatile int on_stack;
static char alternate[32768] __attribute__((aligned(16)));

static void install(int signal, void *handler, int flags) {
    sigaction action = {handler, flags, {{0}}};
    long result = SYS(sigaction, signal, &action, 0);
    if (result) expect("sigaction", result, 0);
}

static void simple(int signal) {
    calls++;
    last = signal;
}

static void detailed(int signal, siginfo *info, void *context) {
    calls++;
    last = info->signo == signal ? signal : -1;
    code = info->code;
    address = info->addr;
    char here;
    on_stack = &here >= alternate && &here < alternate + sizeof alternate;
}

static void nested(int signal) {
    depth++;
    if (depth > deepest) deepest = depth;
    if (signal == SIGUSR1) SYS(kill, SYS0(getpid), SIGUSR2);
    depth--;
}

/// Spoils every register that a handler may spoil.
static void spoils(int signal) {
    calls++;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15\n"
                     "movq $-1, %%rcx\n movq %%rcx, %%rdx\n movq %%rcx, %%r8\n movq %%rcx, %%r11\n"
                     ::: "rcx", "rdx", "r8", "r11", "xmm0", "xmm7", "xmm15");
}

/// Skips the faulting instruction (2 bytes) by changing the saved program counter.
static void skips(int signal, siginfo *info, char *context) {
    calls++;
    last = signal;
    code = info->code;
    address = info->addr;
    *(uint64_t *)(context + 16 + 160) += 2; // uc_mcontext.mc_rip
    *(uint64_t *)(context + 16 + 64) = 0x1234; // mc_rbx
}

static int pending(int signal) {
    sigset set;
    SYS(sigpending, &set);
    return set.bits[(signal - 1) / 32] >> (signal - 1) % 32 & 1;
}

static void masks(void) {
    long self = SYS0(getpid);
    sigset block = {{1u << (SIGUSR1 - 1)}}, old;
    install(SIGUSR1, simple, 0);
    expect("block", SYS(sigprocmask, SIG_BLOCK, &block, &old), 0);
    expect("nothing blocked before", old.bits[0], 0);
    SYS(kill, self, SIGUSR1);
    SYS(kill, self, SIGUSR1);
    expect("held", calls, 0);
    expect("pending", pending(SIGUSR1), 1);
    expect("unblock", SYS(sigprocmask, SIG_SETMASK, &old, &block), 0);
    expect("delivered once", calls, 1);
    expect("its number", last, SIGUSR1);
    expect("strange way", SYS(sigprocmask, 77, &old, 0), -EINVAL);
    install(SIGWINCH, simple, 0);
    SYS(kill, self, SIGWINCH);
    expect("a number that Linux has for another", last, SIGWINCH);
    install(SIGINFO, simple, 0);
    SYS(kill, self, SIGINFO);
    expect("a signal that Linux lacks", last, SIGINFO);
    expect("no such signal", SYS(sigaction, 129, 0, 0), -EINVAL);
    sigaction kills = {simple, 0, {{0}}};
    expect("SIGKILL cannot be caught", SYS(sigaction, SIGKILL, &kills, 0), -EINVAL);
    expect("query", SYS(sigaction, SIGUSR1, 0, &kills), 0);
    holds("the same handler", kills.handler == (void *)simple && kills.flags == 0);
    install(SIGUSR1, nested, 0);
    install(SIGUSR2, nested, 0);
    SYS(kill, self, SIGUSR1);
    expect("handlers within handlers", deepest, 2);
    install(SIGUSR1, simple, SA_RESETHAND);
    SYS(kill, self, SIGUSR1);
    SYS(sigaction, SIGUSR1, 0, &kills);
    expect("reset", (long)kills.handler, 0);
    install(SIGUSR1, (void *)1, 0);
    SYS(kill, self, SIGUSR1);
    expect("ignored", last, SIGUSR1);
    install(SIGUSR1, simple, 0);
    sigset none = {{0}};
    SYS(sigprocmask, SIG_BLOCK, &block, 0);
    sigset only = {{1u << (SIGUSR1 - 1)}};
    SYS(sigprocmask, SIG_SETMASK, &only, 0);
    SYS(kill, self, SIGUSR1);
    calls = 0;
    expect("sigsuspend", SYS(sigsuspend, &none), -EINTR);
    expect("woken by a handler", calls, 1);
    SYS(kill, self, SIGUSR1);
    siginfo info;
    expect("sigtimedwait", SYS(sigtimedwait, &only, &info, span(1, 0)), SIGUSR1);
    expect("sent by kill", info.code, 0x10001); // SI_USER
    holds("sender", info.pid == self);
    expect("nothing comes", SYS(sigtimedwait, &only, &info, span(0, 10000000)), -EAGAIN);
    SYS(sigqueue, self, SIGUSR1, 4711);
    expect("sigwaitinfo", SYS(sigwaitinfo, &only, &info), SIGUSR1);
    expect("queued", info.code, 0x10002); // SI_QUEUE
    expect("value", (long)info.value, 4711);
    SYS(kill, self, SIGUSR1);
    int number = 0;
    expect("sigwait", SYS(sigwait, &only, &number), 0);
    expect("waited for", number, SIGUSR1);
    SYS(sigprocmask, SIG_SETMASK, &none, 0);
}

static void frames(void) {
    struct { void *base; size_t size; int32_t flags; } stack = {alternate, sizeof alternate, 0}, old;
    expect("sigaltstack", SYS(sigaltstack, &stack, &old), 0);
    expect("none before", old.flags, 4); // SS_DISABLE
    install(SIGUSR1, detailed, SA_ONSTACK | SA_SIGINFO);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("on the other stack", on_stack, 1);
    expect("code", code, 0x10001);
    install(SIGUSR1, detailed, SA_SIGINFO);
    SYS(kill, SYS0(getpid), SIGUSR1);
    expect("on this stack", on_stack, 0);
    stack.size = 16;
    expect("stack too small", SYS(sigaltstack, &stack, 0), -ENOMEM);

    // A fault on a stack of its own, by address.
    install(SIGSEGV, skips, SA_ONSTACK | SA_SIGINFO);
    long changed = 0;
    calls = 0;
    __asm__ volatile("movq $0x10018, %%rax\n movl $7, %%ebx\n .byte 0x89, 0x18\n movq %%rbx, %0" // mov %ebx, (%rax)
                     : "=r"(changed)::"rax", "rbx", "memory");
    expect("fault handled", calls, 1);
    expect("fault address", (long)address, 0x10018);
    expect("no mapping there", code, 1); // SEGV_MAPERR
    expect("register set by the handler", changed, 0x1234);
    char *page = (char *)SYS(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
    __asm__ volatile("movq %0, %%rax\n .byte 0x89, 0x18" ::"r"(page) : "rax", "rbx", "memory");
    expect("no right to write", code, 2); // SEGV_ACCERR
    holds("its address", address == page);
    install(SIGILL, skips, SA_SIGINFO);
    __asm__ volatile("ud2" ::: "rbx");
    expect("illegal instruction", last, SIGILL);
    install(SIGFPE, skips, SA_SIGINFO);
    __asm__ volatile("xorl %%ecx, %%ecx\n xorl %%edx, %%edx\n movl $1, %%eax\n .byte 0xf7, 0xf1" // div %ecx
                     ::: "rax", "rbx", "rcx", "rdx");
    expect("division", last, SIGFPE);
    expect("by zero", code, 2); // FPE_INTDIV

    // Every register survives a handler, whenever it comes.
    install(SIGUSR1, spoils, 0);
    calls = 0;
    uint64_t low = 0x1122334455667788, results[6];
    register long pid __asm__("rdi") = SYS0(getpid);
    __asm__ volatile("movq %1, %%xmm0\n movq %1, %%xmm7\n movq %1, %%xmm15\n movq %1, %%r12\n movq %1, %%rbx\n"
                     "movl $30, %%esi\n movl $37, %%eax\n syscall\n"
                     "movq %%xmm0, 0(%0)\n movq %%xmm7, 8(%0)\n movq %%xmm15, 16(%0)\n"
                     "movq %%r12, 24(%0)\n movq %%rbx, 32(%0)\n movq %%rax, 40(%0)\n"
                     :: "r"(results), "r"(low), "r"(pid)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "xmm0", "xmm7", "xmm15", "memory");
    expect("a handler at a call", calls, 1);
    for (int index = 0; index < 5; index++) holds("register kept", results[index] == low);
    expect("the call's result", (long)results[5], 0);
}

static void sends_later(int signal, long milliseconds) {
    long parent = SYS0(getpid);
    if (SYS0(fork) == 0) {
        nap(milliseconds);
        SYS(kill, parent, signal);
        leave(0);
    }
}

static void interruption(void) {
    int ends[2], status;
    char byte;
    SYS(pipe2, ends, 0);
    install(SIGUSR1, simple, 0);
    calls = 0;
    sends_later(SIGUSR1, 100);
    expect("read interrupted", SYS(read, ends[0], &byte, 1), -EINTR);
    expect("by the handler", calls, 1);
    SYS(wait4, -1, &status, 0, 0);
    install(SIGUSR1, simple, SA_RESTART);
    long parent = SYS0(getpid);
    if (SYS0(fork) == 0) {
        nap(100);
        SYS(kill, parent, SIGUSR1);
        nap(300);
        SYS(write, ends[1], "x", 1);
        leave(0);
    }
    expect("read restarted", SYS(read, ends[0], &byte, 1), 1);
    expect("after the handler", calls, 2);
    SYS(wait4, -1, &status, 0, 0);
    sends_later(SIGUSR1, 100);
    timespec rest = {9, 9};
    expect("nanosleep is never restarted", SYS(nanosleep, span(5, 0), &rest), -EINTR);
    holds("time left", rest.sec == 4);
    SYS(wait4, -1, &status, 0, 0);
    install(SIGCHLD, simple, 0);
    last = 0;
    long child = SYS0(fork);
    if (child == 0) {
        SYS(nanosleep, span(0, 50000000), 0);  // the parent waits by then
        leave(0);
    }
    while (SYS(wait4, child, &status, 0, 0) == -EINTR) continue;
    expect("a child's end is told", last, SIGCHLD);
    install(SIGPIPE, simple, 0);
    SYS(close, ends[0]);
    expect("broken pipe", SYS(write, ends[1], "x", 1), -EPIPE);
    expect("its signal", last, SIGPIPE);
    struct { timeval interval, value; } timer = {{0, 0}, {0, 20000}};
    install(SIGALRM, simple, 0);
    expect("setitimer", SYS(setitimer, 0, &timer, 0), 0);
    sigset none = {{0}};
    SYS(sigsuspend, &none);
    expect("alarm", last, SIGALRM);
    holds("parent is the same", parent == SYS0(getpid));
}

static void sample(long argc, char **argv, char **environment) {
    masks();
    frames();
    interruption();
    say("dying of SIGUSR2\n");
    install(SIGUSR2, 0, 0);
    SYS(kill, SYS0(getpid), SIGUSR2);
}
