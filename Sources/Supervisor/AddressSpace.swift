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
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = piece.withUnsafeMutableBytes { read(file, $0.baseAddress!, $0.count) }
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    for line in bytes.split(separator: 10) { if let mapping = AddressSpace.parse(line) { mappings.append(mapping) } }
  }

  /// `start-end rwxp offset device inode path`, see proc(5).
  private static func parse(_ line: ArraySlice<UInt8>) -> Mapping? {
    let fields = line.split(separator: 32, maxSplits: 5)
    guard fields.count >= 5 else { return nil }
    let range = fields[0].split(separator: 45)
    guard range.count == 2, let start = hexadecimal(range[0]), let end = hexadecimal(range[1]) else { return nil }
    return Mapping(
      start: start, end: end, isFile: fields[4].first != 48, isPrivateText: fields[1].elementsEqual("r-xp".utf8))
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
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
