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

/// "/proc/PID/name", NUL-terminated.
func processFile(_ call: Call, _ pid: Int, _ name: StaticString) -> UnsafeRawPointer? {
  guard var path = ByteWriter(call, limit: 64) else { return nil }
  path.append("/proc/")
  path.append(decimal: pid)
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
  guard let target = request.call.scratch(4097), var link = ByteWriter(request.call, limit: 64) else {
    return false
  }
  var path = path
  if request.call.process.pointee.path_view != 0 {
    switch rootedPath(request.call, PathOperand(address: UInt64(UInt(bitPattern: path))), PathIntent()) {
    case .other(let text): path = UnsafeRawPointer(text)
    case .same: break
    case .refused: return false
    }
  }
  let descriptor = quietly(__NR_openat, -100, Int(bitPattern: path), Int(O_PATH | O_CLOEXEC))
  guard descriptor >= 0 else { return false }
  defer { _ = quietly(__NR_close, descriptor) }
  link.append("/proc/self/fd/")
  link.append(decimal: descriptor)
  link.append(0)
  let length = quietly(__NR_readlinkat, -100, link.start.word, target.word, 4096)
  guard length > 0, target.get(at: 0, as: UInt8.self) == UInt8(ascii: "/") else { return false }
  put(target, length, &request)
  return true
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
  let result = eachProcess(call) { pid in
    let mark = call.thread.pointee.scratch_used
    let known = ProcessInformation.fill(call, pid, native, boot)
    call.thread.pointee.scratch_used = mark
    if known, selects(selection, wanted, native) {
      put(pid, withThreads: withThreads, layout, native, foreign, &found)
    }
    return true
  }
  if result < 0 { return result }
  request = found
  if request.old == 0 {
    // A size without a buffer leaves room for processes that start meanwhile, as the BSDs do.
    clear(foreign, size)
    for _ in 0..<5 { request.put(foreign, size) }
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

/// struct process_information of personalities/linux/types.table: what /proc tells of a process, from which the
/// table's struct kinfo_proc is converted.
enum ProcessInformation {
  static let pid = 0
  static let parent = 4
  static let group = 8
  static let session = 12
  static let foregroundGroup = 16
  static let state = 20
  static let terminal = 24
  static let user = 32
  static let realUser = 36
  static let savedUser = 40
  static let realGroup = 44
  static let savedGroup = 48
  static let groupCount = 52
  static let groups = 56
  static let memory = 120
  static let resident = 128
  static let runTime = 136
  static let started = 144
  static let nice = 160
  static let threads = 164
  static let bytes = 168
  static let name = 172
  static let task = 188
  static let own = 192
  static let children = 336
  static let thread = 480
  static let threadName = 672
  /// Behind the structure: Linux's own letter of the state, its priority, the processor, pages of text, data and
  /// stack, masks of signals (pending, blocked, ignored, caught), ticks of 1/100 s that it ran and has been there, and
  /// eight letters of what it waits for.
  static let letter = 688
  static let priority = 692
  static let processor = 696
  static let pages = 704
  static let masks = 728
  static let ran = 760
  static let age = 768
  static let waitsFor = 776
  static let size = 792

  static func fill(_ call: Call, _ process: Int, _ entry: UnsafeMutableRawPointer, _ boot: Int) -> Bool {
    clear(entry, size)
    guard let path = processFile(call, process, "stat") else { return false }
    var file = HostFile(call, path)
    guard file.isOpen, file.decimal() != nil else { return false }
    entry.put(Int32(call.table.size(.kinfo_proc)), at: bytes)
    entry.put(Int32(process), at: pid)
    readName(&file, entry + name)
    let letter = file.byte() ?? 0
    entry.put(letter, at: Self.letter)
    entry.put(UInt32(simplified(letter)), at: state)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: parent)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: group)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: session)
    let device = file.decimal() ?? 0
    // NODEV is all ones: sys/types.h.
    entry.put(device == 0 ? UInt64.max : UInt64(device), at: terminal)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: foregroundGroup)
    _ = file.decimal()
    // ru_minflt and ru_majflt of struct rusage.
    entry.put(Int64(file.decimal() ?? 0), at: own + 64)
    entry.put(Int64(file.decimal() ?? 0), at: children + 64)
    entry.put(Int64(file.decimal() ?? 0), at: own + 72)
    entry.put(Int64(file.decimal() ?? 0), at: children + 72)
    let userTicks = file.decimal() ?? 0
    let systemTicks = file.decimal() ?? 0
    let childUserTicks = file.decimal() ?? 0
    let childSystemTicks = file.decimal() ?? 0
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: priority)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: nice)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 1), at: threads)
    _ = file.decimal()
    let begin = file.decimal() ?? 0
    entry.put(UInt64(file.decimal() ?? 0), at: memory)
    entry.put(Int64(file.decimal() ?? 0), at: resident)
    for _ in 0..<14 { _ = file.decimal() }
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: processor)
    putAge(call, userTicks + systemTicks, begin, entry)
    if letter == UInt8(ascii: "S") || letter == UInt8(ascii: "D") { readChannel(call, process, entry + waitsFor) }
    entry.put(UInt64(userTicks + systemTicks) * 10_000, at: runTime)
    entry.put(Int64(boot + begin / 100), at: started)
    entry.put(Int64(begin % 100 * 10_000), at: started + 8)
    putTime(userTicks, entry, own)
    putTime(systemTicks, entry, own + 16)
    putTime(childUserTicks, entry, children)
    putTime(childSystemTicks, entry, children + 16)
    // struct thread_information: ids, state, microseconds, rusage, name.
    entry.put(Int32(process), at: task)
    (entry + threadName).copyMemory(from: entry + name, byteCount: 16)
    entry.put(Int32(process), at: thread)
    entry.put(Int32(process), at: thread + 4)
    entry.put(entry.get(at: state, as: UInt32.self), at: thread + 8)
    entry.put(UInt64(userTicks) * 10_000, at: thread + 16)
    entry.put(UInt64(systemTicks) * 10_000, at: thread + 24)
    guard owners(call, process, entry) else { return false }
    (entry + thread + 32).copyMemory(from: entry + own, byteCount: 144)
    (entry + thread + 176).copyMemory(from: entry + name, byteCount: 16)
    return true
  }

  private static func putAge(_ call: Call, _ ticks: Int, _ begin: Int, _ entry: UnsafeMutableRawPointer) {
    entry.put(Int64(ticks), at: ran)
    // CLOCK_BOOTTIME is 7.
    entry.put(max(Int64(call.now(7).total / 10_000_000) - Int64(begin), 1), at: age)
  }

  /// The kernel's function that the process sleeps in, as far as there is room.
  private static func readChannel(_ call: Call, _ process: Int, _ name: UnsafeMutableRawPointer) {
    guard let path = processFile(call, process, "wchan") else { return }
    var file = HostFile(call, path)
    if file.peek() == UInt8(ascii: "0") { return }
    _ = file.read(name, 8)
  }

  /// What /proc tells of one of the process's threads, in place of another one's.
  static func fillThread(_ call: Call, _ process: Int, _ id: Int, _ entry: UnsafeMutableRawPointer) {
    guard var path = ByteWriter(call, limit: 96) else { return }
    path.append("/proc/")
    path.append(decimal: process)
    path.append("/task/")
    path.append(decimal: id)
    path.append("/stat")
    path.append(0)
    var file = HostFile(call, UnsafeRawPointer(path.start))
    guard file.isOpen, file.decimal() != nil else { return }
    readName(&file, entry + threadName)
    entry.put(Int32(id), at: task)
    entry.put(Int32(id), at: thread + 4)
    entry.put(UInt32(simplified(file.byte() ?? 0)), at: thread + 8)
    for _ in 0..<10 { _ = file.decimal() }
    let userTicks = file.decimal() ?? 0
    let systemTicks = file.decimal() ?? 0
    _ = file.decimal()
    _ = file.decimal()
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: priority)
    for _ in 0..<3 { _ = file.decimal() }
    putAge(call, userTicks + systemTicks, file.decimal() ?? 0, entry)
    entry.put(UInt64(userTicks) * 10_000, at: thread + 16)
    entry.put(UInt64(systemTicks) * 10_000, at: thread + 24)
    putTime(userTicks, entry, thread + 32)
    putTime(systemTicks, entry, thread + 48)
    (entry + thread + 176).copyMemory(from: entry + threadName, byteCount: 16)
  }

  /// " (name) ": the name may hold anything, so it ends at the last parenthesis of the line; Linux keeps 15 bytes
  /// of it.
  private static func readName(_ file: inout HostFile, _ name: UnsafeMutableRawPointer) {
    clear(name, 16)
    file.byte()
    file.byte()
    var length = 0
    while let next = file.byte() {
      if next == UInt8(ascii: ")"), file.peek() == 0x20 { break }
      if length < 15 { name.put(next, at: length) }
      length += 1
    }
    file.byte()
  }

  /// A struct timeval from ticks of 1/100 s.
  private static func putTime(_ ticks: Int, _ entry: UnsafeMutableRawPointer, _ offset: Int) {
    entry.put(Int64(ticks / 100), at: offset)
    entry.put(Int64(ticks % 100 * 10_000), at: offset + 8)
  }

  /// One of the four states that the table's process_state names by Linux's letter.
  private static func simplified(_ state: UInt8) -> UInt8 {
    switch state {
    case UInt8(ascii: "R"): return state
    case UInt8(ascii: "T"), UInt8(ascii: "t"): return UInt8(ascii: "T")
    case UInt8(ascii: "Z"), UInt8(ascii: "X"): return UInt8(ascii: "Z")
    default: return UInt8(ascii: "S")
    }
  }

  /// User and group ids, supplementary groups (16 of them).
  private static func owners(_ call: Call, _ process: Int, _ entry: UnsafeMutableRawPointer) -> Bool {
    guard let path = processFile(call, process, "status") else { return false }
    var file = HostFile(call, path)
    guard file.find("Uid:") else { return false }
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: realUser)
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: user)
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: savedUser)
    file.skipLine()
    guard file.find("Gid:") else { return false }
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: realGroup)
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: groups)
    entry.put(UInt32(truncatingIfNeeded: file.decimal() ?? 0), at: savedGroup)
    file.skipLine()
    var count = 1
    if file.find("Groups:") {
      while count < 16, let group = file.decimal() {
        entry.put(UInt32(truncatingIfNeeded: group), at: groups + 4 * count)
        count += 1
      }
    }
    entry.put(Int32(count), at: groupCount)
    // A kernel's thread and a process that has ended have no memory of their own.
    guard entry.get(at: memory, as: UInt64.self) > 0 else { return true }
    // ru_maxrss of struct rusage, in KiB; pages of 4 KiB.
    entry.put(Int64(file.number(after: "VmHWM:")), at: own + 32)
    entry.put(Int64(file.number(after: "VmData:") / 4), at: pages + 8)
    entry.put(Int64(file.number(after: "VmStk:") / 4), at: pages + 16)
    entry.put(Int64(file.number(after: "VmExe:") / 4), at: pages)
    func mask(_ title: StaticString) -> UInt64 {
      guard file.find(title) else { return 0 }
      while file.peek() == 0x20 || file.peek() == 0x09 { file.byte() }
      return file.hexadecimal() ?? 0
    }
    let ofThread = mask("SigPnd:")
    entry.put(ofThread | mask("ShdPnd:"), at: masks)
    entry.put(mask("SigBlk:"), at: masks + 8)
    entry.put(mask("SigIgn:"), at: masks + 16)
    entry.put(mask("SigCgt:"), at: masks + 24)
    // ru_nvcsw and ru_nivcsw.
    entry.put(Int64(file.number(after: "voluntary_ctxt_switches:")), at: own + 128)
    entry.put(Int64(file.number(after: "nonvoluntary_ctxt_switches:")), at: own + 136)
    return true
  }
}
