import CEngine
import CWire
import Wire

// pathconf(2), lpathconf(2) and fpathconf(2).

/// Names of sys/unistd.h; 1 to 9 are the same in every system that descends from 4.4BSD, the others
/// the ones that tables name.
private enum PathVariable {
  static let linkMax = 1
  static let maxCanon = 2
  static let maxInput = 3
  static let nameMax = 4
  static let pathMax = 5
  static let pipeBuffer = 6
  static let chownRestricted = 7
  static let noTruncation = 8
  static let disable = 9
  static let allocationMinimum = 10
  static let fileSizeBits = 12
  static let transferIncrement = 14
  static let transferMinimum = 16
  static let transferAlignment = 17
  static let symbolicLinkMax = 18
  static let minimumHole = 21
  static let asynchronousIO = 53
  static let prioritizedIO = 54
  static let synchronizedIO = 55
  static let extendedACL = 59
  static let aclPathMax = 60
  static let capabilities = 61
  static let informationLabels = 62
  static let macLabels = 63
  static let nfs4ACL = 64
  static let deallocation = 65
}

/// sys/syslimits.h and sys/unistd.h: what the guest was compiled with.
private enum ForeignLimit {
  static let links = 32767
  static let pathMax = 1024
  static let pipeBuffer = 512
  static let canon = 255
  static let disable = 0xff
  static let posixVersion = 200112
}

private let fifoFile: UInt32 = 0o010000
private let characterFile: UInt32 = 0o020000
private let directoryFile: UInt32 = 0o040000
private let socketFile: UInt32 = 0o140000
private let fileTypeMask: UInt32 = 0o170000

/// pathconf(path, name, atflags): lpathconf(2) passes AT_SYMLINK_NOFOLLOW.
func pathconf(_ call: inout Call) -> Int {
  guard let status = call.scratch(144), let space = call.scratch(120) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_newfstatat, Int(AT_FDCWD), call[0], status.word, call[2])
  if result < 0 { return result }
  let hasSpace = call.hostNow(__NR_statfs, call[0], space.word) == 0
  if let lists = listsOfAccess(call, call[2] & Int(AT_SYMLINK_NOFOLLOW) == 0 ? __NR_getxattr : __NR_lgetxattr) {
    return lists
  }
  return limit(call, call[1], status, hasSpace ? space : nil)
}

/// What is told of POSIX.1e's access control lists: whether the file system has them, and of how many entries; nil of
/// other names.
private func listsOfAccess(_ call: Call, _ number: Int32) -> Int? {
  guard call[1] == PathVariable.extendedACL || call[1] == PathVariable.aclPathMax else { return nil }
  let name: StaticString = "system.posix_acl_access"
  let length = call.hostNow(number, call[0], Int(bitPattern: name.utf8Start), 0, 0)
  let isKept = length >= 0 || length == call.error(ENODATA)
  return call[1] == PathVariable.extendedACL ? (isKept ? 1 : 0) : isKept ? 254 : 3
}

/// fpathconf(fd, name)
func fpathconf(_ call: inout Call) -> Int {
  guard let status = call.scratch(144), let space = call.scratch(120) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstat, call[0], status.word)
  if result < 0 { return result }
  let type = status.load(fromByteOffset: 24, as: UInt32.self) & fileTypeMask
  if type == socketFile {
    return call[1] == PathVariable.pipeBuffer ? ForeignLimit.pipeBuffer : call.error(EINVAL)
  }
  if let lists = listsOfAccess(call, __NR_fgetxattr) { return lists }
  let hasSpace = call.hostNow(__NR_fstatfs, call[0], space.word) == 0
  return limit(call, call[1], status, hasSpace ? space : nil)
}

private func limit(
  _ call: Call, _ name: Int, _ status: UnsafeRawPointer, _ space: UnsafeRawPointer?
) -> Int {
  let type = status.load(fromByteOffset: 24, as: UInt32.self) & fileTypeMask
  let blockSize = Int(space?.load(fromByteOffset: 8, as: UInt64.self) ?? 4096)
  switch name {
  case PathVariable.linkMax: return ForeignLimit.links
  case PathVariable.nameMax: return Int(space?.load(fromByteOffset: 64, as: UInt64.self) ?? 255)
  case PathVariable.pathMax: return ForeignLimit.pathMax
  case PathVariable.pipeBuffer:
    return type == fifoFile || type == directoryFile ? ForeignLimit.pipeBuffer : call.error(EINVAL)
  case PathVariable.chownRestricted, PathVariable.noTruncation: return 1
  case PathVariable.maxCanon, PathVariable.maxInput:
    return type == characterFile ? ForeignLimit.canon : call.error(EINVAL)
  case PathVariable.disable: return type == characterFile ? ForeignLimit.disable : call.error(EINVAL)
  case PathVariable.asynchronousIO: return ForeignLimit.posixVersion
  case PathVariable.prioritizedIO, PathVariable.synchronizedIO, PathVariable.capabilities,
    PathVariable.informationLabels, PathVariable.macLabels, PathVariable.nfs4ACL, PathVariable.deallocation:
    return 0
  case PathVariable.allocationMinimum:
    let fragment = Int(space?.load(fromByteOffset: 72, as: UInt64.self) ?? 0)
    return fragment == 0 ? blockSize : fragment
  case PathVariable.fileSizeBits: return 64
  case PathVariable.transferIncrement, PathVariable.transferMinimum: return blockSize
  case PathVariable.transferAlignment: return 4096
  case PathVariable.symbolicLinkMax: return ForeignLimit.pathMax
  case PathVariable.minimumHole: return blockSize
  default: return call.error(EINVAL)
  }
}
