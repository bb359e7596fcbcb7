import CEngine
import CWire

// poll(2) and select(2) with their variants. Facts: sys/poll.h, sys/select.h, kern/sys_generic.c. None is
// restarted after a signal there.

/// Poll bits by their numbers in sys/poll.h and in Linux (asm/poll.h); the first five agree.
private enum PollBits {
  static let same: UInt16 = 0x003f
  static let hangUp: UInt16 = 0x0010
  static let foreignReadNormal: UInt16 = 0x0040
  static let foreignReadBand: UInt16 = 0x0080
  static let foreignWriteBand: UInt16 = 0x0100
  static let foreignIgnoreEnd: UInt16 = 0x2000
  static let foreignReadHangUp: UInt16 = 0x4000
  static let input: UInt16 = 0x0001
  static let output: UInt16 = 0x0004
  static let nativeReadNormal: UInt16 = 0x0040
  static let nativeReadBand: UInt16 = 0x0080
  static let nativeWriteBand: UInt16 = 0x0200
  static let nativeReadHangUp: UInt16 = 0x2000

  static func native(_ foreign: UInt16) -> UInt16 {
    var bits = foreign & (same | foreignReadNormal | foreignReadBand)
    if foreign & foreignWriteBand != 0 { bits |= nativeWriteBand }
    if foreign & foreignReadHangUp != 0 { bits |= nativeReadHangUp }
    if foreign & foreignIgnoreEnd != 0 { bits |= input }
    return bits
  }

  /// What Linux tells as input of a process descriptor is a hang-up (procdesc_poll of kern/sys_procdesc.c), which is told
  /// whatever was asked for.
  static func isProcess(_ call: Call, _ descriptor: Int32) -> Bool {
    guard call.process.pointee.forked_descriptor != 0, descriptor >= 0 else { return false }
    // Signal 0 to nobody.
    let result = quietly(__NR_pidfd_send_signal, Int(descriptor), 0, 0, 0)
    return result == 0 || result == -Int(ESRCH) || result == -Int(EPERM)
  }

  /// Only what was asked for, and the three that always come.
  static func foreign(_ native: UInt16, asked: UInt16) -> UInt16 {
    var bits = native & (same | nativeReadNormal | nativeReadBand)
    if native & nativeWriteBand != 0 { bits |= foreignWriteBand }
    if native & nativeReadHangUp != 0 { bits |= foreignReadHangUp }
    if asked & foreignIgnoreEnd != 0, bits & input != 0 { bits |= foreignIgnoreEnd }
    if bits & hangUp != 0 { bits &= ~(output | foreignWriteBand) }  // never both there (poll(2))
    return bits & (asked | 0x0038)
  }
}

/// poll(2): a timeout in milliseconds, -1 (INFTIM) for none.
func poll(_ call: inout Call) -> Int {
  let timeout = call.int32(2)
  if timeout < -1 { return call.error(EINVAL) }
  if timeout == -1 { return call.poll(limit: nil, mask: 0) }
  let limit = Timespec(
    seconds: Int64(timeout) / 1000, nanoseconds: Int64(timeout) % 1000 * 1_000_000)
  return call.poll(limit: limit, mask: 0)
}

/// ppoll(2).
func ppoll(_ call: inout Call) -> Int {
  var limit: Timespec?
  if let refusal = call.readInterval(2, &limit) { return refusal }
  return call.poll(limit: limit, mask: call.address(3))
}

/// select(2): nothing is written to the timeout.
func select(_ call: inout Call) -> Int {
  var limit: Timespec?
  if call.address(4) != 0 {
    var time = Timespec()
    guard call.readTime(4, &time) else { return call.error(EFAULT) }
    // itimerfix's conditions: microseconds below a second.
    if time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= 1_000_000 { return call.error(EINVAL) }
    limit = Timespec(seconds: time.seconds, nanoseconds: time.nanoseconds * 1000)
  }
  return call.select(limit: limit, mask: 0)
}

/// pselect(2).
func pselect(_ call: inout Call) -> Int {
  var limit: Timespec?
  if let refusal = call.readInterval(4, &limit) { return refusal }
  return call.select(limit: limit, mask: call.address(5))
}

extension Call {
  /// Reads the timespec that operand `index` points to, if it does; the answer when it is no interval.
  fileprivate func readInterval(_ index: Int, _ limit: inout Timespec?) -> Int? {
    guard address(index) != 0 else { return nil }
    var time = Timespec()
    guard readTime(index, &time) else { return error(EFAULT) }
    if !time.isInterval { return error(EINVAL) }
    limit = time
    return nil
  }

  /// Linux's struct pollfd is the foreign one but for the bits.
  fileprivate func poll(limit: Timespec?, mask: UInt64) -> Int {
    let count = Int(uint32(1))
    if count > 1 << 20 { return error(EINVAL) }
    guard count > 0 else { return wait(__NR_ppoll, 0, 0, limit, mask) }
    let small = count <= 1024
    guard let entries = small ? scratch(8 * count) : persona_allocate(8 * count) else {
      return error(ENOMEM)
    }
    defer { if !small { persona_release(entries) } }
    guard copyIn(entries, address(0), 8 * count) else { return error(EFAULT) }
    for index in 0..<count {
      let asked = entries.load(fromByteOffset: 8 * index + 4, as: UInt16.self)
      // The guest's own bits wait in the answer's place.
      var bits = PollBits.native(asked)
      if PollBits.isProcess(self, entries.load(fromByteOffset: 8 * index, as: Int32.self)) { bits = PollBits.input }
      entries.storeBytes(of: bits, toByteOffset: 8 * index + 4, as: UInt16.self)
    }
    let result = wait(__NR_ppoll, entries.word, count, limit, mask)
    if result < 0 { return result }
    var ready = 0
    for index in 0..<count {
      let place = address(0) &+ UInt64(8 * index)
      var asked: UInt16 = 0
      guard read(&asked, at: place &+ 4) else { return error(EFAULT) }
      let told = entries.load(fromByteOffset: 8 * index + 6, as: UInt16.self)
      var answer = PollBits.foreign(told, asked: asked)
      let descriptor = entries.load(fromByteOffset: 8 * index, as: Int32.self)
      if told != 0, PollBits.isProcess(self, descriptor) {
        answer = PollBits.hangUp
      } else if answer & PollBits.hangUp != 0 {
        answer |= endOfInput(descriptor, asked)
      }
      if answer != 0 { ready += 1 }
      guard write(answer, at: place &+ 6) else { return error(EFAULT) }
    }
    return result == 0 ? 0 : ready
  }

  /// The end of a pipe or of a terminal is input, too, for who waits for some (pipe_poll, ptsdev_poll), which Linux does
  /// not say. Of sockets it does, and a hang-up alone is that of one that was never connected.
  private func endOfInput(_ descriptor: Int32, _ asked: UInt16) -> UInt16 {
    let waited = asked & (PollBits.input | PollBits.foreignReadNormal)
    if waited == 0 || asked & PollBits.foreignIgnoreEnd != 0 { return 0 }
    // struct stat, whose st_mode is at 24.
    var status = InlineArray<18, UInt64>(repeating: 0)
    let result = withUnsafeMutablePointer(to: &status) { quietly(__NR_fstat, Int(descriptor), Int(bitPattern: $0)) }
    return result == 0 && status[3] & 0o170000 != 0o140000 ? waited : 0
  }

  /// ppoll of Linux with an absolute end, so that spurious signals do not stretch it; never restarted.
  private func wait(_ number: Int32, _ entries: Int, _ count: Int, _ limit: Timespec?, _ mask: UInt64) -> Int {
    var time = limit ?? Timespec()
    var native: UInt64 = 0
    if mask != 0 {
      guard let set = readSet(at: mask) else { return error(EFAULT) }
      native = table.nativeMask(set) & ~TrapContext.unblockable
    }
    let result = withUnsafeMutablePointer(to: &time) { time in
      withUnsafePointer(to: &native) {
        host(
          number, entries, count, limit == nil ? 0 : Int(bitPattern: time),
          mask == 0 ? 0 : Int(bitPattern: $0), 8)
      }
    }
    return result == Int(PERSONA_RESTART) ? error(EINTR) : result
  }

  /// fd_set is the same on both sides: Linux's 64-bit words.
  fileprivate func select(limit: Timespec?, mask: UInt64) -> Int {
    let count = Int(int32(0))
    if count < 0 { return error(EINVAL) }
    var time = limit ?? Timespec()
    var native: UInt64 = 0
    if mask != 0 {
      guard let set = readSet(at: mask) else { return error(EFAULT) }
      native = table.nativeMask(set) & ~TrapContext.unblockable
    }
    let result = withUnsafeMutablePointer(to: &time) { time in
      withUnsafePointer(to: &native) { native in
        var argument: InlineArray<2, UInt64> = [mask == 0 ? 0 : UInt64(UInt(bitPattern: native)), 8]
        return withUnsafePointer(to: &argument) {
          host(
            __NR_pselect6, count, self[1], self[2], self[3], limit == nil ? 0 : Int(bitPattern: time),
            Int(bitPattern: $0))
        }
      }
    }
    return result == Int(PERSONA_RESTART) ? error(EINTR) : result
  }
}
