import CEngine
import CWire
import Wire

// aio_read(2) and its kin. An operation on a regular file is done before the call that starts it returns, which
// POSIX allows. One on a socket, and where the system takes it on any other file, may wait (AsynchronousWorkers).
// Source: sys/kern/vfs_aio.c.

/// What is to be done.
enum AsynchronousKind {
  case write, read, writeVector, readVector, synchronize, synchronizeData, lockMemory, nothing

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
    } else if code == table.constant(.LIO_NOP) {
      self = .nothing
    } else {
      return nil
    }
  }

  var isWrite: Bool { self == .write || self == .writeVector }
  var isVector: Bool { self == .readVector || self == .writeVector }
  var transfers: Bool { isWrite || isVector || self == .read }
}

/// S_IFMT's values of files that Linux transfers at once, at an offset: regular, directories, disks.
private let filesWithOffset: InlineArray<3, UInt32> = [0o100000, 0o040000, 0o060000]
private let (socket, pipe, characterDevice): (UInt32, UInt32, UInt32) = (0o140000, 0o010000, 0o020000)
/// UIO_MAXIOV
private let mostVectors = 1024

func aioRead(_ call: inout Call) -> Int { call.startOperation(call.address(0), .read) }
func aioWrite(_ call: inout Call) -> Int { call.startOperation(call.address(0), .write) }
func aioReadVector(_ call: inout Call) -> Int { call.startOperation(call.address(0), .readVector) }
func aioWriteVector(_ call: inout Call) -> Int { call.startOperation(call.address(0), .writeVector) }
func aioLockMemory(_ call: inout Call) -> Int { call.startOperation(call.address(0), .lockMemory) }

/// aio_fsync(op, aiocbp): O_SYNC, or O_DSYNC where the system has it.
func aioSynchronize(_ call: inout Call) -> Int {
  guard let flags = call.table.wellKnown(.open_flags),
    case .value(let native) = call.table.toNative(flags, UInt64(call.uint32(0)))
  else { return call.error(EINVAL) }
  switch native {
  case UInt64(O_SYNC): return call.startOperation(call.address(1), .synchronize)
  case UInt64(O_DSYNC): return call.startOperation(call.address(1), .synchronizeData)
  default: return call.error(EINVAL)
  }
}

extension Call {
  // MARK: Control blocks

  /// Reads or writes a field of the control block at `address`; nil and false are EFAULT.
  func blockField(_ name: FieldName, of address: UInt64) -> Int64? {
    guard let layout = table.layout(name) else { return nil }
    var value: UInt64 = 0
    guard persona_copy_in(&value, address + UInt64(layout.offset), min(layout.width, 8)) == 0 else { return nil }
    return layout.width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
  }

  func setBlockField(_ name: FieldName, of address: UInt64, _ value: UInt64) -> Bool {
    guard let layout = table.layout(name) else { return false }
    var value = value
    return persona_copy_out(address + UInt64(layout.offset), &value, min(layout.width, 8)) == 0
  }

  func setOutcome(of address: UInt64, _ status: Int, _ error: Int, _ mark: UInt64?) -> Bool {
    guard setBlockField(.aiocb__status, of: address, UInt64(bitPattern: Int64(status))),
      setBlockField(.aiocb__error, of: address, UInt64(error))
    else { return false }
    return mark.map { setBlockField(.aiocb__mark, of: address, $0) } ?? true
  }

  /// Where the kernel keeps no list, leaves the outcomes of what has ended in the control blocks.
  func settleOperations() {
    guard !keepsEnded, let done = table.constant(.JOB_DONE) else { return }
    while true {
      lockEvents()
      guard let list = knownOperations, let operation = list.pointee.ended else { return unlockEvents() }
      let (block, result) = (operation.pointee.block, operation.pointee.result)
      forgetOperation(list, operation)
      unlockEvents()
      // A block that cannot be written to any more is its program's loss.
      _ = setOutcome(of: block, max(result, -1), result < 0 ? table.foreignErrno(-result) : 0, UInt64(done))
    }
  }

  // MARK: Beginning

  /// Begins an operation: 0, or the answer that refuses it.
  func startOperation(_ address: UInt64, _ kind: AsynchronousKind?, _ group: OperationGroup.Pointer? = nil) -> Int {
    settleOperations()
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    if keepsEnded {
      lockEvents()
      _ = operations()
      unlockEvents()
      _ = setOutcome(of: address, -1, 0, UInt64.max)
    }
    let result = begin(address, kind, group)
    // Where the kernel keeps the list, a block tells what was refused.
    if keepsEnded, let refusal = errno(of: result) { _ = setBlockField(.aiocb__error, of: address, UInt64(refusal)) }
    return result
  }

  private func begin(_ address: UInt64, _ asked: AsynchronousKind?, _ group: OperationGroup.Pointer?) -> Int {
    let size = table.size(.aiocb)
    guard let memory = scratch(size), let stat = scratch(144), let event = table.layout(.aiocb__aio_sigevent) else {
      return error(EAGAIN)
    }
    guard copyIn(memory, address, size) else { return error(EFAULT) }
    let block = Record(memory, table)
    let count = Int(block.signed(.aiocb__aio_nbytes))
    if count < 0 { return error(EINVAL) }
    var failure = 0
    guard let notice = signalEvent(memory + event.offset, &failure, takesEvents: true) else { return failure }
    guard let kind = asked ?? AsynchronousKind(table, block.signed(.aiocb__aio_lio_opcode)) else {
      return error(EINVAL)
    }
    let descriptor = Int(block.signed(.aiocb__aio_fildes))
    let offset = Int(block.signed(.aiocb__aio_offset))
    var type: UInt32 = 0
    if kind != .lockMemory {
      let result = quietly(__NR_fstat, descriptor, stat.word)
      if result < 0 { return result }
      // st_mode at 24
      type = stat.get(at: 24, as: UInt32.self) & 0o170000
      let refusal = refuse(kind, descriptor, type, offset)
      if refusal < 0 { return refusal }
    }
    if kind == .nothing { return 0 }
    if notice.kind == .event {
      let result = addEvent(notice.queue, address, .EVFILT_AIO, notice.eventFlags, notice.value)
      if result < 0 { return result }
    }
    let isSafe = table[.AIO_SAFE_FILES] != 0
    var operation = AsynchronousOperation(
      block: address, descriptor: Int32(truncatingIfNeeded: descriptor), isWrite: kind.isWrite,
      brokenPipe: type == socket && isSafe ? .always : keepsEnded ? .afterPart : .never, notice: notice, group: group,
      buffers: OperationBuffers(single: (block[.aiocb__aio_buf], UInt64(count))))
    if kind.isVector {
      guard count <= mostVectors else { return abandonOperation(operation, error(EINVAL)) }
      let bytes = count * MemoryLayout<(UInt64, UInt64)>.stride
      guard let many = persona_allocate(max(bytes, 16)) else { return abandonOperation(operation, error(EAGAIN)) }
      operation.buffers.many = many.bindMemory(to: (UInt64, UInt64).self, capacity: max(count, 1))
      operation.buffers.count = count
      guard copyIn(many, block[.aiocb__aio_buf], bytes) else { return abandonOperation(operation, error(EFAULT)) }
    }
    // What stood in the block is of an operation before.
    let progress = table.foreignErrno(Int(EINPROGRESS))
    guard setOutcome(of: address, -1, progress, keepsEnded ? nil : 0) else {
      return abandonOperation(operation, error(EFAULT))
    }
    guard let begun = enqueue(operation) else { return abandonOperation(operation, error(EAGAIN)) }
    // st_dev at 0, st_ino at 8
    let file = FileIdentity(device: stat.get(at: 0, as: UInt64.self), inode: stat.get(at: 8, as: UInt64.self))
    return carryOut(begun, kind, type, file, offset)
  }

  /// Gives up an operation that has not begun.
  private func abandonOperation(_ operation: AsynchronousOperation, _ refusal: Int) -> Int {
    operation.buffers.release()
    if operation.notice.kind == .event {
      lockEvents()
      dropEvents(operation.block, .EVFILT_AIO)
      unlockEvents()
    }
    return refusal
  }

  /// 0, or why an operation cannot be on such a file.
  private func refuse(_ kind: AsynchronousKind, _ descriptor: Int, _ type: UInt32, _ offset: Int) -> Int {
    let isSafe = table[.AIO_SAFE_FILES] != 0
    if kind.transfers, keepsEnded {
      let mode = quietly(__NR_fcntl, descriptor, Int(F_GETFL)) & Int(O_ACCMODE)
      if mode == (kind.isWrite ? Int(O_RDONLY) : Int(O_WRONLY)) { return error(EBADF) }
    }
    var hasOffset = false
    for one in filesWithOffset.indices where filesWithOffset[one] == type { hasOffset = true }
    if kind.transfers, offset < 0 {
      let isRefused = isSafe ? type != characterDevice : keepsEnded ? offset == -1 : hasOffset
      if isRefused { return error(EINVAL) }
    }
    if type == socket || type == pipe, kind == .synchronize || kind == .synchronizeData { return error(EINVAL) }
    return kind == .nothing || type == socket || hasOffset || !isSafe ? 0 : error(EOPNOTSUPP)
  }

  /// Carries an operation out, or has a worker wait for it.
  private func carryOut(
    _ operation: AsynchronousOperation.Pointer, _ kind: AsynchronousKind, _ type: UInt32, _ file: FileIdentity,
    _ offset: Int
  ) -> Int {
    let descriptor = operation.pointee.descriptor
    var result: Int?
    switch kind {
    case .synchronize: result = hostNow(__NR_fsync, Int(descriptor))
    case .synchronizeData: result = hostNow(__NR_fdatasync, Int(descriptor))
    case .lockMemory:
      let (address, count) = operation.pointee.buffers.single
      result = hostNow(__NR_mlock, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(count)))
    default:
      for one in filesWithOffset.indices where filesWithOffset[one] == type {
        result = operation.transfer(self, at: offset)
      }
      if type == socket, !hasWorker(file, isWrite: operation.pointee.isWrite) {
        result = operation.attempt(descriptor, isSocket: true, self)
      }
    }
    if result == nil {
      let refusal = handToWorker(operation, file, isSocket: type == socket)
      if refusal == 0 { return 0 }
      result = refusal
    }
    endNow(operation, result ?? 0)
    return 0
  }

  // MARK: Fetching

  /// Takes an operation that has ended, or the first, out of the list, and tells its outcome; nil when there is none.
  func fetchOperation(_ block: UInt64?) -> (block: UInt64, answer: Int)? {
    lockEvents()
    guard let list = knownOperations,
      let operation = list.pointee.ended.first({ block == nil || $0.pointee.block == block })
    else {
      unlockEvents()
      return nil
    }
    let (block, result) = (operation.pointee.block, operation.pointee.result)
    forgetOperation(list, operation)
    unlockEvents()
    let failure = result < 0 ? table.foreignErrno(-result) : 0
    _ = setOutcome(of: block, max(result, -1), failure, nil)
    return (block, result < 0 ? foreignError(failure) : result)
  }

  /// Whether the process has tried to begin an operation.
  var hasOperations: Bool {
    lockEvents()
    defer { unlockEvents() }
    return knownOperations != nil
  }

  enum Progress {
    case waits
    case ended(Int)
    case unknown
  }

  /// What has become of a control block's operation.
  func operationProgress(_ block: UInt64) -> Progress {
    lockEvents()
    defer { unlockEvents() }
    guard let list = knownOperations else { return .unknown }
    if list.pointee.waiting.first({ $0.pointee.block == block }) != nil { return .waits }
    return list.pointee.ended.first { $0.pointee.block == block }.map { .ended($0.pointee.result) } ?? .unknown
  }
}

/// aio_error(aiocbp): the outcome's errno as a value. A kernel that keeps the list answers EINVAL as a value, too, where there is no
/// such operation, and what the block tells if its last one was refused.
func aioError(_ call: inout Call) -> Int {
  call.settleOperations()
  let block = call.address(0)
  switch call.operationProgress(block) {
  case .waits: return call.table.foreignErrno(Int(EINPROGRESS))
  case .ended(let result): return result < 0 ? call.table.foreignErrno(-result) : 0
  case .unknown: break
  }
  let (invalid, sign) = (call.table.foreignErrno(Int(EINVAL)), call.keepsEnded ? FieldName.aiocb__status : .aiocb__mark)
  guard let state = call.blockField(sign, of: block), let error = call.blockField(.aiocb__error, of: block) else {
    return call.error(EFAULT)
  }
  if call.keepsEnded { return state == -1 && call.hasOperations ? Int(error) : invalid }
  return state == call.table.constant(.JOB_DONE) ? Int(error) : call.error(EINVAL)
}

/// aio_return(aiocbp): the outcome itself, once. Where the block's state is the system's own, a failure is the value
/// -1, whose errno aio_error tells.
func aioReturn(_ call: inout Call) -> Int {
  let block = call.address(0)
  if call.keepsEnded { return call.fetchOperation(block)?.answer ?? call.error(EINVAL) }
  call.settleOperations()
  guard let state = call.blockField(.aiocb__mark, of: block) else { return call.error(EFAULT) }
  guard state == call.table.constant(.JOB_DONE), let status = call.blockField(.aiocb__status, of: block),
    let error = call.blockField(.aiocb__error, of: block)
  else { return call.error(EINVAL) }
  guard call.setOutcome(of: block, -1, 0, 0) else { return call.error(EFAULT) }
  return error != 0 ? call.foreignError(Int(error)) : Int(status)
}

/// aio_cancel(fd, aiocbp): what waits for a socket can be canceled. What Linux is at work on cannot, as there: other files are read by
/// the foreign kernel's daemons, all at once.
func aioCancel(_ call: inout Call) -> Int {
  let descriptor = call.int32(0)
  let block = call.address(1)
  let result = quietly(__NR_fcntl, Int(descriptor), Int(F_GETFD))
  if result < 0 { return result }
  var canceled = 0
  while call.cancelOne(descriptor, block) { canceled += 1 }
  call.lockEvents()
  let left = call.knownOperations?.pointee.waiting.first {
    $0.pointee.descriptor == descriptor && (block == 0 || $0.pointee.block == block)
  }
  call.unlockEvents()
  call.settleOperations()
  let answer: ConstantName =
    left != nil && (block == 0 || canceled == 0) ? .AIO_NOTCANCELED : canceled > 0 ? .AIO_CANCELED : .AIO_ALLDONE
  return Int(call.table.constant(answer) ?? 3)
}

extension Call {
  /// Cancels an operation of a descriptor's, or of a control block's, if there is one that can be.
  fileprivate func cancelOne(_ descriptor: Int32, _ block: UInt64) -> Bool {
    lockEvents()
    guard let list = knownOperations,
      let operation = list.pointee.waiting.first({
        $0.pointee.descriptor == descriptor && (block == 0 || $0.pointee.block == block) && canBeCanceled(list, $0)
      }), let worker = operation.pointee.worker
    else {
      unlockEvents()
      return false
    }
    // What has been written in part ends with that part.
    let done = operation.pointee.done
    let notices = endOperation(process, list, operation, done > 0 ? done : -Int(ECANCELED))
    rouse(worker)
    unlockEvents()
    announceEnd(process, list, notices)
    return true
  }

  private func canBeCanceled(_ list: ProcessOperations.Pointer, _ operation: AsynchronousOperation.Pointer) -> Bool {
    guard !operation.pointee.isRunning, let worker = operation.pointee.worker else { return false }
    // A kernel without the list is at work on the first of them.
    if !keepsEnded { return list.pointee.waiting.first { $0.pointee.worker == worker } != operation }
    return worker.pointee.isSocket && (operation.pointee.done == 0 || table[.AIO_SAFE_FILES] != 0)
  }
}
