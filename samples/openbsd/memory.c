// Memory: what mimmutable fixes stays, mquery looks without mapping.
#include "openbsd.h"

static void sample(long argc, char **argv, char **environment) {
    char *area = (char *)SYS(mmap, 0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    holds("mmap", (long)area > 0);
    expect("mquery of a taken place", SYS(mquery, area, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANON, -1, 0), -12);
    long place = SYS(mquery, 0, 65536, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);
    holds("mquery of any place", place > 0 && SYS(munmap, place, 65536) == 0);
    expect("a stack that cannot be written", SYS(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_STACK, -1, 0),
           -EINVAL);
    expect("mimmutable", SYS(mimmutable, area + 4096, 4096), 0);
    area[4096] = 7;
    expect("mprotect of it", SYS(mprotect, area, 8192, PROT_READ | PROT_EXEC), -EPERM);
    expect("munmap of it", SYS(munmap, area + 4096, 4096), -EPERM);
    expect("mmap over it", SYS(mmap, area, 16384, PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), -EPERM);
    expect("it is as it was", area[4096], 7);
    expect("it does not lose its write permission", SYS(mprotect, area + 4096, 4096, PROT_READ), -EPERM);
    expect("not even to keep it", SYS(mprotect, area + 4096, 4096, PROT_READ | PROT_WRITE), -EPERM);
    expect("mprotect beside it", SYS(mprotect, area, 4096, PROT_READ), 0);
    expect("munmap beside it", SYS(munmap, area + 8192, 8192), 0);
}
