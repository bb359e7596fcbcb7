import CEngine
import CWire
import Wire

// kern.proc2, kern.lwp and kern.proc_args. Source: sys/kern/{kern_proc,kern_lwp,init_sysctl}.c, sys/sys/sysctl.h.

/// KERN_PROC_* of sys/sysctl.h.
private enum Selection: UInt32 {
  case all = 0
  case process = 1
  case group = 2
  case session = 3
  case terminal = 4
  case user = 5
  case realUser = 6
  case groupID = 7
  case realGroup = 8
}

/// KERN_PROCSLOP: what a length without a buffer leaves room for.
private let spare = 5

/// kern.proc2.OP.ARG.ELEMSIZE.ELEMCOUNT: struct kinfo_proc2 of each process that matches.
func processTable(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 4, let selection = Selection(rawValue: argument[0]) else { return call.error(EINVAL) }
  let size = call.table.size(.kinfo_proc2)
  guard let entry = call.scratch(size) else { return call.error(ENOMEM) }
  let wanted = Int(Int32(bitPattern: argument[1]))
  let boot = bootTime(call)
  var elements = Elements(argument[2], argument[3], size)
  if selection == .process {
    guard describe(call, wanted, selection, wanted, entry, boot) else { return call.error(ESRCH) }
    elements.put(entry, &request)
  } else {
    // `request` cannot be captured: the processes first, then what is told of them.
    guard let list = persona_allocate(4 * processLimit) else { return call.error(ENOMEM) }
    defer { persona_release(list) }
    var count = 0
    eachProcess(call) { pid in
      list.put(Int32(truncatingIfNeeded: pid), at: 4 * count)
      count += 1
      return count < processLimit
    }
    for index in 0..<count {
      let pid = Int(list.get(at: 4 * index, as: Int32.self))
      if describe(call, pid, selection, wanted, entry, boot) { elements.put(entry, &request) }
    }
  }
  return elements.finish(entry, &request)
}

private let processLimit = 32768

/// Whether a process is there and matches; its description is then in `entry`.
private func describe(
  _ call: Call, _ pid: Int, _ selection: Selection, _ wanted: Int, _ entry: UnsafeMutableRawPointer, _ boot: Int
) -> Bool {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard let facts = ProcessFacts(call, pid), matches(facts, selection, wanted) else { return false }
  clear(entry, call.table.size(.kinfo_proc2))
  let record = Record(entry, call.table)
  fill(record, facts, boot)
  record.copy(facts.name, to: .kinfo_proc2__p_comm)
  record.copy(facts.supplementaryGroups, to: .kinfo_proc2__p_groups)
  record.copy("netbsd", to: .kinfo_proc2__p_ename)
  put(facts.pending, record, .kinfo_proc2__p_siglist)
  put(facts.blocked, record, .kinfo_proc2__p_sigmask)
  put(facts.ignored, record, .kinfo_proc2__p_sigignore)
  put(facts.caught, record, .kinfo_proc2__p_sigcatch)
  record[.kinfo_proc2__p_ngroups] = UInt64(facts.supplementaryCount)
  if record[.kinfo_proc2__p_stat] == sleeping { record.put(call, waitOf: pid, .kinfo_proc2__p_wmesg, threadWaits) }
  return true
}

/// A set of Linux's signals.
private func put(_ signals: UInt64, _ record: Record, _ name: FieldName) {
  guard let layout = record.table.layout(name) else { return }
  record.table.storeSet(record.table.foreignSet(signals), to: record.memory + layout.offset)
}

private func matches(_ facts: ProcessFacts, _ selection: Selection, _ wanted: Int) -> Bool {
  switch selection {
  case .all, .process: true
  case .group: facts.group == wanted
  case .session: facts.session == wanted
  case .terminal:
    // KERN_PROC_TTY_NODEV is -1, and KERN_PROC_TTY_REVOKE (-2) nobody's.
    wanted == -1 ? facts.terminal == 0 : facts.terminal != 0 && facts.terminal == wanted
  case .user: facts.users.effective == wanted
  case .realUser: facts.users.real == wanted
  case .groupID: facts.groups.effective == wanted
  case .realGroup: facts.groups.real == wanted
  }
}

/// LSRUN 2, LSSLEEP 3, LSSTOP 4, LSZOMB 5, LSONPROC 7 of sys/lwp.h; SACTIVE 2, SSTOP 4, SZOMB 5 of sys/proc.h.
private func threadState(_ state: UInt8) -> UInt64 {
  switch state {
  case UInt8(ascii: "R"): 7
  case UInt8(ascii: "T"), UInt8(ascii: "t"): 4
  case UInt8(ascii: "Z"), UInt8(ascii: "X"): 5
  default: sleeping
  }
}

private let sleeping: UInt64 = 3

private func processState(_ state: UInt8) -> UInt64 {
  let thread = threadState(state)
  return thread == 4 || thread == 5 ? thread : 2
}

private func fill(_ entry: Record, _ facts: ProcessFacts, _ boot: Int) {
  func set(_ name: FieldName, _ value: Int) { entry[name] = UInt64(bitPattern: Int64(value)) }
  set(.kinfo_proc2__p_pid, facts.identifier)
  set(.kinfo_proc2__p_ppid, facts.parent)
  set(.kinfo_proc2__p_sid, facts.session)
  set(.kinfo_proc2__p__pgid, facts.group)
  set(.kinfo_proc2__p_tpgid, facts.foreground)
  // NODEV is all ones; EPROC_CTTY 1 and EPROC_SLEADER 2.
  set(.kinfo_proc2__p_tdev, facts.terminal == 0 ? -1 : facts.terminal)
  set(.kinfo_proc2__p_eflag, (facts.terminal != 0 ? 1 : 0) | (facts.session == facts.identifier ? 2 : 0))
  set(.kinfo_proc2__p_exitsig, 20)  // SIGCHLD
  set(.kinfo_proc2__p_uid, facts.users.effective)
  set(.kinfo_proc2__p_ruid, facts.users.real)
  set(.kinfo_proc2__p_svuid, facts.users.saved)
  set(.kinfo_proc2__p_gid, facts.groups.effective)
  set(.kinfo_proc2__p_rgid, facts.groups.real)
  set(.kinfo_proc2__p_svgid, facts.groups.saved)
  let ticks = facts.userTicks + facts.systemTicks
  set(.kinfo_proc2__p_rtime_sec, ticks / 100)
  set(.kinfo_proc2__p_rtime_usec, ticks % 100 * 10_000)
  set(.kinfo_proc2__p_uticks, facts.userTicks)
  set(.kinfo_proc2__p_sticks, facts.systemTicks)
  entry[.kinfo_proc2__p_stat] = threadState(facts.state)
  entry[.kinfo_proc2__p_realstat] = processState(facts.state)
  // NZERO is 20 (sys/param.h).
  set(.kinfo_proc2__p_nice, facts.nice + 20)
  set(.kinfo_proc2__p_vm_rssize, facts.residentPages)
  set(.kinfo_proc2__p_vm_tsize, facts.codeKibibytes / 4)
  set(.kinfo_proc2__p_vm_dsize, facts.dataKibibytes / 4)
  set(.kinfo_proc2__p_vm_ssize, facts.stackKibibytes / 4)
  set(.kinfo_proc2__p_vm_vsize, facts.virtualBytes / 4096)
  set(.kinfo_proc2__p_vm_msize, facts.virtualBytes / 4096)
  set(.kinfo_proc2__p_uvalid, 1)
  set(.kinfo_proc2__p_ustart_sec, boot + facts.started / 100)
  set(.kinfo_proc2__p_ustart_usec, facts.started % 100 * 10_000)
  set(.kinfo_proc2__p_uutime_sec, facts.userTicks / 100)
  set(.kinfo_proc2__p_uutime_usec, facts.userTicks % 100 * 10_000)
  set(.kinfo_proc2__p_ustime_sec, facts.systemTicks / 100)
  set(.kinfo_proc2__p_ustime_usec, facts.systemTicks % 100 * 10_000)
  let childTicks = facts.childUserTicks + facts.childSystemTicks
  set(.kinfo_proc2__p_uctime_sec, childTicks / 100)
  set(.kinfo_proc2__p_uctime_usec, childTicks % 100 * 10_000)
  set(.kinfo_proc2__p_uru_minflt, facts.minorFaults)
  set(.kinfo_proc2__p_uru_majflt, facts.majorFaults)
  set(.kinfo_proc2__p_uru_nvcsw, facts.voluntarySwitches)
  set(.kinfo_proc2__p_uru_nivcsw, facts.involuntarySwitches)
  set(.kinfo_proc2__p_cpuid, facts.processor)
  set(.kinfo_proc2__p_nlwps, facts.threads)
  set(.kinfo_proc2__p_nrlwps, facts.state == UInt8(ascii: "R") ? 1 : 0)
}

/// An array whose elements the guest wants in a size and number of its own.
private struct Elements {
  let size: Int
  let limit: Int
  let whole: Int
  var count = 0

  init(_ size: UInt32, _ limit: UInt32, _ whole: Int) {
    self.size = Int(size)
    self.limit = Int(limit)
    self.whole = whole
  }

  mutating func put(_ entry: UnsafeMutableRawPointer, _ request: inout SysctlRequest) {
    if request.old != 0, count >= limit { return }
    request.put(entry, min(size, whole))
    count += 1
  }

  /// Leaves room for processes that start meanwhile, where only the length is asked for.
  mutating func finish(_ entry: UnsafeMutableRawPointer, _ request: inout SysctlRequest) -> Int {
    guard size > 0, size <= 65536 else { return request.call.error(EINVAL) }
    if request.old == 0 { for _ in 0..<spare { request.put(entry, min(size, whole)) } }
    return 0
  }
}

/// kern.lwp.PID.ELEMSIZE.ELEMCOUNT: struct kinfo_lwp of each thread of a process.
func threadTable(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 3 else { return call.error(EINVAL) }
  let size = call.table.size(.kinfo_lwp)
  guard let entry = call.scratch(size), let list = persona_allocate(4 * processLimit) else { return call.error(ENOMEM) }
  defer { persona_release(list) }
  let pid = Int(Int32(bitPattern: argument[0]))
  var elements = Elements(argument[1], argument[2], size)
  var count = 0
  let exists = eachTask(call, pid) { task in
    list.put(Int32(truncatingIfNeeded: task), at: 4 * count)
    count += 1
    return count < processLimit
  }
  guard exists else { return call.error(ESRCH) }
  let mark = call.thread.pointee.scratch_used
  for index in 0..<count {
    call.thread.pointee.scratch_used = mark
    let task = Int(list.get(at: 4 * index, as: Int32.self))
    guard let facts = ProcessFacts(call, pid, thread: task) else { continue }
    clear(entry, size)
    let record = Record(entry, call.table)
    record[.kinfo_lwp__l_lid] = UInt64(task)
    record[.kinfo_lwp__l_pid] = UInt64(pid)
    record[.kinfo_lwp__l_stat] = threadState(facts.state)
    record[.kinfo_lwp__l_cpuid] = UInt64(facts.processor)
    record[.kinfo_lwp__l_rtime_sec] = UInt64((facts.userTicks + facts.systemTicks) / 100)
    record[.kinfo_lwp__l_rtime_usec] = UInt64((facts.userTicks + facts.systemTicks) % 100 * 10_000)
    record.copy(facts.name, to: .kinfo_lwp__l_name)
    if record[.kinfo_lwp__l_stat] == sleeping {
      record.put(call, waitOf: pid, thread: task, .kinfo_lwp__l_wmesg, threadWaits)
    }
    elements.put(entry, &request)
  }
  return elements.finish(entry, &request)
}

/// kern.proc_args.PID.WHAT: KERN_PROC_ARGV 1, NARGV 2, ENV 3, NENV 4, PATHNAME 5, CWD 6.
func processStrings(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count == 2 else { return call.error(EINVAL) }
  var process = MIB()
  process.append(argument[0])
  let pid = Int32(bitPattern: argument[0]) == -1 ? Int(call.process.pointee.pid) : Int(Int32(bitPattern: argument[0]))
  switch argument[1] {
  case 1: return processArguments(process, &request)
  case 2: return count(call, pid, .arguments, &request)
  case 3: return processEnvironment(process, &request)
  case 4: return count(call, pid, .environment, &request)
  case 5: return executablePath(process, &request)
  case 6: return putLink("cwd", of: pid, &request)
  default: return call.error(EINVAL)
  }
}

/// How many strings there are, as an int.
private func count(_ call: Call, _ pid: Int, _ words: ProcessWords, _ request: inout SysctlRequest) -> Int {
  guard let path = processFile(call, pid, words.file) else { return call.error(ENOMEM) }
  var source = HostFile(call, path)
  guard source.isOpen else { return call.error(ESRCH) }
  var number: Int32 = 0
  while let first = source.peek(), words == .arguments || first != 0 {
    while let byte = source.byte(), byte != 0 {}
    number += 1
  }
  request.put(UInt32(bitPattern: number))
  return 0
}
