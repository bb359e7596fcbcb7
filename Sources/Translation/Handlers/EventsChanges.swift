import CEngine
import CWire

// What an entry of kevent(2)'s change list does (kqueue_register), under `event_lock`.
extension Call {
  /// 0 or -errno.
  func register(_ queue: QueuePointer, _ change: ForeignEvent) -> Int {
    guard change.filter < 0, change.filter >= -15 else { return error(EINVAL) }
    guard let knote = knote(queue, change.ident, change.filter) else {
      if change.flags & EventFlag.add == 0 {
        if EventFilter.isDescriptor(change.filter) {
          let flags = hostNow(__NR_fcntl, Int(Int32(truncatingIfNeeded: change.ident)), 1)  // F_GETFD
          if flags < 0 { return flags }
        }
        return error(ENOENT)
      }
      return attach(queue, change)
    }
    if change.flags & EventFlag.delete != 0 {
      drop(queue, knote)
      return 0
    }
    if change.flags & EventFlag.keepUdata == 0 { knote.pointee.event.udata = change.udata }
    let touched = touch(queue, knote, change)
    if touched < 0 { return touched }
    if change.flags & EventFlag.disable != 0, change.flags & EventFlag.enable == 0 {
      knote.pointee.isDisabled = true
      deactivate(queue, knote)
    } else if change.flags & EventFlag.enable != 0 {
      knote.pointee.isDisabled = false
    }
    if change.flags & EventFlag.forceOneshot != 0 {
      knote.pointee.event.flags |= EventFlag.oneshot
      knote.pointee.state |= knote.pointee.event.filter == EventFilter.user ? 1 : 0
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
    if isTold(byEpoll: knote), knote.pointee.event.flags & EventFlag.clear == 0 { return 0 }
    if isPending(knote) { activate(queue, knote) }
    return 0
  }

  private func touch(_ queue: QueuePointer, _ knote: KnotePointer, _ change: ForeignEvent) -> Int {
    switch change.filter {
    case EventFilter.user: touchUser(queue, knote, change)
    case EventFilter.timer:
      if change.flags & EventFlag.add != 0 {
        deactivate(queue, knote)
        knote.pointee.event.data = 0
        knote.pointee.askedFlags = change.fflags
        knote.pointee.askedData = change.data
        return startTimer(knote)
      }
    case EventFilter.signal: knote.pointee.askedFlags = change.fflags
    default:
      knote.pointee.askedFlags = change.fflags
      knote.pointee.askedData = change.data
    }
    return 0
  }

  /// filt_usertouch.
  private func touchUser(_ queue: QueuePointer, _ knote: KnotePointer, _ change: ForeignEvent) {
    if change.fflags & 0x0100_0000 != 0 { knote.pointee.state = 1 }  // NOTE_TRIGGER
    let flags = change.fflags & 0x00ff_ffff
    switch change.fflags & 0xc000_0000 {
    case 0x4000_0000: knote.pointee.askedFlags &= flags  // NOTE_FFAND
    case 0x8000_0000: knote.pointee.askedFlags |= flags  // NOTE_FFOR
    case 0xc000_0000: knote.pointee.askedFlags = flags  // NOTE_FFCOPY
    default: break
    }
    knote.pointee.askedData = change.data
    if change.flags & EventFlag.clear != 0 {
      knote.pointee.state = 0
      deactivate(queue, knote)
    }
  }

  // MARK: New knotes

  private func attach(_ queue: QueuePointer, _ change: ForeignEvent) -> Int {
    guard let knote = newKnote(queue, change) else { return error(ENOMEM) }
    knote.pointee.isDisabled =
      change.flags & EventFlag.disable != 0 && change.flags & EventFlag.enable == 0
    let result: Int
    switch change.filter {
    case EventFilter.read, EventFilter.write: result = attachDescriptor(queue, knote)
    case EventFilter.timer: result = attachTimer(queue, knote)
    case EventFilter.user: result = prepareWake(queue)
    case EventFilter.signal: result = attachSignal(queue, knote)
    case EventFilter.process: result = attachProcess(queue, knote)
    case EventFilter.processDescriptor: result = attachProcessDescriptor(queue, knote)
    case EventFilter.vnode: result = attachFile(queue, knote)
    case EventFilter.aio, EventFilter.lio: result = error(EPERM)  // filt_aioattach: only aio_* may
    case EventFilter.sendfile: result = error(EPERM)
    default: result = error(EOPNOTSUPP)  // FS, EMPTY, JAIL
    }
    if result < 0 { drop(queue, knote) }
    return result
  }

  /// EVFILT_READ and EVFILT_WRITE.
  private func attachDescriptor(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard knote.pointee.event.ident <= UInt64(Int32.max) else { return error(EBADF) }
    let descriptor = Int32(knote.pointee.event.ident)
    let isWriter = knote.pointee.event.filter == EventFilter.write
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
    if knote.pointee.event.filter == EventFilter.read {
      // IN_MODIFY tells when there may be more to read.
      return attachHelper(queue, knote, inotify(descriptor, 0x2))
    }
    return 0
  }

  /// EVFILT_TIMER (filt_timerattach): a timerfd.
  private func attachTimer(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    let isAbsolute = knote.pointee.askedFlags & 0x10 != 0  // NOTE_ABSTIME
    let clock = isAbsolute ? LinuxClock.realtime : LinuxClock.monotonic
    if !isAbsolute { knote.pointee.event.flags |= EventFlag.clear }
    let descriptor = hidden(hostNow(__NR_timerfd_create, clock, 0o2004000))  // TFD_CLOEXEC|TFD_NONBLOCK
    let result = attachHelper(queue, knote, descriptor)
    return result < 0 ? result : startTimer(knote)
  }

  /// filt_timervalidate, filt_timerstart.
  private func startTimer(_ knote: KnotePointer) -> Int {
    let isOneshot = knote.pointee.event.flags & EventFlag.oneshot != 0
    let flags = knote.pointee.askedFlags
    if knote.pointee.askedData < 0 || flags & ~0x1f != 0 { return error(EINVAL) }
    if knote.pointee.askedData == 0, !isOneshot { knote.pointee.askedData = 1 }
    let perSecond: Int64
    switch flags & 0xf {
    case 1: perSecond = 1  // NOTE_SECONDS
    case 0, 2: perSecond = 1000  // NOTE_MSECONDS
    case 4: perSecond = 1_000_000  // NOTE_USECONDS
    case 8: perSecond = 1_000_000_000  // NOTE_NSECONDS
    default: return error(EINVAL)
    }
    let data = knote.pointee.askedData
    var value = Timespec(
      seconds: min(data / perSecond, Int64(1) << 40),
      nanoseconds: data % perSecond * (1_000_000_000 / perSecond))
    if value.isZero { value.nanoseconds = 1 }
    let isAbsolute = flags & 0x10 != 0
    let interval = isOneshot || isAbsolute ? Timespec() : value
    var setting: InlineArray<2, Timespec> = [interval, value]
    guard let watch = knote.pointee.watch else { return error(EINVAL) }
    return withUnsafeMutablePointer(to: &setting) {
      hostNow(
        __NR_timerfd_settime, Int(watch.pointee.descriptor), isAbsolute ? 1 : 0, Int(bitPattern: $0))
    }
  }

  /// EVFILT_PROC (filt_procattach): a pid descriptor tells of the exit and nothing else.
  private func attachProcess(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    if knote.pointee.askedFlags & 0x6000_0001 != 0 {  // NOTE_FORK, NOTE_EXEC, NOTE_TRACK
      return error(EOPNOTSUPP)
    }
    guard knote.pointee.event.ident > 0, knote.pointee.event.ident <= UInt64(Int32.max) else {
      return error(ESRCH)
    }
    knote.pointee.event.flags |= EventFlag.clear
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
    knote.pointee.event.flags |= EventFlag.clear
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
    if asked & 0x0006 != 0 { mask |= 0x3c2 }  // WRITE, EXTEND: modify, create, delete, moved in a directory
    if asked & 0x0019 != 0 { mask |= 0x4 }  // DELETE, ATTRIB, LINK: IN_ATTRIB
    if asked & 0x0010 != 0 { mask |= 0x3c0 }
    if asked & 0x0001 != 0 { mask |= 0x400 }  // IN_DELETE_SELF
    if asked & 0x0020 != 0 { mask |= 0x800 }  // IN_MOVE_SELF
    if asked & 0x0080 != 0 { mask |= 0x20 }
    if asked & 0x0100 != 0 { mask |= 0x10 }
    if asked & 0x0200 != 0 { mask |= 0x8 }
    if asked & 0x0400 != 0 { mask |= 0x1 }
    if mask == 0 { mask = 0x2000 }  // IN_UNMOUNT, which comes anyway
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
