import Glibc
import HostText
import PersonalityTables

/// The roots that the user keeps: folders or links to folders under $XDG_DATA_HOME/persona/roots. A root's name is
/// that of its personality, or that with a word behind it: NAME, NAME-13.2.
public struct InstalledRoots: Sendable {
  public let directory: String

  public init(directory: String) {
    self.directory = directory
  }

  /// The user's own; nil without a home (XDG base directory specification).
  public static func ofUser(
    _ environment: (String) -> String? = Host.getenv
  ) -> InstalledRoots? {
    if let base = environment("XDG_DATA_HOME"), base.hasPrefix("/") {
      return InstalledRoots(directory: base + "/persona/roots")
    }
    guard let home = environment("HOME"), home.hasPrefix("/") else { return nil }
    return InstalledRoots(directory: home + "/.local/share/persona/roots")
  }

  public var names: [String] { entries(of: directory).filter { isDirectory(path($0)) }.sorted() }

  /// Roots that are links to folders which are not there (any more), and where those were.
  public var lost: [(name: String, folder: String)] {
    entries(of: directory).sorted().compactMap { name in
      guard InstalledRoots.isName(name), !isDirectory(path(name)) else { return nil }
      return Host.readlink(path(name)).map { (name, $0) }
    }
  }

  public func path(_ name: String) -> String { directory + "/" + name }

  /// The root of that name; nil when there is none.
  public func root(named name: String, isConfining: Bool = false) -> FileRoot? {
    guard InstalledRoots.isName(name), isDirectory(path(name)) else { return nil }
    return FileRoot(folder: path(name), isConfining: isConfining)
  }

  /// The root for a personality's programs: the one of its name, or else the last of those whose name begins with it.
  public func root(for personality: String) -> FileRoot? {
    if let root = root(named: personality) { return root }
    let others = names.filter { InstalledRoots.personality(of: $0) == personality }
    return others.max(by: InstalledRoots.isBefore).flatMap { root(named: $0) }
  }

  public static func personality(of name: String) -> String { String(name.prefix { $0 != "-" }) }

  /// Letters, digits, "-", "_" and ".", a letter first.
  public static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, isLetter(first) else { return false }
    return name.utf8.allSatisfy {
      isLetter($0) || (48...57).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }

  /// Compares names with the numbers in them as numbers, so that 9.3 is before 13.2.
  private static func isBefore(_ left: String, _ right: String) -> Bool {
    let left = parts(left), right = parts(right)
    for (one, other) in zip(left, right) where one != other {
      if let one = UInt32(one), let other = UInt32(other) { return one < other }
      return one < other
    }
    return left.count < right.count
  }

  private static func parts(_ name: String) -> [Substring] {
    name.split { $0 == "-" || $0 == "." || $0 == "_" }
  }
}
