import CEngine
import CWire

// Threads that share all but a stack and a thread control block. Source: sys/kern/{kern_fork,kern_exit,kern_sig}.c,
// sys/sys/{unistd,proc}.h.

/// __tfork(param, psize): struct __tfork { tf_tcb, tf_tid, tf_stack }. The new thread returns 0 from the call.
func threadFork(_ call: inout Call) -> Int {
  guard call.words[1] == 24, let parameters = call.scratch(24) else { return call.error(EINVAL) }
  guard call.copyIn(parameters, call.words[0], 24) else { return call.error(EFAULT) }
  let place = parameters.load(fromByteOffset: 8, as: UInt64.self)
  guard let registers = call.scratch(8 * 18)?.bindMemory(to: UInt64.self, capacity: 18) else {
    return call.error(ENOMEM)
  }
  for number in 0..<18 { registers[number] = call.context[number: UInt8(number)] }
  registers[Int(PERSONA_RAX.rawValue)] = 0
  registers[Int(PERSONA_RSP.rawValue)] = parameters.load(fromByteOffset: 16, as: UInt64.self)
  registers[Int(PERSONA_FLAGS.rawValue)] &= ~TrapContext.carry
  var start = persona_thread_start()
  start.registers = UnsafePointer(registers)
  start.tls = parameters.load(as: UInt64.self)
  start.id_width = 4
  start.parent_tid = place
  return Int(persona_start_thread(call.thread, &start))
}

/// __threxit(notdead): `*notdead` becomes 0.
func threadEnd(_ call: inout Call) -> Int {
  if let first = call.awaitsHandler() { return first }
  persona_end_thread(call.thread, call.words[0], 0, 4)
  return Int(PERSONA_JUMP)
}

/// getthrid(): Linux's id, which the first thread shares with the process.
func threadIdentity(_ call: inout Call) -> Int { Int(call.thread.pointee.tid) }

/// The Linux id of a thread of this process; nil when there is none. 0 is the caller.
private func thread(_ call: Call, _ identifier: Int) -> Int? {
  if identifier == 0 { return Int(call.thread.pointee.tid) }
  guard identifier > 0, persona_find_thread(Int32(truncatingIfNeeded: identifier)) != nil else { return nil }
  return identifier
}

/// thrkill(tid, signum, tcb): a control block that is not the thread's means that the thread is gone.
func threadSignal(_ call: inout Call) -> Int {
  guard let native = thread(call, Int(call.int32(0))) else { return call.error(ESRCH) }
  if call.words[2] != 0, native == Int(call.thread.pointee.tid),
    call.words[2] != call.segmentBase(ARCH_GET_FS)
  {
    return call.error(ESRCH)
  }
  return call.hostNow(__NR_tgkill, Int(call.process.pointee.pid), native, call[1])
}

func setThreadBase(_ call: inout Call) -> Int {
  call.setFSBase(call.words[0])
  return 0
}

func getThreadBase(_ call: inout Call) -> Int { Int(truncatingIfNeeded: call.segmentBase(ARCH_GET_FS)) }

/// getthrname(tid, name, len) answers an error number as its result.
func threadGetName(_ call: inout Call) -> Int {
  guard let native = thread(call, Int(call.int32(0))) else { return foreignNumber(call, ESRCH) }
  guard let path = namePath(call, native), let name = call.scratch(32) else { return foreignNumber(call, ENOMEM) }
  let file = call.hostNow(__NR_open, path.word, Int(O_RDONLY | O_CLOEXEC))
  if file < 0 { return foreignNumber(call, ESRCH) }
  let length = call.hostNow(__NR_read, file, name.word, 31)
  _ = call.hostNow(__NR_close, file)
  // The name ends with a newline there, with a NUL here.
  guard length > 0 else { return foreignNumber(call, ESRCH) }
  name.storeBytes(of: 0, toByteOffset: length - 1, as: UInt8.self)
  if length > call[2] { return foreignNumber(call, ERANGE) }
  return call.copyOut(call.words[1], name, length) ? 0 : foreignNumber(call, EFAULT)
}

/// setthrname(tid, name): Linux keeps 15 bytes, OpenBSD 23 (_MAXCOMLEN).
func threadSetNameOf(_ call: inout Call) -> Int {
  guard let native = thread(call, Int(call.int32(0))) else { return foreignNumber(call, ESRCH) }
  guard let path = namePath(call, native), let name = call.scratch(32) else { return foreignNumber(call, ENOMEM) }
  let length = persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.words[1], 24)
  if length == -Int64(EFAULT) { return foreignNumber(call, EFAULT) }
  if length < 0 { return foreignNumber(call, EINVAL) }
  let file = call.hostNow(__NR_open, path.word, Int(O_WRONLY | O_CLOEXEC))
  if file < 0 { return foreignNumber(call, ESRCH) }
  let result = call.hostNow(__NR_write, file, name.word, Int(length))
  _ = call.hostNow(__NR_close, file)
  return result < 0 ? foreignNumber(call, EINVAL) : 0
}

private func namePath(_ call: Call, _ native: Int) -> UnsafeMutableRawPointer? {
  guard let path = call.scratch(64) else { return nil }
  var end = append(path, 0, "/proc/self/task/")
  end = appendDecimal(path, end, native)
  _ = append(path, end, "/comm")
  return path
}

/// The personality's number for a Linux errno, as a result.
func foreignNumber(_ call: Call, _ errno: Int32) -> Int { call.table.foreignErrno(Int(errno)) }
