import CEngine
import CWire
import Wire

// sendto(2), recvfrom(2), sendmsg(2) and recvmsg(2).

/// struct msghdr of both sides on a 64-bit machine: the foreign one counts iovecs in an int and control
/// bytes in a socklen_t (sys/socket.h), Linux in words.
struct MessageHeader {
  var name: UInt64 = 0
  var nameLength: UInt32 = 0
  var vectors: UInt64 = 0
  var vectorCount: Int32 = 0
  var control: UInt64 = 0
  var controlLength: UInt32 = 0
  var flags: Int32 = 0

  static let foreignSize = 48
  static let nativeSize = 56
  /// Offsets of msg_namelen, msg_controllen and msg_flags in the foreign layout.
  static let foreignNameLength: UInt64 = 8
  static let foreignControlLength: UInt64 = 40
  static let foreignFlags: UInt64 = 44
  /// IOV_MAX of sys/syslimits.h, Linux's UIO_MAXIOV.
  static let vectorLimit: Int32 = 1024

  init(foreign: UnsafeRawPointer) {
    name = foreign.load(as: UInt64.self)
    nameLength = foreign.load(fromByteOffset: 8, as: UInt32.self)
    vectors = foreign.load(fromByteOffset: 16, as: UInt64.self)
    vectorCount = foreign.load(fromByteOffset: 24, as: Int32.self)
    control = foreign.load(fromByteOffset: 32, as: UInt64.self)
    controlLength = foreign.load(fromByteOffset: 40, as: UInt32.self)
    flags = foreign.load(fromByteOffset: 44, as: Int32.self)
  }
}

/// Linux's struct msghdr in scratch memory.
struct NativeMessage {
  let pointer: UnsafeMutableRawPointer

  init(
    _ pointer: UnsafeMutableRawPointer, name: Int, nameLength: Int, header: MessageHeader, control: Int,
    controlLength: Int
  ) {
    self.pointer = pointer
    pointer.storeBytes(of: name, as: Int.self)
    pointer.storeBytes(of: nameLength, toByteOffset: 8, as: Int.self)
    pointer.storeBytes(of: header.vectors, toByteOffset: 16, as: UInt64.self)
    pointer.storeBytes(of: Int(header.vectorCount), toByteOffset: 24, as: Int.self)
    pointer.storeBytes(of: control, toByteOffset: 32, as: Int.self)
    pointer.storeBytes(of: controlLength, toByteOffset: 40, as: Int.self)
    pointer.storeBytes(of: 0, toByteOffset: 48, as: Int.self)
  }

  var nameLength: Int { Int(pointer.load(fromByteOffset: 8, as: UInt32.self)) }
  var controlLength: Int { pointer.load(fromByteOffset: 40, as: Int.self) }
  var flags: UInt32 { pointer.load(fromByteOffset: 48, as: UInt32.self) }
}

/// sendto(s, buf, len, flags, to, tolen)
func sendto(_ call: inout Call) -> Int {
  if call.address(4) == 0 { return call.host(__NR_sendto, call[0], call[1], call[2], call[3], 0, 0) }
  var failure = 0
  guard let to = call.addressIn(call.address(4), Int(call.int32(5)), failure: &failure) else {
    return failure
  }
  if isConnected(call, call[0]) {
    // A stream's protocol does not look at the name (tcp_usr_send, uipc_send).
    guard isStream(call, call[0]) else { return call.error(EISCONN) }
    return call.host(__NR_sendto, call[0], call[1], call[2], call[3], 0, 0)
  }
  return call.host(
    __NR_sendto, call[0], call[1], call[2], call[3], to.pointer.word, to.length)
}

/// Whether the socket is of a kind that sends on its connection alone: SOCK_STREAM or SOCK_SEQPACKET.
private func isStream(_ call: Call, _ descriptor: Int) -> Bool {
  let sequenced: Int32 = 5
  guard let type = socketInteger(call, descriptor, SO_TYPE) else { return false }
  return Int(type) == LinuxSocket.typeStream || type == sequenced
}

/// recvfrom(s, buf, len, flags, from, fromlenaddr)
func recvfrom(_ call: inout Call) -> Int {
  let from = call.address(4)
  let lengthAt = call.address(5)
  var room: UInt32 = 0
  if lengthAt != 0, !call.read(&room, at: lengthAt) { return call.error(EFAULT) }
  if from == 0 { return call.host(__NR_recvfrom, call[0], call[1], call[2], call[3], 0, 0) }
  guard var sender = call.addressBuffer(), let length = call.scratch(4) else { return call.error(ENOMEM) }
  length.storeBytes(of: UInt32(sender.length), as: UInt32.self)
  let result = call.host(
    __NR_recvfrom, call[0], call[1], call[2], call[3], sender.pointer.word, length.word)
  if result < 0 { return result }
  sender.length = Int(length.load(as: UInt32.self))
  let told = call.addressOut(sender, to: from, room: Int(room))
  if told < 0 { return told }
  if lengthAt != 0, !call.write(UInt32(told), at: lengthAt) { return call.error(EFAULT) }
  return result
}

/// The foreign message header at `address`; nil when refused, and `failure` holds the answer.
private func messageIn(_ call: Call, _ address: UInt64, _ failure: inout Int) -> MessageHeader? {
  guard let foreign = call.scratch(MessageHeader.foreignSize) else {
    failure = call.error(ENOMEM)
    return nil
  }
  guard call.copyIn(foreign, address, MessageHeader.foreignSize) else {
    failure = call.error(EFAULT)
    return nil
  }
  let header = MessageHeader(foreign: foreign)
  if header.vectorCount < 0 || header.vectorCount > MessageHeader.vectorLimit {
    failure = call.error(EMSGSIZE)
    return nil
  }
  return header
}

/// sendmsg(s, msg, flags)
func sendmsg(_ call: inout Call) -> Int {
  var failure = 0
  guard let header = messageIn(call, call.address(1), &failure) else { return failure }
  var name = 0
  var nameLength = 0
  if header.name != 0 {
    guard
      let to = call.addressIn(
        header.name, Int(Int32(truncatingIfNeeded: header.nameLength)), failure: &failure)
    else { return failure }
    if !isConnected(call, call[0]) {
      name = to.pointer.word
      nameLength = to.length
    } else if !isStream(call, call[0]) {
      return call.error(EISCONN)
    }
  }
  var control = 0
  var controlLength = 0
  if header.control != 0 {
    guard let native = controlIn(call, header.control, Int(header.controlLength), &failure) else {
      return failure
    }
    control = native.pointer.word
    controlLength = native.length
  }
  guard let memory = call.scratch(MessageHeader.nativeSize) else { return call.error(ENOMEM) }
  let message = NativeMessage(
    memory, name: name, nameLength: nameLength, header: header, control: control,
    controlLength: controlLength)
  return call.host(__NR_sendmsg, call[0], message.pointer.word, call[2])
}

/// recvmsg(s, msg, flags)
func recvmsg(_ call: inout Call) -> Int {
  let address = call.address(1)
  var failure = 0
  guard let header = messageIn(call, address, &failure) else { return failure }
  guard var sender = call.addressBuffer(), let memory = call.scratch(MessageHeader.nativeSize) else {
    return call.error(ENOMEM)
  }
  var control = UnsafeMutableRawPointer(bitPattern: 0)
  var controlRoom = 0
  if header.control != 0, header.controlLength > 0 {
    controlRoom = nativeControlRoom(Int(header.controlLength))
    guard let room = call.scratch(controlRoom) else { return call.error(ENOMEM) }
    control = room
  }
  let message = NativeMessage(
    memory, name: header.name == 0 ? 0 : sender.pointer.word,
    nameLength: header.name == 0 ? 0 : sender.length, header: header,
    control: control?.word ?? 0, controlLength: controlRoom)
  let result = call.host(__NR_recvmsg, call[0], message.pointer.word, call[2])
  if result < 0 { return result }

  var told = 0
  if header.name != 0 {
    sender.length = message.nameLength
    told = call.addressOut(sender, to: header.name, room: Int(header.nameLength))
    if told < 0 { return told }
  }
  var truncated = false
  var controlTold = 0
  if let control {
    controlTold = controlOut(
      call, control, message.controlLength, to: header.control, room: Int(header.controlLength),
      truncated: &truncated)
    if controlTold < 0 { return controlTold }
  }
  var nativeFlags = UInt64(message.flags)
  if truncated { nativeFlags |= LinuxSocket.controlTruncated }
  let flags = call.table.wellKnown(.message_flags).flatMap { call.table.toForeign($0, nativeFlags) } ?? 0
  guard call.write(UInt32(told), at: address + MessageHeader.foreignNameLength),
    call.write(UInt32(controlTold), at: address + MessageHeader.foreignControlLength),
    call.write(UInt32(truncatingIfNeeded: flags), at: address + MessageHeader.foreignFlags)
  else { return call.error(EFAULT) }
  return result
}
