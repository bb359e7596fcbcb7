import CWire
import Wire

/// The code of a fault, which the hardware or Linux names (sys/signal.h).
private func faultCode(_ info: SignalInfo) -> Int32 {
  switch (info.signal, info.code) {
  case (8, 1): return 2  // FPE_INTDIV
  case (8, 2): return 1  // FPE_INTOVF
  case (7, 2), (7, 4), (7, 5): return 3  // BUS_ADRERR, machine checks: BUS_OBJERR
  case (11, 0x80), (7, 0x80): return 3  // a general-protection fault: BUS_OBJERR
  default: return info.code
  }
}

extension Table {
  /// The personality's si_code for one of Linux's: what says who sent a signal is in the table's signal_code.
  fileprivate func foreignCode(_ info: SignalInfo) -> Int32 {
    let isProtection = info.signal == 11 || info.signal == 7
    guard info.code <= 0 || info.code == 0x80 && !isProtection, let map = wellKnown(.signal_code),
      let code = toForeign(map, UInt64(bitPattern: Int64(info.code)))
    else { return faultCode(info) }
    return Int32(truncatingIfNeeded: code)
  }
}

/// Writes a siginfo_t that has si_pid, si_status, si_addr and si_value apart, and answers its si_code.
func writeSignalInfo(
  _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
  to memory: UnsafeMutableRawPointer
) -> Int32 {
  memory.initializeMemory(as: UInt8.self, repeating: 0, count: table.size(.siginfo))
  let code = table.foreignCode(info)
  let record = Record(memory, table)
  record[.siginfo__si_signo] = UInt64(signal)
  record[.siginfo__si_errno] = UInt64(UInt32(bitPattern: info.errno))
  record[.siginfo__si_code] = UInt64(UInt32(bitPattern: code))
  // _reason, where there is one: a fault's trap number, a timer's number and overrun.
  let reason = table.layout(.siginfo__reason)?.offset
  if info.isFault {
    // si_addr of a general-protection fault is the instruction.
    record[.siginfo__si_addr] = info.code == 0x80 ? context?[PERSONA_RIP] ?? 0 : info.address
    if let reason { memory.storeBytes(of: foreignTrap(context?.trapNumber ?? 0), toByteOffset: reason, as: UInt32.self) }
    return code
  }
  let timer: Int32 = -2
  if info.code == timer {
    if let reason {
      let timer = Int32(truncatingIfNeeded: table.foreignTimer(Int(info.sender)))
      memory.storeBytes(of: timer, toByteOffset: reason, as: Int32.self)
      memory.storeBytes(of: Int32(bitPattern: info.user), toByteOffset: reason + 4, as: Int32.self)
    }
    record[.siginfo__si_value] = info.value
    return code
  }
  if info.code == -3, info.errno == messageNoticeMark {  // SI_MESGQ: _mqd in _reason, and no sender
    record[.siginfo__si_errno] = 0
    if let reason { memory.storeBytes(of: info.sender, toByteOffset: reason, as: Int32.self) }
    record[.siginfo__si_value] = info.value
    return code
  }
  record[.siginfo__si_pid] = UInt64(UInt32(bitPattern: info.sender))
  record[.siginfo__si_uid] = UInt64(info.user)
  if info.signal == 17 {  // SIGCHLD
    let byStatus = info.code == 1  // CLD_EXITED; the others hold a signal
    let status = byStatus ? info.status : Int32(table.foreignSignal(Int(info.status)))
    record[.siginfo__si_status] = UInt64(UInt32(bitPattern: status))
  } else if info.code < 0 {
    record[.siginfo__si_value] = info.value
  }
  return code
}
