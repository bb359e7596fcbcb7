import ArgumentParser
import CHost
import Glibc
import HostText
import Supervisor

@main
struct Persona: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "persona",
    abstract: "Run programs of other operating systems on Linux, without root and at close to native speed.",
    discussion: """
      A program's system calls are translated inside its own process, by the table of the system that it was \
      built for. Exit status: the program's own, or 125 when Persona itself fails, 126 when the program cannot \
      be run, 127 when there is no such program.
      """,
    version: "persona \(version)",
    subcommands: [
      Run.self, Trace.self, Identify.self, Personalities.self, Explain.self, New.self, Check.self, CoverageCommand.self, Format.self, Register.self, Unregister.self,
      RootCommand.self, Doctor.self,
    ])

  static func main() {
    let words = commandLine()
    let arguments = Array(words.dropFirst())
    do {
      if let configuration = try QuickStart.interpreterConfiguration(words) {
        Glibc.exit(try Supervisor.run(configuration))
      }
      if let configuration = QuickStart.configuration(arguments) {
        Glibc.exit(try Supervisor.run(configuration))
      }
      if arguments == ["--version"] {
        Host.print(configuration.version)
        return
      }
      var command = try parseAsRoot(RunArguments.spelledOut(arguments))
      try command.run()
    } catch {
      end(error)
    }
  }

  /// The words of the command line. Swift reads its own from /proc, which fails where no descriptor is left.
  private static func commandLine() -> [String] {
    var words: [String] = []
    var next = persona_command_line()
    while let word = next?.pointee {
      words.append(String(host: word))
      next = next?.successor()
    }
    return words
  }

  /// Prints an error, or the help that was asked for, and leaves.
  private static func end(_ error: any Error) -> Never {
    if let error = error as? LaunchError {
      Host.printError(error.description)
      Glibc.exit(error.status.rawValue)
    }
    if let status = error as? ExitCode { Glibc.exit(status.rawValue) }
    guard exitCode(for: error).isSuccess else {
      Host.printError("persona: \(message(for: error)); 'persona --help' tells more")
      Glibc.exit(LaunchError.Status.ours.rawValue)
    }
    Host.print(fullMessage(for: error))
    fflush(nil)
    Glibc.exit(0)
  }
}
