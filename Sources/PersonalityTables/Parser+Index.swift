extension Parser {
  /// Builds the look-up tables by number, reporting numbers and names that are given twice.
  mutating func indexNumbers() {
    indexCalls()
    index(\.errnos, "errno")
    index(\.signals, "signal")
    for (position, request) in personality.ioctls.enumerated() {
      if let first = personality.ioctlByNumber.updateValue(position, forKey: request.number) {
        personality.ioctlByNumber[request.number] = first
        twice(
          "ioctl 0x\(String(request.number, radix: 16))", request.position, personality.ioctls[first].name)
      }
    }
    for level in personality.socketLevels {
      var byNumber: [UInt32: String] = [:]
      for option in level.options {
        if let first = byNumber[option.number] {
          twice("option \(option.number) of \(level.name)", option.position, first)
        } else {
          byNumber[option.number] = option.name
        }
      }
    }
    for map in personality.maps { indexMap(map) }
  }

  private mutating func twice(_ what: String, _ position: Position, _ first: String) {
    report("\(what) is already '\(first)'", position)
  }

  private mutating func indexCalls() {
    let highest = claimed.lastIndex { $0 >= 0 } ?? -1
    personality.callByNumber = Array(claimed[..<(highest + 1)])
  }

  private mutating func index(_ path: WritableKeyPath<Personality, NumberSet>, _ what: String) {
    var set = personality[keyPath: path]
    for entry in set.entries where entry.last > 4095 {
      report("\(what) \(entry.name) is above 4095", entry.position)
    }
    set.entries.removeAll { $0.last > 4095 }
    let highest = set.entries.reduce(0) { max($0, Int($1.last)) }
    set.byNumber = [Int32](repeating: -1, count: highest + 1)
    set.byName.reserveCapacity(set.entries.count)
    for index in set.entries.indices {
      let entry = set.entries[index]
      for number in Int(entry.value)...Int(entry.last) {
        if set.byNumber[number] >= 0 {
          twice("\(what) \(number)", entry.position, set.entries[Int(set.byNumber[number])].name)
          break
        }
        set.byNumber[number] = Int32(index)
      }
      if set.byName.updateValue(index, forKey: entry.name) != nil {
        report("\(what) '\(entry.name)' has two numbers", entry.position)
      }
    }
    personality[keyPath: path] = set
  }

  /// A value or a flag bit that two entries claim.
  private mutating func indexMap(_ map: ConstantMap) {
    var seen: [UInt64: String] = [:]
    if map.kind == .enumeration {
      seen.reserveCapacity(map.entries.count)
      for entry in map.entries {
        if let first = seen[entry.value], !personality.isLinux {
          twice("value \(Int64(bitPattern: entry.value)) of enum \(map.name)", entry.position, first)
        } else {
          seen[entry.value] = entry.name
        }
      }
      return
    }
    for (index, entry) in map.entries.enumerated() {
      for other in map.entries[..<index] {
        let claimed: UInt64
        if entry.mask != 0, entry.mask == other.mask {
          if entry.value == other.value, !personality.isLinux {
            twice("value \(entry.value) of its mask", entry.position, other.name)
          }
          continue
        }
        let (mine, its) = (bits(entry), bits(other))
        // Names for the log may overlap (O_SYNC holds O_DSYNC's bit), but not be the same.
        claimed = personality.isLinux || (map.isVerbatim && mine != its) ? 0 : mine & its
        if claimed != 0 {
          twice("bit 0x\(String(claimed, radix: 16)) of flags \(map.name)", entry.position, other.name)
          break
        }
      }
    }
  }

  private func bits(_ entry: Constant) -> UInt64 { entry.mask != 0 ? entry.mask : entry.value }
}
