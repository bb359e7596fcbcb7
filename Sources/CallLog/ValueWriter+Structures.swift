import PersonalityTables

/// Structures: fields by name, and the few that have a notation of their own.
extension ValueWriter {
  /// Fields of a structure that are written out.
  static let mostFields = 10

  /// "{tv_sec=1, tv_nsec=0}". Past the second field, fields that are zero are left out.
  func write(structure index: Int, _ memory: UnsafeRawBufferPointer) {
    let shape = vocabulary.shapes[index]
    switch shape.special {
    case .stat: return write(stat: shape, memory)
    case .socketAddress: return write(socketAddress: memory)
    case .signalSet: return write(signalSet: memory)
    case .fdSet: return write(descriptorSet: memory)
    case .kevent: return write(kevent: shape, memory)
    case .context: return write(context: shape, memory)
    case .set: return write(memory: memory, shape.fields[0].value)
    case .none: break
    }
    text.append(UInt8(ascii: "{"))
    var written = 0
    for field in shape.fields {
      guard let bytes = ValueWriter.slice(memory, field.offset, field.size) else {
        if written > 0 { text.append(", ") }
        text.append("...")
        break
      }
      let isZero = bytes.allSatisfy { $0 == 0 }
      if isZero, field.isSpare || written >= 2 { continue }
      if written > 0 { text.append(", ") }
      if written == ValueWriter.mostFields {
        text.append("...")
        break
      }
      if vocabulary.isName(field.name, "si_code") {
        write(code: bytes, field, shape, memory)
      } else if field.value.kind == .union {
        write(union: bytes, field, shape, memory)
      } else {
        write(field, bytes)
      }
      written += 1
    }
    text.append(UInt8(ascii: "}"))
  }

  /// A union's bytes, as the field says by which it goes.
  private func write(
    union bytes: UnsafeRawBufferPointer, _ field: Vocabulary.Field, _ shape: Vocabulary.Shape,
    _ memory: UnsafeRawBufferPointer
  ) {
    let union = vocabulary.personality.unions[field.value.index]
    var tag: (names: ConstantMap?, value: UInt64, width: Int) = (nil, 0, 4)
    for other in shape.fields where vocabulary.bytes(other.name).elementsEqual(union.tag.utf8) {
      guard let bytes = ValueWriter.slice(memory, other.offset, other.size) else { continue }
      (tag.value, tag.width) = (ValueWriter.load(bytes, other.value.width) ?? 0, other.value.width)
      if other.value.kind == .map { tag.names = vocabulary.personality.maps[other.value.index] }
    }
    let value = vocabulary.value(union.members[union.index(tag.value, width: tag.width, names: tag.names)])
    vocabulary.append(field.name, to: text)
    text.append(UInt8(ascii: "="))
    write(memory: bytes, value ?? Vocabulary.Value(kind: .bytes, width: bytes.count))
  }

  private func write(_ field: Vocabulary.Field, _ bytes: UnsafeRawBufferPointer) {
    vocabulary.append(field.name, to: text)
    text.append(UInt8(ascii: "="))
    if field.elements == nil { return write(memory: bytes, field.value) }
    // An array: what follows its last element that is not zero says nothing.
    let end = (bytes.lastIndex { $0 != 0 } ?? -1) + 1
    let width = max(field.value.width, 1)
    let used = min((end + width - 1) / width * width, bytes.count)
    write(
      array: UnsafeRawBufferPointer(rebasing: bytes[0..<used]), field.value, truncated: used < bytes.count)
  }

  /// siginfo's si_code, whose names go by si_signo.
  private func write(
    code bytes: UnsafeRawBufferPointer, _ codeField: Vocabulary.Field, _ shape: Vocabulary.Shape,
    _ memory: UnsafeRawBufferPointer
  ) {
    let code = ValueWriter.load(bytes, codeField.value.width) ?? 0
    let signal = field(shape, "si_signo", memory).flatMap { ValueWriter.load($0.1, $0.0.value.width) } ?? 0
    let own = vocabulary.signalCodeMaps[Int(truncatingIfNeeded: signal)] ?? -1
    guard let name = enumName(own, code, width: 4) ?? enumName(vocabulary.signalCodes, code, width: 4) else {
      return write(codeField, bytes)
    }
    vocabulary.append(codeField.name, to: text)
    text.append(UInt8(ascii: "="))
    vocabulary.append(name, to: text)
  }

  private func field(
    _ shape: Vocabulary.Shape, _ name: StaticString, _ memory: UnsafeRawBufferPointer
  ) -> (Vocabulary.Field, UnsafeRawBufferPointer)? {
    for field in shape.fields where vocabulary.isName(field.name, name) {
      return ValueWriter.slice(memory, field.offset, field.size).map { (field, $0) }
    }
    return nil
  }

  private func field(
    _ shape: Vocabulary.Shape, _ index: Int, _ memory: UnsafeRawBufferPointer
  ) -> (Vocabulary.Field, UnsafeRawBufferPointer)? {
    guard index >= 0 else { return nil }
    let field = shape.fields[index]
    return ValueWriter.slice(memory, field.offset, field.size).map { (field, $0) }
  }

  /// What tells one file from another at a glance: its mode, and its size or device.
  private func write(stat shape: Vocabulary.Shape, _ memory: UnsafeRawBufferPointer) {
    text.append(UInt8(ascii: "{"))
    guard let (modeField, modeBytes) = field(shape, shape.status.mode, memory),
      let mode = ValueWriter.load(modeBytes, modeField.value.width)
    else { return text.append("...}") }
    text.append("st_mode=")
    write(word: mode, Vocabulary.Value(kind: .mode, width: modeField.value.width))
    let isDevice = mode & 0o170000 == 0o020000 || mode & 0o170000 == 0o060000
    if let (field, bytes) = field(shape, isDevice ? shape.status.device : shape.status.size, memory) {
      text.append(", ")
      write(field, bytes)
    }
    text.append(", ...}")
  }

  /// Of a context only what sigreturn and setcontext change outside the registers.
  private func write(context shape: Vocabulary.Shape, _ memory: UnsafeRawBufferPointer) {
    text.append(UInt8(ascii: "{"))
    if let (field, bytes) = field(shape, "uc_sigmask", memory) {
      write(field, bytes)
      text.append(", ")
    }
    text.append("...}")
  }

  // MARK: Directories

  /// "[".", "..", "a.txt"]": the names of directory entries of this structure, one behind the other.
  func write(directory index: Int, _ memory: UnsafeRawBufferPointer, truncated: Bool) -> Bool {
    let shape = vocabulary.shapes[index]
    guard let length = shape.fields.first(where: { vocabulary.isName($0.name, "d_reclen") }),
      let name = shape.fields.first(where: { vocabulary.isName($0.name, "d_name") })
    else { return false }
    text.append(UInt8(ascii: "["))
    var offset = 0
    var count = 0
    while let bytes = ValueWriter.slice(memory, offset + length.offset, length.size),
      let size = ValueWriter.load(bytes, length.value.width), Int(size) > name.offset,
      let entry = ValueWriter.slice(memory, offset, Int(size)), count < ValueWriter.longestArray
    {
      if count > 0 { text.append(", ") }
      write(
        memory: UnsafeRawBufferPointer(rebasing: entry[name.offset...]),
        Vocabulary.Value(kind: .text, width: 1))
      offset += Int(size)
      count += 1
    }
    if truncated || offset < memory.count { text.append(count > 0 ? ", ..." : "...") }
    text.append(UInt8(ascii: "]"))
    return true
  }

  // MARK: kevent

  /// "{ident=3, EVFILT_READ, EV_ADD|EV_CLEAR}": zero fields are left out, filter and flags name themselves.
  private func write(kevent shape: Vocabulary.Shape, _ memory: UnsafeRawBufferPointer) {
    text.append(UInt8(ascii: "{"))
    var isFirst = true
    var filter: UInt64 = 0
    for entry in shape.fields {
      guard let bytes = ValueWriter.slice(memory, entry.offset, entry.size) else { continue }
      let isIdentity = isFirst
      let isNamed = entry.value.kind == .map && !vocabulary.isName(entry.name, "fflags")
      if !isIdentity, !isNamed, bytes.allSatisfy({ $0 == 0 }) { continue }
      if !isFirst { text.append(", ") }
      isFirst = false
      guard isNamed || vocabulary.isName(entry.name, "fflags") else {
        write(entry, bytes)
        continue
      }
      let value = ValueWriter.cut(ValueWriter.load(bytes, entry.value.width) ?? 0, entry.value)
      if vocabulary.isName(entry.name, "filter") {
        filter = UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value)))
      }
      if isNamed {
        write(entry.value.index, value, width: entry.value.width)
      } else {
        write(notes: value, entry.value, filter)
      }
    }
    text.append(UInt8(ascii: "}"))
  }

  /// fflags mean something else with each filter; a map `note_<filter>` names them, as "note_vnode".
  private func write(notes value: UInt64, _ type: Vocabulary.Value, _ filter: UInt64) {
    let map = vocabulary.noteMaps[Int64(bitPattern: filter)] ?? (type.kind == .map ? type.index : -1)
    text.append("fflags=")
    if map >= 0 { write(map, value) } else { text.append(hex: value) }
  }

  // MARK: Sets

  /// "[SIGINT SIGTERM]", or "~[SIGKILL]" where the signals that are not in it are fewer. Bit n-1 is signal n.
  func write(signalSet memory: UnsafeRawBufferPointer) {
    let last = min(vocabulary.lastSignal, 8 * memory.count)
    let members = (0..<last).count { memory[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
    let isInverted = last > 0 && members > 2 * last / 3
    if isInverted { text.append(UInt8(ascii: "~")) }
    text.append(UInt8(ascii: "["))
    var isFirst = true
    for bit in 0..<last where (memory[bit / 8] >> UInt8(bit % 8) & 1 == 1) != isInverted {
      if !isFirst { text.append(UInt8(ascii: " ")) }
      isFirst = false
      let name = vocabulary.signal(Int64(bit + 1))
      if name.isEmpty { text.append(decimal: bit + 1) } else { vocabulary.append(name, to: text) }
    }
    text.append(UInt8(ascii: "]"))
  }

  /// "[0 5]"
  func write(descriptorSet memory: UnsafeRawBufferPointer) {
    text.append(UInt8(ascii: "["))
    var isFirst = true
    for bit in 0..<8 * memory.count where memory[bit / 8] >> UInt8(bit % 8) & 1 == 1 {
      if !isFirst { text.append(UInt8(ascii: " ")) }
      isFirst = false
      text.append(decimal: bit)
    }
    text.append(UInt8(ascii: "]"))
  }
}
