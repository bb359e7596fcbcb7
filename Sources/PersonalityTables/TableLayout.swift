/// The canonical layout of a table: what `persona fmt` writes.
///
/// It goes by tokens and comments, not by what they declare, so that it also lays out what it has never heard of. Line
/// breaks are the author's, except that a row is one line as far as it fits. TableLayout+Lines.swift finds the
/// lines, +Spacing.swift says what stands between two tokens, +Writing.swift puts columns and breaks in.
enum TableLayout {
  /// The longest line, where something can be broken at all.
  static let width = 110
  /// The column of `=` in calls' rows, counted from 0.
  static let actionColumn = 74
  /// How far the second line of a row is indented.
  static let continuation = 6

  /// The text laid out; nil where its brackets do not match, which the parser reports.
  static func format(_ text: [UInt8]) -> [UInt8]? {
    var current = text
    // A column that the author lined up with the line above may move with it: until nothing moves any more.
    for _ in 0..<8 {
      guard let lines = LayoutReader.lines(of: current) else { return nil }
      var writer = LayoutWriter()
      writer.write(lines)
      let next = Array(writer.text.utf8)
      if next == current { return current }
      current = next
    }
    return current
  }

  /// Whether two texts say the same: equal tokens and comments, and lines outside of braces that end alike.
  static func sameMeaning(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    substance(one) == substance(other)
  }

  private static func substance(_ text: [UInt8]) -> [String] {
    var result: [String] = []
    var depth = 0
    var isBehindBlock = false
    for piece in LayoutReader.pieces(of: text) {
      if piece.kind == .braceOpen { depth += 1 }
      if piece.kind == .braceClose { depth -= 1 }
      isBehindBlock = piece.kind == .braceClose || (isBehindBlock && piece.isComment)
      result.append(piece.text)
      if piece.endsLine, depth == 0, !isBehindBlock { result.append("\n") }
    }
    return result
  }
}

/// A token or a comment, and where it stood.
struct LayoutPiece {
  var text: String
  var kind: Token.Kind
  var isComment = false
  /// The line and the column where it stood, from 0.
  var line: Int
  var column: Int
  /// Characters between it and what stood before it on its line; the column if nothing did.
  var gap: Int
  var isFirstOfLine: Bool
  /// Whether a blank line stood before it.
  var isBehindBlank: Bool
  /// Whether the logical line ends behind it.
  var endsLine = false

  var width: Int { text.unicodeScalars.count }
  func isWord(_ word: String) -> Bool { kind == .word && text == word }
}

/// One line of the layout: tokens and blocks, with the comment behind them; or a comment alone.
struct LayoutLine {
  enum Node {
    case piece(LayoutPiece)
    case block(LayoutBlock)
  }
  var nodes: [Node] = []
  /// The comment behind the line.
  var comment: LayoutPiece?
  var isBehindBlank = false
}

/// `{ … }`
struct LayoutBlock {
  var open: LayoutPiece
  /// The comment behind the brace.
  var comment: LayoutPiece?
  var lines: [LayoutLine] = []
  var close: LayoutPiece
  /// Written on one line by its author.
  var isInline: Bool
  var kind: LayoutEntries
}

/// How the entries of a block are told apart.
enum LayoutEntries {
  /// Each begins with a number.
  case numbered
  case fields
  case sysctls
  /// Each begins with one of these words.
  case words(Set<String>)
  /// As the author spaced them.
  case unknown
  /// Outside of blocks there are none.
  case none

  init(declaration word: String) {
    switch word {
    case "errno", "signal", "flags", "enum", "auxv", "ioctl", "sockopt": self = .numbered
    case "struct": self = .fields
    case "sysctl": self = .sysctls
    case "elf": self = .words(["osabi", "note", "interpreter", "libraries", "root_release"])
    case "abi": self = .words(["trap", "number", "args", "result", "error", "stack", "word", "entry", "frame", "strings", "machine"])
    default: self = .unknown
    }
  }
}
