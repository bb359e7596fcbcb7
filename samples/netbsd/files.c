/// Files, directories and file systems.
#include "netbsd.h"

struct statvfs {
    uint64_t flag, bsize, frsize, iosize, blocks, bfree, bavail, bresvd, files, ffree, favail, fresvd, syncreads,
        syncwrites, asyncreads, asyncwrites;
    int32_t fsidx[2];
    uint64_t fsid, namemax;
    uint32_t owner;
    uint64_t spare[4];
    char fstypename[32], mntonname[1024], mntfromname[1024], mntfromlabel[1024];
};
_Static_assert(sizeof(struct statvfs) == 3296, "NetBSD's size");
/// Before NetBSD 6 times had 32 bits of seconds.
struct stat30 {
    uint32_t dev, mode;
    uint64_t ino;
    uint32_t nlink, uid, gid, rdev;
    struct { int32_t sec; int64_t nsec; } atim, mtim, ctim, birthtim;
    int64_t size, blocks;
    int32_t blksize;
    uint32_t flags, gen, spare[2];
};

static void sample(long argc, char **argv, char **environment) {
    say("files\n");
    long file = SYS(open, "file", O_CREAT | O_RDWR | O_EXCL, 0640);
    holds("open", file >= 0);
    expect("open again", SYS(open, "file", O_CREAT | O_RDWR | O_EXCL, 0640), -EEXIST);
    expect("write", SYS(write, file, "some words", 10), 10);
    expect("pread", SYS(pread, file, (char[8]){0}, 5, 0, 5), 5);
    expect("lseek", SYS(lseek, file, 0, 3, 0), 3);
    stat status;
    expect("fstat", SYS(__fstat50, file, &status), 0);
    expect("size", status.size, 10);
    expect("mode", status.mode, 0100640);
    expect("links", status.nlink, 1);
    struct stat30 older;
    memset(&older, 0x55, sizeof older);
    expect("stat of NetBSD 5", SYS(stat30, "file", &older), 0);
    expect("the same file", older.ino == status.ino && older.size == 10 && older.mtim.sec == status.mtim.sec, 1);
    expect("fdiscard", SYS(fdiscard, file, 0, 0, 4), 0);
    char text[16] = "";
    expect("pread", SYS(pread, file, text, 10, 0, 0), 10);
    expect("what is left", same(text, "\0\0\0\0 words", 10), 1);
    timespec times[2] = {{1000, 1}, {2000, 2}};
    expect("futimens", SYS(futimens, file, times), 0);
    expect("fstat", SYS(__fstat50, file, &status), 0);
    expect("modified", status.mtim.sec * 1000 + status.mtim.nsec, 2000002);
    timeval old[2] = {{3000, 1, -1}, {4000, 2, -1}};
    expect("utimes", SYS(__utimes50, "file", old), 0);
    expect("stat", SYS(__stat50, "file", &status), 0);
    expect("modified", status.mtim.sec * 1000 + status.mtim.nsec / 1000, 4000002);
    expect("posix_fadvise", SYS(__posix_fadvise50, file, 0, 0, 0, 3), 0);
    expect("bad advice is the result", SYS(__posix_fadvise50, file, 0, 0, 0, 77), EINVAL);
    expect("posix_fallocate", SYS(posix_fallocate, file, 0, 0, 4096), 0);

    say("directories\n");
    expect("mkdir", SYS(mkdir, "folder", 0755), 0);
    expect("symlinkat", SYS(symlinkat, "../file", AT_FDCWD, "folder/link"), 0);
    expect("readlink", SYS(readlink, "folder/link", text, sizeof text), 7);
    expect("fstatat of the link", SYS(fstatat, AT_FDCWD, "folder/link", &status, AT_SYMLINK_NOFOLLOW), 0);
    expect("mode", status.mode & 0170000, 0120000);
    long folder = SYS(open, "folder", O_RDONLY | O_DIRECTORY);
    char entries[512];
    long read = SYS(__getdents30, folder, entries, sizeof entries);
    holds("getdents", read > 0);
    int count = 0, found = 0;
    for (long at = 0; at < read;) {
        uint16_t reclen, namlen;
        memcpy(&reclen, entries + at + 8, 2);
        memcpy(&namlen, entries + at + 10, 2);
        count++;
        if (namlen == 4 && same(entries + at + 13, "link", 5) && entries[at + 12] == 10) found++;
        at += reclen;
    }
    expect("entries", count, 3);
    expect("the link among them", found, 1);
    expect("unlinkat of a directory", SYS(unlinkat, AT_FDCWD, "folder", AT_REMOVEDIR), -ENOTEMPTY);
    expect("unlinkat", SYS(unlinkat, folder, "link", 0), 0);
    expect("unlinkat of a directory", SYS(unlinkat, AT_FDCWD, "folder", AT_REMOVEDIR), 0);
    char here[256];
    long length = SYS(__getcwd, here, sizeof here);
    holds("getcwd counts the NUL", length > 1 && here[0] == '/' && here[length - 1] == 0 && here[length - 2] != 0);
    expect("getcwd into too little", SYS(__getcwd, here, 2), -ERANGE);

    say("file systems\n");
    static struct statvfs system, list[4];
    memset(&system, 0x55, sizeof system);
    expect("statvfs", SYS(__statvfs190, "/proc", &system, 1), 0);
    say("%s on %s\n", system.fstypename, system.mntonname);
    expect("fstatvfs", SYS(__fstatvfs190, file, &system, 1), 0);
    holds("blocks", system.blocks >= system.bfree && system.bfree >= system.bavail && system.frsize > 0);
    expect("reserved", system.bresvd == system.bfree - system.bavail, 1);
    expect("longest name", system.namemax, 255);
    long mounts = SYS(__getvfsstat90, 0, 0, 2);
    holds("how many", mounts > 0);
    expect("the first", SYS(__getvfsstat90, list, sizeof list[0], 2), 1);
    expect("its place", list[0].mntonname[0], '/');
    expect("statvfs of nothing", SYS(__statvfs190, "none", &system, 1), -ENOENT);

    say("mappings\n");
    char *memory = map(8192, PROT_READ | PROT_WRITE);
    holds("mmap", (long)memory > 0);
    memory[0] = 'a';
    char *grown = (char *)SYS(mremap, memory, 8192, 0, 65536, 0);
    holds("mremap", (long)grown > 0);
    grown[65535] = 'z';
    expect("its contents", grown[0], 'a');
    expect("munmap", SYS(munmap, grown, 65536), 0);
    SYS(close, file);
    expect("unlink", SYS(unlink, "file"), 0);
}
