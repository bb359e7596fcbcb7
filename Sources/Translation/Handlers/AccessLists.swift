import CEngine
import CWire
import Wire

// Access control lists of POSIX.1e, acl(3): Linux keeps the same entries in the attributes system.posix_acl_access and
// system.posix_acl_default, with the same tags and permissions. The first operand is the number of Linux's call, by
// path, by a link's own path, or by descriptor. Source: sys/sys/acl.h, sys/kern/{vfs_acl,subr_acl_posix1e}.c,
// sys/ufs/ufs/ufs_acl.c, linux/posix_acl_xattr.h.

/// ACL_MAX_ENTRIES
private let mostEntries = 254

/// struct acl: maximum, count, 16 bytes of room, entries of 16 bytes.
private enum ForeignList {
  static let size = 24 + 16 * mostEntries
  static func entry(_ index: Int) -> Int { 24 + 16 * index }
}

/// A version, then entries of 8 bytes.
private enum NativeList {
  static let size = 4 + 8 * mostEntries
  static let version: UInt32 = 2
  static func entry(_ index: Int) -> Int { 4 + 8 * index }
}

/// ACL_USER_OBJ and its kin, in the order of a list.
private enum Tag {
  static let owner: UInt32 = 0x1
  static let user: UInt32 = 0x2
  static let owningGroup: UInt32 = 0x4
  static let group: UInt32 = 0x8
  static let mask: UInt32 = 0x10
  static let other: UInt32 = 0x20
}

/// ACL_UNDEFINED_ID
private let noOne = UInt32.max

private struct AccessEntry {
  var tag: UInt32
  var id: UInt32
  var permissions: UInt32

  /// ae_tag, ae_id, ae_perm
  init(foreign list: UnsafeMutableRawPointer, _ index: Int) {
    let place = ForeignList.entry(index)
    tag = list.get(at: place, as: UInt32.self)
    id = list.get(at: place + 4, as: UInt32.self)
    permissions = list.get(at: place + 8, as: UInt32.self)
  }

  init(native list: UnsafeMutableRawPointer, _ index: Int) {
    let place = NativeList.entry(index)
    tag = UInt32(list.get(at: place, as: UInt16.self))
    permissions = UInt32(list.get(at: place + 2, as: UInt16.self))
    id = tag == Tag.user || tag == Tag.group ? list.get(at: place + 4, as: UInt32.self) : noOne
  }

  init(_ tag: UInt32, _ permissions: UInt32) {
    self.tag = tag
    id = noOne
    self.permissions = permissions
  }

  func write(foreign list: UnsafeMutableRawPointer, _ index: Int) {
    let place = ForeignList.entry(index)
    list.put(tag, at: place)
    list.put(id, at: place + 4)
    list.put(permissions, at: place + 8)
  }

  func write(native list: UnsafeMutableRawPointer, _ index: Int) {
    let place = NativeList.entry(index)
    list.put(UInt16(tag), at: place)
    list.put(UInt16(permissions), at: place + 2)
    list.put(id, at: place + 4)
  }
}

extension Call {
  /// Linux's attribute for the type in operand 2: ACL_TYPE_ACCESS (2) or ACL_TYPE_DEFAULT (3); nil for NFSv4's and
  /// for the layouts before 2008.
  private var attribute: StaticString? {
    switch int32(2) {
    case 2: "system.posix_acl_access"
    case 3: "system.posix_acl_default"
    default: nil
    }
  }

  fileprivate func withAttribute(_ body: (Int) -> Int) -> Int {
    guard let attribute else { return error(EINVAL) }
    return body(Int(bitPattern: attribute.utf8Start))
  }

  fileprivate var isDefault: Bool { int32(2) == 3 }

  /// Linux's st_mode of what operand 1 names, or -errno.
  fileprivate func mode() -> Int {
    guard let status = scratch(144) else { return error(ENOMEM) }
    let number: Int32
    switch Int32(self[0]) {
    case __NR_fgetxattr, __NR_fsetxattr: number = __NR_fstat
    case __NR_lgetxattr, __NR_lsetxattr: number = __NR_lstat
    default: number = __NR_stat
    }
    let result = hostNow(number, self[1], status.word)
    return result < 0 ? result : Int(status.get(at: 24, as: UInt32.self))
  }

  fileprivate var isLink: Bool { Int32(self[0]) == __NR_lgetxattr && mode() & 0o170000 == 0o120000 }

  /// The guest's list at operand 3, or the answer that refuses it.
  fileprivate func accessList(_ failure: inout Int) -> UnsafeMutableRawPointer? {
    guard let list = scratch(ForeignList.size) else {
      failure = error(ENOMEM)
      return nil
    }
    guard copyIn(list, address(3), ForeignList.size) else {
      failure = error(EFAULT)
      return nil
    }
    let count = list.get(at: 4, as: UInt32.self)
    failure = error(EINVAL)
    return list.get(at: 0, as: UInt32.self) == UInt32(mostEntries) && count <= UInt32(mostEntries) ? list : nil
  }
}

/// acl_posix1e_check: whether a list is whole and means one thing.
private func isValid(_ list: UnsafeMutableRawPointer) -> Bool {
  var found: UInt32 = 0
  for index in 0..<Int(list.get(at: 4, as: UInt32.self)) {
    let entry = AccessEntry(foreign: list, index)
    guard entry.permissions & ~7 == 0 else { return false }
    switch entry.tag {
    case Tag.owner, Tag.owningGroup, Tag.mask, Tag.other:
      // The kernel passes over their ids: setfacl(1) leaves 0 there.
      guard found & entry.tag == 0 else { return false }
    case Tag.user, Tag.group: guard entry.id != noOne else { return false }
    default: return false
    }
    found |= entry.tag
  }
  let base = Tag.owner | Tag.owningGroup | Tag.other
  let needsMask = found & (Tag.user | Tag.group) != 0
  return found & base == base && (!needsMask || found & Tag.mask != 0)
}

/// __acl_get_file(path, type, aclp) and its kin
func accessListGet(_ call: inout Call) -> Int {
  let call = call
  var most: UInt32 = 0
  guard call.read(&most, at: call.address(3)) else { return call.error(EFAULT) }
  guard let list = call.scratch(ForeignList.size), let native = call.scratch(NativeList.size) else {
    return call.error(ENOMEM)
  }
  return call.withAttribute { name in
    guard most == UInt32(mostEntries) else { return call.error(EINVAL) }
    clear(list, ForeignList.size)
    list.put(most, at: 0)
    let length = call.host(Int32(call[0]), call[1], name, native.word, NativeList.size)
    var count = 0
    if length == call.error(ENODATA) || (length == call.error(EOPNOTSUPP) && call.isLink) {
      // Without a list of its own, the file's mode is the list; a folder's new files have no other. Linux keeps none of
      // symbolic links, whose mode is theirs.
      if !call.isDefault {
        let mode = call.mode()
        if mode < 0 { return mode }
        AccessEntry(Tag.owner, UInt32(mode >> 6 & 7)).write(foreign: list, 0)
        AccessEntry(Tag.owningGroup, UInt32(mode >> 3 & 7)).write(foreign: list, 1)
        AccessEntry(Tag.other, UInt32(mode & 7)).write(foreign: list, 2)
        count = 3
      }
    } else {
      if length < 0 { return length }
      while NativeList.entry(count + 1) <= length {
        AccessEntry(native: native, count).write(foreign: list, count)
        count += 1
      }
    }
    list.put(UInt32(count), at: 4)
    return call.copyOut(call.address(3), list, ForeignList.size) ? 0 : call.error(EFAULT)
  }
}

/// __acl_set_file(path, type, aclp) and its kin
func accessListSet(_ call: inout Call) -> Int {
  let call = call
  var failure = 0
  guard let list = call.accessList(&failure) else { return failure }
  guard let native = call.scratch(NativeList.size) else { return call.error(ENOMEM) }
  return call.withAttribute { name in
    let count = Int(list.get(at: 4, as: UInt32.self))
    // A default list of nothing takes the list away.
    guard isValid(list) || (count == 0 && call.isDefault) else { return call.error(EINVAL) }
    native.put(NativeList.version, at: 0)
    var written = 0
    var tag = Tag.owner
    while tag <= Tag.other {
      for index in 0..<count {
        let entry = AccessEntry(foreign: list, index)
        if entry.tag != tag { continue }
        entry.write(native: native, written)
        written += 1
      }
      tag <<= 1
    }
    let result = call.host(Int32(call[0]), call[1], name, native.word, NativeList.entry(written), 0)
    // Only a folder has a list for new files.
    if result == call.error(EACCES), call.isDefault, call.mode() & 0o170000 != 0o040000 { return call.error(EINVAL) }
    return result
  }
}

/// __acl_delete_file(path, type) and its kin: there is always a list of who may do what to the file itself.
func accessListDelete(_ call: inout Call) -> Int {
  let call = call
  return call.withAttribute { name in
    guard call.isDefault else { return call.error(EINVAL) }
    let result = call.host(Int32(call[0]), call[1], name)
    return result == call.error(ENODATA) ? 0 : result
  }
}

/// __acl_aclcheck_file(path, type, aclp) and its kin: whether the list could be set.
func accessListCheck(_ call: inout Call) -> Int {
  let call = call
  var failure = 0
  guard let list = call.accessList(&failure) else { return failure }
  let mode = call.mode()
  if mode < 0 { return mode }
  return call.withAttribute { _ in
    if call.isDefault, mode & 0o170000 != 0o040000 { return call.error(EINVAL) }
    return isValid(list) ? 0 : call.error(EINVAL)
  }
}
