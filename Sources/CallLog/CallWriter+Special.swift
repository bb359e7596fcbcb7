import PersonalityTables

/// Arguments whose meaning depends on another's value.
extension CallWriter {
  /// Whether the call does not look at argument `position`: what stands there is left over from elsewhere.
  func isLeftOut(
    _ vocabulary: Vocabulary, _ form: Vocabulary.Call, _ position: Int, _ word: (Int) -> UInt64
  ) -> Bool {
    guard position > 0, position == form.arguments.count - 1 else { return false }
    if form.arguments[position].form == .union { return member(vocabulary, form, position, word) == nil }
    let before = form.arguments[position - 1].value
    if form.arguments[position].value.kind == .mode, before.kind == .map {
      let create = vocabulary.maps[before.index].create
      return create != 0 && word(position - 1) & create == 0
    }
    switch form.special {
    case .ioctl:
      guard let request = vocabulary.personality.ioctl(word(1) & 0xffff_ffff) else { return false }
      return request.argument == nil
    case .fcntl:
      return before.kind == .map && isGetter(before.index, word(1) & 0xffff_ffff, vocabulary)
    default: return false
    }
  }

  private func isGetter(_ map: Int, _ command: UInt64, _ vocabulary: Vocabulary) -> Bool {
    guard let name = ValueWriter(vocabulary: vocabulary, text: text).enumName(map, command, width: 4) else {
      return false
    }
    return vocabulary.isName(name, "F_GETFL") || vocabulary.isName(name, "F_GETFD")
      || vocabulary.isName(name, "F_GETOWN") || vocabulary.isName(name, "F_GET_SEALS")
      || vocabulary.isName(name, "F_ISUNIONSTACK")
  }

  /// Writes argument `position` by its special meaning; false when it has none.
  func writeSpecial(
    _ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int, _ values: ValueWriter
  ) -> Bool {
    switch form.special {
    case .fcntl:
      return position == 2 && writeControl(argument: call.arguments[2], call.arguments[1], form, values)
    case .vector: return position == 1 && writeVector(call, position, values)
    case .message: return position == 1 && writeMessage(call, form.arguments[1].value, values)
    case .userMutex: return writeTimeout(call, position, values)
    case .select: return position >= 1 && position <= 3 && writeSets(call, position, values)
    case .directory: return writeDirectory(call, form, position, values)
    case .ioctl: return writeRequest(call, position)
    case .socketOption: return writeOption(call, position)
    case .wait: return writeStatus(call, form, position)
    case .sysctl: return writeSysctl(call, form, position)
    case .execve, .socketAddress, .none: return false
    }
  }

  // MARK: Unions

  /// What a union argument is in a call with these words; nil where nobody looks at it.
  private func member(
    _ vocabulary: Vocabulary, _ form: Vocabulary.Call, _ position: Int, _ word: (Int) -> UInt64
  ) -> Vocabulary.Argument? {
    let index = form.arguments[position].value.index
    let union = vocabulary.personality.unions[index]
    let members = vocabulary.unionArguments[index]
    guard
      let tag = form.arguments.firstIndex(where: { vocabulary.bytes($0.name).elementsEqual(union.tag.utf8) })
    else { return members.last ?? nil }
    let type = form.arguments[tag].value
    let names = type.kind == .map ? vocabulary.personality.maps[type.index] : nil
    return members[union.index(word(tag), width: 4, names: names)]
  }

  /// Writes a union argument as what its tag says.
  func write(union call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) {
    guard let argument = member(foreign, form, position, { call.arguments[$0] }) else { return }
    write(call, form, position, argument)
  }

  // MARK: ioctl

  private func writeRequest(_ call: LoggedCall, _ position: Int) -> Bool {
    guard position > 0, let request = foreign.personality.ioctl(call.arguments[1] & 0xffff_ffff) else {
      if position == 1 { text.append(hex: call.arguments[1] & 0xffff_ffff) }
      return position == 1
    }
    if position == 1 {
      text.append(string: request.name)
      return true
    }
    switch request.argument {
    case nil: text.append(hex: call.arguments[2])
    case .scalar, .map, .path, .string, .strings, .union: return false
    case .pointer(_, let pointee, let count)?:
      guard let capture = call.exit[2] ?? call.entry[2], !capture.isFault else { return false }
      write(capture, foreign.pointee(pointee), isArray: count != .one)
    }
    return true
  }

  // MARK: fcntl

  /// The third argument, as the command in the second takes it.
  private func writeControl(
    argument word: UInt64, _ command: UInt64, _ form: Vocabulary.Call, _ values: ValueWriter
  ) -> Bool {
    let vocabulary = values.vocabulary
    let commands = form.arguments[1].value
    guard commands.kind == .map,
      let name = values.enumName(commands.index, command & 0xffff_ffff, width: 4)
    else { return false }
    if vocabulary.isName(name, "F_SETFL"), vocabulary.openFlags >= 0 {
      values.write(vocabulary.openFlags, word & 0xffff_ffff)
    } else if vocabulary.isName(name, "F_SETFD"), vocabulary.descriptorFlags >= 0 {
      values.write(vocabulary.descriptorFlags, word & 0xffff_ffff)
    } else if word < 0x10000 {
      text.append(decimal: word)
    } else {
      return false
    }
    return true
  }

  /// What F_GETFL and F_GETFD answer.
  func writeControl(
    result: Int64, _ command: UInt64, _ vocabulary: Vocabulary, _ values: ValueWriter
  ) -> Bool {
    guard result >= 0, let commands = vocabulary.personality.map(named: "fcntl_command"),
      let name = values.enumName(commands, command & 0xffff_ffff, width: 4)
    else { return false }
    let map =
      vocabulary.isName(name, "F_GETFL")
      ? vocabulary.openFlags : vocabulary.isName(name, "F_GETFD") ? vocabulary.descriptorFlags : -1
    guard map >= 0 else { return false }
    values.write(map, UInt64(result))
    return true
  }

  // MARK: select, directories

  private func writeSets(_ call: LoggedCall, _ position: Int, _ values: ValueWriter) -> Bool {
    guard let before = call.entry[position], !before.isFault else { return false }
    values.write(descriptorSet: before.bytes)
    if let after = call.exit[position], !after.isFault, !after.bytes.elementsEqual(before.bytes) {
      text.append(" => ")
      values.write(descriptorSet: after.bytes)
    }
    return true
  }

  /// The names that getdirentries has read, by the personality's `dirent`, or `PREFIX_dirent` for a call
  /// whose name begins with such a prefix.
  private func writeDirectory(
    _ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int, _ values: ValueWriter
  ) -> Bool {
    guard position == 1, form.directory >= 0, let capture = call.exit[1], !capture.isFault else { return false }
    return values.write(directory: form.directory, capture.bytes, truncated: capture.isTruncated)
  }

  // MARK: _umtx_op

  /// Where the last argument is a timeout, the one before it is its size, or NULL for a plain timespec;
  /// sys/kern/kern_umtx.c, umtx_copyin_umtx_time.
  private func writeTimeout(_ call: LoggedCall, _ position: Int, _ values: ValueWriter) -> Bool {
    let size = call.arguments[3]
    if position == 3, size > 0, size < 4096 {
      text.append(decimal: size)
      return true
    }
    guard position == 4, let timeout = call.entry[4], !timeout.isFault else { return false }
    let name = timeout.bytes.count >= 24 ? "umtx_time" : "timespec"
    guard let shape = foreign.personality.structure(named: name) else { return false }
    values.write(structure: shape, timeout.bytes)
    return true
  }

  // MARK: getsockopt, setsockopt

  private func writeOption(_ call: LoggedCall, _ position: Int) -> Bool {
    let level = UInt32(truncatingIfNeeded: call.arguments[1])
    switch position {
    case 1:
      guard let known = foreign.personality.socketLevel(level) else { return false }
      text.append(string: known.name)
      return true
    case 2, 3:
      let name = UInt32(truncatingIfNeeded: call.arguments[2])
      guard let option = foreign.personality.socketOption(level: level, name: name) else { return false }
      if position == 2 {
        text.append(string: option.name)
        return true
      }
      guard let capture = call.exit[3] ?? call.entry[3], !capture.isFault else { return false }
      write(capture, foreign.pointee(option.value), isArray: false)
      return true
    default: return false
    }
  }

  // MARK: wait

  /// The status word of wait4 and wait6, as W* macros take it apart (sys/wait.h).
  private func writeStatus(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) -> Bool {
    guard foreign.isName(form.arguments[position].name, "status"), let capture = call.exit[position],
      let status = ValueWriter.load(capture.bytes, 4), case .result(let child, _) = call.end, child > 0
    else { return false }
    let signal = Int64(status & 0x7f)
    text.append(UInt8(ascii: "["))
    if status == 0x13 || status == 0xffff {
      text.append("continued")
    } else if signal == 0 {
      text.append("exited ")
      text.append(decimal: status >> 8 & 0xff)
    } else {
      text.append(signal == 0x7f ? "stopped " : "killed ")
      let number = signal == 0x7f ? Int64(status >> 8 & 0xff) : signal
      let name = foreign.signal(number)
      if name.isEmpty { text.append(decimal: number) } else { foreign.append(name, to: text) }
      if signal != 0x7f, status & 0x80 != 0 { text.append(", core") }
    }
    text.append(UInt8(ascii: "]"))
    return true
  }

  // MARK: sysctl

  /// __sysctl(name, namelen, old, oldlenp, new, newlen) and __sysctlbyname alike: the name, and the value as
  /// its kind says.
  private func writeSysctl(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) -> Bool {
    guard position == 0 || position == 2, let name = call.entry[0], !name.isFault else { return false }
    let isNumbers = form.arguments[0].form == .pointer
    if position == 0, !isNumbers { return false }
    let control: SystemControl?
    if isNumbers {
      let count = name.bytes.count / 4
      guard count > 0, count <= 24 else { return false }
      control = foreign.personality.sysctl(
        (0..<count).map { name.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) })
    } else {
      control = foreign.personality.sysctl(named: String(decoding: name.bytes, as: UTF8.self))
    }
    guard let control else { return false }
    if position == 0 {
      text.append(string: control.name)
      return true
    }
    guard let value = call.exit[2], !value.isFault else { return false }
    return write(value, control.kind)
  }

  private func write(_ value: Capture, _ kind: SysctlKind) -> Bool {
    let scalar: Scalar
    switch kind {
    case .int: scalar = .int
    case .uint: scalar = .uint
    case .long: scalar = .long
    case .ulong: scalar = .ulong
    case .s64: scalar = .i64
    case .u64: scalar = .u64
    case .string:
      write(value, foreign.pointee(.text), isArray: false)
      return true
    case .node, .opaque: return false
    }
    write(value, foreign.pointee(.scalar(scalar)), isArray: true)
    return true
  }

  // MARK: The Linux side

  func writeSpecial(
    native form: Vocabulary.Call, _ words: UnsafeRawBufferPointer, _ position: Int, _ values: ValueWriter
  ) -> Bool {
    let first = words.load(fromByteOffset: 8, as: UInt64.self)
    switch (form.special, position) {
    case (.fcntl, 2):
      return writeControl(argument: words.load(fromByteOffset: 16, as: UInt64.self), first, form, values)
    case (.ioctl, 1):
      guard let request = linux.personality.ioctl(first & 0xffff_ffff) else {
        text.append(hex: first & 0xffff_ffff)
        return true
      }
      text.append(string: request.name)
      return true
    case (.socketOption, 1), (.socketOption, 2):
      let level = UInt32(truncatingIfNeeded: first)
      guard let known = linux.personality.socketLevel(level) else { return false }
      if position == 1 {
        text.append(string: known.name)
        return true
      }
      let name = UInt32(truncatingIfNeeded: words.load(fromByteOffset: 16, as: UInt64.self))
      guard let option = known.options.first(where: { $0.number == name }) else { return false }
      text.append(string: option.name)
      return true
    default: return false
    }
  }
}
