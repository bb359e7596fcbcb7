// The least program: a line, its arguments, the small calls about itself.
#include "openbsd.h"

static void sample(long argc, char **argv, char **environment) {
    say("hello, OpenBSD\n");
    expect("arguments", argc, 1);
    holds("getthrid is the process's first thread", SYS0(getthrid) == SYS0(getpid));
    unsigned char random[16] = {0}, zero[16] = {0};
    expect("getentropy", SYS(getentropy, random, 16), 0);
    holds("getentropy fills", !same(random, zero, 16));
    expect("getentropy of 257 bytes", SYS(getentropy, random, 257), -5);
    char path[64];
    expect("__getcwd into one byte", SYS(__getcwd, path, 1), -34);
    int name[2] = {1, 1};
    char type[16];
    size_t length = sizeof type;
    expect("sysctl kern.ostype", SYS(sysctl, name, 2, type, &length, 0, 0), 0);
    say("%s, %d bytes\n", type, (long)length);
    expect("pipe2", SYS(pipe2, name, O_CLOEXEC), 0);
    expect("close-on-exec", SYS(fcntl, name[0], F_GETFD), 1);
    expect("dup3 onto itself", SYS(dup3, name[0], name[0], 0), -EINVAL);
    expect("closefrom", SYS(closefrom, 3), 0);
    expect("closefrom again", SYS(closefrom, 3), -EBADF);
    stat status;
    expect("fstat", SYS(fstat, name[0], &status), -EBADF);
    expect("stat", SYS(stat, "/", &status), 0);
    expect("mode's type", status.mode & 0170000, 0040000);
    SYS(mkdir, "inside", 0700);
    char entries[512];
    long folder = SYS(open, ".", O_RDONLY | O_DIRECTORY, 0), count, found = 0;
    while ((count = SYS(getdents, folder, entries, 64)) > 0)
        for (long at = 0; at < count; at += *(uint16_t *)(entries + at + 16))
            found += entries[at + 19] == 6 && entries[at + 18] == 4 && same(entries + at + 24, "inside", 7);
    expect("getdents", count, 0);
    expect("entries of that name", found, 1);
    expect("getdents without room", (SYS(lseek, folder, 0, 0), SYS(getdents, folder, entries, 8)), -EINVAL);
    SYS(rmdir, "inside");
}
