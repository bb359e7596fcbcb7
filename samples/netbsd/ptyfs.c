/// A pseudo-terminal as libc uses it (posix_openpt, grantpt, ptsname, ttyname, login_tty), with a child on its slave
/// that has a session and a controlling terminal; and ptyfs, where slaves lie.
#include "netbsd.h"

enum { TIOCGRANTPT = 0x20007447, TIOCPTSNAME = 0x48087448, TIOCGETA = 0x402c7413, TIOCSETA = 0x802c7414,
       TIOCSWINSZ = 0x80087467, TIOCGWINSZ = 0x40087468, TIOCSCTTY = 0x20007461, TIOCGPGRP = 0x40047477,
       TIOCGSID = 0x40047463, TIOCSIG = 0x2000745f, TIOCGLINED = 0x40207442, TIOCSLINED = 0x80207443,
       TIOCGQSIZE = 0x40047481 };
enum { ECHO = 8, OPOST = 1, ENXIO = 6, SIGQUIT = 3, SIGINFO = 29 };
struct pair { int32_t cfd, sfd; char cn[1024], sn[1024]; };
struct termios { uint32_t iflag, oflag, cflag, lflag; uint8_t cc[20]; int32_t ispeed, ospeed; };
struct size { uint16_t row, col, x, y; };
/// sys/statvfs.h: from f_fstypename on.
static struct { uint64_t numbers[19]; uint32_t owner, spare; uint64_t more[4];
                char kind[32], on[1024], from[1024], label[1024]; } mounted;
_Static_assert(sizeof mounted == 3296, "NetBSD's size");
static struct pair pair, other;

static int equal(const char *left, const char *right) {
    return length(left) == length(right) && same(left, right, length(left));
}

static volatile int caught;
static void note(int signal, siginfo *information, ucontext *context) { caught = signal; }

/// Waits for a signal that is blocked otherwise.
static int await_signal(void) {
    sigset none = {{0}};
    SYS(__sigsuspend14, &none);
    return caught;
}

/// What login_tty(3) does, and then a program that reads, writes and looks at its terminal.
static void child(void) {
    int group = 0, session = 0;
    sigset all = {{1u << (SIGWINCH - 1) | 1u << (SIGINT - 1) | 1u << (SIGQUIT - 1) | 1u << (SIGINFO - 1), 0, 0, 0}};
    SYS(__sigprocmask14, SIG_BLOCK, &all, 0);
    handle(SIGWINCH, note, 0);
    handle(SIGINT, note, 0);
    handle(SIGQUIT, note, 0);
    handle(SIGINFO, note, 0);
    long self = SYS0(setsid);
    long slave = SYS(open, pair.sn, O_RDWR | O_NOCTTY);
    if (SYS(open, "/dev/tty", O_RDWR) != -ENXIO) leave(10);
    if (SYS(ioctl, slave, TIOCSCTTY, 0)) leave(11);
    for (int fd = 0; fd < 3; fd++) SYS(dup2, slave, fd);
    if (SYS(ioctl, 0, TIOCGPGRP, &group) || group != self) leave(12);
    if (SYS(ioctl, 0, TIOCGSID, &session) || session != self) leave(13);
    long terminal = SYS(open, "/dev/tty", O_RDWR);
    if (terminal < 0) leave(14);
    if (SYS(ioctl, 0, TIOCPTSNAME, &other) || !equal(other.sn, pair.sn)) leave(15);
    if (SYS(ioctl, terminal, TIOCPTSNAME, &other) || !equal(other.sn, pair.sn)) leave(16);
    if (SYS(ioctl, 0, TIOCGRANTPT, 0) != -ENOTTY) leave(17);
    struct size size;
    SYS(ioctl, 0, TIOCGWINSZ, &size);
    say("ready, %d by %d\n", (long)size.row, (long)size.col);
    char line[64] = "";
    long count = SYS(read, 0, line, sizeof line - 1);
    say("read %d: %s", count, line);
    await_signal();
    SYS(ioctl, terminal, TIOCGWINSZ, &size);
    say("signal %d, %d by %d\n", (long)caught, (long)size.row, (long)size.col);
    say("signal %d\n", (long)await_signal());
    say("signal %d\n", (long)await_signal());
    say("signal %d\n", (long)await_signal());
    leave(7);
}

/// A line that the child wrote.
static void told(long master) {
    char line[64] = "";
    SYS(read, master, line, sizeof line - 1);
    say("the child: %s", line);
}

static void sample(long argc, char **argv, char **environment) {
    say("ptyfs\n");
    expect("statvfs of /dev/pts", SYS(__statvfs190, "/dev/pts", &mounted, 1), 0);
    say("%s on %s (%s)\n", mounted.from, mounted.on, mounted.kind);
    expect("statvfs of /proc", SYS(__statvfs190, "/proc", &mounted, 1), 0);
    say("%s on %s (%s)\n", mounted.from, mounted.on, mounted.kind);

    say("a pair\n");
    long master = SYS(open, "/dev/ptmx", O_RDWR | O_NOCTTY);
    holds("open /dev/ptmx", master >= 0);
    expect("TIOCGRANTPT", SYS(ioctl, master, TIOCGRANTPT, 0), 0);
    expect("TIOCPTSNAME", SYS(ioctl, master, TIOCPTSNAME, &pair), 0);
    holds("the slave's name", same(pair.sn, "/dev/pts/", 9));
    long number = 0;
    for (const char *digit = pair.sn + 9; *digit; digit++) number = number * 10 + *digit - '0';
    holds("its number instead of descriptors", pair.cfd == number && pair.sfd == number);
    say("the master's name: %s\n", pair.cn);
    stat status;
    expect("stat of the slave", SYS(__stat50, pair.sn, &status), 0);
    holds("a character device of its owner", (status.mode & 0170600) == 0020600);
    holds("owned by its user", status.uid == SYS0(getuid));

    say("what stty asks\n");
    char discipline[32];
    int queue = 0;
    expect("TIOCGLINED", SYS(ioctl, master, TIOCGLINED, discipline), 0);
    say("%s\n", discipline);
    expect("TIOCSLINED", SYS(ioctl, master, TIOCSLINED, discipline), 0);
    expect("TIOCSLINED of none", SYS(ioctl, master, TIOCSLINED, "none\0                          "), -ENXIO);
    expect("TIOCGQSIZE", SYS(ioctl, master, TIOCGQSIZE, &queue), 0);
    holds("some room", queue > 0);

    say("a child on it\n");
    struct termios settings;
    long slave = SYS(open, pair.sn, O_RDWR | O_NOCTTY);
    holds("open the slave", slave >= 0);
    expect("TIOCGETA", SYS(ioctl, slave, TIOCGETA, &settings), 0);
    settings.lflag &= ~ECHO;
    settings.oflag &= ~OPOST;
    expect("TIOCSETA", SYS(ioctl, slave, TIOCSETA, &settings), 0);
    struct size size = {24, 80, 0, 0};
    expect("TIOCSWINSZ", SYS(ioctl, master, TIOCSWINSZ, &size), 0);
    long pid = SYS0(fork);
    if (pid == 0) child();
    told(master);
    SYS(close, slave);
    expect("write to it", SYS(write, master, "hello\n", 6), 6);
    told(master);
    size.row = 50, size.col = 132;
    expect("TIOCSWINSZ", SYS(ioctl, master, TIOCSWINSZ, &size), 0);
    told(master);
    expect("write VINTR", SYS(write, master, &settings.cc[8], 1), 1);
    told(master);
    expect("TIOCSIG of SIGQUIT", SYS(ioctl, master, TIOCSIG, SIGQUIT), 0);
    told(master);
    expect("TIOCSIG of SIGINFO", SYS(ioctl, master, TIOCSIG, SIGINFO), 0);
    told(master);
    int ended = 0;
    expect("wait", SYS(__wait450, pid, &ended, 0, 0) == pid, 1);
    expect("its status", ended, 7 << 8);
    expect("read after its end", SYS(read, master, discipline, 1), 0);
    long again = SYS(open, pair.sn, O_RDWR | O_NOCTTY);
    holds("open the slave again", again >= 0);
    expect("write to it", SYS(write, again, "y", 1), 1);
    expect("read from the master", SYS(read, master, discipline, sizeof discipline), 1);
    expect("TIOCSIG of nothing", SYS(ioctl, master, TIOCSIG, 0), -EINVAL);
}
