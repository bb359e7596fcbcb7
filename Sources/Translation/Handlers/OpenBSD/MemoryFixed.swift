import CEngine
import CWire

// Memory that may not change any more (mimmutable(2)), and what must ask for it first; mquery(2); the break.
// Source: sys/uvm/{uvm_mmap,uvm_map,uvm_unix}.c.

/// A range that mimmutable(2) fixed.
private struct FixedRange {
  var next: UnsafeMutablePointer<FixedRange>?
  var start: UInt64
  var end: UInt64
}

extension Call {
  private var fixed: UnsafeMutablePointer<FixedRange>? {
    process.pointee.fixed_ranges?.assumingMemoryBound(to: FixedRange.self)
  }

  /// Whether a page of the range may not be changed.
  fileprivate func isFixed(_ address: UInt64, _ length: UInt64) -> Bool {
    guard fixed != nil, let range = PageRange(address, length) else { return false }
    let trampoline = process.pointee.trampoline
    if process.pointee.promised & PromiseState.isFixed != 0, trampoline >= range.start, trampoline < range.end {
      return true
    }
    var candidate = fixed
    while let one = candidate {
      if one.pointee.start < range.end, range.start < one.pointee.end { return true }
      candidate = one.pointee.next
    }
    return false
  }

  /// uvm_wxcheck: memory that can be written and executed is only for programs that say that they need it.
  fileprivate func breaksWriteXorExecute(_ protection: Int) -> Bool {
    let both = Int(PROT_WRITE | PROT_EXEC)
    return protection & both == both && process.pointee.promised & PromiseState.writesCode == 0
  }
}

/// Fixes a range; false without memory.
func fixRange(_ process: UnsafeMutablePointer<persona_process>, _ range: PageRange) -> Bool {
  guard let memory = persona_allocate(MemoryLayout<FixedRange>.stride) else { return false }
  let entry = memory.bindMemory(to: FixedRange.self, capacity: 1)
  persona_lock(&process.pointee.action_lock)
  let first = process.pointee.fixed_ranges?.assumingMemoryBound(to: FixedRange.self)
  entry.initialize(to: FixedRange(next: first, start: range.start, end: range.end))
  process.pointee.fixed_ranges = memory
  persona_unlock(&process.pointee.action_lock)
  return true
}

/// mimmutable(addr, len): the process's table of ranges is copied by fork and gone after exec.
func fixMemory(_ call: inout Call) -> Int {
  guard let range = PageRange(call.address(0), call.unsigned(1)), range.isGuest else { return call.error(EINVAL) }
  if range.isEmpty { return 0 }
  return fixRange(call.process, range) ? 0 : call.error(ENOMEM)
}

/// ENOTSUP of sys/errno.h.
private let notSupported = 91
/// MAP_CONCEAL of sys/mman.h.
private let conceal: UInt64 = 0x8000

/// mmap(addr, len, prot, flags, fd, pos): nothing replaces fixed memory; MAP_CONCEAL keeps it out of a dump.
func mapMemory(_ call: inout Call) -> Int {
  if call.breaksWriteXorExecute(call[2]) { return call.foreignError(notSupported) }
  if call[3] & Int(MAP_FIXED) != 0, call.isFixed(call.address(0), call.unsigned(1)) { return call.error(EPERM) }
  let concealed = call.words[3] & conceal != 0
  let length = call[1]
  // What the shared handler reads of the flags' upper bits means nothing here.
  call.words[3] &= 0xffff
  let result = mmap(&call)
  if result >= 0, concealed { _ = call.hostNow(__NR_madvise, result, length, Int(MADV_DONTDUMP)) }
  return result
}

func unmapMemory(_ call: inout Call) -> Int {
  call.isFixed(call.address(0), call.unsigned(1)) ? call.error(EPERM) : munmap(&call)
}

func protectMemory(_ call: inout Call) -> Int {
  if call.breaksWriteXorExecute(call[2]) { return call.foreignError(notSupported) }
  // Taking writing away is no exception (uvm_map_protect).
  return call.isFixed(call.address(0), call.unsigned(1)) ? call.error(EPERM) : mprotect(&call)
}

/// mquery(addr, len, prot, flags, fd, pos): where mmap would map; with MAP_FIXED, whether it could.
func queryMemory(_ call: inout Call) -> Int {
  let fixed = call[3] & Int(MAP_FIXED) != 0
  guard call.unsigned(1) > 0, call.unsigned(1) < PageRange.userEnd else { return call.error(EINVAL) }
  if fixed, call.address(0) & (pageSize - 1) != 0 { return call.error(EINVAL) }
  let flags = Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) | (fixed ? Int(MAP_FIXED_NOREPLACE) : 0)
  let result = call.hostNow(__NR_mmap, call[0], call[1], Int(PROT_NONE), flags, -1, 0)
  if result < 0 { return result == call.error(EEXIST) ? call.error(ENOMEM) : result }
  _ = call.hostNow(__NR_munmap, result, call[1])
  return result
}

/// break(nsize) answers 0.
func setBreak(_ call: inout Call) -> Int {
  if call.address(0) < call.process.pointee.brk_start { return call.error(ENOMEM) }
  let result = breakTo(&call)
  return result < 0 ? result : 0
}
