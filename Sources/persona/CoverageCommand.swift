import ArgumentParser
import Glibc
import Supervisor

struct CoverageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage",
    abstract: "Tell which calls a program can make and what becomes of each, before it runs.",
    discussion: """
      Looks at the call instructions in the program itself, not in its libraries. A number counts where it is \
      loaded right before the call; the other sites are counted and named by address. Exit status: 0 when every \
      call that was found becomes something, 1 when one is unsupported or missing.
      """)

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp("Treat the program as one of this system.", valueName: "name"))
  var personality: String?

  @Option(help: ArgumentHelp("Look absolute paths up under this folder first.", valueName: "dir"))
  var root: String?

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
      program, choice: personality.flatMap { PersonalityChoice($0) }, root: root,
      recognizer: Recognizer(directories: try search.directories()))
    print(coverage.text(), terminator: "")
    fflush(nil)
    if coverage.entries.contains(where: { $0.fate == "unsupported" || $0.fate == "missing" }) {
      throw ExitCode(1)
    }
  }
}
