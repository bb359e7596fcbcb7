// TIOCSTAT of a kernel that tells how long the process has been there. Source: sys/kern/tty_info.c; the words, kern/{kern_exit,
// kern_time,kern_sig,kern_event,sys_generic,sys_pipe,tty_ttydisc,uipc_socket,uipc_sockbuf}.c.

/// What the kernel calls what a thread waits for.
func sleepWord(_ reason: WaitReason) -> StaticString? {
  switch reason {
  case .terminalInput: "ttyin"
  case .child: "wait"
  case .pipeInput: "piperd"
  case .pipeOutput: "pipewr"
  case .time: "nanslp"
  case .signal: "sigwait"
  case .anySignal: "pause"
  case .readiness: "select"
  case .events: "kqread"
  case .connection: "accept"
  case .socketInput: "sbwait"
  }
}

func ioctlTerminalStatus(_ call: inout Call) -> Int {
  call.writeStatus(
    StatusStyle(
      word: sleepWord, ended: "zombie", endedIsAll: false, untold: "sleeping without queue", stopped: "suspended",
      tellsAge: true))
}
