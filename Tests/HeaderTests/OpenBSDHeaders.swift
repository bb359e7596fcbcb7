import PersonalityTables

/// How OpenBSD's headers name what personalities/openbsd describes.
enum OpenBSDHeaders {
  static let prelude = """
    #include <sys/param.h>
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <sys/uio.h>
    #include <sys/event.h>
    #include <sys/futex.h>
    #include <sys/mman.h>
    #include <sys/stat.h>
    #include <sys/mount.h>
    #include <sys/resource.h>
    #include <sys/time.h>
    #include <sys/wait.h>
    #include <sys/ioctl.h>
    #include <sys/filio.h>
    #include <sys/ttycom.h>
    #include <sys/tty.h>
    #include <sys/sockio.h>
    #include <sys/sysctl.h>
    #include <uvm/uvmexp.h>
    #include <sys/ipc.h>
    #include <sys/sem.h>
    #include <sys/shm.h>
    #include <sys/msg.h>
    #include <sys/unistd.h>
    #include <sys/syscall.h>
    #include <sys/exec_elf.h>
    #include <net/if.h>
    #include <net/if_dl.h>
    #include <net/route.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <poll.h>
    #include <signal.h>
    #include <termios.h>
    #include <time.h>
    #include <unistd.h>
    """

  static let names = HeaderCheck.Names(
    types: ["siginfo": "siginfo_t", "stack_t": "stack_t", "sigset": "sigset_t", "kbind": "struct __kbind"],
    fields: HeaderCheck.permissionFields, constants: [:], missing: missing)

  private static let unnamed = "the header has no name for it"
  private static let gone = "of an older release"
  private static let promise = "a word of pledge(2); sys/pledge.h names the bit otherwise"
  private static let missing: [String: String] = {
    var missing = [
      "sigset.bits": "the set is a plain word", "O_NEITHER": unnamed, "MAP_NEITHER": unnamed, "MAP_BOTH": unnamed,
      "POLL_NOHUP": "only the kernel's own part of the header has it",
    ]
    missing["MASTER_READS_END"] = unnamed
    for bits in ["1000", "2000", "4000", "80000", "100000", "200000"] { missing["O_UNUSED" + bits] = unnamed }
    for name in ["COPY", "RENAME", "NORESERVE", "INHERIT", "NOEXTEND", "HASSEMAPHORE", "TRYFIXED"] {
      missing["MAP_" + name + "_OLD"] = gone
    }
    for name in ["pread", "pwrite", "mmap", "lseek", "truncate", "ftruncate", "preadv", "pwritev", "mquery"] {
      missing["SYS_pad_" + name] = gone
    }
    let promises = """
      rpath wpath cpath stdio dns inet flock unix id tape getpw proc settime fattr prot_exec tty sendfd recvfd exec \
      route mcast vminfo ps disklabel pf audio dpath drm vmm chown bpf error wroute unveil video
      """
    for name in promises.split(separator: " ") { missing[String(name)] = promise }
    return missing
  }()
}

extension HeaderCheck {
  /// System V's structures have the fields of their struct ipc_perm as their own in the tables.
  static let permissionFields: [String: String] = {
    var fields: [String: String] = [:]
    for kind in ["sem", "shm", "msg"] {
      let structure = kind == "msg" ? "msqid_ds" : kind + "id_ds"
      for name in ["key", "uid", "gid", "cuid", "cgid", "mode", "seq"] {
        fields[structure + "." + name] = kind + "_perm." + name
      }
    }
    return fields
  }()

  /// The numbers of a variable of OpenBSD: kern.ostype is CTL_KERN, KERN_OSTYPE.
  mutating func openBSDSysctl(_ control: SystemControl) {
    let words = control.name.split(separator: ".").map { $0.uppercased() }
    guard words.count == 2, control.mib.count == 2 else { return }
    constant("CTL_" + words[0], UInt64(control.mib[0]))
    // Below net stand families of protocols: net.route is CTL_NET, PF_ROUTE.
    constant((words[0] == "NET" ? "PF" : words[0]) + "_" + words[1], UInt64(control.mib[1]))
  }
}
