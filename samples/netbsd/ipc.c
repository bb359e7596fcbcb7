/// System V shared memory, semaphores and messages; POSIX message queues; the kernel's semaphores; asynchronous I/O.
#include "netbsd.h"

enum { IPC_CREAT = 0x200, IPC_NOWAIT = 0x800, IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2 };
enum { GETNCNT = 3, GETPID = 4, GETVAL = 5, GETALL = 6, GETZCNT = 7, SETVAL = 8, SETALL = 9 };
struct permission {
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq;
    int64_t key;
};
struct sevent {
    int32_t notify, signo;
    void *value, *function, *attributes;
};
struct aiocb {
    int64_t offset;
    void *buf;
    uint64_t nbytes;
    int32_t fildes, opcode, reqprio;
    struct sevent event;
    int32_t state, error;
    int64_t retval;
};
struct attributes {
    int64_t flags, maxmsg, msgsize, curmsgs;
};
_Static_assert(sizeof(struct permission) == 32 && sizeof(struct aiocb) == 88, "NetBSD's sizes");

static volatile int signals;
static volatile int code;
static void *volatile value;

static void onsignal(int signal, siginfo *info, ucontext *context) {
    signals++;
    code = info->code;
    value = info->sender.value;
}

static void shared_memory(void) {
    say("shared memory\n");
    struct {
        struct permission perm;
        uint64_t segsz;
        int32_t lpid, cpid;
        uint32_t nattch;
        int64_t atime, dtime, ctime;
        void *internal;
    } ds;
    _Static_assert(sizeof ds == 88, "sizeof struct shmid_ds");
    long id = SYS(shmget, 0, 8192, IPC_CREAT | 0600);
    holds("shmget", id >= 0);
    char *place = (char *)SYS(shmat, id, 0, 0);
    holds("shmat", (long)place > 0);
    place[8191] = 'x';
    expect("IPC_STAT", SYS(__shmctl50, id, IPC_STAT, &ds), 0);
    expect("size", ds.segsz, 8192);
    expect("attached", ds.nattch, 1);
    expect("mode", ds.perm.mode & 0777, 0600);
    expect("made by this process", ds.cpid == SYS0(getpid), 1);
    expect("owned by this user", ds.perm.uid == SYS0(getuid) && ds.perm.cuid == ds.perm.uid, 1);
    ds.perm.mode = 0640;
    expect("IPC_SET", SYS(__shmctl50, id, IPC_SET, &ds), 0);
    expect("IPC_STAT", SYS(__shmctl50, id, IPC_STAT, &ds), 0);
    expect("mode", ds.perm.mode & 0777, 0640);
    expect("shmdt", SYS(shmdt, place), 0);
    expect("shmdt again", SYS(shmdt, place), -EINVAL);
    expect("IPC_RMID", SYS(__shmctl50, id, IPC_RMID, 0), 0);
    expect("IPC_STAT of none", SYS(__shmctl50, id, IPC_STAT, &ds), -EINVAL);
    expect("another command", SYS(__shmctl50, id, 77, &ds), -EINVAL);
}

static void semaphores(void) {
    say("semaphores\n");
    struct {
        struct permission perm;
        uint16_t nsems;
        int64_t otime, ctime;
        void *base;
    } ds;
    _Static_assert(sizeof ds == 64, "sizeof struct semid_ds");
    union {
        int val;
        void *buf;
        uint16_t *array;
    } argument;
    long id = SYS(semget, 0, 3, IPC_CREAT | 0600);
    holds("semget", id >= 0);
    argument.val = 5;
    expect("SETVAL", SYS(____semctl50, id, 1, SETVAL, &argument), 0);
    expect("GETVAL", SYS(____semctl50, id, 1, GETVAL, &argument), 5);
    struct { uint16_t num; int16_t op, flg; } down = {1, -2, IPC_NOWAIT};
    expect("semop", SYS(semop, id, &down, 1), 0);
    expect("GETVAL", SYS(____semctl50, id, 1, GETVAL, &argument), 3);
    expect("GETPID", SYS(____semctl50, id, 1, GETPID, &argument) == SYS0(getpid), 1);
    uint16_t values[3] = {7, 8, 9};
    argument.array = values;
    expect("SETALL", SYS(____semctl50, id, 0, SETALL, &argument), 0);
    values[2] = 0;
    expect("GETALL", SYS(____semctl50, id, 0, GETALL, &argument), 0);
    expect("the third", values[2], 9);
    argument.buf = &ds;
    expect("IPC_STAT", SYS(____semctl50, id, 0, IPC_STAT, &argument), 0);
    expect("how many", ds.nsems, 3);
    down.op = -20;
    expect("semop that would wait", SYS(semop, id, &down, 1), -EAGAIN);
    expect("IPC_RMID", SYS(____semctl50, id, 0, IPC_RMID, &argument), 0);
    expect("semop on none", SYS(semop, id, &down, 1), -EINVAL);
}

static void messages(void) {
    say("messages\n");
    struct {
        struct permission perm;
        uint64_t qnum, qbytes;
        int32_t lspid, lrpid;
        int64_t stime, rtime, ctime;
        void *first, *last;
        uint64_t cbytes;
    } ds;
    _Static_assert(sizeof ds == 104, "sizeof struct msqid_ds");
    struct { long type; char text[16]; } message = {3, "words"};
    long id = SYS(msgget, 0, IPC_CREAT | 0600);
    holds("msgget", id >= 0);
    expect("msgsnd", SYS(msgsnd, id, &message, 6, 0), 0);
    expect("IPC_STAT", SYS(__msgctl50, id, IPC_STAT, &ds), 0);
    expect("queued", ds.qnum, 1);
    expect("bytes", ds.cbytes, 6);
    expect("sent by this process", ds.lspid == SYS0(getpid), 1);
    expect("msgrcv of another type", SYS(msgrcv, id, &message, 16, 4, IPC_NOWAIT), -ENOMSG);
    message.text[0] = 0;
    expect("msgrcv", SYS(msgrcv, id, &message, 16, 3, 0), 6);
    say("%s\n", message.text);
    expect("IPC_RMID", SYS(__msgctl50, id, IPC_RMID, 0), 0);
}

static void queues(void) {
    say("message queues\n");
    char name[32] = "/persona-sample-";
    long pid = SYS0(getpid);
    for (int digit = 16; pid; pid /= 10) name[digit++] = '0' + pid % 10;
    struct attributes attributes = {0, 4, 64, 0}, old;
    long queue = SYS(mq_open, name, O_CREAT | O_RDWR | O_EXCL | O_NONBLOCK, 0600, &attributes);
    holds("mq_open", queue >= 0);
    expect("mq_open again", SYS(mq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, 0), -EEXIST);
    expect("mq_getattr", SYS(mq_getattr, queue, &old), 0);
    expect("flags", old.flags, O_NONBLOCK);
    expect("messages at most", old.maxmsg, 4);
    expect("bytes at most", old.msgsize, 64);
    struct sevent event = {1, SIGUSR1, (void *)0x1234, 0, 0};
    handle(SIGUSR1, onsignal, SA_SIGINFO);
    signals = 0;
    expect("mq_notify", SYS(mq_notify, queue, &event), 0);
    expect("mq_send", SYS(mq_send, queue, "low", 4, 1), 0);
    nap(10);
    expect("told by a signal", signals, 1);
    expect("its code", code, -4);
    expect("its value", value == (void *)0x1234, 1);
    expect("mq_send", SYS(mq_send, queue, "high", 5, 9), 0);
    char text[64];
    unsigned priority = 0;
    expect("mq_receive", SYS(mq_receive, queue, text, sizeof text, &priority), 5);
    expect("priority", priority, 9);
    expect("mq_receive into too little", SYS(mq_receive, queue, text, 10, &priority), -EMSGSIZE);
    attributes.flags = 0;
    expect("mq_setattr", SYS(mq_setattr, queue, &attributes, &old), 0);
    expect("flags before", old.flags, O_NONBLOCK);
    expect("messages", old.curmsgs, 1);
    expect("mq_timedreceive", SYS(__mq_timedreceive50, queue, text, sizeof text, &priority, span(1, 0)), 4);
    expect("mq_timedreceive of none", SYS(__mq_timedreceive50, queue, text, sizeof text, &priority, span(1, 0)), -ETIMEDOUT);
    expect("mq_close", SYS(mq_close, queue), 0);
    expect("mq_unlink", SYS(mq_unlink, name), 0);
    expect("mq_unlink again", SYS(mq_unlink, name), -ENOENT);
}

static void kernel_semaphores(void) {
    say("the kernel's semaphores\n");
    long id = -1, other = -1;
    int now = -1;
    expect("ksem_init", SYS(_ksem_init, 2, &id), 0);
    expect("getvalue", SYS(_ksem_getvalue, id, &now), 0);
    expect("value", now, 2);
    expect("wait", SYS(_ksem_wait, id), 0);
    expect("trywait", SYS(_ksem_trywait, id), 0);
    expect("trywait", SYS(_ksem_trywait, id), -EAGAIN);
    expect("timedwait", SYS(_ksem_timedwait, id, span(1, 0)), -ETIMEDOUT);
    long child = SYS0(fork);
    if (child == 0) {
        nap(20);
        SYS(_ksem_post, id);
        leave(0);
    }
    expect("wait for a child's post", SYS(_ksem_wait, id), 0);
    int status;
    SYS(__wait450, child, &status, 0, 0);
    expect("destroy", SYS(_ksem_destroy, id), 0);
    expect("post to none", SYS(_ksem_post, id), -EINVAL);
    char name[32] = "/persona-sample-";
    long pid = SYS0(getpid);
    for (int digit = 16; pid; pid /= 10) name[digit++] = '0' + pid % 10;
    expect("open of none", SYS(_ksem_open, name, 0, 0, 0, &id), -ENOENT);
    expect("open", SYS(_ksem_open, name, O_CREAT | O_EXCL, 0600, 1, &id), 0);
    expect("open again", SYS(_ksem_open, name, O_CREAT | O_EXCL, 0600, 1, &other), -EEXIST);
    expect("open by another", SYS(_ksem_open, name, 0, 0, 0, &other), 0);
    expect("wait", SYS(_ksem_wait, other), 0);
    expect("trywait", SYS(_ksem_trywait, id), -EAGAIN);
    expect("post", SYS(_ksem_post, id), 0);
    expect("trywait", SYS(_ksem_trywait, other), 0);
    expect("close", SYS(_ksem_close, id), 0);
    expect("close", SYS(_ksem_close, other), 0);
    expect("unlink", SYS(_ksem_unlink, name), 0);
    expect("unlink again", SYS(_ksem_unlink, name), -ENOENT);
}

static void asynchronous(void) {
    say("asynchronous I/O\n");
    long file = SYS(open, "asynchronous", O_CREAT | O_RDWR, 0600);
    char text[16] = "";
    struct aiocb write = {2, "words", 5, file, 0, 0, {1, SIGUSR1, (void *)0x77, 0, 0}, 0, 0, 0};
    struct aiocb read = {0, text, 7, file, 2, 0, {0, 0, 0, 0, 0}, 0, 0, 0};
    struct aiocb *list[] = {&write, &read};
    handle(SIGUSR1, onsignal, SA_SIGINFO);
    signals = 0;
    expect("error of none", SYS(aio_error, &write), -EINVAL);
    expect("aio_write", SYS(aio_write, &write), 0);
    expect("aio_suspend", SYS(__aio_suspend50, list, 1, 0), 0);
    nap(10);
    expect("told by a signal", signals, 1);
    expect("its code", code, -3);
    expect("its value", value == (void *)0x77, 1);
    expect("aio_error", SYS(aio_error, &write), 0);
    expect("aio_return", SYS(aio_return, &write), 5);
    expect("aio_return again", SYS(aio_return, &write), -EINVAL);
    expect("lio_listio", SYS(lio_listio, 1, list + 1, 1, 0), 0);
    expect("aio_return", SYS(aio_return, &read), 7);
    expect("what was read", same(text, "\0\0words", 7), 1);
    expect("aio_cancel", SYS(aio_cancel, file, 0), 3);
    read.fildes = 99;
    expect("aio_read of no descriptor", SYS(aio_read, &read), -EBADF);
    int ends[2];
    SYS(pipe2, ends, 0);
    struct aiocb second = {0, text + 8, 4, ends[0], 2, 0, {0, 0, 0, 0, 0}, 0, 0, 0};
    read.fildes = ends[0];
    expect("aio_read of a pipe", SYS(aio_read, &read), 0);
    expect("another", SYS(aio_read, &second), 0);
    nap(10);
    expect("EINPROGRESS", SYS(aio_error, &read), 36);
    expect("aio_cancel of what is read", SYS(aio_cancel, ends[0], &read), 2);
    expect("aio_cancel of what waits behind it", SYS(aio_cancel, ends[0], &second), 1);
    expect("ECANCELED", SYS(aio_error, &second), 87);
    SYS(write, ends[1], "pipe", 4);
    expect("aio_suspend", SYS(__aio_suspend50, list + 1, 1, 0), 0);
    expect("aio_return", SYS(aio_return, &read), 4);
    expect("what was read", same(text, "pipe", 4), 1);
    SYS(close, ends[0]);
    SYS(close, ends[1]);
    SYS(close, file);
    SYS(unlink, "asynchronous");
}

static void sample(long argc, char **argv, char **environment) {
    shared_memory();
    semaphores();
    messages();
    queues();
    kernel_semaphores();
    asynchronous();
}
