import PersonalityTables

/// A personality's names and types in the form that rendering wants: flat arrays, names as bytes.
final class Vocabulary {
  /// Bytes `start ..< start + count` of the name pool.
  struct Name {
    var start: Int32 = 0
    var count: Int32 = 0
    var isEmpty: Bool { count == 0 }
  }

  struct MapEntry {
    /// The sub-field that `value` fills; 0 for a flag of its own or an enumerated value.
    var mask: UInt64
    var value: UInt64
    var last: UInt64
    var name: Name
  }

  struct Map {
    var isFlags: Bool
    /// Flags: sub-fields, then flags of several bits, then single bits; enumerations as declared.
    var entries: [MapEntry]
    /// What an empty flag word is called.
    var zero = Name()
    /// O_CREAT, where the map has it: without it open's mode means nothing.
    var create: UInt64 = 0
  }

  struct Value {
    enum Kind {
      case decimal, unsigned, octal, mode, address, descriptor, identity, device, signal, errno
      case map, structure, text, bytes, socketAddress, signalSet, handler
    }
    var kind: Kind
    var isSigned = false
    /// Bytes of one element.
    var width: Int
    /// Index of the map or structure.
    var index = 0
  }

  struct Field {
    var name: Name
    var offset: Int
    var size: Int
    var value: Value
    /// Elements of an array field.
    var elements: Int?
    /// Filler, shown only when it is not zero.
    var isSpare: Bool
  }

  struct Shape {
    enum Special { case none, stat, socketAddress, signalSet, kevent, fdSet, context }
    var size: Int
    var fields: [Field]
    var special: Special
  }

  struct Argument {
    enum Form { case value, text, strings, pointer }
    var name: Name
    var form: Form
    var value: Value
    var direction = Direction.in
    /// More than one element may be there.
    var isArray = false
    /// The call's result tells how many elements the call has written.
    var isCountedByResult = false
    /// A whole environment: only its length is shown.
    var isEnvironment = false
  }

  /// Calls whose arguments say by their values what others mean.
  enum Special {
    case none, ioctl, fcntl, socketOption, socketAddress, wait, sysctl, execve, select, directory, vector,
      message, cpuSet, userMutex
  }

  struct Call {
    var name: Name
    var arguments: [Argument]
    var result: ResultForm
    var special: Special
    /// Why it is not supported.
    var reason: Name?
    /// The Linux call of a translated row, and for each of its operands the argument it is, or -1.
    var native = Name()
    var operands: [Int] = []
  }

  enum ResultForm {
    case value(Value)
    case pair
    case never
  }

  let personality: Personality
  private let word: Int
  private var pool: [UInt8] = [0]
  private(set) var calls: [Call] = []
  private var callByNumber: [Int32] = []
  private(set) var maps: [Map] = []
  private(set) var shapes: [Shape] = []
  private var errnos: [Name] = []
  private var signals: [Name] = []
  /// Address families by number; -1 where the personality does not tell them.
  private(set) var addressFamilies = -1
  private(set) var signalCodes = -1
  /// What fcntl sets and gets.
  private(set) var openFlags = -1
  private(set) var descriptorFlags = -1
  /// What kevent's fflags mean with each filter: maps named `note_<filter>`.
  private(set) var noteMaps: [Int64: Int] = [:]
  /// si_code's names for single signals: maps named `signal_code_<signal>`, as `signal_code_segv`.
  private(set) var signalCodeMaps: [Int: Int] = [:]
  /// Socket addresses begin with their length.
  private(set) var hasLengthByte = false
  private(set) var lastSignal = 0

  init(_ personality: Personality) {
    self.personality = personality
    word = personality.abis.first?.word ?? 8
    maps = personality.maps.map(makeMap)
    shapes = personality.structures.map(makeShape)
    let last = personality.calls.reduce(-1) { max($0, $1.last) }
    callByNumber = [Int32](repeating: -1, count: max(0, min(last, 1 << 16) + 1))
    for row in personality.calls {
      guard row.number >= 0, row.number <= row.last else { continue }
      for number in row.number...row.last where number < callByNumber.count {
        callByNumber[number] = Int32(calls.count)
      }
      calls.append(makeCall(row))
    }
    errnos = (0...max(0, personality.errnos.highest)).map { name(personality.errnoName($0) ?? "") }
    signals = (0...max(0, personality.signals.highest)).map { name(personality.signalName($0) ?? "") }
    addressFamilies = personality.map(named: "address_family") ?? -1
    signalCodes = personality.map(named: "signal_code") ?? -1
    lastSignal = personality.signals.highest
    let address = personality.structure(named: "sockaddr") ?? personality.structure(named: "sockaddr_in")
    hasLengthByte = address.map { personality.structures[$0].fields.first?.name.hasSuffix("_len") } == true
    openFlags = personality.map(named: "open_flags") ?? -1
    descriptorFlags = personality.map(named: "fd_flags") ?? -1
    findNotes()
    for entry in personality.signals.entries where entry.name.hasPrefix("SIG") {
      let signal = entry.name.dropFirst(3).lowercased()
      let map = signal == "chld" ? "child" : signal == "io" ? "poll" : signal
      if let map = personality.map(named: "signal_code_" + map) { signalCodeMaps[Int(entry.value)] = map }
    }
  }

  /// EVFILT_VNODE's notes are in `note_vnode`.
  private func findNotes() {
    for map in personality.maps {
      for entry in map.entries where entry.name.hasPrefix("EVFILT_") {
        if let notes = personality.map(named: "note_" + entry.name.dropFirst(7).lowercased()) {
          noteMaps[Int64(Int16(truncatingIfNeeded: entry.value))] = notes
        }
      }
    }
  }

  // MARK: Looking up

  /// Index in `calls`.
  func call(_ number: Int) -> Int? {
    guard number >= 0, number < callByNumber.count, callByNumber[number] >= 0 else { return nil }
    return Int(callByNumber[number])
  }

  func errno(_ number: Int64) -> Name {
    number > 0 && number < Int64(errnos.count) ? errnos[Int(number)] : Name()
  }

  func signal(_ number: Int64) -> Name {
    number > 0 && number < Int64(signals.count) ? signals[Int(number)] : Name()
  }

  func append(_ name: Name, to text: TextBuffer) {
    pool.withUnsafeBufferPointer { text.append($0.baseAddress! + Int(name.start), Int(name.count)) }
  }

  func isName(_ name: Name, _ text: StaticString) -> Bool {
    Int(name.count) == text.utf8CodeUnitCount
      && (0..<Int(name.count)).allSatisfy { pool[Int(name.start) + $0] == text.utf8Start[$0] }
  }

  func bytes(_ name: Name) -> ArraySlice<UInt8> { pool[Int(name.start)..<Int(name.start + name.count)] }

  // MARK: Building

  private func name(_ text: String) -> Name {
    let start = pool.count
    pool.append(contentsOf: text.utf8)
    return Name(start: Int32(start), count: Int32(pool.count - start))
  }

  private func makeMap(_ map: ConstantMap) -> Map {
    guard map.kind == .flags else { return Map(isFlags: false, entries: map.entries.map(makeEntry)) }
    let fields = map.entries.filter { $0.mask != 0 }
    let flags = map.entries.filter { $0.mask == 0 && $0.value != 0 }
    let wide = flags.filter { $0.value & ($0.value &- 1) != 0 }
    let single = flags.filter { $0.value & ($0.value &- 1) == 0 }
    var made = Map(isFlags: true, entries: (fields + wide + single).map(makeEntry))
    made.create = flags.first { $0.name == "O_CREAT" }?.value ?? 0
    if let zero = map.entries.first(where: { $0.mask == 0 && $0.value == 0 }) { made.zero = name(zero.name) }
    return made
  }

  private func makeEntry(_ constant: Constant) -> MapEntry {
    MapEntry(mask: constant.mask, value: constant.value, last: constant.last, name: name(constant.name))
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

  private func makeShape(_ structure: Structure) -> Shape {
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
    return Shape(size: structure.size, fields: fields, special: Vocabulary.special(structure))
  }

  private static func isSpare(_ name: String) -> Bool {
    name.hasPrefix("_") || name.contains("spare") || name.contains("pad") || name.contains("reserved")
      || name.contains("unused") || name.contains("fill") || name == "zero"
  }

  private static func special(_ structure: Structure) -> Shape.Special {
    if structure.field(named: "st_mode") != nil { return .stat }
    if structure.name.hasPrefix("sockaddr") { return .socketAddress }
    if structure.name.hasPrefix("sigset") { return .signalSet }
    if structure.name.hasPrefix("fd_set") { return .fdSet }
    if structure.name.hasSuffix("kevent") { return .kevent }
    if structure.field(named: "uc_sigmask") != nil { return .context }
    return .none
  }

  private func makeArgument(_ argument: CallArgument) -> Argument {
    let name = name(argument.name)
    let pointer = Value(kind: .address, width: 8)
    switch argument.type {
    case .scalar(let scalar):
      return Argument(name: name, form: .value, value: value(Vocabulary.isSignal(argument) ? .signal : scalar))
    case .map(let index, let width):
      return Argument(name: name, form: .value, value: Value(kind: .map, width: width, index: index))
    case .path, .string: return Argument(name: name, form: .text, value: pointer)
    case .strings:
      return Argument(
        name: name, form: .strings, value: pointer, isEnvironment: argument.name.hasPrefix("env"))
    case .pointer(let direction, let pointee, let count):
      return Argument(
        name: name, form: .pointer, value: self.pointee(Vocabulary.isSignal(argument) ? .scalar(.signal) : pointee),
        direction: direction, isArray: count != .one, isCountedByResult: count == .result)
    }
  }

  /// Signal numbers that calls take as plain numbers, since theirs are not Linux's to refuse.
  private static func isSignal(_ argument: CallArgument) -> Bool {
    guard argument.name == "sig" || argument.name == "signum" || argument.name == "signo" else { return false }
    switch argument.type {
    case .scalar(.int), .scalar(.i32), .pointer(_, .scalar(.i32), .one), .pointer(_, .scalar(.int), .one): return true
    default: return false
    }
  }

  func pointee(_ type: PointeeType) -> Value {
    switch type {
    case .scalar(let scalar): value(scalar)
    case .map(let index, let width): Value(kind: .map, width: width, index: index)
    case .structure(let index): Value(kind: .structure, width: shapes[index].size, index: index)
    case .bytes: Value(kind: .bytes, width: 1)
    case .text: Value(kind: .text, width: 1)
    }
  }

  private func makeCall(_ row: CallRow) -> Call {
    let special = Vocabulary.special(row)
    var call = Call(
      name: name(row.name), arguments: row.arguments.map(makeArgument), result: makeResult(row.result),
      special: special)
    if special == .socketAddress {
      for index in row.arguments.indices where call.arguments[index].value.kind == .bytes {
        if Vocabulary.socketAddressNames.contains(row.arguments[index].name) {
          call.arguments[index].value = Value(kind: .socketAddress, width: 1)
        }
      }
    }
    switch row.action {
    case .unsupported(let why): call.reason = name(why)
    case .obsolete: call.reason = name("obsolete")
    case .translate(let native, let operands):
      call.native = name(native)
      call.operands =
        operands?.map { if case .argument(let index) = $0.value { index } else { -1 } }
        ?? Array(row.arguments.indices)
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
    case "cpusetGetAffinity", "cpusetSetAffinity": return .cpuSet
    case "userMutex": return .userMutex
    case "getdirentries", "getdirentriesWithBase": return .directory
    case "getsockopt", "setsockopt": return .socketOption
    case "bind", "bindat", "connect", "connectat", "accept", "accept4", "getsockname", "getpeername", "sendto",
      "recvfrom":
      return .socketAddress
    case "wait4", "wait6", "waitid": return .wait
    case "sysctl", "sysctlByName": return .sysctl
    case "execve", "fexecve", "execveat": return .execve
    default: return .none
    }
  }
}

extension Vocabulary {
  /// Whether `name` spells as `otherName` of `other` does.
  func isEqual(_ name: Name, _ other: Vocabulary, _ otherName: Name) -> Bool {
    bytes(name).elementsEqual(other.bytes(otherName))
  }
}

extension TextBuffer {
  func append(string text: String) {
    for byte in text.utf8 { append(byte) }
  }
}
