import CEngine
import CWire
import Wire

/// Forgets what queues have of a descriptor that is about to be closed (knote_fdclose). Linux would keep
/// watching a file that has another descriptor, and tell of it under the closed one's number.
func descriptorClosed(_ call: Call, _ descriptor: Int32) {
  guard let events = call.events, events.pointee.queues != nil else { return }
  call.lockEvents()
  defer { call.unlockEvents() }
  var candidate = events.pointee.queues
  while let queue = candidate {
    candidate = queue.pointee.next
    if queue.pointee.alias == descriptor { queue.pointee.alias = -1 }
    if queue.pointee.descriptor == descriptor {
      call.closeName(queue)
    } else {
      call.dropKnotes(queue, descriptor)
    }
  }
}

/// For a fork's child, which does not inherit kqueues (kern_descrip.c, DFLAG_PASSABLE): closes them, unless
/// the descriptors are its parent's too, and frees what belongs to them if the memory is its own.
public func eventQueuesAfterFork(
  _ process: UnsafeMutablePointer<persona_process>, sharesMemory: Bool, sharesDescriptors: Bool
) {
  if process.pointee.event_lock != 0 { process.pointee.event_lock = 0 }
  if !sharesMemory { operationsAfterFork(process, sharesDescriptors: sharesDescriptors) }
  guard let memory = process.pointee.event_queues else { return }
  process.pointee.event_queues = nil
  let events = memory.assumingMemoryBound(to: ProcessEvents.self)
  let closeNow = { (descriptor: Int32) in if !sharesDescriptors { closeOne(descriptor) } }
  closeNow(events.pointee.signals)
  var candidate = events.pointee.queues
  while let queue = candidate {
    candidate = queue.pointee.next
    closeNow(queue.pointee.descriptor)
    closeNow(queue.pointee.alias)
    closeNow(queue.pointee.wake)
    closeNow(queue.pointee.writers)
    for slot in 0..<queue.pointee.buckets {
      var watch = queue.pointee.watches[slot]
      while let current = watch {
        watch = current.pointee.next
        if current.pointee.isHelper { closeNow(current.pointee.descriptor) }
        if !sharesMemory { persona_release(UnsafeMutableRawPointer(current)) }
      }
      var knote = queue.pointee.knotes[slot]
      while let current = knote, !sharesMemory {
        knote = current.pointee.next
        persona_release(UnsafeMutableRawPointer(current))
      }
    }
    if !sharesMemory {
      releaseTables(queue)
      persona_release(UnsafeMutableRawPointer(queue))
    }
  }
  if !sharesMemory { persona_release(memory) }
}

private func closeOne(_ descriptor: Int32) {
  if descriptor >= 0 { _ = persona_syscall(Int64(__NR_close), UInt64(descriptor), 0, 0, 0, 0, 0) }
}

extension Call {
  fileprivate func dropKnotes(_ queue: QueuePointer, _ descriptor: Int32) {
    guard descriptor >= 0 else { return }
    let ident = UInt64(descriptor)
    if let knote = knote(queue, ident, .EVFILT_READ) { drop(queue, knote) }
    if let knote = knote(queue, ident, .EVFILT_WRITE) { drop(queue, knote) }
    if let knote = knote(queue, ident, .EVFILT_VNODE) { drop(queue, knote) }
    if let knote = knote(queue, ident, .EVFILT_PROCDESC) { drop(queue, knote) }
    if let knote = knote(queue, ident, .EVFILT_EXCEPT) { drop(queue, knote) }
  }

  /// The descriptor by which the engine knows a queue goes away: another one takes its place, or the
  /// queue goes with it.
  fileprivate func closeName(_ queue: QueuePointer) {
    if queue.pointee.alias >= 0 {
      queue.pointee.descriptor = queue.pointee.alias
      queue.pointee.alias = -1
      return
    }
    for other in 0..<Int32(256)
    where other != queue.pointee.descriptor && isSame(other, queue.pointee.descriptor) {
      queue.pointee.descriptor = other
      return
    }
    destroy(queue)
  }

  /// kqueue_close.
  private func destroy(_ queue: QueuePointer) {
    for slot in 0..<queue.pointee.buckets {
      while let knote = queue.pointee.knotes[slot] { drop(queue, knote) }
    }
    closeOne(queue.pointee.wake)
    closeOne(queue.pointee.writers)
    guard let events else { return }
    queue.leave(&events.pointee.queues)
    releaseTables(queue)
    persona_release(UnsafeMutableRawPointer(queue))
  }

  fileprivate var hasQueues: Bool { events?.pointee.queues != nil }

  /// The lowest descriptor of the engine's own in a range; nil if there is none.
  private func firstOwn(from low: Int, to high: Int) -> Int? {
    var found: Int?
    let consider = { (descriptor: Int32) in
      let number = Int(descriptor)
      if number >= low, number <= high, number < found ?? Int.max { found = number }
    }
    lockEvents()
    var worker = knownOperations?.pointee.workers
    while let current = worker {
      worker = current.pointee.next
      consider(current.pointee.descriptor)
      consider(current.pointee.wake)
    }
    unlockEvents()
    guard let events else { return found }
    consider(events.pointee.signals)
    var candidate = events.pointee.queues
    while let queue = candidate {
      candidate = queue.pointee.next
      consider(queue.pointee.wake)
      consider(queue.pointee.writers)
      for slot in 0..<queue.pointee.buckets {
        var watch = queue.pointee.watches[slot]
        while let current = watch {
          watch = current.pointee.next
          if current.pointee.isHelper { consider(current.pointee.descriptor) }
        }
      }
    }
    return found
  }

  /// Closes a range of the guest's descriptors around the engine's own, as Linux's close_range with `flags`.
  func closeGuestRange(_ low: Int, _ high: Int, _ flags: Int) -> Int {
    if low > high { return error(EINVAL) }
    var closing = low
    while flags == 0, let descriptor = firstInUse(from: closing, to: high) {
      descriptorClosed(self, Int32(descriptor))
      closing = descriptor + 1
    }
    var from = low
    while from <= high {
      let own = firstOwn(from: from, to: high)
      let to = own.map { $0 - 1 } ?? high
      if to >= from {
        let result = hostNow(__NR_close_range, from, to, flags)
        if result < 0 { return result }
      }
      guard let own else { break }
      from = own + 1
    }
    return 0
  }

  /// The lowest descriptor of a range that some queue has to do with.
  private func firstInUse(from low: Int, to high: Int) -> Int? {
    var found: Int?
    let consider = { (number: Int) in
      if number >= low, number <= high, number < found ?? Int.max { found = number }
    }
    var candidate = events?.pointee.queues
    while let queue = candidate {
      candidate = queue.pointee.next
      consider(Int(queue.pointee.descriptor))
      consider(Int(queue.pointee.alias))
      for slot in 0..<queue.pointee.buckets {
        var knote = queue.pointee.knotes[slot]
        while let current = knote {
          knote = current.pointee.next
          if isDescriptor(current.pointee.filter) {
            consider(Int(Int32(truncatingIfNeeded: current.pointee.event.ident)))
          }
        }
      }
    }
    return found
  }
}

/// close(2).
func close(_ call: inout Call) -> Int {
  if call.hasQueues { descriptorClosed(call, call.int32(0)) }
  return call.hostNow(__NR_close, Int(call.int32(0)))
}

/// dup2(2).
func dup2(_ call: inout Call) -> Int {
  let from = call.int32(0)
  let to = call.int32(1)
  if from != to, call.hasQueues, call.hostNow(__NR_fcntl, Int(from), 1) >= 0 { descriptorClosed(call, to) }
  return call.hostNow(__NR_dup2, Int(from), Int(to))
}
