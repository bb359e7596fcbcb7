import CWire

/// The compiled table of one edition, good for every release of its band.
public struct EditionTable: Sendable {
  public var abi: String
  public var band: ClosedRange<UInt32>
  public var rules: StartRules
  public var block: [UInt8]

  /// The release that the block names until another is claimed.
  var release: UInt32 { rules.release }

  /// Bytes that a text which names the version may grow by.
  static let slack = 16

  /// Names another release in the block: in its head, and in the variables that hold the old one or its version.
  /// False where a text has no room for it.
  mutating func claim(_ number: UInt32, version: String, instead old: String) -> Bool {
    guard number != release else { return true }
    var head = block.withUnsafeBytes { $0.loadUnaligned(as: persona_table.self) }
    let former = release
    head.release = number
    withUnsafeBytes(of: &head) { bytes in for index in bytes.indices { block[index] = bytes[index] } }
    for index in 0..<Int(head.sysctls.count) {
      let offset = Int(head.sysctls.offset) + index * MemoryLayout<persona_sysctl>.stride
      var entry = block.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: persona_sysctl.self) }
      guard entry.is_host == 0, entry.kind != UInt8(PERSONA_SYSCTL_NODE.rawValue) else { continue }
      if entry.kind == UInt8(PERSONA_SYSCTL_STRING.rawValue) {
        if !rewrite(Int(head.strings.offset) + Int(entry.value), old, version) { return false }
      } else if former != 0, entry.value == Int64(former) {
        entry.value = Int64(number)
        withUnsafeBytes(of: &entry) { bytes in
          for index in bytes.indices { block[offset + index] = bytes[index] }
        }
      }
    }
    rules.release = number
    return true
  }

  private mutating func rewrite(_ start: Int, _ old: String, _ version: String) -> Bool {
    guard let end = block[start...].firstIndex(of: 0) else { return false }
    let text = String(decoding: block[start..<end], as: UTF8.self)
    let other = text.replacing(part: old, with: version)
    guard other != text else { return true }
    guard other.utf8.count <= text.utf8.count + EditionTable.slack else { return false }
    for (index, byte) in other.utf8.enumerated() { block[start + index] = byte }
    for index in other.utf8.count..<max(text.utf8.count, other.utf8.count) { block[start + index] = 0 }
    block[start + other.utf8.count] = 0
    return true
  }
}

extension TableCompiler {
  /// Compiles a folder for every edition that it distinguishes; what is wrong in several is reported once.
  ///
  /// - Parameter loaded: the folder as read for the heading's own release.
  static func compileEditions(
    _ loaded: LoadedPersonality, linux: Personality
  ) -> (tables: [EditionTable], diagnostics: [Diagnostic]) {
    var tables: [EditionTable] = []
    var diagnostics = loaded.diagnostics
    let names = NativeNames(linux)
    let lexer = Lexer(loaded.source, symbols: Symbols.language)
    let bands = loaded.personality.bands
    for edition in loaded.personality.editions {
      var (personality, found) = Parser.parse(loaded.source, lexer, edition)
      let band = bands.first { $0.contains(personality.release) } ?? 0 ... .max
      if let abi = personality.abis.first {
        var compiler = TableCompiler(personality, abi: abi, native: names)
        compiler.compileAll()
        compiler.check()
        found += compiler.diagnostics
        if found.isEmpty {
          tables.append(
            EditionTable(abi: abi.name, band: band, rules: personality.startRules, block: compiler.block()))
        }
      } else {
        found.append(Diagnostic(position: Position(0, 0), message: "no abi is described"))
      }
      for one in found where !diagnostics.contains(where: { $0.position == one.position && one.repeats($0) }) {
        diagnostics.append(one.named(edition, personality))
      }
    }
    return (tables, diagnostics)
  }
}

extension Diagnostic {
  /// Whether another edition's report says the same.
  fileprivate func repeats(_ other: Diagnostic) -> Bool {
    other.message == message || other.message.hasPrefix(message + " (")
  }

  /// The report with the edition's name where it is not the heading's own.
  fileprivate func named(_ edition: Edition, _ personality: Personality) -> Diagnostic {
    var parts: [String] = []
    if let release = edition.release { parts.append("release \(personality.releases.text(of: release))") }
    if let abi = edition.abi, abi != personality.abiNames.first { parts.append("abi \(abi)") }
    var named = self
    if !parts.isEmpty { named.message += " (\(parts.joined(separator: ", ")))" }
    return named
  }
}
