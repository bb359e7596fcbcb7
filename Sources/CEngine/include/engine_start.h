/// The freestanding engine's own parts, which translation code does not see: entry points, labels,
/// thread blocks.
#ifndef PERSONA_ENGINE_START_H
#define PERSONA_ENGINE_START_H

#include "engine.h"

/// Bytes from a thread block's start to the room for its floating-point state, and to its signal stack; the page before
/// that is the guard.
#define PERSONA_STATE_OFFSET (100 * 1024)
#define PERSONA_STATE_BYTES (16 * 1024)
#define PERSONA_STACK_OFFSET (120 * 1024)

enum persona_label {
    PERSONA_TEXT_START, PERSONA_TEXT_END,
    PERSONA_INTERRUPTIBLE_BEGIN, PERSONA_INTERRUPTIBLE_END, PERSONA_INTERRUPTIBLE_GIVE_UP,
    PERSONA_COPY_BEGIN, PERSONA_COPY_END, PERSONA_COPY_FAULT,
    PERSONA_RETURN, PERSONA_RETURN_END,
    PERSONA_PATCHED_ENTRY, PERSONA_PATCHED_SAVED, PERSONA_PATCHED_EXIT, PERSONA_PATCHED_EXIT_END,
    PERSONA_WHOLE_EXIT, PERSONA_WHOLE_EXIT_END,
    PERSONA_ON_SIGNAL, PERSONA_ON_TRAP,
};

uint64_t persona_label(enum persona_label label);

/// persona_interruptible with the registers of the thread's patched call, which are in Linux's places.
int64_t persona_same(struct persona_thread *thread, int64_t number);

/// Continues at a Linux ucontext, as if a signal handler returned to it. Does not return.
void persona_resume(void *ucontext) __attribute__((noreturn));
void persona_on_stack(uint64_t stack, void (*function)(void *), void *argument) __attribute__((noreturn));
int64_t persona_clone(uint64_t flags, uint64_t stack, void *parent_tid, void *child_tid, uint64_t tls,
                      void (*function)(void *), void *argument);

/// Memory in the reserved zone; NULL when there is none. `flags` and `protection` are mmap's.
void *persona_map(size_t bytes, size_t alignment, int protection, int flags, int file);
struct persona_thread *persona_thread_block(void);

/// Has forks copy what is present of a private file mapping, which has this protection, by writing to it once. Linux
/// leaves out a mapping that nobody wrote to, and the child then pays a fault for each part that it touches.
void persona_keep_at_fork(void *start, size_t bytes, int protection);

/// 1 while there has been but one thread in this memory, a vfork's child counted too: no lock is held by another.
int persona_is_single(void);

/// Held around fork, so that the child finds them free.
void persona_lock_memory(void);
void persona_unlock_memory(void);
void persona_lock_blocks(void);
void persona_unlock_blocks(void);

/// Memory for the supervisor's reply to PERSONA_HC_START, which keeps the plan for as long as the program runs.
struct persona_start *persona_start_reply(void);
char *persona_started_plan(void);

static inline void *persona_tid_address(struct persona_thread *thread) { return &thread->tid; }
static inline void *persona_alive_address(struct persona_thread *thread) { return &thread->alive; }
static inline void *persona_patched_registers(struct persona_thread *thread) { return thread->patched; }

void engine_start(uint64_t *stack);
void engine_on_trap(int signal, void *info, void *context);
void engine_on_signal(int signal, void *info, void *context);
int engine_deliver_pending(struct persona_thread *thread, void *context);
void engine_on_patched(struct persona_thread *thread, void *registers);
void engine_on_whole(struct persona_thread *thread);

/// The processor's state in the components of `features` (XSAVE, XRSTOR), to and from 64-byte aligned memory.
void persona_save_state(void *area, uint64_t features);
void persona_load_state(const void *area, uint64_t features);

/// Tells that user space may read fs's base itself.
void persona_use_fs_base(void);

/// 1 when it got the lock.
static inline int persona_try_lock(uint32_t *lock) {
    uint32_t state = 0;
    return __atomic_compare_exchange_n(lock, &state, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/// Counters that grow while others read without a lock.
static inline uint32_t persona_load_count(const uint32_t *count) { return __atomic_load_n(count, __ATOMIC_ACQUIRE); }
static inline void persona_store_count(uint32_t *count, uint32_t value) {
    __atomic_store_n(count, value, __ATOMIC_RELEASE);
}

#endif
