import CEngine
import CWire

// Reading directories: read and unionread of sys/src/9/port/sysfile.c, devdirread of dev.c. A read at offset 0 makes the
// records of all members of the union anew; the reads that follow hand them out, whole ones only.

/// Records on their way into a special file.
struct RecordWriter {
  private let file: Int
  private let memory: UnsafeMutableRawPointer
  private let room = 8192
  private var used = 0
  private(set) var total = 0

  init?(_ call: Call, _ file: Int) {
    guard let memory = call.scratch(room) else { return nil }
    self.memory = memory
    self.file = file
  }

  mutating func add(_ record: FileRecord) {
    let size = record.size
    guard size <= room else { return }
    if used + size > room { flush() }
    record.write(memory + used)
    used += size
  }

  mutating func flush() {
    if used > 0 { _ = quietly(__NR_pwrite64, file, memory.word, used, SpecialHead.contents + total) }
    total += used
    used = 0
  }
}

/// readDirectory(descriptor, buffer, room, offset): offset -1 goes on where the last read ended.
func readDirectory(_ call: Call, _ descriptor: Int, _ buffer: UInt64, _ room: Int, _ offset: Int) -> Int {
  guard offset >= -1 else { return call.fail(EINVAL, "negative i/o offset") }
  let position = quietly(__NR_lseek, descriptor, 0, 1)
  if position < 0 { return position }
  guard let state = call.names() else { return call.noNames }
  guard let head = call.openHead(descriptor) else { return call.error(EIO) }
  defer { _ = quietly(__NR_close, head.file) }
  guard head.mode & 3 == 0 || head.mode & 3 == 3 else { return call.fail(EBADF, "inappropriate use of fd") }
  let asked = offset == -1 ? position : offset
  if head.head.count == 0, asked != position { return call.fail(EINVAL, "seek in directory") }
  var contents = head.contents
  if asked == 0 {
    contents = fillDirectory(call, state, head)
    if contents < 0 { return contents }
  }
  // A union is read on wherever the guest says it is.
  let start = head.head.count == 0 || asked == 0 ? asked : position
  let count = wholeRecords(call, head.file, start, contents, room)
  if count == 0, start < contents { return call.fail(EINVAL, "i/o count too small") }
  guard count > 0 else { return max(count, 0) }
  let moved = copyRecords(call, head.file, start, count, buffer)
  if moved < 0 { return moved }
  _ = quietly(__NR_lseek, descriptor, start + count, 0)
  return count
}

/// How many bytes of whole records from `start` fit into `room`.
private func wholeRecords(_ call: Call, _ file: Int, _ start: Int, _ contents: Int, _ room: Int) -> Int {
  guard let size = call.scratch(2) else { return 0 }
  var end = start
  while end + 2 <= contents {
    guard quietly(__NR_pread64, file, size.word, 2, SpecialHead.contents + end) == 2 else { break }
    let next = end + 2 + Int(size.get(at: 0, as: UInt16.self))
    if next - start > room || next > contents { break }
    end = next
  }
  return end - start
}

private func copyRecords(_ call: Call, _ file: Int, _ start: Int, _ count: Int, _ buffer: UInt64) -> Int {
  guard let memory = call.scratch(8192) else { return call.error(ENOMEM) }
  var done = 0
  while done < count {
    let piece = quietly(
      __NR_pread64, file, memory.word, min(8192, count - done), SpecialHead.contents + start + done)
    guard piece > 0 else { return call.error(EIO) }
    guard call.copyOut(buffer + UInt64(done), memory, piece) else { return call.error(EFAULT) }
    done += piece
  }
  return done
}

/// Makes a directory's records anew; their size.
private func fillDirectory(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ head: SpecialHead
) -> Int {
  guard var writer = RecordWriter(call, head.file) else { return call.error(ENOMEM) }
  let mounts = state.pointee.mounts
  if head.head.count > 0 {
    var offset = 0
    while let member = mounts.next(&offset, at: head.head) {
      list(call, state, member.to, isDevice: head.isDevice, &writer)
    }
  } else {
    list(call, state, head.location, isDevice: head.isDevice, &writer)
  }
  writer.flush()
  guard let size = call.scratch(8) else { return call.error(ENOMEM) }
  size.storeBytes(of: UInt64(writer.total), as: UInt64.self)
  let kept = quietly(__NR_pwrite64, head.file, size.word, 8, 16)
  return kept < 0 ? kept : writer.total
}

/// Adds the records of the directory at `location`. What is mounted on an entry is told in its place (mountfix).
private func list(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ location: NameBytes, isDevice: Bool,
  _ writer: inout RecordWriter
) {
  let mark = call.thread.pointee.scratch_used
  defer { call.thread.pointee.scratch_used = mark }
  guard var entry = call.newText(4096 + 512) else { return }
  entry.append(location)
  entry.append(UInt8(ascii: "/"))
  let length = entry.count
  let mounts = state.pointee.mounts
  call.eachEntry(location, state) { name in
    // Above what lists the entries.
    let inner = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = inner }
    entry.cut(to: length)
    entry.append(name)
    guard !entry.isCut else { return }
    if !isDevice, let mount = mounts.first(at: entry.bytes), !isMember(entry.bytes, mounts),
      let record = call.record(of: mount.to, state, name: name)
    {
      writer.add(record)
    } else if let record = call.record(of: entry.bytes, state, name: name) {
      writer.add(record)
    }
  }
}

private func isMember(_ location: NameBytes, _ mounts: MountTable) -> Bool {
  var offset = 0
  while let mount = mounts.next(&offset, at: location) {
    if mount.to.equals(location) { return true }
  }
  return false
}

extension Call {
  /// Gives the names in a directory to `body`.
  func eachEntry(
    _ location: NameBytes, _ state: UnsafeMutablePointer<NamesState>, _ body: (NameBytes) -> Void
  ) {
    switch location[1] {
    case UInt8(ascii: "U"):
      guard let path = linuxPath(location) else { return }
      eachLinuxEntry(path, body)
    case UInt8(ascii: "e"):
      guard let path = environmentPath(state, NameBytes("")) else { return }
      eachLinuxEntry(path, body)
    case UInt8(ascii: "s"):
      guard let path = servicePath(state, NameBytes("")) else { return }
      eachLinuxEntry(path, body)
    default: eachDeviceEntry(location, body)
    }
  }

  /// The entries of a directory of Linux's, without "." and "..".
  func eachLinuxEntry(_ path: NameText, _ body: (NameBytes) -> Void) {
    let directory = quietly(
      __NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    guard directory >= 0 else { return }
    defer { _ = quietly(__NR_close, directory) }
    guard let memory = scratch(16 << 10) else { return }
    while true {
      let count = quietly(__NR_getdents64, directory, memory.word, 16 << 10)
      if count <= 0 { return }
      var offset = 0
      while offset < count {
        // struct linux_dirent64: d_reclen at 16, d_name at 19.
        let size = Int(memory.get(at: offset + 16, as: UInt16.self))
        let text = (memory + offset + 19).assumingMemoryBound(to: UInt8.self).terminated
        if !text.equals("."), !text.equals("..") { body(text) }
        offset += max(size, 19)
      }
    }
  }

  /// What stat tells of the file at a location; nil when there is none.
  func record(
    of location: NameBytes, _ state: UnsafeMutablePointer<NamesState>, name: NameBytes
  ) -> FileRecord? {
    guard location[1] == UInt8(ascii: "U") else { return deviceRecord(location, state, name: name) }
    guard let path = linuxPath(location), let status = scratch(256), linuxStatus(path, status) == 0 else { return nil }
    return record(status, path, name: name)
  }
}
