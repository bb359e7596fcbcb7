// pledge: promises are only given up, and a broken one ends the process.
#include "openbsd.h"

enum { forks, opens_to_read, opens_to_write, connects, gets_time, executes, kills_parent, maps_code, changes_mode,
       asks_tape, asks_sound, asks_video, asks_master };

static long act(int what) {
    switch (what) {
    case forks: return SYS0(fork) == 0 ? (leave(0), 0) : 0;
    case opens_to_read: return SYS(open, "/", O_RDONLY, 0) < 0;
    case opens_to_write: return SYS(open, "file", O_RDWR | O_CREAT, 0600) < 0;
    case connects: return SYS(socket, 2, 1, 0) < 0;
    case gets_time: return SYS(clock_gettime, 0, span(0, 0));
    case kills_parent: return SYS(kill, SYS0(getppid), 0);
    // Devices: /dev/null is one, but none of sound or cameras; /dev/ptmx is terminals' master. Nothing answers there.
    case asks_tape: return SYS(ioctl, 0, 0x40206d02, 0) == -ENOTTY ? 0 : 1;
    case asks_sound: return SYS(ioctl, 0, 0x20004126, 0) == -ENOTTY ? 0 : 1;
    case asks_video: return SYS(ioctl, 0, 0x40685600, 0) == -ENOTTY ? 0 : 1;
    case asks_master: {
        long master = SYS(open, "/dev/ptmx", O_RDWR, 0);
        return SYS(ioctl, master, 0x40287401, 0) == -ENOTTY ? 0 : 1;
    }
    case changes_mode: return SYS(ioctl, 0, 0x802c7414, 0);
    case maps_code:
        SYS(kbind, 0, 0, 0);
        return SYS(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0) < 0;
    default: {
        char *arguments[] = {"/bin/true", 0}, *none[] = {0};
        return SYS(execve, arguments[0], arguments, none);
    }
    }
}

/// What becomes of a child that promises and then acts: its status, or 256 and a signal.
static long fate(const char *promises, int what) {
    int status = 0;
    long child = SYS0(fork);
    if (child == 0) {
        if (SYS(pledge, promises, 0)) leave(99);
        leave(act(what) != 0);
    }
    SYS(wait4, child, &status, 0, 0);
    return status & 0x7f ? 256 + (status & 0x7f) : status >> 8;
}

static void sample(long argc, char **argv, char **environment) {
    expect("stdio, the time", fate("stdio", gets_time), 0);
    expect("nothing at all, the time", fate("", gets_time), 256 + SIGABRT);
    expect("stdio, fork", fate("stdio", forks), 256 + SIGABRT);
    expect("stdio proc, fork", fate("stdio proc", forks), 0);
    expect("stdio, read a folder", fate("stdio", opens_to_read), 256 + SIGABRT);
    expect("stdio rpath, read a folder", fate("stdio rpath", opens_to_read), 0);
    expect("stdio rpath, make a file", fate("stdio rpath", opens_to_write), 256 + SIGABRT);
    expect("stdio rpath wpath, make a file", fate("stdio rpath wpath", opens_to_write), 256 + SIGABRT);
    expect("stdio rpath wpath cpath, make a file", fate("stdio rpath wpath cpath", opens_to_write), 0);
    expect("stdio, socket", fate("stdio", connects), 256 + SIGABRT);
    expect("stdio unix, socket", fate("stdio unix", connects), 256 + SIGABRT);
    expect("stdio inet, socket", fate("stdio inet", connects), 0);
    expect("stdio, exec", fate("stdio", executes), 256 + SIGABRT);
    expect("stdio exec, exec a Linux program", fate("stdio exec", executes), 0);
    expect("stdio, kill the parent", fate("stdio", kills_parent), 256 + SIGABRT);
    expect("stdio, set a terminal", fate("stdio", changes_mode), 256 + SIGABRT);
    expect("stdio tty, set what is no terminal", fate("stdio tty", changes_mode), 256 + SIGABRT);
    expect("stdio, a tape's state", fate("stdio", asks_tape), 256 + SIGABRT);
    expect("stdio tape, a tape's state", fate("stdio tape", asks_tape), 0);
    expect("stdio audio, sound from what has none", fate("stdio audio", asks_sound), 256 + SIGABRT);
    expect("stdio video, a camera that is none", fate("stdio video", asks_video), 256 + SIGABRT);
    expect("stdio rpath wpath, a terminal's pair", fate("stdio rpath wpath", asks_master), 256 + SIGABRT);
    expect("stdio tty rpath wpath, a terminal's pair", fate("stdio tty rpath wpath", asks_master), 0);
    expect("stdio, executable memory", fate("stdio", maps_code), 256 + SIGABRT);
    expect("stdio prot_exec, executable memory", fate("stdio prot_exec", maps_code), 0);
    expect("stdio error, fork", fate("stdio error", forks), 0);
    expect("stdio error, socket", fate("stdio error", connects), 1);

    expect("a promise that is none", SYS(pledge, "stdio rpaths", 0), -EINVAL);
    expect("pledge", SYS(pledge, "stdio rpath", 0), 0);
    expect("pledge more", SYS(pledge, "stdio rpath wpath", 0), -EPERM);
    expect("pledge less", SYS(pledge, "stdio", 0), 0);
    expect("pledge what was given up", SYS(pledge, "stdio rpath", 0), -EPERM);
}
