import CEngine
import CWire
import Wire

// kern.proc: what the system tells of its processes, from Linux's /proc.

/// The pid that a MIB names: none and -1 are the caller.
private func processNamed(_ argument: MIB, _ call: Call) -> Int {
  let number = argument.count > 0 ? Int32(bitPattern: argument[0]) : -1
  return number == -1 ? Int(call.process.pointee.pid) : Int(number)
}

/// What a process was executed with, as strings in a file under /proc.
///
/// The environment ends before an empty string: zeros behind it are what one program handed on to the next
/// (`Engine/KnownPrograms`).
enum ProcessWords {
  case arguments
  case environment

  var file: StaticString { self == .arguments ? "cmdline" : "environ" }
}

/// "/proc/PID/name" or, of a thread, "/proc/PID/task/THREAD/name", NUL-terminated.
func processFile(_ call: Call, _ pid: Int, thread: Int? = nil, _ name: StaticString) -> UnsafeRawPointer? {
  guard var path = ByteWriter(call, limit: 96) else { return nil }
  path.append("/proc/")
  path.append(decimal: pid)
  if let thread {
    path.append("/task/")
    path.append(decimal: thread)
  }
  path.append("/")
  path.append(name)
  path.append(0)
  return UnsafeRawPointer(path.start)
}

/// kern.proc.pathname: the caller's is in its plan, another's is what Linux executes.
func executablePath(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count <= 1 else { return call.error(EINVAL) }
  let pid = processNamed(argument, call)
  if pid == Int(call.process.pointee.pid), let plan = call.process.pointee.plan {
    let path = UnsafeRawPointer(plan) + Int(plan.pointee.path)
    if !putResolved(path, &request) { request.put(string: path.assumingMemoryBound(to: CChar.self)) }
    return 0
  }
  if let target = call.scratch(4097), let length = guestProgram(call, pid, target, room: 4096) {
    put(target, length, &request)
    return 0
  }
  return putLink("exe", of: pid, &request)
}

/// Adds what the link /proc/PID/name leads to; ESRCH without the process.
func putLink(_ name: StaticString, of pid: Int, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let link = processFile(call, pid, name), let target = call.scratch(4097) else {
    return call.error(ENOMEM)
  }
  let length = quietly(__NR_readlinkat, -100, Int(bitPattern: link), target.word, 4096)
  if length == call.error(ENOENT) { return call.error(ESRCH) }
  if length < 0 { return length }
  put(target, length, &request)
  return 0
}

/// Adds what the guest calls a host's path.
private func put(_ path: UnsafeMutableRawPointer, _ length: Int, _ request: inout SysctlRequest) {
  let length = request.call.renameForeign(path, length)
  path.put(UInt8(0), at: length)
  request.put(path, length + 1)
}

/// Adds the path without symbolic links and dots; false when it names nothing.
private func putResolved(_ path: UnsafeRawPointer, _ request: inout SysctlRequest) -> Bool {
  guard let name = resolvedName(request.call, path) else { return false }
  name.text.put(UInt8(0), at: name.count)
  request.put(name.text, name.count + 1)
  return true
}

/// What the guest calls the file without symbolic links and dots, with room for a byte more; nil when the path names nothing.
func resolvedName(_ call: Call, _ path: UnsafeRawPointer) -> (text: UnsafeMutableRawPointer, count: Int)? {
  guard let target = call.scratch(4097), var link = ByteWriter(call, limit: 64) else { return nil }
  var path = path
  if call.process.pointee.path_view != 0 {
    switch rootedPath(call, PathOperand(address: UInt64(UInt(bitPattern: path))), PathIntent()) {
    case .other(let text): path = UnsafeRawPointer(text)
    case .same: break
    case .refused: return nil
    }
  }
  let descriptor = quietly(__NR_openat, -100, Int(bitPattern: path), Int(O_PATH | O_CLOEXEC))
  guard descriptor >= 0 else { return nil }
  defer { _ = quietly(__NR_close, descriptor) }
  link.append("/proc/self/fd/")
  link.append(decimal: descriptor)
  link.append(0)
  let length = quietly(__NR_readlinkat, -100, link.start.word, target.word, 4096)
  guard length > 0, target.get(at: 0, as: UInt8.self) == UInt8(ascii: "/") else { return nil }
  return (target, call.renameForeign(target, length))
}

/// kern.proc.args: the arguments, each with its NUL.
func processArguments(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count <= 1 else { return call.error(EINVAL) }
  guard let path = processFile(call, processNamed(argument, call), "cmdline") else {
    return call.error(ENOMEM)
  }
  var file = HostFile(call, path)
  guard file.isOpen, let piece = call.scratch(1024) else { return call.error(ESRCH) }
  while true {
    let count = file.read(piece, 1024)
    if count == 0 { break }
    request.put(piece, count)
  }
  return request.writes ? setProcessTitle(call, processNamed(argument, call), request.new, request.newLength) : 0
}

/// The strings of a process's environment, each with its NUL. Whoever may not look has EPERM, as p_candebug() of kern/kern_prot.c.
func processEnvironment(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 1 else { return call.error(EINVAL) }
  let pid = processNamed(argument, call)
  guard let path = processFile(call, pid, ProcessWords.environment.file) else { return call.error(ENOMEM) }
  var source = HostFile(call, path)
  // A process that may not be looked into has a file all the same, which tells nothing when it is opened.
  guard source.isOpen else { return call.error(quietly(__NR_kill, pid, 0) == -Int(ESRCH) ? ESRCH : EPERM) }
  while let first = source.peek(), first != 0 {
    while let byte = source.byte() {
      request.put(byte)
      if byte == 0 { break }
    }
  }
  return 0
}

/// KERN_PROC_* of sys/sysctl.h: which processes. Not every system has all of them.
private enum Selection: UInt32 {
  case all = 0
  case pid = 1
  case group = 2
  case session = 3
  case terminal = 4
  case user = 5
  case realUser = 6
  case process = 8
  case realGroup = 10
  case effectiveGroup = 11
}

/// KERN_PROC_INC_THREAD, KERN_PROC_FLAG_LWP: one entry for each thread.
private let includeThreads: UInt32 = 0x10

/// Adds the entry of a process that `native` tells of, or one for each of its threads.
private func put(
  _ pid: Int, withThreads: Bool, _ layout: Int, _ native: UnsafeMutableRawPointer, _ foreign: UnsafeMutableRawPointer,
  _ request: inout SysctlRequest
) {
  let call = request.call
  let size = call.table.size(.kinfo_proc)
  guard withThreads else {
    call.table.structToForeign(layout, from: native, to: foreign)
    markProcess(call, native, foreign)
    return request.put(foreign, size)
  }
  let outer = call.thread.pointee.scratch_used
  _ = eachTask(call, pid) { task in
    let mark = call.thread.pointee.scratch_used
    ProcessInformation.fillThread(call, pid, task, native)
    call.thread.pointee.scratch_used = mark
    call.table.structToForeign(layout, from: native, to: foreign)
    markProcess(call, native, foreign)
    request.put(foreign, size)
    return true
  }
  call.thread.pointee.scratch_used = outer
}

/// kern.proc.all and its kin: the table's struct kinfo_proc for each process that matches.
func processList(
  _ entry: UnsafePointer<persona_sysctl>, _ argument: MIB, _ request: inout SysctlRequest
) -> Int {
  let call = request.call
  let last = entry.number(Int(entry.pointee.depth) - 1)
  guard let selection = Selection(rawValue: last & ~includeThreads) else { return call.error(EINVAL) }
  let withThreads = last & includeThreads != 0
  let everything = selection == .all || selection == .process
  guard argument.count == (everything ? 0 : 1) || (everything && argument.count == 1) else {
    return call.error(argument.count > 1 ? EINVAL : EISDIR)
  }
  let wanted = argument.count > 0 ? Int(Int32(bitPattern: argument[0])) : 0
  guard let layout = call.table.wellKnown(.kinfo_proc), let native = call.scratch(ProcessInformation.size),
    let foreign = call.scratch(call.table.size(.kinfo_proc))
  else { return call.error(ENOMEM) }
  let size = call.table.size(.kinfo_proc)
  let boot = bootTime(call)
  if selection == .pid {
    let mark = call.thread.pointee.scratch_used
    guard ProcessInformation.fill(call, wanted, native, boot) else { return call.error(ESRCH) }
    call.thread.pointee.scratch_used = mark
    put(wanted, withThreads: withThreads, layout, native, foreign, &request)
    return 0
  }
  var found = request
  // Processes that have ended stand behind all others, as in the BSDs' kernels, which keep them in a list of their own: there is
  // a fuser(1) that looks no further than the first of them.
  var ended = ProcessNumbers()
  let result = eachProcess(call) { pid in
    let mark = call.thread.pointee.scratch_used
    let known = ProcessInformation.fill(call, pid, native, boot)
    call.thread.pointee.scratch_used = mark
    guard known, selects(selection, wanted, native) else { return true }
    if native.get(at: ProcessInformation.state, as: UInt32.self) == ProcessInformation.ended { return ended.append(pid) }
    put(pid, withThreads: withThreads, layout, native, foreign, &found)
    return true
  }
  if result < 0 { return result }
  if ended.isIncomplete { return call.error(ENOMEM) }
  for index in 0..<ended.count {
    let mark = call.thread.pointee.scratch_used
    let known = ProcessInformation.fill(call, ended[index], native, boot)
    call.thread.pointee.scratch_used = mark
    if known { put(ended[index], withThreads: withThreads, layout, native, foreign, &found) }
  }
  request = found
  if request.old == 0 {
    // A size without a buffer leaves room for processes that start meanwhile, as the BSDs do: for five there, but here it takes
    // longer to look at all, and programs that ask only once (libprocstat of 10) have no list when it does not fit.
    request.skip(5 * size + Int(request.produced))
  }
  return 0
}

private func selects(_ selection: Selection, _ wanted: Int, _ entry: UnsafeMutableRawPointer) -> Bool {
  func field(_ offset: Int) -> Int { Int(entry.get(at: offset, as: Int32.self)) }
  switch selection {
  case .all, .process: return true
  case .pid: return field(ProcessInformation.pid) == wanted
  case .group: return field(ProcessInformation.group) == wanted
  case .session: return field(ProcessInformation.session) == wanted
  case .terminal: return entry.get(at: ProcessInformation.terminal, as: UInt64.self) == UInt64(UInt32(wanted))
  case .user: return field(ProcessInformation.user) == wanted
  case .realUser: return field(ProcessInformation.realUser) == wanted
  case .realGroup: return field(ProcessInformation.realGroup) == wanted
  case .effectiveGroup: return field(ProcessInformation.groups) == wanted
  }
}
