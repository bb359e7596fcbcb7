/// Executes its arguments with its environment, as env(1) does; alone, tells its name and what it was given.
/// Tests/joining.sh lets it execute Linux programs, which execute it again.
#include "freebsd.h"

static void sample(long argc, char **argv, char **environment) {
    const char *name = argv[0];
    for (const char *at = name; *at; at++)
        if (*at == '/') name = at + 1;
    if (argc > 1 && argv[1][0] == '/') {
        SYS(execve, argv[1], argv + 1, environment);
        leave(99);
    }
    say("guest %s:", name);
    for (long index = 1; index < argc; index++) say(" %s", argv[index]);
    for (long index = 0; environment[index]; index++)
        if (environment[index][0] == 'G' && environment[index][1] == '=') say(" (%s)", environment[index]);
    say("\n");
    if (argc > 1 && argv[1][0] == 'e') leave(23);                             // end
    if (argc > 1 && argv[1][0] == 'k') SYS(kill, SYS0(getpid), SIGTERM);      // killed
    if (argc > 1 && argv[1][0] == 'c') {                                      // copy
        char text[256];
        long count;
        while ((count = SYS(read, 0, text, sizeof text)) > 0) SYS(write, 1, text, count);
    }
}
