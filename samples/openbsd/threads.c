// Threads by __tfork, which sleep and wake by futex and __thrsleep.
#include "openbsd.h"

static volatile uint32_t word, gone = 1, lock;
static volatile int told;
static int identifier, thread_id;
static char stacks[4][16384] __attribute__((aligned(16)));
static long control_blocks[4];

typedef struct { void *tcb; int *tid; void *stack; } parameters;

static void quit(void) { SYS(__threxit, &gone); }

static void waits(void) {
    told = SYS0(getthrid) == thread_id && SYS0(__get_tcb) == (long)&control_blocks[0];
    word = 1;
    SYS(futex, &word, 2, 1, 0, 0);
    quit();
}

static void sleeps(void) {
    told = (int)SYS(__thrsleep, &identifier, 3, 0, &lock, 0);
    quit();
}

/// The child finds its function at the top of its stack.
static long start(void (*function)(void), int number) {
    void **stack = (void **)(stacks[number] + sizeof stacks[number]) - 2;
    *stack = (void *)function;
    parameters request = {&control_blocks[number], &thread_id, stack};
    long result;
    unsigned char failed;
    gone = 1;
    __asm__ volatile("syscall; jc 1f; testl %%eax, %%eax; jnz 1f; popq %%rax; callq *%%rax; 1:"
                     : "=a"(result), "=@ccc"(failed)
                     : "a"(8), "D"(&request), "S"(sizeof request)
                     : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
    return result;
}

static void join(void) {
    while (gone) SYS(futex, &gone, 1, 1, 0, 0);
}

static void sample(long argc, char **argv, char **environment) {
    expect("__tfork of another size", SYS(__tfork, 0, 8), -EINVAL);
    long started = start(waits, 0);
    while (word == 0) SYS(futex, &word, 1, 0, 0, 0);
    join();
    holds("__tfork tells the thread's id", started == thread_id && started > 0);
    holds("the thread's id and control block", told);
    // The kernel forgets the thread a moment after it said farewell.
    while (SYS(thrkill, thread_id, 0, 0) == 0) SYS0(sched_yield);
    expect("the id of a thread that is gone", SYS(thrkill, thread_id, 0, 0), -ESRCH);

    expect("futex of another value", SYS(futex, &word, 1, 0, 0, 0), -EAGAIN);
    expect("futex in time", SYS(futex, &word, 1, 1, span(0, 1000000), 0), -ETIMEDOUT);
    expect("nobody to wake", SYS(futex, &word, 2, 1, 0, 0), 0);
    expect("an operation that is none", SYS(futex, &word, 9, 1, 0, 0), -ENOSYS);

    lock = 1;
    start(sleeps, 1);
    while (lock) SYS0(sched_yield);
    expect("__thrwakeup", SYS(__thrwakeup, &identifier, 1), 0);
    join();
    expect("__thrsleep", told, 0);
    expect("__thrwakeup of nobody", SYS(__thrwakeup, &identifier, 1), ESRCH);
    timespec now;
    SYS(clock_gettime, 3, &now);
    expect("__thrsleep in time", SYS(__thrsleep, &identifier, 3, &now, 0, 0), EAGAIN);
    expect("__set_tcb", SYS(__set_tcb, &control_blocks[3]), 0);
    holds("__get_tcb", SYS0(__get_tcb) == (long)&control_blocks[3]);
}
