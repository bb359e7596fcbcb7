import CEngine
import CWire
import Wire

// statfs(2), fstatfs(2), getfsstat(2), pathconf(2).

/// struct statfs of sys/mount.h in two versions, which differ in the length of names: the fields up to
/// f_fstypename lie at the same places.
struct ForeignStatfs {
  let version: UInt32
  let size: Int
  /// Bytes of each of f_mntfromname and f_mntonname.
  let nameBytes: Int

  static let long = ForeignStatfs(version: 0x2014_0518, size: 2344, nameBytes: 1024)
  static let short = ForeignStatfs(version: 0x2003_0518, size: 472, nameBytes: 88)

  static let typeName = 280
  static let typeNameBytes = 16
  static let names = 296
  var mountedFrom: Int { ForeignStatfs.names }
  var mountedOn: Int { ForeignStatfs.names + nameBytes }
}

/// Linux's struct statfs on x86-64.
private struct NativeStatfs {
  let pointer: UnsafeMutableRawPointer
  static let size = 120
  func word(_ index: Int) -> UInt64 { pointer.load(fromByteOffset: 8 * index, as: UInt64.self) }
  var type: UInt64 { word(0) }
  var blockSize: UInt64 { word(1) }
  var blocks: UInt64 { word(2) }
  var free: UInt64 { word(3) }
  var available: UInt64 { word(4) }
  var files: UInt64 { word(5) }
  var freeFiles: UInt64 { word(6) }
  var identifier: UInt64 { word(7) }
  var nameLength: UInt64 { word(8) }
  var fragmentSize: UInt64 { word(9) == 0 ? word(1) : word(9) }
  var flags: UInt64 { word(10) }
}

/// ST_* of Linux's statfs(2), and MNT_* of sys/mount.h.
private let mountFlags: InlineArray<5, (native: UInt64, foreign: UInt64)> = [
  (0x1, 0x1),  // ST_RDONLY, MNT_RDONLY
  (0x2, 0x8),  // ST_NOSUID, MNT_NOSUID
  (0x8, 0x4),  // ST_NOEXEC, MNT_NOEXEC
  (0x10, 0x2),  // ST_SYNCHRONOUS, MNT_SYNCHRONOUS
  (0x400, 0x1000_0000),  // ST_NOATIME, MNT_NOATIME
]
private let mountLocal: UInt64 = 0x1000

/// statfs(path, buf)
func statfs(_ call: inout Call) -> Int {
  guard let native = call.scratch(NativeStatfs.size) else { return call.error(ENOMEM) }
  let result = call.host(__NR_statfs, call[0], native.word)
  if result < 0 { return result }
  let mount = mountIdentifier(call, Int(AT_FDCWD), call[0], 0)
  return tell(call, NativeStatfs(pointer: native), mount, layout(call), call.address(1))
}

/// fstatfs(fd, buf)
func fstatfs(_ call: inout Call) -> Int {
  guard let native = call.scratch(NativeStatfs.size) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstatfs, call[0], native.word)
  if result < 0 { return result }
  let empty: StaticString = ""
  let mount = mountIdentifier(call, call[0], Int(bitPattern: empty.utf8Start), Int(AT_EMPTY_PATH))
  return tell(call, NativeStatfs(pointer: native), mount, layout(call), call.address(1))
}

/// The layout is that of the structure which the row names.
private func layout(_ call: Call) -> ForeignStatfs {
  let size = call.argument(1).pointee.element_size
  return Int(size) == ForeignStatfs.short.size ? .short : .long
}

/// Linux's number of the mount that holds a file; nil when it cannot be told.
func mountIdentifier(_ call: Call, _ directory: Int, _ path: Int, _ flags: Int) -> UInt64? {
  guard let status = call.scratch(256) else { return nil }
  let result = call.hostNow(__NR_statx, directory, path, flags, Int(STATX_MNT_ID), status.word)
  guard result == 0, status.load(as: UInt32.self) & UInt32(STATX_MNT_ID) != 0 else { return nil }
  // stx_mnt_id
  return status.load(fromByteOffset: 144, as: UInt64.self)
}

private func tell(
  _ call: Call, _ native: NativeStatfs, _ mount: UInt64?, _ layout: ForeignStatfs, _ address: UInt64
) -> Int {
  guard let foreign = call.scratch(layout.size) else { return call.error(ENOMEM) }
  fill(foreign, layout, native)
  if let mount {
    var mounts = MountList(call)
    mounts?.each { line in
      guard line.identifier == mount else { return true }
      line.describe(foreign, layout)
      return false
    }
    mounts?.close()
  }
  return call.copyOut(address, foreign, layout.size) ? 0 : call.error(EFAULT)
}

private func fill(_ foreign: UnsafeMutableRawPointer, _ layout: ForeignStatfs, _ native: NativeStatfs) {
  for offset in stride(from: 0, to: layout.size, by: 8) {
    foreign.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
  }
  var flags: UInt64 = 0
  for index in mountFlags.indices where native.flags & mountFlags[index].native != 0 {
    flags |= mountFlags[index].foreign
  }
  if !isRemote(native.type) { flags |= mountLocal }
  foreign.storeBytes(of: layout.version, as: UInt32.self)
  foreign.storeBytes(of: UInt32(truncatingIfNeeded: native.type), toByteOffset: 4, as: UInt32.self)
  foreign.storeBytes(of: flags, toByteOffset: 8, as: UInt64.self)
  foreign.storeBytes(of: native.fragmentSize, toByteOffset: 16, as: UInt64.self)
  foreign.storeBytes(of: native.blockSize, toByteOffset: 24, as: UInt64.self)
  foreign.storeBytes(of: native.blocks, toByteOffset: 32, as: UInt64.self)
  foreign.storeBytes(of: native.free, toByteOffset: 40, as: UInt64.self)
  foreign.storeBytes(of: native.available, toByteOffset: 48, as: UInt64.self)
  foreign.storeBytes(of: native.files, toByteOffset: 56, as: UInt64.self)
  foreign.storeBytes(of: native.freeFiles, toByteOffset: 64, as: UInt64.self)
  foreign.storeBytes(
    of: UInt32(truncatingIfNeeded: native.nameLength), toByteOffset: 184, as: UInt32.self)
  foreign.storeBytes(of: native.identifier, toByteOffset: 192, as: UInt64.self)
}

func isRemote(_ type: UInt64) -> Bool {
  switch type {
  case UInt64(NFS_SUPER_MAGIC), UInt64(SMB_SUPER_MAGIC), UInt64(SMB2_SUPER_MAGIC), UInt64(CIFS_SUPER_MAGIC),
    UInt64(CEPH_SUPER_MAGIC), UInt64(AFS_SUPER_MAGIC), UInt64(V9FS_MAGIC):
    return true
  default: return false
  }
}

// MARK: - The list of mounts

/// getfsstat(buf, bufsize, mode[, version]): how many file systems are mounted, and what fits of them;
/// `version` is 11 for the structure with short names.
func getfsstat(_ call: inout Call) -> Int {
  let mode = call.int32(2)
  // MNT_WAIT and MNT_NOWAIT.
  guard mode == 1 || mode == 2 else { return call.error(EINVAL) }
  let layout = call[3] == 11 ? ForeignStatfs.short : .long
  let address = call.address(0)
  let room = call[1] < 0 ? 0 : call[1] / layout.size
  guard let foreign = call.scratch(layout.size), let native = call.scratch(NativeStatfs.size),
    let path = call.scratch(layout.nameBytes)
  else { return call.error(ENOMEM) }
  guard var mounts = MountList(call) else { return call.error(EIO) }
  var count = 0
  var isFaulty = false
  let copied = call
  mounts.each { line in
    if address == 0 {
      count += 1
      return true
    }
    if count >= room { return false }
    line.path(to: path, room: layout.nameBytes)
    // What is covered or out of reach cannot be asked; it is passed over.
    guard copied.hostNow(__NR_statfs, path.word, native.word) == 0 else { return true }
    fill(foreign, layout, NativeStatfs(pointer: native))
    line.describe(foreign, layout)
    guard copied.copyOut(address + UInt64(count * layout.size), foreign, layout.size) else {
      isFaulty = true
      return false
    }
    count += 1
    return true
  }
  mounts.close()
  return isFaulty ? call.error(EFAULT) : count
}

/// /proc/self/mountinfo, line by line (proc_pid_mountinfo(5)).
struct MountList {
  private let call: Call
  private let descriptor: Int
  private let buffer: UnsafeMutableRawPointer
  private static let bufferBytes = 16 * 1024

  init?(_ call: Call) {
    let file: StaticString = "/proc/self/mountinfo"
    guard let buffer = call.scratch(MountList.bufferBytes) else { return nil }
    descriptor = call.hostNow(
      __NR_openat, Int(AT_FDCWD), Int(bitPattern: file.utf8Start), Int(O_RDONLY | O_CLOEXEC))
    if descriptor < 0 { return nil }
    self.call = call
    self.buffer = buffer
  }

  mutating func close() { _ = call.hostNow(__NR_close, descriptor) }

  /// Calls `body` for each line until it answers false.
  mutating func each(_ body: (MountLine) -> Bool) {
    var filled = 0
    while true {
      let count = call.hostNow(
        __NR_read, descriptor, buffer.word + filled, MountList.bufferBytes - filled)
      if count <= 0 { return }
      filled += count
      var start = 0
      for index in 0..<filled where buffer.load(fromByteOffset: index, as: UInt8.self) == 0x0a {
        if !body(MountLine(start: UnsafeRawPointer(buffer) + start, length: index - start)) { return }
        start = index + 1
      }
      // A line longer than the buffer cannot be told.
      if start == 0, filled == MountList.bufferBytes { return }
      buffer.copyMemory(from: buffer + start, byteCount: filled - start)
      filled -= start
    }
  }
}

/// One mount: identifier, parent, device, root, mount point, options, optional fields, "-", type, source.
struct MountLine {
  let start: UnsafeRawPointer
  let length: Int

  private func byte(_ index: Int) -> UInt8 { start.load(fromByteOffset: index, as: UInt8.self) }

  /// Where the blank-separated field `number` begins and ends.
  private func field(_ number: Int) -> Range<Int> {
    var at = 0
    for _ in 0..<number {
      while at < length, byte(at) != 0x20 { at += 1 }
      at += 1
    }
    at = min(at, length)
    var end = at
    while end < length, byte(end) != 0x20 { end += 1 }
    return at..<end
  }

  /// Number of the field behind the lone "-".
  private var typeField: Int {
    var number = 6
    while number < 32 {
      let field = field(number)
      if field.isEmpty { return number }
      if field.count == 1, byte(field.lowerBound) == UInt8(ascii: "-") { return number + 1 }
      number += 1
    }
    return number
  }

  var identifier: UInt64 {
    var value: UInt64 = 0
    for index in field(0) { value = value &* 10 &+ UInt64(byte(index) &- UInt8(ascii: "0")) }
    return value
  }

  /// Copies a field, whose odd characters are written as \ooo, and a NUL.
  private func copy(_ field: Range<Int>, to memory: UnsafeMutableRawPointer, room: Int) {
    var at = field.lowerBound
    var out = 0
    while at < field.upperBound, out < room - 1 {
      var value = byte(at)
      if value == UInt8(ascii: "\\"), at + 3 < field.upperBound {
        value =
          (byte(at + 1) &- 0x30) &* 64 &+ (byte(at + 2) &- 0x30) &* 8 &+ (byte(at + 3) &- 0x30)
        at += 3
      }
      memory.storeBytes(of: value, toByteOffset: out, as: UInt8.self)
      out += 1
      at += 1
    }
    memory.storeBytes(of: 0, toByteOffset: out, as: UInt8.self)
  }

  /// The mount point.
  func path(to memory: UnsafeMutableRawPointer, room: Int) { copy(field(4), to: memory, room: room) }

  /// The kind of file system.
  func type(to memory: UnsafeMutableRawPointer, room: Int) { copy(field(typeField), to: memory, room: room) }

  /// What is mounted.
  func source(to memory: UnsafeMutableRawPointer, room: Int) {
    copy(field(typeField + 1), to: memory, room: room)
  }

  /// f_fstypename, f_mntfromname and f_mntonname.
  func describe(_ foreign: UnsafeMutableRawPointer, _ layout: ForeignStatfs) {
    let type = typeField
    copy(field(type), to: foreign + ForeignStatfs.typeName, room: ForeignStatfs.typeNameBytes)
    copy(field(type + 1), to: foreign + layout.mountedFrom, room: layout.nameBytes)
    path(to: foreign + layout.mountedOn, room: layout.nameBytes)
  }
}
