import Glibc
import Testing

@testable import PersonalityTables

/// Mistakes in the real tables: each is reported on its line, or proved harmless by comparison.
struct RealMutationTests {
  enum Kind: String, CaseIterable {
    case deletedWord, deletedMark, deletedNumber, deletedText, changedLetter, changedNumber, swappedNumbers
    case changedWidth, changedDirection, changedAction
  }

  struct Edit {
    var range: Range<Int>
    var text: String
  }

  /// A folder's tables, what they are compared with, and what they become.
  struct Tables: Sendable {
    let source: SourceText
    let tokens: [Token]
    let facts: Facts
    let linux: Personality
    let block: [UInt8]
    /// The first token of each declaration.
    let starts: [Int]

    init(_ name: String) throws {
      let folder = RealTables.directory + "/" + name
      source = try PersonalityLoader.source(folder: folder, directories: [RealTables.directory])
      linux = try PersonalityLoader.load("linux", from: [RealTables.directory]).personality
      facts = try #require(Facts.load(folder: folder, linux: RealTables.directory + "/linux"))
      tokens = Lexer(source, symbols: Symbols.language).tokens
      let loaded = LoadedPersonality(source)
      #expect(loaded.report == "")
      block = try #require(TableCompiler.compile(loaded.personality, linux: linux, checked: true).block)
      var starts: [Int] = []
      var (depth, isStart) = (0, true)
      for (index, token) in tokens.enumerated() {
        let isBreak = token.kind == .newline || token.kind == .endOfFile
        if isStart, depth == 0, !isBreak { starts.append(index) }
        if token.kind == .braceOpen { depth += 1 }
        if token.kind == .braceClose { depth -= 1 }
        isStart = isBreak
      }
      self.starts = starts
    }

    func text(_ token: Token) -> String { source.text(Int(token.start)..<Int(token.start) + Int(token.length)) }

    func line(_ token: Token) -> Int { source.locate(Int(token.start)).line }

    /// The lines on which a mistake at a token may be reported: its own; a row's others; a block's first.
    func lines(_ at: Int) -> (path: String, lines: Set<Int>) {
      var lines: Set<Int> = [line(tokens[at])]
      if let declaration = starts.lastIndex(where: { $0 <= at }) {
        let first = starts[declaration]
        lines.insert(line(tokens[first]))
        if tokens[first].kind == .number || text(tokens[first]) == "include" {
          var last = first
          while tokens[last].kind != .newline, tokens[last].kind != .endOfFile { last += 1 }
          lines.formUnion(line(tokens[first])...line(tokens[last]))
        }
      }
      return (source.locate(Int(tokens[at].start)).path, lines)
    }

    enum Verdict { case reported, elsewhere, harmless, missed }

    func verdict(_ changed: SourceText, _ at: Int) -> Verdict {
      let (path, lines) = lines(at)
      func isNear(_ diagnostic: Diagnostic) -> Bool {
        let place = changed.locate(Int(diagnostic.position.offset))
        return place.path == path && lines.contains(place.line)
      }
      let loaded = LoadedPersonality(changed)
      if loaded.diagnostics.contains(where: isNear) { return .reported }
      var found = FactCheck.check(loaded, facts, linux: linux)
      if found.contains(where: isNear) { return .reported }
      let result = TableCompiler.compile(loaded.personality, linux: linux, checked: true)
      if result.diagnostics.contains(where: isNear) { return .reported }
      found += loaded.diagnostics + result.diagnostics
      if !found.isEmpty { return .elsewhere }
      let isSame = result.block == block
        && withoutPlaces(loaded.personality) == withoutPlaces(LoadedPersonality(source).personality)
      if isSame { return .harmless }
      // What only other releases or machines read is found where `persona check` reads it for them.
      let others = loaded.personality.editions.dropFirst()
      return others.contains { LoadedPersonality(changed, edition: $0).diagnostics.contains(where: isNear) }
        ? .reported : .missed
    }
  }

  private static func edits(_ kind: Kind, _ tables: Tables, _ at: Int) -> [Edit] {
    let (source, tokens) = (tables.source, tables.tokens)
    let token = tokens[at]
    if source.unit(of: Int(token.start)) != 0 { return [] }
    let word = tables.text(token)
    let range = Int(token.start)..<Int(token.start) + Int(token.length)
    let widths = ["i8": "i16", "u8": "u16", "i16": "i32", "u16": "u32", "int": "long", "i32": "i64", "u32": "u64",
      "uint": "size", "size": "uint", "i64": "i32", "u64": "u32", "long": "int"]
    let directions = ["in": "out", "out": "in", "inout": "in"]
    let actions = ["terminate": "core", "core": "stop", "stop": "ignore", "ignore": "terminate",
      "obsolete": "read", "carry": "negative"]
    switch kind {
    case .deletedWord: return token.kind == .word ? [Edit(range: range, text: "")] : []
    case .deletedNumber: return token.kind == .number ? [Edit(range: range, text: "")] : []
    case .deletedText: return token.kind == .string ? [Edit(range: range, text: "")] : []
    case .deletedMark:
      let isMark = ![.word, .number, .dotted, .string, .newline, .endOfFile].contains(token.kind)
      return isMark ? [Edit(range: range, text: "")] : []
    case .changedLetter:
      guard token.kind == .word, word.utf8.count > 3 else { return [] }
      return [Edit(range: range.upperBound - 1..<range.upperBound, text: word.hasSuffix("x") ? "y" : "x")]
    case .changedNumber:
      guard token.kind == .number, let last = word.utf8.last, last >= 0x30, last < 0x3a else { return [] }
      return [Edit(range: range.upperBound - 1..<range.upperBound, text: "\((last - 0x30 + 1) % 8)")]
    case .swappedNumbers:
      guard token.kind == .number, at + 2 < tokens.count, tokens[at + 2].kind == .number else { return [] }
      let other = tokens[at + 2]
      let second = Int(other.start)..<Int(other.start) + Int(other.length)
      if tables.text(other) == word { return [] }
      return [Edit(range: second, text: word), Edit(range: range, text: tables.text(other))]
    case .changedWidth: return widths[word].map { [Edit(range: range, text: $0)] } ?? []
    case .changedDirection: return directions[word].map { [Edit(range: range, text: $0)] } ?? []
    case .changedAction: return actions[word].map { [Edit(range: range, text: $0)] } ?? []
    }
  }

  private static func apply(_ edits: [Edit], _ source: SourceText) -> SourceText {
    var changed = source
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      changed.bytes.replaceSubrange(edit.range, with: Array(edit.text.utf8))
      let shift = edit.text.utf8.count - edit.range.count
      for index in changed.files.indices {
        if changed.files[index].start > edit.range.lowerBound { changed.files[index].start += shift }
        if changed.files[index].end >= edit.range.upperBound { changed.files[index].end += shift }
      }
      for index in changed.includes.indices where changed.includes[index].offset > edit.range.lowerBound {
        changed.includes[index].offset += shift
      }
    }
    return changed
  }

  /// PERSONA_MUTATIONS=N tries N of each kind, or each place where there are not more.
  @Test(arguments: [("freebsd", 30), ("netbsd", 10), ("openbsd", 10), ("dragonfly", 10)])
  func everyMistakeIsReportedOnItsLineOrHarmless(_ name: String, _ usual: Int) async throws {
    let tables = try Tables(name)
    let wanted = getenv("PERSONA_MUTATIONS").flatMap { Int(String(cString: $0)) } ?? usual
    let (total, harmless) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
      // A half of the kinds for each of two processors.
      for half in 0..<2 {
        let kinds = Kind.allCases.enumerated().filter { $0.offset % 2 == half }.map(\.element)
        group.addTask { try Self.tryMistakes(kinds, tables, wanted) }
      }
      return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
    }
    print("\(name): \(total) mutations, of them \(harmless) harmless")
    #expect(total >= (name == "freebsd" ? 300 : 100))
  }

  /// How many mistakes were made, and how many of them change nothing.
  private static func tryMistakes(_ kinds: [Kind], _ tables: Tables, _ wanted: Int) throws -> (Int, Int) {
    var random = MutationTests.Random(state: 0x9e37_79b9_7f4a_7c15)
    var (total, harmless) = (0, 0)
    for kind in kinds {
      var places = tables.tokens.indices.filter { !Self.edits(kind, tables, $0).isEmpty }
      try #require(!places.isEmpty)
      for chosen in 0..<min(wanted, places.count) {
        places.swapAt(chosen, chosen + random.below(places.count - chosen))
        let place = places[chosen]
        let edits = Self.edits(kind, tables, place)
        let verdict = tables.verdict(Self.apply(edits, tables.source), place)
        total += 1
        if verdict == .harmless { harmless += 1 }
        let (path, line, column) = tables.source.locate(Int(tables.tokens[place].start))
        #expect(
          verdict == .reported || verdict == .harmless,
          "\(kind.rawValue): \(path.split(separator: "/").last ?? ""):\(line):\(column): '\(tables.text(tables.tokens[place]))' -> '\(edits.last?.text ?? "")' is \(verdict)"
        )
      }
    }
    return (total, harmless)
  }

  /// Real tables cut off anywhere, and with random bytes in them: read or reported, never a crash.
  @Test func brokenTextIsNoCrash() throws {
    let source = try PersonalityLoader.source(folder: RealTables.directory + "/freebsd")
    var random = MutationTests.Random(state: 0x1234_5678_9abc_def1)
    for _ in 0..<2000 {
      let start = random.below(source.bytes.count)
      var bytes = Array(source.bytes[start..<min(source.bytes.count, start + 1 + random.below(600))])
      for _ in 0..<random.below(4) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
      var piece = SourceText()
      piece.append(bytes, path: "piece.table")
      let loaded = LoadedPersonality(piece)
      #expect(loaded.report.isEmpty == loaded.diagnostics.isEmpty)
    }
  }
}

/// All that the tables say, whoever asks for it: everything but where it stands, and padding that alignment makes
/// anyway: what it does is in the fields' offsets, and nothing shows it.
private func withoutPlaces(_ personality: Personality) -> String {
  var personality = personality
  // What finds entries by their names follows from the entries, and has no order of its own.
  personality.errnos.byName = [:]
  personality.signals.byName = [:]
  (personality.mapByName, personality.structureByName, personality.ioctlByNumber) = ([:], [:], [:])
  for index in personality.structures.indices {
    personality.structures[index].trailingPadding = 0
    for field in personality.structures[index].fields.indices { personality.structures[index].fields[field].padding = 0 }
  }
  return String(reflecting: personality).split(separator: "PersonalityTables.Position(offset: ").map { part in
    part.firstIndex(of: ")").map { part[$0...] } ?? part
  }.joined()
}
