import CEngine
import CWire
import Translation
import Wire

// Signals reach the guest only between its instructions. One that finds the thread in guest code is
// delivered at once. One that finds it inside the engine is kept, all signals are blocked, and the
// engine's return to the guest (persona_return) delivers it; a Linux call that has not yet had an effect
// is given up so that nobody waits meanwhile.

/// The handler of every signal that the guest catches, of faults, and of the engine's own signal.
@c(engine_on_signal)
public func onSignal(
  _ signal: Int32, _ info: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?
) {
  let thread = persona_current()!
  let context = TrapContext(context!)
  if signal == parentDied {
    dieWithSupervisor()
    tellParentDied(thread.pointee.process)
    goOnWaiting(context)
    return
  }
  let report = SignalInfo(info!)
  if report.signal == 5, report.code == 2 /* TRAP_TRACE */, isStubStart(thread.pointee.process, context) {
    // The step over the jump; the one over what it replaces comes next.
    return
  }
  let rip = guestAddress(thread.pointee.process, context)
  context[PERSONA_RIP] = rip
  let inEngine = isEngine(rip)
  if report.isFault {
    if rip &- label(PERSONA_COPY_BEGIN) < label(PERSONA_COPY_END) - label(PERSONA_COPY_BEGIN) {
      context[PERSONA_RIP] = label(PERSONA_COPY_FAULT)
      return
    }
    if inEngine { engineFault(signal, context, report) }
    thread.pointee.restart = 0
    deliver(report, thread, context)
    noteMask(thread, context)
    return
  }
  let process = thread.pointee.process!
  if inEngine, isSpared(process, report.signal, context) { return }
  let table = Table(UnsafeRawPointer(process.pointee.table))
  let foreign = table.foreignSignal(report.signal)
  signalSeen(process, foreign)
  // Only EVFILT_SIGNAL wanted it, and who waits for that has been told: others go on waiting.
  if inEngine, isIgnored(process, table, foreign) {
    goOnWaiting(context)
    return
  }
  guard inEngine else {
    thread.pointee.restart = 0
    deliver(report, thread, context)
    noteMask(thread, context)
    return
  }
  keep(info!, thread, context, rip)
}

private func isIgnored(_ process: UnsafeMutablePointer<persona_process>, _ table: Table, _ foreign: Int) -> Bool {
  guard foreign > 0 else { return false }
  let handler = persona_actions(process)![foreign].handler
  return handler == 1 || handler == 0 && table.signalDefault(foreign) == Int(PERSONA_DEFAULT_IGNORE.rawValue)
}

/// Makes a call again that a signal which is not for the guest has interrupted, as if it had not come: Linux restarts most by itself, but not
/// those with a time, nor those that wait under another signal mask. ppoll and pselect6 have written down what is left of their time.
private func goOnWaiting(_ context: TrapContext) {
  guard context[PERSONA_RIP] == label(PERSONA_INTERRUPTIBLE_END),
    Int64(bitPattern: context[PERSONA_RAX]) == -Int64(EINTR),
    let number = UnsafePointer<UInt64>(bitPattern: UInt(context[PERSONA_RSP]))?.pointee
  else { return }
  switch Int32(truncatingIfNeeded: number) {
  case __NR_close: return  // whose descriptor is closed all the same
  case __NR_epoll_pwait, __NR_epoll_pwait2: return  // whose caller knows how long to go on
  default: break
  }
  context[PERSONA_RAX] = number
  context[PERSONA_RIP] -= 2  // syscall
}

/// Whether code at this address runs for the engine: its own, or that by which it reads Linux's clocks.
private func isEngine(_ rip: UInt64) -> Bool {
  rip &- label(PERSONA_TEXT_START) < label(PERSONA_TEXT_END) - label(PERSONA_TEXT_START) || isVdso(rip)
}

/// Defers a signal to the engine's return, and makes sure that the engine gets there.
private func keep(
  _ info: UnsafeMutableRawPointer, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext,
  _ rip: UInt64
) {
  // One that is never blocked goes before the one that waits, which Linux keeps until the mask allows it.
  if thread.pointee.pending != 0 { sendBack(thread) }
  withUnsafeMutableBytes(of: &thread.pointee.pending_info) {
    $0.baseAddress!.copyMemory(from: info, byteCount: 128)
  }
  thread.pointee.pending_mask = context.mask
  keepMask(thread, context)
  _ = knowsState(context)
  thread.pointee.pending = 1
  context.mask = UInt64.max
  if rip &- label(PERSONA_INTERRUPTIBLE_BEGIN)
    < label(PERSONA_INTERRUPTIBLE_END) - label(PERSONA_INTERRUPTIBLE_BEGIN)
  {
    context[PERSONA_RIP] = label(PERSONA_INTERRUPTIBLE_GIVE_UP)
  } else if rip &- label(PERSONA_RETURN) < label(PERSONA_RETURN_END) - label(PERSONA_RETURN) {
    context[PERSONA_RIP] = label(PERSONA_RETURN)
  } else if rip &- label(PERSONA_PATCHED_EXIT) < label(PERSONA_PATCHED_EXIT_END) - label(PERSONA_PATCHED_EXIT)
    || rip &- label(PERSONA_WHOLE_EXIT) < label(PERSONA_WHOLE_EXIT_END) - label(PERSONA_WHOLE_EXIT)
  {
    // It begins anew, on the engine's stack and without the flags that the guest may have set by now.
    context[PERSONA_RIP] = label(PERSONA_PATCHED_EXIT)
    context[PERSONA_RSP] = thread.pointee.stack
    context[PERSONA_FLAGS] &= ~0x40500  // trap, direction, alignment check
  }
}

/// Gives a kept signal back to Linux, where it waits until it is no longer blocked.
private func sendBack(_ thread: UnsafeMutablePointer<persona_thread>) {
  withUnsafeMutablePointer(to: &thread.pointee.pending_info) {
    let info = UInt64(UInt(bitPattern: $0))
    let report = SignalInfo($0)
    let (process, number) = (UInt64(thread.pointee.process.pointee.pid), UInt64(report.signal))
    let toThread: Int32 = -6  // SI_TKILL
    // Only the first thread may tell the process of another sender.
    if report.code == toThread || persona_syscall(Int64(__NR_rt_sigqueueinfo), process, number, info, 0, 0, 0) != 0 {
      _ = persona_syscall(
        Int64(__NR_rt_tgsigqueueinfo), process, UInt64(thread.pointee.tid), number, info, 0, 0)
    }
  }
}

/// Called by persona_return with a signal pending; 0: return to the context now, 1: look again, 2: go on in the engine,
/// all signals blocked.
@c(engine_deliver_pending)
public func deliverPending(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ context: UnsafeMutableRawPointer?
) -> Int32 {
  let context = TrapContext(context!)
  let thread = thread!
  if isEngine(context[PERSONA_RIP]) { return canGoOn(thread, context) ? 2 : 0 }
  deliverKept(thread, context)
  noteMask(thread, context)
  return 1
}

/// Whether the engine may go on without Linux's help: the handler's mask then is that of the interrupted context.
private func canGoOn(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) -> Bool {
  let signal = withUnsafeBytes(of: &thread.pointee.pending_info) { $0.load(as: Int32.self) }
  let trapFlag: UInt64 = 0x100
  return TrapContext.unblockable >> UInt64(signal - 1) & 1 == 0 && context[PERSONA_FLAGS] & trapFlag == 0
    && knowsState(context)
}

/// Delivers the signal that waits, unless the call that it came in has blocked it: then Linux keeps it. One that was
/// blocked already came under the mask of a call that waits with another one, as sigsuspend's.
func deliverKept(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  let report = withUnsafeBytes(of: &thread.pointee.pending_info) { SignalInfo($0.baseAddress!) }
  thread.pointee.pending = 0
  let isBlocked = (context.mask & ~thread.pointee.pending_mask) >> UInt64(report.signal - 1) & 1 != 0
  if isBlocked, thread.pointee.has_saved_mask == 0 {
    sendBack(thread)
  } else {
    deliver(report, thread, context)
  }
}

/// Makes the guest run its handler when it resumes, or does what the signal does without one.
private func deliver(
  _ report: SignalInfo, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
) {
  let process = thread.pointee.process!
  let table = Table(UnsafeRawPointer(process.pointee.table))
  if report.signal == ThreadRequest.signal {
    answerRequest(thread, table, context)
    return
  }
  if table.frame == .note_frame {
    takeSignal(report, thread, context)
    return
  }
  let foreign = table.foreignSignal(report.signal)
  let actions = persona_actions(process)!
  persona_lock(&process.pointee.action_lock)
  let action = actions[foreign]
  if action.handler > 1, action.flags & SignalActionFlags.resetHandler != 0 {
    actions[foreign].handler = 0
    _ = persona_install_action(thread, Int32(foreign), Int32(report.signal))
  }
  persona_unlock(&process.pointee.action_lock)
  let suspended = thread.pointee.has_saved_mask != 0
  guard foreign != 0, action.handler > 1 else {
    if suspended { endSuspension(thread, context) }
    let isIgnored = table.signalDefault(foreign) == Int(PERSONA_DEFAULT_IGNORE.rawValue)
    if foreign == 0 || (action.handler == 0 && !isIgnored) { actByDefault(report, thread, context) }
    return
  }
  if thread.pointee.restart != 0 {
    let isAlways = thread.pointee.restart == 2
    thread.pointee.restart = 0
    if !isAlways, action.flags & SignalActionFlags.restart == 0 {
      context[PERSONA_RIP] += UInt64(thread.pointee.trap_length)
      store(errno: table.foreignErrno(Int(EINTR)), table.header.pointee.abi, context)
    }
  }
  let before = suspended ? thread.pointee.saved_mask : context.mask
  thread.pointee.has_saved_mask = 0
  let request = FrameRequest(
    info: report, signal: foreign, action: action, mask: table.foreignSet(before),
    fsBase: persona_fs_base(), gsBase: thread.pointee.guest_gs)
  guard let code = SignalFrames.build(table, request, thread, context) else {
    restoreDefault(signal: 4, context)
    sendToSelf(signal: 4, thread)
    return
  }
  if process.pointee.logging != 0 {
    recordSignal(
      thread, signal: Int32(foreign), code: code,
      address: report.isFault ? report.address : UInt64(UInt32(bitPattern: report.sender)),
      handler: action.handler)
  }
  var blocked = table.nativeMask(SignalSet(low: action.mask.0, high: action.mask.1))
  if action.flags & SignalActionFlags.noDefer == 0 { blocked |= 1 << UInt64(report.signal - 1) }
  context.mask |= blocked
}

/// Another thread wants this one to rest, or to give up what it waits for.
private func answerRequest(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ context: TrapContext
) {
  if thread.pointee.has_saved_mask != 0 { endSuspension(thread, context) }
  if thread.pointee.interrupted != 0 {
    thread.pointee.interrupted = 0
    if thread.pointee.restart == 1 {
      thread.pointee.restart = 0
      context[PERSONA_RIP] += UInt64(thread.pointee.trap_length)
      store(errno: table.foreignErrno(Int(EINTR)), table.header.pointee.abi, context)
    }
  }
  restIfAsked(thread)
}

private func endSuspension(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  context.mask = thread.pointee.saved_mask
  thread.pointee.has_saved_mask = 0
}

/// Faults and SIGSYS have the engine's handler even when the guest has none.
private func actByDefault(
  _ report: SignalInfo, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
) {
  restoreDefault(signal: report.signal, context)
  if !report.isFault { sendToSelf(signal: report.signal, thread) }
}

/// Gives a signal Linux's default action, unblocked: a fault then repeats, or the caller sends it.
private func restoreDefault(signal: Int, _ context: TrapContext) {
  var action = KernelAction()
  setKernelAction(signal, &action)
  context.mask &= ~(1 << UInt64(signal - 1))
}

private func sendToSelf(signal: Int, _ thread: UnsafeMutablePointer<persona_thread>) {
  _ = persona_syscall(
    Int64(__NR_tgkill), UInt64(thread.pointee.process.pointee.pid), UInt64(thread.pointee.tid),
    UInt64(signal), 0, 0, 0)
}

@inline(__always)
func label(_ label: persona_label) -> UInt64 { persona_label(label) }

// MARK: - Actions in Linux

/// Linux's struct sigaction for rt_sigaction (asm/signal.h).
struct KernelAction {
  var handler: UInt64 = 0
  var flags: UInt64 = 0
  var restorer: UInt64 = 0
  var mask: UInt64 = 0
}

@discardableResult
func setKernelAction(_ signal: Int, _ action: inout KernelAction) -> Int64 {
  withUnsafeMutablePointer(to: &action) {
    persona_syscall(
      Int64(__NR_rt_sigaction), UInt64(signal), UInt64(UInt(bitPattern: $0)), 0, 8, 0, 0)
  }
}

/// SA_SIGINFO, SA_ONSTACK, SA_RESTORER of Linux (asm/signal.h).
private let handlerFlags: UInt64 = 0x4 | 0x0800_0000 | 0x0400_0000
/// SA_RESTART: an interrupted call's instruction is where the handler finds the engine.
private let restartFlag: UInt64 = 0x1000_0000
/// SA_NODEFER.
private let noDeferFlag: UInt64 = 0x4000_0000

/// SIGSYS may be interrupted, also by one that a clock's reading raises; all others run alone.
func installTrap() {
  var action = KernelAction(
    handler: label(PERSONA_ON_TRAP), flags: handlerFlags | noDeferFlag, restorer: label(PERSONA_RETURN), mask: 0)
  setKernelAction(31, &action)
}

func engineAction() -> KernelAction {
  KernelAction(
    handler: label(PERSONA_ON_SIGNAL), flags: handlerFlags | restartFlag, restorer: label(PERSONA_RETURN),
    mask: ~TrapContext.unblockable)
}

/// Signals whose handler the engine keeps whatever the guest asks: SIGBUS, SIGSEGV, SIGSYS.
private func isKept(_ native: Int32) -> Bool { native == 7 || native == 11 || native == 31 }

/// Signals that Linux ignores without a handler (signal(7)), bit n-1 for signal n: SIGCHLD, SIGCONT, SIGURG, SIGWINCH.
let ignoredByLinux: UInt64 = 1 << 16 | 1 << 17 | 1 << 22 | 1 << 27

@c(persona_install_action)
public func installAction(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ foreign: Int32, _ native: Int32
) -> Int64 {
  let process = thread!.pointee.process!
  if persona_actions(process)![Int(foreign)].handler > 1, !needTrampoline(process) { return -Int64(ENOMEM) }
  if isKept(native) { return 0 }
  var kernel = kernelAction(process, Int(foreign), native)
  return setKernelAction(Int(native), &kernel)
}

/// What Linux has to do for what the process's action for a signal says.
func kernelAction(_ process: UnsafeMutablePointer<persona_process>, _ foreign: Int, _ native: Int32) -> KernelAction {
  let table = Table(UnsafeRawPointer(process.pointee.table))
  let action = persona_actions(process)![foreign]
  var kernel = engineAction()
  let ignored = table.signalDefault(foreign) == Int(PERSONA_DEFAULT_IGNORE.rawValue)
  if isSignalWatched(process, foreign), action.handler == 1 || (action.handler == 0 && ignored) {
    // Nobody but EVFILT_SIGNAL wants it.
  } else if isSparingWriters(process, native), action.handler == 0 {
    // Not every one that comes is the guest's.
  } else if action.handler == 0 {
    kernel = KernelAction()
    if ignored && ignoredByLinux & bit(native) == 0 { kernel.handler = 1 }
  } else if action.handler == 1 {
    kernel = KernelAction(handler: 1)
  }
  if action.flags & SignalActionFlags.noChildStop != 0 { kernel.flags |= 1 }
  if action.flags & SignalActionFlags.noChildWait != 0 { kernel.flags |= 2 }
  return kernel
}

// MARK: - The mask

/// All signals but faults: those in guest memory must still arrive.
func blockAllSignals() -> UInt64 { setMask(~TrapContext.unblockable) }

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
