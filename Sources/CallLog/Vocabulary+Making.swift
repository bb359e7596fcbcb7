import PersonalityTables

/// Turning a personality's declarations into the flat forms.
extension Vocabulary {
  func name(_ text: String) -> Name {
    let start = names.count
    names.append(contentsOf: text.utf8)
    return Name(start: Int32(start), count: Int32(names.count - start))
  }

  func makeMap(_ map: ConstantMap) -> Map {
    guard map.kind == .flags else { return Map(isFlags: false, entries: keep(map.entries.map(makeEntry))) }
    let fields = map.entries.filter { $0.mask != 0 }
    let flags = map.entries.filter { $0.mask == 0 && $0.value != 0 }
    let wide = flags.filter { $0.value & ($0.value &- 1) != 0 }
    let single = flags.filter { $0.value & ($0.value &- 1) == 0 }
    var made = Map(isFlags: true, entries: keep((fields + wide + single).map(makeEntry)))
    made.create = flags.first { $0.name == "O_CREAT" }?.value ?? 0
    if let zero = map.entries.first(where: { $0.mask == 0 && $0.value == 0 }) { made.zero = name(zero.name) }
    return made
  }

  private func makeEntry(_ constant: Constant) -> MapEntry {
    var entry = MapEntry(mask: constant.mask, value: constant.value, last: constant.last, name: name(constant.name))
    for mapping in constant.mappings where mapping.direction == .reject {
      guard case .name(let errno) = mapping.target, let why = mapping.reason,
        let number = personality.errnos.entries.first(where: { $0.name == errno })?.value
      else { continue }
      entry.refusal = (Int64(number), name(why))
    }
    return entry
  }

  private func value(_ scalar: Scalar, width: Int = 0) -> Value {
    let kind: Value.Kind =
      switch scalar {
      case .fd: .descriptor
      case .uid, .gid, .id: .identity
      case .dev: .device
      case .mode: .mode
      case .address, .pointer: .address
      case .signal: .signal
      case .errno: .errno
      default: scalar.isSigned ? .decimal : .unsigned
      }
    let signed = scalar.isSigned || kind == .identity || kind == .descriptor
    return Value(kind: kind, isSigned: signed, width: width > 0 ? width : scalar.width(word: word))
  }

  func makeShape(_ structure: Structure) -> Shape {
    var fields: [Field] = []
    for field in structure.fields {
      var type = field.type
      var elements: Int?
      if case .array(let element, let count) = type {
        type = element
        elements = count
        if case .array = element { type = .bytes(field.size / max(count, 1)) }
      }
      var value: Value =
        switch type {
        case .scalar(let scalar, let width): value(scalar, width: width)
        case .map(let index, let width): Value(kind: .map, width: width, index: index)
        case .structure(let index):
          Value(kind: .structure, width: field.size / max(elements ?? 1, 1), index: index)
        case .text(let count): Value(kind: .text, width: count)
        case .bytes(let count): Value(kind: .bytes, width: count)
        case .set(let ofSignals, let count): Value(kind: ofSignals ? .signalSet : .bitSet, width: count)
        case .union(let index): Value(kind: .union, width: field.size, index: index)
        case .array: Value(kind: .bytes, width: field.size)
        }
      if field.name.hasSuffix("sa_mask") || field.name.hasSuffix("sigmask") {
        value = Value(kind: .signalSet, width: field.size)
        elements = nil
      } else if field.name == "sa_handler" || field.name == "sa_sigaction" {
        value.kind = .handler
      }
      fields.append(
        Field(
          name: name(field.name), offset: field.offset, size: field.size, value: value, elements: elements,
          isSpare: Vocabulary.isSpare(field.name)))
    }
    var shape = Shape(size: structure.size, fields: keep(fields), special: Vocabulary.special(structure))
    func place(_ name: String) -> Int { structure.fields.firstIndex { $0.name == name } ?? -1 }
    if shape.special == .stat { shape.status = (place("st_mode"), place("st_size"), place("st_rdev")) }
    return shape
  }

  private static func isSpare(_ name: String) -> Bool {
    name.hasPrefix("_") || name.contains("spare") || name.contains("pad") || name.contains("reserved")
      || name.contains("unused") || name.contains("fill") || name == "zero"
  }

  private static func special(_ structure: Structure) -> Shape.Special {
    if structure.field(named: "st_mode") != nil { return .stat }
    if structure.fields.count == 1, case .set = structure.fields[0].type { return .set }
    if structure.name.hasPrefix("sockaddr") { return .socketAddress }
    if structure.name.hasPrefix("sigset") { return .signalSet }
    if structure.name.hasPrefix("fd_set") { return .fdSet }
    if structure.name.hasSuffix("kevent") || structure.name.hasPrefix("kevent") { return .kevent }
    if structure.field(named: "uc_sigmask") != nil { return .context }
    return .none
  }

  func makeMember(_ member: UnionType.Member) -> Argument? {
    guard case .argument(let type) = member else { return nil }
    return makeArgument("", type)
  }

  private func makeArgument(_ argument: CallArgument) -> Argument { makeArgument(argument.name, argument.type) }

  private func makeArgument(_ spelled: String, _ type: ArgumentType) -> Argument {
    let name = name(spelled)
    let pointer = Value(kind: .address, width: 8)
    switch type {
    case .scalar(let scalar):
      return Argument(
        name: name, form: .value, value: value(Vocabulary.isSignal(spelled, type) ? .signal : scalar))
    case .map(let index, let width):
      return Argument(name: name, form: .value, value: Value(kind: .map, width: width, index: index))
    case .path, .string: return Argument(name: name, form: .text, value: pointer)
    case .union(let index): return Argument(name: name, form: .union, value: Value(kind: .union, width: 8, index: index))
    case .strings:
      return Argument(
        name: name, form: .strings, value: pointer, isEnvironment: spelled.hasPrefix("env"))
    case .pointer(let direction, let pointee, let count):
      return Argument(
        name: name, form: .pointer,
        value: self.pointee(Vocabulary.isSignal(spelled, type) ? .scalar(.signal) : pointee),
        direction: direction, isArray: count != .one, isCountedByResult: count == .result)
    }
  }

  /// Signal numbers that calls take as plain numbers, since theirs are not Linux's to refuse.
  private static func isSignal(_ name: String, _ type: ArgumentType) -> Bool {
    guard name == "sig" || name == "signum" || name == "signo" else {
      return false
    }
    switch type {
    case .scalar(.int), .scalar(.i32), .pointer(_, .scalar(.i32), .one), .pointer(_, .scalar(.int), .one):
      return true
    default: return false
    }
  }

  /// How a union's member in a structure is written; nil where there is nothing to say.
  func value(_ member: UnionType.Member) -> Value? {
    switch member {
    case .none: nil
    case .structure(let index): Value(kind: .structure, width: shapes[index].size, index: index)
    case .argument(.scalar(let scalar)): value(scalar)
    case .argument(.map(let index, let width)): Value(kind: .map, width: width, index: index)
    case .argument: Value(kind: .address, width: word)
    }
  }

  func pointee(_ type: PointeeType) -> Value {
    switch type {
    case .scalar(let scalar): value(scalar)
    case .map(let index, let width): Value(kind: .map, width: width, index: index)
    case .structure(let index): Value(kind: .structure, width: shapes[index].size, index: index)
    case .bytes: Value(kind: .bytes, width: 1)
    case .text: Value(kind: .text, width: 1)
    case .set(let ofSignals): Value(kind: ofSignals ? .signalSet : .bitSet, width: 1)
    }
  }

  func makeCall(_ row: CallRow) -> Call {
    let special = Vocabulary.special(row)
    var arguments = row.arguments.map(makeArgument)
    if special == .socketAddress {
      for index in row.arguments.indices where arguments[index].value.kind == .bytes {
        if Vocabulary.socketAddressNames.contains(row.arguments[index].name) {
          arguments[index].value = Value(kind: .socketAddress, width: 1)
        }
      }
    }
    var call = Call(
      name: name(row.name), number: row.number, arguments: keep(arguments), result: makeResult(row.result),
      special: special)
    if special == .directory {
      // `PREFIX_dirent` for a call whose row's first name begins with such a prefix.
      let first = row.firstName ?? row.name
      let prefix = first.lastIndex(of: "_").map { first[...$0] } ?? ""
      let isPlain = prefix.allSatisfy { $0 == "_" }
      call.directory = personality.structure(named: isPlain ? "dirent" : prefix + "dirent") ?? -1
    }
    switch row.action {
    case .unsupported(let why): call.reason = name(why)
    case .obsolete: call.reason = name("obsolete")
    case .translate(let native, let operands):
      call.native = name(native)
      call.operands = keep(
        operands?.map { if case .argument(let index) = $0.value { index } else { -1 } }
          ?? Array(row.arguments.indices))
    default: break
    }
    return call
  }

  private func makeResult(_ result: ResultType?) -> ResultForm {
    switch result {
    case .scalar(let scalar)?: .value(value(scalar))
    case .map(let index, let width)?: .value(Value(kind: .map, width: width, index: index))
    case .pair?: .pair
    case .never?: .never
    case nil: .value(Value(kind: .decimal, isSigned: true, width: 8))
    }
  }

  /// What systems call the argument of bytes that holds a socket address.
  private static let socketAddressNames: Set = ["addr", "name", "from", "to", "asa", "sa", "sockaddr"]

  private static func special(_ row: CallRow) -> Special {
    var handler = row.name
    if case .handler(let name, _) = row.action { handler = name }
    switch handler {
    case "ioctl": return .ioctl
    case "fcntl": return .fcntl
    case "select", "pselect": return .select
    case "readv", "writev", "preadv", "pwritev": return .vector
    case "sendmsg", "recvmsg": return .message
    case "userMutex": return .userMutex
    case "getdirentries", "getdirentriesWithBase", "directoryEntries": return .directory
    case "getsockopt", "setsockopt": return .socketOption
    case "bind", "bindat", "connect", "connectat", "accept", "accept4", "acceptMasked", "getsockname", "getpeername",
      "sendto",
      "recvfrom":
      return .socketAddress
    case "wait4", "wait6", "waitid": return .wait
    case "sysctl", "sysctlByName": return .sysctl
    case "execve", "fexecve", "execveat": return .execve
    default: return .none
    }
  }
}
