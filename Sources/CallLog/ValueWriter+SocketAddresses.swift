/// Socket addresses, by their family.
extension ValueWriter {
  /// "{AF_INET, 127.0.0.1:80}", "{AF_INET6, [::1]:80}", "{AF_UNIX, "/tmp/socket"}".
  ///
  /// The BSDs' begin with a length byte and a family byte (sys/socket.h), Linux's with a family of
  /// two bytes; ports and addresses lie alike in both.
  func write(socketAddress memory: UnsafeRawBufferPointer) {
    guard memory.count >= 2 else { return text.append("{}") }
    let family = vocabulary.hasLengthByte ? UInt64(memory[1]) : UInt64(memory[0]) | UInt64(memory[1]) << 8
    text.append(UInt8(ascii: "{"))
    let name = enumName(vocabulary.addressFamilies, family)
    if let name { vocabulary.append(name, to: text) } else { text.append(decimal: family) }
    if let name, vocabulary.isName(name, "AF_INET"), memory.count >= 8 {
      text.append(", ")
      writeInternet(memory)
    } else if let name, vocabulary.isName(name, "AF_INET6"), memory.count >= 24 {
      text.append(", ")
      writeInternet6(memory)
    } else if let name, vocabulary.isName(name, "AF_UNIX") || vocabulary.isName(name, "AF_LOCAL") {
      writeLocal(memory)
    } else if memory.count > 2 {
      text.append(", ")
      text.append(quoted: UnsafeRawBufferPointer(rebasing: memory[2...]))
    }
    text.append(UInt8(ascii: "}"))
  }

  private func writeInternet(_ memory: UnsafeRawBufferPointer) {
    for index in 4..<8 {
      if index > 4 { text.append(UInt8(ascii: ".")) }
      text.append(decimal: UInt64(memory[index]))
    }
    writePort(memory)
  }

  private func writePort(_ memory: UnsafeRawBufferPointer) {
    text.append(UInt8(ascii: ":"))
    text.append(decimal: UInt64(memory[2]) << 8 | UInt64(memory[3]))
  }

  /// RFC 5952: the longest run of zero groups, of two at least, becomes "::".
  private func writeInternet6(_ memory: UnsafeRawBufferPointer) {
    var groups: InlineArray<8, UInt64> = .init(repeating: 0)
    for index in 0..<8 { groups[index] = UInt64(memory[8 + 2 * index]) << 8 | UInt64(memory[9 + 2 * index]) }
    var longest = 0..<0
    var start = 0
    for index in 0...8 where index == 8 || groups[index] != 0 {
      if index - start >= 2, index - start > longest.count { longest = start..<index }
      start = index + 1
    }
    text.append(UInt8(ascii: "["))
    var index = 0
    while index < 8 {
      if !longest.isEmpty, index == longest.lowerBound {
        text.append("::")
        index = longest.upperBound
        continue
      }
      if index > 0, index != longest.upperBound || longest.isEmpty { text.append(UInt8(ascii: ":")) }
      text.append(bareHex: groups[index])
      index += 1
    }
    if memory.count >= 28, let scope = ValueWriter.load(UnsafeRawBufferPointer(rebasing: memory[24...]), 4),
      scope != 0
    {
      text.append(UInt8(ascii: "%"))
      text.append(decimal: scope)
    }
    text.append(UInt8(ascii: "]"))
    writePort(memory)
  }

  private func writeLocal(_ memory: UnsafeRawBufferPointer) {
    var path = UnsafeRawBufferPointer(rebasing: memory[2...])
    if vocabulary.hasLengthByte, memory[0] >= 2 {
      path = UnsafeRawBufferPointer(rebasing: memory[2..<min(max(Int(memory[0]), 2), memory.count)])
    }
    if let end = path.firstIndex(of: 0), end > 0 { path = UnsafeRawBufferPointer(rebasing: path[0..<end]) }
    if path.allSatisfy({ $0 == 0 }) { return }
    text.append(", ")
    text.append(quoted: path)
  }
}
