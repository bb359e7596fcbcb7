// kqueue with DragonFly's own numbers, and files by its own layouts.
#include "dragonfly.h"

typedef struct { uint64_t ident; int16_t filter; uint16_t flags; uint32_t fflags; int64_t data; void *udata; } kevent_t;

static kevent_t told[4];

static long changes(int queue, kevent_t change) { return SYS(363, queue, &change, 1, 0, 0, 0); }
static long waits(int queue, long milliseconds) {
    long limit[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    return SYS(363, queue, 0, 0, told, 4, limit);
}

static void program(void) {
    int queue = (int)SYS(362);
    long read_end, write_end;
    __asm__ volatile("syscall" : "=a"(read_end), "=d"(write_end) : "a"(538), "D"(0), "S"(0x20000) : "rcx", "r11", "memory");
    expect("pipe2 with O_CLOEXEC", SYS(92, read_end, 1, 0), 1);
    expect("EVFILT_READ", changes(queue, (kevent_t){read_end, -1, 1, 0, 0, 0}), 0);
    expect("nothing yet", waits(queue, 0), 0);
    SYS(4, write_end, "hello", 5);
    expect("one event", waits(queue, 1000), 1);
    expect("5 bytes", told[0].data, 5);
    SYS(6, write_end);
    char text[8];
    SYS(3, read_end, text, 5);
    expect("the end", waits(queue, 1000), 1);
    expect("EV_EOF, EV_NODATA, EV_HUP", told[0].flags, 0x9800);
    expect("EV_DELETE", changes(queue, (kevent_t){read_end, -1, 2, 0, 0, 0}), 0);
    expect("EVFILT_USER is -9", changes(queue, (kevent_t){1, -9, 0x21, 0, 0, 0}), 0);
    expect("NOTE_TRIGGER", changes(queue, (kevent_t){1, -9, 0, 0x1000000, 0, 0}), 0);
    expect("told", waits(queue, 0), 1);
    expect("as -9", told[0].filter, -9);
    expect("once", waits(queue, 0), 0);
    expect("-11 is no filter: EINVAL", changes(queue, (kevent_t){1, -11, 1, 0, 0, 0}), -22);
    expect("0 is no filter: EINVAL", changes(queue, (kevent_t){1, 0, 1, 0, 0, 0}), -22);
    expect("a timer of 5 ms", changes(queue, (kevent_t){2, -7, 0x11, 0, 5, 0}), 0);
    expect("runs out", waits(queue, 2000), 1);

    int file = (int)SYS(504, 0xfffafdcd, "file", 0x20a02, 0600);  // AT_FDCWD, O_CLOEXEC|O_EXCL|O_CREAT|O_RDWR
    expect("openat", file > 2, 1);
    expect("write", SYS(4, file, "0123456789", 10), 10);
    expect("extpread at 4", SYS(173, file, text, 4, 0, 4), 4);
    expect("reads '4'", text[0], '4');
    expect("lseek", SYS(199, file, 0, 2, 0), 2);
    expect("extpread where it is", SYS(173, file, text, 4, 0, -1), 4);
    expect("reads '2'", text[0], '2');
    uint64_t status[16];
    expect("fstat", SYS(476, file, status), 0);
    expect("st_size", status[10], 10);
    expect("st_nlink", (uint32_t)status[1], 1);
    expect("unlinkat", SYS(508, 0xfffafdcd, "file", 0), 0);
    expect("fstatat: ENOENT", SYS(505, 0xfffafdcd, "file", status, 0), -2);
    int folder = (int)SYS(5, ".", 0x8000000, 0);  // O_DIRECTORY
    static char entries[4096];
    expect("getdirentries: . and ..", SYS(479, folder, entries, sizeof entries, 0), 48);
    expect("d_namlen + 1st", *(uint16_t *)(entries + 8) + *(uint16_t *)(entries + 32), 3);
}
