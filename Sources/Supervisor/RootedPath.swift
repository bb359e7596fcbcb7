import CHost
import Glibc

/// Looks paths up inside a shadow root, so that its symbolic links lead nowhere else.
enum RootedPath {
  /// The host's path of `path` under `root`, or nil when it does not exist there.
  static func resolve(_ path: String, root: String) -> String? {
    let found = persona_open_in_root(root, path)
    guard found >= 0 else { return nil }
    defer { close(found) }
    return readLink("/proc/self/fd/\(found)")
  }
}
