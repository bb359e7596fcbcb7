/// Executes the same programs again and again, which Persona decides about once: each time they find what they found the first
/// time, and a file that changes is another one.
#include "freebsd.h"

enum { AT_EXECPATH = 15 };

static char here[1024], room[1 << 16];
static char *given[] = {"first=1", "empty=", "last=three", 0};

/// Whether Linux shows zeros behind the environment: the plan came from the program before, and nobody was asked.
static int is_handed_on(void) {
    long file = SYS(open, "/proc/self/environ", O_RDONLY), count = SYS(read, file, room, sizeof room);
    SYS(close, file);
    return count > 1 && room[count - 1] == 0 && room[count - 2] == 0;
}

/// A call as the C library has it. One that is made often becomes a jump, and next time is one from the beginning.
long known_call(void);
__asm__(".text\n.balign 16\nknown_call: mov $39, %eax\nmov %rcx, %r10\nsyscall\nret"); // getppid

/// What a program begins with.
static void tell(char **argv, char **environment) {
    say("%s:", argv[1]);
    for (long index = 2; argv[index]; index++) say(" %s", argv[index]);
    say(";");
    for (long index = 0; environment[index]; index++) say(" %s", environment[index]);
    char **vector = environment;
    while (*vector) vector++;
    for (long *entry = (long *)(vector + 1); entry[0]; entry += 2) {
        if (entry[0] != AT_EXECPATH) continue;
        const char *name = (const char *)entry[1];
        for (const char *at = name; *at; at++)
            if (*at == '/') name = at + 1;
        say("; %s", name);
    }
    say("; open");
    for (long descriptor = 0; descriptor < 64; descriptor++)
        if (SYS(fcntl, descriptor, F_GETFD, 0) >= 0) say(" %d", descriptor);
    sigset mask;
    sigaction action;
    SYS(sigprocmask, SIG_SETMASK, 0, &mask);
    SYS(sigaction, SIGUSR2, 0, &action);
    say("; mask %x, SIGUSR2 %s", mask.bits[0], action.handler == (void *)1 ? "ignored" : "not ignored");
    int name[] = {1, 14, 35, -1}; // kern.proc.env of oneself
    size_t size = sizeof room, strings = 0;
    long error = SYS(__sysctl, name, 4, room, &size, 0, 0);
    for (size_t at = 0; at < size; at++) strings += room[at] == 0;
    say("; %d strings, %d", (int)strings, (int)error);
    say("; %s", *(const unsigned char *)known_call == 0xe9 ? "jumps" : "traps");
    for (int turn = 0; turn < 40; turn++) known_call();
    say("; %s\n", is_handed_on() ? "handed on" : "asked for");
}

static int run(const char *path, char **words, char **environment) {
    long child = SYS0(fork);
    if (child == 0) {
        long error = SYS(execve, path, words, environment);
        say("%s: error %d\n", words[1], -error);
        leave(3);
    }
    int status = -1;
    SYS(wait4, child, &status, 0, 0);
    return status >> 8;
}

static void copy(const char *from, const char *to) {
    long in = SYS(open, from, O_RDONLY), out = SYS(open, to, O_CREAT | O_TRUNC | O_WRONLY, 0755), count;
    while ((count = SYS(read, in, room, sizeof room)) > 0) SYS(write, out, room, count);
    SYS(close, in);
    SYS(close, out);
}

/// Files count as known when they are two seconds old.
static void settle(void) {
    timespec time = {3, 200000000};
    SYS(nanosleep, &time, 0);
}

static void sample(long argc, char **argv, char **environment) {
    if (argc > 1) return tell(argv, environment);
    SYS(__getcwd, here, sizeof here - 16);
    copy(argv[0], "one");
    SYS(link, "one", "two");
    sigset mask = {{1 << (SIGUSR1 - 1)}};
    SYS(sigprocmask, SIG_SETMASK, &mask, 0);
    sigaction ignore = {(void *)1, 0, {{0}}};
    SYS(sigaction, SIGUSR2, &ignore, 0);
    settle();
    char *words[] = {"zero", "relative", "a word", "", 0};
    for (int turn = 0; turn < 4; turn++) run("one", words, given);
    words[1] = "with a dot";
    run("./one", words, given);
    char *end = here + length(here);
    for (const char *from = "/one"; (*end = *from); from++) end++;
    words[1] = "absolute";
    run(here, words, given);
    words[1] = "another name";
    for (int turn = 0; turn < 2; turn++) run("two", words, given);
    words[1] = "by a link";
    SYS(symlink, "one", "three");
    run("three", words, given);
    words[1] = "nothing in it";
    run("one", words, given + 3);
    words[1] = "no environment";
    run("one", words, 0);

    SYS(chmod, "one", 0644);
    words[1] = "not executable";
    run("one", words, given);
    SYS(chmod, "one", 0755);
    words[1] = "executable anew";
    run("one", words, given);
    copy("/bin/true", "one");
    words[1] = "another program";
    say("%s: %d\n", words[1], run("one", words, given));
    words[1] = "gone";
    SYS(unlink, "two");
    run("two", words, given);
}
