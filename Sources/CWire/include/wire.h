/// Layouts shared by the supervisor and the engine: load plan, compiled personality table,
/// call-log records and hypercalls. Everything here is little-endian x86-64 and position-free:
/// references inside a block are byte offsets from its start or indices into its pools.
#ifndef PERSONA_WIRE_H
#define PERSONA_WIRE_H

#include <stdint.h>

// MARK: - Address space

/// Everything that Persona itself maps into a guest lives in [RESERVED_START, RESERVED_END);
/// guest calls that name an address in it are refused.
#define PERSONA_RESERVED_START 0x600000000000
#define PERSONA_RESERVED_END   0x610000000000

// MARK: - Hypercalls

/// The Linux system-call number that the seccomp filter sends to the supervisor. It is far above
/// Linux's table, so that without a supervisor it answers ENOSYS.
#define PERSONA_HYPERCALL 0x3e501bc

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
};

/// A `syscall` instruction that the engine would like to replace by a jump, and what the supervisor found
/// in the code before it.
struct persona_site {
    uint64_t address;      ///< of the instruction
    uint32_t is_known;     ///< 1: its page is the program's own text, although no file is mapped there any more
    uint32_t length;       ///< out: bytes of the whole instructions before it that may run elsewhere, the first of
                           ///< them at least PERSONA_JUMP_BYTES long; 0 when the site must stay as it is
    uint64_t stub_page;    ///< out: a free page within reach of a jump, or 0
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

// MARK: - Load plan

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

// MARK: - Compiled personality table

#define PERSONA_TABLE_MAGIC 0x6c626174 /* "tabl" */
#define PERSONA_TABLE_VERSION 7
#define PERSONA_MAX_ARGUMENTS 8

/// The value of a constant that the personality does not have.
#define PERSONA_NO_CONSTANT INT64_MIN

/// Register numbers in the order of Linux's struct sigcontext (arch/x86 uapi), as `gregs` index.
enum persona_register {
    PERSONA_R8 = 0, PERSONA_R9, PERSONA_R10, PERSONA_R11, PERSONA_R12, PERSONA_R13, PERSONA_R14,
    PERSONA_R15, PERSONA_RDI, PERSONA_RSI, PERSONA_RBP, PERSONA_RBX, PERSONA_RDX, PERSONA_RAX,
    PERSONA_RCX, PERSONA_RSP, PERSONA_RIP, PERSONA_FLAGS,
    PERSONA_NO_REGISTER = 255,
};

enum persona_error_convention {
    PERSONA_ERROR_CARRY = 0,     ///< carry flag set, errno in the result register
    PERSONA_ERROR_NEGATIVE = 1,  ///< result register holds -errno
    PERSONA_ERROR_MESSAGE = 2,   ///< result register holds -1; a text tells why (`persona_thread.message`)
};

/// What the stack holds at entry.
enum persona_entry_form {
    PERSONA_ENTRY_VECTORS = 0,   ///< argc, argv, environment, auxiliary vector
    PERSONA_ENTRY_TOS = 1,       ///< argc, argv; at the top a structure that the system keeps up to date
};

/// How one ABI passes a call. Arguments past the registers are 64-bit words on the stack,
/// the first at `stack_offset` from the stack pointer.
struct persona_abi {
    uint8_t number;              ///< register of the call number
    uint8_t result;              ///< register of the first result
    uint8_t second;              ///< register of the second result, or PERSONA_NO_REGISTER
    uint8_t error;               ///< enum persona_error_convention
    uint8_t argument_registers;  ///< how many of `arguments` count
    uint8_t stack_offset;        ///< bytes from rsp to the first stack argument (the return address)
    uint8_t word;                ///< bytes of a stack word: 8 or 4
    uint8_t frame;               ///< FrameName: how a signal handler is entered and left
    uint8_t arguments[PERSONA_MAX_ARGUMENTS];
    uint8_t entry_stack;         ///< register that holds the initial stack's address at entry, or none
    uint8_t entry_padding;       ///< bytes rsp lies below a 16-byte boundary under it at entry
    uint8_t entry_strings;       ///< register that holds the address of ps_strings at entry, or none
    uint8_t signal_set;          ///< bytes of a signal set in guest memory: 16, 8 or 4
    uint8_t entry_form;          ///< enum persona_entry_form
    uint8_t reserved[3];
};

struct persona_pool {
    uint32_t offset;  ///< bytes from the start of the table
    uint32_t count;   ///< elements
};

struct persona_table {
    uint32_t magic;
    uint32_t version;
    uint64_t size;
    struct persona_abi abi;
    struct persona_pool calls;            ///< persona_call, indexed by foreign number
    struct persona_pool arguments;        ///< persona_argument
    struct persona_pool operands;         ///< persona_operand
    struct persona_pool maps;             ///< persona_map
    struct persona_pool map_entries;      ///< persona_map_entry
    struct persona_pool structs;          ///< persona_struct
    struct persona_pool fields;           ///< persona_field
    struct persona_pool requests;         ///< persona_request: ioctl, sorted by `key`
    struct persona_pool options;          ///< persona_request: socket options, sorted by `key`
    struct persona_pool sysctls;          ///< persona_sysctl, sorted by name
    struct persona_pool strings;          ///< bytes; NUL-terminated, index 0 is ""
    struct persona_pool errno_to_foreign; ///< uint16_t, indexed by Linux errno
    struct persona_pool errno_to_native;  ///< uint16_t, indexed by foreign errno
    struct persona_pool errno_text;       ///< uint32_t, string by foreign errno; 0 = none
    struct persona_pool signal_to_foreign;///< uint8_t, indexed by Linux signal 0...64; 0 = none
    struct persona_pool signal_to_native; ///< uint8_t, indexed by foreign signal; 0 = none
    struct persona_pool signal_default;   ///< uint8_t, enum persona_signal_default, by foreign signal
    struct persona_pool well_known;       ///< uint16_t, index of maps/structs handlers use, by WellKnown
    struct persona_pool layouts;          ///< persona_layout, by FieldName
    struct persona_pool constants;        ///< int64_t by ConstantName, or PERSONA_NO_CONSTANT
    struct persona_pool unions;           ///< persona_union
    struct persona_pool union_entries;    ///< persona_union_entry
    struct persona_pool steps;            ///< persona_step
    uint32_t errno_unsupported;           ///< the personality's own ENOSYS
    uint32_t name;                        ///< string: personality's name
    uint32_t release;                     ///< numeric release, as the OS counts it
    uint32_t reserved;
};

enum persona_signal_default {
    PERSONA_DEFAULT_TERMINATE = 0, PERSONA_DEFAULT_CORE, PERSONA_DEFAULT_STOP,
    PERSONA_DEFAULT_CONTINUE, PERSONA_DEFAULT_IGNORE,
};

enum persona_call_kind {
    PERSONA_CALL_MISSING = 0,      ///< no such number in this OS
    PERSONA_CALL_TRANSLATE = 1,    ///< one Linux call; `target` is its number
    PERSONA_CALL_HANDLER = 2,      ///< Swift; `target` is a HandlerName
    PERSONA_CALL_UNSUPPORTED = 3,  ///< `target` indexes `reasons` through arguments; ENOSYS
    PERSONA_CALL_OBSOLETE = 4,     ///< gone in the OS too; ENOSYS
    PERSONA_CALL_ANSWER = 5,       ///< a constant that the OS itself would answer; `target`
};

enum persona_result_kind {
    PERSONA_RESULT_VALUE = 0,  ///< signed 64-bit, negative is -errno
    PERSONA_RESULT_NONE = 1,   ///< does not return
    PERSONA_RESULT_PAIR = 2,   ///< both result registers
    PERSONA_RESULT_WIDE = 3,   ///< a value of two words: its low one, then its high one, in the result registers
};

/// What a call needs of the guest, which decides how it may enter the engine at a patched site.
enum persona_passage {
    PERSONA_PASSAGE_TRAP = 0,    ///< all registers and the signal mask: it traps even there
    PERSONA_PASSAGE_PLAIN = 1,   ///< the ABI's argument and result registers
    PERSONA_PASSAGE_DIRECT = 2,  ///< one Linux call with the guest's own argument registers, made 64 bits wide
    PERSONA_PASSAGE_MASK = 3,    ///< argument and result registers, and the signal mask
    PERSONA_PASSAGE_WHOLE = 4,   ///< all registers, the floating-point state and the signal mask
    PERSONA_PASSAGE_STRUCT = 5,  ///< as DIRECT, and Linux fills one structure, which is converted by its steps
    PERSONA_PASSAGE_SAME = 6,    ///< as DIRECT, and the registers are those of Linux's own call
    PERSONA_PASSAGE_CLOCK = 7,   ///< as PLAIN: the handler clockGettime, which has a way of its own
    PERSONA_PASSAGE_CLOSE = 8,   ///< as PLAIN: the handler close, likewise
    PERSONA_PASSAGE_STATUS = 9,  ///< as PLAIN: the handler fileStatus, likewise, where its flags are a constant
};

struct persona_call {
    uint8_t kind;
    uint8_t argument_count;
    uint8_t operand_count;
    uint8_t result;        ///< enum persona_result_kind
    uint16_t target;
    uint8_t passage;       ///< enum persona_passage
    uint8_t in_registers;  ///< 1: `sources` and `widths` tell all operands where the passage is no direct one
    uint32_t arguments;    ///< index of the first persona_argument
    uint32_t operands;     ///< index of the first persona_operand
    uint32_t name;         ///< string
    uint32_t reason;       ///< string: why unsupported
    uint8_t sources[6];    ///< for PERSONA_PASSAGE_DIRECT, or with `in_registers`: the register of each operand, or
                           ///< PERSONA_NO_REGISTER for a constant
    uint8_t widths[6];     ///< and its persona_conversion
    uint16_t structure;    ///< for PERSONA_PASSAGE_STRUCT and _STATUS: persona_struct
    uint16_t place;        ///< and the operand that points to it
    uint16_t in_room;      ///< bytes that the log's captures before the call may take; 0: there are none
    uint16_t out_room;     ///< the same after it
    uint8_t log_special;   ///< enum persona_log_special
    uint8_t reserved[3];
};

/// Rows whose captures arguments alone do not tell.
enum persona_log_special {
    PERSONA_LOG_PLAIN = 0,
    PERSONA_LOG_NESTED = 1,  ///< iovecs or a message header, with data behind pointers of their own
    PERSONA_LOG_HIDDEN = 2,  ///< plain words that are pointers by what others are
};

/// Where they lie in a row, for who reads them by their place.
enum persona_call_offset {
    PERSONA_CALL_SOURCES = __builtin_offsetof(struct persona_call, sources),
    PERSONA_CALL_WIDTHS = __builtin_offsetof(struct persona_call, widths),
};

/// What an argument points to, or that it is a plain value.
enum persona_argument_class {
    PERSONA_ARG_VALUE = 0,
    PERSONA_ARG_STRING = 1,   ///< NUL-terminated, read
    PERSONA_ARG_PATH = 2,     ///< NUL-terminated path, read
    PERSONA_ARG_MEMORY = 3,   ///< `element_size` * count bytes
    PERSONA_ARG_STRINGS = 4,  ///< NULL-terminated array of strings (argv)
    PERSONA_ARG_UNION = 5,    ///< what persona_union `parameter` says by another argument
};

enum persona_direction { PERSONA_IN = 1, PERSONA_OUT = 2, PERSONA_INOUT = 3 };

enum persona_count_kind {
    PERSONA_COUNT_CONSTANT = 0,  ///< `count` elements
    PERSONA_COUNT_ARGUMENT = 1,  ///< the value of argument `count`
    PERSONA_COUNT_RESULT = 2,    ///< the call's result
    PERSONA_COUNT_POINTEE = 3,   ///< the u32 (or word) that argument `count` points to
};

/// How a value converts on its way to Linux.
enum persona_conversion {
    PERSONA_CONVERT_NONE = 0,     ///< all 64 bits
    PERSONA_CONVERT_SIGN32 = 1,   ///< low 32 bits, sign-extended (int, fd, pid)
    PERSONA_CONVERT_ZERO32 = 2,   ///< low 32 bits (unsigned, mode)
    PERSONA_CONVERT_FLAGS = 3,    ///< map `parameter`, bit by bit
    PERSONA_CONVERT_ENUM = 4,     ///< map `parameter`, whole values
    PERSONA_CONVERT_SIGNAL = 5,   ///< signal number; 0 stays 0
    PERSONA_CONVERT_PATH = 6,     ///< pointer to a path, looked up under the guest's root
    PERSONA_CONVERT_STRUCT = 7,   ///< pointer to struct `parameter`, by the argument's direction
    PERSONA_CONVERT_SIGN16 = 8,
    PERSONA_CONVERT_ZERO16 = 9,
    PERSONA_CONVERT_ZERO8 = 10,
};

/// One foreign argument: where it is, how wide it is, what the log shows of it.
struct persona_argument {
    uint8_t word;          ///< index of its first argument word
    uint8_t conversion;    ///< enum persona_conversion
    uint8_t class_;        ///< enum persona_argument_class
    uint8_t direction;     ///< enum persona_direction for pointers
    uint16_t parameter;    ///< map or struct index of the conversion
    uint8_t count_kind;    ///< enum persona_count_kind
    uint8_t is_set;        ///< 1: bytes that are a set of numbers
    uint32_t count;
    uint32_t element_size; ///< bytes in the foreign layout
    uint16_t shown;        ///< bytes behind the pointer that the log shows at most
    uint16_t reserved;
};

/// A union argument: what it points to for each value of the argument that tells.
struct persona_union {
    uint32_t first;        ///< index of its first persona_union_entry
    uint16_t count;
    uint8_t tag;           ///< index of the argument whose low 32 bits tell
    uint8_t reserved;
};

struct persona_union_entry {
    uint64_t tag;
    uint32_t size;         ///< bytes that the argument points to
    uint8_t direction;     ///< enum persona_direction
    uint8_t is_text;       ///< 1: NUL-terminated
    uint16_t reserved;
};

enum persona_operand_kind {
    PERSONA_OPERAND_ARGUMENT = 0,  ///< argument `argument`, converted as it says
    PERSONA_OPERAND_CONSTANT = 1,  ///< `constant`
};

struct persona_operand {
    uint8_t kind;
    uint8_t argument;
    uint8_t reserved[6];
    int64_t constant;
};

enum persona_map_kind { PERSONA_MAP_FLAGS = 0, PERSONA_MAP_ENUM = 1 };

struct persona_map {
    uint32_t first;            ///< index of its first persona_map_entry
    uint16_t count;
    uint16_t kind;
    uint64_t foreign_known;    ///< flags: every foreign bit that some entry describes
    uint64_t identity;         ///< flags: bits that are the same on both sides and in no entry's way
    uint32_t unknown_errno;    ///< foreign errno for a value that no entry describes
    uint32_t name;             ///< string
};

enum persona_map_action {
    PERSONA_MAP_BOTH = 0,      ///< foreign <-> native
    PERSONA_MAP_TO_NATIVE = 1, ///< only ->
    PERSONA_MAP_TO_FOREIGN = 2,///< only <-
    PERSONA_MAP_IGNORE = 3,    ///< accepted, without effect on Linux
    PERSONA_MAP_REJECT = 4,    ///< refused with `error`
};

/// flags: applies when (value & foreign_mask) == foreign. enum: when value == foreign.
struct persona_map_entry {
    uint64_t foreign_mask;
    uint64_t foreign;
    uint64_t native_mask;
    uint64_t native;
    uint16_t action;
    uint16_t error;       ///< foreign errno of a rejected value
    uint32_t name;        ///< string: the foreign constant's name
};

struct persona_struct {
    uint32_t foreign_size;
    uint32_t native_size;
    uint32_t first;        ///< index of its first persona_field
    uint16_t count;
    uint16_t identical;    ///< 1: same bytes on both sides, no conversion needed
    uint32_t name;         ///< string
    uint32_t steps;        ///< index of its first persona_step
    uint16_t step_count;   ///< 0: it is converted field by field
    uint16_t is_straight;  ///< 1: its steps copy and zero only
};

/// The most words of 8 bytes that one step copies or zeroes.
#define PERSONA_STEP_WORDS 16

/// What a step does: entry.S has a way for each number.
enum persona_step_kind {
    PERSONA_STEP_END = 0,
    PERSONA_STEP_FIELD = 1,       ///< converts the structure's persona_field number `field`
    PERSONA_STEP_COPY_BYTES = 1,  ///< plus 1, 2 or 3: copies 1, 2 or 4 bytes of Linux's
    PERSONA_STEP_ZERO_BYTES = 4,  ///< plus 1, 2 or 3: zeroes as many
    PERSONA_STEP_COPY = 7,        ///< plus 1 to PERSONA_STEP_WORDS: copies as many words
    PERSONA_STEP_ZERO = 23,       ///< plus 1 to PERSONA_STEP_WORDS: zeroes as many
};

/// One step of making a foreign structure of Linux's, from the first to PERSONA_STEP_END. What a step writes, a later
/// one may write again.
struct persona_step {
    uint16_t foreign_offset;
    uint16_t native_offset;
    uint16_t field;
    uint16_t kind;           ///< enum persona_step_kind
};

/// One field of a structure that both sides have. Foreign fields without a Linux counterpart are
/// listed with native_width 0: written as zero, ignored when read.
struct persona_field {
    uint16_t foreign_offset;
    uint16_t native_offset;
    uint16_t foreign_width;  ///< bytes: 1, 2, 4, 8, or any for byte arrays
    uint16_t native_width;
    uint8_t conversion;      ///< enum persona_conversion; NONE copies min(width) bytes and extends
    uint8_t is_signed;       ///< sign-extend when widening
    uint16_t parameter;      ///< map index
    uint32_t name;           ///< string
};

/// Where a field lies that handlers ask for by name; width 0 when the personality has no such field.
struct persona_layout {
    uint16_t offset;  ///< bytes from the structure's start
    uint16_t width;   ///< bytes of the whole field
};

/// An ioctl request or a socket option ((level << 32) | name).
struct persona_request {
    uint64_t key;          ///< foreign
    uint64_t native;       ///< Linux request, or (level << 32) | name
    uint8_t kind;          ///< enum persona_call_kind: TRANSLATE, HANDLER, UNSUPPORTED
    uint8_t direction;     ///< enum persona_direction of its argument; 0: none or a plain value
    uint8_t conversion;    ///< enum persona_conversion of the pointee
    uint8_t reserved;
    uint16_t parameter;    ///< map or struct index
    uint16_t size;         ///< bytes of the pointee in the foreign layout
    uint16_t target;       ///< HandlerName when kind is HANDLER
    uint16_t error;        ///< foreign errno when UNSUPPORTED
    uint32_t name;         ///< string
};

enum persona_sysctl_kind {
    PERSONA_SYSCTL_NODE = 0, PERSONA_SYSCTL_INT = 1, PERSONA_SYSCTL_UINT = 2, PERSONA_SYSCTL_LONG = 3,
    PERSONA_SYSCTL_ULONG = 4, PERSONA_SYSCTL_S64 = 5, PERSONA_SYSCTL_U64 = 6, PERSONA_SYSCTL_STRING = 7,
    PERSONA_SYSCTL_OPAQUE = 8,
};

#define PERSONA_SYSCTL_DEPTH 8

struct persona_sysctl {
    uint32_t mib[PERSONA_SYSCTL_DEPTH];
    uint8_t depth;          ///< numbers of `mib` that count
    uint8_t kind;           ///< enum persona_sysctl_kind
    uint8_t is_host;        ///< 1: `value` is a HostValue; 0: a literal (for STRING: string offset)
    uint8_t writable;
    uint32_t name;          ///< string: dotted name
    int64_t value;
};

// MARK: - Call log

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
