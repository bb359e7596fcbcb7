import CEngine
import CWire
import Wire

// What a process has of aio_read(2) and its kin: operations that wait, and such as have ended and nobody has fetched. A kernel that
// keeps the list itself has it until aio_return(2) or aio_waitcomplete(2); one that does not leaves the outcome in the control block.
// Source: sys/kern/vfs_aio.c.

/// MAX_AIO_QUEUE_PER_PROC
private let mostOperations = 256

/// When the end of a write to what nobody reads raises SIGPIPE.
enum BrokenPipe { case never, afterPart, always }

/// One operation; `event_lock` guards what changes.
struct AsynchronousOperation: ListEntry {
  typealias Pointer = UnsafeMutablePointer<AsynchronousOperation>
  /// The control block's guest address.
  let block: UInt64
  let descriptor: Int32
  let isWrite: Bool
  let brokenPipe: BrokenPipe
  let notice: SignalEvent
  let group: OperationGroup.Pointer?
  var buffers: OperationBuffers
  /// Bytes that are written already.
  var done = 0
  /// Linux is at work on it; its end cannot be taken from it.
  var isRunning = true
  /// Who waits for it; nil when the call that began it carries it out.
  var worker: OperationWorker.Pointer?
  /// Linux's answer.
  var result = 0
  /// The next in its list.
  var next: Pointer?
}

/// The operations of one lio_listio(2).
struct OperationGroup {
  typealias Pointer = UnsafeMutablePointer<OperationGroup>
  /// The list's guest address.
  let list: UInt64
  let notice: SignalEvent
  /// Those that have not ended, and those that have not been fetched; while it begins them, the call is one, too.
  var unfinished: Int32 = 1
  var members: Int32 = 1
}

/// What a process keeps; `event_lock` guards it.
struct ProcessOperations {
  typealias Pointer = UnsafeMutablePointer<ProcessOperations>
  /// Whose it is: a child of fork begins with one of its own.
  var process: Int32
  var count: Int32 = 0
  /// A futex word that counts what ended.
  var changes: UInt32 = 0
  /// Each the oldest first.
  var waiting: AsynchronousOperation.Pointer?
  var ended: AsynchronousOperation.Pointer?
  var workers: OperationWorker.Pointer?
}

extension Optional where Wrapped == AsynchronousOperation.Pointer {
  func first(_ isWanted: (AsynchronousOperation.Pointer) -> Bool) -> AsynchronousOperation.Pointer? {
    var candidate = self
    while let operation = candidate, !isWanted(operation) { candidate = operation.pointee.next }
    return candidate
  }

  mutating func append(_ operation: AsynchronousOperation.Pointer) {
    operation.pointee.next = nil
    guard var last = self else {
      self = operation
      return
    }
    while let next = last.pointee.next { last = next }
    last.pointee.next = operation
  }
}

/// What is to be told of an operation's end, once the lock is free.
struct EndNotices {
  var own = SignalEvent(kind: .nothing)
  var group = SignalEvent(kind: .nothing)
  var isBrokenPipe = false
}

/// Ends an operation, whose outcome can be fetched from now on; the lock is held, and `announceEnd` follows without it.
func endOperation(
  _ process: UnsafeMutablePointer<persona_process>, _ list: ProcessOperations.Pointer,
  _ operation: AsynchronousOperation.Pointer, _ result: Int
) -> EndNotices {
  var notices = EndNotices(own: operation.pointee.notice)
  operation.leave(&list.pointee.waiting)
  list.pointee.ended.append(operation)
  operation.pointee.result = result
  operation.pointee.isRunning = false
  list.pointee.changes &+= 1
  if operation.pointee.isWrite, result == -Int(EPIPE) {
    let rule = operation.pointee.brokenPipe
    notices.isBrokenPipe = rule == .always || (rule == .afterPart && operation.pointee.done > 0)
  }
  if notices.own.kind == .event {
    triggerEvents(process, operation.pointee.block, .EVFILT_AIO, error: result < 0 ? UInt64(-result) : 0)
  }
  if let group = operation.pointee.group { notices.group = leaveUnfinished(process, group) }
  return notices
}

/// One of a group has ended: what the last one tells.
private func leaveUnfinished(_ process: UnsafeMutablePointer<persona_process>, _ group: OperationGroup.Pointer)
  -> SignalEvent
{
  group.pointee.unfinished -= 1
  guard group.pointee.unfinished == 0 else { return SignalEvent(kind: .nothing) }
  let notice = group.pointee.notice
  if notice.kind == .event { triggerEvents(process, group.pointee.list, .EVFILT_LIO, error: 0) }
  return notice
}

/// Tells of an end whoever wants to hear of it.
func announceEnd(
  _ process: UnsafeMutablePointer<persona_process>, _ list: ProcessOperations.Pointer, _ notices: EndNotices
) {
  _ = withUnsafeMutablePointer(to: &list.pointee.changes) {
    quietly(__NR_futex, Int(bitPattern: $0), Int(FUTEX_WAKE), Int(Int32.max))
  }
  if notices.isBrokenPipe { _ = quietly(__NR_kill, Int(process.pointee.pid), 13) }  // SIGPIPE
  sendNotice(process, notices.own)
  sendNotice(process, notices.group)
}

/// Sends the signal that was asked for with SI_ASYNCIO (-4) as Linux says it.
private func sendNotice(_ process: UnsafeMutablePointer<persona_process>, _ notice: SignalEvent) {
  guard notice.kind == .signal || notice.kind == .threadSignal else { return }
  sendSignal(process, notice, code: -4, sender: process.pointee.pid, errno: 0)
}

extension Call {
  /// The list, made at its first use; the lock is held. Nil when there is no memory.
  func operations() -> ProcessOperations.Pointer? {
    if let present = knownOperations { return present }
    guard let memory = persona_allocate(MemoryLayout<ProcessOperations>.stride) else { return nil }
    let list = memory.bindMemory(to: ProcessOperations.self, capacity: 1)
    list.initialize(to: ProcessOperations(process: process.pointee.pid))
    process.pointee.operations = memory
    return list
  }

  /// The list if the process has begun an operation; the lock is held.
  var knownOperations: ProcessOperations.Pointer? {
    guard let present = process.pointee.operations?.assumingMemoryBound(to: ProcessOperations.self),
      present.pointee.process == process.pointee.pid
    else { return nil }
    return present
  }

  /// Whether the system's kernel keeps what has ended.
  var keepsEnded: Bool { table.constant(.JOB_DONE) == nil }

  /// Puts an operation among those that wait; nil when there is no room.
  func enqueue(_ operation: AsynchronousOperation) -> AsynchronousOperation.Pointer? {
    guard let memory = persona_allocate(MemoryLayout<AsynchronousOperation>.stride) else { return nil }
    let pointer = memory.bindMemory(to: AsynchronousOperation.self, capacity: 1)
    pointer.initialize(to: operation)
    lockEvents()
    defer { unlockEvents() }
    guard let list = operations(), !keepsEnded || Int(list.pointee.count) < mostOperations else {
      persona_release(memory)
      return nil
    }
    list.pointee.count += 1
    list.pointee.waiting.append(pointer)
    operation.group?.pointee.unfinished += 1
    operation.group?.pointee.members += 1
    return pointer
  }

  /// Ends an operation that the calling thread has carried out.
  func endNow(_ operation: AsynchronousOperation.Pointer, _ result: Int) {
    lockEvents()
    guard let list = knownOperations else { return unlockEvents() }
    let notices = endOperation(process, list, operation, result)
    unlockEvents()
    announceEnd(process, list, notices)
  }

  /// Forgets an operation that has ended: its events go with it. The lock is held.
  func forgetOperation(_ list: ProcessOperations.Pointer, _ operation: AsynchronousOperation.Pointer) {
    operation.leave(&list.pointee.ended)
    list.pointee.count -= 1
    if operation.pointee.notice.kind == .event { dropEvents(operation.pointee.block, .EVFILT_AIO) }
    if let group = operation.pointee.group { leaveMembers(group) }
    operation.pointee.buffers.release()
    persona_release(UnsafeMutableRawPointer(operation))
  }

  private func leaveMembers(_ group: OperationGroup.Pointer) {
    group.pointee.members -= 1
    guard group.pointee.members == 0 else { return }
    if group.pointee.notice.kind == .event { dropEvents(group.pointee.list, .EVFILT_LIO) }
    persona_release(UnsafeMutableRawPointer(group))
  }

  /// The call that began a group has begun all of it.
  func leaveGroup(_ group: OperationGroup.Pointer) {
    lockEvents()
    let list = operations()
    let notices = EndNotices(group: leaveUnfinished(process, group))
    leaveMembers(group)
    unlockEvents()
    if let list { announceEnd(process, list, notices) }
  }

  /// Waits until an operation has ended since `seen`: 0, or the answer.
  func awaitEnd(_ list: ProcessOperations.Pointer, since seen: UInt32, _ limit: UnsafePointer<Timespec>?) -> Int {
    let result = withUnsafeMutablePointer(to: &list.pointee.changes) {
      host(__NR_futex, Int(bitPattern: $0), Int(FUTEX_WAIT_BITSET), Int(seen), Int(bitPattern: limit), 0, -1)
    }
    return result == error(EAGAIN) || result == 0 ? 0 : result
  }
}
