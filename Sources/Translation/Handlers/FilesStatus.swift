import CEngine
import CWire
import Wire

// stat(2) and its kin. Linux's statx tells of what its own stat does not: when a file was made, and its attributes, of which
// three are flags of 4.4BSD.

/// Where things lie in struct file_status of personalities/linux, and in struct statx of linux/stat.h, its last part.
private enum Status {
  static var bytes: Int { 304 }
  static var device: Int { 0 }
  static var serial: Int { 8 }
  static var links: Int { 16 }
  static var mode: Int { 24 }
  static var owners: Int { 28 }
  static var padding: Int { 36 }
  static var specialDevice: Int { 40 }
  static var native: Int { 48 }
}
private enum NativeStatus {
  static var mask: Int { 0 }
  static var attributes: Int { 8 }
  static var links: Int { 16 }
  static var owners: Int { 20 }
  static var mode: Int { 28 }
  static var serial: Int { 32 }
  static var birth: Int { 80 }
  static var specialDevice: Int { 128 }
  static var device: Int { 136 }
}

/// Where Linux writes its answer.
@inline(__always)
func nativeStatus(_ status: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { status + Status.native }

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
    result = call.host(__NR_statx, call[0], call[1], flags, statusMask, nativeStatus(status).word)
  }
  if result < 0 { return result }
  settleStatus(status)
  let shape = call.table.structure(call.parameter(3))
  guard shape.pointee.is_straight != 0 else {
    return call.structOut(call.parameter(3), from: status, to: call.address(3))
  }
  return call.table.fill(call.address(3), shape, from: status) ? 0 : call.error(EFAULT)
}

/// Makes struct file_status whole, of which Linux has written the last part.
@inline(__always)
func settleStatus(_ status: UnsafeMutableRawPointer) {
  let native = nativeStatus(status)
  status.put(joined(native + NativeStatus.device), at: Status.device)
  status.put(native.get(at: NativeStatus.serial, as: UInt64.self), at: Status.serial)
  status.put(UInt64(native.get(at: NativeStatus.links, as: UInt32.self)), at: Status.links)
  status.put(UInt32(native.get(at: NativeStatus.mode, as: UInt16.self)), at: Status.mode)
  status.put(native.get(at: NativeStatus.owners, as: UInt64.self), at: Status.owners)
  status.put(UInt32(0), at: Status.padding)
  status.put(joined(native + NativeStatus.specialDevice), at: Status.specialDevice)
  let attributes = native.get(at: NativeStatus.attributes, as: UInt32.self)
  native.put(attributes & flagAttributes == 0 ? 0 : foreignFlags(attributes), at: NativeStatus.attributes)
  if native.get(at: NativeStatus.mask, as: UInt32.self) & birthTold == 0 { forgetBirth(native) }
}

/// The file of a descriptor: without a path where Linux takes none, which spares it looking for one.
private func ofDescriptor(_ call: Call, _ flags: Int, _ status: UnsafeMutableRawPointer) -> Int {
  let native = nativeStatus(status).word
  if call.process.pointee.lacks_null_path == 0 {
    let result = call.host(__NR_statx, call[0], 0, flags, statusMask, native)
    if result != call.error(EFAULT) { return result }
    call.process.pointee.lacks_null_path = 1
  }
  let empty: StaticString = ""
  return call.host(__NR_statx, call[0], Int(bitPattern: empty.utf8Start), flags, statusMask, native)
}

/// Major and minor number as one, as in Linux's struct stat (new_encode_dev).
@inline(__always)
private func joined(_ place: UnsafeMutableRawPointer) -> UInt64 {
  if place.get(at: 0, as: UInt64.self) == 0 { return 0 }
  let (major, minor) = (place.get(at: 0, as: UInt32.self), place.get(at: 4, as: UInt32.self))
  return UInt64(minor & 0xff | major << 8 | (minor & ~0xff) << 12)
}

/// The time of a file's making where its file system keeps none: -1, as vn_stat() says, and 0 for sockets and pipes.
private func forgetBirth(_ native: UnsafeMutableRawPointer) {
  let type = native.get(at: NativeStatus.mode, as: UInt16.self) & 0o170000
  native.put(type == 0o140000 || type == 0o010000 ? Int64(0) : -1, at: NativeStatus.birth)
  native.put(Int64(0), at: NativeStatus.birth + 8)
}
