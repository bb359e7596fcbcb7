#include <linux/seccomp.h>
#include <seccomp.h>
