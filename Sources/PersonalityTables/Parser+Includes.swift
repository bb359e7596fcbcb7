/// What an `include` line takes: all, or calls of some numbers, without some names.
struct Inclusion {
  /// Calls of some numbers, which the including folder numbers from `first` on.
  struct Calls {
    var numbers: ClosedRange<Int>
    var first: Int
    /// What the call is there, if that is another name.
    var name: String?
    /// Where the number or the name was given.
    var token: Token?

    func contains(_ number: Int) -> Bool { numbers.contains(number) }

    func gives(_ number: Int) -> Bool { token != nil && (first...first + numbers.count - 1).contains(number) }
  }

  var calls: [Calls]?
  /// Where each name that is left out stands, by its symbol.
  var without: [UInt32: Token] = [:]

  var isLimited: Bool { calls != nil || !without.isEmpty }

  /// The numbers that a call has in the including folder, each with the place of `calls` that says so; none where
  /// another call was given the number.
  func places(of number: Int) -> [(number: Int, index: Int)] {
    guard let calls else { return [(number, -1)] }
    return calls.indices.compactMap { index in
      guard calls[index].contains(number) else { return nil }
      if calls[index].token == nil, calls.contains(where: { $0.gives(number) }) { return nil }
      return (calls[index].first + number - calls[index].numbers.lowerBound, index)
    }
  }
}

/// What a declaration is beside an earlier one of the same name or number.
enum Standing {
  /// A second one in the same folder.
  case second
  /// The earlier one's folder includes this one's: it counts.
  case replaced
  /// Both are included, neither by the other.
  case rival
}

extension Parser {
  /// `include "PATH" [calls RANGES | calls none] [without NAMES]`: the file's text is there already
  /// (`IncludeReader`); what is taken of it is decided here, before anything else is read.
  mutating func readIncludes() {
    for include in source.includes {
      var inclusion = Inclusion()
      if let token = token(at: include.offset) {
        at = token
        if let problem = include.problem { report(problem, current.position) }
        at += 1
        do { try limits(&inclusion) } catch {}
      }
      inclusions.append(inclusion)
    }
    at = 0
    guard !source.includes.isEmpty else { return }
    var found = [[[Int]]?](repeating: nil, count: source.files.count)
    for index in source.files.indices { _ = findRoutes(index, &found) }
    routes = found.map { $0.flatMap { $0.contains([]) ? nil : $0 } }
  }

  private mutating func limits(_ inclusion: inout Inclusion) throws(BadEntry) {
    while kind == .word {
      if accept(.calls) {
        var ranges: [Inclusion.Calls] = []
        if !accept(.none) {
          repeat {
            let token = current
            let first = try small("a call's number", below: 1 << 16)
            let last = accept(.ellipsis) ? try small("a call's number", below: 1 << 16) : first
            if last < first { throw fail("the range ends before it begins", at: token) }
            var calls = Inclusion.Calls(numbers: first...last, first: first)
            if accept(.as) { try rename(&calls) }
            ranges.append(calls)
          } while accept(.comma)
        }
        inclusion.calls = (inclusion.calls ?? []) + ranges
      } else if accept(.without) {
        repeat {
          let token = try word("a name that is left out")
          inclusion.without[token.symbol] = token
        } while accept(.comma) || kind == .word && !isKeyword(.calls) && !isKeyword(.without)
      } else {
        throw fail("expected 'calls' or 'without'\(found)", words: ["calls", "without"])
      }
    }
    guard kind == .newline || kind == .endOfFile else {
      throw fail("expected 'calls' or 'without'\(found)")
    }
  }

  /// `NUMBER`, `NAME` or `NUMBER NAME` behind `as`.
  private mutating func rename(_ calls: inout Inclusion.Calls) throws(BadEntry) {
    calls.token = current
    if kind == .number { calls.first = try small("the call's number in this folder", below: 1 << 16) }
    guard kind == .word && !isKeyword(.calls) && !isKeyword(.without) else {
      if calls.token?.start == current.start { throw fail("expected the call's number or name in this folder\(found)") }
      return
    }
    let token = current
    calls.name = try name("the call's name in this folder")
    if calls.numbers.count > 1 { throw fail("calls of several numbers keep their names", at: token) }
  }

  /// The limited inclusions on each way to a file; an empty way takes all of it.
  private func findRoutes(_ file: Int, _ found: inout [[[Int]]?]) -> [[Int]] {
    if let known = found[file] { return known }
    found[file] = []
    var list: [[Int]] = source.files[file].unit == 0 ? [[]] : []
    for (index, include) in source.includes.enumerated() where include.targets.contains(file) {
      for route in findRoutes(include.file, &found) {
        let whole = inclusions[index].isLimited ? route + [index] : route
        if !list.contains(whole) { list.append(whole) }
      }
    }
    found[file] = list
    return list
  }

  /// The declaration itself: `readIncludes` has read it.
  mutating func include() throws(BadEntry) {
    guard kind == .string else { throw fail("expected a file or a folder in quotes\(found)") }
    let start = Int(current.start)
    guard source.includes.contains(where: { $0.offset == start }) else {
      throw fail("'include' begins a line of a file")
    }
    skipLine()
  }

  // MARK: What the file that is being read gives

  /// Whether the tables of the folder itself are being read.
  var isOwn: Bool { source.files.isEmpty || source.files[file].unit == 0 }

  /// Whether the file's inclusion takes this name.
  mutating func takes(_ name: Token) -> Bool {
    guard file < routes.count, let ways = routes[file] else { return true }
    var isTaken = false
    for way in ways where isOpen(way, name) { isTaken = true }
    return isTaken
  }

  /// What an included call is in the including folder.
  struct Place {
    var number: Int
    var name: String?
    /// Where it was given another number or name.
    var token: Token?
  }

  /// What the inclusion makes of the call of this name and number.
  mutating func places(of name: Token, call number: Int) -> [Place] {
    guard file < routes.count, let ways = routes[file] else { return [Place(number: number)] }
    var found: [Place] = []
    for way in ways where isOpen(way, name) {
      var places = [Place(number: number)]
      for index in way.reversed() {
        places = places.flatMap { place in
          inclusions[index].places(of: place.number).map { next in
            let calls = next.index < 0 ? nil : inclusions[index].calls?[next.index]
            if calls?.token != nil { moved.insert(UInt64(index) << 32 | UInt64(next.index)) }
            return Place(number: next.number, name: calls?.name ?? place.name, token: calls?.token ?? place.token)
          }
        }
      }
      for place in places where !found.contains(where: { $0.number == place.number }) { found.append(place) }
    }
    return found
  }

  private mutating func isOpen(_ way: [Int], _ name: Token) -> Bool {
    var isOpen = true
    for index in way where inclusions[index].without[name.symbol] != nil {
      leftOut.insert(UInt64(index) << 32 | UInt64(name.symbol))
      isOpen = false
    }
    return isOpen
  }

  /// Names that `without` leaves out and that nothing has, and numbers for calls that are not there.
  mutating func reportUnusedLimits() {
    for (index, inclusion) in inclusions.enumerated() where source.includes[index].problem == nil {
      for (place, calls) in (inclusion.calls ?? []).enumerated() {
        if let token = calls.token, !moved.contains(UInt64(index) << 32 | UInt64(place)) {
          let what = calls.numbers.count == 1 ? "call \(calls.numbers.lowerBound)" : "these calls"
          report("nothing that is included here has \(what)", token.position)
        }
      }
      for (symbol, token) in inclusion.without where !leftOut.contains(UInt64(index) << 32 | UInt64(symbol)) {
        report("nothing that is included here is named '\(text(token))'", token.position)
      }
    }
  }

  // MARK: Precedence

  /// What a declaration of the file that is being read is beside the earlier one at `first`.
  func standing(_ first: Position) -> Standing {
    let (earlier, mine) = (source.unit(of: Int(first.offset)), source.files[file].unit)
    if earlier == mine { return .second }
    return source.reached[earlier][mine] ? .replaced : .rival
  }

  /// Remembers which tokens an included declaration is, to compare it with a rival.
  mutating func remember(_ position: Position, _ tokens: Range<Int>) {
    if source.reached.count > 2 { spans[position.offset] = tokens }
  }

  /// Reports a declaration that another folder makes differently.
  mutating func compare(_ what: String, _ position: Position, with first: Position) {
    if let mine = spans[position.offset], let other = spans[first.offset], isSameText(mine, other) { return }
    report(
      "\(what) differs from the one at \(source.place(first)), which is included too", position,
      "declare it in the including folder, or leave one out: 'without NAME'")
  }

  private func isSameText(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
    let mine = tokens[one].filter { $0.kind != .newline }
    let its = tokens[other].filter { $0.kind != .newline }
    return mine.count == its.count
      && zip(mine, its).allSatisfy { $0.kind == $1.kind && text($0) == text($1) }
  }

  // MARK: Tokens

  /// The index of the token that begins at `offset`.
  func token(at offset: Int) -> Int? {
    var (low, high) = (0, tokens.count)
    while low < high {
      let middle = (low + high) / 2
      if Int(tokens[middle].start) < offset { low = middle + 1 } else { high = middle }
    }
    // The end of an empty file before it may stand at the same place.
    while low < tokens.count, Int(tokens[low].start) == offset {
      if tokens[low].kind == .string { return low }
      low += 1
    }
    return nil
  }

  /// Goes to the end of the logical line.
  mutating func skipLine() {
    while kind != .newline, kind != .endOfFile { at += 1 }
  }
}
