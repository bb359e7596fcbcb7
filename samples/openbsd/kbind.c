// kbind: what a run-time linker binds by, also in memory that it has made read-only; from one place, with one cookie.
#include "openbsd.h"

typedef struct { void *address; size_t size; } block;
enum { cookie = 0x1234567 };

static long page[4096 / sizeof(long)] __attribute__((aligned(4096)));

/// The one place.
__attribute__((noinline)) static long bind(const void *blocks, size_t size, uint64_t with) {
    return SYS(kbind, blocks, size, with);
}
__attribute__((noinline)) static long bind_elsewhere(const void *blocks, size_t size) {
    return SYS(kbind, blocks, size, cookie);
}

static struct { block target; long value; } one = {{&page[1], 8}, 42};
static struct { block targets[2]; long values[2]; } two = {{{&page[2], 8}, {&page[3], 8}}, {43, 44}};

static long fate(int what) {
    int status = 0;
    long child = SYS0(fork);
    if (child == 0) {
        switch (what) {
        case 0: bind_elsewhere(&one, sizeof one); break;
        case 1: bind(&one, sizeof one, cookie + 1); break;
        case 2: bind(0, 0, 0); break;
        }
        leave(0);
    }
    SYS(wait4, child, &status, 0, 0);
    return status & 0x7f ? 256 + (status & 0x7f) : status >> 8;
}

static void sample(long argc, char **argv, char **environment) {
    int status = 0;
    if (SYS0(fork) == 0) {
        expect("a child says that nobody will bind", bind(0, 0, 0), 0);
        expect("and says it again", bind(0, 0, 0), 0);
        bind(&one, sizeof one, cookie);
        leave(0);
    }
    SYS(wait4, -1, &status, 0, 0);
    expect("its binding ends it", status & 0x7f, SIGILL);

    expect("bind", bind(&one, sizeof one, cookie), 0);
    expect("what is there", page[1], 42);
    expect("read-only", SYS(mprotect, page, 4096, PROT_READ), 0);
    one.value = 45;
    expect("bind in read-only memory", bind(&one, sizeof one, cookie), 0);
    expect("what is there", ((volatile long *)page)[1], 45);
    expect("two at once", bind(&two, sizeof two, cookie), 0);
    expect("the first", ((volatile long *)page)[2], 43);
    expect("the second", ((volatile long *)page)[3], 44);
    expect("too small", bind(&one, 8, cookie), -EINVAL);
    expect("sizes that do not add up", bind(&one, sizeof one - 1, cookie), -EINVAL);
    expect("from another place", fate(0), 256 + SIGILL);
    expect("with another cookie", fate(1), 256 + SIGILL);
    expect("to end it after it began", fate(2), 256 + SIGILL);
    one.target.address = (void *)0x10;
    expect("where nothing is", bind(&one, sizeof one, cookie), -EFAULT);
}
