extension Parser {
  /// `ioctl [encoded] { NUMBER NAME(TYPE) = ACTION … }`
  mutating func ioctls() throws(BadEntry) {
    var requests: [IOControl] = []
    if accept(.encoded) { personality.ioctlsAreEncoded = true }
    guard try isDeclared() else { return }
    defer { personality.ioctls += requests }
    try block { (parser) throws(BadEntry) in
      let start = parser.at
      let number = try parser.number("a request's number")
      let token = try parser.word("the request's name")
      let other = parser.isOwn ? nil : parser.personality.ioctls.first { $0.number == number }?.position
      if parser.skipsEntry(token, other) { return }
      var argument: ArgumentType?
      let open = parser.current
      if parser.accept(.parenOpen) {
        if parser.kind != .parenClose { argument = try parser.requestArgument() }
        try parser.close(open)
      }
      var position = token.position
      let action = try parser.requestAction(&position)
      guard try parser.condition() else { return }
      if !parser.joins("ioctl \(parser.text(token))", token, start, other) { return }
      requests.append(
        IOControl(
          number: number, name: parser.text(token), argument: argument, action: action,
          position: token.position, actionPosition: position))
    }
    try statedCount(requests.count)
  }

  /// Goes behind an included request or option that is not taken, or that the including folder replaces.
  private mutating func skipsEntry(_ name: Token, _ first: Position?) -> Bool {
    if isOwn { return false }
    var isReplaced = false
    if let first { isReplaced = standing(first) == .replaced }
    if takes(name), !isReplaced { return false }
    var depth = 0
    while kind != .newline, kind != .endOfFile, kind != .braceClose, depth > 0 || kind != .number {
      if kind == .parenOpen { depth += 1 }
      if kind == .parenClose { depth -= 1 }
      at += kind == .equals || isCondition ? 2 : 1
    }
    return true
  }

  /// Whether an included entry is taken beside an earlier one; a rival's is compared.
  private mutating func joins(_ what: String, _ name: Token, _ start: Int, _ first: Position?) -> Bool {
    if isOwn { return true }
    remember(name.position, start..<at)
    guard let first else { return true }
    switch standing(first) {
    case .second: return true
    case .replaced: return false
    case .rival:
      compare(what, name.position, with: first)
      return false
    }
  }

  private mutating func requestArgument() throws(BadEntry) -> ArgumentType {
    let direction: Direction?
    switch Keyword(rawValue: kind == .word ? current.symbol : .max) {
    case .in: direction = .in
    case .out: direction = .out
    case .inout: direction = .inout
    default: direction = nil
    }
    if direction != nil { at += 1 }
    let token = current
    let pointee = try pointeeType()
    if let direction {
      var count = ElementCount.one
      if accept(.bracketOpen) {
        count = .constant(try small("a count", below: 1 << 16))
        try expect(.bracketClose, "']'")
      }
      return .pointer(direction, pointee, count)
    }
    switch pointee {
    case .scalar(let scalar): return .scalar(scalar)
    case .map(let index, let width): return .map(index, width: width)
    default: throw fail("expected 'in', 'out' or 'inout' before '\(text(token))'", at: token)
    }
  }

  /// The parenthesis that belongs to `open`.
  private mutating func close(_ open: Token) throws(BadEntry) {
    let between = source.bytes[Int(open.start)..<Int(current.start)]
    if kind != .parenClose, between.contains(UInt8(ascii: "\n")) { throw fail("this '(' is never closed", at: open) }
    try expect(.parenClose, "')'")
  }

  /// `sockopt LEVEL NUMBER [= NATIVE] { NUMBER NAME(TYPE) = ACTION … }`
  mutating func sockopt() throws(BadEntry) {
    let name = try word("the level's name")
    let number = UInt32(try small("the level's number", below: 1 << 32))
    var level = SocketLevel(name: text(name), number: number, native: .none, position: name.position)
    if accept(.equals) { level.native = try target() }
    guard try isDeclared() else { return }
    defer {
      if let index = personality.socketLevels.firstIndex(where: { $0.number == number }) {
        personality.socketLevels[index].options += level.options
      } else {
        personality.socketLevels.append(level)
      }
    }
    try block { (parser) throws(BadEntry) in
      let start = parser.at
      let number = UInt32(truncatingIfNeeded: try parser.number("an option's number"))
      let token = try parser.word("the option's name")
      let other = parser.isOwn
        ? nil : parser.personality.socketOption(level: level.number, name: number)?.position
      if parser.skipsEntry(token, other) { return }
      let name = parser.text(token)
      let open = parser.current
      try parser.expect(.parenOpen, "'(' and the type of \(name)")
      let value = try parser.pointeeType()
      if parser.accept(.bracketOpen) {
        _ = try parser.number("a count")
        try parser.expect(.bracketClose, "']'")
      }
      try parser.close(open)
      var position = token.position
      let action = try parser.requestAction(&position)
      guard try parser.condition() else { return }
      if !parser.joins("option \(name)", token, start, other) { return }
      level.options.append(
        SocketOption(
          number: number, name: parser.text(token), value: value, action: action, position: token.position,
          actionPosition: position))
    }
    try statedCount(level.options.count)
  }

  private mutating func requestAction(_ position: inout Position) throws(BadEntry) -> RequestAction {
    guard accept(.equals) else { return .same }
    position = current.position
    if kind == .number { return .number(try number("Linux's number")) }
    let token = try word("what it becomes")
    switch Keyword(rawValue: token.symbol) {
    case .handler:
      position = current.position
      return .handler(try name("the handler's name"))
    case .unsupported:
      position = current.position
      let errno = try name("the errno that answers it")
      return .unsupported(errno: errno, reason: kind == .string ? try quoted("why") : "")
    default: return .name(text(token))
    }
  }

  /// `sysctl { NAME [MIB] KIND VALUE [writable] … NAME unsupported "why" … }`
  mutating func sysctls() throws(BadEntry) {
    guard try isDeclared() else { return }
    var entries: [SystemControl] = []
    var refused: [RefusedControl] = []
    defer {
      personality.sysctls += entries
      personality.refusedSysctls += refused
    }
    try block { (parser) throws(BadEntry) in
      let start = parser.at
      let token = try parser.word("a sysctl's name")
      if parser.accept(.unsupported) {
        let reason = try parser.quoted("why")
        guard try parser.condition(), try parser.isFirst(sysctl: token, from: start) else { return }
        refused.append(RefusedControl(name: parser.text(token), reason: reason, position: token.position))
        return
      }
      let mib = try parser.mib()
      let kinds = SysctlKind.allCases.map(\.rawValue)
      guard parser.kind == .word, let kind = SysctlKind(rawValue: parser.text(parser.current)) else {
        throw parser.fail("expected the sysctl's type\(parser.found)", words: kinds)
      }
      parser.at += 1
      var value = SysctlValue.none
      let position = parser.current.position
      if parser.kind == .number {
        value = .number(Int64(bitPattern: try parser.number("a value")))
      } else if parser.kind == .string {
        value = .text(try parser.quoted("a value"))
      } else if parser.accept(.host) {
        value = .host(try parser.name("the host's value"))
      }
      let isWritable = parser.accept(.writable)
      guard try parser.condition(), try parser.isFirst(sysctl: token, from: start) else { return }
      entries.append(
        SystemControl(
          name: parser.text(token), mib: mib, kind: kind, value: value, isWritable: isWritable,
          position: token.position,
          valuePosition: value == .none ? token.position : parser.hostPosition(value, position)))
    }
    try statedCount(entries.count + refused.count)
  }

  /// Whether an entry counts: no other folder's stands in its place, and it is the only one of its name.
  private mutating func isFirst(sysctl token: Token, from start: Int) throws(BadEntry) -> Bool {
    let other = sysctlBySymbol[token.symbol]
    if !isOwn, !takes(token) { return false }
    if !joins("sysctl \(text(token))", token, start, other) { return false }
    if let other, standing(other) == .second {
      report("sysctl '\(text(token))' is given twice", token.position)
      return false
    }
    sysctlBySymbol[token.symbol] = token.position
    return true
  }

  /// The position of what stands behind `host`.
  private func hostPosition(_ value: SysctlValue, _ position: Position) -> Position {
    guard case .host = value else { return position }
    let index = tokens[..<at].lastIndex { $0.start == position.offset } ?? at
    return index + 1 < tokens.count ? tokens[index + 1].position : position
  }

  private mutating func mib() throws(BadEntry) -> [UInt32] {
    try expect(.bracketOpen, "'[' and the sysctl's numbers")
    guard kind == .number || kind == .dotted else { throw fail("expected the sysctl's numbers\(found)") }
    let token = current
    at += 1
    var numbers: [UInt32] = [0]
    for byte in source.bytes[Int(token.start)..<Int(token.start) + Int(token.length)] {
      if byte == UInt8(ascii: ".") {
        numbers.append(0)
        continue
      }
      let (product, overflow) = numbers[numbers.count - 1].multipliedReportingOverflow(by: 10)
      guard byte &- 0x30 < 10, !overflow else {
        throw fail("'\(text(token))' are no sysctl numbers", at: token)
      }
      numbers[numbers.count - 1] = product &+ UInt32(byte - 0x30)
    }
    if numbers.count > 8 { report("more than 8 numbers", token.position) }
    try expect(.bracketClose, "']'")
    return numbers
  }
}
