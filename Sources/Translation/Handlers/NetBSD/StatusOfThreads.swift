import CEngine

// TIOCSTAT, and what ps(1) tells of what a thread waits for. Source: sys/kern/tty.c, ttygetinfo and ttyputinfo; the words,
// sys/kern/{kern_proc,kern_lwp,kern_time,kern_event,sys_pipe,sys_select,sys_sig,tty,uipc_socket2}.c.

/// What the kernel calls what a thread waits for.
func threadWaits(_ reason: WaitReason) -> StaticString? {
  switch reason {
  case .terminalInput: "ttyraw"
  case .child: "wait"
  case .pipeInput: "pipe_rd"
  case .pipeOutput: "pipe_wr"
  case .time: "nanoslp"
  case .signal: "sigwait"
  case .anySignal: "pause"
  case .readiness: "select"
  case .events: "kqueue"
  case .connection: "socket"
  case .socketInput: "netio"
  }
}

/// Linux does not tell where a thread runs, which amd64's kernel tells in place of "running".
func ioctlStatusOfThreads(_ call: inout Call) -> Int {
  // The argument is read, and means nothing.
  var argument: Int32 = 0
  guard call.read(&argument, at: call.address(2)) else { return call.error(EFAULT) }
  return call.writeStatus(
    StatusStyle(word: threadWaits, ended: "iowait", endedIsAll: false, tellsThreads: true, messageEnd: "\n\n"))
}
