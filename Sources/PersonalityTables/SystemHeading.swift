import Glibc

/// What recognition needs of a system: its names and marks.
public struct SystemHeading: Sendable, Equatable {
  /// The name of its folder, or the one that systems.table gives it.
  public var name: String
  public var title: String
  public var marks: SystemMarks
  public var releases = Releases()
  /// The machines whose programs it serves; of a system that is recognised only, none.
  public var abis: [Machine] = []
  public var bound: [BoundFolder] = []

  /// An abi's name, e_machine (or the magic number) of the programs that it serves (nil for any), and the bytes of its word.
  public struct Machine: Sendable, Equatable {
    public var name: String
    public var machine: UInt16?
    public var word: Int
  }

  /// What is known of the personalities in `directories` without reading a table, each folder's in its turn.
  public struct Folders: Sendable {
    fileprivate let indexes: [HeadingIndex?]
    /// The names of all personalities, in alphabetical order; Linux itself is none.
    public let names: [String]

    public init(_ directories: [String]) {
      indexes = directories.map { HeadingIndex(of: $0) }
      var found: [String] = []
      for (directory, index) in zip(directories, indexes) {
        for name in index?.personalities.map(\.name) ?? PersonalityLoader.names(in: directory)
        where name != "linux" && !found.contains(name) {
          found.append(name)
        }
      }
      names = found.sorted()
    }
  }

  /// The systems that `directories` describe, an earlier one's before a later one's of the same name: the personalities,
  /// of which abi.table alone is read, then what each systems.table lists.
  ///
  /// Mistakes in them are left to whoever reads the whole of a personality.
  public static func all(_ folders: Folders, in directories: [String]) -> [SystemHeading] {
    var found: [SystemHeading] = []
    for name in folders.names + ["linux"] {
      for (directory, index) in zip(directories, folders.indexes) {
        if let index {
          guard let heading = index.personalities.first(where: { $0.name == name }) else { continue }
          found.append(heading)
        } else {
          guard PersonalityLoader.isPersonality(directory + "/" + name) else { continue }
          if let heading = SystemHeading(name, in: directory) { found.append(heading) }
        }
        break
      }
    }
    for (directory, index) in zip(directories, folders.indexes) {
      for system in index?.systems ?? recognised(in: directory)
      where !found.contains(where: { $0.name == system.name }) {
        found.append(system)
      }
    }
    return found
  }
}

extension SystemHeading {
  /// The personality `name` of a folder, by its abi.table.
  init?(_ name: String, in directory: String) {
    guard let (personality, _) = PersonalityLoader.parse(directory + "/" + name + "/abi.table") else { return nil }
    self.init(personality, name: name)
  }

  init(_ personality: Personality, name: String) {
    self.init(
      name: name, title: personality.title.isEmpty ? name : personality.title, marks: personality.marks,
      releases: personality.releases,
      abis: personality.abis.map { Machine(name: $0.name, machine: $0.machine, word: $0.word) },
      bound: personality.load.bound)
  }

  /// The systems that a folder's systems.table lists.
  static func recognised(in directory: String) -> [SystemHeading] {
    guard let (table, _) = PersonalityLoader.parse(directory + "/systems.table") else { return [] }
    return table.systems.map { SystemHeading(name: $0.name, title: $0.title, marks: $0.marks) }
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
