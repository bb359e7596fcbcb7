import CEngine
import CWire
import Wire

// sendfile(2): the foreign one sends headers, a file's bytes and trailers to a stream socket, and tells apart
// what was sent and how it ended (kern/kern_sendfile.c).

/// struct sf_hdtr of sys/socket.h: headers, hdr_cnt, trailers, trl_cnt.
private struct Surroundings {
  var headers: UInt64 = 0
  var headerCount: Int32 = 0
  var trailers: UInt64 = 0
  var trailerCount: Int32 = 0
  static let size = 32
}

/// What one step of a transfer came to.
private enum Step {
  case done
  /// It ended early: the answer, unless something had been sent before.
  case stopped(Int)
}

/// The most that Linux sends at once (MAX_RW_COUNT).
private let largestTransfer = 0x7fff_f000

/// sendfile(fd, s, offset, nbytes, hdtr, sbytes, flags)
func sendfile(_ call: inout Call) -> Int {
  let file = call[0]
  let socket = call[1]
  let offset = call[2]
  let wanted = call[3]
  let sentAt = call.address(5)
  if offset < 0 { return call.error(EINVAL) }
  var surroundings = Surroundings()
  if call.address(4) != 0 {
    guard let memory = call.scratch(Surroundings.size) else { return call.error(ENOMEM) }
    guard call.copyIn(memory, call.address(4), Surroundings.size) else { return call.error(EFAULT) }
    surroundings.headers = memory.load(as: UInt64.self)
    surroundings.headerCount = memory.load(fromByteOffset: 8, as: Int32.self)
    surroundings.trailers = memory.load(fromByteOffset: 16, as: UInt64.self)
    surroundings.trailerCount = memory.load(fromByteOffset: 24, as: Int32.self)
  }
  if let refusal = refusal(call, file, socket) { return refusal }

  var sent = 0
  var step = Step.done
  if surroundings.headers != 0 {
    step = sendVectors(
      call, socket, surroundings.headers, surroundings.headerCount, more: true, &sent)
  }
  if case .done = step { step = sendBody(call, file, socket, offset, wanted, &sent) }
  if case .done = step, surroundings.trailers != 0 {
    step = sendVectors(
      call, socket, surroundings.trailers, surroundings.trailerCount, more: false, &sent)
  }
  var answer = 0
  if case .stopped(let result) = step {
    // A call that has sent something is not made again from the start.
    answer = result == Int(PERSONA_RESTART) && sent > 0 ? call.error(EINTR) : result
  }
  if answer != Int(PERSONA_RESTART), sentAt != 0, !call.write(Int64(sent), at: sentAt) {
    return call.error(EFAULT)
  }
  return answer
}

/// The file must be regular (or shared memory), the socket a connected stream.
private func refusal(_ call: Call, _ file: Int, _ socket: Int) -> Int? {
  guard let status = call.scratch(144), let value = call.scratch(8) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstat, file, status.word)
  if result < 0 { return result }
  if status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000 != 0o100000 { return call.error(EINVAL) }
  (value + 4).storeBytes(of: 4, as: UInt32.self)
  let typed = call.hostNow(
    __NR_getsockopt, socket, LinuxSocket.level, Int(SO_TYPE), value.word, value.word + 4)
  if typed < 0 { return typed }
  if value.load(as: Int32.self) != Int32(LinuxSocket.typeStream) { return call.error(EINVAL) }
  return nil
}

/// Bytes of the file from `offset`: all that there are when `wanted` is 0.
private func sendBody(
  _ call: Call, _ file: Int, _ socket: Int, _ offset: Int, _ wanted: Int, _ sent: inout Int
) -> Step {
  guard let position = call.scratch(8) else { return .stopped(call.error(ENOMEM)) }
  position.storeBytes(of: offset, as: Int.self)
  var left = wanted == 0 ? Int.max : wanted
  while left > 0 {
    let result = call.host(__NR_sendfile, socket, file, position.word, min(left, largestTransfer))
    if result < 0 {
      return .stopped(
        result == call.error(EPIPE) && !isConnected(call, socket) && sent == 0 ? call.error(ENOTCONN) : result)
    }
    if result == 0 { return .done }
    sent += result
    left -= result
  }
  return .done
}

/// Sends the guest's iovecs, all of them.
private func sendVectors(
  _ call: Call, _ socket: Int, _ vectors: UInt64, _ count: Int32, more: Bool, _ sent: inout Int
) -> Step {
  guard count >= 0, count <= MessageHeader.vectorLimit else { return .stopped(call.error(EINVAL)) }
  guard let own = call.scratch(16 * Int(count)), let header = call.scratch(MessageHeader.nativeSize) else {
    return .stopped(call.error(ENOMEM))
  }
  guard call.copyIn(own, vectors, 16 * Int(count)) else { return .stopped(call.error(EFAULT)) }
  var first = 0
  while first < Int(count) {
    for offset in stride(from: 0, to: MessageHeader.nativeSize, by: 8) {
      header.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
    }
    header.storeBytes(of: own.word + 16 * first, toByteOffset: 16, as: Int.self)
    header.storeBytes(of: Int(count) - first, toByteOffset: 24, as: Int.self)
    let result = call.host(
      __NR_sendmsg, socket, header.word, more ? LinuxSocket.messageMore : 0)
    if result < 0 { return .stopped(result) }
    sent += result
    first = advance(own, first, Int(count), by: result)
  }
  return .done
}

/// Takes `sent` bytes off the front of the iovecs; the index of the first that is not empty.
private func advance(_ vectors: UnsafeMutableRawPointer, _ first: Int, _ count: Int, by sent: Int) -> Int {
  var index = first
  var left = sent
  while index < count {
    let vector = vectors + 16 * index
    let length = vector.load(fromByteOffset: 8, as: Int.self)
    if left < length {
      vector.storeBytes(of: vector.load(as: Int.self) + left, as: Int.self)
      vector.storeBytes(of: length - left, toByteOffset: 8, as: Int.self)
      return index
    }
    left -= length
    index += 1
  }
  return index
}
