import CEngine
import CWire

// Sockets that are for asking name servers only (SOCK_DNS). The mark must go wherever the socket goes, to copies of its
// descriptor, children and other programs, so that it is kept in the socket: a limit to the rate of sending that is one
// less than none. Source: sys_socket() and dns_portcheck() of sys/kern/uipc_syscalls.c.

private enum Mark {
  /// SO_MAX_PACING_RATE of Linux's asm-generic/socket.h.
  static let option = 47
  static let value = UInt64.max - 1
  /// SOCK_DNS of sys/socket.h.
  static let flag: UInt64 = 0x1000
}

/// socket(domain, type, protocol)
func openMarkedSocket(_ call: inout Call) -> Int {
  let result = openSocket(&call)
  guard result >= 0, call.words[1] & Mark.flag != 0, let memory = call.scratch(8) else { return result }
  memory.storeBytes(of: Mark.value, as: UInt64.self)
  _ = call.hostNow(__NR_setsockopt, result, LinuxSocket.level, Mark.option, memory.word, 8)
  call.process.pointee.promised |= PromiseState.asksNames
  return result
}

extension Call {
  /// Whether a socket was made for names.
  func isForNames(_ descriptor: Int) -> Bool {
    guard let memory = scratch(16) else { return false }
    memory.storeBytes(of: 8, toByteOffset: 8, as: UInt32.self)
    let result = hostNow(
      __NR_getsockopt, descriptor, LinuxSocket.level, Mark.option, memory.word, memory.word + 8)
    return result == 0 && memory.load(fromByteOffset: 8, as: UInt32.self) == 8
      && memory.load(as: UInt64.self) == Mark.value
  }
}
