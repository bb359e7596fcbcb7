import CEngine
import CWire

/// struct ucond (sys/_umtx.h): has waiters, flags, clock, spare. The spare word counts signals here: it is
/// what Linux compares when a thread goes to sleep.
private enum Condition {
  static let flags: UInt64 = 4
  static let clock: UInt64 = 8
  static let signals: UInt64 = 12
}

/// struct urwlock: state, flags, blocked readers, blocked writers. Readers and writers sleep on the state
/// in queues of their own (futex bit sets).
private enum Lock {
  static let flags: UInt64 = 4
  static let blockedReaders: UInt64 = 8
  static let blockedWriters: UInt64 = 12

  static let writer: UInt32 = 0x8000_0000
  static let writersWait: UInt32 = 0x4000_0000
  static let readersWait: UInt32 = 0x2000_0000
  static let readers: UInt32 = 0x1fff_ffff
  static let preferReader: UInt32 = 0x0002

  static let readerQueue: UInt32 = 1
  static let writerQueue: UInt32 = 2
}

extension Call {
  private func isShared(_ flags: UInt32) -> Bool { flags & 1 != 0 }  // USYNC_PROCESS_SHARED

  private func load(_ address: UInt64) -> UInt32? {
    var value: UInt32 = 0
    return persona_load32(address, &value) == 0 ? value : nil
  }

  /// Replaces a word by what `change` makes of it; the old value, or nil for a fault.
  @discardableResult
  private func update(_ address: UInt64, _ change: (UInt32) -> UInt32) -> UInt32? {
    guard var found = load(address) else { return nil }
    while true {
      let old = found
      let swapped = persona_swap32(address, &found, change(old))
      if swapped < 0 { return nil }
      if swapped == 1 { return old }
    }
  }

  // MARK: Condition variables

  /// UMTX_OP_CV_WAIT (do_cv_wait). The signal count is read before the mutex is free, so a signal from then
  /// on is seen; "has waiters" is set after that, so a signaller who clears it has counted on.
  func waitCondition(_ condition: UInt64, mutex: UInt64, _ limit: WaitLimit, flags wish: UInt64) -> Int {
    guard let flags = load(condition &+ Condition.flags) else { return error(EFAULT) }
    var limit = limit
    if wish & 4 != 0 {  // CVWAIT_CLOCKID
      guard let clock = load(condition &+ Condition.clock) else { return error(EFAULT) }
      if clock >= 14 { return error(EINVAL) }  // CLOCK_THREAD_CPUTIME_ID
      limit.clock = clock
    }
    if limit.kind != .none, wish & 2 != 0 {  // CVWAIT_ABSTIME
      limit.kind = limit.isRealtime || limit.isMonotonic ? .absolute : .polled
    }
    guard let signals = load(condition &+ Condition.signals), persona_store32(condition, 1) == 0 else {
      return error(EFAULT)
    }
    let unlocked = unlockMutex(mutex, ownerDied: false)
    if unlocked != 0 { return unlocked }
    let slept = futexWait(condition &+ Condition.signals, signals, limit, shared: isShared(flags))
    if slept == error(EAGAIN) { return 0 }
    return slept == Int(PERSONA_RESTART) ? error(EINTR) : slept
  }

  /// UMTX_OP_CV_SIGNAL (do_cv_signal). "Has waiters" is cleared when at most one sleeps, and then all are
  /// woken: one who went to sleep meanwhile wakes for nothing, but is not forgotten.
  func signalCondition(_ condition: UInt64) -> Int {
    guard let flags = load(condition &+ Condition.flags) else { return error(EFAULT) }
    let word = condition &+ Condition.signals
    let isLast = futexSleepers(word, shared: isShared(flags)) <= 1
    if isLast, persona_store32(condition, 0) != 0 { return error(EFAULT) }
    guard update(word, { $0 &+ 1 }) != nil else { return error(EFAULT) }
    futexWake(word, isLast ? Int(Int32.max) : 1, shared: isShared(flags))
    return 0
  }

  /// UMTX_OP_CV_BROADCAST (do_cv_broadcast).
  func broadcastCondition(_ condition: UInt64) -> Int {
    guard let flags = load(condition &+ Condition.flags) else { return error(EFAULT) }
    let word = condition &+ Condition.signals
    guard persona_store32(condition, 0) == 0, update(word, { $0 &+ 1 }) != nil else { return error(EFAULT) }
    futexWake(word, Int(Int32.max), shared: isShared(flags))
    return 0
  }

  // MARK: Read-write locks

  /// UMTX_OP_RW_RDLOCK (do_rw_rdlock).
  func lockForReading(_ lock: UInt64, flags wish: UInt64, _ limit: WaitLimit) -> Int {
    guard let flags = load(lock &+ Lock.flags) else { return error(EFAULT) }
    let prefersReader = (UInt32(truncatingIfNeeded: wish) | flags) & Lock.preferReader != 0
    let barrier = prefersReader ? Lock.writer : Lock.writer | Lock.writersWait
    return lockReadWrite(
      lock, fixed(limit), shared: isShared(flags), blocked: Lock.blockedReaders,
      waiting: Lock.readersWait, queue: Lock.readerQueue
    ) { $0 & barrier == 0 ? $0 &+ 1 : nil }
  }

  /// UMTX_OP_RW_WRLOCK (do_rw_wrlock).
  func lockForWriting(_ lock: UInt64, _ limit: WaitLimit) -> Int {
    guard let flags = load(lock &+ Lock.flags) else { return error(EFAULT) }
    let result = lockReadWrite(
      lock, fixed(limit), shared: isShared(flags), blocked: Lock.blockedWriters,
      waiting: Lock.writersWait, queue: Lock.writerQueue
    ) { $0 & (Lock.writer | Lock.readers) == 0 ? $0 | Lock.writer : nil }
    // Readers that stood behind this writer only must not wait for it any longer.
    if result != 0, let state = load(lock), state & (Lock.writer | Lock.writersWait) == 0,
      let readers = load(lock &+ Lock.blockedReaders), readers != 0
    {
      futexWake(lock, Int(Int32.max), shared: isShared(flags), queue: Lock.readerQueue)
    }
    return result
  }

  /// Takes a read-write lock as `taken` says (nil: it cannot be had in this state), sleeping in `queue`.
  ///
  /// A thread counts itself as blocked before it makes sure of the waiting bit and sleeps on a state with
  /// that bit. The last to leave clears the bit and then looks at the count once more: who came meanwhile is
  /// woken to set it again.
  private func lockReadWrite(
    _ lock: UInt64, _ limit: WaitLimit, shared: Bool, blocked: UInt64, waiting: UInt32, queue: UInt32,
    taken: (UInt32) -> UInt32?
  ) -> Int {
    var ended = 0
    while true {
      guard var state = load(lock) else { return error(EFAULT) }
      while let next = taken(state) {
        if state & Lock.readers == Lock.readers { return error(EAGAIN) }
        let swapped = persona_swap32(lock, &state, next)
        if swapped < 0 { return error(EFAULT) }
        if swapped == 1 { return 0 }
      }
      if ended != 0 { return ended }
      guard update(lock &+ blocked, { $0 &+ 1 }) != nil else { return error(EFAULT) }
      while ended == 0 {
        guard var state = load(lock) else { return error(EFAULT) }
        if taken(state) != nil { break }
        if state & waiting == 0 {
          let swapped = persona_swap32(lock, &state, state | waiting)
          if swapped < 0 { return error(EFAULT) }
          if swapped == 0 { continue }
          state |= waiting
        }
        let slept = futexWait(lock, state, limit, shared: shared, queue: queue)
        if slept < 0, slept != error(EAGAIN) { ended = slept == Int(PERSONA_RESTART) ? error(EINTR) : slept }
      }
      guard let others = update(lock &+ blocked, { $0 &- 1 }) else { return error(EFAULT) }
      if others == 1 {
        guard update(lock, { $0 & ~waiting }) != nil, let late = load(lock &+ blocked) else {
          return error(EFAULT)
        }
        if late != 0 { futexWake(lock, Int(Int32.max), shared: shared, queue: queue) }
      }
    }
  }

  /// UMTX_OP_RW_UNLOCK (do_rw_unlock).
  func unlockReadWrite(_ lock: UInt64) -> Int {
    guard let flags = load(lock &+ Lock.flags), var state = load(lock) else { return error(EFAULT) }
    while true {
      let next: UInt32
      if state & Lock.writer != 0 {
        next = state & ~Lock.writer
      } else if state & Lock.readers != 0 {
        next = state &- 1
      } else {
        return error(EPERM)
      }
      let old = state
      let swapped = persona_swap32(lock, &state, next)
      if swapped < 0 { return error(EFAULT) }
      if swapped == 1 {
        state = old
        break
      }
    }
    let shared = isShared(flags)
    let readersFirst = flags & Lock.preferReader != 0
    var woken = 0
    if state & Lock.writersWait != 0, !(readersFirst && state & Lock.readersWait != 0) {
      woken = futexWake(lock, 1, shared: shared, queue: Lock.writerQueue)
    }
    if woken <= 0, state & Lock.readersWait != 0 {
      futexWake(lock, Int(Int32.max), shared: shared, queue: Lock.readerQueue)
    }
    return 0
  }

  // MARK: Semaphores

  private static var hasWaiters: UInt32 { 0x8000_0000 }  // USEM_HAS_WAITERS

  /// UMTX_OP_SEM2_WAIT (do_sem2_wait): struct _usem2 is a count whose top bit says that somebody sleeps,
  /// and flags.
  func waitSemaphore(_ semaphore: UInt64, _ limit: WaitLimit, time: UInt64, size: UInt64) -> Int {
    guard let flags = load(semaphore &+ 4) else { return error(EFAULT) }
    let fixed = fixed(limit)
    while true {
      guard var count = load(semaphore) else { return error(EFAULT) }
      if count & ~Self.hasWaiters != 0 { return 0 }
      if count == 0 {
        let swapped = persona_swap32(semaphore, &count, Self.hasWaiters)
        if swapped < 0 { return error(EFAULT) }
        if swapped == 0 { continue }
      }
      let slept = futexWait(semaphore, Self.hasWaiters, fixed, shared: isShared(flags))
      if slept == error(EAGAIN) { continue }
      guard slept == Int(PERSONA_RESTART), limit.kind == .relative else { return slept }
      // A relative wait cannot be restarted; what is left of it goes behind the _umtx_time.
      if size >= 40 {
        let left = fixed.time - now(LinuxClock.monotonic)
        if !write(left, at: time &+ 24) { return error(EFAULT) }
      }
      return error(EINTR)
    }
  }

  /// UMTX_OP_SEM2_WAKE (do_sem2_wake). Without sleepers the memory may already be something else, so
  /// nothing is written. Whoever slept when the bit was cleared is woken.
  func wakeSemaphore(_ semaphore: UInt64) -> Int {
    guard let flags = load(semaphore &+ 4) else { return error(EFAULT) }
    let sleepers = futexSleepers(semaphore, shared: isShared(flags))
    if sleepers <= 0 { return sleepers }
    if sleepers == 1, update(semaphore, { $0 & ~Self.hasWaiters }) == nil { return error(EFAULT) }
    futexWake(semaphore, sleepers == 1 ? Int(Int32.max) : 1, shared: isShared(flags))
    return 0
  }

  /// UMTX_OP_SEM_WAIT (do_sem_wait): struct _usem is "has waiters", count, flags.
  func waitOldSemaphore(_ semaphore: UInt64, _ limit: WaitLimit) -> Int {
    guard let flags = load(semaphore &+ 8), persona_store32(semaphore, 1) == 0 else { return error(EFAULT) }
    let slept = futexWait(semaphore &+ 4, 0, limit, shared: isShared(flags))
    if slept == error(EAGAIN) { return 0 }
    return slept == Int(PERSONA_RESTART) && limit.kind == .relative ? error(EINTR) : slept
  }

  /// UMTX_OP_SEM_WAKE (do_sem_wake). "Has waiters" stays set, which costs later posts a call, but forgets
  /// nobody.
  func wakeOldSemaphore(_ semaphore: UInt64) -> Int {
    guard let flags = load(semaphore &+ 8) else { return error(EFAULT) }
    futexWake(semaphore &+ 4, 1, shared: isShared(flags))
    return 0
  }
}
