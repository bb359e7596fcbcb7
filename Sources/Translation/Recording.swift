import CEngine
import CWire
import Wire

extension Call {
  /// Records that the guest makes this call, with the strings and structures that it passes, and from
  /// here on the Linux calls that become of it.
  public func recordEntry() {
    thread.pointee.native_count = 0
    thread.pointee.recording = 1
    let room = captureRoom(UInt8(PERSONA_IN.rawValue), result: 0) + nestedRoom(.in)
    guard
      var record = LogRecord(
        thread, PERSONA_LOG_ENTRY, size: MemoryLayout<persona_log_entry>.stride, room: room)
    else { return }
    let entry = record.start.assumingMemoryBound(to: persona_log_entry.self)
    entry.pointee.number = UInt32(truncatingIfNeeded: number)
    let count = min(Int(row.pointee.argument_count), Int(PERSONA_MAX_ARGUMENTS))
    entry.pointee.argument_count = UInt32(count)
    withUnsafeMutableBytes(of: &entry.pointee.arguments) {
      for index in 0..<Int(PERSONA_MAX_ARGUMENTS) {
        let word = index < count ? self.word(index) : 0
        $0.storeBytes(of: word, toByteOffset: 8 * index, as: UInt64.self)
      }
    }
    capture(into: &record, UInt8(PERSONA_IN.rawValue), result: 0)
    captureNested(into: &record, .in, total: UInt64.max)
    record.publish()
  }

  /// Records the call's end: the Linux calls made since its entry and, after a success, what it wrote for
  /// the guest. `result` is the value or the foreign errno, as `outcome` says.
  public func recordExit(result: Int, outcome: persona_log_outcome) {
    thread.pointee.recording = 0
    let natives = min(Int(thread.pointee.native_count), Int(PERSONA_LOG_NATIVE_LIMIT))
    let succeeded = outcome == PERSONA_OUTCOME_RESULT
    let size =
      MemoryLayout<persona_log_exit>.stride + natives * MemoryLayout<persona_log_native>.stride
    let room = succeeded ? captureRoom(UInt8(PERSONA_OUT.rawValue), result: result) + nestedRoom(.out) : 0
    guard var record = LogRecord(thread, PERSONA_LOG_EXIT, size: size, room: room) else { return }
    let exit = record.start.assumingMemoryBound(to: persona_log_exit.self)
    exit.pointee.number = UInt32(truncatingIfNeeded: number)
    exit.pointee.outcome = UInt16(outcome.rawValue)
    exit.pointee.native_count = UInt16(natives)
    exit.pointee.result = Int64(result)
    exit.pointee.second = Int64(second)
    withUnsafeBytes(of: &thread.pointee.natives) {
      let bytes = natives * MemoryLayout<persona_log_native>.stride
      (record.start + MemoryLayout<persona_log_exit>.stride)
        .copyMemory(from: $0.baseAddress!, byteCount: bytes)
    }
    if succeeded {
      capture(into: &record, UInt8(PERSONA_OUT.rawValue), result: result)
      captureNested(into: &record, .out, total: UInt64(max(result, 0)))
    }
    record.publish()
  }

  // MARK: Captures

  func word(_ index: Int) -> UInt64 {
    let word = Int(table.argument(row, index).pointee.word)
    return word < Int(PERSONA_MAX_ARGUMENTS) ? words[word] : 0
  }

  /// Bytes that the captures of this direction may take at most.
  private func captureRoom(_ direction: UInt8, result: Int) -> Int {
    var room = 0
    for index in 0..<min(Int(row.pointee.argument_count), Int(PERSONA_MAX_ARGUMENTS)) {
      let limit = captureLimit(index, direction, result)
      if limit > 0 { room += MemoryLayout<persona_log_capture>.stride + LogRecord.rounded(limit) }
    }
    return room
  }

  /// How many bytes of argument `index`'s pointee a record keeps; 0 for none.
  private func captureLimit(_ index: Int, _ direction: UInt8, _ result: Int) -> Int {
    let argument = table.argument(row, index)
    guard word(index) != 0 else { return 0 }
    switch UInt32(argument.pointee.class_) {
    case PERSONA_ARG_STRING.rawValue, PERSONA_ARG_PATH.rawValue, PERSONA_ARG_STRINGS.rawValue:
      return direction == UInt8(PERSONA_IN.rawValue) ? Int(PERSONA_LOG_CAPTURE_LIMIT) : 0
    case PERSONA_ARG_MEMORY.rawValue:
      guard argument.pointee.direction & direction != 0 else { return 0 }
      return min(memorySize(argument, result), memoryLimit(index, argument))
    case PERSONA_ARG_UNION.rawValue:
      guard let entry = unionEntry(argument), entry.pointee.direction & direction != 0 else { return 0 }
      return entry.pointee.is_text != 0 ? Int(PERSONA_LOG_CAPTURE_LIMIT)
        : min(Int(entry.pointee.size), Int(PERSONA_LOG_CAPTURE_LIMIT))
    default: return min(hiddenSize(index, direction), Int(PERSONA_LOG_CAPTURE_LIMIT))
    }
  }

  /// What a union argument points to in this call.
  private func unionEntry(_ argument: UnsafePointer<persona_argument>) -> UnsafePointer<persona_union_entry>? {
    let union = table.union(argument)
    return table.unionEntry(union, word(Int(union.pointee.tag)) & 0xffff_ffff)
  }

  /// Plain bytes are data, of which the log shows the beginning; a socket address and directory entries,
  /// which are bytes too, and anything else is worth its whole length.
  private func memoryLimit(_ index: Int, _ argument: UnsafePointer<persona_argument>) -> Int {
    if argument.pointee.element_size != 1 || argument.pointee.is_set != 0
      || argument.pointee.count_kind == UInt8(PERSONA_COUNT_CONSTANT.rawValue)
    {
      return Int(PERSONA_LOG_CAPTURE_LIMIT)
    }
    if row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) {
      switch HandlerName(rawValue: row.pointee.target) {
      case .bind, .bindat, .connect, .connectat, .accept, .accept4, .getsockname, .getpeername: return 128
      case .sendto, .recvfrom: if index == 4 { return 128 }
      case .getdirentries, .getdirentriesWithBase, .cpusetGetAffinity, .cpusetSetAffinity:
        return Int(PERSONA_LOG_CAPTURE_LIMIT)
      default: break
      }
    }
    return Int(PERSONA_LOG_BUFFER_LIMIT)
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

  private func capture(into record: inout LogRecord, _ direction: UInt8, result: Int) {
    for index in 0..<min(Int(row.pointee.argument_count), Int(PERSONA_MAX_ARGUMENTS)) {
      let limit = captureLimit(index, direction, result)
      guard limit > 0 else { continue }
      let argument = table.argument(row, index)
      switch UInt32(argument.pointee.class_) {
      case PERSONA_ARG_STRING.rawValue, PERSONA_ARG_PATH.rawValue:
        record.captureString(index, at: word(index), limit: limit)
      case PERSONA_ARG_STRINGS.rawValue: record.captureStrings(index, at: word(index), limit: limit)
      case PERSONA_ARG_UNION.rawValue where unionEntry(argument)?.pointee.is_text == 1:
        record.captureString(index, at: word(index), limit: limit)
      case PERSONA_ARG_MEMORY.rawValue:
        let truncated = memorySize(argument, result) > limit
        record.captureMemory(index, at: word(index), count: limit, truncated: truncated)
      default: record.captureMemory(index, at: word(index), count: limit, truncated: false)
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
  call.pointee.arguments = (0, 0, 0, 0, 0, 0, 0, 0)
  entry.publish()
  guard let end = LogRecord(thread, PERSONA_LOG_EXIT, size: MemoryLayout<persona_log_exit>.stride, room: 0)
  else { return }
  let exit = end.start.assumingMemoryBound(to: persona_log_exit.self)
  exit.pointee.number = UInt32(truncatingIfNeeded: number)
  exit.pointee.outcome = UInt16(PERSONA_OUTCOME_ERROR.rawValue)
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
