/// One source for FreeBSD and Linux, freestanding: says hello, or makes the cheapest call N times in T threads
/// and prints how many nanoseconds one took.
///   trivial              greets
///   trivial COUNT [T]    times geteuid
#include <stddef.h>
#include <stdint.h>

#ifdef __FreeBSD__
enum { SYS_exit = 1, SYS_write = 4, SYS_geteuid = 25, SYS_clock_gettime = 232, SYS_thr_exit = 431, SYS_thr_new = 455,
       SYS_mmap = 477, SYS_sched_yield = 331, MONOTONIC = 4, MAP = 0x1002 };
#else
enum { SYS_exit = 231, SYS_write = 1, SYS_geteuid = 107, SYS_clock_gettime = 228, SYS_thr_exit = 60, SYS_clone = 56,
       SYS_mmap = 9, SYS_sched_yield = 24, MONOTONIC = 1, MAP = 0x22 };
#endif

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9) : "D"(a), "S"(b) : "rcx", "r11", "memory", "cc");
    return number;
}

static volatile long count, ready, finished, go;

static uint64_t now(void) {
    int64_t time[2];
    call(SYS_clock_gettime, MONOTONIC, (long)time, 0, 0, 0, 0);
    return (uint64_t)time[0] * 1000000000 + (uint64_t)time[1];
}

static void work(void) {
    for (long left = count; left; left--) call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

__attribute__((used)) static void thread(void *unused) {
    (void)unused;
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (!go) call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
    work();
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    call(SYS_thr_exit, 0, 0, 0, 0, 0, 0);
}

static void start(void) {
    enum { SIZE = 65536 };
    char *stack = (char *)call(SYS_mmap, 0, SIZE, 3, MAP, -1, 0);
#ifdef __FreeBSD__
    struct { void (*start)(void *); void *argument; char *stack; size_t size; char *tls; size_t tls_size; long *child, *parent;
             int32_t flags; void *priority, *spare[3]; } parameters = {thread, 0, stack, SIZE, 0, 0, 0, 0, 0, 0, {0}};
    call(SYS_thr_new, (long)&parameters, sizeof parameters, 0, 0, 0, 0);
#else
    // CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    long number = SYS_clone;
    __asm__ volatile("syscall\n testq %%rax, %%rax\n jnz 1f\n xorl %%edi, %%edi\n call thread\n hlt\n1:"
                     : "+a"(number) : "D"(0x50f00L), "S"(stack + SIZE), "d"(0), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
#endif
}

static long number(const char *text) {
    long value = 0;
    while (*text) value = value * 10 + *text++ - '0';
    return value;
}

__attribute__((used)) static void begin(long *stack) {
    char **argv = (char **)(stack + 1);
    if (stack[0] < 2) {
        call(SYS_write, 1, (long)"hello\n", 6, 0, 0, 0);
        call(SYS_exit, 0, 0, 0, 0, 0, 0);
    }
    count = number(argv[1]);
    long threads = stack[0] > 2 ? number(argv[2]) : 1;
    for (long index = 1; index < threads; index++) start();
    while (ready < threads - 1) call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
    uint64_t before = now();
    go = 1;
    work();
    while (finished < threads - 1) call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
    uint64_t picoseconds = (now() - before) * 1000 / ((uint64_t)count * (uint64_t)threads);
    char line[24];
    int at = 24;
    line[--at] = '\n';
    do line[--at] = (char)('0' + picoseconds % 10);
    while (picoseconds /= 10);
    call(SYS_write, 1, (long)(line + at), 24 - at, 0, 0, 0);
    call(SYS_exit, 0, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: xorl %ebp, %ebp\n movq %rsp, %rcx\n"
#ifdef __FreeBSD__
        " movq %rdi, %rcx\n"
#endif
        " movq %rcx, %rdi\n andq $-16, %rsp\n call begin\n hlt\n"
        ".section .note.ABI-tag,\"a\",@note\n"
#ifdef __FreeBSD__
        " .long 8, 4, 1\n .asciz \"FreeBSD\"\n .long 1400097\n"
#else
        " .long 4, 16, 1\n .asciz \"GNU\"\n .long 0, 3, 2, 0\n"
#endif
        ".text\n");
