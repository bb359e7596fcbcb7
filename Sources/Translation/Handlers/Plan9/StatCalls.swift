import CEngine
import CWire

// stat(2), fstat(2), wstat(2) and fwstat(2) of Plan 9: sys/src/9/port/sysfile.c. What a file of Linux's makes of a changed record
// follows stat(5) and its own server, sys/src/cmd/fossil/9p.c (rTwstat).

/// statByName(path, buffer, size)
func statByName(_ call: inout Call) -> Int {
  var failure = 0
  guard let name = call.name(0, &failure), let walk = call.walk(name, .access, &failure) else { return failure }
  guard let state = call.names() else { return call.noNames }
  let place = walk.place
  let last = place.name.bytes.lastElement
  let record: FileRecord?
  if place.device == UInt8(ascii: "U"), let path = call.linuxPath(place.location.bytes) {
    record = call.record(place.status, path, name: last)
  } else {
    record = call.record(of: place.location.bytes, state, name: last)
  }
  guard let record else { return call.error(ENOENT) }
  return call.deliver(record, at: call.address(1), Int(call.uint32(2)))
}

/// statByDescriptor(fd, buffer, size): the file's own name, whatever it was opened by.
func statByDescriptor(_ call: inout Call) -> Int {
  let descriptor = Int(call.int32(0))
  guard let state = call.names() else { return call.noNames }
  guard !isEngineDescriptor(descriptor), let file = call.openFile(descriptor, state) else { return call.error(EBADF) }
  guard let record = call.record(descriptor, file, state) else { return call.error(ENOENT) }
  return call.deliver(record, at: call.address(1), Int(call.uint32(2)))
}

extension Call {
  /// What stat tells of an open file.
  fileprivate func record(
    _ descriptor: Int, _ file: OpenFile, _ state: UnsafeMutablePointer<NamesState>
  ) -> FileRecord? {
    let name = file.location.count == 2 ? file.name.bytes.lastElement : file.location.bytes.lastElement
    if file.isPipe { return pipeRecord(descriptor) }
    guard file.location.start[1] == UInt8(ascii: "U"), file.special == nil else {
      return record(of: file.location.bytes, state, name: file.location.count == 2 && name.count == 0 ? NameBytes("/") : name)
    }
    // The file itself, whether it still has its name or not.
    let empty: StaticString = ""
    guard let status = scratch(256), let path = linuxPath(file.location.bytes),
      quietly(
        __NR_statx, descriptor, Int(bitPattern: empty.utf8Start), Int(AT_EMPTY_PATH), 0x7ff, status.word) == 0
    else { return nil }
    return record(status, path, name: name.count == 0 ? NameBytes("/") : name)
  }

  /// devpipe.c: the length is what waits to be read.
  private func pipeRecord(_ descriptor: Int) -> FileRecord? {
    guard let status = scratch(144), quietly(__NR_fstat, descriptor, status.word) == 0, let waiting = scratch(4) else {
      return nil
    }
    var record = FileRecord()
    record.type = UInt16(UInt8(ascii: "|"))
    record.path = status.get(at: 8, as: UInt64.self)
    record.mode = 0o600
    record.accessed = seconds()
    record.modified = record.accessed
    if quietly(__NR_ioctl, descriptor, Int(FIONREAD), waiting.word) == 0 {
      record.length = UInt64(waiting.load(as: UInt32.self))
    }
    record.name = NameBytes("data")
    record.owner = ownName
    record.group = record.owner
    record.modifier = record.owner
    return record
  }
}

/// changeStatByName(path, record, size)
func changeStatByName(_ call: inout Call) -> Int {
  var failure = 0
  guard let record = changes(call, &failure) else { return failure }
  guard let name = call.name(0, &failure), let walk = call.walk(name, .access, &failure) else { return failure }
  guard let state = call.names() else { return call.noNames }
  if walk.place.members > 0, record.name.count > 0 {
    return call.fail(EBUSY, named: walk.place.name.bytes, NameBytes("is a mount point"))
  }
  let result = change(call, state, walk.place.location.bytes, record)
  return result < 0 ? result : call[2]
}

/// changeStatByDescriptor(fd, record, size)
func changeStatByDescriptor(_ call: inout Call) -> Int {
  var failure = 0
  guard let record = changes(call, &failure) else { return failure }
  guard let state = call.names() else { return call.noNames }
  let descriptor = Int(call.int32(0))
  guard !isEngineDescriptor(descriptor), let file = call.openFile(descriptor, state) else { return call.error(EBADF) }
  guard !file.isPipe else { return call.error(EPERM) }
  let result = change(call, state, file.location.bytes, record)
  return result < 0 ? result : call[2]
}

/// The record that the guest gives, if it is one (validstat).
private func changes(_ call: Call, _ failure: inout Int) -> FileRecord? {
  let count = Int(call.uint32(2))
  guard count >= FileRecord.smallest, count < 1 << 14 else {
    failure = call.fail(EINVAL, "malformed stat buffer")
    return nil
  }
  guard let memory = call.scratch(count) else {
    failure = call.error(ENOMEM)
    return nil
  }
  guard call.copyIn(memory, call.address(1), count) else {
    failure = call.error(EFAULT)
    return nil
  }
  guard let record = FileRecord(memory, count) else {
    failure = call.fail(EINVAL, "malformed stat buffer")
    return nil
  }
  if record.name.count < 64, !record.name.equals("/"), !call.isValid(record.name, slash: false) {
    failure = call.badCharacter(record.name)
    return nil
  }
  return record
}

private func change(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ location: NameBytes, _ wanted: FileRecord
) -> Int {
  guard location[1] == UInt8(ascii: "U") else { return changeDevice(call, state, location, wanted) }
  guard let path = call.linuxPath(location), let status = call.scratch(256) else { return call.error(ENOMEM) }
  let found = call.linuxStatus(path, status)
  if found < 0 { return found }
  let current = call.record(status, path, name: location.lastElement)
  var plan = Changes()
  let refusal = plan.examine(call, current, wanted)
  if refusal != 0 { return refusal }
  return plan.apply(call, path, status, wanted)
}

private func changeDevice(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ location: NameBytes, _ wanted: FileRecord
) -> Int {
  guard location[1] == UInt8(ascii: "s"), location.count > 2,
    let path = call.servicePath(state, location.from(3))
  else { return call.error(EPERM) }
  if wanted.mode != UInt32.max {
    return call.hostNow(__NR_fchmodat, Int(AT_FDCWD), path.word, Int(wanted.mode & 0o777 | 0o600))
  }
  return wanted.name.count > 0 || wanted.owner.count > 0 ? call.error(EPERM) : 0
}

/// What a record changes of a file of Linux's: all of it is possible, or nothing is done.
private struct Changes {
  var mode: UInt32?
  var modified: UInt32?
  var length: UInt64?
  var owner: UInt32?
  var group: UInt32?
  var renames = false

  mutating func examine(_ call: Call, _ current: FileRecord, _ wanted: FileRecord) -> Int {
    if wanted.path != UInt64.max, wanted.path != current.path {
      return call.fail(EPERM, "wstat -- attempt to change qid.path")
    }
    if wanted.version != UInt32.max, wanted.version != current.version {
      return call.fail(EPERM, "wstat -- attempt to change qid.vers")
    }
    if wanted.modifier.count > 0, !wanted.modifier.equals(current.modifier) {
      return call.fail(EPERM, "wstat -- attempt to change muid")
    }
    if wanted.mode != UInt32.max {
      if wanted.mode & ~DirectoryMode.known != 0 {
        return call.fail(EINVAL, "wstat -- unknown bits in qid.type/mode")
      }
      if (wanted.mode ^ current.mode) & DirectoryMode.directory != 0 {
        return call.fail(EPERM, "wstat -- attempt to change directory bit")
      }
      if wanted.mode != current.mode { mode = wanted.mode }
    }
    if wanted.modified != UInt32.max, wanted.modified != current.modified { modified = wanted.modified }
    if wanted.length != UInt64.max, wanted.length != current.length {
      let stays = (mode ?? current.mode) & current.mode
      if stays & DirectoryMode.append != 0 {
        return call.fail(EPERM, "wstat -- attempt to change length of append-only file")
      }
      if current.mode & DirectoryMode.directory != 0 {
        return call.fail(EPERM, "wstat -- attempt to change length of directory")
      }
      if wanted.length > UInt64(Int64.max) { return call.fail(EINVAL, "negative i/o offset") }
      length = wanted.length
    }
    if wanted.group.count > 0, !wanted.group.equals(current.group) {
      guard let number = call.number(of: wanted.group, "/etc/group") else {
        return call.fail(EINVAL, "wstat -- unknown gid")
      }
      group = number
    }
    if wanted.owner.count > 0, !wanted.owner.equals(current.owner) {
      guard let number = call.number(of: wanted.owner, "/etc/passwd") else {
        return call.fail(EINVAL, "wstat -- unknown uid")
      }
      owner = number
    }
    renames = wanted.name.count > 0 && !wanted.name.equals(current.name)
    if renames, wanted.name.equals(".") || wanted.name.equals("..") || wanted.name.equals("/") {
      return call.fail(EINVAL, "bad character in file name")
    }
    return 0
  }

  func apply(_ call: Call, _ path: NameText, _ status: UnsafeMutableRawPointer, _ wanted: FileRecord) -> Int {
    if owner != nil || group != nil {
      let changed = call.hostNow(
        __NR_fchownat, Int(AT_FDCWD), path.word, owner.map { Int($0) } ?? -1, group.map { Int($0) } ?? -1, 0)
      if changed < 0 { return changed }
    }
    if let mode {
      if status.get(at: 28, as: UInt16.self) & 0o170000 == 0o100000 {
        let kept = call.keepMode(path, mode)
        if kept < 0 { return call.fail(EPERM, "wstat -- this file system keeps no such bits") }
      }
      let changed = call.hostNow(__NR_fchmodat, Int(AT_FDCWD), path.word, Int(mode & 0o777))
      if changed < 0 { return changed }
    }
    if let length {
      let changed = call.hostNow(__NR_truncate, path.word, Int(length))
      if changed < 0 { return changed }
    }
    if let modified {
      guard let times = call.scratch(32) else { return call.error(ENOMEM) }
      // The access time stays as it is (UTIME_OMIT): servers keep it themselves.
      times.put(0, at: 0)
      times.put(0x3fff_fffe, at: 8)
      times.put(Int(modified), at: 16)
      times.put(0, at: 24)
      let changed = call.hostNow(__NR_utimensat, Int(AT_FDCWD), path.word, times.word, 0)
      if changed < 0 { return changed }
    }
    return renames ? rename(call, path, wanted.name) : 0
  }

  private func rename(_ call: Call, _ path: NameText, _ name: NameBytes) -> Int {
    guard var target = call.newText(path.count + name.count + 2) else { return call.error(ENOMEM) }
    target.append(path.bytes)
    target.cut(to: (path.bytes.lastSlash ?? 0) + 1)
    target.append(name)
    // RENAME_NOREPLACE
    return call.hostNow(
      __NR_renameat2, Int(AT_FDCWD), path.word, Int(AT_FDCWD), target.word, 1)
  }
}
