/// Text in memory of a fixed size, NUL-terminated; what has no room is left out.
struct WordWriter {
  private let bytes: UnsafeMutablePointer<CChar>
  private let room: Int
  private(set) var count = 0

  init(_ bytes: UnsafeMutablePointer<CChar>, _ room: Int) {
    self.bytes = bytes
    self.room = room
  }

  mutating func add(byte: CChar) {
    guard count < room - 1 else { return }
    bytes[count] = byte
    count += 1
  }

  mutating func add(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { add(byte: CChar(bitPattern: text.utf8Start[index])) }
  }

  mutating func add(_ text: UnsafePointer<CChar>) {
    var next = text
    while next.pointee != 0 {
      add(byte: next.pointee)
      next += 1
    }
  }

  mutating func add(decimal value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      add(byte: CChar(48 + value / divisor % 10))
      divisor /= 10
    }
  }

  /// With 0x before it.
  mutating func add(hexadecimal value: UInt64) {
    add("0x")
    var shift: UInt64 = 60
    while shift > 0, value >> shift == 0 { shift -= 4 }
    while true {
      let digit = value >> shift & 15
      add(byte: CChar(digit < 10 ? 48 + digit : 87 + digit))
      if shift == 0 { break }
      shift -= 4
    }
  }

  /// As %q of print(2) quotes: between apostrophes where a word would not stay one.
  mutating func add(quoted text: UnsafePointer<CChar>) {
    var needsQuotes = text[0] == 0
    var next = text
    while next.pointee != 0 {
      let byte = UInt8(bitPattern: next.pointee)
      if byte <= 32 || byte == 39 { needsQuotes = true }
      next += 1
    }
    guard needsQuotes else { return add(text) }
    add("'")
    next = text
    while next.pointee != 0 {
      if next.pointee == 39 { add("'") }
      add(byte: next.pointee)
      next += 1
    }
    add("'")
  }

  mutating func end() { bytes[count] = 0 }
}

/// Copies words and their NUL.
func copyWords(_ words: StaticString, to memory: UnsafeMutableRawPointer, room: Int) {
  var text = WordWriter(memory.assumingMemoryBound(to: CChar.self), room)
  text.add(words)
  text.end()
}
