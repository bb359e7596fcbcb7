/// Resources: limits, usage, priorities, processors, randomness.
#include "freebsd.h"

static void sample(long argc, char **argv, char **environment) {
    struct { int64_t now, most; } limit;
    long right = 0;
    for (int which = 0; which <= 10; which++) right += SYS(getrlimit, which, &limit) == 0 && limit.now <= limit.most;
    expect("limits", right, 11);
    expect("no such limit", SYS(getrlimit, 99, &limit), -EINVAL);
    right = 0;
    for (int which = 0; which <= 15; which++) { // kern.proc.rlimit
        size_t size = sizeof limit;
        right += SYS(__sysctl, ((int[]){1, 14, 37, (int)SYS0(getpid), which}), 5, &limit, &size, 0, 0) == 0;
    }
    expect("limits by sysctl", right, 16);
    SYS(getrlimit, 8, &limit); // RLIMIT_NOFILE
    holds("files", limit.now > 3);
    limit.now = 40;
    expect("fewer files", SYS(setrlimit, 8, &limit), 0);
    SYS(getrlimit, 8, &limit);
    expect("so many", limit.now, 40);
    expect("getdtablesize", SYS0(getdtablesize), 40);
    long file = 0, last = 0;
    while ((file = SYS(dup, 1)) >= 0) last = file;
    expect("too many files", file, -24); // EMFILE
    expect("the last", last, 39);
    SYS(close_range, 3, ~0u, 0);
    SYS(getrlimit, 4, &limit); // RLIMIT_CORE
    limit.now = 0;
    expect("no core", SYS(setrlimit, 4, &limit), 0);
    SYS(getrlimit, 1, &limit); // RLIMIT_FSIZE
    expect("infinite", limit.now == INT64_MAX, 1);
    struct { timeval user, system; int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, rest[8]; } usage;
    for (volatile int turn = 0; turn < 30000000; turn++) continue;
    expect("getrusage", SYS(getrusage, 0, &usage), 0);
    holds("time used", usage.user.sec * 1000000 + usage.user.usec + usage.system.usec > 0);
    holds("memory used", usage.maxrss > 0);
    expect("children", SYS(getrusage, -1, &usage), 0);
    expect("of whom", SYS(getrusage, 7, &usage), -EINVAL);
    long priority = SYS(getpriority, 0, 0);
    holds("priority", priority >= -20 && priority <= 20);
    expect("nicer", SYS(setpriority, 0, 0, 19), 0);
    expect("is nicer", SYS(getpriority, 0, 0), 19);
    char random[64] = {0};
    expect("getrandom", SYS(getrandom, random, 64, 0), 64);
    long bits = 0;
    for (int index = 0; index < 64; index++) bits |= random[index];
    holds("random", bits != 0);
    expect("getrandom with nonsense", SYS(getrandom, random, 64, 0x100), -EINVAL);
    uint64_t processors[16] = {0};
    expect("cpuset_getaffinity", SYS(cpuset_getaffinity, 3, 1, -1, sizeof processors, processors), 0);
    holds("a processor", processors[0] != 0);
}
