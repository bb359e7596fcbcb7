import CEngine
import CWire
import Wire

// sysarch(2) of FreeBSD: the bases of fs and gs.

/// sys/x86/include/sysarch.h of FreeBSD: what a 64-bit program may ask of its processor.
private enum ArchitectureRequest: Int32 {
  case getFSBase = 128
  case setFSBase = 129
  case getGSBase = 130
  case setGSBase = 131
}

/// sysarch(op, parms): the thread-local segments' bases; the rest is EINVAL, as for an unknown operation.
func sysarch(_ call: inout Call) -> Int {
  guard let request = ArchitectureRequest(rawValue: call.int32(0)) else { return runtimeBase(call) }
  switch request {
  case .getFSBase, .getGSBase:
    let base = call.segmentBase(request == .getFSBase ? ARCH_GET_FS : ARCH_GET_GS)
    return call.write(base, at: call.address(1)) ? 0 : call.error(EFAULT)
  case .setFSBase, .setGSBase:
    var base: UInt64 = 0
    let refusal = readBase(call, &base)
    return refusal < 0 ? refusal : call.setSegmentBase(request == .setFSBase ? ARCH_SET_FS : ARCH_SET_GS, base)
  }
}

/// The base that a request sets: 0 or what refuses it.
private func readBase(_ call: Call, _ base: inout UInt64) -> Int {
  guard call.read(&base, at: call.address(1)) else { return call.error(EFAULT) }
  return base < PageRange.userEnd ? 0 : call.error(EINVAL)
}

/// AMD64_*_TLSBASE: run-time linker and thread library tell what they set, and signal handlers begin with that
/// (sys/amd64/amd64/sys_machdep.c, sysarch).
private func runtimeBase(_ call: Call) -> Int {
  let request = Int64(call.int32(0))
  if request == call.table.constant(.AMD64_SET_TLSBASE) {
    var base: UInt64 = 0
    let refusal = readBase(call, &base)
    if refusal < 0 { return refusal }
    call.thread.pointee.runtime_base = base
    call.thread.pointee.has_runtime_base = 1
    return call.setSegmentBase(ARCH_SET_FS, base)
  }
  if request == call.table.constant(.AMD64_GET_TLSBASE) {
    guard call.thread.pointee.has_runtime_base != 0 else { return call.error(ESRCH) }
    return call.write(call.thread.pointee.runtime_base, at: call.address(1)) ? 0 : call.error(EFAULT)
  }
  guard request == call.table.constant(.AMD64_DISABLE_TLSBASE) else { return call.error(EINVAL) }
  call.thread.pointee.has_runtime_base = 0
  return 0
}
