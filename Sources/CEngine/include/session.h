/// Memory that all guests of one session share, for systems whose processes know of each other what Linux does
/// not keep: groups, exit messages, notes. One file that the supervisor makes; every engine maps it.
#ifndef PERSONA_SESSION_H
#define PERSONA_SESSION_H

#include <stdint.h>

#define PERSONA_MEMBERS 2048
#define PERSONA_MEETINGS 1024
#define PERSONA_NOTES 5            /* notes that wait at one process */
#define PERSONA_NOTE_BYTES 128     /* of a text, its NUL included */

/// Who posted a note: it decides what becomes of it while another one is being handled.
enum persona_note_kind {
    PERSONA_NOTE_USER = 0,    ///< a process or a terminal: waits
    PERSONA_NOTE_EXIT = 1,    ///< ends the process if it is not handled
    PERSONA_NOTE_DEBUG = 2,   ///< a trap: the same, and says so
};

struct persona_note {
    uint32_t kind;
    char text[PERSONA_NOTE_BYTES];
};

/// One process of the session.
struct persona_member {
    int32_t pid;                 ///< 0: free; -1: being made
    int32_t parent;              ///< whose child it is; 0: nobody waits for it
    uint32_t name_group;         ///< whose name space
    uint32_t environment_group;
    uint32_t descriptor_group;
    uint32_t note_group;
    uint32_t rendezvous_group;
    uint32_t memory_group;       ///< 0: its data is its own
    uint32_t has_handler;        ///< 1: it asked for notes
    uint32_t in_handler;         ///< 1: and handles one
    uint32_t note_count;
    uint32_t flags;              ///< enum persona_member_flags
    uint32_t reserved;
    uint64_t started;            ///< CLOCK_MONOTONIC, milliseconds
    uint64_t ended;              ///< 0 while it lives; the greater, the later
    uint32_t was_waited;         ///< 1: Linux has given its status and times, and `parent` was not told yet
    uint32_t times[3];           ///< user, system and real, in milliseconds
    struct persona_note notes[PERSONA_NOTES];
    char name[28];               ///< last element of the program's path
    char message[PERSONA_NOTE_BYTES];   ///< why it ended
};

enum persona_member_flags {
    PERSONA_MEMBER_NO_MOUNT = 1, ///< its name space takes no more mounts
    PERSONA_MEMBER_KILLED = 2,   ///< `message` holds what its end by SIGKILL means
    PERSONA_MEMBER_NATIVE = 4,   ///< it has executed a Linux program
    PERSONA_MEMBER_IS_TOLD = 8,  ///< `message` holds why it ended
};

/// A process that waits for another one to come with the same tag.
struct persona_meeting {
    uint32_t group;              ///< 0: free
    uint32_t state;              ///< 1: waits, 2: met; a futex
    int32_t pid;
    uint32_t reserved;
    uint64_t tag;
    uint64_t value;              ///< the waiter's; then the other's
};

#define PERSONA_SESSION_NAMES (4 << 20)     /* where names and environments may keep what they share */
#define PERSONA_SESSION_VARIABLES (12 << 20) /* where struct persona_variables lies */
#define PERSONA_SESSION_BYTES (14 << 20)

struct persona_session {
    uint32_t lock;               ///< the holder's thread id, or 0
    uint32_t last_group;         ///< the last group's number of whatever kind
    uint32_t terminal_group;     ///< the note group that a terminal's signals go to
    uint32_t members_used;       ///< entries of `members` that have ever been used
    uint64_t last_end;           ///< counts ends, so that they have an order
    struct persona_member members[PERSONA_MEMBERS];
    struct persona_meeting meetings[PERSONA_MEETINGS];
};

_Static_assert(sizeof(struct persona_session) <= PERSONA_SESSION_NAMES, "members, meetings, then the rest");

#define PERSONA_VARIABLES 5120
#define PERSONA_VARIABLE_NAME 136  /* bytes of a name, its NUL included */
#define PERSONA_VARIABLE_DATA 256  /* the same of a value */

/// A variable of the system's, a user's or a process's: Handlers/NamedVariables.
struct persona_variable {
    uint64_t owner;
    char name[PERSONA_VARIABLE_NAME];
    char data[PERSONA_VARIABLE_DATA];
};

/// All variables, in the order in which they were set.
struct persona_variables {
    uint32_t count;
    uint32_t copies;             ///< how often a process's were copied for its child
    struct persona_variable entries[PERSONA_VARIABLES];
};

_Static_assert(PERSONA_SESSION_VARIABLES + sizeof(struct persona_variables) <= PERSONA_SESSION_BYTES, "the last part");

static inline struct persona_variable *persona_variable_at(struct persona_variables *list, uint32_t index) {
    return &list->entries[index];
}
static inline char *persona_variable_name(struct persona_variable *variable) { return variable->name; }
static inline char *persona_variable_data(struct persona_variable *variable) { return variable->data; }

/// The session's memory; NULL when the supervisor gave none. Mapped when it is first asked for.
struct persona_session *persona_session(void);

/// A lock among processes. A holder that died has lost it.
void persona_session_lock(struct persona_session *session);
void persona_session_unlock(struct persona_session *session);

static inline struct persona_member *persona_session_members(struct persona_session *session) {
    return session->members;
}

static inline struct persona_meeting *persona_session_meetings(struct persona_session *session) {
    return session->meetings;
}

static inline struct persona_note *persona_member_notes(struct persona_member *member) { return member->notes; }
static inline char *persona_note_text(struct persona_note *note) { return note->text; }
static inline uint32_t *persona_member_times(struct persona_member *member) { return member->times; }
static inline char *persona_member_name(struct persona_member *member) { return member->name; }
static inline char *persona_member_message(struct persona_member *member) { return member->message; }

static inline uint32_t *persona_meeting_state(struct persona_meeting *meeting) { return &meeting->state; }

/// Both are sequentially consistent.
static inline uint32_t persona_atomic_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void persona_atomic_store(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

#endif
