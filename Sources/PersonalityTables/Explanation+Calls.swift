extension Explanation {
  /// A call: its signature, what it becomes, and how each argument and the result convert.
  func call(_ row: CallRow, _ number: Int) -> String {
    var text = "\(personality.name) call \(number): \(signature(row))\n" + origin(row.actionPosition)
    text += "  becomes    \(becomes(row))\n"
    for (abi, other) in others {
      guard let its = other.personality.call(number) else {
        text += "  on \(abi)    there is no such call\n"
        continue
      }
      let isSame = other.signature(its) == signature(row)
      if isSame, other.becomes(its) == becomes(row) { continue }
      text += "  on \(abi)    \(isSame ? "" : other.signature(its) + ": ")\(other.becomes(its))\n"
    }
    if row.arguments.isEmpty { return text + result(row) }
    let width = row.arguments.map { $0.name.utf8.count }.max() ?? 0
    for argument in row.arguments {
      let padding = String(repeating: " ", count: width - argument.name.utf8.count)
      text += "    \(argument.name)\(padding)  \(describe(argument.type, row))\n"
    }
    return text + result(row)
  }

  func signature(_ row: CallRow) -> String {
    let arguments = row.arguments.map { "\($0.name): \(spelled($0.type, row))" }.joined(separator: ", ")
    let result = row.result.map { " -> \(spelled($0))" } ?? ""
    return "\(row.name)(\(arguments))\(result)"
  }

  func becomes(_ row: CallRow) -> String {
    switch row.action {
    case .none: return "itself"
    case .obsolete: return "nothing: the system itself answers ENOSYS"
    case .unsupported(let reason): return "nothing: ENOSYS, since \(reason)"
    case .answer(let value): return "the answer \(value), as the system itself gives it"
    case .handler(let name, let operands):
      let list = operands.map { "(\($0.map { operand($0, row) }.joined(separator: ", ")))" } ?? ""
      return "handler \(name)\(list), in Sources/Translation/Handlers"
    case .translate(let name, let operands):
      let parameters = native.call(name)?.arguments.map(\.name) ?? []
      let values = operands.map { $0.map { operand($0, row) } } ?? row.arguments.map(\.name)
      let list = values.enumerated().map { index, value in
        index < parameters.count && parameters[index] != value ? "\(parameters[index]): \(value)" : value
      }
      return "Linux's \(name)(\(list.joined(separator: ", ")))"
    }
  }

  private func operand(_ operand: Operand, _ row: CallRow) -> String {
    switch operand.value {
    case .argument(let index): row.arguments[index].name
    case .number(let value): String(value)
    case .names(let names): names.joined(separator: " | ")
    }
  }

  private func result(_ row: CallRow) -> String {
    guard let result = row.result, result != .never else { return "" }
    let error: String
    switch personality.abis.first?.error {
    case .negative?: error = "-errno"
    case .message?: error = "-1 and a text"
    default: error = "errno with the carry flag set"
    }
    return "  result     \(spelled(result)); a failure is \(error), by the errno table\n"
  }

  // MARK: Types

  func spelled(_ type: ResultType) -> String {
    switch type {
    case .scalar(let scalar): scalar.rawValue
    case .map(let index, _): personality.maps[index].name
    case .pair: "pair"
    case .never: "never"
    }
  }

  func spelled(_ type: ArgumentType, _ row: CallRow?) -> String {
    switch type {
    case .scalar(let scalar): return scalar.rawValue
    case .map(let index, let width): return personality.maps[index].name + (width == 4 ? "" : ":u\(width * 8)")
    case .path: return "path"
    case .string: return "string"
    case .strings: return "strings"
    case .union(let index): return personality.unions[index].name
    case .pointer(let direction, let pointee, let count):
      return "\(direction) \(spelled(pointee))\(spelled(count, row))"
    }
  }

  func spelled(_ pointee: PointeeType) -> String {
    switch pointee {
    case .scalar(let scalar): scalar.rawValue
    case .map(let index, _): personality.maps[index].name
    case .structure(let index): personality.structures[index].name
    case .bytes: "bytes"
    case .text: "string"
    case .set(true): "signals"
    case .set(false): "bits"
    }
  }

  private func spelled(_ count: ElementCount, _ row: CallRow?) -> String {
    let name = { (index: Int) in row.map { $0.arguments[index].name } ?? "\(index)" }
    return switch count {
    case .one: ""
    case .constant(let value): "[\(value)]"
    case .argument(let index): "[\(name(index))]"
    case .result: "[result]"
    case .pointee(let index): "[*\(name(index))]"
    }
  }

  private func describe(_ type: ArgumentType, _ row: CallRow) -> String {
    switch type {
    case .path: return "path: text, passed as it is"
    case .string: return "string: text, passed as it is"
    case .strings: return "strings: read by the handler"
    case .union(let index): return "\(personality.unions[index].name): by '\(personality.unions[index].tag)'\n" + cases(index).dropLast()
    case .map(let index, _):
      let map = personality.maps[index]
      if map.isVerbatim { return "\(map.name): passed as it is" }
      return "\(map.name): by name\n" + entries(map, indent: "      ").dropLast()
    case .scalar(let scalar):
      if scalar == .signal { return "signal: by the signal table" }
      let width = scalar.width(word: personality.abis.first?.word ?? 8)
      if width == 8 { return "\(scalar.rawValue): 64 bits" }
      return "\(scalar.rawValue): low \(width * 8) bits, \(scalar.isSigned ? "sign" : "zero")-extended"
    case .pointer(_, .structure(let index), _):
      return "\(spelled(type, row)): \(conversion(index))"
    case .pointer: return "\(spelled(type, row)): passed as it is"
    }
  }

  /// What a union is for each value of its tag.
  func cases(_ index: Int) -> String {
    let union = personality.unions[index]
    func spelled(_ member: UnionType.Member) -> String {
      switch member {
      case .none: "none"
      case .structure(let index): personality.structures[index].name
      case .argument(let type): self.spelled(type, nil)
      }
    }
    let rows = union.cases.map { one in
      let values = one.values.map { target in
        switch target {
        case .name(let name): name
        case .number(let number): String(number)
        case .none, .range: ""
        }
      }
      return "      \(values.joined(separator: " ")): \(spelled(one.member))\n"
    }
    return rows.joined() + "      else \(spelled(union.otherwise))\n"
  }

  /// How a structure behind a pointer goes over.
  private func conversion(_ index: Int) -> String {
    let structure = personality.structures[index]
    guard let other = native.linux.structure(named: structure.native ?? structure.name) else {
      return "Linux has none such; the handler knows it"
    }
    let size = native.linux.structures[other].size
    return "\(structure.size) bytes, field by field to and from Linux's \(size)"
  }
}
