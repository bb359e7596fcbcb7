import CHost
import Glibc
import PersonalityTables

/// A personality ready for guests: what the planner needs of it, its compiled table in a memory file.
public final class CompiledPersonality {
  let name: String
  let rules: StartRules
  /// The file with the compiled table, where it begins there, and its bytes: the one beside the tables, or a sealed
  /// memory file; owned.
  let table: Int32
  let tableOffset: UInt64
  let tableSize: UInt64
  private let directories: [String]
  let edition: Edition
  /// Both sides in full, if they had to be read.
  private let described: Described?

  private final class Described {
    let foreign: Personality
    let linux: Personality

    init(_ foreign: Personality, _ linux: Personality) {
      self.foreign = foreign
      self.linux = linux
    }
  }

  /// Takes the prepared table of the personality `name`, or else reads, checks and compiles its tables; every
  /// mistake in them is in the error.
  public init(_ name: String, directories: [String], edition: Edition = Edition()) throws(LaunchError) {
    self.name = name
    self.directories = directories
    self.edition = edition
    let block: [UInt8]
    if let prepared = PreparedTable.load(name, from: directories, edition: edition) {
      (rules, described) = (prepared.rules, nil)
      if let file = prepared.file {
        (table, tableOffset, tableSize) = (file.descriptor, file.offset, file.count)
        return
      }
      block = prepared.block
    } else {
      let native = try CompiledPersonality.load("linux", directories)
      let linux = native.personality
      var foreign = try CompiledPersonality.load(name, directories, edition)
      let (compiled, diagnostics) = TableCompiler.compile(foreign.personality, linux: linux)
      guard let compiled else {
        foreign.diagnostics = diagnostics
        throw CompiledPersonality.broken(name, foreign)
      }
      PreparedTable.remember(
        compiled, foreign, linux: native, folder: name, in: directories, edition: edition)
      (rules, block, described) = (foreign.personality.startRules, compiled, Described(foreign.personality, linux))
    }
    let file = block.withUnsafeBytes { persona_memory_file("persona-table", $0.baseAddress!, $0.count) }
    guard file >= 0 else {
      throw LaunchError(
        .ours, "cannot make a memory file: \(describe(-file))",
        remedy: -file == EFBIG ? "raise 'ulimit -f' to \(block.count / 1024 + 1) KiB at least" : "free some memory")
    }
    table = file
    tableOffset = 0
    tableSize = UInt64(block.count)
  }

  deinit {
    close(table)
  }

  /// The words of both sides, for the log.
  func vocabulary() throws(LaunchError) -> (foreign: Personality, linux: Personality) {
    if let described { return (described.foreign, described.linux) }
    return (
      try CompiledPersonality.load(name, directories, edition).personality,
      try CompiledPersonality.load("linux", directories).personality
    )
  }

  static func load(
    _ name: String, _ directories: [String], _ edition: Edition = Edition()
  ) throws(LaunchError) -> LoadedPersonality {
    let loaded: LoadedPersonality
    do {
      loaded = try PersonalityLoader.load(name, from: directories, edition: edition)
    } catch {
      let code: Int32 = if case .unreadable(_, let errno) = error { errno } else { 0 }
      throw LaunchError(
        .ours, "\(error)",
        remedy: LaunchError.remedy(code, "install Persona's personalities, or name their folder with --personalities"))
    }
    guard loaded.diagnostics.isEmpty else { throw broken(name, loaded) }
    return loaded
  }

  private static func broken(_ name: String, _ loaded: LoadedPersonality) -> LaunchError {
    LaunchError(
      .ours, "the personality '\(name)' has mistakes:\n\(loaded.report)",
      remedy: "mend the tables; 'persona check' shows the same")
  }
}
