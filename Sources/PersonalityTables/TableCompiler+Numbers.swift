import CWire

extension TableCompiler {
  mutating func compileNumbers() {
    compileErrnos()
    compileSignals()
  }

  private mutating func compileErrnos() {
    let linux = native.linux.errnos
    var toForeign = [UInt16](repeating: 0, count: linux.highest + 1)
    var toNative = [UInt16](repeating: 0, count: personality.errnos.highest + 1)
    for entry in personality.errnos.entries {
      link(entry, linux, "errno") { foreign, native, direction in
        if direction != .toForeign, foreign < toNative.count { toNative[foreign] = UInt16(native) }
        if direction != .toNative, native < toForeign.count {
          if toForeign[native] != 0 { return Int(toForeign[native]) }
          toForeign[native] = UInt16(foreign)
        }
        return nil
      }
    }
    if let name = personality.errnos.otherwise {
      let other = errno(name, personality.errnos.otherwisePosition)
      for native in toForeign.indices where native > 0 && toForeign[native] == 0 { toForeign[native] = other }
    } else if let first = personality.errnos.entries.first {
      let lost = linux.entries.filter { toForeign[Int($0.value)] == 0 }.map(\.name)
      if !lost.isEmpty {
        let more = lost.count > 4 ? " and \(lost.count - 4) more" : ""
        let arrive = lost.count == 1 ? "arrives" : "arrive"
        report(
          "Linux's \(lost.prefix(4).joined(separator: ", "))\(more) \(arrive) as nothing", first.position,
          "say '<- \(lost[0])' behind an errno, or 'else ERRNO'")
      }
    }
    if personality.errnoNumber("ENOSYS") == nil, !personality.isLinux {
      report(
        "no errno named 'ENOSYS': it answers unsupported calls",
        personality.errnos.entries.first?.position ?? abi.position)
    }
    if abi.error == .message { compileErrnoTexts() }
    errnoToForeign = toForeign
    errnoToNative = toNative
  }

  /// What a system says that tells errors in words; every errno needs them.
  private mutating func compileErrnoTexts() {
    errnoText = [UInt32](repeating: 0, count: personality.errnos.highest + 1)
    for entry in personality.errnos.entries {
      guard let text = entry.text else {
        report("errno \(entry.name) has no text, which abi \(abi.name) answers", entry.position)
        continue
      }
      errnoText[Int(entry.value)] = string(text)
    }
  }

  private mutating func compileSignals() {
    let linux = native.linux.signals
    var toForeign = [UInt8](repeating: 0, count: 65)
    var toNative = [UInt8](repeating: 0, count: personality.signals.highest + 1)
    var defaults = [UInt8](repeating: 0, count: personality.signals.highest + 1)
    for entry in personality.signals.entries {
      if entry.last > 255 {
        report("signal \(entry.name) is above 255", entry.position)
        continue
      }
      if let action = entry.defaultAction {
        for number in entry.value...entry.last { defaults[Int(number)] = action.wire }
      }
      link(entry, linux, "signal") { foreign, native, direction in
        if direction != .toForeign, foreign < toNative.count {
          toNative[foreign] = UInt8(truncatingIfNeeded: native)
        }
        if direction != .toNative, native < toForeign.count {
          if toForeign[native] != 0 { return Int(toForeign[native]) }
          toForeign[native] = UInt8(truncatingIfNeeded: foreign)
        }
        return nil
      }
    }
    signalToForeign = toForeign
    signalToNative = toNative
    signalDefault = defaults
  }

  /// Calls `pair` with each (foreign, Linux) pair that an entry stands for.
  ///
  /// It answers the foreign number that Linux's already arrives as, which is reported.
  private mutating func link(
    _ entry: Constant, _ linux: NumberSet, _ what: String,
    _ pair: (Int, Int, Mapping.Direction) -> Int?
  ) {
    var isOwn = true
    for mapping in entry.mappings {
      switch mapping.direction {
      case .ignore, .reject:
        isOwn = false
        continue
      case .both, .toNative: isOwn = false
      case .toForeign: break
      }
      let first: UInt64
      let last: UInt64
      switch mapping.target {
      case .none: continue
      case .number(let number): (first, last) = (number, number)
      case .range(let low, let high): (first, last) = (low, high)
      case .name(let name):
        guard let index = linux.byName[name] else {
          report(
            "Linux has no \(what) named '\(name)'", mapping.position,
            didYouMean(name, linux.entries.map(\.name)))
          continue
        }
        (first, last) = (linux.entries[index].value, linux.entries[index].last)
      }
      let length = entry.last - entry.value
      guard first <= last, last < 4096 else {
        report("Linux has no \(what) \(last)", mapping.position)
        continue
      }
      if length != last - first, length != 0 {
        report("\(entry.name) is \(length + 1) numbers, Linux's are \(last - first + 1)", mapping.position)
        continue
      }
      pairs(entry, first, first + length, mapping.direction, mapping.position, linux, what, pair)
    }
    // A name that Linux has too maps by itself, as far as both ranges reach.
    guard isOwn, let index = linux.byName[entry.name] else { return }
    pairs(
      entry, linux.entries[index].value, linux.entries[index].last, .both, entry.position, linux, what, pair)
  }

  private mutating func pairs(
    _ entry: Constant, _ first: UInt64, _ last: UInt64, _ direction: Mapping.Direction, _ position: Position,
    _ linux: NumberSet, _ what: String, _ pair: (Int, Int, Mapping.Direction) -> Int?
  ) {
    for step in 0...Int(min(entry.last - entry.value, last - first)) {
      let native = Int(first) + step
      if let other = pair(Int(entry.value) + step, native, direction) {
        let name = linux.name(of: native) ?? "\(native)"
        let set = what == "errno" ? personality.errnos : personality.signals
        report(
          "Linux's \(name) already arrives as \(set.name(of: other) ?? "\(other)")", position,
          "'->' maps only on the way to Linux")
        return
      }
    }
  }
}

extension SignalAction {
  /// `enum persona_signal_default`
  var wire: UInt8 {
    switch self {
    case .terminate: UInt8(PERSONA_DEFAULT_TERMINATE.rawValue)
    case .core: UInt8(PERSONA_DEFAULT_CORE.rawValue)
    case .stop: UInt8(PERSONA_DEFAULT_STOP.rawValue)
    case .continue: UInt8(PERSONA_DEFAULT_CONTINUE.rawValue)
    case .ignore: UInt8(PERSONA_DEFAULT_IGNORE.rawValue)
    }
  }
}
