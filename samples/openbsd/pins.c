// The places of system calls: a static program's list (PT_OPENBSD_SYSCALLS), what its kernel fixes and fills at exec,
// pinsyscalls, memory that is written and executed.
#include "openbsd.h"

enum { ENOTSUP = 91, E2BIG = 7 };

/// Where a call is made: an instruction of its own, that the list names.
#define STUB(name, number)                                \
    __asm__(".text\n.globl " name "\n" name ":\n"         \
            "        movl $" #number ", %eax\n"           \
            "        movq %rcx, %r10\n"                   \
            "1:      syscall\n"                           \
            "        jnc 2f\n"                            \
            "        negq %rax\n"                         \
            "2:      ret\n"                               \
            ".section .openbsd.syscalls,\"\",@progbits\n" \
            "        .long 1b, " #number "\n"             \
            ".text\n")
STUB("pinned_getpid", 20);
STUB("pinned_getppid", 39);
STUB("second_getppid", 39);
long pinned_getpid(void), pinned_getppid(void), second_getppid(void);

/// The calls of openbsd.h are made from many places: a number that is listed twice may be called from anywhere.
#define ANYWHERE(number)                                  \
    __asm__(".section .openbsd.syscalls,\"\",@progbits\n" \
            "        .long _start, " #number ", _start, " #number "\n.text\n")
ANYWHERE(1); ANYWHERE(2); ANYWHERE(4); ANYWHERE(11); ANYWHERE(49); ANYWHERE(73); ANYWHERE(74); ANYWHERE(46);
ANYWHERE(288); ANYWHERE(122); ANYWHERE(158); ANYWHERE(159);

/// A system call with the stack pointer at `stack`.
long getpid_on(void *stack);
__asm__(".text\n.globl getpid_on\ngetpid_on:\n"
        "        pushq %rbx\n        movq %rsp, %rbx\n        movq %rdi, %rsp\n        call pinned_getpid\n"
        "        movq %rbx, %rsp\n        popq %rbx\n        ret\n");

/// What the kernel fills with random bytes.
__attribute__((section(".openbsd.randomdata"), used)) static volatile uint64_t random_words[4] = {0};
/// Memory that stays changeable.
__attribute__((section(".openbsd.mutable"), used, aligned(4096))) static volatile char changeable[4096] = {1};
static volatile char fixed[8192] = {1};
static volatile int handled;

static void handler(int signal) { handled = signal; }

/// What becomes of a child: its status, or 256 and a signal.
static long fate(void (*act)(void)) {
    int status = 0;
    long child = SYS0(fork);
    if (child == 0) {
        act();
        leave(0);
    }
    SYS(wait4, child, &status, 0, 0);
    return status & 0x7f ? 256 + (status & 0x7f) : status >> 8;
}

static void from_elsewhere(void) { SYS0(getpid); }
static void not_listed(void) { SYS0(getuid); }
static void caught(void) {
    sigaction action = {handler, 0, 0};
    SYS(sigaction, SIGABRT, &action, 0);
    SYS0(getpid);
}
static char page[8192] __attribute__((aligned(4096)));
static long stack_of(long flags) {
    return SYS(mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | flags, -1, 0);
}
static void on_stack_memory(void) { leave(getpid_on((void *)(stack_of(MAP_STACK) + 8192)) > 0 ? 0 : 1); }
static void on_other_memory(void) { getpid_on((void *)(stack_of(0) + 8192)); }
static void on_data(void) { getpid_on(page + 8192); }
static void on_former_stack(void) {
    long stack = stack_of(MAP_STACK);
    SYS(mmap, stack, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0);
    getpid_on((void *)(stack + 8192));
}
static void on_signal_stack(void) {
    struct { void *base; size_t size; int flags; } signals = {page, sizeof page, 0};
    if (SYS(sigaltstack, &signals, 0)) leave(2);
    leave(getpid_on(page + 8192) > 0 ? 0 : 1);
}

static void with_handler(void) {
    sigaction action = {handler, 0, 0};
    SYS(sigaction, SIGUSR1, &action, 0);
    SYS(kill, pinned_getpid(), SIGUSR1);
    leave(handled == SIGUSR1 ? 0 : 1);
}

static void sample(long argc, char **argv, char **environment) {
    holds("getpid from its place", pinned_getpid() > 0);
    holds("getppid from both of its places", pinned_getppid() == second_getppid());
    expect("getpid from elsewhere", fate(from_elsewhere), 256 + SIGABRT);
    expect("with its stack in stack memory", fate(on_stack_memory), 0);
    expect("in other memory", fate(on_other_memory), 256 + SIGSEGV);
    expect("in the program's data", fate(on_data), 256 + SIGSEGV);
    expect("in what was stack memory", fate(on_former_stack), 256 + SIGSEGV);
    expect("in what became a signal stack", fate(on_signal_stack), 0);
    expect("a call that is not listed", fate(not_listed), 256 + SIGABRT);
    expect("SIGABRT is not caught", fate(caught), 256 + SIGABRT);
    expect("a handler returns", fate(with_handler), 0);
    uint32_t table[2] = {0, 0};
    expect("pinsyscalls in a static program", SYS(pinsyscalls, 0x200000, 4096, table, 2), -EPERM);

    holds("random bytes", random_words[0] | random_words[1]);
    holds("each other ones", random_words[0] != random_words[1]);

    long page = (long)fixed + 4095 & ~4095L;
    expect("code cannot be made writable", SYS(mprotect, (long)sample & ~4095L, 4096, PROT_READ | PROT_WRITE), -EPERM);
    expect("data cannot be made executable", SYS(mprotect, page, 4096, PROT_READ | PROT_EXEC), -EPERM);
    expect("data cannot go away", SYS(munmap, page, 4096), -EPERM);
    expect("nor become read-only", SYS(mprotect, page, 4096, PROT_READ), -EPERM);
    expect("the changeable section can", SYS(mprotect, changeable, 4096, PROT_READ), 0);
    expect("and back", SYS(mprotect, changeable, 4096, PROT_READ | PROT_WRITE), 0);

    long memory = SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    expect("to write and execute", SYS(mprotect, memory, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), -ENOTSUP);
    expect("mmap to write and execute",
           SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0), -ENOTSUP);
    expect("to execute only", SYS(mprotect, memory, 4096, PROT_EXEC), 0);
}
