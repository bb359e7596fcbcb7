import CEngine
import CWire

/// paccept(s, name, anamelen, sigmask, flags): accept(2) that waits under another signal mask.
func acceptMasked(_ call: inout Call) -> Int {
  if call.address(3) != 0, call.isBlocking {
    guard let set = call.readSet(at: call.address(3)) else { return call.error(EFAULT) }
    var mask = call.table.nativeMask(set) & ~TrapContext.unblockable
    // struct pollfd: fd, POLLIN.
    var entry: UInt64 = UInt64(call.uint32(0)) | 1 << 32
    let result = withUnsafeMutablePointer(to: &entry) { entry in
      withUnsafePointer(to: &mask) {
        call.host(__NR_ppoll, Int(bitPattern: entry), 1, 0, Int(bitPattern: $0), 8)
      }
    }
    if result == Int(PERSONA_RESTART) { return call.error(EINTR) }
    if result < 0 { return result }
  }
  return acceptSocket(&call, call[4])
}

extension Call {
  /// Whether accepting on operand 0's socket may wait.
  fileprivate var isBlocking: Bool {
    let flags = hostNow(__NR_fcntl, self[0], Int(F_GETFL))
    return flags >= 0 && flags & Int(O_NONBLOCK) == 0
  }
}
