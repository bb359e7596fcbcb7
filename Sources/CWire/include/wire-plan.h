/// The load plan: what an engine maps, and what it begins with. Part of wire.h.
#ifndef PERSONA_WIRE_PLAN_H
#define PERSONA_WIRE_PLAN_H

#include <stdint.h>

#include "wire-hypercalls.h"

#define PERSONA_PLAN_MAGIC 0x6e616c70 /* "plan" */
#define PERSONA_PLAN_VERSION 4

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
    uint32_t size;             ///< bytes of the whole plan
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
    uint64_t entry;            ///< first instruction pointer: interpreter's or program's
    uint64_t brk;              ///< end of the data segment, where break(2) starts
    uint64_t table_size;       ///< bytes of the compiled table
    uint64_t log_size;         ///< bytes of the call log's memory, 0 without PERSONA_PLAN_LOG
};

#define PERSONA_PLAN_ROOM (4096 - 56)

/// All that an engine needs of the supervisor to begin: descriptors, and the load plan itself if it fits.
struct persona_start {
    int32_t table;           ///< descriptor of the compiled personality table
    int32_t log;             ///< descriptor of the call log's memory, or -1
    int32_t images[2];       ///< descriptors of the program and its run-time linker, or -1
    uint32_t plan_bytes;     ///< 0: the plan is got by PERSONA_HC_PLAN
    uint32_t reserved;
    uint64_t table_offset;   ///< where the table begins in its file
    struct persona_ignored ignored;
    char plan[PERSONA_PLAN_ROOM];
};

/// Where the plan stands: Swift would build a type of as many elements to tell.
static inline char *persona_start_plan(struct persona_start *start) { return start->plan; }

#endif
