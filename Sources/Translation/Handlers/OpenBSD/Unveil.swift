import CEngine
import CWire
import Wire

// unveil(2), and the lookups of a process that has called it: what it has not unveiled is not there.
// Source: sys/kern/kern_unveil.c, sys_unveil() of sys/kern/vfs_syscalls.c.

/// unveil(path, permissions): NULL for both ends it.
func unveil(_ call: inout Call) -> Int {
  if call.words[0] == 0, call.words[1] == 0 {
    call.process.pointee.promised |= PromiseState.unveilIsOver
    return 0
  }
  if call.process.pointee.promised & PromiseState.unveilIsOver != 0 { return call.error(EPERM) }
  guard let permissions = call.scratch(16), let path = call.scratch(8) else { return call.error(ENOMEM) }
  let length = persona_copy_string(permissions.assumingMemoryBound(to: CChar.self), call.words[1], 5)
  if length < 0 { return Int(length) }
  let first = persona_copy_string(path.assumingMemoryBound(to: CChar.self), call.words[0], 1)
  if first == 0 { return call.error(EINVAL) }
  if first == -Int64(EFAULT) { return call.error(EFAULT) }
  guard
    var walk = PathWalk(
      call, PathUse(bits: PathUse.follow | PathUse.naming), from: Int(AT_FDCWD), against: nil)
  else { return call.error(ENOMEM) }
  let refusal = walk.walk(call.words[0])
  if refusal != 0 { return refusal }
  guard isReachable(call, walk) else { return call.error(EPERM) }
  guard let rights = rights(permissions, Int(length)) else { return call.error(EINVAL) }
  guard let list = call.makeUnveilList() else { return call.error(ENOMEM) }
  persona_lock(&call.process.pointee.action_lock)
  defer { persona_unlock(&call.process.pointee.action_lock) }
  return add(call, walk, list, rights)
}

/// unveil_parsepermissions
private func rights(_ permissions: UnsafeRawPointer, _ length: Int) -> UInt8? {
  var rights = Unveiled.byUser
  for index in 0..<length {
    switch permissions.load(fromByteOffset: index, as: UInt8.self) {
    case UInt8(ascii: "r"): rights |= Unveiled.read
    case UInt8(ascii: "w"): rights |= Unveiled.write
    case UInt8(ascii: "x"): rights |= Unveiled.execute
    case UInt8(ascii: "c"): rights |= Unveiled.create
    default: return nil
    }
  }
  return rights
}

/// Any access to the file or to its directory will do.
private func isReachable(_ call: Call, _ walk: PathWalk) -> Bool {
  var directory = walk
  for place in 0..<2 {
    if place == 1 {
      if walk.parent == nil { return false }
      directory.leaveLastName()
    } else if !walk.exists {
      continue
    }
    if isAllowed(call, directory, 4) || isAllowed(call, directory, 2) || isAllowed(call, directory, 1) {
      return true
    }
  }
  return false
}

private func isAllowed(_ call: Call, _ walk: PathWalk, _ mode: Int) -> Bool {
  // faccessat2(…, AT_EACCESS)
  call.hostNow(439, Int(AT_FDCWD), walk.text.word, mode, 0x200) == 0
}

/// unveil_add
private func add(_ call: Call, _ walk: PathWalk, _ list: UnveilList, _ rights: UInt8) -> Int {
  guard list.count < UnveilList.limit, list.nameCount < UnveilList.limit else { return call.error(E2BIG) }
  guard let identity = walk.directory ?? walk.parent else { return call.error(ENOENT) }
  var entry = list.find(identity)
  if entry < 0 {
    entry = list.count
    list.directory(entry).pointee = UnveiledDirectory(identity: identity, rights: 0)
    list.count = entry + 1
  }
  let text = walk.text + walk.name.offset
  if walk.directory != nil {
    list.directory(entry).pointee.rights = rights
  } else if let known = list.find(text, walk.name.length, in: entry) {
    known.pointee.rights = rights
  } else {
    list.append(text, walk.name.length, in: entry, rights)
  }
  return 0
}

// MARK: - Lookups

/// A path of a process that has unveiled some.
func unveiledPath(_ call: Call, _ path: PathOperand) -> NativePath {
  let use = call.pathUse(path.position)
  guard let list = call.unveiled, !use.has(PathUse.bypass) else { return .same }
  guard var walk = PathWalk(call, use, from: path.directory, against: list) else {
    return .refused(call.error(ENOMEM))
  }
  let refusal = walk.walk(path.address)
  if refusal != 0 { return .refused(refusal) }
  let errno = walk.verdict(list)
  if errno == 0 || call.isLenient(path: walk.result) { return .other(walk.result) }
  return .refused(call.error(errno))
}

extension PathWalk {
  /// unveil_flagmatch
  private func allows(_ rights: UInt8) -> Bool { rights != 0 && use.rights & ~rights == 0 }

  private func refusal(_ rights: UInt8) -> Int32 { rights & Unveiled.all != 0 ? EACCES : ENOENT }

  /// unveil_check_final: 0, or an errno.
  mutating func verdict(_ list: UnveilList) -> Int32 {
    var last = match
    if let directory {
      let entry = list.find(directory)
      if entry >= 0 {
        let rights = list.directory(entry).pointee.rights
        if rights & Unveiled.byUser != 0 { return allows(rights) ? 0 : refusal(rights) }
        last = entry
      }
    } else if let parent, case let entry = list.find(parent), entry >= 0 {
      if let name = list.find(text + name.offset, name.length, in: entry) {
        return allows(name.pointee.rights) ? 0 : EACCES
      }
      let rights = list.directory(entry).pointee.rights
      if allows(rights) { return 0 }
      if rights & Unveiled.byUser != 0 { return refusal(rights) }
      last = entry
    }
    guard let start = directory ?? parent else { return ENOENT }
    while last >= 0 {
      let entry = list.directory(last).pointee
      if allows(entry.rights) { return 0 }
      if entry.rights & Unveiled.byUser != 0 { return refusal(entry.rights) }
      if isRoot(entry.identity) { break }
      last = cover(of: last, from: start, isInside: directory == nil)
    }
    return ENOENT
  }
}
