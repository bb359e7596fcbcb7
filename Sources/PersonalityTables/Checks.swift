/// What a checker can know beyond what compiling needs: a mistake that would compile, and would then be met
/// by a guest.
///
/// Each kind of mistake is in a file of its own: Checks+Operands.swift, Checks+Calls.swift, …
extension TableCompiler {
  mutating func check() {
    checkConvention()
    checkVectors()
    checkCallNumbers()
    checkNumbers()
    for index in personality.maps.indices { checkMap(index) }
    for index in personality.structures.indices { checkStructure(index) }
    for row in personality.calls { checkRow(row) }
    checkRequests()
    checkSysctls()
  }
}

extension ArgumentType {
  /// What a value or a pointer is to the one who takes it.
  enum Kind: Equatable {
    case path, string, strings
    /// Memory that the call reads or writes.
    case memory(Direction)
    /// An address that nobody looks into.
    case address
    case value
  }

  var kind: Kind {
    switch self {
    case .path: .path
    case .string: .string
    case .strings: .strings
    case .pointer(let direction, _, _): .memory(direction)
    case .scalar(.address), .scalar(.pointer): .address
    case .scalar, .map, .union: .value
    }
  }
}

extension ArgumentType.Kind {
  var description: String {
    switch self {
    case .path: "a path"
    case .string: "a text"
    case .strings: "an array of texts"
    case .memory(.in): "memory to read"
    case .memory(.out): "memory to write"
    case .memory(.inout): "memory to read and write"
    case .address: "an address"
    case .value: "a value"
    }
  }
}

extension Scalar {
  /// Values that only their like may stand for: a descriptor is no process, and a user no group.
  var isSpecific: Bool {
    switch self {
    case .fd, .pid, .uid, .gid, .signal, .mode, .dev: true
    default: false
    }
  }
}
