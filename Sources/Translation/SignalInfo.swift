/// A signal as Linux reports it: the fields of siginfo_t that a personality may pass on
/// (asm-generic/siginfo.h, x86-64).
public struct SignalInfo {
  /// Linux's signal number and si_code.
  public var signal: Int
  public var code: Int32
  public var errno: Int32
  /// si_pid and si_uid of a sender, or a timer's id and overrun count.
  public var sender: Int32
  public var user: UInt32
  /// si_status of a child.
  public var status: Int32
  public var value: UInt64
  public var address: UInt64

  /// No signal: a context that a program asked for itself.
  public init() {
    (signal, code, errno, sender, user, status, value, address) = (0, 0, 0, 0, 0, 0, 0, 0)
  }

  public init(_ info: UnsafeRawPointer) {
    signal = Int(info.load(as: Int32.self))
    errno = info.load(fromByteOffset: 4, as: Int32.self)
    code = info.load(fromByteOffset: 8, as: Int32.self)
    sender = info.load(fromByteOffset: 16, as: Int32.self)
    user = info.load(fromByteOffset: 20, as: UInt32.self)
    status = info.load(fromByteOffset: 24, as: Int32.self)
    value = info.load(fromByteOffset: 24, as: UInt64.self)
    address = info.load(fromByteOffset: 16, as: UInt64.self)
  }

  /// The hardware or the kernel raised it at an instruction, rather than a process or a timer.
  public var isFault: Bool {
    let faults = 4...11  // SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV
    return code > 0 && faults.contains(signal) && signal != 6 && signal != 9 && signal != 10
  }
}
