/// The bytes of a folder's tables, one after the other, and where each file begins.
public struct SourceText: Sendable {
  struct File: Sendable {
    var path: String
    var start: Int
    var end: Int
    /// The folder it belongs to: 0 for the personality's own.
    var unit = 0
  }

  /// An `include` line and the files it names.
  struct Include: Sendable {
    /// Where the path's quotation mark stands.
    var offset: Int
    /// The file that the line is in.
    var file: Int
    var targets: [Int]
    /// Why the files cannot be included.
    var problem: String?
  }

  var bytes: [UInt8] = []
  /// A folder's own files first, a folder before those that it includes.
  var files: [File] = []
  var includes: [Include] = []
  /// Whether a folder includes another, by their units.
  var reached: [[Bool]] = []
  /// The abi.table of each folder behind the first, by which its conditions are read; empty where it has none.
  var headings: [[UInt8]] = []

  public init() {}

  /// A single text, as the tests use it.
  public init(_ text: String, path: String) {
    append(Array(text.utf8), path: path)
  }

  public mutating func append(_ contents: [UInt8], path: String) { append(contents, path: path, unit: 0) }

  mutating func append(_ contents: [UInt8], path: String, unit: Int) {
    let start = bytes.count
    bytes += contents
    files.append(File(path: path, start: start, end: bytes.count, unit: unit))
  }

  /// The folder that the text at `offset` belongs to.
  func unit(of offset: Int) -> Int { file(of: offset)?.unit ?? 0 }

  /// "personalities/NAME/files.table:12:29"; lines and columns count from 1, columns in characters.
  public func place(_ position: Position) -> String {
    let (file, line, column) = locate(Int(position.offset))
    return "\(file):\(line):\(column)"
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// The line that holds `offset`, without its end.
  func line(around offset: Int) -> Range<Int> {
    guard let file = file(of: offset) else { return 0..<0 }
    var start = min(offset, file.end)
    while start > file.start, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    var end = start
    while end < file.end, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") { end += 1 }
    return start..<end
  }

  private func file(of offset: Int) -> File? {
    files.last { $0.start <= offset && (offset < $0.end || $0.end == bytes.count || $0.start == offset) }
      ?? files.last { offset >= $0.start }
  }

  func locate(_ offset: Int) -> (path: String, line: Int, column: Int) {
    guard let file = file(of: offset) else { return ("", 1, 1) }
    let end = min(offset, bytes.count)
    var line = 1
    for index in file.start..<max(end, file.start) where bytes[index] == UInt8(ascii: "\n") { line += 1 }
    let start = self.line(around: offset).lowerBound
    return (file.path, line, text(start..<max(end, start)).unicodeScalars.count + 1)
  }
}
