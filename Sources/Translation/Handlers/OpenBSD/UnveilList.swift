import CEngine
import CWire

// What a process has unveiled: directories, and names in directories. Source: sys/kern/kern_unveil.c.

/// UNVEIL_* of sys/namei.h.
enum Unveiled {
  static let read: UInt8 = 0x1
  static let write: UInt8 = 0x2
  static let create: UInt8 = 0x4
  static let execute: UInt8 = 0x8
  /// unveil(2) named it, rather than something in it.
  static let byUser: UInt8 = 0x10
  static let all: UInt8 = 0xf
}

/// What tells a directory from every other, as a vnode does there. The time of its birth tells it from an older one
/// whose inode number it took over.
struct DirectoryIdentity: Equatable {
  var device: UInt64 = 0
  var inode: UInt64 = 0
  var birth: UInt64 = 0
}

/// struct unveil. Which entry covers another is looked up when it matters, by walking upwards.
struct UnveiledDirectory {
  var identity: DirectoryIdentity
  var rights: UInt8
}

/// struct unvname.
struct UnveiledName {
  var directory: Int32
  var rights: UInt8
  var length: UInt8
}

/// ps_uvpaths: the lists lie in one block of the engine's memory, which has no pointers, so that the next program can
/// be given it as it is.
struct UnveilList {
  /// UNVEIL_MAX_VNODES and UNVEIL_MAX_NAMES.
  static let limit = 128
  private static let nameRoom = 256
  private static let directories = 16
  private static let names = directories + limit * MemoryLayout<UnveiledDirectory>.stride
  private static let texts = names + limit * MemoryLayout<UnveiledName>.stride
  static let bytes = texts + limit * nameRoom

  let memory: UnsafeMutableRawPointer

  init(_ memory: UnsafeMutableRawPointer) { self.memory = memory }

  var count: Int {
    get { Int(memory.load(as: Int32.self)) }
    nonmutating set { memory.storeBytes(of: Int32(newValue), as: Int32.self) }
  }

  var nameCount: Int {
    get { Int(memory.load(fromByteOffset: 4, as: Int32.self)) }
    nonmutating set { memory.storeBytes(of: Int32(newValue), toByteOffset: 4, as: Int32.self) }
  }

  func directory(_ index: Int) -> UnsafeMutablePointer<UnveiledDirectory> {
    (memory + Self.directories).assumingMemoryBound(to: UnveiledDirectory.self) + index
  }

  func name(_ index: Int) -> UnsafeMutablePointer<UnveiledName> {
    (memory + Self.names).assumingMemoryBound(to: UnveiledName.self) + index
  }

  private func text(_ index: Int) -> UnsafeMutableRawPointer { memory + Self.texts + index * Self.nameRoom }

  /// unveil_lookup: the entry of a directory; -1 without.
  func find(_ identity: DirectoryIdentity) -> Int {
    for index in 0..<count where directory(index).pointee.identity == identity { return index }
    return -1
  }

  /// unveil_namelookup: the entry of a name in a directory; nil without.
  func find(_ text: UnsafeRawPointer, _ length: Int, in directory: Int) -> UnsafeMutablePointer<UnveiledName>? {
    for index in 0..<nameCount {
      let entry = name(index)
      guard entry.pointee.directory == Int32(directory), Int(entry.pointee.length) == length else { continue }
      var same = 0
      while same < length,
        text.load(fromByteOffset: same, as: UInt8.self)
          == self.text(index).load(fromByteOffset: same, as: UInt8.self)
      { same += 1 }
      if same == length { return entry }
    }
    return nil
  }

  func append(_ text: UnsafeRawPointer, _ length: Int, in directory: Int, _ rights: UInt8) {
    name(nameCount).pointee = UnveiledName(
      directory: Int32(directory), rights: rights, length: UInt8(truncatingIfNeeded: length))
    self.text(nameCount).copyMemory(from: text, byteCount: min(length, Self.nameRoom))
    nameCount += 1
  }
}

extension Call {
  /// What the process has unveiled; nil when it never has, and all paths are there.
  var unveiled: UnveilList? {
    guard process.pointee.path_view & PathView.unveiled.rawValue != 0 else { return nil }
    return process.pointee.paths.map { UnveilList($0) }
  }

  /// The list, made when it is first needed; nil without memory.
  func makeUnveilList() -> UnveilList? {
    if let unveiled { return unveiled }
    guard let memory = persona_allocate(UnveilList.bytes) else { return nil }
    process.pointee.paths = memory
    process.pointee.path_view |= PathView.unveiled.rawValue
    return UnveilList(memory)
  }

  /// unveil_destroy: all paths are there again.
  func forgetUnveiled() {
    guard let list = unveiled else { return }
    process.pointee.path_view &= ~PathView.unveiled.rawValue
    process.pointee.paths = nil
    persona_release(list.memory)
  }
}

/// unveil_copy, for a process in the same memory.
func copyUnveiled(_ process: UnsafeMutablePointer<persona_process>) -> Bool {
  guard let list = process.pointee.paths else { return true }
  guard let copy = persona_allocate(UnveilList.bytes) else { return false }
  copy.copyMemory(from: list, byteCount: UnveilList.bytes)
  process.pointee.paths = copy
  return true
}
