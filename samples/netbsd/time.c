/// Clocks, sleeping, interval timers and timers that send signals.
#include "netbsd.h"

enum { CLOCK_REALTIME = 0, CLOCK_VIRTUAL = 1, CLOCK_MONOTONIC = 3, CLOCK_THREAD = 0x20000000, CLOCK_PROCESS = 0x40000000 };
enum { P_PID = 1, P_LWPID = 2, TIMER_ABSTIME = 1 };
struct sevent {
    int32_t notify, signo;
    void *value, *function, *attributes;
};
struct setting { timespec interval, value; };
struct microsetting { timeval interval, value; };

static volatile int signals, code, pid;
static void *volatile value;

static void onsignal(int signal, siginfo *info, ucontext *context) {
    signals++;
    code = info->code;
    pid = info->sender.pid;
    value = info->sender.value;
}

static void sample(long argc, char **argv, char **environment) {
    timespec now, then;
    say("clocks\n");
    expect("CLOCK_REALTIME", SYS(__clock_gettime50, CLOCK_REALTIME, &now), 0);
    holds("after 2020", now.sec > 1577836800);
    expect("CLOCK_MONOTONIC", SYS(__clock_gettime50, CLOCK_MONOTONIC, &now), 0);
    expect("a process's own", SYS(__clock_gettime50, CLOCK_PROCESS, &now), 0);
    expect("a thread's own", SYS(__clock_gettime50, CLOCK_THREAD, &now), 0);
    expect("CLOCK_VIRTUAL", SYS(__clock_gettime50, CLOCK_VIRTUAL, &now), -EINVAL);
    expect("resolution", SYS(__clock_getres50, CLOCK_MONOTONIC, &now), 0);
    holds("below a second", now.sec == 0 && now.nsec > 0);
    uint32_t clock = 0;
    expect("a process's clock", SYS(clock_getcpuclockid2, P_PID, SYS0(getpid), &clock), 0);
    expect("its number", clock == (CLOCK_PROCESS | SYS0(getpid)), 1);
    expect("reading it", SYS(__clock_gettime50, clock, &now), 0);
    expect("nobody's", SYS(clock_getcpuclockid2, P_PID, 0xfffffff, &clock), -ESRCH);
    expect("another kind", SYS(clock_getcpuclockid2, 9, 0, &clock), -EINVAL);
    timeval day;
    day.padding = 77;
    expect("gettimeofday", SYS(__gettimeofday50, &day, 0), 0);
    expect("no rest behind the microseconds", day.padding, 0);

    say("sleeping\n");
    SYS(__clock_gettime50, CLOCK_MONOTONIC, &now);
    expect("relative", SYS(clock_nanosleep, CLOCK_REALTIME, 0, span(0, 20000000), 0), 0);
    SYS(__clock_gettime50, CLOCK_MONOTONIC, &then);
    holds("20 ms at least", (then.sec - now.sec) * 1000000000 + then.nsec - now.nsec >= 20000000);
    expect("until a time that was", SYS(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, span(0, 0), 0), 0);
    expect("by CLOCK_VIRTUAL", SYS(clock_nanosleep, CLOCK_VIRTUAL, 0, span(0, 1), 0), EINVAL);
    expect("a bad time", SYS(clock_nanosleep, CLOCK_MONOTONIC, 0, span(0, 1000000000), 0), EINVAL);
    expect("nowhere", SYS(clock_nanosleep, CLOCK_MONOTONIC, 0, 8, 0), EFAULT);

    say("interval timers\n");
    handle(SIGALRM, onsignal, SA_SIGINFO);
    struct microsetting tick = {{0, 0, -1}, {0, 5000, -1}}, left;
    memset(&left, 0x55, sizeof left);
    expect("setitimer", SYS(__setitimer50, 0, &tick, &left), 0);
    expect("before", left.value.sec == 0 && left.value.usec == 0, 1);
    nap(30);
    expect("a signal", signals, 1);
    expect("getitimer", SYS(__getitimer50, 0, &left), 0);
    expect("left", left.value.usec, 0);

    say("timers\n");
    int timer = -1, second = -1;
    struct sevent event = {1, SIGALRM, (void *)0x4711, 0, 0};
    expect("create", SYS(timer_create, CLOCK_MONOTONIC, &event, &timer), 0);
    holds("numbered from 4", timer >= 4);
    struct setting once = {{0, 0}, {0, 5000000}}, told;
    signals = 0;
    expect("settime", SYS(__timer_settime50, timer, 0, &once, 0), 0);
    nap(30);
    expect("a signal", signals, 1);
    expect("its code", code, -2);
    expect("its value", value == (void *)0x4711, 1);
    expect("its sender", pid, 0);
    expect("gettime", SYS(__timer_gettime50, timer, &told), 0);
    expect("left", told.value.sec == 0 && told.value.nsec == 0, 1);
    expect("overruns", SYS(timer_getoverrun, timer), 0);
    expect("create without an event", SYS(timer_create, CLOCK_REALTIME, 0, &second), 0);
    signals = 0;
    expect("settime", SYS(__timer_settime50, second, 0, &once, &told), 0);
    nap(30);
    expect("SIGALRM", signals, 1);
    expect("with the timer's number", (long)value == second, 1);
    once.value.nsec = -1;
    expect("a bad time", SYS(__timer_settime50, timer, 0, &once, 0), -EINVAL);
    event.notify = 2;
    int third;
    expect("SIGEV_THREAD", SYS(timer_create, CLOCK_MONOTONIC, &event, &third), 0);
    event.notify = 9;
    expect("another notice", SYS(timer_create, CLOCK_MONOTONIC, &event, &third), -EINVAL);
    expect("delete", SYS(timer_delete, timer), 0);
    expect("delete again", SYS(timer_delete, timer), -EINVAL);
    expect("another clock", SYS(timer_create, 17, 0, &timer), -EINVAL);
}
