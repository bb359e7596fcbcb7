import CWire
import Testing

@testable import PersonalityTables

/// Releases and machines that one folder serves: `since`, `until`, `on`.
struct EditionTests {
  static let heading = """
    personality tiny "Tiny" version 14.0 release 1400097 major 100000 minor 1000 from 500000 serves 10...15
    abi amd64 { trap syscall number rax args rdi rsi rdx r10 r8 r9 result rax rdx error carry stack 8 machine 62 }
    abi i386 { trap int 0x80 number eax args stack result eax edx error carry stack 4 word 4 machine 3 }
    errno { 1 EPERM 2 ENOENT 9 EBADF 22 EINVAL 35 EAGAIN 45 EOPNOTSUPP 78 ENOSYS 87 ENOATTR <- ENODATA }

    """

  static func load(_ text: String, _ edition: Edition = Edition()) -> LoadedPersonality {
    LoadedPersonality(SourceText(heading + text + "\n", path: "tiny.table"), edition: edition)
  }

  /// What is wrong in any edition.
  static func report(_ text: String) -> String {
    var loaded = load(text)
    loaded.diagnostics = TableCompiler.compileEditions(loaded, linux: Small.linux.personality).diagnostics
    return loaded.report
  }

  static func edition(_ release: UInt32?, _ abi: String? = nil) -> Edition { Edition(release: release, abi: abi) }

  // MARK: Releases

  static let renamed = """
    188 freebsd11_stat(fd: fd, sb: out oldstat) -> status = fstat named stat until 11
    551 fstat(fd: fd, sb: out stat) -> status = fstat since 12
    563 getrandom() -> pid = getpid since 12.1
    struct oldstat = stat { st_ino u32 } [4 bytes]
    struct stat since 12 { st_ino u64  st_gen u64 since 13 } [8 bytes] [16 bytes since 13]
    flags open_flags { 0x200 O_CREAT  0x800 O_EXCL until 12  0x400 O_EXCL since 13 }
    """

  @Test(arguments: [
    (1_001_000, "stat", nil, nil, nil, 0x800), (1_199_999, "stat", nil, nil, nil, 0x800),
    (1_200_000, "freebsd11_stat", "fstat", nil, 8, 0x800), (1_201_000, "freebsd11_stat", "fstat", "getrandom", 8, 0x800),
    (1_300_000, "freebsd11_stat", "fstat", "getrandom", 16, 0x400), (nil, "freebsd11_stat", "fstat", "getrandom", 16, 0x400),
  ] as [(UInt32?, String, String?, String?, Int?, UInt64)])
  func aReleaseHasItsOwnRows(
    release: UInt32?, call188: String, call551: String?, call563: String?, size: Int?, exclusive: UInt64
  ) throws {
    let loaded = Self.load(Self.renamed, Self.edition(release))
    #expect(loaded.report == "")
    let tiny = loaded.personality
    #expect(tiny.call(188)?.name == call188)
    #expect(tiny.call(551)?.name == call551)
    #expect(tiny.call(563)?.name == call563)
    #expect(tiny.structure(named: "stat").map { tiny.structures[$0].size } == size)
    let map = tiny.maps[try #require(tiny.map(named: "open_flags"))]
    #expect(map.entries.map(\.value) == [0x200, exclusive])
    #expect(TableCompiler.compile(tiny, linux: Small.linux.personality, checked: true).diagnostics == [])
  }

  @Test func tablesAreCompiledForEachBand() throws {
    let loaded = Self.load(Self.renamed)
    #expect(
      loaded.personality.bands == [
        1_000_000...1_199_999, 1_200_000...1_200_999, 1_201_000...1_299_999, 1_300_000...1_599_999,
      ])
    let (tables, diagnostics) = TableCompiler.compileEditions(loaded, linux: Small.linux.personality)
    #expect(diagnostics == [])
    #expect(tables.map { "\($0.abi) \($0.band.lowerBound)" } == [
      "amd64 1300000", "amd64 1000000", "amd64 1200000", "amd64 1201000",
      "i386 1300000", "i386 1000000", "i386 1200000", "i386 1201000",
    ])
  }

  @Test func everyKindOfEntryTakesConditions() throws {
    let text = """
      errno { 97 ENOTCAPABLE -> EPERM since 11 }
      signal { 1 SIGHUP terminate  33 SIGLIBRT terminate since 11 }
      enum e { 0 SEEK_SET  1 SEEK_CUR since 12  2 SEEK_END until 11 }
      ioctl { 0x541B FIONREAD(out int) until 11  0x541C FIONREAD(out int) since 12 }
      ioctl since 13 { 0x5413 TIOCGWINSZ(out winsize) }
      struct winsize { ws_row u16  pad 2 until 12  ws_col u16 }
      sockopt SOL_SOCKET 0xffff { 4 SO_REUSEADDR(int) until 11  5 SO_REUSEADDR(int) since 12 }
      sysctl { kern.a [1.1] int 1 until 11
               kern.a [1.1] int 2 since 12
               kern.osreldate [1.24] int 1400097
               kern.version [1.4] string "Tiny 14.0-RELEASE" }
      auxv { 1 AT_A = 0  2 AT_B = 1 since 12 until 13  3 AT_C = 2 since 14 }
      calls 3...3 until 11
      calls 3...4 since 12
      3 read(fd: fd, buf: out bytes[result], count: size) -> size = read
      4 lseek(fd: fd, offset: offset, whence: e) -> offset = lseek since 12
      """
    let old = Self.load(text, Self.edition(1_001_000))
    #expect(old.report == "")
    #expect(old.personality.errnoNumber("ENOTCAPABLE") == nil && old.personality.signalName(33) == nil)
    #expect(old.personality.maps[0].entries.map(\.name) == ["SEEK_SET", "SEEK_END"])
    #expect(old.personality.ioctls.map(\.number) == [0x541b])
    #expect(old.personality.structures[0].size == 6)
    #expect(old.personality.socketLevels[0].options.map(\.number) == [4])
    #expect(old.personality.sysctls.map(\.value) == [.number(1), .number(1_001_000), .text("Tiny 10.1-RELEASE")])
    #expect(old.personality.auxv.map(\.name) == ["AT_A"])
    #expect(old.personality.callRange?.last == 3)
    let new = Self.load(text, Self.edition(1_300_500))
    #expect(new.report == "")
    #expect(new.personality.errnoNumber("ENOTCAPABLE") == 97 && new.personality.signalName(33) == "SIGLIBRT")
    #expect(new.personality.maps[0].entries.map(\.name) == ["SEEK_SET", "SEEK_CUR"])
    #expect(new.personality.ioctls.map(\.number) == [0x541c, 0x5413])
    #expect(new.personality.structures[0].size == 4)
    #expect(new.personality.socketLevels[0].options.map(\.number) == [5])
    #expect(new.personality.sysctls.map(\.value) == [.number(2), .number(1_300_500), .text("Tiny 13.0-RELEASE")])
    #expect(new.personality.auxv.map(\.name) == ["AT_A", "AT_B"])
    #expect(new.personality.callRange?.last == 4)
    #expect(Self.report(text) == "")
  }

  @Test func aPreparedTableNamesTheReleaseThatIsClaimed() throws {
    let text = """
      sysctl { kern.osreldate [1.24] int 1400097
               kern.osrelease [1.2] string "14.0-RELEASE" }
      4 getpid() -> pid = getpid since 11
      """
    let (tables, _) = TableCompiler.compileEditions(Self.load(text), linux: Small.linux.personality)
    for release: UInt32 in [1_000_500, 1_100_122, 1_500_000] {
      var table = try #require(tables.first { $0.band.contains(release) && $0.abi == "amd64" })
      let own = Self.load(text, Self.edition(release)).personality
      let before = Self.load(text, Self.edition(table.release)).personality
      let isClaimed = table.claim(release, version: own.version, instead: before.version)
      #expect(isClaimed)
      let expected = try #require(TableCompiler.compile(own, linux: Small.linux.personality).block)
      #expect(table.block.elementsEqual(expected), "\(release)")
    }
  }

  // MARK: Machines

  @Test func layoutsFollowTheMachine() throws {
    let text = """
      struct a { a char[1]  b i64  c pointer  d long  e time } [40 bytes] [24 bytes on i386]
      struct b { a u8  b u32 on i386  c u64 on amd64 } [16 bytes] [8 bytes on i386]
      struct c { inner a[2] }  [80 bytes] [48 bytes on i386]
      478 lseek(fd: fd, offset: offset, whence: e) -> offset = lseek
      173 pread(fd: fd, buf: out bytes[result], n: size, pad: int, offset: offset, last: int) -> size = read(fd, buf, n) on i386
      enum e { 0 SEEK_SET }
      """
    #expect(Self.report(text) == "")
    let amd64 = Self.load(text).personality
    let i386 = Self.load(text, Self.edition(nil, "i386")).personality
    #expect(amd64.structures[0].fields.map(\.offset) == [0, 8, 16, 24, 32])
    #expect(i386.structures[0].fields.map(\.offset) == [0, 4, 12, 16, 20])
    #expect(i386.structures[1].fields.map(\.offset) == [0, 4])
    #expect(amd64.call(173) == nil)
    #expect(i386.abis.map(\.name) == ["i386", "amd64"] && i386.abiNames == ["amd64", "i386"])
    // 64-bit arguments take two stack words, 64-bit results two registers.
    let block = try #require(TableCompiler.compile(i386, linux: Small.linux.personality).block)
    let table = CompiledTable(block: block)
    #expect(table.arguments(173).map(\.word) == [0, 1, 2, 3, 4, 6])
    #expect(table.call(478).result == UInt8(PERSONA_RESULT_WIDE.rawValue))
    let wide = try #require(TableCompiler.compile(amd64, linux: Small.linux.personality).block)
    #expect(CompiledTable(block: wide).call(478).result == UInt8(PERSONA_RESULT_VALUE.rawValue))
    #expect(table.header.abi.word == 4 && table.header.abi.stack_offset == 4)
  }

  // MARK: Reports

  static let cases: [(text: String, report: String)] = [
    (
      "4 getpid() -> pid = getpid since 13 until 12",
      """
      tiny.table:5:28: error: the versions end before they begin
      4 getpid() -> pid = getpid since 13 until 12
                                 ^~~~~

      """
    ),
    (
      "4 getpid() -> pid = getpid since 16",
      """
      tiny.table:5:28: error: this never holds: the heading says that the folder serves 10.0 to 15
      4 getpid() -> pid = getpid since 16
                                 ^~~~~

      """
    ),
    (
      "4 getpid() -> pid = getpid until 4",
      """
      tiny.table:5:34: error: '4' has no release number
      4 getpid() -> pid = getpid until 4
                                       ^

      """
    ),
    (
      "4 getpid() -> pid = getpid since 12.1.2",
      """
      tiny.table:5:34: error: '12.1.2' is no version
      4 getpid() -> pid = getpid since 12.1.2
                                       ^~~~~~

      """
    ),
    (
      "4 getpid() -> pid = getpid since = 12",
      """
      tiny.table:5:34: error: expected a version behind 'since', found '='
      4 getpid() -> pid = getpid since = 12
                                       ^

      """
    ),
    (
      "4 getpid() -> pid = getpid since 12 since 13",
      """
      tiny.table:5:37: error: a second 'since'
      4 getpid() -> pid = getpid since 12 since 13
                                          ^~~~~

      """
    ),
    (
      "4 getpid() -> pid = getpid on i368",
      """
      tiny.table:5:31: error: no abi named 'i368'
      4 getpid() -> pid = getpid on i368
                                    ^~~~ did you mean 'i386'?

      """
    ),
    (
      "188 a() -> pid = getpid named b",
      """
      tiny.table:5:32: error: expected when the call is named 'b', found the end of the line
      188 a() -> pid = getpid named b
                                     ^

      """
    ),
    (
      """
      188 a() -> pid = getpid until 12
      188 b() -> pid = getpid since 12
      """,
      """
      tiny.table:6:1: error: call 188 is already 'a' (release 12.0)
      188 b() -> pid = getpid since 12
      ^~~

      """
    ),
    (
      """
      struct old = stat until 11 { st_ino u32 }
      """,
      """
      tiny.table:5:19: error: expected '{', found 'until'
      struct old = stat until 11 { st_ino u32 }
                        ^~~~~ a condition stands behind the name: 'struct old until …'

      """
    ),
    (
      """
      5 fstat(fd: fd, sb: out old) -> status = fstat until 12
      struct old until 11 = stat { st_ino u32 }
      """,
      """
      tiny.table:5:25: error: no type named 'old' (release 12.0)
      5 fstat(fd: fd, sb: out old) -> status = fstat until 12
                              ^~~

      """
    ),
    (
      "struct s { a long } [8 bytes]",
      """
      tiny.table:5:22: error: struct s is 4 bytes, not 8 (abi i386)
      struct s { a long } [8 bytes]
                           ^

      """
    ),
    (
      "struct s { a long  b u8 since 12 } [16 bytes] [8 bytes on i386]",
      """
      tiny.table:5:37: error: struct s is 8 bytes, not 16 (release 10.0)
      struct s { a long  b u8 since 12 } [16 bytes] [8 bytes on i386]
                                          ^~
      tiny.table:5:48: error: struct s is 4 bytes, not 8 (release 10.0, abi i386)
      struct s { a long  b u8 since 12 } [16 bytes] [8 bytes on i386]
                                                     ^

      """
    ),
  ]

  @Test(arguments: cases.indices)
  func wording(index: Int) {
    let (text, report) = Self.cases[index]
    #expect(Self.report(text) == report)
  }

  @Test(arguments: [
    (
      "personality x \"X\" version 1 release 7\n4 getpid() -> pid = getpid since 1.2",
      "x.table:2:34: error: '1.2' is no release number, and the heading does not say how versions make one ('release N major N minor N')"
    ),
    (
      "personality x \"X\" version 1\n4 getpid() -> pid = getpid since 1",
      "x.table:2:34: error: the heading names no release: versions need one"
    ),
    (
      "personality x \"X\" version 1 release 100000 major 100000 minor 1000 serves 2...3",
      "x.table:1:75: error: the heading's own release 100000 is not among them"
    ),
    (
      "personality x \"X\" version 1 release 100000 major 100000 minor 1000 serves 3...2",
      "x.table:1:75: error: the range ends before it begins"
    ),
  ])
  func wordingOfHeadings(text: String, report: String) {
    let loaded = LoadedPersonality(SourceText(text + "\n", path: "x.table"))
    #expect(loaded.report.hasPrefix(report + "\n"), "\(loaded.report)")
  }

  /// What another folder says for its own releases holds for the including one as it does for that one's heading.
  @Test func anIncludedFolderKeepsItsOwnReleases() throws {
    let folders = TableFolders(
      [
        "linux/abi.table": "personality linux \"Linux\" version 6.1\n",
        "base/abi.table": Self.heading,
        "base/calls.table": "4 getpid() -> pid = getpid since 12\n4 oldpid() -> pid = getpid until 11\n",
        "other/abi.table": "personality other \"Other\" version 6.4 release 600400 major 100000 minor 100\nabi amd64 { trap syscall number rax result rax error carry }\n",
        "other/all.table": "include \"../base\"\n",
        "same/abi.table": Self.heading.replacing(part: "tiny", with: "same"),
        "same/all.table": "include \"../base\"\n",
      ])
    #expect(try folders.load("other").personality.call(4)?.name == "getpid")
    let same = try PersonalityLoader.load("same", from: [folders.path], edition: Self.edition(1_001_000))
    #expect(same.report == "")
    #expect(same.personality.call(4)?.name == "oldpid")
  }
}
