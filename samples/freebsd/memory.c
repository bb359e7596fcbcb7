/// Memory: mapping, protecting, sharing, advising, unmapping, and the break.
#include "freebsd.h"

static long map(void *at, size_t size, int protection, int flags, int file, long offset) {
    return SYS(mmap, at, size, protection, flags, file, offset);
}

static void sample(long argc, char **argv, char **environment) {
    char *block = (char *)map(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    holds("anonymous", (long)block > 0 && (long)block % 4096 == 0);
    expect("zeroed", block[0] | block[3 * 4096 - 1], 0);
    block[5000] = 77;
    expect("mprotect", SYS(mprotect, block, 4096, 0), 0);
    expect("unreadable for a call", SYS(write, 1, block, 1), -EFAULT);
    expect("mprotect back", SYS(mprotect, block, 4096, PROT_READ | PROT_WRITE), 0);
    expect("munmap of the middle", SYS(munmap, block + 4096, 4096), 0);
    expect("unmapped for a call", SYS(write, 1, block + 5000, 1), -EFAULT);
    expect("fixed into the hole",
           map(block + 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) - (long)block, 4096);
    expect("fresh", block[5000], 0);
    expect("fixed and exclusive where something is",
           map(block, 4096, PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_FIXED | MAP_EXCL, -1, 0), -ENOMEM);
    expect("unaligned unmap of nothing", SYS(munmap, block, 0), -EINVAL);
    expect("no kind of mapping", map(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0), -EINVAL);
    expect("anonymous with a file", map(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANON, 1, 0), -EINVAL);
    expect("bad file", map(0, 4096, PROT_READ, MAP_PRIVATE, 99, 0), -EBADF);
    expect("shared and private", map(0, 4096, PROT_READ, MAP_PRIVATE | MAP_SHARED | MAP_ANON, -1, 0), -EINVAL);

    long file = SYS(open, "mapped", O_CREAT | O_RDWR, 0600);
    SYS(ftruncate, file, 8192);
    char *shared = (char *)map(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, (int)file, 0);
    char *private = (char *)map(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, (int)file, 4096);
    shared[4096] = 'S';
    expect("seen through the private mapping", private[0], 'S');
    private[0] = 'P';
    char byte;
    SYS(pread, file, &byte, 1, 4096);
    expect("kept out of the file", byte, 'S');
    expect("msync", SYS(msync, shared, 8192, 0), 0); // MS_SYNC is 0
    expect("read into a mapping", SYS(pread, file, private, 10, 4096), 10);
    SYS(close, file);
    shared[1] = 'k';
    expect("mapping outlives the descriptor", shared[1], 'k');
    SYS(unlink, "mapped");

    char *guard = (char *)map(0, 8192, 0, MAP_GUARD, -1, 0);
    holds("guard", (long)guard > 0);
    expect("guard is no memory", SYS(write, 1, guard, 1), -EFAULT);
    expect("guard with a protection", map(0, 4096, PROT_READ, MAP_GUARD, -1, 0), -EINVAL);
    char *stack = (char *)map(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_STACK, -1, 0);
    holds("stack", (long)stack > 0);
    stack[(1 << 20) - 1] = 1;
    char *aligned = (char *)map(0, 1 << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | 21 << 24, -1, 0);
    expect("aligned to 2 MiB", (long)aligned % (1 << 21), 0);
    expect("madvise", SYS(madvise, aligned, 4096, 4), 0);
    expect("madvise free", SYS(madvise, aligned, 4096, 5), 0);
    expect("madvise nonsense", SYS(madvise, aligned, 4096, 999), -EINVAL);
    aligned[0] = 1;
    char present[512];
    expect("mincore", SYS(mincore, aligned, 4096, present), 0);
    expect("in core", present[0] & 1, 1);
    expect("mlock", SYS(mlock, aligned, 4096), 0);
    expect("munlock", SYS(munlock, aligned, 4096), 0);

    // Code that was written at run time: mov $42, %eax; ret
    unsigned char *code = (unsigned char *)map(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    memcpy(code, "\xb8\x2a\0\0\0\xc3", 6);
    expect("executable", SYS(mprotect, code, 4096, PROT_READ | PROT_EXEC), 0);
    expect("written code", ((int (*)(void))(void *)code)(), 42);

    volatile char *both = (char *)map(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
    long child = SYS0(fork);
    if (child == 0) {
        both[0] = 9;
        block[0] = 9;
        leave(0);
    }
    SYS(wait4, child, 0, 0, 0);
    expect("shared memory", both[0], 9);
    expect("private memory", block[0], 0);
}
