import CEngine
import CWire

// open(2), create(2), close(2), read(2), seek(2), dup(2), remove(2), chdir(2) and fd2path(2) of Plan 9;
// sys/src/9/port/sysfile.c.

/// O* of sys/include/libc.h.
enum OpenMode {
  static let execute = 3
  static let truncate = 16
  static let closeOnExec = 32
  static let removeOnClose = 64
  static let exclusive = 0x1000

  /// openmode of sysfile.c: no other bits than those of an open, whatever the access.
  static func isValid(_ mode: Int) -> Bool { mode & ~(truncate | closeOnExec | removeOnClose) & ~3 == 0 }
}

/// Linux's flags for an open's mode.
func linuxFlags(_ mode: Int) -> Int {
  var flags = mode & 3 == OpenMode.execute ? 0 : mode & 3
  if mode & OpenMode.truncate != 0 { flags |= Int(O_TRUNC) }
  if mode & OpenMode.closeOnExec != 0 { flags |= Int(O_CLOEXEC) }
  return flags
}

/// openByMode(path, mode)
func openByMode(_ call: inout Call) -> Int {
  let mode = Int(call.int32(1))
  guard OpenMode.isValid(mode) else { return call.fail(EINVAL, "bad arg in system call") }
  var failure = 0
  guard let name = call.name(0, &failure), let walk = call.walk(name, .open, mode: mode, &failure) else {
    return failure
  }
  return open(call, walk, mode)
}

/// createByMode(path, mode, permissions): an existing file is truncated.
func createByMode(_ call: inout Call) -> Int {
  let mode = Int(call.int32(1))
  guard OpenMode.isValid(mode & ~OpenMode.exclusive) else { return call.fail(EINVAL, "bad arg in system call") }
  let permissions = call.uint32(2)
  let isFolder = permissions & DirectoryMode.directory != 0
  var failure = 0
  guard let name = call.name(0, &failure),
    let walk = call.walk(name, .create, mode: mode, isFolder: isFolder, &failure)
  else { return failure }
  if walk.place.kind != .missing { return open(call, walk, mode & ~OpenMode.exclusive | OpenMode.truncate) }
  return named(call, walk, create(call, walk, mode & ~OpenMode.exclusive, permissions))
}

/// Gives a device's failure the name before its words.
private func named(_ call: Call, _ walk: Walk, _ result: Int) -> Int {
  guard result < 0, result > -4096, result != Int(PERSONA_RESTART) else { return result }
  let errno = Int32(truncatingIfNeeded: -result)
  guard call.thread.pointee.has_message != 0, let words = call.newText(longestMessage) else {
    return walk.failOpened(errno, call.words(-result))
  }
  var kept = words
  withUnsafeBytes(of: &call.thread.pointee.message) { message in
    for index in 0..<message.count {
      if message[index] == 0 { break }
      kept.append(message[index])
    }
  }
  return walk.failOpened(errno, kept.bytes)
}

private func open(_ call: Call, _ walk: Walk, _ mode: Int) -> Int {
  guard let state = call.names() else { return call.noNames }
  let opened = named(call, walk, openPlace(call, state, walk.place, mode))
  if opened >= 0, mode & OpenMode.removeOnClose != 0 { call.removeLater(state, walk.place.location.bytes, opened) }
  return opened
}

private func openPlace(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace, _ mode: Int
) -> Int {
  if place.kind == .directory {
    guard mode & ~OpenMode.closeOnExec == 0 else {
      return place.device == UInt8(ascii: "U") || place.device == UInt8(ascii: "d") || place.device == UInt8(ascii: "s")
        ? call.error(EISDIR) : call.error(EPERM)
    }
    let file = SpecialFile(device: place.device, number: SpecialFile.directory)
    if let refusal = unreadable(call, place) { return refusal }
    return call.openSpecial(file, place, mode: mode, isUnion: place.members > 1)
  }
  switch place.device {
  case UInt8(ascii: "U"): return openLinux(call, place, mode)
  case UInt8(ascii: "c"): return openConsole(call, place, mode)
  case UInt8(ascii: "e"):
    guard let path = call.environmentPath(state, place.path.from(1)) else { return call.error(ENOMEM) }
    return call.hostNow(__NR_openat, Int(AT_FDCWD), path.word, linuxFlags(mode))
  case UInt8(ascii: "d"): return openDescriptor(call, place, mode)
  case UInt8(ascii: "p"): return call.openProcess(place, mode)
  case UInt8(ascii: "s"): return call.openService(state, place, mode)
  default: return call.error(EPERM)
  }
}

/// Why a directory of Linux's cannot be read; nil when it can.
private func unreadable(_ call: Call, _ place: NamePlace) -> Int? {
  guard place.device == UInt8(ascii: "U"), place.members <= 1, let path = call.linuxPath(place.location.bytes) else {
    return nil
  }
  let result = quietly(__NR_faccessat, Int(AT_FDCWD), path.word, 4)
  return result < 0 ? result : call.isRefused(place.status, 4) ? call.error(EACCES) : nil
}

private func openLinux(_ call: Call, _ place: NamePlace, _ mode: Int) -> Int {
  guard let path = call.linuxPath(place.location.bytes) else { return call.error(ENOMEM) }
  var flags = linuxFlags(mode)
  if mode & 3 == OpenMode.execute {
    let result = quietly(__NR_faccessat, Int(AT_FDCWD), path.word, 1)
    if result < 0 { return result }
  }
  if call.isRefused(place.status, wantedBits(mode)) { return call.error(EACCES) }
  let isRegular = place.status.get(at: 28, as: UInt16.self) & 0o170000 == 0o100000
  let kept = isRegular ? call.keptMode(path) : 0
  if kept & DirectoryMode.append != 0 { flags = flags & ~Int(O_TRUNC) | Int(O_APPEND) }
  let opened = call.host(__NR_openat, Int(AT_FDCWD), path.word, flags | Int(O_NOCTTY))
  if opened >= 0, kept & DirectoryMode.exclusive != 0 { return lockAlone(call, opened) }
  return opened
}

/// Permissions that an open needs.
private func wantedBits(_ mode: Int) -> UInt16 {
  let access: UInt16 =
    switch mode & 3 {
    case 0: 4
    case 1: 2
    case 2: 6
    default: 1
    }
  return mode & OpenMode.truncate != 0 ? access | 2 : access
}

/// DMEXCL: one open at a time.
private func lockAlone(_ call: Call, _ opened: Int) -> Int {
  // LOCK_EX | LOCK_NB
  if call.hostNow(__NR_flock, opened, 2 | 4) == 0 { return opened }
  _ = call.hostNow(__NR_close, opened)
  return call.fail(EBUSY, "exclusive lock")
}

private func create(_ call: Call, _ walk: Walk, _ mode: Int, _ permissions: UInt32) -> Int {
  guard let state = call.names() else { return call.noNames }
  let place = walk.place
  let isFolder = permissions & DirectoryMode.directory != 0
  switch place.device {
  case UInt8(ascii: "U"): return createLinux(call, state, place, mode, permissions)
  case UInt8(ascii: "e"):
    guard !isFolder, let path = call.environmentPath(state, place.path.from(1)) else { return call.error(EPERM) }
    let opened = call.hostNow(
      __NR_openat, Int(AT_FDCWD), path.word, linuxFlags(mode) | Int(O_CREAT | O_TRUNC), 0o600)
    if opened >= 0, mode & OpenMode.removeOnClose != 0 { call.removeLater(state, place.location.bytes, opened) }
    return opened
  case UInt8(ascii: "s"): return call.createService(state, place, mode, permissions)
  default: return call.error(EPERM)
  }
}

private func createLinux(
  _ call: Call, _ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace, _ mode: Int, _ permissions: UInt32
) -> Int {
  guard let path = call.linuxPath(place.location.bytes), let parent = call.linuxPath(place.location.bytes),
    let status = call.scratch(256)
  else { return call.error(ENOMEM) }
  var folder = parent
  folder.cut(to: max(folder.bytes.lastSlash ?? 0, 1))
  let found = quietly(__NR_statx, Int(AT_FDCWD), folder.word, 0, 0x7ff, status.word)
  if found < 0 { return found }
  if call.isRefused(status, 2) { return call.error(EACCES) }
  // open(5): a new file gets no permission that its directory lacks; Linux's mask has no part in it.
  let allowed = UInt32(status.get(at: 28, as: UInt16.self))
  guard permissions & DirectoryMode.directory == 0 else {
    guard mode & ~OpenMode.closeOnExec == 0 else { return call.error(EPERM) }
    let mode0 = Int(permissions & (~0o777 | allowed) & 0o777)
    let made = call.hostNow(__NR_mkdirat, Int(AT_FDCWD), path.word, mode0)
    if made < 0 { return made }
    _ = quietly(__NR_fchmodat, Int(AT_FDCWD), path.word, mode0)
    return call.openSpecial(
      SpecialFile(device: place.device, number: SpecialFile.directory), place, mode: mode)
  }
  let mode0 = Int(permissions & (~0o666 | allowed) & 0o777)
  var flags = linuxFlags(mode) | Int(O_CREAT | O_EXCL | O_NOCTTY)
  if permissions & DirectoryMode.append != 0 { flags |= Int(O_APPEND) }
  var opened = call.hostNow(__NR_openat, Int(AT_FDCWD), path.word, flags & ~Int(O_TRUNC), mode0 | 0o200)
  if opened == call.error(EEXIST) {
    // Somebody else was faster.
    opened = call.hostNow(__NR_openat, Int(AT_FDCWD), path.word, linuxFlags(mode) | Int(O_TRUNC))
    return opened
  }
  if opened < 0 { return opened }
  _ = quietly(__NR_fchmod, opened, mode0)
  if permissions & DirectoryMode.kept != 0 {
    let kept = call.keepMode(path, permissions)
    if kept < 0 {
      _ = quietly(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
      _ = quietly(__NR_close, opened)
      return call.fail(EPERM, "wstat -- this file system keeps no such bits")
    }
  }
  if permissions & DirectoryMode.exclusive != 0 { opened = lockAlone(call, opened) }
  if opened >= 0, mode & OpenMode.removeOnClose != 0 { call.removeLater(state, place.location.bytes, opened) }
  return opened
}

// MARK: - Descriptors

/// closeFile(fd)
func closeFile(_ call: inout Call) -> Int {
  let descriptor = Int(call.int32(0))
  guard !isEngineDescriptor(descriptor) else { return call.error(EBADF) }
  call.removeNow(descriptor)
  return call.hostNow(__NR_close, descriptor)
}

/// readAt(fd, buffer, count, offset): offset -1 reads where the descriptor is.
func readAt(_ call: inout Call) -> Int {
  let (descriptor, count) = (Int(call.int32(0)), Int(call.int32(2)))
  guard count >= 0 else { return call.fail(EINVAL, "bad arg in system call") }
  if call[3] == -1 {
    if isPipe(call, descriptor) { return readPipe(call, descriptor, call.address(1), count) }
    let result = call.host(__NR_read, descriptor, call[1], count)
    return result == call.error(EBADF) ? readSpecial(call, descriptor, call.address(1), count, -1) : result
  }
  guard call[3] >= 0 else { return call.fail(EINVAL, "negative i/o offset") }
  let result = call.host(__NR_pread64, descriptor, call[1], count, call[3])
  if result == call.error(EBADF) { return readSpecial(call, descriptor, call.address(1), count, call[3]) }
  guard result == call.error(ESPIPE) else { return result }
  if isPipe(call, descriptor) { return readPipe(call, descriptor, call.address(1), count) }
  return call.host(__NR_read, descriptor, call[1], count)
}

/// writeAt(fd, buffer, count, offset): offset -1 writes where the descriptor is.
func writeAt(_ call: inout Call) -> Int {
  let (descriptor, count) = (Int(call.int32(0)), Int(call.int32(2)))
  guard count >= 0 else { return call.fail(EINVAL, "bad arg in system call") }
  if call[3] == -1 {
    if isPipe(call, descriptor) { return writePipe(call, descriptor, call.address(1), count) }
    let result = call.host(__NR_write, descriptor, call[1], count)
    return result == call.error(EBADF) ? writeSpecial(call, descriptor, call.address(1), count, -1) : result
  }
  guard call[3] >= 0 else { return call.fail(EINVAL, "negative i/o offset") }
  let result = call.host(__NR_pwrite64, descriptor, call[1], count, call[3])
  if result == call.error(EBADF) { return writeSpecial(call, descriptor, call.address(1), count, call[3]) }
  guard result == call.error(ESPIPE) else { return result }
  if isPipe(call, descriptor) { return writePipe(call, descriptor, call.address(1), count) }
  return call.host(__NR_write, descriptor, call[1], count)
}

/// seekTo(result, fd, offset, whence): the position goes to memory, the answer is 0.
func seekTo(_ call: inout Call) -> Int {
  let (descriptor, offset, whence) = (Int(call.int32(1)), call[2], call[3])
  var position: Int
  if let file = call.special(descriptor) {
    position = seek(call, file, descriptor, offset, whence)
  } else {
    position = call.hostNow(__NR_lseek, descriptor, offset, whence)
    if position == call.error(ESPIPE) {
      if isPipe(call, descriptor) { return call.fail(ESPIPE, "seek on a stream") }
      // A terminal has no place to seek to, but takes any.
      position = offset < 0 ? call.error(EINVAL) : offset
    }
    if position == call.error(EINVAL) { return call.fail(EINVAL, "negative i/o offset") }
  }
  if position < 0 { return position }
  return call.write(Int64(position), at: call.address(0)) ? 0 : call.error(EFAULT)
}

private func seek(_ call: Call, _ file: SpecialFile, _ descriptor: Int, _ offset: Int, _ whence: Int) -> Int {
  if file.number == SpecialFile.directory, whence != 0 || offset != 0 { return call.error(EISDIR) }
  var base = 0
  if whence == 1 { base = quietly(__NR_lseek, descriptor, 0, 1) }
  if whence == 2, let state = call.names(), let head = call.openHead(descriptor) {
    _ = quietly(__NR_close, head.file)
    base = call.record(of: head.location, state, name: NameBytes("")).map { Int($0.length) } ?? 0
  }
  let (position, overflow) = base.addingReportingOverflow(offset)
  if overflow || position < 0 { return call.fail(EINVAL, "negative i/o offset") }
  return quietly(__NR_lseek, descriptor, position, 0)
}

/// duplicate(old, new): new -1 asks for the lowest free one. Closing on exec is the file's, not the descriptor's.
func duplicate(_ call: inout Call) -> Int {
  let (old, new) = (Int(call.int32(0)), Int(call.int32(1)))
  let flags = isEngineDescriptor(old) ? -1 : quietly(__NR_fcntl, old, Int(F_GETFD))
  guard flags >= 0, new >= -1, !isEngineDescriptor(new) else { return call.error(EBADF) }
  let closes = flags & Int(FD_CLOEXEC) != 0
  if new == -1 {
    return call.hostNow(__NR_fcntl, old, closes ? 1030 /* F_DUPFD_CLOEXEC */ : 0 /* F_DUPFD */, 0)
  }
  if old == new { return new }
  call.removeNow(new)
  return call.hostNow(__NR_dup3, old, new, closes ? Int(O_CLOEXEC) : 0)
}

/// pathOfDescriptor(fd, buffer, size): as much of the name as fits, NUL-terminated.
func pathOfDescriptor(_ call: inout Call) -> Int {
  let size = Int(call.int32(2))
  guard size > 0 else { return call.fail(EINVAL, "bad arg in system call") }
  guard let state = call.names() else { return call.noNames }
  let descriptor = Int(call.int32(0))
  guard !isEngineDescriptor(descriptor), let file = call.openFile(descriptor, state) else { return call.error(EBADF) }
  var name = file.name
  name.cut(to: size - 1)
  return call.copyOut(call.address(1), name.start, name.count + 1) ? 0 : call.error(EFAULT)
}

// MARK: - Names

/// removePath(path): a file or an empty directory.
func removePath(_ call: inout Call) -> Int {
  var failure = 0
  guard let name = call.name(0, &failure), let walk = call.walk(name, .remove, &failure) else { return failure }
  guard let state = call.names() else { return call.noNames }
  if walk.place.members > 0 { return call.fail(EBUSY, "is a mount point") }
  return call.removeFile(state, walk.place, isFolder: walk.place.kind == .directory)
}

func changeDirectory(_ call: inout Call) -> Int {
  var failure = 0
  guard let name = call.name(0, &failure), let walk = call.walk(name, .enter, &failure) else { return failure }
  guard let state = call.names() else { return call.noNames }
  let place = walk.place
  if let path = call.linuxDirectory(place.location.bytes, state) {
    // Programs of Linux's that are executed begin there.
    let entered = call.hostNow(__NR_chdir, path.word)
    if entered < 0 { return walk.failOpened(Int32(truncatingIfNeeded: -entered), call.words(-entered)) }
  }
  return state.enter(call, place.location.bytes, place.name.bytes) ? 0 : call.fail(ENAMETOOLONG, "name too long")
}

extension Call {
  /// Where a program of Linux's begins whose working directory is `location`: the first of Linux's directories that are
  /// mounted there, or else the directory itself; nil where Linux has none. `/` is Linux's, whatever is mounted before it.
  func linuxDirectory(_ location: NameBytes, _ state: UnsafeMutablePointer<NamesState>) -> NameText? {
    if location.equals("#/") { return linuxPath(NameBytes("#U")) }
    var offset = 0
    while let member = state.pointee.mounts.next(&offset, at: location) {
      if member.to[1] == UInt8(ascii: "U") { return linuxPath(member.to) }
    }
    return location[1] == UInt8(ascii: "U") ? linuxPath(location) : nil
  }

  func removeFile(_ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace, isFolder: Bool) -> Int {
    switch place.device {
    case UInt8(ascii: "U"):
      guard let path = linuxPath(place.location.bytes), let status = scratch(256),
        var folder = linuxPath(place.location.bytes)
      else { return error(ENOMEM) }
      folder.cut(to: max(folder.bytes.lastSlash ?? 0, 1))
      let found = linuxStatus(folder, status)
      if found < 0 { return found }
      if isRefused(status, 2) { return error(EACCES) }
      return hostNow(__NR_unlinkat, Int(AT_FDCWD), path.word, isFolder ? Int(AT_REMOVEDIR) : 0)
    case UInt8(ascii: "e") where !isFolder:
      guard let path = environmentPath(state, place.path.from(1)) else { return error(ENOMEM) }
      return hostNow(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
    case UInt8(ascii: "s") where !isFolder: return removeService(state, place)
    default: return error(EPERM)
    }
  }
}
