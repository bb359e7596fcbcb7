import CEngine
import CWire

// adjtime(2) and ntp_gettime(2), by Linux's adjtimex(2).

/// Linux's struct timex (uapi linux/timex.h), 208 bytes.
private enum Timex {
  static let size = 208
  static let offset = 8
  static let maximumError = 24
  static let estimatedError = 32
  static let time = 72
  static let tai = 160
  /// ADJ_OFFSET_SINGLESHOT and ADJ_OFFSET_SS_READ.
  static let adjustOnce: UInt32 = 0x8001
  static let readAdjustment: UInt32 = 0xa001
}

/// adjtime(delta, olddelta): what is left of the last change goes into olddelta.
func adjustTime(_ call: inout Call) -> Int {
  guard let timex = call.scratch(Timex.size) else { return call.error(ENOMEM) }
  clear(timex, Timex.size)
  timex.put(Timex.readAdjustment, at: 0)
  if call.address(0) != 0 {
    var delta = Timespec()
    guard call.readTime(0, &delta) else { return call.error(EFAULT) }
    timex.put(Timex.adjustOnce, at: 0)
    timex.put(delta.seconds &* 1_000_000 &+ delta.nanoseconds, at: Timex.offset)
  }
  let result = call.hostNow(__NR_adjtimex, timex.word)
  if result < 0 { return result }
  if call.address(1) == 0 { return 0 }
  let left = timex.get(at: Timex.offset, as: Int64.self)
  let old = Timespec(seconds: left / 1_000_000, nanoseconds: left % 1_000_000)
  return call.writeTime(1, old) ? 0 : call.error(EFAULT)
}

/// ntp_gettime(ntv): struct ntptimeval { timespec time; long maxerror, esterror, tai; int time_state }; the state is the
/// result too.
func clockDiscipline(_ call: inout Call) -> Int {
  let size = 48
  guard let timex = call.scratch(Timex.size), let told = call.scratch(size) else { return call.error(ENOMEM) }
  clear(timex, Timex.size)
  clear(told, size)
  let state = call.hostNow(__NR_adjtimex, timex.word)
  if state < 0 { return state }
  told.put(timex.get(at: Timex.time, as: Int64.self), at: 0)
  // STA_NANO (0x2000) in the status at 40 says that Linux counts in nanoseconds.
  let fraction = timex.get(at: Timex.time + 8, as: Int64.self)
  let isFine = timex.get(at: 40, as: Int32.self) & 0x2000 != 0
  told.put(isFine ? fraction : fraction * 1000, at: 8)
  told.put(timex.get(at: Timex.maximumError, as: Int64.self), at: 16)
  told.put(timex.get(at: Timex.estimatedError, as: Int64.self), at: 24)
  told.put(Int64(timex.get(at: Timex.tai, as: Int32.self)), at: 32)
  told.put(Int32(state), at: 40)
  return call.copyOut(call.address(0), told, size) ? state : call.error(EFAULT)
}
