/// Holders: what fstat(1) and fuser(1) ask: all processes, and what each of them has open.
#include "freebsd.h"

static char list[16 << 20];

/// What is told of kern.proc.`what` of `which`: its length, or an error.
static long told(int what, int which, size_t room) {
    int name[4] = {1, 14, what, which};
    size_t size = room;
    long result = SYS(__sysctl, name, 4, list, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

/// The length that a list is said to have.
static long length_of(int what, int which) {
    int name[4] = {1, 14, what, which};
    size_t size = 0;
    long result = SYS(__sysctl, name, 4, 0, &size, 0, 0);
    return result < 0 ? result : (long)size;
}

static int state(long process) {
    // ki_stat of struct kinfo_proc
    return told(1, process, 1088) == 1088 ? list[388] : -1;
}

/// Processes that have ended stand behind all others, in kern.proc.proc.
static void ended(void) {
    long first = SYS0(fork), second;
    if (first == 0) leave(0);
    // SZOMB
    timespec instant = {0, 1000000}, minute = {60, 0};
    while (state(first) != 5) SYS(nanosleep, &instant, 0);
    second = SYS0(fork);
    if (second == 0) {
        SYS(nanosleep, &minute, 0);
        leave(0);
    }
    long count = told(8, 0, sizeof list), isEnded = 0, isLiving = 0, order = 1;
    for (long at = 0; at + 1088 <= count; at += 1088) {
        int number = *(int *)(list + at + 72), zombie = list[at + 388] == 5;
        if (number == first) isEnded = zombie;
        if (number == second) isLiving = !zombie && !isEnded;
        if (!zombie && at > 0 && list[at - 1088 + 388] == 5) order = 0;
    }
    holds("whole entries", count > 0 && count % 1088 == 0);
    holds("the one that has ended, behind the one that has not", isEnded && isLiving && order);
    holds("the length leaves room for others", length_of(8, 0) > count);
    SYS(kill, second, SIGKILL);
    SYS(wait4, first, 0, 0, 0);
    SYS(wait4, second, 0, 0, 0);
}

/// A list of files that has no room for all holds whole ones, as many as there is room for.
static void shortened(void) {
    long whole = told(33, -1, sizeof list), first = *(int *)list, second = *(int *)(list + first);
    holds("files", whole > first + second);
    holds("room for one and a half", told(33, -1, first + second / 2) == first);
    expect("no room", told(33, -1, 8), 0);
    holds("the length leaves room for more", length_of(33, -1) > whole);
    whole = told(32, -1, sizeof list);
    first = *(int *)list;
    holds("mappings", whole > first);
    holds("room for one", told(32, -1, first + 100) == first);
    expect("no such process", told(33, 0x7fffffff, sizeof list), -ESRCH);
}

static void sample(long argc, char **argv, char **environment) {
    ended();
    shortened();
}
