import ArgumentParser
import Glibc
import HostText
import PersonalityTables
import Supervisor

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check personality tables and report every error.",
    discussion: """
      Exit status: 0 when all tables are right, 1 when an error was reported, 125 when a folder could not be \
      read.
      """)

  @Argument(help: ArgumentHelp("Folders of one personality each; all installed ones when none is given."))
  var folder: [String] = []

  @Option(
    help: ArgumentHelp(
      "Look for personalities in this folder before the installed ones. May be repeated.", valueName: "dir"))
  var personalities: [String] = []

  @Flag(help: "Leave the compiled table of each folder in it, so that programs start faster.")
  var compile = false

  @Flag(help: "Write down in *.facts what the tables say and the facts do not; then read what changed.")
  var state = false

  func run() throws {
    let directories = try Installation.current().directories(personalities)
    let outcome = CheckCommand(folders: folder, directories: directories, keepsCompiled: compile, statesFacts: state).run()
    Host.print(outcome.text, terminator: "")
    fflush(nil)
    if outcome.status != 0 { throw ExitCode(outcome.status) }
  }
}
