import PersonalityTables

/// Arguments whose meaning depends on another's value.
extension CallWriter {
  /// Writes argument `position` by its special meaning; false when it has none.
  func writeSpecial(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) -> Bool {
    switch form.special {
    case .ioctl: return writeRequest(call, position)
    case .socketOption: return writeOption(call, position)
    case .wait: return writeStatus(call, form, position)
    case .sysctl: return writeSysctl(call, form, position)
    case .execve, .socketAddress, .none: return false
    }
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
    case .scalar, .map, .path, .string, .strings: return false
    case .pointer(_, let pointee, let count)?:
      guard let capture = call.exit[2] ?? call.entry[2], !capture.isFault else { return false }
      write(capture, foreign.pointee(pointee), isArray: count != .one)
    }
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

  /// The status word of wait4 and wait6, as W* macros take it apart (FreeBSD sys/wait.h).
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

  /// __sysctl(name, namelen, old, oldlenp, new, newlen): the name, and the value as its kind says.
  private func writeSysctl(_ call: LoggedCall, _ form: Vocabulary.Call, _ position: Int) -> Bool {
    guard position == 0 || position == 2, let capture = call.entry[0], !capture.isFault else { return false }
    let count = capture.bytes.count / 4
    guard count > 0, count <= 24 else { return false }
    let mib = (0..<count).map { capture.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
    guard let control = foreign.personality.sysctl(mib) else { return false }
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

  func writeSpecial(native form: Vocabulary.Call, _ words: UnsafeRawBufferPointer, _ position: Int) -> Bool {
    let first = words.load(fromByteOffset: 8, as: UInt64.self)
    switch (form.special, position) {
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
