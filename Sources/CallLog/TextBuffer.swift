/// Growing memory for log lines. Appending never makes a String.
final class TextBuffer {
  private var memory: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 64 * 1024) {
    self.capacity = capacity
    memory = .allocate(capacity: capacity)
  }

  deinit { memory.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

  func removeAll() { count = 0 }

  /// Forgets what was appended after the first `length` bytes.
  func cut(to length: Int) { count = min(count, length) }

  @inline(__always)
  private func reserve(_ bytes: Int) {
    if count + bytes > capacity { grow(bytes) }
  }

  private func grow(_ bytes: Int) {
    capacity = max(2 * capacity, count + bytes)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: memory, count: count)
    memory.deallocate()
    memory = larger
  }

  @inline(__always)
  func append(_ byte: UInt8) {
    reserve(1)
    memory[count] = byte
    count += 1
  }

  @inline(__always)
  func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    append(start.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  func append(_ start: UnsafePointer<UInt8>, _ length: Int) {
    reserve(length)
    (memory + count).update(from: start, count: length)
    count += length
  }

  /// Appends bytes `range` of this buffer itself.
  func append(copyOf range: Range<Int>) {
    reserve(range.count)
    (memory + count).update(from: memory + range.lowerBound, count: range.count)
    count += range.count
  }

  func isEqual(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
    a.count == b.count && (0..<a.count).allSatisfy { memory[a.lowerBound + $0] == memory[b.lowerBound + $0] }
  }

  // MARK: Numbers

  func append(decimal value: UInt64) {
    if value < 10 { return append(48 + UInt8(value)) }
    reserve(20)
    var digits = 1
    var bound = value
    while bound >= 10 {
      bound /= 10
      digits += 1
    }
    var rest = value
    for position in stride(from: count + digits - 1, through: count, by: -1) {
      memory[position] = 48 + UInt8(rest % 10)
      rest /= 10
    }
    count += digits
  }

  func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(decimal: value.magnitude)
  }

  func append(decimal value: Int) { append(decimal: Int64(value)) }

  /// "0x" and lower-case digits.
  func append(hex value: UInt64) {
    append("0x")
    append(bareHex: value)
  }

  func append(bareHex value: UInt64) {
    let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
    for position in stride(from: digits - 1, through: 0, by: -1) {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * position)) & 15
      append(digit < 10 ? 48 + digit : 87 + digit)
    }
  }

  /// "0" and octal digits: "0644".
  func append(octal value: UInt64) {
    append(UInt8(ascii: "0"))
    if value == 0 { return }
    let digits = (66 - value.leadingZeroBitCount) / 3
    for position in stride(from: digits - 1, through: 0, by: -1) {
      append(48 + UInt8(truncatingIfNeeded: value >> UInt64(3 * position)) & 7)
    }
  }

  // MARK: Text

  /// C's notation of a string: quotes, escapes, octal for what does not print.
  func append(quoted text: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    for position in 0..<text.count {
      let byte = text[position]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        append(UInt8(ascii: "\\"))
        append(byte)
      case 32...126: append(byte)
      case 7...13:
        append(UInt8(ascii: "\\"))
        append(TextBuffer.escapes[Int(byte) - 7])
      default:
        let next = position + 1 < text.count ? text[position + 1] : 0
        append(octalEscape: byte, beforeDigit: next >= 48 && next <= 55)
      }
    }
    append(UInt8(ascii: "\""))
  }

  private static let escapes: [UInt8] = [97, 98, 116, 110, 118, 102, 114]  // \a \b \t \n \v \f \r

  private func append(octalEscape byte: UInt8, beforeDigit: Bool) {
    append(UInt8(ascii: "\\"))
    if beforeDigit || byte >= 64 { append(48 + byte >> 6) }
    if beforeDigit || byte >= 8 { append(48 + (byte >> 3) & 7) }
    append(48 + byte & 7)
  }

  /// JSON's notation of bytes `range` of `other`; bytes past ASCII count as Latin-1.
  func append(json range: Range<Int>, of other: TextBuffer) {
    append(UInt8(ascii: "\""))
    for position in range {
      let byte = other.memory[position]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        append(UInt8(ascii: "\\"))
        append(byte)
      case 32...126: append(byte)
      default:
        append("\\u00")
        for digit in [byte >> 4, byte & 15] { append(digit < 10 ? 48 + digit : 87 + digit) }
      }
    }
    append(UInt8(ascii: "\""))
  }
}
