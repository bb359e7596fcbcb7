/// A value's type, by the word that the tables use.
public enum Scalar: String, Sendable, CaseIterable {
  case int, i32, fd, pid, status
  case uint, u32, mode, uid, gid, dev
  case i8, u8, i16, u16
  case long, i64, u64, size, ssize, ulong, offset, time, id
  case address, pointer
  case signal, errno
  /// An option that is told as its own number where it is set.
  case bit

  /// Bytes, with `word` bytes to a long and a pointer.
  public func width(word: Int) -> Int {
    switch self {
    case .i8, .u8: 1
    case .i16, .u16: 2
    case .int, .i32, .fd, .pid, .status, .uint, .u32, .mode, .uid, .gid, .dev, .signal, .errno, .bit: 4
    case .i64, .u64, .offset, .id: 8
    case .long, .size, .ssize, .ulong, .time, .address, .pointer: word
    }
  }

  public var isSigned: Bool {
    switch self {
    case .int, .i32, .fd, .pid, .status, .i8, .i16, .long, .i64, .ssize, .offset, .time, .signal, .errno, .bit: true
    default: false
    }
  }
}

public enum Direction: UInt8, Sendable {
  case `in` = 1
  case out = 2
  case `inout` = 3
}

/// How many elements a pointer argument points to.
public enum ElementCount: Sendable, Equatable {
  /// One, no count written.
  case one
  case constant(Int)
  /// The value of argument number …
  case argument(Int)
  /// The call's result.
  case result
  /// What pointer argument number … points to.
  case pointee(Int)
}

/// What a pointer argument points to.
public enum PointeeType: Sendable, Equatable {
  case scalar(Scalar)
  /// Index in `Personality.maps`, and the bytes of the value.
  case map(Int, width: Int)
  /// Index in `Personality.structures`.
  case structure(Int)
  case bytes
  /// Text of at most the count's bytes.
  case text
  /// A set of numbers, bit by bit, in the count's bytes; of signals from 1, of others from 0.
  case set(ofSignals: Bool)
}

public enum ArgumentType: Sendable, Equatable {
  case scalar(Scalar)
  /// A flag word or enumerated value: index in `Personality.maps`, bytes of the value.
  case map(Int, width: Int)
  case path
  case string
  /// A NULL-terminated array of strings.
  case strings
  case pointer(Direction, PointeeType, ElementCount)
  /// Index in `Personality.unions`.
  case union(Int)
}

public struct CallArgument: Sendable {
  public var name: String
  public var type: ArgumentType
  public var position: Position
}

public enum ResultType: Sendable, Equatable {
  case scalar(Scalar)
  case map(Int, width: Int)
  /// Both result registers.
  case pair
  case never
}

/// What a call of the foreign OS becomes.
public enum Action: Sendable {
  /// Linux's rows say nothing.
  case none
  /// Linux's call of that name. `operands` nil: all arguments in their order.
  case translate(String, operands: [Operand]?)
  case handler(String, operands: [Operand]?)
  case answer(Int64)
  case unsupported(String)
  case obsolete
}

public struct Operand: Sendable {
  public enum Value: Sendable, Equatable {
    case argument(Int)
    case number(Int64)
    /// Linux constants joined by `|`.
    case names([String])
  }
  public var value: Value
  public var position: Position
}

/// One row: a call with its signature and what it becomes.
public struct CallRow: Sendable {
  public var number: Int
  /// The last number of a range; `number` where there is one only.
  public var last: Int
  public var name: String
  /// The row's first name where the edition has another (`named NAME until V`).
  public var firstName: String?
  public var arguments: [CallArgument] = []
  /// Nil only in rows that never return a value (obsolete, unsupported).
  public var result: ResultType?
  public var action: Action = .none
  public var position: Position
  /// Where the action's name stands.
  public var actionPosition: Position
}
