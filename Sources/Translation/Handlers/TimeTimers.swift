import CEngine
import CWire

/// struct itimerval and struct itimerspec: the interval, then the value; the fraction in µs or ns.
private struct TimerSetting: BitwiseCopyable {
  var interval = Timespec()
  var value = Timespec()
}

/// struct sigevent of sys/signal.h, 80 bytes, as far as it means something to the kernel.
private struct ForeignSignalEvent: BitwiseCopyable {
  var notify: Int32 = 0
  var signal: Int32 = 0
  var value: UInt64 = 0
  var thread: Int32 = 0
}

/// struct sigevent of Linux (uapi asm-generic/siginfo.h), 64 bytes.
private struct NativeSignalEvent: BitwiseCopyable {
  var value: UInt64 = 0
  var signal: Int32 = 0
  var notify: Int32 = 0
  var thread: Int32 = 0
  var padding: InlineArray<11, Int32> = InlineArray(repeating: 0)
}

/// A process's timers are numbered from 3, behind the three of setitimer(2) (kern_time.c).
private let firstTimer = 3

/// getitimer(2).
func getitimer(_ call: inout Call) -> Int {
  guard call.uint32(0) <= 2 else { return call.error(EINVAL) }
  var setting = TimerSetting()
  let result = withUnsafeMutablePointer(to: &setting) {
    call.hostNow(__NR_getitimer, call[0], Int(bitPattern: $0))
  }
  if result < 0 { return result }
  return call.write(setting, at: call.address(1)) ? 0 : call.error(EFAULT)
}

/// setitimer(2): without a new value it is getitimer (kern_time.c).
func setitimer(_ call: inout Call) -> Int {
  guard call.uint32(0) <= 2 else { return call.error(EINVAL) }
  var setting = TimerSetting()
  var old = TimerSetting()
  let result: Int
  if call.address(1) == 0 {
    guard call.address(2) != 0 else { return 0 }
    result = withUnsafeMutablePointer(to: &old) {
      call.hostNow(__NR_getitimer, call[0], Int(bitPattern: $0))
    }
  } else {
    guard call.read(&setting, at: call.address(1)) else { return call.error(EFAULT) }
    // itimerfix: at most half of the 31-bit seconds.
    let limit = Int64(Int32.max) / 2
    if setting.value.isZero { setting.interval = Timespec() }
    let isValid = { (time: Timespec) in
      time.seconds >= 0 && time.seconds <= limit && time.nanoseconds >= 0 && time.nanoseconds < 1_000_000
    }
    guard isValid(setting.interval), isValid(setting.value) else { return call.error(EINVAL) }
    result = withUnsafePointer(to: &setting) { setting in
      withUnsafeMutablePointer(to: &old) {
        call.hostNow(__NR_setitimer, call[0], Int(bitPattern: setting), Int(bitPattern: $0))
      }
    }
  }
  if result < 0 { return result }
  return call.address(2) == 0 || call.write(old, at: call.address(2)) ? 0 : call.error(EFAULT)
}

/// ktimer_create(2): CLOCK_REALTIME and CLOCK_MONOTONIC; SIGEV_NONE 0, SIGEV_SIGNAL 1, SIGEV_THREAD_ID 4.
func timerCreate(_ call: inout Call) -> Int {
  guard call.words[0] & 0xffff_ffff == 0 || call.words[0] & 0xffff_ffff == 4,
    let clock = call.nativeClock(Int(truncatingIfNeeded: call.words[0]))
  else { return call.error(EINVAL) }
  var foreign = ForeignSignalEvent(notify: 1, signal: 14)  // SIGALRM
  if call.address(1) != 0, !call.read(&foreign, at: call.address(1)) { return call.error(EFAULT) }
  var native = NativeSignalEvent(value: foreign.value)
  switch foreign.notify {
  case 0: native.notify = 1
  case 1: native.notify = 0
  case 4:
    native.notify = 4
    native.thread = foreign.thread
  default: return call.error(EINVAL)
  }
  if foreign.notify != 0 {
    native.signal = Int32(call.table.nativeSignal(Int(foreign.signal)))
    if native.signal == 0 { return call.error(EINVAL) }
  }
  var timer: Int32 = 0
  let result = withUnsafePointer(to: &native) { native in
    withUnsafeMutablePointer(to: &timer) {
      call.hostNow(__NR_timer_create, clock, Int(bitPattern: native), Int(bitPattern: $0))
    }
  }
  if result < 0 { return result }
  if call.write(timer &+ Int32(firstTimer), at: call.address(2)) { return 0 }
  _ = call.hostNow(__NR_timer_delete, Int(timer))
  return call.error(EFAULT)
}

extension Call {
  fileprivate var timer: Int { Int(int32(0)) - firstTimer }
}

/// ktimer_delete(2).
func timerDelete(_ call: inout Call) -> Int {
  call.timer < 0 ? call.error(EINVAL) : call.hostNow(__NR_timer_delete, call.timer)
}

/// ktimer_getoverrun(2).
func timerGetoverrun(_ call: inout Call) -> Int {
  call.timer < 0 ? call.error(EINVAL) : call.hostNow(__NR_timer_getoverrun, call.timer)
}

/// ktimer_gettime(2).
func timerGettime(_ call: inout Call) -> Int {
  if call.timer < 0 { return call.error(EINVAL) }
  var setting = TimerSetting()
  let result = withUnsafeMutablePointer(to: &setting) {
    call.hostNow(__NR_timer_gettime, call.timer, Int(bitPattern: $0))
  }
  if result < 0 { return result }
  return call.write(setting, at: call.address(1)) ? 0 : call.error(EFAULT)
}

/// ktimer_settime(2): TIMER_ABSTIME is 1 on both sides.
func timerSettime(_ call: inout Call) -> Int {
  if call.timer < 0 { return call.error(EINVAL) }
  var setting = TimerSetting()
  var old = TimerSetting()
  guard call.read(&setting, at: call.address(2)) else { return call.error(EFAULT) }
  if !setting.value.hasValidFraction || !setting.interval.hasValidFraction { return call.error(EINVAL) }
  let result = withUnsafePointer(to: &setting) { setting in
    withUnsafeMutablePointer(to: &old) {
      call.hostNow(
        __NR_timer_settime, call.timer, call[1] & 1, Int(bitPattern: setting), Int(bitPattern: $0))
    }
  }
  if result < 0 { return result }
  return call.address(3) == 0 || call.write(old, at: call.address(3)) ? 0 : call.error(EFAULT)
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
