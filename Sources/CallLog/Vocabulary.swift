import PersonalityTables

/// A personality's names and types in the form that rendering wants: flat arrays that are made once, names as bytes.
///
/// The arrays are plain memory and their elements plain bytes, so that a line takes no counting of references.
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
    /// Where it is refused: the errno, and why.
    var refusal: (errno: Int64, reason: Name)?
  }

  struct Map {
    var isFlags: Bool
    /// Flags: sub-fields, then flags of several bits, then single bits; enumerations as declared.
    var entries: UnsafeBufferPointer<MapEntry>
    /// What an empty flag word is called.
    var zero = Name()
    /// O_CREAT, where the map has it: without it open's mode means nothing.
    var create: UInt64 = 0

    /// Why a value is refused with this errno.
    func reason(_ word: UInt64, _ errno: Int64) -> Name? {
      for entry in entries {
        guard let refusal = entry.refusal, refusal.errno == errno else { continue }
        let told = isFlags ? word & (entry.mask == 0 ? entry.value : entry.mask) : word
        if told == entry.value { return refusal.reason }
      }
      return nil
    }
  }

  struct Value {
    enum Kind {
      case decimal, unsigned, octal, mode, address, descriptor, identity, device, signal, errno
      case map, structure, text, bytes, socketAddress, signalSet, bitSet, handler
      /// By a field beside it: index in the personality's unions.
      case union
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
    enum Special { case none, stat, socketAddress, signalSet, kevent, fdSet, context, set }
    var size: Int
    var fields: UnsafeBufferPointer<Field>
    var special: Special
    /// Of a file's status: mode, size and device; -1 where it lacks one.
    var status = (mode: -1, size: -1, device: -1)
  }

  struct Argument {
    enum Form { case value, text, strings, pointer, union }
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
      message, userMutex
  }

  struct Call {
    var name: Name
    /// The first one that the row is for.
    var number: Int
    var arguments: UnsafeBufferPointer<Argument>
    var result: ResultForm
    var special: Special
    /// The structure of the directory entries that it reads; -1 for none.
    var directory = -1
    /// Why it is not supported.
    var reason: Name?
    /// The Linux call of a translated row, and for each of its operands the argument it is, or -1.
    var native = Name()
    var operands = UnsafeBufferPointer<Int>(start: nil, count: 0)
  }

  enum ResultForm {
    case value(Value)
    case pair
    case never
  }

  let personality: Personality
  let word: Int
  /// Names' bytes, until all are there.
  var names: [UInt8] = [0]
  private var pool = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  private(set) var calls = UnsafeBufferPointer<Call>(start: nil, count: 0)
  private var callByNumber = UnsafeBufferPointer<Int32>(start: nil, count: 0)
  private(set) var maps = UnsafeBufferPointer<Map>(start: nil, count: 0)
  private(set) var shapes = UnsafeBufferPointer<Shape>(start: nil, count: 0)
  private var memory: [UnsafeMutableRawPointer] = []
  /// What a union argument is, by the personality's unions and their members; nil where nobody looks at it.
  private(set) var unionArguments: [[Argument?]] = []
  private var errnos = UnsafeBufferPointer<Name>(start: nil, count: 0)
  private var signals = UnsafeBufferPointer<Name>(start: nil, count: 0)
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
    maps = keep(personality.maps.map(makeMap))
    shapes = keep(personality.structures.map(makeShape))
    unionArguments = personality.unions.map { union in union.members.map(makeMember) }
    let last = personality.calls.reduce(-1) { max($0, $1.last) }
    var callByNumber = [Int32](repeating: -1, count: max(0, min(last, 1 << 16) + 1))
    var calls: [Call] = []
    for row in personality.calls {
      guard row.number >= 0, row.number <= row.last else { continue }
      for number in row.number...row.last where number < callByNumber.count {
        callByNumber[number] = Int32(calls.count)
      }
      calls.append(makeCall(row))
    }
    self.calls = keep(calls)
    self.callByNumber = keep(callByNumber)
    errnos = keep((0...max(0, personality.errnos.highest)).map { name(personality.errnoName($0) ?? "") })
    signals = keep((0...max(0, personality.signals.highest)).map { name(personality.signalName($0) ?? "") })
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
    pool = keep(names)
    names = []
  }

  deinit { for block in memory { block.deallocate() } }

  /// Elements that stay as they are as long as this vocabulary.
  func keep<T>(_ elements: [T]) -> UnsafeBufferPointer<T> {
    let block = UnsafeMutableBufferPointer<T>.allocate(capacity: elements.count)
    _ = block.initialize(from: elements)
    if let start = block.baseAddress { memory.append(UnsafeMutableRawPointer(start)) }
    return UnsafeBufferPointer(block)
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
    text.append(pool.baseAddress! + Int(name.start), Int(name.count))
  }

  func isName(_ name: Name, _ text: StaticString) -> Bool {
    Int(name.count) == text.utf8CodeUnitCount
      && (0..<Int(name.count)).allSatisfy { pool[Int(name.start) + $0] == text.utf8Start[$0] }
  }

  func bytes(_ name: Name) -> Slice<UnsafeBufferPointer<UInt8>> {
    pool[Int(name.start)..<Int(name.start + name.count)]
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
