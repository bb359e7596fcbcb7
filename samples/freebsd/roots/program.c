/// What a program sees of its root. Its argument is "overlay" or "confined", and a folder of the host outside the root.
/// Tests/roots.sh lays out the tree.
#include "../freebsd.h"

enum { SYS_chroot = 61 };

typedef struct { uint8_t length, family; char path[104]; } local_address;

static const char *host;
static int confined;

/// The first line of a file, or the error as "E2".
static const char *content(const char *path) {
    static char text[64];
    long file = SYS(open, path, O_RDONLY), count = file < 0 ? file : SYS(read, file, text, 60);
    if (file >= 0) SYS(close, file);
    if (count < 0) {
        text[0] = 'E';
        count = 1;
        long error = file < 0 ? -file : 0;
        if (error >= 10) text[count++] = (char)('0' + error / 10);
        text[count++] = (char)('0' + error % 10);
    }
    text[count] = 0;
    while (count && text[count - 1] == '\n') text[--count] = 0;
    return text;
}

static void show(const char *path) { say("%s: %s\n", path, content(path)); }

static const char *outside(const char *name) {
    static char path[1024];
    size_t count = length(host);
    memcpy(path, host, count);
    memcpy(path + count, name, length(name) + 1);
    return path;
}

static void working_directory(const char *what) {
    char path[1024];
    long result = SYS(__getcwd, path, sizeof path);
    say("%s: %s\n", what, result < 0 ? "none" : path);
}

static long make(const char *path) {
    long file = SYS(open, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) return file;
    SYS(write, file, "made\n", 5);
    return SYS(close, file);
}

static void lookups(void) {
    static const char *paths[] = {
        "/etc/name", "/etc/absolute", "/etc/relative", "/etc/upwards", "//etc/./name", "/etc/../etc/name",
        "/../../etc/name", "/folder/name", "/etc/dangling", "/etc/loop", "/etc/name/", "/etc/name/..", "/etc/nothing",
    };
    for (size_t index = 0; index < sizeof paths / sizeof *paths; index++) show(paths[index]);
    say("the host's: %s\n", content(outside("/name")));
    say("the host's by a link of the tree: %s\n", content("/etc/outward"));
    say("by a link up and up: %s\n", content("/etc/upoutward"));
    say("through a folder's link: %s\n", content("/etc/hostfolder/name"));
    char link[64];
    long count = SYS(readlink, "/etc/absolute", link, 60);
    link[count > 0 ? count : 0] = 0;
    say("readlink: %s\n", link);
    stat status;
    expect("lstat of a link", SYS(fstatat, AT_FDCWD, "/etc/absolute", &status, AT_SYMLINK_NOFOLLOW), 0);
    expect("its type", status.mode & 0170000, 0120000);
    expect("lstat of a dangling link", SYS(fstatat, AT_FDCWD, "/etc/dangling", &status, AT_SYMLINK_NOFOLLOW), 0);
    expect("write to a device", make("/dev/null"), 0);
}

/// Looks a name of the top up from the current folder.
static long look_up(void) {
    stat status;
    return SYS(fstatat, AT_FDCWD, "folder", &status, AT_SYMLINK_NOFOLLOW);
}

/// The top of a tree is the host's in an overlay, but what is named from there is the tree's all the same.
static void top(void) {
    stat status;
    expect("chdir to the top", SYS(chdir, "/"), 0);
    show("etc/name");
    show("../etc/absolute");
    show("./inner/../etc/name");
    expect("lstat of a name", SYS(fstatat, AT_FDCWD, "folder", &status, AT_SYMLINK_NOFOLLOW), 0);
    expect("its type", status.mode & 0170000, 0120000);
    long above = SYS(open, "/", O_RDONLY | O_DIRECTORY);
    expect("from a descriptor", SYS(faccessat, above, "inner", 0, 0), 0);
    expect("what exists on the host alone", SYS(faccessat, above, "proc", 0, 0), confined ? -ENOENT : 0);
    SYS(close, above);
    long made = make("persona-roots-sample");
    holds("a file made there", made == 0 || made == -13); // EACCES: only the superuser may
    say("the tree has it: %s\n", content(outside("/../tree/persona-roots-sample")));
    SYS(unlink, "persona-roots-sample");
    expect("chdir to a name", SYS(chdir, "inner"), 0);
    working_directory("in");
    expect("chdir up", SYS(chdir, ".."), 0);
    working_directory("in");
    expect("chdir down and up", SYS(chdir, "inner/.."), 0);
    working_directory("in");
    show("inner/name");
    // What is known of the current folder holds until the next change.
    long inner = SYS(open, "inner", O_RDONLY | O_DIRECTORY);
    above = SYS(open, "/", O_RDONLY | O_DIRECTORY);
    for (int turn = 0; turn < 2; turn++) {
        expect("chdir down", turn ? SYS(fchdir, inner) : SYS(chdir, "inner"), 0);
        expect("a name of the top", look_up(), -ENOENT);
        long child = SYS0(fork);
        if (child == 0) {
            SYS(fchdir, above);
            leave(look_up() ? 1 : 0);
        }
        int end = -1;
        SYS(wait4, child, &end, 0, 0);
        expect("a child at the top finds it", end, 0);
        expect("its parent does not", look_up(), -ENOENT);
        expect("chdir to the top", turn ? SYS(fchdir, above) : SYS(chdir, "/"), 0);
        expect("a name of the top", look_up(), 0);
    }
    SYS(close, inner);
    SYS(close, above);
}

static void directories(void) {
    expect("chdir", SYS(chdir, "/etc"), 0);
    working_directory("in");
    show("name");
    show("../etc/name");
    expect("chdir by a link", SYS(chdir, "/folder"), 0);
    working_directory("in");
    long folder = SYS(open, "/etc", O_RDONLY | O_DIRECTORY);
    holds("open of a directory", folder >= 0);
    expect("relative to it", SYS(faccessat, folder, "name", 0, 0), 0);
    expect("absolute all the same", SYS(faccessat, folder, "/etc/name", 0, 0), 0);
    expect("from it up", SYS(faccessat, folder, "../inner/name", 0, 0), 0);
    expect("relative by an absolute link", SYS(faccessat, folder, "absolute", 0, 0), 0);
    expect("relative by a link up and up", SYS(faccessat, folder, "upwards", 0, 0), 0);
    expect("relative up and up", SYS(faccessat, folder, "../../../../../etc/name", 0, 0), 0);
    expect("relative by a link among its folders", SYS(faccessat, folder, "../folder/name", 0, 0), 0);
    expect("relative by a link that leads out", SYS(faccessat, folder, "outward", 0, 0), confined ? -ENOENT : 0);
    expect("chdir", SYS(chdir, "/etc"), 0);
    show("absolute");
    show("relative");
    show("upwards");
    expect("chdir", SYS(chdir, "/inner"), 0);
    if (confined) {
        expect("from it up and up", SYS(faccessat, folder, "../../../etc/name", 0, 0), 0);
        expect("chdir", SYS(chdir, "/"), 0);
        working_directory("in");
        expect("chdir", SYS(chdir, ".."), 0);
        working_directory("in");
        expect("chdir", SYS(chdir, "etc/../.."), 0);
        working_directory("in");
        show("etc/name");
    }
    SYS(close, folder);
    top();
}

/// On many hosts /bin is /usr/bin: what the tree has in one of them is not the host's in the other.
static void programs(void) {
    expect("a program of the tree", SYS(access, "/usr/bin/sh", 0), 0);
    expect("the host's of its name", SYS(access, "/bin/sh", 0), -ENOENT);
    expect("a program that the tree lacks", SYS(access, "/bin/cat", 0), confined ? -ENOENT : 0);
    expect("a name below it", SYS(access, "/bin/sh/sh", 0), confined ? -ENOENT : -ENOTDIR);
}

static void changes(void) {
    expect("a file in the tree", make("/etc/new"), 0);
    expect("its new name", SYS(rename, "/etc/new", "/etc/renamed"), 0);
    show("/etc/renamed");
    expect("a second name", SYS(link, "/etc/renamed", "/etc/linked"), 0);
    expect("a directory", SYS(mkdir, "/etc/directory", 0755), 0);
    expect("a link", SYS(symlink, "/etc/name", "/etc/directory/link"), 0);
    show("/etc/directory/link");
    expect("link removed", SYS(unlink, "/etc/directory/link"), 0);
    expect("directory removed", SYS(rmdir, "/etc/directory"), 0);
    expect("a file that is there", SYS(open, "/etc/name", O_WRONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
    expect("removed", SYS(unlink, "/etc/linked"), 0);
    long made = make(outside("/made"));
    expect("a file of the host", made, confined ? -ENOENT : 0);
    expect("a name in no folder", make("/nowhere/new"), -ENOENT);
    expect("a file where a link leads on the host", make("/etc/hostfolder/linked"), confined ? -ENOENT : 0);
    expect("its new name there", SYS(rename, "/etc/hostfolder/linked", "/etc/hostfolder/new"), confined ? -ENOENT : 0);
    expect("and from there up", SYS(access, "/etc/hostfolder/../host/new", 0), confined ? -ENOENT : 0);
}

static void sockets(void) {
    local_address address = {.length = 20, .family = 1, .path = "/etc/socket"}, name;
    uint32_t size = sizeof name;
    long server = SYS(socket, 1, 1, 0), client = SYS(socket, 1, 1, 0);
    expect("bind", SYS(bind, server, &address, 106), 0);
    expect("listen", SYS(listen, server, 1), 0);
    expect("connect", SYS(connect, client, &address, 106), 0);
    memset(&name, 0, sizeof name);
    expect("getpeername", SYS(getpeername, client, &name, &size), 0);
    say("its path: %s\n", name.path);
    expect("socket removed", SYS(unlink, "/etc/socket"), 0);
}

static void roots(void) {
    long top = SYS(chroot, "/");
    holds("chroot to the top", top == -EPERM || (top == 0 && SYS(access, "/etc/name", 0) == 0));
    long result = SYS(chroot, "/folder");
    if (result == -EPERM) {
        holds("chroot", 1);
        return;
    }
    holds("chroot", result == 0 && SYS(chdir, "/") == 0 && SYS(access, "/etc/name", 0) == -ENOENT &&
                        SYS(access, "/name", 0) == 0 && SYS(access, "/../../name", 0) == 0);
}

static void again(char **arguments) {
    for (; *arguments; arguments++) say("argument: %s\n", *arguments);
    char path[1024];
    size_t size = sizeof path;
    int name[] = {1, 14, 12, -1};
    expect("kern.proc.pathname", SYS(__sysctl, name, 4, path, &size, 0, 0), 0);
    say("executed as %s\n", path);
    working_directory("in");
}

/// procfs(5)'s link to the program, by both names of the caller's folder; in a tree alone there is no /proc.
static void program_link(void) {
    static const char *const names[] = {"/proc/curproc/file", "/proc/"};
    char path[64], text[64], digits[12];
    int count = 0;
    for (long rest = SYS0(getpid); rest; rest /= 10) digits[count++] = (char)('0' + rest % 10);
    char *end = path;
    for (const char *from = names[1]; *from; from++) *end++ = *from;
    while (count) *end++ = digits[--count];
    for (const char *from = "/file"; (*end = *from); from++) end++;
    for (int which = 0; which < 2; which++) {
        const char *name = which ? path : names[0];
        stat found;
        memset(&found, 0, sizeof found);
        long length = SYS(readlink, name, text, sizeof text - 1);
        if (confined) {
            expect("no link to the program", length, -ENOENT);
            continue;
        }
        text[length > 0 ? length : 0] = 0;
        say("the program is %s\n", text);
        expect("the first letters of that", SYS(readlink, name, text, 4), 4);
        expect("for nobody", SYS(readlink, name, 8, 4), -EFAULT);
        expect("a link", SYS(fstatat, AT_FDCWD, name, &found, AT_SYMLINK_NOFOLLOW), 0);
        expect("its kind", found.mode & 0170000, 0120000);
        expect("to a file", SYS(fstatat, AT_FDCWD, name, &found, 0), 0);
        expect("its kind", found.mode & 0170000, 0100000);
        long file = SYS(open, name, O_RDONLY, 0);
        expect("which is a program", SYS(read, file, text, 4), 4);
        expect("ELF", same(text + 1, "ELF", 3), 1);
        SYS(close, file);
    }
}

/// Often enough that the places of the calls are jumps.
static void executions(char **environment) {
    char *words[] = {"/bin/quiet", 0};
    int ended = 0;
    for (int count = 0; count < 100; count++) {
        long child = SYS0(fork);
        if (child == 0) {
            SYS(execve, "/bin/again", words, environment);
            leave(127);
        }
        int status = -1;
        SYS(wait4, child, &status, 0, 0);
        ended += status == 7 << 8;
    }
    expect("executed in the tree", ended, 100);
}

static void sample(long argc, char **argv, char **environment) {
    if (argv[0][5] == 'q') leave(7);
    if (argc != 3 || argv[0][5] == 'a') {
        again(argv);
        return;
    }
    confined = argv[1][0] == 'c';
    host = argv[2];
    lookups();
    directories();
    programs();
    changes();
    sockets();
    program_link();
    char *words[] = {"/bin/again", 0};
    long child = SYS0(fork);
    if (child == 0) {
        if (SYS(chdir, "/folder")) leave(1);
        SYS(execve, "/folder/../bin/again", words, environment);
        leave(127);
    }
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    expect("an executed program's status", status, 0);
    child = SYS0(fork);
    if (child == 0) {
        char *arguments[] = {"script", "one", 0};
        SYS(execve, "/bin/script", arguments, environment);
        leave(127);
    }
    SYS(wait4, child, &status, 0, 0);
    expect("a script's status", status, 0);
    executions(environment);
    roots();
}
