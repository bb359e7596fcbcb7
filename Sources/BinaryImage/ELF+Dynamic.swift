import CElf

/// What PT_DYNAMIC says that matters before a run-time linker sees it.
struct DynamicSection {
  var neededLibraries: [String] = []
  var libraryPath: String?
  var isRunPath = false
  /// DF_1_PIE: this shared object is a program.
  var isProgram = false

  private static let entryLimit = 4096
  private static let nameLimit: UInt64 = 4096

  /// Tags: System V gABI, chapter 5; DT_FLAGS_1 and DF_1_PIE: elf.h of glibc.
  init(_ file: ELFFile, _ headers: [ProgramHeader]) throws(ImageError) {
    guard let segment = headers.first(where: { $0.type == ProgramHeader.dynamic }) else { return }
    let entrySize: UInt64 = file.header.elfClass == .elf64 ? 16 : 8
    let length = min(segment.fileSize, UInt64(DynamicSection.entryLimit) * entrySize) / entrySize * entrySize
    guard length > 0 else { return }
    try file.bytes.require(segment.offset, length, "the dynamic section")
    guard let data = unsafe file.chunk(segment.offset, length, ELF_T_DYN) else { return }
    var needed: [UInt64] = []
    var runPath: UInt64?
    var oldPath: UInt64?
    var strings: UInt64?
    var stringsSize: UInt64 = 0
    for index in 0..<Int32(length / entrySize) {
      var entry = GElf_Dyn()
      guard unsafe gelf_getdyn(data, index, &entry) != nil, entry.d_tag != DT_NULL else { break }
      switch entry.d_tag {
      case Int64(DT_NEEDED): unsafe needed.append(entry.d_un.d_val)
      case Int64(DT_RUNPATH): runPath = unsafe entry.d_un.d_val
      case Int64(DT_RPATH): oldPath = unsafe entry.d_un.d_val
      case Int64(DT_STRTAB): strings = unsafe entry.d_un.d_ptr
      case Int64(DT_STRSZ): stringsSize = unsafe entry.d_un.d_val
      case Int64(DT_FLAGS_1): isProgram = unsafe entry.d_un.d_val & UInt64(DF_1_PIE) != 0
      default: break
      }
    }
    guard let strings, let table = DynamicSection.fileOffset(strings, headers) else { return }
    func name(_ index: UInt64) throws(ImageError) -> String {
      guard index < stringsSize, file.bytes.holds(table, index),
        let text = try file.bytes.text(
          table + index, limit: min(stringsSize - index, DynamicSection.nameLimit))
      else {
        throw ImageError(
          .corrupt, offset: segment.offset,
          cause: "corrupt: the dynamic section names a string outside its string table")
      }
      return text
    }
    for index in needed { neededLibraries.append(try name(index)) }
    isRunPath = runPath != nil
    if let path = runPath ?? oldPath { libraryPath = try name(path) }
  }

  /// Where in the file the byte lies that is loaded at `address`.
  private static func fileOffset(_ address: UInt64, _ headers: [ProgramHeader]) -> UInt64? {
    for header in headers where header.type == ProgramHeader.load {
      if address >= header.address, address - header.address < header.fileSize {
        let (offset, overflow) = header.offset.addingReportingOverflow(address - header.address)
        return overflow ? nil : offset
      }
    }
    return nil
  }
}
