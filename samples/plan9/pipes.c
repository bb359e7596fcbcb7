// pipe(2): both ends read and write, a read takes from one write, and what it leaves is not lost.
#include "plan9.h"

static char buffer[200000], line[256];

void start(long argc, char **argv) {
    int ends[2];
    fails("pipe at nowhere", call(PIPE, 0x10, 0, 0, 0), "bad arg in system call");
    expect("pipe", call(PIPE, (long)ends, 0, 0, 0), 0);
    expect("one way", write(ends[0], "there", 5), 5);
    expect("the other way", write(ends[1], "and back", 8), 8);
    expect("read", read(ends[1], buffer, sizeof buffer), 5);
    expect("read", read(ends[0], buffer, sizeof buffer), 8);
    write(ends[0], "first", 5);
    write(ends[0], "second", 6);
    expect("one write at a time", read(ends[1], buffer, sizeof buffer), 5);
    expect("a part", read(ends[1], buffer, 2), 2);
    expect("the rest", read(ends[1], buffer, sizeof buffer), 4);
    buffer[4] = 0;
    expect_text("of it", buffer, "cond");
    write(ends[0], "", 0);
    write(ends[0], "x", 1);
    expect("a write of nothing", read(ends[1], buffer, sizeof buffer), 0);
    expect("and the next", read(ends[1], buffer, sizeof buffer), 1);

    // A long write is several blocks, which wait for a reader.
    if (rfork(RFPROC | RFFDG) == 0) {
        close(ends[1]);
        for (long index = 0; index < (long)sizeof buffer; index++) buffer[index] = (char)(index * 7);
        done(write(ends[0], buffer, sizeof buffer) == sizeof buffer ? 0 : "short");
    }
    close(ends[0]);
    long total = 0, count, wrong = 0, largest = 0;
    while ((count = read(ends[1], line, sizeof line)) > 0) {
        for (long index = 0; index < count; index++) wrong += line[index] != (char)((total + index) * 7);
        total += count;
        if (count > largest) largest = count;
    }
    expect("the end", count, 0);
    expect("bytes", total, sizeof buffer);
    expect("wrong ones", wrong, 0);
    await(line, sizeof line);
    expect_text("the writer", message(line), "");
    expect("the end again", read(ends[1], buffer, 10), 0);
    close(ends[1]);
    fails("read of what is closed", read(ends[1], buffer, 10), "fd out of range or not open");
}
