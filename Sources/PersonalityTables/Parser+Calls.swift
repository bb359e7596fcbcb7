extension Parser {
  /// `NUMBER NAME(ARGUMENTS) -> RESULT = ACTION [CONDITION] [named NAME CONDITION]…`
  mutating func callRow() throws(BadEntry) {
    let numberToken = current
    let number = try small("a call's number", below: 1 << 16)
    var last = number
    if accept(.ellipsis) {
      let token = current
      last = try small("a call's number", below: 1 << 16)
      if last < number { throw fail("the range ends before it begins", at: token) }
    }
    let name = try word("the call's name")
    let start = at - 1
    if !isOwn, isElsewhere(number...last, name) { return skipLine() }
    let reported = diagnostics.count
    var row = CallRow(
      number: number, last: last, name: text(name), position: numberToken.position,
      actionPosition: name.position)
    if kind == .parenOpen { row.arguments = try arguments() }
    if last > number, !row.arguments.isEmpty {
      report("a range of numbers takes no arguments", row.arguments[0].position)
    }
    if accept(.arrow) { row.result = try resultType() }
    if accept(.equals) { row.action = try action(&row) }
    let holds = try condition()
    while accept(.named) {
      let other = try self.name("the call's other name")
      guard isCondition else { throw fail("expected when the call is named '\(other)'\(found)", words: ["since", "until", "on"]) }
      if try condition() { (row.firstName, row.name) = (row.firstName ?? row.name, other) }
    }
    guard kind == .newline || kind == .endOfFile else {
      throw fail(kind == .bad ? describeBad : "expected the end of the row\(found)")
    }
    guard holds else {
      diagnostics.removeSubrange(reported...)
      return
    }
    if !isOwn { remember(row.position, start..<at) }
    claim(row, name)
  }

  /// Whether none of an included row's numbers is taken, since its inclusion or the including folder has no place
  /// for them.
  private mutating func isElsewhere(_ numbers: ClosedRange<Int>, _ name: Token) -> Bool {
    for number in numbers {
      for place in places(of: name, call: number) {
        guard place.token == nil, place.number < claimed.count, claimed[place.number] >= 0,
          standing(personality.calls[Int(claimed[place.number])].position) == .replaced
        else { return false }
      }
    }
    return true
  }

  /// Gives a row its numbers, or those that it has in the including folder.
  private mutating func claim(_ row: CallRow, _ name: Token) {
    if isOwn { return claim(row, at: Array(row.number...row.last)) }
    var kept: [Int] = []
    for number in row.number...row.last {
      for place in places(of: name, call: number) {
        guard let token = place.token else {
          kept.append(number)
          continue
        }
        var moved = row
        (moved.number, moved.last, moved.position) = (place.number, place.number, token.position)
        if let name = place.name { (moved.name, moved.firstName) = (name, nil) }
        if place.number < claimed.count, claimed[place.number] >= 0 {
          let other = personality.calls[Int(claimed[place.number])]
          report("call \(place.number) is already '\(other.name)'", token.position)
        } else {
          claim(moved, at: [place.number])
        }
      }
    }
    claim(row, at: kept)
  }

  /// Gives a row some numbers, reporting those that another has.
  private mutating func claim(_ row: CallRow, at numbers: [Int]) {
    if let last = numbers.last, last >= claimed.count {
      claimed += [Int32](repeating: -1, count: max(last + 1 - claimed.count, claimed.count))
    }
    let index = Int32(personality.calls.count)
    var isNeeded = isOwn
    var isReported = false
    for number in numbers {
      guard claimed[number] >= 0 else {
        claimed[number] = index
        isNeeded = true
        continue
      }
      let other = personality.calls[Int(claimed[number])]
      switch isReported ? .replaced : standing(other.position) {
      case .replaced: continue
      case .second: report("call \(number) is already '\(other.name)'", row.position)
      case .rival: compare("call \(number)", row.position, with: other.position)
      }
      isReported = true
    }
    if isNeeded { personality.calls.append(row) }
  }

  // MARK: Signature

  mutating func arguments() throws(BadEntry) -> [CallArgument] {
    let open = current
    at += 1
    var list: [CallArgument] = []
    var counts: [(index: Int, token: Token, isPointee: Bool)] = []
    while kind != .parenClose {
      guard kind != .newline, kind != .endOfFile else { throw fail("this '(' is never closed", at: open) }
      let token = try word("an argument's name")
      let name = text(token)
      try expect(.colon, "':' and the type of '\(name)'")
      if list.contains(where: { $0.name == name }) {
        report("two arguments are named '\(name)'", token.position)
      }
      var count: (Token, Bool)?
      let type = try argumentType(&count)
      if let count { counts.append((list.count, count.0, count.1)) }
      list.append(CallArgument(name: name, type: type, position: token.position))
      if !accept(.comma) { break }
    }
    guard accept(.parenClose) else {
      if kind == .newline || kind == .endOfFile { throw fail("this '(' is never closed", at: open) }
      throw fail("expected ',' or ')'\(found)")
    }
    if list.count > maximumArguments {
      report("more than \(maximumArguments) arguments", list[maximumArguments].position)
    }
    for count in counts {
      guard case .pointer(let direction, let pointee, _) = list[count.index].type else { continue }
      let name = text(count.token)
      guard let index = list.firstIndex(where: { $0.name == name }) else {
        report(
          "no argument named '\(name)'", count.token.position, didYouMean(name, list.map(\.name) + ["result"])
        )
        continue
      }
      list[count.index].type = .pointer(
        direction, pointee, count.isPointee ? .pointee(index) : .argument(index))
    }
    return list
  }

  /// An argument's type; a count that names an argument is left in `count`.
  mutating func argumentType(_ count: inout (Token, Bool)?) throws(BadEntry) -> ArgumentType {
    let token = try word("a type")
    switch Keyword(rawValue: token.symbol) {
    case .in: return try pointer(.in, &count)
    case .out: return try pointer(.out, &count)
    case .inout: return try pointer(.inout, &count)
    case .path: return .path
    case .string: return .string
    case .strings: return .strings
    default: break
    }
    if let scalar = symbols.scalar(token.symbol) { return .scalar(scalar) }
    switch declared[token.symbol] {
    case .map(let index): return .map(index, width: try width(default: 4))
    case .union(let index): return .union(index)
    case .structure:
      throw fail("'\(text(token))' is a structure: write 'in', 'out' or 'inout' before it", at: token)
    case nil:
      let words = Scalar.allCases.map(\.rawValue) + ["path", "string", "strings", "in", "out", "inout"]
      throw fail(
        "no flags or enum named '\(text(token))'", at: token,
        words: personality.maps.map(\.name) + personality.unions.map(\.name) + words)
    }
  }

  private mutating func pointer(
    _ direction: Direction, _ count: inout (Token, Bool)?
  ) throws(BadEntry) -> ArgumentType {
    let pointee = try pointeeType()
    guard accept(.bracketOpen) else {
      if pointee.isCounted { throw fail("expected '[' and a count\(found)") }
      return .pointer(direction, pointee, .one)
    }
    var elements = ElementCount.one
    if kind == .number {
      elements = .constant(try small("a count", below: 1 << 31))
    } else if isKeyword(.result) {
      at += 1
      elements = .result
    } else {
      let isPointee = accept(.star)
      count = (try word("a count: a number, an argument's name, '*' and a name, or 'result'"), isPointee)
    }
    try expect(.bracketClose, "']'")
    return .pointer(direction, pointee, elements)
  }

  /// What a pointer points to.
  mutating func pointeeType() throws(BadEntry) -> PointeeType {
    let token = try word("a type")
    if token.symbol == Keyword.bytes.rawValue { return .bytes }
    if token.symbol == Keyword.string.rawValue { return .text }
    if token.symbol == Keyword.signals.rawValue { return .set(ofSignals: true) }
    if token.symbol == Keyword.bits.rawValue { return .set(ofSignals: false) }
    if let scalar = symbols.scalar(token.symbol) { return .scalar(scalar) }
    switch declared[token.symbol] {
    case .map(let index): return .map(index, width: try width(default: 4))
    case .structure(let index): return .structure(index)
    case .union: throw fail("a pointer leads to no union: point to what it holds, in the union", at: token)
    case nil:
      let words = Scalar.allCases.map(\.rawValue) + ["bytes", "string", "signals", "bits"]
      throw fail(
        "no type named '\(text(token))'", at: token,
        words: personality.structures.map(\.name) + personality.maps.map(\.name) + words)
    }
  }

  /// `:u64` behind a flags or enumeration name.
  mutating func width(default width: Int) throws(BadEntry) -> Int {
    guard accept(.colon) else { return width }
    let token = try word("a width")
    guard let scalar = symbols.scalar(token.symbol) else {
      throw fail(
        "no integer type named '\(text(token))'", at: token, words: ["u8", "u16", "u32", "u64", "int"])
    }
    return scalar.width(word: word)
  }

  /// Bytes of a long under the personality's first ABI.
  var word: Int { personality.abis.first?.word ?? 8 }

  mutating func resultType() throws(BadEntry) -> ResultType {
    let token = try word("the result's type")
    if token.symbol == Keyword.pair.rawValue { return .pair }
    if token.symbol == Keyword.never.rawValue { return .never }
    if let scalar = symbols.scalar(token.symbol) { return .scalar(scalar) }
    if case .map(let index)? = declared[token.symbol] { return .map(index, width: try width(default: 4)) }
    throw fail(
      "no result type named '\(text(token))'", at: token,
      words: Scalar.allCases.map(\.rawValue) + ["pair", "never"] + personality.maps.map(\.name))
  }

  // MARK: Action

  private mutating func action(_ row: inout CallRow) throws(BadEntry) -> Action {
    let token = try word("what the call becomes")
    row.actionPosition = token.position
    switch Keyword(rawValue: token.symbol) {
    case .obsolete: return .obsolete
    case .unsupported: return .unsupported(try quoted("why it is unsupported"))
    case .answer:
      let negative = current
      let value = Int64(bitPattern: try number("the answer"))
      guard value >= 0, value < 1 << 16 else { throw fail("an answer must be below 65536", at: negative) }
      return .answer(value)
    case .handler:
      let name = try word("the handler's name")
      row.actionPosition = name.position
      return .handler(text(name), operands: try operands(row))
    default: return .translate(text(token), operands: try operands(row))
    }
  }

  /// `(a, CONSTANT, 0, A | B)`, or nil where the parentheses are left out.
  private mutating func operands(_ row: CallRow) throws(BadEntry) -> [Operand]? {
    let open = current
    guard accept(.parenOpen) else { return nil }
    var list: [Operand] = []
    while kind != .parenClose {
      guard kind != .newline, kind != .endOfFile else { throw fail("this '(' is never closed", at: open) }
      list.append(try operand(row))
      if !accept(.comma) { break }
    }
    guard accept(.parenClose) else {
      if kind == .newline || kind == .endOfFile { throw fail("this '(' is never closed", at: open) }
      throw fail("expected ',' or ')'\(found)")
    }
    return list
  }

  private mutating func operand(_ row: CallRow) throws(BadEntry) -> Operand {
    let start = current
    if kind == .number {
      let value = try number("a number")
      return Operand(value: .number(Int64(bitPattern: value)), position: start.position)
    }
    let name = try name("an argument's name, a constant or a number")
    if kind != .bar, let index = row.arguments.firstIndex(where: { $0.name == name }) {
      return Operand(value: .argument(index), position: start.position)
    }
    var names = [name]
    while accept(.bar) { names.append(try self.name("a constant")) }
    return Operand(value: .names(names), position: start.position)
  }
}

extension PointeeType {
  /// Whether it is nothing without a count.
  var isCounted: Bool {
    switch self {
    case .bytes, .text, .set: true
    case .scalar, .map, .structure: false
    }
  }
}
