import CEngine

/// fchroot(fd): Linux knows a root by its name, which for a descriptor is in /proc.
func changeRootTo(_ call: inout Call) -> Int {
  guard let path = call.scratch(40) else { return call.error(ENOMEM) }
  let flags = call.hostNow(__NR_fcntl, call[0], Int(F_GETFD))
  if flags < 0 { return flags }
  writeDescriptorPath(Int(call.int32(0)), to: path)
  return call.hostNow(__NR_chroot, path.word)
}
