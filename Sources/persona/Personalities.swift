import ArgumentParser
import Glibc
import HostText
import PersonalityTables
import Supervisor

struct Personalities: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the systems whose programs can be run, and what becomes of their calls.",
    discussion: "Exit status: 0, 1 when a personality has mistakes, 125 when one could not be read.")

  @OptionGroup var search: PersonalitySearch

  func run() throws {
    try ListCommand(directories: try search.directories()).run().finish()
  }
}

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain a call, constant, structure, errno or signal of a system, and what it becomes on Linux.",
    discussion: "Exit status: 0, 1 when the system has nothing of that name, 125 when there is no such system.")

  @Argument(help: "The personality's name, as 'persona personalities' lists it.")
  var name: String

  @Argument(help: "A call's name or number, a request's number, or the name of a constant, structure, errno, signal or variable.")
  var word: String

  @OptionGroup var search: PersonalitySearch

  func run() throws {
    try ExplainCommand(personality: name, word: word, directories: try search.directories()).run().finish()
  }
}

/// Where personalities are looked for.
struct PersonalitySearch: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Look for personalities in this folder before the installed ones. May be repeated.", valueName: "dir"))
  var personalities: [String] = []

  func directories() throws -> [String] { try Installation.current().directories(personalities) }
}

extension CommandOutcome {
  /// Prints what a command said, and leaves with its status if that is not 0.
  func finish() throws {
    Host.print(text, terminator: "")
    fflush(nil)
    if !errors.isEmpty { Host.printError(String(errors.dropLast())) }
    if status != 0 { throw ExitCode(status) }
  }
}
