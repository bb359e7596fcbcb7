import BinaryImage
import CHost
import CWire
import CallAnalysis
import CallLog
import Glibc
import HostText
import PersonalityTables

/// The supervisor's life: it starts the first guest, answers hypercalls, writes the log, reaps whom nobody
/// else reaps, and ends with the last guest.
final class Session {
  let configuration: RunConfiguration
  let installation: Installation
  let recognizer: Recognizer
  let filter: HypercallFilter
  /// The engine's file, which every guest executes.
  let engine: Int32
  let log: CallLog?
  let logMemory: CallLogMemory?
  /// Memory that guests share among themselves, or -1 while nobody has asked for it.
  var shared: Int32 = -1
  /// Files that guests share among themselves.
  let folder = SessionFolder()
  /// Descriptors that guests leave for each other.
  let kept = KeptDescriptors()
  /// What Linux programs may execute by themselves.
  let natives = NativeFiles()
  /// Call sites that engines have asked about.
  var callSites = PatchSites()
  /// What guests may execute without asking; nil with a log, which tells of each exec, and where there is no memory.
  let decided: DecidedPrograms?
  /// Programs that an engine has yet to load: as many as there are execs under way.
  private(set) var starting: [StartingGuest] = []
  /// Those that are in use, the first one of each system before its others. Lists, since a start pays more for a
  /// dictionary's type than a list of so few ever costs.
  private var personalities: [CompiledPersonality] = []
  private let relay: RelayEnd
  private var firstGuest: Int32 = -1
  /// The first guest's libraries, should it die of them.
  private var libraries: BrokenLibraries?
  /// The first guest's wait status, until the relay knows it.
  private var lastStatus: Int32?
  private let childSignals: Int32

  /// A program between its exec and the engine's last question about it.
  final class StartingGuest {
    let pid: pid_t
    let image: GuestImage
    /// What the program before told of its signals.
    let ignored: persona_ignored

    init(_ pid: pid_t, _ image: consuming GuestImage, _ ignored: persona_ignored) {
      self.pid = pid
      self.image = image
      self.ignored = ignored
    }
  }

  init(
    _ configuration: RunConfiguration, _ installation: Installation, _ recognizer: Recognizer,
    _ personality: CompiledPersonality, logOutput: Int32?, relay: RelayEnd
  ) throws(LaunchError) {
    self.configuration = configuration
    self.installation = installation
    self.recognizer = recognizer
    self.relay = relay
    engine = Host.open(installation.engine, O_RDONLY | O_CLOEXEC)
    guard engine >= 0 else {
      let code = errno
      throw LaunchError(
        .ours, file: installation.engine, "the engine cannot be opened: \(describe(code))",
        remedy: LaunchError.remedy(code, "build or install Persona again"))
    }
    personalities = [personality]
    if let logOutput {
      let memory = try CallLogMemory()
      let (foreign, linux) = try personality.vocabulary()
      log = CallLog(
        memory: memory.memory, foreign: foreign, linux: linux, output: logOutput,
        format: configuration.traceFormat, countsCycles: true)
      logMemory = memory
      decided = nil
    } else {
      log = nil
      logMemory = nil
      decided = DecidedPrograms()
    }
    var children = sigset_t()
    sigemptyset(&children)
    sigaddset(&children, SIGCHLD)
    childSignals = persona_signal_file(&children)
    filter = try HypercallFilter()
  }

  /// The personality of this name, compiled when it is first needed.
  ///
  /// All programs of a system see one release, as they would on one machine, except that a program which was built for
  /// a later one than the first program sees its own.
  func personality(_ name: String, _ wanted: Edition) throws(LaunchError) -> CompiledPersonality {
    var edition = wanted
    if let first = release(of: name) {
      let release = max(first, wanted.release ?? 0)
      edition.release = release
      for known in personalities
      where known.name == name && known.edition.abi == edition.abi && known.rules.release == release {
        return known
      }
    }
    let compiled = try CompiledPersonality(name, directories: recognizer.directories, edition: edition)
    personalities.append(compiled)
    return compiled
  }

  /// The release that the first program of a system was run with; nil where there was none.
  func release(of system: String) -> UInt32? { personalities.first { $0.name == system }?.rules.release }

  // MARK: Programs under way

  /// What becomes of a process at its engine's first question; nothing else may be under way for it.
  func begin(_ pid: pid_t, _ image: consuming GuestImage, ignored: persona_ignored = persona_ignored()) {
    forgetStart(pid)
    // Of an exec that never came about, because its process died first, nobody tells.
    if starting.count > 64 { starting.removeAll { kill($0.pid, 0) != 0 && errno == ESRCH } }
    starting.append(StartingGuest(pid, image, ignored))
  }

  func startingGuest(_ pid: pid_t) -> StartingGuest? { starting.first { $0.pid == pid } }

  func forgetStart(_ pid: pid_t) { starting.removeAll { $0.pid == pid } }

  /// Starts the first guest with signal mask `mask`.
  func start(
    _ launch: borrowing Launch, _ personality: CompiledPersonality, mask: sigset_t
  ) throws(LaunchError) {
    let image = try GuestImage(
      launch, personality, log: log != nil, configuration: configuration, root: launch.root,
      programs: decided)
    var mask = mask
    let argv = hostVector(launch.arguments)
    defer { for text in argv { free(text) } }
    let pid = persona_launch(engine, argv, environ, &mask)
    guard pid > 0 else {
      throw LaunchError(
        .cannotRun, file: launch.program.path, "cannot be started: \(describe(-pid))",
        remedy: -pid == E2BIG ? "pass fewer or shorter arguments" : "'persona doctor' checks this host")
    }
    firstGuest = pid
    libraries = BrokenLibraries(launch)
    begin(pid, image)
    relay.send(.started(pid))
  }

  /// Whose child a guest is at home that is this process's in Linux: the first one is of whoever started Persona, and init adopts
  /// the others.
  func parentAtHome(of guest: pid_t) -> pid_t { guest == firstGuest ? parent(of: getppid()) ?? 1 : 1 }

  // MARK: The loop

  /// How long records may wait in the log's rings, in milliseconds.
  private static let logInterval: Int32 = 20

  /// Serves until no guest is left.
  func serve() {
    var events = [
      pollfd(fd: filter.listener, events: Int16(POLLIN), revents: 0),
      pollfd(fd: childSignals, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let ready = poll(&events, nfds_t(events.count), log == nil ? -1 : Session.logInterval)
      // A signal, or no memory for the moment: `events` tells nothing new.
      if ready < 0 { continue }
      if events[0].revents & Int16(POLLIN) != 0 { answerHypercall() }
      if events[1].revents & Int16(POLLIN) != 0 {
        drainSignals()
        if !reap() { break }
      }
      if ready == 0 { log?.drain() }
    }
    log?.finish()
    folder.remove()
    if let status = lastStatus { relay.send(.endedLast(status)) }
    relay.finish()
  }

  private func drainSignals() {
    var code: Int32 = 0
    while persona_next_signal(childSignals, &code) != 0 {}
  }

  /// Takes the status of every child that has one; false when there are no children left.
  private func reap() -> Bool {
    while true {
      var status: Int32 = 0
      let pid = waitpid(-1, &status, WNOHANG | WUNTRACED)
      if pid == 0 {
        leaveRelay()
        return true
      }
      if pid < 0 {
        if errno == EINTR { continue }
        return false
      }
      if status & 0xff == 0x7f {
        if pid == firstGuest { relay.send(.stopped(status >> 8 & 0xff)) }
        continue
      }
      log?.processEnded(pid)
      forgetStart(pid)
      if pid == firstGuest {
        firstGuest = -1
        lastStatus = status
        if status & 0x7f == SIGBUS, let error = libraries?.report(recognizer) { Host.printError(error.description) }
      }
    }
  }

  /// The first guest has ended and others live: its status is out, and this process stays for them.
  private func leaveRelay() {
    guard let status = lastStatus else { return }
    lastStatus = nil
    _ = persona_when_parent_dies(0)
    relay.send(.ended(status))
    relay.finish()
  }
}
