// Light-weight processes that sleep and wake by umtx, have an area each, and a signal of their own.
#include "dragonfly.h"

static volatile int word, told, gone = 1, first_id, second_id;
static char stack[16384] __attribute__((aligned(16)));
static char area[64] __attribute__((aligned(16)));
static volatile int handled, handled_code, handled_thread;

typedef struct { void *base; int size; } tls_info;
typedef struct { void *function, *argument, *stack; volatile int *tid1, *tid2; } lwp_params;
typedef struct { void *handler; int flags; uint32_t mask[4]; } sigaction_t;

static void thread(void *argument) {
    tls_info info = {area, sizeof area};
    told = SYS(472, 0, &info, sizeof info) == 0;
    void *self;
    *(void **)area = area;
    __asm__("movq %%fs:0, %0" : "=r"(self));
    told += self == area && argument == &word && SYS(496) == second_id;
    told += SYS(469, &word, 0, 0) == 0 && word == 1;
    SYS(494, 0x10001, 0, &gone);
}

static void handler(int signal, int *info, uint64_t *context) {
    handled = signal;
    handled_code = info[2];
    handled_thread = (int)SYS(496);
    context[(64 + 8 * 12) / 8] = 4711;  // mc_r12
}

static void program(void) {
    lwp_params request = {(void *)thread, (void *)&word, stack + sizeof stack, &first_id, &second_id};
    expect("lwp_create", SYS(495, &request), 0);
    expect("both ids", first_id == second_id && first_id > 0, 1);
    // The thread sleeps until the word changes.
    long pause[2] = {0, 20000000};
    SYS(240, pause, 0);
    word = 1;
    expect("umtx_wakeup", SYS(470, &word, 1), 0);
    while (gone) SYS(469, &gone, 1, 50000);
    expect("what the thread saw", told, 3);
    expect("umtx_sleep, another value: EBUSY", SYS(469, &word, 7, 0), -16);
    expect("umtx_sleep, 1000 us: EWOULDBLOCK", SYS(469, &word, 1, 1000), -35);
    expect("umtx_sleep, negative: EINVAL", SYS(469, &word, 1, -1), -22);
    expect("lwp_create without memory: EFAULT", SYS(495, 8), -14);

    sigaction_t action = {(void *)handler, 0x40, {0, 0, 0, 0}};  // SA_SIGINFO
    expect("sigaction", SYS(342, 30, &action, 0), 0);
    long r12;
    __asm__ volatile("movq $1, %%r12\n syscall\n movq %%r12, %0"
                     : "=r"(r12) : "a"(497), "D"(-1), "S"(SYS(496)), "d"(30) : "rcx", "r11", "r12", "memory");
    expect("SIGUSR1 handled", handled, 30);
    expect("its code is SI_USER", handled_code, 0);
    expect("in this thread", handled_thread == SYS(496), 1);
    expect("sigreturn took the handler's r12", r12, 4711);
    tls_info info = {0, 0};
    expect("get_tls_area", SYS(473, 0, &info, sizeof info), 0);
    expect("extexit, unknown: EINVAL", SYS(494, 7, 0, 0), -22);
}
