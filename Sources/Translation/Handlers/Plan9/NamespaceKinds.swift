import CEngine
import CWire

/// What lies at a location.
enum FileKind {
  case missing, file, directory
}

extension Call {
  /// What lies at a location. `status` receives Linux's statx of a file of Linux's.
  func kind(
    of location: NameBytes, _ state: UnsafeMutablePointer<NamesState>, into status: UnsafeMutableRawPointer?,
    _ errno: inout Int32
  ) -> FileKind {
    guard location.count >= 2 else { return .missing }
    let mark = thread.pointee.scratch_used
    defer { thread.pointee.scratch_used = mark }
    guard let status = status ?? scratch(256) else { return .missing }
    switch location[1] {
    case UInt8(ascii: "U"):
      guard let path = linuxPath(location) else { return .missing }
      let result = linuxStatus(path, status)
      if result < 0 {
        errno = Int32(truncatingIfNeeded: -result)
        return .missing
      }
      return linuxKind(status)
    default: return deviceKind(location, state)
    }
  }

  func kind(of location: NameBytes, _ state: UnsafeMutablePointer<NamesState>) -> FileKind {
    var errno = ENOENT
    return kind(of: location, state, into: nil, &errno)
  }

  /// The path of Linux's for a location "#U…", NUL-terminated.
  func linuxPath(_ location: NameBytes) -> NameText? {
    guard var path = newText(location.count + 2) else { return nil }
    if location.count == 2 { path.append(UInt8(ascii: "/")) } else { path.append(location.from(2)) }
    return path
  }

  /// statx of a path, or of the symbolic link itself if it leads nowhere.
  func linuxStatus(_ path: NameText, _ status: UnsafeMutableRawPointer) -> Int {
    let result = quietly(__NR_statx, Int(AT_FDCWD), path.word, 0, 0x7ff, status.word)
    guard result == error(ENOENT) || result == error(ELOOP) else { return result }
    let link = quietly(__NR_statx, Int(AT_FDCWD), path.word, Int(AT_SYMLINK_NOFOLLOW), 0x7ff, status.word)
    return link < 0 ? result : link
  }

  func linuxKind(_ status: UnsafeMutableRawPointer) -> FileKind {
    status.get(at: 28, as: UInt16.self) & 0o170000 == 0o040000 ? .directory : .file
  }

  /// Reads a name operand and checks it as validname of chan.c does.
  ///
  /// - Returns: the name; nil with the answer in `failure`.
  func name(_ operand: Int, _ failure: inout Int) -> NameBytes? {
    guard let memory = scratch(4096 + 256) else {
      failure = error(ENOMEM)
      return nil
    }
    return name(at: address(operand), memory, 4096, &failure)
  }

  func name(
    at address: UInt64, _ memory: UnsafeMutableRawPointer, _ room: Int, _ failure: inout Int
  ) -> NameBytes? {
    let length = persona_copy_string(memory.assumingMemoryBound(to: CChar.self), address, room)
    if length < 0 {
      failure = length == -Int64(ENAMETOOLONG) ? fail(ENAMETOOLONG, "name too long") : error(EFAULT)
      return nil
    }
    let bytes = NameBytes(start: memory.assumingMemoryBound(to: UInt8.self), count: Int(length))
    if bytes.count == 0 {
      failure = fail(ENOENT, "empty file name")
      return nil
    }
    if !isValid(bytes, slash: true) {
      failure = badCharacter(bytes)
      return nil
    }
    return bytes
  }

  func isValid(_ name: NameBytes, slash: Bool) -> Bool {
    for index in 0..<name.count {
      let byte = name[index]
      if byte < 0x20 || byte == 0x7f || byte == UInt8(ascii: "/") && !slash { return false }
    }
    return true
  }

  func badCharacter(_ name: NameBytes) -> Int {
    guard var words = newText(256) else { return error(ENOMEM) }
    words.append("bad character in file name: ")
    words.append(quoted: name)
    return fail(EINVAL, words.bytes)
  }

  /// Walks along `name`. nil with the answer in `failure`.
  func walk(
    _ name: NameBytes, _ purpose: WalkPurpose, mode: Int = 0, isFolder: Bool = false, _ failure: inout Int
  ) -> Walk? {
    guard let state = names() else {
      failure = noNames
      return nil
    }
    guard var walk = Walk(self, state, name) else {
      failure = error(ENOMEM)
      return nil
    }
    failure = walk.run(purpose, mode: mode, isFolder: isFolder)
    return failure == 0 ? walk : nil
  }

  /// A name that leads to `location`: through the longest mounted tree that it lies in, or else the location itself.
  func nameOf(_ location: NameBytes, _ state: UnsafeMutablePointer<NamesState>, _ name: inout NameText) {
    let mounts = state.pointee.mounts
    var limit = Int.max
    while true {
      var (offset, longest) = (0, -1)
      while let mount = mounts.next(&offset) {
        if mount.to.count > longest, mount.to.count < limit, location.isBelow(mount.to) {
          longest = mount.to.count
        }
      }
      guard longest >= 0 else { break }
      limit = longest
      offset = 0
      while let mount = mounts.next(&offset) {
        guard mount.to.count == longest, location.isBelow(mount.to) else { continue }
        name.replace(by: mount.fromName)
        var rest = location.from(longest)
        if rest.count > 0, rest[0] == UInt8(ascii: "/"), name.count > 0, name.start[name.count - 1] == UInt8(ascii: "/") {
          rest = rest.from(1)
        }
        name.append(rest)
        let mark = thread.pointee.scratch_used
        defer { thread.pointee.scratch_used = mark }
        let message = thread.pointee.message
        if var walk = Walk(self, state, name.bytes), walk.run(.access) == 0,
          walk.place.location.bytes.equals(location)
        {
          return
        }
        thread.pointee.message = message
        thread.pointee.has_message = 0
      }
    }
    name.replace(by: location)
  }
}
