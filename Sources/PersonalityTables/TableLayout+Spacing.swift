/// A token as it is written: how much stands before it, and whether its line may be broken there.
struct LayoutElement {
  var piece: LayoutPiece
  /// Spaces before it, unless it keeps a column.
  var space: Int
  /// An entry of a block begins here, which may go to the next line.
  var beginsEntry = false
}

/// What stands between tokens.
struct LayoutSpacing {
  /// Tokens in the order of a line, with blocks written inline.
  static func elements(_ nodes: [LayoutLine.Node], _ kind: LayoutEntries) -> [LayoutElement] {
    var spacing = LayoutSpacing()
    spacing.add(nodes, kind, canBreak: true)
    return spacing.elements
  }

  private var elements: [LayoutElement] = []
  private var parentheses = 0
  /// Whether an argument's name has had its colon.
  private var isBehindColon = false

  private mutating func add(_ nodes: [LayoutLine.Node], _ kind: LayoutEntries, canBreak: Bool) {
    let begins = LayoutSpacing.entries(nodes, kind)
    for (index, node) in nodes.enumerated() {
      let isEntry = index > 0 && begins[index]
      switch node {
      case .piece(let piece):
        add(piece, kind)
        if isEntry, parentheses == 0 || piece.kind == .parenOpen {
          elements[elements.count - 1].space = 2
          elements[elements.count - 1].beginsEntry = canBreak
        }
      case .block(let block):
        add(block.open, kind)
        let inside = block.lines.flatMap(\.nodes)
        add(inside, block.kind, canBreak: false)
        add(block.close, kind)
        elements[elements.count - 1].space = inside.isEmpty ? 0 : 1
      }
    }
  }

  private mutating func add(_ piece: LayoutPiece, _ kind: LayoutEntries) {
    elements.append(LayoutElement(piece: piece, space: space(before: piece, kind)))
    switch piece.kind {
    case .parenOpen:
      parentheses += 1
      isBehindColon = false
    case .parenClose: parentheses = max(0, parentheses - 1)
    case .comma: isBehindColon = false
    default: break
    }
  }

  private mutating func space(before piece: LayoutPiece, _ kind: LayoutEntries) -> Int {
    guard let previous = elements.last?.piece else { return 0 }
    switch (previous.kind, piece.kind) {
    case (_, .comma), (_, .colon), (_, .parenClose), (_, .bracketClose), (_, .ellipsis): return 0
    case (.parenOpen, _), (.bracketOpen, _), (.ellipsis, _), (.star, _): return 0
    case (.colon, _):
      defer { isBehindColon = true }
      if case .none = kind { return parentheses > 0 && !isBehindColon ? 1 : 0 }
      return 0
    case (.word, .parenOpen): return 0
    case (.word, .bracketOpen):
      if case .sysctls = kind { return 1 }
      return 0
    case (.bracketClose, .bracketOpen):
      // `[224 bytes] [208 bytes on i386]`, but `u32[2][4]`.
      if case .fields = kind { return 0 }
      return parentheses > 0 ? 0 : 1
    case (.comma, _), (.equals, _), (.arrow, _), (.backArrow, _), (.bar, _), (.shift, _), (.braceOpen, _),
      (.braceClose, _), (_, .equals), (_, .arrow), (_, .backArrow), (_, .bar), (_, .shift), (_, .braceOpen),
      (_, .braceClose), (.parenClose, _), (.bracketClose, _):
      return 1
    case (let left, let right) where isSolid(left) && isSolid(right): return 1
    default: return piece.gap > 0 || piece.isFirstOfLine ? 1 : 0
    }
  }

  private func isSolid(_ kind: Token.Kind) -> Bool {
    kind == .word || kind == .number || kind == .dotted || kind == .string
  }

  // MARK: Entries

  /// Words whose number belongs to what stands before it.
  private static let takesNumber: Set<String> = [
    "mask", "since", "until", "linux", "random", "random_length", "at", "pad", "padding", "version", "release",
  ]

  private static let conditions: Set<String> = ["since", "until", "on"]

  /// Where an entry of a block begins.
  private static func entries(_ nodes: [LayoutLine.Node], _ kind: LayoutEntries) -> [Bool] {
    switch kind {
    case .fields: return fields(nodes)
    default: return nodes.indices.map { begins(nodes, $0, kind) }
    }
  }

  private static func piece(_ nodes: [LayoutLine.Node], _ index: Int) -> LayoutPiece? {
    guard nodes.indices.contains(index), case .piece(let piece) = nodes[index] else { return nil }
    return piece
  }

  private static func begins(_ nodes: [LayoutLine.Node], _ index: Int, _ kind: LayoutEntries) -> Bool {
    guard index > 0, let piece = piece(nodes, index) else { return false }
    let previous = self.piece(nodes, index - 1)
    let next = self.piece(nodes, index + 1)
    switch kind {
    case .numbered:
      if piece.kind == .word { return piece.text == "else" || (piece.text == "mask" && next?.kind == .number) }
      guard piece.kind == .number else { return false }
      guard let previous else { return true }
      switch previous.kind {
      case .word: return !takesNumber.contains(previous.text)
      case .number, .dotted, .string, .parenClose, .bracketClose: return true
      default: return false
      }
    case .sysctls: return piece.kind == .word && (next?.kind == .bracketOpen || next?.isWord("unsupported") == true)
    case .words(let words):
      if piece.kind == .word, words.contains(piece.text) {
        return !(previous?.isWord("args") == true && piece.text == "stack")
      }
      return piece.gap >= 2 && piece.kind == .word && !piece.isFirstOfLine
    case .unknown: return previous?.isComment == false && piece.gap >= 2 && !piece.isFirstOfLine
    case .fields, .none: return false
    }
  }

  /// A field is a name, a type with its width and counts, and what is said behind it.
  private static func fields(_ nodes: [LayoutLine.Node]) -> [Bool] {
    var result = [Bool](repeating: false, count: nodes.count)
    var index = 0
    while index < nodes.count {
      result[index] = true
      if piece(nodes, index)?.isWord("pad") == true, piece(nodes, index + 1)?.kind == .number {
        index += 2
        while let word = piece(nodes, index), conditions.contains(word.text), piece(nodes, index + 1) != nil {
          index += 2
        }
        continue
      }
      index += 2
      scan: while let piece = piece(nodes, index) {
        switch piece.kind {
        case .colon, .equals: index += 2
        case .bracketOpen:
          while let inner = self.piece(nodes, index), inner.kind != .bracketClose { index += 1 }
          index += 1
        case .word where piece.text == "on" && piece.gap == 1 && self.piece(nodes, index + 1)?.kind == .word:
          index += 2
        case .word where takesNumber.contains(piece.text) && piece.text != "pad":
          guard let next = self.piece(nodes, index + 1), next.kind == .number || next.kind == .dotted else {
            break scan
          }
          index += 2
        default: break scan
        }
      }
    }
    return result
  }
}
