/// Writes what it was given into the file that GIVEN names, each ended by NUL: its number, its folder, its standard input, how many
/// arguments, these, its environment. Then it ends as its environment says: EXIT with a status, DIE by a signal, HANG never.
#include "freebsd.h"

static long file;

static void put(const char *text) { SYS(write, file, text, length(text) + 1); }

static void number(long value) {
    char digits[24] = {0};
    int at = 23;
    do digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    put(digits + at);
}

static long parsed(const char *text) {
    long value = 0;
    while (*text) value = 10 * value + *text++ - '0';
    return value;
}

static const char *variable(char **environment, const char *name) {
    for (; *environment; environment++)
        if (same(*environment, name, length(name))) return *environment + length(name);
    return 0;
}

static void sample(long argc, char **argv, char **environment) {
    static char folder[4096], text[4096];
    file = SYS(open, variable(environment, "GIVEN="), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) leave(98);
    number(SYS0(getpid));
    SYS(__getcwd, folder, sizeof folder);
    put(folder);
    for (long used = 0, count; (count = SYS(read, 0, text + used, sizeof text - 1 - used)) > 0;) used += count;
    put(text);
    number(argc);
    for (long index = 0; index < argc; index++) put(argv[index]);
    for (long index = 0; environment[index]; index++) put(environment[index]);
    SYS(close, file);
    SYS(write, 1, "to output\n", 10);
    SYS(write, 2, "to errors\n", 10);
    if (variable(environment, "HANG=")) for (;;) nap(1000);
    if (variable(environment, "DIE=")) SYS(kill, SYS0(getpid), parsed(variable(environment, "DIE=")));
    if (variable(environment, "EXIT=")) leave(parsed(variable(environment, "EXIT=")));
}
