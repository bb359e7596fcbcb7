import Glibc
import HostText

/// What is said of a system a second time, beside its tables: `*.facts`, which only `persona check` reads.
///
/// headers.facts is taken from the system's headers by Tests/facts.py; what headers do not tell is stated by hand in
/// others. Facts of personalities/linux hold for all systems, a folder's own come first. docs/personalities.md, "Facts".
struct Facts: Sendable {
  struct Call: Sendable {
    var name: String
    /// In the words of the facts: i32, u64, const*stat, …; nil where nothing is known.
    var result: String?
    var arguments: [(name: String, type: String)]?
  }

  struct Field: Sendable {
    var offset: Int
    var width: Int
    /// "i", "u", or "b" where it is no number.
    var kind: Character
  }

  struct Layout: Sendable {
    var size: Int
    var fields: [String: Field] = [:]
  }

  /// The files' names, for reports.
  var files: [String] = []
  var calls: [Int: Call] = [:]
  var constants: [String: UInt64] = [:]
  var structures: [String: Layout] = [:]
  /// What a signal does when nobody handles it.
  var signals: [String: String] = [:]
  /// What the folder's tables make of something, by what it is: "row link" to "linkat(AT_FDCWD, $1, …)".
  var decisions: [String: Set<String>] = [:]
  /// Those of personalities/linux, which hold for all systems.
  var shared: [String: Set<String>] = [:]
  /// Names that calls give their arguments.
  var words: Set<String> = []
  /// Lines that mean nothing: the file, the line's number and what is wrong.
  var problems: [String] = []

  /// Nil where the folder has no facts.
  static func load(folder: String, linux: String?) -> Facts? {
    let own = names(in: folder)
    guard !own.isEmpty else { return nil }
    var facts = Facts()
    if let linux { for name in names(in: linux) { facts.read(linux + "/" + name) } }
    (facts.shared, facts.decisions) = (facts.decisions, [:])
    // By hand after what the headers say, which it corrects.
    for name in own where name == "headers.facts" { facts.read(folder + "/" + name) }
    for name in own where name != "headers.facts" { facts.read(folder + "/" + name) }
    return facts
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = Host.opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = Host.name(entry)
      if name.hasSuffix(".facts"), !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  private mutating func read(_ path: String) {
    guard let bytes = try? PersonalityLoader.contents(of: path) else {
      problems.append("\(path): cannot be read")
      return
    }
    files.append(path)
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      if let first = line.first, first != UInt8(ascii: "#"), !statement(line) {
        problems.append("\(path):\(number): error: this states no fact\n\(String(decoding: line, as: UTF8.self))")
      }
    }
  }

  /// One line; false where it means nothing.
  mutating func statement(_ line: ArraySlice<UInt8>) -> Bool {
    var words = line.split(separator: UInt8(ascii: " "))[...]
    guard let keyword = words.popFirst() else { return true }
    func text(_ part: ArraySlice<UInt8>) -> String { String(decoding: part, as: UTF8.self) }
    switch text(keyword) {
    case "call": return call(words.map(text))
    case "constant":
      for word in words {
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")), let value = Facts.number(word[(equals + 1)...])
        else { return false }
        constants[text(word[..<equals])] = value
      }
    case "struct": return structure(words.map(text))
    case "signal":
      for word in words {
        let parts = text(word).split(separator: "=")
        guard parts.count == 2 else { return false }
        signals[String(parts[0])] = String(parts[1])
      }
    case "word": for word in words { self.words.insert(text(word)) }
    case "same":
      guard words.count == 2, let layout = structures[text(words.last!)] else { return false }
      structures[text(words.first!)] = layout
    case "becomes":
      guard words.count >= 2 else { return false }
      let key = text(words.removeFirst()) + " " + text(words.removeFirst())
      decisions[key, default: []].insert(words.map(text).joined(separator: " "))
    default: return false
    }
    return true
  }

  private mutating func call(_ words: [String]) -> Bool {
    guard words.count >= 2 else { return false }
    let range = words[0].split(separator: ".", omittingEmptySubsequences: true)
    guard let first = Int(range[0]), let last = Int(range[range.count - 1]), first <= last, last < 1 << 16 else {
      return false
    }
    var call = Call(name: words[1])
    if words.count > 2 {
      call.result = words[2] == "?" ? nil : words[2]
      var arguments: [(String, String)] = []
      for word in words[3...] {
        let parts = word.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return false }
        arguments.append((String(parts[0]), String(parts[1])))
        self.words.insert(String(parts[0]))
      }
      call.arguments = arguments
    }
    for number in first...last { calls[number] = call }
    return true
  }

  private mutating func structure(_ words: [String]) -> Bool {
    guard words.count >= 2, let size = Int(words[1]) else { return false }
    var layout = structures[words[0]] ?? Layout(size: size)
    layout.size = size
    for word in words[2...] {
      let parts = word.split { $0 == "@" || $0 == ":" }
      guard parts.count == 3, let offset = Int(parts[1]), let kind = parts[2].first, let width = Int(parts[2].dropFirst())
      else { return false }
      layout.fields[String(parts[0])] = Field(offset: offset, width: width, kind: kind)
    }
    structures[words[0]] = layout
    return true
  }

  private static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
    let word = String(decoding: text, as: UTF8.self)
    return word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
  }
}
