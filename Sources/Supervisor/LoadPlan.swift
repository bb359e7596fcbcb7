import BinaryImage
import CWire
import HostText

/// Where every part of a program goes in a guest, and how it starts: what the engine loads by.
public struct LoadPlan: Sendable, Equatable {
  /// `struct persona_segment`.
  public struct Segment: Sendable, Equatable {
    public var address: UInt64
    /// Bytes, a whole number of pages.
    public var length: UInt64
    public var fileOffset: UInt64
    /// Bytes that come from the file; the rest reads as zero.
    public var fileLength: UInt64
    /// Linux PROT_*.
    public var protection: UInt32
    /// 0 is the program, 1 its run-time linker.
    public var image: UInt32

    public var end: UInt64 { address + length }
  }

  /// A program header at the address where it was placed.
  public struct PlacedHeader: Sendable, Equatable {
    public var header: ProgramHeader
    public var bias: UInt64
    public var image: UInt32
  }

  /// The supervisor's file of decided programs.
  public struct DecidedFile: Sendable, Equatable {
    /// Its descriptor in the supervisor.
    public var descriptor: Int32
    public var token: UInt64
  }

  /// An auxiliary vector entry of the foreign system, and where its value comes from.
  public struct Auxiliary: Sendable, Equatable {
    public enum Value: Sendable, Equatable {
      case literal(UInt64)
      /// Linux's entry of this type, left out when Linux gave none.
      case linux(UInt64)
      /// The address of the program's absolute path.
      case path
      /// What the engine finds itself: `enum persona_auxv_source` and its `value`.
      case engine(persona_auxv_source, UInt64)

      public static func == (left: Value, right: Value) -> Bool {
        left.wire.source == right.wire.source && left.wire.value == right.wire.value
      }

      /// The wire form; a string's value is filled in with its offset later.
      var wire: (source: UInt32, value: UInt64) {
        switch self {
        case .literal(let value): (PERSONA_AUXV_LITERAL.rawValue, value)
        case .linux(let type): (PERSONA_AUXV_LINUX.rawValue, type)
        case .path: (PERSONA_AUXV_STRING.rawValue, 0)
        case .engine(let source, let value): (source.rawValue, value)
        }
      }
    }

    public var type: UInt32
    public var value: Value

    public init(type: UInt32, value: Value) {
      self.type = type
      self.value = value
    }
  }

  /// Program headers where they were placed, with their image's index; for systems whose loader asks for them.
  public var headers: [PlacedHeader] = []
  /// Calls that become jumps before the program runs.
  public var sites: [Site] = []
  /// In the order in which the engine maps them; a later one may replace a page of an earlier one.
  public var segments: [Segment] = []
  public var auxiliary: [Auxiliary] = []
  public var imageCount: UInt32 = 1
  /// The first instruction: the run-time linker's, or the program's.
  public var entry: UInt64 = 0
  /// End of the data segment, where break(2) starts.
  public var brk: UInt64 = 0
  /// The program's absolute path.
  public var path = ""
  /// The absolute path of the tree that paths are looked up in first; empty without one.
  public var root = ""
  /// There is nothing but what `root` holds.
  public var isConfined = false
  public var isLogged = false
  /// Call instructions that are used again and again become jumps.
  public var patchesSites = true
  /// Calls that break the program's promises are carried out.
  public var isLenient = false
  /// What the program before handed on; only the engine knows what it is.
  public var state: [UInt8] = []
  public var tableSize: UInt64 = 0
  public var logSize: UInt64 = 0
  public var supervisor: Int32 = 0
  /// Where guests find what was decided about programs; nil: they ask about each.
  public var programs: DecidedFile?

  public init() {}

  /// The last component of `path`, which becomes the process's name.
  public var name: String {
    path.utf8.lastIndex(of: 47).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  /// The bytes of `struct persona_plan` and what it refers to.
  public func serialized() -> [UInt8] {
    let segmentsOffset = MemoryLayout<persona_plan>.stride
    let auxiliaryOffset = segmentsOffset + segments.count * MemoryLayout<persona_segment>.stride
    let nameOffset = auxiliaryOffset + auxiliary.count * MemoryLayout<persona_auxv>.stride
    let name = name.hostBytes + [0]
    let path = path.hostBytes + [0]
    let pathOffset = nameOffset + name.count
    let headersOffset = (pathOffset + path.count + 15) & ~15
    let sitesOffset = (headersOffset + headers.count * MemoryLayout<persona_program_header>.stride + 15) & ~15
    let stateOffset = (sitesOffset + sites.count * MemoryLayout<persona_plan_site>.stride + 15) & ~15
    let rootOffset = stateOffset + state.count
    let root = root.isEmpty ? [] : root.hostBytes + [0]
    let size = (rootOffset + root.count + 7) & ~7

    var head = persona_plan()
    head.magic = UInt32(PERSONA_PLAN_MAGIC)
    head.version = UInt32(PERSONA_PLAN_VERSION)
    head.size = UInt32(size)
    head.flags =
      (isLogged ? PERSONA_PLAN_LOG.rawValue : 0) | (patchesSites ? PERSONA_PLAN_PATCH.rawValue : 0)
      | (isLenient ? PERSONA_PLAN_LENIENT.rawValue : 0) | (isConfined ? PERSONA_PLAN_CONFINED.rawValue : 0)
    head.image_count = imageCount
    head.segment_count = UInt32(segments.count)
    head.segments = UInt32(segmentsOffset)
    head.auxv_count = UInt32(auxiliary.count)
    head.auxv = UInt32(auxiliaryOffset)
    head.name = UInt32(nameOffset)
    head.path = UInt32(pathOffset)
    head.headers = UInt32(headersOffset)
    head.header_count = UInt32(headers.count)
    head.sites = UInt32(sitesOffset)
    head.site_count = UInt32(sites.count)
    head.state = UInt32(stateOffset)
    head.state_bytes = UInt32(state.count)
    head.root = root.isEmpty ? 0 : UInt32(rootOffset)
    head.entry = entry
    head.brk = brk
    head.table_size = tableSize
    head.log_size = logSize
    (head.supervisor, head.programs, head.token) = (supervisor, programs?.descriptor ?? -1, programs?.token ?? 0)

    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    withUnsafeBytes(of: head) { bytes.append(contentsOf: $0) }
    for segment in segments {
      let wire = persona_segment(
        address: segment.address, length: segment.length, file_offset: segment.fileOffset,
        file_length: segment.fileLength, protection: segment.protection, image: segment.image)
      withUnsafeBytes(of: wire) { bytes.append(contentsOf: $0) }
    }
    for entry in auxiliary {
      let (source, value) = entry.value.wire
      let isString = source == PERSONA_AUXV_STRING.rawValue
      let wire = persona_auxv(type: entry.type, source: source, value: isString ? UInt64(pathOffset) : value)
      withUnsafeBytes(of: wire) { bytes.append(contentsOf: $0) }
    }
    bytes.append(contentsOf: name)
    bytes.append(contentsOf: path)
    bytes.append(contentsOf: [UInt8](repeating: 0, count: headersOffset - bytes.count))
    for placed in headers {
      let header = placed.header
      let wire = persona_program_header(
        type: header.type, flags: header.flags, address: header.address, length: header.memorySize,
        file_offset: header.offset, file_length: header.fileSize, bias: placed.bias,
        image: placed.image, reserved: 0)
      withUnsafeBytes(of: wire) { bytes.append(contentsOf: $0) }
    }
    bytes.append(contentsOf: [UInt8](repeating: 0, count: sitesOffset - bytes.count))
    for site in sites {
      let wire = persona_plan_site(address: site.address, file_page: site.filePage, length: site.length, image: site.image)
      withUnsafeBytes(of: wire) { bytes.append(contentsOf: $0) }
    }
    bytes.append(contentsOf: [UInt8](repeating: 0, count: stateOffset - bytes.count))
    bytes.append(contentsOf: state)
    bytes.append(contentsOf: root)
    bytes.append(contentsOf: [UInt8](repeating: 0, count: size - bytes.count))
    return bytes
  }
}

/// Why an image cannot be loaded: what is wrong, and what the user can do.
public struct LoadPlanError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// Not a program at all: a library, an object file, a core dump, another format.
    case notAProgram
    /// For another processor.
    case wrongArchitecture
    /// Its segments contradict themselves, the file or the address space.
    case badSegment
    case badEntry
    /// It cannot be placed where it wants to be on this host.
    case addressTaken
  }

  public var code: Code
  public var cause: String
  public var remedy: String

  public init(_ code: Code, _ cause: String, remedy: String) {
    self.code = code
    self.cause = cause
    self.remedy = remedy
  }

  public var description: String { "\(cause); \(remedy)" }
}
