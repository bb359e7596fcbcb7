import CEngine
import CWire
import Wire

// stat(2) and its kin. Linux's statx tells of what its own stat does not: when a file was made, and its attributes, of which
// three are flags of 4.4BSD.

/// Where struct statx of linux/stat.h holds what `fileStatus` changes. personalities/linux calls the result file_status.
private enum Status {
  static var mask: Int { 0 }
  static var attributes: Int { 8 }
  static var mode: Int { 28 }
  static var birth: Int { 80 }
  static var specialDevice: Int { 128 }
  static var device: Int { 136 }
  static var bytes: Int { 256 }
}

/// STATX_BASIC_STATS and STATX_BTIME.
let statusMask = 0xfff
private let birthTold: UInt32 = 0x800

/// STATX_ATTR_* that are flags of a file: those of `fileFlags`.
private let flagAttributes: UInt32 = 0x70

/// fileStatus(dirfd, path, flags, buf): stat(2), lstat(2) and fstatat(2); with a path of 0, fstat(2) of `dirfd`.
func fileStatus(_ call: inout Call) -> Int {
  guard let status = call.scratch(Status.bytes) else { return call.error(ENOMEM) }
  // As Linux's stat does.
  let flags = call[2] | Int(AT_NO_AUTOMOUNT)
  let result: Int
  if call[1] == 0, call[2] & Int(AT_EMPTY_PATH) != 0 {
    result = ofDescriptor(call, flags, status)
  } else {
    result = call.host(__NR_statx, call[0], call[1], flags, statusMask, status.word)
  }
  if result < 0 { return result }
  settleStatus(status)
  let shape = call.table.structure(call.parameter(3))
  guard shape.pointee.is_straight != 0 else {
    return call.structOut(call.parameter(3), from: status, to: call.address(3))
  }
  return call.table.fill(call.address(3), shape, from: status) ? 0 : call.error(EFAULT)
}

/// Makes Linux's struct statx what personalities/linux calls file_status.
@inline(__always)
func settleStatus(_ status: UnsafeMutableRawPointer) {
  joinDevice(status + Status.device)
  joinDevice(status + Status.specialDevice)
  let attributes = status.get(at: Status.attributes, as: UInt32.self)
  status.put(attributes & flagAttributes == 0 ? 0 : foreignFlags(attributes), at: Status.attributes)
  if status.get(at: Status.mask, as: UInt32.self) & birthTold == 0 { forgetBirth(status) }
}

/// The file of a descriptor: without a path where Linux takes none, which spares it looking for one.
private func ofDescriptor(_ call: Call, _ flags: Int, _ status: UnsafeMutableRawPointer) -> Int {
  if call.process.pointee.lacks_null_path == 0 {
    let result = call.host(__NR_statx, call[0], 0, flags, statusMask, status.word)
    if result != call.error(EFAULT) { return result }
    call.process.pointee.lacks_null_path = 1
  }
  let empty: StaticString = ""
  return call.host(__NR_statx, call[0], Int(bitPattern: empty.utf8Start), flags, statusMask, status.word)
}

/// Major and minor number become one as in Linux's struct stat (new_encode_dev).
@inline(__always)
private func joinDevice(_ place: UnsafeMutableRawPointer) {
  if place.get(at: 0, as: UInt64.self) == 0 { return }
  let (major, minor) = (place.get(at: 0, as: UInt32.self), place.get(at: 4, as: UInt32.self))
  place.put(UInt64(minor & 0xff | major << 8 | (minor & ~0xff) << 12), at: 0)
}

/// The time of a file's making where its file system keeps none: -1, as vn_stat() says, and 0 for sockets and pipes.
private func forgetBirth(_ status: UnsafeMutableRawPointer) {
  let type = status.get(at: Status.mode, as: UInt16.self) & 0o170000
  status.put(type == 0o140000 || type == 0o010000 ? Int64(0) : -1, at: Status.birth)
  status.put(Int64(0), at: Status.birth + 8)
}
