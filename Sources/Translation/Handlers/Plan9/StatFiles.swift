import CEngine
import CWire

// What stat(2) says of a file of Linux's.

/// Where a file keeps DMAPPEND, DMEXCL and DMTMP, which Linux's modes lack: an extended attribute of 4 bytes.
private let attributeName: StaticString = "user.plan9.mode"

extension Call {
  /// The record of Linux's file with this statx; `path` is its place in Linux's tree.
  func record(_ status: UnsafeMutableRawPointer, _ path: NameText, name: NameBytes) -> FileRecord {
    var record = FileRecord()
    let mode = status.get(at: 28, as: UInt16.self)
    // As on the system itself, where files come from servers: programs take those of any other device for devices.
    record.type = UInt16(UInt8(ascii: "M"))
    record.device = status.get(at: 136, as: UInt32.self) << 8 | status.get(at: 140, as: UInt32.self)
    // Files of several Linux file systems share one tree, so that the device is part of the path.
    record.path = status.get(at: 32, as: UInt64.self) ^ UInt64(record.device) << 40
    let modified = status.get(at: 112, as: UInt64.self)
    record.version = UInt32(truncatingIfNeeded: modified &* 1_000_000_007 &+ UInt64(status.get(at: 120, as: UInt32.self)))
    record.mode = UInt32(mode & 0o777)
    record.accessed = UInt32(truncatingIfNeeded: status.get(at: 64, as: UInt64.self))
    record.modified = UInt32(truncatingIfNeeded: modified)
    if linuxKind(status) == .directory {
      record.mode |= DirectoryMode.directory
    } else {
      record.length = status.get(at: 40, as: UInt64.self)
      if mode & 0o170000 == 0o100000 { record.mode |= keptMode(path) }
    }
    record.name = name
    record.owner = userName(status.get(at: 20, as: UInt32.self))
    record.group = groupName(status.get(at: 24, as: UInt32.self))
    record.modifier = record.owner
    return record
  }

  // MARK: Bits that Linux's modes lack

  /// DMAPPEND, DMEXCL and DMTMP of the file at a path of Linux's.
  func keptMode(_ path: NameText) -> UInt32 {
    guard let value = scratch(4) else { return 0 }
    let length = quietly(
      __NR_getxattr, path.word, Int(bitPattern: attributeName.utf8Start), value.word, 4)
    return length == 4 ? value.load(as: UInt32.self) & DirectoryMode.kept : 0
  }

  /// Keeps them; 0 or -errno.
  func keepMode(_ path: NameText, _ mode: UInt32) -> Int {
    if mode & DirectoryMode.kept == keptMode(path) { return 0 }
    guard let value = scratch(4) else { return error(ENOMEM) }
    value.storeBytes(of: mode & DirectoryMode.kept, as: UInt32.self)
    if mode & DirectoryMode.kept == 0 {
      return hostNow(__NR_removexattr, path.word, Int(bitPattern: attributeName.utf8Start))
    }
    return hostNow(__NR_setxattr, path.word, Int(bitPattern: attributeName.utf8Start), value.word, 4, 0)
  }

  // MARK: Users

  /// A user's name by /etc/passwd, or the number.
  func userName(_ number: UInt32) -> NameBytes {
    guard let state = process.pointee.names?.assumingMemoryBound(to: NamesState.self) else { return NameBytes("none") }
    return known(number, &state.pointee.users, "/etc/passwd")
  }

  func groupName(_ number: UInt32) -> NameBytes {
    guard let state = process.pointee.names?.assumingMemoryBound(to: NamesState.self) else { return NameBytes("none") }
    return known(number, &state.pointee.groups, "/etc/group")
  }

  /// Whether a file of one's own refuses its owner `wanted` (4 reads, 2 writes, 1 executes). Linux judges everyone
  /// but its superuser, whom Plan 9 does not have: there a file's owner obeys its mode too.
  func isRefused(_ status: UnsafeMutableRawPointer, _ wanted: UInt16) -> Bool {
    guard status.get(at: 20, as: UInt32.self) == 0, quietly(__NR_geteuid) == 0 else { return false }
    return status.get(at: 28, as: UInt16.self) >> 6 & wanted != wanted
  }

  /// The user whose process this is: also the host's owner.
  var ownName: NameBytes { userName(UInt32(truncatingIfNeeded: quietly(__NR_getuid))) }

  private func known(_ number: UInt32, _ known: inout KnownName, _ file: StaticString) -> NameBytes {
    if known.count == 0 || known.number != number {
      known.number = number
      known.count = 0
      let mark = thread.pointee.scratch_used
      let found = lookUp(file) { line in
        guard let value = line.field(2)?.decimal, value == Int(number), let name = line.field(0) else { return false }
        for index in 0..<min(name.count, 32) { known.text[index] = name[index] }
        known.count = min(name.count, 32)
        return known.count > 0
      }
      if !found, var digits = newText(24) {
        digits.append(decimal: UInt64(number))
        for index in 0..<digits.count { known.text[index] = digits.start[index] }
        known.count = digits.count
      }
      thread.pointee.scratch_used = mark
    }
    guard let memory = scratch(32) else { return NameBytes("none") }
    for index in 0..<known.count {
      memory.storeBytes(of: known.text[index], toByteOffset: index, as: UInt8.self)
    }
    return NameBytes(start: memory.assumingMemoryBound(to: UInt8.self), count: known.count)
  }

  /// The number of a user or group with this name; nil when there is none.
  func number(of name: NameBytes, _ file: StaticString) -> UInt32? {
    var result: UInt32?
    let mark = thread.pointee.scratch_used
    _ = lookUp(file) { line in
      guard let found = line.field(0), found.equals(name), let value = line.field(2)?.decimal else { return false }
      result = UInt32(truncatingIfNeeded: value)
      return true
    }
    thread.pointee.scratch_used = mark
    return result
  }

  /// Gives the lines of a file of Linux's to `isFound` until it answers true.
  func lookUp(_ file: StaticString, _ isFound: (NameBytes) -> Bool) -> Bool {
    let descriptor = quietly(
      __NR_openat, Int(AT_FDCWD), Int(bitPattern: file.utf8Start), Int(O_RDONLY | O_CLOEXEC))
    guard descriptor >= 0 else { return false }
    defer { _ = quietly(__NR_close, descriptor) }
    let room = 4096
    guard let memory = scratch(room)?.assumingMemoryBound(to: UInt8.self) else { return false }
    var filled = 0
    while true {
      let count = quietly(__NR_read, descriptor, Int(bitPattern: memory + filled), room - filled)
      if count <= 0 {
        return filled > 0 && isFound(NameBytes(start: memory, count: filled))
      }
      filled += count
      var begin = 0
      for index in 0..<filled where memory[index] == UInt8(ascii: "\n") {
        if isFound(NameBytes(start: memory + begin, count: index - begin)) { return true }
        begin = index + 1
      }
      // A line longer than the room is none that we look for.
      if begin == 0, filled == room { begin = filled }
      for index in begin..<filled { memory[index - begin] = memory[index] }
      filled -= begin
    }
  }
}

extension NameBytes {
  /// The field between colons at a position counted from 0.
  func field(_ number: Int) -> NameBytes? {
    var (begin, current) = (0, 0)
    for index in 0...count where index == count || self[index] == UInt8(ascii: ":") {
      if current == number { return slice(begin..<index) }
      current += 1
      begin = index + 1
    }
    return nil
  }
}
