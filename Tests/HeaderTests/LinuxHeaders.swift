/// How Linux's headers name what personalities/linux describes. The kernel's user-space headers and the C
/// library's cannot be included together: the first are asked, then the second for what the first lack.
enum LinuxHeaders {
  static let kernel = """
    #include <linux/types.h>
    #include <linux/fcntl.h>
    #include <linux/stat.h>
    #include <linux/wait.h>
    #include <linux/resource.h>
    #include <linux/time.h>
    #include <linux/time_types.h>
    #include <linux/sched.h>
    #include <linux/prctl.h>
    #include <linux/memfd.h>
    #include <linux/mman.h>
    #include <linux/futex.h>
    #include <linux/random.h>
    #include <linux/membarrier.h>
    #include <linux/close_range.h>
    #include <linux/kcmp.h>
    #include <linux/eventpoll.h>
    #include <linux/timerfd.h>
    #include <linux/inotify.h>
    #include <linux/openat2.h>
    #include <linux/falloc.h>
    #include <linux/fs.h>
    #include <linux/fadvise.h>
    #include <linux/in.h>
    #include <linux/in6.h>
    #include <linux/ipv6.h>
    #include <linux/icmpv6.h>
    #include <linux/tcp.h>
    #include <linux/udp.h>
    #include <linux/un.h>
    #include <linux/uio.h>
    #include <linux/utsname.h>
    #include <linux/ipc.h>
    #include <linux/sem.h>
    #include <linux/msg.h>
    #include <linux/shm.h>
    #include <linux/mqueue.h>
    #include <linux/sockios.h>
    #include <asm/signal.h>
    #include <asm/siginfo.h>
    #include <asm/statfs.h>
    #include <asm/ipcbuf.h>
    #include <asm/sembuf.h>
    #include <asm/shmbuf.h>
    #include <asm/msgbuf.h>
    #include <asm/errno.h>
    #include <asm/poll.h>
    #include <asm/termbits.h>
    #include <asm/termios.h>
    #include <asm/ioctls.h>
    #include <asm/socket.h>
    #include <asm/prctl.h>
    #include <asm/unistd_64.h>
    """

  static let library = """
    #define _GNU_SOURCE 1
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <sys/eventfd.h>
    #include <sys/epoll.h>
    #include <sys/sem.h>
    #include <sys/shm.h>
    #include <sys/msg.h>
    #include <sys/wait.h>
    #include <sys/mount.h>
    #include <sys/statvfs.h>
    #include <sys/time.h>
    #include <sys/un.h>
    #include <net/if.h>
    #include <netinet/in.h>
    #include <fcntl.h>
    #include <signal.h>
    #include <poll.h>
    #include <sched.h>
    #include <unistd.h>
    """

  private static let types = [
    "kernel_sigaction": "struct sigaction", "stack_t": "stack_t", "siginfo": "siginfo_t",
    "utsname": "struct new_utsname", "semid_ds": "struct semid64_ds", "shmid_ds": "struct shmid64_ds",
    "msqid_ds": "struct msqid64_ds", "ifreq_flags": "struct ifreq", "ifreq_number": "struct ifreq",
  ]

  static let kernelNames = HeaderCheck.Names(
    types: types,
    fields: HeaderCheck.permissionFields.merging(["ipv6_mreq.ipv6mr_interface": "ipv6mr_ifindex"]) { $1 },
    missing: inNeither.merging(onlyInLibrary.map { ($0, "only in the C library's headers") }) { $1 })
  static let libraryNames = HeaderCheck.Names(
    types: types,
    fields: ["ifreq_flags.ifr_flags": "ifr_ifru.ifru_flags", "ifreq_number.ifr_number": "ifr_ifru.ifru_ivalue"])

  static let onlyInLibrary: Set<String> = [
    "struct stat", "struct msghdr", "struct cmsghdr", "struct ucred", "struct linger", "struct sched_param",
    "struct ifreq_flags", "struct ifreq_number",
    "AF_UNSPEC", "AF_UNIX", "AF_LOCAL", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_BLUETOOTH",
    "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_NONBLOCK", "SOCK_CLOEXEC",
    "MSG_OOB", "MSG_PEEK", "MSG_DONTROUTE", "MSG_CTRUNC", "MSG_TRUNC", "MSG_DONTWAIT", "MSG_EOR", "MSG_WAITALL",
    "MSG_CONFIRM", "MSG_ERRQUEUE", "MSG_NOSIGNAL", "MSG_MORE", "MSG_WAITFORONE", "MSG_FASTOPEN", "MSG_CMSG_CLOEXEC",
    "SHUT_RD", "SHUT_WR", "SHUT_RDWR", "SCM_RIGHTS", "SCM_CREDENTIALS", "O_ASYNC", "SCHED_OTHER",
    "MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW", "SS_ONSTACK", "SS_DISABLE",
    "EFD_SEMAPHORE", "EFD_CLOEXEC", "EFD_NONBLOCK",
    "ST_RDONLY", "ST_NOSUID", "ST_NODEV", "ST_NOEXEC", "ST_SYNCHRONOUS", "ST_MANDLOCK", "ST_NOATIME",
    "ST_NODIRATIME", "ST_RELATIME", "IFF_UP", "IFF_BROADCAST", "IFF_DEBUG", "IFF_LOOPBACK", "IFF_POINTOPOINT",
    "IFF_NOTRAILERS", "IFF_RUNNING", "IFF_NOARP", "IFF_PROMISC", "IFF_ALLMULTI", "IFF_MULTICAST",
  ]

  private static let inNeither: [String: String] = [
    "ST_VALID": "in the kernel's include/linux/statfs.h", "ST_NOSYMFOLLOW": "in the kernel's include/linux/statfs.h",
    "struct file_status": "struct statx with joined device numbers and 4.4BSD's flags, from the handler fileStatus",
    "struct process_information": "what /proc tells of a process, for the handlers",
    "struct thread_information": "the same of a thread",
    "PROCESS_RUNNING": "a letter of /proc/PID/stat", "PROCESS_SLEEPING": "a letter of /proc/PID/stat",
    "PROCESS_STOPPED": "a letter of /proc/PID/stat", "PROCESS_ZOMBIE": "a letter of /proc/PID/stat",
    "struct mount": "statfs and what /proc tells besides, for the handlers",
    "SS_AUTODISARM": "in linux/signal.h, which no other header gets on with",
  ]
}
