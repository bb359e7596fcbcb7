import CEngine
import CWire
import Wire

extension Call {
  /// Records that the guest makes this call, with the strings and structures that it passes, and from
  /// here on the Linux calls that become of it.
  public func recordEntry() {
    thread.pointee.native_count = 0
    thread.pointee.recording = 1
    let count = min(Int(row.pointee.argument_count), Int(PERSONA_MAX_ARGUMENTS))
    if count > 0 { keepArguments(count) }
    let size = MemoryLayout<persona_log_entry>.stride &+ 8 &* count
    let room = Int(row.pointee.in_room)
    guard var record = LogRecord(thread, PERSONA_LOG_ENTRY, size: size, room: room) else { return }
    let entry = record.start.assumingMemoryBound(to: persona_log_entry.self)
    entry.pointee.number = UInt32(truncatingIfNeeded: number)
    entry.pointee.argument_count = UInt32(truncatingIfNeeded: count)
    let told = (record.start + MemoryLayout<persona_log_entry>.stride).assumingMemoryBound(to: UInt64.self)
    var index = 0
    while index < count {
      told[index] = word(index)
      index &+= 1
    }
    if room != 0 { capture(into: &record, UInt8(PERSONA_IN.rawValue), result: 0) }
    record.publish()
  }

  /// Records the call's end: the Linux calls made since its entry and, after a success, what it wrote for
  /// the guest. `result` is the value or the foreign errno, as `outcome` says.
  /// - Parameter isSame: it became its row's Linux call, with the same words and the same result.
  public func recordExit(result: Int, outcome: persona_log_outcome, isSame: Bool = false) {
    thread.pointee.recording = 0
    let natives = min(Int(thread.pointee.native_count), Int(PERSONA_LOG_NATIVE_LIMIT))
    let room = outcome == PERSONA_OUTCOME_RESULT ? Int(row.pointee.out_room) : 0
    let fixed = MemoryLayout<persona_log_exit>.stride
    guard
      var record = LogRecord(
        thread, PERSONA_LOG_EXIT, size: fixed, room: room &+ natives &* MemoryLayout<persona_log_native>.stride)
    else { return }
    let exit = record.start.assumingMemoryBound(to: persona_log_exit.self)
    exit.pointee.number = UInt32(truncatingIfNeeded: number)
    exit.pointee.outcome = UInt8(truncatingIfNeeded: outcome.rawValue)
    exit.pointee.is_same = isSame ? 1 : 0
    exit.pointee.native_count = UInt16(truncatingIfNeeded: natives)
    exit.pointee.result = Int64(result)
    exit.pointee.second = Int64(second ?? 0)
    if natives > 0 { record.append(thread, natives: natives) }
    if room != 0 { capture(into: &record, UInt8(PERSONA_OUT.rawValue), result: result) }
    record.publish()
  }

  // MARK: Captures

  /// Keeps each argument's first word, by argument, until the call's end is recorded.
  private func keepArguments(_ count: Int) {
    let first = UnsafeRawPointer(table.argument(row, 0))
    let kept = arguments
    withUnsafeBytes(of: words) { words in
      for index in 0..<count {
        let argument = first + index &* MemoryLayout<persona_argument>.stride
        let word = Int(argument.assumingMemoryBound(to: persona_argument.self).pointee.word)
        kept[index] =
          word < Int(PERSONA_MAX_ARGUMENTS)
          ? words.baseAddress.unsafelyUnwrapped.load(fromByteOffset: 8 &* word, as: UInt64.self) : 0
      }
    }
  }

  @inline(__always)
  private var arguments: UnsafeMutablePointer<UInt64> {
    (UnsafeMutableRawPointer(thread) + Int(PERSONA_THREAD_ARGUMENTS.rawValue)).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  func word(_ index: Int) -> UInt64 { arguments[index] }

  /// What a union argument points to in this call.
  private func unionEntry(_ argument: UnsafePointer<persona_argument>) -> UnsafePointer<persona_union_entry>? {
    let union = table.union(argument)
    return table.unionEntry(union, word(Int(union.pointee.tag)) & 0xffff_ffff)
  }

  /// Bytes that `argument` points to in the foreign layout.
  private func memorySize(_ argument: UnsafePointer<persona_argument>, _ result: Int) -> Int {
    let elements: UInt64
    switch UInt32(argument.pointee.count_kind) {
    case PERSONA_COUNT_CONSTANT.rawValue: elements = UInt64(argument.pointee.count)
    case PERSONA_COUNT_ARGUMENT.rawValue: elements = count(Int(argument.pointee.count))
    case PERSONA_COUNT_RESULT.rawValue: elements = result > 0 ? UInt64(result) : 0
    case PERSONA_COUNT_POINTEE.rawValue:
      var value: UInt32 = 0
      let index = Int(argument.pointee.count)
      guard index < Int(row.pointee.argument_count), persona_load32(word(index), &value) == 0 else {
        return 0
      }
      elements = UInt64(value)
    default: return 0
    }
    let (bytes, overflow) = elements.multipliedReportingOverflow(by: UInt64(argument.pointee.element_size))
    return overflow || bytes > UInt64(Int32.max) ? Int(Int32.max) : Int(bytes)
  }

  /// The value of an argument that counts another's elements.
  private func count(_ index: Int) -> UInt64 {
    guard index < Int(row.pointee.argument_count) else { return 0 }
    let value = word(index)
    switch UInt32(table.argument(row, index).pointee.conversion) {
    case PERSONA_CONVERT_SIGN32.rawValue: return UInt64(max(Int32(truncatingIfNeeded: value), 0))
    case PERSONA_CONVERT_ZERO32.rawValue: return value & 0xffff_ffff
    default: return value
    }
  }

  /// Bytes behind a pointer of which the call's other arguments tell what it points to.
  private func hiddenSize(_ index: Int, _ direction: UInt8) -> Int {
    guard row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) else { return 0 }
    switch HandlerName(rawValue: row.pointee.target) {
    case .ioctl:
      guard index == 2, let request = table.request(word(1) & 0xffff_ffff) else { return 0 }
      return request.pointee.direction & direction != 0 ? Int(request.pointee.size) : 0
    case .userMutex:
      // Timeouts of kern_umtx.c: a struct _umtx_time of the size in the argument before, or a timespec.
      guard index == 4, direction == UInt8(PERSONA_IN.rawValue) else { return 0 }
      return word(3) >= 24 && word(3) < 4096 ? 24 : 16
    case .select, .pselect:
      // Sets of descriptors in words of a long; 8192 descriptors are enough to show.
      guard index >= 1, index <= 3 else { return 0 }
      return (Int(max(0, min(Int32(truncatingIfNeeded: word(0)), 8192))) + 63) / 64 * 8
    default: return 0
    }
  }

  /// Captures what the arguments point to that the call reads (PERSONA_IN) or has written (PERSONA_OUT).
  @inline(never)
  private func capture(into record: inout LogRecord, _ direction: UInt8, result: Int) {
    let special = row.pointee.log_special
    let count = min(Int(row.pointee.argument_count), Int(PERSONA_MAX_ARGUMENTS))
    var index = 0
    while index < count {
      defer { index &+= 1 }
      let argument = table.argument(row, index)
      let address = word(index)
      guard address != 0 else { continue }
      let isWanted = argument.pointee.direction & direction != 0
      let shown = Int(argument.pointee.shown)
      switch UInt32(argument.pointee.class_) {
      case PERSONA_ARG_VALUE.rawValue:
        guard special == UInt8(PERSONA_LOG_HIDDEN.rawValue) else { continue }
        let size = min(hiddenSize(index, direction), shown)
        if size > 0 { record.captureMemory(index, at: address, count: size, truncated: false) }
      case PERSONA_ARG_MEMORY.rawValue:
        guard isWanted else { continue }
        let size = memorySize(argument, result)
        guard size > 0 else { continue }
        record.captureMemory(index, at: address, count: min(size, shown), truncated: size > shown)
      case PERSONA_ARG_STRING.rawValue, PERSONA_ARG_PATH.rawValue:
        if isWanted { record.captureString(index, at: address, limit: shown) }
      case PERSONA_ARG_STRINGS.rawValue:
        if isWanted { record.captureStrings(index, at: address, limit: shown) }
      default:
        guard let entry = unionEntry(argument), entry.pointee.direction & direction != 0 else { continue }
        if entry.pointee.is_text != 0 {
          record.captureString(index, at: address, limit: shown)
        } else if entry.pointee.size > 0 {
          record.captureMemory(index, at: address, count: min(Int(entry.pointee.size), shown), truncated: false)
        }
      }
    }
    if special == UInt8(PERSONA_LOG_NESTED.rawValue) {
      if direction == UInt8(PERSONA_IN.rawValue) {
        captureNested(into: &record, .in, total: UInt64.max)
      } else {
        captureNested(into: &record, .out, total: UInt64(max(result, 0)))
      }
    }
  }
}

/// Records a call whose number the personality does not have.
public func recordMissingCall(
  _ thread: UnsafeMutablePointer<persona_thread>, number: UInt64, errno: Int
) {
  guard
    let entry = LogRecord(thread, PERSONA_LOG_ENTRY, size: MemoryLayout<persona_log_entry>.stride, room: 0)
  else { return }
  let call = entry.start.assumingMemoryBound(to: persona_log_entry.self)
  call.pointee.number = UInt32(truncatingIfNeeded: number)
  call.pointee.argument_count = 0
  entry.publish()
  guard let end = LogRecord(thread, PERSONA_LOG_EXIT, size: MemoryLayout<persona_log_exit>.stride, room: 0)
  else { return }
  let exit = end.start.assumingMemoryBound(to: persona_log_exit.self)
  exit.pointee.number = UInt32(truncatingIfNeeded: number)
  exit.pointee.outcome = UInt8(PERSONA_OUTCOME_ERROR.rawValue)
  exit.pointee.is_same = 0
  exit.pointee.native_count = 0
  exit.pointee.result = Int64(errno)
  exit.pointee.second = 0
  end.publish()
}

/// Records that the guest's handler is about to run. `signal` and `code` are the personality's;
/// `address` is si_addr, or the sender's pid.
public func recordSignal(
  _ thread: UnsafeMutablePointer<persona_thread>, signal: Int32, code: Int32, address: UInt64,
  handler: UInt64
) {
  guard
    let record = LogRecord(
      thread, PERSONA_LOG_SIGNAL, size: MemoryLayout<persona_log_signal>.stride, room: 0)
  else { return }
  let delivery = record.start.assumingMemoryBound(to: persona_log_signal.self)
  delivery.pointee.signal = signal
  delivery.pointee.code = code
  delivery.pointee.address = address
  delivery.pointee.handler = handler
  record.publish()
}
