/// What a freestanding DragonFly/amd64 program needs: an entry, system calls, printing. No libc, no headers of the
/// system; numbers and layouts are DragonFly 6.4's (sys/syscall.h, sys/event.h, sys/signal.h and so on).
#ifndef SAMPLE_DRAGONFLY_H
#define SAMPLE_DRAGONFLY_H

#include <stddef.h>
#include <stdint.h>

static int failed_call;

/// Every call has seven words at most; the seventh is on the stack.
static long call(long number, long a, long b, long c, long d, long e, long f, long g) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    unsigned char carry;
    __asm__ volatile("pushq %[g]\n pushq $0\n syscall\n leaq 16(%%rsp), %%rsp"
                     : "=a"(result), "=@ccc"(carry), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "a"(number), "D"(a), "S"(b), [g] "r"(g)
                     : "rcx", "r11", "memory");
    failed_call = carry;
    return carry ? -result : result;
}
#define CALL7(n, a, b, c, d, e, f, g, ...) \
    call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f), (long)(g))
#define SYS(...) CALL7(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0)

static void print(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    SYS(4, 1, text, length);
}

static void print_number(long value) {
    char digits[24];
    int at = sizeof digits;
    unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;
    digits[--at] = 0;
    do digits[--at] = '0' + rest % 10; while (rest /= 10);
    if (value < 0) digits[--at] = '-';
    print(digits + at);
}

/// Prints what a call answered, and what it should have.
static void expect(const char *what, long got, long wanted) {
    print(what);
    print(": ");
    print_number(got);
    if (got != wanted) {
        print(", but should be ");
        print_number(wanted);
    }
    print("\n");
}

static void program(void);

__attribute__((used, naked)) void _start(void) {
    __asm__("xorl %ebp, %ebp; andq $-16, %rsp; call begin; hlt");
}
__attribute__((used)) static void begin(void) {
    program();
    SYS(1, 0);
}

__attribute__((section(".note.ABI-tag"), used, aligned(4))) static const struct {
    uint32_t name_size, value_size, type;
    char name[12];
    uint32_t value;
} abi_tag = {10, 4, 1, "DragonFly", 600400};

#endif
