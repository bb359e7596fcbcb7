import CEngine
import CWire

// vfs.conflist, which getvfsbyname(3) reads, and FIODTYPE. Source: struct xvfsconf and VFCF_* of sys/mount.h, D_* of
// sys/conf.h, sysctl_vfs_conflist() of kern/vfs_init.c.

/// struct xvfsconf on amd64.
private enum Kind {
  static let size = 48
  static let name = 8
  static let nameBytes = 16
  static let number = 24
  static let references = 28
  static let flags = 32
  static let fixed: UInt32 = 0x10000
  static let network: UInt32 = 0x20000
  static let synthetic: UInt32 = 0x80000
}

/// vfs.conflist: the kinds of file systems that Linux has now, by Linux's names, which statfs(2) tells too.
func filesystemKinds(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard let kind = call.scratch(Kind.size), let name = call.scratch(Kind.nameBytes) else {
    return call.error(ENOMEM)
  }
  var file = HostFile(call, "/proc/filesystems")
  guard file.isOpen else { return call.error(ENOENT) }
  var number: UInt32 = 0
  // "nodev\tNAME" or "\tNAME"
  while file.peek() != nil {
    var isOnDevice = true
    while let byte = file.byte(), byte != 0x09 { isOnDevice = false }
    clear(name, Kind.nameBytes)
    var count = 0
    while let byte = file.byte(), byte != 0x0a {
      if count < Kind.nameBytes - 1 { name.put(byte, at: count) }
      count += 1
    }
    if count == 0 { continue }
    number += 1
    clear(kind, Kind.size)
    (kind + Kind.name).copyMemory(from: name, byteCount: Kind.nameBytes)
    kind.put(number, at: Kind.number)
    kind.put(UInt32(1), at: Kind.references)
    let flags = isNetwork(name) ? Kind.network : isOnDevice ? 0 : Kind.synthetic
    kind.put(Kind.fixed | flags, at: Kind.flags)
    request.put(kind, Kind.size)
  }
  return 0
}

private func isNetwork(_ name: UnsafeRawPointer) -> Bool {
  for known: StaticString in ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs"] {
    var index = 0
    while index < known.utf8CodeUnitCount,
      name.load(fromByteOffset: index, as: UInt8.self) == known.utf8Start[index]
    {
      index += 1
    }
    if index == known.utf8CodeUnitCount, name.load(fromByteOffset: index, as: UInt8.self) == 0 {
      return true
    }
  }
  return false
}

/// D_DISK, D_TTY and D_MEM of sys/conf.h.
private enum DeviceType {
  static let disk: Int32 = 2
  static let terminal: Int32 = 4
  static let memory: Int32 = 8
}

/// FIODTYPE: what kind of device a descriptor is; ENOTTY for what is none (vn_ioctl of kern/vfs_vnops.c).
func ioctlDeviceType(_ call: inout Call) -> Int {
  guard let status = call.scratch(144) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstat, call[0], status.word)
  if result < 0 { return result }
  // st_mode and st_rdev of Linux's struct stat on x86-64.
  let mode = status.load(fromByteOffset: 24, as: UInt32.self) & 0o170000
  let device = status.load(fromByteOffset: 40, as: UInt64.self)
  var type: Int32 = 0
  switch mode {
  case 0o060000: type = DeviceType.disk
  case 0o020000:
    // /dev/mem and /dev/kmem are 1:1 and 1:2 (Documentation/admin-guide/devices.txt); the rest of a terminal is TCGETS.
    if device == 0x101 || device == 0x102 { type = DeviceType.memory }
    if call.hostNow(__NR_ioctl, call[0], 0x5401, status.word) == 0 { type = DeviceType.terminal }
  default: return call.error(ENOTTY)
  }
  return call.write(type, at: call.address(2)) ? 0 : call.error(EFAULT)
}
