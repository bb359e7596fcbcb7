import ArgumentParser
import Glibc
import HostText
import Supervisor

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Try what Persona needs of this host, and tell what is lost without it.",
    discussion: """
      Every feature is really tried, in a child process. Exit status: 0 when everything that \
      programs need works, 1 when something of it is missing.
      """)

  func run() throws {
    let report = DoctorReport.make(installation: try Installation.current())
    Host.print(report.text, terminator: "")
    fflush(nil)
    if !report.isHealthy { throw ExitCode(1) }
  }
}
