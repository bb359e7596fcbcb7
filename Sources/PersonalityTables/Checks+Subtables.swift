/// ioctl requests, socket options and sysctl variables.
extension TableCompiler {
  mutating func checkRequests() {
    var names: [String: UInt64] = [:]
    for request in personality.ioctls {
      if names.updateValue(request.number, forKey: request.name) != nil {
        report("ioctl '\(request.name)' has two numbers", request.position)
      }
      if personality.ioctlsAreEncoded { checkEncoding(request) }
      checkNativeRequest(request)
      checkReason(request.name, request.action, request.actionPosition)
    }
    for level in personality.socketLevels {
      var names: Set<String> = []
      for option in level.options {
        if !names.insert(option.name).inserted {
          report("'\(option.name)' is already an option of \(level.name)", option.position)
        }
        checkOption(option, level)
        checkReason(option.name, option.action, option.actionPosition)
      }
    }
  }

  /// Whoever reads the log wants to know why.
  private mutating func checkReason(_ name: String, _ action: RequestAction, _ position: Position) {
    guard case .unsupported(let errno, "") = action else { return }
    report("\(name) does not say why it is unsupported", position, "'unsupported \(errno) \"why\"'")
  }

  /// A BSD's request tells what it carries: 0x4… out, 0x8… in, 0xc… both, 0x2… nothing; bytes in bits 16 to 28.
  private mutating func checkEncoding(_ request: IOControl) {
    let direction = Int(request.number >> 29 & 7)
    let bytes = Int(request.number >> 16 & 0x1fff)
    var mine = (direction: 1, bytes: 0)
    switch request.argument {
    case .pointer(let way, let pointee, let count)?:
      var elements = 1
      if case .constant(let number) = count { elements = number }
      mine = (way == .out ? 2 : way == .in ? 4 : 6, size(pointee) * elements)
    case .scalar(let scalar)?: mine = (1, scalar.width(word: abi.word))
    case .map(_, let width)?: mine = (1, width)
    default: break
    }
    let ways = [1: "nothing", 2: "out", 4: "in", 6: "inout"]
    guard let way = ways[direction], request.number >> 32 == 0 else {
      return report("\(hexadecimal(request.number)) is no request's number: it carries nothing known", request.position)
    }
    if direction != mine.direction {
      report(
        "\(hexadecimal(request.number)) says that \(request.name) carries \(way), not \(ways[mine.direction] ?? "a value")",
        request.position)
    } else if bytes != mine.bytes {
      report(
        "\(hexadecimal(request.number)) says that \(request.name) carries \(bytes) bytes, not \(mine.bytes)",
        request.position)
    }
  }

  /// What Linux's request of the same meaning carries.
  private mutating func checkNativeRequest(_ request: IOControl) {
    var name = request.name
    switch request.action {
    case .name(let other): name = other
    case .same: break
    case .number, .handler, .unsupported: return
    }
    guard let other = native.linux.ioctls.first(where: { $0.name == name }) else { return }
    if name != request.name, native.ioctls[request.name] != nil {
      report(
        "\(request.name) becomes Linux's \(name), though Linux has a \(request.name)", request.actionPosition,
        "did you mean '\(request.name)'?")
    }
    let mine = request.argument?.kind ?? .address
    let its = other.argument?.kind ?? .address
    if mine != its {
      report(
        "\(request.name) carries \(request.argument == nil ? "nothing" : mine.description), but Linux's \(name)"
          + " \(other.argument == nil ? "nothing" : its.description)", request.position)
    } else if case .pointer(_, let one, _)? = request.argument, case .pointer(_, let two, _)? = other.argument {
      checkCarried(one, two, request.name, "Linux's \(name)", request.position)
    }
  }

  private mutating func checkOption(_ option: SocketOption, _ level: SocketLevel) {
    var name = option.name
    switch option.action {
    case .name(let other): name = other
    case .same: break
    case .number, .handler, .unsupported: return
    }
    let all = native.linux.socketLevels.flatMap(\.options)
    guard let other = all.first(where: { $0.name == name }) else { return }
    if name != option.name, all.contains(where: { $0.name == option.name }) {
      report(
        "\(option.name) becomes Linux's \(name), though Linux has a \(option.name)", option.actionPosition,
        "did you mean '\(option.name)'?")
    }
    checkCarried(option.value, other.value, option.name, "Linux's \(name)", option.position)
  }

  private mutating func checkCarried(
    _ mine: PointeeType, _ its: PointeeType, _ name: String, _ what: String, _ position: Position
  ) {
    switch (mine, its) {
    case (.structure(let index), .structure(let other)):
      guard let counterpart = nativeStructure(index), counterpart.name != native.linux.structures[other].name else {
        return
      }
      report(
        "\(name) carries struct \(counterpart.name), but \(what) struct \(native.linux.structures[other].name)",
        position)
    case (.bytes, _), (.text, .bytes), (.text, .text): return
    case (.scalar, .scalar), (.map, .scalar), (.scalar, .map), (.map, .map):
      if size(mine) != size(its) {
        report("\(name) carries \(size(mine)) bytes, but \(what) \(size(its))", position)
      }
    default: report("\(name) does not carry what \(what) does", position)
    }
  }

  // MARK: sysctl

  mutating func checkSysctls() {
    var names: Set<String> = []
    var numbers: [[UInt32]: String] = [:]
    var parents: [String: [UInt32]] = [:]
    var owners: [[UInt32]: String] = [:]
    for entry in personality.sysctls {
      if !names.insert(entry.name).inserted {
        report("sysctl '\(entry.name)' is already described", entry.position)
      }
      let dotted = entry.mib.map { "\($0)" }.joined(separator: ".")
      if let other = numbers.updateValue(entry.name, forKey: entry.mib) {
        report("sysctl \(dotted) is already '\(other)'", entry.position)
      }
      checkKind(entry)
      // What names have in common their numbers have in common too.
      let parts = entry.name.split(separator: ".")
      for depth in 1..<max(1, min(parts.count, entry.mib.count)) {
        let parent = parts[..<depth].joined(separator: ".")
        let number = Array(entry.mib[..<depth])
        if let other = parents[parent], other != number {
          report("'\(parent)' is \(other.map { "\($0)" }.joined(separator: ".")), not \(number.map { "\($0)" }.joined(separator: "."))", entry.position)
          break
        }
        if let other = owners[number], other != parent {
          report("\(number.map { "\($0)" }.joined(separator: ".")) is '\(other)', not '\(parent)'", entry.position)
          break
        }
        parents[parent] = number
        owners[number] = parent
      }
      if parts.count > entry.mib.count {
        report("\(entry.name) has \(parts.count) parts, but only \(entry.mib.count) numbers", entry.position)
      }
    }
  }

  /// A text, a number or a record: what the variable holds and what the host tells.
  private mutating func checkKind(_ entry: SystemControl) {
    guard case .host(let name) = entry.value, let told = hostKind(name) else { return }
    let wanted: HostKind =
      switch entry.kind {
      case .string: .text
      case .opaque, .node: .record
      default: .number
      }
    if wanted != told {
      report("\(entry.name) is \(wanted.rawValue), but the host's \(name) is \(told.rawValue)", entry.valuePosition)
    }
  }
}

/// What a host's value is made of.
private enum HostKind: String { case number = "a number", text = "a text", record = "a record" }

private func hostKind(_ name: String) -> HostKind? {
  switch name {
  case "hostName", "domainName", "cpuModel", "executablePath", "machineArchitecture": .text
  case "bootTime", "loadAverage", "processArguments", "processEnvironment", "clockRate", "pageSizes", "processList",
    "interfaceList", "cpuTimes", "randomBytes", "processorTimes", "memoryTotals", "swapDevice", "deviceStatistics", "fileTable", "tcpSockets",
    "udpSockets", "rawSockets", "localStreams", "localDatagrams", "localPackets", "interfaceTable":
    .record
  case "onlineCPUs", "pageSize", "physicalMemory", "availableMemory", "maxFiles", "maxFilesPerProcess",
    "maxProcesses", "argMax", "stackTop", "userMemory", "securityLevel", "groupsMax", "openFiles", "cpuFrequency",
    "swapTotal", "freePages", "availablePages", "highestCPU", "maskBytes", "listenBacklog", "activePages", "inactivePages", "wiredPages",
    "swapPagesIn", "swapPagesOut", "bufferBytes", "lastProcess", "internet6", "deviceCount", "contextSwitches", "interrupts",
    "softInterrupts", "pageFaults", "pageReadFaults", "processesMade", "pagesFreed", "pagesStolen", "pagesScanned", "pageReserve",
    "inodeCount", "inodesUnused", "dirtyPages", "forwarding", "forwarding6", "timeToLive", "hopLimit6", "firstPort", "lastPort",
    "firstHighPort", "lastHighPort", "interfaceCount":
    .number
  default: nil
  }
}
