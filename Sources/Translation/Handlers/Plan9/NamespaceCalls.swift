import CEngine
import CWire

// bind(2) and unmount(2), and the name space that a session begins with: sys/src/9/port/sysfile.c (bindmount), chan.c,
// lib/namespace.

/// bindName(name, old, flags): the mount's number.
func bindName(_ call: inout Call) -> Int {
  let flags = Int(call.uint32(2))
  guard flags & ~MountFlags.known == 0, flags & MountFlags.order != MountFlags.order else {
    return call.fail(EINVAL, "bad arg in system call")
  }
  var failure = 0
  guard let name = call.name(0, &failure), let new = call.walk(name, .bind, &failure) else { return failure }
  guard let oldName = call.name(1, &failure), let old = call.walk(oldName, .mountPoint, &failure) else {
    return failure
  }
  guard let state = call.names() else { return call.noNames }
  if new.place.kind != old.place.kind { return call.fail(EINVAL, "inconsistent mount") }
  if old.place.kind != .directory, flags & MountFlags.order != 0 { return call.fail(EINVAL, "inconsistent mount") }
  if flags & MountFlags.create != 0, new.place.members > 0 {
    let isCreating = state.pointee.mounts.first(at: new.place.head.bytes).map { $0.flags & MountFlags.create != 0 }
    if new.place.members > 1 || isCreating != true { return call.fail(EINVAL, "inconsistent mount") }
  }
  let request = MountTable.Request(
    from: old.place.location.bytes, fromName: old.place.name.bytes, to: new.place.location.bytes,
    toName: new.place.name.bytes, flags: flags,
    union: new.place.members > 1 ? new.place.head.bytes : NameBytes(start: nil, count: 0))
  let identifier = call.change(state) { table, room in table.mount(request, room) }
  guard let identifier else { return call.error(ENOMEM) }
  return identifier == 0 ? call.fail(ENOMEM, "kernel allocate failed") : Int(identifier)
}

/// unmountName(name, old): all that is mounted there for no name.
func unmountName(_ call: inout Call) -> Int {
  var failure = 0
  guard let oldName = call.name(1, &failure), let old = call.walk(oldName, .mountPoint, &failure) else {
    return failure
  }
  guard let state = call.names() else { return call.noNames }
  var mounted: NameBytes?
  if call.address(0) != 0 {
    guard let name = call.name(0, &failure), let walk = call.walk(name, .open, &failure) else { return failure }
    mounted = walk.place.location.bytes
  }
  let result = call.change(state) { table, room in table.unmount(old.place.location.bytes, mounted, room) }
  switch result {
  case .done: return 0
  case .nothingThere: return call.fail(EINVAL, "not mounted")
  case .notInUnion: return call.fail(EINVAL, "not in union")
  case nil: return call.error(ENOMEM)
  }
}

extension Call {
  /// Changes the name space's mounts; nil without memory.
  fileprivate func change<Result>(
    _ state: UnsafeMutablePointer<NamesState>, _ body: (MountTable, UnsafeMutableRawPointer) -> Result
  ) -> Result? {
    guard let session = persona_session(), let room = persona_allocate(MountTable.bytes) else { return nil }
    defer { persona_release(room) }
    persona_session_lock(session)
    let result = body(state.pointee.table, room)
    persona_session_unlock(session)
    return result
  }

  // MARK: The first name space

  /// Mounts what init(8) does by /lib/namespace: `/` is the tree that was given for a root, then Linux's own; the
  /// devices; and the commands. The session's lock is held.
  func fillStandardNamespace(_ table: MountTable) {
    guard let room = persona_allocate(MountTable.bytes) else { return }
    defer { persona_release(room) }
    func bind(_ to: NameBytes, _ toName: NameBytes, _ from: StaticString, _ name: StaticString, _ flags: Int) {
      let request = MountTable.Request(
        from: NameBytes(from), fromName: NameBytes(name), to: to, toName: toName, flags: flags,
        union: NameBytes(start: nil, count: 0))
      _ = table.mount(request, room)
    }
    func device(_ name: StaticString, _ from: StaticString, _ fromName: StaticString, _ flags: Int) {
      bind(NameBytes(name), NameBytes(name), from, fromName, flags)
    }
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard var location = newText(4096) else { return }
    location.append("#U")
    location.append(rootPath)
    let root = location.count
    if root > 2 { bind(location.bytes, location.bytes, "#/", "/", MountFlags.after) }
    device("#U", "#/", "/", MountFlags.after)
    device("#c", "#//dev", "/dev", 0)
    device("#d", "#//fd", "/fd", 0)
    device("#e", "#//env", "/env", MountFlags.create)
    device("#p", "#//proc", "/proc", 0)
    device("#s", "#//srv", "/srv", MountFlags.create)
    var hasCommands = false
    func commands(_ path: StaticString) {
      location.cut(to: root)
      location.append(path)
      guard let host = linuxPath(location.bytes), let status = scratch(256), linuxStatus(host, status) == 0 else { return }
      bind(location.bytes, NameBytes(path), "#//bin", "/bin", hasCommands ? MountFlags.after : 0)
      hasCommands = true
    }
    commands("/amd64/bin")
    commands("/rc/bin")
    if !hasCommands { device("#U/bin", "#//bin", "/bin", 0) }
  }

  /// The tree that `--root` names, without a slash at its end; empty without one.
  var rootPath: NameBytes {
    guard let plan = process.pointee.plan, plan.pointee.root != 0 else { return NameBytes("") }
    let text = UnsafeRawPointer(plan) + Int(plan.pointee.root)
    let bytes = UnsafeMutablePointer(mutating: text.assumingMemoryBound(to: UInt8.self)).terminated
    return bytes.count > 0 && bytes[bytes.count - 1] == UInt8(ascii: "/") ? bytes.slice(0..<bytes.count - 1) : bytes
  }
}
