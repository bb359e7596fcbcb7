import CEngine
import CWire
import Wire

// getsockopt(2) and setsockopt(2) through the table's options.

/// Where a local socket's own options are listed: their level, SOL_LOCAL of sys/un.h, is 0 as
/// IPPROTO_IP's, so the table keeps them under this level.
private let localOptions: UInt32 = 0x10000
private let foreignSocketLevel: UInt32 = 0xffff

/// The largest option value that is converted; longer ones pass as they are.
private let longestOption = 4096

/// The option that operands 1 and 2 name; nil when refused, and `failure` holds the answer.
private func option(_ call: Call, _ failure: inout Int) -> UnsafePointer<persona_request>? {
  var level = call.uint32(1)
  if level == 0, let domain = socketInteger(call, call[0], SO_DOMAIN),
    domain == Int32(LinuxSocket.familyUnix)
  {
    level = localOptions
  }
  guard let entry = call.table.option(level: level, name: call.uint32(2)) else {
    // A descriptor that is no socket is told so first.
    failure =
      socketFailure(call) ?? call.error(level == foreignSocketLevel || level < 256 ? ENOPROTOOPT : EINVAL)
    return nil
  }
  if entry.pointee.kind == UInt8(PERSONA_CALL_UNSUPPORTED.rawValue) {
    failure = socketFailure(call) ?? call.foreignError(Int(entry.pointee.error))
    return nil
  }
  return entry
}

/// EBADF or ENOTSOCK, or nil when the descriptor is a socket.
private func socketFailure(_ call: Call) -> Int? {
  guard let value = call.scratch(16) else { return nil }
  (value + 4).storeBytes(of: 4, as: UInt32.self)
  let result = call.hostNow(
    __NR_getsockopt, call[0], LinuxSocket.level, Int(SO_TYPE), value.word, value.word + 4)
  return result < 0 ? result : nil
}

private func level(_ entry: UnsafePointer<persona_request>) -> Int { Int(entry.pointee.native >> 32) }
private func name(_ entry: UnsafePointer<persona_request>) -> Int32 {
  Int32(truncatingIfNeeded: entry.pointee.native)
}

/// setsockopt(s, level, name, val, valsize)
func setsockopt(_ call: inout Call) -> Int {
  if call.int32(4) < 0 { return call.error(EINVAL) }
  var failure = 0
  guard let entry = option(call, &failure) else { return failure }
  if entry.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) {
    guard let handler = HandlerName(rawValue: entry.pointee.target) else { return call.error(ENOPROTOOPT) }
    return dispatch(handler, &call)
  }
  let address = call.address(3)
  let length = Int(call.uint32(4))
  if isFilter(entry) { return setFilter(call, entry, address, length) }
  switch UInt32(entry.pointee.conversion) {
  case PERSONA_CONVERT_STRUCT.rawValue:
    let structure = Int(entry.pointee.parameter)
    if call.table.structure(structure).pointee.identical != 0 { break }
    if length < Int(call.table.structure(structure).pointee.foreign_size) { return call.error(EINVAL) }
    guard let native = call.structIn(structure, at: address, failure: &failure) else { return failure }
    return call.hostNow(
      __NR_setsockopt, call[0], level(entry), Int(name(entry)), native.word,
      Int(call.table.structure(structure).pointee.native_size))
  case PERSONA_CONVERT_FLAGS.rawValue, PERSONA_CONVERT_ENUM.rawValue:
    var value: UInt32 = 0
    guard length >= 4 else { return call.error(EINVAL) }
    guard call.read(&value, at: address) else { return call.error(EFAULT) }
    switch call.table.toNative(Int(entry.pointee.parameter), UInt64(value)) {
    case .refused(let errno): return call.foreignError(errno)
    case .value(let native):
      guard let memory = call.scratch(4) else { return call.error(ENOMEM) }
      memory.storeBytes(of: UInt32(truncatingIfNeeded: native), as: UInt32.self)
      return call.hostNow(__NR_setsockopt, call[0], level(entry), Int(name(entry)), memory.word, 4)
    }
  default: break
  }
  let result = call.hostNow(
    __NR_setsockopt, call[0], level(entry), Int(name(entry)), Int(truncatingIfNeeded: address), length)
  if result == 0, level(entry) == LinuxSocket.level, name(entry) == SO_SELECT_ERR_QUEUE { heedSparedWriters(call) }
  return result
}

/// getsockopt(s, level, name, val, avalsize)
func getsockopt(_ call: inout Call) -> Int {
  let address = call.address(3)
  var room: UInt32 = 0
  if address != 0 {
    guard call.read(&room, at: call.address(4)) else { return call.error(EFAULT) }
    if Int32(bitPattern: room) < 0 { return call.error(EINVAL) }
  }
  var failure = 0
  guard let entry = option(call, &failure) else { return failure }
  if entry.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) {
    guard let handler = HandlerName(rawValue: entry.pointee.target) else { return call.error(ENOPROTOOPT) }
    return dispatch(handler, &call)
  }
  if level(entry) == LinuxSocket.level, name(entry) == SO_PEERCRED { return peerCredentials(call, room) }
  // A variable-length value may be longer than what is converted, and needs no conversion.
  guard let value = call.scratch(longestOption), let length = call.scratch(4) else {
    return call.error(ENOMEM)
  }
  length.storeBytes(of: UInt32(longestOption), as: UInt32.self)
  if isSized(entry) { length.storeBytes(of: min(room, UInt32(longestOption)), as: UInt32.self) }
  let result = call.hostNow(
    __NR_getsockopt, call[0], level(entry), Int(name(entry)), value.word, length.word)
  if result < 0 { return result }
  return answer(call, entry, value, Int(length.load(as: UInt32.self)), room)
}

/// Whether Linux looks at how much room there is to decide what it answers (an int or a byte, a full
/// structure or none): everything below the socket level.
private func isSized(_ entry: UnsafePointer<persona_request>) -> Bool {
  level(entry) != LinuxSocket.level && entry.pointee.conversion == UInt8(PERSONA_CONVERT_NONE.rawValue)
}

/// Converts a value that Linux told, and writes as much of it as fits.
private func answer(
  _ call: Call, _ entry: UnsafePointer<persona_request>, _ value: UnsafeMutableRawPointer, _ length: Int,
  _ room: UInt32
) -> Int {
  var from = value
  var count = length
  switch UInt32(entry.pointee.conversion) {
  case PERSONA_CONVERT_STRUCT.rawValue:
    let structure = Int(entry.pointee.parameter)
    let shape = call.table.structure(structure)
    guard shape.pointee.identical == 0 else { break }
    guard let foreign = call.scratch(Int(shape.pointee.foreign_size)) else { return call.error(ENOMEM) }
    call.table.structToForeign(structure, from: value, to: foreign)
    from = foreign
    count = Int(shape.pointee.foreign_size)
  case PERSONA_CONVERT_FLAGS.rawValue, PERSONA_CONVERT_ENUM.rawValue:
    let native = UInt64(value.load(as: UInt32.self))
    let foreign = call.table.toForeign(Int(entry.pointee.parameter), native) ?? native
    value.storeBytes(of: UInt32(truncatingIfNeeded: foreign), as: UInt32.self)
  case PERSONA_CONVERT_BIT.rawValue:
    let isSet = value.load(as: UInt32.self) != 0
    value.storeBytes(of: isSet ? UInt32(truncatingIfNeeded: entry.pointee.key) : 0, as: UInt32.self)
  default:
    if level(entry) == LinuxSocket.level, length == 4 { adjustSocketInteger(call, entry, value) }
    if isFilter(entry) { complement(value, length) }
  }
  let told = min(count, Int(room))
  let address = call.address(3)
  if address == 0 { return 0 }
  if told > 0, !call.copyOut(address, from, told) { return call.error(EFAULT) }
  return call.write(UInt32(told), at: call.address(4)) ? 0 : call.error(EFAULT)
}

/// What the two socket layers tell differently of the same option (sogetopt of kern/uipc_socket.c).
private func adjustSocketInteger(
  _ call: Call, _ entry: UnsafePointer<persona_request>, _ value: UnsafeMutableRawPointer
) {
  let native = value.load(as: Int32.self)
  let told: Int32
  switch name(entry) {
  case SO_ERROR: told = native == 0 ? 0 : Int32(call.table.foreignErrno(Int(native)))
  // Linux keeps, and tells, twice the size that was asked for.
  case SO_SNDBUF, SO_RCVBUF: told = native / 2
  default: return
  }
  value.storeBytes(of: told, as: Int32.self)
}

/// ICMP6_FILTER (RFC 3542): a set of 256 types, whose bits say what passes, and in Linux's what does not.
private func isFilter(_ entry: UnsafePointer<persona_request>) -> Bool {
  level(entry) == LinuxSocket.internetControl6 && name(entry) == LinuxSocket.typeFilter
}

private func complement(_ memory: UnsafeMutableRawPointer, _ count: Int) {
  for offset in 0..<count { memory.put(~memory.get(at: offset, as: UInt8.self), at: offset) }
}

private func setFilter(
  _ call: Call, _ entry: UnsafePointer<persona_request>, _ address: UInt64, _ length: Int
) -> Int {
  // icmp6_ctloutput() of netinet6/icmp6.c
  guard length == 32 else { return call.error(EMSGSIZE) }
  guard let filter = call.scratch(32) else { return call.error(ENOMEM) }
  guard call.copyIn(filter, address, 32) else { return call.error(EFAULT) }
  complement(filter, 32)
  return call.hostNow(__NR_setsockopt, call[0], level(entry), Int(name(entry)), filter.word, 32)
}

/// LOCAL_PEERCRED: Linux's struct ucred as struct xucred (sys/ucred.h).
private func peerCredentials(_ call: Call, _ room: UInt32) -> Int {
  guard let native = call.scratch(16), let foreign = call.scratch(88), let groups = call.scratch(64) else {
    return call.error(ENOMEM)
  }
  (native + 12).storeBytes(of: 12, as: UInt32.self)
  let result = call.hostNow(
    __NR_getsockopt, call[0], LinuxSocket.level, Int(SO_PEERCRED), native.word, native.word + 12)
  if result < 0 { return result }
  // Without a peer Linux answers pid 0; BSD, ENOTCONN.
  guard native.load(as: Int32.self) != 0 else { return call.error(ENOTCONN) }
  for offset in 0..<88 { foreign.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self) }
  foreign.storeBytes(of: native.load(fromByteOffset: 4, as: UInt32.self), toByteOffset: 4, as: UInt32.self)
  // cr_groups starts with the effective group; Linux tells the others of a connected stream apart.
  foreign.storeBytes(of: native.load(fromByteOffset: 8, as: UInt32.self), toByteOffset: 12, as: UInt32.self)
  var count = 1
  (native + 12).storeBytes(of: 60, as: UInt32.self)
  if call.hostNow(
    __NR_getsockopt, call[0], LinuxSocket.level, Int(SO_PEERGROUPS), groups.word, native.word + 12) == 0
  {
    let more = Int((native + 12).load(as: UInt32.self)) / 4
    for index in 0..<min(more, 15) {
      let group = groups.load(fromByteOffset: 4 * index, as: UInt32.self)
      foreign.storeBytes(of: group, toByteOffset: 12 + 4 * count, as: UInt32.self)
      count += 1
    }
  }
  foreign.storeBytes(of: Int16(count), toByteOffset: 8, as: Int16.self)
  foreign.storeBytes(of: native.load(as: Int32.self), toByteOffset: 80, as: Int32.self)
  let told = min(88, Int(room))
  guard call.copyOut(call.address(3), foreign, told) else { return call.error(EFAULT) }
  return call.write(UInt32(told), at: call.address(4)) ? 0 : call.error(EFAULT)
}
