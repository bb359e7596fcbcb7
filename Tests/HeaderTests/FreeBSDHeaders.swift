/// How FreeBSD's headers name what personalities/freebsd describes. They are those of FreeBSD 15, which has
/// all that FreeBSD 14 has.
enum FreeBSDHeaders {
  static let release: UInt32 = 1_500_000
  static let prelude = """
    #define _WANT_FREEBSD11_KEVENT 1
    #define _WANT_FREEBSD11_STAT 1
    #define _WANT_FREEBSD11_STATFS 1
    #define _WANT_FREEBSD11_DIRENT 1
    #define _WANT_UCRED 1
    #include <sys/param.h>
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <sys/ucred.h>
    #include <sys/uio.h>
    #include <sys/event.h>
    #include <sys/umtx.h>
    #include <sys/thr.h>
    #include <sys/mman.h>
    #include <sys/stat.h>
    #include <sys/mount.h>
    #include <sys/resource.h>
    #include <sys/rtprio.h>
    #include <sys/cpuset.h>
    #include <sys/wait.h>
    #include <sys/procctl.h>
    #include <sys/procdesc.h>
    #include <sys/ioctl.h>
    #include <sys/filio.h>
    #include <sys/ttycom.h>
    #include <sys/sockio.h>
    #include <sys/sysctl.h>
    #include <sys/ipc.h>
    #include <sys/sem.h>
    #include <sys/shm.h>
    #include <sys/msg.h>
    #include <sys/random.h>
    #include <sys/aio.h>
    #include <sys/mqueue.h>
    #include <sys/timerfd.h>
    #include <sys/timex.h>
    #include <sys/specialfd.h>
    #include <sys/membarrier.h>
    #include <sys/extattr.h>
    #define _ACL_PRIVATE 1
    #include <sys/acl.h>
    #include <sys/unistd.h>
    #include <sys/syscall.h>
    #include <sys/inotify.h>
    #include <sys/elf_common.h>
    #include <sys/ucontext.h>
    #include <sys/user.h>
    #include <machine/sigframe.h>
    #include <machine/sysarch.h>
    #include <vm/vm_param.h>
    #include <net/if.h>
    #include <net/if_dl.h>
    #include <net/route.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <netinet/udp.h>
    #include <sys/socketvar.h>
    #include <sys/unpcb.h>
    #include <sys/file.h>
    #include <sys/vmmeter.h>
    #include <sys/devicestat.h>
    #include <vm/vm_param.h>
    #include <netinet/in_pcb.h>
    #include <netinet/in_systm.h>
    #include <netinet/ip.h>
    #include <netinet/ip_var.h>
    #include <netinet/ip_icmp.h>
    #include <netinet/icmp_var.h>
    #include <netinet6/ip6_var.h>
    #include <netinet/icmp6.h>
    #include <netinet/udp_var.h>
    #include <netinet/tcp_var.h>
    #include <netinet6/in6_var.h>
    #include <netinet6/nd6.h>
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <kenv.h>
    #include <poll.h>
    #include <sched.h>
    #include <signal.h>
    #include <termios.h>
    #include <time.h>
    #include <unistd.h>
    """

  static let names = HeaderCheck.Names(
    types: [
      "siginfo": "siginfo_t", "stack_t": "stack_t", "mcontext": "mcontext_t", "ucontext": "ucontext_t",
      "sigset": "sigset_t", "umtx_time": "struct _umtx_time", "wrusage": "struct __wrusage",
      "ifreq_flags": "struct ifreq", "ifreq_number": "struct ifreq", "ifreq_address": "struct ifreq",
    ],
    fields: [
      "xinpcb.inp_fport": "inp_inc.inc_ie.ie_fport", "xinpcb.inp_lport": "inp_inc.inc_ie.ie_lport",
      "xinpcb.inp_faddr": "inp_inc.inc_ie.ie_dependfaddr", "xinpcb.inp_laddr": "inp_inc.inc_ie.ie_dependladdr",
      "xsocket.so_rcv_cc": "so_rcv.sb_cc", "xsocket.so_snd_cc": "so_snd.sb_cc",
      "sigset.bits": "__bits", "siginfo.reason": "_reason", "aiocb.status": "_aiocb_private.status",
      "aiocb.error": "_aiocb_private.error", "aiocb.mark": "_aiocb_private.spare",
      "ifreq_flags.ifr_flags": "ifr_ifru.ifru_flags[0]", "ifreq_number.ifr_number": "ifr_ifru.ifru_mtu",
      "ifreq_address.ifr_addr": "ifr_ifru.ifru_addr",
    ],
    constants: [
      "PROT_MAX_READ": "PROT_MAX(PROT_READ)", "PROT_MAX_WRITE": "PROT_MAX(PROT_WRITE)",
      "PROT_MAX_EXEC": "PROT_MAX(PROT_EXEC)", "MAP_ALIGNED_1": "MAP_ALIGNED(1)", "MAP_ALIGNED_2": "MAP_ALIGNED(2)",
      "MAP_ALIGNED_4": "MAP_ALIGNED(4)", "MAP_ALIGNED_8": "MAP_ALIGNED(8)", "MAP_ALIGNED_16": "MAP_ALIGNED(16)",
      "MAP_ALIGNED_32": "MAP_ALIGNED(32)", "MAP_ALIGNED_64": "MAP_ALIGNED(64)",
      "MAP_ALIGNED_128": "MAP_ALIGNED(128u)",
    ],
    missing: missing)

  private static let kernel = "only the kernel's own part of the header has it"
  private static let unnamed = "the header has no name for it"
  private static let missing: [String: String] = [
    "sigevent.sigev_notify_thread_id": "the header's has its spare room inside, the table's behind it",
    "struct ifmib_head": "the part of struct ifmibdata that lies before its struct if_data", "struct nstat": kernel, "struct ostat": kernel, "MSG_MORETOCOME": kernel, "SIGFASTBLOCK_SETPTR": kernel,
    "SIGFASTBLOCK_UNBLOCK": kernel, "SIGFASTBLOCK_UNSETPTR": kernel,
    "O_UNUSED1000": unnamed, "O_UNUSED2000": unnamed, "O_UNUSED4000": unnamed, "MAP_NEITHER": unnamed,
    "MAP_BOTH": unnamed, "IP_FRAGMENT": unnamed, "IP_DONT_FRAGMENT": unnamed,
    "TIMER_MIN": unnamed, "MASTER_READS_END": unnamed, "AIO_SAFE_FILES": unnamed,
    "SOL_LOCAL": "0 there, as IPPROTO_IP; the table keeps the two apart",
  ]

  /// Rows that sys/syscall.h names otherwise: FreeBSD 14's name, then FreeBSD 15's.
  static let renamedCalls: [String: String] = ["exit": "_exit"]

  /// Number of a sysctl's last part where it is not KERN_NAME, HW_NAME and so on.
  static let sysctlNames: [String: String] = [
    "kern.osrevision": "KERN_OSREV", "kern.securelevel": "KERN_SECURELVL", "kern.posix1version": "KERN_POSIX1",
    "hw.floatingpoint": "HW_FLOATINGPT",
    "kern.domainname": "KERN_NISDOMAINNAME", "kern.arandom": "KERN_ARND", "kern.proc.sid": "KERN_PROC_SESSION",
    "p1003_1b.nsems_max": "CTL_P1003_1B_SEM_NSEMS_MAX", "vm.vmtotal": "VM_TOTAL",
  ]
}
