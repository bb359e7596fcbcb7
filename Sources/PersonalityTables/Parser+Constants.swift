extension Parser {
  /// `errno { … }`, `signal { … }`
  mutating func numberSet(
    _ set: WritableKeyPath<Personality, NumberSet>, isSignals: Bool
  ) throws(BadEntry) {
    guard try isDeclared() else { return }
    var entries: [Constant] = []
    var otherwise: Token?
    defer {
      personality[keyPath: set].entries += entries
      if let otherwise, isOwn || personality[keyPath: set].otherwise == nil {
        personality[keyPath: set].otherwise = text(otherwise)
        personality[keyPath: set].otherwisePosition = otherwise.position
      }
    }
    try block { (parser) throws(BadEntry) in
      if parser.accept(.else) {
        otherwise = try parser.word("an errno")
        return
      }
      let start = parser.at
      guard let entry = try parser.constant(isSignal: isSignals, hasText: !isSignals) else { return }
      if parser.isOwn || parser.joins(entry, parser.personality[keyPath: set], start) { entries.append(entry) }
    }
    try statedCount(entries.count)
  }

  /// Whether an included entry is taken: nothing in the including folder has its name or one of its numbers.
  private mutating func joins(_ entry: Constant, _ set: NumberSet, _ start: Int) -> Bool {
    guard let token = token(startingAt: entry.position, from: start), takes(token) else { return false }
    remember(entry.position, start..<at)
    var isTaken = true
    for other in set.entries {
      let overlaps = entry.value <= other.last && other.value <= entry.last
      guard overlaps || other.name == entry.name else { continue }
      switch standing(other.position) {
      case .second: continue
      case .replaced: return false
      case .rival:
        isTaken = false
        compare("'\(entry.name)'", entry.position, with: other.position)
      }
    }
    return isTaken
  }

  private func token(startingAt position: Position, from start: Int) -> Token? {
    tokens[start..<at].first { $0.position == position }
  }

  /// `flags NAME [verbatim] { … }`, `enum NAME [verbatim] { … }`
  mutating func constantMap(_ kind: ConstantMap.Kind) throws(BadEntry) {
    let what = kind == .flags ? "the flags' name" : "the enumeration's name"
    guard let (token, place) = try typeName(what, before: .verbatim) else { return }
    let index: Int? = if case .map(let found)? = place { found } else { nil }
    var map = ConstantMap(
      name: text(token), kind: kind, isVerbatim: accept(.verbatim), position: token.position)
    _ = try condition()
    defer { if let index { personality.maps[index] = map } }
    try block { (parser) throws(BadEntry) in
      if parser.accept(.else) {
        map.otherwise = try parser.name("an errno")
      } else if kind == .flags, parser.isKeyword(.mask) {
        parser.at += 1
        let mask = try parser.number("the sub-field's mask")
        try parser.block { (inner) throws(BadEntry) in
          guard var entry = try inner.constant(isSignal: false) else { return }
          entry.mask = mask
          if entry.value & ~mask != 0 {
            inner.report("'\(entry.name)' has bits outside its mask", entry.position)
          }
          map.entries.append(entry)
        }
      } else {
        if let entry = try parser.constant(isSignal: false) { map.entries.append(entry) }
      }
    }
    try statedCount(map.entries.count)
  }

  /// `VALUE[...LAST] NAME` and what it is to Linux; nil where a condition leaves it out.
  private mutating func constant(isSignal: Bool, hasText: Bool = false) throws(BadEntry) -> Constant? {
    let value = try number("a number")
    var last = value
    if accept(.ellipsis) {
      let token = current
      last = try number("the range's last number")
      if last < value { throw fail("the range ends before it begins", at: token) }
    }
    let token = try word("a name")
    var entry = Constant(name: text(token), value: value, last: last, position: token.position)
    if isSignal {
      let actions = SignalAction.allCases.map(\.rawValue)
      guard kind == .word, let action = SignalAction(rawValue: text(current)) else {
        throw fail("expected what the OS does with \(entry.name)\(found)", words: actions)
      }
      entry.defaultAction = action
      at += 1
    }
    if hasText, kind == .string { entry.text = try quoted("the OS's words") }
    while let mapping = try mapping() { entry.mappings.append(mapping) }
    return try condition() ? entry : nil
  }

  private mutating func mapping() throws(BadEntry) -> Mapping? {
    let start = current
    switch kind {
    case .equals:
      at += 1
      return Mapping(direction: .both, target: .none, position: current.position).to(try target())
    case .arrow:
      at += 1
      if accept(.ignore) { return Mapping(direction: .ignore, target: .none, position: start.position) }
      return Mapping(direction: .toNative, target: .none, position: current.position).to(try target())
    case .backArrow:
      at += 1
      return Mapping(direction: .toForeign, target: .none, position: current.position).to(try target())
    case .word where start.symbol == Keyword.reject.rawValue:
      at += 1
      let token = try word("the errno that refuses it")
      let why = try quoted("why it is refused")
      return Mapping(direction: .reject, target: .name(text(token)), reason: why, position: token.position)
    default: return nil
    }
  }

  /// A name of Linux's, a number or a range of numbers.
  mutating func target() throws(BadEntry) -> Mapping.Target {
    if kind == .word {
      at += 1
      return .name(text(tokens[at - 1]))
    }
    let first = try number("Linux's name or number")
    guard accept(.ellipsis) else { return .number(first) }
    return .range(first, try number("the range's last number"))
  }
}

extension Mapping {
  fileprivate func to(_ target: Target) -> Mapping {
    var mapping = self
    mapping.target = target
    return mapping
  }
}
