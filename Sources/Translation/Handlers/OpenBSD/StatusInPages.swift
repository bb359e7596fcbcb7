// TIOCSTAT, and what ps(1) tells of what a process waits for. Source: sys/kern/tty.c, ttyinfo, which calls pages of memory k; the
// words, sys/kern/{kern_exit,kern_time,kern_sig,kern_event,sys_pipe,tty,uipc_socket2,uipc_syscalls}.c.

/// What the kernel calls what a thread waits for; poll(2) and select(2) wait in a queue of events.
func waitMessage(_ reason: WaitReason) -> StaticString? {
  switch reason {
  case .terminalInput: "ttyin"
  case .child: "wait"
  case .pipeInput: "piperd"
  case .pipeOutput: "pipewr"
  case .time: "nanoslp"
  case .signal: "sigwait"
  case .anySignal: "sigsusp"
  case .readiness, .events: "kqread"
  case .connection: "netacc"
  case .socketInput: "sbwait"
  }
}

func ioctlStatusInPages(_ call: inout Call) -> Int {
  call.writeStatus(StatusStyle(word: waitMessage, ended: "empty foreground process group", unit: 4))
}
