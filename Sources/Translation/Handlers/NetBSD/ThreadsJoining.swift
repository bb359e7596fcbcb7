import CEngine
import CWire

// Threads that others wait for: _lwp_wait(2), _lwp_detach(2). Source: sys/kern/{kern_lwp,sys_lwp}.c, lwp_wait1. The
// process keeps a list of its threads that nobody detached; one that ends stays in it until somebody has fetched it.

/// A thread that may be waited for, in the engine's memory.
private struct Joinable: ListEntry {
  var next: UnsafeMutablePointer<Joinable>?
  var identifier: Int32
  /// Whom it waits for itself.
  var awaited: Int32
  var hasEnded: Bool
}

/// What a process knows about its threads; `event_lock` guards it.
private struct ThreadList {
  var first: UnsafeMutablePointer<Joinable>?
  /// Whose list it is: a child of fork begins with one of its own.
  var process: Int32
  /// Threads that have not ended, and how many of them wait in _lwp_wait.
  var living: Int32
  var waiting: Int32
  /// A futex word that counts changes.
  var changes: UInt32
}

extension Call {
  /// The list, made at its first use; the lock is held. Nil when there is no memory.
  fileprivate func threads() -> UnsafeMutablePointer<ThreadList>? {
    if let present = process.pointee.joinable?.assumingMemoryBound(to: ThreadList.self),
      present.pointee.process == process.pointee.pid
    {
      return present
    }
    guard let memory = persona_allocate(MemoryLayout<ThreadList>.stride) else { return nil }
    let list = memory.bindMemory(to: ThreadList.self, capacity: 1)
    list.initialize(
      to: ThreadList(first: nil, process: process.pointee.pid, living: 1, waiting: 0, changes: 0))
    process.pointee.joinable = memory
    add(thread.pointee.tid, to: list)
    return list
  }

  /// Adds a thread that may be waited for; without memory for it nobody can.
  fileprivate func add(_ identifier: Int32, to list: UnsafeMutablePointer<ThreadList>) {
    guard let memory = persona_allocate(MemoryLayout<Joinable>.stride) else { return }
    let entry = memory.bindMemory(to: Joinable.self, capacity: 1)
    entry.initialize(to: Joinable(next: list.pointee.first, identifier: identifier, awaited: 0, hasEnded: false))
    list.pointee.first = entry
  }

  fileprivate func find(
    _ identifier: Int32, in list: UnsafeMutablePointer<ThreadList>
  ) -> UnsafeMutablePointer<Joinable>? {
    var entry = list.pointee.first
    while let one = entry, one.pointee.identifier != identifier { entry = one.pointee.next }
    return entry
  }

  fileprivate func remove(_ entry: UnsafeMutablePointer<Joinable>, from list: UnsafeMutablePointer<ThreadList>) {
    entry.leave(&list.pointee.first)
    persona_release(entry)
  }

  fileprivate func announce(_ list: UnsafeMutablePointer<ThreadList>) {
    list.pointee.changes &+= 1
    _ = hostNow(__NR_futex, changes(list), Int(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), Int(Int32.max))
  }

  fileprivate func changes(_ list: UnsafeMutablePointer<ThreadList>) -> Int {
    withUnsafeMutablePointer(to: &list.pointee.changes) { Int(bitPattern: $0) }
  }

  /// Starts a thread and notes it before it can end.
  func startThread(_ start: inout persona_thread_start, detached: Bool) -> Int64 {
    persona_lock(&process.pointee.event_lock)
    defer { persona_unlock(&process.pointee.event_lock) }
    let list = threads()
    let result = persona_start_thread(thread, &start)
    if result > 0, let list {
      list.pointee.living += 1
      if !detached { add(Int32(truncatingIfNeeded: result), to: list) }
    }
    return result
  }
}

/// A thread that lives; Linux may still be busy with one that has ended. guest_private.1 is 1 from its end on.
func livingThread(_ identifier: Int32) -> UnsafeMutablePointer<persona_thread>? {
  guard identifier > 0, let thread = persona_find_thread(identifier), thread.pointee.guest_private.1 == 0 else {
    return nil
  }
  return thread
}

/// _lwp_exit(): the last thread's end is the process's.
func lwpExit(_ call: inout Call) -> Int {
  if let first = call.awaitsHandler() { return first }
  call.leaveProcessor()
  call.thread.pointee.guest_private.1 = 1
  persona_lock(&call.process.pointee.event_lock)
  var isLast = true
  if let list = call.threads() {
    call.find(call.thread.pointee.tid, in: list)?.pointee.hasEnded = true
    list.pointee.living -= 1
    isLast = list.pointee.living <= 0
    call.announce(list)
  }
  persona_unlock(&call.process.pointee.event_lock)
  if isLast { return call.hostNow(__NR_exit_group, 0) }
  persona_end_thread(call.thread, 0, 0, 4)
  return Int(PERSONA_JUMP)
}

/// _lwp_wait(wait_for, departed): 0 waits for any thread.
func lwpWait(_ call: inout Call) -> Int {
  let wanted = call.int32(0)
  let own = call.thread.pointee.tid
  let lock = call.process
  persona_lock(&lock.pointee.event_lock)
  guard let list = call.threads() else {
    persona_unlock(&lock.pointee.event_lock)
    return call.error(ENOMEM)
  }
  let mine = call.find(own, in: list)
  list.pointee.waiting += 1
  mine?.pointee.awaited = wanted
  var answer: Int
  while true {
    answer = look(call, list, wanted, own)
    guard answer == 0 else { break }
    if list.pointee.waiting == list.pointee.living {
      answer = call.error(EDEADLK)
      break
    }
    let seen = list.pointee.changes
    persona_unlock(&lock.pointee.event_lock)
    let result = call.host(__NR_futex, call.changes(list), Int(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), Int(seen), 0)
    persona_lock(&lock.pointee.event_lock)
    if result == Int(PERSONA_RESTART) {
      answer = result
      break
    }
  }
  list.pointee.waiting -= 1
  mine?.pointee.awaited = 0
  persona_unlock(&lock.pointee.event_lock)
  if answer < 0 { return answer }
  if call.address(1) != 0, !call.write(Int32(answer), at: call.address(1)) { return call.error(EFAULT) }
  return 0
}

/// The id of a thread that has ended, taken off the list; 0 when there is none yet; or the answer that refuses.
private func look(_ call: Call, _ list: UnsafeMutablePointer<ThreadList>, _ wanted: Int32, _ own: Int32) -> Int {
  var found = false
  if wanted != 0 {
    guard let entry = call.find(wanted, in: list) else {
      return call.error(livingThread(wanted) == nil ? ESRCH : EINVAL)
    }
    if wanted == own || entry.pointee.awaited == own { return call.error(EDEADLK) }
    guard entry.pointee.hasEnded else { return 0 }
    call.remove(entry, from: list)
    return Int(wanted)
  }
  var entry = list.pointee.first
  while let one = entry {
    if one.pointee.identifier != own {
      found = true
      if one.pointee.hasEnded {
        let identifier = Int(one.pointee.identifier)
        call.remove(one, from: list)
        return identifier
      }
    }
    entry = one.pointee.next
  }
  return found ? 0 : call.error(ESRCH)
}

/// _lwp_detach(target)
func lwpDetach(_ call: inout Call) -> Int {
  persona_lock(&call.process.pointee.event_lock)
  defer { persona_unlock(&call.process.pointee.event_lock) }
  guard let list = call.threads() else { return call.error(ENOMEM) }
  guard let entry = call.find(call.int32(0), in: list) else {
    return call.error(livingThread(call.int32(0)) == nil ? ESRCH : EINVAL)
  }
  call.remove(entry, from: list)
  call.announce(list)
  return 0
}
