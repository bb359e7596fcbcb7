/// Left by a rule that has reported what is wrong; the caller goes on behind the bad entry.
struct BadEntry: Error {}

/// Reads the tokens of one personality's tables into a `Personality`, collecting what is wrong.
///
/// Each declaration's rule is in an extension of its own: Parser+Calls.swift, Parser+Constants.swift, …
struct Parser {
  let source: SourceText
  /// What the tables are read for.
  let edition: Edition
  let tokens: [Token]
  let symbols: Symbols
  var at = 0
  var personality = Personality()
  var diagnostics: [Diagnostic] = []
  /// What a declared name is, by its symbol; names may be used before their declaration.
  var declared: [UInt32: TypeName] = [:]
  /// The file that is being read.
  var file = 0
  /// What each of the text's include lines takes.
  var inclusions: [Inclusion] = []
  /// The limited inclusions on each way to a file; nil takes all.
  var routes: [[[Int]]?] = []
  /// Names that an inclusion has left out: its index and the symbol.
  var leftOut: Set<UInt64> = []
  /// Calls that an inclusion has given other numbers: its index and the place.
  var moved: Set<UInt64> = []
  /// The tokens of included declarations, by their position, where folders may contradict each other.
  var spans: [UInt32: Range<Int>] = [:]
  /// The row that has a call number; -1 for none.
  var claimed: [Int32] = []
  /// The `personality` and `abi` declarations that have been read: where each begins, and where it ends.
  var headings: [Int: Int] = [:]
  /// How the folders count releases; the first is the one that is read.
  var schemes: [ReleaseScheme] = []
  /// Where a sysctl is declared, by its name's symbol.
  var sysctlBySymbol: [UInt32: Position] = [:]

  enum TypeName {
    case map(Int)
    case structure(Int)
    case union(Int)
  }

  init(_ source: SourceText, _ edition: Edition = Edition()) {
    self.init(source, Lexer(source, symbols: Symbols.language), edition)
  }

  /// For a text whose tokens are there already.
  init(_ source: SourceText, _ lexer: Lexer, _ edition: Edition) {
    self.source = source
    self.edition = edition
    tokens = lexer.tokens
    symbols = lexer.symbols
    readHeadings()
    readIncludes()
    declareNames()
    file = 0
  }

  static func parse(_ source: SourceText, _ edition: Edition = Edition()) -> (Personality, [Diagnostic]) {
    parse(source, Lexer(source, symbols: Symbols.language), edition)
  }

  static func parse(_ source: SourceText, _ lexer: Lexer, _ edition: Edition) -> (Personality, [Diagnostic]) {
    var parser = Parser(source, lexer, edition)
    parser.parseAll()
    return (parser.personality, parser.diagnostics)
  }

  // MARK: Tokens

  var current: Token { tokens[at] }
  var kind: Token.Kind { at < tokens.count ? tokens[at].kind : .endOfFile }
  var isWord: Bool { kind == .word }

  func text(_ token: Token) -> String {
    token.kind == .word
      ? symbols.names[Int(token.symbol)]
      : source.text(Int(token.start)..<Int(token.start) + Int(token.length))
  }

  func isKeyword(_ keyword: Keyword) -> Bool { kind == .word && tokens[at].symbol == keyword.rawValue }

  mutating func accept(_ keyword: Keyword) -> Bool {
    guard isKeyword(keyword) else { return false }
    at += 1
    return true
  }

  mutating func accept(_ wanted: Token.Kind) -> Bool {
    guard kind == wanted else { return false }
    at += 1
    return true
  }

  mutating func expect(_ wanted: Token.Kind, _ what: @autoclosure () -> String) throws(BadEntry) {
    guard accept(wanted) else { throw fail("expected \(what())\(found)") }
  }

  mutating func expect(_ keyword: Keyword) throws(BadEntry) {
    guard accept(keyword) else { throw fail("expected '\(keyword)'\(found)", words: ["\(keyword)"]) }
  }

  mutating func word(_ what: @autoclosure () -> String) throws(BadEntry) -> Token {
    guard kind == .word else { throw fail("expected \(what())\(found)") }
    at += 1
    return tokens[at - 1]
  }

  mutating func name(_ what: String) throws(BadEntry) -> String { text(try word(what)) }

  /// A quoted text, without its quotes; `\"` and `\\` stand for themselves.
  mutating func quoted(_ what: String) throws(BadEntry) -> String {
    guard kind == .string else { throw fail("expected \(what) in quotes\(found)") }
    let token = current
    at += 1
    let inside = source.bytes[Int(token.start) + 1..<Int(token.start) + Int(token.length) - 1]
    guard inside.contains(UInt8(ascii: "\\")) else { return String(decoding: inside, as: UTF8.self) }
    var plain: [UInt8] = []
    var isEscaped = false
    for byte in inside {
      if byte == UInt8(ascii: "\\"), !isEscaped {
        isEscaped = true
      } else {
        plain.append(isEscaped && byte == UInt8(ascii: "n") ? 10 : byte)
        isEscaped = false
      }
    }
    return String(decoding: plain, as: UTF8.self)
  }

  var found: String {
    switch kind {
    case .newline: ", found the end of the line"
    case .endOfFile: ", found the end of the file"
    case .string: ", found a text in quotes"
    default: ", found '\(text(current))'"
    }
  }

  // MARK: Reports

  /// Reports at the current token.
  mutating func fail(_ message: String, words: [String] = []) -> BadEntry {
    fail(message, at: current, words: words)
  }

  mutating func fail(_ message: String, at token: Token, words: [String] = []) -> BadEntry {
    let hint = token.kind == .word ? didYouMean(text(token), words) : nil
    report(message, token.position, hint)
    return BadEntry()
  }

  mutating func report(_ message: String, _ position: Position, _ hint: String? = nil) {
    diagnostics.append(Diagnostic(position: position, message: message, hint: hint))
  }

  // MARK: Declarations

  mutating func parseAll() {
    while at < tokens.count {
      switch kind {
      case .newline: at += 1
      case .endOfFile:
        at += 1
        file = min(file + 1, max(0, source.files.count - 1))
      default:
        let start = at
        if let end = headings[start] {
          at = end
        } else {
          do { try declaration() } catch { recover(from: start) }
        }
      }
    }
    if personality.isLinux {
      for index in personality.maps.indices { personality.maps[index].isVerbatim = true }
    }
    reportUnusedLimits()
    indexNumbers()
    layOut()
    if let release = edition.release { personality.claim(release) }
  }

  /// Goes on behind the bad line; inside a declaration whose brace has opened, behind its end.
  mutating func recover(from start: Int) {
    if at == start { at += 1 }
    while at < tokens.count, kind != .newline, kind != .endOfFile {
      if kind == .braceOpen { skipBlock() } else { at += 1 }
    }
  }

  /// Skips `{ … }` with what is nested in it.
  mutating func skipBlock() {
    var depth = 0
    while at < tokens.count, kind != .endOfFile {
      if kind == .braceOpen { depth += 1 }
      if kind == .braceClose { depth -= 1 }
      at += 1
      if depth == 0 { return }
    }
  }

  /// Reads `{ entry … }`; a bad entry is skipped to the end of its line.
  mutating func block(_ entry: (inout Parser) throws(BadEntry) -> Void) throws(BadEntry) {
    let open = current
    try expect(.braceOpen, "'{'")
    while true {
      switch kind {
      case .newline: at += 1
      case .braceClose:
        at += 1
        return
      case .endOfFile: throw fail("this '{' is never closed", at: open)
      default:
        let start = at
        let reported = diagnostics.count
        do { try entry(&self) } catch {
          if leavesOut(from: start, reported: reported) { continue }
          if at == start { at += 1 }
          while kind != .newline, kind != .braceClose, kind != .endOfFile {
            if kind == .braceOpen { skipBlock() } else { at += 1 }
          }
        }
      }
    }
  }

  private static let declarations: [Keyword] = [
    .personality, .system, .abi, .elf, .format, .load, .auxv, .errno, .signal, .flags, .enum, .struct, .union,
    .ioctl, .sockopt, .sysctl, .include, .calls, .handler,
  ]

  mutating func declaration() throws(BadEntry) {
    if kind == .number {
      let (start, reported) = (at, diagnostics.count)
      do { try callRow() } catch {
        guard leavesOut(from: start, reported: reported) else { throw error }
        skipLine()
      }
      return
    }
    guard kind == .word, let keyword = Keyword(rawValue: current.symbol) else { throw unknownDeclaration() }
    at += 1
    switch keyword {
    case .include: return try include()
    case .personality, .abi, .elf, .format, .load, .auxv:
      if !isOwn { throw fail("'\(keyword)' belongs into abi.table: it is not included", at: tokens[at - 1]) }
    default: break
    }
    switch keyword {
    case .personality: try heading()
    case .abi: try abi()
    case .system: try system()
    case .elf: try marks { (parser, marks) throws(BadEntry) in try parser.elf(&marks) }
    case .format: try marks { (parser, marks) throws(BadEntry) in try parser.formats(&marks) }
    case .load: try load()
    case .auxv: try auxv()
    case .errno: try numberSet(\.errnos, isSignals: false)
    case .signal: try numberSet(\.signals, isSignals: true)
    case .flags: try constantMap(.flags)
    case .enum: try constantMap(.enumeration)
    case .struct: try structure()
    case .union: try union()
    case .ioctl: try ioctls()
    case .sockopt: try sockopt()
    case .sysctl: try sysctls()
    case .calls: try callRange()
    case .handler: try handlerSignature()
    default:
      at -= 1
      throw unknownDeclaration()
    }
    guard kind == .newline || kind == .endOfFile || isDeclarationStart else {
      throw fail("expected the end of the line\(found)")
    }
  }

  private var isDeclarationStart: Bool {
    kind == .word && Parser.declarations.contains { $0.rawValue == current.symbol }
  }

  private mutating func unknownDeclaration() -> BadEntry {
    let what = kind == .bad ? describeBad : "expected a call's number or a declaration\(found)"
    return fail(what, words: Parser.declarations.map { "\($0)" })
  }

  var describeBad: String {
    source.bytes[Int(current.start)] == UInt8(ascii: "\"")
      ? "this text is never closed" : "'\(text(current))' means nothing here"
  }
}
