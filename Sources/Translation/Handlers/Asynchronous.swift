import CEngine
import CWire
import Wire

// aio_read(2) and its kin. An operation on a regular file is done before the call that starts it returns, which
// POSIX allows; its outcome waits in the control block, where the systems' own kernels and libraries keep it too. One on a socket may
// wait (AsynchronousSockets). Other files are refused with EOPNOTSUPP: their operations might wait without end.

/// What marks a control block whose outcome nobody has fetched: a state that the system has for it, or, where its
/// kernel keeps the list itself, a number together with the block's address.
private let finished: UInt64 = 0x6169_6f64_6f6e_6521

extension Call {
  fileprivate func mark(_ address: UInt64) -> UInt64 {
    table.constant(.JOB_DONE).map { UInt64($0) } ?? finished ^ address
  }

  /// Reads or writes a field of the control block at `address`; false is EFAULT.
  fileprivate func field(_ name: FieldName, of address: UInt64) -> Int64? {
    guard let layout = table.layout(name) else { return nil }
    var value: UInt64 = 0
    guard persona_copy_in(&value, address + UInt64(layout.offset), min(layout.width, 8)) == 0 else { return nil }
    return layout.width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
  }

  fileprivate func set(_ name: FieldName, of address: UInt64, _ value: UInt64) -> Bool {
    guard let layout = table.layout(name) else { return false }
    var value = value
    return persona_copy_out(address + UInt64(layout.offset), &value, min(layout.width, 8)) == 0
  }

  /// Leaves an outcome in a control block; false is EFAULT.
  func finish(_ address: UInt64, _ status: Int, _ error: Int, isTold: Bool = false) -> Bool {
    guard set(.aiocb__status, of: address, UInt64(bitPattern: Int64(error == 0 ? status : -1))),
      set(.aiocb__error, of: address, UInt64(error)), set(.aiocb__mark, of: address, mark(address))
    else { return false }
    if keepsFinished { keepFinished(address, isTold: isTold) }
    return true
  }

  /// Whether the system's kernel has a list of what finished.
  fileprivate var keepsFinished: Bool { table.constant(.JOB_DONE) == nil }
}

private enum Operation {
  case write, read, writeVector, readVector, synchronize, lockMemory

  /// LIO_* of sys/aio.h.
  init?(_ table: Table, _ code: Int64) {
    if code == table.constant(.LIO_READ) {
      self = .read
    } else if code == table.constant(.LIO_WRITE) {
      self = .write
    } else if code == table.constant(.LIO_READV) {
      self = .readVector
    } else if code == table.constant(.LIO_WRITEV) {
      self = .writeVector
    } else {
      return nil
    }
  }
}

func aioRead(_ call: inout Call) -> Int { start(call, call.address(0), .read, call.address(0)) }
func aioWrite(_ call: inout Call) -> Int { start(call, call.address(0), .write, call.address(0)) }
func aioReadVector(_ call: inout Call) -> Int { start(call, call.address(0), .readVector, call.address(0)) }
func aioWriteVector(_ call: inout Call) -> Int { start(call, call.address(0), .writeVector, call.address(0)) }
func aioLockMemory(_ call: inout Call) -> Int { start(call, call.address(0), .lockMemory, call.address(0)) }

/// aio_fsync(op, aiocbp): op says whether data alone would do; both are written.
func aioSynchronize(_ call: inout Call) -> Int { start(call, call.address(1), .synchronize, call.address(1)) }

/// Does one operation and leaves its outcome in its control block: 0, or the answer that refuses it.
private func start(
  _ call: Call, _ address: UInt64, _ operation: Operation, _ notified: UInt64, _ group: OperationGroup.Pointer? = nil
) -> Int {
  call.settleOperations()
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  let size = call.table.size(.aiocb)
  guard let memory = call.scratch(size), let event = call.table.layout(.aiocb__aio_sigevent) else {
    return call.error(EAGAIN)
  }
  guard call.copyIn(memory, address, size) else { return call.error(EFAULT) }
  if call.keepsFinished, !call.hasRoomForOperation { return call.error(EAGAIN) }
  let block = Record(memory, call.table)
  var notice = SignalEvent(kind: .nothing)
  if notified != 0 {
    var failure = 0
    guard let asked = call.signalEvent(memory + event.offset, &failure) else { return failure }
    notice = asked
  }
  let descriptor = Int(block.signed(.aiocb__aio_fildes))
  let buffer = Int(block.signed(.aiocb__aio_buf))
  let count = Int(block.signed(.aiocb__aio_nbytes))
  let offset = Int(block.signed(.aiocb__aio_offset))
  if operation != .lockMemory {
    guard let stat = call.scratch(144) else { return call.error(EAGAIN) }
    let result = quietly(__NR_fstat, descriptor, stat.word)
    if result < 0 { return result }
    // st_mode at 24: S_IFREG.
    let type = stat.get(at: 24, as: UInt32.self) & 0o170000
    if type == 0o140000, operation != .synchronize {
      // st_ino at 8
      let isVector = operation == .readVector || operation == .writeVector
      let waiting = WaitingOperation(
        process: call.process, block: address, descriptor: Int32(truncatingIfNeeded: descriptor),
        socket: stat.get(at: 8, as: UInt64.self), isWrite: operation == .write || operation == .writeVector,
        isVector: isVector, buffer: buffer, count: count, done: 0, notice: notice, group: group)
      // What stood in the block is of an operation before.
      guard call.set(.aiocb__status, of: address, UInt64.max), call.set(.aiocb__error, of: address, 0),
        call.set(.aiocb__mark, of: address, 0)
      else { return call.error(EFAULT) }
      if let group { joinGroup(call.process, group) }
      guard let result = call.beginOnSocket(waiting) else { return 0 }
      if let group { leaveGroup(call.process, group) }
      return end(call, address, result, notice)
    }
    guard type == 0o100000 else { return call.error(EOPNOTSUPP) }
    if operation != .synchronize, offset < 0 { return call.error(EINVAL) }
  }
  let result: Int
  switch operation {
  case .read: result = call.hostNow(__NR_pread64, descriptor, buffer, count, offset)
  case .write: result = call.hostNow(__NR_pwrite64, descriptor, buffer, count, offset)
  case .readVector: result = call.hostNow(__NR_preadv, descriptor, buffer, count, offset)
  case .writeVector: result = call.hostNow(__NR_pwritev, descriptor, buffer, count, offset)
  case .synchronize: result = call.hostNow(__NR_fsync, descriptor)
  case .lockMemory: result = call.hostNow(__NR_mlock, buffer, count)
  }
  return end(call, address, result, notice)
}

/// The end of an operation that did not wait.
private func end(_ call: Call, _ address: UInt64, _ result: Int, _ notice: SignalEvent) -> Int {
  guard call.finish(address, result, result < 0 ? call.table.foreignErrno(-result) : 0) else {
    return call.error(EFAULT)
  }
  notifyOfEnd(call.process, notice)
  return 0
}

/// Whether a control block holds an outcome; nil is EFAULT.
private func isFinished(_ call: Call, _ address: UInt64) -> Bool? {
  guard let layout = call.table.layout(.aiocb__mark), let found = call.field(.aiocb__mark, of: address) else {
    return nil
  }
  let mask: UInt64 = layout.width == 4 ? 0xffff_ffff : UInt64.max
  return UInt64(bitPattern: found) & mask == call.mark(address) & mask
}

/// aio_error(aiocbp): the outcome's errno as a value; EINVAL when there is none.
func aioError(_ call: inout Call) -> Int {
  call.settleOperations()
  if call.isWaiting(block: call.address(0)) { return call.table.foreignErrno(Int(EINPROGRESS)) }
  guard let known = isFinished(call, call.address(0)) else { return call.error(EFAULT) }
  guard known, let error = call.field(.aiocb__error, of: call.address(0)) else { return call.error(EINVAL) }
  return Int(error)
}

/// aio_return(aiocbp): the outcome itself, once. Where the block's state is the system's own, a failure is the value
/// -1, whose errno aio_error tells.
func aioReturn(_ call: inout Call) -> Int {
  call.settleOperations()
  if call.keepsFinished { _ = call.takeFinished(call.address(0)) }
  return fetchOutcome(call, call.address(0))
}

func fetchOutcome(_ call: Call, _ address: UInt64) -> Int {
  guard let known = isFinished(call, address) else { return call.error(EFAULT) }
  guard known, let status = call.field(.aiocb__status, of: address),
    let error = call.field(.aiocb__error, of: address), call.set(.aiocb__mark, of: address, 0)
  else { return call.error(EINVAL) }
  if !call.keepsFinished {
    guard call.set(.aiocb__error, of: address, 0), call.set(.aiocb__status, of: address, UInt64.max) else {
      return call.error(EFAULT)
    }
  }
  return error != 0 ? call.foreignError(Int(error)) : Int(status)
}

/// aio_suspend(list, count, timeout): waits until one of the list's operations has ended.
func aioSuspend(_ call: inout Call) -> Int {
  let count = Int(call.int32(1))
  guard count >= 0, count <= call.listLimit else { return call.error(EINVAL) }
  var limit = Timespec()
  let refusal = call.readDeadline(2, &limit)
  if refusal < 0 { return refusal }
  while true {
    let seen = call.finishedChanges
    call.settleOperations()
    var waits = false
    for index in 0..<count {
      var address: UInt64 = 0
      guard call.read(&address, at: call.address(0) + UInt64(8 * index)) else { return call.error(EFAULT) }
      if address == 0 { continue }
      guard call.isWaiting(block: address) else { return 0 }
      waits = true
    }
    if !waits { return 0 }
    let result = withUnsafePointer(to: &limit) { call.awaitFinished(since: seen, call.address(2) == 0 ? nil : $0) }
    if result == call.error(ETIMEDOUT) { return call.error(EAGAIN) }
    if result == Int(PERSONA_RESTART) { return call.error(EINTR) }
    if result < 0 { return result }
  }
}

extension Call {
  fileprivate var listLimit: Int { Int(table.constant(.AIO_LISTIO_MAX) ?? 256) }
}

/// aio_cancel(fd, aiocbp): what waits goes on waiting, all else is done.
func aioCancel(_ call: inout Call) -> Int {
  let result = quietly(__NR_fcntl, Int(call.int32(0)), Int(F_GETFD))
  if result < 0 { return result }
  call.settleOperations()
  let isWaiting = call.isWaiting(block: call.address(1) == 0 ? nil : call.address(1), descriptor: call.int32(0))
  // AIO_NOTCANCELED
  return isWaiting ? 2 : Int(call.table.constant(.AIO_ALLDONE) ?? 3)
}

/// lio_listio(mode, list, count, sig): LIO_NOWAIT 0 or LIO_WAIT 1; EIO when one could not be done.
func aioList(_ call: inout Call) -> Int {
  let mode = call.int32(0)
  let count = Int(call.int32(2))
  guard mode == 0 || mode == 1, count >= 0, count <= call.listLimit else { return call.error(EINVAL) }
  var group: OperationGroup.Pointer?
  if mode == 0, call.address(3) != 0 {
    var failure = 0
    guard let event = call.signalEvent(at: call.address(3), &failure) else { return failure }
    guard let memory = persona_allocate(MemoryLayout<OperationGroup>.stride) else { return call.error(EAGAIN) }
    // This call is one of the group itself.
    group = memory.bindMemory(to: OperationGroup.self, capacity: 1)
    group?.initialize(to: OperationGroup(remaining: 1, notice: event))
  }
  defer { if let group { leaveGroup(call.process, group) } }
  var failed = false
  for index in 0..<count {
    var address: UInt64 = 0
    guard call.read(&address, at: call.address(1) + UInt64(8 * index)) else { return call.error(EFAULT) }
    if address == 0 { continue }
    guard let code = call.field(.aiocb__aio_lio_opcode, of: address) else { return call.error(EFAULT) }
    if code == call.table.constant(.LIO_NOP) { continue }
    guard let operation = Operation(call.table, code) else {
      failed = true
      continue
    }
    let refusal = start(call, address, operation, address, group)
    if let errno = call.errno(of: refusal) {
      // A list goes on; the block tells what stopped its part.
      _ = call.finish(address, -1, errno)
      failed = true
    } else if let error = call.field(.aiocb__error, of: address), error != 0 {
      failed = true
    }
  }
  while mode == 1 {
    let seen = call.finishedChanges
    call.settleOperations()
    var waits = false
    for index in 0..<count {
      var address: UInt64 = 0
      guard call.read(&address, at: call.address(1) + UInt64(8 * index)) else { return call.error(EFAULT) }
      if address == 0 { continue }
      if call.isWaiting(block: address) {
        waits = true
      } else if let error = call.field(.aiocb__error, of: address), error != 0 {
        failed = true
      }
    }
    if !waits { break }
    let result = call.awaitFinished(since: seen, nil)
    if result == Int(PERSONA_RESTART) { return call.error(EINTR) }
    if result < 0 { return result }
  }
  return failed ? call.error(EIO) : 0
}
