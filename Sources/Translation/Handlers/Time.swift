import CEngine
import CWire

/// struct timespec, the same on both sides for 64-bit guests.
struct Timespec: BitwiseCopyable {
  var seconds: Int64 = 0
  var nanoseconds: Int64 = 0

  static let zero = Timespec()
  var isZero: Bool { seconds == 0 && nanoseconds == 0 }
  var hasValidFraction: Bool { nanoseconds >= 0 && nanoseconds < 1_000_000_000 }
  /// timespecvalid_interval (sys/time.h).
  var isInterval: Bool { seconds >= 0 && hasValidFraction }

  /// At most what 63 bits of nanoseconds hold.
  var total: Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? Int64.min : Int64.max }
    let (sum, carried) = product.addingReportingOverflow(nanoseconds)
    return carried ? Int64.max : sum
  }

  static func + (left: Timespec, right: Timespec) -> Timespec {
    var sum = Timespec(seconds: left.seconds, nanoseconds: left.nanoseconds &+ right.nanoseconds)
    let (seconds, overflow) = left.seconds.addingReportingOverflow(right.seconds)
    if overflow || seconds == Int64.max { return Timespec(seconds: Int64.max, nanoseconds: 999_999_999) }
    sum.seconds = seconds
    if sum.nanoseconds >= 1_000_000_000 {
      sum.nanoseconds -= 1_000_000_000
      sum.seconds += 1
    }
    return sum
  }

  static func - (left: Timespec, right: Timespec) -> Timespec {
    var rest = Timespec(
      seconds: left.seconds &- right.seconds, nanoseconds: left.nanoseconds &- right.nanoseconds)
    if rest.nanoseconds < 0 {
      rest.nanoseconds += 1_000_000_000
      rest.seconds &-= 1
    }
    return rest
  }

  static func <= (left: Timespec, right: Timespec) -> Bool {
    left.seconds < right.seconds
      || (left.seconds == right.seconds && left.nanoseconds <= right.nanoseconds)
  }
}

extension UnsafeMutablePointer<Timespec> {
  /// Its two words.
  var words: UnsafeMutablePointer<UInt64> { UnsafeMutableRawPointer(self).assumingMemoryBound(to: UInt64.self) }
}

/// Linux's clock ids (uapi linux/time.h).
enum LinuxClock {
  static let realtime = 0
  static let monotonic = 1
  static let sinceBoot = 7
}

extension Call {
  /// Linux's clock that one of sys/_clock_id.h's is as it stands, of those that take no kernel entry.
  public static func plainClock(_ foreign: UInt64) -> Int32? {
    switch Int32(truncatingIfNeeded: foreign) {
    case 0, 9, 10: Int32(LinuxClock.realtime)
    case 4, 5, 7, 8, 11, 12: Int32(LinuxClock.monotonic)
    default: nil
    }
  }

  /// Linux's clock for one of sys/_clock_id.h's; nil if there is none such. Negative numbers are
  /// processors' time: of a process or thread (sys/timers.h, MAKE_PROCESS_CPUCLOCK; Linux:
  /// linux/posix-timers_types.h), 0 being the caller, and there Linux counts user time as clock 1, all as 0.
  func nativeClock(_ foreign: Int) -> Int? {
    let foreign = Int(Int32(truncatingIfNeeded: foreign))
    switch foreign {
    case 0, 9, 10, 13: return LinuxClock.realtime  // CLOCK_REALTIME, _PRECISE, _FAST, CLOCK_SECOND
    case 4, 5, 7, 8, 11, 12: return LinuxClock.monotonic  // CLOCK_MONOTONIC, CLOCK_UPTIME and variants
    case 1: return ~0 << 3 | 1  // CLOCK_VIRTUAL
    case 2: return ~0 << 3  // CLOCK_PROF
    case 14: return 3  // CLOCK_THREAD_CPUTIME_ID
    case 15: return 2  // CLOCK_PROCESS_CPUTIME_ID
    case 16: return 11  // CLOCK_TAI
    default:
      guard foreign < 0 else { return nil }
      let owner = foreign & 0x3fff_ffff
      return ~owner << 3 | (foreign & 0x4000_0000 != 0 ? 2 : 6)
    }
  }

  /// Reads the time that operand `index` points to, in the layout that its type has; false is EFAULT.
  func readTime(_ index: Int, _ time: inout Timespec) -> Bool {
    guard let structure = timeLayout(index) else { return read(&time, at: address(index)) }
    var failure = 0
    guard let native = structIn(structure, at: address(index), failure: &failure) else { return false }
    time = native.load(as: Timespec.self)
    return true
  }

  /// Writes a time where operand `index` points to; false is EFAULT.
  func writeTime(_ index: Int, _ time: Timespec) -> Bool {
    guard let structure = timeLayout(index) else { return write(time, at: address(index)) }
    var time = time
    return withUnsafeBytes(of: &time) { structOut(structure, from: $0.baseAddress!, to: address(index)) == 0 }
  }

  /// The structure of a time that is not Linux's.
  private func timeLayout(_ index: Int) -> Int? {
    guard index < Int(row.pointee.operand_count),
      table.operand(row, index).pointee.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
    else { return nil }
    let argument = argument(index).pointee
    guard UInt32(argument.conversion) == PERSONA_CONVERT_STRUCT.rawValue else { return nil }
    let shape = table.structure(Int(argument.parameter)).pointee
    return shape.identical != 0 || shape.native_size != 16 ? nil : Int(argument.parameter)
  }

  /// What one of Linux's clocks shows.
  func now(_ clock: Int) -> Timespec {
    var time = Timespec()
    _ = withUnsafeMutablePointer(to: &time) { hostClock(clock, $0.words) }
    return time
  }

  /// The clock as the guest named it: the operand may already be Linux's number.
  private var clock: Int { Int(Int32(truncatingIfNeeded: words[0])) }

  fileprivate func readClock(_ number: Int32, at address: UInt64) -> Int {
    guard let native = nativeClock(clock) else { return error(EINVAL) }
    var time = Timespec()
    let result = withUnsafeMutablePointer(to: &time) {
      number == __NR_clock_gettime ? hostClock(native, $0.words) : hostNow(number, native, Int(bitPattern: $0))
    }
    if result < 0 { return result }
    if clock == 13 {  // CLOCK_SECOND
      time = number == __NR_clock_getres ? Timespec(seconds: 1) : Timespec(seconds: time.seconds)
    }
    return write(time, at: address) ? 0 : error(EFAULT)
  }

  fileprivate func setClock(at address: UInt64) -> Int {
    if clock != 0 { return error(EINVAL) }
    var time = Timespec()
    guard read(&time, at: address) else { return error(EFAULT) }
    if !time.hasValidFraction || time.seconds < 0 { return error(EINVAL) }
    return withUnsafePointer(to: &time) { hostNow(__NR_clock_settime, 0, Int(bitPattern: $0)) }
  }

  /// Sleeps by one of Linux's clocks for the time, or until the time, that operand `request` points to: 0 or -errno,
  /// never a restart.
  func sleepBy(_ native: Int, absolute: Bool, _ request: Int, _ remaining: Int) -> Int {
    var time = Timespec()
    guard readTime(request, &time) else { return error(EFAULT) }
    if !time.hasValidFraction { return error(EINVAL) }
    // A length of time is measured by a clock that nobody sets.
    let clock = absolute ? native : LinuxClock.monotonic
    if time.seconds < 0 || time.isZero { return 0 }
    // Linux writes what is left of a length in its place, so that a call that is made again goes on (goOnWaiting).
    var rest = time
    let result = withUnsafeMutablePointer(to: &rest) { rest in
      host(
        __NR_clock_nanosleep, clock, absolute ? 1 : 0, Int(bitPattern: rest), Int(bitPattern: rest))
    }
    guard result == Int(PERSONA_RESTART) || result == error(EINTR) else { return result }
    if address(remaining) != 0, !absolute, !writeTime(remaining, rest) { return error(EFAULT) }
    return error(EINTR)
  }
}

/// clock_gettime(2).
func clockGettime(_ call: inout Call) -> Int { call.readClock(__NR_clock_gettime, at: call.address(1)) }

/// clock_getres(2): without a place for the answer it only checks the clock.
func clockGetres(_ call: inout Call) -> Int {
  if call.address(1) == 0 {
    return call.nativeClock(Int(Int32(truncatingIfNeeded: call.words[0]))) == nil ? call.error(EINVAL) : 0
  }
  return call.readClock(__NR_clock_getres, at: call.address(1))
}

/// clock_settime(2): the real-time clock only (kern_clock_settime).
func clockSettime(_ call: inout Call) -> Int { call.setClock(at: call.address(1)) }

/// gettimeofday(2).
func gettimeofday(_ call: inout Call) -> Int {
  if call.address(0) != 0 {
    let time = call.now(LinuxClock.realtime)
    let rounded = Timespec(seconds: time.seconds, nanoseconds: time.nanoseconds / 1000)
    if !call.writeTime(0, rounded) { return call.error(EFAULT) }
  }
  if call.address(1) != 0, !call.write(UInt64(0), at: call.address(1)) { return call.error(EFAULT) }
  return 0
}

/// nanosleep(2).
func nanosleep(_ call: inout Call) -> Int {
  call.sleepBy(LinuxClock.monotonic, absolute: false, 0, 1)
}

/// clock_nanosleep(2) succeeds with the errno as its result. The clock is Linux's number, or 0x10000 for one that nobody
/// can sleep by.
func clockNanosleep(_ call: inout Call) -> Int {
  if call.uint32(1) & ~1 != 0 { return call.table.foreignErrno(Int(EINVAL)) }
  let result: Int
  switch call[0] {
  case LinuxClock.realtime, LinuxClock.monotonic: result = call.sleepBy(call[0], absolute: call[1] & 1 != 0, 2, 3)
  default:
    var time = Timespec()
    guard call.readTime(2, &time) else { return call.table.foreignErrno(Int(EFAULT)) }
    result = call.error(time.hasValidFraction && call[0] == 0x10000 ? EOPNOTSUPP : EINVAL)
  }
  return result < 0 ? call.errno(of: result) ?? result : result
}

/// clock_getcpuclockid2(2): which 0 is a thread, 1 a process (sys/time.h CPUCLOCK_WHICH_*).
func cpuClockId(_ call: inout Call) -> Int {
  let id = call.unsigned(0)
  guard call.int32(1) == 0 || call.int32(1) == 1, id <= 0x3fff_ffff else { return call.error(EINVAL) }
  let isProcess = call.int32(1) == 1
  var clock = 0x8000_0000 | (isProcess ? 0x4000_0000 : 0) | Int(id)
  if id == 0 {
    clock |= Int(isProcess ? call.process.pointee.pid : call.thread.pointee.tid)
  }
  var time = Timespec()
  let exists = withUnsafeMutablePointer(to: &time) {
    call.hostNow(__NR_clock_gettime, call.nativeClock(clock)!, Int(bitPattern: $0))
  }
  if exists < 0 { return call.error(ESRCH) }
  return call.write(Int32(truncatingIfNeeded: clock), at: call.address(2)) ? 0 : call.error(EFAULT)
}
