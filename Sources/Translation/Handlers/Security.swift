import CEngine
import CWire
import Wire

// Who the process is: groups, login name, the kernel's name and modules.

/// The limit on a list of groups is 65536 in Linux and 1024 in sys/syslimits.h; what a process has fits in this.
private let groupsLimit = 1024

/// getgroups(gidsetlen, gidset): the foreign list begins with the effective group (cr_groups in
/// sys/kern/kern_prot.c).
func getgroups(_ call: inout Call) -> Int {
  guard let groups = call.scratch(4 * groupsLimit) else { return call.error(ENOMEM) }
  let native = call.hostNow(__NR_getgroups, groupsLimit, groups.word)
  if native < 0 { return native }
  let effective = UInt32(truncatingIfNeeded: call.hostNow(__NR_getegid))
  guard let list = call.scratch(4 * (groupsLimit + 1)) else { return call.error(ENOMEM) }
  list.put(effective, at: 0)
  var count = 1
  for index in 0..<native {
    let group = groups.get(at: 4 * index, as: UInt32.self)
    if group == effective { continue }
    list.put(group, at: 4 * count)
    count += 1
  }
  let room = Int(call.int32(0))
  if room == 0 { return count }
  guard room >= count else { return call.error(EINVAL) }
  return call.copyOut(call.address(1), list, 4 * count) ? count : call.error(EFAULT)
}

/// setgroups(gidsetlen, gidset): the first becomes the effective group.
func setgroups(_ call: inout Call) -> Int {
  let count = Int(call.int32(0))
  guard count >= 0, count <= groupsLimit else { return call.error(EINVAL) }
  guard count > 0 else { return call.hostNow(__NR_setgroups, 0, 0) }
  guard let list = call.scratch(4 * count) else { return call.error(ENOMEM) }
  guard call.copyIn(list, call.address(1), 4 * count) else { return call.error(EFAULT) }
  let result = call.hostNow(__NR_setgroups, count - 1, list.word + 4)
  if result < 0 { return result }
  return call.hostNow(__NR_setresgid, -1, Int(list.get(at: 0, as: UInt32.self)), -1)
}

/// issetugid(): whether the program runs with another's rights.
func issetugid(_ call: inout Call) -> Int {
  call.hostNow(__NR_getuid) != call.hostNow(__NR_geteuid)
    || call.hostNow(__NR_getgid) != call.hostNow(__NR_getegid) ? 1 : 0
}

/// getresuid(ruid, euid, suid): any of them may be NULL.
func getresuid(_ call: inout Call) -> Int { identifiers(call, __NR_getresuid) }

/// getresgid(rgid, egid, sgid)
func getresgid(_ call: inout Call) -> Int { identifiers(call, __NR_getresgid) }

private func identifiers(_ call: Call, _ number: Int32) -> Int {
  guard let three = call.scratch(12) else { return call.error(ENOMEM) }
  let result = call.hostNow(number, three.word, three.word + 4, three.word + 8)
  if result < 0 { return result }
  for index in 0..<3 where call.address(index) != 0 {
    guard call.write(three.get(at: 4 * index, as: UInt32.self), at: call.address(index)) else {
      return call.error(EFAULT)
    }
  }
  return 0
}

/// setfib(fibnum): there is one routing table, as with net.fibs=1.
func setfib(_ call: inout Call) -> Int { call.int32(0) == 0 ? 0 : call.error(EINVAL) }

/// modfind(name), kldfind(name) and the like: no module of the foreign kernel is loaded.
func modfind(_ call: inout Call) -> Int {
  guard let name = call.scratch(256) else { return call.error(ENOMEM) }
  let length = persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.address(0), 256)
  return length < 0 ? Int(length) : call.error(ENOENT)
}

// MARK: - Login name

/// MAXLOGNAME of sys/param.h: a login name and its NUL.
private let loginNameLimit = 33

/// The variable of a session that setlogin(2) sets.
private let loginVariable: StaticString = "login"

/// getlogin(namebuf, namelen): the name that setlogin(2) gave the session, or else the user who logged in; an empty
/// name when nobody did.
func getLogin(_ call: inout Call) -> Int {
  guard var name = ByteWriter(call, limit: loginNameLimit) else { return call.error(ENOMEM) }
  if let variables = NamedVariables() {
    defer { variables.unlock() }
    if let given = variables.login(of: quietly(__NR_getsid, 0)) {
      name.append(given)
      name.append(0)
      return give(name, call)
    }
  }
  var file = HostFile(call, "/proc/self/loginuid")
  let unset = Int(UInt32.max)
  var user = file.decimal() ?? unset
  if user == unset { user = call.hostNow(__NR_getuid) }
  appendUserName(call, user, &name)
  name.append(0)
  return give(name, call)
}

private func give(_ name: ByteWriter, _ call: Call) -> Int {
  let room = min(Int(call.uint32(1)), loginNameLimit)
  guard name.count <= room else { return call.error(ERANGE) }
  return call.copyOut(call.address(0), name.start, name.count) ? 0 : call.error(EFAULT)
}

/// The name that /etc/passwd gives a user id.
private func appendUserName(_ call: Call, _ user: Int, _ name: inout ByteWriter) {
  guard let line = call.scratch(loginNameLimit) else { return }
  var file = HostFile(call, "/etc/passwd")
  while file.peek() != nil {
    var length = 0
    while let next = file.peek(), next != UInt8(ascii: ":"), next != 0x0a {
      if length < loginNameLimit - 1 { line.put(next, at: length) }
      length += 1
      file.byte()
    }
    file.byte()
    while let next = file.byte(), next != UInt8(ascii: ":"), next != 0x0a {}
    if file.decimal() == user {
      for index in 0..<min(length, loginNameLimit - 1) { name.append(line.get(at: index, as: UInt8.self)) }
      return
    }
    file.skipLine()
  }
}

extension NamedVariables {
  func login(of session: Int) -> UnsafePointer<CChar>? {
    if isEmpty { return nil }
    return find(.session(session), loginVariable.utf8Start).flatMap { UnsafePointer(persona_variable_data($0)) }
  }

  /// The session that a process of another begins has the same login name.
  func inheritLogin(from session: Int, to new: Int) {
    if session == new || isEmpty { return }
    removeAll(.session(new))
    guard let name = login(of: session) else { return }
    _ = append(.session(new), loginVariable.utf8Start, name)
  }
}

/// setlogin(name): the superuser names the session, for guests alone; Linux has no such name.
func setLogin(_ call: inout Call) -> Int {
  guard quietly(__NR_geteuid) == 0 else { return call.error(EPERM) }
  guard let name = call.scratch(Int(PERSONA_VARIABLE_DATA)) else { return call.error(ENOMEM) }
  let length = persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.address(0), loginNameLimit)
  if length < 0 { return length == -Int64(ENAMETOOLONG) ? call.error(EINVAL) : Int(length) }
  guard let variables = NamedVariables() else { return call.error(ENOMEM) }
  defer { variables.unlock() }
  let owner = VariableOwner.session(quietly(__NR_getsid, 0))
  variables.removeAll(owner)
  return variables.append(owner, loginVariable.utf8Start, name) ? 0 : call.error(ENOMEM)
}

// MARK: - uname

/// uname(name), which libc has taken over since: five strings of SYS_NMLN (32) bytes, from the variables that say the
/// same.
func uname(_ call: inout Call) -> Int {
  let width = 32
  guard let names = call.scratch(5 * width) else { return call.error(ENOMEM) }
  clear(names, 5 * width)
  fill(call, names, "kern.ostype")
  fill(call, names + 2 * width, "kern.osrelease")
  fill(call, names + 3 * width, "kern.version")
  fill(call, names + 4 * width, "hw.machine")
  guard let host = call.scratch(6 * 65) else { return call.error(ENOMEM) }
  let result = quietly(__NR_uname, host.word)
  if result < 0 { return result }
  var index = 0
  // nodename is Linux's second member.
  while index < width - 1, host.get(at: 65 + index, as: UInt8.self) != 0 {
    names.put(host.get(at: 65 + index, as: UInt8.self), at: width + index)
    index += 1
  }
  return call.copyOut(call.address(0), names, 5 * width) ? 0 : call.error(EFAULT)
}

/// Copies at most 31 bytes of a variable's literal text, up to the end of its first line.
private func fill(_ call: Call, _ destination: UnsafeMutableRawPointer, _ name: StaticString) {
  guard let mib = call.table.mib(named: UnsafeRawPointer(name.utf8Start), name.utf8CodeUnitCount),
    case .entry(let entry) = call.table.find(mib),
    entry.pointee.is_host == 0, entry.pointee.kind == UInt8(PERSONA_SYSCTL_STRING.rawValue)
  else { return }
  let text = call.table.string(UInt32(truncatingIfNeeded: entry.pointee.value))
  var index = 0
  while index < 31, text[index] != 0, text[index] != 0x0a {
    destination.put(UInt8(bitPattern: text[index]), at: index)
    index += 1
  }
}

// MARK: - Identifiers

/// uuidgen(store, count): version 1 identifiers of RFC 4122 as sys/kern/kern_uuid.c makes them, one
/// tick apart, with a random node as on a machine without a network card.
func makeUUIDs(_ call: inout Call) -> Int {
  let count = Int(call.int32(1))
  guard count >= 1, count <= 2048 else { return call.error(EINVAL) }
  guard let random = call.scratch(16), let uuid = call.scratch(16) else { return call.error(ENOMEM) }
  let filled = call.hostNow(__NR_getrandom, random.word, 8, 0)
  if filled < 0 { return filled }
  let clock = call.hostNow(__NR_clock_gettime, 0, uuid.word)
  if clock < 0 { return clock }
  // 100 ns since 15 October 1582.
  let since1582: UInt64 = 0x01b2_1dd2_1381_4000
  let seconds = uuid.get(at: 0, as: UInt64.self)
  let nanoseconds = uuid.get(at: 8, as: UInt64.self)
  var time = since1582 + seconds * 10_000_000 + nanoseconds / 100
  for index in 0..<count {
    uuid.put(UInt32(truncatingIfNeeded: time), at: 0)
    uuid.put(UInt16(truncatingIfNeeded: time >> 32), at: 4)
    uuid.put(UInt16(truncatingIfNeeded: time >> 48) & 0x0fff | 0x1000, at: 6)
    uuid.put(random.get(at: 6, as: UInt8.self) & 0x3f | 0x80, at: 8)
    uuid.put(random.get(at: 7, as: UInt8.self), at: 9)
    for byte in 0..<6 { uuid.put(random.get(at: byte, as: UInt8.self), at: 10 + byte) }
    // A node that is not a network card's has the multicast bit.
    uuid.put(random.get(at: 0, as: UInt8.self) | 1, at: 10)
    guard call.copyOut(call.address(0) + UInt64(16 * index), uuid, 16) else { return call.error(EFAULT) }
    time += 1
  }
  return 0
}
