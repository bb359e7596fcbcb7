/// Pages that processes find by an object that they share, in which libthr keeps process-shared mutexes (UMTX_OP_SHM).
#include "freebsd.h"

enum { OP_LOCK = 5, OP_SHM = 25, OP_ROBUST_LISTS = 26, PROCESS_SHARED = 1, ROBUST = 0x10, CREAT = 1, LOOKUP = 2, DESTROY = 4, ALIVE = 8, SHARED = 1 };

static long shm(long flags, const volatile void *object) { return SYS(_umtx_op, 0, OP_SHM, flags, object, 0); }

static volatile char *map(long file) { return (volatile char *)SYS(mmap, 0, 4096, 3, SHARED, file, 0); }

/// struct umutex of sys/_umtx.h.
struct mutex { uint32_t owner, flags, ceilings[2]; uint64_t link; uint32_t spare[2]; };

/// A process that ends with a robust mutex gives it to the next.
static void robust(volatile struct mutex *mutex) {
    mutex->flags = PROCESS_SHARED | ROBUST;
    long child = SYS0(fork);
    if (child == 0) {
        static uint64_t list;
        uint64_t lists[3] = {(uint64_t)&list, 0, 0};
        if (SYS(_umtx_op, 0, OP_ROBUST_LISTS, sizeof lists, lists, 0) != 0) leave(1);
        if (SYS(_umtx_op, mutex, OP_LOCK, 0, 0, 0) != 0) leave(2);
        list = (uint64_t)mutex;
        leave(0);
    }
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    expect("its owner has ended", status, 0);
    expect("EOWNERDEAD", SYS(_umtx_op, mutex, OP_LOCK, 0, 0, 0), -96);
}

static void sample(long argc, char **argv, char **environment) {
    static volatile char own[16];
    volatile char *shared = (volatile char *)SYS(mmap, 0, 8192, 3, MAP_ANON | SHARED, -1, 0);
    expect("no such page", shm(LOOKUP, shared + 64), -ESRCH);
    expect("nothing to destroy", shm(DESTROY, shared + 64), -ESRCH);
    long file = shm(CREAT, shared + 64);
    expect("a page", file, 3);
    expect("close-on-exec", SYS(fcntl, file, 1), 1);
    volatile char *page = map(file);
    page[9] = 'x';
    SYS(close, file);
    long child = SYS0(fork);
    if (child == 0) {
        long found = shm(LOOKUP, shared + 64), other = shm(LOOKUP, shared + 72);
        if (found < 0 || other != -ESRCH) leave(1);
        volatile char *mine = map(found);
        if (mine[9] != 'x') leave(2);
        mine[9] = 'y';
        // Memory of its own is another's.
        leave(shm(LOOKUP, own) == -ESRCH ? 0 : 3);
    }
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    expect("the child finds it", status, 0);
    holds("the same memory", page[9] == 'y');
    file = shm(CREAT, shared + 64);
    holds("made again it is the same", file >= 0 && map(file)[9] == 'y');
    expect("alive", shm(ALIVE, shared + 64), 0);
    holds("for its own memory", shm(CREAT, own) >= 0 && shm(LOOKUP, own) >= 0);
    expect("destroy", shm(DESTROY, shared + 64), 0);
    expect("is gone", shm(LOOKUP, shared + 64), -ESRCH);
    robust((volatile struct mutex *)(shared + 4096));
    SYS(munmap, shared, 8192);
    expect("no memory", shm(CREAT, shared), -EFAULT);
    expect("not alive", shm(ALIVE, shared), -EINVAL);
    expect("two operations", shm(CREAT | LOOKUP, own), -EINVAL);
    expect("none", shm(0, own), -EINVAL);
}
