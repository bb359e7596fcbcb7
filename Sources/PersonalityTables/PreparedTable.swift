import CHost
import CWire
import Glibc
import HostText
import Wire

/// The compiled tables that `persona check --compile` left beside the tables, so that a start need not compile: one
/// for each edition that the folder distinguishes.
///
/// They hold as long as the text of the tables, of Linux's own, and the names that Persona knows are the same. Where
/// the tables lie as they lay when the file was made (`TableState`) they are not read to see that.
public struct PreparedTable: Sendable {
  public let rules: StartRules
  /// The compiled table, if it is not as the file has it.
  public let block: [UInt8]
  /// Where the file has the compiled table.
  public let file: Place?

  /// A part of an open file, which begins at a page's boundary; whoever takes it closes the file.
  public struct Place: Sendable {
    public let descriptor: Int32
    public let offset: UInt64
    public let count: UInt64
  }

  /// "compiled" as a little-endian word.
  private static let magic: UInt64 = 0x6465_6c69_706d_6f63
  /// The file's head: `magic`, the stamp, how many tables there are; the build that made the file; where it says how the
  /// tables lay, and which releases there are: offset and bytes of each.
  private static let headBytes = 64
  /// One table's: a hash of the abi's name, the band's first and last release, offset and bytes of its rules, offset
  /// and bytes of its block. Those of the first abi come first.
  private static let itemBytes = 56
  private static let pageSize = 4096

  /// The prepared table of the personality `name` for an edition; nil where there is none or the tables have changed.
  public static func load(
    _ name: String, from directories: [String], edition: Edition = Edition()
  ) -> PreparedTable? {
    guard let folder = try? PersonalityLoader.folder(name, in: directories) else { return nil }
    return load(file(folder), folder, directories, edition)
      ?? cacheFile(folder, edition).flatMap { isOwn($0) ? load($0, folder, directories, edition) : nil }
  }

  private static func load(
    _ path: String, _ folder: String, _ directories: [String], _ edition: Edition
  ) -> PreparedTable? {
    let descriptor = Host.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    let prepared = load(descriptor, folder, directories, edition)
    if prepared?.file == nil { close(descriptor) }
    return prepared
  }

  private static func load(
    _ descriptor: Int32, _ folder: String, _ directories: [String], _ edition: Edition
  ) -> PreparedTable? {
    guard let head = read(descriptor, 0, headBytes), word(head, 0) == magic,
      let linux = try? PersonalityLoader.folder("linux", in: directories),
      layAsTheyDo(descriptor, head, folder, linux) || areUnchanged(head, folder, linux, directories),
      let items = read(descriptor, headBytes, Int(min(word(head, 16), 4096)) * itemBytes), !items.isEmpty,
      let releases = record(descriptor, head, 48, { Releases(from: &$0) })
    else { return nil }
    let places = stride(from: 0, to: items.count, by: itemBytes)
    let abi = edition.abi.map(hash).flatMap { abi in places.contains { word(items, $0) == abi } ? abi : nil } ?? word(items, 0)
    let release = edition.release ?? releases.own
    for item in places where word(items, item) == abi {
      guard release >= word(items, item + 8), release <= word(items, item + 16),
        let rules = record(descriptor, items, item + 24, { StartRules(from: &$0) })
      else { continue }
      let place = Place(descriptor: descriptor, offset: word(items, item + 40), count: word(items, item + 48))
      if release == rules.release, place.isWhole { return PreparedTable(rules: rules, block: [], file: place) }
      guard let block = read(descriptor, Int(place.offset), Int(place.count)) else { return nil }
      var table = EditionTable(abi: "", band: release...release, rules: rules, block: block)
      guard
        table.claim(release, version: releases.version(of: release), instead: releases.version(of: rules.release))
      else { return nil }
      return PreparedTable(rules: table.rules, block: table.block, file: nil)
    }
    return nil
  }

  /// Whether no table has been touched since the file was made by this very build.
  private static func layAsTheyDo(_ descriptor: Int32, _ head: [UInt8], _ folder: String, _ linux: String) -> Bool {
    let directory = parent(of: folder)
    guard word(head, 40) > 0, linux == directory + "/linux", buildFingerprint() == word(head, 24)
    else { return false }
    return record(descriptor, head, 32) { TableState.holds(&$0, in: directory) } == true
  }

  /// Whether all tables read the same.
  private static func areUnchanged(
    _ head: [UInt8], _ folder: String, _ linux: String, _ directories: [String]
  ) -> Bool {
    guard let linux = try? PersonalityLoader.source(folder: linux),
      let source = try? PersonalityLoader.source(folder: folder, directories: directories)
    else { return false }
    return word(head, 8) == stamp(source, linux)
  }

  /// How the tables of both texts lie, if they are as they were read; waits until a later change would show.
  private static func state(
    _ folder: String, _ source: SourceText, _ linux: SourceText, _ directories: [String]
  ) -> TableState? {
    let directory = parent(of: folder)
    guard let own = TableState.folders(of: source, in: directory),
      let other = TableState.folders(of: linux, in: directory), other == ["linux"]
    else { return nil }
    var state = TableState(directory, folders: own + other)
    if state?.isSettled == false {
      usleep(40_000)
      state = TableState(directory, folders: own + other)
    }
    guard let state, state.isSettled,
      let linuxNow = try? PersonalityLoader.source(folder: directory + "/linux"),
      let sourceNow = try? PersonalityLoader.source(folder: folder, directories: directories),
      stamp(sourceNow, linuxNow) == stamp(source, linux)
    else { return nil }
    return state
  }

  private static func parent(of folder: String) -> String {
    String(folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)])
  }

  private static func read(_ descriptor: Int32, _ offset: Int, _ count: Int) -> [UInt8]? {
    guard count >= 0, count < 1 << 28 else { return nil }
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count {
        let length = pread(descriptor, buffer.baseAddress! + initialized, count - initialized, offset + initialized)
        if length < 0, errno == EINTR { continue }
        if length <= 0 { break }
        initialized += length
      }
    }
    return bytes.count == count ? bytes : nil
  }

  /// What stands where two words tell, offset and bytes; nil where it is not whole.
  private static func record<Record>(
    _ descriptor: Int32, _ words: [UInt8], _ at: Int, _ make: (inout RecordReader) -> Record
  ) -> Record? {
    guard let bytes = read(descriptor, Int(word(words, at)), Int(word(words, at + 8))) else { return nil }
    var reader = RecordReader(bytes)
    let record = make(&reader)
    return reader.isWhole ? record : nil
  }

  private static func hash(_ name: String) -> UInt64 {
    var hash = Fingerprint()
    hash.add(name)
    return hash.value
  }

  /// Keeps a personality's compiled tables beside its text; nil, or the errno that prevented it.
  static func store(
    _ tables: [EditionTable], _ folder: String, _ foreign: LoadedPersonality, _ linux: SourceText, _ directories: [String]
  ) -> Int32? {
    write(
      tables, file(folder), stamp(foreign.source, linux), foreign.personality.releases,
      state(folder, foreign.source, linux, directories))
  }

  static func write(
    _ tables: [EditionTable], _ path: String, _ stamp: UInt64, _ releases: Releases, _ state: TableState? = nil
  ) -> Int32? {
    var (head, items, contents) = (RecordWriter(), RecordWriter(), [] as [UInt8])
    func place(_ bytes: [UInt8], _ writer: inout RecordWriter) {
      writer.add(UInt64(headBytes + tables.count * itemBytes + contents.count))
      writer.add(UInt64(bytes.count))
      contents += bytes
    }
    func place(_ writer: inout RecordWriter, _ write: (inout RecordWriter) -> Void) {
      var record = RecordWriter()
      write(&record)
      place(record.bytes, &writer)
    }
    let build = state == nil ? nil : buildFingerprint()
    for value in [magic, stamp, UInt64(tables.count), build ?? 0] { head.add(value) }
    place(&head) { if build != nil { state?.write(to: &$0) } }
    place(&head) { releases.write(to: &$0) }
    for table in tables {
      items.add(hash(table.abi))
      for value in [table.band.lowerBound, table.band.upperBound] { items.add(UInt64(value)) }
      place(&items) { table.rules.write(to: &$0) }
      // Engines map it.
      let behind = (headBytes + tables.count * itemBytes + contents.count) % pageSize
      if behind > 0 { contents += [UInt8](repeating: 0, count: pageSize - behind) }
      place(table.block, &items)
    }
    return writeFile(path, head.bytes + items.bytes + contents)
  }

  /// Puts a whole file in place at once.
  static func writeFile(_ path: String, _ contents: [UInt8]) -> Int32? {
    let draft = path + ".\(getpid())"
    let descriptor = Host.open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return errno }
    var written = 0
    while written < contents.count {
      let count = contents.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, contents.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let failure = errno
        close(descriptor)
        Host.unlink(draft)
        return failure
      }
      written += count
    }
    close(descriptor)
    guard Host.rename(draft, path) == 0 else {
      let failure = errno
      Host.unlink(draft)
      return failure
    }
    return nil
  }

  private static func file(_ folder: String) -> String { folder + "/compiled" }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  /// Changes with every byte of the tables and with every name that they may use: with the build, that is.
  static func stamp(_ source: SourceText, _ linux: SourceText) -> UInt64 {
    var hash = Fingerprint()
    hash.add(UInt64(PERSONA_TABLE_VERSION))
    for text in [source, linux] {
      hash.add(text.bytes)
      for file in text.files { hash.add(UInt64(file.end)) }
      for heading in text.headings { hash.add(heading) }
    }
    var build = [UInt8](repeating: 0, count: 64)
    if persona_build_identity(&build, build.count) > 0 {
      hash.add(build)
      return hash.value
    }
    // Spelling out enumerations costs more than all the rest of a start.
    for name in HandlerName.allCases { hash.add("\(name)") }
    for name in HostValue.allCases { hash.add("\(name)") }
    for name in WellKnown.allCases { hash.add("\(name)") }
    for name in FieldName.allCases { hash.add("\(name)") }
    for name in ConstantName.allCases { hash.add("\(name)") }
    return hash.value
  }
}

extension PreparedTable.Place {
  /// Whether the file has all of it, where it can be mapped.
  fileprivate var isWhole: Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && offset % UInt64(PreparedTable.pageSize) == 0 && count > 0
      && offset <= UInt64(status.st_size) && count <= UInt64(status.st_size) - offset
  }
}

/// A 64-bit hash that is the same in every process.
struct Fingerprint {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x9e37_79b9_7f4a_7c15
    value ^= value >> 29
  }

  mutating func add(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset + 8 <= buffer.count {
        add(buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset += 8
      }
      for byte in buffer[offset...] { add(UInt64(byte)) }
    }
    add(UInt64(bytes.count))
  }

  mutating func add(_ text: String) {
    for byte in text.utf8 { add(UInt64(byte)) }
    add(0)
  }
}
