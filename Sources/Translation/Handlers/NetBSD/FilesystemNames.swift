import CEngine
import CWire
import Wire

// statvfs(2) and its like with NetBSD's names for Linux's file systems. Source: sys/sys/mount.h (MOUNT_*),
// sys/fs/ptyfs/ptyfs_vfsops.c and sys/miscfs/procfs/procfs_vfsops.c, which name their source after themselves.

/// __statvfs190(path, buf, flags)
func namedStatfs(_ call: inout Call) -> Int { statfs(&call, naming: giveName) }

/// __fstatvfs190(fd, buf, flags)
func namedFstatfs(_ call: inout Call) -> Int { fstatfs(&call, naming: giveName) }

/// __getvfsstat90(buf, bufsize, flags)
func namedGetfsstat(_ call: inout Call) -> Int { getfsstat(&call, naming: giveName) }

private func giveName(_ type: UnsafeMutableRawPointer, _ source: UnsafeMutableRawPointer) {
  if rename(type, "devpts", "ptyfs") { put(source, "ptyfs") }
  if rename(type, "proc", "procfs") { put(source, "procfs") }
  for linux: StaticString in ["ext2", "ext3", "ext4"] where rename(type, linux, "ext2fs") { return }
  _ = rename(type, "vfat", "msdos") || rename(type, "iso9660", "cd9660") || rename(type, "nfs4", "nfs")
    || rename(type, "cifs", "smbfs") || rename(type, "ntfs3", "ntfs")
}

private func rename(_ type: UnsafeMutableRawPointer, _ linux: StaticString, _ netbsd: StaticString) -> Bool {
  for index in 0...linux.utf8CodeUnitCount {
    let wanted = index < linux.utf8CodeUnitCount ? linux.utf8Start[index] : 0
    if type.get(at: index, as: UInt8.self) != wanted { return false }
  }
  put(type, netbsd)
  return true
}

private func put(_ place: UnsafeMutableRawPointer, _ text: StaticString) {
  for index in 0..<text.utf8CodeUnitCount { place.put(text.utf8Start[index], at: index) }
  place.put(UInt8(0), at: text.utf8CodeUnitCount)
}
