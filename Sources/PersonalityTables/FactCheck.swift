import Wire

/// The tables against the facts: each disagreement stands at the table's own place and says how to state it where the
/// table is right.
struct FactCheck {
  let personality: Personality
  let source: SourceText
  let facts: Facts
  let linux: Personality
  var words: Set<String>
  /// Where the folder's own text ends and that begins which it includes.
  let ownEnd: Int
  /// The handlers' names, as calls are named.
  var handlers: Set<String> = []
  /// Numbers of rows that only some releases have: what they say is stated word for word.
  var dated: Set<Int> = []
  /// Where the words of such rows stand.
  var datedPlaces: Set<UInt32> = []
  var diagnostics: [Diagnostic] = []
  /// What the folder's own tables decide, by what it is about, and what of it does not go without saying.
  var decided: [String: Set<String>] = [:]
  var unusual: Set<String> = []

  static func check(
    _ loaded: LoadedPersonality, _ facts: Facts, linux: Personality
  ) -> [Diagnostic] { made(loaded, facts, linux: linux).diagnostics }

  static func made(_ loaded: LoadedPersonality, _ facts: Facts, linux: Personality) -> FactCheck {
    var check = FactCheck(personality: loaded.personality, source: loaded.source, facts: facts, linux: linux, words: facts.words,
      ownEnd: loaded.source.files.first { $0.unit != 0 }?.start ?? .max)
    for name in HandlerName.allCases { check.handlers.insert(check.plain("\(name)")) }
    for row in linux.calls + linux.handlers { for argument in row.arguments { check.words.insert(argument.name) } }
    check.checkAll()
    return check
  }

  private mutating func checkAll() {
    checkDeclarations()
    for row in personality.calls { checkCall(row) }
    checkNumbers()
    checkConstants()
    for structure in personality.structures { checkStructure(structure) }
    checkDecisions()
    checkUse()
  }

  /// What an included file says is reported where the folder includes it, with the place itself.
  mutating func report(_ message: String, _ position: Position, state: String) {
    diagnostics.append(
      Diagnostic(
        position: position, message: message, hint: "else state '\(state)' in a *.facts file", statement: state))
  }

  // MARK: Constants

  private mutating func checkConstants() {
    for map in personality.maps { for entry in map.entries { constant(entry.name, entry.value, entry.position, in: map) } }
    for set in [personality.errnos, personality.signals] {
      for entry in set.entries { constant(entry.name, entry.value, entry.position) }
    }
    for entry in personality.signals.entries {
      let action = entry.defaultAction?.rawValue ?? "none"
      guard isOwn(entry.position), facts.signals[entry.name] != action else { continue }
      let known = facts.signals[entry.name]
      report(
        known.map { "\(entry.name) does '\($0)' when nobody handles it, not '\(action)'" }
          ?? "no fact tells what \(entry.name) does when nobody handles it", entry.position,
        state: "signal \(entry.name)=\(action)")
    }
    for request in personality.ioctls { constant(request.name, request.number, request.position) }
    for level in personality.socketLevels {
      constant(level.name, UInt64(level.number), level.position)
      for option in level.options { constant(option.name, UInt64(option.number), option.position) }
    }
    for entry in personality.auxv { constant(entry.name, UInt64(entry.type), entry.position) }
  }

  /// A name that headers give to several values is stated with its map: MAP.NAME.
  private mutating func constant(_ name: String, _ value: UInt64, _ position: Position, in map: ConstantMap? = nil) {
    guard let known = map.flatMap({ facts.constants["\($0.name).\(name)"] }) ?? facts.constants[name] else {
      guard isOwn(position) else { return }
      report("no fact tells of '\(name)'", position, state: "constant \(name)=\(shown(value))")
      return
    }
    let isNarrow = value >> 32 == 0 || value >> 31 == 0x1_ffff_ffff
    if isNarrow ? UInt32(truncatingIfNeeded: known) == UInt32(truncatingIfNeeded: value) : known == value { return }
    report(
      "\(name) is \(shown(known)), not \(shown(value))", position,
      state: "constant \(map.map { $0.name + "." } ?? "")\(name)=\(shown(value))")
  }

  /// Whether the folder says this itself. What it includes its own folder's facts tell of.
  func isOwn(_ position: Position) -> Bool { Int(position.offset) < ownEnd }

  private func shown(_ value: UInt64) -> String { value > 9 ? "0x" + String(value, radix: 16) : "\(value)" }

  // MARK: Structures

  private mutating func checkStructure(_ structure: Structure) {
    let known = facts.structures[structure.name]
    let head = "struct \(structure.name) \(structure.size)"
    if known == nil, !isOwn(structure.position) { return }
    if known == nil { report("no fact tells of struct \(structure.name)", structure.position, state: head) }
    if let known, known.size != structure.size {
      report(
        "struct \(structure.name) is \(known.size) bytes, not \(structure.size)", structure.position, state: head)
    }
    var isMoved = false
    defer {
      if isMoved {
        report("the fields of struct \(structure.name) are not where they should be", structure.position, state: head)
      }
    }
    for field in structure.fields {
      let sign = sign(field.type)
      let state = "\(head) \(field.name)@\(field.offset):\(sign)\(field.size)"
      guard let fact = known?.fields[field.name] else {
        guard isOwn(field.position) else { continue }
        report("no fact tells of '\(field.name)' in struct \(structure.name)", field.position, state: state)
        continue
      }
      if fact.offset != field.offset {
        isMoved = true
        report("'\(field.name)' is at \(fact.offset), not at \(field.offset)", field.position, state: state)
      } else if fact.width != field.size {
        report("'\(field.name)' has \(fact.width) bytes, not \(field.size)", field.position, state: state)
      } else if field.size < 8, fact.kind != "b", sign != "b", fact.kind != sign {
        report("'\(field.name)' is \(fact.kind == "i" ? "signed" : "unsigned")", field.position, state: state)
      }
    }
  }

  private func sign(_ type: FieldType) -> Character {
    switch type {
    case .scalar(.pointer, _), .scalar(.address, _): "b"
    case .scalar(let scalar, _): scalar.isSigned ? "i" : "u"
    default: "b"
    }
  }

  // MARK: Use

  /// Types that nothing takes: one that was renamed, or that a later change has left behind.
  private mutating func checkUse() {
    var maps = [Bool](repeating: false, count: personality.maps.count)
    var structures = [Bool](repeating: false, count: personality.structures.count)
    func pointee(_ type: PointeeType) {
      switch type {
      case .map(let index, _): maps[index] = true
      case .structure(let index): structures[index] = true
      default: break
      }
    }
    func argument(_ type: ArgumentType) {
      switch type {
      case .map(let index, _): maps[index] = true
      case .pointer(_, let type, _): pointee(type)
      case .union(let index): union(index)
      default: break
      }
    }
    func union(_ index: Int) {
      for member in personality.unions[index].members {
        switch member {
        case .none: continue
        case .structure(let index): structures[index] = true
        case .argument(let type): argument(type)
        }
      }
    }
    func field(_ type: FieldType) {
      switch type {
      case .map(let index, _): maps[index] = true
      case .structure(let index): structures[index] = true
      case .array(let type, _): field(type)
      case .union(let index): union(index)
      default: break
      }
    }
    for row in personality.calls {
      for each in row.arguments { argument(each.type) }
      if case .map(let index, _)? = row.result { maps[index] = true }
    }
    for structure in personality.structures { for each in structure.fields { field(each.type) } }
    for request in personality.ioctls { if let type = request.argument { argument(type) } }
    for level in personality.socketLevels { for option in level.options { pointee(option.value) } }
    for name in WellKnown.allCases { use("\(name)", &maps, &structures) }
    for name in FieldName.allCases {
      let parts = "\(name)".split(separator: "__", maxSplits: 1)
      use(String(parts[0]), &maps, &structures)
    }
    for (index, map) in personality.maps.enumerated() where !maps[index] {
      decide("map \(map.name)", "unused", map.position, "nothing takes \(map.kind == .flags ? "flags" : "enum") \(map.name)")
    }
    for (index, structure) in personality.structures.enumerated() where !structures[index] {
      decide("struct \(structure.name)", "unused", structure.position, "nothing takes struct \(structure.name)")
    }
  }

  private func use(_ name: String, _ maps: inout [Bool], _ structures: inout [Bool]) {
    if let index = personality.map(named: name) { maps[index] = true }
    if let index = personality.structure(named: name) { structures[index] = true }
  }

  /// The lines of decisions.facts: what is unusual, or other than personalities/linux states.
  var statements: [String] {
    decided.flatMap { key, texts -> [String] in
      let isKnown = facts.shared[key].map { texts.isSubset(of: $0) } ?? !unusual.contains(key)
      return isKnown ? [] : texts.map { "becomes \(key) \($0)" }
    }.sorted()
  }

  /// Something that only the writer can decide: it stands among the facts in these words.
  mutating func decide(_ key: String, _ text: String, _ position: Position, _ message: String? = nil) {
    guard isOwn(position) else { return }
    unusual.insert(key)
    state(key, text, position, message)
  }

  /// A folder's own statements about something take the place of those for all systems.
  private mutating func state(_ key: String, _ text: String, _ position: Position, _ message: String?) {
    decided[key, default: []].insert(text)
    let stated = facts.decisions[key] ?? facts.shared[key]
    if stated?.contains(text) == true { return }
    // What many say alike under one key (entries with a condition) is no alternative.
    let known = stated.flatMap { $0.count > 3 ? nil : $0.sorted().joined(separator: "' or '") }
    report(
      message ?? (known.map { "\(key) is '\(text)' here, but '\($0)' by the facts" } ?? "no fact says that \(key) is '\(text)'"),
      position, state: "becomes \(key) \(text)")
  }

  /// What goes without saying, unless something else is stated.
  mutating func decide(usual key: String, _ text: String, _ position: Position) {
    guard isOwn(position) else { return }
    if facts.shared[key] != nil || facts.decisions[key] != nil {
      state(key, text, position, nil)
    } else {
      decided[key, default: []].insert(text)
    }
  }
}
