/// What Linux itself makes a guest pay, in a native program that does nothing else: with FLOOR, bench/micro.c arms syscall
/// user dispatch for a range that holds its own code, loads a filter of eight comparisons, has the mappings that a guest has
/// besides its own, and does in each new process, thread and program what must be done there again. Without FLOOR, nothing.
/// Numbers: asm/unistd_64.h, linux/prctl.h, linux/seccomp.h, linux/filter.h.
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#if defined(FLOOR) && !defined(__FreeBSD__)
enum {
    SYS_mprotect = 10, SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14, SYS_sigaltstack = 131, SYS_prctl = 157, SYS_set_tid_address = 218,
    SYS_seccomp = 317,
};
enum { FILTER_INSTRUCTIONS = 10 };

extern char __executable_start[], etext[];
static char *own;  // a page that parent and child both write, as they do the engine's

static void floor_dispatch(void) { SYS(prctl, 59, 1, __executable_start, etext - __executable_start, 0); }

/// The engine's text and the compiled table, files that nobody writes to; its data.
static void floor_map_engine(void) {
    char *place = (char *)0x7000000000;
    for (int index = 0; index < 2; index++, place += 0x80000) SYS(mmap, place, 0x40000, 1, 0x2 | 0x100000, file);
    own = place;
    SYS(mmap, own, 0x40000, 3, 0x22 | 0x100000, -1);
    *own = 1;
}

/// Stubs, and a page of text with a jump.
static void floor_map_stubs(void) {
    for (char *place = own + 0x60000; place < own + 0x80000; place += 0x10000) {
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
    floor_map_engine();
    floor_map_stubs();
}

/// The engine touches its text, the table and its own page in parent and child.
static void floor_touch(void) {
    *(volatile char *)0x7000000000, *(volatile char *)0x7000080000;
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
/// A new program: five signals are the engine's, and its stack, its thread's state and its variables are a page each. What finds the
/// program's file and maps it is not counted: Linux's own exec does that for the native one.
static void floor_program(void) {
    static const int own_signals[] = {7, 11, 31, 63, 64};
    static uint64_t mask, action[4];
    SYS(rt_sigprocmask, 2, &mask, &mask, 8);
    file = SYS(open, "bench-file", 0);
    floor_map_engine();
    SYS(close, file);
    SYS(set_tid_address, own);
    SYS(prctl, 15, "floor");
    for (int index = 0; index < 5; index++) SYS(rt_sigaction, own_signals[index], action, 0, 8);
    own[4096] = own[8192] = 1;
    floor_touch();
    floor_thread(own + 16384);
    SYS(rt_sigprocmask, 2, &mask, 0, 8);
}
#else
static inline void floor_begin(void) {}
static inline void floor_touch(void) {}
static inline void floor_child(void) {}
static inline void floor_thread(char *stack) {}
static inline void floor_program(void) {}
#endif

#endif
