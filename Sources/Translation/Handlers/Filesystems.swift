import CEngine
import CWire
import Wire

// statfs(2), fstatfs(2), getfsstat(2), pathconf(2).

// The handlers fill Linux's struct statfs and, behind it, what Linux tells elsewhere: personalities/linux calls the
// whole struct mount. It becomes the structure that the row names, field by field.

/// Linux's struct mount (personalities/linux/types.table).
private struct Mount {
  let pointer: UnsafeMutableRawPointer
  static let size = 2240
  static let local: UInt64 = 1 << 32

  private func word(_ offset: Int) -> UInt64 { pointer.load(fromByteOffset: offset, as: UInt64.self) }

  init?(_ call: Call) {
    guard let memory = call.scratch(Mount.size) else { return nil }
    pointer = memory
    clear(memory, Mount.size)
  }

  /// Completes what statfs(2) has told.
  func complete() {
    if word(Field.fragmentSize) == 0 { pointer.put(word(Field.blockSize), at: Field.fragmentSize) }
    if !isRemote(word(Field.type)) { pointer.put(word(Field.flags) | Mount.local, at: Field.flags) }
    let free = word(Field.free)
    pointer.put(free &- min(free, word(Field.available)), at: Field.reserved)
    pointer.put(UInt32(1), at: Field.version)
    for name in [Field.typeName, Field.mountedOn, Field.mountedFrom] { pointer.put(UInt8(0), at: name) }
  }

  /// f_fstypename, f_mntonname and f_mntfromname.
  func describe(_ line: MountLine, _ naming: MountNaming) {
    line.type(to: pointer + Field.typeName, room: Field.typeNameBytes)
    line.source(to: pointer + Field.mountedFrom, room: Field.nameBytes)
    line.path(to: pointer + Field.mountedOn, room: Field.nameBytes)
    naming(pointer + Field.typeName, pointer + Field.mountedFrom)
  }

  enum Field {
    static let type = 0
    static let blockSize = 8
    static let free = 24
    static let available = 32
    static let fragmentSize = 72
    static let flags = 80
    static let reserved = 120
    static let version = 128
    static let typeName = 160
    static let typeNameBytes = 32
    static let mountedOn = 192
    static let mountedFrom = 1216
    static let nameBytes = 1024
  }

  /// Writes the structure that operand `index` names, `number` places behind `address`. Names that are cut off end
  /// with a NUL too.
  func write(_ call: Call, operand index: Int, to address: UInt64, _ number: Int = 0) -> Bool {
    let structure = call.parameter(index)
    let shape = call.table.structure(structure)
    let size = Int(shape.pointee.foreign_size)
    let mark = call.thread.pointee.scratch_used
    defer { call.thread.pointee.scratch_used = mark }
    guard let foreign = call.scratch(size) else { return false }
    call.table.structToForeign(structure, from: pointer, to: foreign)
    for position in 0..<Int(shape.pointee.count) {
      let field = call.table.field(shape, position)
      guard field.pointee.native_width > 0, Int(field.pointee.native_offset) >= Field.typeName else { continue }
      foreign.put(UInt8(0), at: Int(field.pointee.foreign_offset) + Int(field.pointee.foreign_width) - 1)
    }
    return call.copyOut(address + UInt64(number * size), foreign, size)
  }
}

func isRemote(_ type: UInt64) -> Bool {
  switch type {
  case UInt64(NFS_SUPER_MAGIC), UInt64(SMB_SUPER_MAGIC), UInt64(SMB2_SUPER_MAGIC), UInt64(CIFS_SUPER_MAGIC),
    UInt64(CEPH_SUPER_MAGIC), UInt64(AFS_SUPER_MAGIC), UInt64(V9FS_MAGIC):
    return true
  default: return false
  }
}

/// Gives a mount's kind and source, at the pointers, the names that a system has for them; 32 and 1024 bytes.
typealias MountNaming = (_ type: UnsafeMutableRawPointer, _ source: UnsafeMutableRawPointer) -> Void

/// statfs(path, buf)
func statfs(_ call: inout Call) -> Int { statfs(&call) { _, _ in } }

func statfs(_ call: inout Call, naming: MountNaming) -> Int {
  guard let mount = Mount(call) else { return call.error(ENOMEM) }
  let result = call.host(__NR_statfs, call[0], mount.pointer.word)
  if result < 0 { return result }
  return tell(call, mount, mountIdentifier(call, Int(AT_FDCWD), call[0], 0), naming)
}

/// fstatfs(fd, buf)
func fstatfs(_ call: inout Call) -> Int { fstatfs(&call) { _, _ in } }

func fstatfs(_ call: inout Call, naming: MountNaming) -> Int {
  guard let mount = Mount(call) else { return call.error(ENOMEM) }
  let result = call.hostNow(__NR_fstatfs, call[0], mount.pointer.word)
  if result < 0 { return result }
  let empty: StaticString = ""
  return tell(
    call, mount, mountIdentifier(call, call[0], Int(bitPattern: empty.utf8Start), Int(AT_EMPTY_PATH)), naming)
}

/// Linux's number of the mount that holds a file; nil when it cannot be told.
func mountIdentifier(_ call: Call, _ directory: Int, _ path: Int, _ flags: Int) -> UInt64? {
  guard let status = call.scratch(256) else { return nil }
  let result = call.hostNow(__NR_statx, directory, path, flags, Int(STATX_MNT_ID), status.word)
  guard result == 0, status.load(as: UInt32.self) & UInt32(STATX_MNT_ID) != 0 else { return nil }
  // stx_mnt_id
  return status.load(fromByteOffset: 144, as: UInt64.self)
}

private func tell(_ call: Call, _ mount: Mount, _ identifier: UInt64?, _ naming: MountNaming) -> Int {
  mount.complete()
  if let identifier {
    var mounts = MountList(call)
    mounts?.each { line in
      guard line.identifier == identifier else { return true }
      mount.describe(line, naming)
      return false
    }
    mounts?.close()
  }
  return mount.write(call, operand: 1, to: call.address(1)) ? 0 : call.error(EFAULT)
}

// MARK: - The list of mounts

/// getfsstat(buf, bufsize, mode, second): how many file systems are mounted, and what fits of them; of each a second
/// structure to `second` where the row has that. MNT_WAIT and MNT_NOWAIT are 1 and 2 wherever a mode is looked at.
func getfsstat(_ call: inout Call) -> Int { getfsstat(&call) { _, _ in } }

func getfsstat(_ call: inout Call, naming: MountNaming) -> Int {
  let mode = call.int32(2)
  guard mode == 1 || mode == 2 else { return call.error(EINVAL) }
  let address = call.address(0)
  let size = Int(call.argument(0).pointee.element_size)
  let room = call[1] < 0 ? 0 : call[1] / size
  let hasSecond = call.row.pointee.operand_count > 3
  guard let mount = Mount(call) else { return call.error(ENOMEM) }
  guard var mounts = MountList(call) else { return call.error(EIO) }
  let copied = call
  return mounts.tell(room: address == 0 ? nil : room, mount.pointer) { line, count in
    mount.complete()
    mount.describe(line, naming)
    return mount.write(copied, operand: 0, to: address, count)
      && (!hasSecond || mount.write(copied, operand: 3, to: copied.address(3), count))
  }
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

  /// Stores what Linux says of each mount, as long as there is room, and closes the list: how many were stored, or without a room, how
  /// many there are.
  ///
  /// - Parameters:
  ///   - status: receives Linux's struct statfs.
  ///   - store: gets the mount's line and place; false is EFAULT.
  mutating func tell(room: Int?, _ status: UnsafeMutableRawPointer, _ store: (MountLine, Int) -> Bool) -> Int {
    let call = call
    defer { close() }
    guard let path = call.scratch(Mount.Field.nameBytes) else { return call.error(ENOMEM) }
    var count = 0
    var isFaulty = false
    each { line in
      guard let room else {
        count += 1
        return true
      }
      if count >= room { return false }
      line.path(to: path, room: Mount.Field.nameBytes)
      // What is covered or out of reach cannot be asked; it is passed over.
      guard call.hostNow(__NR_statfs, path.word, status.word) == 0 else { return true }
      isFaulty = !store(line, count)
      count += 1
      return !isFaulty
    }
    return isFaulty ? call.error(EFAULT) : count
  }

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
}
