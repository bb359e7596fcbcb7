import CEngine
import CWire
import Wire

// Lists of operations of aio_read(2) and its kin, and who waits for the end of some.

extension Call {
  fileprivate var listLimit: Int { Int(table.constant(.AIO_LISTIO_MAX) ?? 256) }

  /// The control blocks' addresses that a list in the guest's memory holds; nil is EFAULT.
  fileprivate func blocks(_ list: UInt64, _ count: Int) -> UnsafeMutablePointer<UInt64>? {
    guard let memory = scratch(max(8 * count, 8)), copyIn(memory, list, 8 * count) else { return nil }
    return memory.bindMemory(to: UInt64.self, capacity: count)
  }

  /// Waits, as long as the interval by argument `index` says, until `answer` has one at the end of some operation.
  fileprivate func awaitEnds(_ index: Int?, _ answer: (Call) -> Int?) -> Int {
    var limit = Timespec()
    let isLimited = index.map { address($0) != 0 } ?? false
    if let index {
      let refusal = readDeadline(index, &limit)
      if refusal < 0 { return refusal }
    }
    lockEvents()
    let list = operations()
    unlockEvents()
    guard let list else { return error(EAGAIN) }
    while true {
      lockEvents()
      let seen = list.pointee.changes
      unlockEvents()
      settleOperations()
      if let answer = answer(self) { return answer }
      let result = withUnsafePointer(to: &limit) { awaitEnd(list, since: seen, isLimited ? $0 : nil) }
      if result == error(ETIMEDOUT) { return error(EAGAIN) }
      if result < 0 { return result }
    }
  }

  /// The time until which a call may wait that gets an interval by argument `index`, on the monotonic clock; a null pointer
  /// leaves `limit` alone. 0, or the call's error.
  fileprivate func readDeadline(_ index: Int, _ limit: inout Timespec) -> Int {
    if address(index) == 0 { return 0 }
    var span = Timespec()
    guard readTime(index, &span) else { return error(EFAULT) }
    guard span.isInterval else { return error(EINVAL) }
    limit = now(1) + span
    return 0
  }
}

/// aio_suspend(list, count, timeout): waits until one of the list's operations has ended.
func aioSuspend(_ call: inout Call) -> Int {
  let count = Int(call.int32(1))
  guard count >= 0, count <= call.listLimit else { return call.error(EINVAL) }
  guard let blocks = call.blocks(call.address(0), count) else { return call.error(EFAULT) }
  if call.keepsEnded, !call.hasOperations { return call.error(EAGAIN) }
  let result = call.awaitEnds(2) { call in
    var waits = false
    for index in 0..<count where blocks[index] != 0 {
      switch call.operationProgress(blocks[index]) {
      case .waits: waits = true
      case .ended: return 0
      case .unknown: if !call.keepsEnded { return 0 }
      }
    }
    return waits ? nil : 0
  }
  return result == Int(PERSONA_RESTART) ? call.error(EINTR) : result
}

/// aio_waitcomplete(aiocbp, timeout): fetches the operation that ended first, and says which it was.
func aioWaitComplete(_ call: inout Call) -> Int {
  guard call.write(UInt64(0), at: call.address(0)) else { return call.error(EFAULT) }
  let result = call.awaitEnds(1) {
    guard let outcome = $0.fetchOperation(nil) else { return nil }
    return $0.write(outcome.block, at: $0.address(0)) ? outcome.answer : $0.error(EFAULT)
  }
  return result == Int(PERSONA_RESTART) && call.address(1) != 0 ? call.error(EINTR) : result
}

/// lio_listio(mode, list, count, sig): LIO_NOWAIT 0 or LIO_WAIT 1; EIO when one could not be begun.
func aioList(_ call: inout Call) -> Int {
  let mode = call.int32(0)
  let count = Int(call.int32(2))
  guard mode == 0 || mode == 1, count >= 0, count <= call.listLimit else { return call.error(EINVAL) }
  var notice = SignalEvent(kind: .nothing)
  if mode == 0, call.address(3) != 0 {
    var failure = 0
    guard let asked = call.signalEvent(at: call.address(3), &failure, takesEvents: true) else { return failure }
    notice = asked
  }
  guard let blocks = call.blocks(call.address(1), count) else { return call.error(EFAULT) }
  guard let memory = persona_allocate(MemoryLayout<OperationGroup>.stride) else { return call.error(EAGAIN) }
  let group = memory.bindMemory(to: OperationGroup.self, capacity: 1)
  group.initialize(to: OperationGroup(list: call.address(1), notice: notice))
  if notice.kind == .event {
    let result = call.addEvent(notice.queue, call.address(1), .EVFILT_LIO, 0, notice.value)
    if result < 0 {
      persona_release(memory)
      return result
    }
  }
  var (failed, lacked) = (false, false)
  for index in 0..<count where blocks[index] != 0 {
    let refusal = call.startOperation(blocks[index], nil, group)
    guard let errno = call.errno(of: refusal) else { continue }
    // A list goes on; the block tells what stopped its part.
    if !call.keepsEnded, let done = call.table.constant(.JOB_DONE) {
      _ = call.setOutcome(of: blocks[index], -1, errno, UInt64(done))
    }
    let isLack = refusal == call.error(EAGAIN) && call.table[.AIO_SAFE_FILES] != 0
    if isLack { lacked = true } else { failed = true }
  }
  var result = 0
  if mode == 1 {
    result = call.awaitEnds(nil) { call in
      call.lockEvents()
      defer { call.unlockEvents() }
      return group.pointee.unfinished == 1 ? 0 : nil
    }
  }
  call.leaveGroup(group)
  if failed { return call.error(EIO) }
  if lacked { return call.error(EAGAIN) }
  return result == Int(PERSONA_RESTART) ? call.error(EINTR) : result
}
