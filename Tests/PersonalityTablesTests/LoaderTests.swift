import Glibc
import Testing

@testable import PersonalityTables

struct LoaderTests {
  /// A folder of its own that is gone with the test.
  final class Folder {
    let path: String

    init() {
      var template = Array("/tmp/persona-tables-XXXXXX".utf8CString)
      path = String(cString: mkdtemp(&template))
    }

    func write(_ text: String, _ name: String) {
      var folder = path
      for part in name.split(separator: "/").dropLast() {
        folder += "/" + part
        mkdir(folder, 0o755)
      }
      let file = fopen(path + "/" + name, "w")!
      fputs(text, file)
      fclose(file)
    }

    deinit {
      for folder in ["/tiny", "/linux", ""] {
        for name in ["a.table", "b.table", "abi.table", "compiled", "no.txt"] {
          unlink(path + folder + "/" + name)
        }
        rmdir(path + folder)
      }
    }
  }

  @Test func aMissingFolderIsNamed() {
    #expect(throws: LoadError.missing(folder: "/nonexistent/tiny")) {
      try PersonalityLoader.load("tiny", from: ["/nonexistent"])
    }
    #expect("\(LoadError.missing(folder: "/x"))" == "/x: no such folder of tables")
  }

  @Test func anEmptyFolderIsNamed() {
    let folder = Folder()
    folder.write("not a table", "no.txt")
    #expect(throws: LoadError.empty(folder: folder.path)) { try PersonalityLoader.load(folder: folder.path) }
  }

  @Test func anUnreadableFileIsNamed() {
    let folder = Folder()
    mkdir(folder.path + "/a.table", 0o755)
    defer { rmdir(folder.path + "/a.table") }
    #expect(throws: LoadError.unreadable(path: folder.path + "/a.table", errno: EISDIR)) {
      try PersonalityLoader.load(folder: folder.path)
    }
    #expect("\(LoadError.unreadable(path: "/x", errno: EACCES))" == "/x: Permission denied")
  }

  @Test func filesAreOneTextInOrder() throws {
    let folder = Folder()
    folder.write("1 b(f: f) -> int = handler mmap\n", "b.table")
    folder.write(Small.heading + "flags f verbatim { 1 F_ONE }\n2 x(", "a.table")
    let loaded = try PersonalityLoader.load(folder: folder.path)
    #expect(loaded.personality.call(1)?.arguments[0].type == .map(0, width: 4))
    #expect(
      loaded.report == """
        \(folder.path)/a.table:5:4: error: this '(' is never closed
        2 x(
           ^

        """)
  }

  @Test func aTextWithoutHeadingIsRefused() {
    let loaded = LoadedPersonality(SourceText("# nothing\n", path: "a.table"))
    #expect(
      loaded.report == """
        a.table:1:1: error: no 'personality NAME "TITLE" version V' heading
        # nothing
        ^

        """)
  }

  @Test func checkTellsAndCompiles() throws {
    let folder = Folder()
    folder.write(Small.linux.source.text(0..<Small.linux.source.bytes.count), "linux/abi.table")
    folder.write(Small.heading, "tiny/abi.table")
    folder.write("20 getpid() -> pid = getpid\n", "tiny/b.table")
    let command = CheckCommand(folders: [folder.path + "/tiny"], directories: [], keepsCompiled: true)
    let outcome = command.run()
    #expect(outcome.text == "\(folder.path)/tiny: 1 calls, 0 structures, 0 flags and enums: no errors\n")
    #expect(outcome.status == 0)

    // What was kept holds until a table changes.
    let linux = try PersonalityLoader.load("linux", from: [folder.path]).personality
    let tiny = try PersonalityLoader.load("tiny", from: [folder.path]).personality
    let prepared = try #require(PreparedTable.load("tiny", from: [folder.path]))
    let place = try #require(prepared.file)
    defer { close(place.descriptor) }
    var block = [UInt8](repeating: 0, count: Int(place.count))
    #expect(pread(place.descriptor, &block, block.count, off_t(place.offset)) == block.count)
    #expect(block == TableCompiler.compile(tiny, linux: linux).block)
    #expect(prepared.rules == tiny.startRules && tiny.release == 100)
    folder.write("20 getpid() -> pid = getppid\n", "tiny/b.table")
    #expect(PreparedTable.load("tiny", from: [folder.path]) == nil)

    let broken = command.run()
    #expect(broken.status == 1)
    #expect(broken.text.contains("tiny/b.table:1:22: error: Linux has no call named 'getppid'\n"))
    #expect(
      CheckCommand(folders: ["/nonexistent"], directories: []).run()
        == .init(
          text: "error: /nonexistent: no such folder of tables\n", status: 125))
  }
}
