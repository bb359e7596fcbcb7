import ArgumentParser
import Glibc
import HostText
import PersonalityTables
import Supervisor

struct Format: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt",
    abstract: "Write personality tables in their canonical layout.",
    discussion: """
      Spacing, columns and line lengths become canonical; what a table says, its comments and its blank lines \
      stay. The name of each changed file is printed. A file with mistakes is left as it is, and they are \
      reported. Exit status: 0 when all is well, 1 when a file has mistakes or, with --check, is not in \
      canonical layout, 125 when a file could not be read or written.
      """)

  @Argument(
    help: ArgumentHelp(
      "Folders of tables, folders of such folders, and files; the current folder when none is given; - for "
        + "standard input.", valueName: "path"))
  var path: [String] = []

  @Flag(help: "Change nothing; name the files that are not in canonical layout.")
  var check = false

  func validate() throws {
    if path.contains("-"), path.count > 1 {
      throw ValidationError("'-' reads standard input and stands alone")
    }
  }

  func run() throws {
    let command = FormatCommand(
      paths: path.isEmpty ? ["."] : path, checksOnly: check,
      directories: try Installation.current().directories())
    let outcome = path == ["-"] ? command.run(standardInput: standardInput()) : command.run()
    Host.print(outcome.text, terminator: "")
    fflush(nil)
    if !outcome.errors.isEmpty { Host.printError(String(outcome.errors.dropLast())) }
    if outcome.status != 0 { throw ExitCode(outcome.status) }
  }

  private func standardInput() -> [UInt8] {
    var result: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(STDIN_FILENO, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return result }
      result += part[..<count]
    }
  }
}
