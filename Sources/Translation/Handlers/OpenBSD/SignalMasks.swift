import CEngine
import CWire

// Signal sets that are passed and answered as one word. Source: sys/kern/kern_sig.c.

/// sigprocmask(how, mask): the mask before.
func changeSignalMask(_ call: inout Call) -> Int {
  let previous = call.table.foreignSet(call.context.mask)
  let set = SignalSet(low: UInt64(UInt32(truncatingIfNeeded: call.words[1])))
  if let refusal = changeMask(call, Int32(truncatingIfNeeded: call.words[0]), set) { return refusal }
  return Int(UInt32(truncatingIfNeeded: previous.low))
}

/// sigpending(): the set.
func pendingSignalMask(_ call: inout Call) -> Int {
  var set = SignalSet()
  if let refusal = pendingSignals(call, &set) { return refusal }
  return Int(UInt32(truncatingIfNeeded: set.low))
}

/// sigsuspend(mask)
func suspendWithMask(_ call: inout Call) -> Int {
  suspend(call, SignalSet(low: UInt64(UInt32(truncatingIfNeeded: call.words[0]))))
}

/// __thrsigdivert(sigmask, info, timeout): takes one of these signals away and answers it.
func divertSignal(_ call: inout Call) -> Int {
  guard let mask = call.scratch(8), let native = call.scratch(128), let limit = call.scratch(16),
    let foreign = call.scratch(call.table.size(.siginfo))
  else { return call.error(ENOMEM) }
  let set = SignalSet(low: UInt64(UInt32(truncatingIfNeeded: call.words[0])))
  mask.storeBytes(of: call.table.nativeMask(set) & ~TrapContext.unblockable, as: UInt64.self)
  if call.words[2] != 0, !call.copyIn(limit, call.words[2], 16) { return call.error(EFAULT) }
  let result = call.host(
    __NR_rt_sigtimedwait, mask.word, native.word, call.words[2] == 0 ? 0 : limit.word, 8)
  if result < 0 { return result == Int(PERSONA_RESTART) ? call.error(EINTR) : result }
  let signal = call.table.foreignSignal(result)
  if call.words[1] != 0 {
    _ = SignalFrames.writeInfo(call.table, SignalInfo(native), signal, nil, to: foreign)
    guard call.copyOut(call.words[1], foreign, call.table.size(.siginfo)) else { return call.error(EFAULT) }
  }
  return signal
}
