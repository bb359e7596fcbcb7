/// Makes getppid(2) in all the forms that compilers and C libraries have for a call, often enough for each place to become a
/// jump; then writes its process id and waits for the end of its input, while Tests/sites.py looks at its text. The numbers
/// of these calls are the same on all BSDs.
enum { SYS_exit = 1, SYS_read = 3, SYS_write = 4, SYS_getpid = 20, SYS_getppid = 39, OFTEN = 200 };

// What lies before a site lets it be decoded; the first one of a text has nothing.
__asm__(".text\n .fill 128, 1, 0x90\n"
        // FreeBSD's, NetBSD's and OpenBSD's C libraries
        ".globl bsd_stub\n .type bsd_stub,@function\n bsd_stub: movl $39, %eax\n movq %rcx, %r10\n syscall\n jb 1f\n1: ret\n"
        ".size bsd_stub, .-bsd_stub\n .balign 16\n"
        // DragonFly's
        ".globl dragonfly_stub\n .type dragonfly_stub,@function\n dragonfly_stub: movq $39, %rax\n movq %rcx, %r10\n syscall\n jb 1f\n1: ret\n"
        ".size dragonfly_stub, .-dragonfly_stub\n .balign 16\n"
        // illumos's
        ".globl illumos_stub\n .type illumos_stub,@function\n illumos_stub: movq %rcx, %r10\n movl $39, %eax\n syscall\n jb 1f\n1: ret\n"
        ".size illumos_stub, .-illumos_stub\n .balign 16\n"
        // Solaris's
        ".globl solaris_stub\n .type solaris_stub,@function\n solaris_stub: movl $39, %eax\n syscall\n ret\n"
        ".size solaris_stub, .-solaris_stub\n .balign 16\n"
        // Go's
        ".globl go_stub\n .type go_stub,@function\n go_stub: subq $16, %rsp\n movq $39, 8(%rsp)\n movq 8(%rsp), %rax\n syscall\n"
        " addq $16, %rsp\n ret\n"
        ".size go_stub, .-go_stub\n .balign 16\n"
        // syscall(2)'s of the BSDs: the number is an argument
        ".globl any_stub\n .type any_stub,@function\n any_stub: movq %rdi, %rax\n movq %rsi, %rdi\n movq %rdx, %rsi\n movq %rcx, %rdx\n"
        " movq %r8, %r10\n movq %r9, %r8\n movq 8(%rsp), %r9\n syscall\n ret\n .size any_stub, .-any_stub\n");
long bsd_stub(void), dragonfly_stub(void), illumos_stub(void), solaris_stub(void), go_stub(void), any_stub(long, ...);

static inline long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result), "+d"(c) : "0"(number), "D"(a), "S"(b) : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    return result;
}

/// The compiler puts the call into the loop.
__attribute__((noinline)) long inline_call(void) {
    long sum = 0;
    for (int turn = 0; turn < OFTEN; turn++) sum += call(SYS_getppid, 0, 0, 0);
    return sum / OFTEN;
}

__attribute__((noinline)) long inline_read(void *buffer, long count) { return call(SYS_read, -1, (long)buffer, count); }

static void number(long value) {
    char text[24];
    int at = sizeof text;
    text[--at] = '\n';
    do text[--at] = (char)('0' + value % 10); while (value /= 10);
    call(SYS_write, 1, (long)text + at, (long)sizeof text - at);
}

void _start(void) {
    long parent = inline_call(), wrong = 0;
    char byte;
    for (int turn = 0; turn < OFTEN; turn++) {
        wrong |= bsd_stub() ^ parent;
        wrong |= dragonfly_stub() ^ parent;
        wrong |= illumos_stub() ^ parent;
        wrong |= solaris_stub() ^ parent;
        wrong |= go_stub() ^ parent;
        wrong |= any_stub(SYS_getppid, 0, 0, 0, 0, 0, 0) ^ parent;
        inline_read(&byte, 1);
    }
    number(call(SYS_getpid, 0, 0, 0));
    while (call(SYS_read, 0, (long)&byte, 1) > 0) {}
    call(SYS_exit, wrong != 0, 0, 0);
}
