import CEngine
import CWire

// What stat(5) says of a file, as it lies in memory: two bytes of size and then the fields, numbers with the lowest
// byte first, texts behind two bytes of length. sys/include/fcall.h, sys/src/libc/9sys/convD2M.c and convM2D.c.

/// DM* of sys/include/libc.h.
enum DirectoryMode {
  static let directory: UInt32 = 0x8000_0000
  static let append: UInt32 = 0x4000_0000
  static let exclusive: UInt32 = 0x2000_0000
  static let temporary: UInt32 = 0x0400_0000
  static let kept = append | exclusive | temporary
  static let known = directory | kept | 0o777
}

/// One file as stat tells it.
struct FileRecord {
  /// Bytes before the first text's length (STATFIXLEN without the four lengths).
  static let fixed = 41
  static let smallest = 49

  /// The device's letter.
  var type: UInt16 = 0
  var device: UInt32 = 0
  var path: UInt64 = 0
  var version: UInt32 = 0
  var mode: UInt32 = 0
  var accessed: UInt32 = 0
  var modified: UInt32 = 0
  var length: UInt64 = 0
  var name = NameBytes(start: nil, count: 0)
  var owner = NameBytes(start: nil, count: 0)
  var group = NameBytes(start: nil, count: 0)
  var modifier = NameBytes(start: nil, count: 0)

  var size: Int { FileRecord.smallest + name.count + owner.count + group.count + modifier.count }

  /// Writes the record to engine memory that has room for it.
  func write(_ memory: UnsafeMutableRawPointer) {
    memory.storeBytes(of: UInt16(truncatingIfNeeded: size - 2), as: UInt16.self)
    memory.put(type, at: 2)
    memory.put(device, at: 4)
    memory.storeBytes(of: UInt8(mode >> 24), toByteOffset: 8, as: UInt8.self)
    memory.put(version, at: 9)
    memory.put(path, at: 13)
    memory.put(mode, at: 21)
    memory.put(accessed, at: 25)
    memory.put(modified, at: 29)
    memory.put(length, at: 33)
    var offset = FileRecord.fixed
    let texts: InlineArray<4, NameBytes> = [name, owner, group, modifier]
    for part in 0..<4 {
      let text = texts[part]
      memory.put(UInt16(truncatingIfNeeded: text.count), at: offset)
      for index in 0..<text.count {
        memory.storeBytes(of: text[index], toByteOffset: offset + 2 + index, as: UInt8.self)
      }
      offset += 2 + text.count
    }
  }

  /// Reads a record whose sizes are right (statcheck); nil when they are not.
  init?(_ memory: UnsafeRawPointer, _ count: Int) {
    guard count >= FileRecord.smallest, count == 2 + Int(memory.get(at: 0, as: UInt16.self)) else { return nil }
    var offset = FileRecord.fixed
    var texts = InlineArray<4, NameBytes>(repeating: NameBytes(start: nil, count: 0))
    for index in 0..<4 {
      guard offset + 2 <= count else { return nil }
      let length = Int(memory.get(at: offset, as: UInt16.self))
      guard offset + 2 + length <= count else { return nil }
      texts[index] = NameBytes(
        start: (memory + offset + 2).assumingMemoryBound(to: UInt8.self), count: length)
      offset += 2 + length
    }
    guard offset == count else { return nil }
    type = memory.get(at: 2, as: UInt16.self)
    device = memory.get(at: 4, as: UInt32.self)
    version = memory.get(at: 9, as: UInt32.self)
    path = memory.get(at: 13, as: UInt64.self)
    mode = memory.get(at: 21, as: UInt32.self)
    accessed = memory.get(at: 25, as: UInt32.self)
    modified = memory.get(at: 29, as: UInt32.self)
    length = memory.get(at: 33, as: UInt64.self)
    name = texts[0]
    owner = texts[1]
    group = texts[2]
    modifier = texts[3]
  }

  init() {}
}

extension Call {
  /// Hands a record to the guest: its size, or 2 with only the size that it needs, as convD2M does.
  func deliver(_ record: FileRecord, at address: UInt64, _ room: Int) -> Int {
    guard room >= 2 else { return fail(EINVAL, "bad arg in system call") }
    guard let memory = scratch(record.size) else { return error(ENOMEM) }
    record.write(memory)
    let count = record.size <= room ? record.size : 2
    return copyOut(address, memory, count) ? count : error(EFAULT)
  }
}
