import CEngine
import CWire
import Wire

// open(2), posix_fallocate(2), posix_fadvise(2) and shm_open(2): calls on files whose rules or errors
// differ from Linux's.

/// Open flags that Linux lacks. A table's `open_flags` maps them to these bits, which lie above Linux's.
enum ForeignOpenFlags {
  static let sharedLock = 1 << 32
  static let exclusiveLock = 1 << 33
  /// O_EXEC and O_SEARCH: no reading or writing.
  static let execute = 1 << 34
  /// O_RESOLVE_BENEATH: no lookup leaves the directory.
  static let beneath = 1 << 35
  /// O_EMPTY_PATH: an empty path names the directory descriptor itself.
  static let emptyPath = 1 << 36
  static let native = (1 << 32) - 1
}

/// ENOTCAPABLE of sys/errno.h, for a lookup that O_RESOLVE_BENEATH stops.
private let notCapable = 93

private let fileTypeMask: UInt32 = 0o170000
private let socketFile: UInt32 = 0o140000
/// S_ISTXT, which open(2) does not set there (vn_open_cred of kern/vfs_vnops.c).
private let stickyBit = 0o1000

/// lockingOpen(dirfd, path, flags, mode): open(2) and openat(2).
func lockingOpen(_ call: inout Call) -> Int {
  // Only TIOCSCTTY gives a session its terminal there (tty(4)); Linux gives the first one that its leader opens.
  let flags = call[2] | (call.process.pointee.leads_session != 0 ? Int(O_NOCTTY) : 0)
  if flags & ~ForeignOpenFlags.native != 0 { return openWithExtras(call, flags) }
  let result = call.host(__NR_openat, call[0], call[1], flags, call[3] & ~stickyBit)
  return result < 0 ? openFailure(call, result, flags) : result
}

private func openWithExtras(_ call: Call, _ flags: Int) -> Int {
  let wantsLock = flags & (ForeignOpenFlags.sharedLock | ForeignOpenFlags.exclusiveLock) != 0
  let bothLocks = ForeignOpenFlags.sharedLock | ForeignOpenFlags.exclusiveLock
  if flags & bothLocks == bothLocks { return call.error(EINVAL) }
  var native = flags & ForeignOpenFlags.native
  if flags & ForeignOpenFlags.execute != 0 {
    if native & Int(O_ACCMODE) != 0 { return call.error(EINVAL) }
    native = native & ~Int(O_ACCMODE) | Int(O_PATH)
  }
  // The file is emptied only once it is locked.
  let truncates = wantsLock && native & Int(O_TRUNC) != 0
  if truncates { native &= ~Int(O_TRUNC) }
  let result = openNative(call, flags, native)
  if result < 0 { return openFailure(call, result, native) }
  // Whom a file's mode lets neither execute nor search it gets no descriptor to do so (vn_open_vnode of kern/vfs_vnops.c); Linux's
  // O_PATH asks for nothing.
  if flags & ForeignOpenFlags.execute != 0 {
    let allowed = call.checkExecutable(result)
    if allowed < 0 {
      _ = call.hostNow(__NR_close, result)
      return allowed
    }
  }
  guard wantsLock else { return result }
  let failure = lock(call, result, flags)
  if failure < 0 {
    _ = call.hostNow(__NR_close, result)
    // Once created, the file would be in the way of a second try.
    let isRepeatable = native & Int(O_EXCL) == 0
    return failure == Int(PERSONA_RESTART) && !isRepeatable ? call.error(EINTR) : failure
  }
  if truncates {
    let failure = call.hostNow(__NR_ftruncate, result, 0)
    if failure < 0 {
      _ = call.hostNow(__NR_close, result)
      return failure
    }
  }
  return result
}

extension Call {
  /// Whether the process's effective ids may execute the file that a descriptor stands for, or search the folder: 0 or -errno.
  func checkExecutable(_ file: Int) -> Int {
    guard let empty = scratch(16) else { return error(ENOMEM) }
    empty.storeBytes(of: 0, as: UInt8.self)
    // faccessat2(…, X_OK, AT_EACCESS | AT_EMPTY_PATH)
    return hostNow(439, file, empty.word, 1, 0x200 | Int(AT_EMPTY_PATH))
  }
}

private func openNative(_ call: Call, _ flags: Int, _ native: Int) -> Int {
  let mode = native & Int(O_CREAT) != 0 ? call[3] & ~stickyBit & 0o7777 : 0
  if flags & ForeignOpenFlags.emptyPath != 0 {
    var first: UInt8 = 1
    guard call.read(&first, at: call.address(1)) else { return call.error(EFAULT) }
    if first == 0 {
      guard let path = call.scratch(40) else { return call.error(ENOMEM) }
      if call.int32(0) == AT_FDCWD { return call.error(ENOENT) }
      writeDescriptorPath(Int(call.int32(0)), to: path)
      let result = call.host(__NR_openat, Int(AT_FDCWD), path.word, native & ~Int(O_NOFOLLOW), mode)
      return result == call.error(ENOENT) ? call.error(EBADF) : result
    }
  }
  if flags & ForeignOpenFlags.beneath != 0 {
    // struct open_how: flags, mode, resolve.
    guard let how = call.scratch(24) else { return call.error(ENOMEM) }
    how.storeBytes(of: native, as: Int.self)
    how.storeBytes(of: mode, toByteOffset: 8, as: Int.self)
    how.storeBytes(of: Int(RESOLVE_BENEATH), toByteOffset: 16, as: Int.self)
    let result = call.host(__NR_openat2, call[0], call[1], how.word, 24)
    return result == call.error(EXDEV) ? call.foreignError(notCapable) : result
  }
  return call.host(__NR_openat, call[0], call[1], native, mode)
}

private func lock(_ call: Call, _ descriptor: Int, _ flags: Int) -> Int {
  var operation = flags & ForeignOpenFlags.exclusiveLock != 0 ? 2 : 1
  if flags & Int(O_NONBLOCK) != 0 { operation |= 4 }
  return call.host(__NR_flock, descriptor, operation)
}

/// Where open(2) fails differently: a symbolic link that may not be followed is EMLINK (vn_open_vnode of
/// kern/vfs_vnops.c), a socket EOPNOTSUPP.
private func openFailure(_ call: Call, _ result: Int, _ flags: Int) -> Int {
  switch -Int32(truncatingIfNeeded: result) {
  case ELOOP where flags & Int(O_NOFOLLOW) != 0, ENOTDIR where flags & Int(O_NOFOLLOW) != 0:
    return fileType(call, call[0], call[1]) == symbolicLinkType ? call.error(EMLINK) : result
  case ENXIO:
    return fileType(call, call[0], call[1]) == socketFile ? call.error(EOPNOTSUPP) : result
  default: return result
  }
}

/// The type bits of what `path` names, without following it; nil when it cannot be told.
func fileType(_ call: Call, _ directory: Int, _ path: Int) -> UInt32? {
  guard let status = call.scratch(144) else { return nil }
  let result = call.hostNow(
    __NR_newfstatat, directory, path, status.word, Int(AT_SYMLINK_NOFOLLOW))
  // st_mode lies at byte 24 of Linux's struct stat on x86-64.
  return result == 0 ? status.load(fromByteOffset: 24, as: UInt32.self) & fileTypeMask : nil
}

// MARK: - Space and advice

/// posix_fallocate(fd, offset, len): the error is the result, not errno (kern_posix_error).
func posixFallocate(_ call: inout Call) -> Int {
  if call[1] < 0 || call[2] <= 0 { return call.table.foreignErrno(Int(EINVAL)) }
  return errorAsResult(call, call.host(__NR_fallocate, call[0], 0, call[1], call[2]))
}

/// posix_fadvise(fd, offset, len, advice)
func posixFadvise(_ call: inout Call) -> Int {
  errorAsResult(call, call.hostNow(__NR_fadvise64, call[0], call[1], call[2], call[3]))
}

private func errorAsResult(_ call: Call, _ result: Int) -> Int {
  if result >= 0 || result == Int(PERSONA_RESTART) { return result }
  return call.table.foreignErrno(-result)
}

// MARK: - Shared memory objects

/// SHM_ANON and the flags of shm_open2 (sys/mman.h).
private enum ForeignSharedMemory {
  static let anonymous: UInt64 = 1
  static let allowSealing: UInt32 = 1
  static let growOnWrite: UInt32 = 2
  /// MAXPATHLEN.
  static let longestPath = 1024
}

/// shm_open(path, flags, mode) and shm_open2(path, flags, mode, shmflags, name). Named objects lie in
/// Linux's /dev/shm; slashes within a name, which are allowed there, become '%'.
func shmOpen(_ call: inout Call) -> Int {
  let shmFlags = call.row.pointee.operand_count > 3 ? call.uint32(3) : 0
  if shmFlags & ~(ForeignSharedMemory.allowSealing | ForeignSharedMemory.growOnWrite) != 0 {
    return call.error(EINVAL)
  }
  let flags = call[1]
  let allowed = Int(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC)
  if flags & ~allowed != 0 || flags & Int(O_ACCMODE) == Int(O_WRONLY) { return call.error(EINVAL) }
  if call.address(0) == ForeignSharedMemory.anonymous {
    if flags & Int(O_ACCMODE) == Int(O_RDONLY) { return call.error(EINVAL) }
    let name: StaticString = "SHM_ANON"
    var native = Int(MFD_CLOEXEC)
    if shmFlags & ForeignSharedMemory.allowSealing != 0 { native |= Int(MFD_ALLOW_SEALING) }
    return call.hostNow(__NR_memfd_create, Int(bitPattern: name.utf8Start), native)
  }
  var failure = 0
  guard let path = sharedMemoryPath(call, &failure) else { return failure }
  let native = flags | Int(O_CLOEXEC | O_NOFOLLOW)
  return call.hostNow(__NR_openat, Int(AT_FDCWD), path.word, native, call[2])
}

/// shm_unlink(path)
func shmUnlink(_ call: inout Call) -> Int {
  var failure = 0
  guard let path = sharedMemoryPath(call, &failure) else { return failure }
  return call.hostNow(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
}

private func sharedMemoryPath(_ call: Call, _ failure: inout Int) -> UnsafeMutableRawPointer? {
  let directory: StaticString = "/dev/shm"
  let prefix = directory.utf8CodeUnitCount
  guard let path = call.scratch(prefix + ForeignSharedMemory.longestPath) else {
    failure = call.error(ENOMEM)
    return nil
  }
  path.copyMemory(from: directory.utf8Start, byteCount: prefix)
  let text = (path + prefix).assumingMemoryBound(to: CChar.self)
  let length = persona_copy_string(text, call.address(0), ForeignSharedMemory.longestPath)
  if length < 0 {
    failure = Int(length)
    return nil
  }
  guard length > 1, text[0] == 0x2f else {
    failure = call.error(EINVAL)
    return nil
  }
  for index in 1..<Int(length) where text[index] == 0x2f { text[index] = 0x25 }
  return path
}
