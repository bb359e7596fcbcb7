import BinaryImage
import CallAnalysis
import Glibc
import HostText
import PersonalityTables

/// Which calls a program and its libraries can make, and what becomes of each, before it runs.
public struct Coverage: Sendable {
  /// Where a call is made, or where the number is given to what makes it.
  public struct Site: Sendable {
    /// Index in `files`.
    public var file: Int
    public var address: UInt64
    public var function: String?
  }

  /// One call that can be made.
  public struct Entry: Sendable {
    public var number: Int
    /// Nil where the personality has no such call.
    public var name: String?
    /// `translated`, `handler`, `answer`, `unsupported`, `obsolete` or `missing`.
    public var fate: String
    /// Linux's call, the handler, the answer, or why not.
    public var detail: String
    /// By address.
    public var sites: [Site]
  }

  public var personality: String
  /// The program, its libraries, and their run-time linker.
  public var files: [String] = []
  public var entries: [Entry] = []
  /// How many call instructions can run.
  public var siteCount = 0
  /// Call instructions whose number cannot be told in every case.
  public var undecided: [Site] = []
  /// Libraries, or the run-time linker, that are not where it would be looked for.
  public var missing: [String] = []
  /// Whether the program may load libraries while it runs.
  public var loadsMore = false

  /// What is worst stands first.
  static let fates = ["missing", "unsupported", "obsolete", "answer", "handler", "translated"]

  /// Looks at the program at `path`.
  public init(_ path: String, choice: PersonalityChoice?, root: FileRoot?, recognizer: Recognizer)
    throws(LaunchError)
  {
    let file = try ProgramFile.open(path, root: root, recognizer)
    let recognition = try Recognition.of(file, named: path, choice: choice, recognizer: recognizer)
    guard case .foreign(let name) = recognition else {
      throw LaunchError(
        .cannotRun, file: path, "is no foreign program: nothing is translated for it",
        remedy: "name the system with --as if it is one")
    }
    let heading = recognizer.heading(name)
    let edition = try Edition(
      of: file.image, heading: heading, choice: choice, machine: heading.flatMap { root?.release(of: $0, recognizer) },
      recognizer: recognizer)
    let loaded = try CompiledPersonality.load(name, recognizer.directories, edition).personality
    guard let abi = loaded.abis.first, let convention = CallNumbers.Convention(abi, file.image, loaded) else {
      throw LaunchError(
        .ours, "the personality '\(name)' describes no abi whose calls can be found in a program",
        remedy: "'persona check' tells more")
    }
    personality = name
    var images = [try Coverage.program(file)]
    files = [file.path]
    let libraries = try Libraries(
      of: file.image, path: file.path, root: root, standard: loaded.marks.libraries,
      environment: Host.getenv("LD_LIBRARY_PATH"))
    for library in libraries.found {
      images.append(library.linked)
      files.append(library.path)
    }
    missing = libraries.missing
    var linker: Int?
    if let interpreter = file.image.elf?.interpreter {
      let hosts = ProgramFile.hostPaths(of: interpreter, root: root)
      if let host = hosts.first(where: { Host.access($0, F_OK) == 0 }),
        let read = try Libraries.read(host, interpreter, for: file.image.format)
      {
        linker = images.count
        images.append(read.1)
        files.append(interpreter)
      } else {
        missing.append(interpreter)
      }
    }
    let numbers = CallNumbers(images, linker: linker, convention)
    let site = { (place: CallNumbers.Site) in
      Site(file: place.image, address: place.address, function: numbers.name(place))
    }
    siteCount = numbers.count
    undecided = numbers.undecided.map(site)
    loadsMore = numbers.used.contains("dlopen") || numbers.used.contains("fdlopen")
    for (number, places) in numbers.sites where !convention.indirect.contains(number) {
      let row = loaded.call(number)
      let (fate, detail) = Coverage.fate(row)
      let sorted = places.sorted { ($0.image, $0.address) < ($1.image, $1.address) }
      entries.append(
        Entry(number: number, name: row?.name, fate: fate, detail: detail, sites: sorted.map(site)))
    }
    let rank = { (fate: String) in Coverage.fates.firstIndex(of: fate) ?? 0 }
    entries.sort { (rank($0.fate), $0.number) < (rank($1.fate), $1.number) }
  }

  /// The worst that was found: 0 where every call that can be made becomes something, 1 where one does not, 2 where
  /// none is known not to, but something could not be told.
  public var status: Int32 {
    if entries.contains(where: { $0.fate == "unsupported" || $0.fate == "missing" }) { return 1 }
    return undecided.isEmpty && missing.isEmpty ? 0 : 2
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

  /// The program itself, of whatever format.
  private static func program(_ file: borrowing ProgramFile) throws(LaunchError) -> LinkedImage {
    if case .elf(.elf32, machine: ImageFormat.i386) = file.image.format {
      do { return try LinkedImage(elf: file.descriptor, file.image) } catch {
        throw LaunchError(.cannotRun, file: file.path, error.description)
      }
    }
    let placed: PlacedImage
    do { placed = try PlacedImage(file.image, index: 0) } catch {
      throw LaunchError(.cannotRun, file: file.path, error.cause, remedy: error.remedy)
    }
    if file.image.elf != nil {
      do { return try LinkedImage(elf: file.descriptor, file.image) } catch {
        throw LaunchError(.cannotRun, file: file.path, error.description)
      }
    }
    var segments: [LinkedImage.Segment] = []
    var end: UInt64 = 0
    for segment in placed.segments {
      segments.append(
        LinkedImage.Segment(
          address: segment.address, bytes: try bytes(of: file, segment.fileOffset, segment.fileLength),
          isExecutable: segment.protection & 4 != 0, isWritable: segment.protection & 2 != 0))
      end = max(end, segment.fileOffset + segment.fileLength)
    }
    var image = LinkedImage(segments: segments, entry: placed.entry)
    if let header = file.image.bigEndianAOut {
      let rest = try bytes(of: file, end, file.image.fileSize - min(end, file.image.fileSize))
      image.symbols = LinkedImage.functions(
        aout: rest.prefix(Int(header.symbolSize)), isWide: header.isWide)
      // Behind the code the linkers of this format put constants into the same segment.
      let ends = image.symbols.filter { $0.name == "etext" || $0.name == "runtime.etext" }.map(\.address)
      if let end = ends.min() { image.endCode(at: end) }
    }
    return image
  }

  private static func bytes(
    of file: borrowing ProgramFile, _ offset: UInt64, _ length: UInt64
  ) throws(LaunchError) -> [UInt8] {
    let count = Int(min(length, file.image.fileSize - min(file.image.fileSize, offset)))
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let length = bytes.withUnsafeMutableBytes {
        pread(file.descriptor, $0.baseAddress! + done, count - done, Int(offset) + done)
      }
      if length < 0, errno == EINTR { continue }
      guard length > 0 else {
        throw LaunchError(.cannotRun, file: file.path, "cannot be read: \(describe(errno))")
      }
      done += length
    }
    return bytes
  }
}

extension CallNumbers.Convention {
  /// Nil where calls are made by a gate, which no instruction's bytes tell, or for other processors.
  fileprivate init?(_ abi: CallABI, _ image: Image, _ personality: Personality) {
    let trap: UInt8?
    switch abi.trap {
    case .syscall: trap = nil
    case .interrupt(let number): trap = number
    case .callGate: return nil
    }
    guard abi.word == 8 || abi.word == 4, let number = Self.encoding(abi.number) else { return nil }
    let indirect = personality.calls.filter { row in
      if case .handler("indirect", _) = row.action { true } else { false }
    }
    self.init(
      trap: trap, number: number, firstArgument: abi.arguments.first.flatMap(Self.encoding),
      stackOffset: Int64(abi.stackOffset), indirect: Set(indirect.map(\.number)),
      keepsRegisters: image.elf != nil && image.elf?.goVersion == nil, word: UInt8(abi.word))
  }

  /// The processor's number of a register that tables name, in the order of `enum persona_register`.
  private static func encoding(_ register: UInt8) -> UInt8? {
    let encodings: [UInt8] = [8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 3, 2, 0, 1, 4]
    return Int(register) < encodings.count ? encodings[Int(register)] : nil
  }
}
