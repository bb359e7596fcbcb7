import CEngine
import CWire

// #c: the console, clocks and what the kernel tells of itself; sys/src/9/port/devcons.c. cons, null, zero and random are
// Linux's own files. kmesg, kprint and reboot are not there: Linux gives them to its administrator only.

private enum ConsoleFile {
  static let bintime = 1
  static let cons = 2
  static let consctl = 3
  static let cputime = 4
  static let drivers = 5
  static let hostdomain = 6
  static let hostowner = 7
  static let null = 8
  static let osversion = 9
  static let pgrpid = 10
  static let pid = 11
  static let ppid = 12
  static let random = 13
  static let swap = 14
  static let sysname = 15
  static let sysstat = 16
  static let time = 17
  static let user = 18
  static let zero = 19
}

/// NUMSIZE and VLNUMSIZE: columns of a number and of a long one.
private let columns = 12
private let longColumns = 22

private let files: InlineArray<19, DeviceFile> = [
  DeviceFile(name: "bintime", length: 24, permissions: 0o664),
  DeviceFile(name: "cons", length: 0, permissions: 0o660),
  DeviceFile(name: "consctl", length: 0, permissions: 0o220),
  DeviceFile(name: "cputime", length: 72, permissions: 0o444),
  DeviceFile(name: "drivers", length: 0, permissions: 0o444),
  DeviceFile(name: "hostdomain", length: 48, permissions: 0o664),
  DeviceFile(name: "hostowner", length: 0, permissions: 0o664),
  DeviceFile(name: "null", length: 0, permissions: 0o666),
  DeviceFile(name: "osversion", length: 0, permissions: 0o444),
  DeviceFile(name: "pgrpid", length: 12, permissions: 0o444),
  DeviceFile(name: "pid", length: 12, permissions: 0o444),
  DeviceFile(name: "ppid", length: 12, permissions: 0o444),
  DeviceFile(name: "random", length: 0, permissions: 0o444),
  DeviceFile(name: "swap", length: 0, permissions: 0o664),
  DeviceFile(name: "sysname", length: 0, permissions: 0o664),
  DeviceFile(name: "sysstat", length: 0, permissions: 0o666),
  DeviceFile(name: "time", length: 78, permissions: 0o664),
  DeviceFile(name: "user", length: 0, permissions: 0o666),
  DeviceFile(name: "zero", length: 0, permissions: 0o444),
]

var consoleFiles: ClosedRange<Int> { 1...19 }

func consoleFile(_ number: Int) -> DeviceFile { files[number - 1] }

func consoleFile(named name: NameBytes) -> Int? {
  for number in consoleFiles where name.equals(files[number - 1].name) { return number }
  return nil
}

/// Opens a file of #c.
func openConsole(_ call: Call, _ place: NamePlace, _ mode: Int) -> Int {
  guard place.path.count > 0, let number = consoleFile(named: place.path.from(1)) else { return call.error(ENOENT) }
  guard call.isPermitted(consoleFile(number).permissions, mode) else { return call.error(EPERM) }
  let flags = linuxFlags(mode) & ~Int(O_TRUNC)
  let linux: StaticString
  switch number {
  case ConsoleFile.null: linux = "/dev/null"
  case ConsoleFile.zero: linux = "/dev/zero"
  case ConsoleFile.random: linux = "/dev/urandom"
  case ConsoleFile.cons:
    let terminal: StaticString = "/dev/tty"
    let opened = call.hostNow(
      __NR_openat, Int(AT_FDCWD), Int(bitPattern: terminal.utf8Start), flags | Int(O_NOCTTY))
    if opened >= 0 { return opened }
    // Without a terminal the console is what the process reads and writes anyway.
    let command = flags & Int(O_CLOEXEC) != 0 ? 1030 /* F_DUPFD_CLOEXEC */ : 0 /* F_DUPFD */
    return call.hostNow(__NR_fcntl, mode & 3 == 0 ? 0 : 1, command, 0)
  default: return call.openSpecial(SpecialFile(device: UInt8(ascii: "c"), number: number), place, mode: mode)
  }
  return call.hostNow(__NR_openat, Int(AT_FDCWD), Int(bitPattern: linux.utf8Start), flags)
}

/// Reads a file of #c that Linux does not have.
func readConsole(_ call: Call, _ number: Int, _ buffer: UInt64, _ room: Int, _ offset: Int) -> Int {
  if number == ConsoleFile.bintime { return readBinaryTime(call, buffer, room) }
  guard var text = call.newText(8192) else { return call.error(ENOMEM) }
  switch number {
  case ConsoleFile.time:
    let (now, ticks) = (call.clock(0), call.clock(1))
    text.append(decimal: now / 1_000_000_000, width: columns - 1)
    let values: InlineArray<4, UInt64> = [now, ticks, 1_000_000_000, ticks]
    for index in 0..<4 {
      text.append(UInt8(ascii: " "))
      text.append(decimal: values[index], width: longColumns - 1)
    }
    text.append(UInt8(ascii: " "))
  case ConsoleFile.pid: number12(&text, UInt64(UInt32(bitPattern: call.process.pointee.pid)))
  case ConsoleFile.ppid:
    let parent = call.member.map { UInt64(UInt32(bitPattern: $0.pointee.parent)) } ?? UInt64(max(quietly(__NR_getppid), 0))
    number12(&text, parent)
  case ConsoleFile.pgrpid: number12(&text, UInt64(call.nameGroup))
  case ConsoleFile.cputime: processorTimes(call, &text)
  case ConsoleFile.user, ConsoleFile.hostowner: text.append(call.ownName)
  case ConsoleFile.sysname: hostName(call, &text)
  case ConsoleFile.osversion: text.append("2000")
  case ConsoleFile.drivers: text.append("#/ root\n#c cons\n#d dup\n#e env\n#p proc\n#s srv\n#U linux\n#| pipe\n")
  case ConsoleFile.swap: memoryUse(call, &text)
  case ConsoleFile.sysstat: processors(call, &text)
  default: break
  }
  return call.deliver(text.bytes, offset, buffer, room)
}

/// readnum: a number in 11 columns and a blank.
private func number12(_ text: inout NameText, _ value: UInt64) {
  text.append(decimal: value, width: columns - 1)
  text.append(UInt8(ascii: " "))
}

/// Nanoseconds, ticks, ticks in a second and nanoseconds since the start, as many as fit; the highest byte first.
private func readBinaryTime(_ call: Call, _ buffer: UInt64, _ room: Int) -> Int {
  let ticks = call.clock(1)
  var values: InlineArray<4, UInt64> = [
    call.clock(0).bigEndian, ticks.bigEndian, UInt64(1_000_000_000).bigEndian, ticks.bigEndian,
  ]
  let count = min(room / 8, 4) * 8
  guard count > 0 else { return 0 }
  let isWritten = withUnsafeBytes(of: &values) { call.copyOut(buffer, $0.baseAddress!, count) }
  return isWritten ? count : call.error(EFAULT)
}

/// Six times in milliseconds: of the process in user and system mode and since it began, then of its children.
private func processorTimes(_ call: Call, _ text: inout NameText) {
  guard let usage = call.scratch(144) else { return }
  var values = InlineArray<6, UInt64>(repeating: 0)
  for who in 0..<2 {
    guard quietly(__NR_getrusage, who == 0 ? 0 : -1, usage.word) == 0 else { continue }
    for part in 0..<2 {
      let seconds = usage.get(at: 16 * part, as: UInt64.self)
      values[3 * who + part] = seconds * 1000 + usage.get(at: 16 * part + 8, as: UInt64.self) / 1000
    }
  }
  if let member = call.member { values[2] = monotonicMilliseconds() &- member.pointee.started }
  for index in 0..<6 { number12(&text, values[index]) }
}

private func hostName(_ call: Call, _ text: inout NameText) {
  guard let names = call.scratch(390), quietly(__NR_uname, names.word) == 0 else { return }
  // struct new_utsname: fields of 65 bytes, the second is nodename.
  text.append((names + 65).assumingMemoryBound(to: UInt8.self).terminated)
}

private func memoryUse(_ call: Call, _ text: inout NameText) {
  guard let info = call.scratch(112), quietly(__NR_sysinfo, info.word) == 0 else { return }
  let unit = UInt64(max(info.get(at: 104, as: UInt32.self), 1))
  func pages(_ offset: Int) -> UInt64 { info.get(at: offset, as: UInt64.self) * unit / 4096 }
  let (total, free) = (pages(32), pages(40))
  let (swap, freeSwap) = (pages(64), pages(72))
  func line(_ used: UInt64, _ whole: UInt64, _ what: StaticString) {
    text.append(decimal: used)
    text.append(UInt8(ascii: "/"))
    text.append(decimal: whole)
    text.append(what)
  }
  text.append(decimal: total * 4096)
  text.append(" memory\n4096 pagesize\n0 kernel\n")
  line(total - min(free, total), total, " user\n")
  line(swap - min(freeSwap, swap), swap, " swap\n")
  line(0, 0, " kernel malloc\n")
  line(0, 0, " kernel draw\n")
}

/// A line for each processor; Linux's counts for one are not told apart, so that they read as zero.
private func processors(_ call: Call, _ text: inout NameText) {
  for processor in 0..<onlineProcessors(call) {
    number12(&text, UInt64(processor))
    for _ in 0..<9 { number12(&text, 0) }
    text.append(UInt8(ascii: "\n"))
  }
}

/// Writes to a file of #c that Linux does not have.
func writeConsole(_ call: Call, _ number: Int, _ bytes: NameBytes, _ count: Int) -> Int {
  switch number {
  case ConsoleFile.consctl: return controlConsole(call, bytes, count)
  case ConsoleFile.sysstat: return count
  default: return call.fail(EPERM, "permission denied")
  }
}

/// rawon and rawoff, separated by blanks as they are in devcons.c; other words are ignored.
private func controlConsole(_ call: Call, _ bytes: NameBytes, _ count: Int) -> Int {
  var begin = 0
  while begin < bytes.count {
    let word = bytes.from(begin)
    if word.begins(with: NameBytes("rawon")) {
      setRaw(call, true)
    } else if word.begins(with: NameBytes("rawoff")) {
      setRaw(call, false)
    }
    while begin < bytes.count, bytes[begin] != UInt8(ascii: " ") { begin += 1 }
    begin += 1
  }
  return count
}

/// Takes lines, echo and keys that send signals away from the terminal, or gives them back.
func setRaw(_ call: Call, _ isRaw: Bool) {
  guard let state = call.names(), let mode = call.scratch(64) else { return }
  let terminal: StaticString = "/dev/tty"
  let file = quietly(
    __NR_openat, Int(AT_FDCWD), Int(bitPattern: terminal.utf8Start), Int(O_RDWR | O_CLOEXEC | O_NOCTTY))
  guard file >= 0 else { return }
  defer { _ = quietly(__NR_close, file) }
  guard quietly(__NR_ioctl, file, Int(TCGETS), mode.word) == 0 else { return }
  // struct termios of asm-generic: c_lflag at 12.
  let bits = UInt32(ICANON | ECHO | ISIG)
  let flags = mode.get(at: 12, as: UInt32.self)
  mode.put(isRaw ? flags & ~bits : flags | bits, at: 12)
  _ = call.hostNow(__NR_ioctl, file, Int(TCSETS), mode.word)
  state.pointee.isRaw = isRaw
}
