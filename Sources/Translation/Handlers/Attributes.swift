import CEngine
import CWire
import Wire

// Extended attributes of two name spaces, extattr(2): EXTATTR_NAMESPACE_USER (1) is Linux's "user.", and
// EXTATTR_NAMESPACE_SYSTEM (2), which only root reads and writes, its "trusted.". The first operand is the number of
// Linux's call: by path, by a link's own path, or by descriptor. Source: sys/sys/extattr.h, sys/kern/vfs_xattr.c.

/// EXTATTR_MAXNAMELEN
private let longestName = 255

extension Call {
  private func prefix(_ space: Int32) -> StaticString? {
    switch space {
    case 1: "user."
    case 2: "trusted."
    default: nil
    }
  }

  /// Linux's name for the one that operand 3 points to in the space of operand 2, or -errno.
  fileprivate func attributeName() -> Int {
    guard let prefix = prefix(int32(2)) else { return error(EPERM) }
    guard let name = scratch(longestName + 16) else { return error(ENOMEM) }
    let start = prefix.utf8CodeUnitCount
    for index in 0..<start { name.put(prefix.utf8Start[index], at: index) }
    let room = longestName + 1
    let length = Int(persona_copy_string((name + start).assumingMemoryBound(to: CChar.self), address(3), room))
    return length < 0 ? length : name.word
  }

  /// Copies as much as there is room for: how much.
  fileprivate func tell(_ data: UInt64, _ room: UInt64, _ memory: UnsafeMutableRawPointer, _ length: Int) -> Int {
    let count = Int(min(room, UInt64(length)))
    return copyOut(data, memory, count) ? count : error(EFAULT)
  }

  /// Turns Linux's list of names, each with its NUL, into names of one space, each behind its length: how many bytes.
  fileprivate func keepSpace(_ list: UnsafeMutableRawPointer, _ length: Int) -> Int {
    guard let prefix = prefix(int32(2)) else { return 0 }
    let start = prefix.utf8CodeUnitCount
    var out = 0
    var at = 0
    while at < length {
      var end = at
      var isOfSpace = true
      while end < length, list.get(at: end, as: UInt8.self) != 0 {
        if end - at < start, list.get(at: end, as: UInt8.self) != prefix.utf8Start[end - at] { isOfSpace = false }
        end += 1
      }
      let count = end - at - start
      if isOfSpace, count > 0 {
        list.put(UInt8(truncatingIfNeeded: count), at: out)
        for index in 0..<count {
          list.put(list.get(at: at + start + index, as: UInt8.self), at: out + 1 + index)
        }
        out += 1 + count
      }
      at = end + 1
    }
    return out
  }
}

/// extattr_get_*(target, attrnamespace, attrname, data, nbytes): what does not fit is cut off; without `data`, only
/// its size.
func attributeGet(_ call: inout Call) -> Int {
  let name = call.attributeName()
  if name < 0 { return name }
  let data = call.address(4)
  let room = call.unsigned(5)
  let size = call.host(Int32(call[0]), call[1], name, 0, 0)
  if size < 0 || data == 0 { return size }
  if room > UInt64(Int32.max) { return call.error(EINVAL) }
  if room == 0 || size == 0 { return 0 }
  if room >= UInt64(size) { return call.host(Int32(call[0]), call[1], name, Int(data), Int(room)) }
  guard let memory = call.scratch(size) else { return call.error(ENOMEM) }
  let length = call.host(Int32(call[0]), call[1], name, memory.word, size)
  return length < 0 ? length : call.tell(data, room, memory, length)
}

/// extattr_set_*(target, attrnamespace, attrname, data, nbytes): how much was written.
func attributeSet(_ call: inout Call) -> Int {
  let name = call.attributeName()
  if name < 0 { return name }
  if call.unsigned(5) > UInt64(Int32.max) { return call.error(EINVAL) }
  let result = call.host(Int32(call[0]), call[1], name, call[4], call[5], 0)
  return result < 0 ? result : call[5]
}

/// extattr_delete_*(target, attrnamespace, attrname)
func attributeDelete(_ call: inout Call) -> Int {
  let name = call.attributeName()
  return name < 0 ? name : call.host(Int32(call[0]), call[1], name)
}

/// extattr_list_*(target, attrnamespace, data, nbytes): names behind a byte with their length; without `data`, only
/// the size.
func attributeList(_ call: inout Call) -> Int {
  guard 1...2 ~= call.int32(2) else { return call.error(EPERM) }
  let longestList = 64 * 1024
  guard let list = call.scratch(longestList) else { return call.error(ENOMEM) }
  let length = call.host(Int32(call[0]), call[1], list.word, longestList)
  if length < 0 { return length }
  let kept = call.keepSpace(list, length)
  if call.address(3) == 0 { return kept }
  return call.unsigned(4) > UInt64(Int32.max)
    ? call.error(EINVAL) : call.tell(call.address(3), call.unsigned(4), list, kept)
}
