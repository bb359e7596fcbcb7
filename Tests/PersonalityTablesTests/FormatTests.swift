import Foundation
import Testing

@testable import PersonalityTables

/// `persona fmt`: what the canonical layout is, and that it says what the author's said.
struct FormatTests {
  private func format(_ text: String) throws -> String {
    String(decoding: try #require(TableLayout.format(Array(text.utf8))), as: UTF8.self)
  }

  @Test func rowsAreAligned() throws {
    #expect(
      try format(
        "3 read(fd:fd,buf:out bytes[ result ],nbyte:size)->size=read   # reads\n"
          + "  11   execv   =obsolete\n210 ... 219 reserved=unsupported \"none\"\n")
        == """
          3 read(fd: fd, buf: out bytes[result], nbyte: size) -> size             = read  # reads
         11 execv = obsolete
        210...219 reserved = unsupported "none"

        """)
  }

  @Test func longRowsAreBrokenBeforeTheLastArgument() throws {
    #expect(
      try format(
        "540 chflagsat(fd: at_directory, path: path, flags: file_flags:u64, atflag: at_flags) -> status"
          + " = handler chflags(fd,path,flags,A|B)\n")
        == """
        540 chflagsat(fd: at_directory, path: path, flags: file_flags:u64,
              atflag: at_flags) -> status = handler chflags(fd, path, flags, A | B)

        """)
    #expect(
      try format("205 undelete(path:path)\n-> status\n").split(separator: "\n").count == 2,
      "only brackets and commas carry a row on")
  }

  @Test func blocksAreIndented() throws {
    #expect(
      try format(
        """


        # flags


        flags open_flags{   mask 0x3{0 O_RDONLY 1 O_WRONLY}
        0x8    O_APPEND 0x10 O_SHLOCK=0x100 <- A<-B  0x20 O_EXLOCK reject EINVAL "no"   # why

           # alone
        else EINVAL }
        struct s=t { a u32[4]   b open_flags:u16 = c at 8 pad 4 d char[2] }[16 bytes]
        sockopt X 0xffff=0 { # level
        1 A(int)
        1<<4 B(in x:u32)=unsupported EINVAL "x"
        }
        """)
        == """
        # flags

        flags open_flags {
          mask 0x3 { 0 O_RDONLY  1 O_WRONLY }
          0x8 O_APPEND  0x10 O_SHLOCK = 0x100 <- A <- B  0x20 O_EXLOCK reject EINVAL "no"  # why

          # alone
          else EINVAL
        }
        struct s = t { a u32[4]  b open_flags:u16 = c at 8  pad 4  d char[2] } [16 bytes]
        sockopt X 0xffff = 0 {  # level
          1 A(int)
          1 << 4 B(in x:u32) = unsupported EINVAL "x"
        }

        """)
  }

  @Test func columnsOfTheAuthorStay() throws {
    let table = """
      signal {
         1 SIGHUP terminate     2 SIGINT terminate
        10 SIGBUS core         11 SIGSEGV core
      }
      sysctl {
        kern.ostype     [1.1]   string "FreeBSD"
        kern.osreldate  [1.24]  int 1400097
      }

      """
    #expect(try format(table) == table)
  }

  @Test func wideBlocksAreBroken() throws {
    let entries = (1...12).map { "\($0) NAME_OF_ENTRY_\($0)" }
    let result = try format("enum e verbatim { " + entries.joined(separator: " ") + " }\n")
    let lines = result.split(separator: "\n")
    #expect(lines.first == "enum e verbatim {" && lines.last == "}")
    #expect(lines.count == 5 && lines.allSatisfy { $0.count <= 110 })
    #expect(lines[1].hasPrefix("  1 NAME_OF_ENTRY_1  2 NAME_OF_ENTRY_2  3 "))
  }

  @Test func commentsInsideARowKeepItsBreaks() throws {
    #expect(
      try format("7 poll(fds: pointer, # the set\n  nfds: uint) -> int = handler poll\n")
        == """
          7 poll(fds: pointer,  # the set
              nfds: uint) -> int = handler poll

        """)
  }

  /// What the tables say, with every position left out.
  private func substance(_ value: Any, _ result: inout String) {
    if value is Position || value is SourceText { return }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .dictionary { return }
    if mirror.children.isEmpty {
      result += "\(value);"
      return
    }
    result += "\(type(of: value))("
    for child in mirror.children {
      result += "\(child.label ?? ""):"
      substance(child.value, &result)
    }
    result += ")"
  }

  /// Spoils the layout of a table without changing what it says.
  private func spoiled(_ text: [UInt8], _ seed: inout UInt64) -> [UInt8] {
    func chance(_ among: UInt64) -> Bool {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (seed >> 33) % among == 0
    }
    var result: [UInt8] = []
    var quote = false
    var comment = false
    for byte in text {
      if byte == UInt8(ascii: "\"") && !comment { quote.toggle() }
      if byte == UInt8(ascii: "#") && !quote { comment = true }
      if byte == 0x0a { comment = false }
      result.append(byte)
      guard !quote, !comment else { continue }
      if byte == 0x20, chance(3) { result.append(chance(2) ? 0x20 : 0x09) }
      if byte == 0x0a, chance(4) { result.append(contentsOf: Array("\n\n ".utf8)) }
      if byte == UInt8(ascii: ","), chance(4) { result.append(contentsOf: Array("\n ".utf8)) }
      if byte == UInt8(ascii: "{"), chance(3) { result.append(0x0a) }
    }
    return result
  }

  /// Our folders of tables, laid out anew, after `change` has been at them.
  private func laidOut(_ change: (([UInt8]) -> [UInt8])?) throws -> TableFolders {
    let copies = TableFolders([:])
    for folder in PersonalityLoader.folders(in: RealTables.directory, accepting: PersonalityLoader.hasTables) {
      for file in try PersonalityLoader.tables(in: folder) {
        let text = try PersonalityLoader.contents(of: folder + "/" + file)
        let written = change?(text) ?? text
        let formatted = try #require(TableLayout.format(written))
        #expect(TableLayout.sameMeaning(written, formatted), "\(folder)/\(file)")
        #expect(TableLayout.format(formatted) == formatted, "\(folder)/\(file) is laid out twice")
        let name = (folder as NSString).lastPathComponent
        copies.write(String(decoding: formatted, as: UTF8.self), name + "/" + file)
      }
    }
    return copies
  }

  @Test func ourTablesSayTheSame() throws {
    var seed: UInt64 = 1
    var compiled = 0
    let linux = try PersonalityLoader.load("linux", from: [RealTables.directory])
    for round in 0..<3 {
      let copies = try laidOut(round == 0 ? nil : { self.spoiled($0, &seed) })
      for name in PersonalityLoader.names(in: RealTables.directory) {
        let original = try PersonalityLoader.load(name, from: [RealTables.directory])
        let copy = try copies.load(name)
        #expect(original.diagnostics.isEmpty && copy.diagnostics.isEmpty)
        var before = ""
        var after = ""
        substance(original.personality, &before)
        substance(copy.personality, &after)
        #expect(before == after, "\(name)")
        if original.personality.isLinux { continue }
        let one = TableCompiler.compile(original.personality, linux: linux.personality).block
        let other = TableCompiler.compile(copy.personality, linux: linux.personality).block
        #expect(one != nil && one == other, "\(name)")
        compiled += 1
      }
    }
    #expect(compiled >= 3)
  }

  /// `persona fmt personalities` mends what this finds.
  @Test func ourTablesAreLaidOut() {
    #expect(
      FormatCommand(paths: [RealTables.directory], checksOnly: true).run()
        == .init(text: "", errors: "", status: 0), "run: persona fmt personalities")
  }

  @Test func mistakesAreReportedAndNothingIsWritten() throws {
    let folder = LoaderTests.Folder()
    folder.write(Small.heading + "flags   f verbatim { 1 F_ONE }\n", "tiny/abi.table")
    folder.write("2   x(\n", "tiny/b.table")
    let command = FormatCommand(paths: [folder.path])
    let outcome = command.run()
    #expect(outcome.status == 1)
    #expect(outcome.text == "\(folder.path)/tiny/abi.table\n")
    #expect(
      outcome.errors == """
        \(folder.path)/tiny/b.table:1:6: error: this '(' is never closed
        2   x(
             ^

        """)
    #expect(try PersonalityLoader.contents(of: folder.path + "/tiny/b.table") == Array("2   x(\n".utf8))
    #expect(
      FormatCommand(paths: ["/nonexistent/a.table"]).run()
        == .init(
          text: "", errors: "persona: /nonexistent/a.table: No such file or directory\n", status: 125))
  }

  @Test func standardInputIsLaidOut() {
    let command = FormatCommand(paths: [])
    #expect(command.run(standardInput: Array("11   execv=obsolete\n".utf8)).text == " 11 execv = obsolete\n")
    let broken = command.run(standardInput: Array("errno { 1 EPERM\n".utf8))
    #expect(broken.status == 1 && broken.text.isEmpty)
    #expect(
      broken.errors == "standard input:1:7: error: this is never closed\nerrno { 1 EPERM\n      ^\n")
    let check = FormatCommand(paths: [], checksOnly: true)
    #expect(check.run(standardInput: Array(" 11 execv = obsolete\n".utf8)).status == 0)
    #expect(check.run(standardInput: Array("11 execv = obsolete\n".utf8)).status == 1)
  }
}
