import CEngine
import CWire

// The handler's address, then at 64 ucontext_t (1408 bytes), then siginfo_t. In it mcontext_t lies at 64 and its
// floating-point state at 320. Source: sendsig(), sys_sigreturn() of sys/platform/pc64/x86_64/machdep.c,
// sys/cpu/x86_64/include/{ucontext,signal}.h.

enum LwpFrame: SignalFrame {
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32? {
    let place = (frameTop(request, thread, context) &- 1552) & ~63
    let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
    return withUnsafeTemporaryAllocation(byteCount: 1552, alignment: 16) { buffer -> Int32? in
      let frame = buffer.baseAddress!
      clear(frame, 1552)
      frame.storeBytes(of: request.action.handler, as: UInt64.self)
      let word = { (offset: Int, value: UInt64) in
        frame.storeBytes(of: value, toByteOffset: 64 + offset, as: UInt64.self)
      }
      word(0, request.mask.low)
      word(8, request.mask.high)
      for position in 0..<15 { word(72 + 8 * position, context[machineRegister(position)]) }
      if request.info.isFault {
        word(200, UInt64(foreignTrap(context.trapNumber)))
        word(208, context.faultAddress)
        word(224, context.hardwareError)
      }
      word(232, context[PERSONA_RIP])
      word(240, 0x43)
      word(248, context[PERSONA_FLAGS])
      word(256, context[PERSONA_RSP])
      word(264, 0x3b)
      word(272, 1280 | 0x10002 << 32)  // mc_len, _MC_FPFMT_XMM
      word(280, 0x20001)  // _MC_FPOWNED_FPU
      word(1352, thread.pointee.alternate_stack)
      word(1360, thread.pointee.alternate_size)
      if let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)) {
        (frame + 384).copyMemory(from: area, byteCount: floatingBytes(area))
      }
      let code = writeInfo(table, request.info, request.signal, context, to: frame + 1472)
      if persona_copy_out(place, frame, 1552) != 0 { return nil }
      let wantsInfo = request.action.flags & SignalActionFlags.sigInfo != 0
      context[PERSONA_RDI] = UInt64(request.signal)
      context[PERSONA_RSI] = wantsInfo ? place + 1472 : UInt64(bitPattern: Int64(code))
      context[PERSONA_RDX] = place + 64
      context[PERSONA_RSP] = place
      context[PERSONA_RIP] = thread.pointee.process.pointee.trampoline
      context[PERSONA_FLAGS] &= ~0x500  // PSL_T, PSL_D
      return code
    }
  }

  /// The state that fits: up to the AVX registers.
  private static func floatingBytes(_ area: UnsafeRawPointer) -> Int {
    area.load(fromByteOffset: 464, as: UInt32.self) == 0x4650_5853
      && area.load(fromByteOffset: 480, as: UInt32.self) >= 832 ? 832 : 512
  }

  static func restore(_ call: Call, _ address: UInt64) -> Int? {
    guard let frame = call.scratch(1408) else { return call.error(ENOMEM) }
    guard call.copyIn(frame, address, 1408) else { return call.error(EFAULT) }
    func word(_ offset: Int) -> UInt64 { frame.load(fromByteOffset: offset, as: UInt64.self) }
    let context = call.context
    let rflags = word(248)
    guard (rflags ^ context[PERSONA_FLAGS]) & 0x1a_3000 == 0, word(240) & 3 == 3 else { return call.error(EINVAL) }
    if let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint)), word(280) & 0xffff_ffff != 0x20000 {
      let bytes = floatingBytes(area)
      area.copyMemory(from: frame + 320, byteCount: 464)
      area.storeBytes(of: area.load(fromByteOffset: 24, as: UInt32.self) & 0xffff, toByteOffset: 24, as: UInt32.self)
      if bytes > 512 {
        area.storeBytes(of: word(832) & 7, toByteOffset: 512, as: UInt64.self)
        (area + 576).copyMemory(from: frame + 896, byteCount: 256)
      }
    }
    for position in 0..<15 { context[machineRegister(position)] = word(72 + 8 * position) }
    context[PERSONA_RIP] = word(232)
    context[PERSONA_RSP] = word(256)
    context[PERSONA_FLAGS] = rflags & TrapContext.userFlags | context[PERSONA_FLAGS] & ~TrapContext.userFlags
    context.mask = call.table.nativeMask(SignalSet(low: word(0), high: word(8)))
    return nil
  }

  static func save(_ call: Call, to address: UInt64) -> Int { call.error(ENOSYS) }

  /// The same places as in `sigframe`, but no reason behind the value, and small codes for what is no fault.
  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?, to memory: UnsafeMutableRawPointer
  ) -> Int32 {
    let theirs = writeSignalInfo(table, info, signal, context, to: memory)
    let code = theirs > 0x10000 ? (theirs > 0x10005 ? 0 : 0x10001 - theirs) : theirs
    memory.storeBytes(of: code, toByteOffset: 8, as: Int32.self)
    memory.storeBytes(of: 0, toByteOffset: 40, as: UInt64.self)
    return code
  }

  static func writeTrampoline(_ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int {
    writeCallingTrampoline(code, handler: 0, context: 64, sigreturn: number)
  }
}
