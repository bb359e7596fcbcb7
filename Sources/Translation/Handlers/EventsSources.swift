import CEngine
import CWire
import Wire

// Timers, processes, files and signals as sources of events, under `event_lock`.
extension Call {
  // MARK: EVFILT_TIMER

  /// EVFILT_TIMER (filt_timerattach): a timerfd.
  func attachTimer(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    let isAbsolute = knote.pointee.askedFlags & table[.NOTE_ABSTIME] != 0
    let clock = isAbsolute ? LinuxClock.realtime : LinuxClock.monotonic
    if !isAbsolute { knote.pointee.event.flags |= table[.EV_CLEAR] }
    let descriptor = hidden(hostNow(__NR_timerfd_create, clock, 0o2004000))  // TFD_CLOEXEC|TFD_NONBLOCK
    let result = attachHelper(queue, knote, descriptor)
    return result < 0 ? result : startTimer(knote)
  }

  /// filt_timervalidate, filt_timerstart.
  func startTimer(_ knote: KnotePointer) -> Int {
    let isOneshot = knote.pointee.event.flags & table[.EV_ONESHOT] != 0
    let flags = knote.pointee.askedFlags
    if knote.pointee.askedData < 0 { return error(EINVAL) }
    if knote.pointee.askedData == 0, !isOneshot { knote.pointee.askedData = 1 }
    guard let perSecond = timerUnit(flags & ~table[.NOTE_ABSTIME]) else { return error(EINVAL) }
    let data = knote.pointee.askedData
    var value = Timespec(
      seconds: min(data / perSecond, Int64(1) << 40),
      nanoseconds: data % perSecond * (1_000_000_000 / perSecond))
    if value.isZero { value.nanoseconds = 1 }
    let isAbsolute = flags & table[.NOTE_ABSTIME] != 0
    let interval = isOneshot || isAbsolute ? Timespec() : value
    var setting: InlineArray<2, Timespec> = [interval, value]
    guard let watch = knote.pointee.watch else { return error(EINVAL) }
    return withUnsafeMutablePointer(to: &setting) {
      hostNow(
        __NR_timerfd_settime, Int(watch.pointee.descriptor), isAbsolute ? 1 : 0, Int(bitPattern: $0))
    }
  }

  /// How many of a timer's units make a second; nil for what is no unit. Where the personality names no
  /// units its timers count milliseconds, whatever the flags.
  private func timerUnit(_ note: UInt32) -> Int64? {
    if note == 0 || table.constant(.NOTE_SECONDS) == nil { return 1000 }
    switch note {
    case table[.NOTE_SECONDS]: return 1
    case table[.NOTE_MSECONDS]: return 1000
    case table[.NOTE_USECONDS]: return 1_000_000
    case table[.NOTE_NSECONDS]: return 1_000_000_000
    default: return nil
    }
  }

  /// Adds the expirations that the timerfd has counted.
  func countExpirations(_ watch: WatchPointer, _ knote: KnotePointer) -> Bool {
    var count: UInt64 = 0
    let result = withUnsafeMutablePointer(to: &count) {
      hostNow(__NR_read, Int(watch.pointee.descriptor), Int(bitPattern: $0), 8)
    }
    if result == 8 { knote.pointee.event.data &+= Int64(truncatingIfNeeded: count) }
    return knote.pointee.event.data != 0
  }

  // MARK: EVFILT_PROC, EVFILT_PROCDESC

  /// The process behind the pid descriptor has ended (filt_proc): data is its wait status.
  func noteExit(_ watch: WatchPointer, _ knote: KnotePointer) -> Bool {
    knote.pointee.event.data = Int64(exitStatus(watch.pointee.descriptor))
    knote.pointee.event.flags |= table[.EV_EOF] | table[.EV_NODATA]
    if knote.pointee.filter == .EVFILT_PROC { knote.pointee.event.flags |= table[.EV_ONESHOT] }
    knote.pointee.event.fflags |= knote.pointee.askedFlags & table[.NOTE_EXIT]
    return knote.pointee.event.fflags != 0
  }

  /// The wait status as the guest counts it. Linux tells it of children (waitid, which leaves the child to
  /// be waited for) and, where it can (PIDFD_GET_INFO, uapi linux/pidfd.h), of others.
  private func exitStatus(_ descriptor: Int32) -> Int32 {
    var information: InlineArray<32, Int32> = InlineArray(repeating: 0)
    let result = withUnsafeMutablePointer(to: &information) {
      // P_PIDFD; WEXITED | WNOWAIT | WNOHANG | __WALL
      hostNow(__NR_waitid, 3, Int(descriptor), Int(bitPattern: $0), 0x4100_0005, 0)
    }
    if result == 0, information[2] != 0 {
      let status = information[6]
      switch information[2] {
      case 1: return (status & 0xff) << 8  // CLD_EXITED
      case 3: return Int32(table.foreignSignal(Int(status))) | 0x80  // CLD_DUMPED
      default: return Int32(table.foreignSignal(Int(status)))
      }
    }
    var details: InlineArray<10, UInt64> = InlineArray(repeating: 0)
    details[0] = 8  // PIDFD_INFO_EXIT
    let asked = withUnsafeMutablePointer(to: &details) {
      hostNow(__NR_ioctl, Int(descriptor), 0xc040_ff0b, Int(bitPattern: $0))
    }
    guard asked == 0, details[0] & 8 != 0 else { return 0 }
    let status = Int32(truncatingIfNeeded: details[7] >> 32)
    let signal = status & 0x7f
    return signal == 0 ? status & 0xff00 : Int32(table.foreignSignal(Int(signal))) | status & 0x80
  }

  // MARK: EVFILT_VNODE

  /// Reads inotify's events (uapi linux/inotify.h: wd, mask, cookie, length, name).
  func drainInotify(_ watch: WatchPointer, _ body: (UInt32) -> Void) {
    var buffer: InlineArray<512, UInt64> = InlineArray(repeating: 0)
    withUnsafeMutablePointer(to: &buffer) { buffer in
      let bytes = UnsafeMutableRawPointer(buffer)
      while true {
        let count = hostNow(__NR_read, Int(watch.pointee.descriptor), bytes.word, 4096)
        if count <= 0 { return }
        var offset = 0
        while offset + 16 <= count {
          body(bytes.load(fromByteOffset: offset + 4, as: UInt32.self))
          offset += 16 + Int(bytes.load(fromByteOffset: offset + 12, as: UInt32.self))
        }
      }
    }
  }

  /// What happened to a file, in the personality's words. An open file's last name going away is a changed link
  /// count for Linux.
  func noteChanges(_ watch: WatchPointer, _ knote: KnotePointer) -> Bool {
    var seen: UInt32 = 0
    drainInotify(watch) { seen |= $0 }
    var notes: UInt32 = 0
    let status = fileStatus(Int32(truncatingIfNeeded: knote.pointee.event.ident))
    if seen & (Inotify.modify | Inotify.entries) != 0 { notes |= table[.NOTE_WRITE] }
    if let status {
      if seen & Inotify.modify != 0 {
        if status.size > knote.pointee.state { notes |= table[.NOTE_EXTEND] }
        if status.size < knote.pointee.state { notes |= table[.NOTE_TRUNCATE] }
      }
      if status.links < knote.pointee.links, !status.isDirectory { notes |= table[.NOTE_DELETE] }
      if status.links > knote.pointee.links || (status.isDirectory && status.links != knote.pointee.links) {
        notes |= table[.NOTE_LINK]
      }
      if seen & Inotify.attributes != 0, status.links == knote.pointee.links { notes |= table[.NOTE_ATTRIB] }
      if status.links == 0, status.links != knote.pointee.links { notes |= table[.NOTE_DELETE] }
      knote.pointee.state = status.size
      knote.pointee.links = status.links
    }
    if seen & Inotify.deleteSelf != 0 { notes |= table[.NOTE_DELETE] }
    if seen & Inotify.moveSelf != 0 { notes |= table[.NOTE_RENAME] }
    if seen & Inotify.unmount != 0 { notes |= table[.NOTE_REVOKE] }
    if seen & Inotify.open != 0 { notes |= table[.NOTE_OPEN] }
    if seen & Inotify.close != 0 { notes |= table[.NOTE_CLOSE] }
    if seen & Inotify.closeWrite != 0 { notes |= table[.NOTE_CLOSE_WRITE] }
    if seen & Inotify.access != 0 { notes |= table[.NOTE_READ] }
    knote.pointee.event.fflags |= notes & (knote.pointee.askedFlags | table[.NOTE_REVOKE])
    if seen & Inotify.unmount != 0 { knote.pointee.event.flags |= table[.EV_EOF] }
    return knote.pointee.event.fflags != 0
  }

  // MARK: EVFILT_SIGNAL

  /// filt_sigattach: counts deliveries from now on, whatever the signal's action is. A blocked signal is not
  /// delivered, but a signalfd tells when it becomes pending; it is never read.
  func attachSignal(_ queue: QueuePointer, _ knote: KnotePointer) -> Int {
    guard let events else { return error(EINVAL) }
    knote.pointee.event.flags |= table[.EV_CLEAR]
    if events.pointee.signals < 0 {
      let descriptor = newEventDescriptor()
      if descriptor < 0 { return descriptor }
      events.pointee.signals = Int32(descriptor)
    }
    if !queue.pointee.hasSignals {
      let result = control(
        queue.pointee.descriptor, 1, events.pointee.signals, Readiness.input | Readiness.edge, WatchSerial.signals)
      if result < 0 { return result }
      queue.pointee.hasSignals = true
    }
    let result = prepareWake(queue)
    if result < 0 { return result }
    knote.pointee.askedData = 0
    guard knote.pointee.event.ident < UInt64(PERSONA_SIGNALS) else { return 0 }
    let signal = Int(knote.pointee.event.ident)
    knote.pointee.state = signalCount(signal)
    let native = table.nativeSignal(signal)
    guard native > 0 else { return 0 }
    withUnsafeMutableBytes(of: &process.pointee.signals_watched) {
      let word = $0.load(fromByteOffset: signal / 64 * 8, as: UInt64.self)
      $0.storeBytes(of: word | 1 << UInt64(signal % 64), toByteOffset: signal / 64 * 8, as: UInt64.self)
    }
    withUnsafeMutablePointer(to: &process.pointee.action_lock) { persona_lock($0) }
    _ = persona_install_action(thread, Int32(signal), Int32(native))
    withUnsafeMutablePointer(to: &process.pointee.action_lock) { persona_unlock($0) }
    var mask: UInt64 = 1 << UInt64(native - 1)
    let pending = withUnsafePointer(to: &mask) {
      hostNow(__NR_signalfd4, -1, Int(bitPattern: $0), 8, 0o2004000)
    }
    return attachHelper(queue, knote, hidden(pending), isSecondName: true)
  }

  private func signalCount(_ signal: Int) -> UInt64 {
    guard signal > 0, signal < Int(PERSONA_SIGNALS) else { return 0 }
    return withUnsafeBytes(of: &process.pointee.signal_counts) {
      $0.load(fromByteOffset: 8 * signal, as: UInt64.self)
    }
  }

  func countSignals(_ knote: KnotePointer) -> Bool {
    let count = signalCount(Int(truncatingIfNeeded: knote.pointee.event.ident))
    if knote.pointee.links != 0, count != knote.pointee.state {  // the one that was pending
      knote.pointee.links = 0
      knote.pointee.state &+= 1
    }
    knote.pointee.event.data = Int64(bitPattern: count &- knote.pointee.state) &+ knote.pointee.askedData
    return knote.pointee.event.data != 0
  }

  /// The signalfd may have something. It looks again at every signal that the process gets, traps
  /// included, so a pending signal counts once until it is delivered.
  func notePendingSignal(_ knote: KnotePointer) {
    if knote.pointee.links != 0 { return }
    knote.pointee.links = 1
    knote.pointee.askedData &+= 1
  }

  /// What was told of is not told again; `askedData` counts signals that became pending.
  func forgetSignals(_ knote: KnotePointer, told: Int64) {
    knote.pointee.state &+= UInt64(bitPattern: told &- knote.pointee.askedData)
    knote.pointee.askedData = 0
  }

  /// Some signal was delivered: looks which of the queue's knotes wait for it.
  func activateSignals(_ queue: QueuePointer) {
    for slot in 0..<queue.pointee.buckets {
      var candidate = queue.pointee.knotes[slot]
      while let knote = candidate {
        candidate = knote.pointee.next
        if knote.pointee.filter == .EVFILT_SIGNAL, countSignals(knote) { activate(queue, knote) }
      }
    }
  }
}

/// Whether some EVFILT_SIGNAL knote of the process ever asked for this signal.
public func isSignalWatched(_ process: UnsafeMutablePointer<persona_process>, _ foreign: Int) -> Bool {
  guard foreign > 0, foreign < Int(PERSONA_SIGNALS) else { return false }
  return withUnsafeBytes(of: &process.pointee.signals_watched) {
    $0.load(fromByteOffset: foreign / 64 * 8, as: UInt64.self) >> UInt64(foreign % 64) & 1 != 0
  }
}

/// Counts a delivery of a signal for EVFILT_SIGNAL and wakes its waiters. For the engine's signal code:
/// takes no lock.
public func signalSeen(_ process: UnsafeMutablePointer<persona_process>, _ foreign: Int) {
  guard foreign > 0, foreign < Int(PERSONA_SIGNALS) else { return }
  // After a fork the counter's page would be copied.
  if isSignalWatched(process, foreign) {
    withUnsafeMutablePointer(to: &process.pointee.signal_counts) {
      $0.withMemoryRebound(to: UInt64.self, capacity: Int(PERSONA_SIGNALS)) { persona_count($0 + foreign) }
    }
  }
  guard let memory = process.pointee.event_queues else { return }
  let signals = memory.assumingMemoryBound(to: ProcessEvents.self).pointee.signals
  guard signals >= 0 else { return }
  var one: UInt64 = 1
  _ = withUnsafePointer(to: &one) {
    persona_syscall(
      Int64(__NR_write), UInt64(signals), UInt64(UInt(bitPattern: $0)), 8, 0, 0, 0)
  }
}
