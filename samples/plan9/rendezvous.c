// rendezvous(2), between processes that share memory and such that do not; semacquire(2) and its like.
#include "plan9.h"

static char line[256];
static volatile int semaphore, order;

static long meet(long tag, long value) { return call(RENDEZVOUS, tag, value, 0, 0); }

static void take(ureg *registers, char *note) { call(NOTED, NCONT, 0, 0, 0); }

void start(long argc, char **argv) {
    // Who comes first waits.
    if (rfork(RFPROC) == 0) {
        sleep(50);
        expect("the child gets", meet(1, 22), 11);
        done(0);
    }
    long got = meet(1, 11);
    await(line, sizeof line);
    expect("the parent gets", got, 22);
    if (rfork(RFPROC) == 0) {
        expect("the child gets", meet(0x7fffffffffff, -1), -2);
        done(0);
    }
    sleep(50);
    got = meet(0x7fffffffffff, -2);
    await(line, sizeof line);
    expect("the parent gets", got, -1);

    // Tags are one's group's.
    if (rfork(RFPROC | RFREND) == 0) {
        notify(take);
        call(ALARM, 100, 0, 0, 0);
        done(meet(3, 33) == -1 ? "called away" : "met");
    }
    notify(take);
    call(ALARM, 200, 0, 0, 0);
    expect("in another group", meet(3, 44), -1);
    await(line, sizeof line);
    expect_text("and the child", message(line), "called away");

    // Semaphores in shared memory.
    expect("semacquire without waiting", call(SEMACQUIRE, (long)&semaphore, 0, 0, 0), 0);
    expect("semrelease", call(SEMRELEASE, (long)&semaphore, 2, 0, 0), 2);
    expect("semacquire", call(SEMACQUIRE, (long)&semaphore, 1, 0, 0), 1);
    expect("tsemacquire", call(TSEMACQUIRE, (long)&semaphore, 50, 0, 0), 1);
    expect("tsemacquire in vain", call(TSEMACQUIRE, (long)&semaphore, 50, 0, 0), 0);
    fails("semrelease by less", (int)call(SEMRELEASE, (long)&semaphore, -1, 0, 0), "bad arg in system call");
    fails("a semaphore nowhere", (int)call(SEMACQUIRE, 0x10, 1, 0, 0), "bad arg in system call");
    call(ALARM, 50, 0, 0, 0);
    fails("semacquire and a note", (int)call(SEMACQUIRE, (long)&semaphore, 1, 0, 0), "interrupted");
    for (int child = 0; child < 3; child++) {
        if (rfork(RFPROC | RFMEM) == 0) {
            call(SEMACQUIRE, (long)&semaphore, 1, 0, 0);
            __atomic_fetch_add(&order, 1, __ATOMIC_SEQ_CST);
            done(0);
        }
    }
    sleep(50);
    expect("all wait", order, 0);
    call(SEMRELEASE, (long)&semaphore, 1, 0, 0);
    await(line, sizeof line);
    expect("one has it", order, 1);
    call(SEMRELEASE, (long)&semaphore, 2, 0, 0);
    await(line, sizeof line);
    await(line, sizeof line);
    expect("all have had it", order, 3);
    expect("none is left", semaphore, 0);

    long before = call(NSEC, 0, 0, 0, 0);
    sleep(20);
    holds("nsec", call(NSEC, 0, 0, 0, 0) - before >= 20000000);
}
