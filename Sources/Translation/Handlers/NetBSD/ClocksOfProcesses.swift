import CEngine
import CWire

// Clocks that carry a process's or a thread's number. Source: sys/kern/{kern_time,subr_time}.c, sys/sys/time.h.

/// CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID; a number may be added, 0 is the caller.
private let processTime: UInt32 = 0x4000_0000
private let threadTime: UInt32 = 0x2000_0000

extension Call {
  /// Linux's clock; nil when there is none such. CLOCK_REALTIME is 0, CLOCK_MONOTONIC 3.
  fileprivate func clock(_ foreign: UInt32) -> Int? {
    if foreign == 0 { return LinuxClock.realtime }
    if foreign == 3 { return LinuxClock.monotonic }
    let owner = Int(foreign & ~(processTime | threadTime))
    guard owner < 0x1000_0000 else { return nil }
    if foreign & processTime != 0 { return ~owner << 3 | 2 }
    return foreign & threadTime != 0 ? ~owner << 3 | 6 : nil
  }

  fileprivate func readClock(_ number: Int32) -> Int {
    guard let native = clock(uint32(0)) else { return error(EINVAL) }
    var time = Timespec()
    let result = withUnsafeMutablePointer(to: &time) {
      number == __NR_clock_gettime ? hostClock(native, $0.words) : hostNow(number, native, Int(bitPattern: $0))
    }
    // Of a process that is not there Linux says EINVAL.
    if result == error(EINVAL) { return error(ESRCH) }
    if result < 0 { return result }
    return writeTime(1, time) ? 0 : error(EFAULT)
  }
}

/// clock_gettime(clock_id, tp)
func anyClockGettime(_ call: inout Call) -> Int { call.readClock(__NR_clock_gettime) }

/// clock_getres(clock_id, res)
func anyClockGetres(_ call: inout Call) -> Int {
  if call.address(1) == 0 { return call.clock(call.uint32(0)) == nil ? call.error(EINVAL) : 0 }
  return call.readClock(__NR_clock_getres)
}

/// clock_getcpuclockid2(idtype, id, clock_id): P_PID 1, P_LWPID 2.
func clockOfOwner(_ call: inout Call) -> Int {
  let identifier = call.unsigned(1)
  guard identifier < 0x1000_0000 else { return call.error(ESRCH) }
  let made: UInt32
  switch call.int32(0) {
  case 1: made = processTime | UInt32(identifier == 0 ? UInt64(call.process.pointee.pid) : identifier)
  case 2: made = threadTime | UInt32(identifier == 0 ? UInt64(call.thread.pointee.tid) : identifier)
  default: return call.error(EINVAL)
  }
  var time = Timespec()
  let exists = withUnsafeMutablePointer(to: &time) {
    call.hostNow(__NR_clock_gettime, call.clock(made)!, Int(bitPattern: $0))
  }
  if exists < 0 { return call.error(ESRCH) }
  return call.write(made, at: call.address(2)) ? 0 : call.error(EFAULT)
}
