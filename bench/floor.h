/// What Linux itself makes a guest pay, in a native program that does nothing else: with FLOOR, bench/micro.c arms syscall
/// user dispatch for a range that holds its own code, loads a filter of eight comparisons, has the mappings that a guest has
/// besides its own, and does in each new process and thread what must be done there again. Without FLOOR, nothing.
/// Numbers: asm/unistd_64.h, linux/prctl.h, linux/seccomp.h, linux/filter.h.
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#if defined(FLOOR) && !defined(__FreeBSD__)
enum { SYS_mprotect = 10, SYS_sigaltstack = 131, SYS_prctl = 157, SYS_seccomp = 317 };
enum { FILTER_INSTRUCTIONS = 10 };

extern char __executable_start[], etext[];
static char *own;  // a page that parent and child both write, as they do the engine's

static void floor_dispatch(void) { SYS(prctl, 59, 1, __executable_start, etext - __executable_start, 0); }

/// The engine's text and the compiled table, files that nobody writes to; its data; stubs, and a page of text with a jump.
static void floor_map(void) {
    char *place = (char *)0x7000000000;
    for (int index = 0; index < 2; index++, place += 0x100000) SYS(mmap, place, 0x40000, 1, 0x2 | 0x100000, file);
    own = place;
    SYS(mmap, own, 0x40000, 3, 0x22 | 0x100000, -1);
    *own = 1;
    for (int index = 0; index < 2; index++) {
        place += 0x80000;
        SYS(mmap, place, 4096, 3, 0x22 | 0x100000, -1);
        *place = 1;
        SYS(mprotect, place, 4096, 5);
    }
}

static void floor_begin(void) {
    static struct { uint16_t code; uint8_t when, otherwise; uint32_t value; } filter[FILTER_INSTRUCTIONS];
    struct { uint16_t count; void *filter; } program = {FILTER_INSTRUCTIONS, filter};
    filter[0].code = 0x20;  // the call's number
    for (int index = 1; index < FILTER_INSTRUCTIONS - 1; index++) filter[index].code = 0x15, filter[index].value = 0x7000u + (uint32_t)index;
    filter[FILTER_INSTRUCTIONS - 1].code = 0x06, filter[FILTER_INSTRUCTIONS - 1].value = 0x7fff0000;
    SYS(prctl, 38, 1);
    SYS(seccomp, 1, 0, &program);
    floor_dispatch();
    floor_map();
}

/// The engine touches its text, the table and its own page in parent and child.
static void floor_touch(void) {
    *(volatile char *)0x7000000000, *(volatile char *)0x7000100000;
    ++*(volatile char *)own;
}
static void floor_child(void) {
    floor_dispatch();
    SYS(prctl, 1, 0);  // PR_SET_PDEATHSIG
    SYS(getppid);
    floor_touch();
}
static void floor_thread(char *stack) {
    struct { void *start; int flags; size_t size; } signals = {stack, 0, 16384};
    SYS(sigaltstack, &signals, 0);
    floor_dispatch();
}
#else
static inline void floor_begin(void) {}
static inline void floor_touch(void) {}
static inline void floor_child(void) {}
static inline void floor_thread(char *stack) {}
#endif

#endif
