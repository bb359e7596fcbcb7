import CEngine
import CWire

// What one process is in its session, and what rfork(2) copies, shares or clears of it; sys/src/9k/port/sysproc.c
// (sysrfork), pgrp.c. Groups are numbers: what a number stands for is kept by those who give it a meaning,
// in memory or files that all guests of the session share.

/// What the process knows of itself alone; a copy of it goes to each child.
struct Membership {
  /// The process's entry in the session's memory.
  var entry: UnsafeMutablePointer<persona_member>
  /// Where struct Tos lies on the stack (sys/include/tos.h).
  var tos: UInt64 = 0
  /// Linux's environment pointers at the start.
  var environment: UInt64 = 0
  /// notify(2)'s function; 0 without one.
  var handler: UInt64 = 0
  /// The frame of the note that is being handled, as `up->ureg`; older ones hang on it.
  var frame: UInt64 = 0
  /// The note that was handled last, for noted(NDFLT).
  var lastNote = persona_note()
  /// Children that rfork made and await has not told of.
  var children = 0
  /// Where the floating-point state of the code that a note interrupted is kept.
  var floatingPoint: UnsafeMutableRawPointer?
  /// The data segment and those that segattach(2) made.
  var segments = Segments()

  init(_ entry: UnsafeMutablePointer<persona_member>) { self.entry = entry }
}

extension Call {
  /// The process's membership in its session; nil when there is no shared memory to keep it in.
  var membership: UnsafeMutablePointer<Membership>? {
    process.pointee.membership?.assumingMemoryBound(to: Membership.self)
  }

  /// The process's entry in the session's memory.
  var member: UnsafeMutablePointer<persona_member>? { membership?.pointee.entry }

  /// The process's name space.
  var nameGroup: UInt32 { member?.pointee.name_group ?? 0 }
  /// The process's environment, the files of /env.
  var environmentGroup: UInt32 { member?.pointee.environment_group ?? 0 }
  /// The process's table of descriptors.
  var descriptorGroup: UInt32 { member?.pointee.descriptor_group ?? 0 }
  /// Whether RFNOMNT was set for the name space.
  var isMountRefused: Bool { (member?.pointee.flags ?? 0) & PERSONA_MEMBER_NO_MOUNT.rawValue != 0 }
}

/// RF* of rfork(2), sys/include/libc.h.
struct ForkRequest {
  static let copyNames: UInt32 = 1 << 0
  static let copyEnvironment: UInt32 = 1 << 1
  static let copyDescriptors: UInt32 = 1 << 2
  static let newNotes: UInt32 = 1 << 3
  static let process: UInt32 = 1 << 4
  static let shareMemory: UInt32 = 1 << 5
  static let noWait: UInt32 = 1 << 6
  static let clearNames: UInt32 = 1 << 10
  static let clearEnvironment: UInt32 = 1 << 11
  static let clearDescriptors: UInt32 = 1 << 12
  static let newRendezvous: UInt32 = 1 << 13
  static let noMount: UInt32 = 1 << 14

  let flags: UInt32

  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  /// Copying and clearing the same thing is a bad argument; so are memory and waiting without a process.
  var isValid: Bool {
    let both: InlineArray<3, UInt32> = [
      Self.copyNames | Self.clearNames, Self.copyEnvironment | Self.clearEnvironment,
      Self.copyDescriptors | Self.clearDescriptors,
    ]
    for index in 0..<3 where flags & both[index] == both[index] { return false }
    return has(Self.process) || !has(Self.shareMemory | Self.noWait)
  }
}

extension Call {
  /// Gives `entry`, which holds a copy of the process's own groups, the groups that rfork asks for. What is to be
  /// copied is copied before anybody sees the new number.
  ///
  /// - Parameter isOwn: whether `entry` is the caller's own, so that descriptors change at once.
  func applyGroups(
    _ request: ForkRequest, to entry: UnsafeMutablePointer<persona_member>,
    in session: UnsafeMutablePointer<persona_session>
  ) {
    func renew(
      _ group: inout UInt32, copies: UInt32, clears: UInt32, _ copy: (Call, UInt32, UInt32) -> Void,
      _ clear: (Call, UInt32) -> Void
    ) {
      guard request.has(copies | clears) else { return }
      let new = newGroup(session)
      if request.has(copies) { copy(self, group, new) } else { clear(self, new) }
      group = new
    }
    renew(
      &entry.pointee.name_group, copies: ForkRequest.copyNames, clears: ForkRequest.clearNames, copyNamespace,
      clearNamespace)
    if request.has(ForkRequest.noMount) { entry.pointee.flags |= PERSONA_MEMBER_NO_MOUNT.rawValue }
    renew(
      &entry.pointee.environment_group, copies: ForkRequest.copyEnvironment, clears: ForkRequest.clearEnvironment,
      copyEnvironment, clearEnvironment)
    renew(
      &entry.pointee.descriptor_group, copies: ForkRequest.copyDescriptors, clears: ForkRequest.clearDescriptors,
      copyDescriptors, clearDescriptors)
    if request.has(ForkRequest.newRendezvous) { entry.pointee.rendezvous_group = newGroup(session) }
    if request.has(ForkRequest.newNotes) { entry.pointee.note_group = newGroup(session) }
  }

  /// Tells of those groups of `left` that no process has any more.
  func releaseGroups(_ left: persona_member, in session: UnsafeMutablePointer<persona_session>) {
    var (names, environment, descriptors) = (true, true, true)
    let members = persona_session_members(session)!
    for index in 0..<Int(session.pointee.members_used)
    where members[index].pid != 0 && members[index].ended == 0 {
      if members[index].name_group == left.name_group { names = false }
      if members[index].environment_group == left.environment_group { environment = false }
      if members[index].descriptor_group == left.descriptor_group { descriptors = false }
    }
    if names { releaseNamespace(self, left.name_group) }
    if environment { releaseEnvironment(self, left.environment_group) }
    if descriptors { releaseDescriptors(self, left.descriptor_group) }
  }
}

// MARK: - The session's processes

extension UnsafeMutablePointer<persona_session> {
  /// A free entry, taken; nil when there are too many processes. The lock is held.
  func takeMember() -> UnsafeMutablePointer<persona_member>? {
    let members = persona_session_members(self)!
    for _ in 0..<2 {
      for index in 0..<Int(pointee.members_used) where members[index].pid == 0 {
        members[index] = persona_member()
        members[index].pid = -1
        return members + index
      }
      if pointee.members_used < UInt32(PERSONA_MEMBERS) {
        let member = members + Int(pointee.members_used)
        pointee.members_used += 1
        member.pointee.pid = -1
        return member
      }
      sweep()
    }
    return nil
  }

  /// Frees the entries of processes that are gone and that nobody waits for. The lock is held.
  private func sweep() {
    let members = persona_session_members(self)!
    for index in 0..<Int(pointee.members_used) where members[index].pid > 0 && isGone(members[index].pid) {
      if findMember(self, members[index].parent) == nil { members[index].pid = 0 }
    }
  }

  private func isGone(_ pid: Int32) -> Bool {
    persona_syscall(Int64(__NR_kill), UInt64(UInt32(bitPattern: pid)), 0, 0, 0, 0, 0) == -Int64(ESRCH)
  }

  /// Frees what is left of an earlier process with the id of `entry`. The lock is held.
  func forgetEarlier(_ entry: UnsafeMutablePointer<persona_member>) {
    let members = persona_session_members(self)!
    for index in 0..<Int(pointee.members_used)
    where members[index].pid == entry.pointee.pid && members + index != entry {
      members[index].pid = 0
    }
  }
}

/// CLOCK_MONOTONIC in milliseconds.
func monotonicMilliseconds() -> UInt64 {
  var time: (Int64, Int64) = (0, 0)
  _ = withUnsafeMutablePointer(to: &time) {
    persona_syscall(Int64(__NR_clock_gettime), 1, UInt64(UInt(bitPattern: $0)), 0, 0, 0, 0)
  }
  return UInt64(time.0) * 1000 + UInt64(time.1) / 1_000_000
}

/// Makes the program that begins on this thread a member of its session: the one that it was before its exec, or
/// a new one whose groups are new.
public func beginMembership(
  _ thread: UnsafeMutablePointer<persona_thread>, tos: UInt64, environment: UInt64,
  name: UnsafePointer<CChar>
) {
  let process = thread.pointee.process!
  guard let session = persona_session(), let memory = persona_allocate(MemoryLayout<Membership>.stride)
  else { return }
  persona_session_lock(session)
  let known = findMember(session, process.pointee.pid)
  let member = known ?? session.takeMember()
  if let member {
    member.pointee.pid = process.pointee.pid
    member.pointee.note_count = 0
    member.pointee.has_handler = 0
    member.pointee.in_handler = 0
    member.pointee.memory_group = 0
    member.pointee.flags &= PERSONA_MEMBER_NO_MOUNT.rawValue
    session.forgetEarlier(member)
  }
  persona_session_unlock(session)
  guard let member else { return }
  let membership = memory.bindMemory(to: Membership.self, capacity: 1)
  membership.initialize(to: Membership(member))
  membership.pointee.tos = tos
  membership.pointee.environment = environment
  process.pointee.membership = memory
  membership.pointee.segments.begin(process)
  if known != nil {
    countChildren(membership, session)
    return
  }
  setName(member, name)
  member.pointee.started = monotonicMilliseconds()
  member.pointee.name_group = newGroup(session)
  member.pointee.environment_group = newGroup(session)
  member.pointee.descriptor_group = newGroup(session)
  member.pointee.note_group = newGroup(session)
  member.pointee.rendezvous_group = newGroup(session)
  if session.pointee.terminal_group == 0 { session.pointee.terminal_group = member.pointee.note_group }
  beginGroups(thread, member, envp: environment)
}

/// Whether this process was a member before its exec: its signals were blocked meanwhile.
public func isMemberKnown(_ pid: Int32) -> Bool {
  guard let session = persona_session() else { return false }
  persona_session_lock(session)
  defer { persona_session_unlock(session) }
  return findMember(session, pid) != nil
}

/// Marks that the process is about to execute a Linux program, or could not.
public func setNative(_ thread: UnsafeMutablePointer<persona_thread>, _ isNative: Bool) {
  guard let membership = thread.pointee.process.pointee.membership else { return }
  let member = membership.assumingMemoryBound(to: Membership.self).pointee.entry
  if isNative {
    member.pointee.flags |= PERSONA_MEMBER_NATIVE.rawValue
  } else {
    member.pointee.flags &= ~PERSONA_MEMBER_NATIVE.rawValue
  }
}

/// Children stay children over an exec.
private func countChildren(
  _ membership: UnsafeMutablePointer<Membership>, _ session: UnsafeMutablePointer<persona_session>
) {
  let members = persona_session_members(session)!
  let pid = membership.pointee.entry.pointee.pid
  for index in 0..<Int(session.pointee.members_used)
  where members[index].pid > 0 && members[index].parent == pid {
    membership.pointee.children += 1
  }
}

/// The last element of a path becomes the process's name, as much as has room.
func setName(_ member: UnsafeMutablePointer<persona_member>, _ path: UnsafePointer<CChar>) {
  var start = path
  var end = path
  while end.pointee != 0 {
    if end.pointee == 47 { start = end + 1 }
    end += 1
  }
  let length = min(end - start, PersonaMemberName.room)
  let name = persona_member_name(member)!
  for index in 0..<length { name[index] = start[index] }
  name[length] = 0
}

private enum PersonaMemberName {
  /// KNAMELEN of sys/include/libc.h, without the NUL.
  static let room = 27
}

/// A number that no group of the session has had.
func newGroup(_ session: UnsafeMutablePointer<persona_session>) -> UInt32 {
  persona_session_lock(session)
  session.pointee.last_group += 1
  let group = session.pointee.last_group
  persona_session_unlock(session)
  return group
}
