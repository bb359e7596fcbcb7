import CEngine
import CWire

// Notes on their way to a process: sys/src/9k/port/proc.c (postnote), devproc.c (note, notepg).

extension Call {
  /// Whether a signal that is the engine's own has ended a call: no note, and so nothing to the guest.
  func isOwnInterruption(_ result: Int) -> Bool { result == error(EINTR) && thread.pointee.pending == 0 }
}

/// Linux's signal that tells a process to look at its notes: SIGUSR1.
public let noteSignal = 10

/// Posts the note `text` to a process, or to all of its note group but the caller.
///
/// - Returns: 0, or -errno: ESRCH when there is no such process, EINVAL when the group has nobody.
func postNote(_ call: Call, to pid: Int32, group: Bool, text: UnsafeRawPointer, count: Int) -> Int {
  guard let session = persona_session() else { return call.error(ESRCH) }
  persona_session_lock(session)
  defer { persona_session_unlock(session) }
  guard let target = findMember(session, pid) else { return call.error(ESRCH) }
  guard group else {
    post(PERSONA_NOTE_USER, text, count, to: target)
    return 0
  }
  let members = persona_session_members(session)!
  let own = call.process.pointee.pid
  for index in 0..<Int(session.pointee.members_used) {
    let member = members + index
    if member.pointee.pid > 0, member.pointee.ended == 0, member.pointee.pid != own,
      member.pointee.note_group == target.pointee.note_group
    {
      post(PERSONA_NOTE_USER, text, count, to: member)
    }
  }
  return 0
}

/// The living process with this id. The session's lock is held.
func findMember(
  _ session: UnsafeMutablePointer<persona_session>, _ pid: Int32
) -> UnsafeMutablePointer<persona_member>? {
  guard pid > 0 else { return nil }
  let members = persona_session_members(session)!
  for index in 0..<Int(session.pointee.members_used)
  where members[index].pid == pid && members[index].ended == 0 {
    return members + index
  }
  return nil
}

/// Puts a note into a process's queue, where there is room for it, and wakes the process. The lock is held.
func post(
  _ kind: persona_note_kind, _ text: UnsafeRawPointer, _ count: Int,
  to member: UnsafeMutablePointer<persona_member>
) {
  var signal = noteSignal
  if member.pointee.flags & PERSONA_MEMBER_NATIVE.rawValue != 0 {
    signal = nativeSignal(text, count)
  } else {
    queue(kind, text, count, to: member)
  }
  _ = persona_syscall(
    Int64(__NR_kill), UInt64(UInt32(bitPattern: member.pointee.pid)), UInt64(signal), 0, 0, 0, 0)
}

/// What a note is to a Linux program.
private func nativeSignal(_ text: UnsafeRawPointer, _ count: Int) -> Int {
  if starts(text, count, with: "interrupt") { return 2 }
  if starts(text, count, with: "hangup") { return 1 }
  if starts(text, count, with: "alarm") { return 14 }
  return 15
}

/// Whether a text of `count` bytes begins with these.
func starts(_ text: UnsafeRawPointer, _ count: Int, with prefix: StaticString) -> Bool {
  guard count >= prefix.utf8CodeUnitCount else { return false }
  for index in 0..<prefix.utf8CodeUnitCount
  where text.load(fromByteOffset: index, as: UInt8.self) != prefix.utf8Start[index] {
    return false
  }
  return true
}

/// The same for the caller's own queue, at which it will look anyway.
func queue(
  _ kind: persona_note_kind, _ text: UnsafeRawPointer, _ count: Int,
  to member: UnsafeMutablePointer<persona_member>
) {
  if kind != PERSONA_NOTE_USER, member.pointee.has_handler == 0 || member.pointee.in_handler != 0 {
    member.pointee.note_count = 0
  }
  let position = Int(member.pointee.note_count)
  guard position < Int(PERSONA_NOTES) else { return }
  let note = persona_member_notes(member)! + position
  note.pointee.kind = kind.rawValue
  let length = min(count, Int(PERSONA_NOTE_BYTES) - 1)
  let place = UnsafeMutableRawPointer(persona_note_text(note)!)
  place.copyMemory(from: text, byteCount: length)
  place.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  member.pointee.note_count = UInt32(position + 1)
}
