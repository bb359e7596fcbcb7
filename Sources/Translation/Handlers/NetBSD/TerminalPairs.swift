import CEngine
import CWire
import Wire

// Pairs of pseudo-terminals: ptm(4), ptyfs. Source: sys/kern/tty_ptm.c, sys/sys/ttycom.h. Linux's /dev/ptmx is the
// multiplexer, its /dev/pts holds the slaves.

private let pairMultiplexer: StaticString = "/dev/ptm"
private let cloner: StaticString = "/dev/ptmx"

/// open(2) and openat(2), but that /dev/ptm is there, and a master that /dev/ptmx gave has a slave that can be opened.
func openDevice(_ call: inout Call) -> Int {
  guard let name = call.scratch(16) else { return call.error(ENOMEM) }
  let length = Int(persona_copy_string(name.assumingMemoryBound(to: CChar.self), call.address(1), 16))
  let isPair = length == pairMultiplexer.utf8CodeUnitCount && equals(name, pairMultiplexer)
  let isCloner = length == cloner.utf8CodeUnitCount && equals(name, cloner)
  guard isPair || isCloner else { return lockingOpen(&call) }
  if isPair { call.operands[1] = Int(bitPattern: cloner.utf8Start) }
  let result = lockingOpen(&call)
  if result >= 0 { unlockSlave(call, result) }
  return result
}

private func equals(_ name: UnsafeMutableRawPointer, _ text: StaticString) -> Bool {
  for index in 0..<text.utf8CodeUnitCount where name.get(at: index, as: UInt8.self) != text.utf8Start[index] {
    return false
  }
  return true
}

/// TIOCSPTLCK
private func unlockSlave(_ call: Call, _ master: Int) {
  guard let unlocked = call.scratch(4) else { return }
  unlocked.put(Int32(0), at: 0)
  _ = call.hostNow(__NR_ioctl, master, 0x4004_5431, unlocked.word)
}

/// TIOCPTMGET: struct ptmget of a new pair, both sides open.
func ioctlTerminalPair(_ call: inout Call) -> Int {
  guard ioctlIsMaster(&call) >= 0 else { return call.error(ENOTTY) }
  let flags = Int(O_RDWR | O_NOCTTY)
  let master = call.hostNow(__NR_openat, Int(AT_FDCWD), Int(bitPattern: cloner.utf8Start), flags)
  if master < 0 { return master }
  unlockSlave(call, master)
  // TIOCGPTPEER
  let slave = call.hostNow(__NR_ioctl, master, 0x5441, flags)
  if slave >= 0 {
    let result = tell(call, of: master, master: master, slave: slave)
    if result == 0 { return 0 }
    _ = call.hostNow(__NR_close, slave)
    _ = call.hostNow(__NR_close, master)
    return result
  }
  _ = call.hostNow(__NR_close, master)
  return slave
}

/// TIOCPTSNAME: the names of a pair, asked by either side, or by /dev/tty.
func ioctlTerminalNames(_ call: inout Call) -> Int { tell(call, of: call[0], master: -1, slave: -1) }

/// struct ptmget { int cfd, sfd; char cn[1024], sn[1024] }: descriptors that are not there are the pair's number
/// (pty_fill_ptmget), and ptyfs gives masters no name (ptyfs__makename).
private func tell(_ call: Call, of side: Int, master: Int, slave: Int) -> Int {
  let size = 2056
  guard let pair = call.scratch(size), let device = call.scratch(4) else { return call.error(ENOMEM) }
  // TIOCGDEV: the slave's device, in the kernel's encoding; /dev/pts has major number 136.
  let result = call.hostNow(__NR_ioctl, side, 0x8004_5432, device.word)
  if result < 0 { return result }
  let encoded = device.get(at: 0, as: UInt32.self)
  guard encoded >> 8 & 0xfff == 136 else { return call.error(ENOTTY) }
  let number = Int32(encoded & 0xff | encoded >> 12 & 0xfff00)
  clear(pair, size)
  pair.put(master < 0 ? number : Int32(master), at: 0)
  pair.put(slave < 0 ? number : Int32(slave), at: 4)
  _ = append(pair, 8, "/dev/null")
  let end = append(pair, 1032, "/dev/pts/")
  _ = appendDecimal(pair, end, Int(number))
  return call.copyOut(call.address(2), pair, size) ? 0 : call.error(EFAULT)
}
