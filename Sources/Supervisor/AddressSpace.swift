import Glibc

/// A process's mappings, from /proc/PID/maps.
struct AddressSpace {
  struct Mapping {
    var start: UInt64
    var end: UInt64
    var isFile: Bool
    /// r-xp
    var isPrivateText: Bool
  }

  private(set) var mappings: [Mapping] = []

  init(_ pid: pid_t) {
    let file = open("/proc/\(pid)/maps", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    mappings.reserveCapacity(64)
    // Lines are taken apart in place: a list of parts for each costs more than all else of an answer.
    withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 8) { piece in
      var kept = 0
      while true {
        let count = read(file, piece.baseAddress! + kept, piece.count - kept)
        guard count > 0 else { break }
        let end = kept + count
        var line = 0
        for index in kept..<end where piece[index] == UInt8(ascii: "\n") {
          if let mapping = AddressSpace.parse(UnsafeRawBufferPointer(rebasing: piece[line..<index])) {
            mappings.append(mapping)
          }
          line = index + 1
        }
        kept = end - line
        piece.baseAddress!.copyMemory(from: piece.baseAddress! + line, byteCount: kept)
      }
    }
  }

  /// `start-end rwxp offset device inode path`, see proc(5).
  private static func parse(_ line: UnsafeRawBufferPointer) -> Mapping? {
    var at = 0
    guard let start = hexadecimal(line, &at, upTo: UInt8(ascii: "-")), let end = hexadecimal(line, &at, upTo: space),
      at + 5 <= line.count
    else { return nil }
    let isPrivateText = line[at..<(at + 4)].elementsEqual("r-xp".utf8)
    for _ in 0..<3 {
      guard let next = line[at...].firstIndex(of: space) else { return nil }
      at = next + 1
    }
    guard at < line.count else { return nil }
    return Mapping(start: start, end: end, isFile: line[at] != UInt8(ascii: "0"), isPrivateText: isPrivateText)
  }

  private static let space = UInt8(ascii: " ")

  /// The number that begins at `at`, which then is behind the byte after it.
  private static func hexadecimal(_ line: UnsafeRawBufferPointer, _ at: inout Int, upTo end: UInt8) -> UInt64? {
    var value: UInt64 = 0
    while at < line.count {
      let byte = line[at]
      at += 1
      switch byte {
      case end: return value
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return nil
  }

  func mapping(at address: UInt64) -> Mapping? {
    mappings.first { address >= $0.start && address < $0.end }
  }

  /// The first address of the text that `mapping` and those before it make without a gap.
  func textStart(before mapping: Mapping) -> UInt64 {
    var start = mapping.start
    for other in mappings.reversed() where other.end == start && other.isPrivateText { start = other.start }
    return start
  }

  /// A free page that a jump from anywhere near `text` reaches: the nearest below, where programs do not grow to.
  func freePage(near text: Mapping) -> UInt64? {
    let page: UInt64 = 4096
    let lowest: UInt64 = max(0x10000, text.end > 0x7000_0000 ? text.end - 0x7000_0000 : 0)
    var limit = text.start
    for other in mappings.reversed() where other.start < text.start {
      // A page is left free on both sides, as guard pages count on.
      if other.end + 3 * page <= limit, limit - 2 * page >= lowest { return limit - 2 * page }
      limit = min(limit, other.start)
    }
    return limit >= lowest + 2 * page ? limit - 2 * page : nil
  }
}
