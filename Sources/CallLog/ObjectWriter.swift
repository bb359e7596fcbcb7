import CWire

/// Writes calls as JSON Lines.
final class ObjectWriter {
  private let output: TextBuffer
  private let calls: CallWriter
  private var text: TextBuffer { calls.text }

  init(foreign: Vocabulary, linux: Vocabulary, output: TextBuffer) {
    self.output = output
    calls = CallWriter(foreign: foreign, linux: linux, text: TextBuffer(capacity: 8192))
  }

  func write(_ call: LoggedCall) {
    text.removeAll()
    writeHead(call.pid, call.tid, call.began)
    output.append(",\"duration\":")
    output.append(decimal: call.ended >= call.began ? call.ended - call.began : 0)
    output.append(",\"number\":")
    output.append(decimal: UInt64(call.number))
    output.append(",\"call\":")
    calls.writeName(call.number)
    quote(from: 0)
    calls.writeArguments(call, separator: "")
    output.append(",\"arguments\":[")
    var isFirst = true
    for index in 0..<calls.ranges.count where !calls.ranges[index].isEmpty {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      output.append(json: calls.ranges[index], of: text)
    }
    output.append(UInt8(ascii: "]"))
    writeEnd(call)
    output.append(",\"linux\":[")
    for index in 0..<call.nativeCount {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      let start = text.count
      calls.write(native: calls.native(index, of: call), of: call)
      quote(from: start)
    }
    output.append("]}\n")
  }

  private func writeEnd(_ call: LoggedCall) {
    switch call.end {
    case .result(let value, _):
      output.append(",\"result\":")
      output.append(decimal: value)
      let start = text.count
      calls.writeEnd(call)
      output.append(",\"text\":")
      quote(from: start)
    case .error(let errno):
      output.append(",\"result\":-1,\"error\":")
      let start = text.count
      calls.write(errno: errno, calls.foreign)
      quote(from: start)
      let reason = text.count
      if calls.writeReason(call) {
        output.append(",\"why\":")
        quote(from: reason)
      }
    case .restart: output.append(",\"end\":\"restart\"")
    case .jump: output.append(",\"end\":\"jump\"")
    case .unfinished: output.append(",\"end\":\"unfinished\"")
    }
  }

  func write(_ signal: persona_log_signal) {
    text.removeAll()
    writeHead(signal.record.pid, signal.record.tid, signal.record.time)
    output.append(",\"signal\":")
    calls.write(signal: signal)
    quote(from: 0)
    output.append("}\n")
  }

  private func writeHead(_ pid: Int32, _ tid: Int32, _ time: UInt64) {
    output.append("{\"time\":")
    output.append(decimal: time)
    output.append(",\"pid\":")
    output.append(decimal: Int(pid))
    output.append(",\"tid\":")
    output.append(decimal: Int(tid))
  }

  /// Moves what `text` holds from byte `start` on to the output, as a JSON string.
  private func quote(from start: Int) { output.append(json: start..<text.count, of: text) }
}
