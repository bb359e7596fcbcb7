/* POSIX message queues through the system's own librt: each way to hear of a message, attributes, priorities, timeouts. */
#include <sys/types.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int told, other_thread;
static pthread_t first;

static void hear(union sigval value) {
    pthread_mutex_lock(&lock);
    told = value.sival_int;
    other_thread = !pthread_equal(first, pthread_self());
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits up to five seconds for hear(). */
static void await(void) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 5;
    pthread_mutex_lock(&lock);
    while (!told && pthread_cond_timedwait(&changed, &lock, &limit) == 0) continue;
    printf("told %d by another thread: %s\n", told, other_thread ? "yes" : "no");
    told = other_thread = 0;
    pthread_mutex_unlock(&lock);
}

static const char *error(int result) { return result == 0 ? "0" : strerror(errno); }

int main(void) {
    char name[64], text[64];
    unsigned priority;
    struct mq_attr attributes = {0, 4, 64, 0, {0}}, now;
    first = pthread_self();
    snprintf(name, sizeof name, "/queues-%d", (int)getpid());
    setvbuf(stdout, NULL, _IOLBF, 0);
    mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK, 0600, &attributes);
    if (queue == (mqd_t)-1) return perror("mq_open"), 1;
    printf("again: %s\n", mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes) == (mqd_t)-1 ? strerror(errno) : "opened");
    printf("receive of none: %s\n", error(mq_receive(queue, text, sizeof text, &priority)));
    mq_send(queue, "low", 4, 1);
    mq_send(queue, "high", 5, 7);
    mq_getattr(queue, &now);
    printf("%ld of %ld messages of %ld bytes, nonblocking %s\n", now.mq_curmsgs, now.mq_maxmsg, now.mq_msgsize,
           now.mq_flags & O_NONBLOCK ? "yes" : "no");
    for (int turn = 0; turn < 2; turn++) {
        long size = mq_receive(queue, text, sizeof text, &priority);
        printf("%ld bytes '%s' of priority %u\n", size, text, priority);
    }

    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = hear;
    event.sigev_value.sival_int = 17;
    printf("SIGEV_THREAD: %s\n", error(mq_notify(queue, &event)));
    mqd_t other = mq_open(name, O_RDWR);
    printf("by another: %s\n", error(mq_notify(other, &event)));
    mq_close(other);
    usleep(10000);
    mq_send(queue, "one", 4, 0);
    await();
    mq_receive(queue, text, sizeof text, NULL);
    event.sigev_value.sival_int = 18;
    printf("anew: %s\n", error(mq_notify(queue, &event)));
    pid_t child = fork();
    if (child == 0) {
        mq_send(queue, "two", 4, 0);
        _exit(0);
    }
    await();
    mq_receive(queue, text, sizeof text, NULL);
    printf("'%s' of a child\n", text);
    event.sigev_value.sival_int = 19;
    mq_send(queue, "three", 6, 0);
    printf("with a message there: %s\n", error(mq_notify(queue, &event)));
    await();
    mq_receive(queue, text, sizeof text, NULL);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_int = 20;
    printf("SIGEV_SIGNAL: %s\n", error(mq_notify(queue, &event)));
    mq_send(queue, "four", 5, 0);
    siginfo_t info;
    int got = sigwaitinfo(&set, &info);
    printf("%s, SI_MESGQ %s, value %d\n", got == SIGUSR1 ? "SIGUSR1" : "another", info.si_code == SI_MESGQ ? "yes" : "no",
           info.si_value.sival_int);
    mq_receive(queue, text, sizeof text, NULL);
    printf("nothing: %s\n", error(mq_notify(queue, NULL)));

    attributes.mq_flags = 0;
    mq_setattr(queue, &attributes, NULL);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 20000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    printf("timed: %s\n", error(mq_timedreceive(queue, text, sizeof text, NULL, &limit)));
    printf("close: %s\n", error(mq_close(queue)));
    printf("unlink: %s\n", error(mq_unlink(name)));
    printf("unlink again: %s\n", error(mq_unlink(name)));
    return 0;
}
