/// What a file that somebody wants to execute turns out to be.
public struct Image: Sendable, Equatable {
  public var format: ImageFormat
  /// The operating system that it was built for, with the reasons.
  public var origin: Origin
  /// Bytes of the file.
  public var fileSize: UInt64
  /// Address of the first instruction as the file gives it; a position-independent image adds its base.
  public var entry: UInt64
  /// What an ELF image says about loading it; nil for every other format.
  public var elf: ELFDetails?
  /// What a Plan 9 image says about loading it; nil for every other format.
  public var plan9: Plan9Details?

  public init(
    format: ImageFormat, origin: Origin = Origin(), fileSize: UInt64, entry: UInt64 = 0,
    elf: ELFDetails? = nil, plan9: Plan9Details? = nil
  ) {
    self.format = format
    self.origin = origin
    self.fileSize = fileSize
    self.entry = entry
    self.elf = elf
    self.plan9 = plan9
  }
}

/// The format of an executable file, as its first bytes tell.
public enum ImageFormat: Sendable, Equatable {
  /// ELF; `machine` is e_machine (SysV gABI).
  case elf(ELFClass, machine: UInt16)
  /// PE32 (`isPlus` false) or PE32+; `machine` is IMAGE_FILE_HEADER.Machine (Microsoft PE/COFF
  /// specification).
  case pe(isPlus: Bool, machine: UInt16)
  /// An MS-DOS or 16-bit Windows program: "MZ" without a PE header.
  case dos
  /// COFF for i386 with an optional header, as System V Release 3 executes it.
  case coff386
  /// Xenix x.out; `cpu` is x_cpu.
  case xout(cpu: UInt8)
  /// BSD a.out for i386.
  case aout(AOutVariant, magic: UInt16)
  /// Plan 9 a.out; `magic` as in its a.out.h.
  case plan9(magic: UInt32)
  case script(Script)
  /// Anything else, an empty file included.
  case unknown
}

public enum ELFClass: UInt8, Sendable {
  case elf32 = 1
  case elf64 = 2
}

/// The dialects of a.out that differ in their header.
public enum AOutVariant: Sendable, Equatable {
  /// a_magic in host byte order and no machine: 4.3BSD, 386BSD, BSD/OS.
  case classic
  /// a_midmag in network byte order: NetBSD, OpenBSD, FreeBSD 2.
  case machineID(UInt16)
  /// Linux: a_info with machine type 100.
  case linux
}

/// The first line of a file that begins with `#!`.
public struct Script: Sendable, Equatable {
  public var interpreter: String
  /// The rest of the line, one argument as the BSDs and Linux pass it.
  public var argument: String?

  public init(interpreter: String, argument: String? = nil) {
    self.interpreter = interpreter
    self.argument = argument
  }
}

/// Operating systems that Persona can tell apart.
public enum OperatingSystem: String, Sendable, CaseIterable {
  case linux, freebsd, netbsd, openbsd, dragonfly, solaris, hurd, windows, plan9, haiku
  case svr3, svr4, unixware, openserver, sco, xenix, wyse, interactive
  case bsd386 = "386bsd"

  /// The name as the system writes it itself.
  public var displayName: String {
    switch self {
    case .linux: "Linux"
    case .freebsd: "FreeBSD"
    case .netbsd: "NetBSD"
    case .openbsd: "OpenBSD"
    case .dragonfly: "DragonFly BSD"
    case .solaris: "Solaris or illumos"
    case .hurd: "GNU/Hurd"
    case .windows: "Windows"
    case .plan9: "Plan 9"
    case .haiku: "Haiku"
    case .svr3: "System V Release 3"
    case .svr4: "System V Release 4"
    case .unixware: "UnixWare"
    case .openserver: "SCO OpenServer 5"
    case .sco: "SCO UNIX"
    case .xenix: "Xenix"
    case .wyse: "Wyse UNIX"
    case .interactive: "INTERACTIVE UNIX"
    case .bsd386: "386BSD or BSD/OS"
    }
  }
}

/// Which system an image comes from, how sure that is, and why.
public struct Origin: Sendable, Equatable {
  public enum Certainty: Int, Sendable, Comparable {
    /// Nothing told.
    case unknown
    /// Nothing contradicts it, but nothing states it either.
    case assumed
    /// The file itself states it.
    case stated

    public static func < (left: Certainty, right: Certainty) -> Bool { left.rawValue < right.rawValue }
  }

  public var system: OperatingSystem?
  public var certainty: Certainty
  public var release: Release?
  /// Everything in the file that speaks for a system, the weightiest first.
  public var evidence: [Evidence]

  public init(
    system: OperatingSystem? = nil, certainty: Certainty = .unknown, release: Release? = nil,
    evidence: [Evidence] = []
  ) {
    self.system = system
    self.certainty = certainty
    self.release = release
    self.evidence = evidence
  }
}

/// One thing in a file that speaks for an operating system.
public struct Evidence: Sendable, Equatable {
  public var system: OperatingSystem
  /// Where and what, such as `note "FreeBSD" 1400097`.
  public var text: String
  /// False where several systems share the mark, so that it only supports a guess.
  public var isConclusive: Bool

  public init(_ system: OperatingSystem, _ text: String, isConclusive: Bool = true) {
    self.system = system
    self.text = text
    self.isConclusive = isConclusive
  }
}

/// The release of the system that an image was built for, when its ABI note tells.
public struct Release: Sendable, Equatable {
  /// The number that the system's own programs compare, such as `__FreeBSD_version`.
  public var number: UInt32
  /// The same as people say it, such as "14.0".
  public var text: String

  public init(number: UInt32, text: String) {
    self.number = number
    self.text = text
  }
}
