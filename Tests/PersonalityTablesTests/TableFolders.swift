import Glibc

@testable import PersonalityTables

/// Folders of tables for one test, beside a small Linux; they are gone with the test.
final class TableFolders {
  let path: String

  /// Writes each text into the file of that name, as "tiny/files.table".
  init(_ files: [String: String]) {
    var template = Array("/tmp/persona-tables-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
    let linux = Small.linux.source
    write(linux.text(0..<linux.bytes.count), "linux/abi.table")
    for (name, text) in files { write(text, name) }
  }

  func write(_ text: String, _ name: String) {
    var folder = path
    for part in name.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o755)
    }
    let file = fopen(path + "/" + name, "w")!
    fputs(text, file)
    fclose(file)
  }

  func load(_ name: String) throws -> LoadedPersonality {
    try PersonalityLoader.load(name, from: [path])
  }

  /// What `persona check` says of a folder, this folder's path left out.
  func check(_ name: String) -> String {
    let text = CheckCommand(folders: [path + "/" + name], directories: [path]).run().text
    return text.replacingOccurrences(of: path + "/", with: "")
  }

  deinit { TableFolders.delete(path) }

  private static func delete(_ path: String) {
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { delete(path + "/" + name) }
      }
      closedir(stream)
    }
    remove(path)
  }
}

extension String {
  func replacingOccurrences(of part: String, with other: String) -> String {
    split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
  }
}
