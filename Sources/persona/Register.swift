import ArgumentParser
import Glibc
import HostText
import Supervisor

/// What `register` and `unregister` have in common.
struct RegistrationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("Where binfmt_misc is mounted.", valueName: "dir"))
  var binfmt = "/proc/sys/fs/binfmt_misc"

  @Option(
    help: ArgumentHelp("Where systemd-binfmt finds what to register at each start of the machine.", valueName: "dir"))
  var binfmtD = "/etc/binfmt.d"

  @Argument(help: "The systems; all that there are if none is named.")
  var name: [String] = []

  func registration() throws -> Registration {
    Registration(try Installation.current(), personalities: [], mount: binfmt, persistent: binfmtD)
  }
}

struct Register: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make Linux run foreign programs through Persona by itself: ./prog.",
    discussion: """
      Adds rules to binfmt_misc, as only root may: which programs they are for is told by the first bytes of the file. \
      Systems whose programs only a note tells from Linux's cannot be registered. A registered program keeps \
      its argv[0]; its set-user-ID bit is not obeyed.
      """)

  @Flag(help: "Also after a restart of the machine, by a file for systemd-binfmt.")
  var persist = false

  @OptionGroup var options: RegistrationArguments

  func run() throws {
    Host.print(try options.registration().register(options.name, persists: persist), terminator: "")
    fflush(nil)
  }
}

struct Unregister: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Undo what register did.",
    discussion: "Without names also the file that registers them after a restart is removed.")

  @OptionGroup var options: RegistrationArguments

  func run() throws {
    Host.print(try options.registration().unregister(options.name), terminator: "")
    fflush(nil)
  }
}
