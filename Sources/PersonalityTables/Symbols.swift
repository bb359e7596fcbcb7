/// Words by number: each different word of the tables once. The language's own come first (`Keyword`).
struct Symbols {
  private var slots: [Int32]
  private var hashes: [UInt32] = []
  /// The words' bytes, one word after the other, and where each ends.
  private var bytes: [UInt8] = []
  private var ends: [UInt32] = []
  private(set) var names: [String] = []
  private var scalars: [Scalar?] = []

  private init() {
    slots = [Int32](repeating: -1, count: 8192)
    names.reserveCapacity(3072)
    hashes.reserveCapacity(3072)
    ends.reserveCapacity(3072)
    bytes.reserveCapacity(32768)
    for keyword in Keyword.words.split(separator: 0x20) { _ = intern(Array(keyword)) }
    for scalar in Scalar.allCases {
      let symbol = intern(Array(scalar.rawValue.utf8))
      while scalars.count <= symbol { scalars.append(nil) }
      scalars[symbol] = scalar
    }
  }

  /// The language's own words, each at its `Keyword`'s number.
  static let language = Symbols()

  /// The scalar type that a word names.
  func scalar(_ symbol: UInt32) -> Scalar? { symbol < scalars.count ? scalars[Int(symbol)] : nil }

  private mutating func intern(_ name: [UInt8]) -> Int {
    Int(intern(name.span, 0, name.count, name.reduce(Symbols.emptyHash, Symbols.hash)))
  }

  static let emptyHash: UInt32 = 2_166_136_261

  @inline(__always) static func hash(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
    (hash ^ UInt32(byte)) &* 16_777_619
  }

  mutating func intern(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ hash: UInt32) -> UInt32 {
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if hashes[index] == hash, same(index, text, start, end) { return UInt32(index) }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(ends.count)
    hashes.append(hash)
    for index in start..<end { bytes.append(text[index]) }
    ends.append(UInt32(bytes.count))
    names.append(
      text.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) })
    if ends.count * 2 > slots.count { grow() }
    return UInt32(ends.count - 1)
  }

  private func same(_ index: Int, _ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let first = index == 0 ? 0 : Int(ends[index - 1])
    guard Int(ends[index]) - first == end - start else { return false }
    let mine = bytes.span
    var step = 0
    while step < end - start {
      if mine[unchecked: first + step] != text[unchecked: start + step] { return false }
      step += 1
    }
    return true
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for index in hashes.indices {
      var slot = Int(hashes[index]) & (slots.count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(index)
    }
  }
}

/// The words that mean something by themselves; a case's number is its symbol.
enum Keyword: UInt32, CaseIterable {
  // declarations
  case personality, abi, elf, auxv, errno, signal, flags, `enum`, `struct`, ioctl, sockopt, sysctl
  // heading and ABI
  case version, release, trap, syscall, int, lcall, number, args, stack, result, error, carry, negative,
    entry,
    padding, word, frame, message, osabi, note, interpreter, tos
  // constants
  case mask, `else`, verbatim, ignore, reject
  // structures
  case pad, at, bytes, char
  // calls
  case `in`, out, `inout`, path, string, strings, pair, never, handler, answer, unsupported, obsolete
  // sub-tables
  case host, writable
  // includes
  case include, calls, none, without, `as`
  // recognition
  case system, format, load
  // what the checker compares
  case entries, encoded
  // releases and machines
  case since, until, on, serves, machine, named
  // unions and sets
  case union, by, signals, bits

  /// The cases' names in order (reflection would take as long as reading a hundred rows).
  static let words = Array(
    """
    personality abi elf auxv errno signal flags enum struct ioctl sockopt sysctl \
    version release trap syscall int lcall number args stack result error carry negative entry \
    padding word frame message osabi note interpreter tos mask else verbatim ignore reject pad at bytes char \
    in out inout path string strings pair never handler answer unsupported obsolete host writable \
    include calls none without as system format load entries encoded since until on serves machine named \
    union by signals bits
    """.utf8)
}
