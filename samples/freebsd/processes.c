/// Processes: fork, vfork, rfork, execve, waiting, statuses, groups, identity.
#include "freebsd.h"

static int status_of(long child) {
    int status = -1;
    long got;
    while ((got = SYS(wait4, child, &status, 0, 0)) == -EINTR) continue;
    return got == child ? status : (int)got;
}

static void sample(long argc, char **argv, char **environment) {
    if (argc > 1) {
        say("image: %s %s %s\n", argv[1], argv[2], environment[0] ? environment[0] : "none");
        leave(7);
    }
    long self = SYS0(getpid), child;
    holds("own number", self > 1 && SYS0(getppid) > 0);

    child = SYS0(fork);
    if (child == 0) leave(second_result == 1 && SYS0(getppid) == self && SYS0(getpid) != self ? 5 : 6);
    holds("fork", child > 1 && child != self);
    expect("exit status", status_of(child), 5 << 8);
    expect("no more children", SYS(wait4, -1, 0, 0, 0), -ECHILD);
    expect("no such child", SYS(wait4, 1, 0, 0, 0), -ECHILD);
    expect("odd options", SYS(wait4, -1, 0, 0x4000, 0), -EINVAL);

    volatile int touched = 0;
    child = SYS0(vfork);
    if (child == 0) {
        touched = 1;
        leave(3);
    }
    expect("vfork", status_of(child), 3 << 8);
    expect("vfork in the same memory", touched, 1);

    child = SYS(rfork, 0x14, 0, 77); // RFPROC | RFFDG: as fork
    if (child == 0) leave(second_result == 1 ? 4 : 6);
    expect("what rfork_thread(3) knows the parent by", second_result, 0);
    expect("rfork", status_of(child), 4 << 8);
    expect("rfork of nothing it knows", SYS(rfork, 0x80), -EINVAL);

    child = SYS0(fork);
    if (child == 0) {
        SYS(kill, SYS0(getpid), SIGKILL);
        leave(0);
    }
    expect("killed", status_of(child), SIGKILL);
    child = SYS0(fork);
    if (child == 0) {
        SYS(setrlimit, 4, ((long[]){0, 0})); // RLIMIT_CORE
        SYS(kill, SYS0(getpid), SIGUSR2);
        leave(0);
    }
    expect("killed by another number than Linux's", status_of(child) & 0x7f, SIGUSR2);
    child = SYS0(fork);
    if (child == 0) {
        SYS(setrlimit, 4, ((long[]){0, 0}));
        *(volatile int *)8 = 1;
        leave(0);
    }
    expect("killed by its own fault", status_of(child) & 0x7f, SIGSEGV);

    int gate[2];
    SYS(pipe2, gate, 0);
    child = SYS0(fork);
    if (child == 0) {
        SYS(kill, SYS0(getpid), SIGSTOP);
        char go;
        SYS(read, gate[0], &go, 1); // ends only after its parent has seen it go on
        leave(2);
    }
    int status = 0;
    expect("nothing yet", SYS(wait4, child, &status, 1 | 4, 0), 0); // WNOHANG | WCONTINUED
    holds("stopped child", SYS(wait4, child, &status, 2, 0) == child); // WUNTRACED
    expect("stopped", status, SIGSTOP << 8 | 0x7f);
    SYS(kill, child, SIGCONT);
    holds("continued child", SYS(wait4, child, &status, 4, 0) == child);
    expect("continued", status, SIGCONT);
    SYS(write, gate[1], "g", 1);
    SYS(close, gate[0]);
    SYS(close, gate[1]);
    siginfo info;
    long usage[36];
    memset(&info, 0, sizeof info);
    holds("wait6", SYS(wait6, 0, child, &status, 16, usage, &info) == child); // P_PID, WEXITED
    expect("wait6 status", status, 2 << 8);
    expect("wait6 signal", info.signo, SIGCHLD);
    expect("wait6 code", info.code, 1); // CLD_EXITED
    expect("wait6 exit", info.status, 2);
    holds("wait6 process", info.pid == child);

    char *words[] = {argv[0], "exec'd", "two words", 0}, *values[] = {"COLOUR=blue", 0};
    child = SYS0(fork);
    if (child == 0) leave(SYS(execve, argv[0], words, values) == 0);
    expect("execve", status_of(child), 7 << 8);
    char *shell[] = {"sh", "-c", "echo Linux shell, $COLOUR; exit 9", 0};
    child = SYS0(vfork);
    if (child == 0) {
        SYS(execve, "/bin/sh", shell, values);
        leave(1);
    }
    expect("a native program", status_of(child), 9 << 8);
    long script = SYS(open, "script", O_CREAT | O_WRONLY, 0755);
    SYS(write, script, "#!/bin/sh\necho script $1\nexit 8\n", 32);
    SYS(close, script);
    char *arguments[] = {"script", "argument", 0};
    child = SYS0(fork);
    if (child == 0) leave(SYS(execve, "script", arguments, values) == 0);
    expect("a script", status_of(child), 8 << 8);
    // Relative names are looked up from the current folder, and no script's interpreter is a script (kern/imgact_shell.c).
    SYS(mkdir, "below", 0755);
    SYS(symlink, "/bin/sh", "below/shell");
    script = SYS(open, "below/near", O_CREAT | O_WRONLY, 0755);
    SYS(write, script, "#!./shell\necho near\nexit 7\n", 27);
    SYS(close, script);
    script = SYS(open, "below/nested", O_CREAT | O_WRONLY, 0755);
    SYS(write, script, "#!./near\necho nested\n", 21);
    SYS(close, script);
    child = SYS0(fork);
    if (child == 0) leave(SYS(chdir, "below") == 0 && SYS(execve, "nested", arguments, values) == -8 // ENOEXEC
                          && SYS(execve, "near", arguments, values) == 0);
    expect("a relative interpreter", status_of(child), 7 << 8);
    SYS(unlink, "below/shell");
    SYS(unlink, "below/near");
    SYS(unlink, "below/nested");
    SYS(rmdir, "below");
    SYS(chmod, "script", 0644);
    expect("not executable", SYS(execve, "script", arguments, values), -EACCES);
    expect("missing", SYS(execve, "missing", arguments, values), -ENOENT);
    expect("a folder", SYS(execve, "/", arguments, values), -EACCES);
    script = SYS(open, "script", O_WRONLY | O_TRUNC, 0);
    SYS(fchmod, script, 0755);
    SYS(write, script, "no program\n", 11);
    SYS(close, script);
    expect("no format", SYS(execve, "script", arguments, values), -8); // ENOEXEC
    expect("arguments nowhere", SYS(execve, argv[0], 16, values), -EFAULT);
    expect("no list of arguments", SYS(execve, argv[0], 0, values), -EFAULT);
    SYS(unlink, "script");

    child = SYS0(fork);
    if (child == 0) {
        long mine = SYS0(getpid);
        int right = SYS(setpgid, 0, 0) == 0 && SYS0(getpgrp) == mine;
        long inner = SYS0(fork);
        if (inner == 0) leave(SYS0(setsid) == SYS0(getpid) && SYS(getsid, 0) == SYS0(getpid) ? 0 : 1);
        leave(right && status_of(inner) == 0 && SYS0(setsid) == -EPERM ? 0 : 1);
    }
    expect("groups and sessions", status_of(child), 0);
    uint32_t real = 1, effective = 2, saved = 3;
    expect("getresuid", SYS(getresuid, &real, &effective, &saved), 0);
    holds("identity", real == SYS0(getuid) && effective == SYS0(geteuid));
    expect("issetugid", SYS0(issetugid), 0);
    expect("kill no one", SYS(kill, 99999999, 0), -ESRCH);
    expect("kill self with nothing", SYS(kill, self, 0), 0);
    expect("kill with nonsense", SYS(kill, self, 999), -EINVAL);
}
