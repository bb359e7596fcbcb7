import CWire

/// Calls of which the record says that they became their row's Linux call, with the same words and the same result.
extension CallWriter {
  struct Counterpart {
    /// The Linux call, by its index; -1 where the row is not one.
    var index: Int32 = -1
    /// Both sides' texts are equal where all words are, but for pointers that are equal among themselves.
    var isPlain = false
  }

  static func findCounterparts(
    _ foreign: Vocabulary, _ linux: Vocabulary
  ) -> UnsafeMutableBufferPointer<Counterpart> {
    var byName: [String: Int] = [:]
    for (index, call) in linux.calls.enumerated() {
      byName[String(decoding: linux.bytes(call.name), as: UTF8.self)] = index
    }
    let made = UnsafeMutableBufferPointer<Counterpart>.allocate(capacity: foreign.calls.count)
    for (position, call) in foreign.calls.enumerated() {
      var counterpart = Counterpart()
      if !call.native.isEmpty, let index = byName[String(decoding: foreign.bytes(call.native), as: UTF8.self)] {
        counterpart.index = Int32(index)
        counterpart.isPlain = isPlain(foreign, call, linux, linux.calls[index])
      }
      made.initializeElement(at: position, to: counterpart)
    }
    return made
  }

  private static func isPlain(
    _ foreign: Vocabulary, _ call: Vocabulary.Call, _ linux: Vocabulary, _ other: Vocabulary.Call
  ) -> Bool {
    guard foreign.isEqual(call.name, linux, other.name), call.special == .none, other.special == .none,
      call.arguments.count == other.arguments.count, call.arguments.count <= 6,
      case .value(let result) = call.result, case .value(let otherResult) = other.result,
      isEqual(result, otherResult)
    else { return false }
    for index in 0..<call.arguments.count {
      let (argument, counterpart) = (call.arguments[index], other.arguments[index])
      if isPointer(counterpart) {
        guard isPointer(argument) else { return false }
      } else {
        guard argument.form == .value, isEqual(argument.value, counterpart.value) else { return false }
        // A mode may be left out.
        if argument.value.kind == .mode { return false }
      }
    }
    return true
  }

  private static func isPointer(_ argument: Vocabulary.Argument) -> Bool {
    switch argument.form {
    case .value: argument.value.kind == .address
    case .union: false
    case .text, .strings, .pointer: true
    }
  }

  /// Whether a word reads the same on both sides.
  private static func isEqual(_ value: Vocabulary.Value, _ other: Vocabulary.Value) -> Bool {
    func isDecimal(_ kind: Vocabulary.Value.Kind) -> Bool { kind == .decimal || kind == .identity }
    guard value.width == other.width, value.isSigned == other.isSigned else { return false }
    switch value.kind {
    case .decimal, .identity: return isDecimal(other.kind)
    case .descriptor, .unsigned, .octal, .mode, .device, .address: return value.kind == other.kind
    default: return false
    }
  }

  /// Whether Linux's side of `call`, whose foreign side has just been written, would read the same; false also where
  /// only writing it tells.
  func isSameText(_ call: LoggedCall) -> Bool {
    guard call.hasEntry, case .result(let result, _) = call.end, result >= 0,
      let index = foreign.call(Int(call.number)), counterparts[index].isPlain
    else { return false }
    let arguments = foreign.calls[index].arguments
    // Linux's side takes a pointer's text from the first argument with the same word.
    for position in 1..<max(arguments.count, 1) where CallWriter.isPointer(arguments[position]) {
      for earlier in 0..<position where call.arguments[earlier] == call.arguments[position] { return false }
    }
    return true
  }

  /// One of the Linux calls that `call` became.
  func native(_ index: Int, of call: LoggedCall) -> persona_log_native {
    guard call.isSame else { return call.native(index) }
    var native = persona_log_native()
    native.number = UInt32.max
    if let row = foreign.call(Int(call.number)), counterparts[row].index >= 0 {
      native.number = UInt32(truncatingIfNeeded: linux.calls[Int(counterparts[row].index)].number)
    }
    native.arguments = (
      call.arguments[0], call.arguments[1], call.arguments[2], call.arguments[3], call.arguments[4],
      call.arguments[5]
    )
    if case .result(let result, _) = call.end { native.result = result }
    return native
  }
}
