import CEngine
import CWire

/// struct umutex (sys/_umtx.h): owner, flags, two ceilings, link of the robust list.
private enum Mutex {
  static let flags: UInt64 = 4
  static let ceiling: UInt64 = 8
  static let link: UInt64 = 16

  static let contested: UInt32 = 0x8000_0000
  static let ownerDead: UInt32 = 0x8000_0010
  static let notRecoverable: UInt32 = 0x8000_0011

  static let processShared: UInt32 = 0x01
  static let inherit: UInt32 = 0x04
  static let protect: UInt32 = 0x08
  static let robust: UInt32 = 0x10
  static let notConsistent: UInt32 = 0x20

  static func isFree(_ owner: UInt32) -> Bool {
    owner & ~contested == 0 || owner == ownerDead || owner == notRecoverable
  }
}

/// What a thread wants of a mutex: to own it, to own it if it is free, or to know when it is free.
enum MutexWish { case lock, attempt, wait }

// A thread sleeps only on an owner word that has the contested bit, and Linux lets it sleep only while the
// word still has that value. Whoever frees a contested word asks how many sleep (`repairMutex`) after the
// word is free: a sleeper is then either counted, and the bit set again for the next owner or the sleeper
// woken, or it finds a changed word and does not sleep.
extension Call {
  private var owner: UInt32 { UInt32(bitPattern: thread.pointee.tid) }

  /// UMTX_OP_MUTEX_LOCK, _TRYLOCK and _WAIT (do_lock_umutex). Priorities are not lent: Linux's scheduler
  /// does not let an ordinary thread borrow one, and the order of the locks' owners does not depend on it.
  func lockMutex(_ mutex: UInt64, _ limit: WaitLimit, _ wish: MutexWish) -> Int {
    var flags: UInt32 = 0
    guard persona_load32(mutex &+ Mutex.flags, &flags) == 0 else { return error(EFAULT) }
    if flags & (Mutex.inherit | Mutex.protect) == Mutex.inherit | Mutex.protect { return error(EINVAL) }
    let result = takeMutex(mutex, flags, fixed(limit), wish)
    if result == Int(PERSONA_RESTART), limit.kind != .none { return error(EINTR) }
    return result
  }

  private func takeMutex(_ mutex: UInt64, _ flags: UInt32, _ limit: WaitLimit, _ wish: MutexWish) -> Int {
    let isProtected = flags & Mutex.protect != 0
    // A priority-protected mutex that nobody owns always has the contested bit.
    let isWait = wish == .wait && flags & (Mutex.inherit | Mutex.protect) == 0
    var ended = 0
    while true {
      var found: UInt32 = 0
      guard persona_load32(mutex, &found) == 0 else { return error(EFAULT) }
      if isWait {
        if Mutex.isFree(found) { return 0 }
      } else {
        if found == Mutex.notRecoverable { return error(ENOTRECOVERABLE) }
        if Mutex.isFree(found), !(isProtected && found == 0) {
          let taken = found == 0 ? owner : owner | Mutex.contested
          var expected = found
          let swapped = persona_swap32(mutex, &expected, taken)
          if swapped < 0 { return error(EFAULT) }
          if swapped == 1 { return found == Mutex.ownerDead ? error(EOWNERDEAD) : 0 }
          continue
        }
        if flags & Mutex.inherit != 0, found & ~Mutex.contested == owner { return error(EDEADLK) }
      }
      if wish != .lock, !isWait { return error(EBUSY) }
      if ended != 0 { return ended }
      if found & Mutex.contested == 0 {
        var expected = found
        let swapped = persona_swap32(mutex, &expected, found | Mutex.contested)
        if swapped < 0 { return error(EFAULT) }
        if swapped == 0 { continue }
      }
      let slept = futexWait(mutex, found | Mutex.contested, limit, shared: flags & Mutex.processShared != 0)
      if slept < 0, slept != error(EAGAIN) { ended = slept }
    }
  }

  /// UMTX_OP_MUTEX_UNLOCK (do_unlock_umutex), and what becomes of a robust mutex whose owner ends.
  func unlockMutex(_ mutex: UInt64, ownerDied: Bool) -> Int {
    var flags: UInt32 = 0
    guard persona_load32(mutex &+ Mutex.flags, &flags) == 0 else { return error(EFAULT) }
    if flags & (Mutex.inherit | Mutex.protect) == Mutex.inherit | Mutex.protect { return error(EINVAL) }
    var free: UInt32 = flags & Mutex.notConsistent != 0 ? Mutex.notRecoverable : 0
    if ownerDied { free = Mutex.ownerDead }
    if flags & Mutex.protect != 0 { free |= Mutex.contested }
    var found: UInt32 = 0
    guard persona_load32(mutex, &found) == 0 else { return error(EFAULT) }
    while true {
      guard found & ~Mutex.contested == owner else { return error(EPERM) }
      var expected = found
      let swapped = persona_swap32(mutex, &expected, free)
      if swapped < 0 { return error(EFAULT) }
      if swapped == 1 { break }
      found = expected
    }
    let shared = flags & Mutex.processShared != 0
    if flags & Mutex.protect != 0 {
      futexWake(mutex, 1, shared: shared)
      return 0
    }
    return found & Mutex.contested == 0 ? 0 : repairMutex(mutex, flags: flags)
  }

  /// UMTX_OP_MUTEX_WAKE2 (do_wake2_umutex): a contested mutex was freed. Nothing is written unless somebody
  /// sleeps, since otherwise the memory may already be something else.
  func repairMutex(_ mutex: UInt64, flags: UInt32) -> Int {
    let kinds = flags & (Mutex.inherit | Mutex.protect)
    if kinds == Mutex.inherit | Mutex.protect { return error(EINVAL) }
    let shared = flags & Mutex.processShared != 0
    let sleepers = futexSleepers(mutex, shared: shared)
    if sleepers < 0 { return sleepers }
    var found: UInt32 = 0
    guard persona_load32(mutex, &found) == 0 else { return error(EFAULT) }
    while found & Mutex.contested == 0, sleepers > 1 || (sleepers == 1 && found != 0) {
      let old = found
      let swapped = persona_swap32(mutex, &found, old | Mutex.contested)
      if swapped < 0 { return error(EFAULT) }
      if swapped == 1 {
        found = old
        break
      }
    }
    if sleepers > 0, Mutex.isFree(found) {
      futexWake(mutex, found == Mutex.notRecoverable ? Int(Int32.max) : 1, shared: shared)
    }
    return 0
  }

  /// UMTX_OP_MUTEX_WAKE (do_wake_umutex), which libthr no longer uses.
  func wakeMutex(_ mutex: UInt64) -> Int {
    var found: UInt32 = 0
    var flags: UInt32 = 0
    guard persona_load32(mutex, &found) == 0 else { return error(EFAULT) }
    guard Mutex.isFree(found) else { return 0 }
    guard persona_load32(mutex &+ Mutex.flags, &flags) == 0 else { return error(EFAULT) }
    let shared = flags & Mutex.processShared != 0
    if found == Mutex.contested, futexSleepers(mutex, shared: shared) <= 1 {
      var expected = Mutex.contested
      let swapped = persona_swap32(mutex, &expected, 0)
      if swapped < 0 { return error(EFAULT) }
    }
    futexWake(mutex, 1, shared: shared)
    return repairMutex(mutex, flags: flags)
  }

  /// UMTX_OP_SET_CEILING (do_set_ceiling).
  func setCeiling(_ mutex: UInt64, _ ceiling: UInt32, old: UInt64) -> Int {
    var flags: UInt32 = 0
    guard persona_load32(mutex &+ Mutex.flags, &flags) == 0 else { return error(EFAULT) }
    if flags & Mutex.protect == 0 || ceiling > 31 { return error(EINVAL) }  // RTP_PRIO_MAX, sys/rtprio.h
    let shared = flags & Mutex.processShared != 0
    var saved: UInt32 = 0
    var ended = 0
    while true {
      guard persona_load32(mutex &+ Mutex.ceiling, &saved) == 0 else { return error(EFAULT) }
      var found = Mutex.contested
      let swapped = persona_swap32(mutex, &found, owner | Mutex.contested)
      if swapped < 0 { return error(EFAULT) }
      if swapped == 1 || found & ~Mutex.contested == owner {
        guard persona_store32(mutex &+ Mutex.ceiling, ceiling) == 0 else { return error(EFAULT) }
        if swapped == 1, persona_store32(mutex, Mutex.contested) != 0 { return error(EFAULT) }
        break
      }
      if found == Mutex.ownerDead { return error(EOWNERDEAD) }
      if found == Mutex.notRecoverable { return error(ENOTRECOVERABLE) }
      if ended != 0 { return ended }
      let slept = futexWait(mutex, found, WaitLimit(), shared: shared)
      if slept < 0, slept != error(EAGAIN) { ended = slept }
    }
    futexWake(mutex, Int(Int32.max), shared: shared)
    return old == 0 || persona_store32(old, saved) == 0 ? 0 : error(EFAULT)
  }

  // MARK: Robust lists

  /// UMTX_OP_ROBUST_LISTS: where the thread keeps its lists of robust mutexes.
  func setRobustLists(at address: UInt64, size: UInt64) -> Int {
    var lists: InlineArray<3, UInt64> = [0, 0, 0]
    if size > 24 { return error(EINVAL) }
    let isRead = withUnsafeMutablePointer(to: &lists) { copyIn($0, address, Int(size)) }
    guard isRead else { return error(EFAULT) }
    thread.pointee.guest_private = (lists[0], lists[1], lists[2], 0)
    return 0
  }

  /// Whether the thread has told of its robust mutexes.
  var hasRobustMutexes: Bool { thread.pointee.guest_private.0 != 0 || thread.pointee.guest_private.2 != 0 }

  /// Frees the robust mutexes that the ending thread owns and tells the next owners (umtx_thread_cleanup).
  /// Called before a thread ends.
  func releaseRobustMutexes() {
    let lists = thread.pointee.guest_private
    var active: UInt64 = 0
    if lists.2 != 0, !read(&active, at: lists.2) { active = 0 }
    releaseRobustList(lists.0, &active)
    releaseRobustList(lists.1, &active)
    if active != 0 { _ = releaseRobustMutex(active) }
    thread.pointee.guest_private = (0, 0, 0, 0)
  }

  private func releaseRobustList(_ list: UInt64, _ active: inout UInt64) {
    var mutex: UInt64 = 0
    guard list != 0, read(&mutex, at: list) else { return }
    for _ in 0..<1000 {  // kern.ipc.umtx_max_robust
      if mutex == 0 { return }
      var next: UInt64 = 0
      guard read(&next, at: mutex &+ Mutex.link) else { return }
      let isActive = mutex == active
      if isActive { active = 0 }
      if !releaseRobustMutex(mutex), !isActive { return }
      mutex = next
    }
  }

  private func releaseRobustMutex(_ mutex: UInt64) -> Bool {
    var flags: UInt32 = 0
    var found: UInt32 = 0
    guard persona_load32(mutex, &found) == 0, persona_load32(mutex &+ Mutex.flags, &flags) == 0,
      flags & Mutex.robust != 0, found & ~Mutex.contested == owner
    else { return false }
    return unlockMutex(mutex, ownerDied: true) == 0
  }
}
