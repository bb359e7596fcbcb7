/// Greets, and shows its arguments.
#include "freebsd.h"

static void sample(long argc, char **argv, char **environment) {
    say("Hello from FreeBSD\n");
    for (long index = 1; index < argc; index++) say("%d %s\n", index, argv[index]);
}
