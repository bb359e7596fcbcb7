/// A call's operands against what the call that it becomes takes.
extension TableCompiler {
  /// `what` names the taker: "Linux's read", "handler mmap".
  mutating func checkOperands(_ row: CallRow, _ taker: CallRow, _ list: [Operand]?, _ what: String) {
    let count = min(list?.count ?? row.arguments.count, taker.arguments.count)
    for index in 0..<count {
      let wanted = taker.arguments[index]
      switch list?[index].value ?? .argument(index) {
      case .argument(let argument):
        let given = row.arguments[argument]
        let position = list?[index].position ?? given.position
        if let why = mismatch(given, wanted, what) {
          report(why, position)
        } else if let why = countMismatch(row, given, taker, wanted, list, what) {
          report(why, position)
        }
      case .number(let value):
        if let why = mismatch(value, wanted, what) { report(why, list![index].position) }
      case .names(let names):
        for name in names where native.constant(name) != nil {
          if let why = mismatch(name, wanted, what) {
            report(why, list![index].position)
            break
          }
        }
      }
    }
  }

  // MARK: Arguments

  private func mismatch(_ given: CallArgument, _ wanted: CallArgument, _ what: String) -> String? {
    let takes = "\(what) takes"
    switch (given.type.kind, wanted.type.kind) {
    case (.memory, .address), (.path, .address), (.string, .address), (.strings, .address): return nil
    case (.value, .value): return valueMismatch(given, wanted, what)
    case (.address, .value) where width(given.type) <= width(wanted.type): return nil
    case (.value, .address) where width(given.type) == abi.word: return nil
    case (let mine, let its):
      if mine != its {
        return "'\(given.name)' is \(mine.description), but \(takes) \(its.description) ('\(wanted.name)')"
      }
      return pointeeMismatch(given, wanted, what)
    }
  }

  private func valueMismatch(_ given: CallArgument, _ wanted: CallArgument, _ what: String) -> String? {
    if case .map(let theirs, _) = wanted.type {
      return mapMismatch(given, native.linux.maps[theirs], wanted, what)
    }
    guard case .scalar(let its) = wanted.type else { return nil }
    switch given.type {
    case .scalar(let mine) where mine != its && mine.isSpecific && its.isSpecific:
      return "'\(given.name)' is \(mine.article), but \(what) takes \(its.article) ('\(wanted.name)')"
    case .scalar(let mine) where its == .signal && mine != .signal:
      return "'\(given.name)' is no 'signal', but \(what) takes Linux's ('\(wanted.name)')"
    case .scalar(.signal) where its != .signal:
      return "'\(given.name)' is a signal, but \(what) takes '\(wanted.name): \(its.rawValue)'"
    case .map(let index, _) where its.isSpecific && !(its == .fd && personality.maps[index].kind == .enumeration):
      return "'\(given.name)' is one of \(personality.maps[index].name), but \(what) takes \(its.article)"
        + " ('\(wanted.name)')"
    default: return nil
    }
  }

  /// A flag word or enumerated value for one of Linux's.
  private func mapMismatch(
    _ given: CallArgument, _ theirs: ConstantMap, _ wanted: CallArgument, _ what: String
  ) -> String? {
    guard case .map(let index, _) = given.type else {
      if case .scalar(.fd) = given.type, theirs.name == "at_directory" { return nil }
      return "'\(given.name)' is no flags or enum, but \(what) takes Linux's \(theirs.name) ('\(wanted.name)')"
    }
    let mine = personality.maps[index]
    if mine.isVerbatim {
      for entry in mine.entries {
        guard let value = native.constant(entry.name), value != entry.value else { continue }
        return "\(mine.name) is verbatim, but Linux's \(entry.name) is \(hexadecimal(value))"
      }
    }
    let known = Set(theirs.entries.map(\.name))
    let shared = mine.entries.contains { entry in
      known.contains(entry.name)
        || entry.mappings.contains { if case .name(let name) = $0.target { known.contains(name) } else { false } }
    }
    if shared || mine.entries.isEmpty { return nil }
    return "\(mine.name) has nothing of Linux's \(theirs.name), which \(what) takes ('\(wanted.name)')"
  }

  private func pointeeMismatch(_ given: CallArgument, _ wanted: CallArgument, _ what: String) -> String? {
    guard case .pointer(_, let mine, _) = given.type, case .pointer(_, let its, _) = wanted.type else { return nil }
    switch (mine, its) {
    case (.structure, .structure), (_, .bytes), (.bytes, .text), (.text, .text): return nil
    case (.scalar, .scalar), (.map, .scalar), (.scalar, .map), (.map, .map):
      let (size, other) = (self.size(mine), self.size(its))
      if size == other { return nil }
      return "'\(given.name)' points to \(size) bytes, but \(what) takes \(other) ('\(wanted.name)')"
    default:
      return "'\(given.name)' points to \(describe(mine, personality)), but \(what) takes"
        + " \(describe(its, native.linux)) ('\(wanted.name)')"
    }
  }

  private func describe(_ pointee: PointeeType, _ owner: Personality) -> String {
    switch pointee {
    case .scalar(let scalar): scalar.rawValue
    case .map(let index, _): owner.maps[index].name
    case .structure(let index): "struct " + owner.structures[index].name
    case .bytes: "bytes"
    case .text: "a text"
    case .set: "a set"
    }
  }

  /// A count must be the operand that the taker counts by.
  private func countMismatch(
    _ row: CallRow, _ given: CallArgument, _ taker: CallRow, _ wanted: CallArgument, _ list: [Operand]?,
    _ what: String
  ) -> String? {
    guard case .pointer(_, let pointee, let mine) = given.type, case .pointer(_, let its, let count) = wanted.type else {
      return nil
    }
    let counted: String
    switch (count, mine) {
    case (.result, .result), (.one, .one): return nil
    // The count's name was wrong, which is reported already.
    case (_, .one) where pointee.isCounted: return nil
    case (.constant(let number), .constant(let other)) where number == other: return nil
    case (.constant(0), _) where its == .bytes: return nil
    case (.one, .constant(1)): return nil
    case (.argument(let index), .argument(let other)), (.pointee(let index), .pointee(let other)):
      if operand(list, index) == .argument(other) { return nil }
      counted = "'\(taker.arguments[index].name)'"
    case (.argument(let index), .constant(let number)):
      if operand(list, index) == .number(Int64(number)) { return nil }
      counted = "'\(taker.arguments[index].name)'"
    case (.argument(let index), _): counted = "'\(taker.arguments[index].name)'"
    case (.pointee(let index), _): counted = "what '\(taker.arguments[index].name)' points to"
    case (.result, _): counted = "the result"
    case (.one, _): counted = "1"
    case (.constant(let number), _): counted = "\(number)"
    }
    return "'\(given.name)' is not counted as \(what) counts '\(wanted.name)': by \(counted)"
  }

  private func operand(_ list: [Operand]?, _ index: Int) -> Operand.Value {
    guard let list else { return .argument(index) }
    return index < list.count ? list[index].value : .number(0)
  }

  private func width(_ type: ArgumentType) -> Int {
    switch type {
    case .scalar(let scalar): scalar.width(word: abi.word)
    case .map(_, let width): width
    default: abi.word
    }
  }

  // MARK: Constants

  private func mismatch(_ value: Int64, _ wanted: CallArgument, _ what: String) -> String? {
    switch wanted.type {
    case .map(let index, _):
      let map = native.linux.maps[index]
      let bits = UInt64(bitPattern: value)
      let isKnown =
        map.kind == .flags
        ? map.decode(bits).rest == 0 : map.entries.contains { bits >= $0.value && bits <= $0.last }
      return isKnown ? nil : "Linux's \(map.name) has no \(value), but \(what) takes one ('\(wanted.name)')"
    case .scalar, .union: return nil
    case .path, .string, .strings, .pointer:
      return value == 0 ? nil : "\(value) is no pointer, but \(what) takes one ('\(wanted.name)')"
    }
  }

  private func mismatch(_ name: String, _ wanted: CallArgument, _ what: String) -> String? {
    switch wanted.type {
    case .map(let index, _):
      let map = native.linux.maps[index]
      if map.entries.contains(where: { $0.name == name }) { return nil }
      return "'\(name)' is none of Linux's \(map.name), which \(what) takes ('\(wanted.name)')"
    case .scalar(.fd) where name != "AT_FDCWD":
      return "'\(name)' is no descriptor, but \(what) takes one ('\(wanted.name)')"
    case .scalar, .union: return nil
    case .path, .string, .strings, .pointer:
      return "'\(name)' is no pointer, but \(what) takes one ('\(wanted.name)')"
    }
  }
}

extension Scalar {
  /// "a descriptor"
  var article: String {
    switch self {
    case .fd: "a descriptor"
    case .pid: "a process"
    case .uid: "a user"
    case .gid: "a group"
    case .signal: "a signal"
    case .mode: "a mode"
    case .dev: "a device"
    default: "a value"
    }
  }
}

func hexadecimal(_ value: UInt64) -> String {
  Int64(bitPattern: value) < 0 ? "\(Int64(bitPattern: value))" : "0x" + String(value, radix: 16)
}
