// TIOCSTAT. Source: sys/kern/tty.c, ttyinfo; the words, sys/kern/{kern_exit,kern_time,kern_sig,kern_event,sys_pipe,tty,
// uipc_socket2}.c.

/// What the kernel calls what a thread waits for; poll(2) and select(2) wait in a queue of events.
private func word(_ reason: WaitReason) -> StaticString? {
  reason == .signal ? "sigwt" : reason == .readiness ? "kqread" : reason == .connection ? nil : sleepWord(reason)
}

func ioctlStatusWithoutAge(_ call: inout Call) -> Int {
  call.writeStatus(StatusStyle(word: word, ended: "foreground process without lwp"))
}
