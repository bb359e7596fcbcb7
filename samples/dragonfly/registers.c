// Vector registers, as many as the processor has, survive a signal's handler that changes them all, and sigreturn.
#include "dragonfly.h"

typedef struct { void *handler; int flags; uint32_t mask[4]; } sigaction_t;

static uint8_t before[32][64] __attribute__((aligned(64))), after[32][64] __attribute__((aligned(64)));
static uint64_t masks_before[8], masks_after[8];
static volatile int handled;

static uint64_t enabled(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c & 1 << 27)) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | (uint64_t)high << 32;
}

#define EACH16(X, T) X(0, T) X(1, T) X(2, T) X(3, T) X(4, T) X(5, T) X(6, T) X(7, T) X(8, T) X(9, T) X(10, T) X(11, T) \
    X(12, T) X(13, T) X(14, T) X(15, T)
#define HIGH16(X, T) X(16, T) X(17, T) X(18, T) X(19, T) X(20, T) X(21, T) X(22, T) X(23, T) X(24, T) X(25, T) X(26, T) \
    X(27, T) X(28, T) X(29, T) X(30, T) X(31, T)
#define EACH8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define LOAD_X(n, T) "movdqu 64*" #n "(%[from]), %%xmm" #n "\n"
#define STORE_X(n, T) "movdqu %%xmm" #n ", 64*" #n "(%[to])\n"
#define LOAD_Y(n, T) "vmovdqu 64*" #n "(%[from]), %%ymm" #n "\n"
#define STORE_Y(n, T) "vmovdqu %%ymm" #n ", 64*" #n "(%[to])\n"
#define LOAD_Z(n, T) "vmovdqu64 64*" #n "(%[from]), %%zmm" #n "\n"
#define STORE_Z(n, T) "vmovdqu64 %%zmm" #n ", 64*" #n "(%[to])\n"
#define LOAD_K(n) "kmovw 8*" #n "(%[masks]), %%k" #n "\n"
#define STORE_K(n) "kmovw %%k" #n ", 8*" #n "(%[kept])\n"
#define RAISE "syscall\n"

static uint64_t features;

static void handler(int signal) {
    handled = signal;
    if (features & 4) __asm__ volatile("vzeroall");
    else __asm__ volatile("pxor %xmm0, %xmm0; pxor %xmm7, %xmm7; pxor %xmm15, %xmm15");
    if ((features & 0xe0) == 0xe0)
        __asm__ volatile("vpxorq %zmm16, %zmm16, %zmm16; vpxorq %zmm31, %zmm31, %zmm31; kxnorw %k1, %k1, %k1");
}

// The registers are loaded, the signal sent and delivered, and the registers stored without anything between.
#define THROUGH(load, store)                                                                                           \
    __asm__ volatile(load RAISE store                                                                                  \
                     : "+a"(number)                                                                                    \
                     : "D"(pid), "S"(30), [from] "r"(before), [to] "r"(after), [masks] "r"(masks_before),              \
                       [kept] "r"(masks_after)                                                                         \
                     : "rcx", "r11", "rdx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",      \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

static int same(const uint8_t (*one)[64], const uint8_t (*other)[64], int registers, int bytes) {
    int count = 0;
    for (int n = 0; n < registers; n++) {
        int equal = 1;
        for (int i = 0; i < bytes; i++) equal &= one[n][i] == other[n][i];
        count += equal;
    }
    return count;
}

static void program(void) {
    features = enabled();
    long pid = SYS(20), number = 37;
    sigaction_t action = {(void *)handler, 0, {0, 0, 0, 0}};
    expect("sigaction", SYS(342, 30, &action, 0), 0);
    for (int n = 0; n < 32; n++)
        for (int i = 0; i < 64; i++) before[n][i] = (uint8_t)(n * 7 + i * 3 + 1);
    for (int n = 0; n < 8; n++) masks_before[n] = 0x1111u * (unsigned)(n + 1) & 0xffff;

    THROUGH(EACH16(LOAD_X, ""), EACH16(STORE_X, ""));
    expect("handled", handled, 30);
    expect("16 registers of 16 bytes", same(before, after, 16, 16), 16);

    number = 37;
    if (features & 4) THROUGH(EACH16(LOAD_Y, ""), EACH16(STORE_Y, ""));
    else SYS(37, pid, 30);
    expect("of 32 bytes, or there are none", features & 4 ? same(before, after, 16, 32) : 16, 16);

    number = 37;
    int wide = (features & 0xe0) == 0xe0;
    if (wide) THROUGH(EACH16(LOAD_Z, "") HIGH16(LOAD_Z, "") EACH8(LOAD_K), EACH16(STORE_Z, "") HIGH16(STORE_Z, "") EACH8(STORE_K));
    else SYS(37, pid, 30);
    expect("32 of 64 bytes, or there are none", wide ? same(before, after, 32, 64) : 32, 32);
    int masks = 0;
    for (int n = 0; n < 8; n++) masks += !wide || masks_before[n] == masks_after[n];
    expect("8 masks, or there are none", masks, 8);
}
