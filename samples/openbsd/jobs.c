// Job control as a shell does it: groups, the terminal's foreground, stopped and continued children.
#include "openbsd.h"

enum { TIOCSPGRP = 0x80047476, TIOCGPGRP = 0x40047477, TIOCSCTTY = 0x20007461 };

static void hears(int signal) {}

static long wait_for(long child, int options) {
    int status = 0;
    long found = SYS(wait4, child, &status, options, 0);
    return found == child ? status : -1;
}

static void sample(long argc, char **argv, char **environment) {
    sigaction ignore = {(void *)1, 0, 0};
    SYS(sigaction, SIGTTOU, &ignore, 0);
    sigaction listen = {hears, 0, SA_RESTART};
    SYS(sigaction, SIGCHLD, &listen, 0);
    int group = -1, own = (int)SYS0(getpgrp);
    long terminal = SYS(ioctl, 0, TIOCGPGRP, &group);
    if (terminal == 0) expect("the terminal is ours", group == own, 1);
    else expect("no terminal", terminal, -ENOTTY);

    long child = SYS0(fork);
    if (child == 0) {
        SYS(setpgid, 0, 0);
        SYS(kill, SYS0(getpid), SIGSTOP);
        SYS(kill, SYS0(getpid), SIGTSTP);
        char line[64];
        if (terminal == 0) {
            long count = SYS(read, 0, line, 63);
            line[count > 0 ? count : 0] = 0;
            say("read: %s", line);
        }
        nap(50);  // so that the parent hears of going on before it hears of the end
        leave(7);
    }
    SYS(setpgid, child, child);
    expect("stopped", wait_for(child, WUNTRACED), SIGSTOP << 8 | 0x7f);
    expect("nothing new", wait_for(child, WUNTRACED | WNOHANG), -1);
    SYS(kill, -child, SIGCONT);
    // It goes on to stop itself again; what wait tells first depends on who is faster.
    long status = wait_for(child, WUNTRACED);
    expect("stopped from within", status, SIGTSTP << 8 | 0x7f);
    group = (int)child;
    if (terminal == 0) expect("give it the terminal", SYS(ioctl, 0, TIOCSPGRP, &group), 0);
    SYS(kill, -child, SIGCONT);
    expect("continued", wait_for(child, WCONTINUED), 0xffff);
    expect("ended", wait_for(child, 0), 7 << 8);
    group = own;
    if (terminal == 0) expect("take the terminal back", SYS(ioctl, 0, TIOCSPGRP, &group), 0);
    siginfo info;
    child = SYS0(fork);
    if (child == 0) leave(3);
    expect("waitid", SYS(waitid, 2, child, &info, WEXITED), 0);
    expect("signal", info.signo, SIGCHLD);
    expect("CLD_EXITED", info.code, 1);
    holds("who", info.child.pid == child);
    expect("status", info.child.status, 3);
    expect("no child any more", SYS(wait4, -1, 0, 0, 0), -ECHILD);
}
