/// `since V`, `until V`, `on ABI`: for which releases and machines something is said.
extension Parser {
  // MARK: Headings

  /// Reads the folder's own `personality` and `abi` declarations before all else, since conditions refer to them.
  mutating func readHeadings() {
    var index = 0
    var isLineStart = true
    var depth = 0
    let keywords = [Keyword.personality.rawValue, Keyword.abi.rawValue]
    while index + 1 < tokens.count, isOwn {
      let token = tokens[index]
      switch token.kind {
      case .braceOpen: depth += 1
      case .braceClose: depth = max(0, depth - 1)
      case .endOfFile:
        depth = 0
        guard file + 1 < source.files.count else { break }
        file += 1
      case .word where isLineStart && depth == 0 && keywords.contains(token.symbol):
        at = index
        do { try declaration() } catch { recover(from: index) }
        headings[index] = at
        index = max(at, index + 1)
        isLineStart = true
        continue
      default: break
      }
      isLineStart = token.kind == .newline || token.kind == .endOfFile || token.kind == .braceClose
      index += 1
    }
    (at, file) = (0, 0)
    personality.releases.own = personality.release
    personality.releases.version = personality.version
    personality.abiNames = personality.abis.map(\.name)
    if let name = edition.abi, let index = personality.abis.firstIndex(where: { $0.name == name }) {
      personality.abis.insert(personality.abis.remove(at: index), at: 0)
    }
    let own = ReleaseScheme(
      release: edition.release ?? personality.release, releases: personality.releases, abis: personality.abiNames)
    schemes = [own]
    // Folders that count their releases alike are read for the same one; others for their headings' own.
    for heading in source.headings {
      let read = Parser(SourceText(String(decoding: heading, as: UTF8.self), path: "abi.table")).personality
      var releases = read.releases
      let isShared = releases.encoding != nil && releases.encoding == personality.releases.encoding
      if isShared { releases.serves = nil }
      schemes.append(
        ReleaseScheme(
          release: isShared ? schemes[0].release : read.release, releases: releases, abis: read.abiNames, isOwn: isShared))
    }
  }

  /// The scheme of the file that is being read.
  private var scheme: ReleaseScheme {
    let unit = source.files.isEmpty ? 0 : source.files[file].unit
    return unit < schemes.count ? schemes[unit] : ReleaseScheme(isOwn: false)
  }

  // MARK: Conditions

  var isCondition: Bool {
    guard kind == .word else { return false }
    let symbol = tokens[at].symbol
    return symbol == Keyword.since.rawValue || symbol == Keyword.until.rawValue || symbol == Keyword.on.rawValue
  }

  /// The same among a structure's fields, any of which may have such a name.
  var isFieldCondition: Bool {
    guard isCondition, at + 1 < tokens.count else { return false }
    let next = tokens[at + 1]
    if next.kind == .number { return true }
    if tokens[at].symbol != Keyword.on.rawValue { return next.kind == .dotted }
    return next.kind == .word && symbols.scalar(next.symbol) == nil && declared[next.symbol] == nil
      && ![Keyword.char, .bytes, .signals, .bits].contains { $0.rawValue == next.symbol }
  }

  /// `since V`, `until V` and `on ABI…`, in any order: whether they hold in the edition that is read.
  mutating func condition() throws(BadEntry) -> Bool {
    guard isCondition else { return true }
    let start = current
    var (since, until): (UInt64?, UInt64?)
    var holds = true
    while isCondition {
      let keyword = current
      at += 1
      if keyword.symbol == Keyword.on.rawValue {
        if !(try isOnABI()) { holds = false }
        continue
      }
      let isSince = keyword.symbol == Keyword.since.rawValue
      let version = try version(behind: isSince ? "since" : "until")
      guard (isSince ? since : until) == nil else {
        throw fail("a second '\(text(keyword))'", at: keyword)
      }
      if isSince { since = UInt64(version.lowerBound) } else { until = UInt64(version.upperBound) + 1 }
      if scheme.isOwn {
        let boundary = isSince ? version.lowerBound : version.upperBound == .max ? .max : version.upperBound + 1
        if !personality.boundaries.contains(boundary) { personality.boundaries.append(boundary) }
      }
    }
    if let since, let until, since >= until {
      throw fail("the versions end before they begin", at: start)
    }
    if let serves = scheme.releases.serves, since ?? 0 > UInt64(serves.upperBound) || until ?? .max <= UInt64(serves.lowerBound) {
      throw fail(
        "this never holds: the heading says that the folder serves \(scheme.releases.servedText ?? "")", at: start)
    }
    let release = UInt64(scheme.release)
    return holds && release >= since ?? 0 && release < until ?? .max
  }

  private mutating func isOnABI() throws(BadEntry) -> Bool {
    let known = scheme.abis
    var holds = false
    repeat {
      // A number stands right behind `on`: elsewhere it may begin the next entry.
      let token = try abiName("the ABI's name behind 'on'")
      guard known.contains(text(token)) else {
        throw fail("no abi named '\(text(token))'", at: token, words: known)
      }
      // A folder that is included is read for the abi that the including one is read for.
      if text(token) == personality.abis.first?.name { holds = true }
    } while isWord && known.contains(text(current))
    return holds
  }

  /// The release numbers that a version stands for: `12` for all of 12's, `12.1` for 12.1's, and a number as
  /// programs compare it for itself.
  mutating func version(behind word: String) throws(BadEntry) -> ClosedRange<UInt32> {
    guard kind == .number || kind == .dotted else { throw fail("expected a version behind '\(word)'\(found)") }
    let token = current
    let scheme = scheme
    at += 1
    guard scheme.release != 0 else {
      throw fail("the heading names no release: versions need one", at: token)
    }
    let parts = text(token).split(separator: ".", omittingEmptySubsequences: false).map { UInt64($0) }
    guard parts.allSatisfy({ $0 != nil && $0! <= UInt64(UInt32.max) }) else {
      throw fail("'\(text(token))' is no version", at: token)
    }
    let numbers = parts.map { $0! }
    guard let encoding = scheme.releases.encoding else {
      guard numbers.count == 1 else {
        throw fail(
          "'\(text(token))' is no release number, and the heading does not say how versions make one"
            + " ('release N major N minor N')", at: token)
      }
      return UInt32(numbers[0])...UInt32(numbers[0])
    }
    if numbers.count == 1, numbers[0] >= UInt64(encoding.major) {
      return try checked(numbers[0], 1, encoding, token)
    }
    let weights = [encoding.major, encoding.minor, encoding.patch].map(UInt64.init)
    guard numbers.count <= 3, weights[numbers.count - 1] > 0,
      numbers.indices.dropFirst().allSatisfy({ numbers[$0] * weights[$0] < weights[$0 - 1] })
    else { throw fail("'\(text(token))' is no version", at: token) }
    let first = zip(numbers, weights).reduce(0) { $0 + $1.0 * $1.1 }
    return try checked(first, weights[numbers.count - 1], encoding, token)
  }

  private mutating func checked(
    _ first: UInt64, _ count: UInt64, _ encoding: ReleaseEncoding, _ token: Token
  ) throws(BadEntry) -> ClosedRange<UInt32> {
    guard first + count - 1 >= UInt64(encoding.from), first <= UInt64(UInt32.max) else {
      throw fail("'\(text(token))' has no release number", at: token)
    }
    return UInt32(first)...UInt32(min(first + count - 1, UInt64(UInt32.max)))
  }

  // MARK: What is left out

  /// Behind the name of a declaration with a block: whether it is there; goes behind it if it is not.
  mutating func isDeclared() throws(BadEntry) -> Bool {
    if try condition() { return true }
    skipDeclaration()
    return false
  }

  /// Goes behind the rest of a declaration: its block, and its sizes in brackets.
  mutating func skipDeclaration() {
    while kind != .braceOpen, kind != .newline, kind != .endOfFile { at += 1 }
    if kind == .braceOpen { skipBlock() }
    while kind == .bracketOpen {
      while kind != .newline, kind != .endOfFile, !accept(.bracketClose) { at += 1 }
    }
  }

  /// Whether an entry that begins at `start`, and that could not be read, has a condition which does not hold: what
  /// it names may be there in other editions only. Then what was reported since is forgotten, and reading goes on
  /// behind the condition.
  mutating func leavesOut(from start: Int, reported: Int) -> Bool {
    let stopped = at
    var depth = 0
    var index = start
    while index < tokens.count {
      switch tokens[index].kind {
      case .parenOpen: depth += 1
      case .parenClose: depth -= 1
      case .newline, .endOfFile, .braceClose: index = tokens.count
      case .word where depth <= 0 && index > start:
        at = index
        // What a row is named by is no condition of its own.
        if isKeyword(.named) { index = tokens.count }
        guard isCondition else { break }
        let before = diagnostics
        if let holds = try? condition(), !holds {
          diagnostics.removeSubrange(reported...)
          return true
        }
        diagnostics = before
        at = stopped
        return false
      default: break
      }
      index += 1
    }
    at = stopped
    return false
  }

  /// `[N WORD]` behind a block, several times if it differs: `[224 bytes] [208 bytes on i386]`; the last that holds.
  mutating func stated(_ what: String, _ unit: Keyword) throws(BadEntry) -> (value: Int, position: Position)? {
    var found: (Int, Position)?
    while accept(.bracketOpen) {
      let position = current.position
      let value = try small(what, below: 1 << 16)
      try expect(unit)
      let holds = try condition()
      try expect(.bracketClose, "']'")
      if holds { found = (value, position) }
    }
    return found
  }
}
