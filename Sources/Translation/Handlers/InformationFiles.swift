import CEngine
import CWire

/// A file of the host (under /proc, say) that a handler reads for facts; not part of the call's own log.
struct HostFile: ~Copyable {
  private let descriptor: Int
  private let buffer: UnsafeMutableRawPointer?
  private var filled = 0
  private var position = 0
  private static let capacity = 4096

  init(_ call: Call, _ path: StaticString) {
    self.init(call, UnsafeRawPointer(path.utf8Start))
  }

  /// `path` is NUL-terminated.
  init(_ call: Call, _ path: UnsafeRawPointer) {
    buffer = call.scratch(HostFile.capacity)
    descriptor =
      buffer == nil
      ? -1 : quietly(__NR_openat, -100, Int(bitPattern: path), Int(O_RDONLY | O_CLOEXEC))
  }

  deinit { if descriptor >= 0 { _ = quietly(__NR_close, descriptor) } }

  var isOpen: Bool { descriptor >= 0 }

  /// The next byte without taking it; nil at the end.
  mutating func peek() -> UInt8? {
    if position == filled {
      guard descriptor >= 0, let buffer else { return nil }
      filled = quietly(__NR_read, descriptor, buffer.word, HostFile.capacity)
      position = 0
      guard filled > 0 else {
        filled = 0
        return nil
      }
    }
    return buffer!.load(fromByteOffset: position, as: UInt8.self)
  }

  @discardableResult
  mutating func byte() -> UInt8? {
    guard let next = peek() else { return nil }
    position += 1
    return next
  }

  /// How many bytes come before the last `byte` of those that have been read, a short file's all; nil without one.
  mutating func distance(toLast byte: UInt8) -> Int? {
    guard peek() != nil, let buffer else { return nil }
    return (position..<filled).last { buffer.load(fromByteOffset: $0, as: UInt8.self) == byte }.map { $0 - position }
  }

  mutating func hexadecimal() -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    while let next = peek() {
      switch next {
      case 0x30...0x39: value = value << 4 | UInt64(next - 0x30)
      case 0x61...0x66: value = value << 4 | UInt64(next - 0x61 + 10)
      case 0x41...0x46: value = value << 4 | UInt64(next - 0x41 + 10)
      default: return digits > 0 ? value : nil
      }
      digits += 1
      byte()
    }
    return digits > 0 ? value : nil
  }

  /// A decimal number after spaces and tabs; the sign is kept.
  mutating func decimal() -> Int? {
    while let next = peek(), next == 0x20 || next == 0x09 { byte() }
    var negative = false
    if peek() == 0x2d {
      negative = true
      byte()
    }
    var value = 0
    var digits = 0
    while let next = peek(), next >= 0x30, next <= 0x39 {
      value = value &* 10 &+ Int(next - 0x30)
      digits += 1
      byte()
    }
    guard digits > 0 else { return nil }
    return negative ? -value : value
  }

  /// Takes `text` if it comes next at the start of a line, or else the rest of the line.
  mutating func line(beginsWith text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      guard let next = peek(), next == text.utf8Start[index] else {
        skipLine()
        return false
      }
      byte()
    }
    return true
  }

  /// Goes to the line that begins with `text` and takes that beginning.
  mutating func find(_ text: StaticString) -> Bool {
    while peek() != nil {
      if line(beginsWith: text) { return true }
    }
    return false
  }

  /// The number behind `title` at the start of a later line; 0 when there is none.
  mutating func number(after title: StaticString) -> Int { find(title) ? decimal() ?? 0 : 0 }

  mutating func skipLine() {
    while let next = byte(), next != 0x0a {}
  }

  mutating func skipWord() {
    while let next = peek(), next == 0x20 || next == 0x09 { byte() }
    while let next = peek(), next != 0x20, next != 0x0a { byte() }
  }

  /// Up to `limit` bytes to `destination`: how many.
  mutating func read(_ destination: UnsafeMutableRawPointer, _ limit: Int) -> Int {
    var count = 0
    while count < limit, let next = byte() {
      destination.storeBytes(of: next, toByteOffset: count, as: UInt8.self)
      count += 1
    }
    return count
  }
}

/// A Linux call of the engine's own that the log does not show.
func quietly(
  _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) -> Int {
  Int(
    persona_syscall(
      Int64(number), UInt64(bitPattern: Int64(a)), UInt64(bitPattern: Int64(b)), UInt64(bitPattern: Int64(c)),
      UInt64(bitPattern: Int64(d)), UInt64(bitPattern: Int64(e)), UInt64(bitPattern: Int64(f))))
}

/// Bytes put together in engine memory: paths, names, structures.
struct ByteWriter {
  let start: UnsafeMutableRawPointer
  let limit: Int
  private(set) var count = 0

  init?(_ call: Call, limit: Int) {
    guard let memory = call.scratch(limit) else { return nil }
    start = memory
    self.limit = limit
  }

  mutating func clear() { count = 0 }

  mutating func append(_ byte: UInt8) {
    guard count < limit else { return }
    start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  mutating func append(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
  }

  /// A NUL-terminated string without its NUL.
  mutating func append(_ text: UnsafePointer<CChar>) {
    var index = 0
    while text[index] != 0 {
      append(UInt8(bitPattern: text[index]))
      index += 1
    }
  }

  mutating func append(decimal number: Int) {
    if number < 0 {
      append(UInt8(ascii: "-"))
      append(decimal: -number)
      return
    }
    if number >= 10 { append(decimal: number / 10) }
    append(UInt8(0x30 + number % 10))
  }
}

/// Sets `count` bytes to zero.
func clear(_ memory: UnsafeMutableRawPointer, _ count: Int) {
  for offset in 0..<count { memory.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self) }
}

extension UnsafeMutableRawPointer {
  /// Stores a structure's field.
  func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    storeBytes(of: value, toByteOffset: offset, as: T.self)
  }
}

extension UnsafeRawPointer {
  func get<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    loadUnaligned(fromByteOffset: offset, as: type)
  }
}

extension UnsafeMutableRawPointer {
  func get<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    loadUnaligned(fromByteOffset: offset, as: type)
  }
}
