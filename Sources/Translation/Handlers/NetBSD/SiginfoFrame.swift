import CEngine
import CWire

// The frame of sendsig_siginfo() and ucontext_t: sys/arch/amd64/amd64/machdep.c, sys/sys/ucontext.h,
// sys/arch/amd64/include/{mcontext,frame_regs}.h.

private enum Frame {
  static let info = 8
  static let context = 136
  static let size = 920
}

/// Offsets within ucontext_t.
private enum Context {
  static let mask = 16
  static let stack = 32
  static let registers = 56
  static let threadBase = 264
  static let floatingPoint = 272
  /// What __fpregs holds behind the FXSAVE area's 464 bytes: where the rest of the XSAVE state lies.
  static let extended = 272 + 464
  static let extendedLength = 272 + 472
  static let size = 784

  static let hasMask: UInt32 = 0x1
  static let hasStack: UInt32 = 0x2
  static let hasRegisters: UInt32 = 0x4
  static let hasFloatingPoint: UInt32 = 0x8
  static let hasThreadBase: UInt32 = 0x80000
  static let hasExtended: UInt32 = 0x10_0000
}

/// x86/trap.h: T_* for the hardware's vector.
private func foreignTrapNumber(_ vector: UInt64) -> UInt64 {
  switch vector {
  case 0: 8
  case 1: 5
  case 3: 1
  case 4: 10
  case 5: 11
  case 10: 15
  case 11: 16
  case 12: 17
  case 13: 4
  case 14: 6
  case 16: 2
  case 17: 7
  case 19: 19
  default: 0
  }
}

/// struct sigframe_siginfo: return address, siginfo_t, ucontext_t. The handler returns into the trampoline that
/// the program passed, which finds the context in r15.
enum SiginfoFrame: SignalFrame {
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32? {
    var top = frameTop(request, thread, context)
    let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint))
    let extended = extendedSize(area)
    if extended > 0 { top = (top &- UInt64(extended)) & ~63 }
    let extendedAddress = top
    let address = ((top &- UInt64(Frame.size)) & ~15) &- 8
    return withUnsafeTemporaryAllocation(byteCount: Frame.size, alignment: 16) { buffer -> Int32? in
      let frame = buffer.baseAddress!
      frame.initializeMemory(as: UInt8.self, repeating: 0, count: Frame.size)
      frame.storeBytes(of: request.action.restorer, as: UInt64.self)
      let code = writeInfo(
        Table(UnsafeRawPointer(thread.pointee.process.pointee.table)), request.info, request.signal, context,
        to: frame + Frame.info)
      let uc = frame + Frame.context
      writeContext(uc, request.mask, request.fsBase, request.info, context)
      let onStack = isOnAlternateStack(thread, context[PERSONA_RSP])
      var flags = uc.load(as: UInt32.self) | (onStack ? 0x10000 : 0x20000)  // _UC_SETSTACK, _UC_CLRSTACK
      if extended > 0 {
        flags |= Context.hasExtended
        uc.storeBytes(of: extendedAddress, toByteOffset: Context.extended, as: UInt64.self)
        uc.storeBytes(of: UInt64(extended), toByteOffset: Context.extendedLength, as: UInt64.self)
        if persona_copy_out(extendedAddress, area! + 512, extended) != 0 { return nil }
      }
      uc.storeBytes(of: flags, as: UInt32.self)
      if persona_copy_out(address, frame, Frame.size) != 0 { return nil }
      context[PERSONA_RDI] = UInt64(request.signal)
      context[PERSONA_RSI] = address + UInt64(Frame.info)
      context[PERSONA_RDX] = address + UInt64(Frame.context)
      context[PERSONA_R15] = address + UInt64(Frame.context)
      context[PERSONA_RSP] = address
      context[PERSONA_RIP] = request.action.handler
      context[PERSONA_FLAGS] &= ~0x500  // PSL_T, PSL_D
      return code
    }
  }

  static func restore(_ call: Call, _ address: UInt64, isReturn: Bool) -> Int? {
    guard let uc = call.scratch(Context.size) else { return call.error(ENOMEM) }
    guard call.copyIn(uc, address, Context.size) else { return call.error(EFAULT) }
    let flags = uc.load(as: UInt32.self)
    let context = call.context
    if flags & Context.hasFloatingPoint != 0,
      let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint))
    {
      if let refusal = restoreFloatingPoint(call, uc, flags, area) { return refusal }
    }
    if flags & Context.hasRegisters != 0 {
      for position in 0..<15 { context[sigcontextRegister(position)] = general(uc, position) }
      context[PERSONA_RIP] = general(uc, 21)
      let changeable: UInt64 = 0x254dd5
      context[PERSONA_FLAGS] = general(uc, 23) & changeable | context[PERSONA_FLAGS] & ~changeable
      context[PERSONA_RSP] = general(uc, 24)
    }
    if flags & Context.hasMask != 0 { context.mask = call.table.nativeMask(call.table.loadSet(uc + Context.mask)) }
    if flags & Context.hasThreadBase != 0 {
      call.setFSBase(uc.load(fromByteOffset: Context.threadBase, as: UInt64.self))
    }
    return nil
  }

  static func save(_ call: Call, to address: UInt64) -> Int {
    guard let uc = call.scratch(Context.size) else { return call.error(ENOMEM) }
    uc.initializeMemory(as: UInt8.self, repeating: 0, count: Context.size)
    let context = call.context
    writeContext(
      uc, call.table.foreignSet(context.mask), call.segmentBase(ARCH_GET_FS), SignalInfo(), context)
    // The caller sees the call return 0 when the context is resumed.
    uc.storeBytes(of: 0, toByteOffset: Context.registers + 8 * 14, as: UInt64.self)
    uc.storeBytes(
      of: context[PERSONA_FLAGS] & ~TrapContext.carry, toByteOffset: Context.registers + 8 * 23, as: UInt64.self)
    let flags = uc.load(as: UInt32.self) | Context.hasStack
    uc.storeBytes(of: flags, as: UInt32.self)
    return call.copyOut(address, uc, Context.size) ? 0 : call.error(EFAULT)
  }

  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?, to memory: UnsafeMutableRawPointer
  ) -> Int32 {
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: 128)
    let code = foreignCode(info)
    memory.storeBytes(of: Int32(signal), as: Int32.self)
    memory.storeBytes(of: code, toByteOffset: 4, as: Int32.self)
    if info.isFault {
      let address = info.code == 0x80 ? context?[PERSONA_RIP] ?? 0 : info.address
      memory.storeBytes(of: address, toByteOffset: 16, as: UInt64.self)
      let trap = UInt32(foreignTrapNumber(context?.trapNumber ?? 0))
      memory.storeBytes(of: trap, toByteOffset: 24, as: UInt32.self)
      return code
    }
    // Of a timer Linux tells number and overruns there.
    if info.code != -2 {
      memory.storeBytes(of: info.sender, toByteOffset: 16, as: Int32.self)
      memory.storeBytes(of: info.user, toByteOffset: 20, as: UInt32.self)
    }
    if info.signal == 17 {  // SIGCHLD: a status, or a signal
      let status = info.code == 1 ? info.status : Int32(table.foreignSignal(Int(info.status)))
      memory.storeBytes(of: status, toByteOffset: 24, as: Int32.self)
    } else if info.code < 0 {
      memory.storeBytes(of: info.value, toByteOffset: 24, as: UInt64.self)
    }
    return code
  }

  static func writeTrampoline(_ table: Table, _ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int { 0 }
}

/// si_code for one of Linux's (sys/siginfo.h).
private func foreignCode(_ info: SignalInfo) -> Int32 {
  switch info.code {
  case -3: return -4  // SI_MESGQ
  case -4: return -3  // SI_ASYNCIO
  case -6: return -5  // SI_TKILL: SI_LWP
  case 0x80: return info.isFault ? 2 : 0x7fff  // SEGV_ACCERR, SI_NOINFO
  default: return info.signal == 4 && info.code == 2 ? 5 : info.code  // ILL_ILLOPN: ILL_PRVOPC
  }
}

private func general(_ uc: UnsafeRawPointer, _ position: Int) -> UInt64 {
  uc.load(fromByteOffset: Context.registers + 8 * position, as: UInt64.self)
}

private func writeContext(
  _ uc: UnsafeMutableRawPointer, _ mask: SignalSet, _ fsBase: UInt64, _ info: SignalInfo, _ context: TrapContext
) {
  func put(_ value: UInt64, _ position: Int) {
    uc.storeBytes(of: value, toByteOffset: Context.registers + 8 * position, as: UInt64.self)
  }
  var flags = Context.hasMask | Context.hasRegisters | Context.hasThreadBase
  uc.storeBytes(of: mask.low, toByteOffset: Context.mask, as: UInt64.self)
  uc.storeBytes(of: mask.high, toByteOffset: Context.mask + 8, as: UInt64.self)
  for position in 0..<15 { put(context[sigcontextRegister(position)], position) }
  if info.isFault {
    put(foreignTrapNumber(context.trapNumber), 19)
    put(context.hardwareError, 20)
  }
  put(context[PERSONA_RIP], 21)
  // LSEL(LUCODE_SEL, SEL_UPL) and LSEL(LUDATA_SEL, SEL_UPL) of amd64/segments.h.
  put(0x47, 22)
  put(context[PERSONA_FLAGS], 23)
  put(context[PERSONA_RSP], 24)
  put(0x3f, 25)
  uc.storeBytes(of: fsBase, toByteOffset: Context.threadBase, as: UInt64.self)
  if let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)) {
    (uc + Context.floatingPoint).copyMemory(from: area, byteCount: 464)
    flags |= Context.hasFloatingPoint
  }
  uc.storeBytes(of: flags, as: UInt32.self)
}

private func restoreFloatingPoint(
  _ call: Call, _ uc: UnsafeRawPointer, _ flags: UInt32, _ area: UnsafeMutableRawPointer
) -> Int? {
  let room = extendedSize(area)
  if flags & Context.hasExtended != 0, room > 0 {
    let length = uc.load(fromByteOffset: Context.extendedLength, as: UInt64.self)
    guard length <= UInt64(room) else { return call.error(EINVAL) }
    let source = uc.load(fromByteOffset: Context.extended, as: UInt64.self)
    let features = area.load(fromByteOffset: 472, as: UInt64.self)
    guard call.copyIn(area + 512, source, Int(length)) else { return call.error(EFAULT) }
    let present = area.load(fromByteOffset: 512, as: UInt64.self) & features
    area.storeBytes(of: present, toByteOffset: 512, as: UInt64.self)
    for offset in stride(from: 520, to: 576, by: 8) { area.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self) }
  }
  area.copyMemory(from: uc + Context.floatingPoint, byteCount: 464)
  let mxcsr = area.load(fromByteOffset: 24, as: UInt32.self)
  area.storeBytes(of: mxcsr & 0xffff, toByteOffset: 24, as: UInt32.self)
  return nil
}

/// __sigaction_sigtramp(signum, nsa, osa, tramp, vers)
func sigactionWithTrampoline(_ call: inout Call) -> Int {
  let native = call.table.nativeSignal(Int(call.int32(0)))
  // sigaction1: what cannot be caught cannot be set to its default either. SIGKILL, SIGSTOP.
  if call.words[1] != 0, native == 9 || native == 19 { return call.error(EINVAL) }
  // Version 2 is siginfo's trampoline, 0 the kernel's own, which amd64 never had: enough for no handler at all.
  if call.words[1] != 0 {
    var handler: UInt64 = 0
    guard call.read(&handler, at: call.words[1]) else { return call.error(EFAULT) }
    let version = call.uint32(4)
    let isNone = version == 0 && call.address(3) == 0
    guard version == 2 && call.address(3) != 0 || isNone && handler <= 1 else { return call.error(EINVAL) }
  }
  return changeAction(call, restorer: call.address(3), flags: 0xff)
}

/// _lwp_create(ucp, flags, new_lwp): the context's registers and mask are the new thread's.
func lwpCreate(_ call: inout Call) -> Int {
  let (detached, suspended): (UInt64, UInt64) = (0x40, 0x80)
  guard let uc = call.scratch(Context.size) else { return call.error(ENOMEM) }
  guard call.copyIn(uc, call.words[0], Context.size) else { return call.error(EFAULT) }
  let flags = uc.load(as: UInt32.self)
  guard flags & Context.hasRegisters != 0 else { return call.error(EINVAL) }
  var registers = InlineArray<18, UInt64>(repeating: 0)
  for position in 0..<15 { registers[Int(sigcontextRegister(position).rawValue)] = general(uc, position) }
  registers[Int(PERSONA_RIP.rawValue)] = general(uc, 21)
  registers[Int(PERSONA_FLAGS.rawValue)] = general(uc, 23)
  registers[Int(PERSONA_RSP.rawValue)] = general(uc, 24)
  var start = persona_thread_start()
  start.id_width = 4
  start.parent_tid = call.words[2]
  start.rest = call.words[1] & suspended != 0 ? ThreadRequest.isAsked : ThreadRequest.runs
  if flags & Context.hasThreadBase != 0 {
    start.tls = uc.load(fromByteOffset: Context.threadBase, as: UInt64.self)
  }
  if flags & Context.hasMask != 0 {
    start.has_mask = 1
    start.mask = call.table.nativeMask(call.table.loadSet(uc + Context.mask)) & ~TrapContext.unblockable
  }
  let copied = call
  let result = withUnsafePointer(to: &registers) { pointer -> Int64 in
    start.registers = UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt64.self)
    return copied.startThread(&start, detached: copied.words[1] & detached != 0)
  }
  return result < 0 ? Int(result) : 0
}
