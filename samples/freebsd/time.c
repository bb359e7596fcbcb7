/// Time: clocks and waiting.
#include "freebsd.h"

static long nanoseconds(long clock) {
    timespec now = {0, 0};
    if (SYS(clock_gettime, clock, &now)) return -1;
    return now.sec * 1000000000 + now.nsec;
}

static void sample(long argc, char **argv, char **environment) {
    // CLOCK_REALTIME, VIRTUAL, PROF, MONOTONIC, UPTIME, UPTIME_PRECISE, UPTIME_FAST, REALTIME_PRECISE, REALTIME_FAST,
    // MONOTONIC_PRECISE, MONOTONIC_FAST, SECOND, THREAD_CPUTIME_ID, PROCESS_CPUTIME_ID
    static const char clocks[] = {0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    long right = 0;
    for (unsigned index = 0; index < sizeof clocks; index++) right += nanoseconds(clocks[index]) >= 0;
    expect("clocks", right, sizeof clocks);
    expect("no such clock", SYS(clock_gettime, 77, span(0, 0)), -EINVAL);
    expect("clock into nowhere", SYS(clock_gettime, 0, 16), -EFAULT);
    timespec finest;
    expect("resolution", SYS(clock_getres, 4, &finest), 0);
    holds("fine", finest.sec == 0 && finest.nsec > 0);
    holds("after 2020", nanoseconds(0) > 1577836800000000000);
    expect("whole seconds", nanoseconds(13) % 1000000000, 0);
    timeval now;
    int zone[2] = {9, 9};
    expect("gettimeofday", SYS(gettimeofday, &now, zone), 0);
    holds("same day", now.sec - nanoseconds(0) / 1000000000 <= 0 && nanoseconds(0) / 1000000000 - now.sec < 5);
    long before = nanoseconds(4);
    expect("nanosleep", SYS(nanosleep, span(0, 30000000), 0), 0);
    long took = nanoseconds(4) - before;
    holds("slept", took >= 30000000 && took < 2000000000);
    expect("nanosleep of too many", SYS(nanosleep, span(0, 1000000000), 0), -EINVAL);
    expect("nanosleep of less than nothing", SYS(nanosleep, span(-1, 0), 0), 0);
    timespec until;
    SYS(clock_gettime, 4, &until);
    until.nsec += 20000000;
    if (until.nsec >= 1000000000) until.sec++, until.nsec -= 1000000000;
    expect("clock_nanosleep until", SYS(clock_nanosleep, 4, 1, &until, 0), 0);
    holds("late enough", nanoseconds(4) >= until.sec * 1000000000 + until.nsec);
    before = nanoseconds(15);
    for (volatile int turn = 0; turn < 3000000; turn++) continue;
    holds("processor time goes on", nanoseconds(15) > before && nanoseconds(14) > 0);
    struct { timeval interval, value; } timer = {{0, 0}, {100, 0}}, old;
    expect("setitimer", SYS(setitimer, 0, &timer, 0), 0);
    expect("getitimer", SYS(getitimer, 0, &old), 0);
    holds("running", old.value.sec >= 98 && old.value.sec <= 100);
    timer.value.sec = 0;
    expect("stop", SYS(setitimer, 0, &timer, &old), 0);
    expect("no such timer", SYS(getitimer, 9, &old), -EINVAL);
}
