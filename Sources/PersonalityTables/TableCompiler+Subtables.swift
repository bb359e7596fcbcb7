import CWire
import Wire

extension TableCompiler {
  // MARK: ioctl

  mutating func compileRequests() {
    for request in personality.ioctls {
      var wire = persona_request()
      wire.key = request.number
      wire.name = string(request.name)
      switch request.argument {
      case .scalar(let scalar)?:
        wire.conversion = UInt8(conversion(scalar))
        wire.size = UInt16(scalar.width(word: abi.word))
      case .map(let index, let width)?:
        wire.conversion = UInt8(mapConversion(index))
        wire.parameter = UInt16(truncatingIfNeeded: index)
        wire.size = UInt16(width)
      case .pointer(let direction, let pointee, let count)?:
        wire.direction = direction.rawValue
        describe(pointee, &wire)
        if case .constant(let number) = count {
          wire.size = UInt16(truncatingIfNeeded: number * size(pointee))
        }
      default: break
      }
      resolve(request.action, request.name, request.actionPosition, &wire) { $0.native.ioctls[$1] }
      checkStructure(request.argument.flatMap(pointee), request.name, request.position, wire)
      requests.append(wire)
    }
    requests.sort { $0.key < $1.key }
  }

  private func pointee(_ type: ArgumentType) -> PointeeType? {
    if case .pointer(_, let pointee, _) = type { return pointee }
    return nil
  }

  /// A structure that Linux lacks cannot go to Linux.
  private mutating func checkStructure(
    _ pointee: PointeeType?, _ name: String, _ position: Position, _ wire: persona_request
  ) {
    guard wire.kind == UInt8(PERSONA_CALL_TRANSLATE.rawValue), case .structure(let index)? = pointee,
      nativeStructure(index) == nil
    else { return }
    report("Linux has no struct \(personality.structures[index].name): \(name) needs a handler", position)
  }

  private func describe(_ pointee: PointeeType, _ wire: inout persona_request) {
    wire.size = UInt16(truncatingIfNeeded: size(pointee))
    switch pointee {
    case .structure(let index):
      wire.conversion = UInt8(PERSONA_CONVERT_STRUCT.rawValue)
      wire.parameter = UInt16(truncatingIfNeeded: index)
    case .map(let index, _):
      wire.conversion = UInt8(mapConversion(index))
      wire.parameter = UInt16(truncatingIfNeeded: index)
    case .scalar(.bit): wire.conversion = UInt8(PERSONA_CONVERT_BIT.rawValue)
    case .scalar(.signal): wire.conversion = UInt8(PERSONA_CONVERT_SIGNAL.rawValue)
    case .bytes, .text, .set: wire.size = 0
    case .scalar: break
    }
  }

  private mutating func resolve(
    _ action: RequestAction, _ name: String, _ position: Position, _ wire: inout persona_request,
    _ find: (TableCompiler, String) -> UInt64?
  ) {
    wire.kind = UInt8(PERSONA_CALL_TRANSLATE.rawValue)
    switch action {
    case .number(let number): wire.native = number
    case .handler(let name):
      wire.kind = UInt8(PERSONA_CALL_HANDLER.rawValue)
      wire.target = handler(name, position)
    case .unsupported(let errno, _):
      wire.kind = UInt8(PERSONA_CALL_UNSUPPORTED.rawValue)
      wire.error = self.errno(errno, position)
    case .same, .name:
      var wanted = name
      if case .name(let other) = action { wanted = other }
      if let number = find(self, wanted) {
        wire.native = number
      } else {
        let names = native.ioctls.keys.sorted() + native.linux.socketLevels.flatMap { $0.options.map(\.name) }
        report(
          "Linux has no '\(wanted)'", position,
          didYouMean(wanted, names) ?? "'= NAME', '= handler name' or '= unsupported ERRNO \"why\"'")
      }
    }
  }

  // MARK: Socket options

  mutating func compileOptions() {
    for level in personality.socketLevels {
      let nativeLevel = self.nativeLevel(level)
      for option in level.options {
        var wire = persona_request()
        wire.key = UInt64(level.number) << 32 | UInt64(option.number)
        wire.name = string(option.name)
        wire.direction = Direction.inout.rawValue
        describe(option.value, &wire)
        resolve(option.action, option.name, option.actionPosition, &wire) { compiler, name in
          compiler.option(name, nativeLevel)
        }
        if case .number = option.action { wire.native |= UInt64(nativeLevel) << 32 }
        checkStructure(option.value, option.name, option.position, wire)
        options.append(wire)
      }
    }
    options.sort { $0.key < $1.key }
  }

  private mutating func nativeLevel(_ level: SocketLevel) -> UInt32 {
    switch level.native {
    case .number(let number): return UInt32(truncatingIfNeeded: number)
    case .name(let name):
      if let value = constant(name, level.position) { return UInt32(truncatingIfNeeded: value) }
    case .none, .range:
      if let other = native.linux.socketLevels.first(where: { $0.name == level.name }) { return other.number }
      if let value = native.constant(level.name) { return UInt32(truncatingIfNeeded: value) }
      // A level that only handlers and refusals serve needs no counterpart.
      if level.options.contains(where: { $0.action == .same }) {
        report(
          "Linux has no socket level '\(level.name)'", level.position,
          didYouMean(level.name, native.linux.socketLevels.map(\.name)))
      }
    }
    return 0
  }

  /// Linux's `(level << 32) | name`: on that level, else on any.
  private func option(_ name: String, _ level: UInt32) -> UInt64? {
    let levels = native.linux.socketLevels
    for candidate in levels.filter({ $0.number == level }) + levels.filter({ $0.number != level }) {
      if let option = candidate.options.first(where: { $0.name == name }) {
        return UInt64(candidate.number) << 32 | UInt64(option.number)
      }
    }
    return native.constants[name].map { UInt64(level) << 32 | ($0 & 0xffff_ffff) }
  }

  // MARK: sysctl

  /// Sorted by name; names are ASCII, so that Swift's order is the bytes'.
  mutating func compileSysctls() {
    var hosts: [String: UInt16] = [:]
    for value in HostValue.allCases { hosts["\(value)"] = value.rawValue }
    for entry in personality.sysctls.sorted(by: { $0.name < $1.name }) {
      var wire = persona_sysctl()
      wire.name = string(entry.name)
      wire.depth = UInt8(truncatingIfNeeded: entry.mib.count)
      withUnsafeMutableBytes(of: &wire.mib) { mib in
        for (index, number) in entry.mib.prefix(Int(PERSONA_SYSCTL_DEPTH)).enumerated() {
          mib.storeBytes(of: number, toByteOffset: 4 * index, as: UInt32.self)
        }
      }
      wire.kind = entry.kind.wire
      wire.writable = entry.isWritable ? 1 : 0
      switch entry.value {
      case .none:
        if entry.kind != .node { report("\(entry.name) has no value", entry.valuePosition) }
      case .number(let value): wire.value = value
      case .text(let text):
        if entry.kind != .string { report("\(entry.name) is no string", entry.valuePosition) }
        wire.value = Int64(string(text))
        if !personality.version.isEmpty, text.utf8.count >= personality.version.utf8.count,
          text.replacing(part: personality.version, with: "") != text
        {
          strings += [UInt8](repeating: 0, count: EditionTable.slack)
        }
      case .host(let name):
        wire.is_host = 1
        if let value = hosts[name] {
          wire.value = Int64(value)
        } else {
          report("no host value named '\(name)'", entry.valuePosition, didYouMean(name, hosts.keys.sorted()))
        }
      }
      if case .number = entry.value, entry.kind == .string || entry.kind == .opaque {
        report("\(entry.name) is no number", entry.valuePosition)
      }
      sysctls.append(wire)
    }
  }
}

extension SysctlKind {
  /// `enum persona_sysctl_kind`
  var wire: UInt8 {
    switch self {
    case .node: UInt8(PERSONA_SYSCTL_NODE.rawValue)
    case .int: UInt8(PERSONA_SYSCTL_INT.rawValue)
    case .uint: UInt8(PERSONA_SYSCTL_UINT.rawValue)
    case .long: UInt8(PERSONA_SYSCTL_LONG.rawValue)
    case .ulong: UInt8(PERSONA_SYSCTL_ULONG.rawValue)
    case .s64: UInt8(PERSONA_SYSCTL_S64.rawValue)
    case .u64: UInt8(PERSONA_SYSCTL_U64.rawValue)
    case .string: UInt8(PERSONA_SYSCTL_STRING.rawValue)
    case .opaque: UInt8(PERSONA_SYSCTL_OPAQUE.rawValue)
    }
  }
}
