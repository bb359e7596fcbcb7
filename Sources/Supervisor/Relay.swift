import CHost
import Glibc
import HostText

/// What the supervisor tells the process that the user started.
enum RelayMessage {
  case started(pid_t)
  case stopped(Int32)
  /// The wait status of the first guest, which others outlive.
  case ended(Int32)
  /// The same when it was the last guest: the log is written, and the supervisor ends too.
  case endedLast(Int32)
  /// Persona could not start it; the message is already on standard error.
  case failed(Int32)
  /// It is a Linux program, to be executed in this process's place.
  case native
}

/// The supervisor's end of the pipe to the process that the user started.
final class RelayEnd {
  private var file: Int32

  init(_ file: Int32) { self.file = file }

  func send(_ message: RelayMessage) {
    var words: (Int32, Int32) =
      switch message {
      case .started(let pid): (1, pid)
      case .stopped(let signal): (2, signal)
      case .ended(let status): (3, status)
      case .failed(let status): (4, status)
      case .endedLast(let status): (5, status)
      case .native: (6, 0)
      }
    guard file >= 0 else { return }
    while withUnsafeBytes(of: &words, { write(file, $0.baseAddress!, $0.count) }) < 0, errno == EINTR { continue }
  }

  func finish() {
    if file >= 0 { close(file) }
    file = -1
  }
}

/// The process that the user started, and that their shell waits for: it passes signals on to the first
/// guest, stops when it stops, and ends as it ended.
struct Relay {
  private let file: Int32
  private let signals: Int32
  private let supervisor: pid_t
  private var guest: pid_t = 0
  /// What came before there was a guest to have it from the terminal.
  private var early = sigset_t()

  /// Signals that somebody may send to this process and means for the guest.
  static let forwarded: [Int32] = [
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGWINCH, SIGIO, SIGPWR, SIGTRAP,
    SIGABRT, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGURG, SIGPIPE, SIGSYS,
  ]

  static var forwardedSet: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in forwarded { sigaddset(&set, signal) }
    return set
  }

  /// `file` is the reading end; the forwarded signals are blocked already.
  init(_ file: Int32, supervisor: pid_t) {
    self.file = file
    self.supervisor = supervisor
    var set = Relay.forwardedSet
    signals = persona_signal_file(&set)
    sigemptyset(&early)
  }

  /// Waits for the guest's end: Persona's exit status, unless a signal ends this process too; nil if the program is Linux's
  /// own.
  mutating func wait() -> Int32? {
    var events = [
      pollfd(fd: file, events: Int16(POLLIN), revents: 0),
      pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      if poll(&events, 2, -1) < 0 { continue }
      if events[1].revents & Int16(POLLIN) != 0, guest != 0 { forward() }
      guard events[0].revents != 0 else {
        if guest == 0 { collect() }
        continue
      }
      var words: (Int32, Int32) = (0, 0)
      let length = withUnsafeMutableBytes(of: &words) { read(file, $0.baseAddress!, $0.count) }
      if length < 0 && errno == EINTR { continue }
      guard length == 8 else {
        // Guests end themselves when they learn of it; one that is stopped cannot.
        if guest != 0 { kill(guest, SIGKILL) }
        Host.printError("persona: the supervisor died, and its guests with it; please report this")
        return 125
      }
      switch words.0 {
      case 1:
        guest = words.1
        // Rather twice than never: a signal of the terminal's may have come before there was the guest, or just after,
        // and until it begins two are one.
        collect()
        sendEarly(to: guest)
        Supervisor.releaseStandardStreams()
      case 2: if isGuestStopped { kill(getpid(), SIGSTOP) }
      case 3: return Relay.end(words.1)
      case 5:
        // The guests' processor time becomes this process's, as time(1) and wait4(2) expect.
        waitpid(supervisor, nil, 0)
        return Relay.end(words.1)
      case 6:
        waitpid(supervisor, nil, 0)
        sendEarly(to: getpid())
        return nil
      default: return words.1
      }
    }
  }

  func finish() {
    close(file)
    close(signals)
  }

  /// Whether the guest is stopped still: a job that the terminal stopped has stopped this process too, and
  /// may be running again by the time the message is read.
  private var isGuestStopped: Bool {
    let file = open("/proc/\(guest)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let length = read(file, &text, text.count)
    // "PID (NAME) STATE …": the name may hold anything, even a parenthesis.
    guard length > 0, let end = text[..<length].lastIndex(of: 41), end + 2 < length else { return false }
    return text[end + 2] == UInt8(ascii: "T")
  }

  /// Signals that the terminal sends reach the guest by themselves, being in the same process group.
  private func forward() {
    var code: Int32 = 0
    while case let signal = persona_next_signal(signals, &code), signal != 0 {
      if code <= 0 || signal == SIGCONT { kill(guest, signal) }
    }
  }

  /// Takes the signals that have come, for whom is there later.
  private mutating func collect() {
    var code: Int32 = 0
    while case let signal = persona_next_signal(signals, &code), signal != 0 { sigaddset(&early, signal) }
  }

  private mutating func sendEarly(to process: pid_t) {
    for signal in Relay.forwarded where sigismember(&early, signal) == 1 { kill(process, signal) }
  }

  private static func end(_ status: Int32) -> Int32 {
    let signal = status & 0x7f
    if signal == 0 { return status >> 8 & 0xff }
    persona_die_by(signal)
    return 128 + signal
  }
}
