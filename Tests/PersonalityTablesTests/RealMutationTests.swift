import Testing

@testable import PersonalityTables

/// Mistakes in the real tables: each is reported on its line or by its name, changes nothing, or is counted
/// among those that only the OS's own headers or a running program can tell.
struct RealMutationTests {
  enum Kind: String, CaseIterable {
    case deletedWord, deletedMark, changedLetter, changedNumber, swappedNumbers, changedWidth, changedDirection
    case changedAction
  }

  /// How many of each hundred the checker must find. What is missing to 100 are facts that the text does not
  /// hold twice: numbers, names, sizes of values and decisions.
  static let found: [Kind: Int] = [
    .deletedWord: 95, .deletedMark: 97, .changedLetter: 70, .changedNumber: 65, .swappedNumbers: 25,
    .changedWidth: 40, .changedDirection: 10, .changedAction: 50,
  ]

  struct Edit {
    var range: Range<Int>
    var text: String
  }

  private static func text(_ source: SourceText, _ token: Token) -> String {
    source.text(Int(token.start)..<Int(token.start) + Int(token.length))
  }

  private static func edits(_ kind: Kind, _ source: SourceText, _ tokens: [Token], _ at: Int) -> [Edit] {
    let token = tokens[at]
    let word = text(source, token)
    let range = Int(token.start)..<Int(token.start) + Int(token.length)
    let widths = ["i8": "i16", "u8": "u16", "i16": "i32", "u16": "u32", "int": "long", "i32": "i64", "u32": "u64",
      "uint": "size", "size": "uint", "i64": "i32", "u64": "u32", "long": "int"]
    let directions = ["in": "out", "out": "in", "inout": "in"]
    let actions = ["terminate": "core", "core": "stop", "stop": "ignore", "ignore": "terminate",
      "obsolete": "read", "carry": "negative"]
    switch kind {
    case .deletedWord: return token.kind == .word ? [Edit(range: range, text: "")] : []
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
      if text(source, other) == word { return [] }
      return [Edit(range: second, text: word), Edit(range: range, text: text(source, other))]
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
    }
    return changed
  }

  @Test func mistakesAreFound() throws {
    let linux = try PersonalityLoader.load("linux", from: [RealTables.directory]).personality
    let source = try PersonalityLoader.source(folder: RealTables.directory + "/freebsd")
    let original = LoadedPersonality(source)
    let block = try #require(TableCompiler.compile(original.personality, linux: linux).block)
    let tokens = Lexer(source, symbols: Symbols.language).tokens
    var random = MutationTests.Random(state: 0x9e37_79b9_7f4a_7c15)
    var lines: [String] = []
    var total = 0
    for kind in Kind.allCases {
      let places = tokens.indices.filter { !Self.edits(kind, source, tokens, $0).isEmpty }
      try #require(!places.isEmpty)
      var (reported, harmless, elsewhere, missed) = (0, 0, 0, 0)
      var examples: [String] = []
      for _ in 0..<40 {
        let place = places[random.below(places.count)]
        let edits = Self.edits(kind, source, tokens, place)
        let loaded = LoadedPersonality(Self.apply(edits, source))
        var found = loaded.diagnostics
        var compiled: [UInt8]?
        if found.isEmpty {
          let result = TableCompiler.compile(loaded.personality, linux: linux, checked: true)
          found = result.diagnostics
          compiled = result.block
        }
        total += 1
        let (path, line, _) = source.locate(Int(tokens[place].start))
        let name = Self.text(source, tokens[place])
        let isNear = found.contains {
          let its = loaded.source.locate(Int($0.position.offset))
          return (its.path == path && abs(its.line - line) <= 2) || $0.message.contains(name)
            || $0.hint?.contains(name) == true
        }
        if isNear { reported += 1 } else if !found.isEmpty { elsewhere += 1 } else if compiled == block {
          harmless += 1
        } else {
          missed += 1
          examples.append("    \(path.split(separator: "/").last ?? ""):\(line): \(name) -> \(edits.last?.text ?? "")")
        }
      }
      let share = (reported + elsewhere + harmless) * 100 / 40
      lines.append(
        "\(kind.rawValue): \(reported) on their lines, \(elsewhere) elsewhere, \(harmless) the same block, \(missed) missed")
      lines += examples.prefix(12)
      #expect(share >= Self.found[kind]!, "\(kind.rawValue): \(share) of 100\n\(examples.joined(separator: "\n"))")
    }
    print(lines.joined(separator: "\n"))
    #expect(total >= 300)
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
