import CEngine
import CWire

// aio_read(2) and its kin. An operation on a regular file is done before the call that starts it returns, which
// POSIX allows; its outcome waits in the control block as FreeBSD's own does. Other files are refused with
// EOPNOTSUPP, as FreeBSD does unless vfs.aio.enable_unsafe is set (sockets excepted).

/// struct aiocb of FreeBSD's sys/aio.h on amd64.
private enum Block {
  static let size = 160
  static let descriptor = 0
  static let offset = 8
  static let buffer = 16
  static let count = 24
  static let operation = 48
  static let status = 56
  static let error = 64
  static let mark = 72
  static let notice = 80
  static let signal = 84
  static let value = 88
}

/// What marks a control block whose outcome nobody has fetched, together with its address.
private let finished: UInt64 = 0x6169_6f64_6f6e_6521

/// LIO_* of sys/aio.h.
private enum Operation: Int32 {
  case nothing = 0
  case write = 1
  case read = 2
  case writeVector = 5
  case readVector = 6
  case synchronize = -1
  case lockMemory = -2
}

func aioRead(_ call: inout Call) -> Int { start(call, call.address(0), .read, call.address(0)) }
func aioWrite(_ call: inout Call) -> Int { start(call, call.address(0), .write, call.address(0)) }
func aioReadVector(_ call: inout Call) -> Int { start(call, call.address(0), .readVector, call.address(0)) }
func aioWriteVector(_ call: inout Call) -> Int { start(call, call.address(0), .writeVector, call.address(0)) }
func aioLockMemory(_ call: inout Call) -> Int { start(call, call.address(0), .lockMemory, call.address(0)) }

/// aio_fsync(op, aiocbp): op says whether data alone would do; both are written.
func aioSynchronize(_ call: inout Call) -> Int { start(call, call.address(1), .synchronize, call.address(1)) }

/// Does one operation and leaves its outcome in its control block: 0, or the answer that refuses it.
private func start(_ call: Call, _ address: UInt64, _ operation: Operation, _ notified: UInt64) -> Int {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard let block = call.scratch(Block.size) else { return call.error(EAGAIN) }
  guard call.copyIn(block, address, Block.size) else { return call.error(EFAULT) }
  let notice = notified == 0 ? 0 : block.get(at: Block.notice, as: Int32.self)
  var signal = 0
  switch notice {
  case 0: break
  case 1:
    signal = call.table.nativeSignal(Int(block.get(at: Block.signal, as: Int32.self)))
    if signal == 0 { return call.error(EINVAL) }
  case 3: return call.error(EOPNOTSUPP)
  default: return call.error(EINVAL)
  }
  let descriptor = Int(block.get(at: Block.descriptor, as: Int32.self))
  let buffer = block.get(at: Block.buffer, as: Int.self)
  let count = block.get(at: Block.count, as: Int.self)
  let offset = block.get(at: Block.offset, as: Int.self)
  if operation != .lockMemory {
    guard let stat = call.scratch(144) else { return call.error(EAGAIN) }
    let result = quietly(__NR_fstat, descriptor, stat.word)
    if result < 0 { return result }
    // st_mode at 24: S_IFREG.
    guard stat.get(at: 24, as: UInt32.self) & 0o170000 == 0o100000 else { return call.error(EOPNOTSUPP) }
    if operation != .synchronize, offset < 0 { return call.error(EINVAL) }
  }
  let result: Int
  switch operation {
  case .nothing: return 0
  case .read: result = call.hostNow(__NR_pread64, descriptor, buffer, count, offset)
  case .write: result = call.hostNow(__NR_pwrite64, descriptor, buffer, count, offset)
  case .readVector: result = call.hostNow(__NR_preadv, descriptor, buffer, count, offset)
  case .writeVector: result = call.hostNow(__NR_pwritev, descriptor, buffer, count, offset)
  case .synchronize: result = call.hostNow(__NR_fsync, descriptor)
  case .lockMemory: result = call.hostNow(__NR_mlock, buffer, count)
  }
  let error = result < 0 ? call.table.foreignErrno(-result) : 0
  guard call.write(Int64(error == 0 ? result : -1), at: address + UInt64(Block.status)),
    call.write(Int64(error), at: address + UInt64(Block.error)),
    call.write(finished ^ address, at: address + UInt64(Block.mark))
  else { return call.error(EFAULT) }
  if signal != 0 { notify(call, signal, block.get(at: Block.value, as: UInt64.self)) }
  return 0
}

/// Sends the caller the signal that it asked for, with SI_ASYNCIO (-4) as Linux says it.
private func notify(_ call: Call, _ signal: Int, _ value: UInt64) {
  guard let info = call.scratch(128) else { return }
  clear(info, 128)
  info.put(Int32(signal), at: 0)
  info.put(Int32(-4), at: 8)
  info.put(call.process.pointee.pid, at: 16)
  info.put(UInt32(truncatingIfNeeded: quietly(__NR_getuid)), at: 20)
  info.put(value, at: 24)
  _ = call.hostNow(__NR_rt_sigqueueinfo, Int(call.process.pointee.pid), signal, info.word)
}

/// Whether a control block holds an outcome; nil is EFAULT.
private func isFinished(_ call: Call, _ address: UInt64) -> Bool? {
  var mark: UInt64 = 0
  guard call.read(&mark, at: address + UInt64(Block.mark)) else { return nil }
  return mark == finished ^ address
}

/// aio_error(aiocbp): the outcome's errno as a value; EINVAL when there is none.
func aioError(_ call: inout Call) -> Int {
  guard let known = isFinished(call, call.address(0)) else { return call.error(EFAULT) }
  var error: Int64 = 0
  guard known, call.read(&error, at: call.address(0) + UInt64(Block.error)) else { return call.error(EINVAL) }
  return Int(error)
}

/// aio_return(aiocbp): the outcome itself, once.
func aioReturn(_ call: inout Call) -> Int {
  let address = call.address(0)
  guard let known = isFinished(call, address) else { return call.error(EFAULT) }
  var status: Int64 = 0
  var error: Int64 = 0
  guard known, call.read(&status, at: address + UInt64(Block.status)),
    call.read(&error, at: address + UInt64(Block.error)),
    call.write(UInt64(0), at: address + UInt64(Block.mark))
  else { return call.error(EINVAL) }
  return error != 0 ? call.foreignError(Int(error)) : Int(status)
}

/// AIO_LISTIO_MAX that the table's p1003_1b.aio_listio_max names.
private let listLimit = 256

/// aio_suspend(list, count, timeout): nothing is ever under way.
func aioSuspend(_ call: inout Call) -> Int {
  let count = Int(call.int32(1))
  guard count >= 0, count <= listLimit else { return call.error(EINVAL) }
  for index in 0..<count {
    var address: UInt64 = 0
    guard call.read(&address, at: call.address(0) + UInt64(8 * index)) else { return call.error(EFAULT) }
  }
  return 0
}

/// aio_cancel(fd, aiocbp): AIO_ALLDONE (3).
func aioCancel(_ call: inout Call) -> Int {
  let result = quietly(__NR_fcntl, Int(call.int32(0)), Int(F_GETFD))
  return result < 0 ? result : 3
}

/// lio_listio(mode, list, count, sig): LIO_NOWAIT 0 or LIO_WAIT 1; EIO when one could not be done.
func aioList(_ call: inout Call) -> Int {
  let mode = call.int32(0)
  let count = Int(call.int32(2))
  guard mode == 0 || mode == 1, count >= 0, count <= listLimit else { return call.error(EINVAL) }
  var failed = false
  for index in 0..<count {
    var address: UInt64 = 0
    guard call.read(&address, at: call.address(1) + UInt64(8 * index)) else { return call.error(EFAULT) }
    if address == 0 { continue }
    var code: Int32 = 0
    guard call.read(&code, at: address + UInt64(Block.operation)) else { return call.error(EFAULT) }
    guard let operation = Operation(rawValue: code), code >= 0 else {
      failed = true
      continue
    }
    if operation == .nothing { continue }
    let refusal = start(call, address, operation, address)
    if refusal != 0 {
      // A list goes on; the block tells what stopped its part.
      let errno = refusal <= Int(PERSONA_FOREIGN_ERROR) ? Int(PERSONA_FOREIGN_ERROR) - refusal
        : call.table.foreignErrno(-refusal)
      _ = call.write(Int64(-1), at: address + UInt64(Block.status))
      _ = call.write(Int64(errno), at: address + UInt64(Block.error))
      _ = call.write(finished ^ address, at: address + UInt64(Block.mark))
      failed = true
      continue
    }
    var error: Int64 = 0
    if call.read(&error, at: address + UInt64(Block.error)), error != 0 { failed = true }
  }
  if mode == 0, call.address(3) != 0 {
    guard let event = call.scratch(16) else { return call.error(EAGAIN) }
    guard call.copyIn(event, call.address(3), 16) else { return call.error(EFAULT) }
    switch event.get(at: 0, as: Int32.self) {
    case 0: break
    case 1:
      let signal = call.table.nativeSignal(Int(event.get(at: 4, as: Int32.self)))
      guard signal != 0 else { return call.error(EINVAL) }
      notify(call, signal, event.get(at: 8, as: UInt64.self))
    default: return call.error(EINVAL)
    }
  }
  return failed ? call.error(EIO) : 0
}
