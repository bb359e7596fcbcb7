import BinaryImage
import CWire
import PersonalityTables

/// What the planner must know besides the images.
public struct LoadOptions: Sendable {
  /// The program's absolute path, as the guest is told.
  public var path: String
  /// The foreign system's release number, for AT_OSRELDATE and its like.
  public var release: UInt32
  /// Linux's vm.mmap_min_addr: nothing can be mapped below.
  public var minimumAddress: UInt64
  public var isLogged: Bool
  public var tableSize: UInt64
  public var logSize: UInt64
  /// Where the system puts programs.
  public var rules: LoadRules

  public init(
    path: String, release: UInt32 = 0, minimumAddress: UInt64 = 0x10000, isLogged: Bool = false,
    tableSize: UInt64 = 0, logSize: UInt64 = 0, rules: LoadRules = LoadRules()
  ) {
    self.path = path
    self.release = release
    self.minimumAddress = minimumAddress
    self.isLogged = isLogged
    self.tableSize = tableSize
    self.logSize = logSize
    self.rules = rules
  }
}

/// An image with the place that it gets.
struct PlacedImage {
  static let pageSize: UInt64 = 4096
  /// One past the last page that a program may use (x86-64 with 47 bits, Linux TASK_SIZE_MAX).
  static let addressLimit: UInt64 = 0x7fff_ffff_f000
  /// More memory than any program's segments need.
  static let dataLimit: UInt64 = 32 << 30
  /// Kernels take program headers from one page, so that 72 are the most.
  static let segmentLimit = 128

  var segments: [LoadPlan.Segment] = []
  /// What is added to every address of the image.
  var bias: UInt64 = 0
  var entry: UInt64 = 0
  /// End of the highest segment, page-aligned.
  var end: UInt64 = 0
  /// Address of the program header table in memory, 0 when no segment holds it.
  var programHeaders: UInt64 = 0
  /// The largest alignment that a segment asks for.
  private(set) var alignment: UInt64 = PlacedImage.pageSize

  /// Computes page-aligned segments relative to `bias` 0 and checks everything that does not depend on the
  /// place.
  init(_ image: Image, index: UInt32) throws(LoadPlanError) {
    if let aout = image.bigEndianAOut {
      self = try PlacedImage(aout, image, index: index)
      return
    }
    let elf = try PlacedImage.loadable(image)
    let loads = elf.programHeaders.filter { $0.type == ProgramHeader.load && $0.memorySize > 0 }
    guard !loads.isEmpty else {
      throw LoadPlanError(.badSegment, "it has no segment to load", remedy: "get a fresh copy of the file")
    }
    guard loads.count <= PlacedImage.segmentLimit else {
      throw LoadPlanError(
        .badSegment, "its \(loads.count) segments are more than \(PlacedImage.segmentLimit)",
        remedy: "link it with the linker's default layout")
    }
    var total: UInt64 = 0
    for header in loads {
      let segment = try PlacedImage.segment(header, fileSize: image.fileSize, index: index)
      segments.append(segment)
      let (sum, overflow) = total.addingReportingOverflow(segment.length)
      guard !overflow, sum <= PlacedImage.dataLimit else {
        throw LoadPlanError(
          .badSegment, "its segments need more than \(PlacedImage.dataLimit >> 30) GiB of memory",
          remedy: "get a fresh copy of the file")
      }
      total = sum
      if header.alignment > alignment, header.alignment & (header.alignment - 1) == 0,
        header.alignment <= 1 << 30
      {
        alignment = header.alignment
      }
      let tableSize = UInt64(elf.programHeaders.count) * 56
      if elf.programHeaderOffset >= header.offset, header.fileSize >= tableSize,
        elf.programHeaderOffset - header.offset <= header.fileSize - tableSize
      {
        programHeaders = header.address + (elf.programHeaderOffset - header.offset)
      }
    }
    try PlacedImage.checkOverlaps(loads)
    let isInCode = loads.contains {
      $0.flags & ProgramHeader.executable != 0 && image.entry >= $0.address
        && image.entry - $0.address < $0.memorySize
    }
    guard isInCode else {
      if elf.kind == .sharedObject, image.entry == 0 {
        throw LoadPlanError(
          .notAProgram, "is a shared library, not a program", remedy: "name the program that uses it")
      }
      throw LoadPlanError(
        .badEntry, "its entry point \(hexadecimal(image.entry)) lies in no executable segment",
        remedy: "get a fresh copy of the file")
    }
    entry = image.entry
    end = segments.map(\.end).max() ?? 0
  }

  private static func loadable(_ image: Image) throws(LoadPlanError) -> ELFDetails {
    guard case .elf(let elfClass, let machine) = image.format, let elf = image.elf else {
      throw LoadPlanError(
        .notAProgram, "is \(image.format.displayName)", remedy: "this version runs ELF programs for amd64")
    }
    guard elfClass == .elf64, machine == ImageFormat.amd64, !elf.isBigEndian else {
      throw LoadPlanError(
        .wrongArchitecture, "is \(image.format.displayName)",
        remedy: "this version runs programs for amd64 only; get that build of the program")
    }
    switch elf.kind {
    case .executable, .positionIndependent, .sharedObject: return elf
    case .object:
      throw LoadPlanError(.notAProgram, "is an object file, not a program", remedy: "link it first")
    case .core:
      throw LoadPlanError(
        .notAProgram, "is a core dump, not a program", remedy: "open it with a debugger")
    case .other(let type):
      throw LoadPlanError(
        .notAProgram, "is an ELF file of type \(type), not a program", remedy: "get a fresh copy of the file")
    }
  }

  private static func segment(
    _ header: ProgramHeader, fileSize: UInt64, index: UInt32
  ) throws(LoadPlanError) -> LoadPlan.Segment {
    let what = "the segment at \(hexadecimal(header.address))"
    let remedy = "get a fresh copy of the file"
    guard header.fileSize <= header.memorySize else {
      throw LoadPlanError(.badSegment, "\(what) is larger in the file than in memory", remedy: remedy)
    }
    let (end, overflow) = header.address.addingReportingOverflow(header.memorySize)
    guard !overflow, end <= addressLimit else {
      throw LoadPlanError(
        .badSegment, "\(what) with \(header.memorySize) bytes ends beyond the address space", remedy: remedy)
    }
    let start = header.address / pageSize * pageSize
    let inPage = header.address - start
    var segment = LoadPlan.Segment(
      address: start, length: (end - start + pageSize - 1) / pageSize * pageSize, fileOffset: 0,
      fileLength: 0,
      protection: protection(header.flags), image: index)
    if header.fileSize > 0 {
      guard header.offset <= fileSize, header.fileSize <= fileSize - header.offset else {
        throw LoadPlanError(
          .badSegment,
          "truncated: \(what) needs \(header.fileSize) bytes from byte \(header.offset), "
            + "the file has \(fileSize)",
          remedy: remedy)
      }
      guard header.offset % pageSize == inPage else {
        throw LoadPlanError(
          .badSegment, "\(what) is not aligned with its place in the file (byte \(header.offset))",
          remedy: "link it with pages of 4096 bytes")
      }
      segment.fileOffset = header.offset - inPage
      // Where nothing has to read as zero, whole pages come from the file, as every kernel maps them.
      segment.fileLength =
        header.fileSize == header.memorySize ? segment.length : inPage + header.fileSize
    }
    return segment
  }

  /// Two segments may share a page only where both take it from the same place in the file.
  private static func checkOverlaps(_ loads: [ProgramHeader]) throws(LoadPlanError) {
    let sorted = loads.sorted { $0.address < $1.address }
    for (low, high) in zip(sorted, sorted.dropFirst()) {
      let lowEnd = low.address + low.memorySize
      let sharesPage = (lowEnd - 1) / pageSize >= high.address / pageSize
      let isSamePlace =
        low.fileSize == low.memorySize && high.fileSize > 0
        && high.offset >= low.offset && high.address - low.address == high.offset - low.offset
      guard lowEnd <= high.address, !sharesPage || isSamePlace else {
        throw LoadPlanError(
          .badSegment,
          "its segments at \(hexadecimal(low.address)) and \(hexadecimal(high.address)) overlap",
          remedy: "get a fresh copy of the file")
      }
    }
  }

  /// Moves the image to `bias` after checking that Linux and Persona leave that room.
  mutating func place(at bias: UInt64, minimumAddress: UInt64, beside others: [LoadPlan.Segment])
    throws(LoadPlanError)
  {
    for index in segments.indices {
      let (address, overflow) = segments[index].address.addingReportingOverflow(bias)
      let segment = segments[index]
      guard !overflow, address <= PlacedImage.addressLimit,
        segment.length <= PlacedImage.addressLimit - address
      else {
        throw LoadPlanError(
          .badSegment, "its segments end beyond the address space", remedy: "get a fresh copy of the file")
      }
      guard address >= minimumAddress else {
        throw LoadPlanError(
          .addressTaken,
          "it must be loaded at \(hexadecimal(address)), "
            + "below vm.mmap_min_addr (\(hexadecimal(minimumAddress)))",
          remedy: "lower it as root: sysctl vm.mmap_min_addr=\(address)")
      }
      guard
        address + segment.length <= UInt64(PERSONA_RESERVED_START) || address >= UInt64(PERSONA_RESERVED_END)
      else {
        throw LoadPlanError(
          .addressTaken, "it must be loaded at \(hexadecimal(address)), where Persona's engine lies",
          remedy: "link it for another address or position-independent")
      }
      if let other = others.first(where: { $0.address < address + segment.length && address < $0.end }) {
        throw LoadPlanError(
          .addressTaken,
          "its segment at \(hexadecimal(address)) overlaps the one at \(hexadecimal(other.address))",
          remedy: "link one of them for another address")
      }
      segments[index].address = address
    }
    self.bias = bias
    entry += bias
    end += bias
    if programHeaders != 0 { programHeaders += bias }
  }

  /// Linux PROT_* for p_flags.
  static func protection(_ flags: UInt32) -> UInt32 {
    (flags & ProgramHeader.readable != 0 ? 1 : 0) | (flags & ProgramHeader.writable != 0 ? 2 : 0)
      | (flags & ProgramHeader.executable != 0 ? 4 : 0)
  }
}

func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
