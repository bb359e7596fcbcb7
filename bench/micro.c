/// Times one kind of call, for FreeBSD and for Linux: `micro NAME COUNT [N]` prints the picoseconds of one, in the median of
/// many batches. fork-exec and vfork-exec execute this program, which then ends at once, or the one whose absolute path stands for N.
#include "system.h"

static char page[1 << 20];
static char stacks[17][STACK] __attribute__((aligned(16)));
static long file, count, extra;
static int ends[4];
static volatile uint32_t word, finished;

#include "floor.h"

static void getpid_(void) { SYS(getpid); }
static void geteuid_(void) { SYS(geteuid); }
static void getppid_(void) { SYS(getppid); }
static void read_1(void) { SYS(pread, file, page, 1); }
static void write_1(void) { SYS(pwrite, file, page, 1); }
static void read_4k(void) { SYS(pread, file, page, 4096); }
static void read_1m(void) { SYS(pread, file, page, 1 << 20); }
static void write_4k(void) { SYS(pwrite, file, page, 4096); }
static void fstat_(void) { SYS(fstat, file, page); }
static void lseek_(void) { SYS(lseek, file, 0, 0); }
static void open_close(void) {
    long opened = SYS(open, "/dev/null", 0);
    SYS(close, opened);
}
static void clock_(void) { SYS(clock_gettime, MONOTONIC, page); }
static void map_unmap(void) {
    long mapped = SYS(mmap, 0, 65536, 3, MAP_PRIVATE_MEMORY, -1);
    SYS(munmap, mapped, 65536);
}
static void failing(void) { SYS(close, -1); }
static void mask_(void) {
    static uint32_t set[4] = {1 << 11};
    SYS(sigprocmask, BLOCK, set, 0, SIGSET_BYTES);
}

static volatile long signals;
static void on_signal(int signal) { signals++; }
static void signal_(void) {
    static long self;
    if (!self) self = SYS(getpid);
    SYS(kill, self, SIGUSR1);
}

static void pipe_turn(void) {
    SYS(write, ends[1], page, 1);
    SYS(read, ends[2], page, 1);
}
static void answer_pipe(void *unused) {
    char byte;
    while (SYS(read, ends[0], &byte, 1) == 1) SYS(write, ends[3], &byte, 1);
}
static void answer_thread(void *unused) {
    answer_pipe(0);
    SYS(thr_exit);
}

static void fork_(void) {
    floor_touch();
    long child = SYS(fork);
    if (child == 0) {
        floor_child();
        SYS(exit, 0);
    }
    SYS(wait4, child, 0, 0, 0);
}
static char *executed;
static inline void fork_exec_by(long number) {
    long child = call(number, 0, 0, 0, 0, 0, 0);
    if (child == 0) {
        if (number == SYS_fork) floor_child();
        char *arguments[] = {executed, 0};
        SYS(execve, executed, arguments, arguments + 1);
        SYS(exit, 9);
    }
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    if (status) SYS(exit, 3);
}
static void fork_exec(void) {
    floor_touch();
    fork_exec_by(SYS_fork);
}
static void vfork_exec(void) { fork_exec_by(SYS_vfork); }

static void brief(void *unused) {
    floor_thread(stacks[1]);
    word = 1;
    wake_word(&word);
    SYS(thr_exit);
}
static void thread_(void) {
    word = 0;
    start_thread(brief, 0, stacks[0]);
    while (word == 0) wait_word(&word, 0);
}

static volatile uint32_t lock;
static volatile long shared;
static void contend(void) {
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&lock, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE) != 0) wait_word(&lock, 2);
    for (int turn = 0; turn < 20; turn++) shared++;
    if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2) wake_word(&lock);
}
static void contender(void *unused) {
    for (long left = count / extra; left; left--) contend();
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    wake_word(&finished);
    SYS(thr_exit);
}
static void contention(void) {
    for (long index = 0; index < extra; index++) start_thread(contender, 0, stacks[index]);
    for (uint32_t seen; (seen = finished) < (uint32_t)extra;) wait_word(&finished, seen);
}

static event events[64];
static long queue;
static void events_(void) { ready(queue, events, 64); }

static int same(const char *left, const char *right) {
    while (*left && *left == *right) left++, right++;
    return *left == *right;
}
static long number(const char *text) {
    long value = 0;
    while (*text) value = value * 10 + *text++ - '0';
    return value;
}

static const struct { const char *name; void (*run)(void); } kinds[] = {
    {"getpid", getpid_}, {"geteuid", geteuid_}, {"getppid", getppid_}, {"read-1", read_1}, {"write-1", write_1}, {"read-4k", read_4k},
    {"write-4k", write_4k}, {"read-1m", read_1m}, {"fstat", fstat_}, {"lseek", lseek_}, {"open-close", open_close}, {"clock", clock_},
    {"mmap-munmap", map_unmap}, {"error", failing}, {"sigprocmask", mask_}, {"signal", signal_}, {"pipe-thread", pipe_turn},
    {"pipe-process", pipe_turn}, {"fork", fork_}, {"fork-exec", fork_exec}, {"vfork-exec", vfork_exec}, {"thread", thread_}, {"events", events_},
    {"contention", contention},
};

static void prepare(const char *name) {
    file = SYS(open, "bench-file", 0x2);
    floor_begin();
    install(SIGUSR1, on_signal);
    SYS(pipe2, ends, 0);
    SYS(pipe2, ends + 2, 0);
    if (same(name, "pipe-thread")) start_thread(answer_thread, 0, stacks[0]);
    if (same(name, "pipe-process") && SYS(fork) == 0) {
        SYS(close, ends[1]);
        answer_pipe(0);
        SYS(exit, 0);
    }
    // Of the first guest's parent the supervisor is asked: a child is what most guests are.
    if (same(name, "getppid")) {
        long child = SYS(fork);
        if (child != 0) {
            SYS(wait4, child, 0, 0, 0);
            SYS(exit, 0);
        }
    }
    if (same(name, "events")) {
        queue = open_queue();
        for (long index = 0; index < extra; index++) {
            int pair[2];
            SYS(pipe2, pair, 0);
            watch(queue, pair[0]);
        }
    }
}

/// Batches of calls, whose median is the answer: one during which another process had the processor does not count.
enum { BATCHES = 64 };

static void insert(uint64_t *sorted, long present, uint64_t value) {
    for (; present > 0 && sorted[present - 1] > value; present--) sorted[present] = sorted[present - 1];
    sorted[present] = value;
}

static void bench(long argc, char **argv, char **environment) {
    if (argc < 3) {
        floor_program();
        return;
    }
    executed = argc > 3 && argv[3][0] == '/' ? argv[3] : argv[0];
    count = number(argv[2]);
    extra = argc > 3 ? number(argv[3]) : 1;
    prepare(argv[1]);
    for (size_t index = 0; index < sizeof kinds / sizeof kinds[0]; index++) {
        if (!same(argv[1], kinds[index].name)) continue;
        long turns = same(argv[1], "contention") ? 1 : count;
        for (long turn = 0; turn < turns / 20; turn++) kinds[index].run();
        long batches = turns < BATCHES ? turns : BATCHES, each = turns / batches;
        uint64_t times[BATCHES];
        for (long batch = 0; batch < batches; batch++) {
            uint64_t before = now();
            for (long turn = 0; turn < each; turn++) kinds[index].run();
            insert(times, batch, now() - before);
        }
        uint64_t value = times[batches / 2] * 1000 / (uint64_t)(turns == 1 ? count : each);
        char digits[24];
        int place = 24;
        digits[--place] = '\n';
        do digits[--place] = (char)('0' + value % 10);
        while (value /= 10);
        SYS(write, 1, digits + place, 24 - place);
        SYS(exit, 0);
    }
    SYS(exit, 2);
}
