import CEngine
import CWire
import Translation

/// The signal that Linux sends when a guest's parent dies (PR_SET_PDEATHSIG); no foreign signal maps to it.
let parentDied: Int32 = 64

@discardableResult
func hypercall(_ request: persona_hypercall, _ a: UInt64 = 0, _ b: UInt64 = 0) -> Int64 {
  persona_syscall(Int64(PERSONA_HYPERCALL), UInt64(request.rawValue), a, b, 0, 0, 0)
}

/// A parent has died: if it was the supervisor, so does this process. Its children learn of it the same way.
func dieWithSupervisor() {
  if hypercall(PERSONA_HC_PING) != 0 { killSelf() }
}

/// After its parent's death the guest gets the signal that it asked for (procctl(2), PROC_PDEATHSIG_CTL). Linux tells of the end of
/// the thread that forked, too.
func tellParentDied(_ process: UnsafeMutablePointer<persona_process>) {
  let signal = process.pointee.death_signal
  guard signal != 0, persona_syscall(Int64(__NR_getppid), 0, 0, 0, 0, 0, 0) != Int64(process.pointee.death_parent)
  else { return }
  process.pointee.death_signal = 0
  _ = persona_syscall(Int64(__NR_kill), UInt64(process.pointee.pid), UInt64(signal), 0, 0, 0, 0)
}

func killSelf() {
  let pid = persona_syscall(Int64(__NR_getpid), 0, 0, 0, 0, 0, 0)
  _ = persona_syscall(Int64(__NR_kill), UInt64(pid), 9, 0, 0, 0, 0)
}

/// Asks Linux for `parentDied`, and looks whether the parent died before it was asked.
func watchParent(expecting parent: Int32?) {
  _ = persona_syscall(Int64(__NR_prctl), UInt64(PR_SET_PDEATHSIG), UInt64(parentDied), 0, 0, 0, 0)
  if let parent {
    let now = persona_syscall(Int64(__NR_getppid), 0, 0, 0, 0, 0, 0)
    if now != Int64(parent) { dieWithSupervisor() }
  }
}

/// Every system-call instruction outside the engine's text raises SIGSYS from now on.
func armUserDispatch() -> Int64 {
  let start = label(PERSONA_TEXT_START)
  return persona_syscall(
    Int64(__NR_prctl), 59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, start, label(PERSONA_TEXT_END) - start, 0, 0)
}

/// Makes the thread's block the stack of its signal handlers, and what a patched call finds.
func useSignalStack(_ thread: UnsafeMutablePointer<persona_thread>) {
  var stack = signalStack(thread)
  _ = withUnsafeMutablePointer(to: &stack) {
    persona_syscall(Int64(__NR_sigaltstack), UInt64(UInt(bitPattern: $0)), 0, 0, 0, 0, 0)
  }
  takeSegment(thread)
}

/// Linux's stack_t.
func signalStack(_ thread: UnsafeMutablePointer<persona_thread>) -> (UInt64, UInt64, UInt64) {
  let size = UInt64(PERSONA_THREAD_PLACE - PERSONA_GUARD_BYTES)
  return (UInt64(UInt(bitPattern: thread)) - size, 0, size)
}

// MARK: - Fatal reports

/// Text on the engine's stack for a report that must not allocate.
struct Report {
  private var bytes = InlineArray<256, UInt8>(repeating: 0)
  private var count = 0

  mutating func add(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount where count < 255 {
      bytes[count] = text.utf8Start[index]
      count += 1
    }
  }

  mutating func add(hex value: UInt64) {
    add("0x")
    var shift: UInt64 = 60
    while shift > 0, value >> shift == 0 { shift -= 4 }
    while true {
      let digit = UInt8(value >> shift & 15)
      if count < 255 {
        bytes[count] = digit < 10 ? 48 + digit : 87 + digit
        count += 1
      }
      if shift == 0 { break }
      shift -= 4
    }
  }

  /// Has the supervisor print it; on standard error if there is none.
  mutating func send() {
    let length = UInt64(count)
    withUnsafeMutablePointer(to: &bytes) {
      let address = UInt64(UInt(bitPattern: $0))
      if hypercall(PERSONA_HC_FATAL, address, length) < 0 {
        _ = persona_syscall(Int64(__NR_write), 2, address, length, 0, 0, 0)
        _ = persona_syscall(Int64(__NR_write), 2, UInt64(UInt(bitPattern: newline)), 1, 0, 0, 0)
      }
    }
  }
}

private var newline: UnsafePointer<UInt8> {
  let text: StaticString = "\n"
  return text.utf8Start
}

/// Ends the process with Persona's own exit status.
func fatal(_ what: StaticString, _ value: Int64? = nil) -> Never {
  var report = Report()
  report.add(what)
  if let value {
    report.add(" (Linux error ")
    report.add(hex: UInt64(value < 0 ? -value : value))
    report.add(")")
  }
  report.send()
  while true { _ = persona_syscall(Int64(__NR_exit_group), 125, 0, 0, 0, 0, 0) }
}

/// The engine itself faulted: report it and end as a crash would, never silently.
func engineFault(_ signal: Int32, _ context: TrapContext, _ info: SignalInfo) -> Never {
  var report = Report()
  report.add("internal error: the engine faulted at ")
  report.add(hex: context[PERSONA_RIP])
  report.add(" on address ")
  report.add(hex: info.address)
  report.add(", signal ")
  report.add(hex: UInt64(signal))
  report.add(", call ")
  report.add(hex: persona_current()!.pointee.restart_number)
  report.send()
  while true { _ = persona_syscall(Int64(__NR_exit_group), 125, 0, 0, 0, 0, 0) }
}
