import CEngine
import CWire
import Translation

// Threads of the engine's own, which wait for a guest where the foreign kernel itself would.

/// Descriptors are the process's: at any close of a message queue in a table of its own Linux would take the process's mq_notify(2) back.
private let workerFlags = UInt64(
  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID)

/// Runs `function` in a thread with all signals blocked: 0, or Linux's error.
@c(persona_start_worker)
public func startWorker(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ function: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ argument: UnsafeMutableRawPointer?
) -> Int64 {
  guard let child = persona_thread_block() else { return -Int64(ENOMEM) }
  child.pointee.process = thread.unsafelyUnwrapped.pointee.process
  let stack = UInt64(UInt(bitPattern: freshContext(child).words)) - 256
  child.pointee.guest_private = (
    UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer?.self))), UInt64(UInt(bitPattern: argument)), 0, 0
  )
  let mask = setMask(UInt64.max)
  let result = persona_clone(workerFlags, stack, nil, persona_alive_address(child), 0, beginWorker, child)
  setMask(mask)
  if result < 0 { child.pointee.alive = 0 }
  return min(result, 0)
}

private func beginWorker(_ argument: UnsafeMutableRawPointer?) {
  let thread = argument!.assumingMemoryBound(to: persona_thread.self)
  let (function, subject, _, _) = thread.pointee.guest_private
  typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Void
  let work = unsafeBitCast(UnsafeRawPointer(bitPattern: UInt(function)), to: Function.self)
  work(UnsafeMutableRawPointer(bitPattern: UInt(subject)))
  while true { _ = persona_syscall(Int64(__NR_exit), 0, 0, 0, 0, 0, 0) }
}
