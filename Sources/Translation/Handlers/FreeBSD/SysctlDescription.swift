import CEngine
import CWire
import Wire

/// What {0, n, …} asks about the tree of variables itself: sys/kern/kern_sysctl.c.
private enum Question: UInt32 {
  case name = 1
  case next = 2
  case identifier = 3
  case format = 4
  case description = 5
}

/// Answers a question about variables.
func describe(_ mib: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let question = Question(rawValue: mib[1]) else { return call.error(ENOENT) }
  let subject = mib.suffix(from: 2)
  if question == .identifier {
    guard request.newLength > 0 else { return call.error(ENOENT) }
    guard request.newLength < 1024 else { return call.error(ENAMETOOLONG) }
    let length = Int(request.newLength)
    guard let name = call.scratch(length) else { return call.error(ENOMEM) }
    guard call.copyIn(name, request.new, length) else { return call.error(EFAULT) }
    guard let found = call.table.mib(named: name, length) else { return call.error(ENOENT) }
    for index in 0..<found.count { request.put(found[index]) }
    return 0
  }
  if request.writes { return call.error(EPERM) }
  switch question {
  case .name: return name(subject, &request)
  case .next:
    guard let next = call.table.next(subject) else { return call.error(ENOENT) }
    for index in 0..<Int(next.pointee.depth) { request.put(next.number(index)) }
    return 0
  case .format: return format(subject, &request)
  default:
    // The table knows no descriptions; a variable without one answers ENOENT.
    return call.error(ENOENT)
  }
}

/// The dotted name; numbers that nothing is known of stand for themselves.
private func name(_ subject: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  var best: UnsafePointer<persona_sysctl>?
  var bestDepth = 0
  for index in 0..<Int(call.table.header.pointee.sysctls.count) {
    let entry = call.table.sysctl(index)
    var depth = 0
    while depth < min(Int(entry.pointee.depth), subject.count), entry.number(depth) == subject[depth] {
      depth += 1
    }
    if depth > bestDepth {
      best = entry
      bestDepth = depth
    }
  }
  guard var text = ByteWriter(call, limit: 512) else { return call.error(ENOMEM) }
  if let best {
    let dotted = call.table.string(best.pointee.name)
    var parts = 1
    var position = 0
    while dotted[position] != 0 {
      if dotted[position] == 0x2e {
        if parts == bestDepth { break }
        parts += 1
      }
      text.append(UInt8(bitPattern: dotted[position]))
      position += 1
    }
  }
  for index in bestDepth..<max(bestDepth, subject.count) {
    if text.count > 0 { text.append(UInt8(ascii: ".")) }
    text.append(decimal: Int(subject[index]))
  }
  text.append(0)
  request.put(text)
  return 0
}

/// CTLTYPE_* of sys/sysctl.h, and the letters by which sysctl(8) prints a type.
private func format(_ subject: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  let readable: UInt32 = 0x8000_0000
  let writable: UInt32 = 0x4000_0000
  switch call.table.find(subject) {
  case .missing: return call.error(ENOENT)
  case .tooDeep: return call.error(ENOTDIR)
  case .node:
    request.put(readable | 1)
    request.put("N")
  case .entry(let entry):
    var flags = readable
    if entry.pointee.writable != 0 { flags |= writable }
    switch UInt32(entry.pointee.kind) {
    case PERSONA_SYSCTL_INT.rawValue:
      request.put(flags | 2)
      request.put("I")
    case PERSONA_SYSCTL_UINT.rawValue:
      request.put(flags | 6)
      request.put("IU")
    case PERSONA_SYSCTL_LONG.rawValue:
      request.put(flags | 7)
      request.put("L")
    case PERSONA_SYSCTL_ULONG.rawValue:
      request.put(flags | 8)
      request.put("LU")
    case PERSONA_SYSCTL_S64.rawValue:
      request.put(flags | 4)
      request.put("Q")
    case PERSONA_SYSCTL_U64.rawValue:
      request.put(flags | 9)
      request.put("QU")
    case PERSONA_SYSCTL_STRING.rawValue:
      request.put(flags | 3)
      request.put("A")
    default:
      request.put(flags | 5)
      request.put(opaqueFormat(entry))
    }
  }
  return 0
}

private func opaqueFormat(_ entry: UnsafePointer<persona_sysctl>) -> StaticString {
  guard entry.pointee.is_host != 0,
    let value = HostValue(rawValue: UInt16(truncatingIfNeeded: entry.pointee.value))
  else { return "" }
  switch value {
  case .bootTime: return "S,timeval"
  case .loadAverage: return "S,loadavg"
  case .clockRate: return "S,clockinfo"
  case .processList: return "S,proc"
  case .cpuTimes: return "L"
  case .pageSizes: return "LU"
  default: return ""
  }
}
