/// Threads that end at once, joined as libthr joins them: the word that thr_new sets to a thread's id is the one that
/// thr_exit sets to 1, and the id must not come after that.
#include "freebsd.h"

enum { WAIT = 2, ROUNDS = 400 };

static char stacks[4][16384] __attribute__((aligned(16)));
static char tls[4][64] __attribute__((aligned(16)));
static volatile long words[4];

static void finish(void *word) { SYS(thr_exit, word); }

static void sample(long argc, char **argv, char **environment) {
    long started = 0, right = 0, late = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (long index = 0; index < 4; index++) {
            words[index] = 0;
            thr_param parameters = {
                .start = finish, .argument = (void *)&words[index], .stack = stacks[index],
                .stack_size = sizeof stacks[index], .tls = tls[index], .tls_size = sizeof tls[index],
                .child = (long *)&words[index], .parent = (long *)&words[index],
            };
            started += SYS(thr_new, &parameters, sizeof parameters) == 0;
            right += words[index] != 0;
        }
        for (long index = 0; index < 4; index++) {
            for (long value; (value = words[index]) != 1 && late < 3;) {
                timespec limit = {2, 0};
                late += SYS(_umtx_op, &words[index], WAIT, value, sizeof limit, &limit) == -ETIMEDOUT;
            }
        }
    }
    expect("threads started", started, 4 * ROUNDS);
    expect("words set when thr_new returns", right, 4 * ROUNDS);
    expect("waits in vain", late, 0);
}
