/// `persona explain NAME WORD`: what a call, constant, structure, errno or signal of a system is, and what becomes
/// of it on Linux.
public struct ExplainCommand: Sendable {
  /// A personality's name, with a release behind a colon if not the heading's own is meant.
  public var personality: String
  /// A call's number or name, or the name of anything else that the tables declare.
  public var word: String
  public var directories: [String]

  public init(personality: String, word: String, directories: [String]) {
    self.personality = personality
    self.word = word
    self.directories = directories
  }

  public func run() -> CommandOutcome {
    var outcome = CommandOutcome()
    let parts = personality.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    do {
      var edition = Edition()
      if parts.count > 1 {
        guard let release = PersonalityLoader.heading(name, from: directories)?.releases.number(parts[1]) else {
          outcome.errors = "\(name) has no release '\(parts[1])'\n"
          outcome.status = 1
          return outcome
        }
        edition.release = release
      }
      let loaded = try PersonalityLoader.load(name, from: directories, edition: edition)
      let linux = try PersonalityLoader.load("linux", from: directories)
      if !loaded.diagnostics.isEmpty {
        outcome.errors = "the personality '\(name)' has mistakes; 'persona check' shows them\n"
        outcome.status = 1
      }
      var explanation = Explanation(loaded, NativeNames(linux.personality))
      for abi in loaded.personality.abiNames.dropFirst() {
        edition.abi = abi
        let other = LoadedPersonality(loaded.source, edition: edition)
        explanation.others.append((abi, Explanation(other, explanation.native)))
      }
      let found = explanation.find(word)
      if found.isEmpty {
        let hint = didYouMean(word, explanation.names).map { "; \($0)" } ?? ""
        outcome.errors += "\(personality) has no call, constant, structure or variable '\(word)'\(hint)\n"
        outcome.status = 1
      }
      outcome.text = found.joined(separator: "\n")
    } catch {
      let known = Set(directories.flatMap(PersonalityLoader.names(in:))).subtracting(["linux"]).sorted()
      outcome.errors = "\(error); there are: \(known.joined(separator: ", "))\n"
      outcome.status = 125
    }
    return outcome
  }
}

/// A personality's declarations in words.
struct Explanation {
  let personality: Personality
  let source: SourceText
  let native: NativeNames
  /// The same folder as it is on other machines.
  var others: [(abi: String, explanation: Explanation)] = []

  init(_ loaded: LoadedPersonality, _ native: NativeNames) {
    personality = loaded.personality
    source = loaded.source
    self.native = native
  }

  /// Every name that can be explained.
  var names: [String] {
    personality.calls.map(\.name) + personality.structures.map(\.name) + personality.unions.map(\.name)
      + personality.maps.map(\.name)
      + personality.maps.flatMap { $0.entries.map(\.name) } + personality.errnos.entries.map(\.name)
      + personality.signals.entries.map(\.name) + personality.ioctls.map(\.name)
      + personality.sysctls.map(\.name) + personality.refusedSysctls.map(\.name) + personality.socketLevels.flatMap { $0.options.map(\.name) }
  }

  /// One text for each thing of that name or number.
  func find(_ word: String) -> [String] {
    let digits = word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
    if let number = digits {
      let row = Int(exactly: number).flatMap(personality.call)
      return (row.map { [call($0, Int(number))] } ?? []) + (personality.ioctl(number).map { [ioctl($0)] } ?? [])
    }
    var found: [String] = []
    var isCall = false
    for row in personality.calls where row.name == word && !isCall {
      isCall = true
      found.append(call(row, row.number))
    }
    for entry in personality.errnos.entries where entry.name == word {
      found.append(number(entry, "errno", personality.errnos, native.linux.errnos))
    }
    for entry in personality.signals.entries where entry.name == word {
      found.append(number(entry, "signal", personality.signals, native.linux.signals))
    }
    for (index, structure) in personality.structures.enumerated() where structure.name == word {
      found.append(self.structure(index))
    }
    for (index, union) in personality.unions.enumerated() where union.name == word {
      found.append("\(personality.name) union \(word) by \(union.tag)\n" + origin(union.position) + cases(index))
    }
    for map in personality.maps {
      if map.name == word { found.append(self.map(map)) }
      for entry in map.entries where entry.name == word { found.append(constant(entry, map)) }
    }
    for request in personality.ioctls where request.name == word { found.append(ioctl(request)) }
    for level in personality.socketLevels {
      for option in level.options where option.name == word { found.append(self.option(option, level)) }
    }
    for variable in personality.sysctls where variable.name == word { found.append(sysctl(variable)) }
    for variable in personality.refusedSysctls where variable.name == word {
      found.append(
        "\(personality.name) variable \(word)\n" + origin(variable.position) + "  refused    \(variable.reason)\n")
    }
    return found
  }

  // MARK: Where it is said

  /// The table's place, and what its file names as the source of its facts.
  func origin(_ position: Position) -> String {
    let place = source.place(position).split(separator: ":").dropLast().joined(separator: ":")
    let facts = self.facts(position).map { "\n  facts      \($0)" } ?? ""
    return "  table      \(place)\(facts)\n"
  }

  /// What stands behind "Source:" in the comments at the head of the file that holds `position`.
  private func facts(_ position: Position) -> String? {
    var offset = Int(position.offset)
    let path = source.locate(offset).path
    var lines: [String] = []
    while offset >= 0, source.locate(offset).path == path {
      let line = source.line(around: offset)
      lines.append(source.text(line))
      if line.lowerBound == 0 { break }
      offset = line.lowerBound - 1
    }
    var text: String?
    for line in lines.reversed() {
      guard line.hasPrefix("#") else {
        if text != nil || !line.isEmpty { break }
        continue
      }
      let words = line.dropFirst().drop { $0 == " " }
      if text != nil {
        text! += (text!.isEmpty ? "" : " ") + words
      } else if let start = words.firstRange(of: "Source:") ?? words.firstRange(of: "Sources:") {
        text = String(words[start.upperBound...].drop { $0 == " " })
      }
    }
    return text
  }
}

extension Substring {
  /// Where a text first occurs.
  fileprivate func firstRange(of part: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
      start = index(after: start)
    }
    return nil
  }
}
