/// Calls made again and again from one place, which Persona replaces by jumps: registers, flags, vector registers,
/// signals and single steps on the way, a branch past the jump, threads that race through, errors, restarts.
#include "freebsd.h"

enum { SIGTRAP = 5, ITIMER_REAL = 0, OFTEN = 2000 };
enum { SET_GSBASE = 131, GET_GSBASE = 130 };

/// One site each: the way in, and a second one right at the `syscall`.
__asm__(".text\n"
        "ppid_site: movl $39, %eax\n"
        "ppid_inner: syscall\n"
        "        ret\n"
        "close_site: movl $6, %eax\n"
        "        movq %rcx, %r10\n"
        "        syscall\n"
        "        jc 1f\n"
        "        xorl %eax, %eax\n"
        "1:      ret\n"
        "read_site: movl $3, %eax\n"
        "        syscall\n"
        "        jnc 1f\n"
        "        negq %rax\n"
        "1:      ret\n"
        "race_site: movl $39, %eax\n"
        "        syscall\n"
        "        ret\n"
        "step_site: movq $39, %rax\n"
        "        movq %rdx, %r10\n"
        "        syscall\n"
        "        ret\n"
        "clock_site: movl $232, %eax\n"
        "        syscall\n"
        "        ret\n"
        "mask_site: movabsq $340, %rax\n"
        "        syscall\n"
        "        ret\n"
        "fork_site: movl $2, %eax\n"
        "        syscall\n"
        "        ret\n");
long ppid_site(void), close_site(long), read_site(long, void *, long), race_site(void), step_site(void), fork_site(void), clock_site(long, void *), mask_site(long, void *, void *);
extern char ppid_inner[];

uint64_t kept[16];
static uint64_t vectors[32] __attribute__((aligned(16)));

/// Calls `site` with a pattern in every register that a call leaves alone, status flags set; how many came back
/// otherwise.
static int spoiled(void *site) {
    int bad = 0;
    for (int index = 0; index < 32; index++) vectors[index] = 0x1111111111111111ull * (index % 15 + 1);
    __asm__ volatile(
        "movdqa 0(%1), %%xmm0\n movdqa 16(%1), %%xmm1\n movdqa 32(%1), %%xmm2\n movdqa 48(%1), %%xmm3\n"
        "movdqa 64(%1), %%xmm4\n movdqa 80(%1), %%xmm5\n movdqa 96(%1), %%xmm6\n movdqa 112(%1), %%xmm7\n"
        "movdqa 128(%1), %%xmm8\n movdqa 144(%1), %%xmm9\n movdqa 160(%1), %%xmm10\n movdqa 176(%1), %%xmm11\n"
        "movdqa 192(%1), %%xmm12\n movdqa 208(%1), %%xmm13\n movdqa 224(%1), %%xmm14\n movdqa 240(%1), %%xmm15\n"
        "pushq %%rbx\n pushq %%rbp\n pushq %1\n pushq %0\n"
        "movq $101, %%rbx\n movq $102, %%rbp\n movq $103, %%rdi\n movq $104, %%rsi\n movq $105, %%rdx\n"
        "movq $106, %%r8\n movq $107, %%r9\n movq $108, %%r10\n movq $109, %%r12\n movq $110, %%r13\n"
        "movq $111, %%r14\n movq $112, %%r15\n"
        "movb $0x7f, %%al\n addb $1, %%al\n"   // overflow and sign set, carry clear
        "call *(%%rsp)\n"
        "pushfq\n popq %%rax\n popq %%rcx\n"
        "leaq kept(%%rip), %%r11\n"
        "movq %%rbx, 0(%%r11)\n movq %%rbp, 8(%%r11)\n movq %%rdi, 16(%%r11)\n movq %%rsi, 24(%%r11)\n"
        "movq %%rdx, 32(%%r11)\n movq %%r8, 40(%%r11)\n movq %%r9, 48(%%r11)\n movq %%r10, 56(%%r11)\n"
        "movq %%r12, 64(%%r11)\n movq %%r13, 72(%%r11)\n movq %%r14, 80(%%r11)\n movq %%r15, 88(%%r11)\n"
        "movq %%rax, 96(%%r11)\n"
        "popq %1\n popq %%rbp\n popq %%rbx\n"
        "movdqa %%xmm0, 0(%1)\n movdqa %%xmm1, 16(%1)\n movdqa %%xmm2, 32(%1)\n movdqa %%xmm3, 48(%1)\n"
        "movdqa %%xmm4, 64(%1)\n movdqa %%xmm5, 80(%1)\n movdqa %%xmm6, 96(%1)\n movdqa %%xmm7, 112(%1)\n"
        "movdqa %%xmm8, 128(%1)\n movdqa %%xmm9, 144(%1)\n movdqa %%xmm10, 160(%1)\n movdqa %%xmm11, 176(%1)\n"
        "movdqa %%xmm12, 192(%1)\n movdqa %%xmm13, 208(%1)\n movdqa %%xmm14, 224(%1)\n movdqa %%xmm15, 240(%1)\n"
        : "+a"(site)
        : "c"(vectors)
        : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1",
          "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
          "xmm15");
    for (int index = 0; index < 12; index++) bad += kept[index] != 101u + (unsigned)index;
    bad += (kept[12] & 0x8d5) != 0x890;  // of CF PF AF ZF SF OF: AF, SF and OF
    for (int index = 0; index < 32; index++) bad += vectors[index] != 0x1111111111111111ull * (index % 15 + 1);
    return bad;
}

static volatile long signals, steps, astray;
static char *own_stack;

static volatile long off_stack;

static void on_alarm(int signal) {
    signals++;
    char here;
    off_stack += &here < own_stack - 65536 || &here > own_stack;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm9\n movq $-1, %%r10\n movq $-1, %%r8\n addb $1, %%r8b\n"
                     ::: "xmm0", "xmm9", "r8", "r10", "cc");
}

/// Each step must be seen in this program's own text, and at instructions that it has.
static void on_step(int signal, siginfo *info, char *context) {
    uint64_t rip = *(uint64_t *)(context + 16 + 160);
    steps++;
    extern char __executable_start[], etext[];
    if (rip < (uint64_t)__executable_start || rip >= (uint64_t)etext) astray++;
}

/// Whether the instruction there is `jmp rel32`.
static int jumps(void *site) { return *(volatile uint8_t *)site == 0xe9; }

static void install(int signal, void *handler, int flags) {
    sigaction action = {handler, flags, {{0}}};
    SYS(sigaction, signal, &action, 0);
}

static void every(long microseconds) {
    timeval times[2] = {{0, microseconds}, {0, microseconds}};
    SYS(setitimer, ITIMER_REAL, times, 0);
}

enum { THREADS = 4 };
static char stacks[THREADS][16384] __attribute__((aligned(16)));
static volatile long gate, finished, disagreed;

__attribute__((force_align_arg_pointer)) static void racer(void *argument) {
    long parent = SYS0(getppid);
    while (!gate) continue;
    for (int turn = 0; turn < OFTEN; turn++)
        if (race_site() != parent) disagreed++;
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    SYS(thr_exit, 0);
}

static void sample(long argc, char **argv, char **environment) {
    long parent = SYS0(getppid), bad = 0;
    own_stack = (char *)&parent + 4096;
    for (int turn = 0; turn < OFTEN; turn++) bad += ppid_site() != parent;
    expect("another parent", bad, 0);
    bad = 0;
    for (int turn = 0; turn < 100; turn++) bad += spoiled((void *)ppid_site);
    expect("registers spoiled", bad, 0);

    long answer;
    __asm__ volatile("movl $20, %%eax\n call *%1" : "=&a"(answer) : "r"(ppid_inner) : "rcx", "r11", "memory");
    expect("a branch past the jump is its own call", answer == SYS0(getpid), 1);

    install(SIGALRM, on_alarm, SA_RESTART);
    every(60);
    bad = 0;
    long begun = signals;
    for (int turn = 0; signals < begun + 3000 && turn < 40000000; turn++) bad += ppid_site() != parent || spoiled((void *)ppid_site);
    timespec time;
    for (int turn = 0; signals < begun + 6000 && turn < 40000000; turn++) bad += clock_site(4, &time) != 0;
    every(0);
    expect("spoiled under signals", bad, 0);
    expect("handlers on another stack", off_stack, 0);
    holds("signals arrived", signals >= begun + 6000);

    bad = 0;
    for (int turn = 0; turn < OFTEN; turn++) bad += close_site(-1) != EBADF;
    expect("errors mistaken", bad, 0);

    int ends[2];
    char byte = 'x';
    SYS(pipe2, ends, 0);
    for (int turn = 0; turn < OFTEN; turn++) SYS(write, ends[1], &byte, 1), read_site(ends[0], &byte, 1);
    install(SIGALRM, on_alarm, 0);
    timeval once[2] = {{0, 0}, {0, 30000}};
    SYS(setitimer, ITIMER_REAL, once, 0);
    expect("a waiting read is interrupted", read_site(ends[0], &byte, 1), -EINTR);
    install(SIGALRM, on_alarm, SA_RESTART);
    long child = SYS0(fork);
    if (child == 0) {
        nap(60);
        SYS(write, ends[1], &byte, 1);
        leave(0);
    }
    SYS(setitimer, ITIMER_REAL, once, 0);
    begun = signals;
    expect("or begun again", read_site(ends[0], &byte, 1), 1);
    expect("after its signal", signals - begun, 1);
    int status;
    SYS(wait4, child, &status, 0, 0);

    bad = 0;
    for (int turn = 0; turn < 60; turn++) {
        long found = fork_site();
        if (found == 0) leave(0);
        SYS(wait4, found, &status, 0, 0);
        bad += status != 0;
    }
    expect("forks that failed", bad, 0);

    bad = 0;
    sigset set = {{0}};
    for (int turn = 0; turn < 2 * OFTEN; turn++) bad += mask_site(SIG_BLOCK, 0, &set) != 0;
    expect("masks that failed", bad, 0);

    for (int index = 0; index < THREADS; index++) {
        thr_param start = {racer, 0, stacks[index], sizeof stacks[index], 0, 0, 0, 0, 0, 0, {0}};
        SYS(thr_new, &start, sizeof start);
    }
    nap(20);
    gate = 1;
    while (finished < THREADS) nap(2);
    expect("threads that disagreed", disagreed, 0);

    for (int turn = 0; turn < OFTEN; turn++) step_site();
    install(SIGTRAP, on_step, SA_SIGINFO);
    __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n"
                     "call step_site\n"
                     "pushfq\n andl $~0x100, (%%rsp)\n popfq\n" : "=a"(answer)::"rcx", "rdx", "r10", "r11", "memory");
    expect("a call in single steps", answer == parent, 1);
    holds("its instructions were stepped over", steps >= 6 && steps <= 12);
    expect("steps elsewhere", astray, 0);

    expect("a plain site jumps", jumps(ppid_site), 1);
    expect("a library's stub jumps", jumps(close_site), 1);
    expect("a site with a longer constant jumps", jumps(step_site), 1);
    expect("a site that threads ran into jumps", jumps(race_site), 1);
    expect("a site whose call needs all registers jumps", jumps(fork_site), 1);
    expect("and does so however often it traps", jumps(mask_site), 1);

    uint64_t base = (uint64_t)vectors, found = 1;
    SYS(sysarch, GET_GSBASE, &found);
    expect("gs begins as", (long)found, 0);
    expect("gs of the program's own", SYS(sysarch, SET_GSBASE, &base), 0);
    vectors[1] = 77;
    uint64_t loaded;
    __asm__ volatile("movq %%gs:8, %0" : "=r"(loaded));
    expect("is what it set", (long)loaded, 77);
    bad = 0;
    for (int turn = 0; turn < 100; turn++) bad += ppid_site() != parent;
    expect("another parent with it", bad, 0);
    expect("no site jumps", jumps(ppid_site) + jumps(close_site) + jumps(step_site) + jumps(race_site), 0);
    SYS(sysarch, GET_GSBASE, &found);
    expect("and kept", found == base, 1);
}
