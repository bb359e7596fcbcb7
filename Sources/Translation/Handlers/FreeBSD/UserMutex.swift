import CEngine
import CWire

/// FreeBSD's _umtx_op(2): waiting on words of guest memory, by Linux's futex. Facts: sys/umtx.h,
/// sys/_umtx.h, kern/kern_umtx.c.
///
/// FreeBSD keeps queues of sleepers and so knows, under a lock, how many there are. Here the sleepers are
/// Linux's; each operation says how it stays right without that lock.
func userMutex(_ call: inout Call) -> Int {
  let object = call.address(0)
  let value = call.unsigned(2)
  let first = call.address(3)
  let second = call.address(4)
  var limit = WaitLimit()
  switch call.int32(1) {
  case 2, 11, 15, 5, 12, 13, 17, 19, 23:  // the waits whose uaddr2 is a time and uaddr1 its size
    let refusal = call.readLimit(&limit, at: second, size: first)
    if refusal != 0 { return refusal }
  case 8:  // CV_WAIT: uaddr2 is a plain timespec
    let refusal = call.readLimit(&limit, at: second, size: 16)
    if refusal != 0 { return refusal }
  default: break
  }
  switch call.int32(1) {
  case 0, 1: return call.error(EOPNOTSUPP)  // LOCK, UNLOCK: a kernel without COMPAT_FREEBSD10
  case 2: return call.waitLong(object, value, limit)
  case 3: return call.wakeWord(object, Int(Int32(truncatingIfNeeded: value)), shared: true)
  case 4: return call.lockMutex(object, WaitLimit(), .attempt)
  case 5: return call.lockMutex(object, limit, .lock)
  case 6: return call.unlockMutex(object, ownerDied: false)
  case 7: return call.setCeiling(object, UInt32(truncatingIfNeeded: value), old: first)
  case 8: return call.waitCondition(object, mutex: first, limit, flags: value)
  case 9: return call.signalCondition(object)
  case 10: return call.broadcastCondition(object)
  case 11: return call.waitWord(object, value, limit, shared: true)
  case 12: return call.lockForReading(object, flags: value, limit)
  case 13: return call.lockForWriting(object, limit)
  case 14: return call.unlockReadWrite(object)
  case 15: return call.waitWord(object, value, limit, shared: false)
  case 16: return call.wakeWord(object, Int(Int32(truncatingIfNeeded: value)), shared: false)
  case 17: return call.lockMutex(object, limit, .wait)
  case 18: return call.wakeMutex(object)
  case 19: return call.waitOldSemaphore(object, limit)
  case 20: return call.wakeOldSemaphore(object)
  case 21: return call.wakeWords(object, value)
  case 22: return call.repairMutex(object, flags: UInt32(truncatingIfNeeded: value))
  case 23: return call.waitSemaphore(object, limit, time: second, size: first)
  case 24: return call.wakeSemaphore(object)
  case 25: return call.sharedPage(first, flags: UInt32(truncatingIfNeeded: value))
  case 26: return call.setRobustLists(at: first, size: value)
  case 27: return call.write(Int64(0), at: first) ? 0 : call.error(EFAULT)
  case 28: return value == 0 ? 0 : call.error(value > UInt64(Int64.max) ? EINVAL : EOPNOTSUPP)
  default: return call.error(EINVAL)
  }
}

/// How long a wait may last, as struct _umtx_time says.
struct WaitLimit {
  enum Kind { case none, relative, absolute, polled }
  var kind = Kind.none
  var time = Timespec()
  /// FreeBSD's clock id.
  var clock: UInt32 = 0

  /// CLOCK_REALTIME, _PRECISE, _FAST and CLOCK_SECOND (sys/_clock_id.h).
  var isRealtime: Bool { clock == 0 || clock == 9 || clock == 10 || clock == 13 }
  /// CLOCK_MONOTONIC and CLOCK_UPTIME with their variants.
  var isMonotonic: Bool { clock == 4 || clock == 5 || clock == 7 || clock == 8 || clock == 11 || clock == 12 }
}

extension Call {
  /// Reads a timeout; 0, or the answer. A null address means no limit.
  func readLimit(_ limit: inout WaitLimit, at address: UInt64, size: UInt64) -> Int {
    if address == 0 { return 0 }
    guard read(&limit.time, at: address) else { return error(EFAULT) }
    limit.kind = .relative
    if size > 16 {
      var rest: UInt64 = 0
      guard read(&rest, at: address &+ 16) else { return error(EFAULT) }
      if rest & 1 != 0 { limit.kind = .absolute }  // UMTX_ABSTIME
      limit.clock = UInt32(rest >> 32)
    }
    guard limit.time.isInterval else { return error(EINVAL) }
    if !limit.isRealtime, !limit.isMonotonic {
      guard let clock = nativeClock(Int(limit.clock)) else { return error(EINVAL) }
      if limit.kind == .relative { limit.time = now(clock) + limit.time }
      limit.kind = .polled
    }
    return 0
  }

  /// Makes a limit that several waits share: a relative one starts now.
  func fixed(_ limit: WaitLimit) -> WaitLimit {
    guard limit.kind == .relative else { return limit }
    var fixed = limit
    fixed.kind = .absolute
    fixed.clock = 4
    fixed.time = now(LinuxClock.monotonic) + limit.time
    return fixed
  }

  // MARK: Linux's futex

  /// Sleeps while the word at `address` holds `expected`: 0 when woken, -EAGAIN when it held something
  /// else, -ETIMEDOUT, -EFAULT, or PERSONA_RESTART when a signal came.
  func futexWait(
    _ address: UInt64, _ expected: UInt32, _ limit: WaitLimit, shared: Bool, queue: UInt32 = UInt32.max
  ) -> Int {
    let privacy = shared ? 0 : FUTEX_PRIVATE_FLAG
    var time = limit.time
    let word = Int(truncatingIfNeeded: address)
    let result: Int
    switch limit.kind {
    case .none:
      result = host(
        __NR_futex, word, Int(FUTEX_WAIT_BITSET | privacy), Int(expected), 0, 0, Int(queue))
    case .absolute:
      let clock = limit.isRealtime ? FUTEX_CLOCK_REALTIME : 0
      result = withUnsafePointer(to: &time) {
        host(
          __NR_futex, word, Int(FUTEX_WAIT_BITSET | privacy | clock), Int(expected),
          Int(bitPattern: $0), 0, Int(queue))
      }
    case .relative:
      result = withUnsafePointer(to: &time) {
        host(__NR_futex, word, Int(FUTEX_WAIT | privacy), Int(expected), Int(bitPattern: $0))
      }
    case .polled: result = polledWait(word, expected, limit, privacy, queue)
    }
    return result == error(EINTR) ? Int(PERSONA_RESTART) : result
  }

  /// Waits by a clock that Linux's futex does not know, looking at it again each time it may have come.
  private func polledWait(
    _ word: Int, _ expected: UInt32, _ limit: WaitLimit, _ privacy: Int32, _ queue: UInt32
  ) -> Int {
    guard let clock = nativeClock(Int(limit.clock)) else { return error(EINVAL) }
    while true {
      let current = now(clock)
      if limit.time <= current { return error(ETIMEDOUT) }
      var time = now(LinuxClock.monotonic) + (limit.time - current)
      let result = withUnsafePointer(to: &time) {
        host(
          __NR_futex, word, Int(FUTEX_WAIT_BITSET | privacy), Int(expected), Int(bitPattern: $0), 0,
          Int(queue))
      }
      if result != error(ETIMEDOUT) { return result }
    }
  }

  @discardableResult
  func futexWake(_ address: UInt64, _ count: Int, shared: Bool, queue: UInt32 = UInt32.max) -> Int {
    let privacy = shared ? 0 : FUTEX_PRIVATE_FLAG
    return hostNow(
      __NR_futex, Int(truncatingIfNeeded: address), Int(FUTEX_WAKE_BITSET | privacy), count, 0, 0,
      Int(queue))
  }

  /// How many threads sleep on a word: Linux tells when asked to move them from it to itself.
  func futexSleepers(_ address: UInt64, shared: Bool) -> Int {
    let privacy = shared ? 0 : FUTEX_PRIVATE_FLAG
    let word = Int(truncatingIfNeeded: address)
    return hostNow(__NR_futex, word, Int(FUTEX_REQUEUE | privacy), 0, Int(Int32.max), word)
  }

  // MARK: WAIT, WAKE

  /// UMTX_OP_WAIT: the word is a long. Linux compares its low half, which is where a thread id or a
  /// counter changes.
  func waitLong(_ address: UInt64, _ value: UInt64, _ limit: WaitLimit) -> Int {
    var found: UInt64 = 0
    guard read(&found, at: address) else { return error(EFAULT) }
    if found != value { return 0 }
    return waitAnswer(futexWait(address, UInt32(truncatingIfNeeded: value), limit, shared: true))
  }

  /// UMTX_OP_WAIT_UINT, UMTX_OP_WAIT_UINT_PRIVATE.
  func waitWord(_ address: UInt64, _ value: UInt64, _ limit: WaitLimit, shared: Bool) -> Int {
    if value > UInt64(UInt32.max) {  // no 32-bit word can hold it
      var found: UInt32 = 0
      return persona_load32(address, &found) == 0 ? 0 : error(EFAULT)
    }
    return waitAnswer(futexWait(address, UInt32(value), limit, shared: shared))
  }

  /// A wait that found another value has succeeded; one that a signal ended is never restarted (do_wait).
  private func waitAnswer(_ result: Int) -> Int {
    if result == error(EAGAIN) { return 0 }
    return result == Int(PERSONA_RESTART) ? error(EINTR) : result
  }

  /// UMTX_OP_WAKE, UMTX_OP_WAKE_PRIVATE. In FreeBSD both wake private sleepers on private memory; Linux
  /// keeps two queues, so the other one is looked at when the first did not have enough.
  func wakeWord(_ address: UInt64, _ count: Int, shared: Bool) -> Int {
    let wanted = max(count, 1)
    let woken = futexWake(address, wanted, shared: shared)
    if woken < 0, shared { return woken }
    if max(woken, 0) < wanted { futexWake(address, wanted - max(woken, 0), shared: !shared) }
    return 0
  }

  /// UMTX_OP_NWAKE_PRIVATE: all sleepers of each word that an array of addresses names.
  func wakeWords(_ array: UInt64, _ count: UInt64) -> Int {
    let words = Int(Int32(truncatingIfNeeded: count))
    var index = 0
    while index < words {
      var word: UInt64 = 0
      guard read(&word, at: array &+ UInt64(8 * index)) else { return error(EFAULT) }
      _ = wakeWord(word, Int(Int32.max), shared: false)
      index += 1
    }
    return 0
  }
}
