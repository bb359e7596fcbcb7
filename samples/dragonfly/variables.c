// Variables of the process, the user and the system, and the kernel's environment.
#include "dragonfly.h"

enum { PROC = 1, USER, SYS_LEVEL, PRISON };

static char text[512];
static long self;

static int same(const char *one, const char *other) {
    while (*one && *one == *other) one++, other++;
    return *one == *other;
}
static long set(int level, const char *name, const char *data) { return SYS(450, level, name, data); }
static long get(int mask, const char *name) { return SYS(451, mask, name, text, sizeof text); }
static long child(void) {
    int status = -1;
    long pid = SYS(2);
    // Stubs look at the second result; the child's own pid tells it too.
    if (SYS(20) != self) return 0;
    SYS(7, pid, &status, 0, 0);
    return 1 + status;
}

static void program(void) {
    self = SYS(20);
    expect("nothing is set: ENOENT", get(14, "arch"), -2);
    expect("removed: ENOENT", set(PROC, "arch", 0), -2);
    expect("varsym_set of the process", set(PROC, "arch", "x86"), 0);
    expect("varsym_set of the user", set(USER, "arch", "user's"), 0);
    expect("varsym_get, NUL included", get(14, "arch"), 4);
    expect("the process's is first", same(text, "x86"), 1);
    expect("varsym_get of the user", get(4, "arch"), 7);
    expect("is another", same(text, "user's"), 1);
    expect("varsym_get of the system: ENOENT", get(8, "arch"), -2);
    expect("a small buffer", SYS(451, 2, "arch", text, 3), 4);
    expect("is empty then", text[0], 0);
    expect("no such level: 0", set(9, "a", "b"), 0);
    expect("a long name: ENAMETOOLONG", set(PROC, "0123456789012345678901234567890123456789012345678901234567890123", "b"), -63);

    set(PROC, "second", "2");
    set(PROC, "arch", "arm");  // last now
    int marker = 0;
    expect("varsym_list", SYS(452, PROC, text, sizeof text, &marker), 18);
    expect("in order: second", same(text, "second"), 1);
    expect("2", same(text + 7, "2"), 1);
    expect("arch", same(text + 9, "arch"), 1);
    expect("to the end", marker, -1);
    marker = 0;
    expect("room for one", SYS(452, PROC, text, 10, &marker), 9);
    expect("the next one's number", marker, 1);
    expect("from there", SYS(452, PROC, text, 10, &marker), 9);
    marker = 0;
    expect("room for none: EOVERFLOW", SYS(452, PROC, text, 3, &marker), -84);
    expect("no such level: EINVAL", SYS(452, PRISON, text, 3, &marker), -22);
    expect("no marker: EFAULT", SYS(452, PROC, text, 3, 8), -14);

    // A child has a copy; what either sets then is its own.
    long outcome = child();
    if (outcome == 0) {
        long length = get(2, "arch");
        set(PROC, "arch", "child's");
        SYS(1, length == 4 && get(2, "arch") == 8 ? 0 : 1);
    }
    expect("the child had it", outcome, 1);
    expect("and changed its own", get(2, "arch"), 4);
    expect("E2BIG at last", ({
        long result = 0;
        for (int i = 0; i < 200 && result == 0; i++) {
            char name[] = "nameXX";
            name[4] = (char)('a' + i / 10);
            name[5] = (char)('0' + i % 10);
            result = set(PROC, name, "0123456789012345678901234567890123456789012345678901234567890123456789"
                                     "0123456789012345678901234567890123456789012345678901234567890123456789");
        }
        result;
    }), -7);

    expect("kenv: ENOENT", SYS(390, 0, "boot", text, sizeof text), -2);
    expect("kenv, an unknown action: EINVAL", SYS(390, 9, "boot", text, sizeof text), -22);
    expect("kenv: how much", SYS(390, 3, 0, 0, 0), 0);
}
