/// getcontext(2) and setcontext(2): a context says which of its parts count (mc_flags). FreeBSD's own hold no bases of fs and gs
/// that count, so that a context may be resumed by another thread (sys/amd64/amd64/exec_machdep.c, get_mcontext, set_mcontext).
#include "freebsd.h"

enum { SYS_getcontext = 421, SYS_setcontext = 422 };
enum { GET_FSBASE = 128, SET_FSBASE = 129, GET_GSBASE = 130, SET_GSBASE = 131 };

/// x86/ucontext.h: where ucontext_t has them; mcontext_t begins at 16.
enum {
    CONTEXT_SIZE = 880, MC_FS = 16 + 132, MC_GS = 16 + 134, MC_FLAGS = 16 + 144, MC_ES = 16 + 148, MC_DS = 16 + 150,
    MC_CS = 16 + 168, MC_SS = 16 + 192, MC_LEN = 16 + 200, MC_FSBASE = 16 + 736, MC_GSBASE = 16 + 744,
    UC_LINK = 816,
};
enum { HASSEGS = 1, HASBASES = 2, HASFPXSTATE = 4 };

static uint64_t one[8], two[8];
static char context[CONTEXT_SIZE] __attribute__((aligned(16)));

static uint64_t base(int operation) {
    uint64_t value = 0;
    SYS(sysarch, operation, &value);
    return value;
}
static void set(int operation, uint64_t *place) {
    uint64_t value = (uint64_t)place;
    SYS(sysarch, operation, &value);
}

#define PART(type, place) (*(type *)(frame + (place)))
/// What contexts say of segments.
static void segments(const char *frame) {
    say("cs %x, ss %x, ds %x, es %x, fs %x, gs %x\n", PART(uint64_t, MC_CS), PART(uint64_t, MC_SS),
        (long)PART(uint16_t, MC_DS), (long)PART(uint16_t, MC_ES), (long)PART(uint16_t, MC_FS), (long)PART(uint16_t, MC_GS));
}

static void handler(int signal, siginfo *info, char *frame) {
    (void)signal;
    (void)info;
    expect("a handler's context: parts that count", PART(uint32_t, MC_FLAGS) & ~HASFPXSTATE, HASSEGS);
    expect("its length", PART(uint64_t, MC_LEN), 800);
    segments(frame);
    holds("its fs base is the program's", PART(uint64_t, MC_FSBASE) == (uint64_t)one);
    holds("its gs base is the program's", PART(uint64_t, MC_GSBASE) == (uint64_t)two);
    set(SET_FSBASE, two);
    set(SET_GSBASE, one);
}

/// Takes a context, changes it, and resumes it with other bases.
static void resume(const char *what, uint32_t flags) {
    static volatile int again;
    again = 0;
    set(SET_FSBASE, one);
    set(SET_GSBASE, two);
    SYS(getcontext, context);
    if (!again) {
        again = 1;
        *(uint32_t *)(context + MC_FLAGS) = flags;
        set(SET_FSBASE, two);
        set(SET_GSBASE, one);
        SYS(setcontext, context);
        say("not resumed\n");
    }
    int kept = base(GET_FSBASE) == (uint64_t)two && base(GET_GSBASE) == (uint64_t)one;
    int taken = base(GET_FSBASE) == (uint64_t)one && base(GET_GSBASE) == (uint64_t)two;
    say("%s: the bases are %s\n", what, kept ? "those before" : taken ? "the context's" : "WRONG");
}

static void sample(long argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    (void)environment;
    const char *frame = context;
    memset(context + UC_LINK, 0x5a, CONTEXT_SIZE - UC_LINK);
    SYS(getcontext, context);
    int kept = 1;
    for (int byte = UC_LINK; byte < CONTEXT_SIZE; byte++) kept &= context[byte] == 0x5a;
    holds("getcontext leaves alone what follows the registers", kept);
    expect("getcontext: parts that count", PART(uint32_t, MC_FLAGS), HASSEGS);
    segments(context);
    resume("resumed as it is", HASSEGS);
    resume("resumed with bases", HASSEGS | HASBASES);
    resume("resumed with nothing", 0);

    set(SET_FSBASE, one);
    set(SET_GSBASE, two);
    sigaction action = {handler, SA_SIGINFO, {{0}}};
    SYS(sigaction, SIGUSR1, &action, 0);
    SYS(kill, SYS0(getpid), SIGUSR1);
    holds("after a handler the fs base is the interrupted one", base(GET_FSBASE) == (uint64_t)one);
    holds("after a handler the gs base is the interrupted one", base(GET_GSBASE) == (uint64_t)two);

    static volatile int resumed;
    SYS(getcontext, context);
    if (resumed++) {
        say("RESUMED\n");
        leave(1);
    }
    *(uint64_t *)(context + MC_LEN) = 792;
    expect("setcontext of another length", SYS(setcontext, context), -EINVAL);
    *(uint64_t *)(context + MC_LEN) = 800;
    *(uint32_t *)(context + MC_FLAGS) |= 0x10;
    expect("setcontext with a part that does not exist", SYS(setcontext, context), -EINVAL);
}
