/// What a register or a word of the stack may hold.
struct Value: Equatable {
  enum Atom: Hashable {
    case constant(UInt64)
    /// What the register held when the function began.
    case register(UInt8)
    /// What the stack held at this distance from the stack pointer then.
    case stack(Int64)
    /// The address at this distance from the stack pointer then.
    case frame(Int64)
  }

  private(set) var atoms: Set<Atom> = []
  /// Whether it may hold anything else.
  private(set) var isOpen = false

  /// More values than that are as good as any.
  private static let limit = 64

  static let unknown = Value(isOpen: true)

  private init(isOpen: Bool) { self.isOpen = isOpen }

  init(_ atom: Atom) { atoms = [atom] }

  init(_ atoms: some Sequence<Atom>, isOpen: Bool) {
    self.atoms = Set(atoms)
    self.isOpen = isOpen
    limit()
  }

  private mutating func limit() {
    if atoms.count > Value.limit {
      atoms = []
      isOpen = true
    }
  }

  /// The only value, if there is one.
  var single: Atom? { !isOpen && atoms.count == 1 ? atoms.first : nil }

  /// The distance from the function's stack pointer of the address that this is.
  var frameOffset: Int64? {
    if case .frame(let offset)? = single { offset } else { nil }
  }

  /// Adds what `other` may be; answers whether that was more.
  mutating func formUnion(_ other: Value) -> Bool {
    // What has overflowed once stays so, or the search for a fixed point would not end.
    if isOpen, atoms.isEmpty { return false }
    let before = self
    atoms.formUnion(other.atoms)
    isOpen = isOpen || other.isOpen
    if other.isOpen, other.atoms.isEmpty { atoms = [] }
    limit()
    return self != before
  }

  func map(_ transform: (Atom) -> Atom?) -> Value {
    var result: Set<Atom> = []
    var isOpen = isOpen
    for atom in atoms {
      if let atom = transform(atom) { result.insert(atom) } else { isOpen = true }
    }
    return Value(result, isOpen: isOpen)
  }

  /// The low bytes of a value of `word` bytes, the rest zero.
  func truncated(to width: UInt8, word: UInt8) -> Value {
    if width >= word { return self }
    let mask = (1 as UInt64) << (8 * UInt64(width)) - 1
    return map { atom in
      switch atom {
      case .constant(let value): .constant(value & mask)
      case .register, .stack: width == 4 ? atom : nil
      case .frame: nil
      }
    }
  }

  /// The low bytes, the rest copies of their sign.
  func signExtended(from width: UInt8) -> Value {
    if width >= 8 { return self }
    let shift = 64 - 8 * Int64(width)
    return map { atom in
      switch atom {
      case .constant(let value): .constant(UInt64(bitPattern: (Int64(bitPattern: value) << shift) >> shift))
      case .register, .stack: width == 4 ? atom : nil
      case .frame: nil
      }
    }
  }

  func adding(_ other: Value) -> Value {
    guard case .constant(let number)? = other.single else { return .unknown }
    return map { atom in
      switch atom {
      case .constant(let value): .constant(value &+ number)
      case .frame(let offset): .frame(offset &+ Int64(bitPattern: number))
      default: number == 0 ? atom : nil
      }
    }
  }

  var negated: Value {
    map { if case .constant(let value) = $0 { .constant(0 &- value) } else { nil } }
  }

  func combined(with other: Value, _ operation: (UInt64, UInt64) -> UInt64) -> Value {
    guard case .constant(let number)? = other.single else { return .unknown }
    return map { if case .constant(let value) = $0 { .constant(operation(value, number)) } else { nil } }
  }
}
