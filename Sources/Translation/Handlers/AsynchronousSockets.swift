import CEngine
import CWire

// Operations of aio_read(2) and its kin on sockets, which may wait: a thread of the engine's own does those that a socket is not
// ready for, one after the other where several are of one socket and direction. Source: sys/kern/{vfs_aio,sys_socket}.c.

/// An operation that waits; `event_lock` guards all but what its thread reads, which does not change.
struct WaitingOperation {
  typealias Pointer = UnsafeMutablePointer<WaitingOperation>
  let process: UnsafeMutablePointer<persona_process>
  /// The control block's guest address.
  let block: UInt64
  let descriptor: Int32
  /// The socket's inode: what the descriptor's number may stand for changes.
  let socket: UInt64
  let isWrite: Bool
  let isVector: Bool
  let buffer: Int
  let count: Int
  /// Bytes that are written already.
  var done: Int
  let notice: SignalEvent
  let group: OperationGroup.Pointer?
  /// Linux's answer.
  var result = 0
  /// The next in its list.
  var next: Pointer?
  /// What the same thread does afterwards.
  var following: Pointer?
}

/// The operations of one lio_listio(2) that somebody wants to hear of when all have ended.
struct OperationGroup {
  typealias Pointer = UnsafeMutablePointer<OperationGroup>
  var remaining: Int32
  let notice: SignalEvent
}

extension Call {
  /// Begins an operation on a socket: nil when it waits now, else Linux's answer.
  func beginOnSocket(_ operation: WaitingOperation) -> Int? {
    var operation = operation
    lockEvents()
    let isBusy = finishedOperations().map { self.last($0, operation) != nil } ?? false
    unlockEvents()
    if !isBusy, !operation.isVector {
      // MSG_DONTWAIT
      let number = operation.isWrite ? __NR_sendto : __NR_recvfrom
      let result = hostNow(number, Int(operation.descriptor), operation.buffer, operation.count, 0x40)
      if result != error(EAGAIN) {
        if !operation.isWrite || result < 0 || result == operation.count { return result }
        operation.done = result
      }
    }
    guard let memory = persona_allocate(MemoryLayout<WaitingOperation>.stride) else { return error(EAGAIN) }
    let pending = memory.bindMemory(to: WaitingOperation.self, capacity: 1)
    pending.initialize(to: operation)
    lockEvents()
    guard let list = finishedOperations() else {
      unlockEvents()
      persona_release(memory)
      return error(EAGAIN)
    }
    let before = last(list, operation)
    before?.pointee.following = pending
    pending.pointee.next = list.pointee.waiting
    list.pointee.waiting = pending
    list.pointee.waitingCount += 1
    unlockEvents()
    if before != nil { return nil }
    if persona_start_worker(thread, doWaitingOperations, memory) == 0 { return nil }
    lockEvents()
    remove(pending, list)
    unlockEvents()
    persona_release(memory)
    return error(EAGAIN)
  }

  /// The last operation that waits at the same end of the same socket; the lock is held.
  private func last(
    _ list: UnsafeMutablePointer<FinishedOperations>, _ operation: WaitingOperation
  ) -> WaitingOperation.Pointer? {
    var candidate = list.pointee.waiting
    while let found = candidate {
      if found.pointee.descriptor == operation.descriptor, found.pointee.socket == operation.socket,
        found.pointee.isWrite == operation.isWrite
      {
        return found
      }
      candidate = found.pointee.next
    }
    return nil
  }

  /// Whether a control block's operation waits, or one of a descriptor's.
  func isWaiting(block: UInt64? = nil, descriptor: Int32? = nil) -> Bool {
    lockEvents()
    defer { unlockEvents() }
    var candidate = finishedOperations()?.pointee.waiting
    while let found = candidate {
      if block == found.pointee.block || (block == nil && descriptor == found.pointee.descriptor) { return true }
      candidate = found.pointee.next
    }
    return false
  }

  /// Leaves the outcomes of what has ended in the control blocks.
  func settleOperations() {
    lockEvents()
    let list = finishedOperations()
    var ended = list?.pointee.ended
    list?.pointee.ended = nil
    unlockEvents()
    while let operation = ended {
      ended = operation.pointee.next
      let result = operation.pointee.result
      // A block that cannot be written to any more is its program's loss.
      _ = finish(operation.pointee.block, result, result < 0 ? table.foreignErrno(-result) : 0, isTold: true)
      persona_release(operation)
    }
  }
}

/// Takes an operation out of the list of those that wait; the lock is held.
private func remove(_ operation: WaitingOperation.Pointer, _ list: UnsafeMutablePointer<FinishedOperations>) {
  list.pointee.waitingCount -= 1
  guard list.pointee.waiting != operation else {
    list.pointee.waiting = operation.pointee.next
    return
  }
  var candidate = list.pointee.waiting
  while let found = candidate {
    if found.pointee.next == operation {
      found.pointee.next = operation.pointee.next
      return
    }
    candidate = found.pointee.next
  }
}

/// A thread's work: one operation, and those that were begun after it.
private func doWaitingOperations(_ argument: UnsafeMutableRawPointer?) {
  var next = argument?.assumingMemoryBound(to: WaitingOperation.self)
  if let descriptor = next?.pointee.descriptor {
    if descriptor > 0 { _ = quietly(__NR_close_range, 0, Int(descriptor) - 1) }
    _ = quietly(__NR_close_range, Int(descriptor) + 1, Int(UInt32.max))
  }
  while let operation = next {
    let result = transfer(operation)
    next = end(operation, result)
  }
}

private func transfer(_ operation: WaitingOperation.Pointer) -> Int {
  let (descriptor, buffer, count) = (Int(operation.pointee.descriptor), operation.pointee.buffer, operation.pointee.count)
  let isWrite = operation.pointee.isWrite
  let number =
    operation.pointee.isVector ? (isWrite ? __NR_writev : __NR_readv) : (isWrite ? __NR_write : __NR_read)
  let isPatient = quietly(__NR_fcntl, descriptor, Int(F_GETFL)) & Int(O_NONBLOCK) == 0
  while true {
    let done = operation.pointee.done
    let result = quietly(number, descriptor, buffer + done, count - done)
    if result == -Int(EAGAIN) {
      // struct pollfd: POLLIN 1, POLLOUT 4
      var wanted = UInt64(UInt32(descriptor)) | (isWrite ? 4 : 1) << 32
      _ = withUnsafeMutablePointer(to: &wanted) { quietly(__NR_poll, Int(bitPattern: $0), 1, -1) }
      continue
    }
    if result < 0 { return done > 0 ? done : result }
    operation.pointee.done = done + result
    let isWhole = !isWrite || operation.pointee.isVector || result == 0 || done + result >= count
    if isWhole || !isPatient { return done + result }
  }
}

/// Makes an operation's end known, and says what its thread is to do next.
private func end(_ operation: WaitingOperation.Pointer, _ result: Int) -> WaitingOperation.Pointer? {
  let process = operation.pointee.process
  let list = process.pointee.finished_operations!.assumingMemoryBound(to: FinishedOperations.self)
  let (notice, group, isWrite) = (operation.pointee.notice, operation.pointee.group, operation.pointee.isWrite)
  let next = withUnsafeMutablePointer(to: &process.pointee.event_lock) { lock -> WaitingOperation.Pointer? in
    persona_lock(lock)
    defer { persona_unlock(lock) }
    remove(operation, list)
    operation.pointee.result = result
    operation.pointee.next = nil
    if var last = list.pointee.ended {
      while let more = last.pointee.next { last = more }
      last.pointee.next = operation
    } else {
      list.pointee.ended = operation
    }
    list.pointee.changes &+= 1
    return operation.pointee.following
  }
  _ = withUnsafeMutablePointer(to: &list.pointee.changes) {
    quietly(__NR_futex, Int(bitPattern: $0), Int(FUTEX_WAKE), Int(Int32.max))
  }
  if isWrite, result == -Int(EPIPE) { _ = quietly(__NR_kill, Int(process.pointee.pid), 13) }  // SIGPIPE
  notifyOfEnd(process, notice)
  if let group { leaveGroup(process, group) }
  return next
}

/// One more is of a group.
func joinGroup(_ process: UnsafeMutablePointer<persona_process>, _ group: OperationGroup.Pointer) {
  withUnsafeMutablePointer(to: &process.pointee.event_lock) { lock in
    persona_lock(lock)
    group.pointee.remaining += 1
    persona_unlock(lock)
  }
}

/// One of a group has ended; the last tells.
func leaveGroup(_ process: UnsafeMutablePointer<persona_process>, _ group: OperationGroup.Pointer) {
  let remaining = withUnsafeMutablePointer(to: &process.pointee.event_lock) { lock -> Int32 in
    persona_lock(lock)
    defer { persona_unlock(lock) }
    group.pointee.remaining -= 1
    return group.pointee.remaining
  }
  guard remaining == 0 else { return }
  notifyOfEnd(process, group.pointee.notice)
  persona_release(group)
}

/// Sends the signal that was asked for, to the process or to one thread, with SI_ASYNCIO (-4) as Linux says it.
func notifyOfEnd(_ process: UnsafeMutablePointer<persona_process>, _ notice: SignalEvent) {
  if notice.kind == .nothing { return }
  var info = InlineArray<16, UInt64>(repeating: 0)
  withUnsafeMutablePointer(to: &info) {
    let info = UnsafeMutableRawPointer($0)
    info.put(Int32(notice.signal), at: 0)
    info.put(Int32(-4), at: 8)
    info.put(process.pointee.pid, at: 16)
    info.put(UInt32(truncatingIfNeeded: quietly(__NR_getuid)), at: 20)
    info.put(notice.value, at: 24)
    let pid = Int(process.pointee.pid)
    if notice.kind == .signal {
      _ = quietly(__NR_rt_sigqueueinfo, pid, notice.signal, info.word)
    } else {
      _ = quietly(__NR_rt_tgsigqueueinfo, pid, Int(notice.thread), notice.signal, info.word)
    }
  }
}
