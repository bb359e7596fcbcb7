import CEngine
import CWire

// What a process knows of names: its working directory, and where its session keeps name spaces and environments.

/// Where names lie in the session's memory, behind the members: tables of mounts, then a place for each member's
/// working directory.
enum SessionNames {
  static let tables = 256
  static let directories = Int(PERSONA_SESSION_NAMES) + tables * MountTable.bytes
  /// Bytes of a working directory's place: its location and its name, each NUL-terminated.
  static let directoryBytes = 2048

  static func table(_ session: UnsafeMutablePointer<persona_session>, _ index: Int) -> MountTable {
    MountTable(
      memory: UnsafeMutableRawPointer(session) + Int(PERSONA_SESSION_NAMES) + index * MountTable.bytes)
  }

  /// The table of name space `group`. Names are kept under a number one higher, so that 0 is a free table.
  static func table(of group: UInt32, _ session: UnsafeMutablePointer<persona_session>) -> MountTable? {
    for index in 0..<tables {
      let table = table(session, index)
      if table.group == group &+ 1 { return table }
    }
    return nil
  }

  /// A free table for `group`, empty. The session's lock is held.
  static func newTable(of group: UInt32, _ session: UnsafeMutablePointer<persona_session>) -> MountTable? {
    for index in 0..<tables {
      let table = table(session, index)
      guard table.group == 0 else { continue }
      table.clear()
      table.changes = 1
      table.group = group &+ 1
      return table
    }
    return nil
  }

  /// The place of a member's working directory.
  static func directory(
    _ session: UnsafeMutablePointer<persona_session>, _ member: UnsafeMutablePointer<persona_member>
  ) -> UnsafeMutablePointer<UInt8> {
    let index = member - persona_session_members(session)!
    return (UnsafeMutableRawPointer(session) + directories + index * directoryBytes)
      .assumingMemoryBound(to: UInt8.self)
  }
}

/// The process's own knowledge, in the engine's memory.
struct NamesState {
  /// Whose it is: a child that found its parent's makes its own.
  var pid: Int32 = 0
  var table = MountTable(memory: UnsafeMutableRawPointer(bitPattern: 16)!)
  /// A copy of the mounts, so that a lookup takes no lock, and the name space whose it is.
  var mounts = MountTable(memory: UnsafeMutableRawPointer(bitPattern: 16)!)
  /// The session's folder.
  var folder = InlineArray<96, UInt8>(repeating: 0)
  var folderCount = 0
  /// The working directory: 1 KiB each.
  var directory: UnsafeMutablePointer<UInt8>
  /// User and group names that were looked up last.
  var users = KnownName()
  var groups = KnownName()
  /// The environment whose folder is known to be there, plus 1.
  var environment: UInt32 = 0
  /// Files that are to be removed when the process closes them.
  var removals = InlineArray<8, Removal>(repeating: Removal())
  var removalCount = 0
  /// Whether `rawon` is in force.
  var isRaw = false
}

/// A number's name.
struct KnownName {
  var number: UInt32 = UInt32.max
  var text = InlineArray<32, UInt8>(repeating: 0)
  var count = 0
}

/// Half of a working directory's memory: its location stands in the first, its name in the second.
private let directoryHalf = SessionNames.directoryBytes / 2

extension UnsafeMutablePointer where Pointee == UInt8 {
  var terminated: NameBytes {
    var count = 0
    while self[count] != 0 { count += 1 }
    return NameBytes(start: self, count: count)
  }
}

extension UnsafeMutablePointer where Pointee == NamesState {
  var directoryLocation: NameBytes { pointee.directory.terminated }
  var directoryName: NameBytes { (pointee.directory + directoryHalf).terminated }

  /// Makes `location` the working directory; false when it is too long to be kept.
  func enter(_ call: Call, _ location: NameBytes, _ name: NameBytes) -> Bool {
    guard location.count < directoryHalf, name.count < directoryHalf else { return false }
    put(location, pointee.directory)
    put(name, pointee.directory + directoryHalf)
    publish(call)
    return true
  }

  /// Tells the session where the process is.
  func publish(_ call: Call) {
    guard let session = persona_session(), let member = call.member else { return }
    let place = SessionNames.directory(session, member)
    place.update(from: pointee.directory, count: SessionNames.directoryBytes)
  }

  private func put(_ bytes: NameBytes, _ place: UnsafeMutablePointer<UInt8>) {
    for index in 0..<bytes.count { place[index] = bytes[index] }
    place[bytes.count] = 0
  }

  /// The session's folder, with `name` below it.
  func path(_ call: Call, _ room: Int) -> NameText? {
    guard var text = call.newText(room) else { return nil }
    for index in 0..<pointee.folderCount { text.append(pointee.folder[index]) }
    return text
  }

  /// The mounts as they are now.
  func refresh(_ session: UnsafeMutablePointer<persona_session>) {
    guard pointee.mounts.group != pointee.table.group || pointee.mounts.changes != pointee.table.changes else { return }
    persona_session_lock(session)
    pointee.mounts.copy(from: pointee.table)
    persona_session_unlock(session)
  }
}

extension Call {
  /// What the process knows of names, up to date; nil without a session or memory, when `noNames` is the answer.
  func names() -> UnsafeMutablePointer<NamesState>? {
    guard let session = persona_session() else { return nil }
    var known = process.pointee.names?.assumingMemoryBound(to: NamesState.self)
    if known == nil || known!.pointee.pid != process.pointee.pid {
      known = makeNames(session, parent: known)
      process.pointee.names = known.map { UnsafeMutableRawPointer($0) }
    }
    guard let state = known else { return nil }
    if state.pointee.table.group != nameGroup &+ 1 {
      guard let table = findTable(session, state) else { return nil }
      state.pointee.table = table
    }
    state.refresh(session)
    return state
  }

  var noNames: Int { fail(EIO, "no memory for names") }

  private func makeNames(
    _ session: UnsafeMutablePointer<persona_session>, parent: UnsafeMutablePointer<NamesState>?
  ) -> UnsafeMutablePointer<NamesState>? {
    let size = (MemoryLayout<NamesState>.size + 15) & ~15
    guard
      let memory = persona_allocate(size + SessionNames.directoryBytes + MountTable.bytes)
    else { return nil }
    let state = memory.bindMemory(to: NamesState.self, capacity: 1)
    let directory = (memory + size).bindMemory(to: UInt8.self, capacity: SessionNames.directoryBytes)
    state.initialize(to: parent?.pointee ?? NamesState(directory: directory))
    state.pointee.pid = process.pointee.pid
    state.pointee.directory = directory
    state.pointee.mounts = MountTable(memory: memory + size + SessionNames.directoryBytes)
    state.pointee.mounts.clear()
    state.pointee.environment = 0
    state.pointee.removalCount = 0
    state.pointee.isRaw = false
    state.pointee.table = state.pointee.mounts
    if let parent {
      directory.update(from: parent.pointee.directory, count: SessionNames.directoryBytes)
      state.publish(self)
      return state
    }
    guard findFolder(state) else { return nil }
    if let member, let place = persona_session().map({ SessionNames.directory($0, member) }), place[0] != 0 {
      // Left by this process before its exec.
      directory.update(from: place, count: SessionNames.directoryBytes)
    } else {
      guard let table = findTable(session, state) else { return nil }
      state.pointee.table = table
      state.refresh(session)
      process.pointee.names = UnsafeMutableRawPointer(state)
      enterLinuxDirectory(state)
    }
    return state
  }

  /// Linux's working directory, under the name by which it can be reached.
  private func enterLinuxDirectory(_ state: UnsafeMutablePointer<NamesState>) {
    guard var location = newText(4096 + 8) else { return }
    location.append("#U")
    guard let buffer = scratch(4096) else { return }
    let length = quietly(__NR_getcwd, buffer.word, 4096)
    // Linux counts the NUL; "/" is the location without a path.
    if length > 2 {
      location.append(NameBytes(start: buffer.assumingMemoryBound(to: UInt8.self), count: length - 1))
    }
    guard var name = newText(4096) else { return }
    nameOf(location.bytes, state, &name)
    if !state.enter(self, location.bytes, name.bytes) { _ = state.enter(self, NameBytes("#U"), NameBytes("/")) }
  }

  private func findFolder(_ state: UnsafeMutablePointer<NamesState>) -> Bool {
    let file = Int(persona_syscall(Int64(PERSONA_HYPERCALL), UInt64(PERSONA_HC_FOLDER.rawValue), 0, 0, 0, 0, 0))
    guard file >= 0, let link = scratch(32), let path = scratch(96) else { return false }
    writeDescriptorPath(file, to: link)
    let length = quietly(__NR_readlinkat, Int(AT_FDCWD), link.word, path.word, 96)
    _ = quietly(__NR_close, file)
    guard length > 0, length < 96 else { return false }
    for index in 0..<length { state.pointee.folder[index] = path.load(fromByteOffset: index, as: UInt8.self) }
    state.pointee.folderCount = length
    return true
  }

  /// The table of the process's name space; the standard one is made when nobody has asked for it before.
  private func findTable(
    _ session: UnsafeMutablePointer<persona_session>, _ state: UnsafeMutablePointer<NamesState>
  ) -> MountTable? {
    persona_session_lock(session)
    defer { persona_session_unlock(session) }
    if let table = SessionNames.table(of: nameGroup, session) { return table }
    guard let table = SessionNames.newTable(of: nameGroup, session) else { return nil }
    fillStandardNamespace(table)
    return table
  }
}
