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

/// sigaction(sig, act, oact), with struct sigaction as the table lays it out.
func sigaction(_ call: inout Call) -> Int { changeAction(call, restorer: 0) }

/// Reads a new action, writes the old one, and has Linux follow.
///
/// - Parameters:
///   - restorer: the trampoline that the program passed, for systems whose programs bring their own.
///   - flags: those that the system knows.
func changeAction(_ call: Call, restorer: UInt64, flags: UInt64 = SignalActionFlags.all) -> Int {
  let signal = Int(Int32(truncatingIfNeeded: call.words[0]))
  let new = call.words[1]
  let old = call.words[2]
  guard signal > 0, signal <= highestSignal else { return call.error(EINVAL) }
  var request = persona_action()
  if new != 0 {
    guard let action = readAction(call, new) else { return call.error(EFAULT) }
    request = action
    request.restorer = restorer
    guard request.flags & ~flags == 0 else { return call.error(EINVAL) }
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
  let size = call.table.size(.sigaction)
  guard let memory = call.scratch(size), let mask = call.table.layout(.sigaction__sa_mask),
    call.copyIn(memory, address, size)
  else { return nil }
  let record = Record(memory, call.table)
  var action = persona_action()
  action.handler = record[.sigaction__sa_handler]
  action.flags = record[.sigaction__sa_flags]
  let set = call.table.loadSet(memory + mask.offset)
  action.mask = (set.low, set.high)
  return action
}

private func writeAction(_ call: Call, _ action: persona_action, _ address: UInt64) -> Bool {
  let size = call.table.size(.sigaction)
  guard let memory = call.scratch(size), let mask = call.table.layout(.sigaction__sa_mask) else { return false }
  clear(memory, size)
  let record = Record(memory, call.table)
  record[.sigaction__sa_handler] = action.handler
  record[.sigaction__sa_flags] = action.flags
  call.table.storeSet(SignalSet(low: action.mask.0, high: action.mask.1), to: memory + mask.offset)
  return call.copyOut(address, memory, size)
}

// MARK: - Masks

/// sigprocmask(2): the mask is the one that the trap's return restores, so that no Linux call is needed.
func sigprocmask(_ call: inout Call) -> Int {
  let how = Int32(truncatingIfNeeded: call.words[0])
  let set = call.words[1]
  let old = call.words[2]
  let previous = call.table.foreignSet(call.context.mask)
  if set != 0 {
    guard let request = call.readSet(at: set) else { return call.error(EFAULT) }
    if let refusal = changeMask(call, how, request) { return refusal }
  }
  if old != 0, !call.writeSet(previous, at: old) { return call.error(EFAULT) }
  return 0
}

/// Blocks or unblocks signals, with SIG_* as all BSDs number them (sys/signal.h); nil, or the error.
func changeMask(_ call: Call, _ how: Int32, _ set: SignalSet) -> Int? {
  let mask = call.table.nativeMask(set)
  switch how {
  case 1: call.context.mask |= mask  // SIG_BLOCK
  case 2: call.context.mask &= ~mask  // SIG_UNBLOCK
  case 3: call.context.mask = mask  // SIG_SETMASK
  default: return call.error(EINVAL)
  }
  return nil
}

func sigpending(_ call: inout Call) -> Int {
  var set = SignalSet()
  if let refusal = pendingSignals(call, &set) { return refusal }
  return call.writeSet(set, at: call.words[0]) ? 0 : call.error(EFAULT)
}

/// The foreign signals that wait for the thread; nil, or the error.
func pendingSignals(_ call: Call, _ set: inout SignalSet) -> Int? {
  guard let mask = call.scratch(8) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_rt_sigpending, mask.word, 8)
  if result < 0 { return result }
  set = call.table.foreignSet(mask.load(as: UInt64.self))
  return nil
}

func sigsuspend(_ call: inout Call) -> Int {
  guard let set = call.readSet(at: call.words[0]) else { return call.error(EFAULT) }
  return suspend(call, set)
}

/// sigsuspend(2): the handler runs with the given mask, and its return restores the one before.
func suspend(_ call: Call, _ set: SignalSet) -> Int {
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

/// sigaltstack(2), with stack_t as the table lays it out. The engine keeps it.
func sigaltstack(_ call: inout Call) -> Int {
  let new = call.words[0]
  let old = call.words[1]
  let thread = call.thread
  let active = isOnAlternateStack(thread, call.context[PERSONA_RSP])
  let previous = (thread.pointee.alternate_stack, thread.pointee.alternate_size, thread.pointee.alternate_flags)
  if new != 0 {
    let bytes = call.table.size(.stack_t)
    guard let memory = call.scratch(bytes) else { return call.error(ENOMEM) }
    guard call.copyIn(memory, new, bytes) else { return call.error(EFAULT) }
    let record = Record(memory, call.table)
    let pointer = record[.stack_t__ss_sp]
    let size = record[.stack_t__ss_size]
    let flags = UInt32(truncatingIfNeeded: record[.stack_t__ss_flags])
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
    let bytes = call.table.size(.stack_t)
    guard let memory = call.scratch(bytes) else { return call.error(ENOMEM) }
    clear(memory, bytes)
    let record = Record(memory, call.table)
    record[.stack_t__ss_sp] = previous.0
    record[.stack_t__ss_size] = previous.1
    record[.stack_t__ss_flags] = UInt64(flags)
    guard call.copyOut(old, memory, bytes) else { return call.error(EFAULT) }
  }
  return 0
}

// MARK: - Contexts

func sigreturn(_ call: inout Call) -> Int { resume(call, call.words[0], isReturn: true) }

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
  SignalFrames.save(call, to: address)
}

private func resume(_ call: Call, _ address: UInt64, isReturn: Bool = false) -> Int {
  SignalFrames.restore(call, address, isReturn: isReturn) ?? Int(PERSONA_JUMP)
}

// MARK: - Waiting for signals

func sigtimedwait(_ call: inout Call) -> Int { awaitSignal(call, info: call.words[1], timeout: 2) }

func sigwaitinfo(_ call: inout Call) -> Int { awaitSignal(call, info: call.words[1], timeout: nil) }

/// sigwait(2) answers an error number as its result, and never EINTR (kern_sig.c, sys_sigwait).
func sigwait(_ call: inout Call) -> Int {
  while true {
    let result = awaitSignal(call, info: 0, timeout: nil)
    if result == call.error(EINTR) && call.thread.pointee.pending == 0 { continue }
    if result == call.error(EINTR) { return Int(PERSONA_RESTART) }
    if result < 0 { return call.errno(of: result).map { $0 } ?? result }
    return call.write(Int32(truncatingIfNeeded: result), at: call.words[1]) ? 0 : Int(EFAULT)
  }
}

/// - Parameter timeout: the operand that points to one, if any does.
private func awaitSignal(_ call: Call, info: UInt64, timeout: Int?) -> Int {
  guard let set = call.readSet(at: call.words[0]) else { return call.error(EFAULT) }
  let size = call.table.size(.siginfo)
  guard let mask = call.scratch(8), let native = call.scratch(128), let foreign = call.scratch(size)
  else { return call.error(ENOMEM) }
  mask.storeBytes(of: call.table.nativeMask(set) & ~TrapContext.unblockable, as: UInt64.self)
  var limit = Timespec()
  let isLimited = timeout.map { call.address($0) != 0 } ?? false
  if isLimited, !call.readTime(timeout!, &limit) { return call.error(EFAULT) }
  let result = withUnsafePointer(to: &limit) {
    call.host(__NR_rt_sigtimedwait, mask.word, native.word, isLimited ? Int(bitPattern: $0) : 0, 8)
  }
  if result < 0 { return result == Int(PERSONA_RESTART) ? call.error(EINTR) : result }
  let signal = call.table.foreignSignal(result)
  if info != 0 {
    _ = SignalFrames.writeInfo(call.table, SignalInfo(native), signal, nil, to: foreign)
    guard call.copyOut(info, foreign, size) else { return call.error(EFAULT) }
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

/// sigqueueinfo(pid, info): signal and value are the sender's, the rest is told as it is.
func queueSignal(_ call: inout Call) -> Int {
  let size = call.table.size(.siginfo)
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  guard call.copyIn(memory, call.words[1], size) else { return call.error(EFAULT) }
  let info = Record(memory, call.table)
  call.words[1] = info[.siginfo__si_signo]
  call.words[2] = info[.siginfo__si_value]
  return sigqueue(&call)
}
