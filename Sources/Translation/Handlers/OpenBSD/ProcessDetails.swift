import CEngine
import CWire

// Calls on processes and descriptors that only OpenBSD has, or has in its own way.
// Source: sys/kern/{kern_exit,kern_descrip,kern_exec,subr_log,vfs_getcwd,vfs_syscalls}.c.

/// getentropy(buf, nbyte): at most 256 bytes.
func entropy(_ call: inout Call) -> Int {
  guard call.unsigned(1) <= 256 else { return call.error(EIO) }
  guard let bytes = call.scratch(256) else { return call.error(ENOMEM) }
  let length = Int(call.unsigned(1))
  let result = call.hostNow(__NR_getrandom, bytes.word, length, 0)
  if result < length { return result < 0 ? result : call.error(EIO) }
  return call.copyOut(call.address(0), bytes, length) ? 0 : call.error(EFAULT)
}

/// waitid(idtype, id, info, options), the first and the last as Linux's.
func waitIdentified(_ call: inout Call) -> Int {
  guard call[3] & Int(WEXITED | WUNTRACED | WCONTINUED) != 0 else { return call.error(EINVAL) }
  let size = call.table.size(.siginfo)
  guard let native = call.scratch(128), let foreign = call.scratch(size) else { return call.error(ENOMEM) }
  clear(native, 128)
  clear(foreign, size)
  let result = call.host(__NR_waitid, call[0], call[1], native.word, call[3])
  if result < 0 { return result }
  let info = SignalInfo(native)
  if info.sender != 0 {
    // CLD_* are the same on both sides; a status that is no exit status is a signal.
    let status = info.code == 1 ? info.status : Int32(call.table.foreignSignal(Int(info.status)))
    foreign.storeBytes(of: Int32(call.table.foreignSignal(17)), as: Int32.self)  // SIGCHLD
    foreign.storeBytes(of: info.code, toByteOffset: 4, as: Int32.self)
    foreign.storeBytes(of: info.sender, toByteOffset: 16, as: Int32.self)
    foreign.storeBytes(of: info.user, toByteOffset: 20, as: UInt32.self)
    foreign.storeBytes(of: status, toByteOffset: 40, as: Int32.self)
  }
  return call.address(2) == 0 || call.copyOut(call.address(2), foreign, size) ? 0 : call.error(EFAULT)
}

/// How many descriptors are open, and the highest.
private func descriptors(_ call: Call) -> (count: Int, highest: Int) {
  let path: StaticString = "/proc/self/fd"
  guard let buffer = call.scratch(4096) else { return (0, -1) }
  let folder = call.hostNow(
    __NR_open, Int(bitPattern: path.utf8Start), Int(O_RDONLY | O_DIRECTORY | O_CLOEXEC))
  if folder < 0 { return (0, -1) }
  var found = (count: 0, highest: -1)
  while true {
    let length = call.hostNow(__NR_getdents64, folder, buffer.word, 4096)
    if length <= 0 { break }
    var offset = 0
    while offset < length {
      let entry = buffer + offset
      var number = 0
      var position = 19
      while case let digit = entry.load(fromByteOffset: position, as: UInt8.self), digit >= 48, digit <= 57 {
        number = number * 10 + Int(digit - 48)
        position += 1
      }
      if position > 19, number != folder {
        found = (found.count + 1, max(found.highest, number))
      }
      offset += Int(entry.load(fromByteOffset: 16, as: UInt16.self))
    }
  }
  _ = call.hostNow(__NR_close, folder)
  return found
}

func descriptorCount(_ call: inout Call) -> Int { descriptors(call).count }

/// closefrom(fd): EBADF when nothing so high is open.
func closeFrom(_ call: inout Call) -> Int {
  guard call[0] >= 0, call[0] <= descriptors(call).highest else { return call.error(EBADF) }
  call.operands[1] = Int(UInt32.max)
  call.operands[2] = 0
  return closeRange(&call)
}

/// dup3(from, to, flags), flags as Linux's.
func duplicateTo(_ call: inout Call) -> Int {
  guard call.int32(0) != call.int32(1) else { return call.error(EINVAL) }
  let flags = call[2]
  let result = dup2(&call)
  if result < 0 || flags == 0 { return result }
  let marked = call.hostNow(__NR_fcntl, result, Int(F_SETFD), Int(FD_CLOEXEC))
  return marked < 0 ? marked : result
}

/// __getcwd(buf, len) answers the length with the NUL.
func currentDirectoryLength(_ call: inout Call) -> Int {
  guard call.unsigned(1) >= 2 else { return call.error(ERANGE) }
  guard let path = call.scratch(4096) else { return call.error(ENOMEM) }
  let length = call.hostNow(__NR_getcwd, path.word, 4096)
  if length < 0 { return length }
  // Linux tells a directory outside the root as "(unreachable)…".
  if path.load(as: UInt8.self) != UInt8(ascii: "/") { return call.error(ENOENT) }
  guard let name = call.foreignName(path, length - 1) else { return call.error(ENOENT) }
  if name.count + 1 > Int(min(call.unsigned(1), 4096)) { return call.error(ERANGE) }
  name.text.storeBytes(of: 0, toByteOffset: name.count, as: UInt8.self)
  return call.copyOut(call.address(0), name.text, name.count + 1) ? name.count + 1 : call.error(EFAULT)
}

/// __tmpfd(flags): a file in /tmp without a name; only close-on-exec is looked at.
func temporaryFile(_ call: inout Call) -> Int {
  let path: StaticString = "/tmp"
  let temporary = 0x41_0000  // O_TMPFILE
  return call.host(
    __NR_openat, Int(AT_FDCWD), Int(bitPattern: path.utf8Start),
    Int(O_RDWR) | temporary | call[0] & Int(O_CLOEXEC), 0o600)
}

/// sendsyslog(buf, nbyte, flags): ENOTCONN where no daemon listens.
func sendSystemLog(_ call: inout Call) -> Int {
  let length = min(call.unsigned(1), 8192)
  guard let text = call.scratch(8192), let address = call.scratch(112) else { return call.error(ENOMEM) }
  guard call.copyIn(text, call.address(0), Int(length)) else { return call.error(EFAULT) }
  clear(address, 112)
  address.storeBytes(of: 1, as: UInt16.self)  // AF_UNIX
  _ = append(address, 2, "/dev/log")
  let socket = call.hostNow(__NR_socket, 1, 2 | Int(O_CLOEXEC), 0)  // AF_UNIX, SOCK_DGRAM
  if socket < 0 { return call.error(ENOTCONN) }
  let result = call.hostNow(__NR_sendto, socket, text.word, Int(length), 0x4040, address.word, 110)
  _ = call.hostNow(__NR_close, socket)
  return result < 0 ? call.error(ENOTCONN) : 0
}
