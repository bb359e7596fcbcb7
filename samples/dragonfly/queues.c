/// Message queues: struct mq_attr has four words (sys/mqueue.h); what lies behind it stays as it was.
#include "dragonfly.h"

enum { MQ_OPEN = 510, MQ_CLOSE = 511, MQ_UNLINK = 512, MQ_GETATTR = 513, MQ_SETATTR = 514 };
enum { O_RDWR = 2, O_NONBLOCK = 4, O_CREAT = 0x200 };
struct attributes { int64_t flags, maxmsg, msgsize, curmsgs; };

static void program(void) {
    static struct { struct attributes attributes; uint64_t behind[4]; } memory = {{0, 5, 64, 0}, {11, 12, 13, 14}};
    static const char name[] = "/persona-sample-queue";
    SYS(MQ_UNLINK, name);
    long queue = SYS(MQ_OPEN, name, O_CREAT | O_RDWR, 0600, &memory.attributes);
    expect("mq_open fails", failed_call, 0);
    memory.attributes = (struct attributes){9, 9, 9, 9};
    expect("mq_getattr", SYS(MQ_GETATTR, queue, &memory.attributes), 0);
    expect("mq_flags & O_NONBLOCK", memory.attributes.flags & O_NONBLOCK, 0);
    expect("mq_maxmsg", memory.attributes.maxmsg, 5);
    expect("mq_msgsize", memory.attributes.msgsize, 64);
    expect("mq_curmsgs", memory.attributes.curmsgs, 0);
    static const struct attributes wanted = {O_NONBLOCK, 0, 0, 0};
    expect("mq_setattr", SYS(MQ_SETATTR, queue, &wanted, &memory.attributes), 0);
    expect("mq_getattr", SYS(MQ_GETATTR, queue, &memory.attributes), 0);
    expect("mq_flags & O_NONBLOCK", memory.attributes.flags & O_NONBLOCK, O_NONBLOCK);
    for (int index = 0; index < 4; index++) expect("behind", (long)memory.behind[index], 11 + index);
    expect("mq_unlink", SYS(MQ_UNLINK, name), 0);
}
