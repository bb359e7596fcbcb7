import CEngine
import CWire
import Wire

// bind(2), connect(2), accept(2), getsockname(2) and getpeername(2).

/// A socket option that is an int, or nil when `descriptor` has none.
func socketInteger(_ call: Call, _ descriptor: Int, _ option: Int32) -> Int32? {
  var value: Int32 = 0
  var length: UInt32 = 4
  let result = withUnsafeMutablePointer(to: &value) { value in
    withUnsafeMutablePointer(to: &length) { length in
      call.hostNow(
        __NR_getsockopt, descriptor, LinuxSocket.level, Int(option), Int(bitPattern: value),
        Int(bitPattern: length))
    }
  }
  return result == 0 ? value : nil
}

/// bind(s, name, namelen)
func bind(_ call: inout Call) -> Int {
  var failure = 0
  guard let address = call.addressIn(call.address(1), Int(call.int32(2)), failure: &failure) else {
    return failure
  }
  return bindSocket(call, call[0], address)
}

private func bindSocket(_ call: Call, _ descriptor: Int, _ address: NativeAddress) -> Int {
  if choosesLowPort(call, descriptor, address) { return bindLowPort(call, descriptor, address) }
  let result = call.hostNow(__NR_bind, descriptor, address.pointer.word, address.length)
  guard result == call.error(EADDRINUSE), address.family == LinuxSocket.familyUnix,
    let name = call.scratch(128)
  else { return result }
  // A local socket that has a name is refused before its path is looked at (uipc_bindat, kern/uipc_usrreq.c).
  name.storeBytes(of: 120, as: Int32.self)
  let told = call.hostNow(__NR_getsockname, descriptor, (name + 8).word, name.word)
  return told == 0 && name.load(as: Int32.self) > 2 ? call.error(EINVAL) : result
}

/// connect(s, name, namelen)
func connect(_ call: inout Call) -> Int {
  var failure = 0
  guard let address = call.addressIn(call.address(1), Int(call.int32(2)), failure: &failure) else {
    return failure
  }
  return connectSocket(call, call[0], address)
}

private func connectSocket(_ call: Call, _ descriptor: Int, _ address: NativeAddress) -> Int {
  if address.family == LinuxSocket.familyUnspecified { return disconnect(call, descriptor, address) }
  let result = call.host(__NR_connect, descriptor, address.pointer.word, address.length)
  if result >= 0 { return result }
  switch -Int32(truncatingIfNeeded: result) {
  case EISCONN:
    // soconnect() refuses a listening socket before anything else.
    return socketInteger(call, descriptor, SO_ACCEPTCONN) == 1 ? call.error(EOPNOTSUPP) : result
  case EAGAIN:
    // A local listener whose queue is full: sonewconn() fails and the connector is refused.
    return address.family == LinuxSocket.familyUnix ? call.error(ECONNREFUSED) : result
  case ECONNREFUSED where address.family == LinuxSocket.familyUnix:
    return isSocketFile(call, address.path) ? result : call.error(ENOTSOCK)
  default: return result
  }
}

/// BSD dissolves a datagram socket's association and then finds the family unsupported; a stream stays
/// as it is (soconnect of kern/uipc_socket.c).
private func disconnect(_ call: Call, _ descriptor: Int, _ address: NativeAddress) -> Int {
  guard let type = socketInteger(call, descriptor, SO_TYPE) else {
    return call.hostNow(__NR_connect, descriptor, address.pointer.word, address.length)
  }
  if Int(type) == LinuxSocket.typeStream {
    return isConnected(call, descriptor) ? call.error(EISCONN) : call.error(EAFNOSUPPORT)
  }
  let result = call.hostNow(__NR_connect, descriptor, address.pointer.word, address.length)
  return result == 0 ? call.error(EAFNOSUPPORT) : result
}

/// Whether the socket has a peer.
func isConnected(_ call: Call, _ descriptor: Int) -> Bool {
  guard let peer = call.addressBuffer() else { return false }
  var length = UInt32(peer.length)
  return withUnsafeMutablePointer(to: &length) {
    call.hostNow(__NR_getpeername, descriptor, peer.pointer.word, Int(bitPattern: $0)) == 0
  }
}

private func isSocketFile(_ call: Call, _ path: Int) -> Bool {
  // struct stat: st_mode lies at byte 24 on x86-64.
  guard let status = call.scratch(144) else { return true }
  guard call.hostNow(__NR_newfstatat, Int(AT_FDCWD), path, status.word, 0) == 0 else { return true }
  return status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000 == 0o140000
}

/// accept(s, name, anamelen): unlike Linux's, the new descriptor takes over the listener's O_NONBLOCK.
func accept(_ call: inout Call) -> Int {
  let status = call.hostNow(__NR_fcntl, call[0], Int(F_GETFL))
  let flags = status > 0 && status & Int(O_NONBLOCK) != 0 ? LinuxSocket.nonBlocking : 0
  return acceptSocket(&call, flags)
}

/// shutdown(s, how) of before 11: a socket that is not connected is shut down like others. Linux does it too, but
/// answers an error. Source: soshutdown() of kern/uipc_socket.c.
func shutdownUnconnected(_ call: inout Call) -> Int {
  let result = call.host(__NR_shutdown, call[0], call[1])
  return result == call.error(ENOTCONN) ? 0 : result
}

/// accept4(s, name, anamelen, flags)
func accept4(_ call: inout Call) -> Int {
  guard let map = call.table.wellKnown(.socket_type) else { return acceptSocket(&call, call[3]) }
  if call.argument(3).pointee.conversion == UInt8(PERSONA_CONVERT_FLAGS.rawValue) {
    return acceptSocket(&call, call[3])
  }
  switch call.table.toNative(map, UInt64(call.uint32(3))) {
  case .value(let flags):
    guard flags & ~UInt64(LinuxSocket.nonBlocking | LinuxSocket.closeOnExec) == 0 else {
      return call.error(EINVAL)
    }
    return acceptSocket(&call, Int(flags))
  case .refused: return call.error(EINVAL)
  }
}

func acceptSocket(_ call: inout Call, _ flags: Int) -> Int {
  let name = call.address(1)
  if name == 0 {
    let descriptor = call.host(__NR_accept4, call[0], 0, 0, flags)
    if descriptor >= 0 { inheritSparing(call, descriptor) }
    return accepted(call, descriptor)
  }
  var room: UInt32 = 0
  guard call.read(&room, at: call.address(2)) else { return call.error(EFAULT) }
  guard var peer = call.addressBuffer(), let length = call.scratch(4) else { return call.error(ENOMEM) }
  length.storeBytes(of: UInt32(peer.length), as: UInt32.self)
  let descriptor = call.host(__NR_accept4, call[0], peer.pointer.word, length.word, flags)
  if descriptor < 0 { return accepted(call, descriptor) }
  inheritSparing(call, descriptor)
  peer.length = Int(length.load(as: UInt32.self))
  let failure = tellAddress(call, peer, name, call.address(2), room)
  if failure < 0 {
    _ = call.hostNow(__NR_close, descriptor)
    return failure
  }
  return descriptor
}

/// A socket that cannot listen is EINVAL for kern_accept(), EOPNOTSUPP for Linux.
private func accepted(_ call: Call, _ result: Int) -> Int {
  result == call.error(EOPNOTSUPP) ? call.error(EINVAL) : result
}

/// Writes an address and its length to the guest; 0, or the answer.
private func tellAddress(
  _ call: Call, _ address: NativeAddress, _ name: UInt64, _ lengthAt: UInt64, _ room: UInt32
) -> Int {
  let told = call.addressOut(address, to: name, room: Int(room))
  if told < 0 { return told }
  return call.write(UInt32(told), at: lengthAt) ? 0 : call.error(EFAULT)
}

/// getsockname(s, name, namelen)
func getsockname(_ call: inout Call) -> Int { nameOf(&call, __NR_getsockname) }

/// getpeername(s, name, namelen)
func getpeername(_ call: inout Call) -> Int { nameOf(&call, __NR_getpeername) }

private func nameOf(_ call: inout Call, _ number: Int32) -> Int {
  var room: UInt32 = 0
  guard call.read(&room, at: call.address(2)) else { return call.error(EFAULT) }
  guard var address = call.addressBuffer(), let length = call.scratch(4) else {
    return call.error(ENOMEM)
  }
  length.storeBytes(of: UInt32(address.length), as: UInt32.self)
  let result = call.hostNow(number, call[0], address.pointer.word, length.word)
  if result < 0 { return result }
  address.length = Int(length.load(as: UInt32.self))
  return tellAddress(call, address, call.address(1), call.address(2), room)
}

/// socketpair(domain, type, protocol, rsv): operands converted by their maps.
func socketPair(_ call: inout Call) -> Int {
  guard let pair = call.scratch(8) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_socketpair, call[0], call[1], call[2], pair.word)
  if result < 0 { return result }
  if call.copyOut(call.address(3), pair, 8) { return 0 }
  _ = call.hostNow(__NR_close, Int(pair.load(as: Int32.self)))
  _ = call.hostNow(__NR_close, Int(pair.load(fromByteOffset: 4, as: Int32.self)))
  return call.error(EFAULT)
}

// MARK: - Relative to a directory

/// bindat(fd, s, name, namelen): a local path is looked up from `fd`.
func bindat(_ call: inout Call) -> Int { atDirectory(call, bindSocket) }

/// connectat(fd, s, name, namelen)
func connectat(_ call: inout Call) -> Int { atDirectory(call, connectSocket) }

/// Linux has no such call: a relative path is spelled through /proc/self/fd, as far as Linux's sun_path,
/// which is 4 bytes longer than BSD's, has room for it.
private func atDirectory(
  _ call: Call, _ act: (Call, Int, NativeAddress) -> Int
) -> Int {
  let directory = call.int32(0)
  var failure = 0
  guard
    let address = call.addressIn(
      call.address(2), Int(call.int32(3)), from: Int(directory), failure: &failure)
  else { return failure }
  if directory == AT_FDCWD { return act(call, call[1], address) }
  // They exist for local sockets only (sobindat of kern/uipc_socket.c).
  guard address.family == LinuxSocket.familyUnix else { return call.error(EAFNOSUPPORT) }
  let isAbsolute = address.pointer.load(fromByteOffset: 2, as: UInt8.self) == UInt8(ascii: "/")
  guard !isAbsolute else { return act(call, call[1], address) }
  guard let longer = call.scratch(LinuxSocket.longestAddress + 32) else { return call.error(ENOMEM) }
  longer.storeBytes(of: LinuxSocket.familyUnix, as: UInt16.self)
  let prefix = writeDescriptorPath(Int(directory), to: longer + 2)
  longer.storeBytes(of: UInt8(ascii: "/"), toByteOffset: 2 + prefix, as: UInt8.self)
  (longer + 3 + prefix).copyMemory(from: address.pointer + 2, byteCount: address.length - 2)
  let length = address.length + prefix + 1
  guard length <= 2 + 108 else { return call.error(ENAMETOOLONG) }
  return act(call, call[1], NativeAddress(pointer: longer, length: length))
}
