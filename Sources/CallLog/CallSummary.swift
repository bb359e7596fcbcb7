/// Counts of calls, as `strace -c` gives them.
struct CallSummary {
  private struct Line {
    var calls = 0
    var errors = 0
    var natives = 0
    var time: UInt64 = 0
  }

  private var lines: [UInt32: Line] = [:]

  mutating func add(_ call: LoggedCall) {
    var line = lines[call.number] ?? Line()
    line.calls += 1
    if case .error = call.end { line.errors += 1 }
    line.natives += call.nativeCount
    line.time &+= call.ended >= call.began ? call.ended - call.began : 0
    lines[call.number] = line
  }

  /// The most time first. "seconds" is from a call's entry to its exit, waiting included.
  func write(to text: TextBuffer, _ foreign: Vocabulary) {
    let sorted = lines.sorted { ($1.value.time, $0.key) < ($0.value.time, $1.key) }
    var total = Line()
    text.append("     seconds      calls     errors      linux  call\n")
    for (number, line) in sorted {
      CallSummary.write(line, to: text)
      if let index = foreign.call(Int(number)) {
        foreign.append(foreign.calls[index].name, to: text)
      } else {
        text.append("nosys_")
        text.append(decimal: UInt64(number))
      }
      text.append(UInt8(ascii: "\n"))
      total.calls += line.calls
      total.errors += line.errors
      total.natives += line.natives
      total.time &+= line.time
    }
    CallSummary.write(total, to: text)
    text.append("total\n")
  }

  private static func write(_ line: Line, to text: TextBuffer) {
    let microseconds = line.time / 1000
    pad(microseconds / 1_000_000, 5, to: text)
    text.append(UInt8(ascii: "."))
    var digit: UInt64 = 100_000
    while digit > 0 {
      text.append(48 + UInt8(microseconds / digit % 10))
      digit /= 10
    }
    for count in [line.calls, line.errors, line.natives] {
      pad(UInt64(count), 11, to: text)
    }
    text.append("  ")
  }

  private static func pad(_ value: UInt64, _ width: Int, to text: TextBuffer) {
    var digits = 1
    var rest = value / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    for _ in 0..<max(0, width - digits) { text.append(UInt8(ascii: " ")) }
    text.append(decimal: value)
  }
}
