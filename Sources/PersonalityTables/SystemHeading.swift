import Glibc

/// What recognition needs of a system: its names and marks.
public struct SystemHeading: Sendable, Equatable {
  /// The name of its folder, or the one that systems.table gives it.
  public var name: String
  public var title: String
  public var marks: SystemMarks
  /// How its release numbers are made.
  public var release: ReleaseEncoding?
  public var bound: [BoundFolder] = []

  /// The systems that `directories` describe, an earlier one's before a later one's of the same name:
  /// the personalities among `names`, of which abi.table alone is read, then what each systems.table lists.
  ///
  /// Mistakes in them are left to whoever reads the whole of a personality.
  public static func all(_ names: [String], in directories: [String]) -> [SystemHeading] {
    var found: [SystemHeading] = []
    for name in names {
      guard
        let folder = directories.lazy.map({ $0 + "/" + name }).first(where: PersonalityLoader.isPersonality),
        let (personality, _) = PersonalityLoader.parse(folder + "/abi.table")
      else { continue }
      found.append(
        SystemHeading(
          name: name, title: personality.title.isEmpty ? name : personality.title,
          marks: personality.marks, release: personality.encoding, bound: personality.load.bound))
    }
    for directory in directories {
      guard let (table, _) = PersonalityLoader.parse(directory + "/systems.table") else { continue }
      for system in table.systems where !found.contains(where: { $0.name == system.name }) {
        found.append(SystemHeading(name: system.name, title: system.title, marks: system.marks))
      }
    }
    return found
  }
}

extension PersonalityLoader {
  /// One table by itself, and what is wrong with it; nil where it cannot be read.
  static func parse(_ path: String) -> (personality: Personality, report: String)? {
    guard let bytes = try? contents(of: path) else { return nil }
    var source = SourceText()
    source.append(bytes, path: path)
    let (personality, diagnostics) = Parser.parse(source)
    return (personality, diagnostics.map { $0.text(in: source) + "\n" }.joined())
  }
}
