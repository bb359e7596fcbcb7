// What Linux's own programs pay for the clock: libc asks the vDSO. As in micro.c, the median of many batches.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCHES = 64 };

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int order(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    long each = (argc > 1 ? atol(argv[1]) : 1) / BATCHES + 1;
    uint64_t times[BATCHES], sum = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t before = now();
        for (long turn = 0; turn < each; turn++) sum += now();
        times[batch] = now() - before;
    }
    qsort(times, BATCHES, sizeof *times, order);
    printf("%lu\n", (unsigned long)(times[BATCHES / 2] * 1000 / (uint64_t)each + (sum == 1)));
    return 0;
}
