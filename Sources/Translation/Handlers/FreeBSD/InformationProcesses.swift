import CEngine
import CWire
import Wire

// kern.proc: what the system tells of its processes, from Linux's /proc.

/// The pid that a MIB names: none and -1 are the caller.
private func processNamed(_ argument: MIB, _ call: Call) -> Int {
  let number = argument.count > 0 ? Int32(bitPattern: argument[0]) : -1
  return number == -1 ? Int(call.process.pointee.pid) : Int(number)
}

/// "/proc/PID/name", NUL-terminated.
private func processFile(_ call: Call, _ pid: Int, _ name: StaticString) -> UnsafeRawPointer? {
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
  guard let link = processFile(call, pid, "exe"), let target = call.scratch(4097) else {
    return call.error(ENOMEM)
  }
  let length = quietly(__NR_readlinkat, -100, Int(bitPattern: link), target.word, 4096)
  if length == call.error(ENOENT) { return call.error(ESRCH) }
  if length < 0 { return length }
  target.put(UInt8(0), at: length)
  request.put(target, length + 1)
  return 0
}

/// Adds the path without symbolic links and dots, as FreeBSD's kernel tells it; false when it names nothing.
private func putResolved(_ path: UnsafeRawPointer, _ request: inout SysctlRequest) -> Bool {
  guard let target = request.call.scratch(4097), var link = ByteWriter(request.call, limit: 64) else {
    return false
  }
  let descriptor = quietly(__NR_openat, -100, Int(bitPattern: path), Int(O_PATH | O_CLOEXEC))
  guard descriptor >= 0 else { return false }
  defer { _ = quietly(__NR_close, descriptor) }
  link.append("/proc/self/fd/")
  link.append(decimal: descriptor)
  link.append(0)
  let length = quietly(__NR_readlinkat, -100, link.start.word, target.word, 4096)
  guard length > 0, target.get(at: 0, as: UInt8.self) == UInt8(ascii: "/") else { return false }
  target.put(UInt8(0), at: length)
  request.put(target, length + 1)
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
    if count == 0 { return 0 }
    request.put(piece, count)
  }
}

/// KERN_PROC_* of sys/sysctl.h: which processes.
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

/// KERN_PROC_INC_THREAD: one entry for each thread. Only processes are told here.
private let includeThreads: UInt32 = 0x10

/// kern.proc.all and its kin: struct kinfo_proc of sys/user.h for each process that matches.
func processList(
  _ entry: UnsafePointer<persona_sysctl>, _ argument: MIB, _ request: inout SysctlRequest
) -> Int {
  let call = request.call
  let last = entry.number(Int(entry.pointee.depth) - 1)
  guard let selection = Selection(rawValue: last & ~includeThreads) else { return call.error(EINVAL) }
  let everything = selection == .all || selection == .process
  guard argument.count == (everything ? 0 : 1) || (everything && argument.count == 1) else {
    return call.error(argument.count > 1 ? EINVAL : EISDIR)
  }
  let wanted = argument.count > 0 ? Int(Int32(bitPattern: argument[0])) : 0
  guard let information = call.scratch(ProcessEntry.size) else { return call.error(ENOMEM) }
  let boot = bootTime(call)
  if selection == .pid {
    let mark = call.thread.pointee.scratch_used
    guard ProcessEntry.fill(call, wanted, information, boot) else { return call.error(ESRCH) }
    call.thread.pointee.scratch_used = mark
    request.put(information, ProcessEntry.size)
    return 0
  }
  // A size without a buffer leaves room for processes that start meanwhile, as FreeBSD does.
  let spare = 5 * ProcessEntry.size
  let directory = quietly(
    __NR_openat, -100, Int(bitPattern: ("/proc" as StaticString).utf8Start), Int(O_RDONLY | O_CLOEXEC))
  guard directory >= 0 else { return directory }
  defer { _ = quietly(__NR_close, directory) }
  guard let names = call.scratch(8192) else { return call.error(ENOMEM) }
  while true {
    let filled = quietly(__NR_getdents64, directory, names.word, 8192)
    if filled < 0 { return filled }
    if filled == 0 { break }
    var position = 0
    while position < filled {
      // struct linux_dirent64: d_reclen at 16, d_name at 19.
      let item = names + position
      position += Int(item.get(at: 16, as: UInt16.self))
      guard let pid = decimalName(item + 19) else { continue }
      let mark = call.thread.pointee.scratch_used
      let known = ProcessEntry.fill(call, pid, information, boot)
      call.thread.pointee.scratch_used = mark
      guard known, selects(selection, wanted, information) else { continue }
      request.put(information, ProcessEntry.size)
    }
  }
  if request.old == 0 {
    clear(information, ProcessEntry.size)
    for _ in 0..<(spare / ProcessEntry.size) { request.put(information, ProcessEntry.size) }
  }
  return 0
}

/// A directory entry that is a number.
func decimalName(_ name: UnsafeMutableRawPointer) -> Int? {
  var value = 0
  var index = 0
  while true {
    let digit = name.get(at: index, as: UInt8.self)
    if digit == 0 { return index > 0 ? value : nil }
    guard digit >= 0x30, digit <= 0x39 else { return nil }
    value = value * 10 + Int(digit - 0x30)
    index += 1
  }
}

private func selects(_ selection: Selection, _ wanted: Int, _ entry: UnsafeMutableRawPointer) -> Bool {
  func field(_ offset: Int) -> Int { Int(entry.get(at: offset, as: Int32.self)) }
  switch selection {
  case .all, .process: return true
  case .pid: return field(ProcessEntry.pid) == wanted
  case .group: return field(ProcessEntry.group) == wanted
  case .session: return field(ProcessEntry.session) == wanted
  case .terminal: return entry.get(at: ProcessEntry.terminal, as: UInt64.self) == UInt64(UInt32(wanted))
  case .user: return field(ProcessEntry.user) == wanted
  case .realUser: return field(ProcessEntry.realUser) == wanted
  case .realGroup: return field(ProcessEntry.realGroup) == wanted
  case .effectiveGroup: return field(ProcessEntry.groups) == wanted
  }
}

/// struct kinfo_proc of sys/user.h on amd64, as far as Linux knows what it tells.
private enum ProcessEntry {
  static let size = 1088
  static let pid = 0x48
  static let group = 0x50
  static let session = 0x58
  static let user = 0xa8
  static let realUser = 0xac
  static let realGroup = 0xb4
  static let groups = 0xc0
  static let terminal = 0x230

  static func fill(_ call: Call, _ process: Int, _ entry: UnsafeMutableRawPointer, _ boot: Int) -> Bool {
    clear(entry, size)
    guard let path = processFile(call, process, "stat") else { return false }
    var file = HostFile(call, path)
    guard file.isOpen, file.decimal() != nil else { return false }
    entry.put(Int32(size), at: 0)
    entry.put(Int32(process), at: pid)
    // " (name) S ": the name may hold anything, so it ends at the last parenthesis of the line; Linux keeps
    // 15 bytes of it, ki_comm 19.
    file.byte()
    file.byte()
    var length = 0
    while let next = file.byte() {
      if next == UInt8(ascii: ")"), file.peek() == 0x20 { break }
      if length < 19 { entry.put(next, at: 0x1bf + length) }
      length += 1
    }
    file.byte()
    let state = file.byte() ?? 0
    entry.put(status(state), at: 0x184)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: 0x4c)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: group)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: session)
    let terminalDevice = file.decimal() ?? 0
    // NODEV is all ones: sys/types.h.
    entry.put(terminalDevice == 0 ? UInt64.max : UInt64(terminalDevice), at: terminal)
    entry.put(terminalDevice == 0 ? UInt32.max : UInt32(truncatingIfNeeded: terminalDevice), at: 0x64)
    entry.put(Int32(truncatingIfNeeded: file.decimal() ?? 0), at: 0x54)
    for _ in 0..<5 { _ = file.decimal() }
    let userTicks = file.decimal() ?? 0
    let systemTicks = file.decimal() ?? 0
    let childUserTicks = file.decimal() ?? 0
    let childSystemTicks = file.decimal() ?? 0
    _ = file.decimal()
    let nice = file.decimal() ?? 0
    let threads = file.decimal() ?? 1
    _ = file.decimal()
    let started = file.decimal() ?? 0
    let virtual = file.decimal() ?? 0
    let resident = file.decimal() ?? 0
    entry.put(UInt64(virtual), at: 0x100)
    entry.put(Int64(resident), at: 0x108)
    entry.put(Int8(truncatingIfNeeded: nice), at: 0x185)
    entry.put(Int32(truncatingIfNeeded: threads), at: 0x254)
    entry.put(Int32(process), at: 0x258)
    entry.put(UInt64(userTicks + systemTicks) * 10_000, at: 0x148)
    entry.put(Int64(boot + started / 100), at: 0x150)
    entry.put(Int64(started % 100 * 10_000), at: 0x158)
    putTime(userTicks, entry, 0x260)
    putTime(systemTicks, entry, 0x270)
    putTime(childUserTicks, entry, 0x2f0)
    putTime(childSystemTicks, entry, 0x300)
    return owners(call, process, entry)
  }

  /// A struct timeval from ticks of 1/100 s.
  private static func putTime(_ ticks: Int, _ entry: UnsafeMutableRawPointer, _ offset: Int) {
    entry.put(Int64(ticks / 100), at: offset)
    entry.put(Int64(ticks % 100 * 10_000), at: offset + 8)
  }

  /// ki_stat: SRUN 2, SSLEEP 3, SSTOP 4, SZOMB 5 of sys/proc.h.
  private static func status(_ state: UInt8) -> UInt8 {
    switch state {
    case UInt8(ascii: "R"): return 2
    case UInt8(ascii: "T"), UInt8(ascii: "t"): return 4
    case UInt8(ascii: "Z"), UInt8(ascii: "X"): return 5
    default: return 3
    }
  }

  /// User and group ids, supplementary groups (KI_NGROUPS 16 of them).
  private static func owners(_ call: Call, _ process: Int, _ entry: UnsafeMutableRawPointer) -> Bool {
    guard let path = processFile(call, process, "status") else { return false }
    var file = HostFile(call, path)
    guard file.find("Uid:") else { return false }
    let ruid = file.decimal() ?? 0
    let euid = file.decimal() ?? 0
    let svuid = file.decimal() ?? 0
    file.skipLine()
    guard file.find("Gid:") else { return false }
    let rgid = file.decimal() ?? 0
    let egid = file.decimal() ?? 0
    let svgid = file.decimal() ?? 0
    file.skipLine()
    entry.put(UInt32(truncatingIfNeeded: euid), at: user)
    entry.put(UInt32(truncatingIfNeeded: ruid), at: realUser)
    entry.put(UInt32(truncatingIfNeeded: svuid), at: 0xb0)
    entry.put(UInt32(truncatingIfNeeded: rgid), at: realGroup)
    entry.put(UInt32(truncatingIfNeeded: svgid), at: 0xb8)
    entry.put(UInt32(truncatingIfNeeded: egid), at: groups)
    var count = 1
    if file.find("Groups:") {
      while count < 16, let group = file.decimal() {
        entry.put(UInt32(truncatingIfNeeded: group), at: groups + 4 * count)
        count += 1
      }
    }
    entry.put(Int16(count), at: 0xbc)
    return true
  }
}
