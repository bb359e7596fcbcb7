import Glibc
import HostText

/// Why a folder of tables could not be read.
public enum LoadError: Error, Equatable, CustomStringConvertible {
  case missing(folder: String)
  case unreadable(path: String, errno: Int32)
  case empty(folder: String)

  public var description: String {
    switch self {
    case .missing(let folder): "\(folder): no such folder of tables"
    case .unreadable(let path, let errno): "\(path): \(String(cString: strerror(errno)))"
    case .empty(let folder): "\(folder): no *.table file in this folder"
    }
  }
}

/// A personality as read, its text for messages, and what is wrong with it.
public struct LoadedPersonality: Sendable {
  public var personality: Personality
  public var source: SourceText
  public var diagnostics: [Diagnostic]

  /// Reads a text that is already in memory.
  public init(_ source: SourceText, edition: Edition = Edition()) {
    self.source = source
    (personality, diagnostics) = Parser.parse(source, edition)
    if personality.name.isEmpty, personality.systems.isEmpty, diagnostics.isEmpty {
      diagnostics.append(
        Diagnostic(position: Position(0, 0), message: "no 'personality NAME \"TITLE\" version V' heading"))
    }
  }

  /// All reports, one after the other, in the order of the text.
  public var report: String {
    diagnostics.sorted { $0.position.offset < $1.position.offset }.map { $0.text(in: source) + "\n" }.joined()
  }
}

public enum PersonalityLoader {
  /// Reads `*.table` of `folder` in alphabetical order, and what they include, and parses them as one text.
  ///
  /// - Parameter directories: where an included folder is looked for when it is not beside `folder`.
  public static func load(
    folder: String, directories: [String] = [], edition: Edition = Edition()
  ) throws(LoadError) -> LoadedPersonality {
    LoadedPersonality(try source(folder: folder, directories: directories), edition: edition)
  }

  /// Reads the personality `name` from the first of `directories` that has a folder of this name.
  public static func load(
    _ name: String, from directories: [String], edition: Edition = Edition()
  ) throws(LoadError) -> LoadedPersonality {
    try load(folder: folder(name, in: directories), directories: directories, edition: edition)
  }

  /// What the personality's abi.table alone says: heading, ABIs, recognition; nil where there is none.
  public static func heading(_ name: String, from directories: [String]) -> Personality? {
    guard let folder = try? folder(name, in: directories) else { return nil }
    return parse(folder + "/abi.table")?.personality
  }

  /// The folder of the personality `name` in the first of `directories` that has one. A directory or folder
  /// that is there and cannot be looked into is an error: it might hold the one that is meant.
  static func folder(_ name: String, in directories: [String]) throws(LoadError) -> String {
    for directory in directories {
      let folder = directory + "/" + name
      if Host.access(folder + "/abi.table", F_OK) == 0 { return folder }
      let code = errno
      var status = stat()
      if code == ENOENT, Host.stat(folder, &status) == 0 { continue }
      if Host.lstat(folder, &status) == 0 { throw .unreadable(path: folder, errno: code) }
      if Host.lstat(directory, &status) == 0, code != ENOENT || Host.access(directory, F_OK) != 0 {
        throw .unreadable(path: directory, errno: code)
      }
    }
    throw .missing(folder: (directories.first.map { $0 + "/" } ?? "") + name)
  }

  static func source(folder: String, directories: [String] = []) throws(LoadError) -> SourceText {
    try IncludeReader.read(folder, directories)
  }

  /// Whether the folder describes a system: one without abi.table holds declarations that others include.
  public static func isPersonality(_ folder: String) -> Bool { access(folder + "/abi.table", F_OK) == 0 }

  /// The names of the personalities in a folder, in alphabetical order; Linux's description is one of them.
  static func names(in directory: String) -> [String] {
    folders(in: directory).map { String($0.dropFirst(directory.count + 1)) }
  }

  /// The folders in a folder that are accepted, in alphabetical order.
  static func folders(in directory: String, accepting: (String) -> Bool = isPersonality) -> [String] {
    guard let stream = Host.opendir(directory) else { return [] }
    defer { closedir(stream) }
    var found: [String] = []
    while let entry = readdir(stream) {
      let name = Host.name(entry)
      if !name.hasPrefix("."), accepting(directory + "/" + name) { found.append(directory + "/" + name) }
    }
    return found.sorted()
  }

  static func hasTables(_ folder: String) -> Bool { (try? tables(in: folder)) != nil }

  /// The names of `*.table` files in alphabetical order.
  static func tables(in folder: String) throws(LoadError) -> [String] {
    guard let directory = Host.opendir(folder) else {
      throw errno == ENOENT || errno == ENOTDIR
        ? .missing(folder: folder) : .unreadable(path: folder, errno: errno)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = Host.name(entry)
      if name.hasSuffix(".table"), !name.hasPrefix(".") { names.append(name) }
    }
    if names.isEmpty { throw .empty(folder: folder) }
    return names.sorted()
  }

  static func contents(of path: String) throws(LoadError) -> [UInt8] {
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, errno: EISDIR) }
    var bytes: [UInt8] = []
    var failure: Int32 = 0
    bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size) + 1) { buffer, count in
      while count < buffer.count {
        let length = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if length < 0, errno == EINTR { continue }
        if length < 0 { failure = errno }
        if length <= 0 { break }
        count += length
      }
    }
    if failure != 0 { throw .unreadable(path: path, errno: failure) }
    return bytes
  }
}
