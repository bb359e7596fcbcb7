/// The records of the call log. Part of wire.h.
#ifndef PERSONA_WIRE_LOG_H
#define PERSONA_WIRE_LOG_H

#include <stdint.h>

#define PERSONA_LOG_SLOTS 64
#define PERSONA_LOG_SLOT_BYTES (256 * 1024)   /* header included */
#define PERSONA_LOG_CAPTURE_LIMIT 4096        /* bytes of one captured string or structure */
#define PERSONA_LOG_BUFFER_LIMIT 64           /* bytes of one captured data buffer */
#define PERSONA_LOG_NATIVE_LIMIT 8            /* Linux calls kept of one foreign call */

/// A ring of records in memory that every guest process and the supervisor share. A thread writes to
/// slot `tid % PERSONA_LOG_SLOTS` under `lock`, which holds the writer's tid. `head` and `tail` only grow.
/// A record never wraps: where it does not fit before the end, a PERSONA_LOG_SKIP record fills the rest;
/// of it only `size` and `kind` are there, since the rest may be as short as 8 bytes.
struct persona_log_slot {
    uint32_t lock;
    uint32_t lost;       ///< records given up because nobody emptied the ring
    uint64_t head;       ///< bytes ever written (engine)
    uint64_t tail;       ///< bytes ever consumed (supervisor)
    uint32_t counts_cycles;  ///< 1: times are the processor's time-stamp counter (supervisor)
    uint32_t reserved;
    uint64_t padding[4];
    uint8_t data[PERSONA_LOG_SLOT_BYTES - 64];
};

/// The writer's and the reader's view of `head`, `tail` and `lost`: what was stored before a
/// store here is seen after the load that sees it.
static inline uint64_t persona_log_load(const uint64_t *counter) {
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static inline void persona_log_store(uint64_t *counter, uint64_t value) {
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/// Writes `desired` to a slot's lock if it holds `expected`; answers what it held.
static inline uint32_t persona_log_claim(uint32_t *lock, uint32_t expected, uint32_t desired) {
    __atomic_compare_exchange_n(lock, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return expected;
}

/// The processor's time-stamp counter.
static inline uint64_t persona_cycles(void) { return __builtin_ia32_rdtsc(); }

/// Shows the reader what was written up to `head`, and gives the lock back.
static inline void persona_log_publish(struct persona_log_slot *slot, uint64_t head) {
    __atomic_store_n(&slot->head, head, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->lock, 0, __ATOMIC_RELEASE);
}

enum persona_log_kind {
    PERSONA_LOG_SKIP = 0,
    PERSONA_LOG_ENTRY = 1,    ///< a call begins: persona_log_entry, then captures
    PERSONA_LOG_EXIT = 2,     ///< it returned: persona_log_exit, natives, then captures
    PERSONA_LOG_SIGNAL = 3,   ///< a signal was delivered: persona_log_signal
};

struct persona_log_record {
    uint32_t size;       ///< bytes, this head included, multiple of 8
    uint16_t kind;
    uint16_t captures;   ///< persona_log_capture items at the end
    int32_t pid;
    int32_t tid;
    uint64_t time;       ///< CLOCK_MONOTONIC, nanoseconds; or cycles, see persona_log_slot
};

/// Behind it lie `argument_count` words of 8 bytes: each argument's first one, as the guest passed it.
struct persona_log_entry {
    struct persona_log_record record;
    uint32_t number;
    uint32_t argument_count;
};

enum persona_log_outcome {
    PERSONA_OUTCOME_RESULT = 0,   ///< `result` (and `second`)
    PERSONA_OUTCOME_ERROR = 1,    ///< `result` is the foreign errno
    PERSONA_OUTCOME_RESTART = 2,  ///< interrupted; will be made again
    PERSONA_OUTCOME_JUMP = 3,     ///< control went elsewhere (sigreturn)
};

/// In a record it ends with its `argument_count`th argument; those behind it are 0.
struct persona_log_native {
    uint32_t number;
    uint32_t argument_count;
    int64_t result;
    uint64_t arguments[6];
};

struct persona_log_exit {
    struct persona_log_record record;
    uint32_t number;
    uint8_t outcome;         ///< enum persona_log_outcome
    uint8_t is_same;         ///< 1: it became the row's Linux call, with the entry's words and this result
    uint16_t native_count;   ///< persona_log_native items right behind this structure
    int64_t result;
    int64_t second;
};

struct persona_log_signal {
    struct persona_log_record record;
    int32_t signal;       ///< foreign number
    int32_t code;         ///< foreign si_code
    uint64_t address;     ///< si_addr, or the sender's pid
    uint64_t handler;     ///< address of the guest's handler
};

/// What the pointers inside a pointer argument's pointee point to, as `argument` of a capture.
enum persona_log_nested {
    PERSONA_NESTED_DATA = 8,      ///< the data of an iovec's first element; the next ones follow up to 11
    PERSONA_NESTED_VECTOR = 12,   ///< a msghdr's iovecs
    PERSONA_NESTED_ADDRESS = 13,  ///< a msghdr's socket address
    PERSONA_NESTED_LIMIT = 16,
};

/// What a pointer argument points to: a string without its NUL, an argv's strings each with its NUL,
/// or plain bytes.
struct persona_log_capture {
    uint8_t argument;     ///< index of the argument, or enum persona_log_nested
    uint8_t truncated;    ///< 1: longer in the guest
    uint8_t fault;        ///< 1: unreadable
    uint8_t reserved;
    uint32_t length;      ///< bytes that follow, padded to a multiple of 8
};

#endif
