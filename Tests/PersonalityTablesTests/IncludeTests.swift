import Testing

@testable import PersonalityTables

/// `include`: what is taken, what replaces it, and what is wrong.
struct IncludeTests {
  static let base = """
    flags open_flags { 0x200 O_CREAT }
    enum whence verbatim { 0 SEEK_SET }
    struct pair { first int  second whence:u32 }
    1 one() -> pid = getpid
    2 two(flags: open_flags) -> int = handler mmap
    3...6 gone = unsupported "not here"
    20 twenty(where: in pair) -> int = handler munmap
    ioctl { 0x10 FIONREAD(out int) 0x20 FIOPAIR(out pair) = handler ioctl 0x30 FIOTHREE = handler ioctl }
    sockopt SOL_SOCKET 0xffff { 4 SO_REUSEADDR(int) 5 SO_LABEL(bytes) = unsupported EINVAL "no" }
    sysctl { kern.ostype [1.1] string "Base"  kern.maxproc [1.6] int 7 }

    """

  static func tiny(_ text: String, _ more: [String: String] = [:]) -> TableFolders {
    var files = ["tiny/abi.table": Small.heading, "tiny/own.table": text, "base/all.table": base]
    files.merge(more) { $1 }
    return TableFolders(files)
  }

  static let missing = "tiny: 0 calls, 0 structures, 0 flags and enums: 1 error\n"

  @Test func everythingIsTaken() throws {
    for line in [#"include "../base/all.table""#, #"include "../base""#, #"  include "./../base/""#] {
      let folders = Self.tiny(line + "\n")
      #expect(folders.check("tiny") == "tiny: 7 calls, 1 structures, 2 flags and enums: no errors\n")
      let tiny = try folders.load("tiny").personality
      #expect(tiny.call(20)?.name == "twenty" && tiny.call(5)?.name == "gone")
      #expect(tiny.ioctl(0x20)?.name == "FIOPAIR")
      #expect(tiny.socketOption(level: 0xffff, name: 5)?.name == "SO_LABEL")
      #expect(tiny.sysctl([1, 6])?.value == .number(7))
    }
  }

  @Test func whatTheFolderDeclaresItselfReplaces() throws {
    let folders = Self.tiny(
      """
      include "../base"
      flags open_flags { 0x400 O_EXCL }
      struct pair { first i64 }
      2 other() -> pid = getpid
      5 five() -> pid = getpid
      ioctl { 0x20 FIOMINE(out int) = handler ioctl }
      sockopt SOL_SOCKET 0xffff { 5 SO_MINE(int) = unsupported EINVAL "no" }
      sysctl { kern.ostype [1.1] string "Tiny" }
      """)
    #expect(folders.check("tiny") == "tiny: 7 calls, 1 structures, 2 flags and enums: no errors\n")
    let tiny = try folders.load("tiny").personality
    #expect(tiny.maps[tiny.map(named: "open_flags")!].entries.map(\.name) == ["O_EXCL"])
    // An included row's type is the including folder's.
    #expect(tiny.structures[0].size == 8 && tiny.structures.count == 1)
    guard case .pointer(.in, .structure(0), .one)? = tiny.call(20)?.arguments[0].type else {
      Issue.record("twenty takes \(String(describing: tiny.call(20)))")
      return
    }
    #expect((1...6).map { tiny.call($0)!.name } == ["one", "other", "gone", "gone", "five", "gone"])
    #expect(tiny.call(named: "two") == nil)
    #expect(tiny.ioctls.map(\.name) == ["FIOMINE", "FIONREAD", "FIOTHREE"])
    #expect(tiny.socketLevels.count == 1)
    #expect(tiny.socketLevels[0].options.map(\.name) == ["SO_MINE", "SO_REUSEADDR"])
    #expect(tiny.sysctls.map(\.name) == ["kern.ostype", "kern.maxproc"])
    #expect(tiny.sysctl([1, 1])?.value == .text("Tiny"))
    let block = TableCompiler.compile(tiny, linux: Small.linux.personality).block
    let table = try #require(block.map(CompiledTable.init(block:)))
    #expect((1...6).map { table.string(table.call($0).name) } == ["one", "other", "gone", "gone", "five", "gone"])
  }

  @Test func callsCanBeLimited() throws {
    for (limit, numbers) in [
      ("calls 1...2, 20", [1, 2, 20]), ("calls 4...5", [4, 5]), ("calls none", []),
      ("without two gone", [1, 20]), ("calls 1...6 without one", [2, 3, 4, 5, 6]),
      ("calls 1,\n 20", [1, 20]),
    ] {
      let folders = Self.tiny("include \"../base/all.table\" \(limit)\n30 last() -> pid = getpid\n")
      let expected = "tiny: \(numbers.count + 1) calls, 1 structures, 2 flags and enums: no errors\n"
      #expect(folders.check("tiny") == expected)
      let tiny = try folders.load("tiny").personality
      #expect((0..<30).filter { tiny.call($0) != nil } == numbers)
    }
  }

  @Test func callsCanBeGivenOtherNumbersAndNames() throws {
    for (limit, names) in [
      ("calls 1 as 11, 20 as 21", [11: "one", 21: "twenty"]),
      ("calls 1, 1 as 11", [1: "one", 11: "one"]),
      ("calls 3...4 as 13", [13: "gone", 14: "gone"]),
      ("calls 1...2, 20 as 2", [1: "one", 2: "twenty"]),
      ("calls 1 as uno, 20 as 21 score", [1: "uno", 21: "score"]),
      ("calls 1 as 11 without two", [11: "one"]),
    ] as [(String, [Int: String])] {
      let folders = Self.tiny("include \"../base/all.table\" \(limit)\n30 last() -> pid = getpid\n")
      #expect(folders.check("tiny").hasSuffix(": no errors\n"), "\(limit): \(folders.check("tiny"))")
      let tiny = try folders.load("tiny").personality
      #expect(Dictionary(uniqueKeysWithValues: (0..<30).compactMap { number in tiny.call(number).map { (number, $0.name) } }) == names)
      let block = TableCompiler.compile(tiny, linux: Small.linux.personality).block
      let table = try #require(block.map(CompiledTable.init(block:)))
      for (number, name) in names { #expect(table.string(table.call(number).name) == name) }
    }
    let taken = Self.tiny("include \"../base/all.table\" calls 1 as 30\n30 last() -> pid = getpid\n").check("tiny")
    #expect(taken.contains("tiny/own.table:1:40: error: call 30 is already 'last'\n"))
  }

  @Test func namesCanBeLeftOut() throws {
    let folders = Self.tiny(
      """
      include "../base/all.table" calls none without open_flags FIOPAIR SO_LABEL kern.ostype pair
      """)
    #expect(folders.check("tiny") == "tiny: 0 calls, 0 structures, 1 flags and enums: no errors\n")
    let tiny = try folders.load("tiny").personality
    #expect(tiny.ioctls.map(\.name) == ["FIONREAD", "FIOTHREE"])
    #expect(tiny.socketLevels[0].options.map(\.name) == ["SO_REUSEADDR"])
    #expect(tiny.sysctls.map(\.name) == ["kern.maxproc"])
  }

  @Test func anErrnoBlockIsExtended() throws {
    let folders = TableFolders([
      "tiny/abi.table": """
      personality tiny "Tiny" version 1.0
      abi amd64 { trap syscall number rax args rdi rsi result rax error carry }
      """,
      "tiny/own.table": """
      include "../base"
      errno { 90 EPERM 22 EWRONG = EINVAL 91 EOWN }
      signal { 10 SIGUSR1 ignore }
      """,
      "base/errno.table": """
      errno { 1 EPERM 2 ENOENT 9 EBADF 22 EINVAL 35 EAGAIN 45 EOPNOTSUPP 78 ENOSYS 87 ENOATTR <- ENODATA else EBADF }
      signal { 1 SIGHUP terminate 30 SIGUSR1 terminate }
      """,
    ])
    #expect(folders.check("tiny") == "tiny: 0 calls, 0 structures, 0 flags and enums: no errors\n")
    let tiny = try folders.load("tiny").personality
    #expect(tiny.errnoNumber("EPERM") == 90 && tiny.errnoName(1) == nil)
    #expect(tiny.errnoName(22) == "EWRONG" && tiny.errnoNumber("EINVAL") == nil)
    #expect(tiny.errnoName(91) == "EOWN" && tiny.errnoName(87) == "ENOATTR")
    #expect(tiny.errnos.otherwise == "EBADF")
    #expect(tiny.signals.entries.map(\.name) == ["SIGUSR1", "SIGHUP"] && tiny.signalName(30) == nil)
  }

  @Test func rivalsMustAgree() {
    let other = """
      struct pair { first int
        second whence:u32 }   # written otherwise, but the same
      1 one() -> pid = getpid
      """
    let lines = "include \"../base\"\ninclude \"../other\"\n"
    let agreeing = Self.tiny(lines, ["other/a.table": other])
    #expect(agreeing.check("tiny") == "tiny: 7 calls, 1 structures, 2 flags and enums: no errors\n")

    let disagreeing = [
      "other/a.table": """
      struct pair { first int }
      1 one(x: int) -> int = handler mmap
      ioctl { 0x10 FIONREAD(out size) }
      sysctl { kern.maxproc [1.6] int 8 }
      """
    ]
    #expect(
      Self.tiny(lines, disagreeing).check("tiny") == """
        other/a.table:1:8: error: 'pair' differs from the one at base/all.table:3:8, which is included too
        struct pair { first int }
               ^~~~ declare it in the including folder, or leave one out: 'without NAME'
        other/a.table:2:1: error: call 1 differs from the one at base/all.table:4:1, which is included too
        1 one(x: int) -> int = handler mmap
        ^ declare it in the including folder, or leave one out: 'without NAME'
        other/a.table:3:14: error: ioctl FIONREAD differs from the one at base/all.table:8:14, which is included too
        ioctl { 0x10 FIONREAD(out size) }
                     ^~~~~~~~ declare it in the including folder, or leave one out: 'without NAME'
        other/a.table:4:10: error: sysctl kern.maxproc differs from the one at base/all.table:10:43, which is included too
        sysctl { kern.maxproc [1.6] int 8 }
                 ^~~~~~~~~~~~ declare it in the including folder, or leave one out: 'without NAME'
        tiny: 7 calls, 1 structures, 2 flags and enums: 4 errors

        """)
    // The folder's own declarations settle it, and so does leaving one out.
    let settled =
      lines + """
        struct pair { first u8 }
        1 one() -> pid = getpid
        ioctl { 0x10 FIONREAD(out int) }
        sysctl { kern.maxproc [1.6] int 9 }
        """
    #expect(Self.tiny(settled, disagreeing).check("tiny").hasSuffix("no errors\n"))
    let without = "include \"../base\"\ninclude \"../other\" without pair one FIONREAD kern.maxproc\n"
    #expect(Self.tiny(without, disagreeing).check("tiny").hasSuffix("no errors\n"))
  }

  @Test func anIncludedFolderReplacesWhatItIncludes() throws {
    let folders = Self.tiny(
      "include \"../base\" without one\ninclude \"../middle\"\n",
      ["middle/m.table": "include \"../base\" calls 1...2\nstruct pair { first u8 }\n2 mine() -> pid = getpid\n"])
    #expect(folders.check("tiny") == "tiny: 7 calls, 1 structures, 2 flags and enums: no errors\n")
    let tiny = try folders.load("tiny").personality
    #expect(tiny.structures[0].size == 1)
    #expect(tiny.call(1)?.name == "one" && tiny.call(2)?.name == "mine")
  }

  @Test func mistakesStandWhereTheyAre() {
    let folders = Self.tiny(
      "include \"../base/all.table\"\n", ["base/all.table": "# comment\n1 one() -> int = getpit\n"])
    #expect(
      folders.check("tiny") == """
        base/all.table:2:18: error: Linux has no call named 'getpit'
        1 one() -> int = getpit
                         ^~~~~~ did you mean 'getpid'?
        tiny: 1 calls, 0 structures, 0 flags and enums: 1 error

        """)
  }

  static let wrong: [(line: String, report: String)] = [
    (
      #"include "../bse/all.table""#,
      """
      tiny/own.table:1:9: error: there is no '../bse/all.table'
      include "../bse/all.table"
              ^~~~~~~~~~~~~~~~~~

      """
    ),
    (
      #"include "../empty""#,
      """
      tiny/own.table:1:9: error: '../empty' has no *.table file
      include "../empty"
              ^~~~~~~~~~

      """
    ),
    (
      #"include "../circle""#,
      """
      circle/a.table:1:9: error: '../tiny/own.table' belongs to a folder that includes this one
      include "../tiny/own.table"
              ^~~~~~~~~~~~~~~~~~~

      """
    ),
    (
      #"include "../two/a.table""#,
      """
      two/b.table:1:9: error: 'a.table' includes itself
      include "a.table"
              ^~~~~~~~~

      """
    ),
    (
      #"include "own.table""#,
      """
      tiny/own.table:1:9: error: 'own.table' includes itself
      include "own.table"
              ^~~~~~~~~~~

      """
    ),
    (
      #"include "../linux/abi.table""#,
      """
      tiny/own.table:1:9: error: abi.table describes one system: it is not included
      include "../linux/abi.table"
              ^~~~~~~~~~~~~~~~~~~~

      """
    ),
    (
      #"include "../heading""#,
      """
      heading/a.table:1:1: error: 'elf' belongs into abi.table: it is not included
      elf { osabi 9 }
      ^~~

      """
    ),
    (
      "include ../base",
      """
      tiny/own.table:1:9: error: expected a file or a folder in quotes, found '.'
      include ../base
              ^

      """
    ),
    (
      #"include "../none" calls 1...2 withou x"#,
      """
      tiny/own.table:1:31: error: expected 'calls' or 'without', found 'withou'
      include "../none" calls 1...2 withou x
                                    ^~~~~~ did you mean 'without'?

      """
    ),
    (
      #"include "../none" calls 5...2"#,
      """
      tiny/own.table:1:25: error: the range ends before it begins
      include "../none" calls 5...2
                              ^

      """
    ),
    (
      #"include "../none" calls 1 as"#,
      """
      tiny/own.table:1:29: error: expected the call's number or name in this folder, found the end of the line
      include "../none" calls 1 as
                                  ^

      """
    ),
    (
      #"include "../none" calls 1...2 as 11 one"#,
      """
      tiny/own.table:1:37: error: calls of several numbers keep their names
      include "../none" calls 1...2 as 11 one
                                          ^~~

      """
    ),
    (
      #"include "../none" calls 1 as 11"#,
      """
      tiny/own.table:1:30: error: nothing that is included here has call 1
      include "../none" calls 1 as 11
                                   ^~

      """
    ),
    (
      #"include "../none" without opn_flags"#,
      """
      tiny/own.table:1:27: error: nothing that is included here is named 'opn_flags'
      include "../none" without opn_flags
                                ^~~~~~~~~

      """
    ),
  ]

  @Test(arguments: wrong.indices) func aWrongLineIsReported(_ index: Int) {
    let folders = Self.tiny(
      Self.wrong[index].line + "\n",
      [
        "empty/no.txt": "", "circle/a.table": "include \"../tiny/own.table\"\n",
        "two/a.table": "include \"b.table\"\n", "two/b.table": "include \"a.table\"\n",
        "heading/a.table": "elf { osabi 9 }\n", "none/a.table": "# nothing\n",
      ])
    #expect(folders.check("tiny") == Self.wrong[index].report + Self.missing)
  }

  @Test func abiTableIncludesNothing() {
    let folders = Self.tiny("", ["tiny/abi.table": Small.heading + "include \"../base\"\n"])
    #expect(
      folders.check("tiny") == """
        tiny/abi.table:4:9: error: abi.table is read alone at a start: write 'include' into another file
        include "../base"
                ^~~~~~~~~

        """ + Self.missing)
  }

  @Test func sharedDeclarationsAreNoPersonality() {
    let folders = Self.tiny("include \"../base\"\n")
    #expect(folders.check("base") == "error: base: no personality: it has no abi.table\n")
    let all = CheckCommand(folders: [], directories: [folders.path]).run()
    #expect(all.status == 0)
    #expect(all.text.replacingOccurrences(of: folders.path + "/", with: "").split(separator: ":").first == "linux")
    #expect(!all.text.contains("base"))
    #expect(throws: LoadError.missing(folder: folders.path + "/base")) {
      try PersonalityLoader.load("base", from: [folders.path])
    }
  }

  @Test func anotherDirectorysFolderIsIncludedToo() throws {
    let installed = TableFolders(["base/all.table": Self.base])
    let own = TableFolders(["tiny/abi.table": Small.heading, "tiny/a.table": "include \"../base\"\n"])
    let tiny = try PersonalityLoader.load("tiny", from: [own.path, installed.path])
    #expect(tiny.diagnostics.isEmpty && tiny.personality.call(1)?.name == "one")
  }

  @Test func aPreparedTableHoldsAsLongAsWhatItIncludes() throws {
    let folders = Self.tiny("include \"../base\"\n")
    let command = CheckCommand(
      folders: [folders.path + "/tiny"], directories: [folders.path], keepsCompiled: true)
    #expect(command.run().status == 0)
    let prepared = try #require(PreparedTable.load("tiny", from: [folders.path]))
    #expect(prepared.rules.release == 100)
    folders.write(Self.base + "# changed\n", "base/all.table")
    #expect(PreparedTable.load("tiny", from: [folders.path]) == nil)
    #expect(command.run().status == 0)
    #expect(PreparedTable.load("tiny", from: [folders.path]) != nil)
    folders.write("# added\n", "base/more.table")
    #expect(PreparedTable.load("tiny", from: [folders.path]) == nil)
  }
}
