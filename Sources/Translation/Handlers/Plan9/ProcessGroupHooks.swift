import CEngine
import CWire

// What rfork(2), exec(2) and the end of a process mean to name spaces, environments and descriptors: called by
// ProcessGroups and Processes. The session's lock is not held.

/// The caller's name space `group` gets a copy under the new number `to`.
func copyNamespace(_ call: Call, from group: UInt32, to: UInt32) {
  // The standard one is made when it is first asked for, so that there is something to copy.
  guard let state = call.names(), let session = persona_session() else { return }
  persona_session_lock(session)
  if let table = SessionNames.newTable(of: to, session) {
    let number = table.group
    table.copy(from: SessionNames.table(of: group, session) ?? state.pointee.table)
    table.group = number
  }
  persona_session_unlock(session)
}

/// `group` is a new name space that begins with `/` alone.
func clearNamespace(_ call: Call, _ group: UInt32) {
  guard call.names() != nil, let session = persona_session() else { return }
  persona_session_lock(session)
  _ = SessionNames.newTable(of: group, session)
  persona_session_unlock(session)
}

/// The last process of a name space has ended or left it.
func releaseNamespace(_ call: Call, _ group: UInt32) {
  guard let session = persona_session() else { return }
  persona_session_lock(session)
  SessionNames.table(of: group, session)?.group = 0
  persona_session_unlock(session)
}

/// Environment `group` gets a copy under the new number `to`.
func copyEnvironment(_ call: Call, from group: UInt32, to: UInt32) { call.copyVariables(from: group, to: to) }

/// `group` is a new, empty environment.
func clearEnvironment(_ call: Call, _ group: UInt32) { call.makeEmptyEnvironment(group) }

func releaseEnvironment(_ call: Call, _ group: UInt32) { call.removeEnvironment(group) }

/// Linux copies or shares the descriptors themselves; this is about what else is known of them.
func copyDescriptors(_ call: Call, from group: UInt32, to: UInt32) {}

/// The new table `group` is empty. Linux's descriptors are closed by the caller.
func clearDescriptors(_ call: Call, _ group: UInt32) {}

func releaseDescriptors(_ call: Call, _ group: UInt32) {}

/// The first process of a session, or one whose parent is no guest, begins with new groups: its name space is the
/// standard one, its environment that of Linux (`envp`: the address of Linux's environment pointers).
func beginGroups(_ thread: UnsafeMutablePointer<persona_thread>, _ entry: UnsafeMutablePointer<persona_member>, envp: UInt64) {
  guard let session = persona_session() else { return }
  // Where it works is Linux's to say until it has told.
  SessionNames.directory(session, entry)[0] = 0
}

/// Opens a program by its name in the name space: an O_PATH descriptor, or -errno.
func openProgram(_ call: Call, path: UnsafePointer<CChar>) -> Int {
  let name = UnsafeMutablePointer(mutating: UnsafeRawPointer(path).assumingMemoryBound(to: UInt8.self)).terminated
  guard name.count > 0 else { return call.fail(ENOENT, "empty file name") }
  guard call.isValid(name, slash: true) else { return call.badCharacter(name) }
  var failure = 0
  guard let walk = call.walk(name, .open, mode: OpenMode.execute, &failure) else { return failure }
  guard walk.place.device == UInt8(ascii: "U"), let file = call.linuxPath(walk.place.location.bytes) else {
    return walk.failOpened(EACCES, call.words(Int(EACCES)))
  }
  let allowed = quietly(__NR_faccessat, Int(AT_FDCWD), file.word, 1)
  if allowed < 0 { return walk.failOpened(Int32(truncatingIfNeeded: -allowed), call.words(-allowed)) }
  return call.hostNow(__NR_openat, Int(AT_FDCWD), file.word, Int(O_PATH | O_CLOEXEC))
}

/// The address of Linux's environment pointers for a program that the process executes; 0 for none.
func environmentPointers(_ call: Call) -> UInt64 { call.linuxEnvironment() }

/// Whether a Linux descriptor is the engine's own: the guest neither sees, closes nor replaces it.
func isEngineDescriptor(_ fd: Int) -> Bool { fd >= engineDescriptors }

/// Linux descriptors from here on are the engine's: it moves its own there (F_DUPFD).
let engineDescriptors = 960
