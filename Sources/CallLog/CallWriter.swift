import CWire
import PersonalityTables

/// Writes calls with their arguments and results, the foreign side and Linux's.
final class CallWriter {
  let foreign: Vocabulary
  let linux: Vocabulary
  let text: TextBuffer
  private let values: ValueWriter
  private let linuxValues: ValueWriter
  /// Where each argument of the last foreign call written stands in `text`.
  private(set) var ranges = Ranges()
  /// By the index of a foreign call: what a record means by the row's Linux call.
  let counterparts: UnsafeMutableBufferPointer<Counterpart>
  private let memo = NativeMemo()

  struct Ranges {
    private var items: InlineArray<8, Range<Int>> = .init(repeating: 0..<0)
    private(set) var count = 0

    subscript(_ index: Int) -> Range<Int> { items[index] }

    mutating func append(_ range: Range<Int>) {
      items[count] = range
      count += 1
    }

    mutating func removeAll() { count = 0 }
  }

  init(foreign: Vocabulary, linux: Vocabulary, text: TextBuffer) {
    self.foreign = foreign
    self.linux = linux
    self.text = text
    values = ValueWriter(vocabulary: foreign, text: text)
    linuxValues = ValueWriter(vocabulary: linux, text: text)
    counterparts = CallWriter.findCounterparts(foreign, linux)
  }

  deinit { counterparts.deallocate() }

  // MARK: The foreign side

  /// "open("/etc/passwd", O_RDONLY) = 3"
  func write(_ call: LoggedCall) {
    writeName(call.number)
    text.append(UInt8(ascii: "("))
    writeArguments(call, separator: ", ")
    text.append(") = ")
    writeEnd(call)
  }

  func writeName(_ number: UInt32) {
    if let index = foreign.call(Int(number)) { return foreign.append(foreign.calls[index].name, to: text) }
    text.append("nosys_")
    text.append(decimal: UInt64(number))
  }

  /// Writes the arguments and notes their `ranges`; one that the call does not look at has an empty one.
  func writeArguments(_ call: LoggedCall, separator: StaticString) {
    ranges.removeAll()
    guard let index = foreign.call(Int(call.number)) else { return text.append("...") }
    // A child begins with the end of its parent's fork, of which nothing is missing.
    guard call.hasEntry || foreign.calls[index].arguments.isEmpty else { return text.append("...") }
    let count = min(foreign.calls[index].arguments.count, 8)
    for position in 0..<count {
      if isLeftOut(foreign, foreign.calls[index], position, { call.arguments[$0] }) {
        ranges.append(text.count..<text.count)
        continue
      }
      if position > 0 { text.append(separator) }
      let start = text.count
      write(call, foreign.calls[index], position)
      ranges.append(start..<text.count)
    }
  }

  private func write(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) {
    write(call, form, position, form.arguments[position])
  }

  func write(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int, _ argument: Vocabulary.Argument) {
    let word = call.arguments[position]
    if argument.form == .union { return write(union: call, form, position) }
    if form.special != .none, writeSpecial(call, form, position, values) { return }
    switch argument.form {
    case .value, .union: values.write(word: word, argument.value)
    case .text:
      guard let capture = readable(call.entry[position]) else { return write(address: word) }
      text.append(quoted: capture.bytes)
      if capture.isTruncated { text.append("...") }
    case .strings:
      guard let capture = readable(call.entry[position]) else { return write(address: word) }
      write(strings: capture, isEnvironment: argument.isEnvironment)
    case .pointer:
      let before = readable(call.entry[position])
      let after = readable(call.exit[position])
      if let before { write(before, argument.value, isArray: argument.isArray) }
      if let after {
        if let before {
          if before.bytes.elementsEqual(after.bytes) { return }
          text.append(" => ")
        }
        write(after, argument.value, isArray: argument.isArray)
      } else if before == nil {
        if case .result(0, _) = call.end, argument.isCountedByResult, word != 0 {
          let isText = argument.value.kind == .bytes || argument.value.kind == .text
          text.append(isText && form.special != .directory ? "\"\"" : "[]")
        } else {
          write(address: word)
        }
      }
    }
  }

  private func readable(_ capture: Capture?) -> Capture? {
    guard let capture, !capture.isFault else { return nil }
    return capture
  }

  private func write(address: UInt64) {
    if address == 0 { text.append("NULL") } else { text.append(hex: address) }
  }

  /// What a pointer points to, as `value` says.
  func write(_ capture: Capture, _ value: Vocabulary.Value, isArray: Bool) {
    switch value.kind {
    case .bytes:
      text.append(quoted: capture.bytes)
      if capture.isTruncated { text.append("...") }
    case .text:
      values.write(memory: capture.bytes, value)
      if capture.isTruncated { text.append("...") }
    case .structure where !isArray, .socketAddress, .signalSet, .bitSet: values.write(memory: capture.bytes, value)
    default: values.write(array: capture.bytes, value, truncated: capture.isTruncated)
    }
  }

  /// "["ls", "-l"]"; of an environment only how much there is.
  private func write(strings capture: Capture, isEnvironment: Bool) {
    text.append(UInt8(ascii: "["))
    var start = 0
    var count = 0
    for position in 0..<capture.bytes.count where capture.bytes[position] == 0 {
      if !isEnvironment {
        if count > 0 { text.append(", ") }
        text.append(quoted: UnsafeRawBufferPointer(rebasing: capture.bytes[start..<position]))
      }
      count += 1
      start = position + 1
    }
    if isEnvironment {
      text.append("/* ")
      text.append(decimal: count)
      text.append(
        capture.isTruncated ? " or more variables */" : count == 1 ? " variable */" : " variables */")
    } else if capture.isTruncated {
      text.append(count > 0 ? ", ..." : "...")
    }
    text.append(UInt8(ascii: "]"))
  }

  /// The result, or the error and what there is to say of it.
  func writeEnd(_ call: LoggedCall) {
    let index = foreign.call(Int(call.number))
    switch call.end {
    case .unfinished, .jump: text.append(UInt8(ascii: "?"))
    case .restart: text.append("? (restart)")
    case .error(let errno):
      text.append("-1 ")
      write(errno: errno, foreign)
      if writeReason(call, behind: " (") { text.append(UInt8(ascii: ")")) }
    case .result(let value, let second):
      guard let index else { return text.append(decimal: value) }
      if foreign.calls[index].special == .fcntl,
        writeControl(result: value, call.arguments[1], foreign, values)
      {
        return
      }
      write(result: value, second, foreign.calls[index].result, values)
    }
  }

  func write(errno: Int64, _ vocabulary: Vocabulary) {
    let name = vocabulary.errno(errno)
    if !name.isEmpty { return vocabulary.append(name, to: text) }
    text.append("errno ")
    text.append(decimal: errno)
  }

  private func write(
    result: Int64, _ second: Int64, _ form: Vocabulary.ResultForm, _ values: ValueWriter
  ) {
    switch form {
    case .value(let value):
      // A size that came back is small; shown signed, a wrong one shows itself.
      if value.kind == .unsigned { return text.append(decimal: result) }
      values.write(word: UInt64(bitPattern: result), value)
    case .pair:
      text.append(decimal: result)
      text.append(", ")
      text.append(decimal: second)
    case .never: text.append(UInt8(ascii: "?"))
    }
  }

  // MARK: The Linux side

  /// "openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3"; pointers that the guest passed look as they look on the
  /// foreign side, whose arguments must have been written just before.
  func write(native: persona_log_native, of call: LoggedCall) {
    let number = Int(Int32(bitPattern: native.number))
    guard let index = linux.call(number) else { return write(unknown: native) }
    var isFixed = !namesEngine(call)
    if isFixed, memo.append(call.number, native, to: text) { return }
    let form = linux.calls[index]
    let start = text.count
    if form.special != .none { isFixed = false }
    linux.append(form.name, to: text)
    text.append(UInt8(ascii: "("))
    withUnsafeBytes(of: native.arguments) { words in
      for position in 0..<min(form.arguments.count, 6) {
        if isLeftOut(linux, form, position, { words.load(fromByteOffset: 8 * $0, as: UInt64.self) }) {
          continue
        }
        if position > 0 { text.append(", ") }
        let word = words.load(fromByteOffset: 8 * position, as: UInt64.self)
        let argument = form.arguments[position]
        if form.special != .none, writeSpecial(native: form, words, position, linuxValues) { continue }
        if argument.form == .value, argument.value.kind != .address {
          linuxValues.write(word: word, argument.value)
        } else {
          if !write(pointer: word, position, form, call) { isFixed = false }
        }
      }
    }
    text.append(") = ")
    if form.special == .fcntl, writeControl(result: native.result, native.arguments.1, linux, linuxValues) {
      return
    }
    write(nativeResult: native.result, form.result)
    if isFixed { memo.keep(call.number, native, UnsafeRawBufferPointer(rebasing: text.bytes[start...])) }
  }

  /// Whether the guest has passed an address that can only be the engine's: then Linux's side may look as the foreign one.
  private func namesEngine(_ call: LoggedCall) -> Bool {
    for index in 0..<ranges.count
    where call.arguments[index] >= UInt64(PERSONA_RESERVED_START) && call.arguments[index] < UInt64(PERSONA_RESERVED_END) {
      return true
    }
    return false
  }

  private func write(unknown native: persona_log_native) {
    text.append("syscall_")
    text.append(decimal: UInt64(native.number))
    text.append(UInt8(ascii: "("))
    withUnsafeBytes(of: native.arguments) { words in
      for position in 0..<6 {
        if position > 0 { text.append(", ") }
        text.append(hex: words.load(fromByteOffset: 8 * position, as: UInt64.self))
      }
    }
    text.append(") = ")
    write(nativeResult: native.result, .value(Vocabulary.Value(kind: .decimal, isSigned: true, width: 8)))
  }

  private func write(nativeResult result: Int64, _ form: Vocabulary.ResultForm) {
    switch result {
    case -4095 ..< -516, -511 ... -1:
      text.append("-1 ")
      write(errno: -result, linux)
    case -516 ... -512: text.append("? (restart)")
    default: write(result: result, 0, form, linuxValues)
    }
  }

  /// Answers whether the same word of the same row's call always reads so.
  private func write(
    pointer word: UInt64, _ position: Int, _ form: Vocabulary.Call, _ call: LoggedCall
  ) -> Bool {
    if word == 0 {
      text.append("NULL")
      return true
    }
    for index in 0..<ranges.count where call.arguments[index] == word && !ranges[index].isEmpty {
      text.append(copyOf: ranges[index])
      return false
    }
    guard word >= UInt64(PERSONA_RESERVED_START), word < UInt64(PERSONA_RESERVED_END) else {
      text.append(hex: word)
      return false
    }
    if let argument = convertedArgument(call, form, position) {
      text.append("<converted ")
      foreign.append(argument, to: text)
      text.append(UInt8(ascii: ">"))
      return foreign.call(Int(call.number)).map { !foreign.calls[$0].native.isEmpty } ?? false
    }
    text.append("[engine]")
    return foreign.call(Int(call.number)).map { !foreign.isEqual(foreign.calls[$0].name, linux, form.name) } ?? false
  }

  /// The argument whose copy the engine passes on: by the row's operands, or by its place where a handler
  /// calls Linux's call of the same name.
  private func convertedArgument(
    _ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int
  ) -> Vocabulary.Name? {
    guard let index = foreign.call(Int(call.number)) else { return nil }
    let row = foreign.calls[index]
    if foreign.isEqual(row.native, linux, form.name) {
      guard position < row.operands.count, row.operands[position] >= 0,
        row.operands[position] < row.arguments.count
      else { return nil }
      return row.arguments[row.operands[position]].name
    }
    guard foreign.isEqual(row.name, linux, form.name), position < row.arguments.count,
      call.arguments[position] != 0
    else { return nil }
    return row.arguments[position].name
  }
}
