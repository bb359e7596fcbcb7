import BinaryImage
import Glibc
import PersonalityTables

/// Which calls a program can make by its own code, and what becomes of each, before it runs.
public struct Coverage: Sendable {
  /// One call that the program can make.
  public struct Entry: Sendable {
    public var number: Int
    /// Nil where the personality has no such call.
    public var name: String?
    /// `translated`, `handler`, `answer`, `unsupported`, `obsolete` or `missing`.
    public var fate: String
    /// Linux's call, the handler, the answer, or why not.
    public var detail: String
    public var sites: [UInt64]
  }

  public var personality: String
  public var entries: [Entry] = []
  /// Call instructions whose number cannot be seen in the code around them.
  public var undecided: [UInt64] = []
  /// Libraries whose calls are not looked at.
  public var libraries: [String] = []

  /// What is worst stands first.
  static let fates = ["missing", "unsupported", "obsolete", "answer", "handler", "translated"]

  /// Looks at the program at `path`.
  public init(_ path: String, choice: PersonalityChoice?, root: String?, recognizer: Recognizer)
    throws(LaunchError)
  {
    let file = try ProgramFile.open(path, root: root)
    let recognition = try Recognition.of(file.image, file: path, choice: choice, recognizer: recognizer)
    guard case .foreign(let name) = recognition else {
      throw LaunchError(
        .cannotRun, file: path, "is no foreign program: nothing is translated for it",
        remedy: "name the system with --as if it is one")
    }
    var edition = Edition()
    if let heading = PersonalityLoader.heading(name, from: recognizer.directories) {
      edition = try Edition(of: file.image, heading: heading, choice: choice, recognizer: recognizer)
    }
    let loaded = try CompiledPersonality.load(name, recognizer.directories, edition).personality
    guard let abi = loaded.abis.first else {
      throw LaunchError(.ours, "the personality '\(name)' describes no abi", remedy: "'persona check' tells more")
    }
    personality = name
    var sites = CallSites()
    for part in try Coverage.code(of: file) {
      sites.scan(part.bytes[...], at: part.address, abi: abi)
    }
    undecided = sites.undecided
    libraries = file.image.elf?.neededLibraries ?? []
    for (number, addresses) in sites.decided {
      let row = loaded.call(number)
      let (fate, detail) = Coverage.fate(row)
      entries.append(Entry(number: number, name: row?.name, fate: fate, detail: detail, sites: addresses))
    }
    let rank = { (fate: String) in Coverage.fates.firstIndex(of: fate) ?? 0 }
    entries.sort { (rank($0.fate), $0.number) < (rank($1.fate), $1.number) }
  }

  private static func fate(_ row: CallRow?) -> (String, String) {
    switch row?.action {
    case nil, .some(.none): ("missing", "the personality has no such call")
    case .translate(let name, _): ("translated", name)
    case .handler(let name, _): ("handler", name)
    case .answer(let value): ("answer", String(value))
    case .unsupported(let reason): ("unsupported", reason)
    case .obsolete: ("obsolete", "the system itself answers ENOSYS")
    }
  }

  /// The executable parts of a program.
  private static func code(
    of file: borrowing ProgramFile
  ) throws(LaunchError) -> [(bytes: [UInt8], address: UInt64)] {
    var parts: [(bytes: [UInt8], address: UInt64)] = []
    let placed: PlacedImage
    do { placed = try PlacedImage(file.image, index: 0) } catch {
      throw LaunchError(.cannotRun, file: file.path, error.cause, remedy: error.remedy)
    }
    for segment in placed.segments where segment.protection & 4 != 0 {
      let count = Int(min(segment.fileLength, file.image.fileSize - min(file.image.fileSize, segment.fileOffset)))
      var bytes = [UInt8](repeating: 0, count: count)
      var done = 0
      while done < count {
        let length = bytes.withUnsafeMutableBytes {
          pread(file.descriptor, $0.baseAddress! + done, count - done, Int(segment.fileOffset) + done)
        }
        if length < 0, errno == EINTR { continue }
        guard length > 0 else {
          throw LaunchError(.cannotRun, file: file.path, "cannot be read: \(describe(errno))")
        }
        done += length
      }
      parts.append((bytes, segment.address))
    }
    return parts
  }

  // MARK: Text

  /// The report as it is printed, with at most `shown` addresses of undecided sites.
  public func text(shown: Int = 16) -> String {
    let counts = Coverage.fates.reversed().compactMap { fate -> String? in
      let count = entries.count { $0.fate == fate }
      return count == 0 ? nil : "\(count) \(fate)"
    }
    var text = "\(personality): \(entries.count) calls"
    text += counts.isEmpty ? "" : ": " + counts.joined(separator: ", ")
    text += "; \(undecided.count) sites undecided\n"
    for entry in entries {
      text += "  \(entry.fate)  \(entry.number) \(entry.name ?? "?")  \(entry.detail)\n"
    }
    if !undecided.isEmpty {
      text += "undecided, since the number is not loaded beside the call:"
      for address in undecided.prefix(shown) { text += " " + hexadecimal(address) }
      text += undecided.count > shown ? " and \(undecided.count - shown) more\n" : "\n"
    }
    if !libraries.isEmpty { text += "not looked at: \(libraries.joined(separator: " "))\n" }
    return text
  }
}
