import Glibc

/// Whom a process acts for: its effective user and group.
struct Identity {
  var user: uid_t
  var group: gid_t

  /// This process's.
  static var own: Identity { Identity(user: geteuid(), group: getegid()) }

  /// Another process's, as /proc tells it; this process's if that one is gone.
  static func of(_ process: pid_t) -> Identity {
    var identity = Identity.own
    guard let file = fopen("/proc/\(process)/status", "re") else { return identity }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace)
      // "Uid:" real effective saved filesystem; proc_pid_status(5)
      guard words.count == 5, let effective = UInt32(words[2]) else { continue }
      if words[0] == "Uid:" { identity.user = effective }
      if words[0] == "Gid:" { identity.group = effective }
    }
    return identity
  }
}

/// A process's parent, as /proc tells it; nil where that is gone, or none that is seen here.
func parent(of process: pid_t) -> pid_t? {
  // "PPid:\t17"; proc_pid_status(5)
  let line = contents(of: "/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("PPid:") }
  guard let line, let number = pid_t(line.dropFirst(6)), number > 0 else { return nil }
  return number
}

extension ProgramFile {
  /// Refuses a program whose set-user-ID or set-group-ID bit would make `process` (nil: this one) act for somebody else: the
  /// engine, which is what Linux executes, has no such bit, and a program that counts on it must not run without.
  func checkIdentity(of process: pid_t?) throws(LaunchError) {
    guard status.st_mode & (S_ISUID | S_ISGID) != 0 else { return }
    let identity = process.map { Identity.of($0) } ?? Identity.own
    // Where nobody honours the bits, neither does the program's own system.
    var system = statvfs()
    if fstatvfs(descriptor, &system) == 0, system.f_flag & 2 /* ST_NOSUID */ != 0 { return }
    let changesUser = status.st_mode & S_ISUID != 0 && status.st_uid != identity.user
    let changesGroup = status.st_mode & S_ISGID != 0 && status.st_gid != identity.group
    guard changesUser || changesGroup else { return }
    throw LaunchError(
      .cannotRun, file: path,
      changesUser
        ? "is set-user-ID to user \(status.st_uid), and Persona gives no rights"
        : "is set-group-ID to group \(status.st_gid), and Persona gives no rights",
      remedy: changesUser ? "run it as that user, or take the bit away: chmod u-s" : "take the bit away: chmod g-s",
      guestError: EPERM)
  }
}
