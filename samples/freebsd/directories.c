/// Directories: making, reading, moving through, removing them; file systems.
#include "freebsd.h"

static void sample(long argc, char **argv, char **environment) {
    char here[1024], inside[1024];
    expect("mkdir", SYS(mkdir, "folder", 0755), 0);
    expect("mkdir again", SYS(mkdir, "folder", 0755), -EEXIST);
    expect("mkdir below nothing", SYS(mkdir, "missing/folder", 0755), -ENOENT);
    expect("__getcwd", SYS(__getcwd, here, 1024), 0);
    expect("__getcwd in too little", SYS(__getcwd, inside, 2), -ENOMEM);
    expect("chdir", SYS(chdir, "folder"), 0);
    SYS(__getcwd, inside, 1024);
    holds("below", same(here, inside, length(here)) && same(inside + length(here), "/folder", 8));
    for (int index = 0; index < 200; index++) {
        char name[16] = "entry-000";
        name[6] += index / 100;
        name[7] += index / 10 % 10;
        name[8] += index % 10;
        long file = SYS(open, name, O_CREAT | O_WRONLY, 0600);
        if (file < 0) expect("create", file, 0);
        SYS(close, file);
    }
    SYS(symlink, "nowhere", "link");
    SYS(mkdir, "inner", 0700);
    expect("mkfifo", SYS(mkfifo, "fifo", 0600), 0);

    long folder = SYS(open, ".", O_RDONLY | O_DIRECTORY, 0);
    char buffer[4096];
    long base = -1, count, files = 0, folders = 0, links = 0, fifos = 0, dots = 0, names = 0, calls = 0;
    while ((count = SYS(getdirentries, folder, buffer, sizeof buffer, &base)) > 0) {
        calls++;
        for (long at = 0; at < count;) {
            // d_fileno 8, d_off 8, d_reclen 2, d_type 1, pad 1, d_namlen 2, pad 2, d_name
            char *entry = buffer + at;
            uint16_t size = *(uint16_t *)(entry + 16), named = *(uint16_t *)(entry + 20);
            uint8_t type = (uint8_t)entry[18];
            names += length(entry + 24) == named && *(uint64_t *)entry != 0 && size % 8 == 0 && size >= 24 + named + 1;
            if (entry[24] == '.') dots++;
            else if (type == 8) files++;
            else if (type == 4) folders++;
            else if (type == 10) links++;
            else if (type == 1) fifos++;
            at += size;
        }
    }
    expect("end", count, 0);
    expect("files", files, 200);
    expect("folders", folders, 1);
    expect("links", links, 1);
    expect("fifos", fifos, 1);
    expect("dots", dots, 2);
    expect("good entries", names, 205);
    holds("in several calls", calls > 1);
    expect("rewind", SYS(lseek, folder, 0, 0), 0);
    holds("again", SYS(getdirentries, folder, buffer, sizeof buffer, 0) > 0);
    expect("too small", SYS(getdirentries, folder, buffer, 4, 0), -EINVAL);
    long file = SYS(open, "entry-000", O_RDONLY, 0);
    expect("not a folder", SYS(getdirentries, file, buffer, sizeof buffer, 0), -EINVAL);
    expect("chdir to a file", SYS(chdir, "entry-000"), -ENOTDIR);
    expect("remove full", SYS(rmdir, "../folder"), -ENOTEMPTY);
    expect("remove a file as a folder", SYS(rmdir, "entry-001"), -ENOTDIR);
    expect("unlink a folder", SYS(unlink, "inner"), -EPERM);
    expect("unlinkat", SYS(unlinkat, folder, "inner", AT_REMOVEDIR), 0);
    expect("mkdirat", SYS(mkdirat, folder, "inner", 0700), 0);
    expect("renameat", SYS(renameat, folder, "inner", AT_FDCWD, "moved"), 0);
    expect("openat", SYS(openat, folder, "moved", O_RDONLY | O_DIRECTORY, 0) > 0, 1);
    expect("bad folder", SYS(openat, 99, "moved", O_RDONLY, 0), -EBADF);
    expect("no folder", SYS(openat, file, "moved", O_RDONLY, 0), -ENOTDIR);

    char status[2344]; // sys/mount.h: struct statfs
    memset(status, 0, sizeof status);
    expect("statfs", SYS(statfs, ".", status), 0);
    expect("f_version", *(uint32_t *)status, 0x20140518);
    holds("f_bsize", *(uint64_t *)(status + 16) >= 512);
    holds("f_blocks", *(uint64_t *)(status + 32) > 0);
    expect("fstatfs", SYS(fstatfs, folder, status), 0);

    expect("fchdir", SYS(fchdir, folder), 0);
    SYS(chdir, "..");
    expect("fchdir to a file", SYS(fchdir, file), -ENOTDIR);

    // O_EXEC asks for the right to execute, and gives none to read.
    enum { O_EXEC = 0x40000 };
    char byte;
    file = SYS(open, "program", O_CREAT | O_WRONLY, 0644);
    SYS(close, file);
    expect("to execute what is no program", SYS(open, "program", O_EXEC, 0), -EACCES);
    SYS(chmod, "program", 0755);
    file = SYS(open, "program", O_EXEC, 0);
    holds("what is one", file >= 0);
    expect("and to read it", SYS(read, file, &byte, 1), -EBADF);
    SYS(close, file);
    file = SYS(open, ".", O_EXEC | O_DIRECTORY, 0); // O_SEARCH
    holds("to search", file >= 0 && SYS(openat, file, "program", O_RDONLY, 0) >= 0);
}
