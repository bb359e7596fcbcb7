import CEngine
import CWire
import Wire

// getdents(2), whose entries tell the position behind them. Source: sys/kern/vfs_syscalls.c, sys/sys/dirent.h.

/// Linux's struct linux_dirent64.
private enum NativeEntry {
  static let next = 8
  static let length = 16
  static let type = 18
  static let name = 19
  static let longest = 280
  /// The most that one call reads from Linux.
  static let chunk = 24 * 1024
}

/// getdents(fd, buf, buflen), getdirentries(fd, buf, count, basep): struct dirent as the table lays it out, each a multiple of 8 bytes.
func directoryEntries(_ call: inout Call) -> Int {
  guard call.unsigned(2) <= UInt64(Int32.max), let name = call.table.layout(.dirent__d_name) else {
    return call.error(EINVAL)
  }
  let room = call[2]
  // A foreign entry is at most 4/3 of Linux's; with too little room the rest is given back.
  let wanted = max(min(room / 4 * 3, NativeEntry.chunk), NativeEntry.longest)
  guard let native = call.scratch(wanted), let foreign = call.scratch(wanted / 3 * 4 + 64) else {
    return call.error(ENOMEM)
  }
  let start = call.hostNow(__NR_lseek, call[0], 0, 1)
  let count = call.hostNow(__NR_getdents64, call[0], native.word, wanted)
  if count == call.error(ENOTDIR) { return call.error(EINVAL) }
  if count == call.error(ENOENT) { return 0 }
  if count < 0 { return count }
  var (at, out, next) = (0, 0, start)
  while at < count {
    let entry = native + at
    var length = 0
    while length < 255, entry.load(fromByteOffset: NativeEntry.name + length, as: UInt8.self) != 0 { length += 1 }
    let size = (name.offset + length + 1 + 7) & ~7
    if out + size > room {
      let result = call.hostNow(__NR_lseek, call[0], next, 0)
      if result < 0 { return result }
      if out == 0 { return call.error(EINVAL) }
      break
    }
    next = entry.loadUnaligned(fromByteOffset: NativeEntry.next, as: Int.self)
    clear(foreign + out, size)
    let record = Record(foreign + out, call.table)
    record[.dirent__d_fileno] = entry.loadUnaligned(as: UInt64.self)
    record[.dirent__d_off] = UInt64(bitPattern: Int64(next))
    record[.dirent__d_reclen] = UInt64(size)
    record[.dirent__d_type] = UInt64(entry.load(fromByteOffset: NativeEntry.type, as: UInt8.self))
    record[.dirent__d_namlen] = UInt64(length)
    (foreign + out + name.offset).copyMemory(from: entry + NativeEntry.name, byteCount: length)
    out += size
    at += Int(entry.loadUnaligned(fromByteOffset: NativeEntry.length, as: UInt16.self))
  }
  guard out == 0 || call.copyOut(call.address(1), foreign, out) else { return call.error(EFAULT) }
  let base = call.row.pointee.operand_count > 3 ? call.address(3) : 0
  return base == 0 || call.write(Int64(start), at: base) ? out : call.error(EFAULT)
}
