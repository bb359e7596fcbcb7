/// The freestanding engine's own parts, which translation code does not see: entry points, labels,
/// thread blocks.
#ifndef PERSONA_ENGINE_START_H
#define PERSONA_ENGINE_START_H

#include "engine.h"

/// Bytes from a thread block's start, which is its guard page, to struct persona_thread, and from there to the room for
/// the floating-point state, which begins a page. Half a page of the stack, what a fork's parent and child both write to, lies
/// on the structure's first page.
#define PERSONA_THREAD_PLACE (130 * 1024)
#define PERSONA_STATE_OFFSET (110 * 1024)
#define PERSONA_STATE_BYTES (16 * 1024)
#define PERSONA_GUARD_BYTES 4096

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
/// Goes on with what the thread's `patched` and `whole` say, by a patched call's way back.
void persona_leave(void) __attribute__((noreturn));
void persona_on_stack(uint64_t stack, void (*function)(void *), void *argument) __attribute__((noreturn));
int64_t persona_clone(uint64_t flags, uint64_t stack, void *parent_tid, void *child_tid, uint64_t tls,
                      void (*function)(void *), void *argument);

/// Memory in the reserved zone; NULL when there is none. `flags` and `protection` are mmap's.
void *persona_map(size_t bytes, size_t alignment, int protection, int flags, int file);
void *persona_map_at(size_t bytes, size_t alignment, int protection, int flags, int file, uint64_t offset);
/// Zeroed memory that nobody gives back, side by side with other such memory.
void *persona_allocate_forever(size_t bytes);
struct persona_thread *persona_thread_block(void);
/// Gives back the pages of this stack, which begins at `start`, that are below those in use: each is copied by forks.
void persona_forget_stack(uint64_t start);


/// 1 while there has been but one thread in this memory, a vfork's child counted too: no lock is held by another.
int persona_is_single(void);

/// Held around fork, so that the child finds them free.
void persona_lock_memory(void);
void persona_unlock_memory(void);
void persona_lock_blocks(void);
void persona_unlock_blocks(void);

static inline void *persona_tid_address(struct persona_thread *thread) { return &thread->tid; }
static inline void *persona_alive_address(struct persona_thread *thread) { return &thread->alive; }
static inline void *persona_patched_registers(struct persona_thread *thread) { return thread->patched; }
static inline struct persona_process *persona_own_process(struct persona_thread *thread) { return &thread->own; }

void engine_start(uint64_t *stack);
void engine_on_trap(int signal, void *info, void *context);
void engine_on_signal(int signal, void *info, void *context);
int engine_deliver_pending(struct persona_thread *thread, void *context);
void engine_on_patched(struct persona_thread *thread, void *registers);
void engine_on_whole(struct persona_thread *thread);

/// The processor's state in the components of `features` (XSAVE, XRSTOR), to and from 64-byte aligned memory.
void persona_save_state(void *area, uint64_t features);
void persona_load_state(const void *area, uint64_t features);

/// Tells that user space may read and write the bases of fs and gs itself.
void persona_use_fs_base(void);
void persona_use_gs_base(uint64_t base);

/// 1 when it got the lock.
static inline int persona_try_lock(uint32_t *lock) {
    uint32_t state = 0;
    return __atomic_compare_exchange_n(lock, &state, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/// Traps at call sites, an open hash table; processes may share it.
struct persona_site_count {
    uint64_t address;        ///< of the instruction; 0: free
    uint64_t traps;
};
struct persona_site_counts {
    uint32_t capacity;
    uint32_t ready;          ///< sites that have reached the count asked for
    uint64_t reserved;
    struct persona_site_count sites[];
};

/// Adds traps to a site's count and answers it; 0: there is no room near the site's place. `ready` tells how many
/// sites have come to `worthwhile`.
uint64_t persona_count_traps(struct persona_site_counts *counts, uint64_t address, uint64_t traps, uint64_t worthwhile);
uint32_t persona_count_sites(const struct persona_site_counts *counts);
/// The address and the count at an index.
uint64_t persona_site_at(const struct persona_site_counts *counts, uint64_t index, uint64_t *traps);

/// Counters that grow while others read without a lock.
static inline uint32_t persona_load_count(const uint32_t *count) { return __atomic_load_n(count, __ATOMIC_ACQUIRE); }
static inline void persona_store_count(uint32_t *count, uint32_t value) {
    __atomic_store_n(count, value, __ATOMIC_RELEASE);
}

#endif
