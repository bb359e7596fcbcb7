import BinaryImage
import CHost
import Glibc

/// Starts a guest, serves it, and ends as it ended.
public enum Supervisor {
  /// Runs the program to its end and answers Persona's exit status.
  ///
  /// The process that the user started only waits (see `Relay`); a child of it is the supervisor, so that
  /// guests which outlive the first one keep theirs.
  public static func run(_ configuration: RunConfiguration) throws(LaunchError) -> Int32 {
    let installation = try Installation.current()
    try configuration.root?.enter()
    let recognizer = Recognizer(directories: installation.directories(configuration.personalityDirectories))
    let launch = try Launch(
      configuration, searchPath: getenv("PATH").map { String(cString: $0) }, recognizer: recognizer)
    guard case .foreign(let name) = launch.recognition else { throw executeNatively(launch) }
    if Joining.hasSupervisor { throw Joining.join(configuration, launch) }
    try launch.checkRelease(recognizer)
    // What cannot be loaded is refused before the tables are read.
    _ = try launch.plan([], LoadOptions(path: launch.program.path, minimumAddress: HostLimits.minimumAddress))

    var ends: [Int32] = [0, 0]
    let failure = persona_pipe(&ends)
    guard failure == 0 else {
      throw LaunchError(.ours, "cannot make a pipe: \(describe(-failure))", remedy: "close some files")
    }
    var blocked = Relay.forwardedSet
    sigaddset(&blocked, SIGCHLD)
    var mask = sigset_t()
    sigprocmask(SIG_BLOCK, &blocked, &mask)
    let group = getpgrp()
    let supervisor = fork()
    if supervisor < 0 {
      throw LaunchError(.ours, "cannot start the supervisor: \(describe(errno))", remedy: "end some processes")
    }
    if supervisor == 0 {
      close(ends[0])
      let relay = RelayEnd(ends[1])
      do {
        try supervise(configuration, installation, recognizer, launch, name, relay, group, mask)
      } catch {
        printError(error.description)
        relay.send(.failed(error.status.rawValue))
        _exit(0)
      }
    }
    close(ends[1])
    releaseStandardStreams()
    var relay = Relay(ends[0], supervisor: supervisor)
    return relay.wait()
  }

  private static func supervise(
    _ configuration: RunConfiguration, _ installation: Installation, _ recognizer: Recognizer,
    _ launch: borrowing Launch, _ name: String, _ relay: RelayEnd, _ group: pid_t, _ mask: sigset_t
  ) throws(LaunchError) -> Never {
    _ = persona_when_parent_dies(SIGKILL)
    _ = persona_become_subreaper()
    setpgid(0, 0)
    // The tables are read on this side of the fork: the relay needs none of them.
    let personality = try CompiledPersonality(
      name, directories: recognizer.directories, edition: launch.edition)
    let logOutput = try openLog(configuration.trace)
    let session = try Session(configuration, installation, recognizer, personality, logOutput: logOutput, relay: relay)
    try session.start(launch, personality, group: group, mask: mask)
    releaseStandardStreams()
    session.serve()
    // The relay waits for this process's end: nothing is taken apart before.
    _exit(0)
  }

  /// A guest that closes its input or output must be the last to hold it.
  private static func releaseStandardStreams() {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null >= 0 else { return }
    dup2(null, 0)
    dup2(null, 1)
    close(null)
  }

  private static func openLog(_ trace: RunConfiguration.TraceDestination?) throws(LaunchError) -> Int32? {
    switch trace {
    case nil: return nil
    case .standardError: return fcntl(2, F_DUPFD_CLOEXEC, 3)
    case .file(let path):
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard file >= 0 else {
        throw LaunchError(
          .ours, file: path, "the log cannot be written: \(describe(errno))", remedy: "name another file with --trace=FILE")
      }
      return file
    }
  }

  /// A Linux program needs no translation: it takes this process's place.
  private static func executeNatively(_ launch: borrowing Launch) -> LaunchError {
    var argv: [UnsafeMutablePointer<CChar>?] = launch.arguments.map { strdup($0) }
    argv.append(nil)
    execve(launch.program.path, argv, environ)
    return LaunchError(.cannotRun, file: launch.program.path, "cannot be executed: \(describe(errno))")
  }
}
