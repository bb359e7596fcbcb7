/// Writes small ELF files for tests, right or wrong as the test wants.
public struct ELFBuilder: Sendable {
  public struct Segment: Sendable {
    public var type: UInt32
    public var flags: UInt32
    public var offset: UInt64?
    public var address: UInt64
    public var content: [UInt8]
    public var fileSize: UInt64?
    public var memorySize: UInt64?
    public var alignment: UInt64

    public init(
      _ type: UInt32, flags: UInt32 = 4, offset: UInt64? = nil, address: UInt64 = 0, content: [UInt8] = [],
      fileSize: UInt64? = nil, memorySize: UInt64? = nil, alignment: UInt64 = 4
    ) {
      self.type = type
      self.flags = flags
      self.offset = offset
      self.address = address
      self.content = content
      self.fileSize = fileSize
      self.memorySize = memorySize
      self.alignment = alignment
    }
  }

  public struct Section: Sendable {
    public var name: String
    public var type: UInt32
    public var content: [UInt8]

    public init(_ name: String, type: UInt32 = 1, content: [UInt8]) {
      self.name = name
      self.type = type
      self.content = content
    }
  }

  public var is64 = true
  public var isBigEndian = false
  public var osABI: UInt8 = 0
  public var type: UInt16 = 2
  public var machine: UInt16 = 62
  public var entry: UInt64 = 0x201000
  public var flags: UInt32 = 0
  public var segments: [Segment] = []
  public var sections: [Section] = []

  public init() {}

  /// A program with a text segment of one page at 0x201000 and a data segment with bss at 0x203000.
  public static func program(osABI: UInt8 = 9) -> ELFBuilder {
    var builder = ELFBuilder()
    builder.osABI = osABI
    builder.segments = [
      Segment(1, flags: 4, offset: 0, address: 0x200000, fileSize: 0x400, memorySize: 0x400, alignment: 4096),
      Segment(
        1, flags: 5, offset: 0x1000, address: 0x201000, content: [UInt8](repeating: 0x90, count: 0x800),
        alignment: 4096),
      Segment(
        1, flags: 6, offset: 0x2010, address: 0x203010, content: [UInt8](repeating: 1, count: 0x100),
        memorySize: 0x3000, alignment: 4096),
    ]
    return builder
  }

  public mutating func addNote(_ owner: String, _ type: UInt32, _ words: [UInt32]) {
    segments.append(Segment(4, content: note(owner, type, words)))
  }

  public func note(_ owner: String, _ type: UInt32, _ words: [UInt32]) -> [UInt8] {
    let name = Array(owner.utf8) + [0]
    var bytes: [UInt8] = []
    put(&bytes, UInt32(name.count))
    put(&bytes, UInt32(words.count * 4))
    put(&bytes, type)
    bytes += name
    while bytes.count % 4 != 0 { bytes.append(0) }
    for word in words { put(&bytes, word) }
    return bytes
  }

  public func put<Value: FixedWidthInteger>(_ bytes: inout [UInt8], _ value: Value) {
    withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private func putWord(_ bytes: inout [UInt8], _ value: UInt64) {
    if is64 { put(&bytes, value) } else { put(&bytes, UInt32(truncatingIfNeeded: value)) }
  }

  public func build() -> [UInt8] {
    let headerSize = is64 ? 64 : 52
    let programSize = is64 ? 56 : 32
    var body: [UInt8] = []
    let start = headerSize + segments.count * programSize
    var offsets: [UInt64] = []
    for segment in segments {
      if let offset = segment.offset {
        offsets.append(offset)
        if !segment.content.isEmpty {
          let end = Int(offset) - start + segment.content.count
          if body.count < end { body += [UInt8](repeating: 0, count: end - body.count) }
          body.replaceSubrange(Int(offset) - start..<end, with: segment.content)
        }
      } else {
        while (start + body.count) % 8 != 0 { body.append(0) }
        offsets.append(UInt64(start + body.count))
        body += segment.content
      }
    }
    var names: [UInt8] = [0]
    var placed: [(name: UInt32, section: Section, offset: UInt64)] = []
    if !sections.isEmpty {
      for section in sections + [Section(".shstrtab", type: 3, content: [])] {
        let name = UInt32(names.count)
        names += Array(section.name.utf8) + [0]
        placed.append((name, section, UInt64(start + body.count)))
        body += section.content
      }
      placed[placed.count - 1].section.content = names
      placed[placed.count - 1].offset = UInt64(start + body.count)
      body += names
      while (start + body.count) % 8 != 0 { body.append(0) }
    }
    let sectionTable = placed.isEmpty ? 0 : UInt64(start + body.count)

    var bytes: [UInt8] = [
      0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isBigEndian ? 2 : 1, 1, osABI, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
    put(&bytes, type)
    put(&bytes, machine)
    put(&bytes, UInt32(1))
    putWord(&bytes, entry)
    putWord(&bytes, segments.isEmpty ? 0 : UInt64(headerSize))
    putWord(&bytes, sectionTable)
    put(&bytes, flags)
    put(&bytes, UInt16(headerSize))
    put(&bytes, UInt16(programSize))
    put(&bytes, UInt16(segments.count))
    put(&bytes, UInt16(is64 ? 64 : 40))
    put(&bytes, UInt16(placed.isEmpty ? 0 : placed.count + 1))
    put(&bytes, UInt16(placed.count))
    for (segment, offset) in zip(segments, offsets) {
      let fileSize = segment.fileSize ?? UInt64(segment.content.count)
      put(&bytes, segment.type)
      if is64 { put(&bytes, segment.flags) }
      for word in [offset, segment.address, segment.address, fileSize, segment.memorySize ?? fileSize] {
        putWord(&bytes, word)
      }
      if !is64 { put(&bytes, segment.flags) }
      putWord(&bytes, segment.alignment)
    }
    bytes += body
    if !placed.isEmpty {
      bytes += [UInt8](repeating: 0, count: is64 ? 64 : 40)
      for (name, section, offset) in placed {
        put(&bytes, name)
        put(&bytes, section.type)
        for word in [0, 0, offset, UInt64(section.content.count)] { putWord(&bytes, word) }
        put(&bytes, UInt32(0))
        put(&bytes, UInt32(0))
        putWord(&bytes, 1)
        putWord(&bytes, 0)
      }
    }
    return bytes
  }
}

extension ELFBuilder {
  /// A FreeBSD program with a run-time linker, a note, a dynamic section and one library.
  public static func dynamicProgram(
    interpreter: String = "/libexec/ld-elf.so.1", libraries: [String] = ["libc.so.7"]
  ) -> ELFBuilder {
    var builder = program()
    builder.addNote("FreeBSD", 1, [1_302_001])
    builder.segments.append(Segment(3, content: Array(interpreter.utf8) + [0], alignment: 1))
    var strings: [UInt8] = [0]
    var entries: [UInt8] = []
    func entry(_ tag: UInt64, _ value: UInt64) {
      builder.put(&entries, tag)
      builder.put(&entries, value)
    }
    for library in libraries {
      entry(1, UInt64(strings.count))
      strings += Array(library.utf8) + [0]
    }
    entry(29, UInt64(strings.count))
    strings += Array("/usr/local/lib".utf8) + [0]
    entry(5, 0x204_000)
    entry(10, UInt64(strings.count))
    entry(0, 0)
    builder.segments.append(
      Segment(1, flags: 4, offset: 0x3000, address: 0x204_000, content: strings, alignment: 4096))
    // The bss of `program` would reach into it.
    builder.segments[2].memorySize = 0x200
    builder.segments.append(
      Segment(2, flags: 6, offset: 0x3800, address: 0x204_800, content: entries, alignment: 8))
    return builder
  }

  /// A position-independent run-time linker, as a shared object with an entry point.
  public static func linker() -> ELFBuilder {
    var builder = ELFBuilder()
    builder.osABI = 9
    builder.type = 3
    builder.entry = 0x1010
    builder.segments = [
      Segment(1, flags: 4, offset: 0, address: 0, fileSize: 0x300, memorySize: 0x300, alignment: 4096),
      Segment(
        1, flags: 5, offset: 0x1000, address: 0x1000, content: [UInt8](repeating: 0x90, count: 0x1000),
        alignment: 4096),
      Segment(
        1, flags: 6, offset: 0x2000, address: 0x2000, content: [UInt8](repeating: 1, count: 0x80),
        memorySize: 0x5000, alignment: 4096),
    ]
    return builder
  }

  /// Go's build record with a version and a GOOS, as the content of `.go.buildinfo`.
  public static func goBuildInfo(version: String, system: String) -> [UInt8] {
    let module = "path\tcommand-line-arguments\nbuild\tGOARCH=amd64\nbuild\tGOOS=\(system)\n"
    var bytes: [UInt8] = [0xff] + Array(" Go buildinf:".utf8) + [8, 2]
    bytes += [UInt8](repeating: 0, count: 32 - bytes.count)
    for text in [version, module] {
      bytes.append(UInt8(text.utf8.count))
      bytes += Array(text.utf8)
    }
    return bytes
  }
}
