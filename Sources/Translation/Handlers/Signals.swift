import CEngine
import CWire

/// SA_* of the BSDs (sys/signal.h), as the actions table keeps them.
public enum SignalActionFlags {
  public static let onStack: UInt64 = 0x1
  public static let restart: UInt64 = 0x2
  public static let resetHandler: UInt64 = 0x4
  public static let noChildStop: UInt64 = 0x8
  public static let noDefer: UInt64 = 0x10
  public static let noChildWait: UInt64 = 0x20
  public static let sigInfo: UInt64 = 0x40
  static let all: UInt64 = 0x7f
}

private let defaultAction: UInt64 = 0
private let ignoreAction: UInt64 = 1

/// SIGKILL and SIGSTOP, whose numbers all Unix systems share with each other (9) or not (17).
private func isUncatchable(_ call: Call, _ signal: Int) -> Bool {
  let native = call.table.nativeSignal(signal)
  return native == 9 || native == 19
}

private let highestSignal = 128

// MARK: - Actions

/// sigaction(2): struct sigaction is { handler, int sa_flags, sigset_t sa_mask } (sys/signal.h).
func sigaction(_ call: inout Call) -> Int {
  let signal = Int(Int32(truncatingIfNeeded: call.words[0]))
  let new = call.words[1]
  let old = call.words[2]
  guard signal > 0, signal <= highestSignal else { return call.error(EINVAL) }
  var request = persona_action()
  if new != 0 {
    guard let action = readAction(call, new) else { return call.error(EFAULT) }
    request = action
    guard request.flags & ~SignalActionFlags.all == 0 else { return call.error(EINVAL) }
    if isUncatchable(call, signal) && request.handler != defaultAction { return call.error(EINVAL) }
  }
  let process = call.process
  persona_lock(&process.pointee.action_lock)
  let actions = persona_actions(process)!
  let previous = actions[signal]
  if new != 0 {
    actions[signal] = request
    let native = call.table.nativeSignal(signal)
    if native != 0, native != 9, native != 19 {
      let result = persona_install_action(call.thread, Int32(signal), Int32(native))
      if result < 0 {
        actions[signal] = previous
        persona_unlock(&process.pointee.action_lock)
        return Int(result)
      }
    }
  }
  persona_unlock(&process.pointee.action_lock)
  if old != 0, !writeAction(call, previous, old) { return call.error(EFAULT) }
  return 0
}

private func readAction(_ call: Call, _ address: UInt64) -> persona_action? {
  var action = persona_action()
  var flags: Int32 = 0
  guard call.read(&action.handler, at: address), call.read(&flags, at: address + 8),
    call.read(&action.mask.0, at: address + 12), call.read(&action.mask.1, at: address + 20)
  else { return nil }
  action.flags = UInt64(UInt32(bitPattern: flags))
  return action
}

private func writeAction(_ call: Call, _ action: persona_action, _ address: UInt64) -> Bool {
  call.write(action.handler, at: address)
    && call.write(UInt32(truncatingIfNeeded: action.flags), at: address + 8)
    && call.write(action.mask.0, at: address + 12) && call.write(action.mask.1, at: address + 20)
    && call.write(UInt32(0), at: address + 28)
}

// MARK: - Masks

/// sigprocmask(2): the mask is the one that the trap's return restores, so that no Linux call is needed.
func sigprocmask(_ call: inout Call) -> Int {
  let how = Int32(truncatingIfNeeded: call.words[0])
  let set = call.words[1]
  let old = call.words[2]
  let previous = call.table.foreignSet(call.context.mask)
  if set != 0 {
    var request = SignalSet()
    guard call.read(&request, at: set) else { return call.error(EFAULT) }
    let mask = call.table.nativeMask(request)
    switch how {
    case 1: call.context.mask |= mask  // SIG_BLOCK
    case 2: call.context.mask &= ~mask  // SIG_UNBLOCK
    case 3: call.context.mask = mask  // SIG_SETMASK
    default: return call.error(EINVAL)
    }
  }
  if old != 0, !call.write(previous, at: old) { return call.error(EFAULT) }
  return 0
}

func sigpending(_ call: inout Call) -> Int {
  guard let mask = call.scratch(8) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_rt_sigpending, mask.word, 8)
  if result < 0 { return result }
  let set = call.table.foreignSet(mask.load(as: UInt64.self))
  return call.write(set, at: call.words[0]) ? 0 : call.error(EFAULT)
}

/// sigsuspend(2): the handler runs with the given mask, and its return restores the one before.
func sigsuspend(_ call: inout Call) -> Int {
  var set = SignalSet()
  guard call.read(&set, at: call.words[0]) else { return call.error(EFAULT) }
  guard let mask = call.scratch(8) else { return call.error(ENOMEM) }
  let native = call.table.nativeMask(set) & ~TrapContext.unblockable
  mask.storeBytes(of: native, as: UInt64.self)
  let previous = call.context.mask
  repeat {
    _ = call.host(__NR_rt_sigsuspend, mask.word, 8)
  } while call.thread.pointee.pending == 0
  call.thread.pointee.saved_mask = previous
  call.thread.pointee.has_saved_mask = 1
  call.context.mask = native
  return call.error(EINTR)
}

// MARK: - The alternate stack

private let stackDisabled: UInt32 = 4  // SS_DISABLE
private let stackActive: UInt32 = 1  // SS_ONSTACK

/// sigaltstack(2): stack_t is { ss_sp, size_t ss_size, int ss_flags } (sys/signal.h). The engine keeps it.
func sigaltstack(_ call: inout Call) -> Int {
  let new = call.words[0]
  let old = call.words[1]
  let thread = call.thread
  let active = isOnAlternateStack(thread, call.context[PERSONA_RSP])
  let previous = (thread.pointee.alternate_stack, thread.pointee.alternate_size, thread.pointee.alternate_flags)
  if new != 0 {
    var pointer: UInt64 = 0
    var size: UInt64 = 0
    var flags: UInt32 = 0
    guard call.read(&pointer, at: new), call.read(&size, at: new + 8), call.read(&flags, at: new + 16) else {
      return call.error(EFAULT)
    }
    if active { return call.error(EPERM) }
    if flags & ~stackDisabled != 0 { return call.error(EINVAL) }
    if flags & stackDisabled != 0 {
      thread.pointee.alternate_flags = stackDisabled
    } else {
      if size < 2048 { return call.error(ENOMEM) }  // MINSIGSTKSZ, machine/signal.h: 512 * 4
      thread.pointee.alternate_stack = pointer
      thread.pointee.alternate_size = size
      thread.pointee.alternate_flags = 0
    }
  }
  if old != 0 {
    let flags = previous.2 & stackDisabled != 0 ? stackDisabled : active ? stackActive : 0
    guard call.write(previous.0, at: old), call.write(previous.1, at: old + 8),
      call.write(UInt64(flags), at: old + 16)
    else { return call.error(EFAULT) }
  }
  return 0
}

// MARK: - Contexts

func sigreturn(_ call: inout Call) -> Int { resume(call, call.words[0]) }

func setcontext(_ call: inout Call) -> Int {
  call.words[0] == 0 ? call.error(EINVAL) : resume(call, call.words[0])
}

func getcontext(_ call: inout Call) -> Int {
  call.words[0] == 0 ? call.error(EINVAL) : saveContext(call, call.words[0])
}

func swapcontext(_ call: inout Call) -> Int {
  guard call.words[0] != 0, call.words[1] != 0 else { return call.error(EINVAL) }
  let result = saveContext(call, call.words[0])
  return result < 0 ? result : resume(call, call.words[1])
}

private func saveContext(_ call: Call, _ address: UInt64) -> Int {
  writeFreeBSDContext(
    call, to: address, fsBase: base(call, ARCH_GET_FS), gsBase: base(call, ARCH_GET_GS))
}

private func resume(_ call: Call, _ address: UInt64) -> Int {
  var bases: (fs: UInt64, gs: UInt64) = (0, 0)
  if let refusal = restoreFreeBSDContext(call, address, &bases) { return refusal }
  if bases.fs != base(call, ARCH_GET_FS) {
    _ = call.hostNow(__NR_arch_prctl, Int(ARCH_SET_FS), Int(truncatingIfNeeded: bases.fs))
  }
  return Int(PERSONA_JUMP)
}

private func base(_ call: Call, _ request: Int32) -> UInt64 {
  guard let value = call.scratch(8) else { return 0 }
  value.storeBytes(of: 0, as: UInt64.self)
  _ = persona_syscall(
    Int64(__NR_arch_prctl), UInt64(request), UInt64(UInt(bitPattern: value)), 0, 0, 0, 0)
  return value.load(as: UInt64.self)
}

// MARK: - Waiting for signals

func sigtimedwait(_ call: inout Call) -> Int { awaitSignal(call, info: call.words[1], timeout: call.words[2]) }

func sigwaitinfo(_ call: inout Call) -> Int { awaitSignal(call, info: call.words[1], timeout: 0) }

/// sigwait(2) answers an error number as its result, and never EINTR (kern_sig.c, sys_sigwait).
func sigwait(_ call: inout Call) -> Int {
  while true {
    let result = awaitSignal(call, info: 0, timeout: 0)
    if result == call.error(EINTR) && call.thread.pointee.pending == 0 { continue }
    if result == call.error(EINTR) { return Int(PERSONA_RESTART) }
    if result < 0 { return call.errno(of: result).map { $0 } ?? result }
    return call.write(Int32(truncatingIfNeeded: result), at: call.words[1]) ? 0 : Int(EFAULT)
  }
}

private func awaitSignal(_ call: Call, info: UInt64, timeout: UInt64) -> Int {
  var set = SignalSet()
  guard call.read(&set, at: call.words[0]) else { return call.error(EFAULT) }
  guard let mask = call.scratch(8), let native = call.scratch(128), let limit = call.scratch(16),
    let foreign = call.scratch(freeBSDSignalInfoSize)
  else { return call.error(ENOMEM) }
  mask.storeBytes(of: call.table.nativeMask(set) & ~TrapContext.unblockable, as: UInt64.self)
  if timeout != 0, !call.copyIn(limit, timeout, 16) { return call.error(EFAULT) }
  let result = call.host(
    __NR_rt_sigtimedwait, mask.word, native.word, timeout == 0 ? 0 : limit.word, 8)
  if result < 0 { return result == Int(PERSONA_RESTART) ? call.error(EINTR) : result }
  let signal = call.table.foreignSignal(result)
  if info != 0 {
    _ = writeFreeBSDSignalInfo(call.table, SignalInfo(native), signal, nil, to: foreign)
    guard call.copyOut(info, foreign, freeBSDSignalInfoSize) else { return call.error(EFAULT) }
  }
  return signal
}

// MARK: - Sending

/// sigqueue(2): the receiver sees SI_QUEUE with the value.
func sigqueue(_ call: inout Call) -> Int {
  let target = Int(Int32(truncatingIfNeeded: call.words[0]))
  let signal = Int(Int32(truncatingIfNeeded: call.words[1]))
  guard signal >= 0, signal <= highestSignal else { return call.error(EINVAL) }
  let native = call.table.nativeSignal(signal)
  if signal != 0 && native == 0 { return call.error(EINVAL) }
  if target <= 0 { return call.error(EINVAL) }
  guard let info = call.scratch(128) else { return call.error(ENOMEM) }
  info.initializeMemory(as: UInt8.self, repeating: 0, count: 128)
  info.storeBytes(of: Int32(native), as: Int32.self)
  info.storeBytes(of: -1, toByteOffset: 8, as: Int32.self)
  info.storeBytes(of: call.process.pointee.pid, toByteOffset: 16, as: Int32.self)
  info.storeBytes(of: UInt32(truncatingIfNeeded: call.hostNow(__NR_getuid)), toByteOffset: 20, as: UInt32.self)
  info.storeBytes(of: call.words[2], toByteOffset: 24, as: UInt64.self)
  return call.hostNow(__NR_rt_sigqueueinfo, target, native, info.word)
}
