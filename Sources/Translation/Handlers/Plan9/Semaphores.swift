import CEngine
import CWire

// semacquire(2), tsemacquire, semrelease: sys/src/9k/port/sysproc.c. A semaphore is an int in memory that the
// processes share or not; Linux's futexes find it by the file that it lies in.

/// acquireSemaphore(address, block)
func acquireSemaphore(_ call: inout Call) -> Int {
  acquire(call, call.int32(1) != 0 ? nil : 0)
}

/// acquireSemaphoreWithin(address, milliseconds)
func acquireSemaphoreWithin(_ call: inout Call) -> Int { acquire(call, UInt64(call.uint32(1))) }

private func acquire(_ call: Call, _ limit: UInt64?) -> Int {
  let address = call.address(0)
  guard address & 3 == 0 else { return call.error(EINVAL) }
  let start = limit == nil || limit == 0 ? 0 : monotonicMilliseconds()
  var value: UInt32 = 0
  guard persona_load32(address, &value) == 0 else { return call.error(EFAULT) }
  if Int32(bitPattern: value) < 0 { return call.error(EINVAL) }
  while true {
    while Int32(bitPattern: value) > 0 {
      let swapped = persona_swap32(address, &value, value - 1)
      if swapped < 0 { return call.error(EFAULT) }
      if swapped == 1 { return 1 }
    }
    if limit == 0 { return 0 }
    let result: Int
    if let limit {
      let passed = monotonicMilliseconds() - start
      if passed >= limit { return 0 }
      result = wait(call, address, value, limit - passed)
      if result == call.error(ETIMEDOUT) { return 0 }
    } else {
      result = wait(call, address, value, nil)
    }
    let isEnd = result == Int(PERSONA_RESTART) || result == call.error(EINTR) || result == call.error(EFAULT)
    if isEnd, !call.isOwnInterruption(result) { return result }
    guard persona_load32(address, &value) == 0 else { return call.error(EFAULT) }
  }
}

private func wait(_ call: Call, _ address: UInt64, _ value: UInt32, _ milliseconds: UInt64?) -> Int {
  let before = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = before }
  guard let milliseconds, let time = call.scratch(16) else {
    return call.host(__NR_futex, Int(address), Int(FUTEX_WAIT), Int(value))
  }
  time.storeBytes(of: Int64(milliseconds / 1000), as: Int64.self)
  time.storeBytes(of: Int64(milliseconds % 1000 * 1_000_000), toByteOffset: 8, as: Int64.self)
  return call.host(__NR_futex, Int(address), Int(FUTEX_WAIT), Int(value), time.word)
}

/// releaseSemaphore(address, count): the new value. A count of 0 wakes nobody.
func releaseSemaphore(_ call: inout Call) -> Int {
  let (address, count) = (call.address(0), call.int32(1))
  guard address & 3 == 0 else { return call.error(EINVAL) }
  var value: UInt32 = 0
  guard persona_load32(address, &value) == 0 else { return call.error(EFAULT) }
  if count < 0 || Int32(bitPattern: value) < 0 { return call.error(EINVAL) }
  while true {
    let new = value &+ UInt32(count)
    let swapped = persona_swap32(address, &value, new)
    if swapped < 0 { return call.error(EFAULT) }
    guard swapped == 1 else { continue }
    if count > 0 { _ = call.hostNow(__NR_futex, Int(address), Int(FUTEX_WAKE), Int(count)) }
    return Int(Int32(bitPattern: new))
  }
}
