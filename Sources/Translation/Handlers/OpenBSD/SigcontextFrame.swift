import CEngine
import CWire

// OpenBSD/amd64's signal frame: from the top down the floating-point state, a siginfo_t if SA_SIGINFO asks for
// it, and struct sigcontext, at which the stack pointer stands. Source: sendsig(), sys_sigreturn() and
// initsiginfo() of sys/arch/amd64/amd64/machdep.c and sys/kern/kern_sig.c; amd64/include/{signal,trap}.h.

/// Offsets in struct sigcontext; its registers are in `sigcontextRegister`'s order.
private enum Frame {
  static let segments = 120
  static let trapNumber = 152
  static let error = 160
  static let rip = 168
  static let cs = 176
  static let rflags = 184
  static let rsp = 192
  static let ss = 200
  static let floatingPoint = 208
  static let mask = 220
  static let cookie = 224
  static let size = 232
  static let roundedSize: UInt64 = 240
  static let infoSize = 136
  static let roundedInfoSize: UInt64 = 144

  static let userCode: UInt64 = 0x23
  static let userData: UInt64 = 0x1b
  /// PSL_USERSTATIC (psl.h): bits that a context may not change.
  static let fixedFlags: UInt64 = 0xffdaf22a
}

/// T_* of trap.h for the hardware's vector.
private func trapOf(_ vector: UInt64) -> UInt64 {
  switch vector {
  case 0: 8  // T_DIVIDE
  case 1: 5  // T_TRCTRAP
  case 3: 1  // T_BPTFLT
  case 4: 10  // T_OFLOW
  case 5: 11  // T_BOUND
  case 6: 0  // T_PRIVINFLT
  case 10: 15  // T_TSSFLT
  case 11: 16  // T_SEGNPFLT
  case 12: 17  // T_STKFLT
  case 13: 4  // T_PROTFLT
  case 14: 6  // T_PAGEFLT
  case 16: 2  // T_ARITHTRAP
  case 17: 7  // T_ALIGNFLT
  case 19: 19  // T_XMM
  default: 3  // T_RESERVED
  }
}

/// `struct sigcontext` on the stack; when the stack cannot hold it, the process ends with SIGILL.
enum SigcontextFrame: SignalFrame {
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32? {
    let process = thread.pointee.process!
    let table = Table(UnsafeRawPointer(process.pointee.table))
    var top = frameTop(request, thread, context) & ~15
    var statePlace: UInt64 = 0
    if let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint)) {
      let size = 512 + extendedSize(area)
      top = (top &- UInt64(size)) & ~63
      statePlace = top
      if persona_copy_out(statePlace, area, size) != 0 { return nil }
      // A handler starts with a clean state.
      if size > 512 { area.storeBytes(of: 0, toByteOffset: 512, as: UInt64.self) }
      area.storeBytes(of: 0x1f80, toByteOffset: 24, as: UInt32.self)
    }
    let wantsInfo = request.action.flags & SignalActionFlags.sigInfo != 0
    let infoPlace = wantsInfo ? top &- Frame.roundedInfoSize : 0
    let frame = (wantsInfo ? infoPlace : top) &- Frame.roundedSize
    return withUnsafeTemporaryAllocation(byteCount: Frame.infoSize + Frame.size, alignment: 16) {
      buffer -> Int32? in
      let info = buffer.baseAddress!
      let code = writeInfo(table, request.info, request.signal, context, to: info)
      if wantsInfo, persona_copy_out(infoPlace, info, Frame.infoSize) != 0 { return nil }
      let registers = info + Frame.infoSize
      describe(registers, request, context, statePlace)
      registers.storeBytes(of: frame ^ cookie(process), toByteOffset: Frame.cookie, as: UInt64.self)
      if persona_copy_out(frame, registers, Frame.size) != 0 { return nil }
      context[PERSONA_RAX] = request.action.handler
      context[PERSONA_RDI] = UInt64(request.signal)
      context[PERSONA_RSI] = infoPlace
      context[PERSONA_RDX] = frame
      context[PERSONA_RSP] = frame
      context[PERSONA_RIP] = process.pointee.trampoline
      context[PERSONA_FLAGS] &= ~0x60500  // PSL_T, PSL_D, PSL_VM, PSL_AC
      return code
    }
  }

  private static func describe(
    _ registers: UnsafeMutableRawPointer, _ request: FrameRequest, _ context: TrapContext, _ state: UInt64
  ) {
    clear(registers, Frame.size)
    for position in 0..<15 {
      registers.storeBytes(of: context[sigcontextRegister(position)], toByteOffset: 8 * position, as: UInt64.self)
    }
    for position in 0..<4 {
      registers.storeBytes(of: Frame.userData, toByteOffset: Frame.segments + 8 * position, as: UInt64.self)
    }
    if request.info.isFault {
      registers.storeBytes(of: trapOf(context.trapNumber), toByteOffset: Frame.trapNumber, as: UInt64.self)
      registers.storeBytes(of: context.hardwareError, toByteOffset: Frame.error, as: UInt64.self)
    }
    registers.storeBytes(of: context[PERSONA_RIP], toByteOffset: Frame.rip, as: UInt64.self)
    registers.storeBytes(of: Frame.userCode, toByteOffset: Frame.cs, as: UInt64.self)
    registers.storeBytes(of: context[PERSONA_FLAGS], toByteOffset: Frame.rflags, as: UInt64.self)
    registers.storeBytes(of: context[PERSONA_RSP], toByteOffset: Frame.rsp, as: UInt64.self)
    registers.storeBytes(of: Frame.userData, toByteOffset: Frame.ss, as: UInt64.self)
    registers.storeBytes(of: state, toByteOffset: Frame.floatingPoint, as: UInt64.self)
    registers.storeBytes(
      of: UInt32(truncatingIfNeeded: request.mask.low), toByteOffset: Frame.mask, as: UInt32.self)
  }

  static func restore(_ call: Call, _ address: UInt64, isReturn: Bool) -> Int? {
    // Only the trampoline may return from a signal.
    guard call.context[PERSONA_RIP] == call.process.pointee.trampoline &+ UInt64(trampolineReturn) else {
      call.endProcess(byForeignSignal: 4)
      return call.error(EPERM)
    }
    guard let frame = call.scratch(Frame.size) else { return call.error(ENOMEM) }
    guard call.copyIn(frame, address, Frame.size) else { return call.error(EFAULT) }
    guard
      frame.load(fromByteOffset: Frame.cookie, as: UInt64.self) == address ^ cookie(call.process)
    else {
      call.endProcess(byForeignSignal: 4)
      return call.error(EFAULT)
    }
    _ = call.write(UInt64(0), at: address + UInt64(Frame.cookie))
    let context = call.context
    let rflags = frame.load(fromByteOffset: Frame.rflags, as: UInt64.self)
    guard (rflags ^ context[PERSONA_FLAGS]) & Frame.fixedFlags == 0,
      frame.load(fromByteOffset: Frame.cs, as: UInt64.self) & 3 == 3
    else { return call.error(EINVAL) }
    let state = frame.load(fromByteOffset: Frame.floatingPoint, as: UInt64.self)
    if state != 0, let refusal = restoreState(call, state) { return refusal }
    for position in 0..<15 {
      context[sigcontextRegister(position)] = frame.load(fromByteOffset: 8 * position, as: UInt64.self)
    }
    context[PERSONA_RIP] = frame.load(fromByteOffset: Frame.rip, as: UInt64.self)
    context[PERSONA_RSP] = frame.load(fromByteOffset: Frame.rsp, as: UInt64.self)
    context[PERSONA_FLAGS] = rflags & TrapContext.userFlags | context[PERSONA_FLAGS] & ~TrapContext.userFlags
    let mask = frame.load(fromByteOffset: Frame.mask, as: UInt32.self)
    context.mask = call.table.nativeMask(SignalSet(low: UInt64(mask)))
    return nil
  }

  private static func restoreState(_ call: Call, _ address: UInt64) -> Int? {
    guard let area = UnsafeMutableRawPointer(bitPattern: UInt(call.context.floatingPoint)) else { return nil }
    let size = 512 + extendedSize(area)
    guard let state = call.scratch(size) else { return call.error(ENOMEM) }
    guard call.copyIn(state, address, size) else { return call.error(EFAULT) }
    // Up to the bytes that Linux keeps for itself; reserved MXCSR bits would fault.
    let features = area.load(fromByteOffset: 472, as: UInt64.self)  // fx_sw_bytes.xfeatures
    area.copyMemory(from: state, byteCount: 464)
    let mxcsr = area.load(fromByteOffset: 24, as: UInt32.self)
    area.storeBytes(of: mxcsr & 0xffff, toByteOffset: 24, as: UInt32.self)
    guard size > 512 else { return nil }
    (area + 512).copyMemory(from: state + 512, byteCount: size - 512)
    let present = area.load(fromByteOffset: 512, as: UInt64.self) & features
    area.storeBytes(of: present, toByteOffset: 512, as: UInt64.self)
    for offset in stride(from: 520, to: 576, by: 8) {
      area.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
    }
    return nil
  }

  /// OpenBSD has no getcontext call.
  static func save(_ call: Call, to address: UInt64) -> Int { call.error(ENOSYS) }

  /// Only a fault's siginfo says more than signal and code: a sender is not told.
  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
    to memory: UnsafeMutableRawPointer
  ) -> Int32 {
    clear(memory, Frame.infoSize)
    memory.storeBytes(of: Int32(signal), as: Int32.self)
    guard info.isFault else { return 0 }
    let isGeneral = info.code == 0x80  // SI_KERNEL: a general-protection fault
    let code = isGeneral ? 1 : info.code
    let address = isGeneral ? context?[PERSONA_RIP] ?? 0 : info.address
    memory.storeBytes(of: code, toByteOffset: 4, as: Int32.self)
    memory.storeBytes(of: address, toByteOffset: 16, as: UInt64.self)
    let trap = trapOf(context?.trapNumber ?? 0)
    memory.storeBytes(of: Int32(truncatingIfNeeded: trap), toByteOffset: 24, as: Int32.self)
    return code
  }

  /// What lies behind the trampoline's system call.
  static let trampolineReturn = 13

  /// `call *%rax; mov %rsp,%rdi; push %rdi; mov $number,%eax; syscall; hlt`, as sigcode of locore.S does it.
  static func writeTrampoline(_ table: Table, _ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int {
    let bytes: InlineArray<14, UInt8> = [
      0xff, 0xd0, 0x48, 0x89, 0xe7, 0x57, 0xb8, UInt8(truncatingIfNeeded: number),
      UInt8(truncatingIfNeeded: number >> 8), 0, 0, 0x0f, 0x05, 0xf4,
    ]
    for index in bytes.indices { code.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self) }
    return bytes.count
  }

  /// ps_sigcookie: random, one for each process and what it forks.
  private static func cookie(_ process: UnsafeMutablePointer<persona_process>) -> UInt64 {
    if process.pointee.signal_cookie == 0 {
      var random: UInt64 = 0
      _ = withUnsafeMutablePointer(to: &random) {
        persona_syscall(Int64(__NR_getrandom), UInt64(UInt(bitPattern: $0)), 8, 0, 0, 0, 0)
      }
      process.pointee.signal_cookie = random | 1
    }
    return process.pointee.signal_cookie
  }
}

extension Call {
  /// Ends the process by a signal that the guest cannot catch, block or ignore.
  func endProcess(byForeignSignal signal: Int) {
    let native = table.nativeSignal(signal)
    guard let action = scratch(32) else { return }
    for word in 0..<4 { action.storeBytes(of: 0, toByteOffset: 8 * word, as: UInt64.self) }
    _ = hostNow(__NR_rt_sigaction, native, action.word, 0, 8)
    action.storeBytes(of: 1 << UInt64(native - 1), as: UInt64.self)
    _ = hostNow(__NR_rt_sigprocmask, 1, action.word, 0, 8)  // SIG_UNBLOCK
    _ = hostNow(__NR_tgkill, Int(process.pointee.pid), Int(thread.pointee.tid), native)
  }
}
