/// Lets Linux fail: runs a command and all that descends from it under ptrace(2), and makes calls of its processes fail at
/// random, as if descriptors, memory or disk space had run out or a signal had come.
///
///     injector WHO SEED ONE_IN REPORT COMMAND…
///
/// WHO is `engine` (calls of Persona's engine inside guests), `supervisor` (those of Persona's own processes) or `signals`
/// (guests get a real SIGINFO, which most programs ignore, in the middle of their calls). One call in ONE_IN of those
/// that can fail so is hit. Each hit is a line of REPORT. The status is the command's.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/// What may fail how. Calls that cannot fail so on Linux are not here: close(2), say, frees its descriptor all the same.
static const struct { long number; const char *name; int errors[4]; } failures[] = {
    {SYS_openat, "openat", {EMFILE, ENFILE, ENOSPC, EINTR}}, {SYS_open, "open", {EMFILE, ENFILE, ENOSPC, EINTR}},
    {SYS_read, "read", {EINTR}}, {SYS_pread64, "pread64", {EINTR}},
    {SYS_write, "write", {ENOSPC, EINTR}}, {SYS_pwrite64, "pwrite64", {ENOSPC, EINTR}},
    {SYS_writev, "writev", {ENOSPC, EINTR}}, {SYS_ftruncate, "ftruncate", {ENOSPC, EINTR}},
    {SYS_mkdir, "mkdir", {ENOSPC}}, {SYS_mkdirat, "mkdirat", {ENOSPC}}, {SYS_rename, "rename", {ENOSPC}},
    {SYS_link, "link", {ENOSPC}}, {SYS_symlink, "symlink", {ENOSPC}}, {SYS_symlinkat, "symlinkat", {ENOSPC}},
    {SYS_mknodat, "mknodat", {ENOSPC}}, {SYS_fsync, "fsync", {ENOSPC}},
    {SYS_mmap, "mmap", {ENOMEM}}, {SYS_mprotect, "mprotect", {ENOMEM}}, {SYS_memfd_create, "memfd_create", {EMFILE, ENOMEM}},
    {SYS_pipe2, "pipe2", {EMFILE, ENFILE}}, {SYS_dup, "dup", {EMFILE}}, {SYS_fcntl, "fcntl", {EMFILE}},
    {SYS_socket, "socket", {EMFILE, ENOMEM}}, {SYS_socketpair, "socketpair", {EMFILE}},
    {SYS_fork, "fork", {EAGAIN, ENOMEM}}, {SYS_clone, "clone", {EAGAIN, ENOMEM}}, {SYS_vfork, "vfork", {EAGAIN}},
    {SYS_clone3, "clone3", {EAGAIN, ENOMEM}}, {SYS_wait4, "wait4", {EINTR}}, {SYS_poll, "poll", {EINTR}},
    {SYS_ppoll, "ppoll", {EINTR}}, {SYS_select, "select", {EINTR}}, {SYS_pselect6, "pselect6", {EINTR}},
    {SYS_nanosleep, "nanosleep", {EINTR}}, {SYS_epoll_create1, "epoll_create1", {EMFILE}},
    {SYS_pidfd_open, "pidfd_open", {EMFILE}}, {SYS_process_vm_readv, "process_vm_readv", {ENOMEM}},
};
enum { KINDS = sizeof failures / sizeof *failures, PROCESSES = 1 << 16 };
#define ENGINE_START 0x7000000000
#define ENGINE_END 0x8000000000
/// Linux's SIGPWR is FreeBSD's SIGINFO.
enum { INFO = SIGPWR };

/// The error that a process's call is to end with, by its number.
static int pending[PROCESSES];
static uint64_t random_state;

static uint64_t next_random(void) {
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return random_state;
}

static int is_persona(pid_t process) {
    char name[64], text[32] = "";
    snprintf(name, sizeof name, "/proc/%d/comm", process);
    int file = open(name, O_RDONLY);
    if (file < 0) return 0;
    long count = read(file, text, sizeof text - 1);
    close(file);
    return count > 0 && !strncmp(text, "persona", 7);
}

/// Whether a descriptor is of a file or a device, which may be full; pipes and sockets are not.
static int is_file(pid_t process, long descriptor) {
    char name[64], text[2];
    snprintf(name, sizeof name, "/proc/%d/fd/%ld", process, descriptor);
    return readlink(name, text, sizeof text) > 0 && text[0] == '/';
}

static long hits;

static void enter(pid_t process, const struct __ptrace_syscall_info *call, int who, uint64_t one_in, FILE *report) {
    int in_engine = call->instruction_pointer >= ENGINE_START && call->instruction_pointer < ENGINE_END;
    if (who == 'p' ? in_engine : !in_engine) return;
    for (int kind = 0; kind < KINDS; kind++) {
        if ((long)call->entry.nr != failures[kind].number) continue;
        if (next_random() % one_in) return;
        if (who == 'p' && !is_persona(process)) return;
        hits++;
        if (who == 's') {
            fprintf(report, "%d: signal at %s\n", process, failures[kind].name);
            kill(process, INFO);
            return;
        }
        // fcntl(2) is only asked for a new descriptor.
        if (call->entry.nr == SYS_fcntl && call->entry.args[1] != F_DUPFD && call->entry.args[1] != F_DUPFD_CLOEXEC) return;
        int count = 0;
        while (count < 4 && failures[kind].errors[count]) count++;
        int error = failures[kind].errors[next_random() % (uint64_t)count];
        if (error == ENOSPC && (call->entry.nr == SYS_openat || call->entry.nr == SYS_open) &&
            !(call->entry.args[call->entry.nr == SYS_open ? 1 : 2] & O_CREAT)) error = EMFILE;
        if (error == ENOSPC && failures[kind].errors[1] && call->entry.nr != SYS_openat &&
            call->entry.nr != SYS_open && !is_file(process, (long)call->entry.args[0])) error = EINTR;
        fprintf(report, "%d: %s(%#llx, %#llx, %#llx): %s\n", process, failures[kind].name, (long long)call->entry.args[0],
                (long long)call->entry.args[1], (long long)call->entry.args[2], strerror(error));
        struct user_regs_struct registers;
        if (ptrace(PTRACE_GETREGS, process, 0, &registers)) return;
        registers.orig_rax = (unsigned long long)-1;
        if (ptrace(PTRACE_SETREGS, process, 0, &registers) == 0) pending[process % PROCESSES] = error;
        return;
    }
}

static void leave(pid_t process) {
    int error = pending[process % PROCESSES];
    if (!error) return;
    pending[process % PROCESSES] = 0;
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, process, 0, &registers)) return;
    registers.rax = (unsigned long long)-error;
    ptrace(PTRACE_SETREGS, process, 0, &registers);
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    int who = !strcmp(argv[1], "engine") ? 'e' : !strcmp(argv[1], "supervisor") ? 'p' : 's';
    random_state = strtoull(argv[2], 0, 10) * 0x9e3779b97f4a7c15u + 1;
    uint64_t one_in = strtoull(argv[3], 0, 10);
    FILE *report = fopen(argv[4], "we");
    if (!report) return 2;
    setvbuf(report, 0, _IOLBF, 0);
    pid_t first = fork();
    if (first == 0) {
        raise(SIGSTOP);
        execvp(argv[5], argv + 5);
        _exit(127);
    }
    int status, result = 2;
    waitpid(first, &status, WUNTRACED);
    if (ptrace(PTRACE_SEIZE, first, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                           PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) return 2;
    kill(first, SIGCONT);
    for (;;) {
        pid_t process = waitpid(-1, &status, __WALL);
        if (process < 0) break;
        if (!WIFSTOPPED(status)) {
            if (process == first) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            pending[process % PROCESSES] = 0;
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16, pass = 0, request = PTRACE_SYSCALL;
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info call;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof call, &call) > 0) {
                if (call.op == PTRACE_SYSCALL_INFO_ENTRY) enter(process, &call, who, one_in, report);
                if (call.op == PTRACE_SYSCALL_INFO_EXIT) leave(process);
            }
        } else if (event == PTRACE_EVENT_STOP) {
            if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) request = PTRACE_LISTEN;
        } else if (!event) {
            pass = signal;
        }
        ptrace(request, process, 0, pass);
    }
    fprintf(report, "%ld hits\n", hits);
    return result;
}
