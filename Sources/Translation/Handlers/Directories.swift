import CEngine
import CWire
import Wire

// getdirentries(2): Linux's getdents64(2), entry by entry in the guest's layout.

/// How a directory entry lies in the guest's buffer. The row names it by a last, constant operand.
private struct EntryLayout {
  /// Bytes before d_name, and to what entries are aligned.
  let head: Int
  let alignment: Int

  /// The struct dirent of 32-bit inodes: d_fileno u32, d_reclen u16, d_type u8, d_namlen u8 (sys/dirent.h).
  static let short = EntryLayout(head: 8, alignment: 4)
  /// struct dirent with _FILE_INO 64 bits wide: d_fileno u64, d_off i64, d_reclen u16, d_type u8, pad,
  /// d_namlen u16, pad (sys/dirent.h).
  static let long = EntryLayout(head: 24, alignment: 8)

  var isLong: Bool { head == 24 }

  func length(_ name: Int) -> Int { (head + name + 1 + alignment - 1) & ~(alignment - 1) }

  /// Writes the entry and zeroes what lies behind the name.
  func write(
    _ entry: NativeEntry, _ name: Int, to memory: UnsafeMutableRawPointer
  ) {
    let length = length(name)
    memory.storeBytes(of: 0, toByteOffset: length - 8, as: UInt64.self)
    if isLong {
      memory.storeBytes(of: entry.number, as: UInt64.self)
      memory.storeBytes(of: entry.next, toByteOffset: 8, as: Int64.self)
      memory.storeBytes(of: UInt64(length) | UInt64(entry.type) << 16 | UInt64(name) << 32,
        toByteOffset: 16, as: UInt64.self)
    } else {
      memory.storeBytes(of: UInt32(truncatingIfNeeded: entry.number), as: UInt32.self)
      memory.storeBytes(
        of: UInt32(length) | UInt32(entry.type) << 16 | UInt32(name) << 24, toByteOffset: 4, as: UInt32.self)
    }
    (memory + head).copyMemory(from: entry.name, byteCount: name)
  }
}

/// One struct linux_dirent64.
private struct NativeEntry {
  let pointer: UnsafeRawPointer
  static let head = 19
  static let longest = 280

  var number: UInt64 { pointer.load(as: UInt64.self) }
  var next: Int64 { pointer.load(fromByteOffset: 8, as: Int64.self) }
  var length: Int { Int(pointer.load(fromByteOffset: 16, as: UInt16.self)) }
  var type: UInt8 { pointer.load(fromByteOffset: 18, as: UInt8.self) }
  var name: UnsafeRawPointer { pointer + NativeEntry.head }
  /// Bytes of the name, without the NUL; never more than the 255 that d_namlen can tell.
  var nameLength: Int {
    var count = 0
    while count < 255, name.load(fromByteOffset: count, as: UInt8.self) != 0 { count += 1 }
    return count
  }
}

/// The most that one call reads from Linux.
private let chunk = 24 * 1024

/// getdents(fd, buf, count): the short layout, without the block's position.
func getdirentries(_ call: inout Call) -> Int {
  readEntries(call, .short, baseAddress: 0)
}

/// getdirentries(fd, buf, count, basep, layout): `layout` is 11 for the short one, otherwise the long one.
func getdirentriesWithBase(_ call: inout Call) -> Int {
  readEntries(call, call[4] == 11 ? .short : .long, baseAddress: call.address(3))
}

private func readEntries(_ call: Call, _ layout: EntryLayout, baseAddress: UInt64) -> Int {
  let room = call.unsigned(2) > UInt64(Int32.max) ? -1 : call[2]
  if room < 0 { return call.error(EINVAL) }
  // A foreign entry is at most 4/3 of Linux's: with so much less room none has to be given back.
  let safe = min(layout.isLong ? room / 4 * 3 : room, chunk)
  let isTight = safe < NativeEntry.longest
  var position = 0
  if isTight || baseAddress != 0 {
    position = call.hostNow(__NR_lseek, call[0], 0, 1)
    if position < 0 {
      // What has no position is no directory.
      return position == call.error(ESPIPE) ? call.error(EINVAL) : position
    }
  }
  let wanted = isTight ? NativeEntry.longest : safe
  guard let native = call.scratch(wanted), let foreign = call.scratch(wanted / 3 * 4 + 64) else {
    return call.error(ENOMEM)
  }
  let count = call.hostNow(__NR_getdents64, call[0], native.word, wanted)
  if count < 0 { return refusal(call, count) }

  var at = 0
  var out = 0
  var next = position
  while at < count {
    let entry = NativeEntry(pointer: native + at)
    let name = entry.nameLength
    let length = layout.length(name)
    if out + length > room {
      // Only in a tight buffer: the rest is for the next call.
      let result = call.hostNow(__NR_lseek, call[0], next, 0)
      if result < 0 { return result }
      if out == 0 { return call.error(EINVAL) }
      break
    }
    layout.write(entry, name, to: foreign + out)
    out += length
    next = Int(entry.next)
    at += entry.length
  }
  guard out == 0 || call.copyOut(call.address(1), foreign, out) else { return call.error(EFAULT) }
  if baseAddress != 0, !call.write(Int64(position), at: baseAddress) { return call.error(EFAULT) }
  return out
}

/// What is no directory is EINVAL (kern_getdirentries of kern/vfs_syscalls.c); a removed one has no entries.
private func refusal(_ call: Call, _ result: Int) -> Int {
  switch -Int32(truncatingIfNeeded: result) {
  case ENOTDIR: return call.error(EINVAL)
  case ENOENT: return 0
  default: return result
  }
}

// MARK: - The working directory

/// __getcwd(buf, buflen)
func currentDirectory(_ call: inout Call) -> Int {
  // MAXPATHLEN bounds the buffer there; two bytes are the least (vn_getcwd of kern/vfs_cache.c).
  let room = min(call.unsigned(1), 4096)
  if room < 2 { return call.error(EINVAL) }
  guard let path = call.scratch(4096) else { return call.error(ENOMEM) }
  let length = call.hostNow(__NR_getcwd, path.word, 4096)
  if length < 0 { return length == call.error(ERANGE) ? call.error(ENOMEM) : length }
  // Linux tells a directory outside the root as "(unreachable)…".
  if path.load(as: UInt8.self) != UInt8(ascii: "/") { return call.error(ENOENT) }
  guard let name = call.foreignName(path, length - 1) else { return call.error(ENOENT) }
  if name.count + 1 > Int(room) { return call.error(ENOMEM) }
  name.text.storeBytes(of: 0, toByteOffset: name.count, as: UInt8.self)
  return call.copyOut(call.address(0), name.text, name.count + 1) ? 0 : call.error(EFAULT)
}
