import BinaryImage
import CHost
import Glibc
import HostText

/// Starts a guest, serves it, and ends as it ended.
public enum Supervisor {
  /// Runs the program to its end and answers Persona's exit status.
  ///
  /// The process that the user started only waits (see `Relay`); a child of it is the supervisor, so that
  /// guests which outlive the first one keep theirs. All work is the child's: what a process has touched before it forks
  /// both must touch again.
  public static func run(_ configuration: RunConfiguration) throws(LaunchError) -> Int32 {
    keepStandardDescriptors()
    var configuration = configuration
    configuration.holdPlaces()
    if Joining.hasSupervisor { try takePlace(configuration) }
    var ends: [Int32] = [0, 0]
    let failure = persona_pipe(&ends)
    guard failure == 0 else {
      throw LaunchError(.ours, "cannot make a pipe: \(describe(-failure))", remedy: LaunchError.remedy(-failure, "free some memory"))
    }
    var blocked = Relay.forwardedSet
    sigaddset(&blocked, SIGCHLD)
    var mask = sigset_t()
    sigprocmask(SIG_BLOCK, &blocked, &mask)
    let supervisor = fork()
    if supervisor < 0 {
      throw LaunchError(.ours, "cannot start the supervisor: \(describe(errno))", remedy: "end some processes")
    }
    if supervisor == 0 {
      close(ends[0])
      let relay = RelayEnd(ends[1])
      do {
        try supervise(configuration, relay, mask)
      } catch {
        Host.printError(error.description)
        relay.send(.failed(error.status.rawValue))
      }
      _exit(0)
    }
    close(ends[1])
    var relay = Relay(ends[0], supervisor: supervisor)
    if let status = relay.wait() { return status }
    relay.finish()
    sigprocmask(SIG_SETMASK, &mask, nil)
    try takePlace(configuration)
  }

  /// What the command found closed of 0 to 2 the program finds closed, too, and none of Persona's own is among them.
  private static func keepStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", O_RDWR | O_CLOEXEC)
    }
  }

  /// What a run starts from: where Persona's files are, who judges programs, and the program found and read.
  private struct Beginning: ~Copyable {
    let installation: Installation
    let recognizer: Recognizer
    let launch: Launch

    init(_ configuration: RunConfiguration) throws(LaunchError) {
      let installation = try Installation.current()
      try configuration.root?.enter()
      let recognizer = Recognizer(directories: installation.directories(configuration.personalityDirectories))
      launch = try Launch(
        configuration, searchPath: Host.getenv("PATH"), recognizer: recognizer)
      (self.installation, self.recognizer) = (installation, recognizer)
    }
  }

  /// Puts in this process's place a Linux program, which needs no translation, or a guest of the session that it is in.
  private static func takePlace(_ configuration: RunConfiguration) throws(LaunchError) -> Never {
    let beginning = try Beginning(configuration)
    if beginning.launch.recognition.isForeign { throw Joining.join(configuration, beginning.launch) }
    throw executeNatively(beginning.launch)
  }

  /// Returns if the program is Linux's own, and the relay knows.
  private static func supervise(
    _ configuration: RunConfiguration, _ relay: RelayEnd, _ mask: sigset_t
  ) throws(LaunchError) {
    _ = persona_when_parent_dies(SIGKILL)
    _ = persona_become_subreaper()
    let beginning = try Beginning(configuration)
    guard case .foreign(let name) = beginning.launch.recognition else { return relay.send(.native) }
    try beginning.launch.checkRelease(beginning.recognizer)
    // What cannot be loaded is refused before the tables are read.
    _ = try beginning.launch.plan(
      [], LoadOptions(path: beginning.launch.program.path, minimumAddress: HostLimits.minimumAddress))
    let personality = try CompiledPersonality(
      name, directories: beginning.recognizer.directories, edition: beginning.launch.edition)
    let logOutput = try openLog(configuration.trace)
    let session = try Session(
      configuration, beginning.installation, beginning.recognizer, personality, logOutput: logOutput, relay: relay)
    try session.start(beginning.launch, personality, mask: mask)
    leaveSession()
    releaseStandardStreams()
    session.serve()
    // The relay waits for this process's end: nothing is taken apart before.
    _exit(0)
  }

  /// The guests stay in the user's session and process groups, which must not depend on this process. A parent in
  /// another group of the same session keeps a group from being orphaned: with the end of such a child Linux would hang up the group,
  /// the user's own, if something in it is stopped (kill_orphaned_pgrp of kernel/exit.c).
  private static func leaveSession() { setsid() }

  /// A guest that closes its input or output must be the last to hold it.
  static func releaseStandardStreams() {
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
      let file = Host.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard file >= 0 else {
        throw LaunchError(
          .ours, file: path, "the log cannot be written: \(describe(errno))", remedy: "name another file with --trace=FILE")
      }
      return file
    }
  }

  private static func executeNatively(_ launch: borrowing Launch) -> LaunchError {
    let argv = hostVector(launch.arguments)
    launch.program.path.withHost { _ = execve($0, argv, environ) }
    return LaunchError(.cannotRun, file: launch.program.path, "cannot be executed: \(describe(errno))")
  }
}
