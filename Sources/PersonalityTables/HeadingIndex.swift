import Glibc
import HostText

/// What recognition needs of the systems in one folder of personalities, as `persona check --compile` left it there, so
/// that a start need not read all their abi.table. It holds as long as those and systems.table lie as they lay.
struct HeadingIndex {
  /// The names in the folder that may be personalities.
  private var names: [String]
  private var state: [TableState.File]
  /// The personalities and Linux.
  private(set) var personalities: [SystemHeading]
  /// The systems that are recognised only.
  private(set) var systems: [SystemHeading]

  /// "headings" as a little-endian word.
  private static let magic: UInt64 = 0x7367_6e69_6461_6568
  private static let name = "headings"

  /// Describes the folder as it is now; nil while a change would not show.
  init?(describing directory: String) {
    guard let folder = Host.opendir(directory) else { return nil }
    defer { closedir(folder) }
    names = HeadingIndex.entries(folder)
    let folders = names.filter { PersonalityLoader.isPersonality(directory + "/" + $0) }
    guard let state = HeadingIndex.state(dirfd(folder), folders) else { return nil }
    self.state = state
    personalities = folders.compactMap { SystemHeading($0, in: directory) }
    systems = SystemHeading.recognised(in: directory)
    guard personalities.count == folders.count else { return nil }
  }

  /// Reads the folder's index; nil where there is none, or it is of other tables or another build.
  init?(of directory: String) {
    guard let bytes = try? PersonalityLoader.contents(of: directory + "/" + HeadingIndex.name) else { return nil }
    var reader = RecordReader(bytes)
    guard reader.word() == HeadingIndex.magic, let build = buildFingerprint(), reader.word() == build else { return nil }
    names = reader.items { $0.text() }
    state = reader.items { TableState.File(from: &$0) }
    guard reader.isWhole, let folder = Host.opendir(directory) else { return nil }
    defer { closedir(folder) }
    guard HeadingIndex.entries(folder) == names else { return nil }
    for file in state where TableState.File(file.name, at: dirfd(folder)) != file { return nil }
    personalities = reader.items { SystemHeading(from: &$0) }
    systems = reader.items { SystemHeading(from: &$0) }
    guard reader.isWhole else { return nil }
    let known = personalities.map(\.name)
    for name in names where !known.contains(name) && PersonalityLoader.isPersonality(directory + "/" + name) { return nil }
  }

  /// Puts the index beside the tables; nil, or the errno that prevented it.
  func store(in directory: String) -> Int32? {
    guard let build = buildFingerprint() else { return nil }
    var writer = RecordWriter()
    writer.add(HeadingIndex.magic)
    writer.add(build)
    writer.add(names) { $1.add($0) }
    writer.add(state) { $0.write(to: &$1) }
    writer.add(personalities) { $0.write(to: &$1) }
    writer.add(systems) { $0.write(to: &$1) }
    return PreparedTable.writeFile(directory + "/" + HeadingIndex.name, writer.bytes)
  }

  private static func state(_ directory: Int32, _ folders: [String]) -> [TableState.File]? {
    let paths = folders.map { $0 + "/abi.table" } + ["systems.table"]
    for attempt in 0...1 {
      let files = paths.compactMap { TableState.File($0, at: directory) }
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      if files.count == paths.count, files.allSatisfy({ TableState.isSettled($0, now) }) { return files }
      if attempt == 0 { usleep(40_000) }
    }
    return nil
  }

  /// The names in a folder of personalities but for those of Persona's own files.
  private static func entries(_ folder: OpaquePointer) -> [String] {
    var found: [String] = []
    while let entry = readdir(folder) {
      let name = Host.name(entry)
      if !name.hasPrefix("."), !name.hasPrefix(HeadingIndex.name), !name.hasSuffix(".table") { found.append(name) }
    }
    return found.sorted()
  }
}

// MARK: - A heading's words

extension SystemHeading {
  func write(to writer: inout RecordWriter) {
    writer.add(name)
    writer.add(title)
    releases.write(to: &writer)
    writer.add(abis) { abi, writer in
      writer.add(abi.name)
      writer.add(abi.machine != nil)
      if let machine = abi.machine { writer.add(UInt64(machine)) }
      writer.add(UInt64(abi.word))
    }
    marks.write(to: &writer)
    writer.add(bound) { $0.write(to: &$1) }
  }

  init(from reader: inout RecordReader) {
    name = reader.text()
    title = reader.text()
    releases = Releases(from: &reader)
    abis = reader.items { reader in
      Machine(
        name: reader.text(), machine: reader.flag() ? UInt16(truncatingIfNeeded: reader.word()) : nil,
        word: Int(truncatingIfNeeded: reader.word()))
    }
    marks = SystemMarks(from: &reader)
    bound = reader.items { BoundFolder(from: &$0) }
  }
}

extension SystemMarks {
  fileprivate func write(to writer: inout RecordWriter) {
    writer.add(osabis) { $1.add(UInt64($0)) }
    writer.add(notes) { note, writer in
      writer.add(note.owner)
      writer.add(UInt64(note.type))
      writer.add(note.first != nil)
      if let first = note.first { writer.add(UInt64(first)) }
      writer.add(note.release == .none ? 0 : note.release == .number ? 1 : 2)
    }
    writer.add(interpreters) { $0.write(to: &$1) }
    writer.add(libraries) { $1.add($0) }
    writer.add(rootReleases) { release, writer in
      writer.add(release.path)
      writer.add(release.text)
    }
    writer.add(goSystems) { $1.add($0) }
    writer.add(segments) { segment, writer in
      writer.add(UInt64(segment.types.lowerBound))
      writer.add(UInt64(segment.types.upperBound))
      writer.add(segment.name)
    }
    writer.add(flags) { $1.add($0) }
    writer.add(comments) { $0.write(to: &$1) }
    writer.add(formats) { format, writer in
      writer.add(format.kind.rawValue)
      writer.add(format.number != nil)
      if let number = format.number { writer.add(UInt64(number)) }
      writer.add(format.text)
      writer.add(format.isConclusive)
    }
    writer.add(takesUnmarked)
  }

  fileprivate init(from reader: inout RecordReader) {
    osabis = reader.items { UInt8(truncatingIfNeeded: $0.word()) }
    notes = reader.items { reader in
      Note(
        owner: reader.text(), type: reader.narrow(),
        first: reader.flag() ? reader.narrow() : nil,
        release: [.none, .number, .words][Int(reader.word() % 3)])
    }
    interpreters = reader.items { Text(from: &$0) }
    libraries = reader.items { $0.text() }
    rootReleases = reader.items { RootRelease(path: $0.text(), text: $0.optionalText()) }
    goSystems = reader.items { $0.text() }
    segments = reader.items { reader in
      let first = reader.narrow()
      let last = reader.narrow()
      return Segment(types: first...max(first, last), name: reader.optionalText())
    }
    flags = reader.items { $0.text() }
    comments = reader.items { Text(from: &$0) }
    formats = reader.items { reader in
      Format(
        kind: Format.Kind(rawValue: reader.text()) ?? .pe,
        number: reader.flag() ? reader.narrow() : nil, text: reader.optionalText(),
        isConclusive: reader.flag())
    }
    takesUnmarked = reader.flag()
  }
}

extension SystemMarks.Text {
  fileprivate func write(to writer: inout RecordWriter) {
    writer.add(text)
    writer.add(isConclusive)
  }

  fileprivate init(from reader: inout RecordReader) {
    self.init(text: reader.text(), isConclusive: reader.flag())
  }
}
