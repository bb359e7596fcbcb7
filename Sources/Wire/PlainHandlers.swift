import CWire

extension HandlerName {
  /// What the handler needs of the guest, which decides how a patched site may call it. A plain one has the registers of
  /// arguments and result, the stack pointer and the instruction pointer; one that is not named here has not been
  /// looked at, and traps.
  public var passage: persona_passage {
    switch self {
    case .sigprocmask, .changeSignalMask, .sigsuspend, .suspendWithMask: PERSONA_PASSAGE_MASK
    case .sigreturn, .setcontext, .getcontext, .swapcontext: PERSONA_PASSAGE_WHOLE
    case .fcntl, .ioctl, .getdirentries, .getdirentriesWithBase, .currentDirectory, .pathconf, .fpathconf, .statfs,
      .fstatfs, .pipePair, .unlinkFile, .changeMode, .renameFile, .makeDirectory, .lockingOpen, .directoryEntries,
      .mmap, .munmap, .mprotect, .madvise, .msync, .mincore, .mapMemory, .unmapMemory, .protectMemory,
      .bind, .connect, .accept, .accept4, .getsockname, .getpeername, .sendto, .recvfrom, .sendmsg, .recvmsg,
      .getsockopt, .setsockopt, .openSocket, .sendfile,
      .kqueue, .kevent, .poll, .select, .close, .dup2, .duplicateTo,
      .clockGettime, .clockGetres, .gettimeofday, .nanosleep, .clockNanosleep,
      .threadSelf, .userMutex, .threadWake, .threadIdentity, .threadSleep, .threadWakeup, .futexOperation,
      .lwpSelf, .lwpPark, .lwpUnpark, .lwpUnparkAll, .umtxSleep, .umtxWakeup,
      .anyClockGettime, .anyClockGetres, .openDevice, .namedStatfs, .namedFstatfs, .setTimevals, .currentDirectoryLength,
      .socketPair, .breakTo, .futexWithCounts, .lwpGetPrivate, .semaphorePost, .semaphoreWait, .semaphoreTimedWait,
      .semaphoreTry, .sysctl, .sysctlByName, .sysctlWithQuery, .getpriority, .extendedTransfer,
      .sigaction, .sigactionWithTrampoline, .sigpending, .pendingSignalMask, .sigaltstack:
      PERSONA_PASSAGE_PLAIN
    default: PERSONA_PASSAGE_TRAP
    }
  }
}
