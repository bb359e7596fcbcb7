/// Works with files, pipes, processes and memory, checks every result, and tells the first call that failed: it ends with
/// status 0 and the right sums, or with status 1 and an error. Anything else is Persona's mistake.
#include "../../samples/freebsd/freebsd.h"

enum { FILES = 12, BLOCK = 3000 };

static void give_up(const char *what, long error) {
    char text[128];
    size_t used = length(what);
    memcpy(text, what, used);
    memcpy(text + used, ": error ", 8);
    used += 8;
    error = -error;
    if (error >= 10) text[used++] = (char)('0' + error / 10 % 10);
    text[used++] = (char)('0' + error % 10);
    text[used++] = '\n';
    // What cannot be told is told by the status.
    for (int attempt = 0; attempt < 100 && SYS(write, 2, text, used) < 0; attempt++) continue;
    leave(1);
}

/// Begins a call again that a signal has ended, as programs do.
static long sure(const char *what, long result) {
    if (result < 0) give_up(what, result);
    return result;
}
#define AGAIN(what, form) ({ long result_; while ((result_ = (form)) == -EINTR) continue; sure(what, result_); })

static void put(long file, const char *bytes, long count) {
    while (count > 0) {
        long written = AGAIN("write", SYS(write, file, bytes, count));
        if (written == 0) give_up("write of nothing", -1);
        bytes += written, count -= written;
    }
}

static unsigned long sum_of(long file) {
    static char bytes[700];
    unsigned long sum = 0, count;
    while ((count = (unsigned long)AGAIN("read", SYS(read, file, bytes, sizeof bytes))) > 0)
        for (unsigned long index = 0; index < count; index++) sum = sum * 31 + (unsigned char)bytes[index];
    return sum;
}

static void sample(long argc, char **argv, char **environment) {
    char name[] = "file-a", *block = 0;
    unsigned long sum = 0;
    if (argc > 1) leave(argv[1][0] == 'e' ? 7 : 1);
    for (int index = 0; index < FILES; index++) {
        name[5] = (char)('a' + index);
        long address = sure("mmap", SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0));
        block = (char *)address;
        for (int at = 0; at < BLOCK; at++) block[at] = (char)(at * 7 + index);
        long file = AGAIN("open", SYS(open, name, O_RDWR | O_CREAT | O_TRUNC, 0644));
        put(file, block, BLOCK);
        stat status;
        sure("fstat", SYS(fstat, file, &status));
        if (status.size != BLOCK) give_up("size", -99);
        sure("close", SYS(close, file));
        file = AGAIN("open to read", SYS(open, name, O_RDONLY));
        sum += sum_of(file);
        sure("close", SYS(close, file));
        sure("munmap", SYS(munmap, block, 4096));
    }
    for (int index = 0; index < 6; index++) {
        int ends[2];
        sure("pipe2", SYS(pipe2, ends, 0));
        long child = sure("fork", SYS0(fork));
        if (child == 0) {
            SYS(close, ends[0]);
            put(ends[1], "through the pipe", 16);
            char *words[] = {argv[0], "end", 0};
            if (index & 1) leave(7);
            long result = SYS(execve, argv[0], words, environment);
            give_up("execve", result);
        }
        sure("close", SYS(close, ends[1]));
        sum += sum_of(ends[0]);
        sure("close", SYS(close, ends[0]));
        int status = -1;
        AGAIN("wait4", SYS(wait4, child, &status, 0, 0));
        // Who could not be started was told why on standard error, by Persona or the kernel, and killed.
        if (status != 7 << 8) give_up("a child", -1);
    }
    for (int index = 0; index < FILES; index++) {
        name[5] = (char)('a' + index);
        sure("unlink", SYS(unlink, name));
    }
    char line[] = "sum 0000000000000000\n";
    for (int digit = 0; digit < 16; digit++) line[4 + digit] = "0123456789abcdef"[sum >> (60 - 4 * digit) & 15];
    put(1, line, sizeof line - 1);
    leave(0);
}
