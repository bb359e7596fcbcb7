import BinaryImage
import Glibc
import HostText
import PersonalityTables

/// Judges by the marks that tables list which system an image was built for.
///
/// The tables are read when the first image is judged: what the user insists on needs none of them.
public final class Recognizer {
  /// Where personalities are looked for.
  public let directories: [String]
  /// The names of the personalities that there are.
  public var available: [String] { folders.names }
  private let folders: SystemHeading.Folders
  private var read: [SystemHeading]?
  /// What was read of programs before.
  let images = KnownImages()

  public init(directories: [String]) {
    self.directories = directories
    folders = SystemHeading.Folders(directories)
  }

  /// Refuses to judge where a folder of personalities cannot be looked into: what seems unknown may be known there.
  func checkFolders() throws(LaunchError) {
    for directory in directories {
      let descriptor = Host.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      let code = errno
      guard descriptor < 0 else {
        close(descriptor)
        continue
      }
      if code == ENOENT || code == ENOTDIR { continue }
      throw LaunchError(
        .ours, file: directory, "the personalities cannot be read: \(describe(code))",
        remedy: LaunchError.remedy(code, "check the folder's permissions"), guestError: code)
    }
  }

  private var systems: [SystemHeading] {
    if let read { return read }
    let found = SystemHeading.all(folders, in: directories)
    read = found
    return found
  }

  /// Where a path may lie by what systems find bound when their programs begin: by the chosen system, or by any.
  func boundPaths(of path: String, choice: PersonalityChoice?) -> [String] {
    let bound =
      if let choice {
        heading(choice.name)?.bound ?? []
      } else {
        systems.flatMap(\.bound)
      }
    return bound.compactMap { $0.path(of: path) }
  }

  /// What is known of the personality `name` by its abi.table; nil where there is none.
  public func heading(_ name: String) -> SystemHeading? {
    available.contains(name) ? systems.first { $0.name == name } : nil
  }

  /// The name that a system's headers give a segment's type.
  public func segmentName(_ type: UInt32) -> String? {
    for system in systems {
      for segment in system.marks.segments where segment.types.contains(type) {
        if let name = segment.name { return name }
      }
    }
    return nil
  }

  /// The system that an image was built for, with the reasons: notes first, as kernels do
  /// (sys/kern/imgact_elf.c), then EI_OSABI, Go's build record, the run-time linker's path, segment types,
  /// e_flags, and the compiler's comment.
  public func origin(of image: Image) -> Origin {
    var judgement = Judgement(systems: systems)
    if let elf = image.elf {
      judgement.judge(elf, image.marks)
    } else {
      judgement.judge(image.format, image.marks)
    }
    return judgement.origin
  }
}

/// Evidence while it is collected.
private struct Judgement {
  let systems: [SystemHeading]
  var origin = Origin()

  init(systems: [SystemHeading]) { self.systems = systems }

  private mutating func add(_ system: SystemHeading, _ text: String, conclusive: Bool = true) {
    guard origin.evidence.count < 32,
      !origin.evidence.contains(where: { $0.system.name == system.name && $0.text == text })
    else { return }
    origin.evidence.append(Evidence(system.system, text, isConclusive: conclusive))
  }

  private mutating func decide() {
    if let stated = origin.evidence.first(where: \.isConclusive) {
      origin.system = stated.system
      origin.certainty = .stated
    } else if let hint = origin.evidence.first {
      origin.system = hint.system
      origin.certainty = .assumed
    }
  }

  // MARK: ELF

  mutating func judge(_ elf: ELFDetails, _ marks: Marks) {
    var release: (system: String, text: String)?
    for note in marks.notes {
      guard let told = judge(note) else { continue }
      release = release ?? told
    }
    for system in systems where system.marks.osabis.contains(elf.osABI) {
      add(system, "OSABI \(elf.osABI) (\(system.title))")
    }
    if let name = marks.goSystem {
      for system in systems where system.marks.goSystems.contains(name) { add(system, "Go build for \(name)") }
    }
    if let path = elf.interpreter { judge(interpreter: path) }
    for header in elf.programHeaders { judge(segment: header.type) }
    judge(flags: elf.flags)
    for text in marks.comments { judge(comment: text) }
    decide()
    if origin.system == nil, elf.osABI == 0, elf.kind != .object,
      let system = systems.first(where: \.marks.takesUnmarked)
    {
      origin.system = system.system
      origin.certainty = .assumed
    }
    if let release, release.system == origin.system?.name { origin.release = release.text }
  }

  /// Adds what a note says, and answers the release it tells.
  private mutating func judge(_ note: ELFNote) -> (system: String, text: String)? {
    var told: (system: String, text: String)?
    for system in systems {
      for mark in system.marks.notes where mark.owner == note.owner && mark.type == note.type {
        let first = note.word(0)
        if let wanted = mark.first, wanted != first { continue }
        var text = "note \"\(note.owner)\""
        var release: String?
        switch mark.release {
        case .none: if mark.first != nil { text += " for \(system.title)" }
        case .number:
          text += " \(first ?? 0)"
          if let first, first > 0 { release = system.releases.encoding?.text(of: first) }
        case .words:
          let words = (1...3).map { String(note.word($0) ?? 0) }.joined(separator: ".")
          text += " for \(system.title) \(words)"
          release = words
        }
        add(system, text)
        if told == nil, let release { told = (system.name, release) }
      }
    }
    return told
  }

  /// A path that a table lists counts before a name that it lists.
  private mutating func judge(interpreter path: String) {
    let text = "run-time linker \(path)"
    let name = path.utf8.split(separator: 47).last.map { String(decoding: $0, as: UTF8.self) } ?? path
    var isKnown = false
    for system in systems {
      for mark in system.marks.interpreters where mark.text == path {
        add(system, text, conclusive: mark.isConclusive)
        isKnown = true
      }
    }
    if isKnown { return }
    for system in systems {
      for mark in system.marks.interpreters where matches(name, mark.text) {
        add(system, text, conclusive: mark.isConclusive)
      }
    }
  }

  /// "ld-linux*" is the beginning of a name.
  private func matches(_ name: String, _ pattern: String) -> Bool {
    pattern.hasSuffix("*") ? name.hasPrefix(String(pattern.dropLast())) : name == pattern
  }

  private mutating func judge(segment type: UInt32) {
    for system in systems {
      for mark in system.marks.segments where mark.types.contains(type) {
        add(system, "segment \(mark.name ?? "0x" + String(type, radix: 16))")
      }
    }
  }

  /// Text that tools leave in e_flags, in either byte order.
  private mutating func judge(flags: UInt32) {
    guard flags != 0 else { return }
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: flags >> UInt32(8 * $0)) }
    for system in systems {
      for mark in system.marks.flags
      where mark.utf8.elementsEqual(bytes) || mark.utf8.elementsEqual(bytes.reversed()) {
        add(system, "e_flags \"\(mark)\"")
      }
    }
  }

  private mutating func judge(comment text: String) {
    for system in systems {
      for mark in system.marks.comments where Array(text.utf8).holds(mark.text) {
        add(system, "comment \"\(text.prefix(60))\"", conclusive: mark.isConclusive)
      }
    }
  }

  // MARK: Other formats

  mutating func judge(_ format: ImageFormat, _ marks: Marks) {
    guard let (kind, number) = SystemMarks.Format.kind(of: format) else { return }
    // A mark that asks for more counts before one that asks for the format alone.
    for isPlain in [false, true] {
      for system in systems {
        for mark in system.marks.formats where mark.kind == kind && (mark.text == nil) == isPlain {
          if let text = mark.text {
            guard marks.head.holds(text) else { continue }
            add(system, "the text \"\(text)\"", conclusive: mark.isConclusive)
          } else if mark.number == number {
            add(system, format.displayName, conclusive: mark.isConclusive)
          }
        }
      }
    }
    decide()
  }
}

extension SystemMarks.Format {
  /// The kind and the number that an image of this format has; nil for what is no program of its own.
  static func kind(of format: ImageFormat) -> (Kind, UInt32?)? {
    switch format {
    case .pe: (.pe, nil)
    case .dos: (.dos, nil)
    case .xout: (.xout, nil)
    case .coff386: (.coff, nil)
    case .aout(.classic, _): (.aout, nil)
    case .aout(.machineID(let machine), _): (.aoutNetwork, UInt32(machine))
    case .aout(.linux, _): (.aoutType, 100)
    case .aoutBigEndian(let magic): (.aoutBigEndian, magic)
    case .elf, .script, .unknown: nil
    }
  }
}

extension [UInt8] {
  /// True when the bytes of `text` occur among these.
  func holds(_ text: String) -> Bool {
    let part = Array(text.utf8)
    guard let first = part.first, part.count <= count else { return part.isEmpty }
    return (0...count - part.count).contains {
      self[$0] == first && self[$0..<$0 + part.count].elementsEqual(part)
    }
  }
}

extension SystemHeading {
  var system: OperatingSystem { OperatingSystem(name: name, displayName: title) }
}
