import CEngine
import CWire

// await(2): sys/src/9k/port/proc.c (pwait), sysproc.c (sysawait). Linux tells of an end and of the times, the
// session's memory of the message.

/// Options and codes of waitid(2): WEXITED, WNOHANG, WNOWAIT, __WALL; CLD_EXITED (asm-generic/siginfo.h).
private enum Wait {
  static let noHang = 1
  static let exited = 4
  static let leave = 0x0100_0000
  static let all = 0x4000_0000
  static let isExit: Int32 = 1
}

/// awaitChild(buffer, size): "PID USER SYSTEM REAL 'MESSAGE'", of the child that ended last.
func awaitChild(_ call: inout Call) -> Int {
  tellNextEnd(call, call.address(0), Int(call.int32(1)))
}

/// The same for a read of the process's own wait file.
func tellNextEnd(_ call: Call, _ buffer: UInt64, _ room: Int) -> Int {
  guard let session = persona_session(), let membership = call.membership,
    let info = call.scratch(128)
  else { return call.error(ENOMEM) }
  while true {
    call.reap(session)
    if let found = takeEnded(session, call.process.pointee.pid) {
      membership.pointee.children -= 1
      return writeEnd(call, found, buffer, room)
    }
    if membership.pointee.children == 0 { return call.error(ECHILD) }
    let result = call.host(
      __NR_waitid, 0, 0, info.word, Wait.exited | Wait.all | Wait.leave, 0)
    if result < 0 { return result }
  }
}

/// The latest of the ends that nobody has been told of; its entry is free then.
private func takeEnded(
  _ session: UnsafeMutablePointer<persona_session>, _ parent: Int32
) -> persona_member? {
  persona_session_lock(session)
  defer { persona_session_unlock(session) }
  let members = persona_session_members(session)!
  var latest = -1
  for index in 0..<Int(session.pointee.members_used)
  where members[index].parent == parent && members[index].pid > 0 && members[index].was_waited != 0 {
    if latest < 0 || members[index].ended > members[latest].ended { latest = index }
  }
  guard latest >= 0 else { return nil }
  let found = members[latest]
  members[latest].pid = 0
  return found
}

private func writeEnd(_ call: Call, _ end: persona_member, _ buffer: UInt64, _ size: Int) -> Int {
  guard let line = call.scratch(512) else { return call.error(ENOMEM) }
  guard size > 0 else { return 0 }
  var end = end
  var text = WordWriter(line.assumingMemoryBound(to: CChar.self), min(size, 512))
  text.add(decimal: UInt64(UInt32(bitPattern: end.pid)))
  let times = persona_member_times(&end)!
  for index in 0..<3 {
    text.add(" ")
    text.add(decimal: UInt64(times[index]))
  }
  text.add(" ")
  text.add(quoted: persona_member_message(&end)!)
  text.end()
  return call.copyOut(buffer, line, text.count + 1) ? text.count : call.error(EFAULT)
}

extension Call {
  /// Takes from Linux the status of every child that has ended.
  func reap(_ session: UnsafeMutablePointer<persona_session>) {
    guard let info = scratch(128), let usage = scratch(144) else { return }
    while true {
      info.storeBytes(of: 0, toByteOffset: 16, as: Int32.self)
      // Noted for the log where it found something.
      let result = persona_syscall(
        Int64(__NR_waitid), 0, 0, UInt64(UInt(bitPattern: info)),
        UInt64(Wait.exited | Wait.all | Wait.noHang), UInt64(UInt(bitPattern: usage)), 0)
      let pid = info.load(fromByteOffset: 16, as: Int32.self)
      guard result == 0, pid > 0 else { return }
      keepEnd(session, pid, info, usage)
    }
  }

  private func keepEnd(
    _ session: UnsafeMutablePointer<persona_session>, _ pid: Int32, _ info: UnsafeMutableRawPointer,
    _ usage: UnsafeMutableRawPointer
  ) {
    persona_session_lock(session)
    defer { persona_session_unlock(session) }
    let members = persona_session_members(session)!
    for index in 0..<Int(session.pointee.members_used)
    where members[index].pid == pid && members[index].was_waited == 0 {
      let member = members + index
      if member.pointee.parent != process.pointee.pid {
        member.pointee.pid = 0
        return
      }
      if member.pointee.ended == 0 {
        session.pointee.last_end += 1
        member.pointee.ended = session.pointee.last_end
      }
      if member.pointee.flags & (PERSONA_MEMBER_IS_TOLD.rawValue | PERSONA_MEMBER_KILLED.rawValue) == 0 {
        tellStatus(
          member, code: info.load(fromByteOffset: 8, as: Int32.self),
          status: info.load(fromByteOffset: 24, as: Int32.self))
      }
      let times = persona_member_times(member)!
      times[0] = milliseconds(usage, 0)
      times[1] = milliseconds(usage, 16)
      times[2] = UInt32(truncatingIfNeeded: monotonicMilliseconds() &- member.pointee.started)
      member.pointee.was_waited = 1
      return
    }
  }
}

/// A struct timeval.
private func milliseconds(_ usage: UnsafeMutableRawPointer, _ offset: Int) -> UInt32 {
  let seconds = usage.load(fromByteOffset: offset, as: Int64.self)
  let rest = usage.load(fromByteOffset: offset + 8, as: Int64.self)
  return UInt32(truncatingIfNeeded: seconds * 1000 + rest / 1000)
}

/// The message of a process that left none: a Linux program, or one that Linux ended.
private func tellStatus(_ member: UnsafeMutablePointer<persona_member>, code: Int32, status: Int32) {
  var message = InlineArray<32, CChar>(repeating: 0)
  withUnsafeMutableBytes(of: &message) { bytes in
    let start = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
    var text = WordWriter(start, 32)
    if code == Wait.isExit {
      if status != 0 { text.add(decimal: UInt64(UInt32(bitPattern: status))) }
    } else {
      switch status {
      case 1: text.add("hangup")
      case 2: text.add("interrupt")
      case 9, 15: text.add("kill")
      case 13: text.add("sys: write on closed pipe")
      case 14: text.add("alarm")
      default:
        text.add("sys: signal ")
        text.add(decimal: UInt64(UInt32(bitPattern: status)))
      }
    }
    text.end()
    tell(member, start)
  }
}
