/// Flags and enumerations against Linux's.
extension TableCompiler {
  mutating func checkMap(_ index: Int) {
    let map = personality.maps[index]
    checkNames(map)
    if map.isVerbatim { return checkVerbatim(map) }
    checkOrigin(map)
    checkTwice(map)
  }

  private mutating func checkNames(_ map: ConstantMap) {
    var seen: Set<String> = []
    for entry in map.entries where !seen.insert(entry.name).inserted {
      report("'\(entry.name)' is already in \(map.name)", entry.position)
    }
  }

  /// Flags of several bits may hold others, as O_SYNC holds O_DSYNC's; single bits may not be in sub-fields.
  private mutating func checkVerbatim(_ map: ConstantMap) {
    for entry in map.entries where !entry.mappings.isEmpty {
      report("\(map.name) is verbatim: '\(entry.name)' passes as it is", entry.mappings[0].position)
    }
    guard map.kind == .flags else { return }
    for (index, entry) in map.entries.enumerated() where entry.mask == 0 && entry.value != 0 {
      for other in map.entries[..<index] where other.mask & entry.value != 0 {
        report(
          "bit 0x\(String(other.mask & entry.value, radix: 16)) of flags \(map.name) is in the mask of"
            + " '\(other.name)'", entry.position)
        break
      }
    }
  }

  /// What a map's entries stand for is in one of Linux's maps.
  private mutating func checkOrigin(_ map: ConstantMap) {
    var targets: [(name: String, position: Position)] = []
    for entry in map.entries {
      if !entry.isMapped, native.constant(entry.name) != nil { targets.append((entry.name, entry.position)) }
      for mapping in entry.mappings {
        guard case .name(let name) = mapping.target, mapping.direction != .reject,
          native.constant(name) != nil
        else { continue }
        targets.append((name, mapping.position))
      }
    }
    guard targets.count > 1 else { return }
    var best: ConstantMap?
    var most = 0
    for candidate in native.linux.maps {
      let names = native.names(of: candidate.name)
      let count = targets.reduce(0) { $0 + (names.contains($1.name) ? 1 : 0) } * 2 + (candidate.name == map.name ? 1 : 0)
      if count > most { (best, most) = (candidate, count) }
    }
    guard let best else { return }
    let names = native.names(of: best.name)
    for target in targets where !names.contains(target.name) {
      report(
        "'\(target.name)' is none of Linux's \(best.name), which \(map.name) stands for", target.position,
        didYouMean(target.name, names.sorted()))
    }
  }

  /// Two entries that come back from the same name of Linux: one of them never would.
  private mutating func checkTwice(_ map: ConstantMap) {
    var seen: [UInt64: String] = [:]
    for entry in map.entries {
      var values: [(UInt64, Position)] = []
      if !entry.isMapped, entry.value != 0 || map.kind == .enumeration, let value = native.constant(entry.name) {
        values.append((value, entry.position))
      }
      for mapping in entry.mappings where mapping.direction == .both || mapping.direction == .toForeign {
        switch mapping.target {
        case .name(let name):
          if let value = native.constant(name) { values.append((value, mapping.position)) }
        case .number, .none, .range: break
        }
      }
      for (value, position) in values where value != 0 || map.kind == .enumeration {
        // Values of a sub-field share bits with each other only.
        if let other = seen.updateValue(entry.name, forKey: value), other != entry.name {
          report(
            "Linux's \(hexadecimal(value)) already arrives as '\(other)'", position,
            "'->' maps only on the way to Linux")
        }
      }
    }
  }
}
