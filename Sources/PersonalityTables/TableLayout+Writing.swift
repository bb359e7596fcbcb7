/// Writes lines: indents, columns, breaks.
struct LayoutWriter {
  private(set) var text = ""
  private var pending: [Written] = []

  /// A line before comments are lined up behind it.
  private struct Written {
    var text: String
    var comment: String?
  }

  mutating func write(_ lines: [LayoutLine]) {
    for (index, line) in lines.enumerated() {
      if index > 0, line.isBehindBlank { emit("") }
      write(line, .none, indent: 0, lead: [:])
    }
    flush()
  }

  // MARK: One line

  private mutating func write(_ line: LayoutLine, _ kind: LayoutEntries, indent: Int, lead: [Int: Int]) {
    if case .piece(let first)? = line.nodes.first, first.isComment {
      return emit(spaces(indent) + first.text)
    }
    let hasComment = line.nodes.contains { if case .piece(let piece) = $0 { piece.isComment } else { false } }
    if hasComment { return writeBroken(line, kind, indent: indent) }
    if indent == 0, case .piece(let first)? = line.nodes.first, first.kind == .number || first.text == "include",
      !line.nodes.contains(where: { if case .block = $0 { true } else { false } })
    {
      return writeRow(line)
    }
    writeEntries(line, kind, indent: indent, lead: lead)
  }

  /// A line with comments inside it keeps its breaks.
  private mutating func writeBroken(_ line: LayoutLine, _ kind: LayoutEntries, indent: Int) {
    var written = ""
    for element in LayoutSpacing.elements(line.nodes, kind) {
      let piece = element.piece
      if piece.isFirstOfLine, !written.isEmpty {
        emit(written)
        written = ""
      }
      if written.isEmpty {
        let isRest = !text.isEmpty && piece.line != firstLine(line)
        let isRow = piece.kind == .number && indent == 0 && !isRest
        written = spaces(isRow ? max(0, 3 - piece.width) : isRest ? TableLayout.continuation : indent)
          + piece.text
      } else {
        written += spaces(piece.isComment ? 2 : element.space) + piece.text
      }
    }
    emit(written, line.comment?.text)
  }

  private func firstLine(_ line: LayoutLine) -> Int {
    guard case .piece(let piece)? = line.nodes.first else { return -1 }
    return piece.line
  }

  // MARK: Rows

  private mutating func writeRow(_ line: LayoutLine) {
    let elements = LayoutSpacing.elements(line.nodes, .none)
    let number = spaces(max(0, 3 - elements[0].piece.width))
    let plain = number + joined(elements[...])
    var depth = 0
    var action: Int?
    for (index, element) in elements.enumerated() where action == nil {
      if element.piece.kind == .parenOpen { depth += 1 }
      if element.piece.kind == .parenClose { depth -= 1 }
      if depth == 0, element.piece.kind == .equals { action = index }
    }
    if let action, elements[..<action].contains(where: { $0.piece.kind == .parenOpen }) {
      let signature = number + joined(elements[..<action])
      let aligned =
        signature + spaces(TableLayout.actionColumn - signature.unicodeScalars.count)
        + joined(elements[action...])
      let isShort = signature.unicodeScalars.count < TableLayout.actionColumn
      if isShort, aligned.unicodeScalars.count <= TableLayout.width { return emit(aligned, line.comment?.text) }
    }
    if plain.unicodeScalars.count <= TableLayout.width { return emit(plain, line.comment?.text) }
    let rows = broken(elements, number, upTo: action ?? elements.count)
    for row in rows.dropLast() { emit(row) }
    emit(rows[rows.count - 1], line.comment?.text)
  }

  /// A row that is too long for a line: broken before the last argument that leaves two lines, else wherever a
  /// line is full.
  private func broken(_ elements: [LayoutElement], _ number: String, upTo action: Int) -> [String] {
    let commas = elements.indices.filter { elements[$0].piece.kind == .comma && $0 + 1 < elements.count }
    let indent = spaces(TableLayout.continuation)
    for comma in commas.reversed() where comma < action {
      let first = number + joined(elements[...comma])
      let rest = indent + joined(elements[(comma + 1)...])
      if first.unicodeScalars.count <= TableLayout.width, rest.unicodeScalars.count <= TableLayout.width {
        return [first, rest]
      }
    }
    var rows: [String] = []
    var start = 0
    var prefix = number
    while true {
      let rest = prefix + joined(elements[start...])
      let fitting = commas.filter {
        $0 >= start && (prefix + joined(elements[start...$0])).unicodeScalars.count <= TableLayout.width
      }
      guard rest.unicodeScalars.count > TableLayout.width,
        let comma = fitting.last ?? commas.first(where: { $0 >= start })
      else { return rows + [rest] }
      rows.append(prefix + joined(elements[start...comma]))
      start = comma + 1
      prefix = indent
    }
  }

  private func joined(_ elements: ArraySlice<LayoutElement>) -> String {
    var result = ""
    for (index, element) in elements.enumerated() {
      result += (index == 0 ? "" : spaces(element.space)) + element.piece.text
    }
    return result
  }

  // MARK: Declarations and entries

  /// Writes a line whose blocks are inline where they were and fit, else on lines of their own.
  private mutating func writeEntries(
    _ line: LayoutLine, _ kind: LayoutEntries, indent: Int, lead: [Int: Int]
  ) {
    let isWide = indent == 0 && indent + joined(LayoutSpacing.elements(line.nodes, kind)[...])
      .unicodeScalars.count > TableLayout.width
    var nodes: [LayoutLine.Node] = []
    var extra = firstPiece(line).flatMap { lead[$0.line] } ?? 0
    for (index, node) in line.nodes.enumerated() {
      guard case .block(let block) = node else {
        nodes.append(node)
        continue
      }
      let inside = joined(LayoutSpacing.elements([node], block.kind)[...]).unicodeScalars.count
      if block.isInline, !isWide, indent + inside <= TableLayout.width {
        nodes.append(node)
        continue
      }
      nodes.append(.piece(block.open))
      emitEntries(nodes, kind, indent: indent, extra: extra, comment: block.comment?.text)
      writeBlock(block, indent: indent + 2)
      nodes = [.piece(block.close)]
      extra = 0
      if index == line.nodes.count - 1 { break }
    }
    emitEntries(nodes, kind, indent: indent, extra: extra, comment: line.comment?.text)
  }

  private func firstPiece(_ line: LayoutLine) -> LayoutPiece? {
    guard case .piece(let piece)? = line.nodes.first else { return nil }
    return piece
  }

  private mutating func writeBlock(_ block: LayoutBlock, indent: Int) {
    let lead = LayoutWriter.lead(block.lines)
    columns.append(LayoutWriter.columns(block.lines))
    for (index, line) in block.lines.enumerated() {
      if index > 0, line.isBehindBlank { emit("") }
      write(line, block.kind, indent: indent, lead: lead)
    }
    columns.removeLast()
  }

  /// In how many lines tokens stood in a column, for the blocks that we are in.
  private var columns: [[Int: Int]] = []

  private static func columns(_ lines: [LayoutLine]) -> [Int: Int] {
    var result: [Int: Int] = [:]
    for line in lines {
      for case .piece(let piece) in line.nodes where !piece.isFirstOfLine && !piece.isComment {
        result[place(of: piece), default: 0] += 1
      }
    }
    return result
  }

  /// The column by which a token lines up with others: where it begins; numbers, where they end.
  private static func place(of piece: LayoutPiece) -> Int {
    piece.kind == .number ? -(piece.column + piece.width) : piece.column
  }

  /// Spaces before the first number of each line, where the author lined numbers up on their right.
  private static func lead(_ lines: [LayoutLine]) -> [Int: Int] {
    var numbers: [LayoutPiece] = []
    for line in lines {
      if case .piece(let piece)? = line.nodes.first, piece.kind == .number, piece.isFirstOfLine {
        numbers.append(piece)
      }
    }
    guard let first = numbers.first, let widest = numbers.map(\.width).max(),
      numbers.allSatisfy({ $0.column + $0.width == first.column + first.width })
    else { return [:] }
    return Dictionary(numbers.map { ($0.line, widest - $0.width) }) { $1 }
  }

  /// Emits entries, on as many lines as they need.
  private mutating func emitEntries(
    _ nodes: [LayoutLine.Node], _ kind: LayoutEntries, indent: Int, extra: Int, comment: String?
  ) {
    let elements = LayoutSpacing.elements(nodes, kind)
    guard let first = elements.first?.piece else { return }
    var line = spaces(indent + extra)
    var length = indent + extra
    let shift = length - first.column
    /// The line up to the last entry's beginning, and where that entry begins.
    var start = 0
    var index = 0
    while index < elements.count {
      let element = elements[index]
      var space = index == start ? 0 : element.space
      if index > start, start == 0, keepsColumn(element.piece) {
        space = max(space, element.piece.column + shift - length)
      }
      if index > start, element.beginsEntry {
        let end = elements[(index + 1)...].firstIndex { $0.beginsEntry } ?? elements.count
        let entry = joined(elements[index..<end]).unicodeScalars.count
        if length + space + entry > TableLayout.width {
          emit(line)
          line = spaces(indent)
          length = indent
          start = index
          space = 0
        }
      }
      line += spaces(space) + element.piece.text
      length += space + element.piece.width
      index += 1
    }
    emit(line, comment)
  }

  /// Whether a token stood, by more than a space, in one column with tokens of other lines of its block.
  private func keepsColumn(_ piece: LayoutPiece) -> Bool {
    piece.gap > 1 && !piece.isFirstOfLine && (columns.last?[LayoutWriter.place(of: piece)] ?? 0) > 1
  }

  // MARK: Output

  private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

  private mutating func emit(_ line: String, _ comment: String? = nil) {
    if comment == nil { flush() }
    guard let comment else {
      text += line + "\n"
      return
    }
    pending.append(Written(text: line, comment: comment))
  }

  /// Lines up the comments behind neighbouring lines.
  private mutating func flush() {
    let column = pending.map(\.text.unicodeScalars.count).max() ?? 0
    let isAligned = pending.allSatisfy {
      column + 2 + ($0.comment ?? "").unicodeScalars.count <= TableLayout.width
    }
    for line in pending {
      let end = line.text.unicodeScalars.count
      text += line.text + spaces((isAligned ? column : end) + 2 - end) + (line.comment ?? "") + "\n"
    }
    pending = []
  }
}
