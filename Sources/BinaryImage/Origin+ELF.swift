extension Origin {
  /// Weighs everything in an ELF image that speaks for a system: notes first, as the BSDs' own kernels do
  /// (FreeBSD sys/kern/imgact_elf.c), then EI_OSABI, Go's build record, the run-time linker's path, segment
  /// types, e_flags, and the compiler's comment.
  init(elf: ELFDetails, notes: [ELFNote], comment: [String], build: GoBuild?) {
    self.init()
    for note in notes { judge(note) }
    judge(osABI: elf.osABI)
    if let name = build?.system { judge(goSystem: name) }
    if let path = elf.interpreter { judge(interpreter: path) }
    judge(elf.programHeaders)
    judge(flags: elf.flags)
    for text in comment { judge(comment: text) }

    if let stated = evidence.first(where: \.isConclusive) {
      system = stated.system
      certainty = .stated
    } else if let hint = evidence.first {
      system = hint.system
      certainty = .assumed
    } else if elf.osABI == 0, elf.kind != .object {
      // A static Linux program without GNU's note carries no mark at all.
      system = .linux
      certainty = .assumed
    }
    if let first = evidence.first, first.isConclusive, first.system != system { release = nil }
  }

  private mutating func add(_ system: OperatingSystem, _ text: String, conclusive: Bool = true) {
    guard evidence.count < 32, !evidence.contains(where: { $0.system == system && $0.text == text }) else {
      return
    }
    evidence.append(Evidence(system, text, isConclusive: conclusive))
  }

  private mutating func judge(_ note: ELFNote) {
    let number = note.word(0)
    switch (note.owner, note.type) {
    case ("FreeBSD", 1):  // sys/sys/elf_common.h: NT_FREEBSD_ABI_TAG
      add(.freebsd, "note \"FreeBSD\" \(number ?? 0)")
      if release == nil, let number { release = .freebsd(number) }
    case ("NetBSD", 1):  // NetBSD sys/sys/exec_elf.h: ELF_NOTE_TYPE_NETBSD_TAG
      add(.netbsd, "note \"NetBSD\" \(number ?? 0)")
      if release == nil, let number, number > 0 { release = .netbsd(number) }
    case ("OpenBSD", 1):  // OpenBSD sys/sys/exec_elf.h: NT_OPENBSD_IDENT
      add(.openbsd, "note \"OpenBSD\"")
    case ("DragonFly", 1):  // DragonFly sys/sys/elf_common.h: NT_DRAGONFLY_ABI_TAG
      add(.dragonfly, "note \"DragonFly\" \(number ?? 0)")
      if release == nil, let number, number > 0 { release = .dragonfly(number) }
    case ("Android", 1):
      add(.linux, "note \"Android\"")
    case ("GNU", 1):  // elf.h: NT_GNU_ABI_TAG, ELF_NOTE_OS_*
      let systems: [OperatingSystem] = [.linux, .hurd, .solaris, .freebsd, .netbsd]
      guard let number, number < UInt32(systems.count) else { return }
      let system = systems[Int(number)]
      let version = (1...3).map { String(note.word($0) ?? 0) }.joined(separator: ".")
      add(system, "note \"GNU\" ABI \(system.displayName) \(version)")
      if release == nil, system == .linux, let major = note.word(1), let minor = note.word(2) {
        release = Release(
          number: (major & 0xff) << 16 | (minor & 0xff) << 8 | (note.word(3) ?? 0) & 0xff, text: version)
      }
    default: break
    }
  }

  /// EI_OSABI: System V gABI, chapter 4. 0 states nothing.
  private mutating func judge(osABI: UInt8) {
    switch osABI {
    case 2: add(.netbsd, "OSABI 2 (NetBSD)")
    case 3: add(.linux, "OSABI 3 (GNU/Linux)")
    case 6: add(.solaris, "OSABI 6 (Solaris)")
    case 9: add(.freebsd, "OSABI 9 (FreeBSD)")
    case 12: add(.openbsd, "OSABI 12 (OpenBSD)")
    default: break
    }
  }

  private mutating func judge(goSystem name: String) {
    switch name {
    case "linux", "android": add(.linux, "Go build for \(name)")
    case "freebsd": add(.freebsd, "Go build for freebsd")
    case "netbsd": add(.netbsd, "Go build for netbsd")
    case "openbsd": add(.openbsd, "Go build for openbsd")
    case "dragonfly": add(.dragonfly, "Go build for dragonfly")
    case "solaris", "illumos": add(.solaris, "Go build for \(name)")
    default: break
    }
  }

  /// Where each system keeps its run-time linker: the brand tables of FreeBSD sys/amd64/amd64/elf_machdep.c,
  /// NetBSD and OpenBSD sys/sys/exec_elf.h or ld.so(1), DragonFly elf_machdep.c, Go's cmd/link per system.
  private mutating func judge(interpreter path: String) {
    let text = "run-time linker \(path)"
    let name = path.utf8.split(separator: 47).last.map { String(decoding: $0, as: UTF8.self) } ?? path
    switch path {
    case "/libexec/ld-elf.so.1", "/libexec/ld-elf32.so.1", "/usr/libexec/ld-elf.so.1",
      "/usr/libexec/ld-elf32.so.1":
      add(.freebsd, text)
    case "/libexec/ld-elf.so.2", "/usr/libexec/ld-elf.so.2": add(.dragonfly, text)
    case "/libexec/ld.elf_so", "/usr/libexec/ld.elf_so": add(.netbsd, text)
    case "/usr/libexec/ld.so": add(.openbsd, text)
    case "/lib/ld.so.1", "/usr/lib/ld.so.1", "/lib/amd64/ld.so.1", "/usr/lib/amd64/ld.so.1",
      "/lib/64/ld.so.1":
      add(.solaris, text)
    case "/usr/lib/libc.so.1": add(.svr4, text)
    case "/lib/ld.so", "/lib/ld-x86-64.so.1": add(.hurd, text, conclusive: false)
    case "/system/runtime_loader": add(.haiku, text)
    case "/system/bin/linker", "/system/bin/linker64": add(.linux, text)
    default:
      if name.hasPrefix("ld-linux") || name.hasPrefix("ld-musl") || name.hasPrefix("ld-uClibc")
        || name.hasPrefix("ld64-uClibc")
      {
        add(.linux, text)
      } else if name.hasPrefix("ld-elf.so") || name.hasPrefix("ld-elf32.so") {
        add(.freebsd, text, conclusive: false)
      } else if name.hasPrefix("ld.elf_so") {
        add(.netbsd, text, conclusive: false)
      }
    }
  }

  /// Segment types that one system alone uses: OpenBSD sys/sys/exec_elf.h, Solaris sys/elf.h.
  private mutating func judge(_ headers: [ProgramHeader]) {
    for header in headers {
      switch header.type {
      case 0x65a3_dbe5...0x65a3_dbe8, 0x65a4_1be6: add(.openbsd, "an OpenBSD segment (PT_OPENBSD_*)")
      case 0x6fff_fffa, 0x6fff_fffb, 0x6fff_fffd, 0x6464_e550: add(.solaris, "a Solaris segment (PT_SUNW_*)")
      default: break
      }
    }
  }

  /// Marks that SCO's tools leave in e_flags, as text in memory order.
  private mutating func judge(flags: UInt32) {
    let text = String(
      decoding: (0..<4).map { UInt8(truncatingIfNeeded: flags >> UInt32(8 * $0)) }, as: UTF8.self)
    let turned = String(text.reversed())
    for mark in [text, turned] {
      switch mark {
      case "UDK1": add(.unixware, "e_flags \"UDK1\"")
      case "SVR4": add(.svr4, "e_flags \"SVR4\"")
      case "X286": add(.xenix, "e_flags \"X286\"")
      case "OSR5": add(.openserver, "e_flags \"OSR5\"")
      default: break
      }
    }
  }

  private mutating func judge(comment text: String) {
    let marks: [(String, OperatingSystem)] = [
      ("FreeBSD", .freebsd), ("NetBSD", .netbsd), ("OpenBSD", .openbsd), ("DragonFly", .dragonfly),
      ("SunOS", .solaris), ("Solaris", .solaris), ("illumos", .solaris), ("UnixWare", .unixware),
      ("Debian", .linux), ("Ubuntu", .linux), ("Red Hat", .linux), ("Alpine", .linux), ("GNU/Linux", .linux),
      ("SUSE", .linux), ("Android", .linux), ("buildroot", .linux),
    ]
    for (word, system) in marks where text.contains(substring: word) {
      add(system, "comment \"\(text.prefix(60))\"", conclusive: false)
    }
  }
}

extension String {
  /// True when `part` occurs in the text, byte for byte.
  func contains(substring part: String) -> Bool {
    let whole = Array(utf8)
    let part = Array(part.utf8)
    guard part.count <= whole.count else { return false }
    return (0...whole.count - part.count).contains { whole[$0..<$0 + part.count].elementsEqual(part) }
  }
}

extension Release {
  /// A release by the number that the system's own programs compare; nil for systems whose numbers are not
  /// known.
  public init?(_ system: OperatingSystem, _ number: UInt32) {
    switch system {
    case .freebsd: self = .freebsd(number)
    case .netbsd: self = .netbsd(number)
    case .dragonfly: self = .dragonfly(number)
    default: return nil
    }
  }

  /// `__FreeBSD_version` (FreeBSD Porter's Handbook): major * 100000 + minor * 1000 since 5.0.
  static func freebsd(_ number: UInt32) -> Release {
    guard number >= 500_000 else { return Release(number: number, text: "before 5.0") }
    return Release(number: number, text: "\(number / 100_000).\(number / 1000 % 100)")
  }

  /// `__NetBSD_Version__` (NetBSD sys/sys/param.h): MMmmrrpp00.
  static func netbsd(_ number: UInt32) -> Release {
    let patch = number / 100 % 100
    return Release(
      number: number,
      text: "\(number / 100_000_000).\(number / 1_000_000 % 100)" + (patch > 0 ? ".\(patch)" : ""))
  }

  /// `__DragonFly_version` (DragonFly sys/sys/param.h): major * 100000 + minor * 100.
  static func dragonfly(_ number: UInt32) -> Release {
    Release(number: number, text: "\(number / 100_000).\(number / 100 % 1000)")
  }
}
