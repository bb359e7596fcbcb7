import CEngine
import CWire

/// struct itimerval and struct itimerspec: the interval, then the value; the fraction in µs or ns.
private struct TimerSetting: BitwiseCopyable {
  var interval = Timespec()
  var value = Timespec()
}

/// getitimer(2).
func getitimer(_ call: inout Call) -> Int {
  guard call.uint32(0) <= 2 else { return call.error(EINVAL) }
  guard let setting = call.scratch(32) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_getitimer, call[0], setting.word)
  return result < 0 ? result : call.structOut(call.parameter(1), from: setting, to: call.address(1))
}

/// setitimer(2): without a new value it is getitimer (kern_time.c).
func setitimer(_ call: inout Call) -> Int {
  guard call.uint32(0) <= 2 else { return call.error(EINVAL) }
  guard let old = call.scratch(32) else { return call.error(ENOMEM) }
  let result: Int
  if call.address(1) == 0 {
    guard call.address(2) != 0 else { return 0 }
    result = call.hostNow(__NR_getitimer, call[0], old.word)
  } else {
    var failure = 0
    guard let native = call.structIn(call.parameter(1), at: call.address(1), failure: &failure) else { return failure }
    var setting = native.load(as: TimerSetting.self)
    // itimerfix: at most half of the 31-bit seconds.
    let limit = Int64(Int32.max) / 2
    if setting.value.isZero { setting.interval = Timespec() }
    let isValid = { (time: Timespec) in
      time.seconds >= 0 && time.seconds <= limit && time.nanoseconds >= 0 && time.nanoseconds < 1_000_000
    }
    guard isValid(setting.interval), isValid(setting.value) else { return call.error(EINVAL) }
    result = withUnsafePointer(to: &setting) {
      call.hostNow(__NR_setitimer, call[0], Int(bitPattern: $0), old.word)
    }
  }
  if result < 0 || call.address(2) == 0 { return result }
  return call.structOut(call.parameter(2), from: old, to: call.address(2))
}

/// timer_create(clock, event, timer), the clock as Linux's. Without an event, SIGALRM (or what the clock's kind has
/// for it) comes with the timer's number.
func timerCreate(_ call: inout Call) -> Int {
  guard let native = call.scratch(64) else { return call.error(ENOMEM) }
  if call.address(1) == 0 {
    // The number is known only afterwards: Linux counts them up, so that a second try has the right one.
    let signals: (Int, Int, Int) = (14, 26, 27)  // SIGALRM, SIGVTALRM, SIGPROF
    var event = SignalEvent()
    event.signal = call[0] == ~0 << 3 | 1 ? signals.1 : call[0] == ~0 << 3 ? signals.2 : signals.0
    var timer = 0
    for _ in 0..<16 {
      event.value = UInt64(call.table.foreignTimer(timer))
      event.write(to: native)
      let created = create(call, native)
      if created < 0 || created == timer { return created < 0 ? created : tell(call, created) }
      _ = call.hostNow(__NR_timer_delete, created)
      timer = created + 1
    }
    return call.error(EAGAIN)
  }
  var failure = 0
  guard let event = call.signalEvent(at: call.address(1), &failure) else { return failure }
  event.write(to: native)
  let timer = create(call, native)
  return timer < 0 ? timer : tell(call, timer)
}

/// Linux's number of a new timer.
private func create(_ call: Call, _ event: UnsafeMutableRawPointer) -> Int {
  var timer: Int32 = 0
  let result = withUnsafeMutablePointer(to: &timer) {
    call.hostNow(__NR_timer_create, call[0], event.word, Int(bitPattern: $0))
  }
  return result < 0 ? result : Int(timer)
}

private func tell(_ call: Call, _ timer: Int) -> Int {
  if call.write(Int32(call.table.foreignTimer(timer)), at: call.address(2)) { return 0 }
  _ = call.hostNow(__NR_timer_delete, timer)
  return call.error(EFAULT)
}

extension Table {
  /// A process's timers are numbered from behind those of setitimer(2).
  func foreignTimer(_ native: Int) -> Int { native + Int(constant(.TIMER_MIN) ?? 0) }
}

extension Call {
  fileprivate var timer: Int { Int(int32(0)) - table.foreignTimer(0) }
}

/// timer_delete(2).
func timerDelete(_ call: inout Call) -> Int {
  call.timer < 0 ? call.error(EINVAL) : call.hostNow(__NR_timer_delete, call.timer)
}

/// timer_getoverrun(2).
func timerGetoverrun(_ call: inout Call) -> Int {
  call.timer < 0 ? call.error(EINVAL) : call.hostNow(__NR_timer_getoverrun, call.timer)
}

/// timer_gettime(2).
func timerGettime(_ call: inout Call) -> Int {
  if call.timer < 0 { return call.error(EINVAL) }
  guard let setting = call.scratch(32) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_timer_gettime, call.timer, setting.word)
  return result < 0 ? result : call.structOut(call.parameter(1), from: setting, to: call.address(1))
}

/// timer_settime(2): TIMER_ABSTIME is 1 on both sides.
func timerSettime(_ call: inout Call) -> Int {
  if call.timer < 0 { return call.error(EINVAL) }
  var failure = 0
  guard let setting = call.structIn(call.parameter(2), at: call.address(2), failure: &failure) else { return failure }
  let times = setting.load(as: TimerSetting.self)
  if !times.value.hasValidFraction || !times.interval.hasValidFraction { return call.error(EINVAL) }
  guard let old = call.scratch(32) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_timer_settime, call.timer, call[1] & 1, setting.word, old.word)
  if result < 0 || call.address(3) == 0 { return result }
  return call.structOut(call.parameter(3), from: old, to: call.address(3))
}

/// ntp_adjtime(2). The foreign struct timex (sys/timex.h) is Linux's (uapi linux/timex.h) without `time` and
/// `tick`; modes and status bits agree but for MOD_PPSMAX, MOD_CLKA and MOD_CLKB, which Linux lacks.
func ntpAdjtime(_ call: inout Call) -> Int {
  let size = 17 * 8
  guard let foreign = call.scratch(size), let native = call.scratch(208) else { return call.error(ENOMEM) }
  guard call.copyIn(foreign, call.address(0), size) else { return call.error(EFAULT) }
  if foreign.load(as: UInt32.self) & ~0x30bf != 0 { return call.error(EINVAL) }
  for word in 0..<26 { native.storeBytes(of: 0, toByteOffset: 8 * word, as: UInt64.self) }
  for word in 0..<17 {
    let value = foreign.load(fromByteOffset: 8 * word, as: UInt64.self)
    native.storeBytes(of: value, toByteOffset: 8 * (word < 9 ? word : word + 3), as: UInt64.self)
  }
  let result = call.hostNow(__NR_adjtimex, native.word)
  if result < 0 { return result }
  for word in 0..<17 {
    let value = native.load(fromByteOffset: 8 * (word < 9 ? word : word + 3), as: UInt64.self)
    foreign.storeBytes(of: value, toByteOffset: 8 * word, as: UInt64.self)
  }
  return call.copyOut(call.address(0), foreign, size) ? result : call.error(EFAULT)
}
