import Glibc
import Testing

@testable import PersonalityTables

/// `persona new`: what it makes has no mistakes and says what its origin says.
struct NewTests {
  private let folders = TableFolders([
    "tiny/abi.table": """
    personality tiny "Tiny" version 2.0
    abi amd64 { trap syscall  number rax  args rdi rsi  result rax  error carry }
    """,
    "tiny/calls.table": """
    errno { 7 ENOENT  11 ENOSYS  else ENOENT }
    5 beep() -> status = unsupported "nobody listens"
    """,
  ])

  private func make(_ name: String, from origin: String? = nil) -> CommandOutcome {
    NewCommand(name: name, origin: origin, parent: folders.path, directories: [folders.path]).run()
  }

  @Test func derivesFromAnother() throws {
    let outcome = make("tiny2", from: "tiny")
    #expect(outcome.status == 0)
    #expect(
      outcome.text == "\(folders.path)/tiny2: made; 'persona check \(folders.path)/tiny2' checks it\n")
    #expect(folders.check("tiny2") == "tiny2: 1 calls, 0 structures, 0 flags and enums: no errors\n")
    let derived = try folders.load("tiny2").personality
    #expect(derived.name == "tiny2")
    #expect(derived.call(5)?.name == "beep")
    #expect(derived.errnoNumber("ENOENT") == 7)
  }

  /// A folder that lies elsewhere than what it includes is laid out all the same.
  @Test func isLaidOut() throws {
    let elsewhere = TableFolders([:])
    for origin in [nil, "tiny"] {
      let name = origin == nil ? "bare" : "derived"
      let made = NewCommand(
        name: name, origin: origin, parent: elsewhere.path, directories: [elsewhere.path, folders.path]
      ).run()
      #expect(made.status == 0)
      let folder = elsewhere.path + "/" + name
      #expect(
        FormatCommand(paths: [folder], checksOnly: true, directories: [folders.path]).run()
          == .init(text: "", errors: "", status: 0))
      let loaded = try PersonalityLoader.load(folder: folder, directories: [folders.path])
      let linux = try PersonalityLoader.load("linux", from: [RealTables.directory])
      let found = TableCompiler.compile(loaded.personality, linux: linux.personality).diagnostics
      #expect(loaded.diagnostics.isEmpty && (origin != nil || found.isEmpty), "\(found)")
    }
  }

  /// What is made from each system that is there has no mistakes.
  @Test func derivesFromEverySystem() {
    let names = PersonalityLoader.names(in: RealTables.directory).filter { $0 != "linux" }
    #expect(names.count >= 5)
    for origin in names {
      // A folder without the small Linux beside it.
      let parent = TableFolders(["own/note": ""])
      let own = parent.path + "/own"
      let made = NewCommand(name: "mine", origin: origin, parent: own, directories: [own, RealTables.directory]).run()
      #expect(made.status == 0, "\(origin): \(made.errors)")
      let checked = CheckCommand(folders: [own + "/mine"], directories: [RealTables.directory]).run()
      #expect(checked.status == 0 && checked.text.contains(": no errors\n"), "\(origin): \(checked.text)")
    }
  }

  /// A folder may take its origin's name and place.
  @Test func takesItsOriginsPlace() throws {
    for origin in PersonalityLoader.names(in: RealTables.directory) where origin != "linux" {
      let parent = TableFolders(["own/note": ""])
      let directories = [parent.path + "/own", RealTables.directory]
      let made = NewCommand(name: origin, origin: origin, parent: directories[0], directories: directories).run()
      #expect(made.status == 0, "\(origin): \(made.errors)")
      parent.write("900 mine() -> status = unsupported \"a test\"\n", "own/\(origin)/mine.table")
      let checked = CheckCommand(folders: [directories[0] + "/" + origin], directories: directories).run()
      #expect(checked.status == 0 && checked.text.contains(": no errors\n"), "\(origin): \(checked.text)")
      let loaded = try PersonalityLoader.load(origin, from: directories).personality
      let installed = try PersonalityLoader.load(origin, from: [RealTables.directory]).personality
      #expect(loaded.call(900)?.name == "mine" && loaded.call(4)?.name == installed.call(4)?.name)
    }
  }

  @Test func refuses() {
    #expect(make("Tiny").errors == "'Tiny' is no personality's name: use small letters and digits, a letter first\n")
    #expect(make("my-own").errors == "'my-own' is no personality's name: use small letters and digits, a letter first\n")
    #expect(make("tiny").errors == "\(folders.path)/tiny: is already there\n")
    #expect(make("linux").errors == "'linux' is the side that all are translated to\n")
    #expect(make("other", from: "linux").errors == "'linux' is the side that all are translated to\n")
    #expect(make("other", from: "huge").errors == "\(folders.path)/huge: no such folder of tables\n")
    #expect(access(folders.path + "/other", F_OK) != 0)
  }
}
