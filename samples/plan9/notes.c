// notify(2), noted(2), alarm(2): traps, notes that wait, what a handler may change, and ends by notes.
#include "plan9.h"

static char line[256], last[ERRMAX];
static volatile int taken, step;
static volatile uint64_t where, resume, argument;
static int ends[2];

static void take(ureg *registers, char *note) {
    int index = 0;
    do last[index] = note[index];
    while (note[index++]);
    taken++;
    argument = registers->ax;
    where = registers->ip;
    if (resume) registers->ip = resume, resume = 0;
    registers->r15 = 0x15;
    if (step == 1) {
        // A second note while the first one is handled: it ends what the process waits for, and waits itself.
        step = 2;
        call(ALARM, 20, 0, 0, 0);
        fails("sleep in a handler", sleep(5000), "interrupted");
        expect("taken meanwhile", taken, 1);
    }
    if (begins(last, "default")) call(NOTED, NDFLT, 0, 0, 0);
    call(NOTED, NCONT, 0, 0, 0);
}

/// Reads from nowhere; goes on behind.
static void fault(void) {
    __asm__ volatile("leaq 1f(%%rip), %%rax\n movq %%rax, %0\n movq $0x1238, %%rax\n movq (%%rax), %%rax\n1:"
                     : "=m"(resume) : : "rax", "r15", "memory");
}

/// The note's text without " pc=…", which the registers confirm.
static const char *without_pc(void) {
    char *place = last;
    while (*place && !begins(place, " pc=")) place++;
    char pc[32];
    *put_number(pc, where, 16) = 0;
    holds("its pc", begins(place, " pc=0x") && same(place + 6, pc));
    *place = 0;
    return last;
}

static void await_child(const char *what, const char *with) {
    await(line, sizeof line);
    const char *text = message(line);
    if (begins(text, with)) print("%s: %s\n", what, with);
    else failures++, print("%s: %s, not %s\n", what, text, with);
}

/// Runs in a child: nothing handles its notes.
static void without_handler(void) { call(NOTIFY, 0, 0, 0, 0); }

void start(long argc, char **argv) {
    close(2);  // where the kernel says why a process came to its end
    fails("notify at nowhere", call(NOTIFY, 0x10, 0, 0, 0), "bad arg in system call");
    expect("notify", notify(take), 0);
    fault();
    expect_text("a fault", without_pc(), "sys: trap: fault read addr=0x1238");
    expect("registers at the fault", argument, 0x1238);
    uint64_t changed;
    __asm__ volatile("movq $7, %%r15\n leaq 1f(%%rip), %%rax\n movq %%rax, %1\n movq $0x1238, %%rax\n movb $1, (%%rax)\n"
                     "1: movq %%r15, %0" : "=r"(changed), "=m"(resume) : : "rax", "r15", "memory");
    expect_text("a write", without_pc(), "sys: trap: fault write addr=0x1238");
    expect("a register that the handler changed", changed, 0x15);
    __asm__ volatile("leaq 1f(%%rip), %%rax\n movq %%rax, %0\n xorl %%ecx, %%ecx\n xorl %%edx, %%edx\n divl %%ecx\n1:"
                     : "=m"(resume) : : "rax", "rcx", "rdx", "r15", "memory");
    expect_text("a division", without_pc(), "sys: trap: divide error");
    __asm__ volatile("leaq 1f(%%rip), %%rax\n movq %%rax, %0\n ud2\n1:" : "=m"(resume) : : "rax", "r15", "memory");
    expect_text("an opcode", without_pc(), "sys: trap: invalid opcode");
    __asm__ volatile("leaq 1f(%%rip), %%rax\n movq %%rax, %0\n movq $0x8000000000000000, %%rax\n movq (%%rax), %%rax\n1:"
                     : "=m"(resume) : : "rax", "r15", "memory");
    expect_text("an address that is none", without_pc(), "sys: trap: general protection violation");

    // alarm interrupts what waits.
    taken = 0;
    expect("alarm", call(ALARM, 50, 0, 0, 0), 0);
    fails("sleep", sleep(5000), "interrupted");
    expect_text("a note", last, "alarm");
    expect("in ax", argument, -1);
    call(ALARM, 60000, 0, 0, 0);
    holds("what is left", call(ALARM, 0, 0, 0, 0) > 59000);
    call(ALARM, 20, 0, 0, 0);
    int finished = taken + 1;
    while (taken != finished) {}
    expect("in the midst of code", taken, 2);

    // One at a time.
    taken = 0, step = 1;
    call(ALARM, 20, 0, 0, 0);
    expect("sleep", sleep(5000), -1);
    expect("both taken", taken, 2);

    // Floating point belongs to the code that was interrupted.
    double kept = 1.5;
    __asm__ volatile("movsd %0, %%xmm9" : : "m"(kept) : "xmm9");
    taken = 0, step = 0;
    call(ALARM, 10, 0, 0, 0);
    while (!taken) {}
    __asm__ volatile("movsd %%xmm9, %0" : "=m"(kept));
    expect("floating point", (long)(kept * 10), 15);

    // A pipe that nobody reads.
    call(PIPE, (long)ends, 0, 0, 0);
    close(ends[1]);
    taken = 0;
    fails("write to a closed pipe", write(ends[0], "x", 1), "i/o on hungup channel");
    expect("taken", taken, 1);
    expect_text("a note", without_pc(), "sys: write on closed pipe");

    // Ends.
    if (rfork(RFPROC) == 0) {
        without_handler();
        fault();
    }
    await_child("a fault without a handler", "sys: trap: fault read addr=0x1238 pc=0x");
    if (rfork(RFPROC) == 0) {
        without_handler();
        call(ALARM, 10, 0, 0, 0);
        sleep(5000);
    }
    await_child("an alarm without a handler", "alarm");
    if (rfork(RFPROC) == 0) call(NOTED, NCONT, 0, 0, 0);
    await_child("noted without a note", "Suicide");
    if (rfork(RFPROC) == 0) {
        __asm__ volatile("movq $16, %rsp\n movq 0, %rax");
    }
    await_child("a stack that is none", "Suicide");
    // A child has its parent's handler.
    if (rfork(RFPROC) == 0) {
        taken = 0;
        fault();
        done(taken == 1 ? "taken" : "not taken");
    }
    await_child("in a child", "taken");
}
