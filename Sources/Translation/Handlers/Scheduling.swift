import CEngine
import CWire

// sched_getscheduler(2), sched_getcpu(2) and abort2(2).

/// SCHED_* of sys/sched.h; Linux's own are SCHED_OTHER 0, SCHED_FIFO 1, SCHED_RR 2 and variants of the
/// first.
private enum ForeignPolicy {
  static let firstInFirstOut = 1
  static let other = 2
  static let roundRobin = 3
}

/// sched_getscheduler(pid): the policy is the result, so that no map of the table converts it.
func schedulerOf(_ call: inout Call) -> Int {
  let result = call.hostNow(__NR_sched_getscheduler, call[0])
  if result < 0 { return result }
  // SCHED_RESET_ON_FORK may be added.
  switch result & 0xff {
  case 1: return ForeignPolicy.firstInFirstOut
  case 2: return ForeignPolicy.roundRobin
  default: return ForeignPolicy.other
  }
}

/// sched_getcpu(): Linux writes it to memory.
func currentCPU(_ call: inout Call) -> Int {
  guard let number = call.scratch(4) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_getcpu, number.word, 0, 0)
  return result < 0 ? result : Int(number.load(as: UInt32.self))
}

/// abort2(why, nargs, args): the system notes why, and the process dies of SIGABRT whatever its handler
/// (kern_exit.c, kern_abort2). The log is where it is noted here.
func abortWithReason(_ call: inout Call) -> Int {
  let abort = 6
  // Linux's struct sigaction with SIG_DFL, then a mask that holds SIGABRT alone.
  guard let action = call.scratch(40) else { return call.error(ENOMEM) }
  for offset in stride(from: 0, to: 32, by: 8) { action.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self) }
  action.storeBytes(of: 1 << UInt64(abort - 1), toByteOffset: 32, as: UInt64.self)
  _ = call.hostNow(__NR_rt_sigaction, abort, action.word, 0, 8)
  _ = call.hostNow(__NR_tgkill, call.hostNow(__NR_getpid), call.hostNow(__NR_gettid), abort)
  // SIG_UNBLOCK
  return call.hostNow(__NR_rt_sigprocmask, 1, action.word + 32, 0, 8)
}
