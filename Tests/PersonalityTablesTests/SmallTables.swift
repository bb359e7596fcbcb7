import CWire

@testable import PersonalityTables

/// A small Linux and a heading for a small foreign system, to test single rows with.
enum Small {
  static let linux = LoadedPersonality(
    SourceText(
      """
      personality linux "Linux" version 6.1
      abi amd64 { trap syscall number rax args rdi rsi rdx r10 r8 r9 result rax error negative }
      errno { 1 EPERM 2 ENOENT 9 EBADF 11 EAGAIN 22 EINVAL 38 ENOSYS 61 ENODATA 95 EOPNOTSUPP }
      signal { 1 SIGHUP terminate 10 SIGUSR1 terminate 30 SIGPWR terminate 34...64 SIGRTMIN terminate }
      flags open_flags { mask 3 { 0 O_RDONLY 1 O_WRONLY 2 O_RDWR } 0x40 O_CREAT 0x80 O_EXCL 0x400 O_APPEND 0x80000 O_CLOEXEC }
      enum at { -100 AT_FDCWD } flags at_flags { 0x100 AT_SYMLINK_NOFOLLOW 0x200 AT_REMOVEDIR }
      enum whence { 0 SEEK_SET 1 SEEK_CUR 2 SEEK_END }
      flags prot { 1 PROT_READ 2 PROT_WRITE 4 PROT_EXEC }
      struct timespec { tv_sec i64 tv_nsec i64 } [16 bytes]
      struct stat { st_dev u64 st_ino u64 st_nlink u64 st_mode u32 st_uid u32 st_gid u32 pad 4 st_rdev u64
        st_size i64 st_blksize i64 st_blocks i64 st_atim timespec st_mtim timespec st_ctim timespec pad 24 } [144 bytes]
      struct winsize { ws_row u16 ws_col u16 ws_xpixel u16 ws_ypixel u16 }
      0 read(fd: fd, buf: out bytes[result], count: size) -> size
      5 fstat(fd: fd, buf: out stat) -> status
      8 lseek(fd: fd, offset: offset, whence: whence) -> offset
      10 mprotect(addr: address, len: size, prot: prot) -> status
      handler minherit(addr: address, len: size) -> status
      35 nanosleep(req: in timespec, rem: out timespec) -> status
      39 getpid() -> pid
      257 openat(dirfd: fd, path: path, flags: open_flags, mode: mode) -> fd
      ioctl { 0x541B FIONREAD(out int) 0x5413 TIOCGWINSZ(out winsize) }
      sockopt SOL_SOCKET 1 { 2 SO_REUSEADDR(int) }
      """, path: "linux.table"))

  static let heading = """
    personality tiny "Tiny" version 1.0 release 100
    abi amd64 { trap syscall number rax args rdi rsi rdx r10 r8 r9 result rax rdx error carry stack 8 entry rdi padding 8 }
    errno { 1 EPERM 2 ENOENT 9 EBADF 22 EINVAL 35 EAGAIN 45 EOPNOTSUPP 78 ENOSYS 87 ENOATTR <- ENODATA }

    """

  /// Where `heading` ends: the next line's number.
  static let headingLines = 3

  static func load(_ text: String) -> LoadedPersonality {
    LoadedPersonality(SourceText(heading + text + "\n", path: "tiny.table"))
  }

  /// All reports of a text behind the heading, its parser's and its compiler's.
  static func report(_ text: String) -> String {
    var loaded = load(text)
    loaded.diagnostics +=
      TableCompiler.compile(loaded.personality, linux: linux.personality, checked: true).diagnostics
    return loaded.report
  }
}
