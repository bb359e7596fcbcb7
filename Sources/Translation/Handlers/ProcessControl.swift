import CEngine
import CWire
import Wire

// procctl(2): orphans, death signals, traces, addresses, privileges.

/// PROC_* of sys/procctl.h, those that Linux can do or tell exactly; a table maps its system's numbers to these.
private enum ProcessRequest: Int32 {
  case protect = 1
  case acquireReaper = 2
  case releaseReaper = 3
  case reaperStatus = 4
  case descendants = 5
  case killDescendants = 6
  case traceControl = 7
  case traceStatus = 8
  case deathSignalControl = 11
  case deathSignalStatus = 12
  case randomizationControl = 13
  case randomizationStatus = 14
  case privilegesControl = 19
  case privilegesStatus = 20
}

/// The bit of personality(2) that keeps addresses the same at the next execve (linux/personality.h).
private let ADDR_NO_RANDOMIZE = 0x004_0000

/// procctl(idtype, id, com, data, taken, none): P_PID with the caller's own pid, or 0. `taken` and `none` are Linux's
/// errnos for one that adopts orphans already, and one that does not.
func procctl(_ call: inout Call) -> Int {
  guard let request = ProcessRequest(rawValue: call.int32(2)) else { return call.error(EINVAL) }
  let byPid: UInt64 = 0
  let identifier = call.words[1]
  let own = identifier == 0 || identifier == UInt64(call.process.pointee.pid)
  guard call.words[0] & 0xffff_ffff == byPid else { return call.error(EINVAL) }
  guard own else {
    // Linux lets a process change itself only.
    let exists = quietly(__NR_kill, Int(truncatingIfNeeded: identifier), 0)
    return call.error(exists == call.error(ESRCH) ? ESRCH : EPERM)
  }
  let data = call.address(3)
  switch request {
  case .protect: return call.error(EPERM)
  case .acquireReaper: return becomeReaper(call, true)
  case .releaseReaper: return becomeReaper(call, false)
  case .reaperStatus: return call.table.size(.reaper_status) > 0 ? youngestChild(call) : reaperStatus(call)
  case .descendants: return listDescendants(call)
  case .killDescendants: return killDescendants(call)
  case .deathSignalControl: return setDeathSignal(call, data)
  case .deathSignalStatus:
    let native = Int(call.process.pointee.death_signal)
    return answer(call, native == 0 ? 0 : Int32(call.table.foreignSignal(native)))
  case .traceStatus:
    // 0: may be traced and is not; a debugger's pid otherwise.
    var file = HostFile(call, "/proc/self/status")
    let tracer = file.find("TracerPid:") ? file.decimal() ?? 0 : 0
    return answer(call, Int32(truncatingIfNeeded: tracer))
  case .traceControl:
    var mode: Int32 = 0
    guard call.read(&mode, at: data) else { return call.error(EFAULT) }
    // PROC_TRACE_CTL_ENABLE 1 is how things are.
    return mode == 1 ? 0 : call.error(mode == 2 || mode == 3 ? EPERM : EINVAL)
  case .randomizationControl, .randomizationStatus: return randomization(call, request, data)
  case .privilegesControl:
    var mode: Int32 = 0
    guard call.read(&mode, at: data) else { return call.error(EFAULT) }
    guard mode == 1 else { return call.error(EINVAL) }
    return call.hostNow(__NR_prctl, Int(PR_SET_NO_NEW_PRIVS), 1)
  case .privilegesStatus:
    let set = call.hostNow(__NR_prctl, Int(PR_GET_NO_NEW_PRIVS))
    return set < 0 ? set : answer(call, set == 1 ? 1 : 2)
  }
}

private func answer(_ call: Call, _ value: Int32) -> Int {
  call.write(value, at: call.address(3)) ? 0 : call.error(EFAULT)
}

private func becomeReaper(_ call: Call, _ wanted: Bool) -> Int {
  let present = isReaper(call)
  if present < 0 { return present }
  if (present != 0) == wanted { return call.error(Int32(call[wanted ? 4 : 5])) }
  return call.hostNow(__NR_prctl, Int(PR_SET_CHILD_SUBREAPER), wanted ? 1 : 0)
}

/// Whether orphans come to this process: 1 or 0, or the answer that refuses.
func isReaper(_ call: Call) -> Int {
  var present: Int32 = 0
  let result = withUnsafeMutableBytes(of: &present) {
    call.hostNow(__NR_prctl, Int(PR_GET_CHILD_SUBREAPER), $0.baseAddress!.word)
  }
  return result < 0 ? result : Int(present)
}

/// struct reaper_status: REAPER_STAT_OWNED, and the youngest child or -1.
private func youngestChild(_ call: Call) -> Int {
  let size = call.table.size(.reaper_status)
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  clear(memory, size)
  var youngest = -1
  eachChild(call, Int(call.process.pointee.pid)) { youngest = max(youngest, $0) }
  let status = Record(memory, call.table)
  status[.reaper_status__flags] = UInt64(max(isReaper(call), 0))
  status[.reaper_status__pid_head] = UInt64(bitPattern: Int64(youngest))
  return call.copyOut(call.address(3), memory, size) ? 0 : call.error(EFAULT)
}

/// The engine hears of the parent's death by a signal of its own (`watchParent`), and then sends this one.
private func setDeathSignal(_ call: Call, _ data: UInt64) -> Int {
  var signal: Int32 = 0
  guard call.read(&signal, at: data) else { return call.error(EFAULT) }
  let native = call.table.nativeSignal(Int(signal))
  guard signal == 0 || native != 0 else { return call.error(EINVAL) }
  call.process.pointee.death_parent = Int32(truncatingIfNeeded: quietly(__NR_getppid))
  call.process.pointee.death_signal = UInt32(native)
  return 0
}

/// PROC_ASLR_FORCE_ENABLE 1, PROC_ASLR_FORCE_DISABLE 2, PROC_ASLR_NOFORCE 3; PROC_ASLR_ACTIVE is the sign bit.
private func randomization(_ call: Call, _ request: ProcessRequest, _ data: UInt64) -> Int {
  let present = call.hostNow(__NR_personality, 0xffff_ffff)
  if present < 0 { return present }
  let fixed = present & ADDR_NO_RANDOMIZE != 0
  if request == .randomizationStatus {
    return answer(call, fixed ? 2 : Int32(bitPattern: 0x8000_0003))
  }
  var mode: Int32 = 0
  guard call.read(&mode, at: data) else { return call.error(EFAULT) }
  guard mode >= 1, mode <= 3 else { return call.error(EINVAL) }
  let wanted = mode == 2 ? present | ADDR_NO_RANDOMIZE : present & ~ADDR_NO_RANDOMIZE
  let result = call.hostNow(__NR_personality, wanted)
  return result < 0 ? result : 0
}
