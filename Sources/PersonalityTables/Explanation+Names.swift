extension Explanation {
  // MARK: Flags and enumerations

  func map(_ map: ConstantMap) -> String {
    let kind = map.kind == .flags ? "flags" : "enum"
    let verbatim = map.isVerbatim ? ", names for the log: values pass as they are" : ""
    return "\(personality.name) \(kind) \(map.name)\(verbatim)\n" + origin(map.position) + entries(map, indent: "    ")
  }

  func entries(_ map: ConstantMap, indent: String) -> String {
    var rows = map.entries.map { [hexadecimal($0.value), $0.name, fate($0, map)] }
    if !map.isVerbatim { rows.append(["other", "", "refused: \(map.otherwise ?? "EINVAL")"]) }
    return indented(rows, indent)
  }

  func constant(_ entry: Constant, _ map: ConstantMap) -> String {
    "\(personality.name) constant \(entry.name) = \(hexadecimal(entry.value)), of \(map.name)\n"
      + origin(entry.position) + "  becomes    \(fate(entry, map))\n"
  }

  /// What a flag or value becomes on Linux.
  private func fate(_ entry: Constant, _ map: ConstantMap) -> String {
    if map.isVerbatim { return "passed as it is" }
    let direct = native.constant(entry.name).map { "Linux's \(hexadecimal($0))" }
    return fate(entry.mappings, direct) { name in native.constant(name).map(hexadecimal) }
  }

  private func fate(_ mappings: [Mapping], _ direct: String?, _ value: (String) -> String?) -> String {
    var parts: [String] = []
    var replaced = false
    for mapping in mappings {
      let target: String
      switch mapping.target {
      case .none: target = ""
      case .name(let name): target = value(name).map { "Linux's \(name) \($0)" } ?? name
      case .number(let number): target = hexadecimal(number)
      case .range(let first, let last): target = "\(first)...\(last)"
      }
      if mapping.direction != .toForeign { replaced = true }
      switch mapping.direction {
      case .both: parts.append(target)
      case .toNative: parts.append("to \(target) only")
      case .toForeign: parts.append("also from \(target)")
      case .ignore: parts.append("accepted, without effect on Linux")
      case .reject:
        parts.append("refused: \(errnoName(mapping)), \(mapping.reason ?? "Linux has no such thing")")
      }
    }
    if !replaced { parts.insert(direct ?? "for handlers only: Linux has none", at: 0) }
    return parts.joined(separator: "; ")
  }

  private func errnoName(_ mapping: Mapping) -> String {
    if case .name(let name) = mapping.target { return name }
    return "EINVAL"
  }

  // MARK: Errno and signals

  func number(_ entry: Constant, _ kind: String, _ set: NumberSet, _ linux: NumberSet) -> String {
    let direct = linux.number(of: entry.name).map { "Linux's \($0), both ways" }
    let action = entry.defaultAction.map { ", by default \($0.rawValue)" } ?? ""
    let range = entry.last > entry.value ? "...\(entry.last)" : ""
    let text = fate(entry.mappings, direct) { name in linux.number(of: name).map(String.init) }
    return "\(personality.name) \(kind) \(entry.value)\(range) \(entry.name)\(action)\n" + origin(entry.position)
      + "  becomes    \(text)\n"
  }

  // MARK: Structures

  func structure(_ index: Int) -> String {
    let structure = personality.structures[index]
    let other = native.linux.structure(named: structure.native ?? structure.name)
      .map { native.linux.structures[$0] }
    let title = other.map { "; Linux's struct \($0.name) has \($0.size)" } ?? "; Linux has none such"
    var rows = [["OFFSET", "BYTES", "FIELD", "LINUX"]]
    for field in structure.fields {
      let counterpart = other?.field(named: field.native ?? field.name)
      rows.append([
        String(field.offset), String(field.size), field.name,
        counterpart.map { "\($0.name) at \($0.offset), \($0.size) bytes" } ?? "-",
      ])
    }
    var text = "\(personality.name) struct \(structure.name), \(structure.size) bytes\(title)\n"
    text += origin(structure.position) + indented(rows, "    ")
    for (abi, other) in others {
      guard let index = other.personality.structure(named: structure.name) else { continue }
      let its = other.personality.structures[index]
      text += "  on \(abi)    \(its.size) bytes\n"
      let places = its.fields.map { [String($0.offset), String($0.size), $0.name] }
      if places != rows.dropFirst().map({ Array($0.dropLast()) }) {
        text += indented([["OFFSET", "BYTES", "FIELD"]] + places, "    ")
      }
    }
    return text
  }

  // MARK: Sub-tables

  func ioctl(_ request: IOControl) -> String {
    let argument = request.argument.map { "(\(spelled($0, nil)))" } ?? ""
    return "\(personality.name) ioctl \(hexadecimal(request.number)) \(request.name)\(argument)\n"
      + origin(request.position) + "  becomes    \(fate(request.action, request.name))\n"
  }

  func option(_ option: SocketOption, _ level: SocketLevel) -> String {
    "\(personality.name) socket option \(hexadecimal(UInt64(option.number))) \(option.name)"
      + "(\(spelled(option.value))) of \(level.name)\n" + origin(option.position)
      + "  becomes    \(fate(option.action, option.name))\n"
  }

  private func fate(_ action: RequestAction, _ name: String) -> String {
    switch action {
    case .same: "Linux's \(name)"
    case .name(let other): "Linux's \(other)"
    case .number(let number): "Linux's \(hexadecimal(number))"
    case .handler(let handler): "handler \(handler), in Sources/Translation/Handlers"
    case .unsupported(let errno, let reason): "refused: \(errno), \(reason)"
    }
  }

  func sysctl(_ variable: SystemControl) -> String {
    let mib = variable.mib.map(String.init).joined(separator: ".")
    let value: String
    switch variable.value {
    case .none: value = "a node: it has no value"
    case .number(let number): value = String(number)
    case .text(let text): value = "\"\(text)\""
    case .host(let name): value = "\(name) of the host"
    }
    return "\(personality.name) variable \(variable.name) [\(mib)], \(variable.kind.rawValue)\n"
      + origin(variable.position) + "  answers    \(value)\n"
  }

  // MARK: Text

  private func hexadecimal(_ value: UInt64) -> String {
    Int64(bitPattern: value) < 0 ? String(Int64(bitPattern: value)) : "0x" + String(value, radix: 16)
  }

  private func indented(_ rows: [[String]], _ indent: String) -> String {
    ListCommand.columns(rows, right: 0...0).split(separator: "\n").map { indent + $0 + "\n" }.joined()
  }
}
