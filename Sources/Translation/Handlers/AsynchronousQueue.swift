import CEngine
import CWire

// Finished operations of aio_read(2) and its kin that nobody has fetched yet, where the system's kernel keeps a list of
// them: aio_waitcomplete(2) fetches the one that finished first. Source: sys/kern/vfs_aio.c.

/// MAX_AIO_QUEUE_PER_PROC
private let mostFinished = 256

/// What a process keeps; `event_lock` guards it.
struct FinishedOperations {
  /// Whose list it is: a child of fork begins with one of its own.
  var process: Int32
  var count: Int32
  /// A futex word that counts what finished.
  var changes: UInt32
  /// The control blocks' guest addresses.
  var blocks: InlineArray<256, UInt64>
  /// Operations that wait, the newest first, and those that have ended but stand in no control block yet, the oldest first.
  var waiting: WaitingOperation.Pointer?
  var ended: WaitingOperation.Pointer?
  var waitingCount: Int32
}

extension Call {
  /// The list, made at its first use; the lock is held. Nil when there is no memory.
  func finishedOperations() -> UnsafeMutablePointer<FinishedOperations>? {
    if let present = process.pointee.finished_operations?.assumingMemoryBound(to: FinishedOperations.self),
      present.pointee.process == process.pointee.pid
    {
      return present
    }
    guard let memory = persona_allocate(MemoryLayout<FinishedOperations>.stride) else { return nil }
    let list = memory.bindMemory(to: FinishedOperations.self, capacity: 1)
    list.initialize(
      to: FinishedOperations(process: process.pointee.pid, count: 0, changes: 0, blocks: InlineArray(repeating: 0), waitingCount: 0))
    process.pointee.finished_operations = memory
    return list
  }

  /// Whether one more operation may begin.
  var hasRoomForOperation: Bool {
    lockEvents()
    defer { unlockEvents() }
    return finishedOperations().map { Int($0.pointee.count + $0.pointee.waitingCount) < mostFinished } ?? false
  }

  /// Puts a control block at the list's end; `isTold`: those who wait for one know of it.
  func keepFinished(_ block: UInt64, isTold: Bool) {
    lockEvents()
    guard let list = finishedOperations(), Int(list.pointee.count) < mostFinished else { return unlockEvents() }
    list.pointee.blocks[Int(list.pointee.count)] = block
    list.pointee.count += 1
    if !isTold { list.pointee.changes &+= 1 }
    unlockEvents()
    if isTold { return }
    _ = withUnsafeMutablePointer(to: &list.pointee.changes) {
      quietly(__NR_futex, Int(bitPattern: $0), Int(FUTEX_WAKE), Int(Int32.max))
    }
  }

  /// Takes a control block, or the first, out of the list; 0 when it is not there.
  func takeFinished(_ block: UInt64?) -> UInt64 {
    lockEvents()
    defer { unlockEvents() }
    guard let list = finishedOperations() else { return 0 }
    let count = Int(list.pointee.count)
    var index = 0
    if let block { while index < count, list.pointee.blocks[index] != block { index += 1 } }
    guard index < count else { return 0 }
    let found = list.pointee.blocks[index]
    for next in index + 1..<max(count, index + 1) { list.pointee.blocks[next - 1] = list.pointee.blocks[next] }
    list.pointee.count -= 1
    return found
  }

  /// How often an operation has finished.
  var finishedChanges: UInt32 {
    lockEvents()
    defer { unlockEvents() }
    return finishedOperations()?.pointee.changes ?? 0
  }

  /// Waits until an operation has finished since `seen`: 0, or the answer.
  func awaitFinished(since seen: UInt32, _ limit: UnsafePointer<Timespec>?) -> Int {
    lockEvents()
    guard let list = finishedOperations() else {
      unlockEvents()
      return error(EAGAIN)
    }
    unlockEvents()
    let result = withUnsafeMutablePointer(to: &list.pointee.changes) {
      host(
        __NR_futex, Int(bitPattern: $0), Int(FUTEX_WAIT_BITSET), Int(seen), Int(bitPattern: limit), 0, -1)
    }
    return result == error(EAGAIN) || result == 0 ? 0 : result
  }
}

extension Call {
  /// The time until which a call may wait that gets an interval by argument `index`, on the monotonic clock; a null pointer
  /// leaves `limit` alone. 0, or the call's error.
  func readDeadline(_ index: Int, _ limit: inout Timespec) -> Int {
    if address(index) == 0 { return 0 }
    var span = Timespec()
    guard readTime(index, &span) else { return error(EFAULT) }
    guard span.isInterval else { return error(EINVAL) }
    limit = now(1) + span
    return 0
  }
}

/// aio_waitcomplete(aiocbp, timeout): fetches the operation that finished first, and says which it was.
func aioWaitComplete(_ call: inout Call) -> Int {
  guard call.write(UInt64(0), at: call.address(0)) else { return call.error(EFAULT) }
  var limit = Timespec()
  let refusal = call.readDeadline(1, &limit)
  if refusal < 0 { return refusal }
  while true {
    let seen = call.finishedChanges
    call.settleOperations()
    let block = call.takeFinished(nil)
    if block != 0 {
      guard call.write(block, at: call.address(0)) else { return call.error(EFAULT) }
      return fetchOutcome(call, block)
    }
    let result = withUnsafePointer(to: &limit) { call.awaitFinished(since: seen, call.address(1) == 0 ? nil : $0) }
    if result == call.error(ETIMEDOUT) { return call.error(EAGAIN) }
    if result == Int(PERSONA_RESTART), call.address(1) != 0 { return call.error(EINTR) }
    if result < 0 { return result }
  }
}
