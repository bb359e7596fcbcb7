/// Error numbers, signals and the registers of a call.
extension TableCompiler {
  mutating func checkNumbers() {
    checkNear(personality.errnos, native.linux.errnos, "errno")
    checkNear(personality.signals, native.linux.signals, "signal")
    checkGaps(personality.errnos, "errno")
    checkGaps(personality.signals, "signal")
    checkLostSignals()
  }

  /// A name that only handlers answer, but that is nearly one of Linux's which nobody has taken.
  private mutating func checkNear(_ set: NumberSet, _ linux: NumberSet, _ what: String) {
    var taken = Set(set.byName.keys)
    for entry in set.entries {
      for mapping in entry.mappings { if case .name(let name) = mapping.target { taken.insert(name) } }
    }
    let free = linux.entries.map(\.name).filter { !taken.contains($0) }
    for entry in set.entries where linux.byName[entry.name] == nil && !entry.isMapped {
      guard let near = free.first(where: { isSlip(entry.name, $0) }) else { continue }
      report("Linux has no \(what) named '\(entry.name)'", entry.position, "did you mean '\(near)'?")
    }
  }

  /// A single number without a name is one that was mistyped: systems leave out none, or many in a row. A set
  /// with several such gaps is one that somebody has only begun.
  private mutating func checkGaps(_ set: NumberSet, _ what: String) {
    guard set.highest > 2 else { return }
    var gaps: [(number: Int, next: Constant)] = []
    for number in 2..<set.highest where set.byNumber[number] < 0 && set.byNumber[number - 1] >= 0 {
      if let next = set.entry(number + 1) { gaps.append((number, next)) }
    }
    guard gaps.count <= 2 else { return }
    for gap in gaps { report("\(what) \(gap.number) has no name", gap.next.position) }
  }

  /// Every signal that Linux sends must arrive as something.
  private mutating func checkLostSignals() {
    guard let first = personality.signals.entries.first, personality.signals.otherwise == nil else { return }
    var lost: [String] = []
    for entry in native.linux.signals.entries where entry.value < 32 {
      if signalToForeign[Int(entry.value)] == 0 { lost.append(entry.name) }
    }
    // A system that has few signals loses them knowingly.
    guard !lost.isEmpty, lost.count * 8 <= native.linux.signals.entries.count else { return }
    report(
      "Linux's \(lost.joined(separator: ", ")) \(lost.count == 1 ? "arrives" : "arrive") as no signal",
      first.position, "say '<- \(lost[0])' behind a signal")
  }

  // MARK: Calls

  /// The registers of a call: each has one purpose, and the instruction itself takes some.
  mutating func checkConvention() {
    var uses: [UInt8: String] = [abi.number: "the call's number"]
    for (index, register) in abi.arguments.enumerated() {
      if let other = uses[register] {
        report("abi \(abi.name): argument \(index + 1) is in the register of \(other)", abi.position)
      }
      uses[register] = "argument \(index + 1)"
    }
    if abi.second != 255, abi.second == abi.result {
      report("abi \(abi.name): both results are in one register", abi.position)
    }
    guard abi.trap == .syscall else { return }
    // The instruction leaves the return address in rcx and the flags in r11.
    let order = ["rdi", "rsi", "rdx", "r10", "r8", "r9"].compactMap(registerNumber)
    if !abi.arguments.isEmpty, abi.arguments != Array(order.prefix(abi.arguments.count)) {
      report(
        "abi \(abi.name): a call by 'syscall' has its arguments in rdi rsi rdx r10 r8 r9, in this order",
        abi.position)
    }
  }

  // MARK: Auxiliary vector

  mutating func checkVectors() {
    var types: [UInt32: String] = [:]
    var names: Set<String> = []
    for (index, entry) in personality.auxv.enumerated() {
      if let other = types[entry.type] { report("type \(entry.type) is already '\(other)'", entry.position) }
      types[entry.type] = entry.name
      if !names.insert(entry.name).inserted {
        report("'\(entry.name)' is already in the auxiliary vector", entry.position)
      }
      if case .number = entry.source { continue }
      if let other = personality.auxv[..<index].first(where: { $0.source == entry.source }) {
        report("'\(other.name)' already has the same source", entry.position)
      }
      if case .linux(let type) = entry.source,
        let own = native.linux.auxv.first(where: { $0.name == entry.name }), UInt64(own.type) != type
      {
        report("Linux's \(own.name) has the type \(own.type), not \(type)", entry.position)
      }
    }
  }
}

extension Constant {
  /// Whether the table says what it is to Linux.
  var isMapped: Bool { mappings.contains { $0.direction != .toForeign } }
}

/// Whether a name is another with one letter wrong, missing, too many or in its neighbour's place.
func isSlip(_ name: String, _ other: String) -> Bool {
  name != other && name.utf8.count > 3 && editDistance(Array(name.utf8), Array(other.utf8), limit: 2) < 2
}
