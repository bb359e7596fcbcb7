import Foundation
import PersonalityTables

/// A C file of static assertions about one system's tables, and the compiler that tells which are false.
struct HeaderCheck {
  /// What a table calls a structure, in C's words, and fields that C names otherwise.
  struct Names {
    /// The C type of a structure whose name here is not the header's tag.
    var types: [String: String] = [:]
    /// "structure.field" in C's words.
    var fields: [String: String] = [:]
    /// Constants that the header spells as an expression.
    var constants: [String: String] = [:]
    /// Names, or "struct name", that no header of a program tells, each with the reason.
    var missing: [String: String] = [:]
  }

  let prelude: String
  let names: Names
  /// If not nil, the only names that are checked.
  let chosen: Set<String>?
  private(set) var assertions: [String] = []
  private(set) var used: Set<String> = []
  private var seen: Set<String> = []

  init(prelude: String, names: Names, chosen: Set<String>? = nil) {
    self.prelude = prelude
    self.names = names
    self.chosen = chosen
  }

  // MARK: What the tables say

  /// `name` has this value. Bits above an int's are compared only where the table has some.
  mutating func constant(_ name: String, _ value: UInt64) {
    if isMissing(name) { return }
    guard seen.insert("\(name)=\(value)").inserted else { return }
    let spelled = names.constants[name] ?? name
    let narrow = value >> 32 == 0 || value >> 31 == 0x1_ffff_ffff
    let type = narrow ? "unsigned" : "unsigned long long"
    assertions.append(
      "_Static_assert((\(type))(\(spelled)) == (\(type))0x\(String(value, radix: 16))ULL, \"\(name) in the tables is \(value)\");"
    )
  }

  mutating func maps(of personality: Personality) {
    for map in personality.maps {
      for entry in map.entries { constant(entry.name, entry.value) }
    }
  }

  mutating func numbers(_ set: NumberSet) {
    for entry in set.entries { constant(entry.name, entry.value) }
  }

  mutating func structures(of personality: Personality) {
    for structure in personality.structures {
      if isMissing("struct " + structure.name) { continue }
      let type = names.types[structure.name] ?? "struct " + structure.name
      assertions.append(
        "_Static_assert(sizeof(\(type)) == \(structure.size), \"sizeof \(type) in the tables is \(structure.size)\");")
      for field in structure.fields {
        let path = structure.name + "." + field.name
        if isMissing(path) { continue }
        let member = names.fields[path] ?? field.name
        assertions.append(
          "_Static_assert(__builtin_offsetof(\(type), \(member)) == \(field.offset), \"\(path) in the tables is at \(field.offset)\");"
        )
        assertions.append(
          "_Static_assert(sizeof(((\(type) *)0)->\(member)) == \(field.size), \"\(path) in the tables has \(field.size) bytes\");"
        )
      }
    }
  }

  mutating func requests(of personality: Personality) {
    for request in personality.ioctls { constant(request.name, request.number) }
    for level in personality.socketLevels {
      constant(level.name, UInt64(level.number))
      for option in level.options { constant(option.name, UInt64(option.number)) }
    }
  }

  private mutating func isMissing(_ name: String) -> Bool {
    if let chosen, !chosen.contains(name), !name.contains(".") { return true }
    guard names.missing[name] != nil else { return false }
    used.insert(name)
    return true
  }

  /// Reasons for names that the tables no longer have.
  var staleReasons: [String] { names.missing.keys.filter { !used.contains($0) }.sorted() }

  // MARK: What the headers say

  var source: String { prelude + "\n" + assertions.joined(separator: "\n") + "\n" }

  /// The compiler's errors, one a line; none when the headers agree.
  func errors(compiler: [String]) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("persona-headers-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("check.c")
    try source.write(to: file, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // Not -fsyntax-only: Zig looks for the object afterwards.
    let object = folder.appendingPathComponent("check.o").path
    process.arguments = compiler + ["-c", "-ferror-limit=0", "-w", "-std=gnu11", "-o", object, file.path]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["ZIG_LOCAL_CACHE_DIR": folder.path]) { $1 }
    let output = Pipe()
    process.standardError = output
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    var lines = text.split(separator: "\n").map(String.init).filter { $0.contains("error:") }
    if process.terminationStatus != 0, lines.isEmpty { lines = ["\(compiler.joined(separator: " ")): \(text)"] }
    return lines.map { $0.replacingOccurrences(of: file.path, with: "check.c") }
  }
}

/// The repository's tables.
enum Tables {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("personalities").path

  static func load(_ name: String, _ edition: Edition = Edition()) throws -> Personality {
    let loaded = try PersonalityLoader.load(folder: folder + "/" + name, edition: edition)
    guard loaded.diagnostics.isEmpty else { throw BrokenTables(report: loaded.report) }
    return loaded.personality
  }
}

struct BrokenTables: Error, CustomStringConvertible {
  let report: String
  var description: String { report }
}
