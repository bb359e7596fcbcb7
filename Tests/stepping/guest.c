/// Calls for Tests/stepping/tracer.c to count and to interrupt: each from a site of its own that has become a jump, with a
/// pattern in every register, between two breakpoints. A program for FreeBSD/amd64.
#include "../../samples/freebsd/freebsd.h"

// What lies before a site lets it be decoded; the first one of a text has nothing.
__asm__(".text\n .fill 128, 1, 0x90\n"
        "geteuid_site: movl $25, %eax\n syscall\n ret\n"
        "lseek_site: movl $478, %eax\n syscall\n ret\n"
        "read_site: movl $3, %eax\n syscall\n ret\n"
        "close_site: movl $6, %eax\n syscall\n ret\n"
        "fstat_site: movl $551, %eax\n syscall\n ret\n"
        "open_site: movl $5, %eax\n syscall\n ret\n"
        "clock_site: movl $232, %eax\n syscall\n ret\n"
        "mask_site: movl $340, %eax\n syscall\n ret\n"
        "kill_site: movl $37, %eax\n syscall\n ret\n"
        "wait_site: movl $3, %eax\n syscall\n ret\n"
        "suspend_site: movl $341, %eax\n syscall\n ret\n"
        // A child ends at once.
        "fork_site: movl $2, %eax\n syscall\n jc 1f\n testq %rax, %rax\n je child\n1: ret\n"
        "vfork_site: movl $66, %eax\n syscall\n jc 1f\n testq %rax, %rax\n je child\n1: ret\n"
        "child: movl $7, %edi\n movl $1, %eax\n syscall\n"
        // Registers from `in`, the call, registers to `out`, flags to out[14]; breakpoints around it when it is traced.
        "checked: pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        "        movq in+0(%rip), %rdi\n movq in+8(%rip), %rsi\n movq in+16(%rip), %rdx\n movq in+24(%rip), %r10\n"
        "        movq in+32(%rip), %r8\n movq in+40(%rip), %r9\n movq in+48(%rip), %rbx\n movq in+56(%rip), %rbp\n"
        "        movq in+64(%rip), %r12\n movq in+72(%rip), %r13\n movq in+80(%rip), %r14\n movq in+88(%rip), %r15\n"
        "        movdqa in_vectors(%rip), %xmm0\n movdqa in_vectors+16(%rip), %xmm7\n movdqa in_vectors+32(%rip), %xmm15\n"
        "        cmpb $0, traced(%rip)\n je 1f\n int3\n"
        "1:      call *site(%rip)\n"
        "        pushfq\n popq out+112(%rip)\n"
        "        cmpb $0, traced(%rip)\n je 2f\n int3\n"
        "2:      movq %rdi, out+0(%rip)\n movq %rsi, out+8(%rip)\n movq %rdx, out+16(%rip)\n movq %r10, out+24(%rip)\n"
        "        movq %r8, out+32(%rip)\n movq %r9, out+40(%rip)\n movq %rbx, out+48(%rip)\n movq %rbp, out+56(%rip)\n"
        "        movq %r12, out+64(%rip)\n movq %r13, out+72(%rip)\n movq %r14, out+80(%rip)\n movq %r15, out+88(%rip)\n"
        "        movq %rax, out+96(%rip)\n"
        "        movdqa %xmm0, out_vectors(%rip)\n movdqa %xmm7, out_vectors+16(%rip)\n movdqa %xmm15, out_vectors+32(%rip)\n"
        "        popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n ret\n");
void geteuid_site(void), lseek_site(void), read_site(void), close_site(void), fstat_site(void), open_site(void);
void clock_site(void), mask_site(void), kill_site(void), wait_site(void), suspend_site(void), checked(void);
void fork_site(void), vfork_site(void);
void *site;
uint64_t in[12], out[15];
uint64_t in_vectors[6] __attribute__((aligned(16))), out_vectors[6] __attribute__((aligned(16)));
volatile char traced;

/// What the tracer reads and writes; tracer.c has the same.
static volatile struct { int64_t go, kind, expected, failures; } control;

static volatile long injected, own;
static int feeds, ends[2], file;
static long user, self;
static stat reference, found;
static timespec before, now_;
static sigset none, one = {{1u << (SIGUSR1 - 1)}}, two = {{1u << (SIGUSR2 - 1)}}, old;
static char byte;

static void clobber(void) {
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15\n movq $-1, %%r10\n movq $-1, %%r8\n addb $1, %%r8b\n"
                     ::: "xmm0", "xmm7", "xmm15", "r8", "r10", "cc");
}
static void on_injected(int signal) {
    if (SYS0(getpid) != self) SYS(exit, 99);
    injected++;
    if (feeds) SYS(write, ends[1], "x", 1);
    clobber();
}
static void on_own(int signal) {
    own++;
    clobber();
}

static void install(int signal, void *handler, int flags) {
    sigaction action = {handler, flags, {{0}}};
    SYS(sigaction, signal, &action, 0);
}

/// Makes the call and checks what all calls have in common; its result, or the negative error.
static long make(void *where, long a, long b, long c) {
    site = where;
    in[0] = (uint64_t)a, in[1] = (uint64_t)b, in[2] = (uint64_t)c;
    for (int index = 3; index < 12; index++) in[index] = 0x1010101010101010u + (uint64_t)index;
    for (int index = 0; index < 6; index++) in_vectors[index] = 0x0123456789abcdefu * (uint64_t)(index + 1);
    checked();
    for (int index = 0; index < 12; index++)
        if (out[index] != in[index]) control.failures |= 1;
    for (int index = 0; index < 6; index++)
        if (out_vectors[index] != in_vectors[index]) control.failures |= 2;
    if (out[14] & 0x400) control.failures |= 4;  // direction
    return out[14] & 1 ? -(long)out[12] : (long)out[12];
}
static void should(int holds) {
    if (!holds) control.failures |= 8;
}
static sigset mask(int how, sigset *set) {
    sigset present = {{0}};
    SYS(sigprocmask, how, set, &present);
    return present;
}
static void drain(void) {
    int32_t readable;
    while (SYS(ioctl, ends[0], 0x4004667f, &readable) == 0 && readable > 0) SYS(read, ends[0], &byte, 1);  // FIONREAD
}

static void geteuid_case(void) { should(make(geteuid_site, 0, 0, 0) == user); }
static void lseek_case(void) { should(make(lseek_site, file, 100, 0) == 100); }
static void read_case(void) {
    SYS(lseek, file, 0, 0);
    should(make(read_site, file, (long)&byte, 1) == 1 && byte == 0x7f);
}
static void close_case(void) { should(make(close_site, -1, 0, 0) == -EBADF); }
static void fstat_case(void) {
    found.size = -1;
    should(make(fstat_site, file, (long)&found, 0) == 0);
    for (size_t index = 0; index < sizeof found / 8; index++)
        if (index < 6 || index > 7) should(((uint64_t *)&found)[index] == ((uint64_t *)&reference)[index]);  // but for atime
}
static void open_case(void) {
    long opened = make(open_site, (long)"/dev/null", 0, 0);
    should(opened > 2 && SYS(close, opened) == 0);
}
static void clock_case(void) {
    SYS(clock_gettime, 4, &before);
    should(make(clock_site, 4, (long)&now_, 0) == 0);
    should(now_.sec > before.sec || (now_.sec == before.sec && now_.nsec >= before.nsec));
}
static void mask_case(void) {
    old.bits[0] = 7;
    should(make(mask_site, SIG_SETMASK, (long)&two, (long)&old) == 0 && old.bits[0] == 0);
    should(mask(SIG_SETMASK, &none).bits[0] == two.bits[0]);
}
/// As setjmp(3) does.
static void asking_case(void) {
    mask(SIG_SETMASK, &two);
    old.bits[0] = 7, old.bits[1] = 7;
    should(make(mask_site, SIG_BLOCK, 0, (long)&old) == 0 && old.bits[0] == two.bits[0] && old.bits[1] == 0);
    should(mask(SIG_SETMASK, &none).bits[0] == two.bits[0]);
}
/// A signal that comes after this must wait.
static void block_case(void) {
    should(make(mask_site, SIG_BLOCK, (long)&one, (long)&old) == 0 && old.bits[0] == 0);
    long seen = injected;
    should(mask(SIG_SETMASK, &none).bits[0] == one.bits[0]);
    sigset pending = {{0}};
    SYS(sigpending, &pending);
    should(seen <= injected && pending.bits[0] == 0);
}
static void kill_case(void) {
    long seen = own;
    should(make(kill_site, self, SIGUSR2, 0) == 0 && own == seen + 1);
    should(mask(SIG_SETMASK, &none).bits[0] == 0);
}
static void feed_unless_traced(void) {
    feeds = 1;
    if (!traced) SYS(write, ends[1], "x", 1);
}
static void restarted_case(void) {
    feed_unless_traced();
    should(make(wait_site, ends[0], (long)&byte, 1) == 1 && byte == 'x');
    feeds = 0;
    drain();
}
static void interrupted_case(void) {
    feed_unless_traced();
    install(SIGUSR1, on_injected, 0);
    long result = make(wait_site, ends[0], (long)&byte, 1);
    should(result == 1 || result == -EINTR);
    install(SIGUSR1, on_injected, SA_RESTART);
    feeds = 0;
    drain();
}
static void suspend_case(void) {
    mask(SIG_SETMASK, &two);
    if (!traced) {
        mask(SIG_BLOCK, &one);
        SYS(kill, self, SIGUSR1);
    }
    should(make(suspend_site, (long)&none, 0, 0) == -EINTR);
    should(mask(SIG_SETMASK, &none).bits[0] == (traced ? two.bits[0] : two.bits[0] | one.bits[0]));
}
/// A signal is the parent's alone. A child that comes to the tracer's breakpoint dies of it.
static void forking_case(void *where) {
    long child = make(where, 0, 0, 0);
    int32_t status = 0;
    while (SYS(wait4, child, &status, 0, 0) == -EINTR) continue;
    should(status == 7 << 8 || (traced && (status & 0x7f) == 5));
}
static void fork_case(void) { forking_case(fork_site); }
static void vfork_case(void) { forking_case(vfork_site); }

static void (*const cases[])(void) = {geteuid_case, lseek_case, read_case, close_case, fstat_case, open_case, clock_case, mask_case, asking_case,
                                      block_case, kill_case, restarted_case, interrupted_case, suspend_case, fork_case, vfork_case};
enum { CASES = sizeof cases / sizeof *cases };

static void sample(long argc, char **argv, char **environment) {
    user = SYS0(geteuid), self = SYS0(getpid);
    file = (int)SYS(open, argv[0], 0);
    SYS(pipe2, ends, 0);
    SYS(fstat, file, &reference);
    install(SIGUSR1, on_injected, SA_RESTART);
    install(SIGUSR2, on_own, 0);
    for (int index = 0; index < CASES; index++)
        for (int turn = 0; turn < 100; turn++) cases[index]();
    should(make(mask_site, SIG_BLOCK, 0, 8) == -EFAULT);
    expect("failures before", control.failures, 0);
    say("%d %x\n", self, (long)&control);
    while (!control.go) nap(1);
    traced = 1;
    for (;;) {
        __asm__ volatile("int3" ::: "memory");
        if (control.kind < 0) leave(0);
        injected = 0;
        cases[control.kind]();
        if (injected != control.expected) control.failures |= 16;
    }
}
