// Names: stat records, directories, unions, the environment's and the processes' files.
#include "plan9.h"

enum { ORCLOSE = 64, OEXCL = 0x1000, MREPL = 0, MBEFORE = 1, MAFTER = 2, MCREATE = 4 };
#define DMDIR 0x80000000ul
#define DMAPPEND 0x40000000ul

static long open(const char *name, long mode) { return (int)call(OPEN, (long)name, mode, 0, 0); }
static long create(const char *name, long mode, unsigned long perm) {
    return (int)call(CREATE, (long)name, mode, (long)perm, 0);
}
static long remove(const char *name) { return (int)call(REMOVE, (long)name, 0, 0, 0); }
static long bind(const char *name, const char *old, long flag) { return (int)call(BIND, (long)name, (long)old, flag, 0); }
static long unmount(const char *name, const char *old) { return (int)call(UNMOUNT, (long)name, (long)old, 0, 0); }
static long chdir(const char *name) { return (int)call(CHDIR, (long)name, 0, 0, 0); }

static unsigned char record[512];
static long stat(const char *name) { return (int)call(STAT, (long)name, (long)record, sizeof record, 0); }
static unsigned long field(int offset, int bytes) {
    unsigned long value = 0;
    while (bytes-- > 0) value = value << 8 | record[offset + bytes];
    return value;
}
static unsigned long mode(void) { return field(21, 4); }
static const char *name_of(const unsigned char *from) {
    static char text[256];
    int count = from[41] | from[42] << 8;
    for (int i = 0; i < count; i++) text[i] = (char)from[43 + i];
    text[count] = 0;
    return text;
}

/// A record in which nothing is to be changed but its name, length, mode and time.
static long change(const char *file, const char *name, unsigned long length_, unsigned long mode_, unsigned long time) {
    unsigned char d[256];
    int count = (int)length(name);
    for (int i = 2; i < 41; i++) d[i] = 0xff;
    for (int i = 0; i < 4; i++) d[21 + i] = (unsigned char)(mode_ >> 8 * i), d[29 + i] = (unsigned char)(time >> 8 * i);
    for (int i = 0; i < 8; i++) d[33 + i] = (unsigned char)(length_ >> 8 * i);
    d[41] = (unsigned char)count, d[42] = 0;
    for (int i = 0; i < count; i++) d[43 + i] = (unsigned char)name[i];
    for (int i = 0; i < 6; i++) d[43 + count + i] = 0;
    d[0] = (unsigned char)(47 + count), d[1] = 0;
    return (int)call(WSTAT, (long)file, (long)d, 49 + count, 0);
}

static void put(const char *name, const char *text) {
    long fd = create(name, OWRITE, 0664);
    write((int)fd, text, (long)length(text));
    close((int)fd);
}
static const char *get(const char *name) {
    static char text[256];
    long fd = open(name, OREAD);
    long count = fd < 0 ? -1 : read((int)fd, text, 255);
    if (fd >= 0) close((int)fd);
    if (count < 0) return why();
    text[count] = 0;
    return text;
}

/// How many entries of the name `wanted` a directory lists.
static long entries(const char *folder, const char *wanted) {
    static unsigned char all[32768];
    long fd = open(folder, OREAD), found = 0, count;
    while ((count = read((int)fd, all, sizeof all)) > 0)
        for (unsigned char *at = all; at < all + count; at += 2 + (at[0] | at[1] << 8))
            if (same(name_of(at), wanted)) found++;
    close((int)fd);
    return found;
}

static void records(void) {
    put("file", "hello");
    expect("stat", stat("file") > 49, 1);
    holds("size field", stat("file") == (long)field(0, 2) + 2);
    expect_text("name", name_of(record), "file");
    expect("length", (long)field(33, 8), 5);
    // The folder it is in takes away what it does not allow itself.
    holds("mode", (mode() & 0700) == 0600);
    expect("type", (long)field(2, 2), 'M');
    expect("short buffer", (int)call(STAT, (long)"file", (long)record, 10, 0), 2);
    fails("no buffer", (int)call(STAT, (long)"file", (long)record, 1, 0), "bad arg in system call");
    fails("not there", stat("missing"), "'missing' file does not exist");
    fails("below a file", stat("file/x"), "'file' not a directory");
    fails("empty", stat(""), "empty file name");
    fails("no device", stat("#~"), "unknown device in # filename");
    expect("rename", change("file", "other", ~0ul, ~0ul, ~0ul) > 0, 1);
    fails("old name", stat("file"), "'file' file does not exist");
    expect("truncate", change("other", "", 2, ~0ul, ~0ul) > 0, 1);
    expect("mode and time", change("other", "", ~0ul, 0640, 1000000000) > 0, 1);
    stat("other");
    expect("length", (long)field(33, 8), 2);
    holds("mode", mode() == 0640);
    expect("mtime", (long)field(29, 4), 1000000000);
    fails("directory bit", change("other", "", ~0ul, DMDIR | 0777, ~0ul), "wstat -- attempt to change directory bit");
    put("third", "");
    fails("name that is taken", change("other", "third", ~0ul, ~0ul, ~0ul), "file already exists");
    unsigned char bad[60] = {1};
    fails("bad record", (int)call(WSTAT, (long)"other", (long)bad, 60, 0), "malformed stat buffer");
    fails("exclusive", create("other", OEXCL | OWRITE, 0666), "'other' file already exists");
    fails("bad mode", open("other", 4), "bad arg in system call");
    fails("read only", write((int)open("other", OREAD), "x", 1), "inappropriate use of fd");
    fails("none", write(-1, "x", 1), "fd out of range or not open");
    long fd = create("gone", ORDWR | ORCLOSE, 0666);
    close((int)fd);
    fails("removed on close", stat("gone"), "'gone' file does not exist");
}

static void directories(void) {
    long fd = create("d", OREAD, DMDIR | 0775), position = 0;
    expect("directory", fd > 2, 1);
    put("d/a", "A");
    put("d/b", "B");
    expect("read", read((int)fd, record, sizeof record) > 98, 1);
    expect("end", read((int)fd, record, sizeof record), 0);
    fails("elsewhere", (int)call(PREAD, fd, (long)record, sizeof record, 7), "seek in directory");
    fails("seek", (int)call(SEEK, (long)&position, fd, 7, 0), "file is a directory");
    expect("rewind", (int)call(SEEK, (long)&position, fd, 0, 0), 0);
    fails("room", read((int)fd, record, 20), "i/o count too small");
    fails("write", write((int)fd, "x", 1), "inappropriate use of fd");
    fails("open to write", open("d", OWRITE), "'d' file is a directory");
    fails("execute", open("d", OEXEC), "'d' cannot exec directory");
    fails("not empty", remove("d"), "directory not empty");
    static char path[256], here[256];
    call(FD2PATH, fd, (long)path, sizeof path, 0);
    chdir("d");
    long dot = open(".", OREAD);
    call(FD2PATH, dot, (long)here, sizeof here, 0);
    expect_text("the same", same(path, here) ? "name" : here, "name");
    expect_text("relative", get("../d/a"), "A");
    fails("through nothing", stat("x/../a"), "'x' file does not exist");
    fails("through a file", stat("a/../b"), "'a' not a directory");
    chdir("..");
    close((int)dot);
    close((int)fd);
}

static void unions(void) {
    close((int)create("e", OREAD, DMDIR | 0775));
    put("e/a", "second A");
    put("e/c", "C");
    expect("after", bind("e", "d", MAFTER) > 0, 1);
    expect_text("first wins", get("d/a"), "A");
    expect_text("the other's own", get("d/c"), "C");
    expect("listed twice", entries("d", "a"), 2);
    fails("no creation", create("d/new", OWRITE, 0666), "'d/new' mounted directory forbids creation");
    fails("mount point", remove("d"), "is a mount point");
    expect("taken away", unmount("e", "d"), 0);
    expect("all", unmount(0, "d"), 0);
    fails("again", unmount(0, "d"), "not mounted");
    expect("before, for creation", bind("e", "d", MBEFORE | MCREATE) > 0, 1);
    expect_text("the new first", get("d/a"), "second A");
    put("d/new", "N");
    expect_text("created there", get("e/new"), "N");
    expect("all", unmount(0, "d"), 0);
    expect("a file", bind("e/c", "d/a", MREPL) > 0, 1);
    expect_text("replaced", get("d/a"), "C");
    fails("a file for a directory", bind("e/c", "d", MREPL), "inconsistent mount");
    fails("order of files", bind("e/c", "d/b", MAFTER), "inconsistent mount");
    fails("bad order", bind("e", "d", MBEFORE | MAFTER), "bad arg in system call");
    if (rfork(RFPROC | RFFDG | RFNAMEG) == 0) {
        unmount(0, "d/a");
        print("child: %s\n", get("d/a"));
        done(0);
    }
    char line[256];
    await(line, sizeof line);
    expect_text("parent", get("d/a"), "C");
    if (rfork(RFPROC | RFFDG) == 0) {
        unmount(0, "d/a");
        done(0);
    }
    await(line, sizeof line);
    expect_text("shared", get("d/a"), "A");
}

static void devices(void) {
    put("/env/word", "value");
    expect_text("variable", get("/env/word"), "value");
    expect("listed", entries("/env", "word"), 1);
    if (rfork(RFPROC | RFFDG | RFENVG) == 0) {
        put("#e/word", "child's");
        done(0);
    }
    char line[256];
    await(line, sizeof line);
    expect_text("parent's", get("/env/word"), "value");
    expect("remove", remove("/env/word"), 0);
    fails("removed", stat("/env/word"), "'/env/word' file does not exist");
    char own[64], *place = own;
    for (const char *from = "/proc/"; *from;) *place++ = *from++;
    place = put_number(place, _tos->pid, 10);
    *place = 0;
    expect("process", stat(own) > 0, 1);
    for (const char *from = "/status"; *from;) *place++ = *from++;
    *place = 0;
    holds("status", begins(get(own), "names  "));
    const char *pid = get("#c/pid");
    expect("number", (long)length(pid), 12);
    static unsigned char clock[32];
    // Less than one number is none; a whole one would be another in each log.
    expect("bintime", read((int)open("/dev/bintime", OREAD), clock, 7), 0);
    expect("zero", read((int)open("/dev/zero", OREAD), clock, 8), 8);
    expect("null", read((int)open("/dev/null", OREAD), clock, 8), 0);
    fails("consctl", open("/dev/consctl", OREAD), "'/dev/consctl' permission denied");
    fails("time", write((int)open("#c/time", OWRITE), "1", 1), "permission denied");
    long fd = open("d/b", OREAD), copy = open("/fd/0", OREAD);
    holds("descriptors", fd > 2 && copy > fd);
    fails("wrong way", open("#d/99", OREAD), "'#d/99' file does not exist");
    long ends[2];
    int pair[2];
    call(PIPE, (long)pair, 0, 0, 0);
    ends[0] = create("/srv/sample", OWRITE, 0600);
    place = put_number(own, (unsigned long)pair[0], 10);
    expect("post", write((int)ends[0], own, place - own), place - own);
    ends[1] = open("/srv/sample", ORDWR);
    write((int)ends[1], "by name", 7);
    own[read(pair[1], own, 60)] = 0;
    expect_text("service", own, "by name");
    expect("remove", remove("/srv/sample"), 0);
}

void start(long argc, char **argv) {
    (void)argc, (void)argv;
    records();
    directories();
    unions();
    devices();
    print("%d failures\n", (long)failures);
    done(failures ? "failures" : 0);
}
