import CEngine
import CWire
import Wire

// Requests to terminals whose meaning is NetBSD's. Source: sys/kern/{tty,tty_pty,tty_conf}.c, sys/sys/ttycom.h.

private let getDiscipline = 0x5424  // TIOCGETD
private let setDiscipline = 0x5423  // TIOCSETD

/// The discipline that NetBSD numbers 0 (TTYDISC) and Linux too (N_TTY).
private let termios: StaticString = "termios"

/// linedn_t
private let disciplineBytes = 32

extension Call {
  /// The number of the terminal's line discipline, or -errno.
  fileprivate func discipline() -> Int {
    guard let number = scratch(4) else { return error(ENOMEM) }
    let result = hostNow(__NR_ioctl, self[0], getDiscipline, number.word)
    return result < 0 ? result : Int(number.get(at: 0, as: Int32.self))
  }
}

/// TIOCGLINED: the line discipline's name, of which Linux's terminals share one with NetBSD's.
func ioctlDiscipline(_ call: inout Call) -> Int {
  let number = call.discipline()
  if number != 0 { return number < 0 ? number : call.error(ENOTTY) }
  guard let name = call.scratch(disciplineBytes) else { return call.error(ENOMEM) }
  clear(name, disciplineBytes)
  for index in 0..<termios.utf8CodeUnitCount { name.put(termios.utf8Start[index], at: index) }
  return call.copyOut(call.address(2), name, disciplineBytes) ? 0 : call.error(EFAULT)
}

/// TIOCSLINED
func ioctlSetDiscipline(_ call: inout Call) -> Int {
  guard let name = call.scratch(disciplineBytes), let number = call.scratch(4) else { return call.error(ENOMEM) }
  guard call.copyIn(name, call.address(2), disciplineBytes) else { return call.error(EFAULT) }
  for index in 0...termios.utf8CodeUnitCount {
    let wanted = index < termios.utf8CodeUnitCount ? termios.utf8Start[index] : 0
    if name.get(at: index, as: UInt8.self) != wanted { return call.error(ENXIO) }
  }
  number.put(Int32(0), at: 0)
  return call.hostNow(__NR_ioctl, call[0], setDiscipline, number.word)
}

/// TIOCGQSIZE: a Linux terminal's queue is N_TTY_BUF_SIZE long.
func ioctlQueueSize(_ call: inout Call) -> Int {
  let number = call.discipline()
  if number < 0 { return number }
  return call.write(Int32(4096), at: call.address(2)) ? 0 : call.error(EFAULT)
}
