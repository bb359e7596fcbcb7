import CEngine
import CWire
import Translation

// How threads begin and end.

private let threadFlags = UInt64(
  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS
    | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

@c(persona_start_thread)
public func startThread(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ start: UnsafePointer<persona_thread_start>?
) -> Int64 {
  let parent = thread!
  let start = start!
  guard let child = persona_thread_block() else { return -Int64(ENOMEM) }
  parent.pointee.process.pointee.owns_descriptors = 0
  CurrentFolder.forget(parent.pointee.process)
  child.pointee.process = parent.pointee.process
  child.pointee.guest_gs = parent.pointee.guest_gs
  child.pointee.alternate_flags = 4  // SS_DISABLE
  child.pointee.has_runtime_base = start.pointee.has_runtime
  child.pointee.runtime_base = start.pointee.tls
  let context = freshContext(child)
  let telling = start.pointee.child_tid != 0 || start.pointee.parent_tid != 0
  if let registers = start.pointee.registers {
    let flags = context[PERSONA_FLAGS]
    for number in 0...PERSONA_FLAGS.rawValue { context[number: UInt8(number)] = registers[Int(number)] }
    context[PERSONA_FLAGS] = context[PERSONA_FLAGS] & TrapContext.userFlags | flags
  } else {
    context[PERSONA_RIP] = start.pointee.entry
    context[PERSONA_RSP] = start.pointee.stack
    context[PERSONA_RDI] = start.pointee.argument
  }
  context.mask = start.pointee.has_mask != 0 ? start.pointee.mask : TrapContext(parent.pointee.context).mask
  child.pointee.context = UnsafeMutableRawPointer(context.words)
  child.pointee.guest_private = (0, 0, 0, telling ? 0 : UInt64(Beginning.allowed))
  child.pointee.rest = start.pointee.rest
  // A signal finds the new thread in the engine on the engine's stack from its first instruction on, and is kept.
  let stack = UInt64(UInt(bitPattern: context.words)) - 256
  let result = persona_clone(
    threadFlags, stack, persona_tid_address(child), persona_alive_address(child), start.pointee.tls,
    beginThread, child)
  noteClone(parent, threadFlags, stack, result)
  if result < 0 {
    child.pointee.alive = 0
    return result == -Int64(EAGAIN) || result == -Int64(ENOMEM) ? -Int64(EAGAIN) : result
  }
  guard telling else { return result }
  // Both ids are there before the thread runs: what it puts in their place, at its end say, must stay.
  var id = result
  let width = Int(start.pointee.id_width)
  if start.pointee.child_tid != 0 { _ = persona_copy_out(start.pointee.child_tid, &id, width) }
  if start.pointee.parent_tid != 0 { _ = persona_copy_out(start.pointee.parent_tid, &id, width) }
  letBegin(child)
  return result
}

/// What a new thread waits for, in its `guest_private`.
private enum Beginning {
  static let isWaited: UInt32 = 2
  static let allowed: UInt32 = 1
}

private func beginning(_ thread: UnsafeMutablePointer<persona_thread>) -> UInt64 {
  withUnsafeMutablePointer(to: &thread.pointee.guest_private.3) { UInt64(UInt(bitPattern: $0)) }
}

/// Lets a new thread run. It may end at once, and its block be another's: nothing is read from there afterwards.
private func letBegin(_ thread: UnsafeMutablePointer<persona_thread>) {
  let word = beginning(thread)
  var seen: UInt32 = 0
  if persona_swap32(word, &seen, Beginning.allowed) == 1 { return }
  _ = persona_swap32(word, &seen, Beginning.allowed)
  _ = persona_syscall(Int64(__NR_futex), word, UInt64(FUTEX_WAKE), 1, 0, 0, 0)
}

private func awaitBeginning(_ thread: UnsafeMutablePointer<persona_thread>) {
  let word = beginning(thread)
  var seen: UInt32 = 0
  guard persona_swap32(word, &seen, Beginning.isWaited) == 1 else { return }
  repeat {
    _ = persona_syscall(Int64(__NR_futex), word, UInt64(FUTEX_WAIT), UInt64(Beginning.isWaited), 0, 0, 0)
    _ = persona_load32(word, &seen)
  } while seen == Beginning.isWaited
}

func noteClone(
  _ thread: UnsafeMutablePointer<persona_thread>, _ flags: UInt64, _ stack: UInt64, _ result: Int64
) {
  thread.note(
    __NR_clone, Int(truncatingIfNeeded: flags), Int(truncatingIfNeeded: stack), result: Int(result))
}

/// A new thread's first function.
private func beginThread(_ argument: UnsafeMutableRawPointer?) {
  let thread = argument!.assumingMemoryBound(to: persona_thread.self)
  useSignalStack(thread)
  _ = armUserDispatch()
  awaitBeginning(thread)
  thread.pointee.guest_private = (0, 0, 0, 0)
  restIfAsked(thread)
  enterDirectly(thread)
  persona_resume(thread.pointee.context)
}

@c(persona_end_thread)
public func endThread(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ state: UInt64, _ value: UInt64, _ width: UInt32
) {
  if state != 0 {
    var value = value
    if persona_copy_out(state, &value, Int(width)) == 0 {
      _ = persona_syscall(Int64(__NR_futex), state, UInt64(FUTEX_WAKE), UInt64(Int32.max), 0, 0, 0)
    }
  }
  while true { _ = persona_syscall(Int64(__NR_exit), 0, 0, 0, 0, 0, 0) }
}

@c(persona_block_for_end)
public func blockForEnd(_ thread: UnsafeMutablePointer<persona_thread>?) -> Int32 {
  _ = blockAllSignals()
  return thread!.pointee.pending == 0 ? 1 : 0
}
