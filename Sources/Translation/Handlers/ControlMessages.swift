import CEngine
import CWire
import Wire

// Control messages of sendmsg(2) and recvmsg(2). On a 64-bit machine both sides put the data at byte 16
// and align to 8; the foreign header counts its length in 4 bytes (sys/socket.h), Linux in 8.

enum ControlHeader {
  static let foreignSize = 12
  static let dataOffset = 16
  static func aligned(_ length: Int) -> Int { (length + 7) & ~7 }
}

/// Control data in Linux's layout, in scratch memory.
struct NativeControl {
  var pointer: UnsafeMutableRawPointer
  var length: Int
}

/// The BSDs' names for what a local socket's peer tells of itself (sys/socket.h).
private enum Credentials {
  /// struct sockcred with one group: uid, euid, gid, egid, ngroups, groups.
  static let sockcredSize = 24
}

/// MLEN-like bound of sockargs(): a message's control data fits one mbuf cluster (MCLBYTES).
private let controlLimit = 2048

/// The type map of a foreign level's control messages, and Linux's level.
private func controlTypes(_ call: Call, native level: Int32) -> Int? {
  switch level {
  case Int32(LinuxSocket.level): return call.table.wellKnown(.control_socket)
  case IPPROTO_IP_LEVEL: return call.table.wellKnown(.control_ip)
  case IPPROTO_IPV6_LEVEL: return call.table.wellKnown(.control_ipv6)
  default: return nil
  }
}

private let IPPROTO_IP_LEVEL: Int32 = 0
private let IPPROTO_IPV6_LEVEL: Int32 = 41
private let foreignSocketLevel: Int32 = 0xffff

private func nativeLevel(_ level: Int32) -> Int32 {
  level == foreignSocketLevel ? Int32(LinuxSocket.level) : level
}

private func foreignLevel(_ level: Int32) -> Int32 {
  level == Int32(LinuxSocket.level) ? foreignSocketLevel : level
}

/// Bytes that Linux may need to tell what fits `room` foreign ones: an in_pktinfo is 8 bytes longer than
/// the in_addr it becomes.
func nativeControlRoom(_ room: Int) -> Int { min(room, 16384) + 64 }

// MARK: - To Linux

/// Reads the guest's control data; nil when refused, and `failure` holds the answer.
func controlIn(_ call: Call, _ address: UInt64, _ length: Int, _ failure: inout Int) -> NativeControl? {
  guard length >= ControlHeader.foreignSize else {
    failure = call.error(EINVAL)
    return nil
  }
  guard length <= controlLimit else {
    failure = call.error(EINVAL)
    return nil
  }
  guard let foreign = call.scratch(length), let native = call.scratch(2 * length + 64) else {
    failure = call.error(ENOMEM)
    return nil
  }
  guard call.copyIn(foreign, address, length) else {
    failure = call.error(EFAULT)
    return nil
  }
  var at = 0
  var out = 0
  while at + ControlHeader.foreignSize <= length {
    let size = Int(foreign.load(fromByteOffset: at, as: UInt32.self))
    let level = foreign.load(fromByteOffset: at + 4, as: Int32.self)
    let type = foreign.load(fromByteOffset: at + 8, as: Int32.self)
    guard size >= ControlHeader.foreignSize, at + size <= length else {
      failure = call.error(EINVAL)
      return nil
    }
    let target = nativeLevel(level)
    guard let map = controlTypes(call, native: target),
      case .value(let nativeType) = call.table.toNative(map, UInt64(UInt32(bitPattern: type)))
    else {
      failure = call.error(EINVAL)
      return nil
    }
    let data = max(0, size - ControlHeader.dataOffset)
    let written = dataIn(
      call, target, Int32(truncatingIfNeeded: nativeType), foreign + at + ControlHeader.dataOffset, data,
      native + out + ControlHeader.dataOffset)
    if written < 0 {
      failure = written
      return nil
    }
    storeNativeHeader(native + out, written, target, Int32(truncatingIfNeeded: nativeType))
    out += ControlHeader.aligned(ControlHeader.dataOffset + written)
    at += ControlHeader.aligned(size)
  }
  return NativeControl(pointer: native, length: out)
}

private func storeNativeHeader(_ at: UnsafeMutableRawPointer, _ data: Int, _ level: Int32, _ type: Int32) {
  at.storeBytes(of: ControlHeader.dataOffset + data, as: Int.self)
  at.storeBytes(of: level, toByteOffset: 8, as: Int32.self)
  at.storeBytes(of: type, toByteOffset: 12, as: Int32.self)
}

/// Converts one message's data; its length for Linux, or a negative answer.
private func dataIn(
  _ call: Call, _ level: Int32, _ type: Int32, _ from: UnsafeRawPointer, _ count: Int,
  _ to: UnsafeMutableRawPointer
) -> Int {
  switch (level, type) {
  case (Int32(LinuxSocket.level), LinuxSocket.credentials):
    // SCM_CREDS: the kernel fills in who the sender is (unp_internalize).
    to.storeBytes(of: Int32(truncatingIfNeeded: call.hostNow(__NR_getpid)), as: Int32.self)
    to.storeBytes(of: UInt32(truncatingIfNeeded: call.hostNow(__NR_getuid)), toByteOffset: 4, as: UInt32.self)
    to.storeBytes(of: UInt32(truncatingIfNeeded: call.hostNow(__NR_getgid)), toByteOffset: 8, as: UInt32.self)
    return 12
  case (IPPROTO_IP_LEVEL, IP_PKTINFO):
    // IP_SENDSRCADDR: a struct in_addr becomes in_pktinfo's ipi_spec_dst.
    guard count >= 4 else { return call.error(EINVAL) }
    to.storeBytes(of: 0, as: UInt32.self)
    to.storeBytes(of: from.loadUnaligned(as: UInt32.self), toByteOffset: 4, as: UInt32.self)
    to.storeBytes(of: 0, toByteOffset: 8, as: UInt32.self)
    return 12
  case (IPPROTO_IP_LEVEL, IP_TTL), (IPPROTO_IP_LEVEL, IP_TOS):
    // One byte there, an int here.
    guard count >= 1 else { return call.error(EINVAL) }
    to.storeBytes(of: UInt32(from.load(as: UInt8.self)), as: UInt32.self)
    return 4
  default:
    to.copyMemory(from: from, byteCount: count)
    return count
  }
}

// MARK: - To the guest

/// Writes Linux's control data to the guest's `room` bytes; how many were used, or a negative answer.
func controlOut(
  _ call: Call, _ native: UnsafeRawPointer, _ length: Int, to address: UInt64, room: Int,
  truncated: inout Bool
) -> Int {
  guard let foreign = call.scratch(2 * length + 128) else { return call.error(ENOMEM) }
  var at = 0
  var out = 0
  while at + ControlHeader.dataOffset <= length {
    let size = native.load(fromByteOffset: at, as: Int.self)
    guard size >= ControlHeader.dataOffset, at + size <= length else { break }
    let level = native.load(fromByteOffset: at + 8, as: Int32.self)
    let type = native.load(fromByteOffset: at + 12, as: Int32.self)
    let data = native + at + ControlHeader.dataOffset
    let count = size - ControlHeader.dataOffset
    at += ControlHeader.aligned(size)
    guard let map = controlTypes(call, native: level),
      let foreignType = call.table.toForeign(map, UInt64(UInt32(bitPattern: type)))
    else { continue }
    let written = dataOut(level, type, data, count, foreign + out + ControlHeader.dataOffset)
    let whole = ControlHeader.dataOffset + written
    guard out + whole <= room else {
      truncated = true
      // What cannot be told may not stay open (m_dispose_extcontrolm of kern/uipc_usrreq.c).
      if level == Int32(LinuxSocket.level), type == LinuxSocket.rights { closeRights(call, data, count) }
      continue
    }
    foreign.storeBytes(of: UInt32(whole), toByteOffset: out, as: UInt32.self)
    foreign.storeBytes(of: foreignLevel(level), toByteOffset: out + 4, as: Int32.self)
    foreign.storeBytes(of: UInt32(truncatingIfNeeded: foreignType), toByteOffset: out + 8, as: UInt32.self)
    foreign.storeBytes(of: 0, toByteOffset: out + 12, as: UInt32.self)
    out = min(room, out + ControlHeader.aligned(whole))
  }
  if out > 0, !call.copyOut(address, foreign, out) { return call.error(EFAULT) }
  return out
}

private func closeRights(_ call: Call, _ data: UnsafeRawPointer, _ count: Int) {
  for index in 0..<(count / 4) {
    _ = call.hostNow(__NR_close, Int(data.load(fromByteOffset: 4 * index, as: Int32.self)))
  }
}

/// Converts one message's data; its length in the foreign layout.
private func dataOut(
  _ level: Int32, _ type: Int32, _ from: UnsafeRawPointer, _ count: Int, _ to: UnsafeMutableRawPointer
) -> Int {
  switch (level, type) {
  case (Int32(LinuxSocket.level), LinuxSocket.credentials):
    let user = from.load(fromByteOffset: 4, as: UInt32.self)
    let group = from.load(fromByteOffset: 8, as: UInt32.self)
    to.storeBytes(of: user, as: UInt32.self)
    to.storeBytes(of: user, toByteOffset: 4, as: UInt32.self)
    to.storeBytes(of: group, toByteOffset: 8, as: UInt32.self)
    to.storeBytes(of: group, toByteOffset: 12, as: UInt32.self)
    to.storeBytes(of: 1, toByteOffset: 16, as: UInt32.self)
    to.storeBytes(of: group, toByteOffset: 20, as: UInt32.self)
    return Credentials.sockcredSize
  case (IPPROTO_IP_LEVEL, IP_PKTINFO):
    to.storeBytes(of: from.load(fromByteOffset: 8, as: UInt32.self), as: UInt32.self)
    return 4
  case (IPPROTO_IP_LEVEL, IP_TTL):
    to.storeBytes(of: from.load(as: UInt8.self), as: UInt8.self)
    return 1
  default:
    to.copyMemory(from: from, byteCount: count)
    return count
  }
}
