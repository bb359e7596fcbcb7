import CHost
import Glibc
import PersonalityTables

/// A personality ready for guests: its description for the log, its compiled table in a memory file.
public final class CompiledPersonality {
  public let personality: Personality
  public let linux: Personality
  /// The sealed memory file with the compiled table; owned.
  let table: Int32
  let tableSize: UInt64

  /// Reads, checks and compiles the personality `name`; every mistake in the tables is in the error.
  public init(_ name: String, directories: [String]) throws(LaunchError) {
    linux = try CompiledPersonality.load("linux", directories).personality
    var personality = try CompiledPersonality.load(name, directories)
    let (block, diagnostics) = TableCompiler.compile(personality.personality, linux: linux)
    guard let block else {
      personality.diagnostics = diagnostics
      throw CompiledPersonality.broken(name, personality)
    }
    self.personality = personality.personality
    let file = block.withUnsafeBytes { persona_memory_file("persona-table", $0.baseAddress!, $0.count) }
    guard file >= 0 else {
      throw LaunchError(.ours, "cannot make a memory file: \(describe(-file))", remedy: "free some memory")
    }
    table = file
    tableSize = UInt64(block.count)
  }

  deinit {
    close(table)
  }

  private static func load(_ name: String, _ directories: [String]) throws(LaunchError) -> LoadedPersonality {
    let loaded: LoadedPersonality
    do {
      loaded = try PersonalityLoader.load(name, from: directories)
    } catch {
      throw LaunchError(.ours, "\(error)", remedy: "install Persona's personalities, or name their folder with --personalities")
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
