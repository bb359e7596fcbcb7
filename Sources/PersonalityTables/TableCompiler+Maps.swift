import CWire
import Wire

/// One direction or consequence of a map's entry.
private struct Effect {
  var action: UInt32
  var native: UInt64 = 0
  var error: UInt16 = 0
}

extension TableCompiler {
  mutating func compileMaps() {
    maps.reserveCapacity(personality.maps.count)
    for map in personality.maps {
      var wire = persona_map()
      wire.name = string(map.name)
      wire.first = UInt32(mapEntries.count)
      wire.kind = UInt16(
        map.kind == .flags ? PERSONA_MAP_FLAGS.rawValue : PERSONA_MAP_ENUM.rawValue)
      wire.unknown_errno = UInt32(otherwise(map))
      switch (map.kind, map.isVerbatim) {
      case (.flags, true): (wire.identity, wire.foreign_known) = (.max, .max)
      case (.flags, false): compileFlags(map, &wire)
      case (.enumeration, _): compileEnumeration(map)
      }
      let count = mapEntries.count - Int(wire.first)
      if count > 65535 { report("'\(map.name)' has more than 65535 values", map.position) }
      wire.count = UInt16(truncatingIfNeeded: count)
      maps.append(wire)
    }
  }

  /// The errno for values that no entry describes: `else`, or EINVAL; 0 where `else pass` lets them through.
  private mutating func otherwise(_ map: ConstantMap) -> UInt16 {
    if map.otherwise == "pass", map.kind == .enumeration { return 0 }
    if let name = map.otherwise { return errno(name, map.position) }
    return UInt16(truncatingIfNeeded: personality.errnoNumber("EINVAL") ?? 22)
  }

  /// The values that handlers know by their names alone.
  mutating func compileConstants() {
    var values: [String: UInt64] = [:]
    for map in personality.maps {
      for entry in map.entries where values[entry.name] == nil { values[entry.name] = entry.value }
    }
    for name in ConstantName.allCases {
      constants.append(values["\(name)"].map { Int64(bitPattern: $0) } ?? Int64.min)
    }
  }

  // MARK: Enumerations

  private mutating func compileEnumeration(_ map: ConstantMap) {
    for entry in map.entries {
      let effects =
        map.isVerbatim
        ? [Effect(action: PERSONA_MAP_BOTH.rawValue, native: entry.value)] : self.effects(entry, map)
      for effect in effects {
        append(entry, effect, foreignMask: .max, nativeMask: .max)
        // A negative int arrives with its upper half clear.
        if Int64(bitPattern: entry.value) < 0, effect.action != PERSONA_MAP_TO_FOREIGN.rawValue {
          var low = entry
          low.value &= 0xffff_ffff
          var toNative = effect
          if toNative.action == PERSONA_MAP_BOTH.rawValue { toNative.action = PERSONA_MAP_TO_NATIVE.rawValue }
          append(low, toNative, foreignMask: .max, nativeMask: .max)
        }
      }
    }
  }

  private mutating func append(_ entry: Constant, _ effect: Effect, foreignMask: UInt64, nativeMask: UInt64) {
    var wire = persona_map_entry()
    wire.foreign_mask = foreignMask
    wire.foreign = entry.value
    wire.native_mask = nativeMask
    wire.native = effect.native
    wire.action = UInt16(effect.action)
    wire.error = effect.error
    wire.name = string(entry.name)
    mapEntries.append(wire)
  }

  // MARK: Flags

  private mutating func compileFlags(_ map: ConstantMap, _ wire: inout persona_map) {
    var resolved: [(entry: Constant, effects: [Effect])] = []
    for entry in map.entries where entry.mask != 0 || entry.value != 0 {
      resolved.append((entry, effects(entry, map)))
      wire.foreign_known |= entry.mask != 0 ? entry.mask : entry.value
    }
    let identity = identityBits(resolved.map { ($0.entry, $0.effects) })
    wire.identity = identity
    for (entry, effects) in resolved {
      let mask = entry.mask != 0 ? entry.mask : entry.value
      if mask & ~identity == 0 { continue }
      for var effect in effects {
        var nativeMask = effect.native
        if entry.mask != 0 {
          nativeMask = self.nativeMask(of: entry, resolved.map { ($0.entry, $0.effects) })
        }
        if nativeMask == 0, effect.action == PERSONA_MAP_BOTH.rawValue {
          effect.action = PERSONA_MAP_TO_NATIVE.rawValue
        }
        append(entry, effect, foreignMask: mask, nativeMask: nativeMask)
      }
      // What only comes back is refused on its way to Linux.
      if !effects.isEmpty, effects.allSatisfy({ $0.action == PERSONA_MAP_TO_FOREIGN.rawValue }) {
        refuse(entry.value, mask, UInt16(wire.unknown_errno))
      }
    }
    refuseUndescribed(map, UInt16(wire.unknown_errno))
  }

  /// The bits that are the same on both sides and that no other entry touches.
  private func identityBits(_ entries: [(Constant, [Effect])]) -> UInt64 {
    var identity: UInt64 = 0
    var taken: UInt64 = 0
    for (entry, effects) in entries {
      let isSame =
        entry.mask == 0 && effects.count == 1 && effects[0].action == PERSONA_MAP_BOTH.rawValue
        && effects[0].native == entry.value
      if isSame {
        identity |= entry.value
      } else {
        taken |= entry.mask != 0 ? entry.mask : entry.value
        for effect in effects { taken |= effect.native }
        if entry.mask != 0 { taken |= nativeMask(of: entry, entries) }
      }
    }
    // An entry of several bits is left out of the identity as a whole.
    var result = identity & ~taken
    for (entry, effects) in entries where entry.mask == 0 && effects.first?.native == entry.value {
      if entry.value & result != entry.value { result &= ~entry.value }
    }
    return result
  }

  /// Linux's mask of the sub-field that `entry` belongs to.
  private func nativeMask(of entry: Constant, _ entries: [(Constant, [Effect])]) -> UInt64 {
    var mask: UInt64 = 0
    for (other, effects) in entries where other.mask == entry.mask {
      for effect in effects { mask |= effect.native }
      if let known = native.masks[other.name] { mask |= known }
    }
    return mask
  }

  /// Refuses the values of sub-fields that no entry describes, where they can be counted.
  private mutating func refuseUndescribed(_ map: ConstantMap, _ error: UInt16) {
    var done: Set<UInt64> = []
    for entry in map.entries where entry.mask != 0 && done.insert(entry.mask).inserted {
      let mask = entry.mask
      guard mask.nonzeroBitCount <= 8 else { continue }
      let described = Set(map.entries.filter { $0.mask == mask }.map(\.value))
      var value: UInt64 = 0
      repeat {
        // Zero needs no name: nothing is asked for.
        if value != 0, !described.contains(value) { refuse(value, mask, error) }
        value = (value &- mask) & mask
      } while value != 0
    }
  }

  private mutating func refuse(_ value: UInt64, _ mask: UInt64, _ error: UInt16) {
    var wire = persona_map_entry()
    wire.foreign_mask = mask
    wire.foreign = value
    wire.action = UInt16(PERSONA_MAP_REJECT.rawValue)
    wire.error = error
    mapEntries.append(wire)
  }

  // MARK: Entries

  /// What an entry is to Linux; nothing, and a report, where that is unknown.
  private mutating func effects(_ entry: Constant, _ map: ConstantMap) -> [Effect] {
    var effects: [Effect] = []
    var isOwn = true
    for mapping in entry.mappings {
      if mapping.direction != .toForeign { isOwn = false }
      switch mapping.direction {
      case .ignore: effects.append(Effect(action: PERSONA_MAP_IGNORE.rawValue))
      case .reject:
        guard case .name(let name) = mapping.target else { continue }
        effects.append(Effect(action: PERSONA_MAP_REJECT.rawValue, error: errno(name, mapping.position)))
      case .both: append(&effects, mapping, PERSONA_MAP_BOTH.rawValue)
      case .toNative: append(&effects, mapping, PERSONA_MAP_TO_NATIVE.rawValue)
      case .toForeign: append(&effects, mapping, PERSONA_MAP_TO_FOREIGN.rawValue)
      }
    }
    guard isOwn else { return effects }
    if let value = native.constant(entry.name) {
      effects.insert(Effect(action: PERSONA_MAP_BOTH.rawValue, native: value), at: 0)
    } else if effects.isEmpty {
      let near = nearest(to: entry.name, in: native.constants.keys.sorted())
      report(
        "Linux has no '\(entry.name)': say what it becomes", entry.position,
        near.map { "did you mean '\($0)'? Else '= NAME', '-> ignore' or 'reject ERRNO \"why\"'" }
          ?? "'= NAME', '-> NAME', '-> ignore' or 'reject ERRNO \"why\"'")
    }
    return effects
  }

  private mutating func append(_ effects: inout [Effect], _ mapping: Mapping, _ action: UInt32) {
    switch mapping.target {
    case .number(let value): effects.append(Effect(action: action, native: value))
    case .name(let name):
      if let value = constant(name, mapping.position) {
        effects.append(Effect(action: action, native: value))
      }
    case .none: break
    case .range: report("a range stands only for signals", mapping.position)
    }
  }

  /// Linux's constant of that name; reported where it has none.
  mutating func constant(_ name: String, _ position: Position) -> UInt64? {
    if let value = native.constant(name) { return value }
    report(
      "Linux has no constant named '\(name)'", position, didYouMean(name, native.constants.keys.sorted()))
    return nil
  }
}
