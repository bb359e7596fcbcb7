import CEngine
import CWire

// rfork(2) and exits(2): sys/src/9k/port/sysproc.c (sysrfork), proc.c (pexit).

/// rforkGroups(flags)
func rforkGroups(_ call: inout Call) -> Int {
  let request = ForkRequest(flags: call.uint32(0))
  guard request.isValid else { return call.error(EINVAL) }
  guard let session = persona_session(), let membership = call.membership else { return call.error(ENOMEM) }
  if !request.has(ForkRequest.process) { return changeGroups(call, request, session) }
  // Children that nobody waits for do not pile up.
  call.reap(session)
  persona_session_lock(session)
  let taken = session.takeMember()
  persona_session_unlock(session)
  guard let entry = taken else { return call.error(EAGAIN) }
  let isWaitedFor = !request.has(ForkRequest.noWait)
  let memory = membership.pointee.segments.prepareFork(call, shares: request.has(ForkRequest.shareMemory))
  guard memory >= 0 else {
    entry.pointee.pid = 0
    return memory
  }
  persona_session_lock(session)
  entry.pointee = membership.pointee.entry.pointee
  entry.pointee.pid = -1
  entry.pointee.parent = isWaitedFor ? call.process.pointee.pid : 0
  entry.pointee.in_handler = 0
  entry.pointee.started = monotonicMilliseconds()
  entry.pointee.memory_group = request.has(ForkRequest.shareMemory) ? entry.pointee.memory_group : 0
  persona_session_unlock(session)
  call.applyGroups(request, to: entry, in: session)
  var kind = PERSONA_FORK.rawValue | PERSONA_UNINTERRUPTED.rawValue
  if !request.has(ForkRequest.copyDescriptors | ForkRequest.clearDescriptors) {
    kind |= PERSONA_SHARE_FILES.rawValue
  }
  if !isWaitedFor { kind |= PERSONA_NO_SIGNAL.rawValue }
  let child = Int(persona_fork(call.thread, kind, nil))
  if child == 0 {
    beginChild(call, request, entry, session)
    return 0
  }
  membership.pointee.segments.finishFork(call)
  persona_session_lock(session)
  // The child may have ended by now and be another one's entry: it has written its own id first.
  if child < 0 {
    entry.pointee.pid = 0
  } else if entry.pointee.pid == -1 {
    entry.pointee.pid = Int32(truncatingIfNeeded: child)
  }
  persona_session_unlock(session)
  if child > 0, isWaitedFor { membership.pointee.children += 1 }
  return child
}

/// rfork without RFPROC: the caller's own groups change.
private func changeGroups(
  _ call: Call, _ request: ForkRequest, _ session: UnsafeMutablePointer<persona_session>
) -> Int {
  let entry = call.membership!.pointee.entry
  let before = entry.pointee
  if request.has(ForkRequest.copyDescriptors | ForkRequest.clearDescriptors) {
    let result = call.hostNow(__NR_unshare, Int(CLONE_FILES))
    if result < 0 { return result }
  }
  call.applyGroups(request, to: entry, in: session)
  if request.has(ForkRequest.clearDescriptors) { call.closeGuestDescriptors() }
  call.releaseGroups(before, in: session)
  return 0
}

private func beginChild(
  _ call: Call, _ request: ForkRequest, _ entry: UnsafeMutablePointer<persona_member>,
  _ session: UnsafeMutablePointer<persona_session>
) {
  let membership = call.membership!
  membership.pointee.entry = entry
  membership.pointee.children = 0
  persona_session_lock(session)
  entry.pointee.pid = call.process.pointee.pid
  session.forgetEarlier(entry)
  persona_session_unlock(session)
  membership.pointee.segments.beginChild(
    call, sharesMemory: request.has(ForkRequest.shareMemory),
    sharesDescriptors: !request.has(ForkRequest.copyDescriptors | ForkRequest.clearDescriptors))
  // kexit keeps the id in struct Tos, which lies on the stack that each process has alone.
  _ = call.write(call.process.pointee.pid, at: membership.pointee.tos + 64)
  if request.has(ForkRequest.clearDescriptors) { call.closeGuestDescriptors() }
}

extension Call {
  /// RFCFDG: all but the engine's own.
  fileprivate func closeGuestDescriptors() {
    _ = hostNow(__NR_close_range, 0, engineDescriptors - 1, 0)
  }
}

/// exitWithMessage(text): no words mean success; Linux is told 0 or 1.
func exitWithMessage(_ call: inout Call) -> Int {
  guard let text = call.scratch(Int(PERSONA_NOTE_BYTES)) else { return call.error(ENOMEM) }
  let bytes = text.assumingMemoryBound(to: CChar.self)
  bytes[0] = 0
  if call.address(0) != 0 {
    let length = persona_copy_string(bytes, call.address(0), Int(PERSONA_NOTE_BYTES) - 1)
    if length == -Int64(EFAULT) {
      copyWords("invalid exit string", to: text, room: Int(PERSONA_NOTE_BYTES))
    } else if length < 0 {
      bytes[Int(PERSONA_NOTE_BYTES) - 1] = 0
    }
  }
  call.closeNames()
  endProcess(call.thread, bytes)
}

/// pexit: leaves the parent a message, and the session what only this process had.
func endProcess(_ thread: UnsafeMutablePointer<persona_thread>, _ message: UnsafePointer<CChar>) -> Never {
  let isSuccess = message[0] == 0
  if let session = persona_session(),
    let membership = thread.pointee.process.pointee.membership?.assumingMemoryBound(to: Membership.self)
  {
    let entry = membership.pointee.entry
    let groups = entry.pointee
    persona_session_lock(session)
    tell(entry, message)
    session.pointee.last_end += 1
    entry.pointee.ended = session.pointee.last_end
    if findMember(session, entry.pointee.parent) == nil { entry.pointee.pid = 0 }
    persona_session_unlock(session)
    let words = InlineArray<8, UInt64>(repeating: 0)
    let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
    let call = Call(thread: thread, table: table, row: table.call(8)!, number: 8, words: words)
    call.releaseGroups(groups, in: session)
  }
  while true { _ = persona_syscall(Int64(__NR_exit_group), isSuccess ? 0 : 1, 0, 0, 0, 0, 0) }
}

/// Writes "NAME PID: MESSAGE" as why the process ended; nothing for no words. The lock is held.
func tell(_ entry: UnsafeMutablePointer<persona_member>, _ message: UnsafePointer<CChar>) {
  entry.pointee.flags |= PERSONA_MEMBER_IS_TOLD.rawValue
  var text = WordWriter(persona_member_message(entry)!, Int(PERSONA_NOTE_BYTES))
  if message[0] != 0 {
    text.add(persona_member_name(entry)!)
    text.add(" ")
    text.add(decimal: UInt64(UInt32(bitPattern: entry.pointee.pid)))
    text.add(": ")
    text.add(message)
  }
  text.end()
}
