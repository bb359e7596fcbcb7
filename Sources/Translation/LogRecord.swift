import CEngine
import CWire

/// One record of the call log being written, in place, by the holder of its slot's lock.
struct LogRecord {
  /// Bytes of a slot's ring.
  static let ring = UInt64(PERSONA_LOG_SLOT_BYTES) - 64

  private let slot: UnsafeMutablePointer<persona_log_slot>
  /// The record's first byte.
  let start: UnsafeMutableRawPointer
  /// Where the record starts, counted as `head` counts.
  private let position: UInt64
  private var size: Int
  /// Bytes that the record may take.
  private let limit: Int
  private var captures: UInt16 = 0

  /// Takes the lock of the thread's slot and finds `size + room` bytes in one piece, of which the first
  /// `size` are the record's fixed part. nil without a log, or when nobody empties it.
  @inline(__always)
  init?(_ thread: UnsafeMutablePointer<persona_thread>, _ kind: persona_log_kind, size: Int, room: Int) {
    let process = thread.pointee.process.unsafelyUnwrapped
    guard let log = process.pointee.log else { return nil }
    let tid = UInt32(bitPattern: thread.pointee.tid)
    slot = log + Int(tid % UInt32(PERSONA_LOG_SLOTS))
    let time = slot.pointee.counts_cycles != 0 ? persona_cycles() : LogRecord.now()
    LogRecord.lock(slot, tid)
    guard let position = LogRecord.reserve(slot, UInt64(truncatingIfNeeded: size &+ room)) else { return nil }
    self.position = position
    start = LogRecord.data(slot, position)
    self.size = size
    limit = size &+ room
    let head = start.assumingMemoryBound(to: persona_log_record.self)
    head.pointee.kind = UInt16(truncatingIfNeeded: kind.rawValue)
    head.pointee.pid = process.pointee.pid
    head.pointee.tid = thread.pointee.tid
    head.pointee.time = time
  }

  /// Hands the record to the reader and gives the lock back.
  @inline(__always)
  func publish() {
    let head = start.assumingMemoryBound(to: persona_log_record.self)
    head.pointee.size = UInt32(truncatingIfNeeded: size)
    head.pointee.captures = captures
    persona_log_publish(slot, position &+ UInt64(truncatingIfNeeded: size))
  }

  /// Appends the first Linux calls that the thread has noted, each up to its last argument that is not 0.
  @inline(never)
  mutating func append(_ thread: UnsafeMutablePointer<persona_thread>, natives: Int) {
    let fixed = MemoryLayout<persona_log_native>.stride &- 8 &* 6
    withUnsafeMutablePointer(to: &thread.pointee.natives) {
      var native = UnsafeMutableRawPointer($0).assumingMemoryBound(to: persona_log_native.self)
      for _ in 0..<natives {
        let words = UnsafeMutableRawPointer(native).assumingMemoryBound(to: UInt64.self)
        var length = MemoryLayout<persona_log_native>.stride / 8
        while length > fixed / 8, words[length &- 1] == 0 { length &-= 1 }
        native.pointee.argument_count = UInt32(truncatingIfNeeded: length &- fixed / 8)
        let to = (start + size).assumingMemoryBound(to: UInt64.self)
        var index = 0
        while index < length {
          to[index] = words[index]
          index &+= 1
        }
        size &+= 8 &* length
        native += 1
      }
    }
  }

  // MARK: Captures

  /// Whether a capture of so many bytes fits: what the guest's memory says of lengths may have changed since
  /// the record's room was found.
  private func fits(_ bytes: Int) -> Bool {
    size + MemoryLayout<persona_log_capture>.stride + LogRecord.rounded(bytes) <= limit
  }

  mutating func captureString(_ argument: Int, at address: UInt64, limit: Int) {
    guard fits(limit) else { return }
    let length = persona_copy_string(body.assumingMemoryBound(to: CChar.self), address, limit)
    if length >= 0 {
      capture(argument, Int(length))
    } else if length == -Int64(ENAMETOOLONG) {
      capture(argument, limit, truncated: true)
    } else {
      capture(argument, 0, fault: true)
    }
  }

  /// The strings of a NULL-terminated array, each with its NUL, as far as `limit` bytes hold them.
  mutating func captureStrings(_ argument: Int, at address: UInt64, limit: Int) {
    guard fits(limit) else { return }
    var used = 0
    var cursor = address
    while true {
      var string: UInt64 = 0
      guard persona_copy_in(&string, cursor, 8) == 0 else { return capture(argument, used, fault: true) }
      if string == 0 { return capture(argument, used) }
      guard used < limit else { return capture(argument, used, truncated: true) }
      let length = persona_copy_string(
        (body + used).assumingMemoryBound(to: CChar.self), string, limit - used)
      if length < 0 {
        let isLong = length == -Int64(ENAMETOOLONG)
        return capture(argument, isLong ? limit : used, truncated: isLong, fault: !isLong)
      }
      used += Int(length) + 1
      cursor &+= 8
    }
  }

  mutating func captureMemory(_ argument: Int, at address: UInt64, count: Int, truncated: Bool) {
    guard fits(count) else { return }
    let isReadable = persona_copy_in(body, address, count) == 0
    capture(argument, isReadable ? count : 0, truncated: isReadable && truncated, fault: !isReadable)
  }

  private var body: UnsafeMutableRawPointer { start + size + MemoryLayout<persona_log_capture>.stride }

  private mutating func capture(_ argument: Int, _ length: Int, truncated: Bool = false, fault: Bool = false)
  {
    let head = (start + size).assumingMemoryBound(to: persona_log_capture.self)
    head.pointee.argument = UInt8(argument)
    head.pointee.truncated = truncated ? 1 : 0
    head.pointee.fault = fault ? 1 : 0
    head.pointee.reserved = 0
    head.pointee.length = UInt32(length)
    size += MemoryLayout<persona_log_capture>.stride + LogRecord.rounded(length)
    captures += 1
  }

  static func rounded(_ bytes: Int) -> Int { (bytes + 7) & ~7 }

  // MARK: The slot

  @inline(__always)
  private static func data(
    _ slot: UnsafeMutablePointer<persona_log_slot>, _ position: UInt64
  ) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(slot) + 64 + Int(position % ring)
  }

  private static func claim(
    _ slot: UnsafeMutablePointer<persona_log_slot>, _ expected: UInt32, _ desired: UInt32
  ) -> UInt32 {
    withUnsafeMutablePointer(to: &slot.pointee.lock) { persona_log_claim($0, expected, desired) }
  }

  /// Takes the slot's lock. A lock that already holds this tid was left by a dead thread of that number.
  @inline(__always)
  private static func lock(_ slot: UnsafeMutablePointer<persona_log_slot>, _ tid: UInt32) {
    let owner = claim(slot, 0, tid)
    if owner != 0 && owner != tid { wait(slot, tid) }
  }

  @inline(never)
  private static func wait(_ slot: UnsafeMutablePointer<persona_log_slot>, _ tid: UInt32) {
    var turns = 0
    while true {
      let owner = claim(slot, 0, tid)
      if owner == 0 || owner == tid { return }
      turns += 1
      if turns % 64 == 0, isDead(owner), claim(slot, owner, tid) == owner { return }
      _ = persona_syscall(Int64(__NR_sched_yield), 0, 0, 0, 0, 0, 0)
    }
  }

  /// Whether no thread of this number runs any more. A zombie still takes signals, but has no memory that
  /// process_vm_readv could look for; a living thread answers EFAULT for address 0, or EPERM.
  private static func isDead(_ tid: UInt32) -> Bool {
    var byte: UInt8 = 0
    return withUnsafeMutablePointer(to: &byte) { byte in
      var own: InlineArray<2, UInt64> = [UInt64(UInt(bitPattern: byte)), 1]
      var other: InlineArray<2, UInt64> = [0, 1]
      return withUnsafeMutablePointer(to: &own) { own in
        withUnsafeMutablePointer(to: &other) { other in
          persona_syscall(
            Int64(__NR_process_vm_readv), UInt64(tid), UInt64(UInt(bitPattern: own)), 1,
            UInt64(UInt(bitPattern: other)), 1, 0) == -Int64(ESRCH)
        }
      }
    }
  }

  /// The position at which `bytes` fit in one piece; nil, and the lock given back, when nobody empties a full ring.
  @inline(__always)
  private static func reserve(_ slot: UnsafeMutablePointer<persona_log_slot>, _ bytes: UInt64) -> UInt64? {
    let head = slot.pointee.head
    if head &- slot.pointee.tail <= ring &- bytes, ring &- head % ring >= bytes { return head }
    return reserveElsewhere(slot, bytes)
  }

  /// The same after asking the supervisor to empty a full ring. A skip record fills what is left before the ring's end if
  /// they do not fit there.
  @inline(never)
  private static func reserveElsewhere(_ slot: UnsafeMutablePointer<persona_log_slot>, _ bytes: UInt64) -> UInt64? {
    let head = slot.pointee.head
    let piece = ring - head % ring
    let skipped = piece < bytes ? piece : 0
    var attempts = 0
    while true {
      let tail = withUnsafeMutablePointer(to: &slot.pointee.tail) { persona_log_load($0) }
      if head &- tail <= ring, head &- tail + skipped + bytes <= ring { break }
      attempts += 1
      let drain = UInt64(PERSONA_HC_LOG_DRAIN.rawValue)
      guard attempts < 4, persona_syscall(Int64(PERSONA_HYPERCALL), drain, 0, 0, 0, 0, 0) >= 0 else {
        slot.pointee.lost &+= 1
        persona_log_publish(slot, head)
        return nil
      }
    }
    guard skipped > 0 else { return head }
    let rest = data(slot, head).assumingMemoryBound(to: persona_log_record.self)
    rest.pointee.size = UInt32(skipped)
    rest.pointee.kind = UInt16(PERSONA_LOG_SKIP.rawValue)
    return head &+ skipped
  }

  /// CLOCK_MONOTONIC (1 in Linux's uapi time.h) in nanoseconds.
  @inline(never)
  private static func now() -> UInt64 {
    var time: (UInt64, UInt64) = (0, 0)
    withUnsafeMutablePointer(to: &time) {
      _ = persona_clock(1, UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt64.self))
    }
    return time.0 &* 1_000_000_000 &+ time.1
  }
}
