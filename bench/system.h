/// One freestanding program for FreeBSD and Linux: numbers, layouts, threads and the wait on a word, each as the
/// system has them (sys/syscall.h, sys/thr.h, sys/umtx.h; asm/unistd_64.h, linux/futex.h).
#ifndef BENCH_SYSTEM_H
#define BENCH_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __FreeBSD__
enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_wait4 = 7, SYS_getpid = 20, SYS_geteuid = 25,
    SYS_kill = 37, SYS_getppid = 39, SYS_execve = 59, SYS_vfork = 66, SYS_munmap = 73, SYS_clock_gettime = 232, SYS_sched_yield = 331,
    SYS_sigprocmask = 340, SYS_kqueue = 362, SYS_sigaction = 416, SYS_thr_exit = 431, SYS_thr_self = 432, SYS_umtx_op = 454,
    SYS_thr_new = 455, SYS_pread = 475, SYS_pwrite = 476, SYS_mmap = 477, SYS_lseek = 478, SYS_pipe2 = 542, SYS_fstat = 551,
    SYS_kevent = 560,
    MONOTONIC = 4, MAP_PRIVATE_MEMORY = 0x1002, BLOCK = 1, SIGUSR1 = 30, SIGSET_BYTES = 16,
};
#else
enum {
    SYS_exit = 231, SYS_fork = 57, SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_wait4 = 61, SYS_getpid = 39, SYS_geteuid = 107,
    SYS_kill = 62, SYS_getppid = 110, SYS_execve = 59, SYS_vfork = 58, SYS_munmap = 11, SYS_clock_gettime = 228, SYS_sched_yield = 24,
    SYS_sigprocmask = 14, SYS_sigaction = 13, SYS_rt_sigreturn = 15, SYS_thr_exit = 60, SYS_clone = 56, SYS_futex = 202,
    SYS_pread = 17, SYS_pwrite = 18, SYS_mmap = 9, SYS_lseek = 8, SYS_pipe2 = 293, SYS_fstat = 5, SYS_epoll_create1 = 291,
    SYS_epoll_ctl = 233, SYS_epoll_wait = 232,
    MONOTONIC = 1, MAP_PRIVATE_MEMORY = 0x22, BLOCK = 0, SIGUSR1 = 10, SIGSET_BYTES = 8,
};
#endif

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
#ifdef __FreeBSD__
    unsigned char failed;
    __asm__ volatile("syscall" : "+a"(number), "=@ccc"(failed), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9) : "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    return failed ? -number : number;
#else
    __asm__ volatile("syscall" : "+a"(number), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9) : "D"(a), "S"(b)
                     : "rcx", "r11", "memory", "cc");
    return number;
#endif
}
#define CALL_(number, a, b, c, d, e, f, ...) call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS(name, ...) CALL_(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline uint64_t now(void) {
    int64_t time[2];
    SYS(clock_gettime, MONOTONIC, time);
    return (uint64_t)time[0] * 1000000000 + (uint64_t)time[1];
}

void *memset(void *to, int byte, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = (char)byte;
    return to;
}
void *memcpy(void *to, const void *from, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = ((const char *)from)[index];
    return to;
}

// MARK: threads

enum { STACK = 32768 };

#ifdef __FreeBSD__
static void start_thread(void (*function)(void *), void *argument, char *stack) {
    struct { void (*start)(void *); void *argument; char *stack; size_t size; char *tls; size_t tls_size; long *child, *parent;
             int32_t flags; void *priority, *spare[3]; } parameters = {function, argument, stack, STACK, 0, 0, 0, 0, 0, 0, {0}};
    SYS(thr_new, &parameters, sizeof parameters);
}
static void wait_word(volatile uint32_t *word, uint32_t value) { SYS(umtx_op, word, 11, value); }
static void wake_word(volatile uint32_t *word) { SYS(umtx_op, word, 3, 0x7fffffff); }
#else
static void start_thread(void (*function)(void *), void *argument, char *stack) {
    long *top = (long *)(stack + STACK) - 4;
    top[0] = (long)function;
    top[1] = (long)argument;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    long number = SYS_clone;
    // CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM
    __asm__ volatile("syscall\n testq %%rax, %%rax\n jnz 1f\n popq %%rax\n popq %%rdi\n call *%%rax\n hlt\n1:"
                     : "+a"(number) : "D"(0x50f00L), "S"(top), "d"(0), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
}
static void wait_word(volatile uint32_t *word, uint32_t value) { SYS(futex, word, 0, value); }
static void wake_word(volatile uint32_t *word) { SYS(futex, word, 1, 0x7fffffff); }
#endif

// MARK: signals

#ifdef __FreeBSD__
static void install(int signal, void (*handler)(int)) {
    struct { void *handler; int32_t flags; uint32_t mask[4]; } action = {handler, 0, {0}};
    SYS(sigaction, signal, &action);
}
#else
__attribute__((naked)) static void restore(void) { __asm__("movl $15, %eax\n syscall"); }
static void install(int signal, void (*handler)(int)) {
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = {handler, 0x04000000, restore, 0};
    SYS(sigaction, signal, &action, 0, 8);
}
#endif

// MARK: readiness of descriptors

#ifdef __FreeBSD__
typedef struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; void *udata; uint64_t ext[4]; } event;
static long open_queue(void) { return SYS(kqueue); }
static void watch(long queue, int descriptor) {
    event change = {(uint64_t)descriptor, -1, 1, 0, 0, 0, {0}};  // EVFILT_READ, EV_ADD
    SYS(kevent, queue, &change, 1);
}
static long ready(long queue, event *events, int count) {
    int64_t none[2] = {0, 0};
    return SYS(kevent, queue, 0, 0, events, count, none);
}
#else
typedef struct { uint32_t events; uint64_t data; } __attribute__((packed)) event;
static long open_queue(void) { return SYS(epoll_create1); }
static void watch(long queue, int descriptor) {
    event change = {1, (uint64_t)descriptor};
    SYS(epoll_ctl, queue, 1, descriptor, &change);
}
static long ready(long queue, event *events, int count) { return SYS(epoll_wait, queue, events, count, 0); }
#endif

// MARK: entry

static void bench(long argc, char **argv, char **environment);

__attribute__((used)) static void begin(long *stack) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1);
    bench(argc, argv, argv + argc + 1);
    SYS(exit, 0);
}
__asm__(".globl _start\n.type _start, @function\n"
#ifdef __FreeBSD__
        "_start: xorl %ebp, %ebp\n andq $-16, %rsp\n call begin\n hlt\n"
        ".section .note.ABI-tag,\"a\",@note\n .long 8, 4, 1\n .asciz \"FreeBSD\"\n .long 1400097\n .text\n");
#else
        "_start: movq %rsp, %rdi\n xorl %ebp, %ebp\n andq $-16, %rsp\n call begin\n hlt\n");
#endif

#endif
