import CEngine
import CWire

// rendezvous(2): sys/src/9k/port/sysproc.c. Two processes of one group, whether they share memory or not, that come
// with the same tag exchange their values.

/// What a process gets that a note called away: ~0.
private let calledAway = -1

/// meet(tag, value)
func meet(_ call: inout Call) -> Int {
  guard let session = persona_session(), let member = call.member else { return call.error(ENOMEM) }
  let (group, tag) = (member.pointee.rendezvous_group, call.unsigned(0))
  let meetings = persona_session_meetings(session)!
  persona_session_lock(session)
  var free = -1
  for index in 0..<Int(PERSONA_MEETINGS) {
    let meeting = meetings + index
    if meeting.pointee.group == 0 || isForsaken(meeting) {
      if free < 0 { free = index }
      continue
    }
    if meeting.pointee.group == group, meeting.pointee.tag == tag, meeting.pointee.state == 1 {
      let value = meeting.pointee.value
      meeting.pointee.value = call.unsigned(1)
      setState(meeting, 2)
      persona_session_unlock(session)
      _ = call.hostNow(__NR_futex, state(meeting), Int(FUTEX_WAKE), 1)
      return answer(call, value)
    }
  }
  guard free >= 0 else {
    persona_session_unlock(session)
    return call.error(EAGAIN)
  }
  let own = meetings + free
  own.pointee.group = group
  own.pointee.tag = tag
  own.pointee.value = call.unsigned(1)
  own.pointee.pid = call.process.pointee.pid
  setState(own, 1)
  persona_session_unlock(session)
  return waitAt(call, own, session)
}

private func waitAt(
  _ call: Call, _ own: UnsafeMutablePointer<persona_meeting>, _ session: UnsafeMutablePointer<persona_session>
) -> Int {
  var isCalledAway = false
  while isWaiting(own), !isCalledAway {
    let result = call.host(__NR_futex, state(own), Int(FUTEX_WAIT), 1)
    isCalledAway =
      result == Int(PERSONA_RESTART) || result == call.error(EINTR) && !call.isOwnInterruption(result)
  }
  persona_session_lock(session)
  let isMet = own.pointee.state == 2
  let value = own.pointee.value
  own.pointee.group = 0
  persona_session_unlock(session)
  return answer(call, isMet ? value : UInt64(bitPattern: Int64(calledAway)))
}

/// Any word may be the answer, those that look like an errno too: these go into the register at once.
private func answer(_ call: Call, _ value: UInt64) -> Int {
  let result = Int(Int64(bitPattern: value))
  if result >= 0 || result < Int(PERSONA_FOREIGN_ERROR) - 4096 { return result }
  call.context[PERSONA_RAX] = value
  return Int(PERSONA_JUMP)
}

/// Its process was killed while it waited.
private func isForsaken(_ meeting: UnsafeMutablePointer<persona_meeting>) -> Bool {
  meeting.pointee.state == 1
    && persona_syscall(
      Int64(__NR_kill), UInt64(UInt32(bitPattern: meeting.pointee.pid)), 0, 0, 0, 0, 0) == -Int64(ESRCH)
}

private func state(_ meeting: UnsafeMutablePointer<persona_meeting>) -> Int {
  Int(bitPattern: persona_meeting_state(meeting))
}

private func isWaiting(_ meeting: UnsafeMutablePointer<persona_meeting>) -> Bool {
  persona_atomic_load(persona_meeting_state(meeting)) == 1
}

private func setState(_ meeting: UnsafeMutablePointer<persona_meeting>, _ state: UInt32) {
  persona_atomic_store(persona_meeting_state(meeting), state)
}
