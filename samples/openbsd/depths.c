// unveil and links that each lead four folders down, so that what they resolve to outgrows any buffer.
#include "openbsd.h"

enum { SYS_chdir = 12, SYS_fchdir = 13, SYS_symlink = 57 };

static stat status;

static void sample(long argc, char **argv, char **environment) {
    char name[251], link[1005], path[16] = "l/l/l/l/l/l";
    memset(name, 'd', 250);
    name[250] = 0;
    for (int part = 0; part < 4; part++) {
        memcpy(link + 251 * part, name, 250);
        link[251 * part + 250] = '/';
    }
    link[1003] = 0;
    long here = SYS(open, ".", O_RDONLY, 0);
    for (int depth = 0; depth < 24; depth++) {
        if (depth % 4 == 0) SYS(symlink, link, "l");
        SYS(mkdir, name, 0700);
        SYS(chdir, name);
    }
    SYS(fchdir, here);
    expect("without unveil", SYS(stat, path, &status), 0);
    expect("unveil the folder", SYS(unveil, ".", "r"), 0);
    expect("as far as it goes", SYS(stat, "l/l/l", &status), 0);
    expect("further", SYS(stat, path, &status), -63);
}
