import CEngine
import CWire

// _lwp_ctl(2), _sched_setaffinity(2) and its kin. Source: sys/kern/{sys_lwp,kern_lwp,sys_sched}.c,
// sys/sys/{lwpctl,param,sched}.h.

// MARK: - The processor that a thread runs on

extension Call {
  /// Where Linux keeps the thread's struct rseq: cpu_id_start is lc_curcpu, which stays what it was while the
  /// thread waits.
  private var processorArea: UInt64 {
    withUnsafeMutablePointer(to: &thread.pointee.processor) { (UInt64(UInt(bitPattern: $0)) + 31) & ~31 }
  }

  fileprivate func watchProcessor(_ place: UInt64) -> Int {
    let result = hostNow(__NR_rseq, Int(truncatingIfNeeded: processorArea), 32, 0, processorSignature)
    guard result == 0 || result == error(EBUSY) else { return error(ENOMEM) }
    return write(processorArea, at: place) ? 0 : error(EFAULT)
  }

  /// A thread ends: who looks at its word finds LWPCTL_CPU_EXITED.
  func leaveProcessor() {
    let unregister = 1
    let result = quietly(__NR_rseq, Int(truncatingIfNeeded: processorArea), 32, unregister, processorSignature)
    if result == 0 { _ = persona_store32(processorArea, UInt32(bitPattern: -2)) }
  }
}

/// What precedes abort handlers, of which there are none.
private let processorSignature = 0x5305_3053

/// _lwp_ctl(features, address): LWPCTL_FEATURE_CURCPU (1); nobody counts preemptions (2).
func lwpControl(_ call: inout Call) -> Int {
  let currentProcessor: UInt32 = 1
  return call.uint32(0) & ~currentProcessor != 0 ? call.error(ENODEV) : call.watchProcessor(call.address(1))
}

// MARK: - Policies and processors

extension Call {
  /// Calls `body` for one thread, or for all of a process with thread 0; process 0 is the caller's.
  fileprivate func eachSubject(_ process: Int32, _ thread: Int32, _ body: (Int) -> Int) -> Int {
    guard process >= 0, thread >= 0 else { return error(ESRCH) }
    let whole = process == 0 ? Int(self.process.pointee.pid) : Int(process)
    var result = error(ESRCH)
    let exists = eachTask(self, whole) { task in
      if thread != 0, task != Int(thread) { return true }
      result = body(task)
      return result >= 0 && thread == 0
    }
    return exists ? result : error(ESRCH)
  }
}

/// SCHED_PRI_MAX; Linux's real-time priorities are one higher.
private let highestPriority: Int32 = 63
/// PRI_NONE and SCHED_NONE: as it is.
private let unchanged: Int32 = -1

/// _sched_setparam(pid, lid, policy, params): SCHED_OTHER 0, SCHED_FIFO 1 and SCHED_RR 2 are Linux's numbers.
func schedulerSet(_ call: inout Call) -> Int {
  var priority: Int32 = 0
  guard call.read(&priority, at: call.address(3)) else { return call.error(EFAULT) }
  let policy = call.int32(2)
  if policy == unchanged, priority == unchanged { return 0 }
  guard policy == unchanged || 0...2 ~= policy else { return call.error(EINVAL) }
  guard priority == unchanged || 0...highestPriority ~= priority else { return call.error(EINVAL) }
  guard let parameter = call.scratch(4) else { return call.error(ENOMEM) }
  let copied = call
  return call.eachSubject(call.int32(0), call.int32(1)) { task in
    let present = copied.hostNow(__NR_sched_getscheduler, task)
    if present < 0 { return present }
    let native = policy == unchanged ? present & 0xff : Int(policy)
    if native == 0, priority != unchanged { return copied.error(EINVAL) }
    var wanted: Int32 = native == 0 ? 0 : priority == unchanged ? 1 : priority + 1
    if native != 0, priority == unchanged, present & 0xff != 0 {
      _ = copied.hostNow(__NR_sched_getparam, task, parameter.word)
      wanted = parameter.load(as: Int32.self)
    }
    parameter.storeBytes(of: wanted, as: Int32.self)
    return copied.hostNow(__NR_sched_setscheduler, task, native, parameter.word)
  }
}

/// _sched_getparam(pid, lid, policy, params): of a time-sharing thread Linux has no priority to tell.
func schedulerGet(_ call: inout Call) -> Int {
  guard let parameter = call.scratch(4) else { return call.error(ENOMEM) }
  var policy = 0
  let copied = call
  let lead = call.int32(0) == 0 && call.int32(1) == 0 ? call.process.pointee.pid : call.int32(1)
  let result = call.eachSubject(call.int32(0), lead) { task in
    policy = copied.hostNow(__NR_sched_getscheduler, task) & 0xff
    return copied.hostNow(__NR_sched_getparam, task, parameter.word)
  }
  if result < 0 { return result }
  let isRealTime = policy == 1 || policy == 2
  let priority = isRealTime ? min(parameter.load(as: Int32.self) - 1, highestPriority) : 0
  guard call.write(priority, at: call.address(3)) else { return call.error(EFAULT) }
  if call.address(2) == 0 { return 0 }
  return call.write(Int32(isRealTime ? policy : 0), at: call.address(2)) ? 0 : call.error(EFAULT)
}

/// _sched_setaffinity(pid, lid, size, cpuset): an empty set lifts the bond.
func affinitySet(_ call: inout Call) -> Int {
  let size = call[2]
  guard size > 0, size <= maskLimit else { return call.error(EINVAL) }
  guard let mask = call.scratch(maskLimit), let online = call.scratch(maskLimit) else { return call.error(ENOMEM) }
  clear(mask, maskLimit)
  clear(online, maskLimit)
  guard call.copyIn(mask, call.address(3), size) else { return call.error(EFAULT) }
  onlineMask(call, online)
  var any = false
  for offset in 0..<maskLimit where mask.get(at: offset, as: UInt8.self) & online.get(at: offset, as: UInt8.self) != 0 {
    any = true
  }
  let chosen = any ? mask : online
  let copied = call
  let result = call.eachSubject(call.int32(0), call.int32(1)) {
    copied.hostNow(__NR_sched_setaffinity, $0, maskLimit, chosen.word)
  }
  return min(result, 0)
}

/// _sched_getaffinity(pid, lid, size, cpuset): a thread that may run anywhere has an empty set.
func affinityGet(_ call: inout Call) -> Int {
  let size = call[2]
  guard size > 0, size <= maskLimit else { return call.error(EINVAL) }
  guard let mask = call.scratch(maskLimit), let online = call.scratch(maskLimit) else { return call.error(ENOMEM) }
  clear(mask, maskLimit)
  clear(online, maskLimit)
  onlineMask(call, online)
  let copied = call
  let lead = call.int32(0) == 0 && call.int32(1) == 0 ? call.process.pointee.pid : call.int32(1)
  let result = call.eachSubject(call.int32(0), lead) {
    copied.hostNow(__NR_sched_getaffinity, $0, maskLimit, mask.word)
  }
  if result < 0 { return result }
  var isBound = false
  for offset in 0..<maskLimit where mask.get(at: offset, as: UInt8.self) != online.get(at: offset, as: UInt8.self) {
    isBound = true
  }
  if !isBound { clear(mask, maskLimit) }
  return call.copyOut(call.address(3), mask, size) ? 0 : call.error(EFAULT)
}
