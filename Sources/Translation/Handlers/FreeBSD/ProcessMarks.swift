import CEngine
import CWire
import Wire

// What struct kinfo_proc says of a process besides what both systems keep alike. Source: fill_kinfo_proc_only() and
// fill_kinfo_thread() of kern/kern_proc.c.

private enum Mark {
  /// P_CONTROLT and P_INMEM of sys/proc.h: without the latter, ps(1) takes a process for swapped out.
  static let terminal: UInt64 = 0x2
  static let inMemory: UInt64 = 0x1000_0000
  /// KI_CTTY and KI_SLEADER of sys/user.h.
  static let hasTerminal: UInt64 = 1
  static let leadsSession: UInt64 = 2
  /// TDF_SINTR of sys/proc.h: it sleeps, and a signal wakes it.
  static let interruptible: UInt64 = 0x8
  /// PRI_TIMESHARE of sys/priority.h, and PZERO, from which ps(1) and top(1) count.
  static let timeshare: UInt8 = 3
  static let zeroPriority = 100
  /// NOCPU of sys/proc.h.
  static let noProcessor = UInt64.max
  /// FSCALE of sys/param.h: all of one processor.
  static let scale: Int64 = 2048
}

/// Completes an entry from Linux's struct process_information, for systems whose entries have these fields.
func markProcess(_ call: Call, _ native: UnsafeMutableRawPointer, _ foreign: UnsafeMutableRawPointer) {
  let table = call.table
  guard table.layout(.kinfo_proc__ki_flag) != nil else { return }
  let record = Record(foreign, table)
  let session = native.get(at: ProcessInformation.session, as: Int32.self)
  let process = native.get(at: ProcessInformation.pid, as: Int32.self)
  let hasTerminal = native.get(at: ProcessInformation.terminal, as: UInt64.self) != UInt64.max
  let letter = native.get(at: ProcessInformation.letter, as: UInt8.self)
  record[.kinfo_proc__ki_flag] = Mark.inMemory | (hasTerminal ? Mark.terminal : 0)
  record[.kinfo_proc__ki_kiflag] = (hasTerminal ? Mark.hasTerminal : 0) | (session == process ? Mark.leadsSession : 0)
  record[.kinfo_proc__ki_tdflags] = letter == UInt8(ascii: "S") ? Mark.interruptible : 0
  // A terminal is one session's.
  record[.kinfo_proc__ki_tsid] = hasTerminal ? UInt64(UInt32(bitPattern: session)) : 0
  if let layout = table.layout(.kinfo_proc__ki_pri) {
    // struct priority: class, level, native and user level, each a byte. Linux counts from 20 for nice 0, as ps(1) does.
    let priority = Int(native.get(at: ProcessInformation.priority, as: Int32.self))
    let level = UInt8(clamping: Mark.zeroPriority + priority)
    foreign.put(Mark.timeshare, at: layout.offset)
    for index in 1...3 { foreign.put(level, at: layout.offset + index) }
  }
  let processor = UInt64(UInt32(bitPattern: native.get(at: ProcessInformation.processor, as: Int32.self)))
  record[.kinfo_proc__ki_lastcpu_old] = processor
  record[.kinfo_proc__ki_lastcpu] = processor
  let isRunning = letter == UInt8(ascii: "R")
  record[.kinfo_proc__ki_oncpu_old] = isRunning ? processor : Mark.noProcessor
  record[.kinfo_proc__ki_oncpu] = isRunning ? processor : Mark.noProcessor
  let age = native.get(at: ProcessInformation.age, as: Int64.self)
  let ran = native.get(at: ProcessInformation.ran, as: Int64.self)
  // libprocstat(3) asks for files only where there is a table of them; addresses of the kernel's nobody may use.
  record[.kinfo_proc__ki_fd] = native.get(at: ProcessInformation.memory, as: UInt64.self) > 0 ? UInt64(UInt32(bitPattern: process)) : 0
  record[.kinfo_proc__ki_swtime] = UInt64(max(age / 100, 0))
  record[.kinfo_proc__ki_pctcpu] = UInt64(max(share(ran, of: age), 0))
  record[.kinfo_proc__ki_tsize] = native.get(at: ProcessInformation.pages, as: UInt64.self)
  record[.kinfo_proc__ki_dsize] = native.get(at: ProcessInformation.pages + 8, as: UInt64.self)
  record[.kinfo_proc__ki_ssize] = native.get(at: ProcessInformation.pages + 16, as: UInt64.self)
  if native.get(at: ProcessInformation.thread + 8, as: UInt32.self) == UInt32(UInt8(ascii: "S")) {
    let thread = Int(native.get(at: ProcessInformation.task, as: Int32.self))
    record.put(call, waitOf: Int(process), thread: thread, .kinfo_proc__ki_wmesg, sleepWord)
  }
  markNames(call, Int(process), Int(session), native, foreign)
}

/// A decaying average as the system keeps it of a process that always ran as much as it did in the mean: programs
/// divide by how far the average has come, one less exp(-1/20) to the power of its seconds (kern.ccpu).
private func share(_ ran: Int64, of age: Int64) -> Int64 {
  let whole: Int64 = 1 << 30
  var missing = whole
  for _ in 0..<min(age / 100, 500) { missing = missing * 1948 / Mark.scale }
  return min(ran * Mark.scale / max(age, 1), Mark.scale * 1024) * (whole - missing) / whole
}

/// The session's login name, the system by whose calls the program works, and the signals.
private func markNames(
  _ call: Call, _ process: Int, _ session: Int, _ native: UnsafeMutableRawPointer, _ foreign: UnsafeMutableRawPointer
) {
  if let layout = call.table.layout(.kinfo_proc__ki_login), let variables = NamedVariables() {
    if let login = variables.login(of: session) {
      // LOGNAMELEN of sys/user.h is 17.
      (foreign + layout.offset).copyMemory(from: login, byteCount: min(textLength(login), 17))
    }
    variables.unlock()
  }
  let isGuest = isGuest(call, process)
  // Text is the engine's.
  if isGuest == true { Record(foreign, call.table)[.kinfo_proc__ki_tsize] = 0 }
  if let layout = call.table.layout(.kinfo_proc__ki_emul), let isGuest {
    let name: StaticString = isGuest ? "FreeBSD ELF64" : "Linux ELF64"
    (foreign + layout.offset).copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
  }
  let names: InlineArray<4, FieldName> = [
    .kinfo_proc__ki_siglist, .kinfo_proc__ki_sigmask, .kinfo_proc__ki_sigignore, .kinfo_proc__ki_sigcatch,
  ]
  for index in 0..<4 {
    guard let layout = call.table.layout(names[index]) else { continue }
    var mask = native.get(at: ProcessInformation.masks + 8 * index, as: UInt64.self)
    // What the engine handles for itself, whether or not its guest does.
    if index == 3, isGuest == true { mask &= ~engineSignals }
    var set = call.table.foreignSet(mask)
    // What is ignored where nobody says otherwise: siginit() of kern/kern_sig.c.
    if index == 2, isGuest == true {
      let caught = call.table.foreignSet(native.get(at: ProcessInformation.masks + 24, as: UInt64.self))
      for signal in 1...32 where call.table.signalDefault(signal) == Int(PERSONA_DEFAULT_IGNORE.rawValue) {
        if !caught.contains(signal) { set.insert(signal) }
      }
    }
    call.table.storeSet(set, to: foreign + layout.offset)
  }
}

/// SIGBUS, SIGSEGV, SIGSYS and 62 to 64 of Linux.
private let engineSignals: UInt64 = 1 << 6 | 1 << 10 | 1 << 30 | 7 << 61
