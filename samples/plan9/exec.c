// exec(2): arguments, scripts, what stays and what does not, and what is no program.
#include "plan9.h"

static char buffer[8192], line[256];

static void put(const char *name, const char *text) {
    int fd = (int)call(CREATE, (long)name, OWRITE, 0777, 0);
    write(fd, text, (long)length(text));
    close(fd);
}

/// Copies this program to the folder it runs in, so that a script's line has room for its name.
static void copy_self(const char *from) {
    int in = (int)call(OPEN, (long)from, OREAD, 0, 0), out = (int)call(CREATE, (long)"again", OWRITE, 0777, 0);
    for (long count; (count = read(in, buffer, sizeof buffer)) > 0;) write(out, buffer, count);
    close(in);
    close(out);
}

static void run(const char *name, char **arguments) {
    if (rfork(RFPROC | RFFDG) == 0) {
        call(EXEC, (long)name, (long)arguments, 0, 0);
        done(why());
    }
    await(line, sizeof line);
    print("%s: %s\n", name, message(line));
}

/// The program again: tells its arguments and its descriptors.
static void tell(long argc, char **argv) {
    for (long index = 0; index < argc; index++) print("  %d: %s\n", index, argv[index]);
    int data = write(8, "x", 1) == 1, closed = write(9, "x", 1) == -1;
    print("  kept %d, closed %d\n", (long)data, (long)closed);
    done(same(argv[argc - 1], "well") ? 0 : "badly");
}

void start(long argc, char **argv) {
    if (argc > 1) tell(argc, argv);
    int ends[2];
    call(PIPE, (long)ends, 0, 0, 0);
    call(DUP, ends[0], 8, 0, 0);
    call(CREATE, (long)"closing", OWRITE | OCEXEC, 0666, 0);
    copy_self(argv[0]);
    call(CLOSE, 9, 0, 0, 0);
    run("again", (char *[]){"name", "one", "two words", "", "well", 0});
    run("again", (char *[]){"name", "one", 0});
    put("script", "#!again -x 'quoted word'\nrest\n");
    run("script", (char *[]){"ignored", "one", "well", 0});
    put("long", "#!again this line is too long for the header\n");
    run("long", (char *[]){"long", 0});
    put("nested", "#!script\n");
    run("nested", (char *[]){"nested", 0});
    put("text", "no program at all, but long enough to hold a header of one\n");
    run("text", (char *[]){"text", 0});
    put("empty", "");
    run("empty", (char *[]){"empty", 0});
    run("nothing", (char *[]){"nothing", 0});
    run("again", (char *[]){0});
    put("missing", "#!nobody\n");
    run("missing", (char *[]){"missing", 0});
    fails("exec with bad arguments", call(EXEC, (long)"again", 0x10, 0, 0), "bad arg in system call");

    // A program of the host.
    run("/bin/true", (char *[]){"true", 0});
    run("/bin/false", (char *[]){"false", 0});
    run("/bin/echo", (char *[]){"echo", "the host's echo", 0});

    // A program of the host's begins where the process is, a bound folder included, whatever was bound first.
    call(CLOSE, call(CREATE, (long)"here", OREAD, 0x80000000ul | 0775, 0), 0, 0, 0);
    call(CLOSE, call(CREATE, (long)"there", OREAD, 0x80000000ul | 0775, 0), 0, 0, 0);
    put("there/file", "");
    call(CHDIR, (long)"here", 0, 0, 0);
    run("/bin/ls", (char *[]){"ls", 0});
    call(BIND, (long)"../there", (long)"../here", 0, 0);
    run("/bin/ls", (char *[]){"ls", 0});
    call(CHDIR, (long)"..", 0, 0, 0);
    call(CHDIR, (long)"here", 0, 0, 0);
    run("/bin/ls", (char *[]){"ls", 0});
    call(UNMOUNT, 0, (long)"../here", 0, 0);
    run("/bin/ls", (char *[]){"ls", 0});
    call(CHDIR, (long)"..", 0, 0, 0);

    // The process stays itself: its parent waits for it, and its children stay its own.
    long pid = rfork(RFPROC);
    if (pid == 0) {
        if (rfork(RFPROC) == 0) done("child");
        call(EXEC, (long)"again", (long)(char *[]){"name", "well", 0}, 0, 0);
    }
    expect("its id", await(line, sizeof line) == pid, 1);
}
