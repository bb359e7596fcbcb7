import CWire

extension HandlerName {
  /// What the handler needs of the guest, which decides how a patched site may call it. A plain one has the registers of
  /// arguments and result, the stack pointer and the instruction pointer; one that is not named here has not been
  /// looked at, and traps.
  public var passage: persona_passage {
    switch self {
    case .clockGettime: PERSONA_PASSAGE_CLOCK
    case .close: PERSONA_PASSAGE_CLOSE
    case .fileStatus: PERSONA_PASSAGE_STATUS
    case .sigprocmask, .changeSignalMask, .sigsuspend, .suspendWithMask, .execve, .fexecve, .posixSpawn, .threadNew,
      .lightweightCreate:
      PERSONA_PASSAGE_MASK
    case .sigreturn, .setcontext, .getcontext, .swapcontext, .vfork, .rfork, .cloneProcess, .threadFork, .lwpCreate:
      PERSONA_PASSAGE_WHOLE
    case .exit, .parentProcess, .fork, .pdfork, .wait4, .wait6, .threadExit, .threadEnd, .lwpExit, .lwpWait, .extendedExit,
      .fcntl, .ioctl, .getdirentries, .getdirentriesWithBase, .currentDirectory, .pathconf, .fpathconf, .statfs,
      .fstatfs, .pipePair, .unlinkFile, .changeMode, .renameFile, .makeDirectory, .lockingOpen, .directoryEntries,
      .changeFolder, .changeFolderTo,
      .mmap, .munmap, .mprotect, .madvise, .msync, .mincore, .mapMemory, .unmapMemory, .protectMemory,
      .bind, .connect, .accept, .accept4, .shutdownUnconnected, .getsockname, .getpeername, .sendto, .recvfrom, .sendmsg, .recvmsg,
      .getsockopt, .setsockopt, .openSocket, .sendfile,
      .kqueue, .kevent, .poll, .select, .dup2, .duplicateTo,
      .clockGetres, .gettimeofday, .nanosleep, .clockNanosleep,
      .threadSelf, .userMutex, .threadWake, .threadIdentity, .threadSleep, .threadWakeup, .futexOperation,
      .lwpSelf, .lwpPark, .lwpUnpark, .lwpUnparkAll, .umtxSleep, .umtxWakeup,
      .anyClockGettime, .anyClockGetres, .openDevice, .namedStatfs, .namedFstatfs, .setTimevals, .currentDirectoryLength,
      .socketPair, .breakTo, .futexWithCounts, .lwpGetPrivate, .semaphorePost, .semaphoreWait, .semaphoreTimedWait,
      .semaphoreTry, .sysctl, .sysctlByName, .sysctlWithQuery, .getpriority, .extendedTransfer,
      .sigaction, .sigactionWithTrampoline, .sigpending, .pendingSignalMask, .sigaltstack,
      .threadKill, .threadSignal, .lwpKill, .lwpWakeup, .getThreadBase, .setBreak, .entropy, .openMarkedSocket,
      .closeRange, .closeFrom, .getrlimit, .getgroups, .getresuid, .getresgid, .issetugid, .getLogin, .getdtablesize,
      .descriptorCount, .currentCPU, .realPath, .setTimes, .setTimesOfLink, .setitimer, .getitimer, .getfsstat,
      .namedGetfsstat, .mountStatus, .mountStatusOf, .posixFadvise, .posixFallocate, .makeFifo, .receiveMessages,
      .sendMessages, .timerGettime, .timerSettime, .informationVariable,
      .changeDirectory, .closeFile, .duplicate, .openByMode, .createByMode, .seekTo, .readAt, .writeAt, .makePipe,
      .pathOfDescriptor, .moveBreak, .removePath, .exchangeMessage, .statByName, .statByDescriptor, .changeStatByName,
      .changeStatByDescriptor, .bindName, .unmountName, .setNoteHandler, .setAlarm, .pause, .meet, .acquireSemaphore,
      .acquireSemaphoreWithin, .releaseSemaphore, .nanosecondsNow, .storeNanoseconds:
      PERSONA_PASSAGE_PLAIN
    default: PERSONA_PASSAGE_TRAP
    }
  }
}
