import CEngine
import CWire
import Translation

// New processes: with a copy of the memory, or in the same memory as vfork and rfork make them.

@c(persona_fork)
public func fork(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ kind: UInt32, _ pidfd: UnsafeMutablePointer<Int32>?
) -> Int64 {
  let thread = thread!
  let shares = kind & (PERSONA_VFORK.rawValue | PERSONA_SHARE.rawValue) != 0
  if !shares, kind & PERSONA_UNINTERRUPTED.rawValue == 0, persona_is_single() != 0,
    thread.pointee.process.pointee.event_queues == nil
  {
    return copySingle(thread, kind, pidfd)
  }
  let previous = blockAllSignals()
  // After a signal that came before the block the fork begins anew, as fork1()'s ERESTART makes it (kern/kern_fork.c).
  if thread.pointee.pending != 0, kind & PERSONA_UNINTERRUPTED.rawValue == 0 {
    return Int64(PERSONA_RESTART_ALWAYS)
  }
  var flags = forkFlags(kind)
  let result: Int64
  if !shares {
    result = copyProcess(thread, flags, pidfd)
  } else {
    flags |= UInt64(CLONE_VM)
    if kind & PERSONA_VFORK.rawValue != 0 { flags |= UInt64(CLONE_VFORK) }
    result = shareProcess(thread, flags)
  }
  setMask(previous)
  noteClone(thread, flags, 0, result)
  return result
}

private func forkFlags(_ kind: UInt32) -> UInt64 {
  var flags = kind & PERSONA_NO_SIGNAL.rawValue != 0 ? 0 : UInt64(17)  // SIGCHLD
  if kind & PERSONA_SHARE_FILES.rawValue != 0 { flags |= UInt64(CLONE_FILES) }
  if kind & PERSONA_PIDFD.rawValue != 0 { flags |= UInt64(CLONE_PIDFD) }
  return flags
}

/// Linux writes the child's id where it will clear it at the end.
private let copyFlags = UInt64(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

/// The fork of a single thread that has no queues of events: no lock is held, and signals need not be blocked. One
/// that comes first makes the call begin anew; one that comes to parent or child later waits for the way back as ever.
private func copySingle(
  _ thread: UnsafeMutablePointer<persona_thread>, _ kind: UInt32, _ pidfd: UnsafeMutablePointer<Int32>?
) -> Int64 {
  prepareSitesForFork(thread)
  let flags = forkFlags(kind)
  let result = persona_interruptible(
    thread, Int64(__NR_clone), flags | copyFlags, 0, UInt64(UInt(bitPattern: pidfd)),
    UInt64(UInt(bitPattern: persona_alive_address(thread))), 0, 0)
  noteDescriptors(thread.pointee.process, flags, isChild: result == 0)
  if result == 0 { becomeProcess(thread, parent: thread.pointee.process.pointee.pid) }
  noteClone(thread, flags, 0, result)
  return restartingAlways(result)
}

/// Neither fork(2) nor execve(2) fails with EINTR: after any signal they are made again.
func restartingAlways(_ result: Int64) -> Int64 {
  result == Int64(PERSONA_RESTART) ? Int64(PERSONA_RESTART_ALWAYS) : result
}

private func copyProcess(
  _ thread: UnsafeMutablePointer<persona_thread>, _ flags: UInt64, _ pidfd: UnsafeMutablePointer<Int32>?
) -> Int64 {
  let process = thread.pointee.process!
  prepareSitesForFork(thread)
  // Each lock that is written costs parent and child a copied page.
  let isSingle = persona_is_single() != 0
  if !isSingle { lockAll(process) }
  let result = persona_syscall(
    Int64(__NR_clone), flags | copyFlags, 0, UInt64(UInt(bitPattern: pidfd)),
    UInt64(UInt(bitPattern: persona_alive_address(thread))), 0, 0)
  if !isSingle { unlockAll(process) }
  noteDescriptors(process, flags, isChild: result == 0)
  if result == 0 {
    becomeProcess(thread, parent: process.pointee.pid)
    eventQueuesAfterFork(
      process, sharesMemory: false, sharesDescriptors: flags & UInt64(CLONE_FILES) != 0)
  }
  return result
}

/// A fork's child must find all locks free.
private func lockAll(_ process: UnsafeMutablePointer<persona_process>) {
  persona_lock(&process.pointee.action_lock)
  persona_lock(&process.pointee.event_lock)
  lockPatching(process)
  persona_lock_memory()
  persona_lock_blocks()
}

private func unlockAll(_ process: UnsafeMutablePointer<persona_process>) {
  persona_unlock_blocks()
  persona_unlock_memory()
  unlockPatching(process)
  persona_unlock(&process.pointee.event_lock)
  persona_unlock(&process.pointee.action_lock)
}

/// Notes in parent or child whether they have one descriptor table, or the child one of its own.
private func noteDescriptors(_ process: UnsafeMutablePointer<persona_process>, _ flags: UInt64, isChild: Bool) {
  if flags & UInt64(CLONE_FILES) != 0 {
    process.pointee.owns_descriptors = 0
    CurrentFolder.forget(process)
  } else if isChild {
    process.pointee.owns_descriptors = 1
  }
}

/// The child of a fork: its own ids, and the traps armed again.
private func becomeProcess(_ thread: UnsafeMutablePointer<persona_thread>, parent: Int32) {
  let pid = Int32(bitPattern: thread.pointee.alive)
  thread.pointee.tid = pid
  thread.pointee.process.pointee.pid = pid
  thread.pointee.process.pointee.leads_session = 0
  thread.pointee.process.pointee.death_signal = 0
  _ = armUserDispatch()
  watchParent(expecting: parent)
}

/// A child in the same memory runs on a block of its own, with a copy of the process's state, from a copy
/// of the trap's registers.
private func shareProcess(_ thread: UnsafeMutablePointer<persona_thread>, _ flags: UInt64) -> Int64 {
  let size = MemoryLayout<persona_process>.stride
  guard let child = persona_thread_block(),
    let process = persona_allocate(size)
  else { return -Int64(EAGAIN) }
  process.copyMemory(from: thread.pointee.process, byteCount: size)
  noteDescriptors(thread.pointee.process, flags, isChild: false)
  child.pointee.process = process.assumingMemoryBound(to: persona_process.self)
  noteDescriptors(child.pointee.process, flags, isChild: true)
  child.pointee.process.pointee.action_lock = 0
  child.pointee.process.pointee.event_lock = 0
  child.pointee.process.pointee.event_queues = nil
  child.pointee.process.pointee.sharing = PERSONA_SHARING.rawValue
  guard copyPathView(child.pointee.process) else {
    child.pointee.alive = 0
    persona_release(process)
    return -Int64(EAGAIN)
  }
  child.pointee.guest_gs = thread.pointee.guest_gs
  child.pointee.alternate_stack = thread.pointee.alternate_stack
  child.pointee.alternate_size = thread.pointee.alternate_size
  child.pointee.alternate_flags = thread.pointee.alternate_flags
  child.pointee.has_runtime_base = thread.pointee.has_runtime_base
  child.pointee.runtime_base = thread.pointee.runtime_base
  let context = copyContext(TrapContext(thread.pointee.context), to: child)
  let abi = child.pointee.process.pointee.table.pointee.abi
  context[number: abi.result] = 0
  if abi.second != UInt8(PERSONA_NO_REGISTER.rawValue) { context[number: abi.second] = 1 }
  context[PERSONA_FLAGS] &= ~TrapContext.carry
  child.pointee.context = UnsafeMutableRawPointer(context.words)
  let stack = UInt64(UInt(bitPattern: context.words)) - 256
  let result = persona_clone(
    flags | copyFlags, stack, nil, persona_alive_address(child), 0, beginShared, child)
  if result < 0 { child.pointee.alive = 0 }
  if result < 0 || flags & UInt64(CLONE_VFORK) != 0 {
    // The child's block may be another thread's by now.
    let state = process.assumingMemoryBound(to: persona_process.self)
    if result > 0, state.pointee.sharing == PERSONA_SHARING.rawValue { awaitEnd(result) }
    releasePathView(state)
    persona_release(process)
  }
  return result
}

/// Waits until a child that has ended can be waited for. Linux lets a vfork(2) go on as soon as the child's memory is
/// given up, a moment before; exit1() of kern/kern_exit.c does both at once, and posix_spawn(3) counts on it, which waits for a child that
/// could not execute with WNOHANG.
private func awaitEnd(_ child: Int64) {
  let options = UInt64(WEXITED | WNOWAIT | __WALL)
  while persona_syscall(Int64(__NR_waitid), UInt64(P_PID), UInt64(child), 0, options, 0, 0) == -Int64(EINTR) {}
}

private func beginShared(_ argument: UnsafeMutableRawPointer?) {
  let thread = argument!.assumingMemoryBound(to: persona_thread.self)
  useSignalStack(thread)
  becomeProcess(thread, parent: thread.pointee.process.pointee.pid)
  persona_resume(thread.pointee.context)
}

/// Copies a trap's registers and floating-point state to the top of another thread's signal stack.
private func copyContext(
  _ source: TrapContext, to thread: UnsafeMutablePointer<persona_thread>
) -> TrapContext {
  var top = UInt(bitPattern: thread)
  let size = source.floatingPointSize
  top = (top - UInt(size)) & ~63
  if let area = UnsafeRawPointer(bitPattern: UInt(source.floatingPoint)) {
    UnsafeMutableRawPointer(bitPattern: top)!.copyMemory(from: area, byteCount: size)
  }
  let words = UnsafeMutableRawPointer(bitPattern: (top - 512) & ~63)!
  words.copyMemory(from: source.words, byteCount: 8 * TrapContext.wordCount)
  let context = TrapContext(words)
  if source.floatingPoint != 0 { context.floatingPoint = UInt64(top) }
  let stack = signalStack(thread)
  (context.words[2], context.words[3], context.words[4]) = stack
  // A patched call has not set these.
  (context.words[0], context.words[1]) = (source.floatingPoint == 0 ? 0x6 : 0x7, 0)
  context.segments = 0x002b_0000_0000_0033
  return context
}
