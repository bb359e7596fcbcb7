import CHost
import CWire
import Glibc
import Wire

/// The compiled tables that `persona check --compile` left beside the tables, so that a start need not compile: one
/// for each edition that the folder distinguishes.
///
/// They hold as long as the text of the tables, of Linux's own, and the names that Persona knows are the same. Where
/// the tables lie as they lay when the file was made (`TableState`) they are not read to see that.
public struct PreparedTable: Sendable {
  /// What abi.table says: heading, ABIs, recognition and auxiliary vector; the rest is empty.
  public let heading: Personality
  public let block: [UInt8]

  /// "compiled" as a little-endian word.
  private static let magic: UInt64 = 0x6465_6c69_706d_6f63
  /// The file's head: `magic`, the stamp, how many tables there are; the build that made the file, and where it says
  /// how the tables lay: offset and bytes.
  private static let headBytes = 48
  /// One table's: a hash of the abi's name, the band's first and last release, the block's release, offset, bytes.
  private static let itemBytes = 48

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
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard let head = read(descriptor, 0, headBytes), word(head, 0) == magic,
      let linux = try? PersonalityLoader.folder("linux", in: directories),
      let abi = layAsTheyDo(descriptor, head, folder, linux) ?? unchanged(head, folder, linux, directories)
    else { return nil }
    let (heading, diagnostics) = Parser.parse(abi, edition)
    guard diagnostics.isEmpty, !heading.name.isEmpty, let name = heading.abis.first?.name,
      let items = read(descriptor, headBytes, Int(min(word(head, 16), 4096)) * itemBytes)
    else { return nil }
    for item in stride(from: 0, to: items.count, by: itemBytes) where word(items, item) == hash(name) {
      let band = UInt32(word(items, item + 8))...UInt32(word(items, item + 16))
      guard band.contains(heading.release),
        let block = read(descriptor, Int(word(items, item + 32)), Int(word(items, item + 40)))
      else { continue }
      let release = UInt32(word(items, item + 24))
      var table = EditionTable(abi: name, band: band, release: release, block: block)
      let old = release == heading.headingRelease ? heading.headingVersion : heading.releaseText(release)
      guard table.claim(heading.release, version: heading.version, instead: old) else { return nil }
      return PreparedTable(heading: heading, block: table.block)
    }
    return nil
  }

  /// The abi.table, if no table has been touched since the file was made by this very build.
  private static func layAsTheyDo(
    _ descriptor: Int32, _ head: [UInt8], _ folder: String, _ linux: String
  ) -> SourceText? {
    let directory = parent(of: folder)
    guard word(head, 40) > 0, linux == directory + "/linux", buildFingerprint() == word(head, 24),
      let bytes = read(descriptor, Int(word(head, 32)), Int(word(head, 40)))
    else { return nil }
    var reader = RecordReader(bytes)
    let state = TableState(from: &reader)
    guard reader.isWhole, state.holds(in: directory), let abi = try? PersonalityLoader.contents(of: folder + "/abi.table")
    else { return nil }
    var source = SourceText()
    source.append(abi, path: folder + "/abi.table")
    return source
  }

  /// The abi.table, if all tables read the same.
  private static func unchanged(
    _ head: [UInt8], _ folder: String, _ linux: String, _ directories: [String]
  ) -> SourceText? {
    guard let linux = try? PersonalityLoader.source(folder: linux),
      let source = try? PersonalityLoader.source(folder: folder, directories: directories),
      word(head, 8) == stamp(source, linux)
    else { return nil }
    return source.only(named: "abi.table")
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

  private static func hash(_ name: String) -> UInt64 {
    var hash = Fingerprint()
    hash.add(name)
    return hash.value
  }

  /// Keeps a personality's compiled tables beside its text; nil, or the errno that prevented it.
  static func store(
    _ tables: [EditionTable], _ folder: String, _ source: SourceText, _ linux: SourceText, _ directories: [String]
  ) -> Int32? {
    write(tables, file(folder), stamp(source, linux), state(folder, source, linux, directories))
  }

  static func write(_ tables: [EditionTable], _ path: String, _ stamp: UInt64, _ state: TableState? = nil) -> Int32? {
    var head = RecordWriter()
    var offset = headBytes + tables.count * itemBytes
    var laid = RecordWriter()
    let build = state == nil ? nil : buildFingerprint()
    if build != nil { state?.write(to: &laid) }
    let blocks = tables.reduce(0) { $0 + $1.block.count }
    for value in [magic, stamp, UInt64(tables.count), build ?? 0, UInt64(offset + blocks), UInt64(laid.bytes.count)] {
      head.add(value)
    }
    for table in tables {
      head.add(hash(table.abi))
      for value in [table.band.lowerBound, table.band.upperBound, table.release] { head.add(UInt64(value)) }
      head.add(UInt64(offset))
      head.add(UInt64(table.block.count))
      offset += table.block.count
    }
    var contents = head.bytes
    for table in tables { contents += table.block }
    contents += laid.bytes
    return writeFile(path, contents)
  }

  /// Puts a whole file in place at once.
  static func writeFile(_ path: String, _ contents: [UInt8]) -> Int32? {
    let draft = path + ".\(getpid())"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
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
        unlink(draft)
        return failure
      }
      written += count
    }
    close(descriptor)
    guard rename(draft, path) == 0 else {
      let failure = errno
      unlink(draft)
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
