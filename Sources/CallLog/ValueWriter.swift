import CWire

/// Writes values in the words of one personality.
struct ValueWriter {
  let vocabulary: Vocabulary
  let text: TextBuffer

  /// Elements of an array that are written out.
  static let longestArray = 32

  // MARK: Words

  /// A value that came in a register or as the whole of a word.
  func write(word: UInt64, _ value: Vocabulary.Value) {
    write(number: ValueWriter.cut(word, value), value)
  }

  /// `word` as wide as `value` is: sign- or zero-extended.
  static func cut(_ word: UInt64, _ value: Vocabulary.Value) -> UInt64 {
    switch (value.width, value.isSigned) {
    case (1, false): return word & 0xff
    case (1, true): return UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: word)))
    case (2, false): return word & 0xffff
    case (2, true): return UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: word)))
    case (4, false): return word & 0xffff_ffff
    case (4, true): return UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: word)))
    default: return word
    }
  }

  private func write(number: UInt64, _ value: Vocabulary.Value) {
    let signed = Int64(bitPattern: number)
    switch value.kind {
    case .decimal, .identity: text.append(decimal: signed)
    case .descriptor: signed == -100 ? text.append("AT_FDCWD") : text.append(decimal: signed)
    case .unsigned:
      // With the highest bit set it is a mask or an address rather than a count.
      number >> UInt64(8 * value.width - 1) == 0 ? text.append(decimal: number) : text.append(hex: number)
    case .octal: text.append(octal: number)
    case .mode: write(mode: number)
    case .address: number == 0 ? text.append("NULL") : text.append(hex: number)
    case .device: text.append(hex: number)
    case .signal: write(name: vocabulary.signal(signed), or: signed)
    case .errno: write(name: vocabulary.errno(signed), or: signed)
    case .map: write(value.index, number, width: value.width)
    case .handler:
      number == 0 ? text.append("SIG_DFL") : number == 1 ? text.append("SIG_IGN") : text.append(hex: number)
    case .structure, .text, .bytes, .socketAddress, .signalSet, .bitSet, .union: text.append(hex: number)
    }
  }

  private func write(name: Vocabulary.Name, or number: Int64) {
    if name.isEmpty { text.append(decimal: number) } else { vocabulary.append(name, to: text) }
  }

  /// S_IFMT and its values are the same in every Unix since Version 7 (POSIX leaves them open; each
  /// sys/stat.h agrees with Linux's).
  private func write(mode: UInt64) {
    switch mode & 0o170000 {
    case 0o010000: text.append("S_IFIFO|")
    case 0o020000: text.append("S_IFCHR|")
    case 0o040000: text.append("S_IFDIR|")
    case 0o060000: text.append("S_IFBLK|")
    case 0o100000: text.append("S_IFREG|")
    case 0o120000: text.append("S_IFLNK|")
    case 0o140000: text.append("S_IFSOCK|")
    case 0: return text.append(octal: mode)
    default: return text.append(octal: mode)
    }
    text.append(octal: mode & 0o7777)
  }

  // MARK: Flags and enumerations

  /// The value's names; what no name describes in hexadecimal. `width` is the value's in bytes.
  func write(_ map: Int, _ value: UInt64, width: Int = 8) {
    if vocabulary.maps[map].isFlags { return write(flags: map, value) }
    if let name = enumName(map, value, width: width) { return vocabulary.append(name, to: text) }
    let signed = Int64(
      bitPattern: ValueWriter.cut(value, Vocabulary.Value(kind: .decimal, isSigned: true, width: width)))
    signed.magnitude < 4096 ? text.append(decimal: signed) : text.append(hex: value)
  }

  /// The tables write negative values of any width as 64 bits.
  func enumName(_ map: Int, _ value: UInt64, width: Int = 8) -> Vocabulary.Name? {
    guard map >= 0 else { return nil }
    let mask = width >= 8 ? UInt64.max : (1 << UInt64(8 * width)) - 1
    for entry in vocabulary.maps[map].entries {
      if value >= entry.value, value <= entry.last { return entry.name }
      if entry.value & mask == value & mask, entry.value >> 63 == 1 { return entry.name }
    }
    return nil
  }

  private func write(flags map: Int, _ value: UInt64) {
    var rest = value
    var isFirst = true
    for entry in vocabulary.maps[map].entries {
      if entry.mask != 0 {
        guard value & entry.mask == entry.value else { continue }
        rest &= ~entry.mask
      } else {
        guard rest & entry.value == entry.value else { continue }
        rest &= ~entry.value
      }
      if !isFirst { text.append(UInt8(ascii: "|")) }
      vocabulary.append(entry.name, to: text)
      isFirst = false
    }
    if rest != 0 {
      if !isFirst { text.append(UInt8(ascii: "|")) }
      text.append(hex: rest)
    } else if isFirst {
      let zero = vocabulary.maps[map].zero
      if zero.isEmpty { text.append(UInt8(ascii: "0")) } else { vocabulary.append(zero, to: text) }
    }
  }

  // MARK: Memory

  /// One element at the start of `memory`; false when it is cut short.
  func write(memory: UnsafeRawBufferPointer, _ value: Vocabulary.Value) {
    switch value.kind {
    case .structure: write(structure: value.index, memory)
    case .text: write(text: memory)
    case .bytes: text.append(quoted: memory)
    case .socketAddress: write(socketAddress: memory)
    case .signalSet: write(signalSet: memory)
    case .bitSet: write(descriptorSet: memory)
    default:
      guard let word = ValueWriter.load(memory, value.width) else { return text.append("...") }
      write(word: word, value)
    }
  }

  /// As many elements as `memory` holds: "[1, 2]".
  func write(array memory: UnsafeRawBufferPointer, _ value: Vocabulary.Value, truncated: Bool) {
    text.append(UInt8(ascii: "["))
    let count = memory.count / max(value.width, 1)
    for index in 0..<min(count, ValueWriter.longestArray) {
      if index > 0 { text.append(", ") }
      write(
        memory: UnsafeRawBufferPointer(rebasing: memory[index * value.width..<(index + 1) * value.width]),
        value)
    }
    if truncated || count > ValueWriter.longestArray { text.append(count > 0 ? ", ..." : "...") }
    text.append(UInt8(ascii: "]"))
  }

  /// Text up to its NUL.
  private func write(text memory: UnsafeRawBufferPointer) {
    let end = memory.firstIndex(of: 0) ?? memory.count
    text.append(quoted: UnsafeRawBufferPointer(rebasing: memory[0..<end]))
  }

  /// `width` bytes, little-endian; nil when they are not all there.
  static func load(_ memory: UnsafeRawBufferPointer, _ width: Int) -> UInt64? {
    guard width > 0, width <= 8, memory.count >= width else { return nil }
    var value: UInt64 = 0
    for index in 0..<width { value |= UInt64(memory[index]) << UInt64(8 * index) }
    return value
  }

  static func slice(_ memory: UnsafeRawBufferPointer, _ offset: Int, _ count: Int) -> UnsafeRawBufferPointer?
  {
    guard offset >= 0, count >= 0, offset + count <= memory.count else { return nil }
    return UnsafeRawBufferPointer(rebasing: memory[offset..<offset + count])
  }
}
