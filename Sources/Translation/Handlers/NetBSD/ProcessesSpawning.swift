import CEngine
import CWire
import Wire

// posix_spawn(2) and __clone(2). Source: sys/kern/{kern_exec,kern_fork}.c, sys/sys/{spawn,sched}.h.

/// POSIX_SPAWN_* of sys/spawn.h.
private enum SpawnFlag {
  static let resetIdentifiers: Int16 = 0x1
  static let setGroup: Int16 = 0x2
  static let setParameters: Int16 = 0x4
  static let setScheduler: Int16 = 0x8
  static let setDefaults: Int16 = 0x10
  static let setMask: Int16 = 0x20
}

/// posix_spawn(pid, path, file_actions, attributes, argv, envp): the error is the result.
func posixSpawn(_ call: inout Call) -> Int {
  guard let ends = call.scratch(8) else { return foreignNumber(call, ENOMEM) }
  let piped = call.hostNow(__NR_pipe2, ends.word, Int(O_CLOEXEC))
  if piped < 0 { return foreignNumber(call, Int32(-piped)) }
  let (reading, writing) = (Int(ends.get(at: 0, as: Int32.self)), Int(ends.get(at: 4, as: Int32.self)))
  let child = Int(persona_fork(call.thread, PERSONA_FORK.rawValue, nil))
  if child == 0 {
    // What goes wrong is told through the pipe, which a successful exec closes.
    _ = call.hostNow(__NR_close, reading)
    var spawned = Spawned(call: call, report: writing)
    var errno = Int32(call.errno(of: spawned.run()) ?? 0)
    let report = spawned.report
    _ = withUnsafePointer(to: &errno) { call.hostNow(__NR_write, report, Int(bitPattern: $0), 4) }
    return call.hostNow(__NR_exit_group, 127)
  }
  _ = call.hostNow(__NR_close, writing)
  if child < 0 {
    _ = call.hostNow(__NR_close, reading)
    return child == Int(PERSONA_RESTART_ALWAYS) ? child : foreignNumber(call, EAGAIN)
  }
  var errno: Int32 = 0
  var told = 0
  repeat {
    told = withUnsafeMutablePointer(to: &errno) { call.hostNow(__NR_read, reading, Int(bitPattern: $0), 4) }
  } while told == call.error(EINTR)
  _ = call.hostNow(__NR_close, reading)
  if told == 4 {
    _ = call.hostNow(__NR_wait4, child, 0, 0, 0)
    return Int(errno)
  }
  return call.address(0) == 0 || call.write(Int32(child), at: call.address(0)) ? 0 : foreignNumber(call, EFAULT)
}

/// The child between fork and exec.
private struct Spawned {
  var call: Call
  /// Where errors are told; it moves out of the way of the guest's descriptors.
  var report: Int

  /// Only comes back with the answer that says what failed.
  mutating func run() -> Int {
    if call.address(3) != 0, let failure = applyAttributes(call.address(3)) { return failure }
    if call.address(2) != 0, let failure = applyActions(call.address(2)) { return failure }
    return executePath(call, call.words[1], call.address(1), call.words[4], call.words[5])
  }

  private func applyAttributes(_ address: UInt64) -> Int? {
    let size = call.table.size(.posix_spawnattr)
    guard let memory = call.scratch(size), let defaults = call.table.layout(.posix_spawnattr__sa_sigdefault),
      let mask = call.table.layout(.posix_spawnattr__sa_sigmask)
    else { return call.error(ENOMEM) }
    guard call.copyIn(memory, address, size) else { return call.error(EFAULT) }
    let attributes = Record(memory, call.table)
    let flags = Int16(truncatingIfNeeded: attributes[.posix_spawnattr__sa_flags])
    if flags & SpawnFlag.setGroup != 0 {
      let result = call.hostNow(__NR_setpgid, 0, Int(attributes.signed(.posix_spawnattr__sa_pgroup)))
      if result < 0 { return result }
    }
    if flags & (SpawnFlag.setScheduler | SpawnFlag.setParameters) != 0 {
      var wanted = call
      wanted.operands[0] = 0
      wanted.operands[1] = 0
      let changes = flags & SpawnFlag.setScheduler != 0
      wanted.operands[2] = changes ? Int(attributes.signed(.posix_spawnattr__sa_schedpolicy)) : -1
      wanted.operands[3] = Int(truncatingIfNeeded: address)
        + (call.table.layout(.posix_spawnattr__sa_schedparam)?.offset ?? 0)
      let result = schedulerSet(&wanted)
      if result < 0 { return result }
    }
    if flags & SpawnFlag.resetIdentifiers != 0 {
      let group = call.hostNow(__NR_setresgid, -1, call.hostNow(__NR_getgid), -1)
      let user = call.hostNow(__NR_setresuid, -1, call.hostNow(__NR_getuid), -1)
      if min(group, user) < 0 { return min(group, user) }
    }
    if flags & SpawnFlag.setMask != 0 {
      call.context.mask = call.table.nativeMask(call.table.loadSet(memory + mask.offset))
    }
    if flags & SpawnFlag.setDefaults != 0 { resetSignals(call.table.loadSet(memory + defaults.offset)) }
    return nil
  }

  private func resetSignals(_ set: SignalSet) {
    let actions = persona_actions(call.process)!
    for signal in 1...128 where set.contains(signal) {
      let native = call.table.nativeSignal(signal)
      guard native != 0, native != 9, native != 19 else { continue }
      actions[signal] = persona_action()
      _ = persona_install_action(call.thread, Int32(signal), Int32(native))
    }
  }

  /// struct posix_spawn_file_actions { size, len, fae }: `fae` are `len` entries.
  private mutating func applyActions(_ address: UInt64) -> Int? {
    var length: UInt32 = 0
    var entries: UInt64 = 0
    guard call.read(&length, at: address + 4), call.read(&entries, at: address + 8) else { return call.error(EFAULT) }
    let size = call.table.size(.spawn_action)
    guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
    for index in 0..<UInt64(length) {
      guard call.copyIn(memory, entries + index * UInt64(size), size) else { return call.error(EFAULT) }
      let entry = Record(memory, call.table)
      let number = Int(entry.signed(.spawn_action__fae_fildes))
      keepReport(apartFrom: number)
      let result: Int
      switch entry[.spawn_action__fae_action] {
      case 0: result = open(entry, number)
      case 1:
        let target = Int(entry.signed(.spawn_action__newfildes))
        keepReport(apartFrom: target)
        // Onto itself it only stays open over the exec.
        result = number == target
          ? call.hostNow(__NR_fcntl, number, Int(F_SETFD), 0) : call.hostNow(__NR_dup3, number, target, 0)
      case 2:
        // Closing what is not open is no error (posix_spawn(3)).
        _ = call.hostNow(__NR_close, number)
        result = 0
      case 3:
        CurrentFolder.forget(call.process)
        result = atPath(entry[.spawn_action__path]) { call.hostNow(__NR_chdir, $0) }
      case 4:
        CurrentFolder.forget(call.process)
        result = call.hostNow(__NR_fchdir, number)
      default: result = call.error(EINVAL)
      }
      if result < 0 { return result }
    }
    return nil
  }

  private func open(_ entry: Record, _ number: Int) -> Int {
    guard let flags = call.table.wellKnown(.open_flags) else { return call.error(EINVAL) }
    var opening = call
    switch call.table.toNative(flags, UInt64(UInt32(truncatingIfNeeded: entry[.spawn_action__oflag]))) {
    case .refused(let errno): return call.foreignError(errno)
    case .value(let native): opening.operands[2] = Int(truncatingIfNeeded: native)
    }
    opening.operands[0] = Int(AT_FDCWD)
    opening.operands[3] = Int(entry[.spawn_action__mode])
    let opened = atPath(entry[.spawn_action__path]) {
      opening.operands[1] = $0
      return lockingOpen(&opening)
    }
    if opened < 0 || opened == number { return opened }
    let result = call.hostNow(__NR_dup3, opened, number, 0)
    _ = call.hostNow(__NR_close, opened)
    return result
  }

  /// Calls `body` with the path as Linux is asked for it.
  private func atPath(_ address: UInt64, _ body: (Int) -> Int) -> Int {
    switch call.lookUp(PathOperand(address: address)) {
    case .same: body(Int(truncatingIfNeeded: address))
    case .other(let text): body(text.word)
    case .refused(let answer): answer
    }
  }

  private mutating func keepReport(apartFrom number: Int) {
    guard number == report else { return }
    let moved = call.hostNow(__NR_fcntl, report, Int(F_DUPFD_CLOEXEC), report + 1)
    if moved >= 0 { report = moved }
  }
}

/// CLONE_* of sys/sched.h: the low byte is the signal that tells the parent of the child's end.
private enum CloneFlag {
  static let signal: UInt32 = 0xff
  static let memory: UInt32 = 0x100
  static let fileSystem: UInt32 = 0x200
  static let files: UInt32 = 0x400
  static let actions: UInt32 = 0x800
  static let vfork: UInt32 = 0x4000
}

/// __clone(flags, stack): the child goes on behind the call, on its own stack.
func cloneProcess(_ call: inout Call) -> Int {
  let flags = call.uint32(0)
  guard flags & CloneFlag.actions == 0 || flags & CloneFlag.memory != 0 else { return call.error(EINVAL) }
  // Linux's processes share no signal actions here, and no directory.
  guard flags & (CloneFlag.actions | CloneFlag.fileSystem) == 0 else { return call.error(EOPNOTSUPP) }
  let native = call.table.nativeSignal(Int(flags & CloneFlag.signal))
  guard flags & CloneFlag.signal == 0 || native == 17 else { return call.error(EOPNOTSUPP) }
  var kind = PERSONA_FORK.rawValue
  if flags & CloneFlag.memory != 0 {
    kind = flags & CloneFlag.vfork != 0 ? PERSONA_VFORK.rawValue : PERSONA_SHARE.rawValue
  }
  if flags & CloneFlag.files != 0 { kind |= PERSONA_SHARE_FILES.rawValue }
  if native == 0 { kind |= PERSONA_NO_SIGNAL.rawValue }
  let context = call.context
  let stack = context[PERSONA_RSP]
  if call.address(1) != 0 { context[PERSONA_RSP] = call.address(1) }
  let result = Int(persona_fork(call.thread, kind, nil))
  if result != 0 { context[PERSONA_RSP] = stack }
  return result
}
