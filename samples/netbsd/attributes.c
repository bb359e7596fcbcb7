/// Extended attributes as extattr(2) names them, beside the calls that are Linux's (getxattr and its like).
#include "netbsd.h"

enum {
    SYS_extattr_set_file = 361, SYS_extattr_get_file = 362, SYS_extattr_delete_file = 363, SYS_extattr_set_fd = 364,
    SYS_extattr_get_fd = 365, SYS_extattr_delete_fd = 366, SYS_extattr_get_link = 368, SYS_extattr_list_fd = 370,
    SYS_extattr_list_file = 371, SYS_getxattr = 378,
};
enum { USER = 1, SYSTEM = 2, ENOATTR = 93, ENAMETOOLONG = 63 };

static void sample(long argc, char **argv, char **environment) {
    char text[32] = "", longest[300];
    long file = SYS(open, "file", O_CREAT | O_RDWR | O_EXCL, 0600);
    expect("set by path", SYS(extattr_set_file, "file", USER, "colour", "green", 5), 5);
    expect("set by descriptor", SYS(extattr_set_fd, file, USER, "at", "x", 1), 1);
    expect("its size", SYS(extattr_get_file, "file", USER, "colour", 0, 0), 5);
    expect("get by path", SYS(extattr_get_file, "file", USER, "colour", text, sizeof text), 5);
    say("%s\n", text);
    expect("get by descriptor", SYS(extattr_get_fd, file, USER, "at", text, sizeof text), 1);
    memset(text, 0, sizeof text);
    expect("get what fits", SYS(extattr_get_link, "file", USER, "colour", text, 3), 3);
    say("%s\n", text);
    expect("get nothing", SYS(extattr_get_file, "file", USER, "colour", text, 0), 0);
    memset(text, 0, sizeof text);
    expect("getxattr", SYS(getxattr, "file", "user.colour", text, sizeof text), 5);
    say("%s\n", text);

    say("lists\n");
    memset(text, 0, sizeof text);
    expect("size", SYS(extattr_list_file, "file", USER, 0, 0), 10);
    expect("names behind their lengths", SYS(extattr_list_fd, file, USER, text, sizeof text), 10);
    holds("both", same(text, "\6colour\2at", 10) || same(text, "\2at\6colour", 10));
    expect("what fits", SYS(extattr_list_file, "file", USER, text, 2), 2);
    expect("of the system's", SYS(extattr_list_file, "file", SYSTEM, text, sizeof text), 0);

    say("mistakes\n");
    expect("get what is not there", SYS(extattr_get_file, "file", USER, "none", text, sizeof text), -ENOATTR);
    expect("no such file", SYS(extattr_get_file, "none", USER, "at", text, sizeof text), -ENOENT);
    expect("no such name space", SYS(extattr_get_file, "file", 3, "at", text, sizeof text), -EPERM);
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    expect("too long a name", SYS(extattr_get_file, "file", USER, longest, text, sizeof text), -ENAMETOOLONG);
    expect("no name", SYS(extattr_get_file, "file", USER, 1, text, sizeof text), -EFAULT);
    expect("too much", SYS(extattr_set_file, "file", USER, "at", text, 1L << 32), -EINVAL);
    expect("delete", SYS(extattr_delete_file, "file", USER, "colour"), 0);
    expect("delete again", SYS(extattr_delete_file, "file", USER, "colour"), -ENOATTR);
    expect("delete by descriptor", SYS(extattr_delete_fd, file, USER, "at"), 0);
    expect("none is left", SYS(extattr_list_file, "file", USER, text, sizeof text), 0);
    SYS(close, file);
    expect("unlink", SYS(unlink, "file"), 0);
}
