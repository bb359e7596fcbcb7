import ArgumentParser
import Glibc
import HostText
import Supervisor

struct CoverageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage",
    abstract: "Tell which calls a program and its libraries can make, and what becomes of each, before it runs.",
    discussion: """
      All call instructions of the program count, and those of its libraries that its symbols lead to: rather \
      more than it will make. Libraries are looked for as the system's run-time linker would, under --root first. \
      Call numbers are followed through registers, the stack and callers; where one may still be anything, the \
      site is named as undecided. Exit status: 0 when every call becomes something, 1 when one is unsupported \
      or missing, 2 when none is, but a site is undecided or a library is not there.
      """)

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp("Treat the program as one of this system.", valueName: "name"))
  var personality: String?

  @Option(help: ArgumentHelp("Look absolute paths up under this folder first.", valueName: "dir"))
  var root: String?

  @Flag(help: "Write one JSON object.")
  var json = false

  @OptionGroup var search: PersonalitySearch

  @Argument(help: "The program.")
  var program: String

  func validate() throws {
    if let personality, PersonalityChoice(personality) == nil {
      throw ValidationError("'\(personality)' is no personality: write NAME")
    }
  }

  func run() throws {
    let coverage = try Coverage(
      program, choice: personality.flatMap { PersonalityChoice($0) },
      root: root.map { FileRoot(folder: $0) },
      recognizer: Recognizer(directories: try search.directories()))
    Host.print(json ? coverage.json : coverage.text(), terminator: "")
    fflush(nil)
    if coverage.status != 0 { throw ExitCode(coverage.status) }
  }
}
