import CEngine
import CWire

/// madvise(addr, len, advice), advice as Linux counts it. Of the BSDs' advice only MADV_FREE may lose what
/// the pages hold; Linux's MADV_DONTNEED does too, so that one becomes MADV_COLD.
func madvise(_ call: inout Call) -> Int {
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else {
    return call.error(EINVAL)
  }
  if range.isEmpty { return 0 }
  let advice = call[2] == Int(MADV_DONTNEED) ? Int(MADV_COLD) : call[2]
  let result = call.hostNow(__NR_madvise, Int(range.start), Int(range.length), advice)
  // The advice is known: what Linux refuses it for (a hole, a file, locked pages) vm_map_madvise passes over.
  let passedOver =
    result == call.error(ENOMEM) || result == call.error(EINVAL) || result == call.error(EBADF)
  return passedOver ? 0 : result
}

/// INHERIT_* of sys/mman.h, the same numbers in every BSD.
private enum Inheritance: UInt32 {
  case share = 0
  case copy = 1
  case none = 2
  case zero = 3
}

/// minherit(addr, len, inherit): what a child gets of these pages. Linux cannot turn private memory into
/// shared, so INHERIT_SHARE of it is refused with EINVAL.
func minherit(_ call: inout Call) -> Int {
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest,
    let inheritance = Inheritance(rawValue: call.uint32(2))
  else { return call.error(EINVAL) }
  if range.isEmpty { return 0 }
  func advise(_ advice: Int32) -> Int {
    call.hostNow(__NR_madvise, Int(range.start), Int(range.length), Int(advice))
  }
  switch inheritance {
  case .none: return advise(MADV_DONTFORK)
  case .zero:
    let result = advise(MADV_WIPEONFORK)
    return result < 0 ? result : advise(MADV_DOFORK)
  case .copy, .share:
    var mappings = MemoryMap(call)
    while let mapping = mappings.next() {
      guard mapping.range.intersection(range) != nil else { continue }
      if mapping.isShared != (inheritance == .share) { return call.error(EINVAL) }
    }
    // Linux refuses MADV_KEEPONFORK for special mappings only, which it does not wipe either.
    _ = advise(MADV_KEEPONFORK)
    return advise(MADV_DOFORK)
  }
}

extension PageRange {
  func intersection(_ other: PageRange) -> PageRange? {
    let low = max(start, other.start)
    let high = min(end, other.end)
    return low < high ? PageRange(start: low, end: high) : nil
  }
}

/// The process's mappings in ascending order, from Linux's /proc/self/maps.
struct MemoryMap: ~Copyable {
  struct Entry {
    var range: PageRange
    /// PROT_*
    var protection: Int
    var isShared: Bool
    /// Where it begins in its file, or in the memory that is shared.
    var offset: UInt64
    /// That file or memory, by its device's numbers and its own; 0 for private memory.
    var device: (major: UInt64, minor: UInt64)
    var inode: Int
  }

  private var file: HostFile

  init(_ call: Call) { file = HostFile(call, "/proc/self/maps") }

  mutating func next() -> Entry? {
    // 00400000-00452000 rw-s 00001000 08:02 173521 …
    guard let start = file.hexadecimal() else { return nil }
    _ = file.byte()
    guard let end = file.hexadecimal() else { return nil }
    _ = file.byte()
    var protection = 0
    for bit in 0..<3 where file.byte() != UInt8(ascii: "-") { protection |= 1 << bit }
    let sharing = file.byte()
    _ = file.byte()
    let offset = file.hexadecimal() ?? 0
    _ = file.byte()
    let major = file.hexadecimal() ?? 0
    _ = file.byte()
    let minor = file.hexadecimal() ?? 0
    let inode = file.decimal() ?? 0
    file.skipLine()
    return Entry(
      range: PageRange(start: start, end: end), protection: protection, isShared: sharing == UInt8(ascii: "s"), offset: offset,
      device: (major, minor), inode: inode)
  }
}
