import CEngine
import CWire
import Wire

// Threads of the engine's own that wait for operations of aio_read(2) and its kin: one for each file and direction, which does the
// operations one after the other. A socket's are tried when it is ready, so that those that wait can be canceled; any other file's wait
// in the read or write itself, as in the daemons of the foreign kernel. Source: sys/kern/{vfs_aio,sys_socket}.c.

/// A thread and its descriptors, which are out of the guest's sight: a close of any other descriptor in a table of its own would
/// take a message queue's notice from the process, and one in the guest's own table would be the guest's. `event_lock` guards it.
struct OperationWorker: ListEntry {
  typealias Pointer = UnsafeMutablePointer<OperationWorker>
  let process: UnsafeMutablePointer<persona_process>
  let descriptor: Int32
  /// An eventfd that tells it to look again; -1 when it waits in Linux's call.
  let wake: Int32
  /// The file: what the guest's number stands for changes.
  let file: FileIdentity
  let isWrite: Bool
  let isSocket: Bool
  /// What it tells of instead, once.
  var notice: MessageNotice?
  var next: Pointer?
}

struct FileIdentity: Equatable {
  let device: UInt64
  let inode: UInt64

  init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  /// What a descriptor stands for; all zeros for none.
  init(ofDescriptor descriptor: Int32) {
    // struct stat: st_dev, st_ino
    var status = InlineArray<18, UInt64>(repeating: 0)
    let result = withUnsafeMutablePointer(to: &status) { quietly(__NR_fstat, Int(descriptor), Int(bitPattern: $0)) }
    self.init(device: result == 0 ? status[0] : 0, inode: result == 0 ? status[1] : 0)
  }
}

/// What an operation reads or writes: Linux's struct iovec, one of them or many.
struct OperationBuffers {
  /// Address and length of the only one.
  var single: (UInt64, UInt64)
  var many: UnsafeMutablePointer<(UInt64, UInt64)>?
  var count = 1

  /// Bytes that are left.
  var left: Int {
    guard let many else { return Int(bitPattern: UInt(single.1)) }
    var sum: UInt64 = 0
    for index in 0..<count { sum &+= many[index].1 }
    return Int(bitPattern: UInt(sum))
  }

  /// The first bytes have been read or written.
  mutating func drop(_ bytes: Int) {
    var rest = UInt64(bytes)
    for index in 0..<count {
      let taken = min(rest, many?[index].1 ?? single.1)
      rest -= taken
      if let many {
        many[index] = (many[index].0 + taken, many[index].1 - taken)
      } else {
        single = (single.0 + taken, single.1 - taken)
      }
    }
  }

  func release() { if let many { persona_release(UnsafeMutableRawPointer(many)) } }
}

extension AsynchronousOperation.Pointer {
  /// The address of the struct iovec's.
  private var vector: Int {
    pointee.buffers.many.map { Int(bitPattern: $0) }
      ?? withUnsafeMutablePointer(to: &pointee.buffers.single) { Int(bitPattern: $0) }
  }

  /// Reads or writes as much of a socket as can be now: Linux's answer.
  private func transferNow(_ descriptor: Int32, _ call: Call?) -> Int {
    // struct msghdr: msg_iov at 16, msg_iovlen at 24; MSG_DONTWAIT, MSG_NOSIGNAL
    var message = InlineArray<7, Int>(repeating: 0)
    (message[2], message[3]) = (vector, pointee.buffers.count)
    let number = pointee.isWrite ? __NR_sendmsg : __NR_recvmsg
    return withUnsafeMutablePointer(to: &message) {
      let result = quietly(number, Int(descriptor), Int(bitPattern: $0), 0x4040)
      call?.thread.note(number, Int(descriptor), Int(bitPattern: $0), 0x4040, result: result)
      return result
    }
  }

  /// The same of any file, where it may wait.
  private func transferWaiting(_ descriptor: Int32) -> Int {
    quietly(pointee.isWrite ? __NR_writev : __NR_readv, Int(descriptor), vector, pointee.buffers.count)
  }

  /// The same of a file that has offsets; the log shows it.
  func transfer(_ call: Call, at offset: Int) -> Int {
    let (descriptor, isWrite) = (Int(pointee.descriptor), pointee.isWrite)
    if pointee.buffers.many != nil {
      return call.hostNow(isWrite ? __NR_pwritev : __NR_preadv, descriptor, vector, pointee.buffers.count, offset)
    }
    let (address, length) = (
      Int(bitPattern: UInt(pointee.buffers.single.0)), Int(bitPattern: UInt(pointee.buffers.single.1))
    )
    return call.hostNow(isWrite ? __NR_pwrite64 : __NR_pread64, descriptor, address, length, offset)
  }

  /// Tries until all is written, or something is read: the operation's result, or nil where it has to wait. The log of a
  /// call shows it.
  func attempt(_ descriptor: Int32, isSocket: Bool, _ call: Call? = nil) -> Int? {
    let isPatient = quietly(__NR_fcntl, Int(descriptor), Int(F_GETFL)) & Int(O_NONBLOCK) == 0
    while true {
      let result = isSocket ? transferNow(descriptor, call) : transferWaiting(descriptor)
      if result == -Int(EAGAIN) {
        if pointee.done > 0, !isPatient { return pointee.done }
        return isSocket ? nil : result
      }
      if result < 0 { return result }
      pointee.done += result
      pointee.buffers.drop(result)
      if !pointee.isWrite || result == 0 || pointee.buffers.left == 0 { return pointee.done }
    }
  }
}

extension Call {
  /// Has a worker wait for an operation: 0, or Linux's error.
  func handToWorker(_ operation: AsynchronousOperation.Pointer, _ file: FileIdentity, isSocket: Bool) -> Int {
    lockEvents()
    defer { unlockEvents() }
    guard let list = knownOperations else { return error(EAGAIN) }
    let isWrite = operation.pointee.isWrite
    operation.pointee.isRunning = false
    var candidate = list.pointee.workers
    while let worker = candidate {
      if worker.pointee.file == file, worker.pointee.isWrite == isWrite {
        operation.pointee.worker = worker
        return 0
      }
      candidate = worker.pointee.next
    }
    let descriptor = hiddenCopy(Int(operation.pointee.descriptor))
    if descriptor < 0 { return error(EAGAIN) }
    let wake = isSocket ? newEventDescriptor() : -1
    guard !isSocket || wake >= 0 else {
      closeHidden(Int32(descriptor), -1)
      return error(EAGAIN)
    }
    let worker = OperationWorker(
      process: process, descriptor: Int32(descriptor), wake: Int32(wake), file: file, isWrite: isWrite,
      isSocket: isSocket)
    guard let started = startWorker(worker, list, doOperations) else { return error(EAGAIN) }
    operation.pointee.worker = started
    return 0
  }

  /// Whether a worker waits at the same end of the same file, so that an operation has to wait behind others.
  func hasWorker(_ file: FileIdentity, isWrite: Bool) -> Bool {
    lockEvents()
    defer { unlockEvents() }
    var candidate = knownOperations?.pointee.workers
    while let worker = candidate {
      if worker.pointee.file == file, worker.pointee.isWrite == isWrite { return true }
      candidate = worker.pointee.next
    }
    return false
  }

  /// Starts a worker's thread, which gets the worker; the lock is held. Nil, with its descriptors closed, where that fails.
  func startWorker(
    _ worker: OperationWorker, _ list: ProcessOperations.Pointer,
    _ work: @convention(c) (UnsafeMutableRawPointer?) -> Void
  ) -> OperationWorker.Pointer? {
    guard let memory = persona_allocate(MemoryLayout<OperationWorker>.stride) else {
      closeHidden(worker.descriptor, worker.wake)
      return nil
    }
    let pointer = memory.bindMemory(to: OperationWorker.self, capacity: 1)
    pointer.initialize(to: worker)
    guard persona_start_worker(thread, work, memory) == 0 else {
      closeHidden(worker.descriptor, worker.wake)
      persona_release(memory)
      return nil
    }
    pointer.pointee.next = list.pointee.workers
    list.pointee.workers = pointer
    return pointer
  }
}

extension Call {
  /// Whether all other threads of the process are workers, which do not keep it alive.
  var isLastBesideWorkers: Bool {
    lockEvents()
    var (workers, tasks) = (0, 0)
    var candidate = knownOperations?.pointee.workers
    while let worker = candidate {
      workers += 1
      candidate = worker.pointee.next
    }
    unlockEvents()
    guard workers > 0 else { return false }
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    let isKnown = eachTask(self, Int(process.pointee.pid)) { _ in
      tasks += 1
      return true
    }
    return isKnown && tasks == workers + 1
  }
}

func closeHidden(_ descriptor: Int32, _ wake: Int32) {
  _ = quietly(__NR_close, Int(descriptor))
  if wake >= 0 { _ = quietly(__NR_close, Int(wake)) }
}

/// Takes a worker that has nothing to do any more out of its list, and closes its descriptors; the lock is held.
func dismiss(_ worker: OperationWorker.Pointer, _ list: ProcessOperations.Pointer) {
  worker.leave(&list.pointee.workers)
  closeHidden(worker.pointee.descriptor, worker.pointee.wake)
  persona_release(UnsafeMutableRawPointer(worker))
}

/// A thread's work: the operations that are its worker's, until there are none: the last may have been canceled.
private func doOperations(_ argument: UnsafeMutableRawPointer?) {
  let worker = argument!.assumingMemoryBound(to: OperationWorker.self)
  let process = worker.pointee.process
  while true {
    persona_lock(&process.pointee.event_lock)
    let list = process.pointee.operations!.assumingMemoryBound(to: ProcessOperations.self)
    guard let operation = list.pointee.waiting.first({ $0.pointee.worker == worker }) else {
      dismiss(worker, list)
      persona_unlock(&process.pointee.event_lock)
      return
    }
    operation.pointee.isRunning = true
    persona_unlock(&process.pointee.event_lock)
    let result = operation.attempt(worker.pointee.descriptor, isSocket: worker.pointee.isSocket)
    persona_lock(&process.pointee.event_lock)
    operation.pointee.isRunning = false
    guard let result else {
      persona_unlock(&process.pointee.event_lock)
      awaitReadiness(worker)
      continue
    }
    // Who hears of the end finds the worker's descriptor closed.
    let isLast = list.pointee.waiting.first({ $0.pointee.worker == worker && $0 != operation }) == nil
    if isLast { dismiss(worker, list) }
    let notices = endOperation(process, list, operation, result)
    persona_unlock(&process.pointee.event_lock)
    announceEnd(process, list, notices)
    if isLast { return }
  }
}

/// Waits until a socket is ready or the worker is told to look again.
private func awaitReadiness(_ worker: OperationWorker.Pointer) {
  // struct pollfd: POLLIN 1, POLLOUT 4
  let wanted: UInt64 = worker.pointee.isWrite ? 4 : 1
  var entries: InlineArray<2, UInt64> = [
    UInt64(UInt32(worker.pointee.descriptor)) | wanted << 32, UInt64(UInt32(worker.pointee.wake)) | 1 << 32,
  ]
  _ = withUnsafeMutablePointer(to: &entries) { quietly(__NR_poll, Int(bitPattern: $0), 2, -1) }
  var count: UInt64 = 0
  _ = withUnsafeMutablePointer(to: &count) { quietly(__NR_read, Int(worker.pointee.wake), Int(bitPattern: $0), 8) }
}

/// Has a worker look again at what it has to do.
func rouse(_ worker: OperationWorker.Pointer) {
  guard worker.pointee.wake >= 0 else { return }
  var one: UInt64 = 1
  _ = withUnsafePointer(to: &one) { quietly(__NR_write, Int(worker.pointee.wake), Int(bitPattern: $0), 8) }
}

/// For a fork's child, in which no worker runs: closes the workers' descriptors, unless they are its parent's too.
func operationsAfterFork(_ process: UnsafeMutablePointer<persona_process>, sharesDescriptors: Bool) {
  guard let memory = process.pointee.operations else { return }
  process.pointee.operations = nil
  let list = memory.assumingMemoryBound(to: ProcessOperations.self)
  while let worker = list.pointee.workers {
    list.pointee.workers = worker.pointee.next
    if !sharesDescriptors { closeHidden(worker.pointee.descriptor, worker.pointee.wake) }
    persona_release(UnsafeMutableRawPointer(worker))
  }
  while let operation = list.pointee.waiting ?? list.pointee.ended {
    operation.leave(&list.pointee.waiting)
    operation.leave(&list.pointee.ended)
    operation.pointee.buffers.release()
    persona_release(UnsafeMutableRawPointer(operation))
  }
  persona_release(memory)
}
