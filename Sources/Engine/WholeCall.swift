import CEngine
import CWire
import Translation

// Patched calls that need more than a call's own registers: all of them, the floating-point state, the signal mask.
// `thread.patched` then is a ucontext as a trap's, which the engine fills and leaves by itself.

/// What Linux says of the floating-point state in its signal frames (struct _fpx_sw_bytes, asm/sigcontext.h): the bytes
/// of an XSAVE area, and the components in it. 0 until the first trap.
nonisolated(unsafe) private var stateSize: UInt32 = 0
nonisolated(unsafe) private var stateFeatures: UInt64 = 0
/// FP_XSTATE_MAGIC1 and FP_XSTATE_MAGIC2, before and behind an area.
private let magicBefore: UInt32 = 0x4650_5853
private let magicBehind: UInt32 = 0x4650_5845

/// Whether the engine can keep the floating-point state itself. `context` is a trap's.
func knowsState(_ context: TrapContext) -> Bool {
  if stateSize != 0 { return true }
  guard let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)),
    area.load(fromByteOffset: 464, as: UInt32.self) == magicBefore
  else { return false }
  let size = area.load(fromByteOffset: 480, as: UInt32.self)
  guard size >= 576, size + 4 <= UInt32(PERSONA_STATE_BYTES) else { return false }
  stateFeatures = area.load(fromByteOffset: 472, as: UInt64.self)
  stateSize = size
  return true
}

/// Puts the present floating-point state where the thread has room for it, as Linux does in a signal frame.
private func saveState(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  let area = UnsafeMutableRawPointer(thread) + Int(PERSONA_STATE_OFFSET)
  if area.load(fromByteOffset: 464, as: UInt32.self) != magicBefore {
    area.storeBytes(of: magicBefore, toByteOffset: 464, as: UInt32.self)
    area.storeBytes(of: stateSize + 4, toByteOffset: 468, as: UInt32.self)
    area.storeBytes(of: stateFeatures, toByteOffset: 472, as: UInt64.self)
    area.storeBytes(of: stateSize, toByteOffset: 480, as: UInt32.self)
    area.storeBytes(of: magicBehind, toByteOffset: Int(stateSize), as: UInt32.self)
  }
  for offset in stride(from: 512, to: 576, by: 8) { area.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self) }
  persona_save_state(area, stateFeatures)
  context.floatingPoint = UInt64(UInt(bitPattern: area))
}

private func loadState(_ context: TrapContext) {
  persona_load_state(UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)), stateFeatures)
  context.floatingPoint = 0
}

// MARK: - The mask

/// The guest goes on with this context, to which Linux returns by itself.
func noteMask(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  TrapContext(persona_patched_registers(thread)!).mask = context.mask
  thread.pointee.mask_known = PERSONA_MASK_HELD.rawValue
}

/// All signals are blocked in Linux: the guest's mask is the one that was interrupted, unless a call has changed it.
func keepMask(_ thread: UnsafeMutablePointer<persona_thread>, _ interrupted: TrapContext) {
  if thread.pointee.mask_known == PERSONA_MASK_UNKNOWN.rawValue {
    TrapContext(persona_patched_registers(thread)!).mask = interrupted.mask
  }
  thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue
}

/// Has the guest's mask in `context`, which is `thread.patched`.
func learnMask(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  guard thread.pointee.mask_known == PERSONA_MASK_UNKNOWN.rawValue else { return }
  var mask: UInt64 = 0
  withUnsafeMutablePointer(to: &mask) {
    _ = persona_syscall(Int64(__NR_rt_sigprocmask), 0, 0, UInt64(UInt(bitPattern: $0)), 8, 0, 0)
  }
  // A signal meanwhile has told it.
  guard thread.pointee.mask_known == PERSONA_MASK_UNKNOWN.rawValue else { return }
  context.mask = mask
  thread.pointee.mask_known = PERSONA_MASK_HELD.rawValue
}

/// Gives Linux the guest's mask. A signal that comes first leaves it to the thread's return.
private func giveMask(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  // Before the call: a signal that comes with it says that Linux has another one again.
  thread.pointee.mask_known = PERSONA_MASK_HELD.rawValue
  let mask = UInt64(UInt(bitPattern: context.words + TrapContext.maskPosition))
  let result = persona_interruptible(thread, Int64(__NR_rt_sigprocmask), 2 /* SIG_SETMASK */, mask, 0, 8, 0, 0)
  if result == Int64(PERSONA_RESTART) { thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue }
}

/// A call that reads or changes the mask besides its own registers; `plain` is its row where its operands are registers.
func answerWithMask(
  _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext, _ plain: UnsafePointer<persona_call>?
) {
  learnMask(thread, context)
  let before = context.mask
  if let plain {
    carryOut(thread, Table(UnsafeRawPointer(thread.pointee.process.pointee.table)), plain, context)
  } else {
    answer(thread, context)
  }
  if context.mask != before { giveMask(thread, context) }
}

// MARK: - All registers

/// At the end of a patched call: carries it out if it needs all registers, delivers the signals that wait, and has all
/// that the guest goes on with in `thread.patched`.
@c(engine_on_whole)
public func onWhole(_ thread: UnsafeMutablePointer<persona_thread>?) {
  let thread = thread!
  let context = TrapContext(persona_patched_registers(thread)!)
  let isWanted = thread.pointee.whole == PERSONA_WHOLE_WANTED.rawValue
  thread.pointee.whole = PERSONA_WHOLE.rawValue
  if isWanted {
    if thread.pointee.pending == 0 {
      carryOutWhole(thread, context)
    } else {
      // The signal came before the call, which the instruction itself makes again.
      context[PERSONA_RIP] -= 2
    }
  }
  while true {
    if thread.pointee.pending != 0 { deliverWhole(thread, context) }
    if thread.pointee.mask_known == PERSONA_MASK_DIFFERS.rawValue { giveMask(thread, context) }
    if thread.pointee.pending == 0 { break }
  }
  let trapFlag: UInt64 = 0x100
  if context[PERSONA_FLAGS] & trapFlag != 0 { leaveBySignalReturn(thread, context) }
}

private func carryOutWhole(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  learnMask(thread, context)
  saveState(thread, context)
  let before = context.mask
  thread.pointee.context = UnsafeMutableRawPointer(context.words)
  thread.pointee.trap_length = 2
  thread.pointee.restart = 0
  answer(thread, context)
  loadState(context)
  if context.mask != before { thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue }
}

private func deliverWhole(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  saveState(thread, context)
  deliverKept(thread, context)
  loadState(context)
  thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue
}

/// Enters the guest where a new thread's context says, by a patched call's way back: Linux is only given the mask. Comes
/// back where the guest has gs or the floating-point state's layout is not known.
func enterDirectly(_ thread: UnsafeMutablePointer<persona_thread>) {
  guard thread.pointee.guest_gs == 0, stateFeatures != 0 else { return }
  // A state without components is the initial one, but for MXCSR, which is read always. Keys of pages stay the process's.
  let pageKeys: UInt64 = 1 << 9
  var words = InlineArray<80, UInt64>(repeating: 0)
  withUnsafeMutableBytes(of: &words) {
    let area = UnsafeMutableRawPointer(bitPattern: (UInt(bitPattern: $0.baseAddress!) + 63) & ~63)!
    area.storeBytes(of: 0x1f80, toByteOffset: 24, as: UInt32.self)
    persona_load_state(area, stateFeatures & ~pageKeys)
  }
  let start = TrapContext(thread.pointee.context)
  let context = TrapContext(persona_patched_registers(thread)!)
  for number in 0...UInt8(PERSONA_FLAGS.rawValue) { context[number: number] = start[number: number] }
  context.floatingPoint = 0
  context.mask = start.mask
  thread.pointee.mask_known = PERSONA_MASK_DIFFERS.rawValue
  thread.pointee.whole = PERSONA_WHOLE.rawValue
  persona_leave()
}

/// A guest that steps through its own code: the trap flag must not hold in the engine, so Linux sets it.
private func leaveBySignalReturn(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) -> Never {
  saveState(thread, context)
  (context.words[0], context.words[1]) = (0x7, 0)  // UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
  let stack = signalStack(thread)
  (context.words[2], context.words[3], context.words[4]) = stack
  context.segments = 0x002b_0000_0000_0033
  let copy = UnsafeMutableRawPointer(bitPattern: UInt(signalStack(thread).0) + 16384)!
  copy.copyMemory(from: context.words, byteCount: 8 * TrapContext.wordCount)
  context.floatingPoint = 0
  persona_resume(copy)
}
