import CWire

/// FreeBSD's si_code for one of Linux's (sys/signal.h; codes above 0x10000 are not the hardware's).
private func foreignCode(_ info: SignalInfo) -> Int32 {
  switch info.code {
  case 0: return 0x10001  // SI_USER
  case -1: return 0x10002  // SI_QUEUE
  case -2: return 0x10003  // SI_TIMER
  case -3: return 0x10005  // SI_MESGQ
  case -4: return 0x10004  // SI_ASYNCIO
  case -6: return 0x10007  // SI_TKILL: SI_LWP
  case 0x80:  // SI_KERNEL: a general-protection fault, or a signal of the terminal
    return info.signal == 11 || info.signal == 7 ? 3 /* BUS_OBJERR */ : 0x10006
  default: break
  }
  switch (info.signal, info.code) {
  case (8, 1): return 2  // FPE_INTDIV
  case (8, 2): return 1  // FPE_INTOVF
  case (7, 2), (7, 4), (7, 5): return 3  // BUS_ADRERR, machine checks: BUS_OBJERR
  default: return info.code
  }
}

/// Writes a FreeBSD siginfo_t for Linux's `info` and answers its si_code.
func writeSignalInfo(
  _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
  to memory: UnsafeMutableRawPointer
) -> Int32 {
  memory.initializeMemory(as: UInt8.self, repeating: 0, count: 80)  // sizeof(siginfo_t)
  let vector = context?.trapNumber ?? 0
  let code = foreignCode(info)
  memory.storeBytes(of: Int32(signal), as: Int32.self)
  memory.storeBytes(of: info.errno, toByteOffset: 4, as: Int32.self)
  memory.storeBytes(of: code, toByteOffset: 8, as: Int32.self)
  if info.isFault {
    // si_addr of a general-protection fault is the instruction.
    let address = info.code == 0x80 ? context?[PERSONA_RIP] ?? 0 : info.address
    memory.storeBytes(of: address, toByteOffset: 24, as: UInt64.self)
    memory.storeBytes(of: foreignTrap(vector), toByteOffset: 40, as: UInt32.self)
    return code
  }
  let timer: Int32 = -2
  if info.code == timer {
    memory.storeBytes(of: info.sender, toByteOffset: 40, as: Int32.self)
    memory.storeBytes(of: Int32(bitPattern: info.user), toByteOffset: 44, as: Int32.self)
    memory.storeBytes(of: info.value, toByteOffset: 32, as: UInt64.self)
    return code
  }
  memory.storeBytes(of: info.sender, toByteOffset: 12, as: Int32.self)
  memory.storeBytes(of: info.user, toByteOffset: 16, as: UInt32.self)
  if info.signal == 17 {  // SIGCHLD
    let byStatus = info.code == 1  // CLD_EXITED; the others hold a signal
    let status = byStatus ? info.status : Int32(table.foreignSignal(Int(info.status)))
    memory.storeBytes(of: status, toByteOffset: 20, as: Int32.self)
  } else if info.code < 0 {
    memory.storeBytes(of: info.value, toByteOffset: 32, as: UInt64.self)
  }
  return code
}
