import CWire

/// What a pointer argument pointed to when it was recorded.
struct Capture {
  var bytes: UnsafeRawBufferPointer
  var isTruncated: Bool
  var isFault: Bool
}

/// A record's bytes, of which nothing is believed before it is checked.
struct RecordView {
  let bytes: UnsafeRawBufferPointer

  /// nil when it is shorter than what its kind begins with.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= MemoryLayout<persona_log_record>.stride else { return nil }
    self.bytes = bytes
    let fixed: Int
    switch bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self) {
    case UInt16(PERSONA_LOG_ENTRY.rawValue): fixed = MemoryLayout<persona_log_entry>.stride
    case UInt16(PERSONA_LOG_EXIT.rawValue): fixed = MemoryLayout<persona_log_exit>.stride
    case UInt16(PERSONA_LOG_SIGNAL.rawValue): fixed = MemoryLayout<persona_log_signal>.stride
    default: return nil
    }
    guard bytes.count >= fixed else { return nil }
  }

  var head: persona_log_record { bytes.loadUnaligned(as: persona_log_record.self) }

  /// Reads the captures from byte `offset` on, by argument; what does not fit the record is left out.
  func captures(from offset: Int) -> Captures {
    var captures = Captures()
    var offset = offset
    for _ in 0..<min(Int(head.captures), Int(PERSONA_NESTED_LIMIT.rawValue)) {
      guard offset + MemoryLayout<persona_log_capture>.stride <= bytes.count else { break }
      let head = bytes.loadUnaligned(fromByteOffset: offset, as: persona_log_capture.self)
      offset += MemoryLayout<persona_log_capture>.stride
      let length = Int(head.length)
      guard length <= bytes.count - offset else { break }
      captures[Int(head.argument)] = Capture(
        bytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]),
        isTruncated: head.truncated != 0, isFault: head.fault != 0)
      offset += (length + 7) & ~7
      guard offset <= bytes.count else { break }
    }
    return captures
  }
}

/// Captures by argument, and from PERSONA_NESTED_DATA on those of pointers inside an argument's pointee.
struct Captures {
  private var items: InlineArray<16, Capture?> = .init(repeating: nil)

  subscript(_ argument: Int) -> Capture? {
    get { argument >= 0 && argument < items.count ? items[argument] : nil }
    set { if argument >= 0 && argument < items.count { items[argument] = newValue } }
  }
}

/// A call with its end, ready to be written. Its memory is the records'; it must not outlive them.
struct LoggedCall {
  enum End {
    case result(Int64, second: Int64)
    case error(Int64)
    case restart
    case jump
    /// It has not returned, and will not.
    case unfinished
  }

  var pid: Int32
  var tid: Int32
  /// CLOCK_MONOTONIC, nanoseconds.
  var began: UInt64
  var ended: UInt64
  var number: UInt32
  var arguments: InlineArray<8, UInt64> = .init(repeating: 0)
  var entry = Captures()
  var exit = Captures()
  var end = End.unfinished
  private var natives = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Its beginning was lost.
  var hasEntry = true

  /// The call that `entry` began, without its end.
  init(entry view: RecordView) {
    let record = view.bytes.loadUnaligned(as: persona_log_entry.self)
    pid = record.record.pid
    tid = record.record.tid
    began = record.record.time
    ended = began
    number = record.number
    withUnsafeBytes(of: record.arguments) {
      for index in 0..<8 { arguments[index] = $0.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self) }
    }
    entry = view.captures(from: MemoryLayout<persona_log_entry>.stride)
  }

  /// A call of which only the end is there.
  init(orphan view: RecordView) {
    let record = view.bytes.loadUnaligned(as: persona_log_exit.self)
    pid = record.record.pid
    tid = record.record.tid
    began = record.record.time
    ended = began
    number = record.number
    hasEntry = false
    finish(view)
  }

  /// Adds what an exit record says.
  mutating func finish(_ view: RecordView) {
    let record = view.bytes.loadUnaligned(as: persona_log_exit.self)
    ended = record.record.time
    switch UInt32(record.outcome) {
    case PERSONA_OUTCOME_RESULT.rawValue: end = .result(record.result, second: record.second)
    case PERSONA_OUTCOME_ERROR.rawValue: end = .error(record.result)
    case PERSONA_OUTCOME_RESTART.rawValue: end = .restart
    default: end = .jump
    }
    let offset = MemoryLayout<persona_log_exit>.stride
    let stride = MemoryLayout<persona_log_native>.stride
    let count = min(
      Int(record.native_count), Int(PERSONA_LOG_NATIVE_LIMIT), (view.bytes.count - offset) / stride)
    natives = UnsafeRawBufferPointer(rebasing: view.bytes[offset..<offset + count * stride])
    exit = view.captures(from: offset + count * stride)
  }

  var nativeCount: Int { natives.count / MemoryLayout<persona_log_native>.stride }

  func native(_ index: Int) -> persona_log_native {
    natives.loadUnaligned(
      fromByteOffset: index * MemoryLayout<persona_log_native>.stride, as: persona_log_native.self)
  }

  var succeeded: Bool { if case .result = end { true } else { false } }
}
