import CElf
import HostText

extension LinkedImage {
  /// Reads all of the ELF file behind `descriptor`, whose headers `image` holds.
  public init(elf descriptor: Int32, _ image: Image) throws(ImageError) {
    guard let details = image.elf else { throw ImageError(.corrupt, offset: 0, cause: "is no ELF file") }
    let bytes = try ImageBytes(descriptor: descriptor)
    let file = try ELFFile(bytes, try ELFHeader(bytes))
    let entries = EntrySizes(isWide: image.format.isWideELF)
    self.init(segments: [], entry: image.entry, hasFixedAddress: !details.isRelocatable)
    for header in details.programHeaders where header.type == ProgramHeader.load && header.fileSize > 0 {
      try bytes.require(header.offset, header.fileSize, "the segment at 0x\(String(header.address, radix: 16))")
      segments.append(
        Segment(
          address: header.address, bytes: try bytes.bytes(header.offset, limit: header.fileSize),
          isExecutable: header.flags & ProgramHeader.executable != 0,
          isWritable: header.flags & ProgramHeader.writable != 0))
    }
    readDynamic(file, details, entries)
    let sections = file.sections()
    let versions = SymbolVersions(file, sections)
    for section in sections {
      switch section.header.sh_type {
      case UInt32(SHT_DYNSYM):
        dynamicSymbols = LinkedImage.symbols(file, section, sections, entries)
        versions.apply(to: &dynamicSymbols)
        symbols += dynamicSymbols.filter { $0.isDefined && !$0.name.isEmpty }
      case UInt32(SHT_SYMTAB):
        symbols += LinkedImage.symbols(file, section, sections, entries).filter { $0.isDefined && !$0.name.isEmpty }
      default: break
      }
    }
    for section in sections {
      switch section.header.sh_type {
      case entries.relocations: readRelocations(file, section, entries)
      default: break
      }
    }
  }

  /// Bytes of what tables hold, in files of 64 and of 32 bits.
  private struct EntrySizes {
    let isWide: Bool
    var dynamic: UInt64 { isWide ? 16 : 8 }
    var symbol: UInt64 { isWide ? 24 : 16 }
    var relocation: UInt64 { isWide ? 24 : 8 }
    /// The type of sections that hold them.
    var relocations: UInt32 { UInt32(isWide ? SHT_RELA : SHT_REL) }
  }

  /// Tags: System V gABI, chapter 5.
  private mutating func readDynamic(_ file: ELFFile, _ details: ELFDetails, _ entries: EntrySizes) {
    guard let header = details.programHeaders.first(where: { $0.type == ProgramHeader.dynamic }),
      header.fileSize > 0,
      let data = unsafe file.chunk(header.offset, header.fileSize / entries.dynamic * entries.dynamic, ELF_T_DYN)
    else { return }
    var values: [Int64: UInt64] = [:]
    for index in 0..<Int32(clamping: header.fileSize / entries.dynamic) {
      var entry = GElf_Dyn()
      guard unsafe gelf_getdyn(data, index, &entry) != nil, entry.d_tag != Int64(DT_NULL) else { break }
      values[entry.d_tag] = unsafe entry.d_un.d_val
    }
    for tag in [DT_INIT, DT_FINI] {
      if let address = values[Int64(tag)] { initializers.append(address) }
    }
    for (list, size) in [
      (DT_INIT_ARRAY, DT_INIT_ARRAYSZ), (DT_FINI_ARRAY, DT_FINI_ARRAYSZ), (DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ),
    ] {
      guard let start = values[Int64(list)], let length = values[Int64(size)], length < 1 << 20 else { continue }
      initializerLists.append(start..<start + length)
    }
    if let strings = values[Int64(DT_STRTAB)], let name = values[Int64(DT_SONAME)], name < 1 << 30 {
      sharedName = text(at: strings &+ name)
    }
  }

  private func text(at address: UInt64) -> String? {
    guard let segment = segment(at: address) else { return nil }
    let rest = segment.bytes[Int(address - segment.address)...]
    return rest.prefix(4096).firstIndex(of: 0).map { String(host: Array(rest[..<$0])) }
  }

  private static func symbols(
    _ file: ELFFile, _ section: ELFFile.Section, _ sections: [ELFFile.Section], _ entries: EntrySizes
  ) -> [Symbol] {
    let names = strings(file, section, sections)
    let size = section.header.sh_size / entries.symbol * entries.symbol
    guard let data = unsafe file.chunk(section.header.sh_offset, size, ELF_T_SYM) else { return [] }
    var found: [Symbol] = []
    for index in 0..<Int32(clamping: section.header.sh_size / entries.symbol) {
      var entry = GElf_Sym()
      guard unsafe gelf_getsym(data, index, &entry) != nil else { break }
      // STT_FUNC, STT_OBJECT and STT_GNU_IFUNC; what has no type may be code of an assembler's file.
      let type = entry.st_info & 0xf
      found.append(
        Symbol(
          name: type == 3 || type == 4 ? "" : names.text(Int(entry.st_name)), address: entry.st_value,
          size: entry.st_size, isFunction: type == 2 || type == 10 || type == 0, isDefined: entry.st_shndx != 0))
    }
    return found
  }

  private static func strings(
    _ file: ELFFile, _ section: ELFFile.Section, _ sections: [ELFFile.Section]
  ) -> StringTable {
    // The empty section 0 is not in the list.
    let link = Int(section.header.sh_link) - 1
    guard sections.indices.contains(link) else { return StringTable(bytes: []) }
    let header = sections[link].header
    guard header.sh_type == UInt32(SHT_STRTAB), file.bytes.holds(header.sh_offset, header.sh_size) else {
      return StringTable(bytes: [])
    }
    return StringTable(bytes: (try? file.bytes.bytes(header.sh_offset, limit: header.sh_size)) ?? [])
  }

  /// Types of relocations: System V ABI, AMD64 supplement, table 4.9; Intel386 supplement, table 4.10.
  private mutating func readRelocations(_ file: ELFFile, _ section: ELFFile.Section, _ entries: EntrySizes) {
    let count = section.header.sh_size / entries.relocation
    guard
      let data = unsafe file.chunk(
        section.header.sh_offset, count * entries.relocation, entries.isWide ? ELF_T_RELA : ELF_T_REL)
    else { return }
    for index in 0..<Int32(clamping: count) {
      guard let entry = unsafe relocation(data, index, entries) else { break }
      switch entry.r_info & 0xffff_ffff {
      case 8, entries.isWide ? 37 : 42:  // RELATIVE, IRELATIVE
        guard let address = entries.isWide ? UInt64(bitPattern: entry.r_addend) : smallWord(at: entry.r_offset)
        else { continue }
        relocations.append(Relocation(place: entry.r_offset, target: .address(address)))
      case 1, 6, 7:  // R_X86_64_64 and R_386_32, GLOB_DAT, JUMP_SLOT
        let symbol = Int(entry.r_info >> 32)
        guard symbol < dynamicSymbols.count else { continue }
        let isSlot = entry.r_info & 0xffff_ffff != 1
        relocations.append(Relocation(place: entry.r_offset, target: .symbol(symbol), isSlot: isSlot))
      default: break
      }
    }
  }

  /// One entry; those of 32 bits have no addend.
  private func relocation(
    _ data: UnsafeMutablePointer<Elf_Data>, _ index: Int32, _ entries: EntrySizes
  ) -> GElf_Rela? {
    if entries.isWide {
      var entry = GElf_Rela()
      return unsafe gelf_getrela(data, index, &entry) != nil ? entry : nil
    }
    var entry = GElf_Rel()
    guard unsafe gelf_getrel(data, index, &entry) != nil else { return nil }
    return GElf_Rela(r_offset: entry.r_offset, r_info: entry.r_info, r_addend: 0)
  }

  /// The addend of a file of 32 bits, which lies where the relocated word will.
  private func smallWord(at address: UInt64) -> UInt64? {
    guard let segment = segment(at: address), segment.end - address >= 4 else { return nil }
    let at = Int(address - segment.address)
    return (0..<4).reduce(0) { $0 | UInt64(segment.bytes[at + $1]) << (8 * UInt64($1)) }
  }
}

struct StringTable {
  var bytes: [UInt8]

  func text(_ start: Int) -> String {
    guard start < bytes.count, let end = bytes[start...].firstIndex(of: 0) else { return "" }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }
}

/// The versions of dynamic symbols, where an image has any (glibc's elf.h, Elf64_Verdef and Elf64_Verneed).
private struct SymbolVersions {
  /// The name of each version by its index.
  private var names: [UInt16: String] = [:]
  private var indices: [UInt16] = []

  init(_ file: ELFFile, _ sections: [ELFFile.Section]) {
    for section in sections {
      let header = section.header
      guard [0x6fff_fffd, 0x6fff_fffe, 0x6fff_ffff].contains(header.sh_type),
        let bytes = try? file.bytes.bytes(header.sh_offset, limit: min(header.sh_size, 1 << 24))
      else { continue }
      let link = Int(header.sh_link) - 1
      let table = sections.indices.contains(link) ? sections[link].header : GElf_Shdr()
      let strings = StringTable(
        bytes: (try? file.bytes.bytes(table.sh_offset, limit: min(table.sh_size, 1 << 24))) ?? [])
      switch header.sh_type {
      case 0x6fff_ffff:
        indices = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(SymbolVersions.word(bytes, $0, 2)) }
      case 0x6fff_fffd: readDefinitions(bytes, strings)
      default: readNeeds(bytes, strings)
      }
    }
  }

  private static func word(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
    guard at >= 0, at + count <= bytes.count else { return 0 }
    return (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  private mutating func readDefinitions(_ bytes: [UInt8], _ strings: StringTable) {
    var at = 0
    while at + 20 <= bytes.count {
      let name = SymbolVersions.word(bytes, at + SymbolVersions.word(bytes, at + 12, 4), 4)
      names[UInt16(SymbolVersions.word(bytes, at + 4, 2))] = strings.text(name)
      let next = SymbolVersions.word(bytes, at + 16, 4)
      if next == 0 { return }
      at += next
    }
  }

  private mutating func readNeeds(_ bytes: [UInt8], _ strings: StringTable) {
    var at = 0
    while at + 16 <= bytes.count {
      var entry = at + SymbolVersions.word(bytes, at + 8, 4)
      for _ in 0..<SymbolVersions.word(bytes, at + 2, 2) where entry + 16 <= bytes.count {
        let index = UInt16(SymbolVersions.word(bytes, entry + 6, 2))
        names[index] = strings.text(SymbolVersions.word(bytes, entry + 8, 4))
        entry += max(SymbolVersions.word(bytes, entry + 12, 4), 1)
      }
      let next = SymbolVersions.word(bytes, at + 12, 4)
      if next == 0 { return }
      at += next
    }
  }

  func apply(to symbols: inout [LinkedImage.Symbol]) {
    for index in symbols.indices where index < indices.count {
      symbols[index].version = indices[index] & 0x7fff > 1 ? names[indices[index] & 0x7fff] : nil
      symbols[index].isDefault = indices[index] & 0x8000 == 0
    }
  }
}

extension ImageFormat {
  /// Whether it is ELF of 64 bits.
  public var isWideELF: Bool {
    if case .elf(.elf64, _) = self { true } else { false }
  }
}
