/// Signals: actions, masks, what a handler is told, contexts.
#include "netbsd.h"

static volatile int signals, code, number, status, trap;
static void *volatile address;
static volatile long value, sender;
static ucontext *volatile seen;

static void onsignal(int signal, siginfo *info, ucontext *context) {
    signals++;
    number = signal;
    code = info->code;
    sender = info->sender.pid;
    value = (long)info->sender.value;
    status = info->child.status;
    address = info->fault.address;
    trap = info->fault.trap;
    seen = context;
}

/// Steps over the two bytes of ud2, or the six of a store.
static void onfault(int signal, siginfo *info, ucontext *context) {
    onsignal(signal, info, context);
    context->registers[REG_RIP] += signal == SIGILL ? 2 : 6;
    context->registers[REG_RAX] = 99;
}

static char alternate[32768];
static volatile int onalternate;
static void onstack(int signal, siginfo *info, ucontext *context) {
    char here;
    onalternate = &here >= alternate && &here < alternate + sizeof alternate;
}

static void sample(long argc, char **argv, char **environment) {
    long self = SYS0(getpid);
    say("actions\n");
    sigaction old, new = {(void *)onsignal, {{0}}, 0};
    expect("without a trampoline", SYS(__sigaction_sigtramp, SIGUSR1, &new, 0, 0, 0), -EINVAL);
    expect("an unknown trampoline", SYS(__sigaction_sigtramp, SIGUSR1, &new, 0, trampoline, 9), -EINVAL);
    expect("SIGKILL", handle(SIGKILL, onsignal, 0), -EINVAL);
    expect("SIGUSR1", handle(SIGUSR1, onsignal, SA_SIGINFO), 0);
    expect("its action", SYS(__sigaction_sigtramp, SIGUSR1, 0, &old, 0, 0), 0);
    expect("handler", old.handler == (void *)onsignal && old.flags == SA_SIGINFO, 1);

    say("sending\n");
    expect("kill", SYS(kill, self, SIGUSR1), 0);
    expect("signals", signals, 1);
    expect("code", code, 0);
    expect("sender", sender == self, 1);
    expect("to a thread", SYS(_lwp_kill, SYS0(_lwp_self), SIGUSR1), 0);
    expect("code", code, -5);
    siginfo info;
    memset(&info, 0, sizeof info);
    info.signo = SIGUSR1;
    info.code = -1;
    info.sender.value = (void *)77;
    expect("with a value", SYS(sigqueueinfo, self, &info), 0);
    expect("code", code, -1);
    expect("value", value, 77);
    expect("to nobody", SYS(kill, 99999999, SIGUSR1), -ESRCH);
    expect("no signal", SYS(kill, self, 0), 0);
    expect("none such", SYS(kill, self, 64), -EINVAL);

    say("masks\n");
    sigset usr1 = {{1u << (SIGUSR1 - 1)}}, before, pending;
    expect("block", SYS(__sigprocmask14, SIG_BLOCK, &usr1, &before), 0);
    signals = 0;
    SYS(kill, self, SIGUSR1);
    expect("signals", signals, 0);
    expect("pending", SYS(__sigpending14, &pending), 0);
    expect("SIGUSR1 is", pending.bits[0] == usr1.bits[0], 1);
    expect("sigtimedwait", SYS(____sigtimedwait50, &usr1, &info, span(1, 0)), SIGUSR1);
    expect("info", info.signo == SIGUSR1 && info.sender.pid == self, 1);
    expect("sigtimedwait for 10 ms", SYS(____sigtimedwait50, &usr1, &info, span(0, 10000000)), -EAGAIN);
    SYS(kill, self, SIGUSR1);
    expect("sigsuspend", SYS(__sigsuspend14, &before), -EINTR);
    expect("signals", signals, 1);
    SYS(__sigprocmask14, 0, 0, &before);
    expect("blocked again", before.bits[0] == usr1.bits[0], 1);
    expect("unblock", SYS(__sigprocmask14, SIG_UNBLOCK, &usr1, 0), 0);

    say("faults\n");
    handle(SIGSEGV, onfault, SA_SIGINFO);
    handle(SIGILL, onfault, SA_SIGINFO);
    handle(SIGFPE, onfault, SA_SIGINFO);
    char *page = map(4096, PROT_READ);
    long rax;
    __asm__ volatile("movl %%edx, 256(%%rcx)" : "=a"(rax) : "c"(page) : "memory");
    expect("signal", number, SIGSEGV);
    expect("code", code, 2);
    expect("address", address == page + 256, 1);
    expect("trap", trap, 6);
    expect("register that the handler set", rax, 99);
    __asm__ volatile("ud2" : "=a"(rax));
    expect("signal", number, SIGILL);
    expect("code", code, 5);

    say("stacks\n");
    struct { void *base; size_t size; int32_t flags; } stack = {alternate, sizeof alternate, 0}, former;
    expect("sigaltstack", SYS(__sigaltstack14, &stack, &former), 0);
    expect("none before", former.flags, 4);
    handle(SIGUSR2, onstack, SA_ONSTACK);
    SYS(kill, self, SIGUSR2);
    expect("the handler ran there", onalternate, 1);

    say("children\n");
    handle(SIGCHLD, onsignal, SA_SIGINFO);
    // Its signal comes after the wait, whenever the child ends.
    sigset ends = {{1u << (SIGCHLD - 1)}};
    SYS(__sigprocmask14, SIG_BLOCK, &ends, 0);
    long child = SYS0(fork);
    if (child == 0) leave(5);
    int ended = 0;
    SYS(__wait450, child, &ended, 0, 0);
    SYS(__sigprocmask14, SIG_UNBLOCK, &ends, 0);
    expect("status", ended, 0x500);
    expect("signal", number, SIGCHLD);
    expect("code", code, 1);
    expect("who", sender == child, 1);
    expect("its status", status, 5);

    say("contexts\n");
    static ucontext context;
    volatile int turns = 0;
    expect("getcontext", SYS(getcontext, &context), 0);
    turns++;
    if (turns < 3) SYS(setcontext, &context);
    expect("turns", turns, 3);
    expect("flags", (context.flags & (UC_SIGMASK | UC_CPU | UC_FPU)) == (UC_SIGMASK | UC_CPU | UC_FPU), 1);
    expect("no context", SYS(setcontext, 0), -EINVAL);
}
