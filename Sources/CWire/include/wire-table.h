/// The compiled personality table. Part of wire.h.
#ifndef PERSONA_WIRE_TABLE_H
#define PERSONA_WIRE_TABLE_H

#include <stdint.h>

#define PERSONA_TABLE_MAGIC 0x6c626174 /* "tabl" */
#define PERSONA_TABLE_VERSION 9
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
    uint64_t signals_known;               ///< Linux's signals that the personality has; bit n-1 is signal n
    uint64_t signals_ignored;             ///< those of them that it ignores by default
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
    uint8_t has_path;      ///< 1: a path is among its operands
    uint8_t reserved[2];
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
    PERSONA_CONVERT_BIT = 11,     ///< an option's switch, told as the option's own number
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

#endif
