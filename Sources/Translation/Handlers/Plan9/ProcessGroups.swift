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
  /// notify(2)'s function; 0 without one.
  var handler: UInt64 = 0
  /// The frame of the note that is being handled, as `up->ureg`; older ones hang on it.
  var frame: UInt64 = 0
  /// The note that was handled last, for noted(NDFLT).
  var lastNote = persona_note()
  /// Children that have ended and were not waited for yet.
  var ended = EndedChildren()
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
    let old = entry.pointee
    if request.has(ForkRequest.copyNames | ForkRequest.clearNames) {
      let group = newGroup(session)
      if request.has(ForkRequest.copyNames) {
        copyNamespace(self, from: old.name_group, to: group)
      } else {
        clearNamespace(self, group)
      }
      entry.pointee.name_group = group
    }
    if request.has(ForkRequest.noMount) { entry.pointee.flags |= PERSONA_MEMBER_NO_MOUNT.rawValue }
    if request.has(ForkRequest.copyEnvironment | ForkRequest.clearEnvironment) {
      let group = newGroup(session)
      if request.has(ForkRequest.copyEnvironment) {
        copyEnvironment(self, from: old.environment_group, to: group)
      } else {
        clearEnvironment(self, group)
      }
      entry.pointee.environment_group = group
    }
    if request.has(ForkRequest.copyDescriptors | ForkRequest.clearDescriptors) {
      let group = newGroup(session)
      if request.has(ForkRequest.copyDescriptors) {
        copyDescriptors(self, from: old.descriptor_group, to: group)
      } else {
        clearDescriptors(self, group)
      }
      entry.pointee.descriptor_group = group
    }
    if request.has(ForkRequest.newRendezvous) { entry.pointee.rendezvous_group = newGroup(session) }
    if request.has(ForkRequest.newNotes) { entry.pointee.note_group = newGroup(session) }
  }

  /// Tells of those groups of `left` that no process has any more.
  func releaseGroups(_ left: persona_member, in session: UnsafeMutablePointer<persona_session>) {
    var (names, environment, descriptors) = (true, true, true)
    let members = persona_session_members(session)!
    for index in 0..<Int(PERSONA_MEMBERS) where members[index].pid != 0 {
      if members[index].name_group == left.name_group { names = false }
      if members[index].environment_group == left.environment_group { environment = false }
      if members[index].descriptor_group == left.descriptor_group { descriptors = false }
    }
    if names { releaseNamespace(self, left.name_group) }
    if environment { releaseEnvironment(self, left.environment_group) }
    if descriptors { releaseDescriptors(self, left.descriptor_group) }
  }
}

/// A number that no group of the session has had.
func newGroup(_ session: UnsafeMutablePointer<persona_session>) -> UInt32 {
  persona_session_lock(session)
  session.pointee.last_group += 1
  let group = session.pointee.last_group
  persona_session_unlock(session)
  return group
}
