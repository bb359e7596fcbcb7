import CHost
import Glibc
import HostText

/// A folder in memory for files that the guests of one session share, made when the first of them asks and removed
/// with the session.
final class SessionFolder {
  private static let base = "/dev/shm"
  private static let prefix = "persona."
  private var path: String?
  private var file: Int32 = -1

  /// A descriptor of the folder; nil when none can be made.
  var descriptor: Int32? {
    if path == nil { make() }
    return file >= 0 ? file : nil
  }

  private func make() {
    SessionFolder.removeLeft()
    for base in [SessionFolder.base, "/tmp"] {
      var template = Array("\(base)/\(SessionFolder.prefix)\(getpid()).XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { continue }
      let made = template.withUnsafeBufferPointer { String(host: $0.baseAddress!) }
      path = made
      file = Host.open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      return
    }
    path = ""
  }

  func remove() {
    guard let path, !path.isEmpty else { return }
    SessionFolder.remove(path)
  }

  /// Removes the folders of sessions whose supervisor was killed.
  private static func removeLeft() {
    for name in entries(base) where name.hasPrefix(prefix) {
      let parts = name.dropFirst(prefix.count).split(separator: ".")
      guard parts.count == 2, let pid = pid_t(parts[0]), kill(pid, 0) != 0, errno == ESRCH else { continue }
      remove("\(base)/\(name)")
    }
  }

  private static func entries(_ folder: String) -> [String] {
    guard let directory = Host.opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = Host.name(entry)
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a folder that holds files and folders of files.
  private static func remove(_ path: String) {
    for name in entries(path) {
      let entry = "\(path)/\(name)"
      if Host.unlink(entry) != 0 { remove(entry) }
    }
    Host.rmdir(path)
  }
}

/// Descriptors of guests that are kept for other guests, by number.
final class KeptDescriptors {
  private var files: [Int64: Int32] = [:]
  private var last: Int64 = 0

  /// Takes a duplicate of a guest's descriptor: its number, or -errno.
  func keep(_ pid: pid_t, _ descriptor: Int32) -> Int64 {
    let file = persona_copy_descriptor(pid, descriptor)
    guard file >= 0 else { return Int64(file) }
    last += 1
    files[last] = file
    return last
  }

  subscript(_ number: UInt64) -> Int32? { files[Int64(truncatingIfNeeded: number)] }

  func drop(_ number: UInt64) {
    if let file = files.removeValue(forKey: Int64(truncatingIfNeeded: number)) { close(file) }
  }
}
