/// What the freestanding programs of the systems have in common: calls that tell failure by the carry flag, printing,
/// and two ways to state what must hold. A system's own header includes this one; it has SYS_exit, SYS_write,
/// SYS_nanosleep and a `timespec` before.
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/// The second result register of the last call of this program's first thread.
static uint64_t second_result;

/// A system call by its number: the result, or the error number made negative.
static inline long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    unsigned char failed;
    __asm__ volatile("syscall"
                     : "+a"(number), "=@ccc"(failed), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    second_result = (uint64_t)c;
    return failed ? -number : number;
}

#define CALL_(number, a, b, c, d, e, f, ...) \
    call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/// SYS(open, path, flags): the call of that name with up to six arguments.
#define SYS(name, ...) CALL_(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS0(name) call(SYS_##name, 0, 0, 0, 0, 0, 0)

void *memset(void *to, int byte, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = (char)byte;
    return to;
}
void *memcpy(void *to, const void *from, size_t count) {
    for (size_t index = 0; index < count; index++) ((volatile char *)to)[index] = ((const char *)from)[index];
    return to;
}
static size_t length(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}
static int same(const void *left, const void *right, size_t count) {
    for (size_t index = 0; index < count; index++)
        if (((const char *)left)[index] != ((const char *)right)[index]) return 0;
    return 1;
}

/// Prints by %s, %d (long), %x (long) in one write.
static void say(const char *format, ...) {
    char line[512], digits[24];
    size_t used = 0;
    va_list list;
    va_start(list, format);
    for (; *format && used < 480; format++) {
        if (*format != '%') {
            line[used++] = *format;
            continue;
        }
        char kind = *++format;
        if (kind == 's') {
            for (const char *text = va_arg(list, const char *); *text && used < 480;) line[used++] = *text++;
            continue;
        }
        long value = va_arg(list, long);
        unsigned long rest = (unsigned long)value, base = kind == 'x' ? 16 : 10;
        if (kind == 'd' && value < 0) {
            line[used++] = '-';
            rest = -rest;
        }
        int count = 0;
        do digits[count++] = "0123456789abcdef"[rest % base];
        while (rest /= base);
        while (count) line[used++] = digits[--count];
    }
    va_end(list);
    SYS(write, 1, line, used);
}

/// Waits.
static void nap(long milliseconds) {
    timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    SYS(nanosleep, &time, 0);
}

/// A time for a call; only one lives at a time.
static timespec *span(int64_t seconds, int64_t nanoseconds) {
    static timespec time;
    time.sec = seconds;
    time.nsec = nanoseconds;
    return &time;
}

static int wrong;

/// Prints a result, and what it should have been if it is something else.
static void expect(const char *what, long got, long wanted) {
    const char *kind = got < 0 && got > -200 ? "error " : "";
    say(got == wanted ? "%s: %s%d\n" : "%s: %s%d, not %d\n", what, kind, *kind ? -got : got, wanted);
    wrong |= got != wanted;
}

/// Prints whether something that has no one value is as it should be.
static void holds(const char *what, int truth) {
    say("%s: %s\n", what, truth ? "yes" : "NO");
    wrong |= !truth;
}

/// Forks; the child's life is the block that follows, which must end by `leave`.
static void leave(long status) {
    SYS(exit, status);
    __builtin_trap();
}

/// What every sample has instead of main; its status is 1 if an expectation did not hold.
static void sample(long argc, char **argv, char **environment);

__attribute__((used)) static void begin(long *stack) {
    long argc = stack[0];
    char **argv = (char **)(stack + 1);
    sample(argc, argv, argv + argc + 1);
    leave(wrong);
}

#endif
