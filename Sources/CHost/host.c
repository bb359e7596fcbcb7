#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

int persona_memory_file(const char *name, const void *bytes, size_t count) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -errno;
    const char *rest = bytes;
    while (count > 0) {
        ssize_t written = write(file, rest, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            int error = written < 0 ? errno : ENOSPC;
            close(file);
            return -error;
        }
        rest += written;
        count -= (size_t)written;
    }
    if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(file);
        return -error;
    }
    return file;
}

int persona_shared_file(const char *name, size_t count) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -errno;
    if (ftruncate(file, (off_t)count) < 0 ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(file);
        return -error;
    }
    return file;
}

int persona_become_engine(int engine, char *const argv[], char *const envp[]) {
    syscall(SYS_execveat, engine, "", argv, envp, AT_EMPTY_PATH, PERSONA_OWN_EXEC);
    return -errno;
}

int persona_join(struct persona_exec *request) {
    return syscall(PERSONA_HYPERCALL, PERSONA_HC_JOIN, request) < 0 ? -errno : 0;
}

pid_t persona_launch(int engine, char *const argv[], char *const envp[], const sigset_t *mask) {
    // The child borrows this process's memory until it has executed: nothing is copied, and it can leave its
    // error here.
    volatile int error = 0;
    pid_t child = vfork();
    if (child < 0) return -errno;
    if (child == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        syscall(SYS_execveat, engine, "", argv, envp, AT_EMPTY_PATH, PERSONA_OWN_EXEC);
        error = errno;
        _exit(125);
    }
    return error ? -error : child;
}

int persona_hand_over(int listener, uint64_t id, int file, int answer) {
    struct seccomp_notif_addfd request = {
        .id = id,
        .flags = answer ? SECCOMP_ADDFD_FLAG_SEND : 0,
        .srcfd = (uint32_t)file,
        .newfd_flags = O_CLOEXEC,
    };
    int result = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
    return result < 0 ? -errno : result;
}

int persona_copy_descriptor(pid_t pid, int descriptor) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0) return -errno;
    int result = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
    if (result < 0) result = -errno;
    close(process);
    return result;
}

int persona_open_guest_file(pid_t pid, int descriptor, char *path, size_t room) {
    static int own = -1;
    if (own < 0) own = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[64];
    int folder = own, copy = own < 0 ? -1 : persona_copy_descriptor(pid, descriptor);
    if (copy >= 0) {
        snprintf(name, sizeof name, "%d", copy);
    } else {
        folder = AT_FDCWD;
        snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, descriptor);
    }
    ssize_t length = readlinkat(folder, name, path, room - 1);
    path[length > 0 ? length : 0] = 0;
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = errno;
    if (copy >= 0) close(copy);
    return file < 0 ? -error : file;
}

void persona_wake_synchronously(int listener) {
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1UL /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP */);
}

static int copied(ssize_t length, size_t count) {
    if (length < 0) return -errno;
    return length == (ssize_t)count ? 0 : -EFAULT;
}

int persona_read_memory(pid_t pid, uint64_t address, void *bytes, size_t count) {
    struct iovec own = {bytes, count}, theirs = {(void *)address, count};
    return copied(process_vm_readv(pid, &own, 1, &theirs, 1, 0), count);
}

int persona_write_memory(pid_t pid, uint64_t address, const void *bytes, size_t count) {
    struct iovec own = {(void *)bytes, count}, theirs = {(void *)address, count};
    return copied(process_vm_writev(pid, &own, 1, &theirs, 1, 0), count);
}

pid_t persona_thread_group(pid_t tid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *file = fopen(path, "re");
    if (!file) return tid;
    int group = tid;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Tgid: %d", &group) == 1) break;
    fclose(file);
    return group;
}

void persona_die_by(int signal_number) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(signal_number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
}

int persona_signal_file(const sigset_t *set) {
    int file = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    return file < 0 ? -errno : file;
}

int persona_next_signal(int file, int *code) {
    struct signalfd_siginfo information;
    if (read(file, &information, sizeof information) != sizeof information) return 0;
    *code = information.ssi_code;
    return (int)information.ssi_signo;
}

int persona_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int persona_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0; }

int persona_when_parent_dies(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, signal_number) < 0 ? -errno : 0;
}

int persona_copy_file(int from, off_t start, int to, off_t place, size_t count) {
    char piece[65536];
    while (count > 0) {
        ssize_t length = pread(from, piece, count < sizeof piece ? count : sizeof piece, start);
        if (length <= 0) return length < 0 ? -errno : -EIO;
        ssize_t written = pwrite(to, piece, (size_t)length, place);
        if (written <= 0) return written < 0 ? -errno : -ENOSPC;
        start += written;
        place += written;
        count -= (size_t)written;
    }
    return 0;
}

/// What this process needs, in KiB: with less Swift's runtime ends without a word, or the supervisor while it reads a program.
static const struct { int resource; const char *name, *option; rlim_t kilobytes; } needs[] = {
    {RLIMIT_STACK, "stack", "-s", 256}, {RLIMIT_DATA, "data", "-d", 16384}, {RLIMIT_AS, "address space", "-v", 65536}};

/// Refuses to begin where a limit is too low, before anything else runs.
__attribute__((constructor(101))) static void check_limits(void) {
    for (size_t index = 0; index < sizeof needs / sizeof *needs; index++) {
        struct rlimit limit;
        char text[160];
        if (getrlimit(needs[index].resource, &limit) != 0 || limit.rlim_cur / 1024 >= needs[index].kilobytes) continue;
        int length = snprintf(text, sizeof text, "persona: the limit of the %s is %llu KiB, and Persona needs %llu; raise it with 'ulimit %s'\n",
                              needs[index].name, (unsigned long long)limit.rlim_cur / 1024,
                              (unsigned long long)needs[index].kilobytes, needs[index].option);
        if (write(2, text, (size_t)length) < 0) { /* nobody listens */ }
        _exit(125);
    }
}

static char **command_line;

/// The C library hands main's arguments to constructors too.
__attribute__((constructor)) static void keep_command_line(int count, char **arguments) {
    (void)count;
    command_line = arguments;
}

char **persona_command_line(void) { return command_line; }

int persona_receive(int listener, struct seccomp_notif *request) {
    memset(request, 0, sizeof *request);
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) < 0 ? -errno : 0;
}

int persona_respond(int listener, uint64_t id, int64_t value) {
    struct seccomp_notif_resp response = {.id = id};
    if (value < 0)
        response.error = (int32_t)value;
    else
        response.val = value;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

int persona_let_continue(int listener, uint64_t id) {
    struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

/// The address of the NUL that ends a task's text, or 0.
static uint64_t end_of_text(pid_t tid, uint64_t address) {
    char page[4096];
    for (int pages = 0; pages < 2; pages++) {
        size_t count = sizeof page - address % sizeof page;
        if (persona_read_memory(tid, address, page, count) != 0) return 0;
        const char *end = memchr(page, 0, count);
        if (end) return address + (uint64_t)(end - page);
        address += count;
    }
    return 0;
}

/// Writes a script's interpreter and its argument before the task's own arguments but the first: the new argv, or -errno.
/// They lie on the task's stack, below what it or a parent that shares the stack still needs.
static int64_t write_prefix(pid_t tid, uint64_t stack, uint64_t argv, const struct persona_exec *exec) {
    static uint64_t vector[8192 + 8];
    uint64_t count = exec->prefix_count, text = 0, from = argv + 8;
    for (uint64_t index = 0; index < count; index++) text += strlen(exec->prefix + text) + 1;
    uint64_t first, *next = vector + count;
    // An empty argv has no first argument to leave out.
    if (!argv || persona_read_memory(tid, argv, &first, 8) != 0) return -EFAULT;
    do {
        if (next == vector + sizeof vector / sizeof *vector) return -E2BIG;
        *next = 0;
        if (first && persona_read_memory(tid, from, next, 8) != 0) return -EFAULT;
        from += 8;
    } while (*next++);
    uint64_t bytes = (uint64_t)((char *)next - (char *)vector);
    uint64_t place = (stack - 128 - bytes - text) & ~15ull;
    for (uint64_t index = 0, at = 0; index < count; at += strlen(exec->prefix + at) + 1) vector[index++] = place + bytes + at;
    int result = persona_write_memory(tid, place, vector, bytes);
    if (result == 0) result = persona_write_memory(tid, place + bytes, exec->prefix, text);
    return result == 0 ? (int64_t)place : result;
}

/// Changes the stopped task's registers to begin execveat(engine, "", ...) instead of its call.
static int change_call(pid_t tid, const struct persona_exec *exec) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0) return -errno;
    unsigned char code[2];
    if (persona_read_memory(tid, registers.rip - 2, code, 2) != 0 || code[0] != 0x0f || code[1] != 0x05) return -EPERM;
    uint64_t path, argv, environment;
    if (registers.orig_rax == SYS_execve)
        path = registers.rdi, argv = registers.rsi, environment = registers.rdx;
    else if (registers.orig_rax == SYS_execveat)
        path = registers.rsi, argv = registers.rdx, environment = registers.r10;
    else
        return -EPERM;
    // What the task has is left as it is, since it may share its memory: an empty path ends every path.
    uint64_t empty = end_of_text(tid, path);
    if (!empty) return -EFAULT;
    if (exec->prefix_count > 0) {
        int64_t made = write_prefix(tid, registers.rsp, argv, exec);
        if (made < 0) return (int)made;
        argv = (uint64_t)made;
    }
    registers.rip -= 2;
    registers.rax = SYS_execveat;
    registers.orig_rax = (unsigned long long)-1;
    registers.rdi = (unsigned)exec->engine;
    registers.rsi = empty;
    registers.rdx = argv;
    registers.r10 = environment;
    registers.r8 = AT_EMPTY_PATH;
    registers.r9 = PERSONA_OWN_EXEC;
    return ptrace(PTRACE_SETREGS, tid, NULL, &registers) != 0 ? -errno : 0;
}

/// Ends the stopped task's call with ENOEXEC.
static void refuse_call(pid_t tid) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0) return;
    registers.rax = (unsigned long long)-ENOEXEC;
    registers.orig_rax = (unsigned long long)-1;
    ptrace(PTRACE_SETREGS, tid, NULL, &registers);
}

int persona_redirect_exec(pid_t tid, const struct persona_exec *exec) {
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) return -errno;
    // The interruption ends the wait for this process's answer, and with it the call.
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0) return -errno;
    int status;
    while (waitpid(tid, &status, __WALL) < 0)
        if (errno != EINTR) return -errno;
    if (!WIFSTOPPED(status)) return 0;
    int is_ours = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP;
    // A signal that came first is delivered first; the call then starts over and asks again.
    int result = is_ours ? change_call(tid, exec) : 0;
    if (result < 0) refuse_call(tid);
    ptrace(PTRACE_DETACH, tid, NULL, is_ours ? NULL : (void *)(long)WSTOPSIG(status));
    return result;
}
