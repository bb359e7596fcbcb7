import BinaryImage
import CHost
import CWire
import Glibc
import HostText

/// Linux programs among the guests: what they execute, and `persona run` among them.
extension Session {
  /// A Linux program that is to become a guest of this session.
  func answerJoin(_ request: seccomp_notif, _ address: UInt64) {
    if address == 0 { return respond(request, 0) }
    answerExec(request, address, by: .linux)
  }

  /// A program executes another, from outside the engine. Linux would take a foreign ELF program for its own, so what is
  /// foreign becomes a guest; all else Linux executes.
  func answerNativeExec(_ request: seccomp_notif) {
    var exec = persona_exec()
    exec.verdict = Int32(PERSONA_EXEC_NATIVE.rawValue)
    exec.pid = persona_thread_group(pid_t(request.pid))
    if let target = ExecTarget(request, self), let file = target.open(self) {
      do {
        try prepare(&exec, file, configuration.root, request, by: .linux, remembers: false) { target.given }
        if exec.verdict == Int32(PERSONA_EXEC_NATIVE.rawValue) { natives.add(target.status) }
      } catch {
        Host.printError(error.description)
        refuse(&exec, error.guestError ?? ENOEXEC)
      }
    }
    switch persona_exec_verdict(UInt32(bitPattern: exec.verdict)) {
    case PERSONA_EXEC_FOREIGN: redirect(request, exec)
    case PERSONA_EXEC_REFUSED: respond(request, -Int64(exec.error))
    default: _ = persona_let_continue(filter.listener, request.id)
    }
  }

  private func redirect(_ request: seccomp_notif, _ exec: persona_exec) {
    let result = withUnsafePointer(to: exec) { persona_redirect_exec(pid_t(request.pid), $0) }
    guard result < 0 else { return }
    forgetStart(exec.pid)
    Host.printError(
      "persona: a Linux program executes a foreign one, and cannot be made to: \(describe(-result)); "
        + "execute 'persona run' and its path instead, or let 'persona register' make such programs known to Linux")
    respond(request, -Int64(ENOEXEC))
  }
}

/// What a Linux program's execve or execveat names.
private struct ExecTarget {
  /// Where the supervisor finds it.
  let host: String
  /// Its absolute path.
  let shown: String
  /// How the program names it, as a script hears of itself.
  let given: String
  let status: stat

  init?(_ request: seccomp_notif, _ session: Session) {
    let pid = pid_t(request.pid)
    let arguments = request.data.args
    let isRelative = request.data.nr == Int32(PERSONA_EXECVEAT)
    guard let path = session.text(pid, isRelative ? arguments.1 : arguments.0) else { return nil }
    let directory = Int32(truncatingIfNeeded: arguments.0)
    let base = isRelative && directory != AT_FDCWD ? "/proc/\(pid)/fd/\(directory)" : "/proc/\(pid)/cwd"
    if path.isEmpty {
      guard isRelative, arguments.4 & UInt64(PERSONA_EMPTY_PATH) != 0 else { return nil }
      host = base
      shown = Host.readlink(base) ?? base
      given = shown
    } else {
      host = path.hasPrefix("/") ? "/proc/\(pid)/root" + path : base + "/" + path
      shown = path.hasPrefix("/") ? path : (Host.readlink(base) ?? base) + "/" + path
      given = isRelative && directory != AT_FDCWD ? shown : path
    }
    var status = stat()
    guard Host.stat(host, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.status = status
  }

  /// The file, unless it is known to be Linux's; nil too where Linux has its own word to say.
  func open(_ session: Session) -> ProgramFile? {
    if session.natives.contains(status) { return nil }
    return try? ProgramFile(hostPath: host, path: shown, session.recognizer)
  }
}

/// Files that were found to be Linux's: shells and tools are executed again and again.
final class NativeFiles {
  private var known: Set<FileIdentity> = []

  func contains(_ status: stat) -> Bool { FileIdentity(settled: status).map(known.contains) ?? false }

  func add(_ status: stat) {
    guard let file = FileIdentity(settled: status) else { return }
    if known.count > 4096 { known.removeAll() }
    known.insert(file)
  }
}
