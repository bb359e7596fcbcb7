import CEngine
import CWire

// Names that pledge(2) goes by: what libc may open for itself, and which variables sysctl(2) tells.
// Source: pledge_namei(), pledgepaths and pledge_sysctl() of sys/kern/kern_pledge.c.

/// Whether NUL-terminated text is, or with `isPrefix` starts with, a name.
private func text(_ text: UnsafeRawPointer, is name: StaticString, isPrefix: Bool = false) -> Bool {
  for index in 0..<name.utf8CodeUnitCount
  where text.load(fromByteOffset: index, as: UInt8.self) != name.utf8Start[index] { return false }
  return isPrefix || text.load(fromByteOffset: name.utf8CodeUnitCount, as: UInt8.self) == 0
}

extension Call {
  /// __pledge_open of a listed path, if the promise that it is for was made.
  func libraryOpenBreach(_ answer: inout Int?, _ opens: inout Bool) -> Breach? {
    guard let path = scratch(1024) else { return nil }
    let length = persona_copy_string(path.assumingMemoryBound(to: CChar.self), words[0], 1024)
    if length < 0 {
      answer = Int(length)
      return nil
    }
    let flags = words[1]
    var needed: UInt64 = 0
    if flags & 3 != 1 { needed |= Promise.readPath }
    if flags & 3 != 0 { needed |= Promise.writePath }
    if flags & 0x200 != 0 { needed |= Promise.createPath }
    let onlyReads = needed == Promise.readPath
    let creates = needed & Promise.createPath != 0
    let isForPasswords = text(path, is: "/etc/pwd.db") || text(path, is: "/etc/group") || text(path, is: "/etc/netid")
    let isForNames =
      text(path, is: "/etc/resolv.conf") || text(path, is: "/etc/hosts") || text(path, is: "/etc/services")
      || text(path, is: "/etc/protocols")
    let isListed: Bool
    if text(path, is: "/dev/null") {
      isListed = !creates
    } else if text(path, is: "/dev/tty") {
      isListed = !creates && promises & Promise.terminal != 0
    } else if text(path, is: "/etc/spwd.db") {
      if onlyReads, promises & Promise.passwords != 0 {
        answer = error(EPERM)
        return nil
      }
      isListed = false
    } else if isForPasswords {
      isListed = onlyReads && promises & Promise.passwords != 0
    } else if isForNames {
      isListed = onlyReads && promises & Promise.names != 0
    } else if text(path, is: "/etc/localtime") || isZone(path) {
      isListed = onlyReads
    } else {
      return (EACCES, needed & ~promises)
    }
    opens = isListed
    return isListed || needed & ~promises == 0 ? nil : (EPERM, needed & ~promises)
  }

  /// Whether the promises let __pledge_open open its path whatever is unveiled.
  func opensForLibrary() -> Bool {
    guard process.pointee.promised & PromiseState.holds != 0 else { return false }
    var (answer, opens) = (nil as Int?, false)
    _ = libraryOpenBreach(&answer, &opens)
    return opens
  }

  /// A time zone's file, without a step upwards.
  private func isZone(_ path: UnsafeRawPointer) -> Bool {
    let prefix: StaticString = "/usr/share/zoneinfo/"
    guard text(path, is: prefix, isPrefix: true) else { return false }
    var index = prefix.utf8CodeUnitCount - 1
    while path.load(fromByteOffset: index, as: UInt8.self) != 0 {
      let rest = path + index
      if text(rest, is: "/../", isPrefix: true) || text(rest, is: "/..") { return false }
      index += 1
    }
    return true
  }

  /// sysctl(2): nothing is set, and only listed variables are told.
  func informationBreach() -> Breach? {
    if words[4] != 0 { return (EFAULT, 0) }
    let depth = Int(min(words[1] & 0xffff_ffff, 12))
    guard let name = scratch(48), copyIn(name, words[0], 4 * depth) else { return nil }
    func part(_ index: Int) -> Int32 {
      index < depth ? name.load(fromByteOffset: 4 * index, as: Int32.self) : -1
    }
    let (top, second) = (part(0), part(1))
    func made(_ promise: UInt64) -> Bool { promises & promise != 0 }
    switch (top, second, depth) {
    case (1, 46, 2), (1, 21, 2), (1, 75, 2), (1, 40, 2), (1, 71, 3), (1, 85, 3):
      return made(Promise.processInformation | Promise.memoryInformation) ? nil : (EINVAL, 0)
    case (1, 55, 4) where part(3) == 1 || part(3) == 3, (1, 66, 6), (1, 78, 3), (1, 45, 2), (2, 10, 2):
      return made(Promise.processInformation) ? nil : (EINVAL, 0)
    case (2, 4, 2),
      (10, 0, 3) where part(2) == 3,
      (4, 24, 3):
      return made(Promise.memoryInformation) ? nil : (EINVAL, 0)
    case (1, 28, 2): return made(Promise.internet | Promise.local) ? nil : (EINVAL, 0)
    case (1, 24, 2), (1, 23, 2): return made(Promise.disks) ? nil : (EINVAL, 0)
    case (4, 17, 6), (4, 17, 7): return routeBreach(depth, part(3), part(4))
    case (6, 11, 3...): return nil
    case (1, 22, 2), (1, 10, 2), (1, 1, 2), (1, 2, 2), (1, 27, 2), (1, 4, 2), (1, 12, 2), (1, 8, 2), (1, 18, 2),
      (1, 36, 2), (1, 17, 2), (1, 91, 2), (6, 1, 2), (6, 7, 2), (6, 19, 2), (6, 3, 2), (6, 25, 2), (6, 20, 2),
      (2, 3, 2), (2, 2, 2), (2, 12, 2):
      return nil
    default: return (EINVAL, 0)
    }
  }

  /// net.route: NET_RT_* of sys/socket.h.
  private func routeBreach(_ depth: Int, _ family: Int32, _ operation: Int32) -> Breach? {
    let routes = promises & Promise.routes != 0
    switch operation {
    case 6 where depth == 6: return nil  // NET_RT_IFNAMES
    case 3 where depth == 6:  // NET_RT_IFLIST
      return promises & (Promise.routes | Promise.internet | Promise.names) != 0 ? nil : (EINVAL, 0)
    default: return routes ? nil : (EINVAL, 0)
    }
  }
}
