/// What the supervisor needs of Linux that Swift cannot say: variadic calls, ioctls with argument
/// structures, and the code between fork and exec.
#ifndef PERSONA_HOST_H
#define PERSONA_HOST_H

#include <asm/unistd.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Linux's numbers that glibc's module does not show to Swift.
enum { PERSONA_EXECVE = __NR_execve, PERSONA_EXECVEAT = __NR_execveat, PERSONA_EMPTY_PATH = 0x1000 /* AT_EMPTY_PATH */ };

/// A sealed memory file with these bytes: a descriptor that is closed on exec, or -errno.
int persona_memory_file(const char *name, const void *bytes, size_t count);

/// The same with `count` zero bytes that everyone may write.
int persona_shared_file(const char *name, size_t count);
/// Copies bytes between files that are open; their offsets stay. 0 or -errno.
int persona_copy_file(int from, off_t start, int to, off_t place, size_t count);

/// Starts the engine in a child with signal mask `mask`: its pid, or -errno of what
/// failed, exec included.
pid_t persona_launch(int engine, char *const argv[], char *const envp[], const sigset_t *mask);

/// Replaces this process's image by the engine: -errno.
int persona_become_engine(int engine, char *const argv[], char *const envp[]);

/// Asks the supervisor of this process, if it has one, by PERSONA_HC_JOIN; -ENOSYS when there is none.
struct persona_exec;
int persona_join(struct persona_exec *request);

/// Hands descriptor `file` to the task of notification `id`, closed on exec: its number there, or -errno.
/// With `answer`, that number is also the call's result.
int persona_hand_over(int listener, uint64_t id, int file, int answer);

/// A duplicate of another process's descriptor: its number here, or -errno.
int persona_copy_descriptor(pid_t pid, int descriptor);

/// Opens for reading what a guest's descriptor names, and writes its path, or nothing, to `path`: the new descriptor, or
/// -errno. Goes through a copy of the descriptor where Linux gives one (of a thread group's leader): to look into a new
/// process's folder in /proc makes Linux build it.
int persona_open_guest_file(pid_t pid, int descriptor, char *path, size_t room);

/// Wakes notified tasks on the supervisor's own processor where the kernel can.
void persona_wake_synchronously(int listener);

/// Copies from or to another process: 0 or -errno; partial copies count as EFAULT.
int persona_read_memory(pid_t pid, uint64_t address, void *bytes, size_t count);
int persona_write_memory(pid_t pid, uint64_t address, const void *bytes, size_t count);

/// The process that a thread belongs to (`tid` itself where that cannot be told).
pid_t persona_thread_group(pid_t tid);

/// Ends this process by `signal`, without a core file of its own.
void persona_die_by(int signal);

/// A descriptor that reads the (blocked) signals of `set`, closed on exec and never waiting, or -errno.
int persona_signal_file(const sigset_t *set);
/// The next signal of such a descriptor and its si_code; 0 when there is none.
int persona_next_signal(int file, int *code);

/// Both ends closed on exec: 0 or -errno.
int persona_pipe(int ends[2]);

int persona_become_subreaper(void);
/// Asks for `signal` when the parent dies; 0 asks for nothing any more.
int persona_when_parent_dies(int signal);

/// argv as the process got it.
char **persona_command_line(void);

/// One hypercall notification: 0 or -errno.
int persona_receive(int listener, struct seccomp_notif *request);
int persona_respond(int listener, uint64_t id, int64_t value);
/// Lets Linux carry out the call that was notified.
int persona_let_continue(int listener, uint64_t id);

/// Makes task `tid`, which waits in the notification of an execve or execveat, execute its descriptor `exec->engine`
/// instead, with the same environment, and with `exec->prefix` in place of its first argument if there is one: 0 or
/// -errno. The notification is gone then.
int persona_redirect_exec(pid_t tid, const struct persona_exec *exec);

/// Copies the linker's build id (NT_GNU_BUILD_ID, ld --build-id) of the running executable into `bytes`:
/// its length, or 0 when it was linked without one or needs more than `room` bytes.
size_t persona_build_identity(uint8_t *bytes, size_t room);

#endif
