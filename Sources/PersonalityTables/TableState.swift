import CHost
import Glibc
import HostText

/// Words and texts one after the other, as Persona's own files keep them.
struct RecordWriter {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }

  mutating func add(_ flag: Bool) { add(flag ? 1 : 0) }

  mutating func add(_ text: String) {
    add(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func add(_ text: String?) {
    add(text != nil)
    if let text { add(text) }
  }

  mutating func add<Item>(_ items: [Item], _ write: (Item, inout RecordWriter) -> Void) {
    add(UInt64(items.count))
    for item in items { write(item, &self) }
  }
}

/// Reads what `RecordWriter` wrote. What is not there reads as nothing, and `isWhole` is false from then on.
struct RecordReader {
  private let bytes: [UInt8]
  private var offset = 0
  private(set) var isWhole = true

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func word() -> UInt64 {
    guard bytes.count - offset >= 8 else {
      isWhole = false
      return 0
    }
    defer { offset += 8 }
    return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  mutating func narrow() -> UInt32 { UInt32(truncatingIfNeeded: word()) }

  mutating func flag() -> Bool { word() != 0 }

  mutating func text() -> String {
    let count = word()
    guard count <= UInt64(bytes.count - offset) else {
      isWhole = false
      return ""
    }
    defer { offset += Int(count) }
    return String(decoding: bytes[offset..<offset + Int(count)], as: UTF8.self)
  }

  mutating func optionalText() -> String? { flag() ? text() : nil }

  mutating func items<Item>(_ read: (inout RecordReader) -> Item) -> [Item] {
    let count = word()
    var found: [Item] = []
    while found.count < count, isWhole { found.append(read(&self)) }
    return found
  }
}

/// How the tables of some folders lay there when they were read: which there were, how long, and when each was last
/// changed. As long as this holds, what was made of them does, and none need be read.
struct TableState: Equatable {
  struct File: Equatable {
    var name: String
    var size: UInt64
    var seconds: UInt64
    var nanoseconds: UInt64
  }

  struct Folder: Equatable {
    /// Its name in the folder of personalities.
    var name: String
    var files: [File]
  }

  var folders: [Folder]

  /// The state of folders beside each other in `directory`; nil where one cannot be looked at.
  init?(_ directory: String, folders names: [String]) {
    folders = []
    for name in names {
      let path = directory + "/" + name
      guard let tables = try? PersonalityLoader.tables(in: path), let folder = Host.opendir(path) else { return nil }
      defer { closedir(folder) }
      var files: [File] = []
      for table in tables {
        guard let file = File(table, at: dirfd(folder)) else { return nil }
        files.append(file)
      }
      folders.append(Folder(name: name, files: files))
    }
  }

  /// The folders that a text was read from, if all lie in `directory` and all of their tables are in the text.
  static func folders(of text: SourceText, in directory: String) -> [String]? {
    var names: [String] = []
    for file in text.files {
      let parts = file.path.dropFirst(directory.count).split(separator: "/")
      guard file.path.hasPrefix(directory + "/"), parts.count == 2 else { return nil }
      let name = String(parts[0])
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// Whether a change after now shows in a file's time: Linux counts it in steps of up to 10 ms, some file systems in
  /// seconds.
  var isSettled: Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return folders.allSatisfy {
      $0.files.allSatisfy { TableState.isSettled($0, now) }
    }
  }

  static func isSettled(_ file: File, _ now: timespec) -> Bool {
    let age = Double(now.tv_sec) - Double(file.seconds) + (Double(now.tv_nsec) - Double(file.nanoseconds)) / 1e9
    return age > (file.nanoseconds == 0 ? 2 : 0.03)
  }

  // MARK: Keeping

  func write(to writer: inout RecordWriter) {
    writer.add(folders) { folder, writer in
      writer.add(folder.name)
      writer.add(folder.files) { $0.write(to: &$1) }
    }
  }

  /// Whether the folders in `directory` still lie as `write` told.
  ///
  /// Each start asks so, which is why nothing is made of the words, and files are asked for from their folder: the way there
  /// is walked once.
  static func holds(_ reader: inout RecordReader, in directory: String) -> Bool {
    var folders = reader.word()
    while folders > 0, reader.isWhole {
      guard let folder = Host.opendir(directory + "/" + reader.text()) else { return false }
      defer { closedir(folder) }
      var files = reader.word()
      guard files == tableCount(folder) else { return false }
      while files > 0, reader.isWhole {
        let file = File(from: &reader)
        guard File(file.name, at: dirfd(folder)) == file else { return false }
        files -= 1
      }
      folders -= 1
    }
    return reader.isWhole
  }

  private static func tableCount(_ folder: OpaquePointer) -> UInt64 {
    var count: UInt64 = 0
    while let entry = readdir(folder) {
      let isTable = withUnsafeBytes(of: &entry.pointee.d_name) { name in
        name[0] != UInt8(ascii: ".") && name.prefix { $0 != 0 }.suffix(6).elementsEqual(".table".utf8)
      }
      if isTable { count += 1 }
    }
    return count
  }
}

extension TableState.File {
  /// The file of this name, as seen from the open folder `folder`.
  init?(_ name: String, at folder: Int32) {
    var status = stat()
    guard name.withHost({ fstatat(folder, $0, &status, 0) }) == 0 else { return nil }
    self.init(
      name: name, size: UInt64(status.st_size), seconds: UInt64(bitPattern: Int64(status.st_mtim.tv_sec)),
      nanoseconds: UInt64(status.st_mtim.tv_nsec))
  }

  func write(to writer: inout RecordWriter) {
    writer.add(name)
    for word in [size, seconds, nanoseconds] { writer.add(word) }
  }

  init(from reader: inout RecordReader) {
    self.init(name: reader.text(), size: reader.word(), seconds: reader.word(), nanoseconds: reader.word())
  }
}

/// A hash of the program that runs, which changes with every build; nil where it has no build id.
func buildFingerprint() -> UInt64? {
  var build = [UInt8](repeating: 0, count: 64)
  guard persona_build_identity(&build, build.count) > 0 else { return nil }
  var hash = Fingerprint()
  hash.add(build)
  return hash.value
}
