/// What an ELF image says about how it is loaded and linked.
public struct ELFDetails: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// ET_REL
    case object
    /// ET_EXEC: loaded at its own addresses.
    case executable
    /// ET_DYN with an interpreter or DF_1_PIE: a program that may be loaded anywhere.
    case positionIndependent
    /// ET_DYN otherwise: a library, or a run-time linker.
    case sharedObject
    /// ET_CORE
    case core
    case other(UInt16)
  }

  public var kind: Kind
  /// EI_DATA is ELFDATA2MSB.
  public var isBigEndian = false
  /// EI_OSABI
  public var osABI: UInt8
  /// e_flags
  public var flags: UInt32
  /// e_phoff
  public var programHeaderOffset: UInt64
  public var programHeaders: [ProgramHeader]
  /// PT_INTERP
  public var interpreter: String?
  /// True when there is a PT_DYNAMIC segment and a run-time linker or library is needed.
  public var isDynamic: Bool
  /// DT_NEEDED
  public var neededLibraries: [String]
  /// DT_RUNPATH, or else DT_RPATH
  public var libraryPath: String?
  /// Whether that is DT_RUNPATH.
  public var isRunPath = false
  /// The version of Go that built it.
  public var goVersion: String?

  public init(
    kind: Kind, osABI: UInt8 = 0, flags: UInt32 = 0, programHeaderOffset: UInt64 = 64,
    programHeaders: [ProgramHeader] = [], interpreter: String? = nil, isDynamic: Bool = false,
    neededLibraries: [String] = [], libraryPath: String? = nil, goVersion: String? = nil
  ) {
    self.kind = kind
    self.osABI = osABI
    self.flags = flags
    self.programHeaderOffset = programHeaderOffset
    self.programHeaders = programHeaders
    self.interpreter = interpreter
    self.isDynamic = isDynamic
    self.neededLibraries = neededLibraries
    self.libraryPath = libraryPath
    self.goVersion = goVersion
  }

  /// The thread-local storage template: PT_TLS.
  public var threadLocalStorage: ProgramHeader? { programHeaders.first { $0.type == ProgramHeader.tls } }

  /// The flags (`PF_R`, `PF_W`, `PF_X`) that PT_GNU_STACK asks for the stack, or nil when it says nothing.
  public var stackFlags: UInt32? { programHeaders.first { $0.type == ProgramHeader.gnuStack }?.flags }

  /// True when the image may be placed at any address: ET_DYN.
  public var isRelocatable: Bool { kind == .positionIndependent || kind == .sharedObject }
}

/// One entry of an ELF program header table, widened to 64 bits.
public struct ProgramHeader: Sendable, Equatable {
  public var type: UInt32
  public var flags: UInt32
  public var offset: UInt64
  public var address: UInt64
  public var fileSize: UInt64
  public var memorySize: UInt64
  public var alignment: UInt64

  public init(
    type: UInt32, flags: UInt32 = 0, offset: UInt64 = 0, address: UInt64 = 0, fileSize: UInt64 = 0,
    memorySize: UInt64 = 0, alignment: UInt64 = 0
  ) {
    self.type = type
    self.flags = flags
    self.offset = offset
    self.address = address
    self.fileSize = fileSize
    self.memorySize = memorySize
    self.alignment = alignment
  }

  // p_type and p_flags: System V gABI, chapter 5; PT_GNU_*: Linux standard base.
  public static let load: UInt32 = 1
  public static let dynamic: UInt32 = 2
  public static let interp: UInt32 = 3
  public static let note: UInt32 = 4
  public static let phdr: UInt32 = 6
  public static let tls: UInt32 = 7
  public static let gnuStack: UInt32 = 0x6474_e551

  public static let executable: UInt32 = 1
  public static let writable: UInt32 = 2
  public static let readable: UInt32 = 4
}

extension ImageFormat {
  /// EM_386
  public static let i386: UInt16 = 3
  /// EM_X86_64
  public static let amd64: UInt16 = 62
}
