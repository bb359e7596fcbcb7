import CEngine
import CWire

// What a program hands on to the next one at exec: with promises for it (pledge's execpromises), those, and what it
// has unveiled; without, nothing. Source: sys_execve() of sys/kern/kern_exec.c.

/// What is handed on: the promises, PromiseState, and behind them the list of what is unveiled.
private enum HandedOn {
  static let state = 8
  static let head = 16
}

/// The bytes to hand on, in memory that the caller releases; nil for none.
public func handedOn(
  _ process: UnsafeMutablePointer<persona_process>
) -> (memory: UnsafeMutableRawPointer, count: Int)? {
  guard process.pointee.promised & PromiseState.nextHolds != 0 else { return nil }
  let hasList = process.pointee.path_view & PathView.unveiled.rawValue != 0 && process.pointee.paths != nil
  let count = HandedOn.head + (hasList ? UnveilList.bytes : 0)
  guard let memory = persona_allocate(count) else { return nil }
  memory.storeBytes(of: process.pointee.next_promises, as: UInt64.self)
  let state = process.pointee.promised & (PromiseState.unveilIsOver | PromiseState.nextHolds)
  memory.storeBytes(of: state | PromiseState.holds, toByteOffset: HandedOn.state, as: UInt32.self)
  if hasList, let list = process.pointee.paths {
    (memory + HandedOn.head).copyMemory(from: list, byteCount: UnveilList.bytes)
  }
  return (memory, count)
}

/// Takes up what the program before handed on; false without memory.
public func takeUp(
  _ process: UnsafeMutablePointer<persona_process>, _ state: UnsafeRawPointer, _ count: Int
) -> Bool {
  guard count >= HandedOn.head else { return true }
  process.pointee.promises = state.load(as: UInt64.self)
  process.pointee.next_promises = process.pointee.promises
  process.pointee.promised = state.load(fromByteOffset: HandedOn.state, as: UInt32.self)
  guard count >= HandedOn.head + UnveilList.bytes else { return true }
  guard let list = persona_allocate(UnveilList.bytes) else { return false }
  list.copyMemory(from: state + HandedOn.head, byteCount: UnveilList.bytes)
  process.pointee.paths = list
  process.pointee.path_view |= PathView.unveiled.rawValue
  return true
}

/// Why a program that nobody could hold to the promises may not be executed; nil where the user lets it.
public func refusesNative(_ thread: UnsafeMutablePointer<persona_thread>) -> Int64? {
  let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
  guard let row = table.call(0) else { return nil }
  let call = Call(thread: thread, table: table, row: row, number: 0, words: InlineArray(repeating: 0))
  guard let line = call.scratch(256) else { return -Int64(ENOMEM) }
  var end = call.appendProgram(line)
  end = append(line, end, "executes a Linux program, which nothing holds to its promises")
  if call.isLenient {
    call.warn(line, end)
    return nil
  }
  _ = call.hostNow(Int32(PERSONA_HYPERCALL), Int(PERSONA_HC_FATAL.rawValue), line.word, end)
  return -Int64(EACCES)
}

/// Why a file may not be executed with what is handed on: it is a set-user-ID program.
public func refusesHandingOn(_ file: Int32) -> Int64? {
  withUnsafeTemporaryAllocation(byteCount: 144, alignment: 8) { status -> Int64? in
    let result = persona_syscall(
      Int64(__NR_fstat), UInt64(UInt32(bitPattern: file)), UInt64(UInt(bitPattern: status.baseAddress!)), 0, 0, 0, 0)
    if result < 0 { return result }
    // st_mode
    return status.baseAddress!.load(fromByteOffset: 24, as: UInt32.self) & 0o6000 != 0 ? -Int64(EACCES) : nil
  }
}
