import CEngine
import CWire

// alarm(2) and nsec(2): sys/src/9k/port/alarm.c, sysproc.c; sys/src/9/port/sysproc.c.

/// setAlarm(milliseconds): the note "alarm" comes then; answers what was left of the last one. 0 takes it back.
func setAlarm(_ call: inout Call) -> Int {
  guard let timer = call.scratch(64) else { return call.error(ENOMEM) }
  clear(timer, 64)
  let time = Int(call.uint32(0))
  timer.storeBytes(of: Int64(time / 1000), toByteOffset: 16, as: Int64.self)
  timer.storeBytes(of: Int64(time % 1000 * 1000), toByteOffset: 24, as: Int64.self)
  let result = call.hostNow(__NR_setitimer, 0 /* ITIMER_REAL */, timer.word, timer.word + 32)
  if result < 0 { return result }
  let seconds = timer.load(fromByteOffset: 48, as: Int64.self)
  let rest = timer.load(fromByteOffset: 56, as: Int64.self)
  return Int(seconds) * 1000 + Int(rest + 999) / 1000
}

/// nanosecondsNow(): since 1970.
func nanosecondsNow(_ call: inout Call) -> Int {
  guard let time = call.scratch(16) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_clock_gettime, 0, time.word)
  if result < 0 { return result }
  return Int(time.load(as: Int64.self) * 1_000_000_000 + time.load(fromByteOffset: 8, as: Int64.self))
}

/// storeNanoseconds(result): the same where no register holds it.
func storeNanoseconds(_ call: inout Call) -> Int {
  let now = nanosecondsNow(&call)
  if now < 0 { return now }
  return call.write(Int64(now), at: call.address(0)) ? 0 : call.error(EFAULT)
}
