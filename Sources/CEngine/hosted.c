// The engine's doors for an ordinary process: unit tests call translation code with them.
#include <asm/prctl.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "engine.h"
#include "session.h"

static int64_t answer(long result) { return result == -1 ? -errno : result; }

int64_t persona_interruptible(struct persona_thread *thread, int64_t number, uint64_t a, uint64_t b,
                              uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    if (thread->pending) return PERSONA_RESTART;
    return answer(syscall(number, a, b, c, d, e, f));
}

int64_t persona_syscall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                        uint64_t f) {
    return answer(syscall(number, a, b, c, d, e, f));
}

uint64_t persona_fs_base(void) {
    uint64_t base = 0;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    return base;
}

int64_t persona_clock(int32_t clock, uint64_t time[2]) { return answer(syscall(SYS_clock_gettime, clock, time)); }

// Faults become EFAULT, as in the engine: Linux copies.
static int64_t move(uint64_t guest, void *own, size_t count, int writing) {
    if (count == 0) return 0;
    struct iovec local = {own, count}, remote = {(void *)guest, count};
    ssize_t moved = writing ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
                            : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    return moved == (ssize_t)count ? 0 : -EFAULT;
}

int64_t persona_copy_in(void *destination, uint64_t source, size_t count) {
    return move(source, destination, count, 0);
}

int64_t persona_copy_out(uint64_t destination, const void *source, size_t count) {
    return move(destination, (void *)source, count, 1);
}

int64_t persona_copy_string(char *destination, uint64_t source, size_t limit) {
    for (size_t i = 0; i < limit; i++) {
        if (move(source + i, destination + i, 1, 0) != 0) return -EFAULT;
        if (destination[i] == 0) return (int64_t)i;
    }
    return -ENAMETOOLONG;
}

int64_t persona_load32(uint64_t address, uint32_t *value) { return move(address, value, 4, 0); }

int64_t persona_store32(uint64_t address, uint32_t value) { return move(address, &value, 4, 1); }

int64_t persona_swap32(uint64_t address, uint32_t *expected, uint32_t value) {
    uint32_t found;
    if (move(address, &found, 4, 0) != 0) return -EFAULT;
    return __atomic_compare_exchange_n((uint32_t *)address, expected, value, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

int64_t persona_store_pair(uint64_t destination, uint64_t first, uint64_t second) {
    uint64_t pair[2] = {first, second};
    return move(destination, pair, 16, 1);
}

int64_t persona_follow(const struct persona_step *step, const void *native, uint64_t foreign) {
    for (; step->kind > PERSONA_STEP_FIELD; step++) {
        char *to = (char *)foreign + step->foreign_offset;
        const char *from = (const char *)native + step->native_offset;
        static const char zeros[8 * PERSONA_STEP_WORDS];
        size_t count;
        if (step->kind > PERSONA_STEP_ZERO) count = 8 * (step->kind - PERSONA_STEP_ZERO), from = zeros;
        else if (step->kind > PERSONA_STEP_COPY) count = 8 * (step->kind - PERSONA_STEP_COPY);
        else if (step->kind > PERSONA_STEP_ZERO_BYTES) count = 1 << (step->kind - PERSONA_STEP_ZERO_BYTES - 1), from = zeros;
        else count = 1 << (step->kind - PERSONA_STEP_COPY_BYTES - 1);
        if (move((uint64_t)to, (void *)from, count, 1) != 0) return -EFAULT;
    }
    return (int64_t)step;
}

void *persona_allocate(size_t bytes) { return calloc(1, bytes); }
void persona_release(void *memory) { free(memory); }

void persona_lock(uint32_t *lock) {
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
}

void persona_unlock(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

static uint32_t session_lock;

struct persona_session *persona_session(void) {
    static struct persona_session *session;
    persona_lock(&session_lock);
    if (!session) {
        void *memory = mmap(0, PERSONA_SESSION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        session = memory == MAP_FAILED ? 0 : memory;
    }
    persona_unlock(&session_lock);
    return session;
}

void persona_session_lock(struct persona_session *session) { persona_lock(&session->lock); }
void persona_session_unlock(struct persona_session *session) { persona_unlock(&session->lock); }

static __thread struct persona_thread *current;
static struct persona_thread *all;  // never freed: a test process keeps its threads
static uint32_t all_lock;

struct persona_thread *persona_current(void) {
    if (!current) {
        current = calloc(1, PERSONA_THREAD_BYTES);
        current->self = current;
        current->process = calloc(1, sizeof *current->process);
        current->process->pid = getpid();
        current->tid = (int32_t)syscall(SYS_gettid);
        persona_lock(&all_lock);
        current->next = all;
        all = current;
        persona_unlock(&all_lock);
    }
    return current;
}

struct persona_thread *persona_find_thread(int32_t tid) {
    persona_lock(&all_lock);
    struct persona_thread *thread = all;
    while (thread && thread->tid != tid) thread = thread->next;
    persona_unlock(&all_lock);
    return thread;
}

// A test process neither forks guests nor takes their signals.
int64_t persona_start_thread(struct persona_thread *thread, const struct persona_thread_start *start) {
    (void)thread, (void)start;
    return -ENOSYS;
}

int64_t persona_start_worker(struct persona_thread *thread, void (*function)(void *), void *argument) {
    (void)thread, (void)function, (void)argument;
    return -ENOSYS;
}

int32_t persona_block_for_end(struct persona_thread *thread) {
    (void)thread;
    return 1;
}

void persona_end_thread(struct persona_thread *thread, uint64_t state, uint64_t value, uint32_t width) {
    (void)thread, (void)state, (void)value, (void)width;
}

int64_t persona_fork(struct persona_thread *thread, uint32_t kind, int32_t *pidfd) {
    (void)thread, (void)kind, (void)pidfd;
    return -ENOSYS;
}

int64_t persona_execute(struct persona_thread *thread, int32_t file, uint64_t path, uint64_t native_path,
                        uint64_t arguments, uint64_t environment) {
    (void)thread, (void)file, (void)path, (void)arguments, (void)environment;
    return -ENOSYS;
}

int64_t persona_execute_known(struct persona_thread *thread, uint64_t native_path, uint64_t arguments, uint64_t environment) {
    (void)thread, (void)native_path, (void)arguments, (void)environment;
    return 1;
}

int64_t persona_set_gs(struct persona_thread *thread, uint64_t base) {
    thread->guest_gs = base;
    return 0;
}

int32_t persona_holds_stubs(uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return 0;
}

int64_t persona_install_action(struct persona_thread *thread, int32_t foreign, int32_t native) {
    (void)thread, (void)foreign, (void)native;
    return 0;
}
