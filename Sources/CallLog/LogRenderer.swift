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
  private var clock: LogClock
  /// Entry records of calls that have not returned, by thread.
  private var pending: [Int32: Pending] = [:]
  /// More threads than that are not pending in earnest.
  static let mostPending = 1 << 16
  /// How the last line began, and of which thread it was.
  private let prefix = TextBuffer(capacity: 64)
  private var prefixed: (pid: Int32, tid: Int32) = (-1, -1)

  /// An entry record, where the reader has it or, from one drain to the next, in memory of its own.
  private struct Pending {
    var bytes: UnsafeRawBufferPointer
    var isOwned = false

    mutating func own() {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
      copy.copyMemory(from: bytes)
      self = Pending(bytes: UnsafeRawBufferPointer(copy), isOwned: true)
    }

    func release() {
      if isOwned { bytes.deallocate() }
    }
  }

  init(foreign: Personality, linux: Personality, format: LogFormat, clock: LogClock) {
    self.format = format
    self.clock = clock
    self.foreign = Vocabulary(foreign)
    calls = CallWriter(foreign: self.foreign, linux: Vocabulary(linux), text: text)
    objects = ObjectWriter(foreign: self.foreign, linux: calls.linux, output: text)
    summary = CallSummary()
  }

  deinit {
    for entry in pending.values { entry.release() }
  }

  /// Takes records in their order; what is not one is passed over.
  func render(_ items: UnsafeBufferPointer<LogReader.Item>) {
    clock.look()
    var index = 0
    while index < items.count {
      let next = index + 1 < items.count ? items[index + 1].bytes : nil
      index += render(items[index].bytes, next)
    }
    for (tid, entry) in pending where !entry.isOwned { pending[tid]!.own() }
  }

  /// Takes a record, and the `next` one too if that is the end of the call that it begins: how many.
  private func render(_ bytes: UnsafeRawBufferPointer, _ next: UnsafeRawBufferPointer?) -> Int {
    guard let view = RecordView(bytes) else { return 1 }
    switch UInt32(view.kind) {
    case PERSONA_LOG_ENTRY.rawValue:
      if !pending.isEmpty, let earlier = pending.removeValue(forKey: view.tid) { abandon(earlier) }
      if neverReturns(view.number) {
        write(LoggedCall(entry: view))
      } else if let next, let end = RecordView(next), UInt32(end.kind) == PERSONA_LOG_EXIT.rawValue,
        end.tid == view.tid, end.number == view.number
      {
        var call = LoggedCall(entry: view)
        call.finish(end)
        write(call)
        return 2
      } else {
        if pending.count >= LogRenderer.mostPending { abandon { _ in true } }
        pending[view.tid] = Pending(bytes: bytes)
      }
    case PERSONA_LOG_EXIT.rawValue: renderExit(view)
    default: renderSignal(view)
    }
    return 1
  }

  private func renderExit(_ view: RecordView) {
    if let entry = pending.removeValue(forKey: view.tid) {
      if let begun = RecordView(entry.bytes), begun.number == view.number {
        var call = LoggedCall(entry: begun)
        call.finish(view)
        write(call)
        return entry.release()
      }
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
  private func abandon(_ entry: Pending) {
    defer { entry.release() }
    guard let view = RecordView(entry.bytes) else { return }
    var call = LoggedCall(entry: view)
    if let index = foreign.call(Int(call.number)), foreign.calls[index].special == .execve {
      call.end = .result(0, second: 0)
    }
    write(call)
  }

  /// Writes the calls that threads of these processes were in, in the order of their beginnings.
  func abandon(_ isEnded: (Int32) -> Bool) {
    var ended: [(time: UInt64, tid: Int32)] = []
    for (tid, entry) in pending {
      if let view = RecordView(entry.bytes), isEnded(view.pid) { ended.append((view.time, tid)) }
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
    case .json: objects.write(timed(call))
    case .summary: summary.add(timed(call))
    }
  }

  private func timed(_ call: LoggedCall) -> LoggedCall {
    var call = call
    call.began = clock.nanoseconds(call.began)
    call.ended = clock.nanoseconds(call.ended)
    return call
  }

  /// "[tid] ", or "[pid/tid] " for a thread that is not its process's first.
  private func writePrefix(_ pid: Int32, _ tid: Int32) {
    if prefixed != (pid, tid) {
      prefixed = (pid, tid)
      prefix.removeAll()
      prefix.append(UInt8(ascii: "["))
      if pid != tid {
        prefix.append(decimal: Int(pid))
        prefix.append(UInt8(ascii: "/"))
      }
      prefix.append(decimal: Int(tid))
      prefix.append("] ")
    }
    text.append(prefix.bytes)
  }

  private func writeLine(_ call: LoggedCall) {
    writePrefix(call.pid, call.tid)
    let start = text.count
    calls.write(call)
    let foreignRange = start..<text.count
    if call.isSame, calls.isSameText(call) {
      text.append("  <= same\n")
      return
    }
    for index in 0..<call.nativeCount {
      text.append(index == 0 ? "  <= " : "; ")
      let nativeStart = text.count
      calls.write(native: calls.native(index, of: call), of: call)
      if call.nativeCount == 1, text.isEqual(foreignRange, nativeStart..<text.count) {
        text.cut(to: nativeStart)
        text.append("same")
      }
    }
    text.append(UInt8(ascii: "\n"))
  }

  private func renderSignal(_ view: RecordView) {
    var signal = view.bytes.loadUnaligned(as: persona_log_signal.self)
    signal.record.time = clock.nanoseconds(signal.record.time)
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
