import PersonalityTables

/// A small foreign system and as much of Linux as its calls become.
enum SamplePersonality {
  static let foreign = load(foreignTable)
  static let linux = load(linuxTable)

  private static func load(_ text: String) -> Personality {
    let loaded = LoadedPersonality(SourceText(text, path: "sample.table"))
    precondition(loaded.diagnostics.isEmpty, loaded.report)
    return loaded.personality
  }

  static let foreignTable = """
    personality sample "Sample" version 1.0 release 100

    abi amd64 {
      trap syscall
      number rax
      args rdi rsi rdx r10 r8 r9
      result rax rdx
      error carry
      stack 8
    }

    errno { 1 EPERM  2 ENOENT  4 EINTR  9 EBADF  14 EFAULT  22 EINVAL  35 EAGAIN  78 ENOSYS else EINVAL }
    signal {
      1 SIGHUP terminate  2 SIGINT terminate  9 SIGKILL terminate  11 SIGSEGV core  16 SIGURG ignore
      17 SIGSTOP stop  65...90 SIGRTMIN terminate = 36...61
    }

    flags open_flags {
      mask 0x3 { 0 O_RDONLY  1 O_WRONLY  2 O_RDWR }
      0x0200 O_CREAT  0x100000 O_CLOEXEC  0x80 O_SECURE reject EINVAL "Linux has no secure files"
    }
    enum whence { 0 SEEK_SET  1 SEEK_CUR  2 SEEK_END }
    enum address_family verbatim { 1 AF_UNIX  2 AF_INET  28 AF_INET6 }
    enum event_filter verbatim { -1 EVFILT_READ  -4 EVFILT_VNODE }
    flags event_flags verbatim { 0x1 EV_ADD  0x20 EV_CLEAR }
    flags note_vnode verbatim { 0x1 NOTE_DELETE  0x2 NOTE_WRITE }
    enum signal_code verbatim { 0x10001 SI_USER  0x10007 SI_LWP }
    enum signal_code_segv verbatim { 1 SEGV_MAPERR }

    struct timespec { tv_sec i64  tv_nsec i64 } [16 bytes]
    struct stat { st_dev u64  st_mode mode:u16  pad 6  st_rdev u64  st_size i64 } [32 bytes]
    struct kevent {
      ident ulong  filter event_filter:i16  flags event_flags:u16  fflags u32  data i64  udata pointer
    } [32 bytes]
    struct sigset { bits u32[4] } [16 bytes]
    struct numbers { a i32  b i32  c i32  spare i32  d i32[4]  name char[8] } [40 bytes]
    enum fcntl_command { 1 F_GETFD  2 F_SETFD  3 F_GETFL  4 F_SETFL }
    flags fd_flags verbatim { 1 FD_CLOEXEC }
    struct dirent { d_reclen u16  d_namlen u16  d_name char[12] } [16 bytes]
    struct sigaction { sa_handler pointer  sa_flags i32  sa_mask u32[4] } [32 bytes]
    struct ucontext { uc_sigmask u32[4]  uc_rip u64 } [24 bytes]
    struct iovec { iov_base pointer  iov_len size } [16 bytes]
    struct msghdr {
      msg_name pointer  msg_namelen u32  msg_iov pointer  msg_iovlen i32  msg_control pointer  msg_controllen u32
      msg_flags i32
    } [48 bytes]
    struct sockaddr { sa_len u8  sa_family u8  sa_data bytes[14] } [16 bytes]

      1 exit(status: int) -> never = exit_group
      2 fork() -> pid = handler fork
      3 read(fd: fd, buf: out bytes[result], nbyte: size) -> size = read
      4 write(fd: fd, buf: in bytes[nbyte], nbyte: size) -> size = write
      5 open(path: path, flags: open_flags, mode: mode) -> fd = openat(AT_FDCWD, path, flags, mode)
      6 wait4(pid: pid, status: out i32, options: int, rusage: address) -> pid = handler wait4
      7 fstat(fd: fd, sb: out stat) -> status = fstat
      8 nanosleep(rqtp: in timespec, rmtp: out timespec) -> status = nanosleep
      9 pipe() -> pair = handler pipePair
     10 kevent(fd: fd, changes: in kevent[nchanges], nchanges: int, events: out kevent[result], nevents: int, timeout: in timespec) -> int = handler kevent
     11 execve(path: path, argv: strings, envp: strings) -> status = handler execve(path, argv, envp, 14)
     12 sigprocmask(how: int, set: in sigset, oset: out sigset) -> status = handler sigprocmask
     13 connect(s: fd, name: in bytes[namelen], namelen: int) -> status = handler connect
     14 getsockname(s: fd, asa: out bytes[*alen], alen: inout i32) -> status = handler getsockname
     15 ioctl(fd: fd, com: ulong, data: address) -> int = handler ioctl
     16 setsockopt(s: fd, level: int, name: int, val: in bytes[valsize], valsize: int) -> status = handler setsockopt
     17 __sysctl(name: in i32[namelen], namelen: u32, old: out bytes[*oldlenp], oldlenp: inout size, new: in bytes[newlen], newlen: size) -> status = handler sysctl
     18 cap_enter() -> status = unsupported "Linux has no Capsicum"
     19 mmap(addr: address, len: size) -> address = mmap(addr, len, 0, 0, 0, 0)
     20 numbers(of: in numbers, at: in i32[2]) -> int = handler sysarch
     21 sigreturn(frame: in ucontext) -> status = handler sigreturn
     22 kill(pid: pid, signum: signal) -> status = kill
     23 lseek(fd: fd, offset: offset, whence: whence) -> offset = lseek
     24 old = obsolete
     25 fcntl(fd: fd, cmd: fcntl_command, arg: long) -> int = handler fcntl
     29 writev(fd: fd, iovp: in iovec[iovcnt], iovcnt: uint) -> size = writev
     30 recvmsg(s: fd, msg: inout msghdr, flags: int) -> size = handler recvmsg
     31 readv(fd: fd, iovp: in iovec[iovcnt], iovcnt: uint) -> size = readv
     26 select(nd: int, in: pointer, ou: pointer, ex: pointer, tv: in timespec) -> int = handler select
     27 getdirentries(fd: fd, buf: out bytes[result], count: size) -> int = handler getdirentries
     28 sigaction(sig: i32, act: in sigaction, oact: out sigaction) -> status = handler sigaction

    ioctl { 0x4004667f FIONREAD(out int) = FIONREAD  0x20006601 FIOCLEX = unsupported EPERM "nobody may" }
    sockopt SOL_SOCKET 0xffff { 0x0004 SO_REUSEADDR(int)  0x1009 SO_LABEL(int) = unsupported EPERM "Linux has none" }
    sysctl { kern.osreldate [1.24] int 1400097  kern.ostype [1.1] string "Sample"
      vm.zones unsupported "Linux has none" }
    """

  static let linuxTable = """
    personality linux "Linux" version 6.1

    abi amd64 { trap syscall  number rax  args rdi rsi rdx r10 r8 r9  result rax  error negative }

    errno { 1 EPERM  2 ENOENT  4 EINTR  9 EBADF  11 EAGAIN  14 EFAULT  22 EINVAL  38 ENOSYS }
    signal { 1 SIGHUP terminate  2 SIGINT terminate  9 SIGKILL terminate  11 SIGSEGV core  19 SIGSTOP stop
             23 SIGURG ignore  32...64 SIGRTMIN terminate }

    flags open_flags verbatim {
      mask 0x3 { 0 O_RDONLY  1 O_WRONLY  2 O_RDWR }
      0x40 O_CREAT  0x80000 O_CLOEXEC
    }
    enum whence verbatim { 0 SEEK_SET  1 SEEK_CUR  2 SEEK_END }
    enum fcntl_command verbatim { 1 F_GETFD  2 F_SETFD  3 F_GETFL  4 F_SETFL }
    flags fd_flags verbatim { 1 FD_CLOEXEC }
    enum at_directory verbatim { -100 AT_FDCWD }
    enum address_family verbatim { 1 AF_UNIX  2 AF_INET  10 AF_INET6 }
    enum option verbatim { 0x541b FIONREAD  1 SOL_SOCKET  2 SO_REUSEADDR }

    struct timespec { tv_sec i64  tv_nsec i64 } [16 bytes]
    struct iovec { iov_base pointer  iov_len size } [16 bytes]
    struct msghdr {
      msg_name pointer  msg_namelen i32  msg_iov pointer  msg_iovlen size  msg_control pointer  msg_controllen size
      msg_flags u32
    } [56 bytes]
    struct stat { st_dev u64  st_mode u32  pad 4  st_rdev u64  st_size i64 } [32 bytes]

      0 read(fd: fd, buf: out bytes[result], count: size) -> size
      1 write(fd: fd, buf: in bytes[count], count: size) -> size
      5 fstat(fd: fd, buf: out stat) -> status
     19 readv(fd: fd, iov: in iovec[iovcnt], iovcnt: int) -> size
     20 writev(fd: fd, iov: in iovec[iovcnt], iovcnt: int) -> size
      8 lseek(fd: fd, offset: offset, whence: whence) -> offset
      9 mmap(addr: address, length: size, prot: int, flags: int, fd: fd, offset: offset) -> address
     16 ioctl(fd: fd, request: ulong, argp: pointer) -> int
     35 nanosleep(req: in timespec, rem: out timespec) -> status
     42 connect(fd: fd, addr: in bytes[addrlen], addrlen: int) -> status
     54 setsockopt(fd: fd, level: int, optname: int, optval: in bytes[optlen], optlen: int) -> status
     72 fcntl(fd: fd, cmd: fcntl_command, arg: ulong) -> int
     62 kill(pid: pid, sig: signal) -> status
    231 exit_group(status: int) -> never
    257 openat(dirfd: fd, path: path, flags: open_flags, mode: mode) -> fd

    ioctl { 0x541b FIONREAD(out int) }
    sockopt SOL_SOCKET 1 { 2 SO_REUSEADDR(int) }
    """
}
