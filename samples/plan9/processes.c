// rfork(2) and await(2): messages, their order, what is shared and what is not, and what is refused.
#include "plan9.h"

static char line[256];
static int shared;  // not shared: there is no RFMEM here

static long child(const char *text) {
    long pid = rfork(RFPROC);
    if (pid == 0) {
        shared++;
        done(text);
    }
    return pid;
}

void start(long argc, char **argv) {
    fails("await without children", await(line, sizeof line), "no living children");
    fails("copying and clearing descriptors", rfork(RFFDG | RFCFDG), "bad arg in system call");
    fails("copying and clearing names", rfork(RFNAMEG | RFCNAMEG), "bad arg in system call");
    fails("copying and clearing the environment", rfork(RFENVG | RFCENVG), "bad arg in system call");
    fails("memory without a process", rfork(RFMEM), "bad arg in system call");

    long pid = child(0);
    expect("its id is awaited", await(line, sizeof line) == pid, 1);
    expect_text("no words", message(line), "");
    pid = child("it's done");
    expect("its id is awaited", await(line, sizeof line) == pid, 1);
    expect_text("words", message(line), "it''s done");
    expect("data is a copy", shared, 0);

    // The one that ended last is told of first.
    child("first");
    sleep(100);
    child("second");
    sleep(100);
    child("third");
    sleep(100);
    for (int index = 0; index < 3; index++) {
        await(line, sizeof line);
        print("%s\n", message(line));
    }

    pid = rfork(RFPROC | RFNOWAIT);
    if (pid == 0) done("nobody hears this");
    holds("a child that nobody waits for", pid > 0);
    fails("await", await(line, sizeof line), "no living children");

    // struct Tos lies on the stack, which each process has alone.
    uint32_t own = _tos->pid;
    pid = rfork(RFPROC);
    if (pid == 0) done(_tos->pid != own ? 0 : "the parent's id");
    await(line, sizeof line);
    expect_text("a child's own id", message(line), "");
    expect("the parent's id", _tos->pid == own, 1);

    // Descriptors are shared unless they are copied or cleared.
    int ends[2];
    call(PIPE, (long)ends, 0, 0, 0);
    if (rfork(RFPROC) == 0) {
        close(ends[0]);
        done(0);
    }
    await(line, sizeof line);
    fails("closed by a child that shares", write(ends[0], "x", 1), "fd out of range or not open");
    call(PIPE, (long)ends, 0, 0, 0);
    if (rfork(RFPROC | RFFDG) == 0) {
        close(ends[0]);
        done(0);
    }
    await(line, sizeof line);
    expect("closed by a child that has a copy", write(ends[0], "x", 1), 1);
    if (rfork(RFPROC | RFCFDG) == 0) done(write(ends[0], "x", 1) == -1 && write(1, "NO\n", 3) == -1 ? 0 : "open");
    await(line, sizeof line);
    expect_text("a child that begins with none", message(line), "");
    if (rfork(RFPROC) == 0) {
        rfork(RFFDG);
        close(ends[0]);
        done(0);
    }
    await(line, sizeof line);
    expect("closed by a child that copied later", write(ends[0], "y", 1), 1);

    // Children of a child are its own.
    pid = rfork(RFPROC);
    if (pid == 0) {
        if (rfork(RFPROC) == 0) done("grandchild");
        done("child");
    }
    expect("await", await(line, sizeof line) == pid, 1);
    expect_text("of the child", message(line), "child");
    fails("await", await(line, sizeof line), "no living children");
}
