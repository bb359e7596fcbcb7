import CEngine
import CWire

// What a program hands on to the next one at exec: the signal that it wants when its parent dies (PROC_PDEATHSIG_CTL of
// procctl(2)), and with promises for the next program (pledge's execpromises) those, and what it has unveiled. Mostly nothing. Source:
// do_execve() and sys_execve() of the systems' sys/kern/kern_exec.c.

/// What is handed on: the promises, PromiseState, the signal, whose death it tells, and behind them the list of what is unveiled.
private enum HandedOn {
  static let state = 8
  static let deathSignal = 12
  static let deathParent = 16
  static let head = 24
}

func handsOnPromises(_ process: UnsafeMutablePointer<persona_process>) -> Bool {
  process.pointee.promised & PromiseState.nextHolds != 0
}

/// The bytes to hand on, in memory that the caller releases; nil for none.
public func handedOn(
  _ process: UnsafeMutablePointer<persona_process>
) -> (memory: UnsafeMutableRawPointer, count: Int)? {
  let isPromised = handsOnPromises(process)
  guard isPromised || process.pointee.death_signal != 0 else { return nil }
  let hasList = isPromised && process.pointee.path_view & PathView.unveiled.rawValue != 0 && process.pointee.paths != nil
  let count = HandedOn.head + (hasList ? UnveilList.bytes : 0)
  guard let memory = persona_allocate(count) else { return nil }
  if isPromised {
    memory.storeBytes(of: process.pointee.next_promises, as: UInt64.self)
    let state = process.pointee.promised & (PromiseState.unveilIsOver | PromiseState.nextHolds)
    memory.storeBytes(of: state | PromiseState.holds, toByteOffset: HandedOn.state, as: UInt32.self)
  }
  memory.storeBytes(of: process.pointee.death_signal, toByteOffset: HandedOn.deathSignal, as: UInt32.self)
  memory.storeBytes(of: process.pointee.death_parent, toByteOffset: HandedOn.deathParent, as: Int32.self)
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
  process.pointee.death_signal = state.load(fromByteOffset: HandedOn.deathSignal, as: UInt32.self)
  process.pointee.death_parent = state.load(fromByteOffset: HandedOn.deathParent, as: Int32.self)
  guard count >= HandedOn.head + UnveilList.bytes else { return true }
  guard let list = persona_allocate(UnveilList.bytes) else { return false }
  list.copyMemory(from: state + HandedOn.head, byteCount: UnveilList.bytes)
  process.pointee.paths = list
  process.pointee.path_view |= PathView.unveiled.rawValue
  return true
}
