import CEngine
import CWire

// open(2), create(2), read(2), seek(2) and dup(2) of Plan 9; sys/src/9/port/sysfile.c.

/// O* of sys/include/libc.h.
private enum OpenMode {
  static let access = 3
  static let execute = 3
  static let truncate = 16
  static let closeOnExec = 32
  static let removeOnClose = 64
  static let exclusive = 0x1000
  static let known = access | truncate | closeOnExec | removeOnClose | exclusive
}

/// DMDIR and DMAPPEND of sys/include/libc.h, as bits of create's permissions.
private let directoryBit: UInt32 = 0x8000_0000
private let appendBit: UInt32 = 0x4000_0000

extension Call {
  /// Linux's flags for a mode; nil for a mode that Plan 9 or this version lacks.
  fileprivate func openFlags(_ mode: Int) -> Int? {
    guard mode & ~OpenMode.known == 0, mode & OpenMode.removeOnClose == 0 else { return nil }
    var flags = mode & OpenMode.access
    if flags == OpenMode.execute { flags = 0 }
    if mode & OpenMode.truncate != 0 { flags |= Int(O_TRUNC) }
    if mode & OpenMode.closeOnExec != 0 { flags |= Int(O_CLOEXEC) }
    return flags
  }
}

/// openByMode(path, mode)
func openByMode(_ call: inout Call) -> Int {
  let mode = Int(call.int32(1))
  guard mode & OpenMode.exclusive == 0, let flags = call.openFlags(mode) else { return call.error(EINVAL) }
  return call.host(__NR_openat, Int(AT_FDCWD), call[0], flags, 0)
}

/// createByMode(path, mode, permissions): an existing file is truncated, as OTRUNC does.
func createByMode(_ call: inout Call) -> Int {
  let mode = Int(call.int32(1))
  guard var flags = call.openFlags(mode) else { return call.error(EINVAL) }
  let permissions = Int(call.uint32(2) & 0o777)
  if call.uint32(2) & directoryBit != 0 {
    let made = call.hostNow(__NR_mkdirat, Int(AT_FDCWD), call[0], permissions)
    if made < 0 { return made }
    return call.hostNow(__NR_openat, Int(AT_FDCWD), call[0], flags & Int(O_CLOEXEC), 0)
  }
  flags |= Int(O_CREAT) | Int(O_TRUNC)
  if mode & OpenMode.exclusive != 0 { flags |= Int(O_EXCL) }
  if call.uint32(2) & appendBit != 0 { flags |= Int(O_APPEND) }
  return call.host(__NR_openat, Int(AT_FDCWD), call[0], flags, permissions)
}

/// readAt(fd, buffer, count, offset): offset -1 reads where the descriptor is.
func readAt(_ call: inout Call) -> Int {
  guard call.int32(2) >= 0 else { return call.error(EINVAL) }
  let fd = Int(call.int32(0))
  if call[3] == -1 {
    if isPipe(call, fd) { return readPipe(call, fd, call.address(1), call[2]) }
    return call.host(__NR_read, fd, call[1], call[2])
  }
  return call.host(__NR_pread64, fd, call[1], call[2], call[3])
}

/// writeAt(fd, buffer, count, offset): offset -1 writes where the descriptor is.
func writeAt(_ call: inout Call) -> Int {
  guard call.int32(2) >= 0 else { return call.error(EINVAL) }
  let fd = Int(call.int32(0))
  if call[3] == -1 {
    if isPipe(call, fd) { return writePipe(call, fd, call.address(1), call[2]) }
    return call.host(__NR_write, fd, call[1], call[2])
  }
  return call.host(__NR_pwrite64, fd, call[1], call[2], call[3])
}

/// seekTo(result, fd, offset, whence): the position goes to memory, the answer is 0.
func seekTo(_ call: inout Call) -> Int {
  let position = call.hostNow(__NR_lseek, Int(call.int32(1)), call[2], call[3])
  if position < 0 { return position }
  return call.write(Int64(position), at: call.address(0)) ? 0 : call.error(EFAULT)
}

/// duplicate(old, new): new -1 asks for the lowest free one.
func duplicate(_ call: inout Call) -> Int {
  let (old, new) = (Int(call.int32(0)), Int(call.int32(1)))
  if new == -1 { return call.hostNow(__NR_dup, old) }
  guard new >= 0 else { return call.error(EBADF) }
  if old == new { return call.hostNow(__NR_fcntl, old, Int(F_GETFD)) < 0 ? call.error(EBADF) : new }
  return call.hostNow(__NR_dup3, old, new, 0)
}

/// removePath(path): a file or an empty directory.
func removePath(_ call: inout Call) -> Int {
  let result = call.hostNow(__NR_unlinkat, Int(AT_FDCWD), call[0], 0)
  guard result == call.error(EISDIR) else { return result }
  return call.hostNow(__NR_unlinkat, Int(AT_FDCWD), call[0], Int(AT_REMOVEDIR))
}

func changeDirectory(_ call: inout Call) -> Int { call.hostNow(__NR_chdir, call[0]) }

/// pathOfDescriptor(fd, buffer, size): as much of the name as fits, NUL-terminated.
func pathOfDescriptor(_ call: inout Call) -> Int {
  let size = Int(call.int32(2))
  guard size > 0 else { return call.error(EINVAL) }
  guard let link = call.scratch(64), let name = call.scratch(4096) else { return call.error(ENOMEM) }
  if call.hostNow(__NR_fcntl, Int(call.int32(0)), Int(F_GETFD)) < 0 { return call.error(EBADF) }
  writeLink(link, UInt32(bitPattern: call.int32(0)))
  let length = call.hostNow(__NR_readlinkat, Int(AT_FDCWD), link.word, name.word, min(size - 1, 4095))
  if length < 0 { return length }
  name.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  return call.copyOut(call.address(1), name, length + 1) ? 0 : call.error(EFAULT)
}

/// "/proc/self/fd/N"
private func writeLink(_ memory: UnsafeMutableRawPointer, _ fd: UInt32) {
  let folder: StaticString = "/proc/self/fd/"
  memory.copyMemory(from: folder.utf8Start, byteCount: folder.utf8CodeUnitCount)
  var divisor: UInt32 = 1
  while fd / divisor >= 10 { divisor *= 10 }
  var end = folder.utf8CodeUnitCount
  while divisor > 0 {
    memory.storeBytes(of: UInt8(48 + fd / divisor % 10), toByteOffset: end, as: UInt8.self)
    end += 1
    divisor /= 10
  }
  memory.storeBytes(of: 0, toByteOffset: end, as: UInt8.self)
}
