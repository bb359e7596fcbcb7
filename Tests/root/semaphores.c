/* POSIX semaphores through the system's own libc: named, unnamed, between threads and between processes. */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static sem_t full, empty;
static long sum;
static const char *error(int result) { return result == 0 ? "0" : strerror(errno); }

static void *take(void *count) {
    for (long turn = 0; turn < (long)count; turn++) {
        sem_wait(&full);
        __sync_fetch_and_add(&sum, turn);
        sem_post(&empty);
    }
    return NULL;
}

int main(void) {
    char name[64];
    int value = -1, status;
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(name, sizeof name, "/semaphores-%d", (int)getpid());

    printf("open of none: %s\n", sem_open(name, 0) == SEM_FAILED ? strerror(errno) : "opened");
    sem_t *named = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    if (named == SEM_FAILED) return perror("sem_open"), 1;
    /* Not asked for with O_EXCL again: 10.1's libc then frees what it keeps of the open one (mended in 10.4). */
    printf("the same: %s\n", sem_open(name, 0) == named ? "yes" : "no");
    sem_close(named);
    printf("value: %s %d\n", error(sem_getvalue(named, &value)), value);
    printf("wait: %s\n", error(sem_wait(named)));
    printf("trywait: %s\n", error(sem_trywait(named)));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 20000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    printf("timedwait: %s\n", error(sem_timedwait(named, &limit)));
    pid_t child = fork();
    if (child == 0) {
        sem_t *mine = sem_open(name, 0);
        for (int turn = 0; turn < 1000; turn++) sem_post(mine);
        _exit(mine == SEM_FAILED);
    }
    for (int turn = 0; turn < 1000; turn++) sem_wait(named);
    waitpid(child, &status, 0);
    printf("1000 posts of a child: status %d, %d left\n", status, (sem_getvalue(named, &value), value));
    printf("close: %s\n", error(sem_close(named)));
    printf("unlink: %s\n", error(sem_unlink(name)));
    printf("unlink again: %s\n", error(sem_unlink(name)));

    sem_t *shared = mmap(NULL, 2 * sizeof *shared, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
    sem_init(&shared[0], 1, 0);
    sem_init(&shared[1], 1, 0);
    child = fork();
    if (child == 0) {
        for (int turn = 0; turn < 1000; turn++) sem_wait(&shared[0]), sem_post(&shared[1]);
        _exit(0);
    }
    for (int turn = 0; turn < 1000; turn++) sem_post(&shared[0]), sem_wait(&shared[1]);
    waitpid(child, &status, 0);
    printf("1000 turns with a child: status %d\n", status);
    printf("destroy: %s\n", error(sem_destroy(&shared[0])));

    pthread_t threads[4];
    sem_init(&full, 0, 0);
    sem_init(&empty, 0, 8);
    for (int index = 0; index < 4; index++) pthread_create(&threads[index], NULL, take, (void *)2000);
    for (int turn = 0; turn < 8000; turn++) sem_wait(&empty), sem_post(&full);
    for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
    sem_getvalue(&full, &value);
    printf("8000 turns with four threads: %ld, %d left\n", sum, value);
    printf("too large: %s\n", error(sem_init(&full, 0, SEM_VALUE_MAX + 1u)));
    return 0;
}
