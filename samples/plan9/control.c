// #p: what a process is told of its children (wait), of itself and of others (status), and what it may ask for (ctl).
#include "plan9.h"

static char line[256];

/// "/proc/PID/NAME"
static const char *file(long pid, const char *name) {
    static char path[64];
    char *place = path;
    for (const char *from = "/proc/"; *from;) *place++ = *from++;
    place = put_number(place, (unsigned long)pid, 10);
    *place++ = '/';
    while (*name) *place++ = *name++;
    *place = 0;
    return path;
}

static long get(long pid, const char *name) {
    int fd = (int)call(OPEN, (long)file(pid, name), OREAD, 0, 0);
    if (fd < 0) return fd;
    long count = read(fd, line, sizeof line - 1);
    close(fd);
    if (count >= 0) line[count] = 0;
    return count;
}

static long control(long pid, const char *word) {
    int fd = (int)call(OPEN, (long)file(pid, "ctl"), OWRITE, 0, 0);
    if (fd < 0) return fd;
    long count = write(fd, word, (long)length(word));
    close(fd);
    return count;
}

/// A field of status: 28 bytes of name, 28 of user, 12 of state, then numbers of 12.
static const char *state(long pid) {
    static char text[16];
    get(pid, "status");
    int count = 0;
    while (count < 12 && line[56 + count] != ' ') text[count] = line[56 + count], count++;
    text[count] = 0;
    return text;
}

static long number(long pid, int index) {
    get(pid, "status");
    const char *digit = line + 68 + 12 * index;
    while (*digit == ' ') digit++;
    long value = 0;
    while (*digit >= '0' && *digit <= '9') value = value * 10 + (*digit++ - '0');
    return value;
}

/// Tells that it runs, then sleeps.
static void sleeper(int running) {
    write(running, "", 1);
    for (;;) sleep(10000);
}

void start(long argc, char **argv) {
    (void)argc, (void)argv;
    long self = _tos->pid, pid;

    fails("wait without children", get(self, "wait"), "no living children");
    if (rfork(RFPROC) == 0) done("its words");
    expect("wait", get(self, "wait") > 0, 1);
    expect_text("of the child", message(line), "its words");
    fails("told once", get(self, "wait"), "no living children");
    expect("wait is not written", (int)call(OPEN, (long)file(self, "wait"), OWRITE, 0, 0), -1);

    expect("status is as long as", get(self, "status"), 176);
    holds("name", begins(line, "control     "));
    expect_text("state", state(self), "Running");
    expect("base priority", number(self, 7), 10);
    expect("pri", control(self, "pri 5"), 5);
    expect("priority", number(self, 8), 5);
    expect("fixedpri with a newline", control(self, "fixedpri 3\n"), 11);
    expect("priority", number(self, 8), 3);
    expect("wired", control(self, "wired 0"), 7);
    fails("too few words", control(self, "pri"), "wrong #args in control message \"pri\"");
    fails("too many words", control(self, "stop  now"), "wrong #args in control message \"stop now\"");
    fails("no words", control(self, "\n"), "empty control message");
    fails("no such word", control(self, "dance"), "unknown control message \"dance\"");

    int ends[2];
    char byte;
    expect("pipe", call(PIPE, (long)ends, 0, 0, 0), 0);
    pid = rfork(RFPROC);
    if (pid == 0) sleeper(ends[1]);
    expect("the child runs", read(ends[0], &byte, 1), 1);
    sleep(200);  // and has come to its sleep
    close(ends[0]), close(ends[1]);
    expect("stop", control(pid, "stop"), 4);
    expect_text("state", state(pid), "Stopped");
    expect("waitstop", control(pid, "waitstop"), 8);
    expect("start", control(pid, "start"), 5);
    fails("start what runs", control(pid, "start"), "bad process or channel control request");
    expect("kill", control(pid, "kill"), 4);
    expect("wait", get(self, "wait") > 0, 1);
    expect_text("of the killed one", message(line), "sys: killed");
    expect("gone", get(pid, "status"), -1);
}
