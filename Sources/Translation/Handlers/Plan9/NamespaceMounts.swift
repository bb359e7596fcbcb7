import CEngine
import CWire

// A name space: what is mounted on what, for all processes of its group, in the session's memory.
// sys/src/9/port/chan.c (cmount, cunmount), pgrp.c.

/// MREPL, MBEFORE, MAFTER, MCREATE, MCACHE of sys/include/libc.h.
enum MountFlags {
  static let before = 1
  static let after = 2
  static let order = 3
  static let create = 4
  static let cache = 16
  static let known = 0x17
}

/// One mount as it lies in a table: a head of 20 bytes, then four texts.
struct MountedTree {
  static let head = 20
  let record: UnsafeRawPointer

  var size: Int { Int(record.load(as: UInt16.self)) }
  var flags: Int { Int(record.load(fromByteOffset: 2, as: UInt16.self)) }
  /// Counts mounts in the order in which they were made.
  var identifier: UInt32 { record.load(fromByteOffset: 4, as: UInt32.self) }

  private func text(_ index: Int) -> NameBytes {
    var offset = MountedTree.head
    for earlier in 0..<index { offset += length(earlier) }
    return NameBytes(
      start: (record + offset).assumingMemoryBound(to: UInt8.self), count: length(index))
  }
  private func length(_ index: Int) -> Int {
    Int(record.load(fromByteOffset: 8 + 2 * index, as: UInt16.self))
  }

  /// Where it is mounted: a location that is not crossed itself.
  var from: NameBytes { text(0) }
  /// The name by which that was meant.
  var fromName: NameBytes { text(1) }
  /// What is mounted.
  var to: NameBytes { text(2) }
  var toName: NameBytes { text(3) }
}

/// What is mounted in a name space. The members of a union are the mounts with the same `from`, in their order.
struct MountTable {
  /// Bytes of a table in the session's memory, its head included.
  static let bytes = 16 << 10
  private static let head = 24

  /// Group, changes, bytes used and last identifier, then the records.
  let memory: UnsafeMutableRawPointer

  var group: UInt32 {
    get { memory.load(as: UInt32.self) }
    nonmutating set { memory.storeBytes(of: newValue, as: UInt32.self) }
  }
  var changes: UInt32 {
    get { memory.load(fromByteOffset: 4, as: UInt32.self) }
    nonmutating set { memory.storeBytes(of: newValue, toByteOffset: 4, as: UInt32.self) }
  }
  private(set) var used: Int {
    get { Int(memory.load(fromByteOffset: 8, as: UInt32.self)) }
    nonmutating set { memory.storeBytes(of: UInt32(newValue), toByteOffset: 8, as: UInt32.self) }
  }
  private var lastIdentifier: UInt32 {
    get { memory.load(fromByteOffset: 12, as: UInt32.self) }
    nonmutating set { memory.storeBytes(of: newValue, toByteOffset: 12, as: UInt32.self) }
  }

  func clear() { memory.initializeMemory(as: UInt8.self, repeating: 0, count: MountTable.head) }

  func copy(from other: MountTable) {
    memory.copyMemory(from: other.memory, byteCount: MountTable.head + min(other.used, MountTable.bytes - MountTable.head))
  }

  /// The mounts, one after the other.
  func next(_ offset: inout Int) -> MountedTree? {
    guard offset + MountedTree.head <= used else { return nil }
    let mount = MountedTree(record: UnsafeRawPointer(memory) + MountTable.head + offset)
    guard mount.size >= MountedTree.head, offset + mount.size <= used else { return nil }
    offset += mount.size
    return mount
  }

  /// The next member of the union at `location`.
  func next(_ offset: inout Int, at location: NameBytes) -> MountedTree? {
    while let mount = next(&offset) {
      if mount.from.equals(location) { return mount }
    }
    return nil
  }

  func first(at location: NameBytes) -> MountedTree? {
    var offset = 0
    return next(&offset, at: location)
  }

  func memberCount(at location: NameBytes) -> Int {
    var (offset, count) = (0, 0)
    while next(&offset, at: location) != nil { count += 1 }
    return count
  }

  /// What a new mount consists of.
  struct Request {
    let from: NameBytes
    let fromName: NameBytes
    let to: NameBytes
    let toName: NameBytes
    let flags: Int
    /// The union that `to` was reached through, whose other members come along; empty for none.
    let union: NameBytes
  }

  /// Mounts; the identifier, or 0 when the table is full. `room` is memory of a table's size.
  func mount(_ request: Request, _ room: UnsafeMutableRawPointer) -> UInt32 {
    let order = request.flags & MountFlags.order
    let isNew = first(at: request.from) == nil
    let result = MountTable(memory: room)
    result.copyHead(of: self)
    var original: UInt32 = 0
    if isNew, order != 0 { original = result.nextIdentifier() }
    let identifier = result.nextIdentifier()
    var fits = true
    func addNew() {
      fits = result.append(request, identifier, request.to, request.toName, request.flags) && fits
      guard request.union.count > 0 else { return }
      var (offset, isFirst) = (0, true)
      while let member = next(&offset, at: request.union) {
        if !isFirst {
          fits =
            result.append(
              request, result.nextIdentifier(), member.to, member.toName,
              order == 0 ? MountFlags.after : order) && fits
        }
        isFirst = false
      }
    }
    if order == MountFlags.before { addNew() }
    if original != 0 {
      fits = result.append(request, original, request.from, request.fromName, 0) && fits
    }
    var offset = 0
    while let mount = next(&offset) {
      if order == 0, mount.from.equals(request.from) { continue }
      fits = result.append(mount) && fits
    }
    if order != MountFlags.before { addNew() }
    guard fits else { return 0 }
    result.changes &+= 1
    copy(from: result)
    return identifier
  }

  enum Unmounted { case done, nothingThere, notInUnion }

  /// Takes `mounted` away from `location`, or all that is there.
  func unmount(_ location: NameBytes, _ mounted: NameBytes?, _ room: UnsafeMutableRawPointer) -> Unmounted {
    guard first(at: location) != nil else { return .nothingThere }
    let result = MountTable(memory: room)
    result.copyHead(of: self)
    var (offset, isFound) = (0, false)
    while let mount = next(&offset) {
      if mount.from.equals(location) {
        let isMeant = mounted.map { !isFound && mount.to.equals($0) } ?? true
        if isMeant {
          isFound = true
          continue
        }
      }
      _ = result.append(mount)
    }
    guard isFound else { return .notInUnion }
    result.changes &+= 1
    copy(from: result)
    return .done
  }

  private func copyHead(of other: MountTable) {
    memory.copyMemory(from: other.memory, byteCount: MountTable.head)
    used = 0
  }

  private func nextIdentifier() -> UInt32 {
    lastIdentifier &+= 1
    return lastIdentifier
  }

  private func append(_ mount: MountedTree) -> Bool {
    guard MountTable.head + used + mount.size <= MountTable.bytes else { return false }
    (memory + MountTable.head + used).copyMemory(from: mount.record, byteCount: mount.size)
    used += mount.size
    return true
  }

  private func append(
    _ request: Request, _ identifier: UInt32, _ to: NameBytes, _ toName: NameBytes, _ flags: Int
  ) -> Bool {
    let size =
      (MountedTree.head + request.from.count + request.fromName.count + to.count + toName.count + 3) & ~3
    guard size < 1 << 16, MountTable.head + used + size <= MountTable.bytes else { return false }
    let record = memory + MountTable.head + used
    record.storeBytes(of: UInt16(size), as: UInt16.self)
    record.storeBytes(of: UInt16(flags), toByteOffset: 2, as: UInt16.self)
    record.storeBytes(of: identifier, toByteOffset: 4, as: UInt32.self)
    var offset = MountedTree.head
    var field = 8
    func put(_ text: NameBytes) {
      record.storeBytes(of: UInt16(text.count), toByteOffset: field, as: UInt16.self)
      if let start = text.baseAddress {
        (record + offset).copyMemory(from: UnsafeRawPointer(start), byteCount: text.count)
      }
      field += 2
      offset += text.count
    }
    put(request.from)
    put(request.fromName)
    put(to)
    put(toName)
    used += size
    return true
  }
}
