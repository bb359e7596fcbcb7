/// Where something stands in the tables: a byte offset into `SourceText`.
public struct Position: Sendable, Equatable {
  public var offset: UInt32
  public var length: UInt32

  init(_ offset: Int, _ length: Int = 1) {
    self.offset = UInt32(truncatingIfNeeded: offset)
    self.length = UInt32(truncatingIfNeeded: length)
  }
}

/// How a foreign number relates to Linux's; without any, a name that Linux has too maps by itself.
public struct Mapping: Sendable {
  public enum Direction: Sendable, Equatable {
    case both, toNative, toForeign
    /// `-> ignore`
    case ignore
    /// `reject ERRNO "why"`
    case reject
  }
  public enum Target: Sendable, Equatable {
    case none
    case name(String)
    case number(UInt64)
    case range(UInt64, UInt64)
  }

  public var direction: Direction
  public var target: Target
  /// Why it is refused.
  public var reason: String?
  public var position: Position
}

/// One number with a name: an errno, a signal, a flag, a value of an enumeration.
public struct Constant: Sendable {
  public var name: String
  public var value: UInt64
  /// The last value of a range `65...90`; `value` where there is one only.
  public var last: UInt64
  /// The sub-field it belongs to (`mask 0x3 { … }`); 0 for a flag of its own.
  public var mask: UInt64 = 0
  /// What the OS does with the signal when nobody handles it.
  public var defaultAction: SignalAction?
  /// The words by which the OS tells it, where it tells errors in words.
  public var text: String?
  public var mappings: [Mapping] = []
  public var position: Position
}

public enum SignalAction: String, Sendable, CaseIterable {
  case terminate, core, stop, `continue`, ignore
}

/// `errno { … }` or `signal { … }`.
public struct NumberSet: Sendable {
  public var entries: [Constant] = []
  /// What Linux's numbers that no entry mentions become (`else EINVAL`).
  public var otherwise: String?
  var otherwisePosition = Position(0)
  var byName: [String: Int] = [:]
  /// Index into `entries` by number, -1 where there is none.
  var byNumber: [Int32] = []

  /// The highest number that has an entry.
  public var highest: Int { byNumber.count - 1 }

  public func entry(_ number: Int) -> Constant? {
    guard number >= 0, number < byNumber.count, byNumber[number] >= 0 else { return nil }
    return entries[Int(byNumber[number])]
  }

  public func name(of number: Int) -> String? {
    guard let entry = entry(number) else { return nil }
    let step = number - Int(entry.value)
    return step == 0 ? entry.name : "\(entry.name)+\(step)"
  }

  public func number(of name: String) -> Int? { byName[name].map { Int(entries[$0].value) } }
}

/// `flags NAME { … }` or `enum NAME { … }`.
public struct ConstantMap: Sendable {
  public enum Kind: Sendable { case flags, enumeration }

  public var name: String
  public var kind: Kind
  /// Values pass unchanged; the names are for the log.
  public var isVerbatim: Bool
  public var entries: [Constant] = []
  /// The errno for a value that no entry describes (`else EINVAL`).
  public var otherwise: String?
  public var position: Position

  /// Takes a flag word apart: sub-fields first (their zero too, where it has a name), then flags of several
  /// bits before those they contain.
  public func decode(_ value: UInt64) -> DecodedFlags {
    var decoded = DecodedFlags()
    var rest = value
    for entry in entries where entry.mask != 0 && value & entry.mask == entry.value {
      decoded.names.append(entry.name)
      rest &= ~entry.mask
    }
    for isWide in [true, false] {
      for entry in entries where entry.mask == 0 && entry.value != 0 {
        guard (entry.value & (entry.value &- 1) != 0) == isWide, rest & entry.value == entry.value else {
          continue
        }
        decoded.names.append(entry.name)
        rest &= ~entry.value
      }
    }
    if decoded.names.isEmpty, rest == 0, let zero = entries.first(where: { $0.value == 0 }) {
      decoded.names.append(zero.name)
    }
    decoded.rest = rest
    return decoded
  }

  /// The name of a whole value.
  public func name(of value: UInt64) -> String? {
    entries.first { value >= $0.value && value <= $0.last }?.name
  }
}
