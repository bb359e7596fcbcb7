extension HandlerName {
  /// Whether the handler needs nothing of the guest's registers but arguments and result: neither its signal mask nor
  /// its stack, flags or instruction pointer. A call at a patched site does not have them; all others trap.
  public var isPlain: Bool {
    switch self {
    case .fcntl, .ioctl, .getdirentries, .getdirentriesWithBase, .currentDirectory, .pathconf, .fpathconf, .statfs,
      .fstatfs, .pipePair, .unlinkFile, .changeMode, .renameFile, .makeDirectory, .lockingOpen, .directoryEntries,
      .mmap, .munmap, .mprotect, .madvise, .msync, .mincore, .mapMemory, .unmapMemory, .protectMemory,
      .bind, .connect, .accept, .accept4, .getsockname, .getpeername, .sendto, .recvfrom, .sendmsg, .recvmsg,
      .getsockopt, .setsockopt, .openSocket, .sendfile,
      .kqueue, .kevent, .poll, .select, .close, .dup2, .duplicateTo,
      .clockGettime, .clockGetres, .gettimeofday, .nanosleep, .clockNanosleep,
      .threadSelf, .userMutex, .threadWake, .threadIdentity, .threadSleep, .threadWakeup, .futexOperation,
      .lwpSelf, .lwpPark, .lwpUnpark, .lwpUnparkAll, .umtxSleep, .umtxWakeup,
      .sysctl, .sysctlByName, .getpriority, .extendedTransfer:
      true
    default: false
    }
  }
}
