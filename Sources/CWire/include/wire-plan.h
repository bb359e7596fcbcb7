/// The load plan: what an engine maps, and what it begins with. Part of wire.h.
#ifndef PERSONA_WIRE_PLAN_H
#define PERSONA_WIRE_PLAN_H

#include <stdint.h>

#include "wire-hypercalls.h"

#define PERSONA_PLAN_MAGIC 0x6e616c70 /* "plan" */
#define PERSONA_PLAN_VERSION 7

enum persona_plan_flags {
    PERSONA_PLAN_LOG = 1 << 0,    ///< record every call
    PERSONA_PLAN_PATCH = 1 << 1,  ///< replace call instructions that are used again and again by jumps
    PERSONA_PLAN_LENIENT = 1 << 2, ///< calls that break the program's promises are told of and carried out
    PERSONA_PLAN_CONFINED = 1 << 3, ///< there is nothing but what `root` holds
};

struct persona_segment {
    uint64_t address;      ///< page-aligned
    uint64_t length;       ///< bytes, page-aligned; beyond file_length it reads as zero
    uint64_t file_offset;  ///< page-aligned, or the bytes are read instead of mapped
    uint64_t file_length;  ///< bytes backed by the file, counted from `address`
    uint32_t protection;   ///< Linux PROT_*
    uint32_t image;        ///< index into `images` of persona_start
};

/// A program header of an image, for what only one system's kernel does with it; its address is where it was placed.
struct persona_program_header {
    uint32_t type;         ///< p_type
    uint32_t flags;        ///< p_flags
    uint64_t address;
    uint64_t length;       ///< p_memsz
    uint64_t file_offset;
    uint64_t file_length;
    uint64_t bias;         ///< what was added to the image's addresses
    uint32_t image;        ///< index into `images` of persona_start
    uint32_t reserved;
};

/// A `syscall` in the text of the program or its run-time linker that becomes a jump before the program runs.
struct persona_plan_site {
    uint64_t address;
    uint64_t file_page;    ///< where the page that holds it lies in the file
    uint32_t length;       ///< as in `persona_site`; all of it lies on one page with the call
    uint32_t image;        ///< index into `images` of persona_start
};

/// Where an auxiliary vector entry's value comes from. The foreign numbers are in the table.
enum persona_auxv_source {
    PERSONA_AUXV_LITERAL = 0,   ///< `value` itself
    PERSONA_AUXV_LINUX = 1,     ///< Linux's own entry of type `value`, omitted if Linux gave none
    PERSONA_AUXV_STRING = 2,    ///< address of the plan string at byte offset `value`
    PERSONA_AUXV_RANDOM = 3,    ///< address of `value` random bytes
    PERSONA_AUXV_PAGESIZES = 4, ///< address of an array of u64 page sizes, `value` of them
    PERSONA_AUXV_ARGC = 5,
    PERSONA_AUXV_ARGV = 6,
    PERSONA_AUXV_ENVC = 7,
    PERSONA_AUXV_ENVV = 8,
    PERSONA_AUXV_PS_STRINGS = 9,
    PERSONA_AUXV_STACK_BASE = 10,  ///< where the stack ends, from which it grows down
    PERSONA_AUXV_STACK_LIMIT = 11, ///< the soft limit of the stack's size
    PERSONA_AUXV_NCPUS = 12,
};

struct persona_auxv {
    uint32_t type;    ///< foreign a_type
    uint32_t source;  ///< enum persona_auxv_source
    uint64_t value;
};

/// The head of a plan; segments, auxv entries and strings follow at the offsets given.
struct persona_plan {
    uint32_t magic;
    uint32_t version;
    uint32_t size;             ///< bytes of the whole plan, a multiple of eight
    uint32_t flags;            ///< enum persona_plan_flags
    uint32_t image_count;
    uint32_t segment_count;
    uint32_t segments;         ///< byte offset of persona_segment[]
    uint32_t auxv_count;
    uint32_t auxv;             ///< byte offset of persona_auxv[]; AT_NULL is not listed
    uint32_t name;             ///< byte offset of the program's base name, NUL-terminated
    uint32_t path;             ///< byte offset of the program's absolute path, NUL-terminated
    uint32_t state;            ///< byte offset of what the program before handed on; see `persona_exec`
    uint32_t state_bytes;
    uint32_t header_count;
    uint32_t headers;          ///< byte offset of persona_program_header[]; only for systems that ask for them
    uint32_t root;             ///< byte offset of the absolute path of the tree that paths are looked up in first,
                               ///< NUL-terminated; 0 for none
    uint32_t sites;            ///< byte offset of persona_plan_site[], those of a page side by side
    uint32_t site_count;
    uint32_t place;            ///< one more than its place among the decided programs; 0: it has none
    uint32_t reserved;
    uint64_t entry;            ///< first instruction pointer: interpreter's or program's
    uint64_t brk;              ///< end of the data segment, where break(2) starts
    uint64_t table_size;       ///< bytes of the compiled table
    uint64_t log_size;         ///< bytes of the call log's memory, 0 without PERSONA_PLAN_LOG
    int32_t supervisor;        ///< its process id, under which /proc names its descriptors; guests are told of another parent
    int32_t programs;          ///< its descriptor of `persona_program`[], or -1: all execs are asked about
    uint64_t token;            ///< what each of them holds: /proc may be another one's, or the process id
};

#define PERSONA_PLAN_ROOM (4096 - 72)

/// All that an engine needs of the supervisor to begin: descriptors, and the load plan itself if it fits.
struct persona_start {
    int32_t table;           ///< descriptor of the compiled personality table
    int32_t log;             ///< descriptor of the call log's memory, or -1
    int32_t images[2];       ///< descriptors of the program and its run-time linker, or -1
    uint32_t plan_bytes;     ///< 0: the plan is got by PERSONA_HC_PLAN
    uint32_t vdso_bytes;     ///< of Linux's shared object
    uint64_t vdso_clock;     ///< distance of its __vdso_clock_gettime from its beginning; 0: not known
    uint64_t table_offset;   ///< where the table begins in its file
    struct persona_ignored ignored;
    int32_t leads_session;   ///< 1: the process leads a session; 0: it does not; -1: Linux tells
    uint32_t reserved;
    char plan[PERSONA_PLAN_ROOM];
};

/// Where the plan stands: Swift would build a type of as many elements to tell.
static inline char *persona_start_plan(struct persona_start *start) { return start->plan; }

// MARK: - Programs that are known

/// Which file it is, in which state: fields of struct stat, of which whatever changes its bytes, owner or mode changes one.
struct persona_file_identity {
    uint64_t device;
    uint64_t inode;          ///< 0: there is no file
    uint64_t size;
    int64_t seconds;         ///< st_ctim
    int64_t nanoseconds;
};

#define PERSONA_PROGRAM_PLACES 512 /* a power of two */
#define PERSONA_PROGRAM_BYTES 8192
#define PERSONA_PROGRAM_PROBES 4

/// What the supervisor decided about a program, in a file of PERSONA_PROGRAM_PLACES places of PERSONA_PROGRAM_BYTES, behind which
/// there are tables. `verdict` is written last; a place that is written anew has none meanwhile, and another one afterwards, so that who has read
/// the same before and after all else has read it whole. Which places a program may have, `persona_program_place` tells.
struct persona_program {
    uint32_t verdict;        ///< enum persona_exec_verdict in the lowest byte, above it how often the place was written;
                             ///< 0: nothing is here, nor in the places behind
    uint32_t bytes;          ///< of all that is here
    uint64_t token;
    struct persona_file_identity file;
    // All else is for PERSONA_EXEC_FOREIGN.
    struct persona_file_identity linker;
    int32_t engine;          ///< the supervisor's descriptor
    uint32_t reserved;
    uint32_t path;           ///< offsets in this structure of the two files' paths on the host, NUL-terminated
    uint32_t linker_path;
    char before[8];          ///< its last byte belongs to the text that `persona_hide_zeros` makes
    struct persona_start start; ///< without descriptors, the table is in this file; behind its plan stand the two paths
};

#define PERSONA_PROGRAM_HEAD 56  /* up to `linker` */

/// XORs each byte with `key`, eight at a time: `count` is a multiple of eight.
static inline void persona_mix(char *bytes, uint32_t count, unsigned char key) {
    uint64_t keys = key * 0x0101010101010101u, word;
    for (uint32_t index = 0; index < count; index += 8) {
        __builtin_memcpy(&word, bytes + index, 8);
        word ^= keys;
        __builtin_memcpy(bytes + index, &word, 8);
    }
}

/// Bytes of the plan in `start` and of what stands before it.
static inline uint32_t persona_start_bytes(const struct persona_start *start) {
    return (uint32_t)sizeof *start - PERSONA_PLAN_ROOM + start->plan_bytes;
}

/// Whether `value` is among the bytes, eight at a time: `count` is a multiple of eight.
static inline int persona_has_byte(const char *bytes, uint32_t count, unsigned char value) {
    const uint64_t ones = 0x0101010101010101u, highest = 0x8080808080808080u;
    uint64_t values = value * ones, word;
    for (uint32_t index = 0; index < count; index += 8) {
        __builtin_memcpy(&word, bytes + index, 8);
        word ^= values;
        if ((word - ones) & ~word & highest) return 1;
    }
    return 0;
}

/// Makes `start` a text without NULs, so that it can be handed on among the environment's strings; NULL, and nothing is
/// changed, when there is no byte to take the place of zero.
static inline char *persona_hide_zeros(struct persona_program *program) {
    char *bytes = (char *)&program->start;
    uint32_t count = persona_start_bytes(&program->start), tries = 0;
    unsigned char key = 0x81;  // numbers and paths have such bytes least
    while (tries < 256 && (key == 0 || persona_has_byte(bytes, count, key))) tries++, key++;
    if (tries == 256) return 0;
    persona_mix(bytes, count, key);
    bytes[-1] = (char)key;
    bytes[count] = 0;
    return bytes - 1;
}

/// The reverse, into `bytes`, of a text of `count` bytes and the one before them, which becomes zeros.
static inline void persona_show_zeros(char *text, uint32_t count, void *bytes) {
    __builtin_memcpy(bytes, text + 1, count);
    persona_mix((char *)bytes, count, (unsigned char)*text);
    __builtin_memset(text, 0, count + 1);
}

/// Writes its place into the plan of a program.
static inline void persona_set_place(struct persona_program *program, uint32_t place) {
    struct persona_plan *plan = (struct persona_plan *)program->start.plan;
    plan->place = place + 1;
}

static inline struct persona_start *persona_program_start(struct persona_program *program) { return &program->start; }

/// Which place is to be looked at in this turn, 0 to PERSONA_PROGRAM_PROBES - 1.
static inline uint32_t persona_program_place(const struct persona_file_identity *file, uint32_t turn) {
    uint64_t mixed = (file->inode ^ file->device << 40) * 0x9e3779b97f4a7c15;
    return ((uint32_t)(mixed >> 40) + turn) & (PERSONA_PROGRAM_PLACES - 1);
}

#endif
