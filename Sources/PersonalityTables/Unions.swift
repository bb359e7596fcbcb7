import CWire

/// `union NAME by TAG { VALUE… : TYPE … else TYPE }`: what something is by the value of an argument or a field beside it.
public struct UnionType: Sendable {
  public enum Member: Sendable, Equatable {
    /// Nobody looks at it.
    case none
    /// A value, or a pointer; no structure.
    case argument(ArgumentType)
    /// A structure itself, in another's field only.
    case structure(Int)
  }

  public struct Case: Sendable {
    /// Names of the tag's flags or enumeration, or numbers.
    public var values: [Mapping.Target]
    public var member: Member
    public var position: Position
  }

  public var name: String
  /// The argument or the field that tells.
  public var tag: String
  public var cases: [Case] = []
  /// What it is for every other value; a word if the union does not say.
  public var otherwise = Member.argument(.scalar(.ulong))
  public var position: Position

  /// Every member; the last is for the values that no case names.
  public var members: [Member] { cases.map(\.member) + [otherwise] }

  /// Which of `members` it is for a value of `width` bytes, by the names that its tag has.
  public func index(_ value: UInt64, width: Int, names: ConstantMap?) -> Int {
    let mask = width >= 8 ? UInt64.max : (1 << UInt64(8 * width)) - 1
    for (index, one) in cases.enumerated() {
      for target in one.values {
        let wanted: UInt64? =
          switch target {
          case .number(let number): number
          case .name(let name): names?.value(of: name)
          case .none, .range: nil
          }
        if let wanted, wanted & mask == value & mask { return index }
      }
    }
    return cases.count
  }
}

extension ConstantMap {
  /// The value of a name, as wide as the map has it.
  public func value(of name: String) -> UInt64? { entries.first { $0.name == name }?.value }
}

extension Parser {
  /// `union NAME [CONDITION] by TAG { … }`
  mutating func union() throws(BadEntry) {
    guard let (token, place) = try typeName("the union's name") else { return }
    let index: Int? = if case .union(let found)? = place { found } else { nil }
    _ = try condition()
    try expect(.by)
    var union = UnionType(name: text(token), tag: try name("the argument or field that tells"), position: token.position)
    defer { if let index { personality.unions[index] = union } }
    var seen: Set<String> = []
    try block { (parser) throws(BadEntry) in
      let start = parser.current
      if parser.accept(.else) {
        union.otherwise = try parser.member()
        return
      }
      var values: [Mapping.Target] = []
      repeat {
        let value = parser.current
        guard value.kind == .word || value.kind == .number else {
          throw parser.fail("expected a value of '\(union.tag)'\(parser.found)")
        }
        if !seen.insert(parser.text(value)).inserted {
          parser.report("'\(parser.text(value))' already stands for something in \(union.name)", value.position)
        }
        values.append(value.kind == .word ? .name(parser.text(value)) : .number(0))
        if value.kind == .number {
          values[values.count - 1] = .number(try parser.number("a number"))
        } else {
          parser.at += 1
        }
      } while !parser.accept(.colon)
      let member = try parser.member()
      guard try parser.condition() else { return }
      union.cases.append(UnionType.Case(values: values, member: member, position: start.position))
    }
  }

  private mutating func member() throws(BadEntry) -> UnionType.Member {
    if accept(.none) { return .none }
    if isWord, case .structure(let index)? = declared[current.symbol] {
      at += 1
      return .structure(index)
    }
    var count: (Token, Bool)?
    let position = current
    let type = try argumentType(&count)
    if count != nil { throw fail("what a union points to is counted by a number", at: position) }
    return .argument(type)
  }

  /// Where a type is declared.
  func position(_ type: TypeName) -> Position {
    switch type {
    case .map(let index): personality.maps[index].position
    case .structure(let index): personality.structures[index].position
    case .union(let index): personality.unions[index].position
    }
  }

  /// Bytes and alignment of a union in a structure.
  mutating func measure(union index: Int, _ field: StructureField, _ state: inout [UInt8]) -> (size: Int, alignment: Int) {
    var (size, alignment) = (0, 1)
    for member in personality.unions[index].cases.map(\.member) + [personality.unions[index].otherwise] {
      let one: (size: Int, alignment: Int)
      switch member {
      case .none: continue
      case .structure(let index): one = measure(field, .structure(index), &state)
      case .argument(.scalar(let scalar)): one = measure(field, .scalar(scalar, width: 0), &state)
      case .argument(.map(_, let width)): one = (width, min(width, word))
      case .argument: one = (word, word)
      }
      size = max(size, one.size)
      alignment = max(alignment, one.alignment)
    }
    return ((size + alignment - 1) / alignment * alignment, alignment)
  }
}

extension TableCompiler {
  /// Adds a union for an argument of `row` to the table; its number there.
  mutating func union(_ index: Int, _ row: CallRow) -> UInt16 {
    let union = personality.unions[index]
    var wire = persona_union()
    wire.first = UInt32(unionEntries.count)
    guard let tag = row.arguments.firstIndex(where: { $0.name == union.tag }) else {
      let position = row.arguments.first { $0.type == .union(index) }?.position ?? row.position
      report(
        "union \(union.name) goes by '\(union.tag)', which is no argument of \(row.name)", position,
        didYouMean(union.tag, row.arguments.map(\.name)))
      return 0
    }
    wire.tag = UInt8(truncatingIfNeeded: tag)
    let names: ConstantMap? = if case .map(let map, _) = row.arguments[tag].type { personality.maps[map] } else { nil }
    for one in union.cases {
      for target in one.values {
        guard let value = tagValue(target, names, union, one.position) else { continue }
        append(one.member, value, union, one.position)
      }
    }
    wire.count = UInt16(truncatingIfNeeded: unionEntries.count - Int(wire.first))
    unions.append(wire)
    return UInt16(truncatingIfNeeded: unions.count - 1)
  }

  private mutating func tagValue(
    _ target: Mapping.Target, _ names: ConstantMap?, _ union: UnionType, _ position: Position
  ) -> UInt64? {
    switch target {
    case .number(let number): return number
    case .name(let name):
      if let value = names?.value(of: name) { return value }
      report(
        "'\(name)' is none of \(names?.name ?? "'\(union.tag)', which is a plain number"): union \(union.name) cannot go by it",
        position, didYouMean(name, names?.entries.map(\.name) ?? []))
      return nil
    case .none, .range: return nil
    }
  }

  private mutating func append(_ member: UnionType.Member, _ value: UInt64, _ union: UnionType, _ position: Position) {
    var entry = persona_union_entry()
    entry.tag = value & 0xffff_ffff
    switch member {
    case .none, .argument(.scalar), .argument(.map): return
    case .structure(let index):
      report(
        "'\(personality.structures[index].name)' is a structure: write 'in', 'out' or 'inout' before it, since union"
          + " \(union.name) is an argument", position)
    case .argument(.pointer(let direction, let pointee, let count)):
      entry.direction = direction.rawValue
      var elements = 1
      if case .constant(let number) = count { elements = number }
      entry.size = UInt32(truncatingIfNeeded: size(pointee) * elements)
    case .argument(.path), .argument(.string):
      entry.direction = Direction.in.rawValue
      entry.is_text = 1
    case .argument: report("union \(union.name) cannot hold this", position)
    }
    unionEntries.append(entry)
  }

  /// A union in a structure goes by a field that stands there, and by names that this field has.
  mutating func checkUnions(_ structure: Structure) {
    for field in structure.fields {
      guard case .union(let index) = field.type else { continue }
      let union = personality.unions[index]
      guard let tag = structure.field(named: union.tag) else {
        report(
          "union \(union.name) goes by '\(union.tag)', which is no field of \(structure.name)", field.position,
          didYouMean(union.tag, structure.fields.map(\.name)))
        continue
      }
      let names: ConstantMap? = if case .map(let map, _) = tag.type { personality.maps[map] } else { nil }
      for one in union.cases {
        for target in one.values { _ = tagValue(target, names, union, one.position) }
      }
    }
  }
}
