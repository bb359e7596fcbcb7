/// Threads: thr_new and all that libthr builds on _umtx_op, with time limits.
#include "freebsd.h"

enum { WAIT = 2, WAKE = 3, MUTEX_TRYLOCK = 4, MUTEX_LOCK = 5, MUTEX_UNLOCK = 6, CV_WAIT = 8, CV_SIGNAL = 9,
       CV_BROADCAST = 10, WAIT_UINT = 11, RW_RDLOCK = 12, RW_WRLOCK = 13, RW_UNLOCK = 14, WAIT_UINT_PRIVATE = 15,
       WAKE_PRIVATE = 16, NWAKE_PRIVATE = 21, SEM2_WAIT = 23, SEM2_WAKE = 24 };

typedef struct { volatile uint32_t owner, flags; uint32_t ceilings[2]; uint64_t link; uint32_t spare[2]; } umutex;
typedef struct { volatile uint32_t waiters, flags, clock, spare; } ucond;
typedef struct { volatile uint32_t state, flags, blocked_readers, blocked_writers, spare[4]; } urwlock;
typedef struct { volatile uint32_t count, flags; } usem2;

enum { THREADS = 8 };
static char stacks[THREADS][16384] __attribute__((aligned(16)));
static char tls[THREADS][64] __attribute__((aligned(16)));
static volatile long identities[THREADS + 1];
static volatile long gone[THREADS];
static volatile uint32_t gate, started;
static umutex mutex;
static ucond condition;
static urwlock rwlock;
static usem2 semaphore;
static volatile long counter, turn;

static long umtx(volatile void *object, int operation, unsigned long value, const void *one, const void *two) {
    return SYS(_umtx_op, object, operation, value, one, two);
}

/// umtx operations that wait give up by an absolute or relative time: its size, and the time.
static long wait_for(volatile void *object, int operation, unsigned long value, long milliseconds) {
    timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    return umtx(object, operation, value, (void *)sizeof limit, &limit);
}

static long self(void) {
    long identity;
    SYS(thr_self, &identity);
    return identity;
}

/// As libthr locks: in user space if free, otherwise through the kernel.
static void lock(umutex *which) {
    uint32_t nobody = 0, contested = 0x80000000, me = (uint32_t)self();
    for (;;) {
        nobody = 0;
        if (__atomic_compare_exchange_n(&which->owner, &nobody, me, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
        contested = 0x80000000;
        if (nobody == contested && __atomic_compare_exchange_n(&which->owner, &contested, me | 0x80000000, 0,
                                                               __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
        if (umtx(which, MUTEX_LOCK, 0, 0, 0) == 0) return;
    }
}
static void unlock(umutex *which) {
    uint32_t me = (uint32_t)self(), expected = me;
    if (!__atomic_compare_exchange_n(&which->owner, &expected, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        umtx(which, MUTEX_UNLOCK, 0, 0, 0);
}

/// The kernel sets a thread's word and wakes who waits for it when the thread no longer needs its stack.
static void finish(void *index) { SYS(thr_exit, &gone[(long)index]); }

static void spawn(int index, void (*start)(void *)) {
    thr_param parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.start = start;
    parameters.argument = (void *)(long)index;
    parameters.stack = stacks[index];
    parameters.stack_size = sizeof stacks[index];
    parameters.tls = tls[index];
    parameters.tls_size = sizeof tls[index];
    parameters.child = (long *)&identities[index];
    *(void **)tls[index] = tls[index];
    gone[index] = 0;
    long result = SYS(thr_new, &parameters, sizeof parameters);
    if (result) expect("thr_new", result, 0);
}

static void join(void) {
    for (int index = 0; index < THREADS; index++)
        while (!gone[index]) umtx(&gone[index], WAIT, 0, 0, 0);
}

static void counts(void *index) {
    char *base;
    __asm__("movq %%fs:0, %0" : "=r"(base));
    if (base != tls[(long)index]) say("wrong thread pointer\n");
    if (identities[(long)index] != self()) say("wrong identity\n");
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    while (!gate) umtx(&gate, WAIT_UINT_PRIVATE, 0, 0, 0);
    for (int round = 0; round < 2000; round++) {
        lock(&mutex);
        counter = counter + 1;
        unlock(&mutex);
    }
    finish(index);
}

static void plays(void *index) {
    lock(&mutex);
    while (turn != (long)index) {
        umtx(&condition, CV_WAIT, 0, (void *)&mutex, 0); // releases the mutex while it waits
        lock(&mutex);
    }
    turn++;
    unlock(&mutex);
    umtx(&condition, CV_BROADCAST, 0, 0, 0);
    finish(index);
}

static void reads(void *index) {
    for (int round = 0; round < 200; round++) {
        if ((long)index % 2) {
            while (umtx(&rwlock, RW_WRLOCK, 0, 0, 0)) continue;
            counter = counter + 1;
        } else {
            while (umtx(&rwlock, RW_RDLOCK, 0, 0, 0)) continue;
        }
        umtx(&rwlock, RW_UNLOCK, 0, 0, 0);
    }
    finish(index);
}

static void takes(void *index) {
    for (;;) {
        uint32_t count = semaphore.count;
        if ((count & 0x7fffffff) == 0) {
            umtx(&semaphore, SEM2_WAIT, 0, 0, 0);
            continue;
        }
        if (__atomic_compare_exchange_n(&semaphore.count, &count, count - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) break;
    }
    __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    finish(index);
}

static volatile uint32_t signalled;
static void caught(int signal) { signalled = signal; }

static void sleeps(void *index) {
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    long result = umtx(&gate, WAIT_UINT, 0, 0, 0);
    counter = result;
    finish(index);
}

/// A new thread's floating-point state is the initial one (cpu_copy_thread of amd64/vm_machdep.c), its mask its maker's.
static void begins(void *index) {
    uint32_t mxcsr;
    uint16_t control;
    uint64_t low, high;
    sigset mask;
    __asm__ volatile("movq %%xmm7, %0\n movhlps %%xmm7, %%xmm7\n movq %%xmm7, %1\n stmxcsr %2\n fnstcw %3"
                     : "=r"(low), "=r"(high), "=m"(mxcsr), "=m"(control) : : "xmm7");
    SYS(sigprocmask, SIG_BLOCK, 0, &mask);
    if (mxcsr == 0x1f80 && control == 0x37f && (low | high) == 0 && mask.bits[0] == 1u << (SIGUSR2 - 1))
        __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    finish(index);
}
static void makes_beginners(void) {
    sigset mask = {{1u << (SIGUSR2 - 1)}};
    uint32_t mxcsr = 0x5f80, usual = 0x1f80;
    uint16_t control = 0x27f;
    SYS(sigprocmask, SIG_SETMASK, &mask, 0);
    counter = 0;
    for (int round = 0; round < 8; round++) {
        for (int index = 0; index < THREADS; index++) {
            __asm__ volatile("ldmxcsr %0\n fldcw %1\n pcmpeqd %%xmm7, %%xmm7" : : "m"(mxcsr), "m"(control) : "xmm7");
            spawn(index, begins);
        }
        join();
    }
    __asm__ volatile("ldmxcsr %0\n fninit" : : "m"(usual));
    expect("began clean", counter, 8 * THREADS);
    mask.bits[0] = 0;
    SYS(sigprocmask, SIG_SETMASK, &mask, 0);
}

static void sample(long argc, char **argv, char **environment) {
    for (int index = 0; index < THREADS; index++) gone[index] = 1;
    holds("thr_self", self() >= 100000 || self() > 0);
    for (int index = 0; index < THREADS; index++) spawn(index, counts);
    while (started < THREADS) nap(1);
    gate = 1;
    umtx(&gate, WAKE_PRIVATE, 0x7fffffff, 0, 0);
    join();
    expect("counted under a mutex", counter, THREADS * 2000);
    expect("mutex is free", mutex.owner & 0x7fffffff, 0);

    for (int index = THREADS - 1; index >= 0; index--) spawn(index, plays);
    join();
    expect("turns", turn, THREADS);
    counter = 0;
    for (int index = 0; index < THREADS; index++) spawn(index, reads);
    join();
    expect("written under a lock", counter, THREADS / 2 * 200);
    expect("lock is free", rwlock.state & 0x9fffffff, 0);
    counter = 0;
    for (int index = 0; index < THREADS; index++) spawn(index, takes);
    for (int index = 0; index < THREADS; index++) {
        nap(2);
        __atomic_add_fetch(&semaphore.count, 1, __ATOMIC_SEQ_CST);
        umtx(&semaphore, SEM2_WAKE, 0, 0, 0);
    }
    join();
    expect("taken", counter, THREADS);
    makes_beginners();

    volatile uint32_t word = 5;
    volatile uint64_t wide = 5;
    expect("wait for another value", umtx(&word, WAIT_UINT, 4, 0, 0), 0);
    expect("wait for time", wait_for(&word, WAIT_UINT, 5, 20), -ETIMEDOUT);
    expect("wait on a long", wait_for(&wide, WAIT, 5, 20), -ETIMEDOUT);
    expect("wait on a long of another value", umtx(&wide, WAIT, 6, 0, 0), 0);
    struct { timespec limit; uint32_t flags, clock; } absolute = {{0, 0}, 1, 4}; // UMTX_ABSTIME, CLOCK_MONOTONIC
    SYS(clock_gettime, 4, &absolute.limit);
    absolute.limit.sec -= 1;
    expect("wait until the past", umtx(&word, WAIT_UINT_PRIVATE, 5, (void *)sizeof absolute, &absolute), -ETIMEDOUT);
    expect("wait without memory", umtx((void *)64, WAIT_UINT, 5, 0, 0), -EFAULT);
    expect("no such operation", umtx(&word, 99, 0, 0, 0), -EINVAL);
    mutex.owner = 0;
    expect("trylock", umtx(&mutex, MUTEX_TRYLOCK, 0, 0, 0), 0);
    holds("owner", (mutex.owner & 0x7fffffff) == (uint32_t)self());
    expect("trylock again", umtx(&mutex, MUTEX_TRYLOCK, 0, 0, 0), -EBUSY);
    expect("unlock", umtx(&mutex, MUTEX_UNLOCK, 0, 0, 0), 0);
    expect("unlock again", umtx(&mutex, MUTEX_UNLOCK, 0, 0, 0), -EPERM);
    mutex.owner = 0;
    lock(&mutex);
    timespec limit = {0, 20000000};
    expect("condition by time", umtx(&condition, CV_WAIT, 0, (void *)&mutex, &limit), -ETIMEDOUT);
    expect("semaphore by time", wait_for(&semaphore, SEM2_WAIT, 0, 20), -ETIMEDOUT);

    sigaction action = {caught, 0, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    started = gate = 0;
    spawn(0, sleeps);
    while (!started) nap(1);
    nap(20);
    expect("thr_kill", SYS(thr_kill, identities[0], SIGUSR1), 0);
    join();
    expect("signal in a thread", signalled, SIGUSR1);
    expect("interrupted wait", counter, -EINTR);
    expect("thr_kill of no thread", SYS(thr_kill, 1, SIGUSR1), -ESRCH);
    expect("thr_kill with nonsense", SYS(thr_kill, self(), 999), -EINVAL);
    volatile uint32_t *addresses[1] = {&word};
    expect("wake many", umtx(addresses, NWAKE_PRIVATE, 1, 0, 0), 0);
    thr_param parameters;
    memset(&parameters, 0, sizeof parameters);
    expect("thr_new of a strange size", SYS(thr_new, &parameters, 1000), -EINVAL);
}
