/// What a file that somebody wants to execute turns out to be.
public struct Image: Sendable, Equatable {
  public var format: ImageFormat
  /// What in it tells the operating system that it was built for.
  public var marks: Marks
  /// Bytes of the file.
  public var fileSize: UInt64
  /// Address of the first instruction as the file gives it; a position-independent image adds its base.
  public var entry: UInt64
  /// What an ELF image says about loading it; nil for every other format.
  public var elf: ELFDetails?
  /// What an a.out with a header of big-endian longs says about loading it; nil for every other format.
  public var bigEndianAOut: BigEndianAOut?

  public init(
    format: ImageFormat, marks: Marks = Marks(), fileSize: UInt64, entry: UInt64 = 0,
    elf: ELFDetails? = nil, bigEndianAOut: BigEndianAOut? = nil
  ) {
    self.format = format
    self.marks = marks
    self.fileSize = fileSize
    self.entry = entry
    self.elf = elf
    self.bigEndianAOut = bigEndianAOut
  }
}

/// The format of an executable file, as its first bytes tell.
public enum ImageFormat: Sendable, Equatable {
  /// ELF; `machine` is e_machine (SysV gABI).
  case elf(ELFClass, machine: UInt16)
  /// PE32 (`isPlus` false) or PE32+; `machine` is IMAGE_FILE_HEADER.Machine (Microsoft PE/COFF
  /// specification).
  case pe(isPlus: Bool, machine: UInt16)
  /// "MZ" without a PE header: a 16-bit program.
  case dos
  /// COFF for i386 with an optional header, with the magic number 0x14c.
  case coff386
  /// x.out; `cpu` is x_cpu.
  case xout(cpu: UInt8)
  /// a.out for i386.
  case aout(AOutVariant, magic: UInt16)
  /// a.out with a header of big-endian longs, whatever the processor; `magic` is the first of them.
  case aoutBigEndian(magic: UInt32)
  case script(Script)
  /// Anything else, an empty file included.
  case unknown
}

extension ImageFormat {
  /// What tells the processor: e_machine of an ELF file, the magic of an a.out with a big-endian header.
  public var machine: UInt16? {
    switch self {
    case .elf(_, let machine): machine
    case .aoutBigEndian(let magic): UInt16(exactly: magic)
    default: nil
    }
  }
}

public enum ELFClass: UInt8, Sendable {
  case elf32 = 1
  case elf64 = 2
}

/// The dialects of a.out that differ in their header.
public enum AOutVariant: Sendable, Equatable {
  /// a_magic in host byte order and no machine, as 4.3BSD has it.
  case classic
  /// a_midmag in network byte order with the machine's number.
  case machineID(UInt16)
  /// a_info with machine type 100, as Linux has it.
  case linux
}

/// The first line of a file that begins with `#!`.
public struct Script: Sendable, Equatable {
  public var interpreter: String
  /// The rest of the line, one argument, however many words.
  public var argument: String?

  public init(interpreter: String, argument: String? = nil) {
    self.interpreter = interpreter
    self.argument = argument
  }
}

/// What in an image may tell the system that it was built for, besides its format and `ELFDetails`; which system
/// that is, tables say.
public struct Marks: Sendable, Equatable {
  /// The notes of an ELF image.
  public var notes: [ELFNote]
  /// The GOOS in Go's build record.
  public var goSystem: String?
  /// What the tools left in `.comment`.
  public var comments: [String]
  /// The first 8 KiB of a COFF file, where startup code and tools leave texts.
  public var head: [UInt8]

  public init(
    notes: [ELFNote] = [], goSystem: String? = nil, comments: [String] = [], head: [UInt8] = []
  ) {
    self.notes = notes
    self.goSystem = goSystem
    self.comments = comments
    self.head = head
  }
}
