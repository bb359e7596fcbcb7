/// The least that a program can be.
#include "netbsd.h"

static void sample(long argc, char **argv, char **environment) { SYS(write, 1, "hello from NetBSD\n", 18); }
