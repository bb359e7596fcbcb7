import CElf

extension Image {
  /// Reads an ELF image, or answers nil when the file does not begin with ELF's magic.
  init?(elf bytes: ImageBytes) throws(ImageError) {
    guard bytes.count >= 4, try bytes.load(0, as: UInt32.self, bigEndian: true, "the magic") == 0x7f45_4c46
    else { return nil }
    let header = try ELFHeader(bytes)
    let file = try ELFFile(bytes, header)
    let programHeaders = try file.programHeaders()
    let dynamic = try DynamicSection(file, programHeaders)
    let interpreter = try file.interpreter(programHeaders)
    let kind: ELFDetails.Kind =
      switch header.type {
      case 1: .object
      case 2: .executable
      case 3: interpreter != nil || dynamic.isProgram ? .positionIndependent : .sharedObject
      case 4: .core
      default: .other(header.type)
      }
    var details = ELFDetails(
      kind: kind, osABI: header.osABI, flags: header.flags, programHeaderOffset: header.programHeaderOffset,
      programHeaders: programHeaders, interpreter: interpreter,
      isDynamic: interpreter != nil || !dynamic.neededLibraries.isEmpty,
      neededLibraries: dynamic.neededLibraries, libraryPath: dynamic.libraryPath)
    details.isRunPath = dynamic.isRunPath
    details.isBigEndian = header.isBigEndian
    let build = file.goBuild()
    details.goVersion = build?.version
    self.init(
      format: .elf(header.elfClass, machine: header.machine),
      marks: Marks(
        notes: file.notes(programHeaders), goSystem: build?.system, comments: file.comment()),
      fileSize: bytes.count, entry: header.entry, elf: details)
  }
}

/// The fields of an ELF header that tell where the rest is; all are checked against the file's size before
/// libelf sees the file.
struct ELFHeader {
  let elfClass: ELFClass
  let isBigEndian: Bool
  let osABI: UInt8
  let type: UInt16
  let machine: UInt16
  let entry: UInt64
  let flags: UInt32
  let programHeaderOffset: UInt64
  let programHeaderCount: UInt64
  /// Zero when the section header table is missing or does not fit; programs run without it.
  let sectionCount: UInt64

  /// Sizes and offsets: System V gABI, chapter 4.
  init(_ bytes: ImageBytes) throws(ImageError) {
    try bytes.require(0, 16, "the ELF identification")
    let ident = try bytes.bytes(0, limit: 16)
    guard let elfClass = ELFClass(rawValue: ident[4]) else {
      throw ImageError(.corrupt, offset: 4, cause: "corrupt: ELF class \(ident[4]) is neither 32 nor 64 bits")
    }
    guard ident[5] == 1 || ident[5] == 2 else {
      throw ImageError(
        .corrupt, offset: 5, cause: "corrupt: byte order \(ident[5]) is neither little nor big endian")
    }
    guard ident[6] == 1 else {
      throw ImageError(.corrupt, offset: 6, cause: "corrupt: ELF version \(ident[6]) does not exist")
    }
    let isBig = ident[5] == 2
    let is64 = elfClass == .elf64
    self.elfClass = elfClass
    isBigEndian = isBig
    osABI = ident[7]
    try bytes.require(0, is64 ? 64 : 52, "the ELF header")
    func word(_ offset: UInt64) throws(ImageError) -> UInt64 {
      is64
        ? try bytes.load(offset, as: UInt64.self, bigEndian: isBig, "the ELF header")
        : UInt64(try bytes.load(offset, as: UInt32.self, bigEndian: isBig, "the ELF header"))
    }
    func half(_ offset: UInt64) throws(ImageError) -> UInt16 {
      try bytes.load(offset, as: UInt16.self, bigEndian: isBig, "the ELF header")
    }
    type = try half(16)
    machine = try half(18)
    entry = try word(24)
    programHeaderOffset = try word(is64 ? 32 : 28)
    let sectionOffset = try word(is64 ? 40 : 32)
    flags = try bytes.load(is64 ? 48 : 36, as: UInt32.self, bigEndian: isBig, "the ELF header")
    let tail: UInt64 = is64 ? 52 : 40
    let headerSize = try half(tail)
    let programEntry = try half(tail + 2)
    var programCount = UInt64(try half(tail + 4))
    let sectionEntry = try half(tail + 6)
    var sectionCount = UInt64(try half(tail + 8))

    guard headerSize >= (is64 ? 64 : 52) else {
      throw ImageError(
        .corrupt, offset: tail, cause: "corrupt: e_ehsize \(headerSize) is less than an ELF header")
    }
    // The first section header holds counts that do not fit into the ELF header.
    let sectionSize: UInt64 = is64 ? 64 : 40
    let hasSections =
      sectionOffset != 0 && UInt64(sectionEntry) == sectionSize && bytes.holds(sectionOffset, sectionSize)
    if hasSections {
      try bytes.require(sectionOffset, sectionSize, "the section headers")
      if sectionCount == 0 {
        let at = sectionOffset + (is64 ? 32 : 20)
        sectionCount =
          is64
          ? try bytes.load(at, as: UInt64.self, bigEndian: isBig, "the section count")
          : UInt64(try bytes.load(at, as: UInt32.self, bigEndian: isBig, "the section count"))
      }
      if programCount == 0xffff {
        programCount = UInt64(
          try bytes.load(
            sectionOffset + (is64 ? 44 : 28), as: UInt32.self, bigEndian: isBig, "the program header count"))
      }
    }
    if programCount > 0 {
      let size: UInt64 = is64 ? 56 : 32
      guard UInt64(programEntry) == size else {
        throw ImageError(
          .corrupt, offset: tail + 2, cause: "corrupt: e_phentsize is \(programEntry), not \(size)")
      }
      guard programCount <= ELFFile.programHeaderLimit else {
        throw ImageError(
          .corrupt, offset: tail + 4,
          cause: "corrupt: \(programCount) program headers are more than any system loads")
      }
      try bytes.require(programHeaderOffset, programCount * size, "the program header table")
    }
    if hasSections, sectionCount <= ELFFile.sectionLimit,
      bytes.holds(sectionOffset, sectionCount * sectionSize)
    {
      try bytes.require(sectionOffset, sectionCount * sectionSize, "the section headers")
      self.sectionCount = sectionCount
    } else {
      self.sectionCount = 0
    }
    programHeaderCount = programCount
  }
}

/// An ELF file opened by libelf over checked memory.
///
/// Safe: `handle` lives as long as the object, and libelf is only led to parts that `ImageBytes` has checked.
@safe final class ELFFile {
  static let programHeaderLimit: UInt64 = 4096
  static let sectionLimit: UInt64 = 1 << 20
  /// Bytes of a note segment, of `.comment` or of a path that are looked at.
  static let textLimit: UInt64 = 64 * 1024

  let bytes: ImageBytes
  let header: ELFHeader
  private let handle: OpaquePointer

  init(_ bytes: ImageBytes, _ header: ELFHeader) throws(ImageError) {
    self.bytes = bytes
    self.header = header
    _ = elf_version(UInt32(EV_CURRENT))
    guard let handle = unsafe elf_memory(bytes.base.assumingMemoryBound(to: CChar.self), Int(bytes.count))
    else {
      throw ELFFile.failure("the ELF header")
    }
    unsafe self.handle = unsafe handle
  }

  deinit {
    _ = unsafe elf_end(handle)
  }

  private static func failure(_ what: String) -> ImageError {
    let reason = unsafe elf_errmsg(-1).map { unsafe String(cString: $0) } ?? "unknown reason"
    return ImageError(.corrupt, offset: 0, cause: "corrupt: libelf refuses \(what): \(reason)")
  }

  func programHeaders() throws(ImageError) -> [ProgramHeader] {
    var headers: [ProgramHeader] = []
    headers.reserveCapacity(Int(header.programHeaderCount))
    for index in 0..<Int32(header.programHeaderCount) {
      var entry = GElf_Phdr()
      guard unsafe gelf_getphdr(handle, index, &entry) != nil else {
        throw ELFFile.failure("program header \(index)")
      }
      headers.append(
        ProgramHeader(
          type: entry.p_type, flags: entry.p_flags, offset: entry.p_offset, address: entry.p_vaddr,
          fileSize: entry.p_filesz, memorySize: entry.p_memsz, alignment: entry.p_align))
    }
    return headers
  }

  /// PT_INTERP's path.
  func interpreter(_ headers: [ProgramHeader]) throws(ImageError) -> String? {
    guard let segment = headers.first(where: { $0.type == ProgramHeader.interp }) else { return nil }
    try bytes.require(segment.offset, segment.fileSize, "the run-time linker's path (PT_INTERP)")
    // Linux takes PATH_MAX bytes, and no system more.
    guard segment.fileSize >= 2, segment.fileSize <= 4096,
      let path = try bytes.text(segment.offset, limit: segment.fileSize), !path.isEmpty
    else {
      throw ImageError(
        .corrupt, offset: segment.offset, cause: "corrupt: PT_INTERP holds no path of 1 to 4095 bytes")
    }
    return path
  }

  /// Bytes of a part of the file, as libelf presents them: in host byte order for the given type.
  func chunk(_ offset: UInt64, _ length: UInt64, _ type: Elf_Type) -> UnsafeMutablePointer<Elf_Data>? {
    guard length > 0, (try? bytes.require(offset, length, "a segment")) != nil else { return nil }
    return unsafe elf_getdata_rawchunk(handle, Int64(offset), Int(length), type)
  }

  /// Every note in the PT_NOTE segments, or in SHT_NOTE sections when there is no such segment.
  func notes(_ headers: [ProgramHeader]) -> [ELFNote] {
    var places = headers.filter { $0.type == ProgramHeader.note }.map {
      ($0.offset, $0.fileSize, $0.alignment)
    }
    if places.isEmpty {
      places = sections().filter { $0.header.sh_type == SHT_NOTE }.map {
        ($0.header.sh_offset, $0.header.sh_size, $0.header.sh_addralign)
      }
    }
    var notes: [ELFNote] = []
    for (offset, size, alignment) in places.prefix(64) {
      let type = alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR
      guard let data = unsafe chunk(offset, min(size, ELFFile.textLimit), type) else { continue }
      var position = 0
      while notes.count < 256 {
        var entry = GElf_Nhdr()
        var nameOffset = 0
        var contentOffset = 0
        let next = unsafe gelf_getnote(data, position, &entry, &nameOffset, &contentOffset)
        guard next > position, let buffer = unsafe data.pointee.d_buf else { break }
        let raw = unsafe UnsafeRawBufferPointer(start: buffer, count: data.pointee.d_size)
        if nameOffset + Int(entry.n_namesz) <= raw.count, contentOffset + Int(entry.n_descsz) <= raw.count {
          let name = unsafe raw[nameOffset..<nameOffset + Int(entry.n_namesz)].prefix { $0 != 0 }
          let content = unsafe raw[contentOffset..<contentOffset + Int(entry.n_descsz)].prefix(64)
          unsafe notes.append(
            ELFNote(
              owner: String(decoding: name, as: UTF8.self), type: entry.n_type, content: [UInt8](content),
              isBigEndian: header.isBigEndian))
        }
        position = next
      }
    }
    return notes
  }

  struct Section {
    var name: String
    var header: GElf_Shdr
  }

  private lazy var sectionCache: [Section] = readSections()

  func sections() -> [Section] { sectionCache }

  private func readSections() -> [Section] {
    guard header.sectionCount > 0 else { return [] }
    var nameIndex = 0
    guard unsafe elf_getshdrstrndx(handle, &nameIndex) == 0 else { return [] }
    var names = GElf_Shdr()
    guard let nameSection = unsafe elf_getscn(handle, nameIndex),
      unsafe gelf_getshdr(nameSection, &names) != nil,
      names.sh_type == SHT_STRTAB,
      (try? bytes.require(names.sh_offset, names.sh_size, "section names")) != nil
    else { return [] }
    var found: [Section] = []
    var section = unsafe elf_nextscn(handle, nil)
    while let current = unsafe section, found.count < 65536 {
      var entry = GElf_Shdr()
      if unsafe gelf_getshdr(current, &entry) != nil, UInt64(entry.sh_name) < names.sh_size {
        let limit = min(names.sh_size - UInt64(entry.sh_name), 64)
        let name = try? bytes.text(names.sh_offset + UInt64(entry.sh_name), limit: limit)
        found.append(Section(name: name ?? "", header: entry))
      }
      unsafe section = unsafe elf_nextscn(handle, current)
    }
    return found
  }

  /// The first bytes of the section of that name, or nil when there is none.
  func sectionBytes(_ name: String, limit: UInt64) -> [UInt8]? {
    guard let section = sections().first(where: { $0.name == name && $0.header.sh_type != SHT_NOBITS }),
      bytes.holds(section.header.sh_offset, section.header.sh_size)
    else { return nil }
    return try? bytes.bytes(section.header.sh_offset, limit: min(section.header.sh_size, limit))
  }

  /// The strings of `.comment`: the tools that built the program.
  func comment() -> [String] {
    guard let text = sectionBytes(".comment", limit: ELFFile.textLimit) else { return [] }
    return text.split(separator: 0).prefix(256).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// One entry of a note segment; only the first 64 bytes of its content are kept.
public struct ELFNote: Sendable, Equatable {
  public var owner: String
  public var type: UInt32
  public var content: [UInt8]
  public var isBigEndian = false

  /// The 32-bit word at that index of the content.
  public func word(_ index: Int) -> UInt32? {
    guard content.count >= index * 4 + 4 else { return nil }
    let bytes = content[index * 4..<index * 4 + 4]
    return isBigEndian
      ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
