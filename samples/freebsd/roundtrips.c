/// Signals to oneself again and again, so that the calls and the return from a handler are jumps: registers and vector
/// registers, nesting, a handler that changes its context or never returns, masks, an alternate stack, threads.
#include "freebsd.h"

enum { OFTEN = 300, THREADS = 4 };

/// Sites of their own; what the handler finds in rbx and xmm7 is what the caller had there.
__asm__(".text\n"
        "kill_site: movl $37, %eax\n"
        "kill_call: syscall\n"
        "        ret\n"
        "mask_site: movl $340, %eax\n"
        "        syscall\n"
        "        ret\n"
        "thread_site: movl $433, %eax\n"
        "        syscall\n"
        "        ret\n"
        "suspend_site: movl $341, %eax\n"
        "        syscall\n"
        "        movl $0, %ecx\n"
        "        cmovcq %rax, %rcx\n"
        "        negq %rcx\n"
        "        movq %rcx, %rax\n"
        "        ret\n"
        "escape: movq from(%rip), %rsp\n"
        "        popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n"
        "        movl $77, %eax\n"
        "        ret\n"
        "kill_or_escape: pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        "        movq %rsp, from(%rip)\n"
        "        call kill_site\n"
        "        ud2\n");
long kill_site(long, long), mask_site(long, void *, void *), thread_site(long, long), suspend_site(void *);
long kill_or_escape(long, long);
void escape(void);
extern char kill_call[];
void *from;

/// Where FreeBSD's ucontext_t has them: mcontext_t begins at 16 (x86/ucontext.h).
enum { UC_RAX = 16 + 56, UC_RBX = 16 + 64, UC_R11 = 16 + 88, UC_RCX = 16 + 32, UC_RIP = 16 + 160, UC_FLAGS = 16 + 176, UC_XMM = 16 + 224 + 160 };
static uint64_t *word(char *context, long offset) { return (uint64_t *)(context + offset); }

static volatile long handled, depth, deepest, mistaken;
static long self;
static uint64_t pattern[4] __attribute__((aligned(16)));

static void clobber(void) {
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15\n movq $-1, %%r10\n" ::: "xmm0", "xmm7", "xmm15", "r10");
}
static void plain(int signal, siginfo *info, char *context) {
    handled++;
    if (*word(context, UC_RIP) != (uint64_t)kill_call + 2) mistaken |= 1;
    if (*word(context, UC_RCX) != (uint64_t)kill_call + 2) mistaken |= 2;
    if (*word(context, UC_RAX) != 0 || (*word(context, UC_FLAGS) & 1)) mistaken |= 4;
    if (*word(context, UC_RBX) != 0x1234567890) mistaken |= 8;
    if (word(context, UC_XMM + 16 * 7)[1] != pattern[1]) mistaken |= 16;
    if (info->signo != signal || info->pid != self || *(uint32_t *)context & 1u << (SIGUSR1 - 1)) mistaken |= 32;
    sigset now = {{0}};
    mask_site(SIG_BLOCK, 0, &now);
    if (!(now.bits[0] & 1u << (signal - 1))) mistaken |= 64;
    clobber();
}
/// kill_site with rbx, r12 and vector registers that must come back.
static long marked_kill(long signal) {
    uint64_t after[2] __attribute__((aligned(16))), bx, twelve;
    long result, argument = self;
    __asm__ volatile("movq %[bx], %%rbx\n movq $0x77, %%r12\n movdqa %[in], %%xmm7\n movdqa %[in], %%xmm15\n call kill_site\n"
                     "paddq %%xmm15, %%xmm7\n movdqa %%xmm7, %[out]\n movq %%rbx, %[left]\n movq %%r12, %[twelve]\n"
                     : "=a"(result), [out] "=m"(after), [left] "=m"(bx), [twelve] "=m"(twelve), "+D"(argument), "+S"(signal)
                     : [bx] "r"(0x1234567890), [in] "m"(pattern)
                     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "xmm7", "xmm15", "memory", "cc");
    if (bx != 0x1234567890 || twelve != 0x77 || after[0] != 2 * pattern[0] || after[1] != 2 * pattern[1]) mistaken |= 128;
    return result;
}

static void nested(int signal) {
    if (++depth > deepest) deepest = depth;
    if (depth < 5) kill_site(self, signal);
    handled++;
    depth--;
}
static void changing(int signal, siginfo *info, char *context) {
    *word(context, UC_RBX) = 0x4444;
    word(context, UC_XMM + 16 * 7)[0] = 0x5555;
    *word(context, UC_RAX) = 99;
    *word(context, UC_R11) = 0x66;
    *word(context, UC_FLAGS) |= 1;
    *(uint32_t *)context |= 1u << (SIGUSR2 - 1);
}
static void leaping(int signal) {
    handled++;
    escape();
}
static char other[32768];
static volatile long outside;
static void elsewhere(int signal) {
    char here;
    handled++;
    outside += &here < other || &here >= other + sizeof other;
}
static void counting(int signal) { handled++; }

static void install(int signal, void *handler, int flags) {
    sigaction action = {handler, flags, {{0}}};
    SYS(sigaction, signal, &action, 0);
}

static char stacks[THREADS][65536] __attribute__((aligned(16)));
static volatile long finished, taken[THREADS], lost;
static __attribute__((aligned(16))) volatile long ids[THREADS];
static void in_thread(int signal) {
    long id = 0;
    SYS(thr_self, &id);
    for (int index = 0; index < THREADS; index++)
        if (ids[index] == id) taken[index]++;
    clobber();
}
__attribute__((force_align_arg_pointer)) static void sender(void *argument) {
    long index = (long)argument, id = 0;
    SYS(thr_self, &id);
    ids[index] = id;
    for (int turn = 0; turn < OFTEN; turn++) {
        thread_site(id, SIGUSR1);
        if (taken[index] != turn + 1) lost++;
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    SYS(thr_exit, 0);
}

static void sample(long argc, char **argv, char **environment) {
    self = SYS0(getpid);
    pattern[0] = 0x0102030405060708, pattern[1] = 0x1112131415161718;
    install(SIGUSR1, plain, SA_SIGINFO);
    long bad = 0;
    for (int turn = 0; turn < OFTEN; turn++) {
        long before = handled;
        bad += marked_kill(SIGUSR1) != 0 || handled != before + 1;
    }
    expect("handlers that did not run once before kill returned", bad, 0);
    expect("what they and the caller found", mistaken, 0);
    expect("kill is a jump", *(volatile uint8_t *)kill_site == 0xe9, 1);
    expect("sigprocmask too", *(volatile uint8_t *)mask_site == 0xe9, 1);

    install(SIGUSR1, nested, SA_NODEFER);
    for (int turn = 0; turn < OFTEN; turn++) kill_site(self, SIGUSR1);
    expect("nested", deepest, 5);
    expect("and back", depth, 0);

    install(SIGUSR2, changing, SA_SIGINFO);
    bad = 0;
    sigset none = {{0}}, now;
    for (int turn = 0; turn < OFTEN; turn++) {
        uint64_t bx, vector[2] __attribute__((aligned(16))), eleven;
        long result, first = self, second = SIGUSR2;
        unsigned char carry;
        __asm__ volatile("movq $1, %%rbx\n call kill_site\n setc %[carry]\n movq %%rbx, %[bx]\n movdqa %%xmm7, %[vector]\n movq %%r11, %[eleven]\n"
                         : "=a"(result), [bx] "=m"(bx), [vector] "=m"(vector), [eleven] "=m"(eleven), [carry] "=m"(carry), "+D"(first), "+S"(second)
                         :: "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm7", "memory", "cc");
        bad += result != 99 || bx != 0x4444 || vector[0] != 0x5555 || eleven != 0x66 || !carry;
        mask_site(SIG_SETMASK, &none, &now);
        bad += now.bits[0] != 1u << (SIGUSR2 - 1);
    }
    expect("changed contexts that did not hold", bad, 0);

    install(SIGUSR1, leaping, 0);
    sigset one = {{1u << (SIGUSR1 - 1)}};
    bad = 0;
    for (int turn = 0; turn < OFTEN; turn++) {
        bad += kill_or_escape(self, SIGUSR1) != 77;
        mask_site(SIG_UNBLOCK, &one, &now);
        bad += now.bits[0] != one.bits[0];
    }
    expect("leaps that went wrong", bad, 0);

    install(SIGUSR1, counting, 0);
    bad = 0;
    for (int turn = 0; turn < OFTEN; turn++) {
        long before = handled;
        sigset pending = {{0}};
        mask_site(SIG_BLOCK, &one, &now);
        kill_site(self, SIGUSR1);
        bad += handled != before;
        SYS(sigpending, &pending);
        bad += pending.bits[0] != one.bits[0];
        if (turn % 2) mask_site(SIG_UNBLOCK, &one, 0);
        else bad += suspend_site(&none) != -EINTR || (mask_site(SIG_SETMASK, &none, &now), now.bits[0] != one.bits[0]);
        bad += handled != before + 1;
    }
    expect("blocked signals that came at the wrong time", bad, 0);

    struct { void *pointer; size_t size; int32_t flags; } stack = {other, sizeof other, 0};
    SYS(sigaltstack, &stack, 0);
    install(SIGUSR1, elsewhere, SA_ONSTACK);
    for (int turn = 0; turn < OFTEN; turn++) kill_site(self, SIGUSR1);
    expect("handlers off the alternate stack", outside, 0);

    install(SIGUSR1, in_thread, 0);
    for (long index = 0; index < THREADS; index++) {
        thr_param start = {sender, (void *)index, stacks[index], sizeof stacks[index], 0, 0, 0, 0, 0, 0, {0}};
        SYS(thr_new, &start, sizeof start);
    }
    while (finished < THREADS) nap(2);
    expect("signals of threads that came late or to another", lost, 0);
}
