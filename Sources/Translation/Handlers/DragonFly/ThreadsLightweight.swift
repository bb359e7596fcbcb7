import CEngine
import CWire

// Threads, their areas and their sleep. Source: sys/kern/{kern_fork,kern_exit,kern_sig,kern_umtx,kern_usched}.c,
// sys/platform/pc64/x86_64/{vm_machdep,tls}.c, sys/sys/{lwp,umtx,tls}.h.

/// lwp_create(params), lwp_create2(params, mask) without a mask: struct lwp_params { func, arg, stack, tid1, tid2 }.
func lightweightCreate(_ call: inout Call) -> Int {
  if call.row.pointee.argument_count > 1, call.words[1] != 0 { return call.error(EOPNOTSUPP) }
  var parameters: InlineArray<5, UInt64> = InlineArray(repeating: 0)
  guard call.read(&parameters, at: call.words[0]) else { return call.error(EFAULT) }
  var start = persona_thread_start()
  start.entry = parameters[0]
  start.argument = parameters[1]
  // cpu_prepare_lwp pushes a return address that leads nowhere.
  start.stack = parameters[2] &- 8
  guard call.write(UInt64(0), at: start.stack) else { return call.error(EFAULT) }
  start.tls = call.segmentBase(ARCH_GET_FS)
  start.parent_tid = parameters[3]
  start.child_tid = parameters[4]
  start.id_width = 4
  let result = Int(persona_start_thread(call.thread, &start))
  // The creator finds both ids, whether the thread has begun or not.
  if result > 0, parameters[4] != 0 { _ = call.write(Int32(result), at: parameters[4]) }
  return min(result, 0)
}

/// extexit(how, status, addr): EXTEXIT_SETINT (1) stores the status, EXTEXIT_LWP (0x10000) ends this thread only.
func extendedExit(_ call: inout Call) -> Int {
  let how = call.uint32(0)
  guard how & 0xffff <= 1, how >> 16 <= 1 else { return call.error(EINVAL) }
  let place = how & 1 != 0 ? call.words[2] : 0
  if place != 0, !call.write(call.int32(1), at: place) { return call.error(EFAULT) }
  if how >> 16 == 0 { return call.hostNow(__NR_exit_group, Int(call.int32(1)) & 0xff) }
  if let first = call.awaitsHandler() { return first }
  persona_end_thread(call.thread, place, UInt64(call.uint32(1)), 4)
  return Int(PERSONA_JUMP)
}

/// lwp_kill(pid, tid, signum): -1 is this process, and any thread.
func lightweightKill(_ call: inout Call) -> Int {
  let pid = call.int32(0) == -1 ? Int(call.process.pointee.pid) : Int(call.int32(0))
  if pid <= 0 || call.int32(1) < -1 { return call.error(EINVAL) }
  if call.int32(1) == -1 { return call.hostNow(__NR_kill, pid, call[2]) }
  return call.hostNow(__NR_tgkill, pid, Int(call.int32(1)), call[2])
}

/// umtx_sleep(ptr, value, timeout): the timeout in microseconds, 0 without end.
func umtxSleep(_ call: inout Call) -> Int {
  let (place, value, timeout) = (call[0], Int(call.int32(1)), call.int32(2))
  if timeout < 0 { return call.error(EINVAL) }
  var limit = Timespec(seconds: Int64(timeout / 1_000_000), nanoseconds: Int64(timeout % 1_000_000) * 1000)
  let result = withUnsafePointer(to: &limit) {
    call.host(__NR_futex, place, Int(FUTEX_WAIT), value, timeout == 0 ? 0 : Int(bitPattern: $0))
  }
  if result == Int(PERSONA_RESTART) { return call.error(EINTR) }
  if result == call.error(EAGAIN) { return call.error(EBUSY) }
  return result == call.error(ETIMEDOUT) ? call.error(EAGAIN) : result
}

/// umtx_wakeup(ptr, count): 0 wakes all.
func umtxWakeup(_ call: inout Call) -> Int {
  let count = call.int32(1) > 0 ? Int(call.int32(1)) : Int(Int32.max)
  return min(call.hostNow(__NR_futex, call[0], Int(FUTEX_WAKE), count), 0)
}

/// set_tls_area and get_tls_area(which, info, infosize): struct tls_info { base, size } of a segment base, 0 fs, 1 gs.
func threadArea(_ call: inout Call) -> Int {
  guard call.words[2] == 16, call.uint32(0) <= 1 else { return call.error(EINVAL) }
  let isFirst = call.uint32(0) == 0
  var area: InlineArray<2, UInt64> = [call.segmentBase(isFirst ? ARCH_GET_FS : ARCH_GET_GS), 0xffff_ffff]
  if call[3] == 0 { return call.write(area, at: call.words[1]) ? 0 : call.error(EFAULT) }
  guard call.read(&area, at: call.words[1]) else { return call.error(EFAULT) }
  return call.setSegmentBase(isFirst ? ARCH_SET_FS : ARCH_SET_GS, area[0]) < 0 ? call.error(EINVAL) : 0
}

/// extpread and its like with the native calls without and with an offset, which -1 leaves out.
func extendedTransfer(_ call: inout Call) -> Int {
  if call.uint32(3) & ~0x200000 != 0 { return call.error(EOPNOTSUPP) }  // O_FOFFSET
  let offset = call[4]
  return offset == -1
    ? call.host(Int32(call[5]), call[0], call[1], call[2])
    : call.host(Int32(call[6]), call[0], call[1], call[2], offset)
}

/// lwp_getaffinity and lwp_setaffinity(pid, tid, mask) with Linux's call; a cpumask_t has 256 bits.
func lightweightAffinity(_ call: inout Call) -> Int {
  guard let mask = call.scratch(1024) else { return call.error(ENOMEM) }
  clear(mask, 1024)
  let sets = call[3] == Int(__NR_sched_setaffinity)
  if sets, !call.copyIn(mask, call.address(2), 32) { return call.error(EFAULT) }
  if call.int32(0) < 0 { return call.error(EINVAL) }
  let task = Int(call.int32(1) > 0 ? call.int32(1) : call.int32(0))
  let result = call.hostNow(Int32(call[3]), task, 1024, mask.word)
  if sets { return result == call.error(EINVAL) ? call.error(EPERM) : result }
  return result < 0 ? result : call.copyOut(call.address(2), mask, 32) ? 0 : call.error(EFAULT)
}
