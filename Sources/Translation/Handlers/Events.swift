import CEngine
import CWire

/// kqueue(2), and kqueue1 or kqueuex with flags that the table maps to O_CLOEXEC and O_NONBLOCK.
func kqueue(_ call: inout Call) -> Int {
  let flags = call.row.pointee.operand_count > 0 ? call.uint32(0) : 0
  let (closeOnExec, nonblocking): (UInt32, UInt32) = (0o2000000, 0o4000)
  if flags & ~(closeOnExec | nonblocking) != 0 { return call.error(EINVAL) }
  let descriptor = call.hostNow(__NR_epoll_create1, Int(flags & closeOnExec))
  if descriptor < 0 { return descriptor }
  if flags & nonblocking != 0 { _ = call.hostNow(__NR_fcntl, descriptor, 4, Int(nonblocking)) }  // F_SETFL
  call.lockEvents()
  defer { call.unlockEvents() }
  if call.events == nil {
    guard let memory = persona_allocate(MemoryLayout<ProcessEvents>.stride) else {
      _ = call.hostNow(__NR_close, descriptor)
      return call.error(ENOMEM)
    }
    let events = memory.bindMemory(to: ProcessEvents.self, capacity: 1)
    events.pointee.signals = -1
    call.process.pointee.event_queues = memory
  }
  guard let memory = persona_allocate(MemoryLayout<EventQueue>.stride) else {
    _ = call.hostNow(__NR_close, descriptor)
    return call.error(ENOMEM)
  }
  let queue = memory.bindMemory(to: EventQueue.self, capacity: 1)
  queue.pointee.descriptor = Int32(descriptor)
  queue.pointee.alias = -1
  queue.pointee.wake = -1
  queue.pointee.writers = -1
  guard call.resize(queue, 64) else {
    persona_release(memory)
    _ = call.hostNow(__NR_close, descriptor)
    return call.error(ENOMEM)
  }
  queue.pointee.next = call.events!.pointee.queues
  call.events!.pointee.queues = queue
  return descriptor
}

/// kevent(2). Each OS's own call says how large its struct kevent is; a further operand 1 tells that entries
/// without a filter are passed over.
func kevent(_ call: inout Call) -> Int {
  let size = Int(call.table.argument(call.row, 1).pointee.element_size)
  guard let layout = EventLayout(call.table, size: size) else { return call.error(ENOSYS) }
  return call.changeAndWait(layout)
}

extension Call {
  /// kern_kevent: the changes first; their errors fill the event list; only without any it waits.
  fileprivate func changeAndWait(_ layout: EventLayout) -> Int {
    let changes = Int(int32(2))
    let capacity = Int(int32(4))
    var limit: Timespec?
    if address(5) != 0 {
      var time = Timespec()
      guard readTime(5, &time) else { return error(EFAULT) }
      limit = time
    }
    lockEvents()
    guard let queue = queue(int32(0)) else {
      unlockEvents()
      return error(EBADF)
    }
    if capacity < 0 {
      unlockEvents()
      return error(EINVAL)
    }
    let passesOver = row.pointee.operand_count > 6 && int32(6) == 1
    var told = 0
    var refusal = 0
    var index = 0
    while index < changes, refusal == 0 {
      var change = ForeignEvent()
      guard readEvent(&change, address(1) &+ UInt64(index * layout.size), layout) else {
        refusal = error(EFAULT)
        break
      }
      index += 1
      if passesOver, change.filter == 0 { continue }
      change.flags &= ~table.eventSystemFlags
      let result = register(queue, change)
      guard result < 0 || change.flags & table[.EV_RECEIPT] != 0 else { continue }
      if told >= capacity {
        if result < 0 { refusal = result }
        break
      }
      change.flags = table[.EV_ERROR]
      change.data = result < 0 ? Int64(errno(of: result) ?? 0) : 0
      _ = writeEvent(change, address(3) &+ UInt64(told * layout.size), layout)
      told += 1
    }
    unlockEvents()
    if refusal != 0 { return refusal }
    if told > 0 { return told }
    if capacity == 0 { return 0 }
    if let limit, !limit.isInterval { return error(EINVAL) }
    return wait(int32(0), capacity, limit, layout)
  }

  private func readEvent(_ event: inout ForeignEvent, _ address: UInt64, _ layout: EventLayout) -> Bool {
    var buffer: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    return withUnsafeMutableBytes(of: &buffer) {
      guard copyIn($0.baseAddress!, address, layout.size) else { return false }
      event = layout.decode($0.baseAddress!)
      return true
    }
  }

  private func writeEvent(_ event: ForeignEvent, _ address: UInt64, _ layout: EventLayout) -> Bool {
    var buffer: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    return withUnsafeMutableBytes(of: &buffer) {
      layout.encode(event, $0.baseAddress!)
      return copyOut(address, $0.baseAddress!, layout.size)
    }
  }

  // MARK: Waiting

  /// Most events told at once: what fits the thread's scratch with both systems' structures.
  private var batch: Int { 256 }

  /// kqueue_scan: waits for the first event and tells what else has happened by then.
  private func wait(_ descriptor: Int32, _ capacity: Int, _ limit: Timespec?, _ layout: EventLayout) -> Int {
    let count = min(capacity, batch)
    guard let ready = scratch(12 * count), let told = scratch(layout.size * count) else {
      return error(ENOMEM)
    }
    var remaining = limit
    var end = Timespec()
    if let limit, !limit.isZero { end = now(LinuxClock.monotonic) + limit }
    while true {
      let found = waitOnce(descriptor, ready, count, remaining)
      // What only the engine knows is in the set as well, by an eventfd: nothing found is nothing there.
      if found == 0, limit?.isZero == true { return 0 }
      let isInterrupted = found == Int(PERSONA_RESTART) || found == error(EINTR)
      if found < 0, !isInterrupted { return found == error(EINVAL) ? error(EBADF) : found }
      lockEvents()
      guard let queue = queue(descriptor) else {
        unlockEvents()
        return error(EBADF)
      }
      if isInterrupted, queue.pointee.hasSignals { activateSignals(queue) }
      let filled = collect(queue, ready, found, told, count, layout)
      unlockEvents()
      if filled > 0 {
        return copyOut(address(3), told, filled * layout.size) ? filled : error(EFAULT)
      }
      // Linux ends this wait, unlike others, when a process that was stopped is continued.
      let isContinued = found == error(EINTR) && thread.pointee.pending == 0
      if isInterrupted, !isContinued { return interruption }
      guard let limit else { continue }
      if limit.isZero || found == 0, !isContinued { return 0 }
      let current = now(LinuxClock.monotonic)
      if end <= current { return 0 }
      remaining = end - current
    }
  }

  /// A signal ends the wait unless the guest ignores it and only EVFILT_SIGNAL had wanted it.
  private var interruption: Int {
    guard thread.pointee.pending != 0 else { return error(EINTR) }
    let native = withUnsafeBytes(of: &thread.pointee.pending_info) { $0.load(as: Int32.self) }
    let foreign = table.foreignSignal(Int(native))
    guard isSignalWatched(process, foreign) else { return error(EINTR) }
    let handler = withUnsafeBytes(of: &process.pointee.actions) {
      $0.load(fromByteOffset: MemoryLayout<persona_action>.stride * foreign, as: UInt64.self)
    }
    return handler > 1 ? error(EINTR) : Int(PERSONA_RESTART)
  }

  /// One kernel call.
  private func waitOnce(
    _ descriptor: Int32, _ ready: UnsafeMutableRawPointer, _ count: Int, _ limit: Timespec?
  ) -> Int {
    guard var time = limit, !time.isZero else {
      return host(
        __NR_epoll_pwait, Int(descriptor), ready.word, count, limit == nil ? -1 : 0)
    }
    let result = withUnsafePointer(to: &time) {
      host(__NR_epoll_pwait2, Int(descriptor), ready.word, count, Int(bitPattern: $0))
    }
    if result != error(ENOSYS) { return result }
    let milliseconds = min((time.total - 1) / 1_000_000 + 1, Int64(Int32.max))
    return host(__NR_epoll_pwait, Int(descriptor), ready.word, count, Int(milliseconds))
  }

  /// Makes events of what epoll and the engine know; how many.
  private func collect(
    _ queue: QueuePointer, _ ready: UnsafeMutableRawPointer, _ found: Int,
    _ told: UnsafeMutableRawPointer, _ capacity: Int, _ layout: EventLayout
  ) -> Int {
    var output = EventOutput(memory: told, capacity: capacity, layout: layout)
    let canWrite = tell(queue, ready, max(found, 0), &output)
    if canWrite, !output.isFull {
      let writable = hostNow(
        __NR_epoll_pwait, Int(queue.pointee.writers), ready.word, capacity - output.count, 0)
      _ = tell(queue, ready, max(writable, 0), &output)
    }
    tellActive(queue, &output)
    return output.count
  }

  /// Tells what epoll found; whether the writers' set is among it.
  private func tell(
    _ queue: QueuePointer, _ ready: UnsafeMutableRawPointer, _ found: Int, _ output: inout EventOutput
  ) -> Bool {
    var canWrite = false
    for index in 0..<found {
      let entry = ready + 12 * index
      let mask = entry.loadUnaligned(as: UInt32.self)
      let descriptor = entry.loadUnaligned(fromByteOffset: 4, as: Int32.self)
      let serial = entry.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
      switch serial {
      case WatchSerial.wake: break
      case WatchSerial.signals: activateSignals(queue)
      case WatchSerial.writers: canWrite = true
      default:
        if let watch = watch(queue, descriptor, serial) { tell(queue, watch, mask, &output) }
      }
    }
    return canWrite
  }
}
