import Glibc

// To Linux names, arguments and environments are bytes; to Swift a String is Unicode. Bytes that are no UTF-8 become
// characters of a private use area here, one each, and are the same bytes again on their way out (as Python's
// surrogateescape does with characters that a Swift String cannot hold). What goes to Linux, or to a person, goes by
// `hostBytes` or `withHost`.

/// The byte 0x80 is U+10FF80, and so on. A text that holds such a character itself is escaped byte by byte.
private let escape: UInt32 = 0x10_ff00
private let escaped = ClosedRange(uncheckedBounds: (escape + 0x80, escape + 0xff))

/// The first byte of an escaped byte in UTF-8.
private let firstByte: UInt8 = 0xf4

extension String {
  /// Text as Linux gave it.
  public init(host bytes: [UInt8]) {
    if !bytes.contains(firstByte), let text = String(validating: bytes, as: UTF8.self) {
      self = text
      return
    }
    self.init()
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes[...].makeIterator()
    var at = 0
    while true {
      let count: Int
      var scalar: Unicode.Scalar?
      switch parser.parseScalar(from: &rest) {
      case .valid(let encoded):
        count = encoded.count
        scalar = Unicode.UTF8.decode(encoded)
      case .error(let length): count = length
      case .emptyInput: return
      }
      if let scalar, !escaped.contains(scalar.value) {
        unicodeScalars.append(scalar)
      } else {
        for byte in bytes[at..<(at + count)] { unicodeScalars.append(Unicode.Scalar(escape + UInt32(byte))!) }
      }
      at += count
    }
  }

  /// NUL-terminated text as Linux gave it.
  public init(host text: UnsafePointer<CChar>) {
    self.init(host: Array(UnsafeRawBufferPointer(start: text, count: strlen(text))))
  }

  /// The text as Linux takes it, without a NUL.
  public var hostBytes: [UInt8] {
    if !utf8.contains(firstByte) { return Array(utf8) }
    var bytes: [UInt8] = []
    for scalar in unicodeScalars {
      if escaped.contains(scalar.value) {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      } else {
        bytes += Array(String(scalar).utf8)
      }
    }
    return bytes
  }

  /// Calls `body` with the text as Linux takes it, NUL-terminated.
  public func withHost<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (hostBytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
    }
  }
}

/// An argument vector: copies of `words` and a null pointer, the caller's to release.
public func hostVector(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] { words.map { $0.withHost(strdup) } + [nil] }

/// stat(2), whose name is the structure's too.
private func fill(_ status: inout stat, _ path: UnsafePointer<CChar>) -> Int32 { stat(path, &status) }

/// Linux's calls on names, which are taken as Linux gave them. Results and errno are Linux's.
public enum Host {
  public static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
    path.withHost { Glibc.open($0, flags, mode) }
  }

  public static func stat(_ path: String, _ status: inout Glibc.stat) -> Int32 { path.withHost { fill(&status, $0) } }
  public static func lstat(_ path: String, _ status: inout Glibc.stat) -> Int32 { path.withHost { Glibc.lstat($0, &status) } }
  public static func access(_ path: String, _ mode: Int32) -> Int32 { path.withHost { Glibc.access($0, mode) } }

  /// Whether this process may execute a file with the rights that it has now.
  public static func isExecutable(_ path: String) -> Bool {
    path.withHost { faccessat(AT_FDCWD, $0, X_OK, AT_EACCESS) } == 0
  }

  public static func opendir(_ path: String) -> OpaquePointer? { path.withHost { Glibc.opendir($0) } }
  public static func fopen(_ path: String, _ mode: String) -> UnsafeMutablePointer<FILE>? { path.withHost { Glibc.fopen($0, mode) } }
  public static func mkdir(_ path: String, _ mode: mode_t) -> Int32 { path.withHost { Glibc.mkdir($0, mode) } }
  @discardableResult public static func rmdir(_ path: String) -> Int32 { path.withHost { Glibc.rmdir($0) } }
  @discardableResult public static func unlink(_ path: String) -> Int32 { path.withHost { Glibc.unlink($0) } }
  public static func chdir(_ path: String) -> Int32 { path.withHost { Glibc.chdir($0) } }

  public static func rename(_ path: String, _ target: String) -> Int32 {
    path.withHost { path in target.withHost { Glibc.rename(path, $0) } }
  }

  public static func symlink(_ text: String, _ path: String) -> Int32 {
    text.withHost { text in path.withHost { Glibc.symlink(text, $0) } }
  }

  /// The target of a symbolic link.
  public static func readlink(_ path: String) -> String? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(PATH_MAX)) { buffer in
      let length = path.withHost { path in
        buffer.withMemoryRebound(to: CChar.self) { Glibc.readlink(path, $0.baseAddress!, $0.count) }
      }
      return length > 0 ? String(host: Array(buffer[..<length])) : nil
    }
  }

  /// The path without symbolic links.
  public static func realpath(_ path: String) -> String? { text(path.withHost { Glibc.realpath($0, nil) }) }

  public static func getcwd() -> String? { text(Glibc.getcwd(nil, 0)) }

  public static func getenv(_ name: String) -> String? { Glibc.getenv(name).map { String(host: $0) } }

  /// The name of a folder's entry.
  public static func name(_ entry: UnsafePointer<dirent>) -> String {
    withUnsafeBytes(of: entry.pointee.d_name) { String(host: Array($0.prefix { $0 != 0 })) }
  }

  /// Writes text to standard output.
  public static func print(_ text: String, terminator: String = "\n") {
    // Swift's output is C's stream, which Swift 6 does not let others use.
    if !text.utf8.contains(firstByte) { return Swift.print(text, terminator: terminator) }
    fflush(nil)
    write(text + terminator, to: STDOUT_FILENO)
  }

  /// Writes a line to standard error.
  public static func printError(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to file: Int32) {
    var rest = text.hostBytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }

  private static func text(_ allocated: UnsafeMutablePointer<CChar>?) -> String? {
    guard let allocated else { return nil }
    defer { free(allocated) }
    return String(host: allocated)
  }
}
