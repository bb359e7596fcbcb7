import CEngine
import CWire

/// What Linux's /proc tells of a process, in /proc/PID/stat and /proc/PID/status, or of a thread, in its stat alone
/// (proc_pid_stat(5)).
struct ProcessFacts {
  var identifier = 0
  /// Up to 15 bytes and a NUL.
  var name = InlineArray<16, UInt8>(repeating: 0)
  /// R, S, D, T, t, Z and so on.
  var state: UInt8 = 0
  var parent = 0
  var group = 0
  var session = 0
  /// 0 without a terminal.
  var terminal = 0
  var foreground = 0
  var minorFaults = 0
  var majorFaults = 0
  var childMinorFaults = 0
  var childMajorFaults = 0
  /// Ticks of 1/100 s.
  var userTicks = 0
  var systemTicks = 0
  var childUserTicks = 0
  var childSystemTicks = 0
  var priority = 0
  var nice = 0
  var threads = 0
  /// Ticks since the system started.
  var started = 0
  var virtualBytes = 0
  var residentPages = 0
  /// Where Linux's own initial stack begins, or 0 where that may not be seen.
  var stackStart = 0
  var processor = 0
  var users = (real: 0, effective: 0, saved: 0)
  var groups = (real: 0, effective: 0, saved: 0)
  /// The first of its supplementary groups.
  var supplementaryGroups = InlineArray<16, UInt32>(repeating: 0)
  var supplementaryCount = 0
  var peakKibibytes = 0
  var codeKibibytes = 0
  var dataKibibytes = 0
  var stackKibibytes = 0
  /// Linux's masks.
  var pending: UInt64 = 0
  var blocked: UInt64 = 0
  var ignored: UInt64 = 0
  var caught: UInt64 = 0
  var voluntarySwitches = 0
  var involuntarySwitches = 0

  /// Facts of a process; nil when there is none such.
  init?(_ call: Call, _ process: Int) {
    guard let stat = processFile(call, process, "stat"), readState(call, stat) else { return nil }
    parent = guestParent(call, of: process, parent)
    let thread = state == ProcessFacts.ended && threads > 1 ? takeLiving(call, process) : nil
    guard let status = processFile(call, process, thread: thread, "status"), readStatus(call, status) else { return nil }
  }

  static let ended = UInt8(ascii: "Z")

  /// Takes state and memory of a thread that lives: Linux tells a process as its first thread, though that has ended.
  private mutating func takeLiving(_ call: Call, _ process: Int) -> Int? {
    var found: Int?
    _ = eachTask(call, process) { id in
      guard let other = ProcessFacts(call, process, thread: id), other.state != ProcessFacts.ended else { return true }
      (state, virtualBytes, residentPages, stackStart) = (other.state, other.virtualBytes, other.residentPages, other.stackStart)
      found = id
      return false
    }
    return found
  }

  /// Facts of a process's thread; nil when there is none such.
  init?(_ call: Call, _ process: Int, thread: Int) {
    guard let stat = processFile(call, process, thread: thread, "stat"), readState(call, stat) else { return nil }
  }

  private mutating func readState(_ call: Call, _ path: UnsafeRawPointer) -> Bool {
    var file = HostFile(call, path)
    guard file.isOpen, let number = file.decimal() else { return false }
    identifier = number
    // " (name) S ": the name may hold anything, so it ends at the last parenthesis of the line.
    file.byte()
    file.byte()
    guard let length = file.distance(toLast: UInt8(ascii: ")")) else { return false }
    for index in 0..<length {
      let next = file.byte() ?? 0
      if index < 15 { name[index] = next }
    }
    file.byte()
    file.byte()
    state = file.byte() ?? 0
    func next() -> Int { file.decimal() ?? 0 }
    parent = next()
    group = next()
    session = next()
    terminal = next()
    foreground = next()
    _ = next()
    minorFaults = next()
    childMinorFaults = next()
    majorFaults = next()
    childMajorFaults = next()
    userTicks = next()
    systemTicks = next()
    childUserTicks = next()
    childSystemTicks = next()
    priority = next()
    nice = next()
    threads = next()
    _ = next()
    started = next()
    virtualBytes = next()
    residentPages = next()
    for _ in 0..<3 { _ = next() }
    stackStart = next()
    for _ in 0..<10 { _ = next() }
    processor = next()
    return true
  }

  private mutating func readStatus(_ call: Call, _ path: UnsafeRawPointer) -> Bool {
    var file = HostFile(call, path)
    guard file.find("Uid:") else { return false }
    users = (file.decimal() ?? 0, file.decimal() ?? 0, file.decimal() ?? 0)
    file.skipLine()
    guard file.find("Gid:") else { return false }
    groups = (file.decimal() ?? 0, file.decimal() ?? 0, file.decimal() ?? 0)
    file.skipLine()
    guard file.find("Groups:") else { return true }
    while supplementaryCount < supplementaryGroups.count, let group = file.decimal() {
      supplementaryGroups[supplementaryCount] = UInt32(truncatingIfNeeded: group)
      supplementaryCount += 1
    }
    file.skipLine()
    // A kernel's thread and a process that has ended have no memory of their own.
    guard virtualBytes > 0 else { return true }
    peakKibibytes = file.number(after: "VmHWM:")
    dataKibibytes = file.number(after: "VmData:")
    stackKibibytes = file.number(after: "VmStk:")
    codeKibibytes = file.number(after: "VmExe:")
    func mask(_ title: StaticString) -> UInt64 {
      guard file.find(title) else { return 0 }
      while file.peek() == 0x20 || file.peek() == 0x09 { file.byte() }
      return file.hexadecimal() ?? 0
    }
    pending = mask("SigPnd:")
    pending |= mask("ShdPnd:")
    blocked = mask("SigBlk:")
    ignored = mask("SigIgn:")
    caught = mask("SigCgt:")
    voluntarySwitches = file.number(after: "voluntary_ctxt_switches:")
    involuntarySwitches = file.number(after: "nonvoluntary_ctxt_switches:")
    return true
  }
}

/// A list of process ids in the engine's memory, as long as it need be.
struct ProcessNumbers: ~Copyable {
  private var memory: UnsafeMutableRawPointer?
  private var room = 0
  private(set) var count = 0
  /// There was no memory for one.
  private(set) var isIncomplete = false

  init() {}

  deinit { if let memory { persona_release(memory) } }

  subscript(_ index: Int) -> Int { Int(memory!.get(at: 4 * index, as: Int32.self)) }

  func holds(_ number: Int) -> Bool {
    for index in 0..<count where self[index] == number { return true }
    return false
  }

  /// False when there is no memory for it.
  mutating func append(_ number: Int) -> Bool {
    if count == room {
      guard let larger = persona_allocate(8 * max(room, 64)) else {
        isIncomplete = true
        return false
      }
      if let memory {
        larger.copyMemory(from: memory, byteCount: 4 * count)
        persona_release(memory)
      }
      memory = larger
      room = 2 * max(room, 64)
    }
    memory!.put(Int32(truncatingIfNeeded: number), at: 4 * count)
    count += 1
    return true
  }
}

/// Calls `body` with each process id until it answers false: 0 or -errno.
@discardableResult
func eachProcess(_ call: Call, _ body: (Int) -> Bool) -> Int {
  let path: StaticString = "/proc"
  return eachNumber(call, in: UnsafeRawPointer(path.utf8Start), body)
}

/// Calls `body` with each Linux thread id of a process until it answers false; false when there is no such process.
func eachTask(_ call: Call, _ process: Int, _ body: (Int) -> Bool) -> Bool {
  guard let path = processFile(call, process, "task") else { return false }
  return eachNumber(call, in: path, body) == 0
}

/// Calls `body` with each number that a folder of Linux's names, until it answers false: 0 or -errno.
@discardableResult
func eachNumber(_ call: Call, in path: UnsafeRawPointer, _ body: (Int) -> Bool) -> Int {
  let directory = quietly(__NR_openat, -100, Int(bitPattern: path), Int(O_RDONLY | O_DIRECTORY | O_CLOEXEC))
  if directory < 0 { return directory }
  defer { _ = quietly(__NR_close, directory) }
  guard let names = call.scratch(4096) else { return -Int(ENOMEM) }
  while true {
    let filled = quietly(__NR_getdents64, directory, names.word, 4096)
    if filled <= 0 { return filled }
    var position = 0
    while position < filled {
      // struct linux_dirent64: d_reclen at 16, d_name at 19.
      let item = names + position
      position += Int(item.get(at: 16, as: UInt16.self))
      if let number = decimalName(item + 19), !body(number) { return 0 }
    }
  }
}

/// A directory entry that is a number.
private func decimalName(_ name: UnsafeMutableRawPointer) -> Int? {
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

/// Whether a process runs in the engine; nil where that may not be seen.
func isGuest(_ call: Call, _ process: Int) -> Bool? {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard let link = processFile(call, process, "exe"), let other = call.scratch(512), let own = call.scratch(512) else {
    return nil
  }
  let name: StaticString = "/proc/self/exe"
  let length = quietly(__NR_readlinkat, -100, Int(bitPattern: link), other.word, 512)
  let ownLength = quietly(__NR_readlinkat, -100, Int(bitPattern: name.utf8Start), own.word, 512)
  guard length > 0, ownLength > 0 else { return nil }
  guard length == ownLength else { return false }
  for index in 0..<length where other.get(at: index, as: UInt8.self) != own.get(at: index, as: UInt8.self) { return false }
  return true
}

/// The path of the program that a process runs in the engine, by the first file that it maps; its length, or nil where
/// there is none to be seen.
func guestProgram(_ call: Call, _ process: Int, _ target: UnsafeMutableRawPointer, room: Int) -> Int? {
  guard isGuest(call, process) == true, let path = processFile(call, process, "maps") else { return nil }
  var file = HostFile(call, path)
  while file.peek() != nil {
    // Addresses, rights, offset, device, number, path.
    for _ in 0..<5 { file.skipWord() }
    while file.peek() == 0x20 { file.byte() }
    guard file.peek() == UInt8(ascii: "/") else {
      file.skipLine()
      continue
    }
    var length = 0
    while length < room, let next = file.byte(), next != 0x0a {
      target.put(next, at: length)
      length += 1
    }
    return length
  }
  return nil
}
