import CEngine
import CWire

// chdir(2), fchdir(2), chroot(2) and fchroot(2). The root is Persona's own affair (`PathRoot`): Linux's would take /proc from the engine, too.
// Who may change it is Linux's. Source: sys_chroot() of kern/vfs_syscalls.c.

/// changeFolder(path)
func changeFolder(_ call: inout Call) -> Int {
  CurrentFolder.forget(call.process)
  return call.hostNow(__NR_chdir, call[0])
}

/// changeFolderTo(fd)
func changeFolderTo(_ call: inout Call) -> Int {
  CurrentFolder.forget(call.process)
  return call.hostNow(__NR_fchdir, call[0])
}

/// changeRoot(path)
func changeRoot(_ call: inout Call) -> Int {
  guard mayChangeRoot(call) else { return call.error(EPERM) }
  let folder = call.hostNow(
    __NR_openat, Int(AT_FDCWD), call[0], Int(O_PATH | O_DIRECTORY | O_CLOEXEC))
  if folder < 0 { return folder }
  defer { _ = call.hostNow(__NR_close, folder) }
  return enter(call, folder)
}

/// changeRootTo(fd)
func changeRootTo(_ call: inout Call) -> Int {
  let flags = call.hostNow(__NR_fcntl, call[0], Int(F_GETFD))
  if flags < 0 { return flags }
  guard mayChangeRoot(call) else { return call.error(EPERM) }
  return enter(call, Int(call.int32(0)))
}

private func enter(_ call: Call, _ folder: Int) -> Int {
  guard let name = call.scratch(4096), let path = call.scratch(40) else { return call.error(ENOMEM) }
  let allowed = call.checkExecutable(folder)
  if allowed < 0 { return allowed }
  writeDescriptorPath(folder, to: path)
  let count = call.hostNow(__NR_readlinkat, Int(AT_FDCWD), path.word, name.word, 4096)
  if count < 0 { return count }
  guard name.load(as: UInt8.self) == slash, count < 4096 else { return call.error(ENOTDIR) }
  // The top of an overlay, or of the host, is where the process is.
  if count == 1, PathRoot(call.process)?.isConfining != true { return 0 }
  return PathRoot.set(call.process, name, count, confines: true) ? 0 : call.error(ENOMEM)
}

/// Whether CAP_SYS_CHROOT (bit 18) is effective; struct __user_cap_header and two of __user_cap_data of linux/capability.h.
private func mayChangeRoot(_ call: Call) -> Bool {
  guard let header = call.scratch(16), let data = call.scratch(32) else { return false }
  header.storeBytes(of: 0x2008_0522, as: UInt64.self)
  guard call.hostNow(125 /* capget */, header.word, data.word) == 0 else { return false }
  return data.load(as: UInt32.self) & 1 << 18 != 0
}
