/// Pseudo-terminals: ptm(4), /dev/ptmx, their names and settings.
#include "netbsd.h"

enum { TIOCPTMGET = 0x48087446, TIOCGRANTPT = 0x20007447, TIOCPTSNAME = 0x48087448, TIOCGETA = 0x402c7413,
       TIOCSETA = 0x802c7414, TIOCSWINSZ = 0x80087467, TIOCGWINSZ = 0x40087468 };
enum { ECHO = 8, ICANON = 0x100, ISIG = 0x80 };
static struct { int32_t cfd, sfd; char cn[1024], sn[1024]; } pair;
struct termios { uint32_t iflag, oflag, cflag, lflag; uint8_t cc[20]; int32_t ispeed, ospeed; };

static void sample(long argc, char **argv, char **environment) {
    char text[32] = "";
    long multiplexer = SYS(open, "/dev/ptm", O_RDWR);
    holds("open /dev/ptm", multiplexer >= 0);
    expect("TIOCPTMGET", SYS(ioctl, multiplexer, TIOCPTMGET, &pair), 0);
    holds("both sides", pair.cfd >= 0 && pair.sfd >= 0);
    holds("the slave's name", same(pair.sn, "/dev/pts/", 9) && pair.sn[9]);
    expect("close /dev/ptm", SYS(close, multiplexer), 0);
    struct termios settings;
    expect("TIOCGETA", SYS(ioctl, pair.sfd, TIOCGETA, &settings), 0);
    expect("ECHO, ICANON and ISIG", settings.lflag & (ECHO | ICANON | ISIG), ECHO | ICANON | ISIG);
    settings.lflag &= ~ECHO;
    expect("TIOCSETA", SYS(ioctl, pair.sfd, TIOCSETA, &settings), 0);
    expect("write to the master", SYS(write, pair.cfd, "line\n", 5), 5);
    expect("read from the slave", SYS(read, pair.sfd, text, sizeof text), 5);
    expect("write to the slave", SYS(write, pair.sfd, "word", 4), 4);
    expect("read from the master", SYS(read, pair.cfd, text, sizeof text), 4);
    struct { uint16_t row, col, x, y; } size = {24, 80, 0, 0};
    expect("TIOCSWINSZ", SYS(ioctl, pair.cfd, TIOCSWINSZ, &size), 0);
    size.row = 0;
    expect("TIOCGWINSZ", SYS(ioctl, pair.sfd, TIOCGWINSZ, &size), 0);
    expect("rows", size.row, 24);
    long null = SYS(open, "/dev/null", O_RDWR);
    expect("not a terminal", SYS(ioctl, null, TIOCGETA, &settings), -ENOTTY);

    say("/dev/ptmx\n");
    long master = SYS(open, "/dev/ptmx", O_RDWR | O_NOCTTY);
    holds("open", master >= 0);
    expect("TIOCGRANTPT", SYS(ioctl, master, TIOCGRANTPT, 0), 0);
    expect("TIOCPTSNAME", SYS(ioctl, master, TIOCPTSNAME, &pair), 0);
    long slave = SYS(open, pair.sn, O_RDWR | O_NOCTTY);
    holds("open the slave", slave >= 0);
    SYS(write, master, "x\n", 2);
    expect("read from it", SYS(read, slave, text, sizeof text), 2);
    expect("TIOCPTSNAME of a slave", SYS(ioctl, slave, TIOCPTSNAME, &pair), 0);
    expect("TIOCPTSNAME of no terminal", SYS(ioctl, null, TIOCPTSNAME, &pair), -ENOTTY);
}
