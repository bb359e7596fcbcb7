import CEngine
import CWire
import Wire

// fcntl(2) and pipe(2).

/// Commands of fcntl(2) that Linux lacks. A table's `fcntl_command` names these numbers as what such a
/// command is here; the others are Linux's own.
enum ForeignFileCommand {
  static let duplicateTo: Int32 = 0x10000
  static let duplicateToCloseOnExec: Int32 = 0x10001
  /// The record-lock commands (F_OGETLK and so on) whose struct flock has no l_sysid.
  static let oldGetLock: Int32 = 0x10002
  static let oldSetLock: Int32 = 0x10003
  static let oldSetLockWait: Int32 = 0x10004
  static let readAhead: Int32 = 0x10005
  static let isUnionStack: Int32 = 0x10006
  static let kernelInformation: Int32 = 0x10007
  static let isTerminal: Int32 = 0x10008
}

/// Status flags that fcntl(F_GETFL) tells there, in Linux's numbers: FMASK of sys/fcntl.h.
private let toldStatusFlags =
  Int(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_DIRECT | FASYNC) | 0x101000 | 0x200000
/// Those that fcntl(F_SETFL) changes, as far as Linux lets them be changed.
private let settableStatusFlags = UInt64(O_APPEND | O_NONBLOCK | O_DIRECT | FASYNC)

/// fcntl(fd, cmd, arg)
func fcntl(_ call: inout Call) -> Int {
  let descriptor = call[0]
  let argument = Int(call.int32(2))
  let command = call.int32(1)
  switch command {
  case F_DUPFD, F_DUPFD_CLOEXEC: return call.hostNow(__NR_fcntl, descriptor, Int(command), argument)
  case F_GETFD: return call.hostNow(__NR_fcntl, descriptor, Int(command))
  case F_SETFD: return call.hostNow(__NR_fcntl, descriptor, Int(command), argument & Int(FD_CLOEXEC))
  case F_GETFL: return statusFlags(call, descriptor)
  case F_SETFL: return setStatusFlags(call, descriptor, call.unsigned(2))
  case F_GETOWN: return owner(call, descriptor)
  case F_SETOWN: return call.hostNow(__NR_fcntl, descriptor, Int(F_SETOWN), argument)
  case F_GETLK, F_SETLK, F_SETLKW: return recordLock(call, command, isOld: false)
  case ForeignFileCommand.oldGetLock: return recordLock(call, F_GETLK, isOld: true)
  case ForeignFileCommand.oldSetLock: return recordLock(call, F_SETLK, isOld: true)
  case ForeignFileCommand.oldSetLockWait: return recordLock(call, F_SETLKW, isOld: true)
  case F_ADD_SEALS, F_GET_SEALS: return call.hostNow(__NR_fcntl, descriptor, Int(command), argument)
  case ForeignFileCommand.duplicateTo: return duplicate(call, descriptor, argument, closeOnExec: false)
  case ForeignFileCommand.duplicateToCloseOnExec:
    return duplicate(call, descriptor, argument, closeOnExec: true)
  case ForeignFileCommand.readAhead:
    // F_READAHEAD and F_RDAHEAD: an amount, which Linux takes only as more or none.
    let advice = argument == 0 ? posixAdviceRandom : posixAdviceSequential
    let result = call.hostNow(__NR_fadvise64, descriptor, 0, 0, advice)
    return result == call.error(ESPIPE) ? call.error(EBADF) : result
  case ForeignFileCommand.isUnionStack:
    let result = call.hostNow(__NR_fcntl, descriptor, Int(F_GETFD))
    return result < 0 ? result : 0
  case ForeignFileCommand.isTerminal:
    guard let size = call.scratch(8) else { return call.error(ENOMEM) }
    let result = call.hostNow(__NR_ioctl, descriptor, 0x5413, size.word)  // TIOCGWINSZ
    return result < 0 ? result : 1
  case ForeignFileCommand.kernelInformation: return descriptorInformation(&call)
  default: return call.error(EINVAL)
  }
}

private let posixAdviceRandom = 1
private let posixAdviceSequential = 2

private func statusFlags(_ call: Call, _ descriptor: Int) -> Int {
  let native = call.hostNow(__NR_fcntl, descriptor, Int(F_GETFL))
  if native < 0 { return native }
  guard let map = call.table.wellKnown(.open_flags) else { return native }
  let told = call.table.toForeign(map, UInt64(native & toldStatusFlags)) ?? 0
  return Int(truncatingIfNeeded: told & 0xffff_ffff)
}

/// Flags that the guest's system does not let fcntl(2) change are ignored, as FCNTLFLAGS of sys/fcntl.h
/// says: the bits are looked up one by one, so that none refuses the others.
private func setStatusFlags(_ call: Call, _ descriptor: Int, _ foreign: UInt64) -> Int {
  guard let map = call.table.wellKnown(.open_flags) else { return call.error(EINVAL) }
  var native: UInt64 = 0
  var rest = foreign & 0xffff_ffff
  while rest != 0 {
    let bit = rest & (~rest &+ 1)
    rest &= ~bit
    if case .value(let value) = call.table.toNative(map, bit) { native |= value & settableStatusFlags }
  }
  return call.hostNow(__NR_fcntl, descriptor, Int(F_SETFL), Int(native))
}

/// F_GETOWN: a process group is told as a negative number, which Linux's own F_GETOWN cannot tell from
/// an error.
private func owner(_ call: Call, _ descriptor: Int) -> Int {
  guard let pair = call.scratch(8) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fcntl, descriptor, Int(F_GETOWN_EX), pair.word)
  if result < 0 { return result }
  let identifier = pair.load(fromByteOffset: 4, as: Int32.self)
  let isGroup = pair.load(as: Int32.self) == F_OWNER_PGRP
  return Int(UInt32(bitPattern: isGroup ? -identifier : identifier))
}

/// F_DUP2FD: where both are the same, only the flag changes (kern_dup of kern/kern_descrip.c).
private func duplicate(_ call: Call, _ from: Int, _ to: Int, closeOnExec: Bool) -> Int {
  if to < 0 { return call.error(EBADF) }
  guard from == to else { return call.hostNow(__NR_dup3, from, to, closeOnExec ? Int(O_CLOEXEC) : 0) }
  let flags = call.hostNow(__NR_fcntl, from, Int(F_GETFD))
  if flags < 0 { return flags }
  if closeOnExec {
    let result = call.hostNow(__NR_fcntl, from, Int(F_SETFD), Int(FD_CLOEXEC))
    if result < 0 { return result }
  }
  return to
}

// MARK: - Record locks

/// struct flock of the systems that descend from 4.4BSD (sys/fcntl.h).
private enum ForeignLock {
  static let size = 32
  static let oldSize = 24
  static let length = 8
  static let process = 16
  static let type = 20
  static let whence = 22
  static let system = 24
}

/// Linux's struct flock on x86-64.
private enum NativeLock {
  static let size = 32
  static let whence = 2
  static let start = 8
  static let length = 16
  static let process = 24
}

private func recordLock(_ call: Call, _ command: Int32, isOld: Bool) -> Int {
  let address = call.address(2)
  let size = isOld ? ForeignLock.oldSize : ForeignLock.size
  guard let foreign = call.scratch(ForeignLock.size), let native = call.scratch(NativeLock.size) else {
    return call.error(ENOMEM)
  }
  guard call.copyIn(foreign, address, size) else { return call.error(EFAULT) }
  guard let map = call.table.wellKnown(.lock_type) else { return call.error(EINVAL) }
  let type = foreign.load(fromByteOffset: ForeignLock.type, as: UInt16.self)
  switch call.table.toNative(map, UInt64(type)) {
  case .refused(let errno): return call.foreignError(errno)
  case .value(let value): native.storeBytes(of: Int16(truncatingIfNeeded: value), as: Int16.self)
  }
  let whence = foreign.load(fromByteOffset: ForeignLock.whence, as: Int16.self)
  native.storeBytes(of: whence, toByteOffset: NativeLock.whence, as: Int16.self)
  native.storeBytes(of: foreign.load(as: Int64.self), toByteOffset: NativeLock.start, as: Int64.self)
  native.storeBytes(
    of: foreign.load(fromByteOffset: ForeignLock.length, as: Int64.self), toByteOffset: NativeLock.length,
    as: Int64.self)
  native.storeBytes(of: 0, toByteOffset: NativeLock.process, as: Int64.self)
  let result = call.host(__NR_fcntl, call[0], Int(command), native.word)
  if result < 0 || command != F_GETLK { return result }

  let found = UInt64(native.load(as: UInt16.self))
  let foundType = UInt16(truncatingIfNeeded: call.table.toForeign(map, found) ?? 0)
  foreign.storeBytes(of: foundType, toByteOffset: ForeignLock.type, as: UInt16.self)
  // A lock that could be had leaves the rest as it was.
  if Int32(found) != F_UNLCK {
    foreign.storeBytes(of: native.load(fromByteOffset: NativeLock.start, as: Int64.self), as: Int64.self)
    foreign.storeBytes(
      of: native.load(fromByteOffset: NativeLock.length, as: Int64.self),
      toByteOffset: ForeignLock.length, as: Int64.self)
    foreign.storeBytes(
      of: native.load(fromByteOffset: NativeLock.process, as: Int32.self),
      toByteOffset: ForeignLock.process, as: Int32.self)
    foreign.storeBytes(
      of: native.load(fromByteOffset: NativeLock.whence, as: Int16.self),
      toByteOffset: ForeignLock.whence, as: Int16.self)
    foreign.storeBytes(of: 0, toByteOffset: ForeignLock.system, as: Int32.self)
  }
  return call.copyOut(address, foreign, size) ? result : call.error(EFAULT)
}

// MARK: - F_KINFO

/// struct kinfo_file (sys/user.h) as far as fcntl(F_KINFO) fills it.
private enum KernelFile {
  static let size = 1392
  static let type = 4
  static let descriptor = 8
  static let references = 12
  static let flags = 16
  static let offset = 24
  static let path = 368
  static let pathBytes = 1024
  static let typeVnode: Int32 = 1
}

private func descriptorInformation(_ call: inout Call) -> Int {
  var size: Int32 = 0
  let address = call.address(2)
  guard call.read(&size, at: address) else { return call.error(EFAULT) }
  guard size == KernelFile.size else { return call.error(EINVAL) }
  guard let information = call.scratch(KernelFile.size), let link = call.scratch(32) else {
    return call.error(ENOMEM)
  }
  for offset in stride(from: 0, to: KernelFile.size, by: 8) {
    information.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
  }
  let valid = call.hostNow(__NR_fcntl, call[0], Int(F_GETFD))
  if valid < 0 { return valid }
  writeDescriptorPath(Int(call.int32(0)), to: link)
  let length = call.hostNow(
    __NR_readlinkat, Int(AT_FDCWD), link.word, information.word + KernelFile.path, KernelFile.pathBytes - 1)
  if length < 0 { return length }
  // Pipes, sockets and the like have no path.
  if information.load(fromByteOffset: KernelFile.path, as: UInt8.self) == UInt8(ascii: "/") {
    information.storeBytes(of: KernelFile.typeVnode, toByteOffset: KernelFile.type, as: Int32.self)
    let end = call.renameForeign(information + KernelFile.path, length)
    if end < length { clear(information + KernelFile.path + end, length - end) }
  } else {
    for offset in 0..<length {
      information.storeBytes(of: 0, toByteOffset: KernelFile.path + offset, as: UInt8.self)
    }
  }
  information.storeBytes(of: size, as: Int32.self)
  information.storeBytes(of: call.int32(0), toByteOffset: KernelFile.descriptor, as: Int32.self)
  information.storeBytes(of: 1, toByteOffset: KernelFile.references, as: Int32.self)
  return call.copyOut(address, information, KernelFile.size) ? 0 : call.error(EFAULT)
}

/// Writes "/proc/self/fd/N" and a NUL to `text`; its length.
@discardableResult
func writeDescriptorPath(_ descriptor: Int, to text: UnsafeMutableRawPointer) -> Int {
  let prefix: StaticString = "/proc/self/fd/"
  text.copyMemory(from: prefix.utf8Start, byteCount: prefix.utf8CodeUnitCount)
  var length = prefix.utf8CodeUnitCount
  var divisor = 1
  while descriptor / divisor >= 10 { divisor *= 10 }
  while divisor > 0 {
    let digit = UInt8(truncatingIfNeeded: descriptor / divisor % 10)
    text.storeBytes(of: UInt8(ascii: "0") + digit, toByteOffset: length, as: UInt8.self)
    length += 1
    divisor /= 10
  }
  text.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  return length
}

// MARK: - Pipes

/// pipe() -> pair: both descriptors come in registers.
func pipePair(_ call: inout Call) -> Int {
  guard let pair = call.scratch(8) else { return call.error(ENOMEM) }
  let flags = call.row.pointee.operand_count > 0 ? call[0] : 0
  let result = call.hostNow(__NR_pipe2, pair.word, flags)
  if result < 0 { return result }
  call.second = Int(pair.load(fromByteOffset: 4, as: Int32.self))
  return Int(pair.load(as: Int32.self))
}
