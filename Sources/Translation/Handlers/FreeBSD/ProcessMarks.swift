import CEngine
import CWire

// What struct kinfo_proc says of a process in flags. Source: fill_kinfo_proc_only() and fill_kinfo_thread() of
// kern/kern_proc.c.

private enum Mark {
  /// P_CONTROLT and P_INMEM of sys/proc.h: without the latter, ps(1) takes a process for swapped out.
  static let terminal: UInt64 = 0x2
  static let inMemory: UInt64 = 0x1000_0000
  /// KI_CTTY and KI_SLEADER of sys/user.h.
  static let hasTerminal: UInt64 = 1
  static let leadsSession: UInt64 = 2
  /// TDF_SINTR of sys/proc.h: it sleeps, and a signal wakes it.
  static let interruptible: UInt64 = 0x8
  /// PRI_TIMESHARE of sys/priority.h.
  static let timeshare: UInt64 = 3
}

/// Completes an entry from Linux's struct process_information, for systems whose entries have these fields.
func markProcess(_ table: Table, _ native: UnsafeMutableRawPointer, _ foreign: UnsafeMutableRawPointer) {
  guard table.layout(.kinfo_proc__ki_flag) != nil else { return }
  let record = Record(foreign, table)
  let hasTerminal = native.get(at: ProcessInformation.terminal, as: UInt64.self) != UInt64.max
  let leads =
    native.get(at: ProcessInformation.session, as: Int32.self) == native.get(at: ProcessInformation.pid, as: Int32.self)
  let sleeps = native.get(at: ProcessInformation.letter, as: UInt8.self) == UInt8(ascii: "S")
  record[.kinfo_proc__ki_flag] = Mark.inMemory | (hasTerminal ? Mark.terminal : 0)
  record[.kinfo_proc__ki_kiflag] = (hasTerminal ? Mark.hasTerminal : 0) | (leads ? Mark.leadsSession : 0)
  record[.kinfo_proc__ki_tdflags] = sleeps ? Mark.interruptible : 0
  // struct priority: its class is the first byte.
  record[.kinfo_proc__ki_pri] = Mark.timeshare
}
