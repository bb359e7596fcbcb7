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
