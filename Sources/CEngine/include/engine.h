/// What the engine's Swift code cannot say itself: per-thread and per-process state whose layout
/// assembly and signal frames depend on, and the doors to Linux and to guest memory.
///
/// Two implementations exist: entry.S and runtime.c, freestanding, make the engine; hosted.c lets the
/// Translation module run inside an ordinary test process.
#ifndef PERSONA_ENGINE_H
#define PERSONA_ENGINE_H

#include <stdint.h>
#include <stddef.h>
#include "wire.h"

// MARK: - State

/// Result of an interruptible host call that a signal stopped before it took effect. Handlers return
/// it as it is; the engine then restarts the foreign call or answers EINTR, as the signal's action says.
#define PERSONA_RESTART (-512)
/// The same of a call that no signal ends: it is made again whatever the action says.
#define PERSONA_RESTART_ALWAYS (-514)

/// A handler that has set the guest's registers itself (sigreturn) returns this.
#define PERSONA_JUMP (-513)

/// A handler answers with a foreign errno that Linux does not have by `PERSONA_FOREIGN_ERROR - errno`.
#define PERSONA_FOREIGN_ERROR (-65536)

#define PERSONA_SIGNALS 129  /* foreign signals 1...128 */

/// The guest's action for one signal, in its own words.
struct persona_action {
    uint64_t handler;     ///< SIG_DFL 0, SIG_IGN 1, or an address
    uint64_t flags;       ///< foreign SA_*
    uint64_t mask[2];     ///< foreign signals blocked meanwhile; bit n-1 is signal n
    uint64_t restorer;    ///< trampoline, for systems that pass one
};

/// A range of code, and from where in it each system call may be made.
struct persona_pins {
    uint64_t start;
    uint64_t end;             ///< 0: no such range
    uint32_t count;           ///< numbers that `offsets` tells; UINT32_MAX: any call from anywhere in the range
    uint32_t reserved;
    uint32_t *offsets;        ///< from `start`; 0: never, all ones: from anywhere
};

/// What a vfork(2)'s child is at, in memory that its parent sees.
enum persona_sharing {
    PERSONA_SHARING_NOT = 0,      ///< the process has memory of its own
    PERSONA_SHARING = 1,          ///< the memory is its parent's
    PERSONA_SHARING_EXECUTES = 2, ///< the same, and an exec is under way
};

/// State that the threads of one guest process share. A vfork child gets a copy.
struct persona_process {
    const struct persona_table *table;
    const struct persona_plan *plan;
    int32_t pid;
    int32_t leads_session;        ///< 1: it leads a session, so that Linux may give it a terminal that it opens
    uint32_t logging;             ///< 1: record calls
    uint32_t action_lock;
    struct persona_log_slot *log; ///< PERSONA_LOG_SLOTS of them, or NULL
    uint64_t brk_start;
    uint64_t brk_end;
    uint64_t trampoline;          ///< guest address of the signal trampoline, 0 until there is a handler
    uint64_t stack_top;           ///< highest address of the first thread's stack
    uint64_t program_strings;     ///< address of struct ps_strings
    uint32_t event_lock;          ///< guards `event_queues`
    uint32_t lacks_trampoline;    ///< 1: the system brings none
    void *event_queues;           ///< Handlers/Events: the process's kqueues
    uint64_t signal_cookie;       ///< what a signal frame is checked by, for systems that do; 0 until used
    uint64_t promises;            ///< what the program promised to keep to, as bits of the table's map
    uint64_t next_promises;       ///< what it promised for the next program
    uint32_t promised;            ///< PromiseState: which of them hold
    uint32_t owns_descriptors;    ///< 1: no other thread or process has the same descriptor table
    struct persona_pins pins[2];  ///< where system calls may be made: by the program or its run-time linker; libc
    uint64_t bind_place;          ///< where kbind(2) was first called; all ones when it is over
    uint64_t bind_cookie;
    void *stacks;                 ///< Handlers/OpenBSD/StackMemory: ranges that may be stacks
    void *marked;                 ///< Handlers/OpenBSD/PledgeMarks: descriptors of __pledge_open
    void *fixed_ranges;           ///< Handlers/OpenBSD/MemoryFixed: ranges that may not change
    void *joinable;               ///< Handlers/NetBSD/ThreadsJoining: its threads; `event_lock` guards it
    void *sleepers;               ///< Handlers/OpenBSD/Sleeping: threads that wait; `event_lock` guards it
    uint64_t signals_watched[3];  ///< bit n is foreign signal n: caught even where the guest ignores it
    uint32_t path_view;           ///< PathView: how paths are looked up; 0 is Linux's own way
    uint32_t lacks_null_path;     ///< 1: Linux's statx takes no null path for a descriptor's own file (before 6.11)
    uint32_t is_below_top;        ///< 1: the current folder is known not to be the host's "/" (CurrentFolder)
    uint32_t spares_writers;      ///< 1: some of its sockets may be ones whose writers get no SIGPIPE
    uint32_t death_signal;        ///< Linux's signal for when `death_parent` dies, which the guest asked for; 0 for none
    int32_t death_parent;
    uint32_t forked_descriptor;   ///< 1: it, or who it was forked from, has made a process that a descriptor stands for
    uint32_t sharing;             ///< enum persona_sharing
    void *root;                   ///< PathRoot: the tree in which paths are looked up first
    void *paths;                  ///< what that way of looking up keeps of the process
    void *names;                  ///< Handlers/Plan9/NamesState: where it is, and its name space
    void *membership;             ///< Handlers/Plan9/ProcessGroups: what the process is in its session
    void *operations;             ///< Handlers/AsynchronousQueue: what aio_read and its kin have begun; `event_lock` guards it
    void *patches;                ///< Engine/Patching: call sites that jump; NULL when none does
    uint64_t ignored_unknown;     ///< Linux signals that are ignored and that the personality lacks; bit n-1 is signal n
    struct persona_action actions[PERSONA_SIGNALS];
    uint64_t signal_counts[PERSONA_SIGNALS]; ///< deliveries seen, for EVFILT_SIGNAL
};

/// What `patched` holds while a patched call is on its way.
enum persona_whole {
    PERSONA_WHOLE_NOT = 0,        ///< the registers that a call may change
    PERSONA_WHOLE_WANTED = 1,     ///< the same; the call is not carried out yet, since it needs all
    PERSONA_WHOLE = 2,            ///< all registers: the guest goes on with them
};

/// What is known of the guest's signal mask in `patched`.
enum persona_mask_known {
    PERSONA_MASK_UNKNOWN = 0,
    PERSONA_MASK_HELD = 1,        ///< it is the guest's, and Linux has it
    PERSONA_MASK_DIFFERS = 2,     ///< it is the guest's; Linux may have another one
};

#define PERSONA_THREAD_BYTES (256 * 1024)   /* a thread block: guard page, stack, state, scratch */
#define PERSONA_SCRATCH_BYTES (96 * 1024)

/// One guest thread. It lies at a known place in a PERSONA_THREAD_BYTES-aligned block, right above the engine's signal
/// stack, so that the stack pointer tells where it is, and the top of the stack is on the same page.
struct persona_thread {
    struct persona_thread *self;
    struct persona_process *process;
    int32_t tid;
    uint32_t alive;               ///< set while the thread lives; Linux clears it (CLONE_CHILD_CLEARTID)
    volatile uint32_t pending;    ///< 1: `pending_info` waits for delivery, all signals are blocked
    uint32_t whole;               ///< enum persona_whole: what `patched` holds of the guest
    uint64_t stack;               ///< where a patched call's stack begins: the end of the block
    uint64_t guest_gs;            ///< the guest's gs base; the register itself holds `self`
    uint64_t pending_mask;        ///< what was blocked when `pending` came
    uint32_t recording;           ///< 1: host calls are noted in `natives`
    uint32_t mask_known;          ///< enum persona_mask_known: what the mask in `patched` is
    uint64_t patched[40];         ///< a patched call's registers, laid out as the start of Linux's ucontext
    uint8_t pending_info[128];    ///< Linux siginfo_t
    void *context;                ///< the trap's Linux ucontext
    uint64_t alternate_stack;     ///< the guest's own sigaltstack
    uint64_t alternate_size;
    uint32_t alternate_flags;     ///< foreign SS_*; SS_DISABLE when none
    uint32_t native_count;
    struct persona_log_native natives[PERSONA_LOG_NATIVE_LIMIT];
    uint64_t arguments[PERSONA_MAX_ARGUMENTS];  ///< each argument's first word in the call that is being recorded
    uint64_t scratch_used;        ///< bytes of `scratch` in use by the current call
    uint64_t saved_mask;          ///< sigsuspend: mask to restore when its handler returns
    uint32_t has_saved_mask;
    uint32_t has_runtime_base;    ///< 1: signal handlers begin with `runtime_base` as fs base
    uint64_t runtime_base;        ///< what the C runtime told the kernel of its fs base
    uint64_t guest_private[4];    ///< personality's own (robust lists, ...)
    uint32_t restart;             ///< the trap's call will be made again when the guest resumes; 2: whatever a signal's action says
    uint32_t trap_length;         ///< bytes of the trapping instruction
    uint64_t restart_number;      ///< what the number register held at the trap
    uint32_t rest;                ///< ThreadRequest: whether the thread runs, is asked to rest, or rests
    uint32_t interrupted;         ///< 1: the call that the thread waits in ends with EINTR
    uint8_t processor[64];        ///< at the first multiple of 32: Linux's struct rseq, for who asks for it
    struct persona_thread *next;  ///< the next thread block there is, alive or not
    char message[128];            ///< why the last call failed, under PERSONA_ERROR_MESSAGE; NUL-terminated
    uint32_t has_message;         ///< 1: the handler wrote `message` itself
    uint32_t forks;               ///< how often the thread has forked, up to a limit
    struct persona_process own;   ///< in the first thread's block: its process
    uint8_t scratch[];
};

/// Where it lies in a thread, for who reads it by its place.
enum persona_thread_offset { PERSONA_THREAD_ARGUMENTS = __builtin_offsetof(struct persona_thread, arguments) };

/// The process's actions, indexed by foreign signal.
static inline struct persona_action *persona_actions(struct persona_process *process) {
    return process->actions;
}

// MARK: - Doors to Linux

/// A Linux call that a signal may interrupt: PERSONA_RESTART if one is pending or arrives before the call
/// has had an effect, otherwise Linux's answer.
int64_t persona_interruptible(struct persona_thread *thread, int64_t number, uint64_t a, uint64_t b,
                              uint64_t c, uint64_t d, uint64_t e, uint64_t f);

/// The thread's fs base, without a kernel entry where the processor offers that.
uint64_t persona_fs_base(void);

/// A Linux call that does not wait, or must not be given up half-way.
int64_t persona_syscall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                        uint64_t f);

/// clock_gettime(2) into the engine's own memory, without a kernel entry where Linux offers that.
int64_t persona_clock(int32_t clock, uint64_t time[2]);

// MARK: - Doors to guest memory. All answer 0 or -EFAULT unless told otherwise.

int64_t persona_copy_in(void *destination, uint64_t source, size_t count);
int64_t persona_copy_out(uint64_t destination, const void *source, size_t count);
/// Writes two words, as persona_copy_out does 16 bytes.
int64_t persona_store_pair(uint64_t destination, uint64_t first, uint64_t second);
/// Copies a NUL-terminated string: its length without the NUL, -EFAULT, or -ENAMETOOLONG if no NUL is
/// among the first `limit` bytes (then `limit` bytes have been copied).
int64_t persona_copy_string(char *destination, uint64_t source, size_t limit);
int64_t persona_load32(uint64_t address, uint32_t *value);
int64_t persona_store32(uint64_t address, uint32_t value);
/// Atomic compare-and-swap; `*expected` receives the value found. 1 if swapped, 0 if not, or -EFAULT.
int64_t persona_swap32(uint64_t address, uint32_t *expected, uint32_t value);

/// Copies and zeroes from `native`, which is the engine's own, to `foreign` as the steps from `step` on say, up to the end
/// or one that a field's conversion needs; the address where it stopped, or -EFAULT.
int64_t persona_follow(const struct persona_step *step, const void *native, uint64_t foreign);

// MARK: - The engine's own memory and locks

/// Zeroed memory, 16-byte aligned; NULL when there is none. Never called on the path of a plain call.
void *persona_allocate(size_t bytes);
void persona_release(void *memory);

/// A lock that never waits on the guest: the engine runs with its signals deferred.
void persona_lock(uint32_t *lock);
void persona_unlock(uint32_t *lock);

/// Adds one to a counter that other threads and signal handlers add to.
static inline void persona_count(uint64_t *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/// The block of the thread that runs on this stack.
struct persona_thread *persona_current(void);

/// The block of the process's living thread with this id; NULL when there is none.
struct persona_thread *persona_find_thread(int32_t tid);

// MARK: - Doors to the process itself. Linux's convention; only the engine has them.

/// A thread to start: guest addresses and values.
struct persona_thread_start {
    uint64_t entry;          ///< first instruction
    uint64_t argument;       ///< its first argument register
    uint64_t stack;          ///< initial stack pointer
    uint64_t tls;            ///< fs base
    uint64_t child_tid;      ///< where the new thread's id is stored before it runs, or 0
    uint64_t parent_tid;     ///< the same for the creator's copy, or 0
    uint32_t id_width;       ///< bytes of those ids: 8 or 4
    uint32_t has_mask;       ///< 1: `mask` counts; 0: the creator's
    uint32_t rest;           ///< the new thread's `rest`
    uint32_t has_runtime;    ///< the new thread's `has_runtime_base`
    uint64_t mask;           ///< Linux signals that the thread starts with blocked
    /// All its registers in the order of `enum persona_register`, in place of entry, argument and
    /// stack; NULL without.
    const uint64_t *registers;
};

int64_t persona_start_thread(struct persona_thread *thread, const struct persona_thread_start *start);

/// Runs `function(argument)` in a thread of the engine's own, with all signals blocked: 0, or Linux's negative error number.
int64_t persona_start_worker(struct persona_thread *thread, void (*function)(void *), void *argument);

/// Blocks all signals, so that none comes to a thread that ends. 0: one came before, and is to be handled first.
int32_t persona_block_for_end(struct persona_thread *thread);

/// Ends the calling thread, whose signals are blocked, after storing `value` in `width` bytes at guest address `state` (if not 0) and
/// waking whoever waits there.
void persona_end_thread(struct persona_thread *thread, uint64_t state, uint64_t value, uint32_t width);

enum persona_fork_kind {
    PERSONA_FORK = 0,        ///< a copy of the process
    PERSONA_VFORK = 1,       ///< shares memory; the parent waits until exec or exit
    PERSONA_SHARE = 2,       ///< shares memory; both run
    PERSONA_SHARE_FILES = 4, ///< added: shares the descriptor table
    PERSONA_NO_SIGNAL = 8,   ///< added: the parent gets no SIGCHLD
    PERSONA_PIDFD = 16,      ///< added: store a pid descriptor at `*pidfd`
    PERSONA_UNINTERRUPTED = 32, ///< added: a signal that is already there waits until afterwards, in both
};

/// 0 in the child, its pid in the parent.
int64_t persona_fork(struct persona_thread *thread, uint32_t kind, int32_t *pidfd);

/// Sets the thread's gs base as the guest sees it; 0 leaves it to the engine.
int64_t persona_set_gs(struct persona_thread *thread, uint64_t base);

/// 1 when guest addresses [start, end) hold code of the engine's that the guest may not replace.
int32_t persona_holds_stubs(uint64_t start, uint64_t end);

/// Replaces the program by the file that O_PATH descriptor `file` names; `path` as the guest gave it and
/// `native_path` as Linux knows it, or 0.
int64_t persona_execute(struct persona_thread *thread, int32_t file, uint64_t path, uint64_t native_path,
                        uint64_t arguments, uint64_t environment);
/// Replaces the program by a file about which the supervisor has decided before, by Linux's path of it; 1 if it has not, and
/// nothing has happened.
int64_t persona_execute_known(struct persona_thread *thread, uint64_t native_path, uint64_t arguments, uint64_t environment);

/// Installs, for Linux signal `native`, what the process's action for foreign signal `foreign` asks for.
int64_t persona_install_action(struct persona_thread *thread, int32_t foreign, int32_t native);

#endif
