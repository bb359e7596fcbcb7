// The names of structures, flags, enumerations and unions.

extension Parser {
  /// Finds the names of structures, flags and enumerations, so that their order does not matter.
  mutating func declareNames() {
    var index = 0
    var isLineStart = true
    var depth = 0
    while index + 1 < tokens.count {
      let token = tokens[index]
      let next = tokens[index + 1]
      switch token.kind {
      case .braceOpen: depth += 1
      case .braceClose: depth = max(0, depth - 1)
      case .endOfFile:
        depth = 0
        file += 1
      case .word where isLineStart && depth == 0 && next.kind == .word:
        switch token.symbol {
        case Keyword.flags.rawValue: declare(index + 1, .map(personality.maps.count))
        case Keyword.enum.rawValue: declare(index + 1, .map(personality.maps.count))
        case Keyword.struct.rawValue: declare(index + 1, .structure(personality.structures.count))
        case Keyword.union.rawValue: declare(index + 1, .union(personality.unions.count))
        default: break
        }
      default: break
      }
      isLineStart = token.kind == .newline || token.kind == .endOfFile || token.kind == .braceClose
      index += 1
    }
  }

  private mutating func declare(_ index: Int, _ type: TypeName) {
    let token = tokens[index]
    let name = text(token)
    guard declared[token.symbol] == nil, symbols.scalar(token.symbol) == nil, takes(token), isThere(behind: index)
    else { return }
    declared[token.symbol] = type
    switch type {
    case .map(let index):
      personality.mapByName[name] = index
      personality.maps.append(
        ConstantMap(name: name, kind: .flags, isVerbatim: false, position: token.position))
    case .structure(let index):
      personality.structureByName[name] = index
      personality.structures.append(
        Structure(
          name: name, position: token.position, nativePosition: token.position,
          sizePosition: token.position))
    case .union: personality.unions.append(UnionType(name: name, tag: "", position: token.position))
    }
  }

  /// Whether the type whose name stands at `index` is there in this edition.
  private mutating func isThere(behind index: Int) -> Bool {
    at = index + 1
    defer { at = 0 }
    if isKeyword(.verbatim) { at += 1 }
    guard isCondition else { return true }
    let reported = diagnostics.count
    // What is wrong with the condition is reported where it is read.
    defer { diagnostics.removeSubrange(reported...) }
    return (try? condition()) ?? true
  }

  /// Goes behind a type's declaration that is not taken, or that an including folder's own replaces.
  mutating func skipsType(_ token: Token) throws(BadEntry) -> Bool {
    if isOwn { return false }
    let name = at - 1
    let first = declared[token.symbol].map(position) ?? token.position
    let isFirst = first == token.position
    let isTaken = takes(token)
    if isTaken, isFirst, source.reached.count <= 2 { return false }
    skipDeclaration()
    remember(token.position, name - 1..<at)
    if !isTaken { return true }
    if !isFirst {
      switch standing(first) {
      case .replaced: return true
      case .rival:
        compare("'\(text(token))'", token.position, with: first)
        return true
      case .second: break
      }
    }
    at = name + 1
    return false
  }

  /// The name of the type that is declared here, and the place that was kept for it; nil where the declaration is not taken. What is
  /// wrong with the name is reported, and there is no place then.
  ///
  /// - Parameter mark: a word that may stand between the name and a condition.
  mutating func typeName(_ what: String, before mark: Keyword? = nil) throws(BadEntry) -> (name: Token, place: TypeName?)? {
    let token = try word(what)
    let behind = at
    if let mark { _ = accept(mark) }
    guard try isDeclared() else { return nil }
    at = behind
    if try skipsType(token) { return nil }
    if symbols.scalar(token.symbol) != nil {
      report("'\(text(token))' is a type of the language", token.position)
      return (token, nil)
    }
    guard let known = declared[token.symbol], owns(token, position(known)) else { return (token, nil) }
    return (token, known)
  }

  /// Whether this is where `name` is declared: a second declaration, or a built-in type's name, is reported.
  mutating func owns(_ token: Token, _ first: Position) -> Bool {
    if first == token.position { return true }
    report("'\(text(token))' is already declared at \(source.place(first))", token.position)
    return false
  }
}
