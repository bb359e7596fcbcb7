import CEngine
import CWire
import Wire

// funlinkat(2), __realpathat(2), __specialfd(2) and fspacectl(2).

/// FD_NONE of sys/fcntl.h.
private let noDescriptor: Int32 = -200

/// unlinkSame(dfd, path, fd, flag): only if `path` still is the file that `fd` has open.
func unlinkSame(_ call: inout Call) -> Int {
  if call.int32(2) == noDescriptor { return unlink(call, call[3]) }
  guard let open = call.scratch(144), let named = call.scratch(144) else { return call.error(ENOMEM) }
  var result = call.hostNow(__NR_fstat, call[2], open.word)
  if result < 0 { return result }
  result = call.hostNow(__NR_newfstatat, call[0], call[1], named.word, Int(AT_SYMLINK_NOFOLLOW))
  if result < 0 { return result }
  // st_dev and st_ino
  guard open.load(as: UInt64.self) == named.load(as: UInt64.self),
    open.load(fromByteOffset: 8, as: UInt64.self) == named.load(fromByteOffset: 8, as: UInt64.self)
  else { return call.error(EDEADLK) }
  return unlink(call, call[3])
}

/// __realpathat(fd, path, buf, size, flags): the canonical path of what exists.
func realPath(_ call: inout Call) -> Int {
  if call[4] != 0 { return call.error(EINVAL) }
  let descriptor = call.hostNow(__NR_openat, call[0], call[1], Int(O_PATH | O_CLOEXEC))
  if descriptor < 0 { return descriptor }
  let result = path(call, of: descriptor, to: call.address(2), room: call.unsigned(3))
  _ = call.hostNow(__NR_close, descriptor)
  return result
}

private func path(_ call: Call, of descriptor: Int, to address: UInt64, room: UInt64) -> Int {
  guard let link = call.scratch(40), let path = call.scratch(4097) else { return call.error(ENOMEM) }
  writeDescriptorPath(descriptor, to: link)
  let length = call.hostNow(__NR_readlinkat, Int(AT_FDCWD), link.word, path.word, 4096)
  if length < 0 { return length }
  guard let name = call.foreignName(path, length) else { return call.error(ENOENT) }
  name.text.storeBytes(of: 0, toByteOffset: name.count, as: UInt8.self)
  if UInt64(name.count) + 1 > room { return call.error(ENOMEM) }
  return call.copyOut(address, name.text, name.count + 1) ? 0 : call.error(EFAULT)
}

/// SPECIALFD_EVENTFD and SPECIALFD_INOTIFY of sys/specialfd.h.
private let eventDescriptor: Int32 = 1
private let watchDescriptor: Int32 = 2
/// EFD_SEMAPHORE of sys/eventfd.h; the other flags are those of open(2).
private let semaphoreFlag: UInt32 = 1

/// __specialfd(type, req, len): eventfd(2) and inotify_init1(2).
func specialDescriptor(_ call: inout Call) -> Int {
  guard let map = call.table.wellKnown(.open_flags) else { return call.error(EINVAL) }
  switch call.int32(0) {
  case eventDescriptor:
    // struct specialfd_eventfd: initval, flags.
    guard call[2] == 8 else { return call.error(EINVAL) }
    var request: UInt64 = 0
    guard call.read(&request, at: call.address(1)) else { return call.error(EFAULT) }
    let flags = UInt32(request >> 32)
    guard let native = descriptorFlags(call, map, flags & ~semaphoreFlag) else { return call.error(EINVAL) }
    return call.hostNow(
      __NR_eventfd2, Int(request & 0xffff_ffff), native | Int(flags & semaphoreFlag))
  case watchDescriptor:
    guard call[2] == 4 else { return call.error(EINVAL) }
    var flags: UInt32 = 0
    guard call.read(&flags, at: call.address(1)) else { return call.error(EFAULT) }
    guard let native = descriptorFlags(call, map, flags) else { return call.error(EINVAL) }
    return call.hostNow(__NR_inotify_init1, native)
  default: return call.error(EINVAL)
  }
}

/// O_CLOEXEC and O_NONBLOCK as Linux counts them; nil for anything else.
private func descriptorFlags(_ call: Call, _ map: Int, _ foreign: UInt32) -> Int? {
  guard case .value(let native) = call.table.toNative(map, UInt64(foreign)),
    native & ~UInt64(O_CLOEXEC | O_NONBLOCK) == 0
  else { return nil }
  return Int(native)
}

/// SPACECTL_DEALLOC of sys/fcntl.h.
private let deallocate: Int32 = 1

/// punchHole(fd, cmd, rqsr, flags, rmsr): punches a hole; struct spacectl_range is an offset and a length.
func punchHole(_ call: inout Call) -> Int {
  guard call.int32(1) == deallocate, call[3] == 0 else { return call.error(EINVAL) }
  guard let range = call.scratch(16) else { return call.error(ENOMEM) }
  guard call.copyIn(range, call.address(2), 16) else { return call.error(EFAULT) }
  let offset = range.load(as: Int.self)
  let length = range.load(fromByteOffset: 8, as: Int.self)
  let (end, isTooFar) = offset.addingReportingOverflow(length)
  guard offset >= 0, length > 0, !isTooFar else { return call.error(EINVAL) }
  let result = call.host(
    __NR_fallocate, call[0], Int(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), offset, length)
  if result < 0 { return result }
  if call.address(4) == 0 { return 0 }
  range.storeBytes(of: end, as: Int.self)
  range.storeBytes(of: 0, toByteOffset: 8, as: Int.self)
  return call.copyOut(call.address(4), range, 16) ? 0 : call.error(EFAULT)
}
