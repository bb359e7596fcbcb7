import CHost
import CWire
import Glibc
import Wire

/// The compiled tables that `persona check --compile` left beside the tables, so that a start need not compile: one
/// for each edition that the folder distinguishes.
///
/// They hold as long as the text of the tables, of Linux's own, and the names that Persona knows are the same.
public struct PreparedTable: Sendable {
  /// What abi.table says: heading, ABIs, recognition and auxiliary vector; the rest is empty.
  public let heading: Personality
  public let block: [UInt8]

  /// "compiled" as a little-endian word.
  private static let magic: UInt64 = 0x6465_6c69_706d_6f63
  /// The file's head: `magic`, the stamp, how many tables there are.
  private static let headBytes = 24
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
      let linux = try? PersonalityLoader.source(folder: PersonalityLoader.folder("linux", in: directories)),
      let source = try? PersonalityLoader.source(folder: folder, directories: directories),
      word(head, 8) == stamp(source, linux), let abi = source.only(named: "abi.table")
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
    _ tables: [EditionTable], _ folder: String, _ source: SourceText, _ linux: SourceText
  ) -> Int32? {
    write(tables, file(folder), stamp(source, linux))
  }

  static func write(_ tables: [EditionTable], _ path: String, _ stamp: UInt64) -> Int32? {
    var contents: [UInt8] = []
    func append(_ value: UInt64) {
      withUnsafeBytes(of: value.littleEndian) { contents.append(contentsOf: $0) }
    }
    var offset = headBytes + tables.count * itemBytes
    for value in [magic, stamp, UInt64(tables.count)] { append(value) }
    for table in tables {
      append(hash(table.abi))
      for value in [table.band.lowerBound, table.band.upperBound, table.release] { append(UInt64(value)) }
      append(UInt64(offset))
      append(UInt64(table.block.count))
      offset += table.block.count
    }
    for table in tables { contents += table.block }
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
