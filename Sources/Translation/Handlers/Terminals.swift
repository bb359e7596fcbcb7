import CEngine
import CWire
import Wire

// Terminals: tcgetattr(3) and tcsetattr(3) as ioctl(2) requests, posix_openpt(2), and a device's name.

/// A terminal flag of 4.4BSD (sys/_termios.h) and Linux's (asm-generic/termbits.h).
private typealias TerminalFlag = (foreign: UInt32, native: UInt32)

private let inputFlags: InlineArray<4, TerminalFlag> = [
  (0x1ff, 0x1ff),  // IGNBRK to ICRNL
  (0x200, 0x400),  // IXON
  (0x400, 0x1000),  // IXOFF
  (0x6800, 0x6800),  // IXANY, IMAXBEL, IUTF8
]
private let outputFlags: InlineArray<6, TerminalFlag> = [
  (0x1, 0x1),  // OPOST
  (0x2, 0x4),  // ONLCR
  (0x4, 0x1800),  // TAB3
  (0x10, 0x8),  // OCRNL
  (0x20, 0x10),  // ONOCR
  (0x40, 0x20),  // ONLRET
]
private let controlFlags: InlineArray<9, TerminalFlag> = [
  (0x100, 0x10),  // CSIZE's low bit
  (0x200, 0x20),  // CSIZE's high bit
  (0x400, 0x40),  // CSTOPB
  (0x800, 0x80),  // CREAD
  (0x1000, 0x100),  // PARENB
  (0x2000, 0x200),  // PARODD
  (0x4000, 0x400),  // HUPCL
  (0x8000, 0x800),  // CLOCAL
  (0x30000, 0x8000_0000),  // CRTSCTS
]
private let localFlags: InlineArray<15, TerminalFlag> = [
  (0x1, 0x800),  // ECHOKE
  (0x2, 0x10),  // ECHOE
  (0x4, 0x20),  // ECHOK
  (0x8, 0x8),  // ECHO
  (0x10, 0x40),  // ECHONL
  (0x20, 0x400),  // ECHOPRT
  (0x40, 0x200),  // ECHOCTL
  (0x80, 0x1),  // ISIG
  (0x100, 0x2),  // ICANON
  (0x400, 0x8000),  // IEXTEN
  (0x800, 0x10000),  // EXTPROC
  (0x40_0000, 0x100),  // TOSTOP
  (0x80_0000, 0x1000),  // FLUSHO
  (0x2000_0000, 0x4000),  // PENDIN
  (0x8000_0000, 0x80),  // NOFLSH
]

/// For each control character of 4.4BSD, VEOF to VSTATUS, its index in Linux's c_cc; 255 where Linux has none.
/// VERASE2, VDSUSP and VSTATUS mean nothing to Linux, which keeps them in slots that its line discipline does not
/// look at: 17, 18 and VSWTC.
private let controlCharacters: InlineArray<20, UInt8> = [
  4, 11, 16, 2, 14, 3, 12, 17, 0, 1, 10, 18, 8, 9, 15, 13, 6, 5, 7, 255,
]
private let minimumCharacter = 16
private let timeCharacter = 17
/// _POSIX_VDISABLE of sys/_termios.h; Linux's is 0.
private let foreignDisabled: UInt8 = 0xff

/// struct termios of 4.4BSD: four flag words, 20 control characters, two speeds in bit/s.
private enum ForeignTerminal {
  static let size = 44
  static let characters = 16
  static let inputSpeed = 36
  static let outputSpeed = 40
}

/// Linux's struct termios2.
private enum NativeTerminal {
  static let size = 44
  static let characters = 17
  static let inputSpeed = 36
  static let outputSpeed = 40
  static let get = 0x802c_542a  // TCGETS2
  static let set = 0x402c_542b  // TCSETS2; TCSETSW2 and TCSETSF2 follow
  static let anySpeed: UInt32 = 0x1000  // BOTHER
  static let inputShift: UInt32 = 16  // IBSHIFT

  /// The code of a speed in c_cflag. Speeds that have one must go by it: programs that know struct termios only read
  /// any other as none at all.
  static func code(ofSpeed speed: UInt32) -> UInt32 {
    for index in lowSpeeds.indices where lowSpeeds[index] == speed { return UInt32(index) }
    for index in highSpeeds.indices where highSpeeds[index] == speed { return 0x1001 + UInt32(index) }
    return anySpeed
  }
}

/// The speeds of asm-generic/termbits.h in bit/s: B0 to B38400, B57600 to B4000000.
private let lowSpeeds: InlineArray<16, UInt32> = [
  0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
]
private let highSpeeds: InlineArray<15, UInt32> = [
  57600, 115200, 230400, 460800, 500000, 576000, 921600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000,
  3_000_000, 3_500_000, 4_000_000,
]

extension UInt32 {
  /// Each group of bits that is wholly set in `self` becomes its counterpart.
  fileprivate func mapped<let count: Int>(
    _ flags: InlineArray<count, TerminalFlag>, toNative: Bool
  ) -> UInt32 {
    var result: UInt32 = 0
    for index in flags.indices {
      let from = toNative ? flags[index].foreign : flags[index].native
      let to = toNative ? flags[index].native : flags[index].foreign
      // Groups of bits that both sides share pass bit by bit.
      if from == to { result |= self & from } else if self & from == from { result |= to }
    }
    return result
  }
}

private func flagsIn(_ word: Int, _ foreign: UInt32) -> UInt32 {
  switch word {
  case 0: foreign.mapped(inputFlags, toNative: true)
  case 1: foreign.mapped(outputFlags, toNative: true)
  case 2: foreign.mapped(controlFlags, toNative: true)
  default: foreign.mapped(localFlags, toNative: true)
  }
}

private func flagsOut(_ word: Int, _ native: UInt32) -> UInt32 {
  switch word {
  case 0: native.mapped(inputFlags, toNative: false)
  case 1: native.mapped(outputFlags, toNative: false)
  case 2: native.mapped(controlFlags, toNative: false)
  default: native.mapped(localFlags, toNative: false)
  }
}

/// TIOCGETA
func ioctlGetTerminal(_ call: inout Call) -> Int {
  guard let native = call.scratch(NativeTerminal.size), let foreign = call.scratch(48) else {
    return call.error(ENOMEM)
  }
  let result = call.hostNow(__NR_ioctl, call[0], NativeTerminal.get, native.word)
  if result < 0 { return result }
  for word in 0..<4 {
    let flags = flagsOut(word, native.load(fromByteOffset: 4 * word, as: UInt32.self))
    foreign.storeBytes(of: flags, toByteOffset: 4 * word, as: UInt32.self)
  }
  for index in controlCharacters.indices {
    var value = foreignDisabled
    if controlCharacters[index] != 255 {
      value = native.load(
        fromByteOffset: NativeTerminal.characters + Int(controlCharacters[index]), as: UInt8.self)
      if value == 0, index != minimumCharacter, index != timeCharacter { value = foreignDisabled }
    }
    foreign.storeBytes(of: value, toByteOffset: ForeignTerminal.characters + index, as: UInt8.self)
  }
  foreign.storeBytes(
    of: native.load(fromByteOffset: NativeTerminal.inputSpeed, as: UInt32.self),
    toByteOffset: ForeignTerminal.inputSpeed, as: UInt32.self)
  foreign.storeBytes(
    of: native.load(fromByteOffset: NativeTerminal.outputSpeed, as: UInt32.self),
    toByteOffset: ForeignTerminal.outputSpeed, as: UInt32.self)
  return call.copyOut(call.address(2), foreign, ForeignTerminal.size) ? 0 : call.error(EFAULT)
}

/// TIOCSETA, TIOCSETAW and TIOCSETAF: now, after output, after output and without pending input.
func ioctlSetTerminal(_ call: inout Call) -> Int { setTerminal(call, 0) }
func ioctlSetTerminalWait(_ call: inout Call) -> Int { setTerminal(call, 1) }
func ioctlSetTerminalFlush(_ call: inout Call) -> Int { setTerminal(call, 2) }

private func setTerminal(_ call: Call, _ when: Int) -> Int {
  guard let native = call.scratch(NativeTerminal.size), let foreign = call.scratch(48) else {
    return call.error(ENOMEM)
  }
  guard call.copyIn(foreign, call.address(2), ForeignTerminal.size) else { return call.error(EFAULT) }
  // What BSD cannot say, such as the line discipline, stays.
  let result = call.hostNow(__NR_ioctl, call[0], NativeTerminal.get, native.word)
  if result < 0 { return result }
  let output = foreign.load(fromByteOffset: ForeignTerminal.outputSpeed, as: UInt32.self)
  // An input speed of 0 is the output speed; Linux says so with CIBAUD left at 0.
  var input = foreign.load(fromByteOffset: ForeignTerminal.inputSpeed, as: UInt32.self)
  if input == 0 { input = output }
  for word in 0..<4 {
    var flags = flagsIn(word, foreign.load(fromByteOffset: 4 * word, as: UInt32.self))
    if word == 2 {
      flags |= NativeTerminal.code(ofSpeed: output)
      if input != output { flags |= NativeTerminal.code(ofSpeed: input) << NativeTerminal.inputShift }
    }
    native.storeBytes(of: flags, toByteOffset: 4 * word, as: UInt32.self)
  }
  for index in controlCharacters.indices where controlCharacters[index] != 255 {
    var value = foreign.load(fromByteOffset: ForeignTerminal.characters + index, as: UInt8.self)
    if value == foreignDisabled, index != minimumCharacter, index != timeCharacter { value = 0 }
    native.storeBytes(
      of: value, toByteOffset: NativeTerminal.characters + Int(controlCharacters[index]), as: UInt8.self)
  }
  native.storeBytes(of: output, toByteOffset: NativeTerminal.outputSpeed, as: UInt32.self)
  native.storeBytes(of: input, toByteOffset: NativeTerminal.inputSpeed, as: UInt32.self)
  return call.host(__NR_ioctl, call[0], NativeTerminal.set + when, native.word)
}

/// TIOCSCTTY takes no argument there; Linux's 0 says not to steal the terminal.
func ioctlControllingTerminal(_ call: inout Call) -> Int { call.hostNow(__NR_ioctl, call[0], Int(TIOCSCTTY), 0) }

/// TIOCPTMASTER: whether the descriptor is a pseudo-terminal's master side.
func ioctlIsMaster(_ call: inout Call) -> Int {
  guard let number = call.scratch(4) else { return call.error(ENOMEM) }
  // TIOCGPTN
  let result = call.hostNow(__NR_ioctl, call[0], 0x8004_5430, number.word)
  return result < 0 ? result : 0
}

/// Whether a failed read was at the end of what a pseudo-terminal's slave wrote: Linux tells a master EIO then.
public func isEndOfMaster(_ table: Table, _ call: UInt16, _ descriptor: Int) -> Bool {
  guard call == UInt16(__NR_read) || call == UInt16(__NR_readv), table[.MASTER_READS_END] != 0 else { return false }
  var number: UInt32 = 0
  // TIOCGPTN
  let request: UInt64 = 0x8004_5430
  return withUnsafeMutablePointer(to: &number) {
    persona_syscall(
      Int64(__NR_ioctl), UInt64(bitPattern: Int64(descriptor)), request, UInt64(UInt(bitPattern: $0)), 0, 0, 0) == 0
  }
}

/// posix_openpt(flags): its slave is ready to be opened, as after unlockpt(3).
func openTerminalMaster(_ call: inout Call) -> Int {
  let flags = call[0]
  if flags & ~Int(O_RDWR | O_NOCTTY | O_CLOEXEC) != 0 { return call.error(EINVAL) }
  let path: StaticString = "/dev/ptmx"
  let result = call.host(__NR_openat, Int(AT_FDCWD), Int(bitPattern: path.utf8Start), flags)
  if result < 0 { return result }
  guard let unlocked = call.scratch(4) else { return call.error(ENOMEM) }
  unlocked.storeBytes(of: 0, as: Int32.self)
  // TIOCSPTLCK
  _ = call.hostNow(__NR_ioctl, result, 0x4004_5431, unlocked.word)
  return result
}

/// FIODGNAME: struct fiodgname_arg { int len; void *buf; } (sys/filio.h) receives the device's name below
/// /dev, with its NUL.
func ioctlDeviceName(_ call: inout Call) -> Int {
  guard let request = call.scratch(16), let link = call.scratch(32), let name = call.scratch(256) else {
    return call.error(ENOMEM)
  }
  guard call.copyIn(request, call.address(2), 16) else { return call.error(EFAULT) }
  let room = Int(request.load(as: Int32.self))
  // Of a master, the name is its slave's (kern/tty_pts.c, ptsdev_ioctl); TIOCGPTN.
  var length = call.hostNow(__NR_ioctl, call[0], 0x8004_5430, link.word)
  if length >= 0 {
    length = writeSlavePath(Int(link.load(as: UInt32.self)), to: name)
  } else {
    writeDescriptorPath(Int(call.int32(0)), to: link)
    length = call.hostNow(__NR_readlinkat, Int(AT_FDCWD), link.word, name.word, 255)
  }
  if length < 0 { return length == call.error(ENOENT) ? call.error(EBADF) : length }
  name.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
  let prefix: StaticString = "/dev/"
  guard length > prefix.utf8CodeUnitCount else { return call.error(ENOTTY) }
  for index in 0..<prefix.utf8CodeUnitCount {
    if name.load(fromByteOffset: index, as: UInt8.self) != prefix.utf8Start[index] {
      return call.error(ENOTTY)
    }
  }
  let told = length - prefix.utf8CodeUnitCount + 1
  if told > room { return call.error(EINVAL) }
  let buffer = request.load(fromByteOffset: 8, as: UInt64.self)
  return call.copyOut(buffer, name + prefix.utf8CodeUnitCount, told) ? 0 : call.error(EFAULT)
}

/// Writes /dev/pts/NUMBER: its length.
private func writeSlavePath(_ number: Int, to place: UnsafeMutableRawPointer) -> Int {
  let prefix: StaticString = "/dev/pts/"
  var length = prefix.utf8CodeUnitCount
  for index in 0..<length {
    place.storeBytes(of: prefix.utf8Start[index], toByteOffset: index, as: UInt8.self)
  }
  var unit = 1
  while number / unit >= 10 { unit *= 10 }
  while unit > 0 {
    place.storeBytes(of: UInt8(48 + number / unit % 10), toByteOffset: length, as: UInt8.self)
    length += 1
    unit /= 10
  }
  return length
}
