import CEngine
import CWire

// Threads that park and unpark each other; sys/kern/sys_lwp.c. A thread sleeps on a word of its own block
// (guest_private.3): 1 is a permit that an unpark left.

private func permit(_ thread: UnsafeMutablePointer<persona_thread>) -> UInt64 {
  withUnsafeMutablePointer(to: &thread.pointee.guest_private.3) { UInt64(UInt(bitPattern: $0)) }
}

func lwpSelf(_ call: inout Call) -> Int { Int(call.thread.pointee.tid) }

/// _lwp_kill(target, signo), the signal as Linux's.
func lwpKill(_ call: inout Call) -> Int {
  let target = Int(call.int32(0))
  return target <= 0 ? call.error(ESRCH) : call.hostNow(__NR_tgkill, Int(call.process.pointee.pid), target, call[1])
}

func lwpSetPrivate(_ call: inout Call) -> Int {
  call.setFSBase(call.words[0])
  return 0
}

func lwpGetPrivate(_ call: inout Call) -> Int { Int(bitPattern: UInt(call.segmentBase(ARCH_GET_FS))) }

/// ___lwp_park60(clock_id, flags, ts, unpark, hint, unparkhint), the clock as Linux's; flag 1 is TIMER_ABSTIME.
func lwpPark(_ call: inout Call) -> Int {
  var limit = WaitLimit()
  if call.address(2) != 0 {
    guard call.readTime(2, &limit.time) else { return call.error(EFAULT) }
    if !limit.time.hasValidFraction { return call.error(EINVAL) }
    if call[1] & 1 != 0 { limit.time = limit.time - call.now(call[0]) }
    limit.kind = .relative
  }
  if call.int32(3) != 0 { _ = unpark(call, call.int32(3)) }
  let word = permit(call.thread)
  var left: UInt32 = 1
  if persona_swap32(word, &left, 0) == 1 { return call.error(EALREADY) }
  if limit.kind != .none, limit.time.seconds < 0 || limit.time.isZero { return call.error(ETIMEDOUT) }
  let fixed = call.fixed(limit)
  while true {
    let result = call.futexWait(word, 0, fixed, shared: false)
    var woken: UInt32 = 1
    if persona_swap32(word, &woken, 0) == 1 { return 0 }
    if result == Int(PERSONA_RESTART) { return call.error(EINTR) }
    if result < 0, result != call.error(EAGAIN) { return result }
  }
}

private func unpark(_ call: Call, _ target: Int32) -> Int {
  guard let thread = livingThread(target) else { return call.error(ESRCH) }
  let word = permit(thread)
  guard persona_store32(word, 1) == 0 else { return call.error(ESRCH) }
  call.futexWake(word, 1, shared: false)
  return 0
}

func lwpUnpark(_ call: inout Call) -> Int { unpark(call, call.int32(0)) }

/// _lwp_unpark_all(targets, ntargets, hint): without targets, how many it takes at once.
func lwpUnparkAll(_ call: inout Call) -> Int {
  let most: UInt64 = 1024
  if call.address(0) == 0 { return Int(most) }
  let count = call.unsigned(1)
  guard count > 0, count <= most else { return call.error(EINVAL) }
  for index in 0..<count {
    var target: Int32 = 0
    guard call.read(&target, at: call.address(0) + 4 * index) else { return call.error(EFAULT) }
    _ = unpark(call, target)
  }
  return 0
}

/// __futex(uaddr, op, val, timeout, uaddr2, val2, val3): Linux's, but that a second count has a place of its own.
func futexWithCounts(_ call: inout Call) -> Int {
  let operation = call.int32(1) & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
  let takesCount = operation == FUTEX_REQUEUE || operation == FUTEX_CMP_REQUEUE || operation == FUTEX_WAKE_OP
  let fourth = takesCount ? Int(call.int32(5)) : call[3]
  return call.host(__NR_futex, call[0], call[1], Int(call.int32(2)), fourth, call[4], Int(call.int32(6)))
}
