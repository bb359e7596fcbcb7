import BinaryImage
import Glibc
import HostText

/// A file that is to be executed: opened, read and judged.
public struct ProgramFile: ~Copyable {
  /// Open for reading, closed on exec; owned.
  public let descriptor: Int32
  /// The absolute path that the guest is told.
  public let path: String
  /// The path that it was opened by.
  let hostPath: String
  let status: stat
  private let known: KnownImage
  public var image: Image { known.image }
  /// Which file it is, if it is executed again and again, and gives nobody rights.
  var identity: FileIdentity? { status.st_mode & (S_ISUID | S_ISGID) == 0 ? known.file : nil }

  deinit {
    close(descriptor)
  }

  /// Opens and reads `hostPath`; errors name the file by `path`.
  public init(hostPath: String, path: String? = nil, _ recognizer: Recognizer) throws(LaunchError) {
    let shown = path ?? hostPath
    let descriptor = Host.open(hostPath, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    let openError = errno
    var status = stat()
    guard (descriptor >= 0 ? fstat(descriptor, &status) : Host.stat(hostPath, &status)) == 0 else {
      if descriptor >= 0 { close(descriptor) }
      throw ProgramFile.failure(shown, openError)
    }
    do throws(LaunchError) {
      try ProgramFile.checkExecutable(hostPath, shown, status)
      guard descriptor >= 0 else { throw ProgramFile.failure(shown, openError) }
      known = try ProgramFile.read(descriptor, status, shown, recognizer)
    } catch {
      if descriptor >= 0 { close(descriptor) }
      throw error
    }
    self.descriptor = descriptor
    self.hostPath = hostPath
    self.status = status
    self.path = shown.hasPrefix("/") ? shown : ProgramFile.absolute(shown)
  }

  /// Reads a file that a process has found it may execute.
  ///
  /// - Parameter descriptor: open for reading; becomes this value's own.
  init(opened descriptor: Int32, hostPath: String, path: String, _ recognizer: Recognizer) throws(LaunchError) {
    var status = stat()
    do throws(LaunchError) {
      guard fstat(descriptor, &status) == 0 else { throw ProgramFile.failure(path, errno) }
      try ProgramFile.checkKind(path, status)
      known = try ProgramFile.read(descriptor, status, path, recognizer)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    self.hostPath = hostPath
    self.status = status
    self.path = path
  }

  /// The system that it was built for.
  func origin(_ recognizer: Recognizer) -> Origin { known.origin(recognizer) }

  private static func read(
    _ descriptor: Int32, _ status: stat, _ shown: String, _ recognizer: Recognizer
  ) throws(LaunchError) -> KnownImage {
    do {
      return try recognizer.images.image(of: descriptor, status)
    } catch {
      var failure = LaunchError(.cannotRun, file: shown, error.description)
      var mark: UInt16 = 0
      if pread(descriptor, &mark, 2, 0) == 2, mark == 0x2123 /* "#!" */ { failure.guestError = ENOEXEC }
      throw failure
    }
  }

  private static func failure(_ shown: String, _ code: Int32) -> LaunchError {
    var error = explanation(shown, code)
    error.guestError = code
    return error
  }

  private static func explanation(_ shown: String, _ code: Int32) -> LaunchError {
    switch code {
    case ENOENT, ENOTDIR:
      LaunchError(.notFound, file: shown, "no such file", remedy: "check the path")
    case EACCES:
      LaunchError(
        .cannotRun, file: shown, "permission denied",
        remedy: "check the permissions of the file and its folders")
    case ELOOP:
      LaunchError(.cannotRun, file: shown, "too many symbolic links", remedy: "check where they lead")
    default:
      LaunchError(.cannotRun, file: shown, "cannot be opened: \(describe(code))", remedy: "check the path")
    }
  }

  private static func checkKind(_ shown: String, _ status: stat) throws(LaunchError) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR:
      throw LaunchError(.cannotRun, file: shown, "is a directory", remedy: "name a program in it", guestError: EACCES)
    default:
      throw LaunchError(.cannotRun, file: shown, "is not a regular file", remedy: "name a program", guestError: EACCES)
    }
  }

  private static func checkExecutable(_ hostPath: String, _ shown: String, _ status: stat) throws(LaunchError)
  {
    try checkKind(shown, status)
    guard Host.isExecutable(hostPath) else {
      throw LaunchError(
        .cannotRun, file: shown, "is not executable", remedy: "chmod +x it, if it is meant to be run",
        guestError: EACCES)
    }
  }

  /// The path with the current folder before it, lexically.
  static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let base = Host.getcwd() else { return path }
    return (base == "/" ? "" : base) + "/" + (path.hasPrefix("./") ? String(path.dropFirst(2)) : path)
  }
}

// MARK: - Finding

extension ProgramFile {
  /// Finds a program as execvp(3) does: a name with a slash is a path, any other is searched in `searchPath`.
  /// Absolute paths are looked up under `root` first.
  public static func find(
    _ name: String, searchPath: String?, root: FileRoot?, _ recognizer: Recognizer
  ) throws(LaunchError) -> ProgramFile {
    guard !name.isEmpty else {
      throw LaunchError(.notFound, "the program's name is empty", remedy: "name a program")
    }
    if name.utf8.contains(47) { return try open(name, root: root, recognizer) }
    var refused: String?
    for folder in (searchPath ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false) {
      let candidate = folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
      for host in hostPaths(of: candidate, root: root) {
        var status = stat()
        guard Host.stat(host, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
        if Host.isExecutable(host) {
          return try ProgramFile(hostPath: host, path: candidate, recognizer)
        }
        refused = refused ?? candidate
      }
    }
    if let refused {
      throw LaunchError(
        .cannotRun, file: refused, "is not executable", remedy: "chmod +x it, if it is meant to be run",
        guestError: EACCES)
    }
    throw LaunchError(
      .notFound, file: name, "no such program in PATH", remedy: "give its path, such as ./\(name)")
  }

  /// Opens a path, under `root` first when it is absolute.
  public static func open(_ path: String, root: FileRoot?, _ recognizer: Recognizer) throws(LaunchError)
    -> ProgramFile
  {
    let hosts = hostPaths(of: path, root: root)
    guard !hosts.isEmpty else { throw failure(path, ENOENT) }
    var status = stat()
    let host = hosts.first { Host.stat($0, &status) == 0 }
    return try ProgramFile(hostPath: host ?? path, path: path, recognizer)
  }

  /// Where a guest's path may lie on the host, in the order of the search.
  static func hostPaths(of path: String, root: FileRoot?) -> [String] {
    guard let root, path.hasPrefix("/") else { return [path] }
    if let found = root.resolve(path) { return root.isConfining ? [found] : [found, path] }
    return root.isConfining || root.hides(path) ? [] : [path]
  }
}
