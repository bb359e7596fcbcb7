import CEngine
import CWire
import Wire

// wait4(2) and wait6(2), both by Linux's waitid, which knows WNOWAIT and tells what happened in words.

/// Linux's siginfo_t as waitid fills it: x86-64 offsets of asm-generic/siginfo.h.
private struct ChildEvent {
  let info: UnsafeMutableRawPointer
  var code: Int32 { info.get(at: 8, as: Int32.self) }
  var pid: Int32 { info.get(at: 16, as: Int32.self) }
  var status: Int32 { info.get(at: 24, as: Int32.self) }

  /// Linux's CLD_*.
  static let exited: Int32 = 1
  static let killed: Int32 = 2
  static let dumped: Int32 = 3
  static let trapped: Int32 = 4
  static let stopped: Int32 = 5
  static let continued: Int32 = 6

  /// The status word of sys/wait.h, the same in every BSD.
  func word(_ table: Table) -> Int32 {
    let signal = Int32(table.foreignSignal(Int(status)))
    switch code {
    case ChildEvent.exited: return (status & 0xff) << 8
    case ChildEvent.killed: return signal
    case ChildEvent.dumped: return signal | 0x80
    case ChildEvent.continued:
      // A word of its own in some systems, SIGCONT in others.
      if let map = table.wellKnown(.wait_status) {
        return Int32(truncatingIfNeeded: table.mapEntry(table.map(map), 0).pointee.foreign)
      }
      return Int32(table.foreignSignal(Int(SIGCONT)))
    default: return signal << 8 | 0x7f
    }
  }
}

/// Linux's SIGCONT (asm-generic/signal.h).
private let SIGCONT: Int32 = 18

/// What Linux tells of a wait: siginfo_t, then struct rusage. On the stack, whose page a fork copies anyway.
private struct WaitReport {
  var words = InlineArray<34, UInt64>(repeating: 0)
  static let usage = 128
}

extension Call {
  /// Waits; `options` are Linux's. The event's pid is 0 when WNOHANG found nothing. A child that a descriptor stands for is found
  /// by its number or its group's alone (proc_to_reap of kern/kern_exit.c).
  fileprivate func wait(
    _ kind: Int, _ identifier: Int, _ options: Int, _ report: UnsafeMutableRawPointer
  ) -> (ChildEvent, Int) {
    let all = kind == Int(P_ALL) || process.pointee.forked_descriptor == 0 ? 0 : Int(__WALL)
    let result = host(__NR_waitid, kind, identifier, report.word, options | all, (report + WaitReport.usage).word)
    return (ChildEvent(info: report), result)
  }
}

private let known = Int(WNOHANG | WUNTRACED | WCONTINUED | WNOWAIT | WEXITED)

/// wait4(pid, status, options, rusage), options as Linux's.
func wait4(_ call: inout Call) -> Int {
  let pid = Int(call.int32(0))
  let options = call[2] & 0xffff_ffff
  guard options & ~known == 0 else { return call.error(EINVAL) }
  let kind: Int32
  let identifier: Int
  switch pid {
  case -1: (kind, identifier) = (P_ALL, 0)
  case ..<0: (kind, identifier) = (P_PGID, -pid)
  case 0: (kind, identifier) = (P_PGID, 0)
  default: (kind, identifier) = (P_PID, pid)
  }
  var report = WaitReport()
  return withUnsafeMutableBytes(of: &report) {
    finishWait(&call, Int(kind), identifier, options | Int(WEXITED), $0.baseAddress!)
  }
}

private func finishWait(
  _ call: inout Call, _ kind: Int, _ identifier: Int, _ options: Int, _ report: UnsafeMutableRawPointer
) -> Int {
  let (event, result) = call.wait(kind, identifier, options, report)
  if result < 0 { return result }
  guard event.pid != 0 else { return 0 }
  if call.address(1) != 0, !call.write(event.word(call.table), at: call.address(1)) {
    return call.error(EFAULT)
  }
  if call.address(3) != 0 {
    let failure = call.writeUsage(report + WaitReport.usage, to: call.address(3))
    if failure != 0 { return failure }
  }
  return Int(event.pid)
}

/// wait6(idtype, id, status, options, wrusage, siginfo): idtype as Linux's. Linux tells the use of the child
/// and of its own children as one sum, which is given as the child's.
func wait6(_ call: inout Call) -> Int {
  let options = call[3] & 0xffff_ffff
  guard options & ~known == 0, options & Int(WEXITED | WUNTRACED | WCONTINUED) != 0 else {
    return call.error(EINVAL)
  }
  guard let report = call.scratch(MemoryLayout<WaitReport>.size) else { return call.error(ENOMEM) }
  clear(report, MemoryLayout<WaitReport>.size)
  let usage = report + WaitReport.usage
  let (event, result) = call.wait(call[0], call[1], options, report)
  if result < 0 { return result }
  if event.pid != 0, call.address(2) != 0, !call.write(event.word(call.table), at: call.address(2)) {
    return call.error(EFAULT)
  }
  if event.pid != 0, call.address(4) != 0 {
    var failure = call.writeUsage(usage, to: call.address(4))
    if failure != 0 { return failure }
    clear(usage, NativeUsage.size)
    failure = call.writeUsage(usage, to: call.address(4) + UInt64(call.usageSize))
    if failure != 0 { return failure }
  }
  if call.address(5) != 0 {
    let size = call.table.size(.siginfo)
    guard let foreign = call.scratch(size) else { return call.error(ENOMEM) }
    clear(foreign, size)
    if event.pid != 0 {
      let signal = call.table.foreignSignal(Int(SIGCHLD))
      _ = SignalFrames.writeInfo(call.table, SignalInfo(event.info), signal, nil, to: foreign)
    }
    guard call.copyOut(call.address(5), foreign, size) else { return call.error(EFAULT) }
  }
  return Int(event.pid)
}

/// Linux's SIGCHLD (asm-generic/signal.h).
private let SIGCHLD: Int32 = 17

extension Call {
  fileprivate var usageSize: Int {
    guard let structure = table.wellKnown(.rusage) else { return NativeUsage.size }
    return Int(table.structure(structure).pointee.foreign_size)
  }
}
