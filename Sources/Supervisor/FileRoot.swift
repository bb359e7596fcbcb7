import CHost
import Glibc
import HostText

/// A tree of a foreign system's files, in which its programs' absolute paths are looked up.
public struct FileRoot: Sendable, Equatable {
  /// Its path from `/`, without symbolic links.
  public let path: String
  /// Nothing else is there: paths that it does not hold do not exist.
  public let isConfining: Bool

  public init(path: String, isConfining: Bool = false) {
    self.path = path
    self.isConfining = isConfining
  }

  /// The folder that a user names.
  public init(folder: String, isConfining: Bool = false) {
    self.init(path: Host.realpath(folder) ?? folder, isConfining: isConfining)
  }

  /// The host's path of `path` in the root, or nil when it does not exist there. Symbolic links lead nowhere else.
  func resolve(_ path: String) -> String? {
    let found = self.path.withHost { root in path.withHost { persona_open_in_root(root, $0) } }
    guard found >= 0 else { return nil }
    defer { close(found) }
    return Host.readlink("/proc/self/fd/\(found)")
  }

  /// Whether `path`, which the root does not hold, names a program of the host that one of the root's hides: it is in
  /// another of the folders of programs, as ls is in /bin there, and on the host in /usr/bin.
  func hides(_ path: String) -> Bool {
    let folders = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"]
    guard let own = folders.first(where: path.hasPrefix) else { return false }
    let name = path.dropFirst(own.utf8.count)
    guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else { return false }
    return folders.contains { $0 != own && resolve($0 + name) != nil }
  }

  /// Refuses a root that cannot be looked into, where everything would seem to be missing. A confining root holds the
  /// current folder, too.
  func enter() throws(LaunchError) {
    guard Host.access(path, X_OK) == 0 else {
      throw LaunchError(
        .cannotRun, file: path, "the root cannot be looked into: \(describe(errno))",
        remedy: "check the folder's permissions")
    }
    guard isConfining, let folder = Host.getcwd() else { return }
    guard folder != path, !folder.hasPrefix(path + "/") else { return }
    guard Host.chdir(path) == 0 else {
      throw LaunchError(
        .cannotRun, file: path, "cannot be entered: \(describe(errno))",
        remedy: "check the folder's permissions")
    }
  }

  /// What a guest calls a host's path.
  func guestPath(of host: String) -> String { place(of: host) ?? host }

  /// Where a host's path is in the tree, from its top; nil outside.
  func place(of host: String) -> String? {
    guard host.utf8.starts(with: path.utf8) else { return nil }
    let rest = String(Substring(host.utf8.dropFirst(path.utf8.count)))
    return rest.isEmpty ? "/" : rest.utf8.first == 47 ? rest : nil
  }
}
