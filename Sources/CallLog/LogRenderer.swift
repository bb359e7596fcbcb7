import CWire
import PersonalityTables

/// Joins records to calls and writes each as one line.
final class LogRenderer {
  let text = TextBuffer()
  private let foreign: Vocabulary
  private let format: LogFormat
  private let calls: CallWriter
  private let objects: ObjectWriter
  private var summary: CallSummary
  /// Entry records of calls that have not returned, by thread.
  private var pending: [Int32: [UInt8]] = [:]
  /// More threads than that are not pending in earnest.
  static let mostPending = 1 << 16

  init(foreign: Personality, linux: Personality, format: LogFormat) {
    self.format = format
    self.foreign = Vocabulary(foreign)
    calls = CallWriter(foreign: self.foreign, linux: Vocabulary(linux), text: text)
    objects = ObjectWriter(foreign: self.foreign, linux: calls.linux, output: text)
    summary = CallSummary()
  }

  /// Takes one record; what is not one is passed over.
  func render(_ bytes: UnsafeRawBufferPointer) {
    guard let view = RecordView(bytes) else { return }
    let head = view.head
    switch UInt32(head.kind) {
    case PERSONA_LOG_ENTRY.rawValue:
      if let earlier = pending.removeValue(forKey: head.tid) { abandon(earlier) }
      if pending.count >= LogRenderer.mostPending { abandon { _ in true } }
      let call = LoggedCall(entry: view)
      if neverReturns(call.number) { write(call) } else { pending[head.tid] = Array(bytes) }
    case PERSONA_LOG_EXIT.rawValue: renderExit(view, head.tid)
    default: renderSignal(view)
    }
  }

  private func renderExit(_ view: RecordView, _ tid: Int32) {
    let number = view.bytes.loadUnaligned(as: persona_log_exit.self).number
    if let entry = pending.removeValue(forKey: tid) {
      let isWritten = entry.withUnsafeBytes { bytes in
        guard let begun = RecordView(bytes) else { return false }
        var call = LoggedCall(entry: begun)
        guard call.number == number else { return false }
        call.finish(view)
        write(call)
        return true
      }
      if isWritten { return }
      abandon(entry)
    }
    write(LoggedCall(orphan: view))
  }

  private func neverReturns(_ number: UInt32) -> Bool {
    guard let index = foreign.call(Int(number)), case .never = foreign.calls[index].result else {
      return false
    }
    return true
  }

  /// Writes a call that never returned. One that replaces the program would have returned had it failed.
  private func abandon(_ entry: [UInt8]) {
    entry.withUnsafeBytes { bytes in
      guard let view = RecordView(bytes) else { return }
      var call = LoggedCall(entry: view)
      if let index = foreign.call(Int(call.number)), foreign.calls[index].special == .execve {
        call.end = .result(0, second: 0)
      }
      write(call)
    }
  }

  /// Writes the calls that threads of these processes were in, in the order of their beginnings.
  func abandon(_ isEnded: (Int32) -> Bool) {
    var ended: [(time: UInt64, tid: Int32)] = []
    for (tid, entry) in pending {
      let head = entry.withUnsafeBytes { RecordView($0)?.head }
      if let head, isEnded(head.pid) { ended.append((head.time, tid)) }
    }
    ended.sort { $0 < $1 }
    for (_, tid) in ended {
      if let entry = pending.removeValue(forKey: tid) { abandon(entry) }
    }
  }

  // MARK: Lines

  private func write(_ call: LoggedCall) {
    switch format {
    case .text: writeLine(call)
    case .json: objects.write(call)
    case .summary: summary.add(call)
    }
  }

  /// "[tid] ", or "[pid/tid] " for a thread that is not its process's first.
  private func writePrefix(_ pid: Int32, _ tid: Int32) {
    text.append(UInt8(ascii: "["))
    if pid != tid {
      text.append(decimal: Int(pid))
      text.append(UInt8(ascii: "/"))
    }
    text.append(decimal: Int(tid))
    text.append("] ")
  }

  private func writeLine(_ call: LoggedCall) {
    writePrefix(call.pid, call.tid)
    let start = text.count
    calls.write(call)
    let foreignRange = start..<text.count
    for index in 0..<call.nativeCount {
      text.append(index == 0 ? "  <= " : "; ")
      let nativeStart = text.count
      calls.write(native: call.native(index), of: call)
      if call.nativeCount == 1, text.isEqual(foreignRange, nativeStart..<text.count) {
        text.cut(to: nativeStart)
        text.append("same")
      }
    }
    text.append(UInt8(ascii: "\n"))
  }

  private func renderSignal(_ view: RecordView) {
    let signal = view.bytes.loadUnaligned(as: persona_log_signal.self)
    switch format {
    case .text:
      writePrefix(signal.record.pid, signal.record.tid)
      text.append("--- ")
      calls.write(signal: signal)
      text.append(" ---\n")
    case .json: objects.write(signal)
    case .summary: break
    }
  }

  // MARK: About the log itself

  func report(_ damage: LogReader.Damage) {
    text.append(format == .json ? "{\"log\":\"" : "persona: call log: ")
    text.append("slot ")
    text.append(decimal: damage.slot)
    text.append(" is damaged at byte ")
    text.append(decimal: damage.position)
    text.append("; what its threads recorded may be missing")
    text.append(format == .json ? "\"}\n" : "\n")
  }

  func report(lost: Int) {
    text.append(format == .json ? "{\"log\":\"" : "persona: call log: ")
    text.append(decimal: lost)
    text.append(lost == 1 ? " record was lost" : " records were lost")
    text.append(format == .json ? "\"}\n" : "\n")
  }

  func finish() {
    if format == .summary { summary.write(to: text, foreign) }
  }
}

extension CallWriter {
  /// "SIGURG {si_code=SI_LWP, si_pid=12} -> handler 0x4321"
  func write(signal: persona_log_signal) {
    let name = foreign.signal(Int64(signal.signal))
    if name.isEmpty {
      text.append("signal ")
      text.append(decimal: Int(signal.signal))
    } else {
      foreign.append(name, to: text)
    }
    text.append(" {si_code=")
    writeCode(signal, name)
    text.append(isFault(name) ? ", si_addr=" : ", si_pid=")
    if isFault(name) {
      text.append(hex: signal.address)
    } else {
      text.append(decimal: Int64(bitPattern: signal.address))
    }
    text.append("} -> handler ")
    text.append(hex: signal.handler)
  }

  /// The name of si_code: from a map of the signal's own, as `signal_code_segv`, or from `signal_code`.
  private func writeCode(_ signal: persona_log_signal, _ name: Vocabulary.Name) {
    let code = UInt64(bitPattern: Int64(signal.code))
    let values = ValueWriter(vocabulary: foreign, text: text)
    let own = foreign.signalCodeMaps[Int(signal.signal)] ?? -1
    if let known = values.enumName(own, code, width: 4)
      ?? values.enumName(foreign.signalCodes, code, width: 4)
    {
      foreign.append(known, to: text)
    } else {
      text.append(decimal: Int(signal.code))
    }
  }

  /// Signals that tell an address rather than who sent them.
  private func isFault(_ name: Vocabulary.Name) -> Bool {
    foreign.isName(name, "SIGSEGV") || foreign.isName(name, "SIGBUS") || foreign.isName(name, "SIGILL")
      || foreign.isName(name, "SIGFPE") || foreign.isName(name, "SIGTRAP")
  }
}
