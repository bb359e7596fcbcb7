/// What engines ask the supervisor, by a call number that only its filter knows. Part of wire.h.
#ifndef PERSONA_WIRE_HYPERCALLS_H
#define PERSONA_WIRE_HYPERCALLS_H

#include <stdint.h>

// MARK: - Address space

/// Everything that Persona itself maps into a guest lives in [RESERVED_START, RESERVED_END);
/// guest calls that name an address in it are refused.
#define PERSONA_RESERVED_START 0x7000000000
#define PERSONA_RESERVED_END   0x8000000000

// MARK: - Hypercalls

/// The Linux system-call number that the seccomp filter sends to the supervisor. It is far above
/// Linux's table, so that without a supervisor it answers ENOSYS.
#define PERSONA_HYPERCALL 0x3e501bc

/// What Persona's own execs have in the register of the sixth argument, which neither execve(2) nor execveat(2) looks at: all
/// others the filter sends to the supervisor.
#define PERSONA_OWN_EXEC 0x706572736f6e6121

/// First argument of a hypercall. The others are named behind each; all answer a value >= 0 or -errno.
enum persona_hypercall {
    PERSONA_HC_START = 1,      ///< (struct persona_start *) -> 0; the reply is written into it
    PERSONA_HC_PLAN = 2,       ///< () -> descriptor of the load plan that persona_start has no room for
    PERSONA_HC_EXEC = 5,       ///< (struct persona_exec *) -> 0; the reply is written into it
    PERSONA_HC_LOG_DRAIN = 6,  ///< () -> 0 when the rings have been emptied
    PERSONA_HC_PING = 7,       ///< () -> 0; fails when the supervisor is gone
    PERSONA_HC_FATAL = 8,      ///< (text, length) -> 0 after the supervisor has printed the text
    PERSONA_HC_SESSION = 9,    ///< (bytes) -> descriptor of memory that the session's guests share
    PERSONA_HC_SITE = 10,      ///< (struct persona_site *) -> 0; the reply is written into it
    PERSONA_HC_FOLDER = 11,    ///< () -> descriptor of a folder for the session's files
    PERSONA_HC_KEEP = 12,      ///< (descriptor) -> number under which the supervisor keeps it
    PERSONA_HC_GIVE = 13,      ///< (number) -> descriptor that is kept
    PERSONA_HC_DROP = 14,      ///< (number) -> 0
    PERSONA_HC_JOIN = 15,      ///< (struct persona_exec *) -> as PERSONA_HC_EXEC, for a Linux program that is to become a
                               ///< guest; (0) -> 0: there is a supervisor
    PERSONA_HC_PARENT = 16,    ///< (pid) -> whose child a guest is that is the supervisor's in Linux
};

/// A `syscall` instruction that the engine would like to replace by a jump, and what the supervisor found
/// in the code before it.
struct persona_site {
    uint64_t address;      ///< of the instruction
    uint32_t is_known;     ///< 1: its page is the program's own text, although no file is mapped there any more
    uint32_t length;       ///< out: bytes of the whole instructions before it that may run elsewhere, the first of
                           ///< them at least PERSONA_JUMP_BYTES long; 0 when the site must stay as it is
    uint64_t stub_page;    ///< out: a free page within reach of a jump, or 0
    uint32_t place;        ///< `place` of the load plan: the program's next process may begin with this jump
    uint32_t reserved;
};

/// `jmp rel32`: e9 and a signed 32-bit distance.
#define PERSONA_JUMP_BYTES 5
/// The most bytes of moved instructions.
#define PERSONA_SITE_LIMIT 24

#define PERSONA_PREFIX_ROOM 4096

/// Signals that stay ignored over an exec, in Linux's numbers: bit n-1 is signal n.
struct persona_ignored {
    uint64_t by_guest;       ///< those that the guest ignores
    uint64_t by_linux;       ///< those that Linux ignores for it
    uint64_t is_known;       ///< 1: nobody need ask Linux
};

/// What an engine asks before it replaces its image, and what the supervisor answers.
struct persona_exec {
    int32_t pid;             ///< thread-group id of the caller
    int32_t file;            ///< the caller's O_PATH descriptor of the file to execute
    uint64_t path;           ///< address of the path as the guest gave it
    int32_t verdict;         ///< out: enum persona_exec_verdict
    int32_t engine;          ///< out: descriptor of the engine, for PERSONA_EXEC_FOREIGN
    int32_t error;           ///< out: Linux errno for PERSONA_EXEC_REFUSED
    uint32_t prefix_count;   ///< out: strings in `prefix` that replace argv[0] (a script's interpreter)
    uint64_t state;          ///< address of what the program hands on to the next one, or 0
    uint64_t state_bytes;
    uint64_t root;           ///< address of the path of the tree that paths are looked up in, or 0
    uint64_t is_confined;    ///< 1: there is nothing but what it holds
    uint64_t choice;         ///< address of NAME[:RELEASE] of the personality that the user insists on, or 0
    struct persona_ignored ignored;
    char prefix[PERSONA_PREFIX_ROOM]; ///< out: NUL-terminated strings, one after the other
};

/// Where the prefix stands, as `persona_start_plan`.
static inline char *persona_exec_prefix(struct persona_exec *exec) { return exec->prefix; }

/// The most that one program hands on to the next.
#define PERSONA_STATE_LIMIT (64 * 1024)

enum persona_exec_verdict {
    PERSONA_EXEC_NATIVE = 1,   ///< a Linux program: execve it as it is
    PERSONA_EXEC_FOREIGN = 2,  ///< execveat the engine; a plan waits for this pid
    PERSONA_EXEC_REFUSED = 3,
};

#endif
