/// LWPs: made, waited for, detached, suspended, woken; parking; names, processors, priorities.
#include "netbsd.h"

static volatile int counter, ready, release;
static char stacks[8][16384] __attribute__((aligned(16)));
static volatile long seen_private;

static void worker(long what) {
    switch (what) {
    case 1: seen_private = SYS0(_lwp_getprivate); break;
    case 2:
        ready = 1;
        while (!release) counter++;
        ready = 0;
        break;
    case 3: {
        ready = 1;
        long result = SYS(nanosleep, span(20, 0), 0);
        counter = (int)-result;
        break;
    }
    case 4:
        ready = 1;
        counter = (int)SYS(___lwp_park60, 0, 0, 0, 0, 0, 0);
        break;
    }
    SYS0(_lwp_exit);
}

static long start(int stack, long what, long flags, void *private) {
    static ucontext context;
    SYS(getcontext, &context);
    context.flags = UC_CPU | UC_TLSBASE;
    context.registers[REG_RDI] = (uint64_t)what;
    context.registers[REG_RIP] = (uint64_t)worker;
    context.registers[REG_RSP] = (uint64_t)(stacks[stack] + sizeof stacks[stack] - 8);
    context.tlsbase = (uint64_t)private;
    int id = 0;
    long result = SYS(_lwp_create, &context, flags, &id);
    return result < 0 ? result : id;
}

static void waitfor(volatile int *flag) {
    for (int turn = 0; turn < 2000 && !*flag; turn++) nap(1);
}

static void waitfor_not(volatile int *flag) {
    for (int turn = 0; turn < 2000 && *flag; turn++) nap(1);
}

static void sample(long argc, char **argv, char **environment) {
    long self = SYS0(_lwp_self);
    expect("the first thread's id is the process's", self == SYS0(getpid), 1);
    static long private = 42;
    expect("setprivate", SYS(_lwp_setprivate, &private), 0);
    expect("getprivate", SYS0(_lwp_getprivate) == (long)&private, 1);

    say("joining\n");
    int departed = 0;
    long one = start(0, 1, 0, &private);
    holds("created", one > 0 && one != self);
    expect("wait", SYS(_lwp_wait, one, &departed), 0);
    expect("departed", departed == one, 1);
    expect("its private pointer", seen_private == (long)&private, 1);
    expect("wait again", SYS(_lwp_wait, one, &departed), -ESRCH);
    expect("wait for any, with none", SYS(_lwp_wait, 0, &departed), -ESRCH);
    expect("wait for oneself", SYS(_lwp_wait, self, 0), -EDEADLK);
    expect("wait for nobody", SYS(_lwp_wait, 99999999, 0), -ESRCH);
    long two = start(1, 1, 0, 0);
    expect("wait for any", SYS(_lwp_wait, 0, &departed), 0);
    expect("departed", departed == two, 1);

    say("detaching\n");
    release = 0, ready = 0;
    long three = start(2, 2, 0x40, 0);
    waitfor(&ready);
    expect("wait for a detached thread", SYS(_lwp_wait, three, 0), -EINVAL);
    expect("detach it again", SYS(_lwp_detach, three), -EINVAL);
    release = 1;
    waitfor_not(&ready);
    release = 0;
    long four = start(3, 2, 0, 0);
    waitfor(&ready);
    expect("detach", SYS(_lwp_detach, four), 0);
    expect("wait for it", SYS(_lwp_wait, four, 0), -EINVAL);
    release = 1;
    expect("detach nobody", SYS(_lwp_detach, 99999999), -ESRCH);
    waitfor_not(&ready);

    say("resting\n");
    release = 0, ready = 0;
    long five = start(4, 2, 0x80, 0);
    nap(20);
    expect("created suspended", ready, 0);
    expect("continue", SYS(_lwp_continue, five), 0);
    waitfor(&ready);
    expect("it runs", ready, 1);
    expect("suspend", SYS(_lwp_suspend, five), 0);
    int before = counter;
    nap(20);
    expect("it rests", counter == before, 1);
    expect("suspend again", SYS(_lwp_suspend, five), 0);
    expect("continue", SYS(_lwp_continue, five), 0);
    nap(20);
    expect("it goes on", counter != before, 1);
    release = 1;
    expect("wait", SYS(_lwp_wait, five, 0), 0);
    expect("suspend nobody", SYS(_lwp_suspend, 99999999), -ESRCH);
    expect("continue nobody", SYS(_lwp_continue, 99999999), -ESRCH);

    say("waking\n");
    ready = 0, counter = 0;
    long six = start(5, 3, 0, 0);
    waitfor(&ready);
    nap(20);
    expect("suspend a sleeper", SYS(_lwp_suspend, six), 0);
    expect("continue it", SYS(_lwp_continue, six), 0);
    nap(20);
    long woken = SYS(_lwp_wakeup, six);
    holds("wakeup", woken == 0 || counter == EINTR);
    expect("wait", SYS(_lwp_wait, six, 0), 0);
    expect("its sleep ended", counter, EINTR);
    expect("wake nobody", SYS(_lwp_wakeup, 99999999), -ESRCH);

    say("parking\n");
    ready = 0, counter = 1;
    long seven = start(6, 4, 0, 0);
    waitfor(&ready);
    nap(20);
    expect("unpark", SYS(_lwp_unpark, seven, 0), 0);
    expect("wait", SYS(_lwp_wait, seven, 0), 0);
    expect("park", counter, 0);
    expect("unpark oneself", SYS(_lwp_unpark, self, 0), 0);
    expect("park", SYS(___lwp_park60, 0, 0, 0, 0, 0, 0), -EALREADY);
    expect("park for 10 ms", SYS(___lwp_park60, 3, 0, span(0, 10000000), 0, 0, 0), -ETIMEDOUT);
    expect("unpark nobody", SYS(_lwp_unpark, 99999999, 0), -ESRCH);
    expect("how many unpark_all takes", SYS(_lwp_unpark_all, 0, 0, 0), 1024);

    say("names, processors, priorities\n");
    char name[32] = "";
    expect("setname", SYS(_lwp_setname, self, "chief"), 0);
    expect("getname", SYS(_lwp_getname, self, name, sizeof name), 0);
    say("%s\n", name);
    expect("getname into 3 bytes", SYS(_lwp_getname, self, name, 3), -63);
    expect("getname of nobody", SYS(_lwp_getname, 99999999, name, sizeof name), -ESRCH);
    volatile int *control = 0;
    expect("lwp_ctl", SYS(_lwp_ctl, 1, &control), 0);
    holds("a processor's number", control && control[0] >= 0 && control[0] < 4096);
    expect("lwp_ctl with preemptions", SYS(_lwp_ctl, 2, &control), -ENODEV);
    uint32_t set[8] = {0};
    expect("getaffinity", SYS(_sched_getaffinity, 0, 0, sizeof set, set), 0);
    set[0] = 1;
    expect("setaffinity", SYS(_sched_setaffinity, 0, self, sizeof set, set), 0);
    set[0] = 0;
    expect("getaffinity", SYS(_sched_getaffinity, 0, self, sizeof set, set), 0);
    int parameters[1] = {-7}, policy = -7;
    expect("getparam", SYS(_sched_getparam, 0, self, &policy, parameters), 0);
    expect("policy", policy, 0);
    parameters[0] = 3;
    expect("a priority for SCHED_OTHER", SYS(_sched_setparam, 0, self, 0, parameters), -EINVAL);
    parameters[0] = 64;
    expect("a priority too high", SYS(_sched_setparam, 0, self, 1, parameters), -EINVAL);
    expect("yield", SYS0(sched_yield), 0);
}
