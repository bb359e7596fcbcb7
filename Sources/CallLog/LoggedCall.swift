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
    switch UInt32(kind) {
    case PERSONA_LOG_ENTRY.rawValue: fixed = MemoryLayout<persona_log_entry>.stride
    case PERSONA_LOG_EXIT.rawValue: fixed = MemoryLayout<persona_log_exit>.stride
    case PERSONA_LOG_SIGNAL.rawValue: fixed = MemoryLayout<persona_log_signal>.stride
    default: return nil
    }
    guard bytes.count >= fixed else { return nil }
  }

  var kind: UInt16 { bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self) }
  var pid: Int32 { bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self) }
  var tid: Int32 { bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self) }
  var time: UInt64 { bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self) }
  /// The call's number, in an entry or exit.
  var number: UInt32 { bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self) }

  /// The captures from byte `offset` on.
  func captures(from offset: Int) -> Captures {
    Captures(
      UnsafeRawBufferPointer(rebasing: bytes[offset...]),
      count: Int(bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)))
  }
}

/// Captures by argument, and from PERSONA_NESTED_DATA on those of pointers inside an argument's pointee. What does not
/// fit the record is left out.
struct Captures {
  private let bytes: UnsafeRawBufferPointer
  private let count: Int

  init() { (bytes, count) = (UnsafeRawBufferPointer(start: nil, count: 0), 0) }

  fileprivate init(_ bytes: UnsafeRawBufferPointer, count: Int) {
    self.bytes = bytes
    self.count = min(count, Int(PERSONA_NESTED_LIMIT.rawValue))
  }

  subscript(_ argument: Int) -> Capture? {
    var offset = 0
    for _ in 0..<count {
      guard offset + MemoryLayout<persona_log_capture>.stride <= bytes.count else { return nil }
      let head = bytes.loadUnaligned(fromByteOffset: offset, as: persona_log_capture.self)
      offset += MemoryLayout<persona_log_capture>.stride
      let length = Int(head.length)
      guard length <= bytes.count - offset else { return nil }
      if Int(head.argument) == argument {
        return Capture(
          bytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]),
          isTruncated: head.truncated != 0, isFault: head.fault != 0)
      }
      offset += (length + 7) & ~7
    }
    return nil
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
  /// It became its row's Linux call with the same words and result, of which the record says no more.
  var isSame = false
  private var natives = UnsafeRawBufferPointer(start: nil, count: 0)
  private var recordedNatives = 0
  /// Its beginning was lost.
  var hasEntry = true

  /// The call that `entry` began, without its end.
  init(entry view: RecordView) {
    pid = view.pid
    tid = view.tid
    began = view.time
    ended = began
    number = view.number
    let start = MemoryLayout<persona_log_entry>.stride
    let told = Int(view.bytes.loadUnaligned(fromByteOffset: 28, as: UInt32.self))
    let count = min(told, 8, (view.bytes.count - start) / 8)
    for index in 0..<count {
      arguments[index] = view.bytes.loadUnaligned(fromByteOffset: start + 8 * index, as: UInt64.self)
    }
    entry = view.captures(from: start + 8 * count)
  }

  /// A call of which only the end is there.
  init(orphan view: RecordView) {
    pid = view.pid
    tid = view.tid
    began = view.time
    ended = began
    number = view.number
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
    isSame = record.is_same != 0 && hasEntry
    let start = MemoryLayout<persona_log_exit>.stride
    var offset = start
    let count = min(Int(record.native_count), Int(PERSONA_LOG_NATIVE_LIMIT))
    while recordedNatives < count, let size = LoggedCall.nativeSize(view.bytes, at: offset) {
      recordedNatives += 1
      offset += size
    }
    natives = UnsafeRawBufferPointer(rebasing: view.bytes[start..<offset])
    exit = view.captures(from: offset)
  }

  /// Bytes of the native call at `offset`; nil where none fits.
  private static func nativeSize(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    let fixed = MemoryLayout<persona_log_native>.offset(of: \.arguments)!
    guard offset + fixed <= bytes.count else { return nil }
    let count = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
    return count <= 6 && offset + fixed + 8 * count <= bytes.count ? fixed + 8 * count : nil
  }

  /// The Linux calls that the record lists, or the one that it says is the row's.
  var nativeCount: Int { isSame ? 1 : recordedNatives }

  /// One of the calls that the record lists.
  func native(_ index: Int) -> persona_log_native {
    var offset = 0
    for _ in 0..<index { offset += LoggedCall.nativeSize(natives, at: offset) ?? 0 }
    var native = persona_log_native()
    let size = LoggedCall.nativeSize(natives, at: offset) ?? 0
    withUnsafeMutableBytes(of: &native) {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: natives[offset..<offset + size]))
    }
    return native
  }
}
