import CEngine
import CWire
import Wire

// Waiting for other threads: futex(2), and __thrsleep(2) with __thrwakeup(2).
// Source: sys/kern/{sys_futex,kern_synch}.c, sys/sys/futex.h.

private enum Operation {
  static let wait: Int32 = 1
  static let wake: Int32 = 2
  static let requeue: Int32 = 3
  static let privateFlag: Int32 = 0x80
}

/// futex(f, op, val, timeout, g): the timeout is relative; of FUTEX_REQUEUE it is a count.
func futexOperation(_ call: inout Call) -> Int {
  let operation = call.int32(1)
  let isPrivate = operation & Operation.privateFlag != 0 ? Int(FUTEX_PRIVATE_FLAG) : 0
  let place = Int(truncatingIfNeeded: call.words[0])
  let value = Int(call.int32(2))
  switch operation & ~Operation.privateFlag {
  case Operation.wait:
    let result = call.host(
      __NR_futex, place, Int(FUTEX_WAIT) | isPrivate, value, Int(truncatingIfNeeded: call.words[3]))
    return result == Int(PERSONA_RESTART) ? interrupted(call) : result
  case Operation.wake: return call.hostNow(__NR_futex, place, Int(FUTEX_WAKE) | isPrivate, value)
  case Operation.requeue:
    return call.hostNow(
      __NR_futex, place, Int(FUTEX_REQUEUE) | isPrivate, value, Int(truncatingIfNeeded: call.words[3]),
      Int(truncatingIfNeeded: call.words[4]))
  default: return call.error(ENOSYS)
  }
}

/// A handler with SA_RESTART makes it ECANCELED.
private func interrupted(_ call: Call) -> Int {
  let info = withUnsafeBytes(of: &call.thread.pointee.pending_info) { SignalInfo($0.baseAddress!) }
  let action = persona_actions(call.process)![call.table.foreignSignal(info.signal)]
  return call.error(action.flags & SignalActionFlags.restart != 0 ? ECANCELED : EINTR)
}

/// A thread in __thrsleep, in the engine's memory.
private struct Sleeper: ListEntry {
  var next: UnsafeMutablePointer<Sleeper>?
  var identifier: UInt64
  var pid: Int32
  /// 1 once somebody woke it.
  var woken: UInt32
}

extension Call {
  fileprivate var sleepers: UnsafeMutablePointer<Sleeper>? {
    get { process.pointee.sleepers?.assumingMemoryBound(to: Sleeper.self) }
    nonmutating set { process.pointee.sleepers = newValue.map { UnsafeMutableRawPointer($0) } }
  }
}

/// __thrsleep(ident, clock_id, tp, lock, abort): gives `lock` up once it is sure to hear of a wakeup. The
/// result is an error number, or 0.
func threadSleep(_ call: inout Call) -> Int {
  if call.words[0] == 0 { return foreignNumber(call, EINVAL) }
  guard let memory = persona_allocate(MemoryLayout<Sleeper>.stride) else { return foreignNumber(call, ENOMEM) }
  let sleeper = memory.bindMemory(to: Sleeper.self, capacity: 1)
  sleeper.initialize(
    to: Sleeper(next: nil, identifier: call.words[0], pid: call.process.pointee.pid, woken: 0))
  persona_lock(&call.process.pointee.event_lock)
  var last = call.sleepers
  while let next = last?.pointee.next { last = next }
  if let last { last.pointee.next = sleeper } else { call.sleepers = sleeper }
  persona_unlock(&call.process.pointee.event_lock)
  let answer = sleep(call, sleeper)
  persona_lock(&call.process.pointee.event_lock)
  sleeper.leave(&call.sleepers)
  let woken = sleeper.pointee.woken != 0
  persona_unlock(&call.process.pointee.event_lock)
  persona_release(memory)
  return woken ? 0 : answer
}

private func sleep(_ call: Call, _ sleeper: UnsafeMutablePointer<Sleeper>) -> Int {
  // _ATOMIC_LOCK_UNLOCKED is 0 on amd64.
  if call.words[3] != 0, !call.write(Int32(0), at: call.words[3]) { return foreignNumber(call, EFAULT) }
  if call.words[4] != 0 {
    var abort: Int32 = 0
    guard call.read(&abort, at: call.words[4]) else { return foreignNumber(call, EFAULT) }
    if abort != 0 { return foreignNumber(call, EINTR) }
  }
  var operation = Int(FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG)
  if call[1] == 0 { operation |= Int(FUTEX_CLOCK_REALTIME) }
  var limit = 0
  if call.words[2] != 0 {
    guard let time = call.scratch(16), call.copyIn(time, call.words[2], 16) else {
      return foreignNumber(call, EFAULT)
    }
    limit = time.word
  }
  let word = Int(bitPattern: UnsafeMutableRawPointer(sleeper)) + 20
  while sleeper.pointee.woken == 0 {
    let result = call.host(__NR_futex, word, operation, 0, limit, 0, -1)
    switch result {
    case Int(PERSONA_RESTART): return foreignNumber(call, Int32(truncatingIfNeeded: -interrupted(call)))
    case call.error(ETIMEDOUT): return foreignNumber(call, EAGAIN)
    case call.error(EAGAIN), 0: continue
    default: return foreignNumber(call, Int32(truncatingIfNeeded: -result))
    }
  }
  return 0
}

/// __thrwakeup(ident, n): wakes n threads, or all with 0; the result is an error number: ESRCH for none.
func threadWakeup(_ call: inout Call) -> Int {
  if call.words[0] == 0 { return foreignNumber(call, EINVAL) }
  let wanted = Int(call.int32(1))
  var found = 0
  persona_lock(&call.process.pointee.event_lock)
  var candidate = call.sleepers
  while let one = candidate {
    candidate = one.pointee.next
    guard one.pointee.identifier == call.words[0], one.pointee.pid == call.process.pointee.pid,
      one.pointee.woken == 0
    else { continue }
    one.pointee.woken = 1
    let word = Int(bitPattern: UnsafeMutableRawPointer(one)) + 20
    _ = call.hostNow(__NR_futex, word, Int(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), 1)
    found += 1
    if found == wanted { break }
  }
  persona_unlock(&call.process.pointee.event_lock)
  return found == 0 ? foreignNumber(call, ESRCH) : 0
}
