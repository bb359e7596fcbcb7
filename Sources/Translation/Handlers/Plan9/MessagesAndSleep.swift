import CEngine
import CWire

// errstr(2) and sleep(2) of Plan 9; sys/src/9/port/sysproc.c.

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

/// pause(milliseconds): none or less gives the processor away.
func pause(_ call: inout Call) -> Int {
  let time = Int(call.int32(0))
  if time <= 0 { return call.hostNow(__NR_sched_yield) }
  guard let interval = call.scratch(16) else { return call.error(ENOMEM) }
  interval.storeBytes(of: Int64(time / 1000), as: Int64.self)
  interval.storeBytes(of: Int64(time % 1000 * 1_000_000), toByteOffset: 8, as: Int64.self)
  while true {
    let result = call.host(__NR_nanosleep, interval.word, interval.word)
    if !call.isOwnInterruption(result) { return result }
  }
}
