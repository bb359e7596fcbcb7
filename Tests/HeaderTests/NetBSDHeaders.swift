import PersonalityTables

/// How NetBSD's headers name what personalities/netbsd describes.
enum NetBSDHeaders {
  static let prelude = """
    #define _NETBSD_SOURCE 1
    #define __LEGACY_PT_LWPINFO 1
    #include <sys/param.h>
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <sys/uio.h>
    #include <sys/event.h>
    #include <sys/eventfd.h>
    #include <sys/timerfd.h>
    #include <sys/futex.h>
    #include <sys/mman.h>
    #include <sys/stat.h>
    #include <sys/statvfs.h>
    #include <sys/mount.h>
    #include <sys/resource.h>
    #include <sys/time.h>
    #include <sys/timex.h>
    #include <sys/wait.h>
    #include <sys/ioctl.h>
    #include <sys/filio.h>
    #include <sys/ttycom.h>
    #include <sys/sockio.h>
    #include <sys/sysctl.h>
    #include <sys/ipc.h>
    #include <sys/sem.h>
    #include <sys/shm.h>
    #include <sys/msg.h>
    #include <sys/aio.h>
    #include <sys/random.h>
    #include <sys/ras.h>
    #include <sys/sched.h>
    #include <sys/spawn.h>
    #include <sys/unistd.h>
    #include <sys/syscall.h>
    #include <sys/exec_elf.h>
    #include <sys/extattr.h>
    #define _ACL_PRIVATE 1
    #include <sys/acl.h>
    #include <sys/xattr.h>
    #include <sys/lwpctl.h>
    #include <sys/quotactl.h>
    #include <uvm/uvm_extern.h>
    #include <x86/sysarch.h>
    #include <net/if.h>
    #include <net/if_dl.h>
    #include <net/route.h>
    #include <netinet/in.h>
    #include <netinet/in_systm.h>
    #include <netinet/ip.h>
    #include <netinet/tcp.h>
    #include <netinet/udp.h>
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <lwp.h>
    #include <mqueue.h>
    #include <poll.h>
    #include <signal.h>
    #include <spawn.h>
    #include <termios.h>
    #include <time.h>
    #include <ucontext.h>
    #include <unistd.h>
    """

  /// The headers' calls are those of NetBSD 11.
  static let release: UInt32 = 1_100_000_000

  static let names = HeaderCheck.Names(
    types: [
      "siginfo": "siginfo_t", "stack_t": "stack_t", "sigset": "sigset_t", "mcontext": "mcontext_t",
      "ucontext": "ucontext_t", "lwpctl": "lwpctl_t", "wrusage": "struct wrusage",
      "spawn_action": "posix_spawn_file_actions_entry_t",
    ],
    fields: registers.merging([
      "sigset.bits": "__bits", "aiocb.mark": "_state", "aiocb.error": "_errno", "aiocb.status": "_retval",
      "spawn_action.path": "fae_path", "spawn_action.oflag": "fae_oflag", "spawn_action.mode": "fae_mode",
      "spawn_action.newfildes": "fae_newfildes",
    ]) { $1 },
    constants: alignments.merging([
      "PROT_MPROTECT_READ": "PROT_MPROTECT(PROT_READ)", "PROT_MPROTECT_WRITE": "PROT_MPROTECT(PROT_WRITE)",
      "PROT_MPROTECT_EXEC": "PROT_MPROTECT(PROT_EXEC)",
    ]) { $1 }, missing: missing)

  /// The general registers are an array there.
  private static let registers: [String: String] = {
    let names = """
      rdi rsi rdx rcx r8 r9 r10 r11 r12 r13 r14 r15 rbp rbx rax gs fs es ds trapno err rip cs rflags rsp ss
      """
    return names.split(separator: " ").reduce(into: [:]) {
      $0["mcontext." + $1] = "__gregs[_REG_" + $1.uppercased() + "]"
    }
  }()
  private static let alignments = [1, 2, 4, 8, 16, 32, 64, 128].reduce(into: [String: String]()) {
    $0["MAP_ALIGNED_\($1)"] = "MAP_ALIGNED(\($1))"
  }

  private static let kernel = "only the kernel's own part of the header has it"
  private static let unnamed = "the header has no name for it"
  private static let missing: [String: String] = {
    var missing = [
      "siginfo.reason": "a union whose parts the other fields are", "struct linedn": "an array there, linedn_t",
    ]
    for name in [
      "SIGRT62", "EPOLL_CLOEXEC", "O_UNUSED1000", "O_UNUSED2000", "O_UNUSED4000", "O_UNUSED100000", "MAP_NEITHER", "MAP_BOTH", "XATTR_ANY",
      "MASTER_READS_END",
    ] {
      missing[name] = unnamed
    }
    for name in [
      "AIO_LISTIO_MAX", "JOB_NONE", "JOB_WIP", "JOB_DONE", "TIMER_MIN", "SO_OTIMESTAMP", "SO_OSNDTIMEO", "SO_ORCVTIMEO",
    ] {
      missing[name] = kernel
    }
    for name in [
      "kevent100", "statvfs90", "timespec50", "timeval50", "itimerval50", "itimerspec50", "rusage50", "stat30", "stat13",
      "dirent12", "stat43", "shmid_ds50", "msqid_ds50", "semid_ds50",
      "ifa_msghdr70",
    ] {
      missing["struct " + name] = "of an older release"
    }
    return missing
  }()
}

extension HeaderCheck {
  /// The numbers of a variable of NetBSD: kern.ostype is CTL_KERN, KERN_OSTYPE. Numbers from 1000 are given out as
  /// variables come.
  mutating func netBSDSysctl(_ control: SystemControl) {
    let words = control.name.split(separator: ".").map { $0.uppercased() }
    guard words.count == 2, control.mib.count == 2, control.mib[1] < 1000, words[0] != "NET" else { return }
    constant("CTL_" + words[0], UInt64(control.mib[0]))
    let renamed = [
      "KERN_OSREVISION": "KERN_OSREV", "KERN_SECURELEVEL": "KERN_SECURELVL", "KERN_POSIX1VERSION": "KERN_POSIX1",
      "KERN_ARANDOM": "KERN_ARND", "KERN_URANDOM": "KERN_URND",
    ]
    let name = words[0] + "_" + words[1]
    constant(renamed[name] ?? name, UInt64(control.mib[1]))
  }
}
