#include "probe.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <asm/ldt.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Newer than the headers of Debian 12 in places: linux/prctl.h, linux/seccomp.h, asm/unistd_64.h.
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
#define SYNC_WAKE_UP 1UL
#define HWCAP2_FSGSBASE_BIT 2UL

static volatile char selector;
static volatile sig_atomic_t trapped;

static void on_sigsys(int signal, siginfo_t *info, void *context)
{
    (void)signal; (void)info; (void)context;
    selector = 0;
    trapped = 1;
}

static void catch_sigsys(void)
{
    struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &action, NULL);
}

static int try_user_dispatch(void)
{
    catch_sigsys();
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector) != 0)
        return errno;
    selector = 1;
    syscall(SYS_getppid);
    selector = 0;
    return trapped ? 0 : EOPNOTSUPP;
}

/// A filter that answers PERSONA_HYPERCALL with `action` and allows everything else.
static int filter(uint32_t action, unsigned flags)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PERSONA_HYPERCALL, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    int answer = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return answer < 0 ? -errno : answer;
}

static int try_seccomp(void)
{
    catch_sigsys();
    int answer = filter(SECCOMP_RET_TRAP, 0);
    if (answer < 0)
        return -answer;
    syscall(PERSONA_HYPERCALL);
    return trapped ? 0 : EOPNOTSUPP;
}

/// A child makes the hypercall; this process answers it, with a descriptor when `add` is set.
static int try_notification(int add)
{
    int listener = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listener < 0)
        return -listener;
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        long answer = syscall(PERSONA_HYPERCALL);
        if (add)
            _exit(answer >= 0 && fcntl((int)answer, F_GETFD) >= 0 ? 0 : 1);
        _exit(answer == 42 ? 0 : 1);
    }
    int failure = 0;
    struct seccomp_notif request;
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0)
        failure = errno;
    struct seccomp_notif_resp response = { .id = request.id, .val = 42 };
    if (!failure && add) {
        struct seccomp_notif_addfd descriptor = { .id = request.id, .srcfd = 0 };
        int memory = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        descriptor.srcfd = (uint32_t)memory;
        int remote = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &descriptor);
        if (remote < 0)
            failure = errno;
        response.val = remote;
    }
    if (!failure && ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0)
        failure = errno;
    if (failure)
        kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (failure)
        return failure;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EOPNOTSUPP;
}

static int try_sync_wakeup(void)
{
    int listener = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listener < 0)
        return -listener;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) == 0 ? 0 : errno;
}

static int try_ia32(void)
{
    // i386 call 20 is getpid; a kernel without IA32 emulation raises SIGSEGV.
    int answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return answer == getpid() ? 0 : EOPNOTSUPP;
}

static int try_ldt(void)
{
    struct user_desc entry = {
        .entry_number = 0, .limit = 0xfffff, .seg_32bit = 0, .contents = MODIFY_LDT_CONTENTS_CODE,
        .limit_in_pages = 1, .useable = 1,
    };
    if (syscall(SYS_modify_ldt, 0x11, &entry, sizeof entry) != 0)
        return errno;
    entry.seg_32bit = 1;
    return (int)syscall(SYS_modify_ldt, 0x11, &entry, sizeof entry) == 0 ? 0 : errno;
}

static int try_fsgsbase(void)
{
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT))
        return EOPNOTSUPP;
    uint64_t base = 0x1234000, found = 0;
    __asm__ volatile("wrgsbase %1\n\trdgsbase %0" : "=r"(found) : "r"(base));
    return found == base ? 0 : EOPNOTSUPP;
}

static int try_landlock(void)
{
    // landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) answers the ABI's version.
    return syscall(444, NULL, 0, 1) >= 1 ? 0 : errno;
}

static int try_pidfd(void)
{
    int process = (int)syscall(434, getpid(), 0);  // pidfd_open
    if (process < 0)
        return errno;
    return syscall(424, process, 0, NULL, 0) == 0 ? 0 : errno;  // pidfd_send_signal
}

static int try_openat2(void)
{
    int found = persona_open_in_root("/proc/self", "/status");
    return found < 0 ? -found : 0;
}

static int try_engine_address(void)
{
    void *wanted = (void *)PERSONA_RESERVED_START;
    void *found = mmap(wanted, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (found == MAP_FAILED)
        return errno;
    return found == wanted ? 0 : EOPNOTSUPP;
}

static int try_feature(enum persona_feature feature)
{
    switch (feature) {
    case PERSONA_FEATURE_USER_DISPATCH: return try_user_dispatch();
    case PERSONA_FEATURE_SECCOMP: return try_seccomp();
    case PERSONA_FEATURE_NOTIFICATION: return try_notification(0);
    case PERSONA_FEATURE_ADDFD: return try_notification(1);
    case PERSONA_FEATURE_SYNC_WAKEUP: return try_sync_wakeup();
    case PERSONA_FEATURE_IA32: return try_ia32();
    case PERSONA_FEATURE_LDT: return try_ldt();
    case PERSONA_FEATURE_FSGSBASE: return try_fsgsbase();
    case PERSONA_FEATURE_USER_NAMESPACE: return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
    case PERSONA_FEATURE_LANDLOCK: return try_landlock();
    case PERSONA_FEATURE_PIDFD: return try_pidfd();
    case PERSONA_FEATURE_OPENAT2: return try_openat2();
    case PERSONA_FEATURE_ENGINE_ADDRESS: return try_engine_address();
    }
    return EINVAL;
}

int persona_probe(enum persona_feature feature)
{
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGILL, SIG_DFL);
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // a probe that dies leaves no core file
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        alarm(5);
        _exit(try_feature(feature));
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return errno;
    }
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int persona_open_in_root(const char *root, const char *path)
{
    int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
    int found = (int)syscall(437, folder, path, &how, sizeof how);
    int failure = errno;
    close(folder);
    return found < 0 ? -failure : found;
}
