import CEngine
import CWire

// exits(2), errstr(2), brk(2) and sleep(2) of Plan 9; sys/src/9/port/sysproc.c.

/// ERRMAX of sys/include/libc.h.
private let longestMessage = 128

/// exitWithMessage(text): no words mean success; Linux is told 0 or 1.
func exitWithMessage(_ call: inout Call) -> Int {
  var first: UInt8 = 0
  if call.address(0) != 0, !call.read(&first, at: call.address(0)) { first = 1 }
  return call.hostNow(__NR_exit_group, first == 0 ? 0 : 1)
}

/// exchangeMessage(buffer, size): the last error's words for the caller's own.
func exchangeMessage(_ call: inout Call) -> Int {
  let count = min(Int(call.uint32(1)), longestMessage)
  guard count > 0 else { return call.error(EINVAL) }
  guard let theirs = call.scratch(longestMessage) else { return call.error(ENOMEM) }
  clear(theirs, longestMessage)
  guard call.copyIn(theirs, call.address(0), count) else { return call.error(EFAULT) }
  theirs.storeBytes(of: 0, toByteOffset: count - 1, as: UInt8.self)
  let isWritten = withUnsafeMutableBytes(of: &call.thread.pointee.message) { ours in
    let last = ours[count - 1]
    ours[count - 1] = 0
    let isWritten = call.copyOut(call.address(0), ours.baseAddress!, count)
    ours[count - 1] = last
    if isWritten { ours.baseAddress!.copyMemory(from: theirs, byteCount: longestMessage) }
    return isWritten
  }
  return isWritten ? 0 : call.error(EFAULT)
}

/// moveBreak(address): grows and shrinks the bss; the heap is mapped as it is asked for.
func moveBreak(_ call: inout Call) -> Int {
  let address = call.address(0)
  let start = (call.process.pointee.brk_start + pageSize - 1) & ~(pageSize - 1)
  let old = max((call.process.pointee.brk_end + pageSize - 1) & ~(pageSize - 1), start)
  // The bss ends within the page before `start`; the first request may, too.
  guard address &+ pageSize >= start, let asked = PageRange(start, address - min(start, address)), asked.isGuest
  else { return call.error(EINVAL) }
  let new = max(asked.end, start)
  if new > old {
    let mapped = call.hostNow(
      __NR_mmap, Int(old), Int(new - old), Int(PROT_READ | PROT_WRITE),
      Int(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE), -1, 0)
    if mapped < 0 { return call.error(ENOMEM) }
  } else if new < old {
    _ = call.hostNow(__NR_munmap, Int(new), Int(old - new))
  }
  call.process.pointee.brk_end = new
  return 0
}

/// pause(milliseconds): none or less gives the processor away.
func pause(_ call: inout Call) -> Int {
  let time = Int(call.int32(0))
  if time <= 0 { return call.hostNow(__NR_sched_yield) }
  guard let interval = call.scratch(16) else { return call.error(ENOMEM) }
  interval.storeBytes(of: Int64(time / 1000), as: Int64.self)
  interval.storeBytes(of: Int64(time % 1000 * 1_000_000), toByteOffset: 8, as: Int64.self)
  return call.host(__NR_nanosleep, interval.word, 0)
}
