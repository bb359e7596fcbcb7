import CEngine
import CWire

// Segments: sys/src/9k/port/segment.c, sysseg.c. rfork(RFMEM) shares data, bss and attached segments between
// processes that are not threads, since the stack stays private at the same address. So at the first such rfork
// the data moves into a file in memory, mapped shared at its old place; the mapping is longer than the file, and the
// file's end is the segment's: brk moves it for all processes at once, and what lies behind it faults.

/// One segment that lies in a file.
struct Segment {
  /// 0: there is none here.
  var base: UInt64 = 0
  /// Where its mapping ends, which its file may not reach.
  var limit: UInt64 = 0
  /// The engine's descriptor of the file; -1 while the memory is the process's own.
  var file: Int32 = -1
  /// "shared": every rfork shares it, not only rfork(RFMEM).
  var isAlwaysShared = false
  /// PROT_* of the mapping.
  var protection = PROT_READ | PROT_WRITE
  /// What a fork's child will put in its place: a copy at another address.
  var copy: UInt64 = 0
  var copyLength: UInt64 = 0
}

/// The data segment and those that segattach(2) made.
struct Segments {
  /// NSEG less text, data, bss and stack.
  static let attachedCount = 6

  var data = Segment()
  var attached = InlineArray<6, Segment>(repeating: Segment())

  /// Finds the data segment of a program that begins.
  mutating func begin(_ process: UnsafeMutablePointer<persona_process>) {
    let plan = UnsafeRawPointer(process.pointee.plan!)
    let head = plan.assumingMemoryBound(to: persona_plan.self)
    let segments = (plan + Int(head.pointee.segments)).assumingMemoryBound(to: persona_segment.self)
    for index in 0..<Int(head.pointee.segment_count)
    where segments[index].protection & UInt32(PROT_WRITE) != 0 {
      data.base = segments[index].address
    }
  }
}

/// Errors that only segments have, by their numbers in the personality's errno block.
enum SegmentError {
  static let overlap = 30
  static let notFound = 31
  static let inKernel = 32
  static let tooMany = 33
  static let length = 34
}

/// Address space that a shared data segment may grow into.
private let dataRoom: UInt64 = 256 << 30

/// To whole pages.
func roundUp(_ address: UInt64) -> UInt64 { (address &+ pageSize - 1) & ~(pageSize - 1) }

// MARK: - Files in memory

extension Call {
  /// A new file in memory, among the engine's descriptors.
  func memoryFile(_ size: UInt64) -> Int {
    let name: StaticString = "segment"
    let low = hostNow(__NR_memfd_create, Int(bitPattern: name.utf8Start), Int(MFD_CLOEXEC))
    if low < 0 { return low }
    let file = hostNow(__NR_fcntl, low, Int(F_DUPFD_CLOEXEC), engineDescriptors)
    _ = hostNow(__NR_close, low)
    if file < 0 { return file }
    let sized = hostNow(__NR_ftruncate, file, Int(size))
    if sized < 0 {
      _ = hostNow(__NR_close, file)
      return sized
    }
    return file
  }

  /// Where a segment's file ends.
  func top(_ segment: Segment) -> UInt64 {
    segment.base + UInt64(max(0, hostNow(__NR_lseek, Int(segment.file), 0, 2)))
  }

  /// Writes what is not zero of guest memory [start, end) into a file from its start on.
  fileprivate func copyMemory(_ start: UInt64, _ end: UInt64, to file: Int) -> Int {
    var address = start
    while address < end {
      while address < end, isZero(address) { address += pageSize }
      var stop = address
      while stop < end, !isZero(stop) { stop += pageSize }
      let result = writeAll(file, from: address, stop - address, at: address - start)
      if result < 0 { return result }
      address = stop
    }
    return 0
  }

  private func isZero(_ page: UInt64) -> Bool {
    guard let words = UnsafePointer<UInt64>(bitPattern: UInt(page)) else { return false }
    for index in 0..<512 where words[index] != 0 { return false }
    return true
  }

  fileprivate func writeAll(_ file: Int, from address: UInt64, _ count: UInt64, at offset: UInt64) -> Int {
    var done: UInt64 = 0
    while done < count {
      let result = persona_syscall(
        Int64(__NR_pwrite64), UInt64(file), address + done, count - done, offset + done, 0, 0)
      if result <= 0 { return result == 0 ? error(ENOSPC) : Int(result) }
      done += UInt64(result)
    }
    return 0
  }
}

// MARK: - What rfork does with them

extension Segments {
  /// Before the fork: data becomes shareable, or copies are made of what is shared and must not be.
  mutating func prepareFork(_ call: Call, shares: Bool) -> Int {
    if shares { return shareData(call) }
    var result = copyShared(call, &data)
    for index in 0..<Self.attachedCount where result >= 0 && !attached[index].isAlwaysShared {
      result = copyShared(call, &attached[index])
    }
    if result < 0 { finishFork(call) }
    return result
  }

  /// In the parent: the copies are the child's.
  mutating func finishFork(_ call: Call) {
    discardCopy(call, &data)
    for index in 0..<Self.attachedCount { discardCopy(call, &attached[index]) }
  }

  /// In the child: the copies take the place of what the parent shares with others.
  mutating func beginChild(_ call: Call, sharesMemory: Bool, sharesDescriptors: Bool) {
    if sharesMemory { return }
    if data.file >= 0 { call.process.pointee.brk_end = data.base + data.copyLength }
    placeCopy(call, &data, sharesDescriptors)
    for index in 0..<Self.attachedCount { placeCopy(call, &attached[index], sharesDescriptors) }
  }

  /// Moves the data into a file, once.
  private mutating func shareData(_ call: Call) -> Int {
    guard data.file < 0, data.base != 0 else { return 0 }
    let end = roundUp(call.process.pointee.brk_end)
    let file = call.memoryFile(end - data.base)
    if file < 0 { return file }
    var limit = data.base + dataRoom
    for index in 0..<Self.attachedCount where attached[index].base > data.base {
      limit = min(limit, attached[index].base)
    }
    var result = call.copyMemory(data.base, end, to: file)
    if result >= 0 {
      result = call.hostNow(
        __NR_mmap, Int(data.base), Int(limit - data.base), Int(PROT_READ | PROT_WRITE),
        Int(MAP_SHARED | MAP_FIXED | MAP_NORESERVE), file, 0)
    }
    if result < 0 {
      _ = call.hostNow(__NR_close, file)
      return result
    }
    data.file = Int32(truncatingIfNeeded: file)
    data.limit = limit
    if let session = persona_session() { call.member?.pointee.memory_group = newGroup(session) }
    return 0
  }

  /// Copies a shared segment as it is now to another address, privately.
  private func copyShared(_ call: Call, _ segment: inout Segment) -> Int {
    guard segment.base != 0, segment.file >= 0 else { return 0 }
    let length = call.top(segment) - segment.base
    if length == 0 { return 0 }
    let file = call.memoryFile(length)
    if file < 0 { return file }
    defer { _ = call.hostNow(__NR_close, file) }
    var offset = 0
    while true {
      let start = Int(persona_syscall(Int64(__NR_lseek), UInt64(segment.file), UInt64(offset), 3 /* SEEK_DATA */, 0, 0, 0))
      if start < 0 || start >= Int(length) { break }
      let hole = Int(persona_syscall(Int64(__NR_lseek), UInt64(segment.file), UInt64(start), 4 /* SEEK_HOLE */, 0, 0, 0))
      let stop = hole < 0 ? Int(length) : min(hole, Int(length))
      let result = call.writeAll(file, from: segment.base + UInt64(start), UInt64(stop - start), at: UInt64(start))
      if result < 0 { return result }
      offset = stop
    }
    let copy = call.hostNow(__NR_mmap, 0, Int(length), Int(segment.protection), Int(MAP_PRIVATE), file, 0)
    if copy < 0 && copy >= -4095 { return copy }
    segment.copy = UInt64(bitPattern: Int64(copy))
    segment.copyLength = length
    return 0
  }

  private func discardCopy(_ call: Call, _ segment: inout Segment) {
    if segment.copy != 0 { _ = call.hostNow(__NR_munmap, Int(segment.copy), Int(segment.copyLength)) }
    segment.copy = 0
  }

  private func placeCopy(_ call: Call, _ segment: inout Segment, _ sharesDescriptors: Bool) {
    guard segment.base != 0, segment.file >= 0, !segment.isAlwaysShared else { return }
    _ = call.hostNow(__NR_munmap, Int(segment.base), Int(segment.limit - segment.base))
    if segment.copy != 0 {
      _ = call.hostNow(
        __NR_mremap, Int(segment.copy), Int(segment.copyLength), Int(segment.copyLength), 3 /* MAYMOVE | FIXED */,
        Int(segment.base))
    }
    if !sharesDescriptors { _ = call.hostNow(__NR_close, Int(segment.file)) }
    segment.file = -1
    segment.limit = segment.base + segment.copyLength
    segment.copy = 0
  }
}

// MARK: - brk

/// moveBreak(address): grows and shrinks the bss; 0 asks for nothing.
func moveBreak(_ call: inout Call) -> Int {
  let address = call.address(0)
  if address == 0 { return 0 }
  guard let membership = call.membership else { return call.error(ENOMEM) }
  let result =
    membership.pointee.segments.data.file >= 0
    ? call.moveTop(membership.pointee.segments.data, address, lowest: roundUp(call.process.pointee.brk_start))
    : moveOwnBreak(call, address, membership.pointee.segments.data.base)
  return result < 0 ? result : 0
}

/// The heap is mapped as it is asked for.
private func moveOwnBreak(_ call: Call, _ address: UInt64, _ base: UInt64) -> Int {
  let start = roundUp(call.process.pointee.brk_start)
  let old = max(roundUp(call.process.pointee.brk_end), start)
  guard address >= base, address < UInt64(PERSONA_RESERVED_START) else { return call.error(ENOMEM) }
  let new = max(roundUp(address), start)
  if new > old {
    let mapped = call.hostNow(
      __NR_mmap, Int(old), Int(new - old), Int(PROT_READ | PROT_WRITE),
      Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE), -1, 0)
    if mapped < 0 { return mapped == call.error(EEXIST) ? call.foreignError(SegmentError.overlap) : call.error(ENOMEM) }
  } else if new < old {
    _ = call.hostNow(__NR_munmap, Int(new), Int(old - new))
  }
  call.process.pointee.brk_end = new
  return Int(new)
}

extension Call {
  /// Moves the end of a segment that lies in a file: for all who share it.
  ///
  /// - Returns: the new end, or what is wrong.
  func moveTop(_ segment: Segment, _ address: UInt64, lowest: UInt64) -> Int {
    guard address >= segment.base else { return error(ENOMEM) }
    let new = max(roundUp(address), lowest)
    let old = top(segment)
    guard new <= segment.limit else { return foreignError(SegmentError.overlap) }
    if new > old {
      // Only ever longer: another process may have moved the end further meanwhile.
      let result = hostNow(
        __NR_fallocate, Int(segment.file), 0, Int(new - segment.base - pageSize), Int(pageSize))
      if result < 0 { return error(ENOMEM) }
    } else if new < old {
      if isShared(segment) { return error(EBUSY) }
      _ = hostNow(__NR_ftruncate, Int(segment.file), Int(new - segment.base))
    }
    return Int(new)
  }

  /// Whether another process has the segment too.
  private func isShared(_ segment: Segment) -> Bool {
    guard let session = persona_session(), let own = member else { return false }
    persona_session_lock(session)
    defer { persona_session_unlock(session) }
    let members = persona_session_members(session)!
    for index in 0..<Int(session.pointee.members_used) {
      let other = members + index
      if other != own, other.pointee.pid > 0, other.pointee.ended == 0,
        other.pointee.memory_group == own.pointee.memory_group, own.pointee.memory_group != 0
      {
        return true
      }
    }
    return false
  }
}
