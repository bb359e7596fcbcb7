import CEngine
import Wire

/// Runs the handler that a row names. A name without a case here has no handler yet and answers ENOSYS;
/// `HandlerName.isImplemented` tells the table checker.
func dispatch(_ name: HandlerName, _ call: inout Call) -> Int {
  switch name {
  case .exit: return exit(&call)
  case .fork: return fork(&call)
  case .vfork: return vfork(&call)
  case .rfork: return rfork(&call)
  case .pdfork: return pdfork(&call)
  case .execve: return execve(&call)
  case .fexecve: return fexecve(&call)
  case .threadNew: return threadNew(&call)
  case .threadExit: return threadExit(&call)
  case .threadSelf: return threadSelf(&call)
  case .threadKill: return threadKill(&call)
  case .threadKillProcess: return threadKillProcess(&call)
  case .threadSetName: return threadSetName(&call)
  case .sigaction: return sigaction(&call)
  case .sigprocmask: return sigprocmask(&call)
  case .sigpending: return sigpending(&call)
  case .sigsuspend: return sigsuspend(&call)
  case .sigaltstack: return sigaltstack(&call)
  case .sigreturn: return sigreturn(&call)
  case .getcontext: return getcontext(&call)
  case .setcontext: return setcontext(&call)
  case .swapcontext: return swapcontext(&call)
  case .sigtimedwait: return sigtimedwait(&call)
  case .sigwaitinfo: return sigwaitinfo(&call)
  case .sigwait: return sigwait(&call)
  case .sigqueue: return sigqueue(&call)
  case .mmap: return mmap(&call)
  case .munmap: return munmap(&call)
  case .mprotect: return mprotect(&call)
  case .madvise: return madvise(&call)
  case .minherit: return minherit(&call)
  case .breakTo: return breakTo(&call)
  case .mlockall: return mlockall(&call)
  case .msync: return msync(&call)
  case .mincore: return mincore(&call)
  default: return call.foreignError(Int(call.table.header.pointee.errno_unsupported))
  }
}
