import Glibc

/// `persona personalities`: which systems there are, and how much of each is there.
public struct ListCommand: Sendable {
  /// Where personalities are looked for; of two of the same name the first counts.
  public var directories: [String]

  public init(directories: [String]) {
    self.directories = directories
  }

  /// What becomes of a system's calls.
  struct Tally: Equatable {
    var translated = 0
    var handler = 0
    var unsupported = 0
    var obsolete = 0
    var total: Int { translated + handler + unsupported + obsolete }

    init(_ personality: Personality) {
      for index in personality.callByNumber where index >= 0 {
        switch personality.calls[Int(index)].action {
        case .translate, .answer: translated += 1
        case .handler: handler += 1
        case .unsupported: unsupported += 1
        case .obsolete: obsolete += 1
        case .none: break
        }
      }
    }
  }

  public func run() -> CommandOutcome {
    var rows = [
      ["NAME", "SYSTEM", "ABIS", "RELEASES", "CALLS", "TRANSLATED", "HANDLER", "UNSUPPORTED", "OBSOLETE", "FOLDER"]
    ]
    var outcome = CommandOutcome()
    var seen: Set<String> = []
    for directory in directories {
      for name in PersonalityLoader.names(in: directory) where name != "linux" {
        let folder = directory + "/" + name
        guard seen.insert(name).inserted else { continue }
        do {
          let loaded = try PersonalityLoader.load(folder: folder, directories: directories)
          let personality = loaded.personality
          if !loaded.diagnostics.isEmpty {
            outcome.errors += "\(folder): has mistakes; 'persona check \(folder)' shows them\n"
            outcome.status = 1
          }
          let tally = Tally(personality)
          rows.append([
            name, "\(personality.title) \(personality.version)",
            personality.abis.map(\.name).joined(separator: ","), personality.releases.servedText ?? personality.version,
            String(tally.total),
            String(tally.translated), String(tally.handler), String(tally.unsupported),
            String(tally.obsolete), folder,
          ])
        } catch {
          outcome.errors += "\(error)\n"
          outcome.status = 125
        }
      }
    }
    outcome.text = ListCommand.columns(rows, right: 4...8)
    return outcome
  }

  /// Rows with their columns aligned; those in `right` to the right.
  static func columns(_ rows: [[String]], right: ClosedRange<Int>) -> String {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { column -> String in
        let padding = String(repeating: " ", count: widths[column] - row[column].utf8.count)
        if column == row.count - 1 { return row[column] }
        return right.contains(column) ? padding + row[column] : row[column] + padding
      }.joined(separator: "  ") + "\n"
    }.joined()
  }
}

/// What a command says and how it ends.
public struct CommandOutcome: Sendable, Equatable {
  /// For standard output.
  public var text = ""
  /// For standard error.
  public var errors = ""
  public var status: Int32 = 0

  public init() {}
}
