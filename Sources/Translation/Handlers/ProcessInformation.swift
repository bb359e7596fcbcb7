import CEngine
import CWire

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
  /// stack, masks of signals (pending, blocked, ignored, caught), ticks of 1/100 s that it ran and has been there.
  static let letter = 688
  static let priority = 692
  static let processor = 696
  static let pages = 704
  static let masks = 728
  static let ran = 760
  static let age = 768
  static let size = 776
  /// The state of a process that has ended, and whose parent has not asked how.
  static let ended = UInt32(ProcessFacts.ended)

  /// What /proc tells of a process; false when it is gone.
  static func fill(_ call: Call, _ process: Int, _ entry: UnsafeMutableRawPointer, _ boot: Int) -> Bool {
    clear(entry, size)
    guard let facts = ProcessFacts(call, process) else { return false }
    func put(_ value: Int, _ offset: Int) { entry.put(Int32(truncatingIfNeeded: value), at: offset) }
    put(call.table.size(.kinfo_proc), bytes)
    put(process, pid)
    copy(facts.name, entry + name)
    entry.put(facts.state, at: letter)
    entry.put(UInt32(simplified(facts.state)), at: state)
    put(facts.parent, parent)
    put(facts.group, group)
    put(facts.session, session)
    // NODEV is all ones: sys/types.h.
    entry.put(facts.terminal == 0 ? UInt64.max : UInt64(facts.terminal), at: terminal)
    put(facts.foreground, foregroundGroup)
    put(facts.priority, priority)
    put(facts.nice, nice)
    put(facts.threads, threads)
    entry.put(UInt64(facts.virtualBytes), at: memory)
    entry.put(Int64(facts.residentPages), at: resident)
    put(facts.processor, processor)
    putAge(call, facts, entry)
    entry.put(UInt64(facts.userTicks + facts.systemTicks) * 10_000, at: runTime)
    entry.put(Int64(boot + facts.started / 100), at: started)
    entry.put(Int64(facts.started % 100 * 10_000), at: started + 8)
    putOwners(facts, entry)
    putUsage(facts, entry)
    entry.put(Int64(facts.codeKibibytes / 4), at: pages)
    entry.put(Int64(facts.dataKibibytes / 4), at: pages + 8)
    entry.put(Int64(facts.stackKibibytes / 4), at: pages + 16)
    entry.put(facts.pending, at: masks)
    entry.put(facts.blocked, at: masks + 8)
    entry.put(facts.ignored, at: masks + 16)
    entry.put(facts.caught, at: masks + 24)
    put(process, thread)
    putThread(process, facts, entry)
    (entry + thread + 32).copyMemory(from: entry + own, byteCount: 144)
    return true
  }

  /// User and group ids, supplementary groups (16 with the effective one).
  private static func putOwners(_ facts: ProcessFacts, _ entry: UnsafeMutableRawPointer) {
    func put(_ value: Int, _ offset: Int) { entry.put(UInt32(truncatingIfNeeded: value), at: offset) }
    put(facts.users.real, realUser)
    put(facts.users.effective, user)
    put(facts.users.saved, savedUser)
    put(facts.groups.real, realGroup)
    put(facts.groups.effective, groups)
    put(facts.groups.saved, savedGroup)
    let others = min(facts.supplementaryCount, 15)
    for index in 0..<others { entry.put(facts.supplementaryGroups[index], at: groups + 4 + 4 * index) }
    put(1 + others, groupCount)
  }

  /// struct rusage of the process and of its children: times, ru_maxrss in KiB, ru_minflt and ru_majflt, ru_nvcsw and
  /// ru_nivcsw.
  private static func putUsage(_ facts: ProcessFacts, _ entry: UnsafeMutableRawPointer) {
    putTime(facts.userTicks, entry, own)
    putTime(facts.systemTicks, entry, own + 16)
    putTime(facts.childUserTicks, entry, children)
    putTime(facts.childSystemTicks, entry, children + 16)
    entry.put(Int64(facts.peakKibibytes), at: own + 32)
    entry.put(Int64(facts.minorFaults), at: own + 64)
    entry.put(Int64(facts.childMinorFaults), at: children + 64)
    entry.put(Int64(facts.majorFaults), at: own + 72)
    entry.put(Int64(facts.childMajorFaults), at: children + 72)
    entry.put(Int64(facts.voluntarySwitches), at: own + 128)
    entry.put(Int64(facts.involuntarySwitches), at: own + 136)
  }

  /// struct thread_information, but for the process's id and struct rusage: id, state, microseconds, name.
  private static func putThread(_ id: Int, _ facts: ProcessFacts, _ entry: UnsafeMutableRawPointer) {
    entry.put(Int32(id), at: task)
    copy(facts.name, entry + threadName)
    entry.put(Int32(id), at: thread + 4)
    entry.put(UInt32(simplified(facts.state)), at: thread + 8)
    entry.put(UInt64(facts.userTicks) * 10_000, at: thread + 16)
    entry.put(UInt64(facts.systemTicks) * 10_000, at: thread + 24)
    copy(facts.name, entry + thread + 176)
  }

  private static func copy(_ name: InlineArray<16, UInt8>, _ place: UnsafeMutableRawPointer) {
    withUnsafeBytes(of: name) { place.copyMemory(from: $0.baseAddress!, byteCount: 16) }
  }

  private static func putAge(_ call: Call, _ facts: ProcessFacts, _ entry: UnsafeMutableRawPointer) {
    entry.put(Int64(facts.userTicks + facts.systemTicks), at: ran)
    // CLOCK_BOOTTIME is 7.
    entry.put(max(Int64(call.now(7).total / 10_000_000) - Int64(facts.started), 1), at: age)
  }

  /// What /proc tells of one of the process's threads, in place of another one's.
  static func fillThread(_ call: Call, _ process: Int, _ id: Int, _ entry: UnsafeMutableRawPointer) {
    guard let facts = ProcessFacts(call, process, thread: id) else { return }
    entry.put(Int32(truncatingIfNeeded: facts.priority), at: priority)
    putAge(call, facts, entry)
    putThread(id, facts, entry)
    putTime(facts.userTicks, entry, thread + 32)
    putTime(facts.systemTicks, entry, thread + 48)
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
}
