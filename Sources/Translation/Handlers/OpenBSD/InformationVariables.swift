import CEngine
import CWire
import Wire

// sysctl(2) of variables that OpenBSD lays out in its own way: processes, their arguments and folders, processor
// times. Source: sys/kern/kern_sysctl.c, sys/sys/{sysctl,proc}.h.

/// sysctl(name, namelen, old, oldlenp, new, newlen): a variable that is not there is EOPNOTSUPP.
func informationVariable(_ call: inout Call) -> Int {
  let result = sysctl(&call)
  return result == call.error(ENOENT) ? call.error(EOPNOTSUPP) : result
}

/// KERN_PROC_* of sys/sysctl.h.
private enum Selection {
  static let all: UInt32 = 0
  static let pid: UInt32 = 1
  static let group: UInt32 = 2
  static let session: UInt32 = 3
  static let terminal: UInt32 = 4
  static let user: UInt32 = 5
  static let realUser: UInt32 = 6
  static let withKernel: UInt32 = 7
  /// Threads too; only processes are told here.
  static let threads: UInt32 = 0x4000_0000
}

/// kern.proc.OP.ARG.SIZE.COUNT: `COUNT` entries at most, of the first `SIZE` bytes each (sysctl_doproc).
func processEntries(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  let whole = call.table.size(.kinfo_proc)
  guard argument.count == 4, argument[2] > 0, Int(argument[2]) <= whole, Int32(bitPattern: argument[3]) >= 0,
    argument[0] & ~Selection.threads <= Selection.withKernel
  else { return call.error(EINVAL) }
  let operation = argument[0] & ~Selection.threads
  let wanted = UInt64(argument[1])
  let size = Int(argument[2])
  guard let memory = call.scratch(whole) else { return call.error(ENOMEM) }
  let entry = Record(memory, call.table)
  let boot = bootTime(call)
  var found = request
  let result = eachProcess(call) { pid in
    guard operation != Selection.pid || UInt64(pid) == wanted else { return true }
    let mark = call.thread.pointee.scratch_used
    let isKnown = fill(call, entry, pid, boot)
    call.thread.pointee.scratch_used = mark
    if isKnown, selects(entry, operation, wanted) { found.put(memory, size) }
    return true
  }
  if result < 0 { return result }
  request = found
  if request.old == 0 {
    // KERN_PROCSLOP: room for processes that start meanwhile.
    clear(memory, whole)
    for _ in 0..<5 { request.put(memory, whole) }
  }
  return 0
}

private func selects(_ entry: Record, _ operation: UInt32, _ wanted: UInt64) -> Bool {
  switch operation {
  case Selection.group: entry[.kinfo_proc__p__pgid] == wanted
  case Selection.session: entry[.kinfo_proc__p_sid] == wanted
  case Selection.terminal: entry[.kinfo_proc__p_tdev] == wanted
  case Selection.user: entry[.kinfo_proc__p_uid] == wanted
  case Selection.realUser: entry[.kinfo_proc__p_ruid] == wanted
  default: true
  }
}

/// Describes a process; false when it is gone.
private func fill(_ call: Call, _ entry: Record, _ pid: Int, _ boot: Int) -> Bool {
  guard let facts = ProcessFacts(call, pid) else { return false }
  clear(entry.memory, entry.table.size(.kinfo_proc))
  func set(_ name: FieldName, _ value: Int) { entry[name] = UInt64(bitPattern: Int64(value)) }
  set(.kinfo_proc__p_pid, pid)
  set(.kinfo_proc__p_ppid, facts.parent)
  set(.kinfo_proc__p__pgid, facts.group)
  set(.kinfo_proc__p_sid, facts.session)
  set(.kinfo_proc__p_tpgid, facts.foreground)
  // NODEV is all ones; EPROC_CTTY 1 and EPROC_SLEADER 2.
  set(.kinfo_proc__p_tdev, facts.terminal == 0 ? -1 : facts.terminal)
  set(.kinfo_proc__p_eflag, (facts.terminal != 0 ? 1 : 0) | (facts.session == pid ? 2 : 0))
  set(.kinfo_proc__p_uid, facts.users.effective)
  set(.kinfo_proc__p_ruid, facts.users.real)
  set(.kinfo_proc__p_svuid, facts.users.saved)
  set(.kinfo_proc__p_gid, facts.groups.effective)
  set(.kinfo_proc__p_rgid, facts.groups.real)
  set(.kinfo_proc__p_svgid, facts.groups.saved)
  entry.copy(facts.name, to: .kinfo_proc__p_comm)
  entry.copy(facts.supplementaryGroups, to: .kinfo_proc__p_groups)
  set(.kinfo_proc__p_ngroups, facts.supplementaryCount)
  entry[.kinfo_proc__p_stat] = status(facts.state)
  if entry[.kinfo_proc__p_stat] == sleeping { entry.put(call, waitOf: pid, .kinfo_proc__p_wmesg, waitMessage) }
  set(.kinfo_proc__p_nice, facts.nice + 20)  // NZERO
  set(.kinfo_proc__p_uticks, facts.userTicks)
  set(.kinfo_proc__p_sticks, facts.systemTicks)
  put(entry, facts.userTicks, .kinfo_proc__p_uutime_sec, .kinfo_proc__p_uutime_usec)
  put(entry, facts.systemTicks, .kinfo_proc__p_ustime_sec, .kinfo_proc__p_ustime_usec)
  put(
    entry, facts.childUserTicks + facts.childSystemTicks, .kinfo_proc__p_uctime_sec, .kinfo_proc__p_uctime_usec)
  set(.kinfo_proc__p_vm_rssize, facts.residentPages)
  set(.kinfo_proc__p_vm_map_size, facts.virtualBytes)
  entry[.kinfo_proc__p_rlim_rss_cur] = UInt64(Int64.max)
  set(.kinfo_proc__p_uvalid, 1)
  set(.kinfo_proc__p_ustart_sec, boot + facts.started / 100)
  set(.kinfo_proc__p_ustart_usec, facts.started % 100 * 10_000)
  // KERN_PROC_ALL tells processes, which have no thread's id.
  set(.kinfo_proc__p_tid, -1)
  if pid == Int(call.process.pointee.pid), call.process.pointee.promised & PromiseState.holds != 0 {
    entry[.kinfo_proc__p_pledge] = call.promises
  }
  return true
}

/// Seconds and microseconds from ticks of 1/100 s.
private func put(_ entry: Record, _ ticks: Int, _ seconds: FieldName, _ microseconds: FieldName) {
  entry[seconds] = UInt64(ticks / 100)
  entry[microseconds] = UInt64(ticks % 100 * 10_000)
}

/// SRUN 2, SSLEEP 3, SSTOP 4, SDEAD 6 of sys/proc.h.
private func status(_ state: UInt8) -> UInt64 {
  switch state {
  case UInt8(ascii: "R"): 2
  case UInt8(ascii: "T"), UInt8(ascii: "t"): 4
  case UInt8(ascii: "Z"), UInt8(ascii: "X"): 6
  default: sleeping
  }
}

private let sleeping: UInt64 = 3

/// KERN_PROC_ARGV and its kin: kern.procargs.PID.OP (sysctl_proc_args).
func processVectors(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 2, 1...4 ~= argument[1] else { return call.error(EINVAL) }
  let words: ProcessWords = argument[1] <= 2 ? .arguments : .environment
  let limit = 32 * 1024
  guard let path = processFile(call, Int(argument[0]), words.file),
    let text = call.scratch(limit)
  else { return call.error(ENOMEM) }
  var file = HostFile(call, path)
  guard file.isOpen else { return call.error(ESRCH) }
  var length = 0
  while length < limit, case let count = file.read(text + length, limit - length), count > 0 { length += count }
  var count = 0
  var begin = 0
  for index in 0..<length where text.get(at: index, as: UInt8.self) == 0 {
    if words == .environment, index == begin { break }
    begin = index + 1
    count += 1
  }
  if argument[1] == 2 || argument[1] == 4 {
    request.put(Int32(count))
    return 0
  }
  // The pointers lead into the caller's own buffer; the text stands behind them.
  let start = request.old &+ UInt64(8 * (count + 1))
  var next = 0
  for _ in 0..<count {
    request.put(start &+ UInt64(next))
    while text.get(at: next, as: UInt8.self) != 0 { next += 1 }
    next += 1
  }
  request.put(UInt64(0))
  request.put(text, next)
  return 0
}

/// kern.proc_cwd.PID
func workingDirectory(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 1 else { return call.error(EINVAL) }
  return putLink("cwd", of: Int(argument[0]), &request)
}

/// kern.cp_time, and kern.cp_time2.N of one processor: user, nice, system, spinning, interrupts, idle (sys/sched.h).
func processorStates(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  var file = HostFile(call, "/proc/stat")
  if argument.count == 0 {
    guard file.find("cpu ") else { return call.error(ENOENT) }
  } else {
    guard argument.count == 1 else { return call.error(ENOTDIR) }
    guard argument[0] < 100_000 else { return call.error(ENOENT) }
    file.skipLine()
    var isFound = false
    while file.line(beginsWith: "cpu"), let number = file.decimal() {
      if number == Int(argument[0]) {
        isFound = true
        break
      }
      file.skipLine()
    }
    guard isFound else { return call.error(ENOENT) }
  }
  let (user, nice, system) = (file.decimal() ?? 0, file.decimal() ?? 0, file.decimal() ?? 0)
  let (idle, waiting) = (file.decimal() ?? 0, file.decimal() ?? 0)
  let interrupts = (file.decimal() ?? 0) + (file.decimal() ?? 0)
  request.put(Int64(user))
  request.put(Int64(nice))
  request.put(Int64(system))
  request.put(Int64(0))
  request.put(Int64(interrupts))
  request.put(Int64(idle + waiting))
  return 0
}
