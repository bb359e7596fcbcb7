import CEngine
import CWire

/// _exit(2): ends all threads. The caller's robust mutexes are free for others then; those of its other threads, and of a process
/// that a signal ends, stay locked.
func exit(_ call: inout Call) -> Int {
  if call.hasRobustMutexes { call.releaseRobustMutexes() }
  return call.hostNow(__NR_exit_group, Int(Int32(truncatingIfNeeded: call.words[0])) & 0xff)
}

/// fork(2). The second result tells a child (1) from its parent (0) in the old stubs.
func fork(_ call: inout Call) -> Int { spawn(&call, PERSONA_FORK.rawValue) }

func vfork(_ call: inout Call) -> Int { spawn(&call, PERSONA_VFORK.rawValue) }

private func spawn(_ call: inout Call, _ kind: UInt32) -> Int {
  let copied = call
  let result = call.withInheritance { Int(persona_fork(copied.thread, kind, nil)) }
  call.second = result == 0 ? 1 : 0
  return result
}

/// RF* of rfork(2) (sys/unistd.h).
private enum ForkFlags {
  static let process: UInt64 = 1 << 4
  static let memory: UInt64 = 1 << 5
  static let noWait: UInt64 = 1 << 6
  static let copyFiles: UInt64 = 1 << 2
  static let closeFiles: UInt64 = 1 << 12
  static let thread: UInt64 = 1 << 13
  static let shareSignals: UInt64 = 1 << 14
  static let linuxThread: UInt64 = 1 << 16
  static let spawn: UInt64 = 1 << 31
  static let known: UInt64 = 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 16
}

/// rfork(2): RFSPAWN is vfork with caught signals reset, as posix_spawn uses it; the other combinations
/// share what they name. Sharing signal actions between processes is not to be had.
func rfork(_ call: inout Call) -> Int {
  let flags = UInt64(UInt32(truncatingIfNeeded: call.words[0]))
  if flags & ForkFlags.spawn != 0 {
    guard flags == ForkFlags.spawn else { return call.error(EINVAL) }
    return spawn(&call, PERSONA_VFORK.rawValue)
  }
  guard flags & ~ForkFlags.known == 0 else { return call.error(EINVAL) }
  let files = flags & (ForkFlags.copyFiles | ForkFlags.closeFiles)
  guard files != ForkFlags.copyFiles | ForkFlags.closeFiles else { return call.error(EINVAL) }
  guard flags & ForkFlags.shareSignals == 0 || flags & ForkFlags.memory != 0 else { return call.error(EINVAL) }
  if flags & ForkFlags.process == 0 {
    // Without a new process only the caller's descriptors may be split off or closed.
    if files == ForkFlags.copyFiles { return call.hostNow(__NR_unshare, Int(CLONE_FILES)) }
    if files == ForkFlags.closeFiles { return call.hostNow(__NR_close_range, 0, Int(UInt32.max), 2) }
    return flags & ForkFlags.noWait != 0 ? call.error(EINVAL) : 0
  }
  if flags & ForkFlags.shareSignals != 0 { return call.error(EOPNOTSUPP) }
  var kind = flags & ForkFlags.memory != 0 ? PERSONA_SHARE.rawValue : PERSONA_FORK.rawValue
  if files == 0 { kind |= PERSONA_SHARE_FILES.rawValue }
  if flags & (ForkFlags.linuxThread | ForkFlags.noWait) != 0 { kind |= PERSONA_NO_SIGNAL.rawValue }
  let result = spawn(&call, kind)
  if result == 0, files == ForkFlags.closeFiles { _ = call.hostNow(__NR_close_range, 0, Int(UInt32.max), 0) }
  return result
}

/// getppid(2). Linux's parent of the first guest, and of one whose own parent has died, is the supervisor, which knows whose
/// child it would be at home.
func parentProcess(_ call: inout Call) -> Int {
  guestParent(call, of: Int(call.process.pointee.pid), call.hostNow(__NR_getppid))
}

/// Whose child a process is to guests, of which Linux tells `parent`.
func guestParent(_ call: Call, of process: Int, _ parent: Int) -> Int {
  guard parent > 1, let plan = call.process.pointee.plan, parent == Int(plan.pointee.supervisor) else { return parent }
  let answer = quietly(Int32(PERSONA_HYPERCALL), Int(PERSONA_HC_PARENT.rawValue), process)
  return answer > 0 ? answer : parent
}

/// pdfork(2): PD_CLOEXEC 2 and PD_DAEMON 1 (sys/procdesc.h); Linux's pid descriptors are always close-on-exec. Nobody is told
/// of their last close, so nobody kills the process then who did not ask for PD_DAEMON. As at home its end
/// raises no SIGCHLD, and waiting for any child does not find it.
func pdfork(_ call: inout Call) -> Int {
  let flags = UInt32(truncatingIfNeeded: call.words[1])
  guard flags & ~3 == 0 else { return call.error(EINVAL) }
  var descriptor: Int32 = -1
  let result = Int(
    persona_fork(
      call.thread, PERSONA_FORK.rawValue | PERSONA_PIDFD.rawValue | PERSONA_NO_SIGNAL.rawValue, &descriptor))
  call.process.pointee.forked_descriptor = 1
  if result <= 0 {
    call.second = result == 0 ? 1 : 0
    return result
  }
  if flags & 2 == 0 { _ = call.hostNow(__NR_fcntl, Int(descriptor), Int(F_SETFD), 0) }
  call.second = 0
  return call.write(descriptor, at: call.words[0]) ? result : call.error(EFAULT)
}

/// execve(fname, argv, envv, none): Linux checks the file's name and permissions, the supervisor what it is. `none` is Linux's errno
/// for a null pointer to the words, with which Linux executes the program without any.
func execve(_ call: inout Call) -> Int {
  if call.words[1] == 0 { return call.error(Int32(call[3])) }
  return executePath(call, call.words[0], call.address(0), call.words[1], call.words[2])
}

/// Executes the file that the guest calls `path` and Linux `nativePath`, with argv and environment at the others.
func executePath(
  _ call: Call, _ path: UInt64, _ nativePath: UInt64, _ arguments: UInt64, _ environment: UInt64
) -> Int {
  let known = persona_execute_known(call.thread, nativePath, arguments, environment)
  if known <= 0 { return Int(known) }
  let file = call.hostNow(__NR_openat, Int(AT_FDCWD), Int(truncatingIfNeeded: nativePath), Int(O_PATH | O_CLOEXEC))
  if file < 0 { return file }
  let result = execute(call, file, path, nativePath, arguments, environment)
  _ = call.hostNow(__NR_close, file)
  return result
}

/// fexecve(fd, argv, envv, none)
func fexecve(_ call: inout Call) -> Int {
  if call.words[1] == 0 { return call.error(Int32(call[3])) }
  return execute(call, Int(Int32(truncatingIfNeeded: call.words[0])), 0, 0, call.words[1], call.words[2])
}

private func execute(
  _ call: Call, _ file: Int, _ path: UInt64, _ nativePath: UInt64, _ arguments: UInt64, _ environment: UInt64
) -> Int {
  let allowed = call.checkExecutable(file)
  if allowed < 0 { return allowed }
  return Int(
    persona_execute(call.thread, Int32(truncatingIfNeeded: file), path, nativePath, arguments, environment))
}
