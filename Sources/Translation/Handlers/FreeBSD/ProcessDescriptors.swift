import CEngine
import CWire
import Wire

// sysarch(2) and process descriptors of FreeBSD.

// MARK: - sysarch

/// sys/x86/include/sysarch.h of FreeBSD: what a 64-bit program may ask of its processor.
private enum ArchitectureRequest: Int32 {
  case getFSBase = 128
  case setFSBase = 129
  case getGSBase = 130
  case setGSBase = 131
}

/// sysarch(op, parms): the thread-local segments' bases; the rest is EINVAL, as for an unknown operation.
func sysarch(_ call: inout Call) -> Int {
  guard let request = ArchitectureRequest(rawValue: call.int32(0)) else { return call.error(EINVAL) }
  switch request {
  case .getFSBase, .getGSBase:
    let base = call.segmentBase(request == .getFSBase ? ARCH_GET_FS : ARCH_GET_GS)
    return call.write(base, at: call.address(1)) ? 0 : call.error(EFAULT)
  case .setFSBase, .setGSBase:
    var base: UInt64 = 0
    guard call.read(&base, at: call.address(1)) else { return call.error(EFAULT) }
    guard base < PageRange.userEnd else { return call.error(EINVAL) }
    return call.setSegmentBase(request == .setFSBase ? ARCH_SET_FS : ARCH_SET_GS, base)
  }
}

// MARK: - Process descriptors

/// pdkill(fd, signum): signum as Linux's.
func pdkill(_ call: inout Call) -> Int {
  call.hostNow(__NR_pidfd_send_signal, Int(call.int32(0)), Int(call.int32(1)), 0, 0)
}

/// pdgetpid(fd, pidp): Linux tells the pid of a process descriptor in /proc/self/fdinfo.
func pdgetpid(_ call: inout Call) -> Int {
  let descriptor = Int(call.int32(0))
  guard descriptor >= 0, var path = ByteWriter(call, limit: 64) else { return call.error(EBADF) }
  path.append("/proc/self/fdinfo/")
  path.append(decimal: descriptor)
  path.append(0)
  var file = HostFile(call, UnsafeRawPointer(path.start))
  guard file.isOpen else { return call.error(EBADF) }
  guard file.find("Pid:"), let pid = file.decimal() else { return call.error(EINVAL) }
  return call.write(Int32(truncatingIfNeeded: pid), at: call.address(1)) ? 0 : call.error(EFAULT)
}
