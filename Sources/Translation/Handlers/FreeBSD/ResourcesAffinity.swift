import CEngine
import CWire

// cpuset(2): levels, kinds of identifier and errnos are those of FreeBSD's sys/cpuset.h and
// sys/kern/kern_cpuset.c. Every process is in set 1, whose root is set 0: Linux has no numbered sets.

private enum Level: Int32 {
  case root = 1
  case set = 2
  case which = 3
}

private enum Which: Int32 {
  case thread = 1
  case process = 2
  case set = 3
  case interrupt = 4
  case jail = 5
  case domain = 6
  case interruptHandler = 7
  case interruptThread = 8
}

/// Bytes of the largest mask that Linux may hand out here (8192 processors).
let maskLimit = 1024

/// What a call names: a Linux thread or process, or all processors.
private enum Subject {
  case task(Int)
  case all
}

extension Call {
  fileprivate func subject(_ level: Int32, _ which: Int32, _ identifier: Int64) -> (Subject?, Int) {
    guard let level = Level(rawValue: level), let which = Which(rawValue: which) else {
      return (nil, error(EINVAL))
    }
    switch which {
    case .thread, .process:
      let task = identifier == -1 ? 0 : Int(identifier)
      guard task >= 0, task <= Int(Int32.max) else { return (nil, error(ESRCH)) }
      if level == .which { return (.task(task), 0) }
      let found = quietly(__NR_sched_getscheduler, task)
      return found < 0 ? (nil, error(ESRCH)) : (.all, 0)
    case .set:
      guard identifier == -1 || identifier == 0 || identifier == 1 else { return (nil, error(ESRCH)) }
      return (.all, 0)
    case .domain:
      guard identifier == 0 else { return (nil, error(ESRCH)) }
      return (.all, 0)
    case .interrupt, .jail, .interruptHandler, .interruptThread:
      return (nil, error(ESRCH))
    }
  }
}

/// cpuset_getaffinity(level, which, id, size, mask): ERANGE for a mask too short for the processors there are.
func cpusetGetAffinity(_ call: inout Call) -> Int {
  let size = call[3]
  let (subject, refusal) = call.subject(call.int32(0), call.int32(1), Int64(call[2]))
  guard let subject else { return refusal }
  guard let mask = call.scratch(maskLimit) else { return call.error(ENOMEM) }
  clear(mask, maskLimit)
  var bytes = maskLimit
  switch subject {
  case .task(let task):
    bytes = call.hostNow(__NR_sched_getaffinity, task, maskLimit, mask.word)
    if bytes < 0 { return bytes }
  case .all: onlineMask(call, mask)
  }
  while bytes > 0, mask.get(at: bytes - 1, as: UInt8.self) == 0 { bytes -= 1 }
  guard size >= bytes, size >= 0, size <= 64 * 1024 else { return call.error(ERANGE) }
  let filled = min(size, maskLimit)
  guard call.copyOut(call.address(4), mask, filled) else { return call.error(EFAULT) }
  clear(mask, maskLimit)
  var written = filled
  while written < size {
    let count = min(size - written, maskLimit)
    guard call.copyOut(call.address(4) + UInt64(written), mask, count) else { return call.error(EFAULT) }
    written += count
  }
  return 0
}

/// cpuset_setaffinity(level, which, id, size, mask): for a process, all its threads.
func cpusetSetAffinity(_ call: inout Call) -> Int {
  let size = call[3]
  guard size > 0, size <= 64 * 1024 else { return call.error(ERANGE) }
  guard let mask = call.scratch(maskLimit), let online = call.scratch(maskLimit) else {
    return call.error(ENOMEM)
  }
  clear(mask, maskLimit)
  guard call.copyIn(mask, call.address(4), min(size, maskLimit)) else { return call.error(EFAULT) }
  var position = maskLimit
  while position < size {
    var byte: UInt8 = 0
    guard call.read(&byte, at: call.address(4) + UInt64(position)) else { return call.error(EFAULT) }
    if byte != 0 { return call.error(EINVAL) }
    position += 1
  }
  let (subject, refusal) = call.subject(call.int32(0), call.int32(1), Int64(call[2]))
  guard let subject else { return refusal }
  // Changing a numbered set would change every process in it.
  guard case .task(let task) = subject else { return call.error(EPERM) }
  clear(online, maskLimit)
  onlineMask(call, online)
  var any = false
  for offset in 0..<maskLimit {
    let wanted = mask.get(at: offset, as: UInt8.self)
    if wanted & ~online.get(at: offset, as: UInt8.self) != 0 { return call.error(EINVAL) }
    if wanted != 0 { any = true }
  }
  guard any else { return call.error(EDEADLK) }
  if call.int32(1) == Which.thread.rawValue {
    return call.hostNow(__NR_sched_setaffinity, task, maskLimit, mask.word)
  }
  let process = task == 0 ? Int(call.process.pointee.pid) : task
  var result = call.error(ESRCH)
  let found = eachTask(call, process) { thread in
    let one = call.hostNow(__NR_sched_setaffinity, thread, maskLimit, mask.word)
    // A thread that has ended meanwhile needs none.
    if one != call.error(ESRCH) { result = one }
    return one >= 0 || one == call.error(ESRCH)
  }
  return found ? result : call.error(ESRCH)
}

/// cpuset_getid(level, which, id, setid)
func cpusetGetID(_ call: inout Call) -> Int {
  let (subject, refusal) = call.subject(call.int32(0), call.int32(1), Int64(call[2]))
  guard let subject else { return refusal }
  if call.int32(1) == Which.domain.rawValue { return call.error(EINVAL) }
  if case .task(let task) = subject, quietly(__NR_sched_getscheduler, task) < 0 { return call.error(ESRCH) }
  let set: Int32 = call.int32(0) == Level.root.rawValue ? 0 : 1
  return call.write(set, at: call.address(3)) ? 0 : call.error(EFAULT)
}

/// Processors that are running, from Linux's list "0-3,5".
func onlineMask(_ call: Call, _ mask: UnsafeMutableRawPointer) {
  var file = HostFile(call, "/sys/devices/system/cpu/online")
  guard file.isOpen else {
    _ = quietly(__NR_sched_getaffinity, 0, maskLimit, mask.word)
    return
  }
  while let first = file.decimal() {
    var last = first
    if file.peek() == UInt8(ascii: "-") {
      file.byte()
      last = file.decimal() ?? first
    }
    for processor in first...max(first, last) where processor < 8 * maskLimit {
      let byte = mask.get(at: processor / 8, as: UInt8.self)
      mask.put(byte | UInt8(1 << (processor % 8)), at: processor / 8)
    }
    guard file.peek() == UInt8(ascii: ",") else { break }
    file.byte()
  }
}
