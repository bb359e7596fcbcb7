import CEngine
import CWire
import Wire

// The engine's side of kqueue(2). The guest's kqueue descriptor is a Linux epoll descriptor, so that it can
// be polled, waited for and nested; what a BSD keeps in knotes lies here, in the process's memory, under
// `event_lock`. Facts: sys/event.h, kern/kern_event.c.
// Filters, flags and notes are called by the names that the tables give their numbers (ConstantName).

typealias QueuePointer = UnsafeMutablePointer<EventQueue>
typealias KnotePointer = UnsafeMutablePointer<Knote>
typealias WatchPointer = UnsafeMutablePointer<Watch>
typealias EventsPointer = UnsafeMutablePointer<ProcessEvents>

/// One event that a queue looks for.
struct Knote: ListEntry {
  var next: KnotePointer?
  var filter: ConstantName
  var event: ForeignEvent
  /// The filter flags and data that the guest asked with (kn_sfflags, kn_sdata).
  var askedFlags: UInt32
  var askedData: Int64
  var isDisabled: Bool
  /// In the queue's list of events that the engine itself knows to have happened.
  var isActive: Bool
  var previousActive: KnotePointer?
  var nextActive: KnotePointer?
  /// What of Linux tells about the event; nil for those that only the engine knows (EVFILT_USER, _SIGNAL).
  var watch: WatchPointer?
  /// A regular file or directory, which epoll refuses.
  var isFile: Bool
  /// USER: triggered. SIGNAL: deliveries already told. VNODE: the size known.
  var state: UInt64
  /// VNODE: the link count known. SIGNAL: 1 while a signal is pending that was counted as such.
  var links: UInt64
}

/// A descriptor in one of a queue's epoll sets, for one knote: the guest's own, or one of the engine's (a
/// timer, an inotify, a pid, a second name of the guest's).
struct Watch: ListEntry {
  var next: WatchPointer?
  var descriptor: Int32
  /// Tells this watch from earlier ones of the same descriptor number.
  var serial: UInt32
  /// What epoll was asked for; 0 while the descriptor is not in the set.
  var mask: UInt32
  var knote: KnotePointer
  /// The engine's own, to be closed with the watch.
  var isHelper: Bool
  /// A helper that is another name of the guest's descriptor.
  var isSecondName: Bool
  /// In the set of the writers.
  var isWriter: Bool
  /// A socket that cannot tell anything yet, or not enough, is watched for changes only.
  var isParked: Bool
}

struct EventQueue: ListEntry {
  var next: QueuePointer?
  var descriptor: Int32
  /// Another descriptor of the same queue that was used; -1 if none is known.
  var alias: Int32
  /// An eventfd in the set: written to when `firstActive` is to be looked at. -1 until needed.
  var wake: Int32
  /// An epoll set within the set, of what EVFILT_WRITE waits for: what comes in is then no edge for what can
  /// go out. -1 until needed.
  var writers: Int32
  var hasSignals: Bool
  var knoteCount: Int
  var firstActive: KnotePointer?
  var lastActive: KnotePointer?
  /// Hash tables of `buckets` chains each, a power of two: knotes by identity and filter, watches by descriptor.
  var buckets: Int
  var knotes: UnsafeMutablePointer<KnotePointer?>
  var watches: UnsafeMutablePointer<WatchPointer?>
}

/// What a process has of this; never freed while the process runs.
struct ProcessEvents {
  var queues: QueuePointer?
  /// An eventfd in the set of every queue with EVFILT_SIGNAL knotes; -1 until needed.
  var signals: Int32
  var serial: UInt32
}

/// Linux's poll and epoll bits (uapi linux/eventpoll.h), which agree.
enum Readiness {
  static let input: UInt32 = 0x001
  static let urgent: UInt32 = 0x002
  static let output: UInt32 = 0x004
  static let error: UInt32 = 0x008
  static let hangUp: UInt32 = 0x010
  static let readHangUp: UInt32 = 0x2000
  static let edge: UInt32 = 1 << 31
}

/// inotify's bits (uapi linux/inotify.h).
enum Inotify {
  static let access: UInt32 = 0x1
  static let modify: UInt32 = 0x2
  static let attributes: UInt32 = 0x4
  static let closeWrite: UInt32 = 0x8
  static let close: UInt32 = 0x10
  static let open: UInt32 = 0x20
  /// A directory's entries: moved in and out, created, deleted.
  static let entries: UInt32 = 0x3c0
  static let deleteSelf: UInt32 = 0x400
  static let moveSelf: UInt32 = 0x800
  static let unmount: UInt32 = 0x2000
}

/// The serials of the descriptors that belong to no watch.
enum WatchSerial {
  static let wake: UInt32 = 0
  static let signals: UInt32 = 1
  static let writers: UInt32 = 2
  static let first: UInt32 = 3
}

/// Puts a knote among those that are looked at next; false if it is there, or disabled.
func enlist(_ queue: QueuePointer, _ knote: KnotePointer) -> Bool {
  if knote.pointee.isActive || knote.pointee.isDisabled { return false }
  knote.pointee.isActive = true
  knote.pointee.nextActive = nil
  knote.pointee.previousActive = queue.pointee.lastActive
  if let last = queue.pointee.lastActive {
    last.pointee.nextActive = knote
  } else {
    queue.pointee.firstActive = knote
  }
  queue.pointee.lastActive = knote
  return true
}

extension Call {
  var events: EventsPointer? {
    process.pointee.event_queues?.assumingMemoryBound(to: ProcessEvents.self)
  }

  func lockEvents() { withUnsafeMutablePointer(to: &process.pointee.event_lock) { persona_lock($0) } }
  func unlockEvents() { withUnsafeMutablePointer(to: &process.pointee.event_lock) { persona_unlock($0) } }

  /// The queue of a descriptor: known by its number, or found to be another name of one (kcmp KCMP_FILE).
  func queue(_ descriptor: Int32) -> QueuePointer? {
    guard let events else { return nil }
    var candidate = events.pointee.queues
    while let queue = candidate {
      if queue.pointee.descriptor == descriptor || queue.pointee.alias == descriptor { return queue }
      candidate = queue.pointee.next
    }
    candidate = events.pointee.queues
    while let queue = candidate {
      if isSame(descriptor, queue.pointee.descriptor) {
        queue.pointee.alias = descriptor
        return queue
      }
      candidate = queue.pointee.next
    }
    return nil
  }

  func isSame(_ one: Int32, _ other: Int32) -> Bool {
    let pid = Int(process.pointee.pid)
    return hostNow(__NR_kcmp, pid, pid, 0, Int(one), Int(other)) == 0
  }

  /// Moves a descriptor of the engine's out of the guest's sight: its own OS would not have it.
  func hidden(_ descriptor: Int) -> Int {
    if descriptor < 0 { return descriptor }
    let high = hiddenCopy(descriptor)
    if high < 0 { return descriptor }
    _ = hostNow(__NR_close, descriptor)
    return high
  }

  /// Another name of a descriptor, out of the guest's sight.
  func hiddenCopy(_ descriptor: Int) -> Int {
    var limits: InlineArray<2, UInt64> = [1024, 1024]
    _ = withUnsafeMutablePointer(to: &limits) {
      hostNow(__NR_prlimit64, 0, 7, 0, Int(bitPattern: $0))  // RLIMIT_NOFILE
    }
    let base = Int(min(limits[0] / 4 &* 3, 7680))
    return hostNow(__NR_fcntl, descriptor, 1030, base)  // F_DUPFD_CLOEXEC
  }

  func newEventDescriptor() -> Int { hidden(hostNow(__NR_eventfd2, 0, 0o2004000)) }  // EFD_CLOEXEC|_NONBLOCK

  // MARK: epoll

  /// epoll_ctl: 1 adds, 2 removes, 3 changes.
  func control(
    _ set: Int32, _ operation: Int, _ descriptor: Int32, _ mask: UInt32, _ serial: UInt32
  ) -> Int {
    var event: InlineArray<3, UInt32> = [mask, UInt32(bitPattern: descriptor), serial]
    return withUnsafeMutablePointer(to: &event) {
      hostNow(
        __NR_epoll_ctl, Int(set), operation, Int(descriptor), Int(bitPattern: $0))
    }
  }

  func set(_ queue: QueuePointer, _ watch: WatchPointer) -> Int32 {
    watch.pointee.isWriter ? queue.pointee.writers : queue.pointee.descriptor
  }

  /// Makes epoll's view of a watch what its knote needs; 0 or -errno.
  func synchronize(_ queue: QueuePointer, _ watch: WatchPointer) -> Int {
    let wanted = wantedMask(watch)
    let set = set(queue, watch)
    if wanted == watch.pointee.mask { return 0 }
    let operation = wanted == 0 ? 2 : watch.pointee.mask == 0 ? 1 : 3
    var result = control(set, operation, watch.pointee.descriptor, wanted, watch.pointee.serial)
    if operation == 3, result == error(ENOENT) {  // closed behind our back and opened anew
      result = control(set, 1, watch.pointee.descriptor, wanted, watch.pointee.serial)
    }
    if operation == 2 { result = 0 }
    if result == 0 { watch.pointee.mask = wanted }
    return result
  }

  private func wantedMask(_ watch: WatchPointer) -> UInt32 {
    let knote = watch.pointee.knote
    if knote.pointee.isDisabled { return 0 }
    if watch.pointee.isHelper, !watch.pointee.isSecondName { return Readiness.input }
    var mask = Readiness.input
    if knote.pointee.filter == .EVFILT_EXCEPT { mask = Readiness.urgent }
    if knote.pointee.filter == .EVFILT_READ { mask |= Readiness.readHangUp }
    if knote.pointee.filter == .EVFILT_WRITE { mask = Readiness.output }
    let isEdge = knote.pointee.event.flags & table[.EV_CLEAR] != 0 || watch.pointee.isParked
    return isEdge ? mask | Readiness.edge : mask
  }

  // MARK: Events that only the engine knows

  /// Puts a knote among those that are looked at next, and wakes a waiter.
  func activate(_ queue: QueuePointer, _ knote: KnotePointer) {
    if enlist(queue, knote) { wake(queue) }
  }

  func deactivate(_ queue: QueuePointer, _ knote: KnotePointer) {
    guard knote.pointee.isActive else { return }
    knote.pointee.isActive = false
    if let previous = knote.pointee.previousActive {
      previous.pointee.nextActive = knote.pointee.nextActive
    } else {
      queue.pointee.firstActive = knote.pointee.nextActive
    }
    if let next = knote.pointee.nextActive {
      next.pointee.previousActive = knote.pointee.previousActive
    } else {
      queue.pointee.lastActive = knote.pointee.previousActive
    }
    knote.pointee.previousActive = nil
    knote.pointee.nextActive = nil
  }

  /// Every write to the eventfd is an edge, which one waiter gets; so it need not be read.
  func wake(_ queue: QueuePointer) {
    guard prepareWake(queue) == 0 else { return }
    var one: UInt64 = 1
    _ = withUnsafePointer(to: &one) {
      hostNow(__NR_write, Int(queue.pointee.wake), Int(bitPattern: $0), 8)
    }
  }

  func prepareWake(_ queue: QueuePointer) -> Int {
    if queue.pointee.wake >= 0 { return 0 }
    let descriptor = newEventDescriptor()
    if descriptor < 0 { return descriptor }
    let result = control(
      queue.pointee.descriptor, 1, Int32(descriptor), Readiness.input | Readiness.edge, WatchSerial.wake)
    if result < 0 {
      _ = hostNow(__NR_close, descriptor)
      return result
    }
    queue.pointee.wake = Int32(descriptor)
    return 0
  }

  func prepareWriters(_ queue: QueuePointer) -> Int {
    if queue.pointee.writers >= 0 { return 0 }
    let descriptor = hidden(hostNow(__NR_epoll_create1, 0o2000000))
    if descriptor < 0 { return descriptor }
    let result = control(
      queue.pointee.descriptor, 1, Int32(descriptor), Readiness.input, WatchSerial.writers)
    if result < 0 {
      _ = hostNow(__NR_close, descriptor)
      return result
    }
    queue.pointee.writers = Int32(descriptor)
    return 0
  }
}
