import CEngine
import CWire

// recvmmsg(2) and sendmmsg(2): several messages by one call. Source: sys_recvmmsg() and sys_sendmmsg() of
// sys/kern/uipc_syscalls.c.

private enum ManyMessages {
  /// sizeof(struct mmsghdr): struct msghdr and the length.
  static let size: UInt64 = 56
  static let length: UInt64 = 48
  static let most = 1024
  /// Linux's MSG_WAITFORONE.
  static let waitForOne = 0x10000
}

/// recvmmsg(s, mmsg, vlen, flags, timeout): the time is looked at after each message.
func receiveMessages(_ call: inout Call) -> Int {
  var deadline: Int?
  if call.address(4) != 0 {
    guard let time = call.scratch(16), call.copyIn(time, call.address(4), 16) else { return call.error(EFAULT) }
    let (seconds, nanoseconds) = (time.load(as: Int.self), time.load(fromByteOffset: 8, as: Int.self))
    guard seconds >= 0, 0..<1_000_000_000 ~= nanoseconds else { return call.error(EINVAL) }
    deadline = now(call) &+ min(seconds, Int.max / 4_000_000_000) * 1_000_000_000 &+ nanoseconds
  }
  return each(&call) { call, flags in
    var one = call
    one.operands[2] = flags & ~ManyMessages.waitForOne
    let result = recvmsg(&one)
    if flags & ManyMessages.waitForOne != 0 { flags |= LinuxSocket.messageDontWait }
    return result
  } isOver: { call in
    deadline.map { now(call) >= $0 } ?? false
  }
}

/// sendmmsg(s, mmsg, vlen, flags)
func sendMessages(_ call: inout Call) -> Int {
  each(&call) { call, flags in
    var one = call
    one.operands[2] = flags
    return sendmsg(&one)
  } isOver: { _ in
    false
  }
}

/// Makes one message after the other; what has been done counts more than an error.
private func each(
  _ call: inout Call, _ act: (Call, inout Int) -> Int, isOver: (Call) -> Bool
) -> Int {
  let count = min(Int(call.uint32(2)), ManyMessages.most)
  var flags = call[3]
  var done = 0
  let used = call.thread.pointee.scratch_used
  while done < count {
    call.thread.pointee.scratch_used = used
    let place = call.address(1) &+ ManyMessages.size * UInt64(done)
    var one = call
    one.operands[1] = Int(truncatingIfNeeded: place)
    let result = act(one, &flags)
    if result < 0 { return done > 0 ? done : result }
    guard call.write(UInt32(truncatingIfNeeded: result), at: place &+ ManyMessages.length) else {
      return done > 0 ? done : call.error(EFAULT)
    }
    done += 1
    if isOver(call) { break }
  }
  return done
}

private func now(_ call: Call) -> Int {
  guard let time = call.scratch(16), call.hostNow(__NR_clock_gettime, 1, time.word) == 0 else { return 0 }
  return time.load(as: Int.self) &* 1_000_000_000 &+ time.load(fromByteOffset: 8, as: Int.self)
}

/// pathconfat(fd, path, name, flag)
func pathLimit(_ call: inout Call) -> Int {
  let flags = Int(O_PATH | O_CLOEXEC) | (call[3] & Int(AT_SYMLINK_NOFOLLOW) != 0 ? Int(O_NOFOLLOW) : 0)
  let file = call.hostNow(__NR_openat, call[0], call[1], flags)
  if file < 0 { return file }
  call.operands[1] = call.operands[2]
  call.operands[0] = file
  let result = fpathconf(&call)
  _ = call.hostNow(__NR_close, file)
  return result
}
