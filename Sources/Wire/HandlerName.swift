/// Every call that a table may leave to Swift, by the name it uses after `handler`.
///
/// The name's family tells the file: a case under "events" is a function of the same name in
/// Sources/Translation/Handlers/Events.swift.
public enum HandlerName: UInt16, CaseIterable {
  /// syscall(number, …): the engine itself calls again with the remaining arguments.
  case indirect
  // files
  case fcntl, ioctl, getdirentries, getdirentriesWithBase, currentDirectory, pathconf, fpathconf, statfs,
    fstatfs, getfsstat, mountStatus, mountStatusOf, mountList, chflags, pipePair, posixFallocate, posixFadvise, lockingOpen, ioctlCloseOnExec,
    ioctlKeepOnExec, unlinkFile, ioctlGetTerminal, ioctlSetTerminal, ioctlSetTerminalWait,
    ioctlSetTerminalFlush, ioctlControllingTerminal, ioctlIsMaster, ioctlDeviceName, openTerminalMaster,
    makeFifo, changeMode, setTimes, setTimesOfLink, realPath, closeRange, specialDescriptor, punchHole,
    unlinkSame, makeDirectory, renameFile, ioctlFlush, ioctlDrain, ioctlStartOutput, ioctlStopOutput,
    startSession, parentProcess, ioctlSignalAt, ioctlExternalProcessing, changeFolder, changeFolderTo,
    openDevice, ioctlSeekData, ioctlSeekHole, ioctlTerminalPair, ioctlTerminalNames, changeRootTo,
    changeRoot,
    fileStatus, accessListGet, accessListSet, accessListDelete, accessListCheck,
    namedStatfs, namedFstatfs, namedGetfsstat, attributeGet, attributeSet, attributeDelete, attributeList,
    ioctlSignal, ioctlDiscipline, ioctlSetDiscipline, ioctlQueueSize, ioctlClearReady, ioctlSetReady,
    ioctlTerminalStatus, ioctlStatusWithoutAge, ioctlStatusInPages, ioctlStatusOfThreads
  // memory
  case mmap, munmap, mprotect, madvise, minherit, breakTo, mlockall, msync, mincore, remapMemory
  // processes
  case exit, fork, vfork, rfork, execve, fexecve, wait4, wait6, pdfork, pdkill, pdgetpid, procctl, getLogin,
    setLogin, abortWithReason, shutdownUnconnected
  // threads
  case threadNew, threadExit, threadSelf, threadKill, threadKillProcess, threadSuspend,
    threadWake, threadSetName, userMutex, rtprioThread, sysarch, schedulerOf, currentCPU
  // signals
  case sigaction, sigprocmask, sigpending, sigsuspend, sigaltstack, sigreturn, sigtimedwait, sigwait,
    sigwaitinfo, sigqueue, getcontext, setcontext, swapcontext, queueSignal
  // threads that park, directory entries, times and events in layouts of their own
  case lwpCreate, lwpExit, lwpSelf, lwpKill, lwpPark, lwpUnpark, lwpUnparkAll, lwpSetPrivate, lwpGetPrivate,
    lwpWait, lwpDetach, lwpSuspend, lwpContinue, lwpWakeup, lwpControl, titleOfThread, schedulerSet, schedulerGet,
    affinitySet, affinityGet, futexWithCounts, posixSpawn, cloneProcess,
    sigactionWithTrampoline, setTimevals, sysctlWithQuery
  // sockets
  case bind, connect, accept, accept4, getsockname, getpeername, sendto, recvfrom, sendmsg, recvmsg,
    getsockopt, setsockopt, sendfile, bindat, connectat, socketPair, openSocket, acceptMasked
  // events
  case kqueue, kevent, poll, ppoll, select, pselect, close, dup2
  // time
  case clockGettime, clockSettime, clockGetres, gettimeofday, nanosleep, clockNanosleep, getitimer,
    setitimer, timerCreate, timerDelete, timerSettime, timerGettime, timerGetoverrun, ntpAdjtime,
    cpuClockId, adjustTime, clockDiscipline, anyClockGettime, anyClockGetres, clockOfOwner
  // resources
  case getrlimit, setrlimit, cpusetGetAffinity, cpusetSetAffinity, cpusetGetID, getdtablesize,
    getpriority
  // information
  case sysctl, sysctlByName, uname, modfind, makeUUIDs, kernelEnvironment
  // security
  case getgroups, setgroups, issetugid, getresuid, getresgid, setfib
  // ipc
  case shmOpen, shmUnlink, semctl, shmat, shmctl, msgctl, messageQueueOpen, messageQueueUnlink,
    messageQueueAttributes, messageQueueNotify, aioRead, aioWrite, aioReadVector, aioWriteVector, aioLockMemory,
    aioSynchronize, aioReturn, aioWaitComplete, aioError, aioSuspend, aioCancel, aioList, semaphoreCreate, semaphoreOpen,
    semaphoreUnlink, semaphoreClose, semaphorePost, semaphoreWait, semaphoreTimedWait, semaphoreTry, semaphoreValue
  // signal sets as words; threads by a control block; sleeping on an address
  case changeSignalMask, pendingSignalMask, suspendWithMask, divertSignal, threadFork, threadEnd,
    threadIdentity, threadSignal, threadGetName, threadSetNameOf, setThreadBase, getThreadBase, threadSleep,
    threadWakeup, futexOperation
  // memory that stays as it is; promises; descriptors and small things
  case fixMemory, mapMemory, unmapMemory, protectMemory, queryMemory, setBreak, entropy, waitIdentified,
    descriptorCount, closeFrom, duplicateTo, currentDirectoryLength, temporaryFile, sendSystemLog, bindLazily,
    promise, pledgedOpen, directoryEntries, unveil, pinCalls, allowCalls,
    receiveMessages, sendMessages, pathLimit, informationVariable, openMarkedSocket
  // errors told in words; files opened by mode bytes, read at a place or where one is; ends told in words
  case exchangeMessage, exitWithMessage, openByMode, createByMode, readAt, writeAt, seekTo, removePath,
    pathOfDescriptor, duplicate, moveBreak, pause, changeDirectory, closeFile
  // processes that share groups, notes in words, meetings, semaphores and segments
  case rforkGroups, executeProgram, awaitChild, makePipe, setAlarm, setNoteHandler, endNote, meet,
    acquireSemaphore, acquireSemaphoreWithin, releaseSemaphore, segmentAttach, segmentDetach, segmentBreak,
    segmentFree, segmentFlush, nanosecondsNow, storeNanoseconds
  // names that a process binds to files, and records of what a file is
  case bindName, unmountName, statByName, statByDescriptor, changeStatByName, changeStatByDescriptor
  // light-weight processes, their areas and their sleep; transfers with and without an offset
  case lightweightCreate, lightweightKill, extendedExit, umtxSleep, umtxWakeup, threadArea,
    extendedTransfer, lightweightAffinity, variantSet, variantGet, variantList
  // what a descriptor's device is
  case ioctlDeviceType
  // what is known of addresses and of neighbours' discovery
  case ioctlAddressFlags, ioctlAddressLifetime, ioctlNeighbourInformation, ioctlDefaultInterface
  // all interfaces with their addresses
  case ioctlInterfaceConfiguration, ioctlInterfaceAddress
}

/// A value of the running host that a table may name where the foreign OS would report its own.
public enum HostValue: UInt16, CaseIterable {
  case onlineCPUs, pageSize, physicalMemory, availableMemory, hostName, domainName, bootTime, maxFiles,
    maxFilesPerProcess, maxProcesses, argMax, loadAverage, stackTop, cpuModel, executablePath, processArguments,
    clockRate, pageSizes, machineArchitecture, userMemory, securityLevel, groupsMax, openFiles,
    processList, interfaceList, cpuFrequency, cpuTimes, swapTotal, freePages, randomBytes, processorTimes,
    availablePages, highestCPU, maskBytes, listenBacklog, processEntries, processVectors, workingDirectory,
    processFiles, processDirectory, processMappings, processGroups, processMask, processLimit,
    processRelease, processSystem, kernelMessages, programStrings, deviceName, clockRates, processorStates, processorStatesOf,
    processTable, threadTable, processStrings, memoryStatistics, physicalMemoryShort, userMemoryShort, randomNumber,
    upTicks, activePages, inactivePages, wiredPages, swapPagesIn, swapPagesOut, bufferBytes, lastProcess,
    filesystemKinds, internet6,
    memoryTotals, swapDevice, deviceCount, deviceStatistics, fileTable, tcpSockets, udpSockets, rawSockets,
    localStreams, localDatagrams, localPackets,
    contextSwitches, interrupts, softInterrupts, pageFaults, pageReadFaults, processesMade, pagesFreed, pagesStolen,
    pagesScanned, pageReserve, interruptNames, interruptCounts, nameCacheCounts,
    internetCounts, controlMessageCounts, datagramCounts, connectionCounts,
    segmentBytes, segmentLeastBytes, segmentsOfProcess, segmentPages, semaphoreCount, semaphoreUndos, semaphoresOfSet,
    semaphoreOperations, semaphoreUndosOfProcess, semaphoreUndoBytes, semaphoreValueLimit, semaphoreAdjustLimit, messageBytes,
    messageQueueBytes, messageSegmentBytes, messageCount, messageSegments, systemVSlots, semaphoreSets, sharedSegments,
    messageQueues, processEnvironment, processAuxiliary, processStacks,
    inodeCount, inodesUnused, dirtyPages, forwarding, forwarding6, timeToLive, hopLimit6, firstPort, lastPort, firstHighPort,
    lastHighPort, interfaceCount, interfaceTable, internet6Counts, controlMessage6Counts
}
