/// Rows against the prototypes of the system's own headers.
extension FactCheck {
  mutating func checkCall(_ row: CallRow) {
    if datedPlaces.contains(row.position.offset) { return }
    let state = "call \(row.number)\(row.last > row.number ? "...\(row.last)" : "") \(row.name)"
    let saysWhat = row.result != nil || !row.arguments.isEmpty
    let prototype = !saysWhat ? state :
      ([state, row.result.map(word) ?? "void"] + row.arguments.map { "\($0.name):\(word($0.type))" })
      .joined(separator: " ")
    for number in row.number...row.last {
      guard let known = facts.calls[number] else {
        guard isOwn(row.position) else { return }
        report("no fact tells of call \(number)", row.position, state: prototype)
        return
      }
      if known.name != row.name {
        report("call \(number) is '\(known.name)', not '\(row.name)'", row.position, state: prototype)
        return
      }
    }
    guard let known = facts.calls[row.number], saysWhat else { return }
    guard let arguments = known.arguments else {
      guard isOwn(row.position) else { return }
      report("no fact tells what \(row.name) takes", row.position, state: prototype)
      return
    }
    if arguments.count != row.arguments.count {
      report(
        "\(row.name) takes \(arguments.count) arguments, not \(row.arguments.count)", row.position, state: prototype)
      return
    }
    // What is included keeps the prototype of the system that it is taken from.
    guard isOwn(row.position) else { return }
    for (argument, fact) in zip(row.arguments, arguments) {
      if !agrees(argument.type, fact.type) {
        report(
          "'\(argument.name)' of \(row.name) is '\(fact.type)', not '\(word(argument.type))'", argument.position,
          state: prototype)
      } else if !words.contains(argument.name) {
        report("no call has an argument that is named '\(argument.name)'", argument.position, state: "word \(argument.name)")
      }
    }
    if let result = row.result, !agrees(result, known.result) {
      report(
        "\(row.name) returns '\(known.result ?? "?")', not '\(word(result))'", row.position, state: prototype)
    }
  }

  /// Calls that the facts tell of and that have no row: it should stand between the rows before and behind.
  mutating func checkNumbers() {
    for number in facts.calls.keys.sorted() where personality.call(number) == nil && !dated.contains(number) {
      let own = personality.calls.filter { isOwn($0.position) }
      let name = facts.calls[number]!.name
      let before = own.filter { $0.last < number && ($0.last > $0.number || $0.name == name) }.max { $0.last < $1.last }
      let next = own.filter { $0.number > number }.min { $0.number < $1.number } ?? own.last
      for row in [before, next] {
        guard let row else { continue }
        report("call \(number), '\(name)', has no row", row.position, state: "call …")
      }
    }
  }

  // MARK: The facts' words for the tables' types

  private func word(_ scalar: Scalar) -> String {
    (scalar.isSigned ? "i" : "u") + "\(scalar.width(word: 8) * 8)"
  }

  private func word(_ type: PointeeType) -> String {
    switch type {
    case .scalar(let scalar): word(scalar)
    case .map(let index, let width): (personality.maps[index].kind == .flags ? "u" : "i") + "\(width * 8)"
    case .structure(let index): personality.structures[index].name
    case .bytes, .set: "void"
    case .text: "char"
    }
  }

  private func word(_ type: ArgumentType) -> String {
    switch type {
    case .scalar(.address), .scalar(.pointer): return "*void"
    case .scalar(let scalar): return word(scalar)
    case .map(let index, let width): return (personality.maps[index].kind == .flags ? "u" : "i") + "\(width * 8)"
    case .path, .string: return "const*char"
    case .strings: return "const*pointer"
    case .union: return "u64"
    case .pointer(let direction, let pointee, let count):
      let head = direction == .in ? "const*" : direction == .out ? "*" : "inout*"
      if case .constant(let number) = count { return head + word(pointee) + "[\(number)]" }
      return head + word(pointee)
    }
  }

  private func word(_ type: ResultType) -> String {
    switch type {
    case .scalar(.address), .scalar(.pointer): "*void"
    case .scalar(let scalar): word(scalar)
    case .map(_, let width): "i\(width * 8)"
    case .pair: "i64"
    case .never: "void"
    }
  }

  // MARK: Comparing

  /// Bits in a register or in memory; 64 for pointers, nil for what is no number.
  private func bits(_ fact: String, promoted: Bool) -> Int? {
    if fact.contains("*") { return 64 }
    guard let kind = fact.first, kind == "i" || kind == "u", let bits = Int(fact.dropFirst()) else { return nil }
    return promoted ? max(32, bits) : bits
  }

  private func agrees(_ type: ArgumentType, _ fact: String) -> Bool {
    let isPointer = fact.contains("*")
    switch type {
    case .scalar(.address), .scalar(.pointer): return isPointer || bits(fact, promoted: true) == 64
    case .scalar(let scalar): return !isPointer && max(32, scalar.width(word: 8) * 8) == bits(fact, promoted: true)
    case .map(_, let width): return !isPointer && max(32, width * 8) == bits(fact, promoted: true)
    case .path, .string: return fact.hasSuffix("*char") || fact.hasSuffix("*void")
    case .strings: return fact.hasSuffix("*pointer")
    // A word, or a pointer, as the other argument says.
    case .union: return isPointer || bits(fact, promoted: true) != nil
    case .pointer(let direction, let pointee, let count):
      guard isPointer else { return false }
      let isDirected =
        switch direction {
        case .in: fact.hasPrefix("const*")
        case .out: fact.hasPrefix("*")
        case .inout: fact.hasPrefix("inout*")
        }
      guard isDirected else { return false }
      var name = String(fact[fact.index(after: fact.lastIndex(of: "*")!)...])
      var number: Int?
      if let bracket = name.firstIndex(of: "[") {
        number = Int(name[name.index(after: bracket)...].dropLast())
        name = String(name[..<bracket])
      }
      if case .constant(let mine) = count { if mine != number { return false } } else if number != nil { return false }
      switch pointee {
      case .bytes, .text, .set: return true
      case .scalar(let scalar): return scalar.width(word: 8) * 8 == bits(name, promoted: false)
      case .map(_, let width): return width * 8 == bits(name, promoted: false)
      case .structure(let index):
        let mine = personality.structures[index]
        return plain(name) == plain(mine.name) || facts.structures[name]?.size == mine.size
      }
    }
  }

  /// A type's name without what typedefs add to it.
  private func plain(_ name: String) -> Substring {
    let rest = name.drop { $0 == "_" }
    return rest.hasSuffix("_t") ? rest.dropLast(2) : rest
  }

  private func agrees(_ type: ResultType, _ fact: String?) -> Bool {
    switch type {
    case .never, .pair: return true
    case .scalar(.address), .scalar(.pointer): return fact?.contains("*") == true || fact.flatMap { bits($0, promoted: true) } == 64
    case .scalar(.status): return fact == "void" || fact.flatMap { bits($0, promoted: true) } == 32
    case .scalar(let scalar):
      guard let fact, let width = bits(fact, promoted: true) else { return false }
      return max(32, scalar.width(word: 8) * 8) == width
    case .map(_, let width): return fact.flatMap { bits($0, promoted: true) } == max(32, width * 8)
    }
  }
}
