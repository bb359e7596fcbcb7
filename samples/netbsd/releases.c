/// What a program sees of the release that it runs as: the system's name for it, and which calls are there.
#include "netbsd.h"

static int missing(long result) { return result == -ENOSYS; }
static void tell(const char *name, long result) { say("%s: %s\n", name, missing(result) ? "not there" : "there"); }

static void sample(long argc, char **argv, char **environment) {
    char text[256] = "";
    size_t size = sizeof text;
    int name[2] = {1, 2};
    expect("kern.osrelease", SYS(__sysctl, name, 2, text, &size, 0, 0), 0);
    say("%s\n", text);
    int revision = 0;
    size = sizeof revision;
    name[1] = 3;
    expect("kern.osrevision", SYS(__sysctl, name, 2, &revision, &size, 0, 0), 0);
    say("%d\n", (long)revision);

    // sys/kern/syscalls.master: what 6.0 had, what came with 10, and with 11.
    static char room[4096];
    tell("dup3", call(454, 1, 7, 0, 0, 0, 0));
    tell("statvfs1", call(357, (long)"/", (long)room, 1, 0, 0, 0));
    tell("getrandom", call(91, (long)room, 16, 0, 0, 0, 0));
    tell("___futex", call(166, (long)room, 3 /* FUTEX_REQUEUE */, 0, 0, (long)room, 0));
    tell("timerfd_create", call(177, 0, 0, 0, 0, 0, 0));
    tell("eventfd", call(267, 0, 0, 0, 0, 0, 0));
    tell("__statvfs190", call(484, (long)"/", (long)room, 1, 0, 0, 0));
    tell("__acl_get_file", call(491, (long)"/", 3, (long)room, 0, 0, 0));
    tell("lpathconf", call(499, (long)"/", 1 /* _PC_LINK_MAX */, 0, 0, 0, 0));
    tell("memfd_create", call(500, (long)"name", 0, 0, 0, 0, 0));
    tell("__kevent100", call(501, -1, 0, 0, 0, 0, 0));
    tell("__dup3100", call(505, 1, 8, 0, 0, 0, 0));
    tell("semtimedop", call(506, -1, (long)room, 1, 0, 0, 0));
}
