import CEngine
import CWire

// mmap(2), munmap(2), mprotect(2), msync(2), mincore(2), mlockall(2) and break(2); sys/vm/vm_mmap.c and
// sys/vm/vm_unix.c say which errno answers what. Advice is in MemoryAdvice.swift.

let pageSize: UInt64 = 4096

/// A range of guest addresses, widened to whole pages.
struct PageRange {
  var start: UInt64
  var end: UInt64

  /// The pages that hold [address, address + length); nil when that wraps around.
  init?(_ address: UInt64, _ length: UInt64) {
    start = address & ~(pageSize - 1)
    let (sum, wraps) = address.addingReportingOverflow(length)
    let (last, wrapsAgain) = sum.addingReportingOverflow(pageSize - 1)
    guard !wraps, !wrapsAgain else { return nil }
    end = last & ~(pageSize - 1)
  }

  init(start: UInt64, end: UInt64) {
    self.start = start
    self.end = end
  }

  var length: UInt64 { end - start }
  var isEmpty: Bool { end == start }

  /// False for pages that the guest's address space does not have: those past the end of Linux's user
  /// addresses and those that Persona keeps for itself.
  var isGuest: Bool {
    end <= PageRange.userEnd
      && (end <= UInt64(PERSONA_RESERVED_START) || start >= UInt64(PERSONA_RESERVED_END))
      && persona_holds_stubs(start, end) == 0
  }

  /// One past the last address that Linux gives to a process with four-level page tables.
  static let userEnd: UInt64 = 0x7fff_ffff_f000
}

/// Where MAP_32BIT mappings end: sys/vm/vm_map.h, MAP_32BIT_MAX_ADDR.
private let lowEnd: UInt64 = 1 << 31
/// What MAP_ALIGNED_SUPER aligns to.
private let superpage: UInt64 = 2 << 20

/// In the table MAP_GUARD becomes this flag, which Linux ignores.
let guardFlag = Int(MAP_DENYWRITE)
let alignmentShift: UInt64 = 24

/// mmap(addr, len, prot, flags, fd, pos): flags as Linux's, but MAP_EXCL as MAP_FIXED_NOREPLACE, MAP_GUARD as
/// `guardFlag`; the alignment is in bits 24...31 of the guest's flag word.
func mmap(_ call: inout Call) -> Int {
  let length = call.unsigned(1)
  let requested = Int(call.words[3] >> alignmentShift & 0xff)
  var flags = call[3] & 0xff_ffff
  var descriptor = Int(call.int32(4))
  var position = call.unsigned(5)

  let allowed = Int(PROT_READ | PROT_WRITE | PROT_EXEC)
  let protectionWord = call[2] & 0xffff_ffff
  guard protectionWord & ~(allowed | allowed << 16) == 0 else { return call.error(EINVAL) }
  var protection = protectionWord & allowed
  let maximum = protectionWord >> 16 & allowed
  guard maximum == 0 || protection & ~maximum == 0 else { return call.error(EOPNOTSUPP) }

  let anonymous = Int(MAP_ANONYMOUS)
  let sharing = Int(MAP_SHARED | MAP_PRIVATE)
  guard length != 0 else { return call.error(EINVAL) }
  if flags & anonymous != 0, descriptor != -1 || position != 0 { return call.error(EINVAL) }
  if flags & Int(MAP_STACK) != 0 {
    let needed = Int(PROT_READ | PROT_WRITE)
    guard descriptor == -1, protection & needed == needed else { return call.error(EINVAL) }
    flags |= anonymous | Int(MAP_NORESERVE)
    position = 0
  }
  let exclusive = flags & Int(MAP_FIXED_NOREPLACE) != 0
  let fixed = flags & Int(MAP_FIXED) != 0
  guard fixed || !exclusive, flags & sharing != sharing else { return call.error(EINVAL) }
  if flags & guardFlag != 0 {
    let companions = guardFlag | Int(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT)
    guard protection == 0, descriptor == -1, position == 0, flags & ~companions == 0 else {
      return call.error(EINVAL)
    }
    flags |= anonymous | Int(MAP_NORESERVE)
    protection = Int(PROT_NONE)
  }
  if flags & sharing == 0 {
    // Memory without a file is private unless asked otherwise; a file must say which.
    guard flags & anonymous != 0 else { return call.error(EINVAL) }
    flags |= Int(MAP_PRIVATE)
  }
  flags &= ~guardFlag

  let pageOffset = position & (pageSize - 1)
  position -= pageOffset
  let (sum, wraps) = length.addingReportingOverflow(pageOffset + pageSize - 1)
  guard !wraps, sum < PageRange.userEnd else { return call.error(ENOMEM) }
  let size = sum & ~(pageSize - 1)

  guard requested <= 1 || (requested >= 12 && requested < 64) else { return call.error(EINVAL) }
  if flags & anonymous != 0 { descriptor = -1 }

  var request = Mapping(
    address: call.address(0), size: size, protection: protection, flags: flags, descriptor: descriptor,
    position: position)
  if fixed {
    request.address &-= pageOffset
    guard request.address & (pageSize - 1) == 0, let range = PageRange(request.address, size), range.isGuest,
      flags & Int(MAP_32BIT) == 0 || range.end <= lowEnd
    else { return call.error(EINVAL) }
    // Linux takes MAP_32BIT as a search range only.
    request.flags &= ~Int(MAP_32BIT)
    if exclusive { request.flags &= ~Int(MAP_FIXED) }
    let result = request.make(call)
    if result == call.error(EEXIST) { return call.error(ENOMEM) }
    return result < 0 ? result : result + Int(pageOffset)
  }
  if flags & Int(MAP_32BIT) != 0, request.address &+ size > lowEnd { request.address = 0 }
  if let range = PageRange(request.address, size), !range.isGuest { request.address = 0 }
  var alignment = pageSize
  if requested == 1 {
    if size >= superpage { alignment = superpage }
  } else if requested != 0 {
    guard requested < 47 else { return call.error(ENOMEM) }
    alignment = 1 << UInt64(requested)
  }
  let result = alignment == pageSize ? request.make(call) : request.make(call, aligned: alignment)
  guard result >= 0 else { return result }
  guard PageRange(start: UInt64(result), end: UInt64(result) + size).isGuest else {
    _ = call.hostNow(__NR_munmap, result, Int(size))
    return call.error(ENOMEM)
  }
  return result + Int(pageOffset)
}

/// What Linux's mmap takes.
private struct Mapping {
  var address: UInt64
  var size: UInt64
  var protection: Int
  var flags: Int
  var descriptor: Int
  var position: UInt64

  func make(_ call: Call) -> Int {
    call.hostNow(
      __NR_mmap, Int(truncatingIfNeeded: address), Int(size), protection, flags, descriptor,
      Int(truncatingIfNeeded: position))
  }

  /// Reserves enough for any alignment, maps inside that, and gives the rest back.
  func make(_ call: Call, aligned alignment: UInt64) -> Int {
    if address != 0, address & (alignment - 1) == 0 {
      var there = self
      there.flags |= Int(MAP_FIXED_NOREPLACE)
      let result = there.make(call)
      if result >= 0 { return result }
    }
    let (span, wraps) = size.addingReportingOverflow(alignment)
    guard !wraps, span < PageRange.userEnd else { return call.error(ENOMEM) }
    let reserved = call.hostNow(
      __NR_mmap, 0, Int(span), Int(PROT_NONE),
      Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) | flags & Int(MAP_32BIT), -1, 0)
    guard reserved >= 0 else { return reserved }
    let start = (UInt64(reserved) + alignment - 1) & ~(alignment - 1)
    var inside = self
    inside.address = start
    inside.flags = flags & ~Int(MAP_32BIT) | Int(MAP_FIXED)
    let result = inside.make(call)
    guard result >= 0 else {
      _ = call.hostNow(__NR_munmap, reserved, Int(span))
      return result
    }
    let before = Int(start) - reserved
    let after = Int(span) - before - Int(size)
    if before > 0 { _ = call.hostNow(__NR_munmap, reserved, before) }
    if after > 0 { _ = call.hostNow(__NR_munmap, Int(start + size), after) }
    return result
  }
}

/// munmap(addr, len): an unaligned address means its page; EINVAL for what is not the guest's.
func munmap(_ call: inout Call) -> Int {
  guard call.unsigned(1) != 0, let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else {
    return call.error(EINVAL)
  }
  return call.hostNow(__NR_munmap, Int(range.start), Int(range.length))
}

/// mprotect(addr, len, prot): holes in the range are passed over.
func mprotect(_ call: inout Call) -> Int {
  let allowed = Int(PROT_READ | PROT_WRITE | PROT_EXEC)
  let word = call[2] & 0xffff_ffff
  guard word & ~(allowed | allowed << 16) == 0 else { return call.error(EINVAL) }
  let protection = word & allowed
  let maximum = word >> 16 & allowed
  if maximum != 0, protection & ~maximum != 0 { return call.error(EOPNOTSUPP) }
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else {
    return call.error(EINVAL)
  }
  if range.isEmpty { return 0 }
  let result = call.hostNow(__NR_mprotect, Int(range.start), Int(range.length), protection)
  guard result == call.error(ENOMEM) else { return result }
  var mappings = MemoryMap(call)
  while let mapping = mappings.next() {
    guard let part = mapping.range.intersection(range) else { continue }
    let partial = call.hostNow(__NR_mprotect, Int(part.start), Int(part.length), protection)
    if partial < 0 { return partial }
  }
  return 0
}

/// msync(addr, len, flags): length 0 means the whole mapping that holds `addr`; neither MS_ASYNC nor another
/// flag asks for a synchronous write.
func msync(_ call: inout Call) -> Int {
  var flags = call[2] & Int(MS_ASYNC | MS_INVALIDATE)
  guard flags != Int(MS_ASYNC | MS_INVALIDATE), var range = PageRange(call.address(0), call.unsigned(1)),
    range.isGuest
  else { return call.error(EINVAL) }
  if call.unsigned(1) == 0 {
    var mappings = MemoryMap(call)
    var found = false
    while let mapping = mappings.next() {
      guard mapping.range.start <= range.start, range.start < mapping.range.end else { continue }
      range = mapping.range
      found = true
      break
    }
    guard found else { return call.error(EINVAL) }
  }
  if flags & Int(MS_ASYNC) == 0 { flags |= Int(MS_SYNC) }
  let result = call.host(__NR_msync, Int(range.start), Int(range.length), flags)
  return result == call.error(ENOMEM) ? call.error(EINVAL) : result
}

/// mincore(addr, len, vec): a byte for each page, MINCORE_INCORE (1) where it is in memory.
func mincore(_ call: inout Call) -> Int {
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else {
    return call.error(ENOMEM)
  }
  let chunk: UInt64 = 8192
  guard let bytes = call.scratch(Int(chunk)) else { return call.error(ENOMEM) }
  var start = range.start
  var vector = call.address(2)
  while start < range.end {
    let pages = min((range.end - start) / pageSize, chunk)
    let result = call.hostNow(__NR_mincore, Int(start), Int(pages * pageSize), bytes.word)
    if result < 0 { return result }
    guard call.copyOut(vector, bytes, Int(pages)) else { return call.error(EFAULT) }
    start += pages * pageSize
    vector += pages
  }
  return 0
}

/// mlockall(how): MCL_CURRENT and MCL_FUTURE are Linux's numbers; others and none are EINVAL.
func mlockall(_ call: inout Call) -> Int {
  let how = call[0]
  guard how != 0, how & ~Int(MCL_CURRENT | MCL_FUTURE) == 0 else { return call.error(EINVAL) }
  return call.hostNow(__NR_mlockall, how)
}

/// break(address): the new end of the data segment, in whole pages; an address below its start asks for the
/// present end.
func breakTo(_ call: inout Call) -> Int {
  let process = call.process
  let base = (process.pointee.brk_start + pageSize - 1) & ~(pageSize - 1)
  let old = (process.pointee.brk_end + pageSize - 1) & ~(pageSize - 1)
  guard let wanted = PageRange(call.address(0), 0) else { return call.error(ENOMEM) }
  let new = wanted.end
  if new < base { return Int(max(old, base)) }
  if new > old {
    var limits = (current: UInt64.max, maximum: UInt64.max)
    _ = withUnsafeMutableBytes(of: &limits) {
      call.hostNow(__NR_prlimit64, 0, Int(RLIMIT_DATA), 0, $0.baseAddress!.word)
    }
    guard new - base <= limits.current, PageRange(start: old, end: new).isGuest else {
      return call.error(ENOMEM)
    }
    let result = call.hostNow(
      __NR_mmap, Int(old), Int(new - old), Int(PROT_READ | PROT_WRITE),
      Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE), -1, 0)
    if result < 0 { return call.error(ENOMEM) }
  } else if new < old {
    let result = call.hostNow(__NR_munmap, Int(new), Int(old - new))
    if result < 0 { return result }
  }
  process.pointee.brk_end = new
  return Int(new)
}
