import CEngine
import CWire
import Wire

// chmod, utimes, flags and special files: calls relative to a directory whose arguments Linux counts otherwise.

// MARK: - Modes and special files

/// changeMode(fd, path, mode, flag). A symbolic link's own mode decides nothing. It is 0777 on Linux, which as a server of NFS
/// takes another one and forgets it too (nfsd_setattr of fs/nfsd/vfs.c); only its owner may change it.
func changeMode(_ call: inout Call) -> Int {
  if call[3] & Int(AT_EMPTY_PATH) != 0, isEmpty(call, call.address(1)) {
    return call.hostNow(__NR_fchmod, call[0], call[2])
  }
  if call[3] & Int(AT_SYMLINK_NOFOLLOW) != 0, let owner = ownerOfLink(call, call[0], call[1]) {
    let user = UInt32(truncatingIfNeeded: call.hostNow(__NR_geteuid))
    return user == 0 || user == owner ? 0 : call.error(EPERM)
  }
  return call.hostNow(__NR_fchmodat, call[0], call[1], call[2])
}

let symbolicLinkType: UInt32 = 0o120000

/// Whose a symbolic link is; nil for what is none.
private func ownerOfLink(_ call: Call, _ directory: Int, _ path: Int) -> UInt32? {
  guard let status = call.scratch(144),
    call.hostNow(__NR_newfstatat, directory, path, status.word, Int(AT_SYMLINK_NOFOLLOW)) == 0,
    status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000 == symbolicLinkType
  else { return nil }
  // st_uid lies at byte 28 of Linux's struct stat on x86-64.
  return status.load(fromByteOffset: 28, as: UInt32.self)
}

private func isEmpty(_ call: Call, _ path: UInt64) -> Bool {
  var first: UInt8 = 1
  return call.read(&first, at: path) && first == 0
}

/// makeFifo(dirfd, path, mode)
func makeFifo(_ call: inout Call) -> Int {
  call.hostNow(__NR_mknodat, call[0], call[1], 0o010000 | call[2] & 0o7777, 0)
}

// MARK: - Times

/// UTIME_NOW and UTIME_OMIT of sys/stat.h, and Linux's.
private let foreignNow = -1
private let foreignOmit = -2
private let nativeNow = 0x3fff_ffff
private let nativeOmit = 0x3fff_fffe

/// setTimes(fd, path, times, flag); futimens(2) has a path of 0.
func setTimes(_ call: inout Call) -> Int {
  if call.address(2) == 0 { return call.hostNow(__NR_utimensat, call[0], call[1], 0, call[3]) }
  guard let times = call.scratch(32) else { return call.error(ENOMEM) }
  guard call.copyIn(times, call.address(2), 32) else { return call.error(EFAULT) }
  for offset in stride(from: 8, to: 32, by: 16) {
    let nanoseconds = times.load(fromByteOffset: offset, as: Int.self)
    switch nanoseconds {
    case foreignNow: times.storeBytes(of: nativeNow, toByteOffset: offset, as: Int.self)
    case foreignOmit: times.storeBytes(of: nativeOmit, toByteOffset: offset, as: Int.self)
    case 0..<1_000_000_000: break
    default: return call.error(EINVAL)
    }
  }
  return call.hostNow(__NR_utimensat, call[0], call[1], times.word, call[3])
}

/// setTimesOfLink(path, times): microseconds, of a symbolic link itself.
func setTimesOfLink(_ call: inout Call) -> Int {
  let flags = Int(AT_SYMLINK_NOFOLLOW)
  if call.address(1) == 0 { return call.hostNow(__NR_utimensat, Int(AT_FDCWD), call[0], 0, flags) }
  guard let times = call.scratch(32) else { return call.error(ENOMEM) }
  guard call.copyIn(times, call.address(1), 32) else { return call.error(EFAULT) }
  for offset in stride(from: 8, to: 32, by: 16) {
    let microseconds = times.load(fromByteOffset: offset, as: Int.self)
    guard 0..<1_000_000 ~= microseconds else { return call.error(EINVAL) }
    times.storeBytes(of: microseconds * 1000, toByteOffset: offset, as: Int.self)
  }
  return call.hostNow(__NR_utimensat, Int(AT_FDCWD), call[0], times.word, flags)
}

// MARK: - File flags

/// st_flags of 4.4BSD (sys/stat.h) and Linux's attributes of FS_IOC_SETFLAGS (linux/fs.h), which statx numbers alike. As
/// 4.4BSD's SF_* the latter two are the superuser's; flags that the owner sets and clears (UF_IMMUTABLE, UF_APPEND) Linux lacks.
private let fileFlags: InlineArray<3, (foreign: UInt32, native: UInt32)> = [
  (0x1, 0x40),  // UF_NODUMP
  (0x20000, 0x10),  // SF_IMMUTABLE
  (0x40000, 0x20),  // SF_APPEND
]

/// The flags that attributes stand for.
func foreignFlags(_ attributes: UInt32) -> UInt32 {
  var flags: UInt32 = 0
  for index in fileFlags.indices where attributes & fileFlags[index].native != 0 { flags |= fileFlags[index].foreign }
  return flags
}

private let settableAttributes: UInt32 = 0x70
/// FS_IOC_GETFLAGS and FS_IOC_SETFLAGS of linux/fs.h.
private let getAttributes = 0x8008_6601
private let setAttributes = 0x4008_6602

/// chflags(dirfd, path, flags, atflag): chflags(2), lchflags(2) and chflagsat(2); with the constant 0 for a
/// path, fchflags(2) on `dirfd`.
func chflags(_ call: inout Call) -> Int {
  let isPath = call.table.operand(call.row, 1).pointee.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
  guard isPath else { return changeFlags(call, call[0], call.unsigned(2)) }
  let noFollow = call[3] & Int(AT_SYMLINK_NOFOLLOW) != 0 ? Int(O_NOFOLLOW) : 0
  let descriptor = call.hostNow(
    __NR_openat, call[0], call[1], Int(O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) | noFollow)
  if descriptor < 0 {
    switch -Int32(truncatingIfNeeded: descriptor) {
    // It exists, but cannot be opened: it has no attributes to clear, and none can be set.
    case ELOOP where noFollow != 0, ENXIO, EACCES:
      guard fileType(call, call[0], call[1]) != nil else { return descriptor }
      return call.unsigned(2) == 0 ? 0 : call.error(EOPNOTSUPP)
    default: return descriptor
    }
  }
  let result = changeFlags(call, descriptor, call.unsigned(2))
  _ = call.hostNow(__NR_close, descriptor)
  return result
}

private func changeFlags(_ call: Call, _ descriptor: Int, _ foreign: UInt64) -> Int {
  var wanted: UInt32 = 0
  var rest = foreign
  for index in fileFlags.indices where foreign & UInt64(fileFlags[index].foreign) != 0 {
    wanted |= fileFlags[index].native
    rest &= ~UInt64(fileFlags[index].foreign)
  }
  guard let memory = call.scratch(8) else { return call.error(ENOMEM) }
  memory.storeBytes(of: 0, as: UInt64.self)
  let result = call.hostNow(__NR_ioctl, descriptor, getAttributes, memory.word)
  if result == call.error(EBADF) { return result }
  if rest != 0 { return call.error(EOPNOTSUPP) }
  if result < 0 { return foreign == 0 ? 0 : call.error(EOPNOTSUPP) }
  let present = memory.load(as: UInt32.self)
  if present & settableAttributes == wanted { return 0 }
  memory.storeBytes(of: present & ~settableAttributes | wanted, as: UInt32.self)
  let answer = call.hostNow(__NR_ioctl, descriptor, setAttributes, memory.word)
  return answer == call.error(ENOTTY) ? call.error(EOPNOTSUPP) : answer
}
