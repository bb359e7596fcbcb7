extension Parser {
  /// `struct NAME [CONDITION] [= NATIVE] { … } [N bytes]`
  mutating func structure() throws(BadEntry) {
    guard let (token, place) = try typeName("the structure's name") else { return }
    let index: Int? = if case .structure(let found)? = place { found } else { nil }
    var structure = Structure(
      name: text(token), position: token.position, nativePosition: token.position,
      sizePosition: token.position)
    _ = try condition()
    if accept(.equals) {
      structure.nativePosition = current.position
      structure.native = try name("Linux's structure")
      if isCondition {
        report(
          "expected '{'\(found)", current.position,
          "a condition stands behind the name: 'struct \(text(token)) \(text(current)) …'")
        throw BadEntry()
      }
    }
    defer { if let index { personality.structures[index] = structure } }
    var padding = 0
    try block { (parser) throws(BadEntry) in
      let isNumberNext = parser.at + 1 < parser.tokens.count && parser.tokens[parser.at + 1].kind == .number
      if isNumberNext, parser.accept(.pad) {
        let bytes = try parser.small("the padding's bytes", below: 1 << 16)
        if parser.isFieldCondition, !(try parser.condition()) { return }
        padding += bytes
      } else {
        guard var field = try parser.field() else { return }
        field.padding = padding
        padding = 0
        if structure.field(named: field.name) != nil {
          parser.report("two fields are named '\(field.name)'", field.position)
        }
        structure.fields.append(field)
      }
    }
    structure.trailingPadding = padding
    if let stated = try stated("the structure's size", .bytes) {
      (structure.statedSize, structure.sizePosition) = stated
    }
  }

  /// `NAME TYPE [= NATIVE] [at OFFSET] [CONDITION]`; nil where the condition leaves it out.
  private mutating func field() throws(BadEntry) -> StructureField? {
    let token = try word("a field's name")
    let type = try fieldType()
    var field = StructureField(name: text(token), type: type, position: token.position)
    while true {
      let isNumberNext = at + 1 < tokens.count && tokens[at + 1].kind == .number
      if accept(.equals) {
        field.native = try name("Linux's field")
      } else if isNumberNext, accept(.at) {
        field.fixedOffset = try small("an offset", below: 1 << 16)
      } else if isFieldCondition {
        if !(try condition()) { return nil }
      } else {
        return field
      }
    }
  }

  private mutating func fieldType() throws(BadEntry) -> FieldType {
    let token = try word("a field's type")
    if token.symbol == Keyword.char.rawValue || token.symbol == Keyword.bytes.rawValue {
      try expect(.bracketOpen, "'[' and how many")
      let count = try small("how many", below: 1 << 16)
      try expect(.bracketClose, "']'")
      return token.symbol == Keyword.char.rawValue ? .text(count) : .bytes(count)
    }
    if token.symbol == Keyword.signals.rawValue || token.symbol == Keyword.bits.rawValue {
      try expect(.bracketOpen, "'[' and how many bytes")
      let count = try small("how many bytes", below: 1 << 16)
      try expect(.bracketClose, "']'")
      return .set(ofSignals: token.symbol == Keyword.signals.rawValue, count)
    }
    var type: FieldType
    if let scalar = symbols.scalar(token.symbol) {
      type = .scalar(scalar, width: try width(default: 0))
    } else {
      switch declared[token.symbol] {
      case .map(let index): type = .map(index, width: try width(default: 4))
      case .structure(let index): type = .structure(index)
      case .union(let index): type = .union(index)
      case nil:
        let words = Scalar.allCases.map(\.rawValue) + ["char", "bytes", "signals", "bits"]
        throw fail(
          "no type named '\(text(token))'", at: token,
          words: personality.structures.map(\.name) + personality.unions.map(\.name) + personality.maps.map(\.name) + words)
      }
    }
    while accept(.bracketOpen) {
      let count = try small("how many", below: 1 << 16)
      try expect(.bracketClose, "']'")
      type = .array(type, count)
    }
    return type
  }

  // MARK: Layout

  /// Places every structure's fields by C's rules.
  mutating func layOut() {
    var state = [UInt8](repeating: 0, count: personality.structures.count)
    for index in personality.structures.indices { layOut(index, &state) }
  }

  /// `state`: 0 not begun, 1 being laid out, 2 done.
  private mutating func layOut(_ index: Int, _ state: inout [UInt8]) {
    guard state[index] == 0 else { return }
    state[index] = 1
    var offset = 0
    var alignment = 1
    var end = 0
    for position in personality.structures[index].fields.indices {
      let field = personality.structures[index].fields[position]
      var (size, align) = measure(field, field.type, &state)
      if offset + size > 1 << 15 {
        report("the structure is longer than 32768 bytes here", field.position)
        (size, align) = (0, 1)
      }
      offset += field.padding
      if let fixed = field.fixedOffset {
        offset = fixed
      } else {
        offset = (offset + align - 1) / align * align
        alignment = max(alignment, align)
      }
      personality.structures[index].fields[position].offset = offset
      personality.structures[index].fields[position].size = size
      offset += size
      end = max(end, offset)
    }
    end = max(end, offset + personality.structures[index].trailingPadding)
    personality.structures[index].alignment = alignment
    personality.structures[index].size = (end + alignment - 1) / alignment * alignment
    state[index] = 2
    let structure = personality.structures[index]
    if let stated = structure.statedSize, stated != structure.size {
      report(
        "struct \(structure.name) is \(structure.size) bytes, not \(stated)", structure.sizePosition)
    }
  }

  mutating func measure(
    _ field: StructureField, _ type: FieldType, _ state: inout [UInt8]
  ) -> (size: Int, alignment: Int) {
    switch type {
    case .scalar(let scalar, let width):
      let bytes = width == 0 ? scalar.width(word: word) : width
      return (bytes, min(bytes, word))
    case .map(_, let width): return (width, min(width, word))
    case .text(let count), .bytes(let count): return (count, 1)
    // As the words that it is declared as, of which none is longer than four bytes in the systems' headers.
    case .set(_, let count): return (count, count % 4 == 0 ? 4 : 1)
    case .union(let index): return measure(union: index, field, &state)
    case .array(let element, let count):
      let one = measure(field, element, &state)
      return (min(one.size, 1 << 20) * count, one.alignment)
    case .structure(let index):
      if state[index] == 1 {
        report("struct \(personality.structures[index].name) contains itself", field.position)
        return (0, 1)
      }
      layOut(index, &state)
      return (personality.structures[index].size, personality.structures[index].alignment)
    }
  }
}
