import Testing

@testable import PersonalityTables

/// The wording of every report, beside the line that causes it.
struct DiagnosticTests {
  static let cases: [(text: String, report: String)] = [
    (
      """
        5 open(path: path, flags: open_flag, mode: mode) -> fd = openat(AT_FDCWD, path, flags, mode)
      flags open_flags verbatim { 1 O_WRONLY }
      """,
      """
      tiny.table:4:29: error: no flags or enum named 'open_flag'
        5 open(path: path, flags: open_flag, mode: mode) -> fd = openat(AT_FDCWD, path, flags, mode)
                                  ^~~~~~~~~ did you mean 'open_flags'?

      """
    ),
    (
      """
      3 read(fd: fd, buf: out bytes[result], nbyte: size) -> size = read
      3 write(fd: fd) -> size = obsolete
      """,
      """
      tiny.table:5:1: error: call 3 is already 'read'
      3 write(fd: fd) -> size = obsolete
      ^

      """
    ),
    (
      "load { bound \"amd64/bin\" \"/bin\" }",
      """
      tiny.table:4:14: error: the folder whose files they are: a path from '/' without a '/' at its end
      load { bound "amd64/bin" "/bin" }
                   ^~~~~~~~~~~

      """
    ),
    (
      "flags f { 0x40 O_CREAT 0x40 O_EXCL }",
      """
      tiny.table:4:29: error: bit 0x40 of flags f is already 'O_CREAT'
      flags f { 0x40 O_CREAT 0x40 O_EXCL }
                                  ^~~~~~

      """
    ),
    (
      "struct timespec { tv_sec i64 tv_nsec i64 } [12 bytes]",
      """
      tiny.table:4:45: error: struct timespec is 16 bytes, not 12
      struct timespec { tv_sec i64 tv_nsec i64 } [12 bytes]
                                                  ^~

      """
    ),
    (
      "3 read(fd: fd, buf: out bytes[nbytes], nbyte: size) -> size = read",
      """
      tiny.table:4:31: error: no argument named 'nbytes'
      3 read(fd: fd, buf: out bytes[nbytes], nbyte: size) -> size = read
                                    ^~~~~~ did you mean 'nbyte'?

      """
    ),
    (
      "5 open(path: path, mode: mode) -> fd = openat(AT_FDCWD, path, 0)",
      """
      tiny.table:4:40: error: Linux's openat takes 4 arguments, not 3: 'mode' is missing
      5 open(path: path, mode: mode) -> fd = openat(AT_FDCWD, path, 0)
                                             ^~~~~~

      """
    ),
    (
      "5 open(path: path) -> fd = openat(AT_FDCWD, pat, 0, 0)",
      """
      tiny.table:4:45: error: no argument and no constant of Linux is named 'pat'
      5 open(path: path) -> fd = openat(AT_FDCWD, pat, 0, 0)
                                                  ^~~ did you mean 'path'?

      """
    ),
    (
      "477 mmap(addr: address) -> address = handler mmapp",
      """
      tiny.table:4:46: error: no handler named 'mmapp'
      477 mmap(addr: address) -> address = handler mmapp
                                                   ^~~~~ did you mean 'mmap'?

      """
    ),
    (
      "20 getpid() -> pid = getpit",
      """
      tiny.table:4:22: error: Linux has no call named 'getpit'
      20 getpid() -> pid = getpit
                           ^~~~~~ did you mean 'getpid'?

      """
    ),
    (
      "enum e { 0 SEEK_SET 3 SEEK_DATA }",
      """
      tiny.table:4:23: error: Linux has no 'SEEK_DATA': say what it becomes
      enum e { 0 SEEK_SET 3 SEEK_DATA }
                            ^~~~~~~~~ did you mean 'SEEK_SET'? Else '= NAME', '-> ignore' or 'reject ERRNO "why"'

      """
    ),
    (
      #"flags f { 0x20 O_EXLOCK reject EOPNOTSUP "Linux open cannot lock" }"#,
      """
      tiny.table:4:32: error: no errno named 'EOPNOTSUP'
      flags f { 0x20 O_EXLOCK reject EOPNOTSUP "Linux open cannot lock" }
                                     ^~~~~~~~~ did you mean 'EOPNOTSUPP'?

      """
    ),
    (
      "5 open(path: path",
      """
      tiny.table:4:7: error: this '(' is never closed
      5 open(path: path
            ^

      """
    ),
    (
      "20 getpid() -> pidd = getpid",
      """
      tiny.table:4:16: error: no result type named 'pidd'
      20 getpid() -> pidd = getpid
                     ^~~~ did you mean 'pid'?

      """
    ),
    (
      "20 getpid() -> pid",
      """
      tiny.table:4:4: error: getpid does not say what it becomes
      20 getpid() -> pid
         ^~~~~~ '= call', '= handler name', '= obsolete' or '= unsupported "why"'

      """
    ),
    (
      "flag f { }",
      """
      tiny.table:4:1: error: expected a call's number or a declaration, found 'flag'
      flag f { }
      ^~~~ did you mean 'flags'?

      """
    ),
    (
      "enum e { 09 X }",
      """
      tiny.table:4:10: error: '09' is no number
      enum e { 09 X }
               ^~

      """
    ),
    (
      "signal { 1 SIGHUP terminat }",
      """
      tiny.table:4:19: error: expected what the OS does with SIGHUP, found 'terminat'
      signal { 1 SIGHUP terminat }
                        ^~~~~~~~ did you mean 'terminate'?

      """
    ),
    (
      "struct a { next a }",
      """
      tiny.table:4:12: error: struct a contains itself
      struct a { next a }
                 ^~~~

      """
    ),
    (
      "6 fstat(fd: fd, sb: stat) -> status = fstat\nstruct stat { st_dev u64 }",
      """
      tiny.table:4:21: error: 'stat' is a structure: write 'in', 'out' or 'inout' before it
      6 fstat(fd: fd, sb: stat) -> status = fstat
                          ^~~~

      """
    ),
    (
      "6 fstat(fd: fd, sb: out winsize) -> status = fstat\nstruct winsize { ws_row u16 }",
      """
      tiny.table:4:17: error: Linux's fstat takes struct stat, not winsize
      6 fstat(fd: fd, sb: out winsize) -> status = fstat
                      ^~

      """
    ),
    (
      "struct mode { a u8 }",
      """
      tiny.table:4:8: error: 'mode' is a type of the language
      struct mode { a u8 }
             ^~~~

      """
    ),
    (
      "struct t { a u8 }\nstruct t { b u8 }",
      """
      tiny.table:5:8: error: 't' is already declared at tiny.table:4:8
      struct t { b u8 }
             ^

      """
    ),
    (
      "struct tv = timespecs { a u8 }",
      """
      tiny.table:4:13: error: Linux has no structure named 'timespecs'
      struct tv = timespecs { a u8 }
                  ^~~~~~~~~ did you mean 'timespec'?

      """
    ),
    (
      "struct timespec { tv_sec i64 nsec i64 = tv_nsecs }",
      """
      tiny.table:4:30: error: Linux's struct timespec has no field 'tv_nsecs'
      struct timespec { tv_sec i64 nsec i64 = tv_nsecs }
                                   ^~~~ did you mean 'tv_nsec'?

      """
    ),
    (
      "ioctl { 0x4004667f FIONREED(out int) }",
      """
      tiny.table:4:20: error: Linux has no 'FIONREED'
      ioctl { 0x4004667f FIONREED(out int) }
                         ^~~~~~~~ did you mean 'FIONREAD'?

      """
    ),
    (
      "sysctl { hw.ncpu [6.3] int host onlineCPU }",
      """
      tiny.table:4:33: error: no host value named 'onlineCPU'
      sysctl { hw.ncpu [6.3] int host onlineCPU }
                                      ^~~~~~~~~ did you mean 'onlineCPUs'?

      """
    ),
    (
      "abi x { number rex result rax }",
      """
      tiny.table:4:16: error: no register named 'rex'
      abi x { number rex result rax }
                     ^~~ did you mean 'rbx'?

      """
    ),
    (
      "enum e { 0 SEEK_SET",
      """
      tiny.table:4:8: error: this '{' is never closed
      enum e { 0 SEEK_SET
             ^

      """
    ),
    (
      #"1 nosys = unsupported "why"#,
      """
      tiny.table:4:23: error: expected why it is unsupported in quotes, found '"why'
      1 nosys = unsupported "why
                            ^~~~

      """
    ),
    (
      "errno { 1 ENOTME 36 ENOTYOU 37 ENOTYOU }",
      """
      tiny.table:4:11: error: errno 1 is already 'EPERM'
      errno { 1 ENOTME 36 ENOTYOU 37 ENOTYOU }
                ^~~~~~
      tiny.table:4:32: error: errno 'ENOTYOU' has two numbers
      errno { 1 ENOTME 36 ENOTYOU 37 ENOTYOU }
                                     ^~~~~~~

      """
    ),
    (
      "errno { 99 ENOTCAPABLE = EPERM }",
      """
      tiny.table:4:26: error: Linux's EPERM already arrives as EPERM
      errno { 99 ENOTCAPABLE = EPERM }
                               ^~~~~ '->' maps only on the way to Linux

      """
    ),
    (
      "signal { 65...70 SIGRTMIN terminate = 36...61 }",
      """
      tiny.table:4:39: error: SIGRTMIN is 6 numbers, Linux's are 26
      signal { 65...70 SIGRTMIN terminate = 36...61 }
                                            ^~

      """
    ),
    (
      "5 open(path: path, mode: mode) -> fd = openat(path, AT_FDCWD, 0, mode)",
      """
      tiny.table:4:47: error: 'path' is a path, but Linux's openat takes a value ('dirfd')
      5 open(path: path, mode: mode) -> fd = openat(path, AT_FDCWD, 0, mode)
                                                    ^~~~
      tiny.table:4:53: error: 'AT_FDCWD' is no pointer, but Linux's openat takes one ('path')
      5 open(path: path, mode: mode) -> fd = openat(path, AT_FDCWD, 0, mode)
                                                          ^~~~~~~~

      """
    ),
    (
      "3 read(fd: fd, buf: in bytes[nbyte], nbyte: size) -> size = read",
      """
      tiny.table:4:16: error: 'buf' is memory to read, but Linux's read takes memory to write ('buf')
      3 read(fd: fd, buf: in bytes[nbyte], nbyte: size) -> size = read
                     ^~~

      """
    ),
    (
      "20 getpid() -> status = getpid",
      """
      tiny.table:4:1: error: getpid returns 'status', but Linux's getpid returns 'pid'
      20 getpid() -> status = getpid
      ^~

      """
    ),
    (
      "enum e { 0 SEEK_SET 1 SEEK_CUR 2 SEEK_END = SEEK_CUR }",
      """
      tiny.table:4:45: error: Linux's 0x1 already arrives as 'SEEK_CUR'
      enum e { 0 SEEK_SET 1 SEEK_CUR 2 SEEK_END = SEEK_CUR }
                                                  ^~~~~~~~ '->' maps only on the way to Linux

      """
    ),
    (
      "enum e { 0 SEEK_SET 1 SEEK_CUR } [3 entries]",
      """
      tiny.table:4:35: error: 2 entries, not 3
      enum e { 0 SEEK_SET 1 SEEK_CUR } [3 entries]
                                        ^

      """
    ),
    (
      "calls 20...21\n20 getpid() -> pid = getpid",
      """
      tiny.table:4:7: error: call 21 has no row
      calls 20...21
            ^~

      """
    ),
    (
      "ioctl encoded { 0x4008667f FIONREAD(out int) }",
      """
      tiny.table:4:28: error: 0x4008667f says that FIONREAD carries 8 bytes, not 4
      ioctl encoded { 0x4008667f FIONREAD(out int) }
                                 ^~~~~~~~

      """
    ),
    (
      "sysctl { kern.ostype [1.1] string \"Tiny\" kern.osname [2.2] string \"Tiny\" }",
      """
      tiny.table:4:42: error: 'kern' is 1, not 2
      sysctl { kern.ostype [1.1] string "Tiny" kern.osname [2.2] string "Tiny" }
                                               ^~~~~~~~~~~

      """
    ),
    (
      "20 getpid(info: out i32) -> int = answer 7",
      """
      tiny.table:4:11: error: 'info' is never written: getpid becomes something that does not take it
      20 getpid(info: out i32) -> int = answer 7
                ^~~~

      """
    ),
    (
      "73 munmap(addr: address) -> status = handler minherit",
      """
      tiny.table:4:46: error: handler minherit takes 2 operands, not 1
      73 munmap(addr: address) -> status = handler minherit
                                                   ^~~~~~~~

      """
    ),
    (
      "ioctl { 0x5 FIONREAD(out int) = unsupported EPERM }",
      """
      tiny.table:4:45: error: FIONREAD does not say why it is unsupported
      ioctl { 0x5 FIONREAD(out int) = unsupported EPERM }
                                                  ^~~~~ 'unsupported EPERM "why"'

      """
    ),
    (
      "sockopt SOL_SOCKET 1 { 2 SO_REUSEADDR(int\n}",
      """
      tiny.table:4:38: error: this '(' is never closed
      sockopt SOL_SOCKET 1 { 2 SO_REUSEADDR(int
                                           ^

      """
    ),
    (
      "30 accept(s: fd, name: out bytes[len], len: inout u32) -> fd = unsupported \"no\"",
      """
      tiny.table:4:18: error: 'name' is counted by an address
      30 accept(s: fd, name: out bytes[len], len: inout u32) -> fd = unsupported "no"
                       ^~~~ did you mean '[*len]'?

      """
    ),
  ]

  @Test(arguments: cases.indices) func isWorded(_ index: Int) {
    #expect(Small.report(Self.cases[index].text) == Self.cases[index].report)
  }

  @Test func aLostErrnoIsReported() {
    let loaded = LoadedPersonality(
      SourceText(
        """
        personality tiny "Tiny" version 1.0
        abi amd64 { number rax result rax }
        errno { 1 EPERM 2 ENOENT 9 EBADF 22 EINVAL 35 EAGAIN 45 EOPNOTSUPP 78 ENOSYS }
        """, path: "tiny.table"))
    let (block, diagnostics) = TableCompiler.compile(loaded.personality, linux: Small.linux.personality)
    #expect(block == nil)
    #expect(
      diagnostics.map { $0.text(in: loaded.source) } == [
        """
        tiny.table:3:11: error: Linux's ENODATA arrives as nothing
        errno { 1 EPERM 2 ENOENT 9 EBADF 22 EINVAL 35 EAGAIN 45 EOPNOTSUPP 78 ENOSYS }
                  ^~~~~ say '<- ENODATA' behind an errno, or 'else ERRNO'
        """
      ])
  }

  @Test func allAreReportedAtOnce() {
    let report = Small.report(
      """
      1 a(x: nothing) -> status = getpid
      2 b(x: int) -> status = handler nothing
      enum e { 1 SEEK_SET 1 SEEK_CUR }
      struct s { a u32 } [8 bytes]
      """)
    #expect(report.split(separator: "\n").filter { $0.contains("error:") }.count == 4)
  }

  @Test func linuxAndTheHeadingAreClean() {
    #expect(Small.linux.report == "")
    #expect(TableCompiler.checkLinux(Small.linux.personality).isEmpty)
    #expect(Small.report("") == "")
  }
}
