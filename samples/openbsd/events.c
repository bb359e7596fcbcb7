// Waiting for events: struct kevent of 32 bytes, poll; struct statfs.
#include "openbsd.h"

typedef struct {
    uint64_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t notes;
    int64_t data;
    void *user;
} event;

static void sample(long argc, char **argv, char **environment) {
    int ends[2];
    SYS(pipe2, ends, 0);
    long queue = SYS0(kqueue);
    event change = {(uint64_t)ends[0], -1, 1, 0, 0, &change}, seen[3] = {0};
    expect("kevent adds", SYS(kevent, queue, &change, 1, 0, 0, 0), 0);
    expect("nothing yet", SYS(kevent, queue, 0, 0, seen, 2, span(0, 0)), 0);
    SYS(write, ends[1], "four", 4);
    expect("kevent tells", SYS(kevent, queue, 0, 0, seen, 2, span(1, 0)), 1);
    expect("bytes to read", seen[0].data, 4);
    holds("whose", seen[0].ident == (uint64_t)ends[0] && seen[0].user == &change);
    expect("the next one is untouched", (long)seen[1].ident, 0);
    event timer = {1, -7, 1, 0, 10, 0};
    SYS(kevent, queue, &timer, 1, 0, 0, 0);
    change.flags = 2;
    expect("a timer in milliseconds", SYS(kevent, queue, &change, 1, seen, 2, span(2, 0)), 1);
    expect("EVFILT_TIMER", seen[0].filter, -7);

    struct { int fd; int16_t events, revents; } entry = {ends[0], 1, 0};
    expect("poll", SYS(poll, &entry, 1, 0), 1);
    expect("POLLIN", entry.revents, 1);

    unsigned char room[576];
    memset(room, 0xee, sizeof room);
    expect("statfs", SYS(statfs, "/", room), 0);
    holds("568 bytes", room[567] == 0 && room[568] == 0xee);
}
