/// Linux's own constants and structures, from the kernel's user-space API headers; no C library.
#ifndef PERSONA_LINUX_H
#define PERSONA_LINUX_H

#include <asm/unistd_64.h>
#include <asm/errno.h>
#include <asm/prctl.h>
#include <asm-generic/fcntl.h>
#include <linux/mman.h>
#include <asm/poll.h>
#include <asm/resource.h>
#include <asm/ioctls.h>
#include <asm/socket.h>
#include <asm/statfs.h>
#include <asm/termbits.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inotify.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/tcp.h>
#include <linux/timerfd.h>
#include <linux/wait.h>

#endif
