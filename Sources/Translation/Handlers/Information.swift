import CEngine
import CWire
import Wire

// What a personality's information variables say of this host.

/// Adds a host value to the request: 0, or the answer that refuses it. `argument` is what the guest's MIB
/// says behind the variable's own numbers.
func hostValue(
  _ value: HostValue, _ entry: UnsafePointer<persona_sysctl>, _ argument: MIB,
  _ request: inout SysctlRequest
) -> Int {
  let call = request.call
  switch value {
  case .executablePath: return executablePath(argument, &request)
  case .processArguments: return processArguments(argument, &request)
  case .processEnvironment: return processEnvironment(argument, &request)
  case .processList: return processList(entry, argument, &request)
  case .processAuxiliary: return processAuxiliary(argument, &request)
  case .processStacks: return processStacks(argument, &request)
  case .processFiles: return processFiles(argument, onlyDirectory: false, &request)
  case .processDirectory: return processFiles(argument, onlyDirectory: true, &request)
  case .processMappings: return processMappings(argument, &request)
  case .processGroups: return processGroups(argument, &request)
  case .processMask: return processMask(argument, &request)
  case .processLimit: return processLimit(argument, &request)
  case .processRelease: return processRelease(argument, &request)
  case .processSystem: return processSystem(argument, &request)
  case .interfaceList: return interfaceList(argument, &request)
  case .processEntries: return processEntries(argument, &request)
  case .processVectors: return processVectors(argument, &request)
  case .workingDirectory: return workingDirectory(argument, &request)
  case .processorStatesOf: return processorStates(argument, &request)
  case .processTable: return processTable(argument, &request)
  case .threadTable: return threadTable(argument, &request)
  case .processStrings: return processStrings(argument, &request)
  case .filesystemKinds: return filesystemKinds(&request)
  case .swapDevice: return swapDevice(argument, &request)
  case .interfaceTable: return interfaceTable(argument, &request)
  default: break
  }
  if argument.count > 0 { return call.error(ENOTDIR) }
  switch value {
  case .hostName: return hostNameField(65, &request)
  case .deviceName: return deviceName(&request)
  case .kernelMessages: return kernelMessages(&request)
  case .memoryTotals: return memoryTotals(&request)
  case .deviceStatistics: return deviceStatistics(&request)
  case .fileTable: return fileTable(&request)
  case .interruptNames: return interruptNames(&request)
  case .interruptCounts: return interruptCounts(&request)
  case .internetCounts: return internetStatistics(&request)
  case .controlMessageCounts: return controlMessageStatistics(&request)
  case .datagramCounts: return datagramStatistics(&request)
  case .connectionCounts: return connectionStatistics(&request)
  case .internet6Counts: return internet6Statistics(&request)
  case .controlMessage6Counts: return controlMessage6Statistics(&request)
  case .semaphoreSets: return systemVObjects(.semaphores, &request)
  case .sharedSegments: return systemVObjects(.segments, &request)
  case .messageQueues: return systemVObjects(.queues, &request)
  // struct nchstats of sys/namei.h: eight longs.
  case .nameCacheCounts: for _ in 0..<8 { request.put(Int64(0)) }
  case .tcpSockets: return internetSockets(.tcp, &request)
  case .udpSockets: return internetSockets(.udp, &request)
  case .rawSockets: return internetSockets(.raw, &request)
  // SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5
  case .localStreams: return localSockets(1, &request)
  case .localDatagrams: return localSockets(2, &request)
  case .localPackets: return localSockets(5, &request)
  case .domainName: return domainName(&request)
  case .machineArchitecture: request.put("amd64")
  case .cpuModel: return cpuModel(&request)
  case .bootTime:
    request.put(Int64(bootTime(call)))
    request.put(Int64(0))
  case .loadAverage: return loadAverage(&request)
  case .clockRate:
    // struct clockinfo of sys/time.h: hz, tick, spare, stathz, profhz. Linux's user-visible clock has 100.
    request.put(Int32(100))
    request.put(Int32(10_000))
    request.put(Int32(0))
    request.put(Int32(100))
    request.put(Int32(100))
  case .clockRates:
    // struct clockinfo of sys/time.h: hz, tick, stathz, profhz.
    request.put(Int32(100))
    request.put(Int32(10_000))
    request.put(Int32(100))
    request.put(Int32(100))
  case .processorStates: return processorStates(MIB(), &request)
  case .programStrings: request.put(call.process.pointee.program_strings)
  case .pageSizes:
    // MAXPAGESIZES of sys/param.h is 3 on amd64; Linux maps pages of 1 GiB only if asked to.
    request.put(pageSize)
    request.put(UInt64(2 << 20))
    request.put(UInt64(0))
  case .processorTimes: return eachProcessorTimes(&request)
  case .memoryStatistics: return memoryStatistics(&request)
  case .randomBytes:
    // kern.arandom: as many as are asked for, 256 at the most (sysctl_kern_arnd of kern/kern_mib.c).
    let count = Int(min(request.room, 256))
    guard let bytes = call.scratch(256) else { return call.error(ENOMEM) }
    let result = call.hostNow(__NR_getrandom, bytes.word, count, 0)
    if result < 0 { return result }
    request.put(bytes, count)
  case .cpuTimes:
    guard let times = processorTimes(call) else { return call.error(ENOENT) }
    for index in 0..<5 { request.put(times[index]) }
  default:
    guard let number = hostNumber(value, call) else { return call.error(ENOENT) }
    request.put(number, as: entry)
  }
  return 0
}

/// A host value that is one number.
private func hostNumber(_ value: HostValue, _ call: Call) -> Int64? {
  switch value {
  case .onlineCPUs: return Int64(onlineProcessors(call))
  case .pageSize: return Int64(pageSize)
  case .physicalMemory: return systemInformation()?.total
  case .availableMemory: return memory(call, "MemAvailable:")
  case .userMemory: return memory(call, "MemAvailable:")
  // An int holds at most a page less than 2 GiB.
  case .physicalMemoryShort: return systemInformation().map { min($0.total, 0x7fff_f000) }
  case .userMemoryShort: return memory(call, "MemAvailable:").map { min($0, 0x7fff_f000) }
  case .randomNumber:
    var number: UInt32 = 0
    return withUnsafeMutablePointer(to: &number) { quietly(__NR_getrandom, Int(bitPattern: $0), 4, 0) } == 4
      ? Int64(number) : nil
  // Of the 100 Hz that clockRate tells; CLOCK_BOOTTIME is 7.
  case .upTicks: return call.now(7).total / 10_000_000
  case .freePages: return systemInformation().map { $0.free / Int64(pageSize) }
  case .swapTotal: return systemInformation()?.swap
  case .activePages: return memoryCount(call, "Active:").map { $0 / 4 }
  case .inactivePages: return memoryCount(call, "Inactive:").map { $0 / 4 }
  case .wiredPages: return wiredKilobytes(call) / 4
  case .bufferBytes: return memoryCount(call, "Buffers:").map { $0 * 1024 }
  case .swapPagesIn: return countedNumber(call, "/proc/vmstat", "pswpin ")
  case .swapPagesOut: return countedNumber(call, "/proc/vmstat", "pswpout ")
  case .deviceCount: return deviceCount(call)
  case .contextSwitches: return countedNumber(call, "/proc/stat", "ctxt ")
  case .interrupts: return countedNumber(call, "/proc/stat", "intr ")
  case .softInterrupts: return countedNumber(call, "/proc/stat", "softirq ")
  case .processesMade: return countedNumber(call, "/proc/stat", "processes ")
  case .pageFaults: return countedNumber(call, "/proc/vmstat", "pgfault ")
  case .pageReadFaults: return countedNumber(call, "/proc/vmstat", "pgmajfault ")
  case .pagesFreed: return countedNumber(call, "/proc/vmstat", "pgfree ")
  case .pagesStolen: return countedNumber(call, "/proc/vmstat", "pgsteal_kswapd ")
  case .pagesScanned: return countedNumber(call, "/proc/vmstat", "pgscan_kswapd ")
  case .pageReserve: return fileNumber(call, "/proc/sys/vm/min_free_kbytes").map { $0 / 4 }
  case .lastProcess: return fileNumber(call, "/proc/sys/kernel/ns_last_pid")
  case .maxFiles: return fileNumber(call, "/proc/sys/fs/file-max").map { min($0, Int64(Int32.max)) }
  case .maxFilesPerProcess: return fileNumber(call, "/proc/sys/fs/nr_open")
  case .maxProcesses: return fileNumber(call, "/proc/sys/kernel/pid_max")
  case .openFiles: return fileNumber(call, "/proc/sys/fs/file-nr")
  case .argMax: return argumentSpace(call)
  case .stackTop: return Int64(bitPattern: call.process.pointee.stack_top)
  case .securityLevel: return -1
  case .groupsMax: return fileNumber(call, "/proc/sys/kernel/ngroups_max").map { min($0, 1023) }
  case .cpuFrequency: return processorFrequency(call)
  case .availablePages: return systemInformation().map { $0.total / Int64(pageSize) }
  case .highestCPU: return Int64(highestProcessor(call))
  case .maskBytes: return Int64(highestProcessor(call)) / 8 + 1
  case .listenBacklog: return fileNumber(call, "/proc/sys/net/core/somaxconn")
  case .internet6: return HostFile(call, "/proc/net/if_inet6").isOpen ? 1 : nil
  case .inodeCount: return fileNumber(call, "/proc/sys/fs/inode-nr")
  case .inodesUnused: return fileNumber(call, "/proc/sys/fs/inode-nr", after: 1)
  case .dirtyPages: return memoryCount(call, "Dirty:").map { $0 / 4 }
  default: return networkNumber(value, call) ?? systemVLimit(value, call)
  }
}

// MARK: - Memory and processors

/// Linux's struct sysinfo, in bytes.
private func systemInformation() -> (total: Int64, free: Int64, swap: Int64)? {
  // Offsets of linux/sysinfo.h on x86-64: totalram 32, freeram 40, totalswap 64, mem_unit 104.
  var memory = InlineArray<16, UInt64>(repeating: 0)
  return withUnsafeMutableBytes(of: &memory) {
    let base = $0.baseAddress!
    guard quietly(__NR_sysinfo, base.word) == 0 else { return nil }
    let unit = Int64(base.get(at: 104, as: UInt32.self))
    return (
      base.get(at: 32, as: Int64.self) * unit, base.get(at: 40, as: Int64.self) * unit,
      base.get(at: 64, as: Int64.self) * unit
    )
  }
}

/// A line of /proc/meminfo, in bytes.
private func memory(_ call: Call, _ line: StaticString) -> Int64? {
  var file = HostFile(call, "/proc/meminfo")
  guard file.find(line), let kibibytes = file.decimal() else { return systemInformation()?.total }
  return Int64(kibibytes) * 1024
}

/// The number behind `skipped` others in one of Linux's files.
func fileNumber(_ call: Call, _ path: StaticString, after skipped: Int = 0) -> Int64? {
  var file = HostFile(call, path)
  for _ in 0..<skipped { _ = file.decimal() }
  return file.decimal().map { Int64($0) }
}

/// The number behind a title of one of Linux's files.
func countedNumber(_ call: Call, _ path: StaticString, _ title: StaticString) -> Int64? {
  var file = HostFile(call, path)
  return file.find(title) ? file.decimal().map { Int64($0) } : nil
}

/// A count of /proc/meminfo, in kilobytes.
private func memoryCount(_ call: Call, _ title: StaticString) -> Int64? { countedNumber(call, "/proc/meminfo", title) }

/// What no one can page out: locked memory, the kernel's own, and page tables.
private func wiredKilobytes(_ call: Call) -> Int64 {
  var file = HostFile(call, "/proc/meminfo")
  func next(_ title: StaticString) -> Int64 { Int64(file.number(after: title)) }
  // In the file's order.
  return next("Unevictable:") + next("Slab:") + next("KernelStack:") + next("PageTables:")
}

/// Processors that this process may run on.
func onlineProcessors(_ call: Call) -> Int {
  guard let mask = call.scratch(1024) else { return 1 }
  let bytes = quietly(__NR_sched_getaffinity, 0, 1024, mask.word)
  guard bytes > 0 else { return 1 }
  var count = 0
  for offset in 0..<bytes { count += mask.get(at: offset, as: UInt8.self).nonzeroBitCount }
  return max(count, 1)
}

/// The number of the last processor that is running.
private func highestProcessor(_ call: Call) -> Int {
  guard let mask = call.scratch(1024) else { return 0 }
  clear(mask, 1024)
  onlineMask(call, mask)
  var highest = 0
  for processor in 0..<8192 where mask.get(at: processor / 8, as: UInt8.self) >> UInt8(processor % 8) & 1 != 0 {
    highest = processor
  }
  return highest
}

private func processorFrequency(_ call: Call) -> Int64? {
  var file = HostFile(call, "/proc/cpuinfo")
  guard file.find("cpu MHz\t\t: ") else { return nil }
  return file.decimal().map { Int64($0) }
}

private func cpuModel(_ request: inout SysctlRequest) -> Int {
  var file = HostFile(request.call, "/proc/cpuinfo")
  guard file.find("model name\t: "), var text = ByteWriter(request.call, limit: 128) else {
    return request.call.error(ENOENT)
  }
  while let next = file.byte(), next != 0x0a { text.append(next) }
  text.append(0)
  request.put(text)
  return 0
}

/// user, nice, sys, intr, idle in ticks of 1/100 s: kern.cp_time.
private func processorTimes(_ call: Call) -> InlineArray<5, Int64>? {
  var file = HostFile(call, "/proc/stat")
  return file.find("cpu ") ? times(&file) : nil
}

/// kern.cp_times: the same five for each processor.
private func eachProcessorTimes(_ request: inout SysctlRequest) -> Int {
  var file = HostFile(request.call, "/proc/stat")
  file.skipLine()
  while file.line(beginsWith: "cpu"), file.decimal() != nil {
    guard let five = times(&file) else { break }
    file.skipLine()
    for index in 0..<5 { request.put(five[index]) }
  }
  return 0
}

private func times(_ file: inout HostFile) -> InlineArray<5, Int64>? {
  guard let user = file.decimal(), let nice = file.decimal(), let system = file.decimal(),
    let idle = file.decimal(), let waiting = file.decimal(), let hard = file.decimal(),
    let soft = file.decimal()
  else { return nil }
  return [Int64(user), Int64(nice), Int64(system), Int64(hard + soft), Int64(idle + waiting)]
}

/// Bytes that execve takes for arguments and environment: a quarter of the stack's limit on Linux.
private func argumentSpace(_ call: Call) -> Int64 {
  var limits = InlineArray<2, UInt64>(repeating: 0)
  let result = withUnsafeMutableBytes(of: &limits) {
    quietly(__NR_prlimit64, 0, Int(RLIMIT_STACK), 0, $0.baseAddress!.word)
  }
  guard result == 0 else { return 128 * 1024 }
  return Int64(max(min(limits[0] / 4, 6 << 20), 128 * 1024))
}

/// struct loadavg of sys/resource.h: three fixed-point numbers and their scale.
private func loadAverage(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  let scale = 2048
  var file = HostFile(call, "/proc/loadavg")
  for _ in 0..<3 {
    guard let whole = file.decimal() else { return call.error(ENOENT) }
    _ = file.byte()
    let hundredths = file.decimal() ?? 0
    request.put(UInt32(whole * scale + hundredths * scale / 100))
  }
  request.put(UInt32(0))
  request.put(Int64(scale))
  return 0
}

/// When the system started, in seconds since 1970.
func bootTime(_ call: Call) -> Int {
  var file = HostFile(call, "/proc/stat")
  guard file.find("btime ") else { return 0 }
  return file.decimal() ?? 0
}

// MARK: - Names

/// A member of Linux's struct utsname, which has 65 bytes for each.
func hostNameField(_ offset: Int, _ request: inout SysctlRequest) -> Int {
  guard let names = request.call.scratch(6 * 65) else { return request.call.error(ENOMEM) }
  let result = quietly(__NR_uname, names.word)
  if result < 0 { return result }
  request.put(string: (names + offset).assumingMemoryBound(to: CChar.self))
  return 0
}

/// Linux says "(none)" where BSD has an empty domain name.
private func domainName(_ request: inout SysctlRequest) -> Int {
  guard let names = request.call.scratch(6 * 65) else { return request.call.error(ENOMEM) }
  let result = quietly(__NR_uname, names.word)
  if result < 0 { return result }
  let name = names + 5 * 65
  if name.get(at: 0, as: UInt8.self) == UInt8(ascii: "(") {
    request.put(UInt8(0))
  } else {
    request.put(string: name.assumingMemoryBound(to: CChar.self))
  }
  return 0
}
