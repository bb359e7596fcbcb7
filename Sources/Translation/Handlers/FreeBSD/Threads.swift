import CEngine
import CWire

/// thr_new(2): struct thr_param (sys/thr.h) names the first instruction, stack and TLS base.
func threadNew(_ call: inout Call) -> Int {
  let size = Int(truncatingIfNeeded: call.words[1])
  let whole = 104
  guard size >= 0, size <= whole else { return call.error(EINVAL) }
  guard let parameters = call.scratch(whole) else { return call.error(ENOMEM) }
  parameters.initializeMemory(as: UInt8.self, repeating: 0, count: whole)
  guard call.copyIn(parameters, call.words[0], size) else { return call.error(EFAULT) }
  func word(_ index: Int) -> UInt64 { parameters.load(fromByteOffset: 8 * index, as: UInt64.self) }
  let flags = UInt32(truncatingIfNeeded: word(8))
  let known = 0x3 | call.table[.THR_C_RUNTIME]  // sys/thr.h: two flags that the kernel accepts and does nothing about
  // kern_thr_new (sys/kern/kern_thr.c), cpu_set_user_tls (sys/amd64/amd64/vm_machdep.c).
  guard flags & ~known == 0, word(4) < PageRange.userEnd else { return call.error(EINVAL) }
  var start = persona_thread_start()
  start.entry = word(0)
  start.argument = word(1)
  // cpu_set_upcall (amd64/vm_machdep.c): aligned as after a call that pushed its return address.
  start.stack = ((word(2) &+ word(3)) & ~15) &- 8
  start.tls = word(4)
  start.has_runtime = flags & call.table[.THR_C_RUNTIME] != 0 ? 1 : 0
  start.child_tid = word(6)
  start.parent_tid = word(7)
  start.id_width = 8
  let result = persona_start_thread(call.thread, &start)
  return result < 0 ? Int(result) : 0
}

/// thr_exit(2): the last thread does not exit, the process does.
func threadExit(_ call: inout Call) -> Int {
  if let first = call.awaitsHandler() { return first }
  call.releaseRobustMutexes()
  if call.isLastBesideWorkers { _ = call.hostNow(__NR_exit_group, 0) }
  persona_end_thread(call.thread, call.words[0], 1, 8)
  return Int(PERSONA_JUMP)
}

func threadSelf(_ call: inout Call) -> Int {
  call.write(Int64(call.thread.pointee.tid), at: call.words[0]) ? 0 : call.error(EFAULT)
}

/// thr_kill(2): id -1 means every thread but the caller.
func threadKill(_ call: inout Call) -> Int {
  signalThread(call, process: Int(call.process.pointee.pid), id: Int(truncatingIfNeeded: call.words[0]),
    signal: call.words[1])
}

func threadKillProcess(_ call: inout Call) -> Int {
  signalThread(
    call, process: Int(Int32(truncatingIfNeeded: call.words[0])), id: Int(truncatingIfNeeded: call.words[1]),
    signal: call.words[2])
}

private func signalThread(_ call: Call, process: Int, id: Int, signal: UInt64) -> Int {
  let foreign = Int(Int32(truncatingIfNeeded: signal))
  guard foreign >= 0, foreign <= 128 else { return call.error(EINVAL) }
  let native = call.table.nativeSignal(foreign)
  if foreign != 0 && native == 0 { return call.error(EINVAL) }
  if id != -1 { return id <= 0 ? call.error(ESRCH) : call.hostNow(__NR_tgkill, process, id, native) }
  guard process == Int(call.process.pointee.pid) else { return call.error(EOPNOTSUPP) }
  return signalOthers(call, native)
}

/// Sends to all other threads of the process, as /proc/self/task lists them.
private func signalOthers(_ call: Call, _ native: Int) -> Int {
  guard let buffer = call.scratch(8192), let path = call.scratch(32) else { return call.error(ENOMEM) }
  let name: StaticString = "/proc/self/task"
  path.copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount + 1)
  let directory = call.hostNow(__NR_open, path.word, Int(O_RDONLY | O_DIRECTORY | O_CLOEXEC))
  if directory < 0 { return directory }
  var sent = 0
  while true {
    let length = call.hostNow(__NR_getdents64, directory, buffer.word, 8192)
    if length <= 0 { break }
    var offset = 0
    while offset < length {
      let entry = buffer + offset
      let id = decimal(entry + 19)
      if id > 0, id != Int(call.thread.pointee.tid) {
        if call.hostNow(__NR_tgkill, Int(call.process.pointee.pid), id, native) == 0 { sent += 1 }
      }
      offset += Int(entry.load(fromByteOffset: 16, as: UInt16.self))
    }
  }
  _ = call.hostNow(__NR_close, directory)
  return sent > 0 ? 0 : call.error(ESRCH)
}

/// A decimal number that a NUL ends; 0 for anything else.
private func decimal(_ text: UnsafeRawPointer) -> Int {
  var value = 0
  var position = 0
  while true {
    let digit = text.load(fromByteOffset: position, as: UInt8.self)
    if digit == 0 { return value }
    guard digit >= 48, digit <= 57, position < 10 else { return 0 }
    value = value * 10 + Int(digit - 48)
    position += 1
  }
}

/// thr_set_name(2): Linux keeps 15 bytes.
func threadSetName(_ call: inout Call) -> Int {
  let id = Int(truncatingIfNeeded: call.words[0])
  guard let name = call.scratch(64) else { return call.error(ENOMEM) }
  var length = 0
  if call.words[1] != 0 {
    length = Int(persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.words[1], 63))
    if length == -Int(EFAULT) { return length }
    if length < 0 { length = 63 }
  }
  name.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  if id == Int(call.thread.pointee.tid) { return call.hostNow(__NR_prctl, Int(PR_SET_NAME), name.word) }
  return nameOther(call, id, name, length)
}

private func nameOther(_ call: Call, _ id: Int, _ name: UnsafeMutableRawPointer, _ length: Int) -> Int {
  guard id > 0, let path = call.scratch(64) else { return call.error(ESRCH) }
  var end = append(path, 0, "/proc/self/task/")
  end = appendDecimal(path, end, id)
  _ = append(path, end, "/comm")
  let file = call.hostNow(__NR_open, path.word, Int(O_WRONLY | O_CLOEXEC))
  if file < 0 { return call.error(ESRCH) }
  let result = call.hostNow(__NR_write, file, name.word, length)
  _ = call.hostNow(__NR_close, file)
  return result < 0 ? result : 0
}

/// Appends text and a NUL; the new length.
func append(_ buffer: UnsafeMutableRawPointer, _ length: Int, _ text: StaticString) -> Int {
  (buffer + length).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
  buffer.storeBytes(of: 0, toByteOffset: length + text.utf8CodeUnitCount, as: UInt8.self)
  return length + text.utf8CodeUnitCount
}

/// Appends a decimal number >= 0 and a NUL; the new length.
func appendDecimal(_ buffer: UnsafeMutableRawPointer, _ length: Int, _ value: Int) -> Int {
  var digits = 1
  var scale = 1
  while value / scale >= 10 {
    scale *= 10
    digits += 1
  }
  for position in 0..<digits {
    let digit = UInt8(truncatingIfNeeded: value / scale % 10) + 48
    buffer.storeBytes(of: digit, toByteOffset: length + position, as: UInt8.self)
    scale /= 10
  }
  buffer.storeBytes(of: 0, toByteOffset: length + digits, as: UInt8.self)
  return length + digits
}
