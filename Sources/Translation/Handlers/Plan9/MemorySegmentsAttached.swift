import CEngine
import CWire

// segattach(2) and its kin. Source: sys/src/9k/port/{segment,sysseg}.c.

/// SG_* of sys/include/libc.h.
private enum SegmentAttribute {
  static let readOnly = 0o40
  static let closeOnExec = 0o100
}

/// Address space that an attached segment may grow into.
private let attachedRoom: UInt64 = 1 << 30

/// segmentAttach(attributes, class, address, length)
func segmentAttach(_ call: inout Call) -> Int {
  guard let membership = call.membership, let name = call.scratch(64) else { return call.error(ENOMEM) }
  let (attributes, address) = (Int(call.int32(0)), call.address(2))
  if address != 0, address < 0x20_0000 || address >= UInt64(PERSONA_RESERVED_START) {
    // Linux's own stack, and what else lies up there, is no place for a segment either.
    if address < 0x20_0000 || address >= 0x7fff_ffff_f000 { return call.foreignError(SegmentError.inKernel) }
  }
  if persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.address(1), 64) == -Int64(EFAULT) {
    return call.error(EFAULT)
  }
  var free = -1
  for index in 0..<Segments.attachedCount where membership.pointee.segments.attached[index].base == 0 {
    free = index
    break
  }
  if free < 0 { return call.foreignError(SegmentError.tooMany) }
  let isAlwaysShared = starts(name, 7, with: "shared\0")
  guard isAlwaysShared || starts(name, 7, with: "memory\0") else {
    return call.foreignError(SegmentError.notFound)
  }
  let length = roundUp(call.unsigned(3))
  if length == 0 || length > 1 << 40 { return call.foreignError(SegmentError.length) }
  var segment = Segment()
  segment.isAlwaysShared = isAlwaysShared
  if attributes & SegmentAttribute.readOnly != 0 { segment.protection = PROT_READ }
  let file = call.memoryFile(length)
  if file < 0 { return call.error(ENOMEM) }
  segment.file = Int32(truncatingIfNeeded: file)
  if address != 0 { membership.pointee.segments.makeRoom(call, address & ~(pageSize - 1)) }
  let placed = place(call, &segment, at: address & ~(pageSize - 1), length)
  guard placed >= 0 else {
    _ = call.hostNow(__NR_close, file)
    return placed
  }
  membership.pointee.segments.attached[free] = segment
  return placed
}

/// Maps a segment with room to grow if there is some.
private func place(_ call: Call, _ segment: inout Segment, at address: UInt64, _ length: UInt64) -> Int {
  let flags = MAP_SHARED | MAP_NORESERVE | (address != 0 ? MAP_FIXED_NOREPLACE : 0)
  var rooms: InlineArray<2, UInt64> = [max(length, attachedRoom), length]
  if address == 0 { rooms[0] = length }
  for attempt in 0..<2 {
    let base = call.hostNow(
      __NR_mmap, Int(address), Int(rooms[attempt]), Int(segment.protection), Int(flags), Int(segment.file), 0)
    if base >= 0 {
      segment.base = UInt64(base)
      segment.limit = segment.base + rooms[attempt]
      return base
    }
  }
  return address != 0 ? call.foreignError(SegmentError.overlap) : call.error(ENOMEM)
}

extension Segments {
  /// Gives up room to grow where another segment is to be.
  fileprivate mutating func makeRoom(_ call: Call, _ address: UInt64) {
    guard data.file >= 0, address < data.limit, address >= call.top(data) else { return }
    _ = call.hostNow(__NR_munmap, Int(address), Int(data.limit - address))
    data.limit = address
  }

  /// The attached segment that holds an address.
  fileprivate func index(_ call: Call, of address: UInt64) -> Int? {
    for index in 0..<Self.attachedCount where attached[index].base != 0 {
      let segment = attached[index]
      let end = segment.file >= 0 ? call.top(segment) : segment.limit
      if address >= segment.base, address < end || (end == segment.base && address == end) { return index }
    }
    return nil
  }
}

/// segmentDetach(address)
func segmentDetach(_ call: inout Call) -> Int {
  guard let membership = call.membership,
    let index = membership.pointee.segments.index(call, of: call.address(0))
  else { return call.error(EINVAL) }
  let segment = membership.pointee.segments.attached[index]
  _ = call.hostNow(__NR_munmap, Int(segment.base), Int(segment.limit - segment.base))
  if segment.file >= 0 { _ = call.hostNow(__NR_close, Int(segment.file)) }
  membership.pointee.segments.attached[index] = Segment()
  return 0
}

/// segmentBreak(address in the segment, new end)
func segmentBreak(_ call: inout Call) -> Int {
  guard let membership = call.membership else { return call.error(ENOMEM) }
  guard let index = membership.pointee.segments.index(call, of: call.address(0)) else {
    return call.error(EINVAL)
  }
  let segment = membership.pointee.segments.attached[index]
  if call.address(1) == 0 { return Int(segment.file >= 0 ? call.top(segment) : segment.limit) }
  guard segment.file >= 0 else { return call.error(ENOMEM) }
  return call.moveTop(segment, call.address(1), lowest: segment.base)
}

/// segmentFree(address, length): whole pages read as zero again.
func segmentFree(_ call: inout Call) -> Int {
  let end = (call.address(0) &+ call.unsigned(1)) & ~(pageSize - 1)
  let start = roundUp(call.address(0))
  guard let segment = call.segment(call.address(0)), end >= call.address(0), end <= segment.end else {
    return call.error(EINVAL)
  }
  guard end > start else { return 0 }
  if segment.file >= 0 {
    let keepSize = 1, punchHole = 2  // FALLOC_FL_*
    return call.hostNow(
      __NR_fallocate, Int(segment.file), keepSize | punchHole, Int(start - segment.base), Int(end - start))
  }
  return call.hostNow(__NR_madvise, Int(start), Int(end - start), 4 /* MADV_DONTNEED */)
}

/// segmentFlush(address, length): x86 keeps instructions and data in step by itself.
func segmentFlush(_ call: inout Call) -> Int {
  var address = call.address(0)
  let end = address &+ call.unsigned(1)
  while address < end {
    guard let segment = call.segment(address) else { return call.error(EINVAL) }
    address = segment.end
  }
  return 0
}

extension Call {
  /// Where the segment that holds an address begins and ends, and its file: text, data with bss, attached ones,
  /// or the stack.
  func segment(_ address: UInt64) -> (base: UInt64, end: UInt64, file: Int32)? {
    guard let membership else { return nil }
    let data = membership.pointee.segments.data
    let dataEnd = data.file >= 0 ? top(data) : max(roundUp(process.pointee.brk_end), roundUp(process.pointee.brk_start))
    if address >= data.base, address < dataEnd { return (data.base, dataEnd, data.file) }
    if let index = membership.pointee.segments.index(self, of: address) {
      let segment = membership.pointee.segments.attached[index]
      return (segment.base, segment.file >= 0 ? top(segment) : segment.limit, segment.file)
    }
    if address >= 0x20_0000, address < data.base { return (0x20_0000, data.base, -1) }
    let stack = process.pointee.stack_top
    if address < stack, address >= stack - (16 << 20) { return (stack - (16 << 20), stack, -1) }
    return nil
  }
}
