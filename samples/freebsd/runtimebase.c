/// The thread pointer that FreeBSD 15's C runtime tells the kernel (sysarch's AMD64_*_TLSBASE, thr_new's THR_C_RUNTIME), so
/// that signal handlers begin with it; in kernels before 15.0 it does not exist (sys/amd64/amd64/{sys_machdep,exec_machdep}.c).
#include "freebsd.h"

enum { SYS_getcontext = 421, SYS_setcontext = 422 };
/// x86/sysarch.h, sys/thr.h
enum { GET_FSBASE = 128, SET_FSBASE = 129, GET_TLSBASE = 135, SET_TLSBASE = 136, DISABLE_TLSBASE = 137, THR_C_RUNTIME = 4 };

/// x86/ucontext.h: where ucontext_t has them; mcontext_t begins at 16.
enum { CONTEXT_SIZE = 880, MC_FLAGS = 16 + 144, MC_FSBASE = 16 + 736, MC_TLSBASE = 16 + 768, HASTLSBASE = 8 };

static uint64_t runtime[8], own[8], other[8];
static volatile uint64_t in_handler, saved_base, saved_runtime;
static char context[CONTEXT_SIZE] __attribute__((aligned(16)));

static uint64_t base(void) {
    uint64_t value = 0;
    SYS(sysarch, GET_FSBASE, &value);
    return value;
}

static void handler(int signal, siginfo *info, char *frame) {
    (void)signal;
    (void)info;
    in_handler = base();
    saved_base = *(uint64_t *)(frame + MC_FSBASE);
    saved_runtime = *(uint64_t *)(frame + MC_TLSBASE);
}

static const char *name_of(uint64_t value) {
    return value == (uint64_t)runtime ? "the runtime's" : value == (uint64_t)own ? "the program's own"
        : value == (uint64_t)other ? "another" : value ? "WRONG" : "none";
}

static long set(int operation, uint64_t *place) {
    uint64_t value = (uint64_t)place;
    return SYS(sysarch, operation, &value);
}

/// A signal, and where its handler found the thread pointer.
static void interrupt(const char *what) {
    in_handler = saved_base = saved_runtime = 1;
    SYS(kill, SYS0(getpid), SIGUSR1);
    say("%s: in the handler %s, in its context %s, told %s, afterwards %s\n", what, name_of(in_handler), name_of(saved_base),
        name_of(saved_runtime), name_of(base()));
}

static char stack[16384] __attribute__((aligned(16)));
static volatile long gone;
static volatile uint64_t found;
static volatile long answer;

static void asks(void *argument) {
    (void)argument;
    uint64_t value = 0;
    answer = SYS(sysarch, GET_TLSBASE, &value);
    found = value;
    SYS(thr_exit, &gone);
}

static void thread(const char *what, int flags) {
    thr_param parameters = {asks, 0, stack, sizeof stack, (char *)other, sizeof other, 0, 0, flags, 0, {0}};
    gone = found = answer = 0;
    long result = SYS(thr_new, &parameters, sizeof parameters);
    if (result) {
        say("%s: error %d\n", what, -result);
        return;
    }
    while (!gone) SYS(_umtx_op, &gone, 2, 0, 0, 0);
    say("%s: error %d, %s\n", what, -answer, name_of(found));
}

static void sample(long argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    (void)environment;
    sigaction action = {handler, SA_SIGINFO, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    uint64_t value = 0;
    say("told before: error %d\n", -SYS(sysarch, GET_TLSBASE, &value));
    say("told beyond the program's memory: error %d\n", -set(SET_TLSBASE, (uint64_t *)0x800000000000));
    say("told nothing readable: error %d\n", -SYS(sysarch, SET_TLSBASE, 8));
    set(SET_FSBASE, own);
    interrupt("nothing told");
    say("told: error %d\n", -set(SET_TLSBASE, runtime));
    say("the thread pointer: %s\n", name_of(base()));
    say("asked: error %d", -SYS(sysarch, GET_TLSBASE, &value));
    say(", %s\n", name_of(value));
    set(SET_FSBASE, own);
    interrupt("told, and another one set");

    SYS(getcontext, context);
    say("getcontext: told %s\n", name_of(*(uint64_t *)(context + MC_TLSBASE)));
    thread("a thread without a C runtime", 0);
    thread("a thread with a C runtime", THR_C_RUNTIME);
    thread("a thread with a flag that does not exist", 8);
    if (SYS0(fork) == 0) {
        say("a child: error %d\n", -SYS(sysarch, GET_TLSBASE, &value));
        leave(0);
    }
    SYS(wait4, -1, 0, 0, 0);

    say("no longer told: error %d\n", -SYS(sysarch, DISABLE_TLSBASE, 0));
    say("asked: error %d\n", -SYS(sysarch, GET_TLSBASE, &value));
    interrupt("no longer told");

    // A context can tell it, too.
    static volatile int again;
    SYS(getcontext, context);
    if (!again) {
        again = 1;
        *(uint32_t *)(context + MC_FLAGS) |= HASTLSBASE;
        *(uint64_t *)(context + MC_TLSBASE) = (uint64_t)runtime;
        say("setcontext: error %d\n", -SYS(setcontext, context));
    } else {
        interrupt("told by setcontext");
    }
}
