import CEngine
import CWire
import Translation

// Exec: of a foreign program, a script or a Linux program.

@c(persona_execute)
public func execute(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ file: Int32, _ path: UInt64, _ nativePath: UInt64,
  _ arguments: UInt64, _ environment: UInt64
) -> Int64 {
  let thread = thread!
  let ignored = tellIgnored(thread.pointee.process)
  let state = handedOn(thread.pointee.process)
  defer { if let state { persona_release(state.memory) } }
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
    if let refusal = refusesHandingOn(thread.pointee.process, file) { return refusal }
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
  let isSharing = thread.pointee.process.pointee.sharing != 0
  if isSharing { thread.pointee.process.pointee.sharing = PERSONA_SHARING_EXECUTES.rawValue }
  defer { if isSharing { thread.pointee.process.pointee.sharing = PERSONA_SHARING.rawValue } }
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
  if isNative { _ = persona_syscall(Int64(__NR_prctl), UInt64(PR_SET_PDEATHSIG), UInt64(thread.pointee.process.pointee.death_signal), 0, 0, 0, 0) }
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
