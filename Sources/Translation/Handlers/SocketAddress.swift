import CEngine
import CWire
import Wire

/// Linux's socket numbers that its user-space headers leave to the C library (include/linux/socket.h,
/// include/linux/net.h).
enum LinuxSocket {
  static let familyUnspecified: UInt16 = 0
  static let familyUnix: UInt16 = 1
  static let familyInternet: UInt16 = 2
  static let familyInternet6: UInt16 = 10
  static let typeStream = 1
  static let typeDatagram = 2
  static let nonBlocking = 0x800
  static let closeOnExec = 0x80000
  static let level = 1
  /// SOL_ICMPV6 of linux/socket.h and ICMPV6_FILTER of linux/icmpv6.h.
  static let internetControl6 = 58
  static let typeFilter: Int32 = 1
  static let controlTruncated: UInt64 = 0x8
  static let messageMore = 0x8000
  static let messageNoSignal = 0x4000
  static let messageDontWait = 0x40
  static let rights: Int32 = 1
  static let credentials: Int32 = 2
  /// Bytes of sun_path.
  static let pathBytes = 108
  /// sizeof(struct sockaddr_storage).
  static let longestAddress = 128
}

/// Socket addresses of the systems that descend from 4.4BSD: a length byte, a family byte, then what
/// Linux has too (sys/socket.h, netinet/in.h, sys/un.h).
enum ForeignAddress {
  /// SOCK_MAXADDRLEN of sys/socket.h.
  static let longest = 255
  /// sizeof(struct sockaddr_in) and sizeof(struct sockaddr_in6).
  static let internetLength = 16
  static let internet6Length = 28
  /// Bytes of sun_path, and of the head before it.
  static let pathBytes = 104
  static let pathOffset = 2
  /// What an unnamed local socket is called: a struct sockaddr that holds only a family.
  static let unnamedLength = 16
}

/// A socket address in Linux's layout, in scratch memory.
struct NativeAddress {
  var pointer: UnsafeMutableRawPointer
  var length: Int

  var family: UInt16 { length >= 2 ? pointer.load(as: UInt16.self) : LinuxSocket.familyUnspecified }
  /// A bound local socket's path, for the errors that depend on it.
  var path: Int { pointer.word + 2 }
}

extension Call {
  /// Reads a foreign socket address as getsockaddr() of kern/uipc_syscalls.c does; nil when refused, and
  /// `failure` holds the answer. A local socket's path starts from `directory`.
  func addressIn(
    _ address: UInt64, _ length: Int, from directory: Int = Int(AT_FDCWD), failure: inout Int
  ) -> NativeAddress? {
    if length > ForeignAddress.longest || length < 0 {
      failure = error(ENAMETOOLONG)
      return nil
    }
    if length < 2 {
      failure = error(EINVAL)
      return nil
    }
    guard let foreign = scratch(ForeignAddress.longest + 1),
      let native = scratch(ForeignAddress.longest + 1)
    else {
      failure = error(ENOMEM)
      return nil
    }
    guard copyIn(foreign, address, length) else {
      failure = error(EFAULT)
      return nil
    }
    guard let map = table.wellKnown(.address_family) else {
      failure = error(EAFNOSUPPORT)
      return nil
    }
    let family: UInt16
    switch table.toNative(map, UInt64(foreign.load(fromByteOffset: 1, as: UInt8.self))) {
    case .value(let value): family = UInt16(truncatingIfNeeded: value)
    case .refused:
      failure = error(EAFNOSUPPORT)
      return nil
    }
    if let refusal = refusedLength(family, length) {
      failure = error(refusal)
      return nil
    }
    native.storeBytes(of: family, as: UInt16.self)
    guard family == LinuxSocket.familyUnix else {
      (native + 2).copyMemory(from: foreign + 2, byteCount: length - 2)
      return NativeAddress(pointer: native, length: min(length, LinuxSocket.longestAddress))
    }
    // A foreign path ends at its NUL or at the address's length; a leading NUL is an empty path there,
    // but Linux's abstract name.
    var count = 0
    while count < length - ForeignAddress.pathOffset {
      let byte = foreign.load(fromByteOffset: ForeignAddress.pathOffset + count, as: UInt8.self)
      if byte == 0 { break }
      native.storeBytes(of: byte, toByteOffset: 2 + count, as: UInt8.self)
      count += 1
    }
    if count == 0 {
      failure = error(ENOENT)
      return nil
    }
    native.storeBytes(of: 0, toByteOffset: 2 + count, as: UInt8.self)
    let path = PathOperand(address: UInt64(UInt(bitPattern: native + 2)), directory: directory)
    switch process.pointee.path_view == 0 ? .same : lookUp(path) {
    case .same: break
    case .other(let text):
      count = 0
      while case let byte = text.load(fromByteOffset: count, as: UInt8.self), byte != 0 { count += 1 }
      if count >= LinuxSocket.pathBytes {
        failure = error(ENAMETOOLONG)
        return nil
      }
      (native + 2).copyMemory(from: text, byteCount: count + 1)
    case .refused(let answer):
      failure = answer
      return nil
    }
    return NativeAddress(pointer: native, length: 2 + count + 1)
  }

  /// The protocols' own checks of an address's length (in_pcbbind, in6_pcbbind, uipc_bindat).
  private func refusedLength(_ family: UInt16, _ length: Int) -> Int32? {
    switch family {
    case LinuxSocket.familyInternet: return length == ForeignAddress.internetLength ? nil : EINVAL
    case LinuxSocket.familyInternet6: return length == ForeignAddress.internet6Length ? nil : EINVAL
    case LinuxSocket.familyUnix:
      let path = length - ForeignAddress.pathOffset
      return path > 0 && path <= ForeignAddress.pathBytes ? nil : EINVAL
    default: return nil
    }
  }

  /// Room for an address that Linux writes.
  func addressBuffer() -> NativeAddress? {
    guard let pointer = scratch(LinuxSocket.longestAddress) else { return nil }
    pointer.storeBytes(of: 0, as: UInt16.self)
    return NativeAddress(pointer: pointer, length: LinuxSocket.longestAddress)
  }

  /// Writes Linux's address to at most `room` bytes of the guest's; the length that the guest is told,
  /// or a negative answer. BSD tells the truncated length, Linux the whole.
  func addressOut(_ native: NativeAddress, to address: UInt64, room: Int) -> Int {
    if native.length == 0 { return 0 }
    guard let foreign = scratch(LinuxSocket.longestAddress + 16) else { return error(ENOMEM) }
    let length = foreignAddress(native, into: foreign)
    let told = min(room, length)
    if told > 0, !copyOut(address, foreign, told) { return error(EFAULT) }
    return told
  }

  /// Converts an address into `foreign`; its length there.
  func foreignAddress(_ native: NativeAddress, into foreign: UnsafeMutableRawPointer) -> Int {
    let count = min(native.length, LinuxSocket.longestAddress)
    let length: Int
    if native.family == LinuxSocket.familyUnix {
      length = foreignPath(native, count, into: foreign)
    } else {
      (foreign + 2).copyMemory(from: native.pointer + 2, byteCount: max(0, count - 2))
      length = count
    }
    let family = table.wellKnown(.address_family).flatMap { table.toForeign($0, UInt64(native.family)) } ?? 0
    foreign.storeBytes(of: UInt8(truncatingIfNeeded: length), as: UInt8.self)
    foreign.storeBytes(of: UInt8(truncatingIfNeeded: family), toByteOffset: 1, as: UInt8.self)
    return length
  }

  private func foreignPath(
    _ native: NativeAddress, _ count: Int, into foreign: UnsafeMutableRawPointer
  ) -> Int {
    var path = 0
    var name = native.pointer + 2
    var room = count - 2
    if process.pointee.path_view != 0 {
      var length = 0
      while length < room, name.load(fromByteOffset: length, as: UInt8.self) != 0 { length += 1 }
      if length > 0, let known = foreignName(name, length) { (name, room) = known }
    }
    while path < min(room, ForeignAddress.pathBytes) {
      let byte = name.load(fromByteOffset: path, as: UInt8.self)
      if byte == 0 { break }
      foreign.storeBytes(of: byte, toByteOffset: ForeignAddress.pathOffset + path, as: UInt8.self)
      path += 1
    }
    // Unnamed, or an abstract name of a Linux peer, which has no foreign spelling.
    let length =
      path == 0
      ? ForeignAddress.unnamedLength
      : ForeignAddress.pathOffset + min(path + 1, ForeignAddress.pathBytes)
    for offset in (ForeignAddress.pathOffset + path)..<max(length, ForeignAddress.pathOffset + path) {
      foreign.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
    }
    return length
  }
}
