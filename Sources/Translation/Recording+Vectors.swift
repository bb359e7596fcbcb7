import CEngine
import CWire
import Wire

/// Captures of what lies behind the pointers in iovecs and message headers.
extension Call {
  enum Moment { case `in`, out }

  /// Calls whose second argument holds data behind pointers of its own, and when the data is there.
  private enum Gathering {
    case none
    case vector(Moment)
    case message(Moment)
  }

  private var gathering: Gathering {
    guard row.pointee.argument_count > 1 else { return .none }
    switch UInt32(row.pointee.kind) {
    case PERSONA_CALL_TRANSLATE.rawValue:
      switch Int32(row.pointee.target) {
      case __NR_readv, __NR_preadv: return .vector(.out)
      case __NR_writev, __NR_pwritev: return .vector(.in)
      default: return .none
      }
    case PERSONA_CALL_HANDLER.rawValue:
      switch HandlerName(rawValue: row.pointee.target) {
      case .sendmsg: return .message(.in)
      case .recvmsg: return .message(.out)
      default: return .none
      }
    default: return .none
    }
  }

  private static var pieces: Int { Int(PERSONA_NESTED_VECTOR.rawValue - PERSONA_NESTED_DATA.rawValue) }
  private static var addressLimit: Int { 128 }
  /// Bytes of a 64-bit struct iovec, the same in every Unix.
  private static var vectorSize: Int { 16 }

  /// Captures the beginnings of the first few buffers, of `total` bytes in all, and a message's address.
  func captureNested(into record: inout LogRecord, _ moment: Moment, total: UInt64) {
    switch gathering {
    case .vector(moment):
      captureData(into: &record, at: word(1), count: word(2) & 0xffff_ffff, total)
    case .message(moment): captureMessage(into: &record, total)
    default: break
    }
  }

  private func captureMessage(into record: inout LogRecord, _ total: UInt64) {
    let vector = messageField("msg_iov")
    let count = messageField("msg_iovlen")
    if vector != 0, count > 0 {
      let shown = min(count, UInt64(Call.pieces))
      record.captureMemory(
        Int(PERSONA_NESTED_VECTOR.rawValue), at: vector, count: Int(shown) * Call.vectorSize,
        truncated: shown < count)
      captureData(into: &record, at: vector, count: count, total)
    }
    let address = messageField("msg_name")
    let length = min(messageField("msg_namelen"), UInt64(Call.addressLimit))
    if address != 0, length > 0 {
      record.captureMemory(
        Int(PERSONA_NESTED_ADDRESS.rawValue), at: address, count: Int(length), truncated: false)
    }
  }

  private func captureData(into record: inout LogRecord, at vector: UInt64, count: UInt64, _ total: UInt64) {
    var rest = total
    for index in 0..<Int(min(count, UInt64(Call.pieces))) {
      var element: InlineArray<2, UInt64> = [0, 0]
      guard read(&element, at: vector &+ UInt64(index * Call.vectorSize)) else { return }
      let length = min(element[1], rest)
      rest -= length
      let shown = min(length, UInt64(PERSONA_LOG_BUFFER_LIMIT))
      record.captureMemory(
        Int(PERSONA_NESTED_DATA.rawValue) + index, at: element[0], count: Int(shown),
        truncated: shown < length)
    }
  }

  /// A field of the message header by its name; 0 when the structure lacks it or cannot be read.
  private func messageField(_ name: StaticString) -> UInt64 {
    let structure = table.structure(Int(table.argument(row, 1).pointee.parameter))
    for position in 0..<Int(structure.pointee.count) {
      let field = table.field(structure, position)
      guard isName(table.string(field.pointee.name), name) else { continue }
      let address = word(1) &+ UInt64(field.pointee.foreign_offset)
      if field.pointee.foreign_width == 8 {
        var value: UInt64 = 0
        return read(&value, at: address) ? value : 0
      }
      var value: UInt32 = 0
      return field.pointee.foreign_width == 4 && read(&value, at: address) ? UInt64(value) : 0
    }
    return 0
  }

  private func isName(_ text: UnsafePointer<CChar>, _ name: StaticString) -> Bool {
    for index in 0..<name.utf8CodeUnitCount
    where UInt8(bitPattern: text[index]) != name.utf8Start[index] { return false }
    return text[name.utf8CodeUnitCount] == 0
  }
}
