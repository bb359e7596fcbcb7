import CEngine
import CWire
import Wire

// __sysctl(2) and __sysctlbyname(2); sys/kern/kern_sysctl.c says which errno answers what.

/// CTL_MAXNAME of sys/sysctl.h.
private let maximumDepth = 24
/// MAXPATHLEN, the longest name that sysctlbyname takes.
private let maximumName = 1024

/// One request: where the old value goes, and how much of it has been written.
struct SysctlRequest {
  let call: Call
  let old: UInt64
  /// Bytes that the guest has room for.
  let room: UInt64
  let new: UInt64
  let newLength: UInt64
  /// Bytes of the value so far, whether or not they found room.
  private(set) var produced: UInt64 = 0
  private(set) var overflowed = false
  private(set) var faulted = false

  init(_ call: Call, old: UInt64, room: UInt64, new: UInt64, newLength: UInt64) {
    self.call = call
    self.old = old
    self.room = room
    self.new = new
    self.newLength = new == 0 ? 0 : newLength
  }

  var writes: Bool { new != 0 }

  /// Adds bytes to the old value.
  mutating func put(_ bytes: UnsafeRawPointer, _ count: Int) {
    let start = produced
    produced += UInt64(count)
    guard old != 0, !faulted else { return }
    let fits = start < room ? min(UInt64(count), room - start) : 0
    if fits < UInt64(count) { overflowed = true }
    if fits > 0, !call.copyOut(old + start, bytes, Int(fits)) { faulted = true }
  }

  /// Adds a record if there is room for all of it; false, and nothing added, if there is not.
  mutating func put(whole record: UnsafeRawPointer, _ count: Int) -> Bool {
    if old != 0, produced > room || room - produced < UInt64(count) { return false }
    put(record, count)
    return true
  }

  /// Counts bytes that a guest which only asks for the length does not want.
  mutating func skip(_ count: Int) { produced += UInt64(count) }

  mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
    var value = value
    withUnsafeBytes(of: &value) { put($0.baseAddress!, $0.count) }
  }

  mutating func put(_ text: StaticString) {
    put(UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
    put(UInt8(0))
  }

  /// Adds a NUL-terminated string, its NUL included.
  mutating func put(string: UnsafePointer<CChar>) {
    var length = 0
    while string[length] != 0 { length += 1 }
    put(UnsafeRawPointer(string), length + 1)
  }

  mutating func put(_ text: ByteWriter) { put(UnsafeRawPointer(text.start), text.count) }

  /// Tells the guest how long the value is, and answers: ENOMEM when it did not fit.
  func finish(_ lengthAddress: UInt64) -> Int {
    if faulted { return call.error(EFAULT) }
    let length = old != 0 ? min(produced, room) : produced
    if lengthAddress != 0, !call.write(length, at: lengthAddress) { return call.error(EFAULT) }
    return overflowed ? call.error(ENOMEM) : 0
  }
}

/// A management information base name: the numbers by which the kernel finds a variable.
struct MIB {
  private(set) var numbers: InlineArray<24, UInt32> = InlineArray(repeating: 0)
  private(set) var count = 0

  init() {}

  init(_ entry: UnsafePointer<persona_sysctl>, depth: Int? = nil) {
    for index in 0..<(depth ?? Int(entry.pointee.depth)) { append(entry.number(index)) }
  }

  subscript(_ index: Int) -> UInt32 { numbers[index] }

  mutating func append(_ number: UInt32) {
    guard count < maximumDepth else { return }
    numbers[count] = number
    count += 1
  }

  /// Without its first `dropped` numbers.
  func suffix(from dropped: Int) -> MIB {
    var rest = MIB()
    for index in dropped..<max(count, dropped) { rest.append(numbers[index]) }
    return rest
  }
}

extension UnsafePointer<persona_sysctl> {
  func number(_ index: Int) -> UInt32 {
    // `mib` is the structure's first member.
    UnsafeRawPointer(self).load(fromByteOffset: 4 * index, as: UInt32.self)
  }

  /// The first `count` numbers are those of `mib`.
  func shares(_ count: Int, with mib: MIB) -> Bool {
    guard count <= Int(pointee.depth), count <= mib.count else { return false }
    for index in 0..<count where number(index) != mib[index] { return false }
    return true
  }
}

/// __sysctl(name, namelen, old, oldlenp, new, newlen)
func sysctl(_ call: inout Call) -> Int {
  let depth = call.uint32(1)
  guard depth >= 2, depth <= UInt32(maximumDepth) else { return call.error(EINVAL) }
  var mib = MIB()
  for index in 0..<UInt64(depth) {
    var number: UInt32 = 0
    guard call.read(&number, at: call.address(0) + 4 * index) else { return call.error(EFAULT) }
    mib.append(number)
  }
  return sysctl(
    call, mib, old: call.address(2), oldLength: call.address(3), new: call.address(4),
    newLength: call.unsigned(5))
}

/// __sysctlbyname(name, namelen, old, oldlenp, new, newlen)
func sysctlByName(_ call: inout Call) -> Int {
  let length = call.unsigned(1)
  guard length < UInt64(maximumName) else { return call.error(ENAMETOOLONG) }
  guard let name = call.scratch(maximumName) else { return call.error(ENOMEM) }
  guard call.copyIn(name, call.address(0), Int(length)) else { return call.error(EFAULT) }
  guard let mib = call.table.mib(named: name, Int(length)) else { return call.error(ENOENT) }
  return sysctl(
    call, mib, old: call.address(2), oldLength: call.address(3), new: call.address(4),
    newLength: call.unsigned(5))
}

private func sysctl(
  _ call: Call, _ mib: MIB, old: UInt64, oldLength: UInt64, new: UInt64, newLength: UInt64
) -> Int {
  var room: UInt64 = 0
  if oldLength != 0, !call.read(&room, at: oldLength) { return call.error(EFAULT) }
  var request = SysctlRequest(call, old: old, room: room, new: new, newLength: newLength)
  let failure = mib[0] == 0 ? describe(mib, &request) : answer(mib, &request)
  if failure != 0 { return failure }
  return request.finish(oldLength)
}

/// The value of a variable: 0 once it is in the request, or the answer that refuses it.
private func answer(_ mib: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  switch call.table.find(mib) {
  case .missing: return call.error(ENOENT)
  case .node: return call.error(EISDIR)
  case .tooDeep: return call.error(ENOTDIR)
  case .entry(let entry):
    if entry.pointee.is_host != 0 {
      guard let value = HostValue(rawValue: UInt16(truncatingIfNeeded: entry.pointee.value)) else {
        return call.error(ENOENT)
      }
      // Nobody may write but a process its own title: what the table calls writable belongs to the host's
      // administrator. A device's number is a question.
      if request.writes, value != .processArguments, value != .deviceName { return call.error(EPERM) }
      return hostValue(value, entry, mib.suffix(from: Int(entry.pointee.depth)), &request)
    }
    if request.writes { return call.error(EPERM) }
    request.put(entry.pointee.value, as: entry)
    return 0
  }
}

extension SysctlRequest {
  /// Adds a number in the width of the variable's type, or a string of the table.
  mutating func put(_ value: Int64, as entry: UnsafePointer<persona_sysctl>) {
    switch UInt32(entry.pointee.kind) {
    case PERSONA_SYSCTL_INT.rawValue, PERSONA_SYSCTL_UINT.rawValue: put(UInt32(truncatingIfNeeded: value))
    case PERSONA_SYSCTL_STRING.rawValue: put(string: call.table.string(UInt32(truncatingIfNeeded: value)))
    case PERSONA_SYSCTL_NODE.rawValue, PERSONA_SYSCTL_OPAQUE.rawValue: break
    // Counters of 64 bits are told to programs of before 12 in 32 (sysctl_handle_vmstat).
    case PERSONA_SYSCTL_U64.rawValue where old != 0 && room == 4: put(UInt32(truncatingIfNeeded: value))
    default: put(value)
    }
  }
}

// MARK: - Looking up

enum SysctlMatch {
  case entry(UnsafePointer<persona_sysctl>)
  case node
  case tooDeep
  case missing
}

extension Table {
  private var sysctlCount: Int { Int(header.pointee.sysctls.count) }

  /// The variable of this name. Numbers past those of an OPAQUE one are its argument (a pid, say).
  func find(_ mib: MIB) -> SysctlMatch {
    var result = SysctlMatch.missing
    var depth = -1
    for index in 0..<sysctlCount {
      let entry = sysctl(index)
      let entryDepth = Int(entry.pointee.depth)
      if entryDepth > mib.count {
        if case .missing = result, entry.shares(mib.count, with: mib) { result = .node }
        continue
      }
      guard entryDepth > depth, entry.shares(entryDepth, with: mib) else { continue }
      if entry.pointee.kind == UInt8(PERSONA_SYSCTL_NODE.rawValue) {
        if entryDepth == mib.count { result = .node }
        continue
      }
      if entryDepth == mib.count || entry.pointee.kind == UInt8(PERSONA_SYSCTL_OPAQUE.rawValue)
        || entry.takesArgument
      {
        result = .entry(entry)
        depth = entryDepth
      } else {
        result = .tooDeep
      }
    }
    return result
  }

  /// The numbers of a dotted name; nil when there is no such variable or node.
  func mib(named name: UnsafeRawPointer, _ length: Int) -> MIB? {
    // A NUL ends the name early; a dot at its end is passed over.
    var end = 0
    while end < length, name.load(fromByteOffset: end, as: UInt8.self) != 0 { end += 1 }
    if end > 0, name.load(fromByteOffset: end - 1, as: UInt8.self) == UInt8(ascii: ".") { end -= 1 }
    guard end > 0 else { return nil }
    for index in 0..<sysctlCount {
      let entry = sysctl(index)
      let text = string(entry.pointee.name)
      var position = 0
      var parts = 1
      while position < end, text[position] != 0,
        UInt8(bitPattern: text[position]) == name.load(fromByteOffset: position, as: UInt8.self)
      {
        if text[position] == 0x2e { parts += 1 }
        position += 1
      }
      guard position == end, text[position] == 0 || text[position] == 0x2e else { continue }
      // The whole name has the whole MIB; a part of it, as many numbers as it has words.
      return MIB(entry, depth: text[position] == 0 ? nil : min(parts, Int(entry.pointee.depth)))
    }
    return nil
  }

  /// The variable that follows `mib` in numerical order.
  func next(_ mib: MIB) -> UnsafePointer<persona_sysctl>? {
    var best: UnsafePointer<persona_sysctl>?
    for index in 0..<sysctlCount {
      let entry = sysctl(index)
      guard entry.pointee.kind != UInt8(PERSONA_SYSCTL_NODE.rawValue), entry.follows(mib) else { continue }
      if let present = best, !present.follows(MIB(entry)) { continue }
      best = entry
    }
    return best
  }
}

extension UnsafePointer<persona_sysctl> {
  /// Whether this variable comes after `mib` in numerical order; a node comes before what it holds.
  func follows(_ mib: MIB) -> Bool {
    for index in 0..<min(Int(pointee.depth), mib.count) {
      if number(index) != mib[index] { return number(index) > mib[index] }
    }
    return Int(pointee.depth) > mib.count
  }

  /// A string or number that takes an argument: a program's path is asked for by its pid.
  var takesArgument: Bool { pointee.is_host != 0 }
}
