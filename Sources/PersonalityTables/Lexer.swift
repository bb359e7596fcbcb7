/// One token: what it is, where it stands and, for a word, which.
struct Token {
  enum Kind: UInt8 {
    case word, number, dotted, string
    case braceOpen, braceClose, parenOpen, parenClose, bracketOpen, bracketClose
    case comma, colon, bar, star, equals, arrow, backArrow, shift, ellipsis
    /// The end of a logical line.
    case newline
    case endOfFile
    case bad
  }
  var kind: Kind
  var start: UInt32
  var length: UInt32
  /// Index in `Symbols`, for words.
  var symbol: UInt32

  var position: Position { Position(Int(start), Int(length)) }
}

/// Turns the bytes of a folder's tables into tokens, byte by byte.
struct Lexer {
  private(set) var tokens: [Token] = []
  private(set) var symbols: Symbols

  init(_ source: SourceText, symbols: Symbols) {
    self.symbols = symbols
    tokens.reserveCapacity(source.bytes.count / 4 + 16)
    // Every index below is compared with a file's end, and that with the text's.
    let span = source.bytes.span
    precondition(source.files.allSatisfy { $0.start >= 0 && $0.end <= span.count })
    for file in source.files { lex(span, file.start, file.end) }
  }

  private mutating func lex(_ text: Span<UInt8>, _ start: Int, _ end: Int) {
    var at = start
    var depth = 0
    var lineHasTokens = false
    while at < end {
      let byte = text[unchecked: at]
      switch byte {
      case 0x20, 0x09, 0x0d:
        at += 1
        continue
      case 0x0a:
        at += 1
        if depth > 0, Lexer.startsRow(text, at, end) { depth = 0 }
        guard lineHasTokens, depth == 0, tokens.last?.kind != .comma else { continue }
        emit(.newline, at - 1, 1)
        lineHasTokens = false
        continue
      case UInt8(ascii: "#"):
        while at < end, text[unchecked: at] != 0x0a { at += 1 }
        continue
      case UInt8(ascii: "("):
        depth += 1
        emit(.parenOpen, at, 1)
        at += 1
      case UInt8(ascii: ")"):
        depth = max(0, depth - 1)
        emit(.parenClose, at, 1)
        at += 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        at = quoted(text, at, end)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        at = number(text, at, end)
      case UInt8(ascii: "-") where at + 1 < end && isDigit(text[at + 1]):
        at = number(text, at, end)
      default:
        at = isWordStart(byte) ? word(text, at, end) : mark(text, at, end)
      }
      lineHasTokens = true
    }
    emit(.newline, end, 0)
    emit(.endOfFile, end, 0)
  }

  private mutating func emit(_ kind: Token.Kind, _ start: Int, _ length: Int, _ symbol: UInt32 = 0) {
    tokens.append(
      Token(
        kind: kind, start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: length),
        symbol: symbol))
  }

  private mutating func word(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    var at = start
    var hash = Symbols.emptyHash
    while at < end {
      let byte = text[unchecked: at]
      // A dot or a percent sign belongs to a dotted name (kern.ostype, dev.cpu.0.%desc), never ends one.
      if !isWordByte(byte) {
        guard
          (byte == 0x2e && at + 1 < end && isNamePart(text[at + 1]))
            || (byte == UInt8(ascii: "%") && text[at - 1] == 0x2e)
        else { break }
      }
      hash = Symbols.hash(hash, byte)
      at += 1
    }
    emit(.word, start, at - start, symbols.intern(text, start, at, hash))
    return at
  }

  private mutating func number(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    var at = start + 1
    var isDotted = false
    while at < end {
      if isWordByte(text[unchecked: at]) {
        at += 1
      } else if text[at] == 0x2e, at + 1 < end, isDigit(text[at + 1]) {
        isDotted = true
        at += 1
      } else {
        break
      }
    }
    emit(isDotted ? .dotted : .number, start, at - start)
    return at
  }

  private mutating func quoted(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    let quote = text[start]
    var at = start + 1
    while at < end, text[at] != quote, text[at] != 0x0a { at += text[at] == 0x5c && at + 1 < end ? 2 : 1 }
    guard at < end, text[at] == quote else {
      emit(.bad, start, min(at, end) - start)
      return min(at, end)
    }
    emit(quote == UInt8(ascii: "'") ? .number : .string, start, at + 1 - start)
    return at + 1
  }

  private mutating func mark(_ text: Span<UInt8>, _ at: Int, _ end: Int) -> Int {
    let next = at + 1 < end ? text[at + 1] : 0
    switch (text[at], next) {
    case (UInt8(ascii: "-"), UInt8(ascii: ">")): emit(.arrow, at, 2)
    case (UInt8(ascii: "<"), UInt8(ascii: "-")): emit(.backArrow, at, 2)
    case (UInt8(ascii: "<"), UInt8(ascii: "<")): emit(.shift, at, 2)
    case (UInt8(ascii: "."), UInt8(ascii: ".")) where at + 2 < end && text[at + 2] == 0x2e:
      emit(.ellipsis, at, 3)
      return at + 3
    default:
      let kind: Token.Kind
      switch text[at] {
      case UInt8(ascii: "{"): kind = .braceOpen
      case UInt8(ascii: "}"): kind = .braceClose
      case UInt8(ascii: "["): kind = .bracketOpen
      case UInt8(ascii: "]"): kind = .bracketClose
      case UInt8(ascii: ","): kind = .comma
      case UInt8(ascii: ":"): kind = .colon
      case UInt8(ascii: "|"): kind = .bar
      case UInt8(ascii: "*"): kind = .star
      case UInt8(ascii: "="): kind = .equals
      default: kind = .bad
      }
      var length = 1
      if kind == .bad { while at + length < end, text[at + length] & 0xc0 == 0x80 { length += 1 } }
      emit(kind, at, length)
      return at + length
    }
    return at + 2
  }

  /// Whether a call's row begins here: a number, then a name. It ends parentheses that were left open.
  private static func startsRow(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var at = start
    while at < end, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
    guard at < end, isDigit(text[at]) else { return false }
    while at < end, isDigit(text[at]) { at += 1 }
    guard at < end, text[at] == 0x20 || text[at] == 0x09 else { return false }
    while at < end, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
    return at < end && isWordStart(text[at])
  }
}

@inline(__always) private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
@inline(__always) private func isWordStart(_ byte: UInt8) -> Bool {
  (byte | 0x20) &- 0x61 < 26 || byte == 0x5f
}
@inline(__always) private func isWordByte(_ byte: UInt8) -> Bool { isWordStart(byte) || isDigit(byte) }
@inline(__always) private func isNamePart(_ byte: UInt8) -> Bool {
  isWordByte(byte) || byte == UInt8(ascii: "%")
}
