import CEngine
import CWire
import Wire

// How threads are named, and which processors they run on. Source: sys/sys/{lwp,cpumask}.h, sys/kern/kern_usched.c.

/// lwp_getname(tid, name, len): what lwp_setname gave, as much of it as fits.
func lightweightName(_ call: inout Call) -> Int {
  guard var path = ByteWriter(call, limit: 64), let name = call.scratch(32), call[2] > 0 else { return call.error(EINVAL) }
  path.append("/proc/self/task/")
  path.append(decimal: Int(call.int32(0) > 0 ? call.int32(0) : call.thread.pointee.tid))
  path.append("/comm")
  path.append(0)
  var file = HostFile(call, UnsafeRawPointer(path.start))
  guard file.isOpen else { return call.error(ESRCH) }
  let length = min(max(file.read(name, 31) - 1, 0), call[2] - 1)  // without Linux's newline
  name.put(UInt8(0), at: length)
  return call.copyOut(call.address(1), name, length + 1) ? 0 : call.error(EFAULT)
}

/// lwp_getaffinity and lwp_setaffinity(pid, tid, mask) with Linux's call; a cpumask_t has 256 bits.
func lightweightAffinity(_ call: inout Call) -> Int {
  guard let mask = call.scratch(1024) else { return call.error(ENOMEM) }
  clear(mask, 1024)
  let sets = call[3] == Int(__NR_sched_setaffinity)
  if sets, !call.copyIn(mask, call.address(2), 32) { return call.error(EFAULT) }
  let task = call.int32(1) > 0 ? Int(call.int32(1)) : max(Int(call.int32(0)), 0)
  let result = call.hostNow(Int32(call[3]), task, 1024, mask.word)
  if sets { return result == call.error(EINVAL) ? call.error(EPERM) : result }
  return result < 0 ? result : call.copyOut(call.address(2), mask, 32) ? 0 : call.error(EFAULT)
}
