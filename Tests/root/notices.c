/* What ends later is told by a thread (SIGEV_THREAD, which librt makes of SIGEV_THREAD_ID) or by a kqueue: timers and asynchronous I/O. */
#include <sys/types.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <aio.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int told;
static const char *error(int result) { return result == 0 ? "0" : strerror(errno); }

static void hear(union sigval value) {
    pthread_mutex_lock(&lock);
    told += value.sival_int;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits up to five seconds until hear() has been told so much. */
static int await(int wanted) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 5;
    pthread_mutex_lock(&lock);
    while (told < wanted && pthread_cond_timedwait(&changed, &lock, &limit) == 0) continue;
    int found = told;
    told = 0;
    pthread_mutex_unlock(&lock);
    return found;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = hear;
    event.sigev_value.sival_int = 1;
    timer_t timer;
    struct itimerspec each = {{0, 5000000}, {0, 5000000}}, none = {{0, 0}, {0, 0}};
    printf("timer_create: %s\n", error(timer_create(CLOCK_MONOTONIC, &event, &timer)));
    printf("timer_settime: %s\n", error(timer_settime(timer, 0, &each, NULL)));
    int often = await(3);
    timer_settime(timer, 0, &none, NULL);
    printf("told three times: %s\n", often >= 3 ? "yes" : "no");
    printf("timer_delete: %s\n", error(timer_delete(timer)));
    usleep(20000);
    await(0);

    int ends[2];
    char text[16] = "";
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    struct aiocb read;
    memset(&read, 0, sizeof read);
    read.aio_fildes = ends[0];
    read.aio_buf = text;
    read.aio_nbytes = 5;
    read.aio_sigevent = event;
    read.aio_sigevent.sigev_value.sival_int = 40;
    printf("aio_read, SIGEV_THREAD: %s\n", error(aio_read(&read)));
    printf("in progress: %s\n", aio_error(&read) == EINPROGRESS ? "yes" : "no");
    write(ends[1], "first", 5);
    printf("told %d\n", await(40));
    printf("aio_return: %d '%.5s'\n", (int)aio_return(&read), text);

    int queue = kqueue();
    struct kevent got;
    struct timespec second = {5, 0};
    memset(&read.aio_sigevent, 0, sizeof read.aio_sigevent);
    read.aio_sigevent.sigev_notify = SIGEV_KEVENT;
    read.aio_sigevent.sigev_notify_kqueue = queue;
    read.aio_sigevent.sigev_notify_kevent_flags = EV_ONESHOT;
    read.aio_sigevent.sigev_value.sival_ptr = text;
    printf("aio_read, SIGEV_KEVENT: %s\n", error(aio_read(&read)));
    write(ends[1], "other", 5);
    int count = kevent(queue, NULL, 0, &got, 1, &second);
    printf("%d event: EVFILT_AIO %s, its block %s, udata %s, error %d\n", count, got.filter == EVFILT_AIO ? "yes" : "no",
           (struct aiocb *)got.ident == &read ? "yes" : "no", got.udata == text ? "yes" : "no", (int)got.data);
    printf("aio_return: %d '%.5s'\n", (int)aio_return(&read), text);

    printf("aio_read: %s\n", error(aio_read(&read)));
    printf("aio_cancel: %s\n", aio_cancel(ends[0], &read) == AIO_CANCELED ? "canceled" : "not canceled");
    count = kevent(queue, NULL, 0, &got, 1, &second);
    printf("%d event: %s\n", count, strerror((int)got.data));
    printf("aio_return: %s\n", error((int)aio_return(&read)));
    return 0;
}
