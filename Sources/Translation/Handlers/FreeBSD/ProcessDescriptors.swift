import CEngine
import CWire
import Wire

// Process descriptors of FreeBSD.

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
