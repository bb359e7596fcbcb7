import CEngine
import CWire

/// Bytes somewhere in the engine's memory.
typealias NameBytes = UnsafeBufferPointer<UInt8>

/// A name or another text under construction in the engine's memory, always NUL-terminated. What does not fit is left out,
/// and `isCut` says so.
struct NameText {
  let start: UnsafeMutablePointer<UInt8>
  private let room: Int
  private(set) var count = 0
  private(set) var isCut = false

  /// Takes `bytes` of memory, the NUL's place included.
  init(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
    start = memory.assumingMemoryBound(to: UInt8.self)
    room = bytes - 1
    start[0] = 0
  }

  var bytes: NameBytes { NameBytes(start: start, count: count) }
  /// The text's address as a Linux argument.
  var word: Int { Int(bitPattern: start) }

  mutating func append(_ byte: UInt8) {
    guard count < room else {
      isCut = true
      return
    }
    start[count] = byte
    count += 1
    start[count] = 0
  }

  mutating func append(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
  }

  mutating func append(_ bytes: NameBytes) {
    for index in 0..<bytes.count { append(bytes[index]) }
  }

  /// A decimal number, right-adjusted in `width` columns.
  mutating func append(decimal number: UInt64, width: Int = 0) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var length = 0
    var rest = number
    repeat {
      digits[length] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      length += 1
    } while rest > 0
    for _ in 0..<max(0, width - length) { append(UInt8(ascii: " ")) }
    while length > 0 {
      length -= 1
      append(digits[length])
    }
  }

  /// A hexadecimal number, filled with zeros to `width` columns.
  mutating func append(hexadecimal number: UInt64, width: Int) {
    var column = max(width, (64 - number.leadingZeroBitCount + 3) / 4)
    while column > 0 {
      column -= 1
      let digit = UInt8(truncatingIfNeeded: number >> UInt64(4 * column)) & 15
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }
  }

  /// Shortens the text to its first `length` bytes.
  mutating func cut(to length: Int) {
    count = min(count, length)
    start[count] = 0
  }

  mutating func replace(by bytes: NameBytes) {
    cut(to: 0)
    append(bytes)
  }

  /// The text in `'…'`, with quotes doubled, as print(2)'s %#q writes it.
  mutating func append(quoted bytes: NameBytes) {
    append(UInt8(ascii: "'"))
    for index in 0..<bytes.count {
      if bytes[index] == UInt8(ascii: "'") { append(UInt8(ascii: "'")) }
      append(bytes[index])
    }
    append(UInt8(ascii: "'"))
  }
}

extension NameBytes {
  init(_ text: StaticString) { self.init(start: text.utf8Start, count: text.utf8CodeUnitCount) }

  init(start: UnsafeMutablePointer<UInt8>, count: Int) {
    self.init(start: UnsafePointer(start), count: count)
  }

  /// The bytes at positions `range`.
  func slice(_ range: Range<Int>) -> NameBytes {
    NameBytes(start: baseAddress.map { $0 + range.lowerBound }, count: range.count)
  }

  func from(_ position: Int) -> NameBytes { slice(position..<count) }

  func equals(_ other: NameBytes) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where self[index] != other[index] { return false }
    return true
  }

  func equals(_ text: StaticString) -> Bool { equals(NameBytes(text)) }

  func begins(with other: NameBytes) -> Bool {
    count >= other.count && slice(0..<other.count).equals(other)
  }

  /// Whether this is `folder` or lies below it.
  func isBelow(_ folder: NameBytes) -> Bool {
    guard begins(with: folder) else { return false }
    return count == folder.count || self[folder.count] == UInt8(ascii: "/")
      || (folder.count > 0 && folder[folder.count - 1] == UInt8(ascii: "/"))
  }

  func firstIndex(of byte: UInt8) -> Int? {
    for index in 0..<count where self[index] == byte { return index }
    return nil
  }

  /// The position of the last slash; nil without any.
  var lastSlash: Int? {
    var index = count
    while index > 0 {
      index -= 1
      if self[index] == UInt8(ascii: "/") { return index }
    }
    return nil
  }

  /// What stands behind the last slash.
  var lastElement: NameBytes { lastSlash.map { from($0 + 1) } ?? self }

  /// The number that all of the bytes are; nil for another text.
  var decimal: Int? {
    guard count > 0, count < 18 else { return nil }
    var number = 0
    for index in 0..<count {
      guard self[index] >= UInt8(ascii: "0"), self[index] <= UInt8(ascii: "9") else { return nil }
      number = number * 10 + Int(self[index] - UInt8(ascii: "0"))
    }
    return number
  }
}

extension Call {
  /// An empty text in scratch memory; nil when there is none left.
  func newText(_ bytes: Int) -> NameText? { scratch(bytes).map { NameText($0, bytes) } }

  /// Fails with `errno` and with words of its own.
  func fail(_ errno: Int32, _ words: StaticString) -> Int { fail(errno, NameBytes(words)) }

  func fail(_ errno: Int32, _ words: NameBytes) -> Int {
    withUnsafeMutableBytes(of: &thread.pointee.message) { message in
      let length = Swift.min(words.count, message.count - 1)
      for index in 0..<length { message[index] = words[index] }
      message[length] = 0
    }
    thread.pointee.has_message = 1
    return error(errno)
  }

  /// The words that the table has for one of Linux's errnos.
  func words(_ errno: Int) -> NameBytes {
    guard let text = table.errnoText(table.foreignErrno(errno)) else { return NameBytes("i/o error") }
    var length = 0
    while text[length] != 0 { length += 1 }
    return NameBytes(
      start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: length)
  }

  /// Fails as a name does: the quoted name, then what is the matter with it (namelenerror of port/chan.c).
  func fail(_ errno: Int32, named name: NameBytes, _ words: NameBytes) -> Int {
    guard var text = newText(512) else { return error(ENOMEM) }
    let (third, twoThirds) = (longestMessage / 3, 2 * longestMessage / 3)
    if name.count < third || name.count + words.count < twoThirds {
      text.append(quoted: name)
    } else {
      var begin = name.count
      var next = begin
      repeat {
        begin = next
        var position = Swift.max(begin - 1, 0)
        while position > 0, name[position] != UInt8(ascii: "/") { position -= 1 }
        next = position
      } while name.count - next < third || name.count - next + words.count < twoThirds
      if begin == name.count {
        begin = name.count - longestMessage / 4
        while begin < name.count, name[begin] & 0xc0 == 0x80 { begin += 1 }
      }
      guard var tail = self.newText(256) else { return error(ENOMEM) }
      tail.append("...")
      tail.append(name.from(begin))
      text.append(quoted: tail.bytes)
    }
    text.append(UInt8(ascii: " "))
    text.append(words)
    return fail(errno, text.bytes)
  }
}

/// ERRMAX of sys/include/libc.h.
let longestMessage = 128
