import Testing

@testable import PersonalityTables

/// `persona explain` and `persona personalities`, on a small system.
struct ExplainTests {
  private let folders: TableFolders
  private let directory: String

  init() throws {
    folders = try TableFolders([
      "linux/abi.table": """
      personality linux "Linux" version 6.1
      abi amd64 { trap syscall  number rax  args rdi rsi rdx r10 r8 r9  result rax  error negative }
      errno { 1 EPERM  2 ENOENT  22 EINVAL  38 ENOSYS }
      signal { 1 SIGHUP terminate }
      flags open_flags verbatim { 0x40 O_CREAT  0x400 O_APPEND }
      struct pair { a u32  b u64 } [16 bytes]
      0 read(fd: fd, buf: out bytes[result], count: size) -> size
      1 openat(dirfd: fd, pathname: path, flags: open_flags, mode: mode) -> fd
      2 getpair(p: out pair) -> status
      """,
      "tiny/abi.table": """
      # Source: entry.s,
      # calls.h.
      personality tiny "Tiny" version 2.0
      abi amd64 { trap syscall  number rax  args rdi rsi  result rax  error carry }
      errno { 7 ENOENT  9 EINVAL  11 ENOSYS <- EPERM }
      signal { 4 SIGHUP core }
      flags open_flags { 0x1 O_CREAT  0x2 O_SECURE reject EINVAL "nothing is secure"  0x4 O_FAST -> ignore }
      struct pair { b u32  a u32 } [8 bytes]
      3 open(path: path, flags: open_flags) -> fd = openat(-100, path, flags, 0)
      4 getpair(p: out pair) -> status = getpair
      5 beep() -> status = unsupported "nobody listens"
      6 obeep = obsolete
      """,
    ])
    directory = folders.path
  }

  private func explain(_ word: String, of name: String = "tiny") -> CommandOutcome {
    ExplainCommand(personality: name, word: word, directories: [directory]).run()
  }

  private let origin = "  facts      entry.s, calls.h.\n"

  @Test func calls() {
    let text = """
      tiny call 3: open(path: path, flags: open_flags) -> fd
        table      \(directory)/tiny/abi.table:9
        facts      entry.s, calls.h.
        becomes    Linux's openat(dirfd: -100, pathname: path, flags, mode: 0)
          path   path: text, passed as it is
          flags  open_flags: by name
              0x1  O_CREAT   Linux's 0x40
              0x2  O_SECURE  refused: EINVAL, nothing is secure
              0x4  O_FAST    accepted, without effect on Linux
            other            refused: EINVAL
        result     fd; a failure is errno with the carry flag set, by the errno table

      """
    #expect(explain("open").text == text)
    #expect(explain("3").text == text)
    #expect(explain("5").text.contains("  becomes    nothing: ENOSYS, since nobody listens\n"))
    #expect(explain("obeep").text.contains("  becomes    nothing: the system itself answers ENOSYS\n"))
  }

  @Test func structures() {
    #expect(
      explain("pair").text == """
        tiny struct pair, 8 bytes; Linux's struct pair has 16
          table      \(directory)/tiny/abi.table:8
          facts      entry.s, calls.h.
            OFFSET  BYTES  FIELD  LINUX
                 0  4      b      b at 8, 8 bytes
                 4  4      a      a at 0, 4 bytes

        """)
  }

  @Test func numbersAndConstants() {
    #expect(explain("ENOSYS").text.hasSuffix("  becomes    Linux's 38, both ways; also from Linux's EPERM 1\n"))
    #expect(explain("SIGHUP").text.hasPrefix("tiny signal 4 SIGHUP, by default core\n"))
    #expect(explain("SIGHUP").text.hasSuffix("  becomes    Linux's 1, both ways\n"))
    #expect(explain("O_CREAT").text.hasSuffix("  becomes    Linux's 0x40\n"))
  }

  @Test func unknownWords() {
    let near = explain("opne")
    #expect(near.status == 1)
    #expect(
      near.errors == "tiny has no call, constant, structure or variable 'opne'; did you mean 'open'?\n")
    let system = explain("open", of: "huge")
    #expect(system.status == 125)
    #expect(system.errors == "\(directory)/huge: no such folder of tables; there are: tiny\n")
  }

  @Test func personalities() {
    let outcome = ListCommand(directories: [directory]).run()
    #expect(outcome.status == 0)
    #expect(
      outcome.text == """
        NAME  SYSTEM    ABIS   RELEASES  CALLS  TRANSLATED  HANDLER  UNSUPPORTED  OBSOLETE  FOLDER
        tiny  Tiny 2.0  amd64  2.0           4           2        0            1         1  \(directory)/tiny

        """)
  }
}
