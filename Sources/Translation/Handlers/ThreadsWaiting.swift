import CEngine
import CWire

// A thread that waits for another's thr_wake(2) sleeps on a word of its own block (guest_private.3):
// 1 says that it was woken, perhaps before it came to sleep (kern_thr.c, TDF_THRWAKEUP).

extension Call {
  fileprivate func wakeWord(_ thread: UnsafeMutablePointer<persona_thread>) -> UInt64 {
    withUnsafeMutablePointer(to: &thread.pointee.guest_private.3) { UInt64(UInt(bitPattern: $0)) }
  }
}

/// thr_suspend(2): 0 when woken, ETIMEDOUT, or EINTR.
func threadSuspend(_ call: inout Call) -> Int {
  var limit = WaitLimit()
  if call.address(0) != 0 {
    guard call.read(&limit.time, at: call.address(0)) else { return call.error(EFAULT) }
    if !limit.time.hasValidFraction || limit.time.seconds < 0 { return call.error(EINVAL) }
    limit.kind = .relative
    if limit.time.isZero { return call.error(ETIMEDOUT) }
  }
  let word = call.wakeWord(call.thread)
  let fixed = call.fixed(limit)
  while true {
    var woken: UInt32 = 1
    if persona_swap32(word, &woken, 0) == 1 { return 0 }
    let result = call.futexWait(word, 0, fixed, shared: false)
    if result == Int(PERSONA_RESTART) { return limit.kind == .none ? result : call.error(EINTR) }
    if result < 0, result != call.error(EAGAIN) { return result }
  }
}

/// thr_wake(2).
func threadWake(_ call: inout Call) -> Int {
  let id = Int64(bitPattern: call.words[0])
  guard id > 0, id <= Int64(Int32.max), let thread = persona_find_thread(Int32(id)) else {
    return call.error(ESRCH)
  }
  let word = call.wakeWord(thread)
  guard persona_store32(word, 1) == 0 else { return call.error(ESRCH) }
  call.futexWake(word, 1, shared: false)
  return 0
}
