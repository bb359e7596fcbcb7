// The tutorial's program (docs/personalities.md): Tinix's words are the number in rax, arguments in rdi, rsi, rdx
// and r10, and -errno in rax.

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

struct stat {
    long size;
    unsigned short mode, uid, gid, padding;
    unsigned links;
    long inode;
};

void _start(void) {
    static const char text[] = "hello from Tinix\n";
    long file = call(3, (long)"hello.txt", 2 | 0x10 | 0x20, 0644);
    call(2, file, (long)text, 17);
    struct stat st;
    call(5, file, (long)&st, 0);
    call(4, file, 0, 0);
    call(2, 1, (long)text, st.size);
    long secret = call(3, (long)"hello.txt", 1 | 0x80, 0);
    long beeped = call(7, 440, 0, 0);
    call(0, st.size == 17 && st.mode == 0100644 && secret == -9 && beeped == -10 ? 0 : 1, 0, 0);
}

// The note by which an image says that it is for Tinix.
__attribute__((section(".note.tinix"), used, aligned(4))) static const struct {
    unsigned owner_size, size, type;
    char owner[8];
    unsigned release;
} note = {6, 4, 1, "Tinix", 100};
