import CWire
import Testing

@testable import PersonalityTables

/// Folders of this repository that describe two machines: what follows from the size of a word.
struct RealMachinesTests {
  private static func load(_ name: String, on abi: String) throws -> Personality {
    let loaded = try PersonalityLoader.load(name, from: [RealTables.directory], edition: Edition(abi: abi))
    #expect(loaded.report == "")
    return loaded.personality
  }

  private static func compile(_ personality: Personality) throws -> CompiledTable {
    let linux = try PersonalityLoader.load("linux", from: [RealTables.directory])
    return CompiledTable(block: try #require(TableCompiler.compile(personality, linux: linux.personality).block))
  }

  private static func offsets(_ personality: Personality, _ name: String) throws -> (fields: [String: Int], size: Int) {
    let structure = personality.structures[try #require(personality.structure(named: name))]
    return (Dictionary(uniqueKeysWithValues: structure.fields.map { ($0.name, $0.offset) }), structure.size)
  }

  /// Both foreign folders with two abis list them in the order of their abi.table.
  @Test(arguments: [("plan9", ["amd64", "386"]), ("freebsd", ["amd64", "i386"])])
  func listTheirMachines(name: String, abis: [String]) throws {
    for abi in abis {
      let personality = try Self.load(name, on: abi)
      #expect(personality.abiNames == abis)
      #expect(personality.abis.first?.name == abi)
      #expect(personality.abis.map(\.word).sorted() == [4, 8])
    }
  }

  /// sys/include/tos.h; amd64/include/ureg.h, 386/include/ureg.h; notify() of 9k/k10/syscall.c and of 9/pc/trap.c.
  @Test(arguments: [
    (
      "amd64", ["prof": 0, "cyclefreq": 40, "kcycles": 48, "pcycles": 56, "pid": 64, "clock": 68, "kscr": 72], 88,
      ["ip": 0, "arg0": 8, "arg1": 16, "msg": 24, "old": 152, "ureg": 160], 344,
      ["ax": 0, "r15": 112, "ds": 120, "gs": 126, "type": 128, "ip": 144, "flags": 160, "sp": 168, "ss": 176], 184
    ),
    (
      "386", ["prof": 0, "cyclefreq": 24, "kcycles": 32, "pcycles": 40, "pid": 48, "clock": 52, "kscr": 56], 72,
      ["ip": 0, "arg0": 4, "arg1": 8, "msg": 12, "old": 140, "ureg": 144], 220,
      ["di": 0, "nsp": 12, "ax": 28, "trap": 48, "ecode": 52, "pc": 56, "cs": 60, "flags": 64, "sp": 68, "ss": 72], 76
    ),
  ] as [(String, [String: Int], Int, [String: Int], Int, [String: Int], Int)])
  func stackLayoutsOfPlan9(
    abi: String, tos: [String: Int], tosSize: Int, frame: [String: Int], frameSize: Int, registers: [String: Int],
    registersSize: Int
  ) throws {
    let plan9 = try Self.load("plan9", on: abi)
    for (name, wanted, size) in [("Tos", tos, tosSize), ("NFrame", frame, frameSize), ("Ureg", registers, registersSize)] {
      let found = try Self.offsets(plan9, name)
      #expect(found.size == size, "\(name)")
      for (field, offset) in wanted { #expect(found.fields[field] == offset, "\(name).\(field)") }
    }
  }

  /// A vlong takes two words of a stack of 4-byte words (9/port/sysfile.c, syspread and sysseek), and nsec's result, which
  /// no register holds, goes to memory (9/port/sysproc.c, sysnsec).
  @Test func argumentsOfPlan9() throws {
    let (wide, narrow) = (try Self.load("plan9", on: "amd64"), try Self.load("plan9", on: "386"))
    let (amd64, i386) = (try Self.compile(wide), try Self.compile(narrow))
    let words = { (table: CompiledTable, number: Int) in table.arguments(number).map { Int($0.word) } }
    #expect(words(amd64, 50) == [0, 1, 2, 3] && words(i386, 50) == [0, 1, 2, 3])
    #expect(words(amd64, 39) == [0, 1, 2, 3] && words(i386, 39) == [0, 1, 2, 4])
    #expect(words(amd64, 53) == [] && words(i386, 53) == [0])
    #expect(amd64.header.abi.word == 8 && amd64.header.abi.stack_offset == 8)
    #expect(i386.header.abi.word == 4 && i386.header.abi.stack_offset == 4)
    #expect(narrow.abis[0].trap == .interrupt(64) && narrow.abis[0].number == registerNumber("eax"))
    // The same numbers everywhere: 9syscall/sys.h.
    #expect(narrow.calls.map(\.number) == wide.calls.map(\.number) && narrow.calls.map(\.name) == wide.calls.map(\.name))
    #expect(narrow.call(53)?.name == "nsec" && narrow.call(46)?.name == "mount" && narrow.call(50)?.name == "pread")
  }

  /// What differs on the second machine stands beside the first.
  @Test func explanationsTellWhatDiffers() {
    let explain = { (name: String, word: String) in
      ExplainCommand(personality: name, word: word, directories: [RealTables.directory]).run().text
    }
    #expect(!explain("plan9", "open").contains("on 386"))
    #expect(
      explain("plan9", "nsec").contains(
        "  on 386    nsec(result: out i64) -> status: handler storeNanoseconds, in Sources/Translation/Handlers\n"))
    #expect(explain("plan9", "Tos").contains("  on 386    72 bytes\n"))
    #expect(explain("freebsd", "stat").contains("  on i386    208 bytes\n"))
  }

  /// `abi`, `on` and `machine` take a number for a name; a number behind another name begins the next entry.
  @Test func aMachineMayBeNamedByANumber() throws {
    let text = """
      personality tiny "Tiny" version 1
      abi 386 { trap int 64 number eax args stack result eax error carry stack 4 word 4 machine 0x1eb }
      abi amd64 { trap syscall number rax args rdi result rax error carry }
      errno { 1 EPERM on amd64  386 ENOENT  5 EIO on 386  78 ENOSYS  22 EINVAL else EIO }
      struct s { on u8  a u8  b u32 on 386  c u64 on amd64 } [8 bytes on 386] [16 bytes on amd64]

      """
    let loaded = LoadedPersonality(SourceText(text, path: "tiny.table"), edition: Edition(abi: "386"))
    #expect(loaded.report == "")
    #expect(loaded.personality.errnos.entries.map(\.name) == ["ENOENT", "EIO", "ENOSYS", "EINVAL"])
    #expect(try Self.offsets(loaded.personality, "s").size == 8)
    let other = LoadedPersonality(SourceText(text, path: "tiny.table"), edition: Edition(abi: "amd64"))
    #expect(other.report == "")
    #expect(other.personality.errnos.entries.map(\.name) == ["EPERM", "ENOENT", "ENOSYS", "EINVAL"])
    #expect(try Self.offsets(other.personality, "s").size == 16)
  }
}
