import CEngine
import CWire
import Wire

// Limits, use and priorities: getrlimit(2), getrusage(2), getpriority(2), rtprio(2). CPU sets are in
// ResourcesAffinity.swift.

/// RLIM_INFINITY of the BSDs' sys/resource.h; Linux's is all ones.
private let infinity = UInt64(Int64.max)

/// Where the table's map `resource` puts limits that Linux does not have: 256 and up.
private let firstAbsent = 256

/// struct rlimit: the same two words on both sides.
private struct Limit {
  var current: UInt64
  var maximum: UInt64
}

private func limit(_ call: Call, _ resource: Int) -> (Limit, Int) {
  var limit = Limit(current: .max, maximum: .max)
  let result = withUnsafeMutableBytes(of: &limit) {
    call.hostNow(__NR_prlimit64, 0, resource, 0, $0.baseAddress!.word)
  }
  return (limit, result)
}

/// getrlimit(which, rlp): a limit that Linux lacks is not limited.
func getrlimit(_ call: inout Call) -> Int {
  var answer = Limit(current: infinity, maximum: infinity)
  if call[0] < firstAbsent {
    let (native, result) = limit(call, call[0])
    if result < 0 { return result }
    answer = Limit(current: min(native.current, infinity), maximum: min(native.maximum, infinity))
  }
  return call.write(answer, at: call.address(1)) ? 0 : call.error(EFAULT)
}

/// setrlimit(which, rlp): a current limit above the maximum is lowered to it; a limit that Linux lacks can
/// only stay infinite.
func setrlimit(_ call: inout Call) -> Int {
  var wanted = Limit(current: 0, maximum: 0)
  guard call.read(&wanted, at: call.address(1)) else { return call.error(EFAULT) }
  // rlim_t is signed: what is negative means infinity too.
  if wanted.current >= infinity { wanted.current = .max }
  if wanted.maximum >= infinity { wanted.maximum = .max }
  if call[0] >= firstAbsent {
    return wanted.current == .max && wanted.maximum == .max ? 0 : call.error(EINVAL)
  }
  if call[0] == Int(RLIMIT_NOFILE) {
    // Linux has a ceiling of its own, to which kern_resource.c would cut the wish; only root may pass it here.
    let (present, _) = limit(call, call[0])
    if wanted.maximum > present.maximum, wanted.maximum == .max { wanted.maximum = present.maximum }
    if wanted.current == .max { wanted.current = wanted.maximum }
  }
  wanted.current = min(wanted.current, wanted.maximum)
  return withUnsafeMutableBytes(of: &wanted) {
    call.hostNow(__NR_prlimit64, 0, call[0], $0.baseAddress!.word)
  }
}

/// Linux's struct rusage.
enum NativeUsage {
  static let size = 144
}

extension Call {
  /// Writes Linux's struct rusage as the personality's.
  func writeUsage(_ native: UnsafeMutableRawPointer, to address: UInt64) -> Int {
    guard let structure = table.wellKnown(.rusage) else {
      return copyOut(address, native, NativeUsage.size) ? 0 : error(EFAULT)
    }
    return structOut(structure, from: native, to: address)
  }
}

/// getdtablesize(): how many descriptors the process may have.
func getdtablesize(_ call: inout Call) -> Int {
  let (native, result) = limit(call, Int(RLIMIT_NOFILE))
  return result < 0 ? result : Int(min(native.current, UInt64(Int32.max)))
}

/// getpriority(which, who): Linux's call answers 20 minus the nice value. A negative nice value fills the
/// low 32 bits of the result only, which is the int that the C library reads.
func getpriority(_ call: inout Call) -> Int {
  let result = call.hostNow(__NR_getpriority, Int(call.int32(0)), Int(call.int32(1)))
  return result < 0 ? result : Int(UInt32(bitPattern: Int32(20 - result)))
}

// MARK: - Real-time priorities

/// sys/rtprio.h and sys/priority.h.
private enum PriorityClass: UInt16 {
  case realtime = 2
  case timeshare = 3
  case idle = 4
  case fifo = 10
}

/// Linux's scheduling policies (linux/sched.h).
private enum Policy {
  static let other = 0
  static let fifo = 1
  static let roundRobin = 2
  static let batch = 3
  static let idle = 5
}

/// rtprio(function, pid, rtp) and rtprio_thread(function, lwpid, rtp): RTP_LOOKUP 0, RTP_SET 1. It counts
/// 0 (highest) to 31, Linux 1 to 99 (highest): 0...31 becomes 32...1.
func rtprioThread(_ call: inout Call) -> Int {
  let identifier = Int(call.int32(1))
  guard identifier >= 0 else { return call.error(EINVAL) }
  switch call.int32(0) {
  case 0:
    let policy = call.hostNow(__NR_sched_getscheduler, identifier)
    if policy < 0 { return policy }
    var priority: Int32 = 0
    let result = withUnsafeMutableBytes(of: &priority) {
      call.hostNow(__NR_sched_getparam, identifier, $0.baseAddress!.word)
    }
    if result < 0 { return result }
    let realtime = UInt16(clamping: max(0, 32 - priority))
    let kind: PriorityClass
    switch policy & 0xff {
    case Policy.fifo: kind = .fifo
    case Policy.roundRobin: kind = .realtime
    case Policy.idle: kind = .idle
    default: kind = .timeshare
    }
    let number = kind == .fifo || kind == .realtime ? realtime : 0
    let answer = UInt32(kind.rawValue) | UInt32(number) << 16
    return call.write(answer, at: call.address(2)) ? 0 : call.error(EFAULT)
  case 1:
    var wanted: UInt32 = 0
    guard call.read(&wanted, at: call.address(2)) else { return call.error(EFAULT) }
    let number = wanted >> 16
    guard let kind = PriorityClass(rawValue: UInt16(truncatingIfNeeded: wanted)),
      kind == .timeshare || number <= 31
    else { return call.error(EINVAL) }
    let policy: Int
    var priority: Int32 = 0
    switch kind {
    case .realtime:
      policy = Policy.roundRobin
      priority = 32 - Int32(number)
    case .fifo:
      policy = Policy.fifo
      priority = 32 - Int32(number)
    case .timeshare: policy = Policy.other
    case .idle: policy = Policy.idle
    }
    return withUnsafeMutableBytes(of: &priority) {
      call.hostNow(__NR_sched_setscheduler, identifier, policy, $0.baseAddress!.word)
    }
  default: return call.error(EINVAL)
  }
}
