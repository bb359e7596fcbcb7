/// What a freestanding Plan 9/amd64 program needs: an entry, system calls, printing. No libc, no headers of the
/// system; numbers and layouts are those of sys/src/libc/9syscall/sys.h, sys/include/libc.h, amd64/include/ureg.h.
#ifndef SAMPLE_PLAN9_H
#define SAMPLE_PLAN9_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BIND = 2, CHDIR = 3, CLOSE = 4, DUP = 5, ALARM = 6, EXEC = 7, EXITS = 8, SEGBRK = 12, OPEN = 14, SLEEP = 17, RFORK = 19,
    PIPE = 21, CREATE = 22, FD2PATH = 23, BRK_ = 24, REMOVE = 25, NOTIFY = 28, NOTED = 29, SEGATTACH = 30, SEGDETACH = 31,
    SEGFREE = 32, SEGFLUSH = 33, RENDEZVOUS = 34, UNMOUNT = 35, SEMACQUIRE = 37, SEMRELEASE = 38, SEEK = 39, ERRSTR = 41,
    STAT = 42, FSTAT = 43, WSTAT = 44, FWSTAT = 45,
    AWAIT = 47, PREAD = 50, PWRITE = 51, TSEMACQUIRE = 52, NSEC = 53,
};

enum { OREAD = 0, OWRITE = 1, ORDWR = 2, OEXEC = 3, OTRUNC = 16, OCEXEC = 32 };
enum {
    RFNAMEG = 1 << 0, RFENVG = 1 << 1, RFFDG = 1 << 2, RFNOTEG = 1 << 3, RFPROC = 1 << 4, RFMEM = 1 << 5,
    RFNOWAIT = 1 << 6, RFCNAMEG = 1 << 10, RFCENVG = 1 << 11, RFCFDG = 1 << 12, RFREND = 1 << 13, RFNOMNT = 1 << 14,
};
enum { NCONT = 0, NDFLT = 1, NSAVE = 2, NRSTR = 3 };
enum { SG_RONLY = 040, SG_CEXEC = 0100 };
enum { ERRMAX = 128 };

typedef struct {
    uint64_t ax, bx, cx, dx, si, di, bp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint16_t ds, es, fs, gs;
    uint64_t type, error, ip, cs, flags, sp, ss;
} ureg;
_Static_assert(sizeof(ureg) == 184, "Plan 9's size");

/// struct Tos, whose address is in rax at the entry.
typedef struct {
    uint64_t profile[5], cyclefreq, kcycles, pcycles;
    uint32_t pid, clock, kscr[4];
} tos;
_Static_assert(sizeof(tos) == 88, "Plan 9's size");

static tos *_tos;
void start(long argc, char **argv);

/// A call's arguments lie on the stack above the place of a return address; its number is in rbp.
long call(long number, long a, long b, long c, long d);
__asm__(
    ".section .text.start\n"
    ".globl _start\n_start:\n"
    "movq %rax, %rdx\n movq (%rsp), %rdi\n leaq 8(%rsp), %rsi\n xorl %ebp, %ebp\n andq $-16, %rsp\n call begin\n"
    ".text\n"
    ".globl call\ncall:\n"
    "pushq %rbp\n movq %rdi, %rbp\n pushq $0\n pushq %r8\n pushq %rcx\n pushq %rdx\n pushq %rsi\n pushq $0\n"
    "syscall\n addq $48, %rsp\n popq %rbp\n ret\n");

// MARK: - Printing: one line is one call, so that processes do not mix theirs.

static size_t length(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

static int begins(const char *text, const char *with) {
    while (*with && *text == *with) text++, with++;
    return *with == 0;
}

static char *put_number(char *place, unsigned long value, unsigned base) {
    char digits[24];
    int count = 0;
    do digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count > 0) *place++ = digits[--count];
    return place;
}

/// %s text, %d long, %x unsigned long.
static size_t format(char *line, const char *text, va_list values) {
    char *place = line;
    for (; *text; text++) {
        if (*text != '%') {
            *place++ = *text;
            continue;
        }
        switch (*++text) {
        case 's':
            for (const char *from = va_arg(values, const char *); *from;) *place++ = *from++;
            break;
        case 'd': {
            long value = va_arg(values, long);
            if (value < 0) *place++ = '-';
            place = put_number(place, value < 0 ? 0ul - (unsigned long)value : (unsigned long)value, 10);
            break;
        }
        case 'x': place = put_number(place, va_arg(values, unsigned long), 16); break;
        default: *place++ = '%';
        }
    }
    *place = 0;
    return (size_t)(place - line);
}

static void print(const char *text, ...) {
    char line[512];
    va_list values;
    va_start(values, text);
    size_t count = format(line, text, values);
    va_end(values);
    call(PWRITE, 1, (long)line, (long)count, -1);
}

// MARK: - What must hold

static int failures;

/// Prints the value, and the wanted one if it is another.
static void expect(const char *what, long got, long wanted) {
    if (got == wanted) {
        print("%s: %d\n", what, got);
    } else {
        failures++;
        print("%s: %d, not %d\n", what, got, wanted);
    }
}

static void expect_text(const char *what, const char *got, const char *wanted) {
    if (same(got, wanted)) {
        print("%s: %s\n", what, got);
    } else {
        failures++;
        print("%s: %s, not %s\n", what, got, wanted);
    }
}

static void holds(const char *what, int truth) {
    if (!truth) failures++;
    print("%s: %s\n", what, truth ? "yes" : "NO");
}

/// The words for the last failure.
static const char *why(void) {
    static char words[ERRMAX];
    words[0] = 0;
    call(ERRSTR, (long)words, sizeof words, 0, 0);
    return words;
}

/// A call that fails with these words.
static void fails(const char *what, long result, const char *words) {
    if (result != -1) expect(what, result, -1);
    else expect_text(what, why(), words);
}

static void done(const char *message) {
    call(EXITS, (long)message, 0, 0, 0);
}

// MARK: - Calls

static long rfork(long flags) { return (int)call(RFORK, flags, 0, 0, 0); }
static long sleep(long milliseconds) { return (int)call(SLEEP, milliseconds, 0, 0, 0); }
static long write(int fd, const void *bytes, long count) { return (int)call(PWRITE, fd, (long)bytes, count, -1); }
static long read(int fd, void *bytes, long count) { return (int)call(PREAD, fd, (long)bytes, count, -1); }
static long close(int fd) { return (int)call(CLOSE, fd, 0, 0, 0); }

/// Waits for a child: its message in `text` (the whole line of await), its id or -1.
static long await(char *text, long room) {
    long count = (int)call(AWAIT, (long)text, room - 1, 0, 0);
    if (count < 0) return -1;
    text[count] = 0;
    long pid = 0;
    for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++) pid = pid * 10 + (*digit - '0');
    return pid;
}

/// The message of an await line, behind its four numbers and without the name and id that the kernel puts before it.
static const char *message(char *line) {
    char *place = line;
    for (int words = 0; words < 4; words++) {
        while (*place && *place != ' ') place++;
        if (*place) place++;
    }
    if (*place != '\'') return place;
    place++;
    char *end = place;
    while (*end) end++;
    if (end > place && end[-1] == '\'') end[-1] = 0;
    for (char *colon = place; *colon; colon++)
        if (colon[0] == ':' && colon[1] == ' ') return colon + 2;
    return place;
}

/// A note handler's entry: the registers' address is the first argument, the note the second.
void (*on_note)(ureg *registers, char *note);
void note_entry(void);
__asm__(
    ".globl note_entry\nnote_entry:\n"
    "movq 8(%rsp), %rdi\n movq 16(%rsp), %rsi\n andq $-16, %rsp\n call *on_note(%rip)\n hlt\n");

static long notify(void (*function)(ureg *, char *)) {
    on_note = function;
    return call(NOTIFY, function ? (long)note_entry : 0, 0, 0, 0);
}

void begin(long argc, char **argv, tos *top) {
    _tos = top;
    start(argc, argv);
    done(failures ? "failed" : 0);
}

#endif
