import CEngine
import CWire

// What procstat(1) asks of a process's two kinds of stacks: the auxiliary vector on its own (-x), and where the kernel's
// stand (-k). Source: get_proc_vector() and sysctl_kern_proc_kstack() of kern/kern_proc.c, sys/user.h.

/// struct ps_strings
private let stringsBytes = 32
/// PROC_AUXV_MAX: entries of 16 bytes.
private let longestVector = 256

/// kern.proc.auxv: struct ps_strings leads to it. Of a program of Linux's, its own.
func processAuxiliary(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let facts = ProcessFacts(call, pid) else { return call.error(ESRCH) }
  guard facts.virtualBytes > 0 else { return 0 }
  guard let memory = call.scratch(16 * longestVector) else { return call.error(ENOMEM) }
  guard isGuest(call, pid) == true else { return linuxVector(call, pid, memory, &request) }
  guard facts.stackStart != 0 else { return call.error(EPERM) }
  // The engine lays struct ps_strings out below Linux's own initial stack (`buildStack`).
  let place = facts.stackStart & ~15 - stringsBytes
  let result = copy(pid, place, memory, stringsBytes)
  if result != stringsBytes { return result < 0 ? result : call.error(ENOMEM) }
  // ps_envstr, ps_nenvstr; the vector stands behind the environment's NULL.
  let vector = memory.get(at: 16, as: Int.self) + 8 * (Int(memory.get(at: 24, as: Int32.self)) + 1)
  guard vector & 7 == 0 else { return call.error(ENOEXEC) }
  let length = copy(pid, vector, memory, 16 * longestVector)
  if length < 0 { return length }
  for entry in 0..<length / 16 where memory.get(at: 16 * entry, as: UInt64.self) == 0 {
    request.put(memory, 16 * (entry + 1))
    return 0
  }
  return call.error(ENOEXEC)
}

private func linuxVector(_ call: Call, _ pid: Int, _ memory: UnsafeMutableRawPointer, _ request: inout SysctlRequest) -> Int {
  guard let path = processFile(call, pid, "auxv") else { return call.error(ENOMEM) }
  var file = HostFile(call, path)
  guard file.isOpen else { return call.error(EPERM) }
  let length = file.read(memory, 16 * longestVector)
  request.put(memory, length)
  return 0
}

/// Reads a process's memory as far as it is there, up to the end of a page at least: how much, or -errno.
private func copy(_ pid: Int, _ address: Int, _ memory: UnsafeMutableRawPointer, _ count: Int) -> Int {
  // struct iovec: what is read in two pieces ends at the last page that is there.
  let first = min(count, 4096 - address & 4095)
  var own: InlineArray<2, Int> = [memory.word, count]
  var other: InlineArray<4, Int> = [address, first, address + first, count - first]
  return withUnsafeMutablePointer(to: &own) { own in
    withUnsafeMutablePointer(to: &other) {
      quietly(__NR_process_vm_readv, pid, Int(bitPattern: own), 1, Int(bitPattern: $0), 2, 0)
    }
  }
}

/// struct kinfo_kstack
private enum StackEntry {
  static let thread = 0
  static let state = 4
  static let trace = 8
  static let longestTrace = 1024
  static let size = 1096
  /// KKST_STATE_RUNNING; KKST_STATE_STACKOK is 0.
  static let running: Int32 = 2
}

/// kern.proc.kstack: functions of Linux's kernel, whose addresses Linux hides. It tells the superuser alone.
func processStacks(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let pid = askedProcess(argument, call) else { return call.error(EINVAL) }
  guard let record = call.scratch(StackEntry.size) else { return call.error(ENOMEM) }
  var refusal = 0
  var found = request
  let isThere = eachTask(call, pid) { task in
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let facts = ProcessFacts(call, pid, thread: task), var path = ByteWriter(call, limit: 96) else { return true }
    path.append("/proc/")
    path.append(decimal: pid)
    path.append("/task/")
    path.append(decimal: task)
    path.append("/stack")
    path.append(0)
    clear(record, StackEntry.size)
    record.put(Int32(truncatingIfNeeded: task), at: StackEntry.thread)
    if facts.state == UInt8(ascii: "R") {
      record.put(StackEntry.running, at: StackEntry.state)
    } else {
      var file = HostFile(call, UnsafeRawPointer(path.start))
      guard file.isOpen, file.peek() != nil else {
        refusal = call.error(EPERM)
        return false
      }
      trace(&file, record + StackEntry.trace)
    }
    found.put(record, StackEntry.size)
    return true
  }
  if !isThere { return call.error(ESRCH) }
  if refusal != 0 { return refusal }
  request = found
  return 0
}

/// Linux's lines, "[<0>] do_wait+0x5f/0xf0", as stack_sbuf_print() writes them: "#0 0x0 at do_wait+0x5f".
private func trace(_ file: inout HostFile, _ text: UnsafeMutableRawPointer) {
  var length = 0
  func append(_ byte: UInt8) {
    guard length < StackEntry.longestTrace - 1 else { return }
    text.put(byte, at: length)
    length += 1
  }
  func append(_ words: StaticString) {
    for index in 0..<words.utf8CodeUnitCount { append(words.utf8Start[index]) }
  }
  var level = 0
  while file.peek() != nil {
    file.skipWord()
    while file.peek() == 0x20 { file.byte() }
    append("#")
    if level >= 10 { append(UInt8(0x30 + level / 10 % 10)) }
    append(UInt8(0x30 + level % 10))
    append(" 0x0 at ")
    while let next = file.peek(), next != 0x0a, next != UInt8(ascii: "/"), next != 0x20 {
      append(next)
      file.byte()
    }
    append(0x0a)
    file.skipLine()
    level += 1
  }
}
