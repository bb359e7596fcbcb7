/// Terminals: posix_openpt(2), names, termios, sizes, sessions, foreground groups, characters that send signals, packets.
#include "freebsd.h"

enum {
    SYS_posix_openpt = 504, O_NOCTTY = 0x8000, EIO = 5, WNOHANG = 1, WUNTRACED = 2,
    FIODGNAME = 0x80106678, FIONREAD = 0x4004667f,
    TIOCFLUSH = 0x80047410, TIOCGETA = 0x402c7413, TIOCSETA = 0x802c7414, TIOCSETAF = 0x802c7416, TIOCPTMASTER = 0x2000741c,
    TIOCDRAIN = 0x2000745e, TIOCSIG = 0x2004745f, TIOCEXT = 0x80047460, TIOCSCTTY = 0x20007461, TIOCSTAT = 0x20007465, TIOCGSID = 0x40047463,
    TIOCSWINSZ = 0x80087467, TIOCGWINSZ = 0x40087468, TIOCSTART = 0x2000746e, TIOCSTOP = 0x2000746f, TIOCPKT = 0x80047470,
    TIOCSTI = 0x80017472, TIOCOUTQ = 0x40047473, TIOCSPGRP = 0x80047476, TIOCGPGRP = 0x40047477,
    SIGQUIT = 3, SIGTTIN = 21, SIGTTOU = 22,
    // sys/_termios.h
    BRKINT = 2, ICRNL = 0x100, IXON = 0x200, IXOFF = 0x400, IUTF8 = 0x4000, OPOST = 1, ONLCR = 2, TAB3 = 4, CS7 = 0x200, CS8 = 0x300,
    PARENB = 0x1000, ECHOKE = 1, ECHOE = 2, ECHO = 8, ECHOCTL = 0x40, ISIG = 0x80, ICANON = 0x100, IEXTEN = 0x400, EXTPROC = 0x800,
    TOSTOP = 0x400000, NOFLSH = (int)0x80000000,
    VEOF = 0, VERASE = 3, VERASE2 = 7, VINTR = 8, VQUIT = 9, VSUSP = 10, VDSUSP = 11, VMIN = 16, VTIME = 17, VSTATUS = 18,
    DISABLED = 0xff,
};
typedef struct { uint32_t iflag, oflag, cflag, lflag; uint8_t cc[20]; uint32_t ispeed, ospeed; } termios;
typedef struct { uint16_t row, col, x, y; } winsize;
_Static_assert(sizeof(termios) == 44, "sys/_termios.h");

static long master;
static char path[40];
static volatile int heard[32];
static void hears(int signal) { heard[signal]++; }

/// Types on the terminal's other side.
static void type(const char *text) { SYS(write, master, text, length(text)); }

/// Reads what has appeared within half a second, as text without control characters.
static const char *shown(long descriptor) {
    static char text[128];
    struct { int32_t fd; int16_t events, revents; } wait = {(int32_t)descriptor, 1, 0};
    long count = SYS(poll, &wait, 1, 500) == 1 ? SYS(read, descriptor, text, 127) : 0;
    size_t used = 0;
    for (long index = 0; index < count; index++)
        if (text[index] >= ' ') text[used++] = text[index];
    text[used] = 0;
    return text;
}

static void show(const char *what, long descriptor) {
    const char *text = shown(descriptor);
    say("%s: %s\n", what, text);
}

static int status_of(long child, int options) {
    int status = -1;
    long got;
    while ((got = SYS(wait4, child, &status, options, 0)) == -EINTR) continue;
    return got == child ? status : (int)got;
}

static void settings(long slave) {
    termios first, second;
    say("termios\n");
    expect("TIOCGETA", SYS(ioctl, slave, TIOCGETA, &first), 0);
    expect("a new terminal's local flags", first.lflag & (ECHO | ECHOE | ECHOKE | ECHOCTL | ISIG | ICANON | IEXTEN),
           ECHO | ECHOE | ECHOKE | ECHOCTL | ISIG | ICANON | IEXTEN);
    expect("its output flags", first.oflag, OPOST | ONLCR);
    expect("its characters' size", first.cflag & CS8, CS8);
    expect("^D ^? ^C ^\\ ^Z", first.cc[VEOF] << 8 | first.cc[VINTR], 4 << 8 | 3);
    termios other = first;
    other.iflag = BRKINT | IXON | IXOFF | IUTF8;
    other.oflag = OPOST | TAB3;
    other.cflag = (other.cflag & ~CS8) | CS7 | PARENB;
    other.lflag = ISIG | IEXTEN | TOSTOP | NOFLSH;
    other.cc[VINTR] = 'i' & 0x1f;
    other.cc[VQUIT] = DISABLED;
    other.cc[VERASE2] = 8;
    other.cc[VDSUSP] = 'y' & 0x1f;
    other.cc[VSTATUS] = 't' & 0x1f;
    other.cc[VMIN] = 0;
    other.cc[VTIME] = 3;
    other.ispeed = other.ospeed = 115200;
    expect("TIOCSETAF", SYS(ioctl, slave, TIOCSETAF, &other), 0);
    SYS(ioctl, slave, TIOCGETA, &second);
    expect("input flags", second.iflag, other.iflag);
    expect("output flags", second.oflag, other.oflag);
    holds("local flags", second.lflag == other.lflag);
    expect("a pseudo-terminal has eight bits and no parity", second.cflag & (CS8 | PARENB), CS8);
    expect("VINTR", second.cc[VINTR], 'i' & 0x1f);
    expect("VQUIT off", second.cc[VQUIT], DISABLED);
    expect("VERASE2, VDSUSP, VSTATUS", second.cc[VERASE2] << 16 | second.cc[VDSUSP] << 8 | second.cc[VSTATUS], 0x081914);
    expect("VMIN", second.cc[VMIN], 0);
    expect("VTIME", second.cc[VTIME], 3);
    expect("115200 bit/s", second.ospeed, 115200);
    char byte;
    expect("read after VTIME", SYS(read, slave, &byte, 1), 0);
    type("r");
    expect("read a character", SYS(read, slave, &byte, 1), 1);
    SYS(ioctl, slave, TIOCSETA, &first);
    show("no echo", master);
    type("ab\177c\n");
    show("the line", slave);
    show("its echo", master);
    type("wx\n");
    nap(20);
    int count = 0, both = 0;
    expect("FIONREAD", SYS(ioctl, slave, FIONREAD, &count), 0);
    expect("to be read", count, 3);
    expect("TIOCFLUSH", SYS(ioctl, slave, TIOCFLUSH, &both), 0);
    SYS(ioctl, slave, FIONREAD, &count);
    expect("to be read then", count, 0);
    shown(master);
    count = 1;
    expect("TIOCEXT", SYS(ioctl, master, TIOCEXT, &count), 0);
    SYS(ioctl, slave, TIOCGETA, &second);
    expect("EXTPROC", second.lflag & EXTPROC, EXTPROC);
    count = 0;
    SYS(ioctl, master, TIOCEXT, &count);
    expect("TIOCDRAIN", SYS(ioctl, slave, TIOCDRAIN, 0), 0);
    expect("TIOCOUTQ", SYS(ioctl, slave, TIOCOUTQ, &count), 0);
}

/// Takes a text from the front of another; 0 where it is not there.
static int take(const char **text, const char *wanted) {
    if (!same(*text, wanted, length(wanted))) return 0;
    *text += length(wanted);
    return 1;
}

/// The same with a decimal number of this many digits behind its point.
static int take_number(const char **text, int decimals, long *value) {
    *value = 0;
    if (**text < '0' || **text > '9') return 0;
    while (**text >= '0' && **text <= '9') *value = *value * 10 + *(*text)++ - '0';
    if (decimals == 0) return 1;
    if (*(*text)++ != '.') return 0;
    for (int digit = 0; digit < decimals; digit++, (*text)++) {
        if (**text < '0' || **text > '9') return 0;
        *value = *value * 10 + **text - '0';
    }
    return 1;
}

/// Whether a status line is about a process of this program that does this, with times and sizes that can be.
static int is_status(const char *text, long pid, const char *state) {
    long load, number, real, user, system, use, resident;
    return take(&text, "load: ") && take_number(&text, 2, &load) && take(&text, "  cmd: terminals ") &&
           take_number(&text, 0, &number) && number == pid && take(&text, " [") && take(&text, state) && take(&text, "] ") &&
           take_number(&text, 2, &real) && real < 3000 && take(&text, "r ") && take_number(&text, 2, &user) && take(&text, "u ") &&
           take_number(&text, 2, &system) && take(&text, "s ") && user + system <= real + 2 && take_number(&text, 0, &use) &&
           use <= 100 && take(&text, "% ") && take_number(&text, 0, &resident) && resident > 0 && take(&text, "k") && !*text;
}

static void hold_status(const char *what, long pid, const char *state) {
    const char *text = shown(master);
    int truth = is_status(text, pid, state);
    holds(what, truth);
    if (!truth) say("%s\n", text);
}

/// The session that lives on the terminal; `gate` tells the other side that a step is done.
static void session(long gate, long go) {
    char byte;
    int group = 0, own = (int)SYS0(getpid);
    say("in a session\n");
    expect("setsid", SYS0(setsid) == own, 1);
    long slave = SYS(open, path, O_RDWR, 0);
    holds("open", slave >= 0);
    expect("opening gives no controlling terminal", SYS(open, "/dev/tty", O_RDWR, 0), -6); // ENXIO
    expect("nor a group", SYS(ioctl, slave, TIOCGPGRP, &group), -ENOTTY);
    expect("TIOCSCTTY", SYS(ioctl, slave, TIOCSCTTY, 0), 0);
    expect("TIOCGPGRP", SYS(ioctl, slave, TIOCGPGRP, &group), 0);
    holds("our group", group == own);
    expect("TIOCGSID", SYS(ioctl, slave, TIOCGSID, &group), 0);
    holds("our session", group == own);
    long tty = SYS(open, "/dev/tty", O_RDWR, 0);
    holds("/dev/tty", tty >= 0);
    long typed = SYS(ioctl, tty, TIOCSTI, "\n"); // Linux may be told to refuse it: dev.tty.legacy_tiocsti
    holds("TIOCSTI", typed == -EIO || (typed == 0 && SYS(read, slave, &byte, 1) == 1));
    sigaction listen = {hears, SA_RESTART, {{0}}}, ignore = {(void *)1, 0, {{0}}};
    SYS(sigaction, SIGINT, &listen, 0);
    SYS(sigaction, SIGWINCH, &listen, 0);
    SYS(sigaction, SIGINFO, &listen, 0);
    SYS(sigaction, SIGUSR1, &listen, 0);
    SYS(sigaction, SIGTTOU, &ignore, 0);
    SYS(write, gate, "1", 1);
    SYS(read, go, &byte, 1);
    long reader = SYS(open, path, O_RDONLY, 0);
    expect("TIOCSTAT", SYS(ioctl, slave, TIOCSTAT, 0), 0);
    SYS(write, gate, "s", 1);
    SYS(read, go, &byte, 1);
    expect("by what cannot write", SYS(ioctl, reader, TIOCSTAT, 0), 0);
    SYS(close, reader);
    SYS(write, gate, "s", 1);
    SYS(read, go, &byte, 1);
    expect("SIGWINCH", heard[SIGWINCH], 1);
    expect("SIGINT by ^C", heard[SIGINT], 1);
    expect("SIGUSR1 by TIOCSIG", heard[SIGUSR1], 1);
    expect("SIGINFO by TIOCSIG", heard[SIGINFO], 1);
    winsize size = {0, 0, 0, 0};
    expect("TIOCGWINSZ", SYS(ioctl, slave, TIOCGWINSZ, &size), 0);
    expect("rows and columns", size.row * 1000 + size.col, 50132);

    say("jobs\n");
    long job = SYS0(fork);
    if (job == 0) {
        SYS(setpgid, 0, 0);
        char line[32];
        long count = SYS(read, slave, line, 31); // stops: the terminal is another group's
        leave(count == 4 ? 4 : 1);
    }
    SYS(setpgid, job, job);
    expect("stopped reading in the background", status_of(job, WUNTRACED), SIGTTIN << 8 | 0x7f);
    group = (int)job;
    expect("TIOCSPGRP", SYS(ioctl, slave, TIOCSPGRP, &group), 0);
    SYS(kill, -job, SIGCONT);
    SYS(write, gate, "2", 1);
    expect("stopped by ^Z", status_of(job, WUNTRACED), SIGTSTP << 8 | 0x7f);
    SYS(kill, -job, SIGCONT);
    SYS(write, gate, "3", 1);
    expect("has read its line", status_of(job, 0), 4 << 8);
    job = SYS0(fork);
    if (job == 0) {
        SYS(setpgid, 0, 0);
        sigaction usual = {0, 0, {{0}}};
        SYS(sigaction, SIGTTOU, &usual, 0);
        termios quiet;
        SYS(ioctl, slave, TIOCGETA, &quiet);
        leave(SYS(ioctl, slave, TIOCSETA, &quiet)); // stops as well
    }
    SYS(setpgid, job, job);
    group = own;
    expect("take the terminal back", SYS(ioctl, slave, TIOCSPGRP, &group), 0);
    expect("stopped changing it in the background", status_of(job, WUNTRACED), SIGTTOU << 8 | 0x7f);
    SYS(kill, -job, SIGKILL);
    expect("killed", status_of(job, 0), SIGKILL);
    job = SYS0(fork);
    if (job == 0) {
        SYS(setpgid, 0, 0);
        sigaction usual = {0, 0, {{0}}};
        SYS(sigaction, SIGTTOU, &usual, 0);
        leave(SYS(ioctl, slave, TIOCSTAT, 0)); // stops as well
    }
    expect("stopped asking for a status line", status_of(job, WUNTRACED), SIGTTOU << 8 | 0x7f);
    SYS(kill, job, SIGKILL);
    expect("killed", status_of(job, 0), SIGKILL);
    expect("a group of no one", SYS(ioctl, slave, TIOCSPGRP, ((int[]){999999})) < 0, 1);

    char *shell[] = {"sh", "-c", "[ -t 0 ] && stty size && stty speed", 0}, *none[] = {0};
    job = SYS0(fork);
    if (job == 0) {
        for (long standard = 0; standard < 3; standard++) SYS(dup2, slave, standard);
        SYS(execve, "/bin/sh", shell, none);
        leave(1);
    }
    expect("a Linux program on it", status_of(job, 0), 0);
    SYS(write, gate, "4", 1);
    leave(wrong ? 1 : 9);
}

static void sample(long argc, char **argv, char **environment) {
    struct { int32_t length; char *buffer; } name = {32, path + 5};
    memcpy(path, "/dev/", 5);
    expect("posix_openpt of what it does not know", SYS(posix_openpt, O_RDWR | O_NONBLOCK), -EINVAL);
    master = SYS(posix_openpt, O_RDWR | O_NOCTTY | O_CLOEXEC);
    holds("posix_openpt", master >= 0);
    expect("close-on-exec", SYS(fcntl, master, F_GETFD, 0), 1);
    expect("TIOCPTMASTER", SYS(ioctl, master, TIOCPTMASTER, 0), 0);
    expect("FIODGNAME", SYS(ioctl, master, FIODGNAME, &name), 0);
    holds("its slave's name", same(path, "/dev/pts/", 9) && path[9]);
    name.length = 4;
    expect("no room for the name", SYS(ioctl, master, FIODGNAME, &name), -EINVAL);
    long slave = SYS(open, path, O_RDWR | O_NOCTTY, 0);
    holds("open the slave", slave >= 0);
    expect("no master", SYS(ioctl, slave, TIOCPTMASTER, 0), -ENOTTY);
    expect("no signals from this side", SYS(ioctl, slave, TIOCSIG, SIGINT), -ENOTTY);
    stat file;
    expect("fstat", SYS(fstat, slave, &file), 0);
    expect("a character device", file.mode & 0170000, 020000);
    long null = SYS(open, "/dev/null", O_RDWR, 0);
    termios nothing;
    expect("no terminal", SYS(ioctl, null, TIOCGETA, &nothing), -ENOTTY);
    expect("no status line", SYS(ioctl, null, TIOCSTAT, 0), -ENOTTY);
    expect("TIOCSTAT without a session", SYS(ioctl, slave, TIOCSTAT, 0), 0);
    const char *status = shown(master);
    long load;
    holds("says so", take(&status, "load: ") && take_number(&status, 2, &load) && same(status, " not a controlling terminal", 28));
    expect("nowhere", SYS(ioctl, slave, TIOCGETA, 16), -EFAULT);
    settings(slave);

    int gate[2], go[2], on = 1, off = 0;
    char byte;
    SYS(pipe2, gate, 0);
    SYS(pipe2, go, 0);
    SYS(ioctl, master, TIOCSWINSZ, (&(winsize){24, 80, 0, 0}));
    long child = SYS0(fork);
    if (child == 0) session(gate[1], go[0]);
    SYS(close, gate[1]);
    SYS(close, go[0]);
    SYS(read, gate[0], &byte, 1);
    shown(master);
    say("status lines\n");
    nap(20);
    expect("TIOCSTAT of a master", SYS(ioctl, master, TIOCSTAT, 0), 0);
    hold_status("what the session does", child, "piperd");
    for (int turn = 0; turn < 2; turn++) {
        SYS(write, go[1], "g", 1);
        SYS(read, gate[0], &byte, 1);
        hold_status("the session itself", child, "running");
    }
    SYS(ioctl, master, TIOCSWINSZ, (&(winsize){50, 132, 0, 0}));
    type("\003");
    long sent = SYS(ioctl, master, TIOCSIG, SIGUSR1), more = SYS(ioctl, master, TIOCSIG, SIGINFO);
    long none = SYS(ioctl, master, TIOCSIG, 0), many = SYS(ioctl, master, TIOCSIG, 999);
    nap(50);
    shown(master);
    SYS(write, go[1], "g", 1);
    SYS(read, gate[0], &byte, 1);
    nap(50);
    type("\032");
    SYS(read, gate[0], &byte, 1);
    nap(50);
    type("job\n");
    SYS(read, gate[0], &byte, 1);
    // What was written to the slave arrives piece by piece.
    static char whole[256];
    size_t used = 0;
    const char *text = whole;
    for (int pieces = 0; pieces < 20 && !same(text, "50 13238400", 11); pieces++) {
        const char *piece = shown(master);
        for (size_t index = 0; piece[index] && used < sizeof whole - 1; index++) whole[used++] = piece[index];
        for (text = whole; text[0] && !same(text, "50 132", 6);) text++;
    }
    holds("what Linux's stty wrote of size and speed", same(text, "50 13238400", 11));
    expect("the session's status", status_of(child, 0), 9 << 8);
    expect("TIOCSIG", sent | more, 0);
    expect("TIOCSIG of nothing", none, -EINVAL);
    expect("TIOCSIG of what there is not", many, -EINVAL);

    say("packets\n");
    SYS(write, slave, "text", 4);
    expect("TIOCPKT", SYS(ioctl, master, TIOCPKT, &on), 0);
    char packet[16];
    expect("data", SYS(read, master, packet, 16), 5);
    expect("TIOCPKT_DATA", packet[0], 0);
    SYS(ioctl, slave, TIOCFLUSH, &off);
    expect("control", SYS(read, master, packet, 16), 1);
    expect("TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHWRITE", packet[0], 3);
    expect("TIOCSTOP", SYS(ioctl, slave, TIOCSTOP, 0), 0);
    expect("TIOCSTART", SYS(ioctl, slave, TIOCSTART, 0), 0);
    SYS(ioctl, master, TIOCPKT, &off);

    say("the end\n");
    SYS(write, slave, "last", 4);
    SYS(close, slave);
    expect("what is left", SYS(read, master, packet, 16), 4);
    expect("read without a slave", SYS(read, master, packet, 16), 0);
    slave = SYS(open, path, O_RDWR | O_NOCTTY, 0);
    SYS(close, master);
    expect("read without a master", SYS(read, slave, packet, 16), 0);
    expect("write", SYS(write, slave, "x", 1) < 0, 1);
}
