import CEngine
import CWire

// pipe(2): both ends read and write, and each read takes from one write only; what it leaves of it the next one
// gets. sys/src/9k/port/devpipe.c and qio.c. A pipe is a pair of Linux's sequenced-packet sockets whose
// messages are looked at from where the last look ended (SO_PEEK_OFF), and taken away when they are used up.

/// Maxatomic of qio.c: a longer write is several blocks.
private let longestBlock = 64 << 10

/// pipe(descriptors)
func makePipe(_ call: inout Call) -> Int {
  guard let pair = call.scratch(8), let zero = call.scratch(4) else { return call.error(ENOMEM) }
  let made = call.hostNow(__NR_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */, 0, pair.word)
  if made < 0 { return made }
  zero.storeBytes(of: 0, as: Int32.self)
  for end in 0..<2 {
    let fd = Int(pair.load(fromByteOffset: 4 * end, as: Int32.self))
    _ = call.hostNow(__NR_setsockopt, fd, Int(SOL_SOCKET), Int(SO_PEEK_OFF), zero.word, 4)
  }
  return call.copyOut(call.address(0), pair, 8) ? 0 : call.error(EFAULT)
}

/// Whether a descriptor is an end of such a pipe.
func isPipe(_ call: Call, _ fd: Int) -> Bool {
  guard let option = call.scratch(16) else { return false }
  option.storeBytes(of: 0, as: UInt32.self)
  option.storeBytes(of: 4, toByteOffset: 4, as: UInt32.self)
  let result = persona_syscall(
    Int64(__NR_getsockopt), UInt64(bitPattern: Int64(fd)), UInt64(SOL_SOCKET), UInt64(SO_TYPE), UInt64(UInt(bitPattern: option)),
    UInt64(UInt(bitPattern: option + 4)), 0)
  return result == 0 && option.load(as: UInt32.self) == 5
}

/// Reads from one block; 0 at the end, or for a block without bytes.
func readPipe(_ call: Call, _ fd: Int, _ buffer: UInt64, _ count: Int) -> Int {
  guard let message = call.scratch(80) else { return call.error(ENOMEM) }
  // struct iovec, then struct msghdr: its flags tell whether the block has more.
  clear(message, 80)
  message.storeBytes(of: buffer, as: UInt64.self)
  message.storeBytes(of: UInt64(count), toByteOffset: 8, as: UInt64.self)
  message.storeBytes(of: UInt64(UInt(bitPattern: message)), toByteOffset: 32, as: UInt64.self)
  message.storeBytes(of: 1, toByteOffset: 40, as: UInt64.self)
  let peeked = call.host(__NR_recvmsg, fd, message.word + 16, 2 /* MSG_PEEK */)
  if peeked < 0 { return peeked }
  let isPartial = message.load(fromByteOffset: 64, as: UInt32.self) & 0x20 /* MSG_TRUNC */ != 0
  if !isPartial {
    _ = call.hostNow(__NR_recvfrom, fd, message.word, 0, 0x40 /* MSG_DONTWAIT */)
  }
  return peeked
}

/// Writes blocks; to an end that nobody reads any more it also posts a note.
func writePipe(_ call: Call, _ fd: Int, _ buffer: UInt64, _ count: Int) -> Int {
  var sent = 0
  repeat {
    let result = call.host(
      __NR_sendto, fd, Int(truncatingIfNeeded: buffer) + sent, min(count - sent, longestBlock),
      0x4000 /* MSG_NOSIGNAL */)
    if result == call.error(EPIPE), let member = call.member { noteClosedPipe(member) }
    if result < 0 { return sent > 0 && result == Int(PERSONA_RESTART) ? sent : result }
    sent += result
  } while sent < count
  return sent
}

/// Delivered when the call ends: the process sends itself the signal.
private func noteClosedPipe(_ member: UnsafeMutablePointer<persona_member>) {
  let text: StaticString = "sys: write on closed pipe"
  guard let session = persona_session() else { return }
  persona_session_lock(session)
  post(PERSONA_NOTE_USER, text.utf8Start, text.utf8CodeUnitCount, to: member)
  persona_session_unlock(session)
}
