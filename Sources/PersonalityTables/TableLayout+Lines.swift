/// Finds a table's pieces and lines.
struct LayoutReader {
  private let pieces: [LayoutPiece]
  private var at = 0
  private var isBalanced = true

  /// The lines of a table; nil where its braces do not match.
  static func lines(of text: [UInt8]) -> [LayoutLine]? {
    var reader = LayoutReader(pieces: pieces(of: text))
    let lines = reader.lines(.none, isNested: false)
    return reader.isBalanced ? lines : nil
  }

  private init(pieces: [LayoutPiece]) { self.pieces = pieces }

  // MARK: Pieces

  /// The tokens and the comments of a table in their order.
  static func pieces(of text: [UInt8]) -> [LayoutPiece] {
    var source = SourceText()
    source.append(text, path: "")
    var scanner = PieceScanner(text: text)
    for token in Lexer(source, symbols: Symbols.language).tokens {
      scanner.comments(upTo: Int(token.start))
      switch token.kind {
      case .newline: scanner.endLine()
      case .endOfFile: break
      default: scanner.add(token.kind, Int(token.start), Int(token.length))
      }
    }
    return scanner.pieces
  }

  // MARK: Lines

  /// The lines up to the end of the block that we are in, or of the table.
  private mutating func lines(_ kind: LayoutEntries, isNested: Bool) -> [LayoutLine] {
    var result: [LayoutLine] = []
    var line = LayoutLine()
    func finish() {
      if !line.nodes.isEmpty || line.comment != nil { result.append(line) }
      line = LayoutLine()
    }
    while at < pieces.count {
      let piece = pieces[at]
      if piece.kind == .braceClose, !piece.isComment {
        if isNested { break }
        isBalanced = false
        return []
      }
      if line.nodes.isEmpty { line.isBehindBlank = piece.isBehindBlank }
      if piece.isComment {
        at += 1
        let isInside = !line.nodes.isEmpty
        if isInside || piece.isFirstOfLine || result.isEmpty || result[result.count - 1].comment != nil {
          line.nodes.append(.piece(piece))
          if !isInside { finish() }
        } else {
          result[result.count - 1].comment = piece
        }
        continue
      }
      if piece.kind == .braceOpen {
        let block = block(kind: isNested ? kind : LayoutEntries(declaration: keyword(of: line)))
        line.nodes.append(.block(block))
        let isDeclaration = at < pieces.count && LayoutReader.declarations.contains(pieces[at].text)
        if block.close.endsLine || (!isNested && isDeclaration) { finish() }
        continue
      }
      at += 1
      line.nodes.append(.piece(piece))
      if piece.endsLine { finish() }
    }
    finish()
    return result
  }

  private static let declarations: Set<String> = [
    "personality", "abi", "elf", "auxv", "errno", "signal", "flags", "enum", "struct", "union", "ioctl", "sockopt",
    "sysctl", "include", "system", "format", "load",
  ]

  private func keyword(of line: LayoutLine) -> String {
    guard case .piece(let piece)? = line.nodes.first else { return "" }
    return piece.text
  }

  private mutating func block(kind: LayoutEntries) -> LayoutBlock {
    let open = pieces[at]
    let first = at
    at += 1
    var comment: LayoutPiece?
    if at < pieces.count, pieces[at].isComment, !pieces[at].isFirstOfLine {
      comment = pieces[at]
      at += 1
    }
    let lines = lines(kind, isNested: true)
    guard at < pieces.count else {
      isBalanced = false
      return LayoutBlock(open: open, close: open, isInline: false, kind: kind)
    }
    let close = pieces[at]
    let isInline = !pieces[first + 1...at].contains { $0.isFirstOfLine || $0.isComment }
    at += 1
    return LayoutBlock(
      open: open, comment: comment, lines: lines, close: close, isInline: isInline, kind: kind)
  }
}

/// Walks a table from token to token, and notes lines, columns and the comments between.
private struct PieceScanner {
  let text: [UInt8]
  var pieces: [LayoutPiece] = []
  private var at = 0
  private var line = 0
  private var lineStart = 0
  /// The end of the last piece, and its line.
  private var end = 0
  private var endLineNumber = -1

  init(text: [UInt8]) { self.text = text }

  mutating func comments(upTo limit: Int) {
    while at < limit {
      if text[at] == UInt8(ascii: "#") {
        let start = at
        while at < text.count, text[at] != 0x0a { at += 1 }
        var stop = at
        while stop > start, [0x20, 0x09, 0x0d].contains(text[stop - 1]) { stop -= 1 }
        note(.bad, start, stop, isComment: true)
      } else {
        if text[at] == 0x0a {
          line += 1
          lineStart = at + 1
        }
        at += 1
      }
    }
  }

  mutating func add(_ kind: Token.Kind, _ start: Int, _ length: Int) {
    note(kind, start, start + length, isComment: false)
    at = start + length
  }

  /// The logical line ends behind the last token.
  mutating func endLine() {
    if let index = pieces.lastIndex(where: { !$0.isComment }) { pieces[index].endsLine = true }
  }

  private mutating func note(_ kind: Token.Kind, _ start: Int, _ stop: Int, isComment: Bool) {
    let isFirst = endLineNumber != line
    pieces.append(
      LayoutPiece(
        text: String(decoding: text[start..<stop], as: UTF8.self), kind: kind, isComment: isComment, line: line,
        column: scalars(lineStart, start), gap: scalars(isFirst ? lineStart : end, start), isFirstOfLine: isFirst,
        isBehindBlank: isFirst && endLineNumber >= 0 && line - endLineNumber > 1))
    end = stop
    endLineNumber = line
  }

  private func scalars(_ start: Int, _ stop: Int) -> Int {
    text[start..<stop].reduce(0) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) }
  }
}
