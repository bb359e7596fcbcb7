/// The kernel's semaphores, message queues, timers, System V's, extended attributes, access control lists.
#include "freebsd.h"

enum {
    SYS_semget = 221, SYS_semop = 222, SYS_msgget = 225, SYS_msgsnd = 226, SYS_msgrcv = 227, SYS_shmat = 228, SYS_shmdt = 230,
    SYS_shmget = 231, SYS___acl_get_file = 347, SYS___acl_set_file = 348, SYS___acl_get_fd = 349,
    SYS___acl_delete_file = 351, SYS___acl_aclcheck_file = 353, SYS___acl_get_link = 425, SYS_extattr_set_file = 356, SYS_extattr_get_file = 357,
    SYS_extattr_delete_file = 358, SYS_extattr_set_fd = 371, SYS_extattr_get_fd = 372,
    SYS_ksem_close = 400, SYS_ksem_post = 401, SYS_ksem_wait = 402, SYS_ksem_trywait = 403, SYS_ksem_init = 404, SYS_ksem_open = 405,
    SYS_ksem_unlink = 406, SYS_ksem_getvalue = 407, SYS_ksem_destroy = 408, SYS_extattr_list_fd = 437, SYS_extattr_list_file = 438,
    SYS_ksem_timedwait = 441, SYS_kmq_open = 457, SYS_kmq_setattr = 458, SYS_kmq_timedreceive = 459, SYS_kmq_timedsend = 460,
    SYS_kmq_notify = 461, SYS_kmq_unlink = 462, SYS___semctl = 510, SYS_msgctl = 511, SYS_shmctl = 512, SYS_cap_enter = 516,
    SIGLIBRT = 33, ENOSPC = 28, ENOMSG = 83, ENOATTR = 87, IPC_CREAT = 0x200, IPC_NOWAIT = 0x800, IPC_RMID = 0, IPC_STAT = 2, GETVAL = 5,
    SETVAL = 8, FIOSEEKDATA = (int)0xc0086661, FIOSEEKHOLE = (int)0xc0086662,
    USER = 1, ACCESS = 2, DEFAULT = 3, NFS4 = 4, SYS_pathconf = 191,
    _PC_ACL_EXTENDED = 59, _PC_ACL_PATH_MAX = 60, _PC_ACL_NFS4 = 64,
};
typedef struct { int32_t notify, signo; void *value; int64_t rest[8]; } sigevent;
typedef struct { int64_t flags, maxmsg, msgsize, curmsgs, reserved[4]; } mq_attr;
typedef struct { uint32_t tag, id, perm; uint16_t type, flags; } acl_entry;
typedef struct { uint32_t maxcnt, cnt; int32_t spare[4]; acl_entry entry[254]; } acl;
typedef struct { uint32_t cuid, cgid, uid, gid; uint16_t mode, seq; int64_t key; } ipc_perm;
_Static_assert(sizeof(sigevent) == 80 && sizeof(mq_attr) == 64 && sizeof(acl) == 4088, "FreeBSD's sizes");

static volatile int signals, code;
static void *volatile value;
static void hears(int signal, siginfo *info) {
    signals++;
    code = info->code;
    value = (void *)info->value;
}

/// "/sample-" and this process's number.
static char *own_name(void) {
    static char name[32] = "/sample-";
    long pid = SYS0(getpid);
    for (int digit = 8; pid; pid /= 10) name[digit++] = '0' + pid % 10;
    return name;
}

static void semaphores(void) {
    say("the kernel's semaphores\n");
    long id = -1, other = -1;
    int now = -1, status;
    char *name = own_name();
    expect("ksem_init", SYS(ksem_init, &id, 2), 0);
    expect("ksem_getvalue", SYS(ksem_getvalue, id, &now), 0);
    expect("value", now, 2);
    expect("wait", SYS(ksem_wait, id), 0);
    expect("trywait", SYS(ksem_trywait, id), 0);
    expect("trywait of none", SYS(ksem_trywait, id), -EAGAIN);
    expect("timedwait", SYS(ksem_timedwait, id, span(1, 0)), -ETIMEDOUT);
    long child = SYS0(fork);
    if (child == 0) {
        nap(20);
        SYS(ksem_post, id);
        leave(0);
    }
    expect("wait for a child's post", SYS(ksem_wait, id), 0);
    SYS(wait4, child, &status, 0, 0);
    expect("destroy", SYS(ksem_destroy, id), 0);
    expect("open of none", SYS(ksem_open, &id, name, 0, 0, 0), -ENOENT);
    expect("open", SYS(ksem_open, &id, name, O_CREAT | O_EXCL, 0600, 1), 0);
    expect("open again", SYS(ksem_open, &other, name, O_CREAT | O_EXCL, 0600, 1), -EEXIST);
    expect("open by another", SYS(ksem_open, &other, name, 0, 0, 0), 0);
    expect("wait", SYS(ksem_wait, other), 0);
    expect("both are one", SYS(ksem_trywait, id), -EAGAIN);
    expect("close", SYS(ksem_close, id) | SYS(ksem_close, other), 0);
    expect("unlink", SYS(ksem_unlink, name), 0);
    expect("unlink again", SYS(ksem_unlink, name), -ENOENT);
}

static void queues(void) {
    say("message queues\n");
    char *name = own_name(), text[64];
    mq_attr attributes = {0, 4, 64, 0, {0}}, old;
    unsigned priority = 0;
    long queue = SYS(kmq_open, name, O_CREAT | O_RDWR | O_EXCL | O_NONBLOCK, 0600, &attributes);
    holds("kmq_open", queue >= 0);
    expect("kmq_open again", SYS(kmq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, 0), -EEXIST);
    sigaction listen = {(void *)hears, SA_SIGINFO, {{0}}};
    SYS(sigaction, SIGUSR1, &listen, 0);
    sigevent event = {1, SIGUSR1, (void *)0x1234, {0}};
    signals = 0;
    expect("kmq_notify", SYS(kmq_notify, queue, &event), 0);
    expect("send", SYS(kmq_timedsend, queue, "low", 4, 1, 0), 0);
    nap(10);
    expect("told by a signal", signals, 1);
    expect("SI_MESGQ", code, 0x10005);
    holds("its value", value == (void *)0x1234);
    expect("send", SYS(kmq_timedsend, queue, "high", 5, 9, 0), 0);
    expect("receive", SYS(kmq_timedreceive, queue, text, 64, &priority, 0), 5);
    expect("priority", priority, 9);
    expect("receive into too little", SYS(kmq_timedreceive, queue, text, 10, &priority, 0), -EMSGSIZE);
    attributes.flags = 0;
    expect("kmq_setattr", SYS(kmq_setattr, queue, &attributes, &old), 0);
    expect("flags before", old.flags, O_NONBLOCK);
    expect("messages at most", old.maxmsg, 4);
    expect("messages", old.curmsgs, 1);
    expect("receive", SYS(kmq_timedreceive, queue, text, 64, &priority, span(1, 0)), 4);
    expect("receive of none", SYS(kmq_timedreceive, queue, text, 64, &priority, span(1, 0)), -ETIMEDOUT);

    // One thread is told, as librt asks for to make SIGEV_THREAD of it.
    sigevent thread = {4, SIGLIBRT, (void *)0x5678, {0}};
    sigset set = {{0, 1u << (SIGLIBRT - 33)}};
    siginfo told;
    SYS(thr_self, &thread.rest[0]);
    SYS(sigprocmask, SIG_BLOCK, &set, 0);
    expect("kmq_notify of a thread", SYS(kmq_notify, queue, &thread), 0);
    expect("of another", SYS(kmq_notify, queue, &event), -EBUSY);
    expect("nothing yet", SYS(sigtimedwait, &set, &told, span(0, 10000000)), -EAGAIN);
    expect("send", SYS(kmq_timedsend, queue, "one", 4, 1, 0), 0);
    expect("the thread's signal", SYS(sigtimedwait, &set, &told, span(1, 0)), SIGLIBRT);
    expect("SI_MESGQ", told.code, 0x10005);
    expect("si_errno", told.error, 0);
    holds("si_mqd", told.reason[0] == (int32_t)queue);
    holds("its value", told.value == 0x5678);
    signals = 0;
    expect("kmq_notify with a message there", SYS(kmq_notify, queue, &event), 0);
    nap(10);
    expect("told at once", signals, 1);
    expect("and no more", SYS(kmq_notify, queue, &thread), 0);
    expect("the thread too", SYS(sigtimedwait, &set, &told, span(1, 0)), SIGLIBRT);
    expect("receive", SYS(kmq_timedreceive, queue, text, 64, &priority, 0), 4);
    expect("kmq_notify", SYS(kmq_notify, queue, &thread), 0);
    long second = SYS(kmq_open, name, O_RDWR, 0, 0);
    expect("close of another descriptor", SYS(close, second), 0);
    nap(10);
    expect("send", SYS(kmq_timedsend, queue, "new", 4, 1, 0), 0);
    expect("the thread is told all the same", SYS(sigtimedwait, &set, &told, span(1, 0)), SIGLIBRT);
    expect("receive", SYS(kmq_timedreceive, queue, text, 64, &priority, 0), 4);
    expect("kmq_notify", SYS(kmq_notify, queue, &thread), 0);
    expect("taken back", SYS(kmq_notify, queue, 0), 0);
    expect("send", SYS(kmq_timedsend, queue, "two", 4, 1, 0), 0);
    expect("not told", SYS(sigtimedwait, &set, &told, span(0, 10000000)), -EAGAIN);
    expect("receive", SYS(kmq_timedreceive, queue, text, 64, &priority, 0), 4);
    thread.notify = 3;
    expect("SIGEV_KEVENT", SYS(kmq_notify, queue, &thread), -EINVAL);
    thread.notify = 4;
    expect("kmq_notify of no queue", SYS(kmq_notify, 99, &thread), -EBADF);
    expect("kmq_notify", SYS(kmq_notify, queue, &thread), 0);
    SYS(close, queue);
    expect("kmq_unlink", SYS(kmq_unlink, name), 0);
}

static void timers(void) {
    say("a timer that tells one thread\n");
    sigevent thread = {4, SIGUSR1, (void *)0x5a, {0}};
    struct { timespec interval, value; } once = {{0, 0}, {0, 1000000}};
    sigset set = {{1u << (SIGUSR1 - 1)}};
    siginfo told;
    int32_t number = -1;
    SYS(thr_self, &thread.rest[0]);
    SYS(sigprocmask, SIG_BLOCK, &set, 0);
    expect("ktimer_create", SYS(ktimer_create, 4, &thread, &number), 0);
    expect("its number", number, 3);
    expect("ktimer_settime", SYS(ktimer_settime, number, 0, &once, 0), 0);
    expect("its signal, to this thread", SYS(sigwaitinfo, &set, &told), SIGUSR1);
    expect("SI_TIMER", told.code, 0x10003);
    expect("si_timerid", (int32_t)told.reason[0], number);
    expect("si_overrun", told.reason[0] >> 32, 0);
    expect("si_value", told.value, 0x5a);
    expect("ktimer_delete", SYS(ktimer_delete, number), 0);
}

static void system_v(void) {
    say("System V\n");
    struct { ipc_perm perm; uint64_t size; int32_t lpid, cpid; uint32_t attached; int64_t times[3]; } segment;
    _Static_assert(sizeof segment == 80, "sys/shm.h");
    long id = SYS(shmget, 0, 8192, IPC_CREAT | 0600);
    char *place = (char *)SYS(shmat, id, 0, 0);
    holds("shmat", (long)place > 0);
    place[8191] = 'x';
    expect("IPC_STAT", SYS(shmctl, id, IPC_STAT, &segment), 0);
    expect("size", segment.size, 8192);
    expect("attached", segment.attached, 1);
    expect("mode", segment.perm.mode & 0777, 0600);
    expect("shmdt", SYS(shmdt, place), 0);
    expect("IPC_RMID", SYS(shmctl, id, IPC_RMID, 0), 0);
    id = SYS(semget, 0, 3, IPC_CREAT | 0600);
    union { int number; void *place; } argument = {5};
    struct { uint16_t num; int16_t op, flg; } down = {1, -2, IPC_NOWAIT};
    expect("SETVAL", SYS(__semctl, id, 1, SETVAL, &argument), 0);
    expect("semop", SYS(semop, id, &down, 1), 0);
    expect("GETVAL", SYS(__semctl, id, 1, GETVAL, &argument), 3);
    down.op = -20;
    expect("semop that would wait", SYS(semop, id, &down, 1), -EAGAIN);
    expect("IPC_RMID", SYS(__semctl, id, 0, IPC_RMID, &argument), 0);
    struct { long type; char text[16]; } message = {3, "words"};
    id = SYS(msgget, 0, IPC_CREAT | 0600);
    expect("msgsnd", SYS(msgsnd, id, &message, 6, 0), 0);
    expect("msgrcv of another type", SYS(msgrcv, id, &message, 16, 4, IPC_NOWAIT), -ENOMSG);
    expect("msgrcv", SYS(msgrcv, id, &message, 16, 3, 0), 6);
    expect("IPC_RMID", SYS(msgctl, id, IPC_RMID, 0), 0);
}

static void holes(void) {
    long file = SYS(open, "holes", O_CREAT | O_RDWR, 0600);
    int64_t place = 1;
    SYS(write, file, "words", 5);
    SYS(ftruncate, file, 1 << 20);
    expect("FIOSEEKHOLE", SYS(ioctl, file, FIOSEEKHOLE, &place), 0);
    holds("a hole", place == 4096);
    SYS(close, file);
    SYS(unlink, "holes");
}

static void attributes(void) {
    say("extended attributes\n");
    long file = SYS(open, "attributes", O_CREAT | O_RDWR, 0640);
    char text[32] = "";
    long set = SYS(extattr_set_file, "attributes", USER, "colour", "blue", 4);
    expect("extattr_set_file", set, 4);
    expect("extattr_get_file", SYS(extattr_get_file, "attributes", USER, "colour", text, 32), 4);
    holds("blue", same(text, "blue", 5));
    expect("its size", SYS(extattr_get_fd, file, USER, "colour", 0, 0), 4);
    expect("a part", SYS(extattr_get_fd, file, USER, "colour", text, 2), 2);
    expect("another", SYS(extattr_get_fd, file, USER, "size", text, 32), -ENOATTR);
    expect("extattr_set_fd", SYS(extattr_set_fd, file, USER, "size", "12", 2), 2);
    expect("extattr_list_file", SYS(extattr_list_file, "attributes", USER, text, 32), 12);
    holds("names behind their lengths", (same(text, "\006colour\004size", 12) || same(text, "\004size\006colour", 12)));
    expect("extattr_delete_file", SYS(extattr_delete_file, "attributes", USER, "size"), 0);
    expect("extattr_list_fd", SYS(extattr_list_fd, file, USER, 0, 0), 7);
    expect("a name space that is none", SYS(extattr_get_fd, file, 7, "colour", text, 32), -EPERM);

    say("access control lists\n");
    static acl list = {.maxcnt = 254}, other = {.maxcnt = 254};
    expect("_PC_ACL_EXTENDED", SYS(pathconf, "attributes", _PC_ACL_EXTENDED), 1);
    expect("_PC_ACL_PATH_MAX", SYS(pathconf, "attributes", _PC_ACL_PATH_MAX), 254);
    expect("_PC_ACL_NFS4", SYS(pathconf, "attributes", _PC_ACL_NFS4), 0);
    expect("__acl_get_file", SYS(__acl_get_file, "attributes", ACCESS, &list), 0);
    expect("entries by the mode", list.cnt, 3);
    expect("owner, group, others", list.entry[0].perm << 8 | list.entry[1].perm << 4 | list.entry[2].perm, 0x640);
    expect("their tags", list.entry[0].tag << 16 | list.entry[1].tag << 8 | list.entry[2].tag, 0x010420);
    list.cnt = 5;
    list.entry[3] = (acl_entry){0x10, -1, 7, 0, 0};
    list.entry[4] = (acl_entry){2, 1234, 6, 0, 0};
    expect("__acl_aclcheck_file", SYS(__acl_aclcheck_file, "attributes", ACCESS, &list), 0);
    expect("__acl_set_file", SYS(__acl_set_file, "attributes", ACCESS, &list), 0);
    expect("__acl_get_fd", SYS(__acl_get_fd, file, ACCESS, &other), 0);
    expect("entries", other.cnt, 5);
    expect("the user", other.entry[1].tag == 2 ? other.entry[1].id : -1, 1234);
    expect("may", other.entry[1].perm, 6);
    stat status;
    SYS(fstat, file, &status);
    expect("the mask is the mode's group", status.mode & 0777, 0670);
    list.cnt = 2;
    expect("a list that lacks entries", SYS(__acl_set_file, "attributes", ACCESS, &list), -EINVAL);
    expect("a file's default list", SYS(__acl_set_file, "attributes", DEFAULT, &other), -EINVAL);
    expect("NFSv4's", SYS(__acl_get_file, "attributes", NFS4, &list), -EINVAL);
    SYS(mkdir, "listed", 0755);
    expect("a folder's default list", SYS(__acl_get_file, "listed", DEFAULT, &list), 0);
    expect("entries", list.cnt, 0);
    // The ids of owner, group, mask and others are passed over.
    for (int index = 0; index < 5; ++index) if (other.entry[index].tag != 2) other.entry[index].id = 0;
    expect("set", SYS(__acl_set_file, "listed", DEFAULT, &other), 0);
    expect("get", SYS(__acl_get_file, "listed", DEFAULT, &list), 0);
    expect("entries", list.cnt, 5);
    expect("__acl_delete_file", SYS(__acl_delete_file, "listed", DEFAULT), 0);
    expect("again", SYS(__acl_delete_file, "listed", DEFAULT), 0);
    expect("the file's own list", SYS(__acl_delete_file, "listed", ACCESS), -EINVAL);
    SYS(symlink, "attributes", "link");
    expect("__acl_get_link", SYS(__acl_get_link, "link", ACCESS, &list), 0);
    expect("entries by its mode", list.cnt, 3);
    expect("owner, group, others", list.entry[0].perm << 8 | list.entry[1].perm << 4 | list.entry[2].perm, 0x777);
    SYS(unlink, "link");
    list.maxcnt = 32;
    expect("another room", SYS(__acl_get_file, "listed", ACCESS, &list), -EINVAL);
    expect("cap_enter, as in a kernel without Capsicum", SYS0(cap_enter), -ENOSYS);
    SYS(rmdir, "listed");
    SYS(unlink, "attributes");
}

static void sample(long argc, char **argv, char **environment) {
    semaphores();
    queues();
    timers();
    system_v();
    holes();
    attributes();
}
