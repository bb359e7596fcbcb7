// unveil: once a process has called it, only what it has unveiled is there, with the rights it gave.
#include "openbsd.h"

enum { E2BIG = 7, EEXIST = 17, ENOTDIR = 20, O_NOFOLLOW = 0x100, AT_FDCWD = -100 };
enum { SYS_link = 9, SYS_chdir = 12, SYS_chmod = 15, SYS_access = 33, SYS_lstat = 40, SYS_symlink = 57, SYS_readlink = 58,
       SYS_connect = 98, SYS_bind = 104, SYS___realpath = 115, SYS_rename = 128, SYS_mkfifo = 132, SYS_fstatat = 42,
       SYS_truncate = 167, SYS_openat = 321, SYS_fchdir = 13 };

static stat status;
static long at(const char *path, int flags) {
    long file = SYS(open, path, flags, 0600);
    if (file >= 0) SYS(close, file);
    return file < 0 ? file : 0;
}
static long is(const char *path) { return SYS(stat, path, &status); }
static long unveil(const char *path, const char *rights) { return SYS(unveil, path, rights); }

static void make(const char *path) {
    long file = SYS(open, path, O_WRONLY | O_CREAT, 0600);
    SYS(write, file, path, 4);
    SYS(close, file);
}

/// Runs a scene in a process of its own; its failures are the sample's.
static void scene(const char *name, void (*act)(void)) {
    int result = 0;
    say("-- %s\n", name);
    long child = SYS0(fork);
    if (child == 0) {
        act();
        leave(wrong);
    }
    SYS(wait4, child, &result, 0, 0);
    wrong |= result != 0;
    if (result & 0x7f) say("signal %d\n", (long)(result & 0x7f));
}

static void directories(void) {
    expect("unveil house/room r", unveil("house/room", "r"), 0);
    expect("a file in it", at("house/room/file", O_RDONLY), 0);
    expect("to write it", at("house/room/file", O_WRONLY), -EACCES);
    expect("to make another", at("house/room/new", O_WRONLY | O_CREAT), -EACCES);
    expect("to remove it", SYS(unlink, "house/room/file"), -EACCES);
    expect("what is missing in it", at("house/room/none", O_RDONLY), -ENOENT);
    expect("the room", is("house/room"), 0);
    expect("the house", is("house"), -ENOENT);
    expect("the cellar", is("house/cellar"), -ENOENT);
    expect("a file in the cellar", at("house/cellar/wine", O_RDONLY), -ENOENT);
    expect("upwards into it", is("house/cellar/../room"), 0);
    expect("upwards out of it", is("house/room/../cellar/wine"), -ENOENT);
    expect("from the root", is("/"), -ENOENT);
    expect("a link into it", at("house/window", O_RDONLY), 0);
    expect("the link itself", SYS(lstat, "house/window", &status), -ENOENT);
    expect("a link out of it", at("house/room/trapdoor", O_RDONLY), -ENOENT);
    expect("that link itself", SYS(lstat, "house/room/trapdoor", &status), 0);
    expect("executing", SYS(execve, "house/room/file", 0, 0), -EACCES);
}

static void names(void) {
    expect("unveil house/room/file rw", unveil("house/room/file", "rw"), 0);
    expect("unveil house/room/later rwc", unveil("house/room/later", "rwc"), 0);
    expect("the file", at("house/room/file", O_RDWR), 0);
    expect("the file's name with a slash", at("house/room/file/", O_RDONLY), -ENOTDIR);
    expect("to truncate it", SYS(truncate, "house/room/file", 2), 0);
    expect("to remove it", SYS(unlink, "house/room/file"), -EACCES);
    expect("another file beside it", at("house/room/other", O_RDONLY), -ENOENT);
    expect("the room", is("house/room"), -ENOENT);
    expect("what did not exist", at("house/room/later", O_WRONLY | O_CREAT), 0);
    expect("to give it another name", SYS(rename, "house/room/later", "house/room/else"), -ENOENT);
    expect("to link it", SYS(link, "house/room/file", "house/room/later"), -EEXIST);
    expect("to remove that", SYS(unlink, "house/room/later"), 0);
    expect("to link it now", SYS(link, "house/room/file", "house/room/later"), 0);
    expect("and to remove the link", SYS(unlink, "house/room/later"), 0);
    expect("another directory's file of that name", at("house/cellar/file", O_RDONLY), -ENOENT);
}

static void nearest(void) {
    expect("unveil house rwc", unveil("house", "rwc"), 0);
    expect("unveil house/room r", unveil("house/room", "r"), 0);
    expect("unveil house/cellar with nothing", unveil("house/cellar", ""), 0);
    expect("the house", is("house"), 0);
    expect("to write in the house", at("house/plan", O_WRONLY | O_CREAT), 0);
    expect("to write in the room", at("house/room/file", O_WRONLY), -EACCES);
    expect("to read in the room", at("house/room/file", O_RDONLY), 0);
    expect("the cellar", is("house/cellar"), -ENOENT);
    expect("what is in the cellar", at("house/cellar/wine", O_RDONLY), -ENOENT);
    expect("by way of the room", at("house/room/../cellar/wine", O_RDONLY), -ENOENT);
    expect("by way of the cellar", at("house/cellar/../plan", O_RDONLY), 0);
    expect("to move out of the room", SYS(rename, "house/room/file", "house/file"), -EACCES);
    expect("to move in the house", SYS(rename, "house/plan", "house/map"), 0);
    expect("to make a folder", SYS(mkdir, "house/attic/", 0700), 0);
    expect("to take it away", SYS(rmdir, "house/attic"), 0);
    expect("a pipe", SYS(mkfifo, "house/drain", 0600), 0);
    expect("its mode", SYS(chmod, "house/drain", 0400), 0);
    expect("away with it", SYS(unlink, "house/drain"), 0);
    expect("a link to the cellar", SYS(symlink, "cellar/wine", "house/hatch"), 0);
    expect("through that link", at("house/hatch", O_RDONLY), -ENOENT);
    expect("unveil the cellar again, r", unveil("house/cellar", "r"), 0);
    expect("through that link", at("house/hatch", O_RDONLY), 0);
    SYS(unlink, "house/hatch");
    SYS(unlink, "house/map");
}

static void descriptors(void) {
    long house = SYS(open, "house", O_RDONLY, 0);
    long cellar = SYS(open, "house/cellar", O_RDONLY, 0);
    expect("unveil house/room r", unveil("house/room", "r"), 0);
    expect("from a folder, inside", SYS(fstatat, house, "room/file", &status, 0), 0);
    expect("from a folder, outside", SYS(fstatat, house, "cellar/wine", &status, 0), -ENOENT);
    expect("from a folder that is outside", SYS(openat, cellar, "wine", O_RDONLY), -ENOENT);
    expect("from there upwards", SYS(fstatat, cellar, "../room/file", &status, 0), 0);
    expect("chdir outside", SYS(chdir, "house/cellar"), -ENOENT);
    expect("chdir inside", SYS(chdir, "house/room"), 0);
    expect("a file here", at("file", O_RDONLY), 0);
    expect("the folder here", is("."), 0);
    expect("the folder above", is(".."), -ENOENT);
    expect("what is above", is("../cellar/wine"), -ENOENT);
    char path[1024];
    expect("realpath of what is here", SYS(__realpath, "../room/./file", path), 0);
    expect("and it ends as it should", same(path + length(path) - 15, "house/room/file", 15), 1);
    expect("realpath of what is hidden", SYS(__realpath, "../cellar/wine", path), -ENOENT);
    expect("fchdir is not held back", SYS(fchdir, cellar), 0);
    expect("but what is there is hidden", at("wine", O_RDONLY), -ENOENT);
}

static void sockets(void) {
    struct { uint8_t length, family; char path[104]; } address = {106, 1, "house/room/socket"};
    expect("unveil house/room rc", unveil("house/room", "rc"), 0);
    long server = SYS(socket, 1, 1, 0), client = SYS(socket, 1, 1, 0);
    expect("bind", SYS(bind, server, &address, 106), 0);
    expect("listen", call(106, server, 1, 0, 0, 0, 0), 0);
    expect("connect", SYS(connect, client, &address, 106), -EACCES);
    expect("unveil house/room rwc", unveil("house/room", "rwc"), 0);
    expect("connect", SYS(connect, client, &address, 106), 0);
    memcpy(address.path, "house/cellar/socket", 20);
    long other = SYS(socket, 1, 1, 0);
    expect("bind elsewhere", SYS(bind, other, &address, 106), -ENOENT);
    SYS(unlink, "house/room/socket");
}

static void end(void) {
    expect("rights that are none", unveil("house", "rq"), -EINVAL);
    expect("rights that are too long", unveil("house", "rwxcr"), -63);
    expect("no path", unveil("", "r"), -EINVAL);
    expect("a path in a folder that is not there", unveil("garden/tree", "r"), -ENOENT);
    expect("nothing is hidden yet", is("/"), 0);
    char name[] = "house/room/000";
    long last = 0;
    int count = 0;
    while (count < 200 && last == 0) {
        name[11] = (char)('0' + count / 100);
        name[12] = (char)('0' + count / 10 % 10);
        name[13] = (char)('0' + count % 10);
        last = unveil(name, "r");
        count += last == 0;
    }
    expect("names that it takes", count, 128);
    expect("one more", last, -E2BIG);
    expect("the end", unveil(0, 0), 0);
    expect("after the end", unveil("house", "r"), -EPERM);
    expect("the end again", unveil(0, 0), 0);
}

static void children(void) {
    expect("unveil house/room r", unveil("house/room", "r"), 0);
    if (SYS0(fork) == 0) {
        expect("a child: the room", is("house/room/file"), 0);
        expect("a child: the cellar", is("house/cellar"), -ENOENT);
        expect("a child: unveil the cellar", unveil("house/cellar", "r"), 0);
        expect("a child: the cellar", is("house/cellar"), 0);
        leave(wrong);
    }
    int result = 0;
    SYS(wait4, -1, &result, 0, 0);
    wrong |= result != 0;
    expect("the parent: the cellar", is("house/cellar"), -ENOENT);
}

static void promises(void) {
    expect("unveil house/room rwc", unveil("house/room", "rwc"), 0);
    expect("pledge stdio rpath unveil", SYS(pledge, "stdio rpath unveil", 0), 0);
    expect("unveil house/cellar r", unveil("house/cellar", "r"), 0);
    expect("the cellar", is("house/cellar"), 0);
    expect("pledge stdio rpath", SYS(pledge, "stdio rpath", 0), 0);
    expect("the room", is("house/room"), 0);
    expect("the house", is("house"), -ENOENT);
}

static void sample(long argc, char **argv, char **environment) {
    SYS(mkdir, "house", 0700);
    SYS(mkdir, "house/room", 0700);
    SYS(mkdir, "house/cellar", 0700);
    make("house/room/file");
    make("house/room/other");
    make("house/cellar/wine");
    make("house/cellar/file");
    SYS(symlink, "room/file", "house/window");
    SYS(symlink, "../cellar/wine", "house/room/trapdoor");
    scene("directories", directories);
    scene("names", names);
    scene("the nearest", nearest);
    scene("descriptors", descriptors);
    scene("sockets", sockets);
    scene("children", children);
    scene("promises", promises);
    scene("the end", end);
    expect("nothing is hidden from the first process", is("house/cellar/wine"), 0);
}
