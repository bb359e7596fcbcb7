import CEngine
import CWire
import Wire

/// What a call wants of a path, as far as the place where it is looked up depends on it.
struct PathIntent {
  enum Purpose {
    case use
    /// The last name may be made.
    case make
    /// The last name takes what the call's path before this one names: the target of rename(2) and link(2).
    case destination
  }
  var purpose = Purpose.use
  /// Whether a symbolic link as the last name is followed.
  var follows = true

  static let link = PathIntent(follows: false)
  static let make = PathIntent(purpose: .make, follows: false)
  static let destination = PathIntent(purpose: .destination, follows: false)
}

extension Call {
  func intent(of path: PathOperand) -> PathIntent {
    switch UInt32(row.pointee.kind) {
    case PERSONA_CALL_TRANSLATE.rawValue: return nativeIntent(path.position)
    case PERSONA_CALL_HANDLER.rawValue:
      return HandlerName(rawValue: row.pointee.target).map { intent($0, path.position) }
        ?? PathIntent()
    default: return PathIntent()
    }
  }

  private func isLink(_ flags: Int) -> PathIntent {
    operands[flags] & Int(AT_SYMLINK_NOFOLLOW) != 0 ? .link : PathIntent()
  }

  private func openIntent(_ flags: Int) -> PathIntent {
    let flags = operands[flags]
    let makes = flags & Int(O_CREAT) != 0
    let follows = flags & Int(O_NOFOLLOW) == 0 && !(makes && flags & Int(O_EXCL) != 0)
    return PathIntent(purpose: makes ? .make : .use, follows: follows)
  }

  /// Of a row that is one Linux call.
  private func nativeIntent(_ position: Int) -> PathIntent {
    switch Int32(row.pointee.target) {
    case __NR_lstat, __NR_readlink, __NR_readlinkat, __NR_lchown, __NR_unlink, __NR_unlinkat,
      __NR_rmdir,
      __NR_lgetxattr, __NR_lsetxattr, __NR_llistxattr, __NR_lremovexattr:
      return .link
    case __NR_newfstatat, __NR_utimensat, 439 /* faccessat2 */: return isLink(3)
    case __NR_fchownat: return isLink(4)
    case __NR_openat: return openIntent(2)
    case __NR_mkdir, __NR_mkdirat, __NR_mknod, __NR_mknodat, __NR_symlink, __NR_symlinkat:
      return .make
    case __NR_rename, __NR_renameat, __NR_link: return position == 0 ? .link : .destination
    case __NR_linkat:
      if position > 0 { return .destination }
      return operands[4] & Int(AT_SYMLINK_FOLLOW) != 0 ? PathIntent() : .link
    default: return PathIntent()
    }
  }

  private func intent(_ handler: HandlerName, _ position: Int) -> PathIntent {
    switch handler {
    case .lockingOpen, .openDevice: return openIntent(2)
    case .unlinkFile, .unlinkSame, .setTimesOfLink: return .link
    case .makeFifo, .makeDirectory, .bind, .bindat: return .make
    case .renameFile: return position == 0 ? .link : .destination
    case .changeMode, .chflags, .setTimes, .setTimevals: return isLink(3)
    case .pathconf, .fileStatus: return isLink(2)
    case .attributeGet, .attributeSet, .attributeDelete, .attributeList, .accessListGet, .accessListSet,
      .accessListDelete, .accessListCheck:
      switch Int32(operands[0]) {
      case __NR_lgetxattr, __NR_lsetxattr, __NR_llistxattr, __NR_lremovexattr: return .link
      default: return PathIntent()
      }
    default: return PathIntent()
    }
  }
}
