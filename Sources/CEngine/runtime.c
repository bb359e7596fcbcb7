// What freestanding Swift and the engine need of a C library: memory, locks, labels.
#include "engine.h"
#include "engine_start.h"
#include "layout.h"
#include "session.h"
#include <asm/mman.h>
#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <linux/futex.h>
#include <linux/mman.h>

_Static_assert(offsetof(struct persona_thread, pending) == THREAD_PENDING, "entry.S");
_Static_assert(offsetof(struct persona_thread, whole) == THREAD_WHOLE, "entry.S");
_Static_assert(offsetof(struct persona_thread, stack) == THREAD_STACK, "entry.S");
_Static_assert(offsetof(struct persona_thread, patched) == THREAD_PATCHED, "entry.S");
_Static_assert(THREAD_PATCHED + CONTEXT_REGISTERS == THREAD_REGISTERS, "entry.S");
_Static_assert(PERSONA_THREAD_BYTES == THREAD_BYTES && PERSONA_THREAD_PLACE == THREAD_PLACE, "entry.S");
_Static_assert(sizeof(struct persona_thread) + PERSONA_SCRATCH_BYTES <= PERSONA_STATE_OFFSET
                   && PERSONA_THREAD_PLACE + PERSONA_STATE_OFFSET + PERSONA_STATE_BYTES <= PERSONA_THREAD_BYTES,
               "a thread block holds guard page, stack, state, scratch and floating-point state");
_Static_assert((PERSONA_THREAD_PLACE + PERSONA_STATE_OFFSET) % 4096 == 0, "the floating-point state begins a page");
_Static_assert(PERSONA_THREAD_PLACE % 4096 == 2048 && offsetof(struct persona_thread, own) % 2048 < 1984,
               "the first words of the process are on the thread's first page");

// MARK: - Labels

#pragma GCC visibility push(hidden)
extern char persona_text_start[], persona_text_end[];
extern char persona_interruptible_begin[], persona_interruptible_end[], persona_interruptible_give_up[];
extern char persona_copy_begin[], persona_copy_end[], persona_copy_fault[];
extern char persona_return[], persona_return_end[];
extern char persona_patched_entry[], persona_patched_saved[], persona_patched_exit[], persona_patched_exit_end[];
extern char persona_whole_exit[], persona_whole_exit_end[];
extern char _end[];
#pragma GCC visibility pop

uint64_t persona_label(enum persona_label label) {
    switch (label) {
    case PERSONA_TEXT_START: return (uint64_t)persona_text_start;
    case PERSONA_TEXT_END: return (uint64_t)persona_text_end;
    case PERSONA_INTERRUPTIBLE_BEGIN: return (uint64_t)persona_interruptible_begin;
    case PERSONA_INTERRUPTIBLE_END: return (uint64_t)persona_interruptible_end;
    case PERSONA_INTERRUPTIBLE_GIVE_UP: return (uint64_t)persona_interruptible_give_up;
    case PERSONA_COPY_BEGIN: return (uint64_t)persona_copy_begin;
    case PERSONA_COPY_END: return (uint64_t)persona_copy_end;
    case PERSONA_COPY_FAULT: return (uint64_t)persona_copy_fault;
    case PERSONA_RETURN: return (uint64_t)persona_return;
    case PERSONA_RETURN_END: return (uint64_t)persona_return_end;
    case PERSONA_PATCHED_ENTRY: return (uint64_t)persona_patched_entry;
    case PERSONA_PATCHED_SAVED: return (uint64_t)persona_patched_saved;
    case PERSONA_PATCHED_EXIT: return (uint64_t)persona_patched_exit;
    case PERSONA_PATCHED_EXIT_END: return (uint64_t)persona_patched_exit_end;
    case PERSONA_WHOLE_EXIT: return (uint64_t)persona_whole_exit;
    case PERSONA_WHOLE_EXIT_END: return (uint64_t)persona_whole_exit_end;
    case PERSONA_ON_SIGNAL: return (uint64_t)engine_on_signal;
    case PERSONA_ON_TRAP: return (uint64_t)engine_on_trap;
    }
    return 0;
}

// MARK: - C library functions that the compilers call

// Beginning a string instruction costs more than a few words do. The empty statement keeps the compiler from
// calling these very functions for their loops.
#define AS_WRITTEN __asm__ volatile("" : : : "memory")
enum { FEW = 128 };

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    void *result = to;
    if (count <= FEW) {
        char *target = to;
        const char *source = from;
        for (; count >= 8; count -= 8, target += 8, source += 8) {
            __builtin_memcpy_inline(target, source, 8);
            AS_WRITTEN;
        }
        for (; count > 0; count--) {
            *target++ = *source++;
            AS_WRITTEN;
        }
        return result;
    }
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t count) {
    if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
    char *target = to;
    const char *source = from;
    while (count-- > 0) target[count] = source[count];
    return to;
}

void *memset(void *to, int value, size_t count) {
    void *result = to;
    if (count <= FEW) {
        char *target = to;
        uint64_t word = (uint8_t)value * 0x0101010101010101u;
        for (; count >= 8; count -= 8, target += 8) {
            __builtin_memcpy_inline(target, &word, 8);
            AS_WRITTEN;
        }
        for (; count > 0; count--) {
            *target++ = (char)value;
            AS_WRITTEN;
        }
        return result;
    }
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *x = a, *y = b;
    for (; count > 0; count--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

// MARK: - fs

static int reads_fs_base;

void persona_use_fs_base(void) { reads_fs_base = 1; }

uint64_t persona_fs_base(void) {
    uint64_t base = 0;
    if (reads_fs_base) __asm__ volatile("rdfsbase %0" : "=r"(base));
    else persona_syscall(__NR_arch_prctl, ARCH_GET_FS, (uint64_t)&base, 0, 0, 0, 0);
    return base;
}

void persona_use_gs_base(uint64_t base) {
    if (reads_fs_base) __asm__ volatile("wrgsbase %0" : : "r"(base));
    else persona_syscall(__NR_arch_prctl, ARCH_SET_GS, base, 0, 0, 0, 0);
}

// MARK: - Locks

// 0 free, 1 held, 2 held and waited for.
void persona_lock(uint32_t *lock) {
    uint32_t state = 0;
    if (__atomic_compare_exchange_n(lock, &state, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    if (state != 2) state = __atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE);
    while (state != 0) {
        persona_syscall(__NR_futex, (uint64_t)lock, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0, 0, 0);
        state = __atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE);
    }
}

void persona_unlock(uint32_t *lock) {
    if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
        persona_syscall(__NR_futex, (uint64_t)lock, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

// MARK: - Memory

// Behind the engine itself and without gaps, so that neighbours of a kind are one mapping to Linux and few pages
// hold the page tables: a fork copies both.
static uint64_t next_address;

void *persona_map(size_t bytes, size_t alignment, int protection, int flags, int file) {
    return persona_map_at(bytes, alignment, protection, flags, file, 0);
}

void *persona_map_at(size_t bytes, size_t alignment, int protection, int flags, int file, uint64_t offset) {
    for (int attempt = 0; attempt < 64; attempt++) {
        size_t length = (bytes + 4095) & ~(size_t)4095;
        uint64_t from = __atomic_load_n(&next_address, __ATOMIC_RELAXED), start;
        do {
            start = ((from ? from : (uint64_t)_end) + alignment - 1) & ~(uint64_t)(alignment - 1);
        } while (!__atomic_compare_exchange_n(&next_address, &from, start + length, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
        if (start + length > PERSONA_RESERVED_END) return 0;
        int64_t found = persona_syscall(__NR_mmap, start, bytes, protection,
                                        flags | MAP_FIXED_NOREPLACE, file, offset);
        if (found == (int64_t)start) return (void *)start;
        if (found >= 0) persona_syscall(__NR_munmap, found, bytes, 0, 0, 0, 0);
        else if (found != -17 /* EEXIST */) return 0;
    }
    return 0;
}

// What is the engine's alone has the flags of its uninitialised data, in which the first thread's block and the first chunk
// lie, since Linux joins only like mappings.
enum { OWN_MEMORY = MAP_PRIVATE | MAP_ANONYMOUS };

// Powers of two from 32 bytes to 32 KiB in free lists; larger blocks have a mapping of their own.
// Each block is preceded by a 16-byte head that holds its size class or length.
enum { SMALLEST = 5, LARGEST = 15, FIRST_CHUNK = 64 * 1024, CHUNK = 256 * 1024 };

struct block {
    uint64_t size_class;  // 0: own mapping of `length` bytes
    uint64_t length;
};

struct vacant {
    struct vacant *next;
};

static uint32_t memory_lock;
static struct vacant *vacant[LARGEST + 1];
// Small, since a fork looks at each page's entry in a mapping, whether there is a page or not.
static char first_chunk[FIRST_CHUNK] __attribute__((aligned(16)));
static char *chunk, *chunk_end;

// The lock is held.
static void *carve(size_t bytes) {
    if (!chunk) {
        chunk = first_chunk;
        chunk_end = first_chunk + FIRST_CHUNK;
    }
    if ((size_t)(chunk_end - chunk) < bytes) {
        char *fresh = persona_map(CHUNK, 4096, PROT_READ | PROT_WRITE, OWN_MEMORY, -1);
        if (!fresh) return 0;
        chunk = fresh;
        chunk_end = fresh + CHUNK;
    }
    void *found = chunk;
    chunk += bytes;
    return found;
}

void *persona_allocate_forever(size_t bytes) {
    if (bytes > CHUNK / 4) return persona_map(bytes, 4096, PROT_READ | PROT_WRITE, OWN_MEMORY, -1);
    persona_lock(&memory_lock);
    void *found = carve((bytes + 15) & ~(size_t)15);
    persona_unlock(&memory_lock);
    return found;
}

void *persona_allocate(size_t bytes) {
    size_t whole = bytes + sizeof(struct block);
    if (whole > (1 << LARGEST)) {
        size_t length = (whole + 4095) & ~(size_t)4095;
        struct block *block = persona_map(length, 4096, PROT_READ | PROT_WRITE, OWN_MEMORY, -1);
        if (!block) return 0;
        block->length = length;
        return block + 1;
    }
    int size_class = SMALLEST;
    while ((size_t)1 << size_class < whole) size_class++;
    persona_lock(&memory_lock);
    struct vacant *found = vacant[size_class];
    int is_fresh = !found;
    if (found) {
        vacant[size_class] = found->next;
    } else {
        found = carve((size_t)1 << size_class);
    }
    persona_unlock(&memory_lock);
    if (!found) return 0;
    struct block *block = (struct block *)found;
    // What has never been used is zero, and its pages need not be there yet.
    if (!is_fresh) memset(block, 0, (size_t)1 << size_class);
    block->size_class = (uint64_t)size_class;
    return block + 1;
}

void persona_release(void *memory) {
    if (!memory) return;
    struct block *block = (struct block *)memory - 1;
    if (block->size_class == 0) {
        persona_syscall(__NR_munmap, (uint64_t)block, block->length, 0, 0, 0, 0);
        return;
    }
    uint64_t size_class = block->size_class;
    struct vacant *free_block = (struct vacant *)block;
    persona_lock(&memory_lock);
    free_block->next = vacant[size_class];
    vacant[size_class] = free_block;
    persona_unlock(&memory_lock);
}

void persona_lock_memory(void) { persona_lock(&memory_lock); }
void persona_unlock_memory(void) { persona_unlock(&memory_lock); }

// Swift's runtime allocates through these.
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    if (alignment > 16) return 22;
    *memory = persona_allocate(bytes);
    return *memory ? 0 : 12;
}

void free(void *memory) { persona_release(memory); }

// MARK: - The session's memory

struct persona_session *persona_session(void) {
    static struct persona_session *session;
    if (session) return session;
    int64_t file = persona_syscall(PERSONA_HYPERCALL, PERSONA_HC_SESSION, PERSONA_SESSION_BYTES, 0, 0, 0, 0);
    if (file < 0) return 0;
    session = persona_map(PERSONA_SESSION_BYTES, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)file);
    persona_syscall(__NR_close, (uint64_t)file, 0, 0, 0, 0, 0);
    return session;
}

void persona_session_lock(struct persona_session *session) {
    uint32_t own = (uint32_t)persona_current()->tid;
    for (uint32_t tries = 0;; tries++) {
        uint32_t holder = 0;
        if (__atomic_compare_exchange_n(&session->lock, &holder, own, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
        persona_syscall(__NR_sched_yield, 0, 0, 0, 0, 0, 0);
        if (tries % 64 == 63 && persona_syscall(__NR_kill, holder, 0, 0, 0, 0, 0) == -3 /* ESRCH */)
            __atomic_compare_exchange_n(&session->lock, &holder, 0, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }
}

void persona_session_unlock(struct persona_session *session) {
    __atomic_store_n(&session->lock, 0, __ATOMIC_RELEASE);
}

// MARK: - Threads' blocks

static uint32_t block_lock;
// Without its guard page, which is a hole before the engine's data (engine.ld).
char persona_first_block[PERSONA_THREAD_BYTES - PERSONA_GUARD_BYTES] __attribute__((section(".bss.first"), aligned(4096)));
static struct persona_thread *blocks;  // all that exist, linked by `next`
static uint32_t block_count;

// Linux 6.13 and later can guard a page without making it a mapping of its own.
static void guard(uint64_t page) {
    if (persona_syscall(__NR_madvise, page, 4096, 102 /* MADV_GUARD_INSTALL */, 0, 0, 0) < 0)
        persona_syscall(__NR_mprotect, page, 4096, PROT_NONE, 0, 0, 0);
}

// A block whose `alive` word Linux has cleared can be used again. The search goes on where the last one
// ended, so that a process which keeps many threads does not pay for them at each new one. The first block holds the
// process and is never used again.
struct persona_thread *persona_thread_block(void) {
    static struct persona_thread *cursor;
    persona_lock(&block_lock);
    struct persona_thread *thread = 0;
    for (uint32_t tries = 0; tries < block_count && tries < 64 && !thread; tries++) {
        cursor = cursor && cursor->next ? cursor->next : blocks;
        if (cursor->next && __atomic_load_n(&cursor->alive, __ATOMIC_ACQUIRE) == 0) thread = cursor;
    }
    if (thread) {
        struct persona_thread *next = thread->next;
        memset(thread, 0, offsetof(struct persona_thread, own));
        thread->next = next;
    } else {
        char *block = persona_first_block - PERSONA_GUARD_BYTES;
        if (blocks) {
            block = persona_map(PERSONA_THREAD_BYTES, PERSONA_THREAD_BYTES, PROT_READ | PROT_WRITE, OWN_MEMORY, -1);
            if (block) guard((uint64_t)block);
        }
        if (block) {
            thread = (struct persona_thread *)(block + PERSONA_THREAD_PLACE);
            thread->next = blocks;
            blocks = thread;
            block_count++;
        }
    }
    if (thread) {
        thread->self = thread;
        thread->stack = (uint64_t)thread;
        thread->alive = 1;
    }
    persona_unlock(&block_lock);
    return thread;
}

struct persona_thread *persona_find_thread(int32_t tid) {
    persona_lock(&block_lock);
    struct persona_thread *thread = blocks;
    while (thread && !(thread->tid == tid && __atomic_load_n(&thread->alive, __ATOMIC_ACQUIRE))) {
        thread = thread->next;
    }
    persona_unlock(&block_lock);
    return thread;
}

int persona_is_single(void) { return block_count == 1; }
void persona_lock_blocks(void) { persona_lock(&block_lock); }
void persona_unlock_blocks(void) { persona_unlock(&block_lock); }

void persona_forget_stack(uint64_t start) {
    uint64_t used = ((uint64_t)__builtin_frame_address(0) - 512) & ~(uint64_t)4095;
    if (used > start) persona_syscall(__NR_madvise, start, used - start, MADV_DONTNEED, 0, 0, 0);
}

// MARK: - Traps at call sites

uint64_t persona_count_traps(struct persona_site_counts *counts, uint64_t address, uint64_t traps, uint64_t worthwhile) {
    uint64_t place = (address * 0x9e3779b97f4a7c15) >> 40;
    for (uint32_t step = 0; step < 16; step++) {
        struct persona_site_count *site = &counts->sites[(place + step) % counts->capacity];
        uint64_t found = __atomic_load_n(&site->address, __ATOMIC_RELAXED);
        if (found == 0 && __atomic_compare_exchange_n(&site->address, &found, address, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            found = address;
        if (found != address) continue;
        uint64_t sum = __atomic_add_fetch(&site->traps, traps, __ATOMIC_RELAXED);
        if (sum >= worthwhile && sum - traps < worthwhile) __atomic_add_fetch(&counts->ready, 1, __ATOMIC_RELEASE);
        return sum;
    }
    return 0;
}

uint32_t persona_count_sites(const struct persona_site_counts *counts) {
    uint32_t known = 0;
    for (uint32_t index = 0; index < counts->capacity; index++) known += counts->sites[index].address != 0;
    return known;
}

uint64_t persona_site_at(const struct persona_site_counts *counts, uint64_t index, uint64_t *traps) {
    *traps = __atomic_load_n(&counts->sites[index].traps, __ATOMIC_RELAXED);
    return __atomic_load_n(&counts->sites[index].address, __ATOMIC_RELAXED);
}
