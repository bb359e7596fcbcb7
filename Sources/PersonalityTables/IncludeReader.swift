import Glibc
import HostText

/// Reads a folder's tables and what they include, and puts them in order: the folder's own files first, a folder
/// before those that it includes.
struct IncludeReader {
  /// Where `../NAME/…` is looked for when there is nothing beside the including folder.
  let directories: [String]

  private struct File {
    var path: String
    var bytes: [UInt8]
    var unit: Int
    var includes: [Include] = []
  }

  private struct Include {
    /// Where the path's quotation mark stands in the file.
    var offset: Int
    var files: [Int] = []
    var problem: String?
  }

  private var files: [File] = []
  /// The folders' paths; the one that was asked for is the first.
  private var units: [String] = []
  /// The folders that a folder includes.
  private var edges: [[Int]] = []
  /// The files whose include lines are being followed, each included by the one before.
  private var active: [Int] = []

  private init(_ directories: [String]) { self.directories = directories }

  /// The tables of `folder` in alphabetical order, then what they include.
  static func read(_ folder: String, _ directories: [String]) throws(LoadError) -> SourceText {
    var reader = IncludeReader(directories)
    let root = reader.unit(withoutSlash(folder))
    for name in try PersonalityLoader.tables(in: folder) {
      _ = try reader.read(reader.units[root] + "/" + name, root)
    }
    for index in reader.files.indices { reader.follow(index) }
    return reader.text()
  }

  private mutating func unit(_ folder: String) -> Int {
    if let index = units.firstIndex(of: folder) { return index }
    units.append(folder)
    edges.append([])
    return units.count - 1
  }

  private mutating func read(_ path: String, _ unit: Int) throws(LoadError) -> Int {
    let bytes = try PersonalityLoader.contents(of: path)
    files.append(File(path: path, bytes: bytes, unit: unit))
    return files.count - 1
  }

  // MARK: Include lines

  private mutating func follow(_ index: Int) {
    active.append(index)
    defer { active.removeLast() }
    for (offset, path) in IncludeReader.lines(files[index].bytes) {
      var include = Include(offset: offset)
      do throws(LoadError) {
        try resolve(path, from: index, &include)
      } catch {
        include.problem = problem(error, path)
      }
      files[index].includes.append(include)
    }
  }

  private mutating func resolve(_ path: String, from index: Int, _ include: inout Include) throws(LoadError) {
    let unit = files[index].unit
    if unit == 0, files[index].path.hasSuffix("/abi.table") {
      include.problem = "abi.table is read alone at a start: write 'include' into another file"
      return
    }
    let target = find(path, beside: units[unit])
    var paths = [target]
    var folder = target
    if isFolder(target) {
      paths = try PersonalityLoader.tables(in: target).filter { $0 != "abi.table" }.map { target + "/" + $0 }
    } else {
      folder = String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)])
      guard target.hasSuffix(".table"), !target.hasSuffix("/abi.table") else {
        include.problem =
          target.hasSuffix("/abi.table")
          ? "abi.table describes one system: it is not included" : "'\(path)' is no *.table file"
        return
      }
    }
    let other = self.unit(folder)
    if other != unit {
      if reaches(other, unit) {
        include.problem = "'\(path)' belongs to a folder that includes this one"
        return
      }
      if !edges[unit].contains(other) { edges[unit].append(other) }
    }
    for each in paths {
      if let known = files.firstIndex(where: { $0.path == each }) {
        if active.contains(known) || includesFile(known, index) {
          include.problem = "'\(path)' includes itself"
          return
        }
        include.files.append(known)
      } else {
        let added = try read(each, other)
        include.files.append(added)
        follow(added)
      }
    }
  }

  private func problem(_ error: LoadError, _ path: String) -> String {
    switch error {
    case .missing: "there is no '\(path)'"
    case .unreadable(_, ENOENT): "there is no '\(path)'"
    case .unreadable(_, let errno): "'\(path)': \(String(cString: strerror(errno)))"
    case .empty: "'\(path)' has no *.table file"
    }
  }

  /// The path's meaning beside a folder or, where nothing is there, beside another personality. What would be the folder
  /// itself is the other one of its name, whose place it takes.
  private func find(_ path: String, beside folder: String) -> String {
    let near = IncludeReader.normal(path.hasPrefix("/") ? path : folder + "/" + path)
    let own = IncludeReader.normal(folder)
    let isOwn = near == own || near.hasPrefix(own + "/")
    guard path.hasPrefix("../"), isOwn || Host.access(near, F_OK) != 0 else { return near }
    for directory in directories {
      let candidate = IncludeReader.normal(directory + "/" + path.dropFirst(3))
      if Host.access(candidate, F_OK) == 0, !isSame(candidate, near) { return candidate }
    }
    return near
  }

  private func isSame(_ one: String, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    return Host.stat(one, &first) == 0 && Host.stat(other, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  private func isFolder(_ path: String) -> Bool {
    var status = stat()
    return Host.stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private func reaches(_ from: Int, _ to: Int) -> Bool {
    from == to || edges[from].contains { reaches($0, to) }
  }

  private func includesFile(_ from: Int, _ to: Int) -> Bool {
    files[from].includes.contains { $0.files.contains { $0 == to || includesFile($0, to) } }
  }

  /// The path of each `include "PATH"` that begins a line, and where its quotation mark stands.
  private static func lines(_ bytes: [UInt8]) -> [(offset: Int, path: String)] {
    var found: [(Int, String)] = []
    let word = Array("include".utf8)
    bytes.withUnsafeBytes { text in
      var at = 0
      while at < text.count {
        var next = text.count
        if let end = memchr(text.baseAddress! + at, 10, text.count - at) {
          next = UnsafeRawPointer(end) - text.baseAddress! + 1
        }
        defer { at = next }
        while at < next, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
        guard next - at > word.count + 2, text[at] == word[0],
          text[at..<at + word.count].elementsEqual(word)
        else { continue }
        at += word.count
        while at < next, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
        guard at < next, text[at] == UInt8(ascii: "\"") else { continue }
        let path = text[(at + 1)..<next]
        guard let end = path.firstIndex(of: UInt8(ascii: "\"")) else { continue }
        found.append((at, String(decoding: path[..<end], as: UTF8.self)))
      }
    }
    return found
  }

  // MARK: Paths

  private static func withoutSlash(_ path: String) -> String {
    var path = path
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// The path without `.` and without `NAME/..`.
  private static func normal(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }

  // MARK: Order

  private func text() -> SourceText {
    var finished: [Int] = []
    order(0, &finished)
    var source = SourceText()
    var newIndex = [Int](repeating: 0, count: files.count)
    for unit in finished.reversed() {
      for index in files.indices where files[index].unit == unit {
        newIndex[index] = source.files.count
        source.append(files[index].bytes, path: files[index].path, unit: unit)
      }
    }
    for index in files.indices {
      for include in files[index].includes {
        source.includes.append(
          SourceText.Include(
            offset: source.files[newIndex[index]].start + include.offset, file: newIndex[index],
            targets: include.files.map { newIndex[$0] }, problem: include.problem))
      }
    }
    source.headings = units.dropFirst().map { unit in
      (try? PersonalityLoader.contents(of: unit + "/abi.table")) ?? []
    }
    source.reached = units.indices.map { from in units.indices.map { $0 != from && reaches(from, $0) } }
    return source
  }

  /// A folder stands behind all that it includes here; the text has them the other way round.
  private func order(_ unit: Int, _ finished: inout [Int]) {
    for other in edges[unit].reversed() where !finished.contains(other) { order(other, &finished) }
    finished.append(unit)
  }
}
