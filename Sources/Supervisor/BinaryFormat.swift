import PersonalityTables

/// How Linux's binfmt_misc knows programs of one system: bytes at a file's beginning.
///
/// It compares the first bytes of a file only. So it can tell by EI_OSABI and by the magic numbers of other formats, not by
/// notes, whose place varies.
struct BinaryFormat: Equatable {
  /// The rule's name in binfmt_misc's folder.
  let name: String
  let title: String
  /// What the bytes are, in words.
  let mark: String
  let magic: [UInt8]
  let mask: [UInt8]

  static let prefix = "persona-"

  /// The rules for a system on x86-64; none where no magic tells its programs.
  static func rules(of system: SystemHeading) -> [BinaryFormat] {
    var rules: [BinaryFormat] = []
    for osabi in system.marks.osabis where osabi != 0 {
      rules.append(elf(system, osabi: osabi, suffix: rules.isEmpty ? "" : "-\(osabi)"))
    }
    for format in system.marks.formats where format.isConclusive && format.text == nil {
      guard case .aoutBigEndian = format.kind, let number = format.number else { continue }
      let bytes = (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> UInt32(8 * $0)) }
      rules.append(
        BinaryFormat(
          name: prefix + system.name + (rules.isEmpty ? "" : "-aout"), title: system.title,
          mark: "a.out of magic 0x\(String(number, radix: 16))", magic: bytes, mask: [0xff, 0xff, 0xff, 0xff]))
    }
    return rules
  }

  /// ELF of 64-bit little-endian words, version 1, with this EI_OSABI; ET_EXEC or ET_DYN; EM_X86_64.
  private static func elf(_ system: SystemHeading, osabi: UInt8, suffix: String) -> BinaryFormat {
    let identity: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, osabi]
    let padding = [UInt8](repeating: 0, count: 8)
    return BinaryFormat(
      name: prefix + system.name + suffix, title: system.title, mark: "64-bit ELF with EI_OSABI \(osabi)",
      magic: identity + padding + [2, 0, 0x3e, 0],
      mask: [UInt8](repeating: 0xff, count: 8) + padding + [0xfe, 0xff, 0xff, 0xff])
  }

  /// The line that binfmt_misc's `register` takes (Documentation/admin-guide/binfmt-misc.rst). `P` hands the program's
  /// own argv[0] on. No `C`: a program's set-user-ID bit is not obeyed. No `F`: an update of Persona holds at once.
  func line(interpreter: String) -> String {
    ":\(name):M::\(BinaryFormat.escaped(magic)):\(BinaryFormat.escaped(mask)):\(interpreter):P"
  }

  private static func escaped(_ bytes: [UInt8]) -> String {
    bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
