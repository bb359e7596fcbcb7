import Glibc
import HostText
import PersonalityTables

/// Where Persona's own files are: beside its executable, in the layout of an installation prefix.
public struct Installation: Sendable {
  /// The folder that holds bin/, lib/ and share/.
  public var prefix: String

  public init(prefix: String) {
    self.prefix = prefix
  }

  /// The installation that this process was started from.
  public static func current() throws(LaunchError) -> Installation {
    guard let executable = Host.readlink("/proc/self/exe") else {
      throw LaunchError(
        .ours, "cannot read /proc/self/exe: \(describe(errno))", remedy: "mount a proc file system on /proc")
    }
    var prefix = executable.utf8[...]
    for _ in 0..<2 { prefix = prefix[..<(prefix.lastIndex(of: 47) ?? prefix.startIndex)] }
    return Installation(prefix: String(Substring(prefix)))
  }

  /// The engine that every guest is started with.
  public var engine: String { prefix + "/lib/persona/engine" }

  /// The folder of installed personalities.
  public var personalities: String { prefix + "/share/persona/personalities" }

  /// Where personalities are looked for, an earlier folder before a later one: those that the user names, the
  /// user's own folder if there is one, and the installed one.
  public func directories(_ named: [String] = []) -> [String] {
    let own = Installation.userPersonalities(Host.getenv)
    return named + [own].compactMap { $0 }.filter(isThere) + [personalities]
  }

  /// The user's own folder of personalities (XDG base directory specification); nil without a home.
  static func userPersonalities(_ environment: (String) -> String?) -> String? {
    if let base = environment("XDG_CONFIG_HOME"), base.hasPrefix("/") { return base + "/persona/personalities" }
    guard let home = environment("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.config/persona/personalities"
  }
}

/// Whether there is anything of that name, a link that leads nowhere included.
private func isThere(_ path: String) -> Bool {
  var status = stat()
  return Host.lstat(path, &status) == 0
}

/// The names of all personalities in `directories`, in alphabetical order; Linux itself is none.
func personalityNames(in directories: [String]) -> [String] {
  var names: Set<String> = []
  for directory in directories {
    for name in entries(of: directory)
    where name != "linux" && PersonalityLoader.isPersonality(directory + "/" + name) {
      names.insert(name)
    }
  }
  return names.sorted()
}

func isDirectory(_ path: String) -> Bool {
  var status = stat()
  return Host.stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names in a folder without those that begin with a dot, or those alone; none when it cannot be read.
func entries(of directory: String, hidden: Bool = false) -> [String] {
  guard let stream = Host.opendir(directory) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = Host.name(entry)
    if name.hasPrefix(".") == hidden, name != ".", name != ".." { names.append(name) }
  }
  return names
}

/// Linux's text for an errno.
func describe(_ code: Int32) -> String { String(cString: strerror(code)) }
