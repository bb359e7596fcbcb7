import CEngine
import CWire
import Wire

// What an entry of kevent(2)'s change list does (kqueue_register), under `event_lock`.
extension Call {
  /// 0 or -errno.
  func register(_ queue: QueuePointer, _ change: ForeignEvent) -> Int {
    guard let filter = table.eventFilter(change.filter) else { return error(EINVAL) }
    guard let knote = knote(queue, change.ident, filter) else {
      if change.flags & table[.EV_ADD] == 0 {
        if isDescriptor(filter) {
          let flags = hostNow(__NR_fcntl, Int(Int32(truncatingIfNeeded: change.ident)), 1)  // F_GETFD
          if flags < 0 { return flags }
        }
        return error(ENOENT)
      }
      return attach(queue, filter, change)
    }
    if change.flags & table[.EV_DELETE] != 0 {
      drop(queue, knote)
      return 0
    }
    if change.flags & table[.EV_KEEPUDATA] == 0 { knote.pointee.event.udata = change.udata }
    let touched = touch(queue, knote, change)
    if touched < 0 { return touched }
    if change.flags & table[.EV_DISABLE] != 0, change.flags & table[.EV_ENABLE] == 0 {
      knote.pointee.isDisabled = true
      deactivate(queue, knote)
    } else if change.flags & table[.EV_ENABLE] != 0 {
      knote.pointee.isDisabled = false
    }
    if change.flags & table[.EV_FORCEONESHOT] != 0 {
      knote.pointee.event.flags |= table[.EV_ONESHOT]
      knote.pointee.state |= knote.pointee.filter == .EVFILT_USER ? 1 : 0
    }
    return evaluateAgain(queue, knote)
  }

  /// What f_event(kn, 0) at the end of a registration does: a condition that holds now is told, even if it
  /// was told before.
  private func evaluateAgain(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    var isArmed = false
    if let watch = knote.pointee.watch {
      let before = watch.pointee.mask
      let result = synchronize(queue, watch)
      if result < 0 { return result }
      isArmed = watch.pointee.mask != before
    }
    if knote.pointee.isDisabled || isArmed { return 0 }
    if isTold(byEpoll: knote), knote.pointee.event.flags & table[.EV_CLEAR] == 0 { return 0 }
    if isPending(knote) { activate(queue, knote) }
    return 0
  }

  private func touch(_ queue: QueuePointer, _ knote: KnotePointer, _ change: ForeignEvent) -> Int {
    switch knote.pointee.filter {
    case .EVFILT_USER: touchUser(queue, knote, change)
    case .EVFILT_TIMER:
      if change.flags & table[.EV_ADD] != 0 {
        deactivate(queue, knote)
        knote.pointee.event.data = 0
        knote.pointee.askedFlags = change.fflags
        knote.pointee.askedData = change.data
        return startTimer(knote)
      }
    case .EVFILT_SIGNAL: knote.pointee.askedFlags = change.fflags
    default:
      knote.pointee.askedFlags = change.fflags
      knote.pointee.askedData = change.data
    }
    return 0
  }

  /// filt_usertouch.
  private func touchUser(_ queue: QueuePointer, _ knote: KnotePointer, _ change: ForeignEvent) {
    if change.fflags & table[.NOTE_TRIGGER] != 0 { knote.pointee.state = 1 }
    let flags = change.fflags & 0x00ff_ffff  // NOTE_FFLAGSMASK
    switch change.fflags & (table[.NOTE_FFAND] | table[.NOTE_FFOR]) {
    case table[.NOTE_FFCOPY]: knote.pointee.askedFlags = flags
    case table[.NOTE_FFAND]: knote.pointee.askedFlags &= flags
    case table[.NOTE_FFOR]: knote.pointee.askedFlags |= flags
    default: break
    }
    knote.pointee.askedData = change.data
    if change.flags & table[.EV_CLEAR] != 0 {
      knote.pointee.state = 0
      deactivate(queue, knote)
    }
  }

  // MARK: New knotes

  private func attach(_ queue: QueuePointer, _ filter: ConstantName, _ change: ForeignEvent) -> Int {
    guard let knote = newKnote(queue, filter, change) else { return error(ENOMEM) }
    knote.pointee.isDisabled =
      change.flags & table[.EV_DISABLE] != 0 && change.flags & table[.EV_ENABLE] == 0
    let result: Int
    switch filter {
    case .EVFILT_READ, .EVFILT_WRITE: result = attachDescriptor(queue, knote)
    case .EVFILT_EXCEPT: result = attachException(queue, knote)
    case .EVFILT_TIMER: result = attachTimer(queue, knote)
    case .EVFILT_USER: result = prepareWake(queue)
    case .EVFILT_SIGNAL: result = attachSignal(queue, knote)
    case .EVFILT_PROC: result = attachProcess(queue, knote)
    case .EVFILT_PROCDESC: result = attachProcessDescriptor(queue, knote)
    case .EVFILT_VNODE: result = attachFile(queue, knote)
    case .EVFILT_AIO, .EVFILT_LIO: result = error(EPERM)  // filt_aioattach: only aio_* may
    case .EVFILT_SENDFILE: result = error(EPERM)
    default: result = error(EOPNOTSUPP)  // FS, EMPTY, DEVICE, JAIL
    }
    if result < 0 { drop(queue, knote) }
    return result
  }

  /// EVFILT_READ and EVFILT_WRITE.
  private func attachDescriptor(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard knote.pointee.event.ident <= UInt64(Int32.max) else { return error(EBADF) }
    let descriptor = Int32(knote.pointee.event.ident)
    let isWriter = knote.pointee.filter == .EVFILT_WRITE
    if isWriter {
      let result = prepareWriters(queue)
      if result < 0 { return result }
    }
    guard let watch = newWatch(queue, knote, descriptor) else { return error(ENOMEM) }
    watch.pointee.isWriter = isWriter
    let result = synchronize(queue, watch)
    if result == error(EPERM) { return attachRegularFile(queue, knote) }
    if result == 0, watch.pointee.mask == 0 {  // disabled: nothing has looked at the descriptor yet
      return min(hostNow(__NR_fcntl, Int(descriptor), 1), 0)
    }
    return result
  }

  /// EVFILT_EXCEPT: a socket's urgent data.
  private func attachException(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard knote.pointee.event.ident <= UInt64(Int32.max) else { return error(EBADF) }
    let descriptor = Int32(knote.pointee.event.ident)
    guard let status = fileStatus(descriptor) else { return error(EBADF) }
    if !status.isSocket { return error(EOPNOTSUPP) }
    guard let watch = newWatch(queue, knote, descriptor) else { return error(ENOMEM) }
    return synchronize(queue, watch)
  }

  /// A number of the engine's own for a descriptor, with its own place in the set.
  func attachSecondName(_ queue: QueuePointer, _ knote: KnotePointer, _ descriptor: Int32) -> Int {
    let second = hostNow(__NR_dup, Int(descriptor))
    if second < 0 { return second }
    return attachHelper(queue, knote, hidden(second), isSecondName: true)
  }

  /// Puts a descriptor of the engine's into the set for one knote, which owns it from here on.
  func attachHelper(
    _ queue: QueuePointer, _ knote: KnotePointer, _ descriptor: Int, isSecondName: Bool = false
  ) -> Int {
    if descriptor < 0 { return descriptor }
    guard let watch = newWatch(queue, knote, Int32(descriptor)) else {
      _ = hostNow(__NR_close, descriptor)
      return error(ENOMEM)
    }
    watch.pointee.isHelper = true
    watch.pointee.isSecondName = isSecondName
    return synchronize(queue, watch)
  }

  /// A file that epoll refuses: regular files and directories are always writable, and readable while the
  /// offset is not at the end (filt_vfsread, filt_vfswrite); devices have no such filter there either.
  private func attachRegularFile(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    let descriptor = Int32(knote.pointee.event.ident)
    if let watch = knote.pointee.watch {
      knote.pointee.watch = nil
      discard(queue, watch)
    }
    guard let status = fileStatus(descriptor) else { return error(EBADF) }
    guard status.isFile || status.isDirectory else { return error(ENODEV) }
    knote.pointee.isFile = true
    let result = prepareWake(queue)
    if result < 0 { return result }
    if isPending(knote) { activate(queue, knote) }
    if knote.pointee.filter == .EVFILT_READ {
      // A modification tells when there may be more to read.
      return attachHelper(queue, knote, inotify(descriptor, Inotify.modify))
    }
    return 0
  }

  /// EVFILT_PROC (filt_procattach): a pid descriptor tells of the exit and nothing else.
  private func attachProcess(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    let unknown = table[.NOTE_FORK] | table[.NOTE_EXEC] | table[.NOTE_TRACK]
    if knote.pointee.askedFlags & unknown != 0 { return error(EOPNOTSUPP) }
    guard knote.pointee.event.ident > 0, knote.pointee.event.ident <= UInt64(Int32.max) else {
      return error(ESRCH)
    }
    knote.pointee.event.flags |= table[.EV_CLEAR]
    let descriptor = hidden(hostNow(__NR_pidfd_open, Int(knote.pointee.event.ident), 0))
    return descriptor == error(EINVAL) ? error(ESRCH) : attachHelper(queue, knote, descriptor)
  }

  /// EVFILT_PROCDESC: the guest's process descriptor is a pid descriptor already.
  private func attachProcessDescriptor(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard knote.pointee.event.ident <= UInt64(Int32.max) else { return error(EBADF) }
    let descriptor = Int32(knote.pointee.event.ident)
    // The null signal tells a pid descriptor from others.
    let checked = hostNow(__NR_pidfd_send_signal, Int(descriptor), 0)
    if checked == error(EBADF) {
      let flags = hostNow(__NR_fcntl, Int(descriptor), 1)
      return flags < 0 ? flags : error(EINVAL)
    }
    knote.pointee.event.flags |= table[.EV_CLEAR]
    return attachSecondName(queue, knote, descriptor)
  }

  /// EVFILT_VNODE: an inotify instance.
  private func attachFile(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard knote.pointee.event.ident <= UInt64(Int32.max) else { return error(EBADF) }
    let descriptor = Int32(knote.pointee.event.ident)
    guard let status = fileStatus(descriptor) else { return error(EBADF) }
    if status.isSocket || status.isPipe { return error(EINVAL) }
    knote.pointee.state = status.size
    knote.pointee.links = status.links
    let asked = knote.pointee.askedFlags
    var mask: UInt32 = 0
    let content = table[.NOTE_WRITE] | table[.NOTE_EXTEND] | table[.NOTE_TRUNCATE]
    if asked & content != 0 { mask |= Inotify.modify | Inotify.entries }
    let metadata = table[.NOTE_DELETE] | table[.NOTE_ATTRIB] | table[.NOTE_LINK]
    if asked & metadata != 0 { mask |= Inotify.attributes }
    if asked & table[.NOTE_LINK] != 0 { mask |= Inotify.entries }
    if asked & table[.NOTE_DELETE] != 0 { mask |= Inotify.deleteSelf }
    if asked & table[.NOTE_RENAME] != 0 { mask |= Inotify.moveSelf }
    if asked & table[.NOTE_OPEN] != 0 { mask |= Inotify.open }
    if asked & table[.NOTE_CLOSE] != 0 { mask |= Inotify.close }
    if asked & table[.NOTE_CLOSE_WRITE] != 0 { mask |= Inotify.closeWrite }
    if asked & table[.NOTE_READ] != 0 { mask |= Inotify.access }
    if mask == 0 { mask = Inotify.unmount }  // which comes anyway
    return attachHelper(queue, knote, inotify(descriptor, mask))
  }

  /// An inotify instance that watches the file behind a descriptor.
  private func inotify(_ descriptor: Int32, _ mask: UInt32) -> Int {
    let instance = hidden(hostNow(__NR_inotify_init1, 0o2004000))  // IN_CLOEXEC|IN_NONBLOCK
    if instance < 0 { return instance }
    guard let path = scratch(32) else { return error(ENOMEM) }
    descriptorPath(descriptor, path)
    let result = hostNow(__NR_inotify_add_watch, instance, path.word, Int(mask))
    if result < 0 {
      _ = hostNow(__NR_close, instance)
      return result
    }
    return instance
  }

  /// Writes "/proc/self/fd/N".
  private func descriptorPath(_ descriptor: Int32, _ path: UnsafeMutableRawPointer) {
    let prefix: StaticString = "/proc/self/fd/"
    var length = prefix.utf8CodeUnitCount
    path.copyMemory(from: prefix.utf8Start, byteCount: length)
    var divisor: Int32 = 1
    while descriptor / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      path.storeBytes(of: UInt8(48 + descriptor / divisor % 10), toByteOffset: length, as: UInt8.self)
      length += 1
      divisor /= 10
    }
    path.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  }
}
