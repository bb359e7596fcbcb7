import CEngine
import CWire

// #s: descriptors that processes leave for others; sys/src/9/port/devsrv.c. The names are files in the session's
// folder, the descriptors are with the supervisor, and each file holds the number under which one is kept.

private func keeper(_ request: persona_hypercall, _ value: Int) -> Int {
  Int(persona_syscall(
    Int64(PERSONA_HYPERCALL), UInt64(request.rawValue), UInt64(bitPattern: Int64(value)), 0, 0, 0, 0))
}

extension Call {
  /// Where Linux keeps what is known of a service; the folder itself for no name.
  func servicePath(_ state: UnsafeMutablePointer<NamesState>, _ name: NameBytes) -> NameText? {
    guard var path = state.path(self, 512) else { return nil }
    path.append("/s")
    if name.count > 0 {
      path.append(UInt8(ascii: "/"))
      path.append(name)
    }
    return path
  }

  /// The number and mode under which a service's descriptor is kept; nil while nobody has posted one.
  private func kept(_ path: NameText) -> (number: Int, mode: Int)? {
    let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDONLY | O_CLOEXEC))
    guard file >= 0 else { return nil }
    defer { _ = quietly(__NR_close, file) }
    guard let memory = scratch(16), quietly(__NR_read, file, memory.word, 16) == 16 else { return nil }
    return (memory.get(at: 0, as: Int.self), memory.get(at: 8, as: Int.self))
  }

  /// Creates a service's file: a descriptor to which the number of another is written.
  func createService(_ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace, _ mode: Int, _ permissions: UInt32) -> Int {
    guard mode & 3 == 1 else { return error(EPERM) }
    guard let folder = servicePath(state, NameBytes("")), let path = servicePath(state, place.path.from(1)) else {
      return error(ENOMEM)
    }
    _ = quietly(__NR_mkdirat, Int(AT_FDCWD), folder.word, 0o700)
    let file = hostNow(
      __NR_openat, Int(AT_FDCWD), path.word, Int(O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC), 0o600)
    if file < 0 { return file }
    _ = quietly(__NR_fchmod, file, Int(permissions & 0o777 | 0o600))
    _ = quietly(__NR_close, file)
    return openSpecial(SpecialFile(device: UInt8(ascii: "s"), number: 1), place, mode: mode)
  }

  /// Opens a service: the descriptor that was posted.
  func openService(_ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace, _ mode: Int) -> Int {
    guard let path = servicePath(state, place.path.from(1)), let kept = kept(path) else {
      return fail(EIO, "device shut down")
    }
    if mode & OpenMode.truncate != 0 { return fail(EEXIST, "srv file already exists") }
    let access = mode & 3 == 3 ? 0 : mode & 3
    guard kept.mode == 2 || kept.mode == access else { return error(EPERM) }
    let given = keeper(PERSONA_HC_GIVE, kept.number)
    if given < 0 { return fail(EIO, "device shut down") }
    _ = quietly(__NR_fcntl, given, Int(F_SETFD), mode & OpenMode.closeOnExec != 0 ? Int(FD_CLOEXEC) : 0)
    return given
  }

  func removeService(_ state: UnsafeMutablePointer<NamesState>, _ place: NamePlace) -> Int {
    guard let path = servicePath(state, place.path.from(1)) else { return error(ENOMEM) }
    if let kept = kept(path) { _ = keeper(PERSONA_HC_DROP, kept.number) }
    return hostNow(__NR_unlinkat, Int(AT_FDCWD), path.word, 0)
  }
}

/// A write to a service's new file: the descriptor's number in digits.
func postDescriptor(_ call: Call, _ descriptor: Int, _ bytes: NameBytes) -> Int {
  guard bytes.count < 32 else { return call.fail(EINVAL, "jmk added reentrancy for threads") }
  guard let state = call.names() else { return call.noNames }
  var end = 0
  while end < bytes.count, bytes[end] >= UInt8(ascii: "0"), bytes[end] <= UInt8(ascii: "9") { end += 1 }
  let posted = bytes.slice(0..<end).decimal ?? 0
  let mode = call.accessMode(posted)
  guard mode >= 0 else { return call.error(EBADF) }
  if quietly(__NR_fcntl, posted, Int(F_GETFD)) & Int(FD_CLOEXEC) != 0 {
    return call.fail(EINVAL, "posted fd has remove-on-close or close-on-exec")
  }
  guard let head = call.openHead(descriptor) else { return call.error(EIO) }
  _ = quietly(__NR_close, head.file)
  guard let path = call.servicePath(state, head.location.from(3)) else { return call.error(ENOMEM) }
  let file = quietly(__NR_openat, Int(AT_FDCWD), path.word, Int(O_RDWR | O_CLOEXEC))
  guard file >= 0 else { return call.error(ENOENT) }
  defer { _ = quietly(__NR_close, file) }
  guard let memory = call.scratch(16) else { return call.error(ENOMEM) }
  if quietly(__NR_pread64, file, memory.word, 16, 0) == 16 { return call.fail(EBADF, "inappropriate use of fd") }
  let number = keeper(PERSONA_HC_KEEP, posted)
  if number < 0 { return number }
  memory.put(number, at: 0)
  memory.put(mode, at: 8)
  let written = quietly(__NR_pwrite64, file, memory.word, 16, 0)
  return written < 0 ? written : bytes.count
}
