import Glibc
import Testing

@testable import PersonalityTables

/// Tables against the facts that are stated beside them.
struct FactTests {
  static let facts = """
    # Of a small system.
    call 3 read i64 fd:i32 buf:*void nbyte:u64
    call 20 getpid i32
    call 21 gettid i32
    constant SEEK_SET=0 SEEK_CUR=1 SEEK_END=2 EPERM=1 ENOENT=2 EBADF=9 EINVAL=0x16 EAGAIN=0x23 EOPNOTSUPP=0x2d ENOSYS=0x4e
    constant ENOATTR=0x57 SIGHUP=1
    struct timespec 16 tv_sec@0:i8 tv_nsec@8:i8
    signal SIGHUP=terminate
    becomes constant errno.ENOATTR <- ENODATA
    becomes personality tiny "Tiny" version 1.0 release 100
    becomes abi amd64 { trap syscall number rax args rdi rsi rdx r10 r8 r9 result rax rdx error carry stack 8 entry rdi padding 8 }

    """

  static let right = """
    3 read(fd: fd, buf: out bytes[result], nbyte: size) -> size = read
    20 getpid() -> pid = getpid
    21 gettid() -> pid = unsupported "no threads"
    """

  static let cases: [(text: String, report: String)] = [
    (right, ""),
    (
      right.replacingOccurrences(of: "nbyte: size", with: "nbyte: uint"),
      """
      tiny.table:4:40: error: 'nbyte' of read is 'u64', not 'u32'
      3 read(fd: fd, buf: out bytes[result], nbyte: uint) -> size = read
                                             ^~~~~ else state 'call 3 read u64 fd:i32 buf:*void nbyte:u32' in a *.facts file

      """
    ),
    (
      right.replacingOccurrences(of: "buf: out", with: "buf: in"),
      """
      tiny.table:4:16: error: 'buf' of read is '*void', not 'const*void'
      3 read(fd: fd, buf: in bytes[result], nbyte: size) -> size = read
                     ^~~ else state 'call 3 read u64 fd:i32 buf:const*void nbyte:u64' in a *.facts file

      """
    ),
    (
      right.replacingOccurrences(of: "-> size", with: "-> int"),
      """
      tiny.table:4:1: error: read returns 'i64', not 'i32'
      3 read(fd: fd, buf: out bytes[result], nbyte: size) -> int = read
      ^ else state 'call 3 read i32 fd:i32 buf:*void nbyte:u64' in a *.facts file

      """
    ),
    (
      right.replacingOccurrences(of: "20 getpid", with: "22 getpid"),
      """
      tiny.table:5:1: error: no fact tells of call 22
      22 getpid() -> pid = getpid
      ^~ else state 'call 22 getpid i32' in a *.facts file
      tiny.table:6:1: error: call 20, 'getpid', has no row
      21 gettid() -> pid = unsupported "no threads"
      ^~ else state 'call …' in a *.facts file

      """
    ),
    (
      right.replacingOccurrences(of: "= getpid", with: "= handler issetugid"),
      """
      tiny.table:5:30: error: no fact says that row getpid is 'handler issetugid'
      20 getpid() -> pid = handler issetugid
                                   ^~~~~~~~~ else state 'becomes row getpid handler issetugid' in a *.facts file

      """
    ),
    (
      right + "\nenum whence { 0 SEEK_SET 2 SEEK_CUR 1 SEEK_LAST = SEEK_END }",
      """
      tiny.table:7:6: error: nothing takes enum whence
      enum whence { 0 SEEK_SET 2 SEEK_CUR 1 SEEK_LAST = SEEK_END }
           ^~~~~~ else state 'becomes map whence unused' in a *.facts file
      tiny.table:7:28: error: SEEK_CUR is 1, not 2
      enum whence { 0 SEEK_SET 2 SEEK_CUR 1 SEEK_LAST = SEEK_END }
                                 ^~~~~~~~ else state 'constant whence.SEEK_CUR=2' in a *.facts file
      tiny.table:7:39: error: no fact tells of 'SEEK_LAST'
      enum whence { 0 SEEK_SET 2 SEEK_CUR 1 SEEK_LAST = SEEK_END }
                                            ^~~~~~~~~ else state 'constant SEEK_LAST=1' in a *.facts file
      tiny.table:7:39: error: no fact says that constant whence.SEEK_LAST is '= SEEK_END'
      enum whence { 0 SEEK_SET 2 SEEK_CUR 1 SEEK_LAST = SEEK_END }
                                            ^~~~~~~~~ else state 'becomes constant whence.SEEK_LAST = SEEK_END' in a *.facts file

      """
    ),
    (
      right + "\nstruct timespec { tv_sec i32 tv_nsec i64 }",
      """
      tiny.table:7:19: error: 'tv_sec' has 8 bytes, not 4
      struct timespec { tv_sec i32 tv_nsec i64 }
                        ^~~~~~ else state 'struct timespec 16 tv_sec@0:i4' in a *.facts file

      """
    ),
    (
      right + "\nstruct timespec { tv_nsec i64 tv_sec i64 }",
      """
      tiny.table:7:8: error: the fields of struct timespec are not where they should be
      struct timespec { tv_nsec i64 tv_sec i64 }
             ^~~~~~~~ else state 'struct timespec 16' in a *.facts file
      tiny.table:7:19: error: 'tv_nsec' is at 8, not at 0
      struct timespec { tv_nsec i64 tv_sec i64 }
                        ^~~~~~~ else state 'struct timespec 16 tv_nsec@0:i8' in a *.facts file
      tiny.table:7:31: error: 'tv_sec' is at 0, not at 8
      struct timespec { tv_nsec i64 tv_sec i64 }
                                    ^~~~~~ else state 'struct timespec 16 tv_sec@8:i8' in a *.facts file

      """
    ),
    (
      right + "\nstruct timespec { tv_sec i64 tv_nsec i64 pad 8 }",
      """
      tiny.table:7:8: error: struct timespec is 16 bytes, not 24
      struct timespec { tv_sec i64 tv_nsec i64 pad 8 }
             ^~~~~~~~ else state 'struct timespec 24' in a *.facts file

      """
    ),
    (
      right + "\nsignal { 1 SIGHUP core }",
      """
      tiny.table:7:12: error: SIGHUP does 'terminate' when nobody handles it, not 'core'
      signal { 1 SIGHUP core }
                 ^~~~~~ else state 'signal SIGHUP=core' in a *.facts file

      """
    ),
  ]

  static func facts(_ text: String) -> Facts {
    var facts = Facts()
    for line in Array(text.utf8).split(separator: 10) where line.first != 35 {
      if !facts.statement(line) { Issue.record("\(String(decoding: line, as: UTF8.self))") }
    }
    return facts
  }

  @Test(arguments: cases.indices) func isWorded(_ index: Int) {
    var loaded = Small.load(Self.cases[index].text)
    loaded.diagnostics += FactCheck.check(loaded, Self.facts(Self.facts), linux: Small.linux.personality)
    #expect(loaded.report == Self.cases[index].report)
  }

  @Test func badFactsAreReported() {
    var facts = Facts()
    for line in ["calls 3 read", "constant SEEK_SET", "struct s", "call x y", "signal SIGHUP", "becomes row"] {
      let isFact = facts.statement(Array(line.utf8)[...])
      #expect(!isFact, "\(line)")
    }
  }

  /// `--state` writes down what is missing; then the folder checks, and nothing more is written.
  @Test func statingMakesAFolderCheck() {
    let folders = TableFolders(["tiny/abi.table": Small.heading + Self.right + "\n", "tiny/kernel.facts": "# None yet.\n"])
    #expect(folders.check("tiny").contains("3 calls, 0 structures, 0 flags and enums: 14 errors"))
    func state() -> String {
      let command = CheckCommand(folders: [folders.path + "/tiny"], directories: [folders.path], statesFacts: true)
      return command.run().text.replacingOccurrences(of: folders.path + "/", with: "")
    }
    #expect(state() == "tiny: 14 statements changed: read them\ntiny: 3 calls, 0 structures, 0 flags and enums: no errors\n")
    #expect(folders.check("tiny") == "tiny: 3 calls, 0 structures, 0 flags and enums: no errors\n")
    #expect(state() == "tiny: 0 statements changed: read them\ntiny: 3 calls, 0 structures, 0 flags and enums: no errors\n")
  }
}
