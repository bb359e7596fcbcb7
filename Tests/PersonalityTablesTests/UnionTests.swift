import CWire
import Testing

@testable import PersonalityTables

/// Types that go by another value, and sets.
struct UnionTests {
  static let text = """
    92 fcntl(fd: fd, cmd: command, arg: fcntl_argument) -> status = handler fcntl
    enum command verbatim { 1 F_GETFD  2 F_SETFD  -1 F_GETLK  12 F_NAME }
    flags fd_flags verbatim { 1 FD_CLOEXEC }
    struct lock { start i64  len i64 }
    union fcntl_argument by cmd { F_GETFD: none  F_SETFD: fd_flags  F_GETLK: inout lock  F_NAME: path  7 8: in int[2]  else long }
    """

  @Test func anArgumentGoesByAnother() throws {
    let loaded = Small.load(Self.text)
    #expect(Small.report(Self.text) == "")
    let tiny = loaded.personality
    let union = tiny.unions[0]
    let names = tiny.maps[try #require(tiny.map(named: "command"))]
    #expect(union.members[union.index(1, width: 4, names: names)] == .none)
    #expect(union.members[union.index(2, width: 4, names: names)] == .argument(.map(1, width: 4)))
    #expect(union.members[union.index(0xffff_ffff, width: 4, names: names)] == union.cases[2].member)
    #expect(union.members[union.index(99, width: 4, names: names)] == .argument(.scalar(.long)))
    let block = try #require(TableCompiler.compile(tiny, linux: Small.linux.personality).block)
    let table = CompiledTable(block: block)
    let argument = table.arguments(92)[2]
    #expect(argument.class_ == UInt8(PERSONA_ARG_UNION.rawValue))
    let wire = table.pool(table.header.unions, as: persona_union.self)[Int(argument.parameter)]
    #expect(wire.tag == 1 && wire.count == 4)
    let entries = table.pool(table.header.union_entries, as: persona_union_entry.self)
    #expect(entries.map(\.tag) == [0xffff_ffff, 12, 7, 8])
    #expect(entries.map(\.size) == [16, 0, 8, 8])
    #expect(entries.map(\.direction) == [3, 1, 1, 1])
    #expect(entries.map(\.is_text) == [0, 1, 0, 0])
  }

  @Test func aFieldGoesByAnother() {
    let text = """
      enum kind verbatim { 1 ONE  2 TWO }
      struct inner { a u64  b u32 }
      union content by type { ONE: u16  TWO: inner  else pointer }
      struct outer { type kind:i32  data content  after u8 } [32 bytes]
      """
    #expect(Small.report(text) == "")
    let outer = Small.load(text).personality.structures.last!
    #expect(outer.fields.map(\.offset) == [0, 8, 24] && outer.fields[1].size == 16)
  }

  @Test func setsAreBytes() throws {
    let text = """
      struct sigset { bits signals[16] } [16 bytes]
      struct both { a u8  mask signals[16]  cpus bits[3]  b u8 } [24 bytes]
      487 affinity(n: size, mask: out bits[n]) -> status = unsupported "x"
      """
    #expect(Small.report(text) == "")
    let table = try #require(CompiledTable(text))
    #expect(table.arguments(487)[1].is_set == 1 && table.arguments(487)[1].element_size == 1)
    #expect(table.header.abi.signal_set == 16)
    #expect(Small.load(text).personality.structures[1].fields.map(\.offset) == [0, 4, 20, 23])
  }

  static let cases: [(text: String, report: String)] = [
    (
      """
      92 f(fd: fd, com: int, arg: u) -> status = handler fcntl
      union u by cmd { 1: int }
      """,
      """
      tiny.table:4:24: error: union u goes by 'cmd', which is no argument of f
      92 f(fd: fd, com: int, arg: u) -> status = handler fcntl
                             ^~~

      """
    ),
    (
      """
      92 f(fd: fd, cmd: c, arg: u) -> status = handler fcntl
      enum c verbatim { 1 F_GETFD }
      union u by cmd { F_GETFL: int }
      """,
      """
      tiny.table:6:18: error: 'F_GETFL' is none of c: union u cannot go by it
      union u by cmd { F_GETFL: int }
                       ^~~~~~~ did you mean 'F_GETFD'?

      """
    ),
    (
      """
      struct s { kind i32  data u }
      union u by type { 1: int }
      """,
      """
      tiny.table:4:22: error: union u goes by 'type', which is no field of s
      struct s { kind i32  data u }
                           ^~~~

      """
    ),
    (
      "union u by cmd { 1: int  1: long }",
      """
      tiny.table:4:26: error: '1' already stands for something in u
      union u by cmd { 1: int  1: long }
                               ^

      """
    ),
    (
      "union u on { 1: int }",
      """
      tiny.table:4:12: error: expected the ABI's name behind 'on', found '{'
      union u on { 1: int }
                 ^

      """
    ),
    (
      "union u { 1: int }",
      """
      tiny.table:4:9: error: expected 'by', found '{'
      union u { 1: int }
              ^

      """
    ),
    (
      """
      92 f(fd: fd, cmd: int, arg: u) -> status = handler fcntl
      union u by cmd { 1: s }
      struct s { a int }
      """,
      """
      tiny.table:5:18: error: 's' is a structure: write 'in', 'out' or 'inout' before it, since union u is an argument
      union u by cmd { 1: s }
                       ^

      """
    ),
    (
      "3 f(mask: in signals) -> status = unsupported \"x\"",
      """
      tiny.table:4:21: error: expected '[' and a count, found ')'
      3 f(mask: in signals) -> status = unsupported "x"
                          ^

      """
    ),
    (
      """
      3 f(p: in u) -> status = unsupported "x"
      union u by p { 1: int }
      """,
      """
      tiny.table:4:11: error: a pointer leads to no union: point to what it holds, in the union
      3 f(p: in u) -> status = unsupported "x"
                ^

      """
    ),
    (
      """
      0 read(fd: fd, buf: u, count: size) -> size = read
      union u by fd { 1: in int }
      """,
      """
      tiny.table:4:16: error: 'buf' is a union: it needs a handler
      0 read(fd: fd, buf: u, count: size) -> size = read
                     ^~~
      tiny.table:4:16: error: 'buf' is a value, but Linux's read takes memory to write ('buf')
      0 read(fd: fd, buf: u, count: size) -> size = read
                     ^~~

      """
    ),
  ]

  @Test(arguments: cases.indices)
  func wording(index: Int) {
    let (text, report) = Self.cases[index]
    #expect(Small.report(text) == report)
  }
}
