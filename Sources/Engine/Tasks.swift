import CEngine
import CWire
import Translation

// New threads and processes, exec and exit.

/// Faults in guest memory must still arrive.
private func blockAllSignals() -> UInt64 { setMask(~TrapContext.unblockable) }

@discardableResult
func setMask(_ mask: UInt64) -> UInt64 {
  var mask = mask
  var previous: UInt64 = 0
  withUnsafeMutablePointer(to: &mask) { mask in
    withUnsafeMutablePointer(to: &previous) { previous in
      _ = persona_syscall(
        Int64(__NR_rt_sigprocmask), 2, UInt64(UInt(bitPattern: mask)), UInt64(UInt(bitPattern: previous)), 8,
        0, 0)
    }
  }
  return previous
}

// MARK: - Threads

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

private func noteClone(
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

// MARK: - Processes

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
private func restartingAlways(_ result: Int64) -> Int64 {
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
  guard copyPathView(child.pointee.process) else {
    child.pointee.alive = 0
    persona_release(process)
    return -Int64(EAGAIN)
  }
  child.pointee.guest_gs = thread.pointee.guest_gs
  child.pointee.alternate_stack = thread.pointee.alternate_stack
  child.pointee.alternate_size = thread.pointee.alternate_size
  child.pointee.alternate_flags = thread.pointee.alternate_flags
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
    releasePathView(process.assumingMemoryBound(to: persona_process.self))
    persona_release(process)
  }
  return result
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

// MARK: - Exec

@c(persona_execute)
public func execute(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ file: Int32, _ path: UInt64, _ nativePath: UInt64,
  _ arguments: UInt64, _ environment: UInt64
) -> Int64 {
  let thread = thread!
  let ignored = tellIgnored(thread.pointee.process)
  let state = handedOn(thread.pointee.process)
  defer { if let state { persona_release(state.memory) } }
  if state == nil, let result = executeKnown(thread, file, nativePath, ignored, arguments, environment) { return result }
  guard let request = takeRequest(thread) else { return -Int64(ENOMEM) }
  request.pointee.ignored = ignored
  request.pointee.pid = thread.pointee.process.pointee.pid
  request.pointee.file = file
  request.pointee.path = path
  if let root = rootOf(thread.pointee.process) {
    request.pointee.root = UInt64(UInt(bitPattern: root.path))
    request.pointee.is_confined = root.confines ? 1 : 0
  }
  if let state {
    if let refusal = refusesHandingOn(file) { return refusal }
    request.pointee.state = UInt64(UInt(bitPattern: state.memory))
    request.pointee.state_bytes = UInt64(state.count)
  }
  let answer = hypercall(PERSONA_HC_EXEC, UInt64(UInt(bitPattern: request)))
  if answer < 0 { return answer }
  switch UInt32(bitPattern: request.pointee.verdict) {
  case PERSONA_EXEC_NATIVE.rawValue:
    if state != nil, let refusal = refusesNative(thread) { return refusal }
    return replaceImage(thread, file: file, path: nativePath, isNative: true, arguments, environment)
  case PERSONA_EXEC_FOREIGN.rawValue:
    let engine = request.pointee.engine
    defer { _ = persona_syscall(Int64(__NR_close), UInt64(engine), 0, 0, 0, 0, 0) }
    guard request.pointee.prefix_count > 0 else {
      return replaceImage(thread, file: engine, path: 0, isNative: false, arguments, environment)
    }
    return executeScript(thread, request, engine, arguments, environment)
  default: return -Int64(request.pointee.error)
  }
}

/// Room for a question about an exec. What goes before the prefix is zero.
private func takeRequest(_ thread: UnsafeMutablePointer<persona_thread>) -> UnsafeMutablePointer<persona_exec>? {
  let size = MemoryLayout<persona_exec>.stride
  guard let memory = takeScratch(thread, size) else { return nil }
  memory.initializeMemory(as: UInt8.self, repeating: 0, count: size - Int(PERSONA_PREFIX_ROOM))
  return memory.assumingMemoryBound(to: persona_exec.self)
}

/// argv of a script: the interpreter's words, then the script's arguments without its own argv[0].
private func executeScript(
  _ thread: UnsafeMutablePointer<persona_thread>, _ request: UnsafeMutablePointer<persona_exec>,
  _ engine: Int32, _ arguments: UInt64, _ environment: UInt64
) -> Int64 {
  let count = countPointers(arguments)
  if count < 0 { return count }
  let prefix = Int(request.pointee.prefix_count)
  let rest = max(0, Int(count) - 1)
  guard
    let vector = persona_allocate(8 * (prefix + rest + 1))?
      .bindMemory(to: UInt64.self, capacity: prefix + rest + 1)
  else { return -Int64(E2BIG) }
  defer { persona_release(vector) }
  let text = UnsafeMutableRawPointer(persona_exec_prefix(request)!)
  var offset = 0
  for index in 0..<prefix {
    vector[index] = UInt64(UInt(bitPattern: text + offset))
    while offset < 4095, text.load(fromByteOffset: offset, as: UInt8.self) != 0 { offset += 1 }
    offset += 1
  }
  if rest > 0, persona_copy_in(vector + prefix, arguments + 8, 8 * rest) != 0 { return -Int64(EFAULT) }
  vector[prefix + rest] = 0
  return replaceImage(
    thread, file: engine, path: 0, isNative: false, UInt64(UInt(bitPattern: vector)), environment)
}

func countPointers(_ address: UInt64) -> Int64 {
  if address == 0 { return 0 }
  var count: Int64 = 0
  while true {
    var pointer: UInt64 = 0
    if persona_copy_in(&pointer, address + UInt64(8 * count), 8) != 0 { return -Int64(EFAULT) }
    if pointer == 0 { return count }
    count += 1
    if count > 1 << 20 { return -Int64(E2BIG) }
  }
}

/// The exec itself, under the guest's own signal mask: a signal that comes first makes the guest's call
/// start over after its delivery.
func replaceImage(
  _ thread: UnsafeMutablePointer<persona_thread>, file: Int32, path: UInt64, isNative: Bool,
  _ arguments: UInt64, _ environment: UInt64
) -> Int64 {
  let empty: StaticString = ""
  if !isNative, thread.pointee.process.pointee.membership != nil {
    // Notes reach a member at any time: none may find it without the engine. Its next program unblocks them.
    let previous = setMask(~0)
    let result = persona_syscall(
      Int64(__NR_execveat), UInt64(UInt32(bitPattern: file)), UInt64(UInt(bitPattern: empty.utf8Start)),
      arguments, environment, UInt64(AT_EMPTY_PATH), UInt64(PERSONA_OWN_EXEC))
    setMask(previous)
    return result
  }
  if isNative {
    setIgnoredByDefault(thread, ignored: false)
    setNative(thread, true)
  }
  let previous = setMask(TrapContext(thread.pointee.context).mask)
  let result: Int64
  if isNative { _ = persona_syscall(Int64(__NR_prctl), UInt64(PR_SET_PDEATHSIG), 0, 0, 0, 0, 0) }
  if path != 0 {
    result = persona_interruptible(
      thread, Int64(__NR_execve), path, arguments, environment, 0, 0, UInt64(PERSONA_OWN_EXEC))
  } else {
    result = persona_interruptible(
      thread, Int64(__NR_execveat), UInt64(UInt32(bitPattern: file)),
      UInt64(UInt(bitPattern: empty.utf8Start)), arguments, environment, UInt64(AT_EMPTY_PATH), UInt64(PERSONA_OWN_EXEC))
  }
  if isNative {
    watchParent(expecting: nil)
    setNative(thread, false)
  }
  if thread.pointee.pending == 0 { setMask(previous) }
  if isNative { setIgnoredByDefault(thread, ignored: true) }
  return restartingAlways(result)
}

/// Signals that only the personality ignores by default start as Linux's default in a Linux program.
private func setIgnoredByDefault(_ thread: UnsafeMutablePointer<persona_thread>, ignored: Bool) {
  let process = thread.pointee.process!
  let table = Table(UnsafeRawPointer(process.pointee.table))
  let actions = persona_actions(process)!
  for native in Int32(1)..<parentDied {
    let foreign = table.foreignSignal(Int(native))
    guard foreign != 0, actions[foreign].handler == 0,
      table.signalDefault(foreign) == Int(PERSONA_DEFAULT_IGNORE.rawValue)
    else { continue }
    if ignored {
      _ = persona_install_action(thread, Int32(foreign), native)
    } else {
      var action = KernelAction()
      setKernelAction(Int(native), &action)
    }
  }
}
