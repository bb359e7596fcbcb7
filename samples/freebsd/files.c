/// Files: opening, reading, writing, positions, modes, links, times, descriptors, vectors, pipes, locks.
#include "freebsd.h"

static void opening(void) {
    expect("open missing", SYS(open, "missing", O_RDONLY, 0), -ENOENT);
    SYS(umask, 022);
    expect("umask", SYS(umask, 027), 022);
    expect("create", SYS(open, "file", O_CREAT | O_EXCL | O_RDWR, 0666), 3);
    expect("create again", SYS(open, "file", O_CREAT | O_EXCL | O_RDWR, 0666), -EEXIST);
    expect("write", SYS(write, 3, "0123456789", 10), 10);
    expect("pwrite", SYS(pwrite, 3, "ab", 2, 4), 2);
    expect("seek", SYS(lseek, 3, -4, 2), 6);
    char buffer[32] = {0};
    expect("read", SYS(read, 3, buffer, 32), 4);
    holds("text", same(buffer, "6789", 4));
    expect("pread", SYS(pread, 3, buffer, 10, 0), 10);
    holds("changed text", same(buffer, "0123ab6789", 10));
    expect("seek too far back", SYS(lseek, 3, -1, 0), -EINVAL);
    expect("seek strangely", SYS(lseek, 3, 0, 99), -EINVAL);
    expect("close", SYS(close, 3), 0);
    expect("close again", SYS(close, 3), -EBADF);
    expect("open relative to the folder", SYS(openat, AT_FDCWD, "file", O_WRONLY | O_APPEND, 0), 3);
    expect("read of a file for writing", SYS(read, 3, buffer, 1), -EBADF);
    SYS(lseek, 3, 0, 0);
    expect("append", SYS(write, 3, "!", 1), 1);
    expect("position", SYS(lseek, 3, 0, 1), 11);
    SYS(close, 3);
    expect("truncating open", SYS(open, "file", O_RDWR | O_TRUNC, 0), 3);
    expect("size", SYS(lseek, 3, 0, 2), 0);
    SYS(close, 3);
    expect("folder below a file", SYS(open, "file/x", O_RDONLY, 0), -ENOTDIR);
    expect("folder for writing", SYS(open, ".", O_RDWR, 0), -EISDIR);
    expect("file as a folder", SYS(open, "file", O_DIRECTORY, 0), -ENOTDIR);
}

static void status(void) {
    stat now;
    long file = SYS(open, "file", O_RDWR, 0);
    SYS(write, file, "hello", 5);
    expect("fstat", SYS(fstat, file, &now), 0);
    expect("mode", now.mode, 0100640);
    expect("size", now.size, 5);
    expect("links", now.nlink, 1);
    expect("block size", now.blksize > 0, 1);
    holds("owner", now.uid == SYS0(geteuid));
    expect("chmod", SYS(fchmod, file, 0604), 0);
    expect("utimensat", SYS(utimensat, AT_FDCWD, "file", ((timespec[]){{1000000000, 5}, {1100000000, 6}}), 0), 0);
    expect("fstatat", SYS(fstatat, AT_FDCWD, "file", &now, 0), 0);
    expect("new mode", now.mode, 0100604);
    expect("accessed", now.atim.sec, 1000000000);
    expect("modified", now.mtim.sec, 1100000000);
    expect("modified, ns", now.mtim.nsec, 6);
    expect("omit one, touch one",
           SYS(utimensat, AT_FDCWD, "file", ((timespec[]){{0, -2}, {0, -1}}), 0), 0); // UTIME_OMIT, UTIME_NOW
    SYS(fstat, file, &now);
    expect("accessed still", now.atim.sec, 1000000000);
    holds("modified now", now.mtim.sec > 1500000000);
    expect("bits beyond permissions", SYS(chmod, "file", 0644), 0);
    expect("truncate", SYS(truncate, "file", 100), 0);
    expect("ftruncate", SYS(ftruncate, file, 3), 0);
    SYS(fstat, file, &now);
    expect("shorter", now.size, 3);
    expect("fsync", SYS(fsync, file), 0);
    expect("access", SYS(access, "file", 4), 0);
    expect("access missing", SYS(access, "missing", 0), -ENOENT);
    expect("stat missing", SYS(fstatat, AT_FDCWD, "missing", &now, 0), -ENOENT);
    expect("device", SYS(fstatat, AT_FDCWD, "/dev/null", &now, 0), 0);
    expect("device mode", now.mode & 0170000, 0020000);
    SYS(close, file);
}

static void links(void) {
    stat now;
    char text[32] = {0};
    expect("symlink", SYS(symlink, "file", "soft"), 0);
    expect("a link's own mode", SYS(lchmod, "soft", 0700), 0);
    expect("readlink", SYS(readlink, "soft", text, 32), 4);
    holds("target", same(text, "file", 4));
    expect("lstat", SYS(fstatat, AT_FDCWD, "soft", &now, AT_SYMLINK_NOFOLLOW), 0);
    expect("lstat mode", now.mode & 0170000, 0120000);
    expect("no link", SYS(readlink, "file", text, 32), -EINVAL);
    expect("open a link not followed", SYS(open, "soft", O_RDONLY | O_NOFOLLOW, 0), -31); // EMLINK
    expect("link", SYS(link, "file", "hard"), 0);
    SYS(fstatat, AT_FDCWD, "file", &now, 0);
    expect("two links", now.nlink, 2);
    expect("rename", SYS(rename, "hard", "harder"), 0);
    expect("rename missing", SYS(rename, "hard", "x"), -ENOENT);
    SYS(symlink, "loop", "loop");
    expect("loop", SYS(open, "loop", O_RDONLY, 0), -ELOOP);
    expect("unlink", SYS(unlink, "harder"), 0);
    expect("unlink missing", SYS(unlink, "harder"), -ENOENT);
    SYS(unlink, "soft");
    SYS(unlink, "loop");
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    expect("long name", SYS(open, name, O_RDONLY, 0), -ENAMETOOLONG);
}

static void descriptors(void) {
    long file = SYS(open, "file", O_RDWR | O_CLOEXEC, 0);
    expect("dup", SYS(dup, file), file + 1);
    expect("dup2", SYS(dup2, file, 20), 20);
    expect("dup2 to itself", SYS(dup2, file, file), file);
    expect("dup of nothing", SYS(dup, 99), -EBADF);
    expect("F_GETFD", SYS(fcntl, file, F_GETFD, 0), 1);
    expect("F_GETFD of the copy", SYS(fcntl, file + 1, F_GETFD, 0), 0);
    expect("F_DUPFD", SYS(fcntl, file, F_DUPFD, 30), 30);
    expect("F_DUPFD_CLOEXEC", SYS(fcntl, file, F_DUPFD_CLOEXEC, 30), 31);
    expect("F_GETFL", SYS(fcntl, file, F_GETFL, 0), O_RDWR);
    expect("F_SETFL", SYS(fcntl, file, F_SETFL, O_APPEND | O_NONBLOCK), 0);
    expect("F_GETFL again", SYS(fcntl, file, F_GETFL, 0), O_RDWR | O_APPEND | O_NONBLOCK);
    expect("F_DUP2FD", SYS(fcntl, file, 10, 25), 25);
    expect("close_range", SYS(close_range, file + 1, 100, 0), 0);
    expect("closed", SYS(fcntl, 20, F_GETFD, 0), -EBADF);
    struct { int64_t start, length; int32_t pid; int16_t type, whence; int32_t system; } lock = {0, 0, 0, 3, 0, 0};
    expect("F_SETLK for writing", SYS(fcntl, file, F_SETLK, &lock), 0); // F_WRLCK is 3
    lock.type = 1; // F_RDLCK
    expect("F_GETLK", SYS(fcntl, file, F_GETLK, &lock), 0);
    expect("no one else's lock", lock.type, 2); // F_UNLCK
    expect("flock", SYS(flock, file, 2 | 4), 0);
    long other = SYS(open, "file", O_RDONLY, 0);
    expect("flock of another", SYS(flock, other, 2 | 4), -EAGAIN);
    SYS(close, other);
    SYS(close, file);
}

static void vectors(void) {
    struct { void *base; size_t size; } parts[2] = {{"first ", 6}, {"second", 6}};
    long file = SYS(open, "vector", O_CREAT | O_RDWR | O_TRUNC, 0600);
    expect("writev", SYS(writev, file, parts, 2), 12);
    char left[4], right[8];
    parts[0].base = left;
    parts[0].size = 4;
    parts[1].base = right;
    parts[1].size = 8;
    SYS(lseek, file, 0, 0);
    expect("readv", SYS(readv, file, parts, 2), 12);
    holds("scattered", same(left, "firs", 4) && same(right, "t second", 8));
    expect("too many parts", SYS(readv, file, 0, 100000), -EINVAL);
    SYS(close, file);
    SYS(unlink, "vector");
    int ends[2];
    expect("pipe2", SYS(pipe2, ends, O_CLOEXEC | O_NONBLOCK), 0);
    expect("empty pipe", SYS(read, ends[0], left, 1), -EAGAIN);
    expect("write", SYS(write, ends[1], "pipe", 4), 4);
    int waiting = 0;
    expect("FIONREAD", SYS(ioctl, ends[0], 0x4004667f, &waiting), 0);
    expect("waiting", waiting, 4);
    expect("read", SYS(read, ends[0], left, 4), 4);
    expect("seek in a pipe", SYS(lseek, ends[0], 0, 1), -ESPIPE);
    expect("no terminal", SYS(ioctl, ends[0], 0x402c7413, right), -ENOTTY); // TIOCGETA
    struct { int32_t fd; int16_t events, revents; } poll[2] = {{ends[0], 1, 0}, {ends[1], 4, 0}};
    expect("poll", SYS(poll, poll, 2, 0), 1);
    expect("writable", poll[1].revents, 4);
    SYS(close, ends[1]);
    expect("end", SYS(read, ends[0], left, 4), 0);
    SYS(close, ends[0]);
}

static void sample(long argc, char **argv, char **environment) {
    opening();
    status();
    links();
    descriptors();
    vectors();
    expect("unlink", SYS(unlink, "file"), 0);
}
