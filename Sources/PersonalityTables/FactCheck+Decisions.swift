/// What no header tells: what becomes of things. Where names agree it goes without saying; the rest is stated.
extension FactCheck {
  mutating func checkDecisions() {
    for row in personality.calls { checkRow(row) }
    for map in personality.maps {
      var words: [String] = [map.kind == .flags ? "flags" : "enum"]
      if map.isVerbatim { words.append("verbatim") }
      var masks: [UInt64] = []
      for entry in map.entries where entry.mask != 0 && !masks.contains(entry.mask) { masks.append(entry.mask) }
      words += masks.map { "mask " + String($0, radix: 16) }
      if let otherwise = map.otherwise, otherwise != "EINVAL" { words.append("else \(otherwise)") }
      let text = words.joined(separator: " ")
      if words.count == 1 {
        decide(usual: "map \(map.name)", text, map.position)
      } else {
        decide("map \(map.name)", text, map.position)
      }
      for entry in map.entries { checkEntry(entry, map.name) }
    }
    for (what, set) in [("errno", personality.errnos), ("signal", personality.signals)] {
      for entry in set.entries {
        checkEntry(entry, what)
        if entry.last != entry.value {
          decide("range \(entry.name)", "\(entry.value)...\(entry.last)", entry.position)
        }
        if let text = entry.text { decide("text \(entry.name)", text, entry.position) }
      }
      if let otherwise = set.otherwise { decide("\(what) else", otherwise, set.otherwisePosition) }
    }
    for structure in personality.structures {
      if let native = structure.native { decide("struct \(structure.name)", "= \(native)", structure.nativePosition) }
      for field in structure.fields {
        let key = "field \(structure.name).\(field.name)"
        if let native = field.native { decide(key, "= \(native)", field.position) }
      }
    }
    checkRequests()
    for entry in personality.sysctls {
      let value =
        switch entry.value {
        case .none: ""
        case .number(let number): " \(number)"
        case .text(let text): " \"\(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n"))\""
        case .host(let name): " host \(name)"
        }
      let mib = entry.mib.map { "\($0)" }.joined(separator: ".")
      decide(
        "sysctl \(entry.name)", "[\(mib)] \(entry.kind.rawValue)\(value)\(entry.isWritable ? " writable" : "")",
        entry.position)
    }
    for entry in personality.refusedSysctls { decide("sysctl \(entry.name)", "unsupported", entry.position) }
  }

  // MARK: Rows

  private mutating func checkRow(_ row: CallRow) {
    if datedPlaces.contains(row.position.offset) { return }
    let key = "row \(row.name)"
    switch row.action {
    case .none: break
    case .obsolete: decide(usual: key, "obsolete", row.position)
    case .unsupported: decide(usual: key, "unsupported", row.position)
    case .answer(let value): decide(key, "answer \(value)", row.position)
    case .translate(let name, let operands):
      let text = name + shown(operands, row)
      // Where there is a handler of the name, that is the usual.
      if operands == nil, name == row.name, !hasHandler(name) {
        decide(usual: key, text, row.actionPosition)
      } else {
        decide(key, text, row.actionPosition)
      }
    case .handler(let name, let operands):
      let text = "handler " + name + shown(operands, row)
      if operands == nil, plain(name) == plain(row.name) {
        decide(usual: key, text, row.actionPosition)
      } else {
        decide(key, text, row.actionPosition)
      }
    }
  }

  private func hasHandler(_ name: String) -> Bool { handlers.contains(plain(name)) }

  func plain(_ name: String) -> String { name.lowercased().filter { $0 != "_" } }

  private func shown(_ operands: [Operand]?, _ row: CallRow) -> String {
    guard let operands else { return "" }
    let words = operands.map { operand in
      switch operand.value {
      case .argument(let index): "$\(index + 1)"
      case .number(let number): "\(number)"
      case .names(let names): names.joined(separator: "|")
      }
    }
    return "(" + words.joined(separator: ",") + ")"
  }

  // MARK: Mappings

  private mutating func checkEntry(_ entry: Constant, _ map: String) {
    let key = "constant \(map).\(entry.name)"
    guard !entry.mappings.isEmpty else { return decide(usual: key, "itself", entry.position) }
    let words = entry.mappings.map { mapping in
      let target =
        switch mapping.target {
        case .none: ""
        case .name(let name): name
        case .number(let number): "0x" + String(number, radix: 16)
        case .range(let first, let last): "\(first)...\(last)"
        }
      switch mapping.direction {
      case .both: return "= " + target
      case .toNative: return "-> " + target
      case .toForeign: return "<- " + target
      case .ignore: return "-> ignore"
      case .reject: return "reject"
      }
    }
    let text = words.joined(separator: " ")
    if entry.mappings.allSatisfy({ $0.direction == .reject }) {
      decide(usual: key, "rejected", entry.position)
    } else {
      decide(key, text, entry.position)
    }
  }

  // MARK: Sub-tables

  private mutating func checkRequests() {
    for request in personality.ioctls {
      let key = "request \(request.name)"
      let carried = request.argument.map { "\(shown($0))" } ?? "nothing"
      decide(key, shown(request.action) + " " + carried, request.position)
    }
    for level in personality.socketLevels {
      switch level.native {
      case .none: decide(usual: "level \(level.name)", "itself", level.position)
      case .name(let name): decide("level \(level.name)", "= \(name)", level.position)
      case .number(let number): decide("level \(level.name)", "= \(number)", level.position)
      case .range: break
      }
      for option in level.options {
        decide("option \(option.name)", "(\(shown(option.value))) " + shown(option.action), option.position)
      }
    }
  }

  private func shown(_ action: RequestAction) -> String {
    switch action {
    case .same: "itself"
    case .name(let name): "= \(name)"
    case .number(let number): "= 0x" + String(number, radix: 16)
    case .handler(let name): "handler \(name)"
    case .unsupported(let errno, _): "unsupported \(errno)"
    }
  }

  private func shown(_ type: PointeeType) -> String {
    switch type {
    case .scalar(let scalar): scalar.rawValue
    case .map(let index, let width): "\(personality.maps[index].name):\(width)"
    case .structure(let index): personality.structures[index].name
    case .bytes: "bytes"
    case .text: "text"
    case .set(true): "signals"
    case .set(false): "bits"
    }
  }

  private func shown(_ type: ArgumentType) -> String {
    switch type {
    case .scalar(let scalar): scalar.rawValue
    case .map(let index, let width): "\(personality.maps[index].name):\(width)"
    case .path: "path"
    case .string: "string"
    case .strings: "strings"
    case .union(let index): personality.unions[index].name
    case .pointer(let direction, let pointee, let count): "\(direction) \(shown(pointee)) \(count)"
    }
  }

  // MARK: Declarations that stand alone

  /// The heading, the abi, marks, load, auxv, includes, unions, and what only some releases or machines have: stated
  /// word for word, for each word of them matters and nothing else tells it.
  mutating func checkDeclarations() {
    let tokens = Lexer(source, symbols: Symbols.language).tokens
    let literal: Set<String> = ["personality", "abi", "elf", "format", "load", "auxv", "include", "calls", "union"]
    let conditions: Set<String> = ["since", "until", "on"]
    var (at, depth) = (0, 0)
    var isStart = true
    while at < tokens.count, Int(tokens[at].start) < ownEnd {
      let token = tokens[at]
      if isStart, depth == 0, token.kind == .word, literal.contains(text(token)) {
        let end = self.end(tokens, at)
        compare(Array(tokens[at..<end]))
        at = end
        continue
      }
      if isStart, depth == 0, token.kind == .number {
        let end = self.end(tokens, at)
        if tokens[at..<end].contains(where: { $0.kind == .word && conditions.contains(text($0)) }) {
          if let number = Int(text(token)) { dated.insert(number) }
          for word in tokens[at..<end] { datedPlaces.insert(word.start) }
          compare(Array(tokens[at..<end]))
        }
        at = end
        continue
      }
      if token.kind == .word, conditions.contains(text(token)) { compareLine(tokens, at) }
      switch token.kind {
      case .braceOpen: depth += 1
      case .braceClose: depth = max(0, depth - 1)
      case .endOfFile: depth = 0
      default: break
      }
      isStart = token.kind == .newline || token.kind == .endOfFile || token.kind == .braceClose
      at += 1
    }
  }

  private func text(_ token: Token) -> String {
    source.text(Int(token.start)..<Int(token.start) + Int(token.length))
  }

  /// Behind the declaration that begins at a token.
  private func end(_ tokens: [Token], _ start: Int) -> Int {
    var (at, depth) = (start, 0)
    while at < tokens.count, tokens[at].kind != .endOfFile {
      if tokens[at].kind == .newline, depth == 0 { return at }
      if tokens[at].kind == .braceOpen { depth += 1 }
      if tokens[at].kind == .braceClose {
        depth -= 1
        if depth <= 0 { return at + 1 }
      }
      at += 1
    }
    return at
  }

  /// The line of an entry that only some releases have.
  private mutating func compareLine(_ tokens: [Token], _ at: Int) {
    let line = source.line(around: Int(tokens[at].start))
    var (first, last) = (at, at)
    while first > 0, line.contains(Int(tokens[first - 1].start)) { first -= 1 }
    while last < tokens.count, line.contains(Int(tokens[last].start)) { last += 1 }
    let words = tokens[first..<last].filter { $0.kind != .newline }.map(text)
    decide("dated entry", words.joined(separator: " "), tokens[at].position)
  }

  private mutating func compare(_ tokens: [Token]) {
    let plain = tokens.filter { $0.kind != .newline }
    guard plain.count > 1 else { return }
    let words = plain.map(text)
    // What has a name of its own is one of several: an abi, an include.
    let isRow = plain[0].kind == .number
    let isNamed = isRow || ["personality", "abi", "include", "union"].contains(words[0])
    let key = isRow ? "dated \(words[0])" : words[0] + " " + (isNamed ? words[1] : "all")
    let rest = Array(words[(isNamed && !isRow ? 2 : 1)...])
    let mine = rest.joined(separator: " ")
    // The first word that is another tells the place; one that opens a line may stand for the line before it.
    var place = plain[0].position
    if let known = (facts.decisions[key] ?? facts.shared[key])?.first {
      var built = ""
      for (index, token) in plain[(plain.count - rest.count)...].enumerated() {
        built += (index == 0 ? "" : " ") + rest[index]
        guard !known.hasPrefix(built) else { continue }
        let before = plain[plain.count - rest.count + index - 1]
        if !source.text(Int(before.start)..<Int(token.start)).contains("\n") { place = token.position }
        break
      }
    }
    decide(key, mine, place)
  }
}
