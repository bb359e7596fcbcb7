extension ImageFormat {
  /// What it is, with its article: "an ELF file for i386 (32 bits)".
  public var displayName: String {
    switch self {
    case .elf(let elfClass, let machine):
      "an ELF file for \(ImageFormat.machineName(machine)) (\(elfClass == .elf64 ? 64 : 32) bits)"
    case .pe(let isPlus, let machine):
      "a \(isPlus ? "PE32+" : "PE32") program for \(ImageFormat.peMachineName(machine))"
    case .dos: "an MS-DOS program"
    case .coff386: "an i386 COFF program"
    case .xout(let cpu):
      "an x.out program for \(cpu == 0x4a ? "386" : cpu == 0x44 ? "8086 or 286" : "processor \(cpu)")"
    case .aout(let variant, let magic):
      "an i386 a.out program (\(ImageFormat.aoutName(magic))"
        + (variant == .linux ? ", Linux header)" : variant == .classic ? ")" : ", network header)")
    case .aoutBigEndian(let magic): "an a.out program for \(magic == 0x8a97 ? "amd64" : "386")"
    case .script(let script): "a script for \(script.interpreter)"
    case .unknown: "a file of unknown format"
    }
  }

  /// e_machine: System V gABI, chapter 4, and its registry.
  static func machineName(_ machine: UInt16) -> String {
    let names: [UInt16: String] = [
      0: "no machine", 2: "SPARC", 3: "i386", 4: "m68k", 6: "i486", 8: "MIPS", 18: "SPARC32+", 20: "PowerPC",
      21: "PowerPC64", 22: "S/390", 40: "ARM", 42: "SuperH", 43: "SPARC64", 50: "IA-64", 62: "amd64",
      183: "aarch64", 243: "RISC-V", 258: "LoongArch", 0x9026: "Alpha",
    ]
    return names[machine] ?? "machine \(machine)"
  }

  /// IMAGE_FILE_MACHINE_*: Microsoft PE/COFF specification, section 3.3.1.
  static func peMachineName(_ machine: UInt16) -> String {
    let names: [UInt16: String] = [0x14c: "i386", 0x8664: "amd64", 0xaa64: "aarch64", 0x1c4: "ARM"]
    return names[machine] ?? "machine 0x\(String(machine, radix: 16))"
  }

  static func aoutName(_ magic: UInt16) -> String {
    switch magic {
    case 0o407: "OMAGIC"
    case 0o410: "NMAGIC"
    case 0o413: "ZMAGIC"
    default: "QMAGIC"
    }
  }
}

extension Image {
  /// Format, kind and linking, as `persona identify` lists them.
  public var facts: [String] {
    var parts: [String] = []
    switch format {
    case .elf(let elfClass, let machine):
      parts.append("ELF\(elfClass == .elf64 ? 64 : 32) \(ImageFormat.machineName(machine))")
    default:
      parts.append(String(format.displayName.drop { $0 != " " }.dropFirst()))
    }
    guard let elf else { return parts }
    switch elf.kind {
    case .object: parts.append("object file")
    case .executable: parts.append("executable")
    case .positionIndependent: parts.append("position-independent executable")
    case .sharedObject: parts.append("shared object")
    case .core: parts.append("core dump")
    case .other(let type): parts.append("type \(type)")
    }
    if let interpreter = elf.interpreter {
      parts.append("dynamic, run-time linker \(interpreter)")
    } else if elf.kind == .executable || elf.kind == .positionIndependent {
      parts.append(elf.isDynamic ? "dynamic without a run-time linker" : "static")
    }
    if let version = elf.goVersion { parts.append("built by \(version)") }
    return parts
  }
}

extension ProgramHeader {
  /// The type's name as headers spell it after `PT_`, where all systems have it; else its number.
  public var typeName: String {
    let names: [UInt32: String] = [
      0: "NULL", 1: "LOAD", 2: "DYNAMIC", 3: "INTERP", 4: "NOTE", 5: "SHLIB", 6: "PHDR", 7: "TLS",
      0x6474_e550: "GNU_EH_FRAME", 0x6474_e551: "GNU_STACK", 0x6474_e552: "GNU_RELRO",
      0x6474_e553: "GNU_PROPERTY",
    ]
    return names[type] ?? "0x" + String(type, radix: 16)
  }
}
