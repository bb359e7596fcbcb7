import CEngine
import CWire
import Wire

/// What of Linux's struct stat (asm/stat.h, 144 bytes) the filters need.
struct FileStatus {
  var mode: UInt32
  var links: UInt64
  var size: UInt64

  var isFile: Bool { mode & 0o170000 == 0o100000 }
  var isDirectory: Bool { mode & 0o170000 == 0o040000 }
  var isSocket: Bool { mode & 0o170000 == 0o140000 }
  var isPipe: Bool { mode & 0o170000 == 0o010000 }
}

// How events are told (kqueue_scan and the filters' f_event), under `event_lock`.
extension Call {
  func fileStatus(_ descriptor: Int32) -> FileStatus? {
    var status: InlineArray<18, UInt64> = InlineArray(repeating: 0)
    let result = withUnsafeMutablePointer(to: &status) {
      hostNow(__NR_fstat, Int(descriptor), Int(bitPattern: $0))
    }
    if result < 0 { return nil }
    return FileStatus(mode: UInt32(truncatingIfNeeded: status[3]), links: status[2], size: status[6])
  }

  /// Whether epoll tells again and again while the knote's condition holds.
  func isTold(byEpoll knote: KnotePointer) -> Bool {
    guard let watch = knote.pointee.watch else { return false }
    return !watch.pointee.isHelper || watch.pointee.isSecondName
  }

  /// Whether the condition holds, by what the engine knows or a look at the descriptor.
  func isPending(_ knote: KnotePointer) -> Bool {
    switch knote.pointee.filter {
    case .EVFILT_USER: return knote.pointee.state != 0
    case .EVFILT_AIO, .EVFILT_LIO: return lookAtOperation(knote)
    case .EVFILT_SIGNAL: return countSignals(knote)
    case .EVFILT_TIMER: return knote.pointee.event.data != 0
    case .EVFILT_READ, .EVFILT_WRITE, .EVFILT_EXCEPT:
      if knote.pointee.isFile { return lookAtFile(knote) }
      var entry: InlineArray<2, UInt32> = [
        UInt32(truncatingIfNeeded: knote.pointee.event.ident),
        Readiness.input | Readiness.urgent | Readiness.output | Readiness.readHangUp,
      ]
      let found = withUnsafeMutablePointer(to: &entry) { hostNow(__NR_poll, Int(bitPattern: $0), 1, 0) }
      return found > 0 && lookAt(knote, entry[1] >> 16)
    default: return knote.pointee.event.fflags != 0
    }
  }

  // MARK: From epoll

  func tell(_ queue: QueuePointer, _ watch: WatchPointer, _ mask: UInt32, _ output: inout EventOutput) {
    let knote = watch.pointee.knote
    if knote.pointee.isDisabled { return }
    let isPending: Bool
    switch knote.pointee.filter {
    case .EVFILT_TIMER: isPending = countExpirations(watch, knote)
    case .EVFILT_PROC, .EVFILT_PROCDESC: isPending = noteExit(watch, knote)
    case .EVFILT_VNODE: isPending = noteChanges(watch, knote)
    case .EVFILT_SIGNAL:
      notePendingSignal(knote)
      isPending = countSignals(knote)
    default:
      if knote.pointee.isFile {
        drainInotify(watch) { _ in }
        isPending = lookAtFile(knote)
      } else {
        isPending = lookAt(knote, mask)
        if watch.pointee.isParked == isPending {
          // Nothing to tell although epoll sees something, or no longer so.
          watch.pointee.isParked.toggle()
          _ = synchronize(queue, watch)
        }
      }
    }
    if isPending, !knote.pointee.isActive { deliver(queue, knote, &output) }
  }

  // MARK: From the engine

  func tellActive(_ queue: QueuePointer, _ output: inout EventOutput) {
    guard let last = queue.pointee.lastActive else { return }
    var candidate = queue.pointee.firstActive
    while let knote = candidate {
      candidate = knote == last ? nil : knote.pointee.nextActive
      if output.isFull {
        wake(queue)
        return
      }
      deactivate(queue, knote)
      if !knote.pointee.isDisabled, isPending(knote) { deliver(queue, knote, &output) }
    }
  }

  /// Tells one event, and does what its flags say about the next.
  private func deliver(_ queue: QueuePointer, _ knote: KnotePointer, _ output: inout EventOutput) {
    if output.isFull {
      activate(queue, knote)
      return
    }
    let flags = knote.pointee.event.flags
    var event = knote.pointee.event
    if knote.pointee.filter == .EVFILT_USER {
      event.fflags = knote.pointee.askedFlags
      event.data = knote.pointee.askedData
    }
    output.append(event)
    if flags & table[.EV_ONESHOT] != 0 {
      drop(queue, knote)
      return
    }
    if flags & table[.EV_CLEAR] != 0 {
      knote.pointee.event.data = 0
      knote.pointee.event.fflags = 0
      if knote.pointee.filter == .EVFILT_USER { knote.pointee.state = 0 }
      if knote.pointee.filter == .EVFILT_SIGNAL { forgetSignals(knote, told: event.data) }
    }
    if flags & table[.EV_DISPATCH] != 0 {
      knote.pointee.isDisabled = true
      if let watch = knote.pointee.watch { _ = synchronize(queue, watch) }
    } else if flags & table[.EV_CLEAR] == 0, !isTold(byEpoll: knote) {
      activate(queue, knote)  // told until it no longer holds
    }
  }

  // MARK: READ and WRITE

  /// Fills in data, EV_EOF and filter flags from poll bits; whether there is something to tell.
  ///
  /// A socket's pending error stays unread, since Linux forgets it once it is asked for: the guest's own
  /// next call is to find it. EV_EOF then comes without it in fflags.
  private func lookAt(_ knote: KnotePointer, _ mask: UInt32) -> Bool {
    knote.pointee.event.flags &= ~(table[.EV_EOF] | table[.EV_NODATA] | table[.EV_HUP])
    switch knote.pointee.filter {
    case .EVFILT_EXCEPT: return lookAtException(knote, mask)
    case .EVFILT_READ: return lookAtInput(knote, mask)
    case .EVFILT_WRITE: return lookAtOutput(knote, mask)
    default: return false
    }
  }

  private func lookAtInput(_ knote: KnotePointer, _ mask: UInt32) -> Bool {
    let ends = Readiness.readHangUp | Readiness.hangUp | Readiness.error
    guard mask & (Readiness.input | ends) != 0 else { return false }
    let descriptor = Int(knote.pointee.event.ident)
    if mask & (Readiness.hangUp | Readiness.readHangUp | Readiness.input) == Readiness.hangUp,
      isSocket(descriptor)
    {
      return false  // never connected
    }
    var available: Int32 = 0
    let result = withUnsafeMutablePointer(to: &available) {
      hostNow(__NR_ioctl, descriptor, 0x541b, Int(bitPattern: $0))  // FIONREAD
    }
    if result == 0 {
      knote.pointee.event.data = Int64(available)
    } else {
      knote.pointee.event.data = result == error(EINVAL) ? backlog(descriptor) : 1
    }
    if mask & (Readiness.readHangUp | Readiness.hangUp) != 0 {
      knote.pointee.event.flags |= table[.EV_EOF]
      if knote.pointee.event.data == 0 { knote.pointee.event.flags |= table[.EV_NODATA] }
      if mask & Readiness.hangUp != 0 { knote.pointee.event.flags |= table[.EV_HUP] }
      return true
    }
    let asksLeast = knote.pointee.askedFlags & table[.NOTE_LOWAT] != 0
    let isLow = asksLeast && knote.pointee.event.data < knote.pointee.askedData
    return mask & Readiness.error != 0 || !isLow
  }

  private func lookAtException(_ knote: KnotePointer, _ mask: UInt32) -> Bool {
    if mask & (Readiness.hangUp | Readiness.error) != 0 {
      knote.pointee.event.flags |= table[.EV_EOF] | table[.EV_HUP]
      return true
    }
    guard mask & Readiness.urgent != 0 else { return false }
    knote.pointee.event.fflags = knote.pointee.askedFlags & table[.NOTE_OOB]
    return knote.pointee.event.fflags != 0
  }

  /// Connections that wait to be accepted: TCP_INFO's tcpi_unacked (uapi linux/tcp.h).
  private func backlog(_ descriptor: Int) -> Int64 {
    var information: InlineArray<8, UInt32> = InlineArray(repeating: 0)
    var size: UInt32 = 32
    let result = withUnsafeMutablePointer(to: &information) { information in
      withUnsafeMutablePointer(to: &size) {
        hostNow(__NR_getsockopt, descriptor, 6, 11, Int(bitPattern: information), Int(bitPattern: $0))
      }
    }
    return result == 0 && size >= 28 ? max(Int64(information[6]), 1) : 1
  }

  private func isSocket(_ descriptor: Int) -> Bool { socketOption(descriptor, 3) != nil }  // SO_TYPE

  private func socketOption(_ descriptor: Int, _ option: Int) -> Int32? {
    var value: Int32 = 0
    var size: UInt32 = 4
    let result = withUnsafeMutablePointer(to: &value) { value in
      withUnsafeMutablePointer(to: &size) {
        hostNow(__NR_getsockopt, descriptor, 1, option, Int(bitPattern: value), Int(bitPattern: $0))
      }
    }
    return result == 0 ? value : nil
  }

  private func lookAtOutput(_ knote: KnotePointer, _ mask: UInt32) -> Bool {
    guard mask & (Readiness.output | Readiness.hangUp | Readiness.error) != 0 else { return false }
    let descriptor = Int(knote.pointee.event.ident)
    let ends = mask & (Readiness.hangUp | Readiness.error) != 0
    if mask & (Readiness.hangUp | Readiness.readHangUp | Readiness.input | Readiness.error)
      == Readiness.hangUp, isNeverConnected(descriptor)
    {
      return false
    }
    knote.pointee.event.data = space(descriptor)
    if ends { knote.pointee.event.flags |= table[.EV_EOF] | table[.EV_HUP] }
    return true
  }

  /// A stream socket that hangs up but has no end of input has not been connected yet.
  private func isNeverConnected(_ descriptor: Int) -> Bool {
    guard isSocket(descriptor) else { return false }
    var entry: InlineArray<2, UInt32> = [UInt32(descriptor), Readiness.input | Readiness.readHangUp]
    let found = withUnsafeMutablePointer(to: &entry) { hostNow(__NR_poll, Int(bitPattern: $0), 1, 0) }
    return found > 0 && entry[1] >> 16 & (Readiness.input | Readiness.readHangUp) == 0
  }

  /// Bytes that can be written: what a socket's buffer (SO_SNDBUF, which Linux doubles) or a pipe
  /// (F_GETPIPE_SZ) has beyond what waits in it.
  private func space(_ descriptor: Int) -> Int64 {
    var waiting: Int32 = 0
    let queued = withUnsafeMutablePointer(to: &waiting) {
      hostNow(__NR_ioctl, descriptor, 0x5411, Int(bitPattern: $0))  // TIOCOUTQ
    }
    if queued == 0, let buffer = socketOption(descriptor, 7) {
      return max(Int64(buffer / 2 - waiting), 1)
    }
    let size = hostNow(__NR_fcntl, descriptor, 1032)
    if size < 0 { return queued == 0 ? max(4096 - Int64(waiting), 1) : 1 }
    _ = withUnsafeMutablePointer(to: &waiting) {
      hostNow(__NR_ioctl, descriptor, 0x541b, Int(bitPattern: $0))
    }
    return max(Int64(size) - Int64(waiting), 1)
  }

  private func lookAtFile(_ knote: KnotePointer) -> Bool {
    if knote.pointee.filter == .EVFILT_WRITE {
      knote.pointee.event.data = 0
      return true
    }
    let descriptor = Int32(truncatingIfNeeded: knote.pointee.event.ident)
    guard let status = fileStatus(descriptor) else { return false }
    let offset = hostNow(__NR_lseek, Int(descriptor), 0, 1)
    knote.pointee.event.data = Int64(bitPattern: status.size) &- Int64(max(offset, 0))
    let always = table[.NOTE_FILE_POLL] | table[.NOTE_EOF]
    return knote.pointee.event.data != 0 || knote.pointee.askedFlags & always != 0
  }
}
