import CEngine
import CWire

// Requests that steer a terminal's input and output; sys/ttycom.h, asm-generic/termbits.h of Linux.

private let flushQueues = 0x540b  // TCFLSH
private let drainOutput = 0x5409  // TCSBRK, which with 1 only waits
private let flowControl = 0x540a  // TCXONC

/// TIOCFLUSH: FREAD (1) and FWRITE (2) of sys/fcntl.h choose the queues; 0 means both.
func ioctlFlush(_ call: inout Call) -> Int {
  var queues: Int32 = 0
  guard call.read(&queues, at: call.address(2)) else { return call.error(EFAULT) }
  switch queues & 3 {
  case 1: return call.hostNow(__NR_ioctl, call[0], flushQueues, 0)
  case 2: return call.hostNow(__NR_ioctl, call[0], flushQueues, 1)
  default: return call.hostNow(__NR_ioctl, call[0], flushQueues, 2)
  }
}

/// TIOCDRAIN waits until all output is written.
func ioctlDrain(_ call: inout Call) -> Int { call.host(__NR_ioctl, call[0], drainOutput, 1) }

/// TIOCSTOP suspends output, TIOCSTART resumes it.
func ioctlStopOutput(_ call: inout Call) -> Int { call.hostNow(__NR_ioctl, call[0], flowControl, 0) }
func ioctlStartOutput(_ call: inout Call) -> Int { call.hostNow(__NR_ioctl, call[0], flowControl, 1) }

/// setsid(2): open(2) must know, and the login name is inherited.
func startSession(_ call: inout Call) -> Int {
  let before = quietly(__NR_getsid, 0)
  let result = call.hostNow(__NR_setsid)
  guard result >= 0 else { return result }
  call.process.pointee.leads_session = 1
  if let variables = NamedVariables() {
    variables.inheritLogin(from: before, to: result)
    variables.unlock()
  }
  return result
}

/// TIOCSIG: a master sends a signal to the processes in the terminal's foreground. The signal is the request's own
/// argument, or lies there.
func ioctlSignal(_ call: inout Call) -> Int { sendSignal(&call, Int(call.int32(2))) }
func ioctlSignalAt(_ call: inout Call) -> Int {
  var signal: Int32 = 0
  guard call.read(&signal, at: call.address(2)) else { return call.error(EFAULT) }
  return sendSignal(&call, Int(signal))
}

private func sendSignal(_ call: inout Call, _ foreign: Int) -> Int {
  let master = ioctlIsMaster(&call)
  if master < 0 { return master }
  let signal = call.table.nativeSignal(foreign)
  guard foreign > 0, signal > 0 else { return call.error(EINVAL) }
  // Linux's own TIOCSIG knows three of them, and empties the queues as the BSDs do.
  let result = call.hostNow(__NR_ioctl, call[0], 0x4004_5436, signal)
  if result != call.error(EINVAL) { return result }
  guard let group = call.scratch(4) else { return call.error(ENOMEM) }
  let found = call.hostNow(__NR_ioctl, call[0], Int(TIOCGPGRP), group.word)
  if found < 0 { return found }
  let leader = Int(group.load(as: Int32.self))
  if leader > 0 { _ = call.hostNow(__NR_kill, -leader, signal) }
  return 0
}

/// TIOCEXT: whether the other side of the pseudo-terminal processes lines; for Linux a flag of termios.
func ioctlExternalProcessing(_ call: inout Call) -> Int {
  var wanted: Int32 = 0
  guard call.read(&wanted, at: call.address(2)) else { return call.error(EFAULT) }
  // struct termios2; TCGETS2, TCSETS2; EXTPROC of c_lflag
  guard let settings = call.scratch(44) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_ioctl, call[0], 0x802c_542a, settings.word)
  if result < 0 { return result }
  let local = settings.load(fromByteOffset: 12, as: UInt32.self) & ~0x10000
  settings.storeBytes(of: wanted == 0 ? local : local | 0x10000, toByteOffset: 12, as: UInt32.self)
  return call.hostNow(__NR_ioctl, call[0], 0x402c_542b, settings.word)
}

/// TIOCSDTR and TIOCCDTR raise and lower Data Terminal Ready.
func ioctlSetReady(_ call: inout Call) -> Int { changeReady(call, 0x5416) }  // TIOCMBIS
func ioctlClearReady(_ call: inout Call) -> Int { changeReady(call, 0x5417) }  // TIOCMBIC

private func changeReady(_ call: Call, _ request: Int) -> Int {
  guard let line = call.scratch(4) else { return call.error(ENOMEM) }
  line.storeBytes(of: 2, as: Int32.self)  // TIOCM_DTR
  return call.hostNow(__NR_ioctl, call[0], request, line.word)
}
