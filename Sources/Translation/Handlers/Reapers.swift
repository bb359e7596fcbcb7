import CEngine
import CWire
import Wire

// PROC_REAP_STATUS, PROC_REAP_GETPIDS and PROC_REAP_KILL of procctl(2), as kern/kern_procctl.c has them: of the
// descendants of a process that adopts orphans. Linux does not tell which of them adopt orphans too, nor which child an orphan
// descended from: its subtree is its own.

/// Calls `body` with each child of a process, those that nobody has waited for among them.
func eachChild(_ call: Call, _ process: Int, _ body: (Int) -> Void) {
  _ = eachTask(call, process) { thread in
    let mark = call.thread.pointee.scratch_used
    if let path = processFile(call, process, thread: thread, "children") {
      var children = HostFile(call, path)
      while let child = children.decimal() { body(child) }
    }
    call.thread.pointee.scratch_used = mark
    return true
  }
}

private struct Descendant {
  var pid: Int
  /// The child that it is, or descends from.
  var subtree: Int
  var isChild: Bool { pid == subtree }
}

/// All that descend from a process, children first.
private struct Descendants: ~Copyable {
  private var pids = ProcessNumbers()
  private var subtrees = ProcessNumbers()

  init(of process: Int, _ call: Call) {
    addChildren(of: process, subtree: nil, call)
    var index = 0
    while index < count {
      addChildren(of: self[index].pid, subtree: self[index].subtree, call)
      index += 1
    }
  }

  var count: Int { subtrees.count }

  /// There was no memory for all.
  var isIncomplete: Bool { pids.isIncomplete || subtrees.isIncomplete }

  subscript(index: Int) -> Descendant { Descendant(pid: pids[index], subtree: subtrees[index]) }

  private mutating func addChildren(of process: Int, subtree: Int?, _ call: Call) {
    let mark = call.thread.pointee.scratch_used
    eachChild(call, process) { child in
      if pids.append(child) { _ = subtrees.append(subtree ?? child) }
    }
    call.thread.pointee.scratch_used = mark
  }
}

/// The process whose descendants are meant: the caller if it adopts orphans, or else the one that adopts all.
private func adopter(_ call: Call) -> Int { isReaper(call) > 0 ? Int(call.process.pointee.pid) : 1 }

/// REAPER_STATUS_OWNED 1, REAPER_STATUS_REALINIT 2 (sys/procctl.h).
func reaperStatus(_ call: Call) -> Int {
  let size = call.table.size(.procctl_reaper_status)
  guard size > 0 else { return call.error(EINVAL) }
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  clear(memory, size)
  let reaper = adopter(call)
  let list = Descendants(of: reaper, call)
  guard !list.isIncomplete else { return call.error(ENOMEM) }
  var children = 0
  for index in 0..<list.count where list[index].isChild { children += 1 }
  let status = Record(memory, call.table)
  status[.procctl_reaper_status__rs_flags] = reaper == 1 ? 2 : 1
  status[.procctl_reaper_status__rs_children] = UInt64(children)
  status[.procctl_reaper_status__rs_descendants] = UInt64(list.count)
  status[.procctl_reaper_status__rs_reaper] = UInt64(reaper)
  // A child: they come before all others.
  status[.procctl_reaper_status__rs_pid] = list.count > 0 ? UInt64(list[0].pid) : UInt64.max
  return call.copyOut(call.address(3), memory, size) ? 0 : call.error(EFAULT)
}

/// REAPER_PIDINFO_* (sys/procctl.h).
private enum DescendantMark {
  static let valid: UInt64 = 1
  static let child: UInt64 = 2
  static let zombie: UInt64 = 8
  static let stopped: UInt64 = 16
  /// 13.2's header lacks `zombie` and `stopped`, 13.5's has them.
  static let statesSince: UInt32 = 1_303_000
}

/// Writes an entry for each descendant, as many as there is room for.
func listDescendants(_ call: Call) -> Int {
  let size = call.table.size(.procctl_reaper_pids), entrySize = call.table.size(.procctl_reaper_pidinfo)
  guard size > 0, entrySize > 0 else { return call.error(EINVAL) }
  guard let memory = call.scratch(size), let entry = call.scratch(entrySize) else { return call.error(ENOMEM) }
  guard persona_copy_in(memory, call.address(3), size) == 0 else { return call.error(EFAULT) }
  let wanted = Record(memory, call.table)
  let list = Descendants(of: adopter(call), call)
  guard !list.isIncomplete else { return call.error(ENOMEM) }
  let count = min(list.count, Int(wanted[.procctl_reaper_pids__rp_count]))
  for index in 0..<count {
    let item = list[index]
    clear(entry, entrySize)
    let record = Record(entry, call.table)
    record[.procctl_reaper_pidinfo__pi_pid] = UInt64(item.pid)
    record[.procctl_reaper_pidinfo__pi_subtree] = UInt64(item.subtree)
    record[.procctl_reaper_pidinfo__pi_flags] = marks(call, item)
    let place = wanted[.procctl_reaper_pids__rp_pids] + UInt64(index * entrySize)
    guard call.copyOut(place, entry, entrySize) else { return call.error(EFAULT) }
  }
  return 0
}

private func marks(_ call: Call, _ item: Descendant) -> UInt64 {
  var marks = DescendantMark.valid
  if item.isChild { marks |= DescendantMark.child }
  guard call.table.header.pointee.release >= DescendantMark.statesSince else { return marks }
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  switch ProcessFacts(call, item.pid)?.state {
  case UInt8(ascii: "Z"), UInt8(ascii: "X"): marks |= DescendantMark.zombie
  case UInt8(ascii: "T"), UInt8(ascii: "t"): marks |= DescendantMark.stopped
  default: break
  }
  return marks
}

/// Sends a signal to all descendants or to one child and what descends from it (REAPER_KILL_SUBTREE 2), as long as new ones
/// come up, or to children alone (REAPER_KILL_CHILDREN 1), once: the orphans of those that it ends are no children yet. What has
/// happened is told with an error too.
func killDescendants(_ call: Call) -> Int {
  let size = call.table.size(.procctl_reaper_kill)
  guard size > 0 else { return call.error(EINVAL) }
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  guard persona_copy_in(memory, call.address(3), size) == 0 else { return call.error(EFAULT) }
  let request = Record(memory, call.table)
  let flags = request[.procctl_reaper_kill__rk_flags]
  let foreign = Int(request.signed(.procctl_reaper_kill__rk_sig))
  let signal = foreign > 0 ? call.table.nativeSignal(foreign) : 0
  guard flags < 3, signal != 0 else { return call.error(EINVAL) }
  // All processes of the system descend from process 1: at home this is kill(-1) under another name.
  guard isReaper(call) > 0 else { return call.error(EPERM) }
  let own = Int(call.process.pointee.pid)
  let subtree = Int(request.signed(.procctl_reaper_kill__rk_subtree))
  var tried = ProcessNumbers()
  var killed = 0, failed = -1, result = call.error(ESRCH)
  var isOver = false
  while !isOver {
    isOver = true
    let list = Descendants(of: own, call)
    for index in 0..<list.count {
      let item = list[index]
      if flags == 1, !item.isChild { continue }
      if flags == 2, item.subtree != subtree { continue }
      if tried.holds(item.pid) { continue }
      _ = tried.append(item.pid)
      isOver = flags == 1
      let answer = call.hostNow(__NR_kill, item.pid, signal)
      if answer == 0 {
        killed += 1
        result = 0
      } else if killed == 0, failed < 0 {
        (failed, result) = (item.pid, answer)
      }
    }
    if list.isIncomplete || tried.isIncomplete { return call.error(ENOMEM) }
  }
  request[.procctl_reaper_kill__rk_killed] = UInt64(killed)
  request[.procctl_reaper_kill__rk_fpid] = UInt64(bitPattern: Int64(failed))
  return call.copyOut(call.address(3), memory, size) ? result : call.error(EFAULT)
}
