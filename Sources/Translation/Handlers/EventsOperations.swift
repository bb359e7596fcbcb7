import CEngine
import CWire
import Wire

// EVFILT_AIO and EVFILT_LIO: the end of an operation of aio_read(2) and its kin, and of a whole lio_listio(2). Only those calls add them,
// by SIGEV_KEVENT; they are gone when the outcome has been fetched. Source: sys/kern/vfs_aio.c, filt_aio and filt_lio.

extension Call {
  /// Adds an event that tells of the end of what lies at `ident`: 0, or the error.
  func addEvent(_ descriptor: Int32, _ ident: UInt64, _ filter: ConstantName, _ flags: UInt32, _ udata: UInt64) -> Int {
    guard flags & ~(table[.EV_CLEAR] | table[.EV_DISPATCH] | table[.EV_ONESHOT]) == 0 else { return error(EINVAL) }
    lockEvents()
    defer { unlockEvents() }
    guard let queue = queue(descriptor) else { return error(EBADF) }
    if let known = knote(queue, ident, filter) {
      known.pointee.event.udata = udata
      known.pointee.isDisabled = false
      return 0
    }
    let event = ForeignEvent(
      ident: ident, filter: Int32(truncatingIfNeeded: table.constant(filter) ?? 0), flags: flags, udata: udata)
    guard newKnote(queue, filter, event) != nil else { return error(ENOMEM) }
    return prepareWake(queue)
  }

  /// Forgets the events of what lies at `ident`; the lock is held.
  func dropEvents(_ ident: UInt64, _ filter: ConstantName) {
    var candidate = events?.pointee.queues
    while let queue = candidate {
      candidate = queue.pointee.next
      if let known = knote(queue, ident, filter) { drop(queue, known) }
    }
  }

  /// filt_aio and filt_lio.
  func lookAtOperation(_ knote: KnotePointer) -> Bool {
    guard knote.pointee.state != 0 else { return false }
    if knote.pointee.filter == .EVFILT_AIO {
      let error = Int(knote.pointee.links)
      knote.pointee.event.data = error == 0 ? 0 : Int64(table.foreignErrno(error))
      knote.pointee.event.flags |= table[.EV_EOF]
    }
    return true
  }
}

/// What the events wait for has come; `error` is Linux's, or 0. The lock is held, by any thread of the engine's.
func triggerEvents(
  _ process: UnsafeMutablePointer<persona_process>, _ ident: UInt64, _ filter: ConstantName, error: UInt64
) {
  var candidate = process.pointee.event_queues?.assumingMemoryBound(to: ProcessEvents.self).pointee.queues
  while let queue = candidate {
    candidate = queue.pointee.next
    guard let known = knote(queue, ident, filter) else { continue }
    known.pointee.state = 1
    known.pointee.links = error
    guard enlist(queue, known) else { continue }
    var one: UInt64 = 1
    _ = withUnsafePointer(to: &one) { quietly(__NR_write, Int(queue.pointee.wake), Int(bitPattern: $0), 8) }
  }
}
