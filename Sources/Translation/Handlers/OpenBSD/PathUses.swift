import CEngine
import CWire
import Wire

// What each call wants of its paths, for unveil(2). The table's `path_uses` tells it by the call's number, sixteen bits
// for each path; what flags change is here. Source: ni_unveil and the flags of NDINIT in sys/kern/vfs_syscalls.c,
// vfs_vnops.c (vn_open), uipc_usrreq.c and kern_exec.c.

extension Call {
  /// What the call wants of its path number `position`.
  func pathUse(_ position: Int) -> PathUse {
    guard let map = table.wellKnown(.path_uses),
      case .value(let value) = table.toNative(map, UInt64(number))
    else { return PathUse(bits: PathUse.follow) }
    var use = PathUse(bits: UInt32(truncatingIfNeeded: value >> UInt64(16 * position)) & 0xffff)
    switch number {
    case 5, 125: use.open(words[1])  // open, __pledge_open
    case 321: use.open(words[2])  // openat
    case 33: if words[1] & 2 != 0 { use.bits |= UInt32(Unveiled.write) }  // access W_OK
    case 313: if words[2] & 2 != 0 { use.bits |= UInt32(Unveiled.write) }  // faccessat W_OK
    case 42, 84, 107, 190, 314: use.follow(unless: words[3])  // fstatat utimensat chflagsat pathconfat fchmodat
    case 315: use.follow(unless: words[4])  // fchownat
    case 317:  // linkat: AT_SYMLINK_FOLLOW
      if position == 0, words[4] & 4 != 0 { use.bits |= PathUse.follow }
    default: break
    }
    if number == 125, opensForLibrary() { use.bits |= PathUse.bypass }
    return use
  }
}

extension PathUse {
  /// vn_open
  fileprivate mutating func open(_ flags: UInt64) {
    if flags & 3 != 1 { bits |= UInt32(Unveiled.read) }
    if flags & 3 != 0 { bits |= UInt32(Unveiled.write) }
    let mayFollow = flags & 0x100 == 0  // O_NOFOLLOW
    if flags & 0x200 != 0 {  // O_CREAT
      bits |= UInt32(Unveiled.create) | Self.make
      if mayFollow, flags & 0x800 == 0 { bits |= Self.follow }  // O_EXCL
    } else if mayFollow {
      bits |= Self.follow
    }
  }

  /// AT_SYMLINK_NOFOLLOW
  fileprivate mutating func follow(unless flags: UInt64) {
    if flags & 2 == 0 { bits |= Self.follow }
  }
}
