import Glibc
import HostText

/// `persona check [FOLDER…]`: reads, checks and compiles personalities, and says what is wrong with them.
public struct CheckCommand: Sendable {
  /// Folders of tables; empty: all in `directories`.
  public var folders: [String]
  /// Where personalities are looked for, and Linux's description if a folder has none beside it.
  public var directories: [String]
  /// Leave the compiled table beside the tables (`PreparedTable`), and what recognition needs of all (`HeadingIndex`).
  public var keepsCompiled: Bool
  /// Write down what the tables say and the facts do not (`FactState`).
  public var statesFacts: Bool

  public struct Outcome: Sendable, Equatable {
    /// Reports, then one line for each folder.
    public var text: String
    /// 0: nothing is wrong; 1: something is; 125: a folder could not be read.
    public var status: Int32
  }

  public init(folders: [String], directories: [String], keepsCompiled: Bool = false, statesFacts: Bool = false) {
    self.folders = folders
    self.directories = directories
    self.keepsCompiled = keepsCompiled
    self.statesFacts = statesFacts
  }

  public func run() -> Outcome {
    var outcome = Outcome(text: "", status: 0)
    var chosen = folders
    if chosen.isEmpty { chosen = directories.flatMap { PersonalityLoader.folders(in: $0) } }
    if chosen.isEmpty {
      return Outcome(
        text: "error: no personalities in \(directories.joined(separator: ", "))\n", status: 125)
    }
    for folder in chosen { check(folder, &outcome) }
    if folders.isEmpty { for directory in directories { checkSystems(directory, &outcome) } }
    if keepsCompiled, folders.isEmpty {
      for directory in directories {
        guard let failure = HeadingIndex(describing: directory)?.store(in: directory) else { continue }
        outcome.text += "error: \(directory)/headings: \(String(cString: strerror(failure)))\n"
        outcome.status = 125
      }
    }
    return outcome
  }

  private func check(_ folder: String, _ outcome: inout Outcome) {
    let loaded: LoadedPersonality
    guard PersonalityLoader.isPersonality(folder) || Host.access(folder, F_OK) != 0 else {
      outcome.text += "error: \(folder): no personality: it has no abi.table\n"
      outcome.status = 125
      return
    }
    do { loaded = try PersonalityLoader.load(folder: folder, directories: directories) } catch {
      outcome.text += "error: \(error)\n"
      outcome.status = 125
      return
    }
    var checked = loaded
    var problems = 0
    if loaded.personality.isLinux {
      checked.diagnostics += TableCompiler.checkLinux(loaded.personality)
    } else {
      do {
        let linux = try linux(beside: folder)
        if !linux.diagnostics.isEmpty {
          outcome.text += "\(folder): Linux's own tables have \(count(linux.diagnostics.count))\n"
        }
        if loaded.diagnostics.isEmpty || !loaded.personality.abis.isEmpty {
          let tables: [EditionTable]
          (tables, checked.diagnostics) = TableCompiler.compileEditions(loaded, linux: linux.personality)
          problems = checkFacts(folder, loaded, linux.personality, &checked, &outcome)
          if keepsCompiled, checked.diagnostics.isEmpty,
            let failure = PreparedTable.store(tables, folder, loaded, linux.source, directories)
          {
            outcome.text += "error: \(folder)/compiled: \(String(cString: strerror(failure)))\n"
            outcome.status = 125
          }
        }
      } catch {
        outcome.text += "error: \(error)\n"
        outcome.status = 125
      }
    }
    outcome.text += checked.report
    let personality = checked.personality
    let calls = personality.callByNumber.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    outcome.text +=
      "\(folder): \(calls) calls, \(personality.structures.count) structures,"
      + " \(personality.maps.count) flags and enums: \(count(checked.diagnostics.count + problems))\n"
    if !checked.diagnostics.isEmpty { outcome.status = max(outcome.status, 1) }
  }

  /// The tables against the folder's facts, if it has some.
  ///
  /// - Returns: how many lines of them state no fact.
  private func checkFacts(
    _ folder: String, _ loaded: LoadedPersonality, _ linux: Personality, _ checked: inout LoadedPersonality,
    _ outcome: inout Outcome
  ) -> Int {
    let beside = linuxFolder(beside: folder)
    guard loaded.diagnostics.isEmpty, let facts = Facts.load(folder: folder, linux: beside) else { return 0 }
    for problem in facts.problems {
      outcome.text += problem + "\n"
      outcome.status = max(outcome.status, 1)
    }
    let check = FactCheck.made(loaded, facts, linux: linux)
    if statesFacts {
      switch FactState(folder: folder, check: check).write() {
      case .success(let count): outcome.text += "\(folder): \(count) statements changed: read them\n"
      case .failure(let failure):
        outcome.text += "error: \(failure.path): \(String(cString: strerror(failure.errno)))\n"
        outcome.status = 125
      }
    } else {
      checked.diagnostics += check.diagnostics
    }
    return facts.problems.count
  }

  /// The table of the systems that are recognised only.
  private func checkSystems(_ directory: String, _ outcome: inout Outcome) {
    let path = directory + "/systems.table"
    guard let (table, report) = PersonalityLoader.parse(path) else { return }
    outcome.text += report + "\(path): \(table.systems.count) systems: "
    outcome.text += report.isEmpty ? "no errors\n" : "errors\n"
    if !report.isEmpty { outcome.status = max(outcome.status, 1) }
  }

  private func count(_ errors: Int) -> String {
    errors == 0 ? "no errors" : errors == 1 ? "1 error" : "\(errors) errors"
  }

  private func linux(beside folder: String) throws(LoadError) -> LoadedPersonality {
    if let beside = linuxFolder(beside: folder) { return try PersonalityLoader.load(folder: beside) }
    return try PersonalityLoader.load("linux", from: directories)
  }

  private func linuxFolder(beside folder: String) -> String? {
    var parent = folder
    while parent.hasSuffix("/") { parent.removeLast() }
    if let slash = parent.lastIndex(of: "/") {
      parent = String(parent[...slash])
    } else {
      parent = "./"
    }
    return PersonalityLoader.isPersonality(parent + "linux") ? parent + "linux" : nil
  }
}
