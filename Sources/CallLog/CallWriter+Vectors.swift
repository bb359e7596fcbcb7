import CWire

/// Data behind iovecs and message headers.
extension CallWriter {
  /// "[{iov_base="hello", iov_len=5}]"
  func writeVector(_ call: LoggedCall, _ position: Int, _ values: ValueWriter) -> Bool {
    guard let vector = call.entry[position], !vector.isFault else { return false }
    let data = call.exit[Int(PERSONA_NESTED_DATA.rawValue)] == nil ? call.entry : call.exit
    write(vector: vector, data)
    return true
  }

  /// An iovec is two words of eight bytes, the same in every 64-bit Unix.
  private func write(vector: Capture, _ data: Captures) {
    text.append(UInt8(ascii: "["))
    let count = vector.bytes.count / 16
    for index in 0..<min(count, ValueWriter.longestArray) {
      if index > 0 { text.append(", ") }
      let base = vector.bytes.loadUnaligned(fromByteOffset: 16 * index, as: UInt64.self)
      let length = vector.bytes.loadUnaligned(fromByteOffset: 16 * index + 8, as: UInt64.self)
      text.append("{iov_base=")
      let piece = Int(PERSONA_NESTED_DATA.rawValue) + index
      if piece < Int(PERSONA_NESTED_VECTOR.rawValue), let content = data[piece], !content.isFault {
        text.append(quoted: content.bytes)
        if content.isTruncated { text.append("...") }
      } else if base == 0 {
        text.append("NULL")
      } else {
        text.append(hex: base)
      }
      text.append(", iov_len=")
      text.append(decimal: length)
      text.append(UInt8(ascii: "}"))
    }
    if vector.isTruncated || count > ValueWriter.longestArray { text.append(count > 0 ? ", ..." : "...") }
    text.append(UInt8(ascii: "]"))
  }

  /// A message header as it is after the call, or before one that sends.
  func writeMessage(_ call: LoggedCall, _ value: Vocabulary.Value, _ values: ValueWriter) -> Bool {
    guard value.kind == .structure else { return false }
    let captures = call.exit[1] == nil ? call.entry : call.exit
    guard let header = captures[1], !header.isFault else { return false }
    text.append(UInt8(ascii: "{"))
    var isFirst = true
    for field in foreign.shapes[value.index].fields {
      guard let bytes = ValueWriter.slice(header.bytes, field.offset, field.size) else { break }
      if bytes.allSatisfy({ $0 == 0 }) { continue }
      if !isFirst { text.append(", ") }
      isFirst = false
      foreign.append(field.name, to: text)
      text.append(UInt8(ascii: "="))
      if foreign.isName(field.name, "msg_iov"), let vector = captures[Int(PERSONA_NESTED_VECTOR.rawValue)],
        !vector.isFault
      {
        write(vector: vector, captures)
      } else if foreign.isName(field.name, "msg_name"),
        let address = captures[Int(PERSONA_NESTED_ADDRESS.rawValue)], !address.isFault
      {
        values.write(socketAddress: address.bytes)
      } else {
        values.write(memory: bytes, field.value)
      }
    }
    text.append(UInt8(ascii: "}"))
    return true
  }
}
