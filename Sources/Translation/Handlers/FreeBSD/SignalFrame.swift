import CEngine
import CWire

// FreeBSD/amd64's signal frame and ucontext, by offset. Sources: x86/sigframe.h, x86/ucontext.h,
// sys/_ucontext.h, sys/signal.h; sendsig() and sys_sigreturn() in amd64/amd64/exec_machdep.c tell the order.

private enum Frame {
  static let handler = 0
  static let context = 16
  static let info = 896
  static let size = 976
}

private enum Context {
  static let mask = 0
  static let machine = 16
  static let link = 816
  static let stackPointer = 824
  static let stackSize = 832
  static let stackFlags = 840
  static let size = 880
}

/// Offsets within ucontext_t, mcontext_t's own added to `Context.machine`.
private enum Machine {
  static let onStack = 16
  static let trapNumber = 144
  static let address = 152
  static let flags = 160
  static let error = 168
  static let rip = 176
  static let cs = 184
  static let rflags = 192
  static let rsp = 200
  static let ss = 208
  static let length = 216
  static let format = 224
  static let owned = 232
  static let floatingPoint = 240
  static let fsBase = 752
  static let gsBase = 760
  static let extended = 768
  static let extendedLength = 776

  static let hasSegments: UInt32 = 1
  static let hasBases: UInt32 = 2
  static let hasExtended: UInt32 = 4

  static let contextLength: UInt64 = 800
  static let formatXMM: UInt64 = 0x10002
  static let ownedByPCB: UInt64 = 0x20002
}

/// General registers in mcontext_t's order, from mc_rdi on, as `lwp_frame` has them too.
func machineRegister(_ position: Int) -> persona_register {
  switch position {
  case 0: PERSONA_RDI
  case 1: PERSONA_RSI
  case 2: PERSONA_RDX
  case 3: PERSONA_RCX
  case 4: PERSONA_R8
  case 5: PERSONA_R9
  case 6: PERSONA_RAX
  case 7: PERSONA_RBX
  case 8: PERSONA_RBP
  case 9: PERSONA_R10
  case 10: PERSONA_R11
  case 11: PERSONA_R12
  case 12: PERSONA_R13
  case 13: PERSONA_R14
  default: PERSONA_R15
  }
}

/// x86/trap.h: T_* for the hardware's vector.
func foreignTrap(_ vector: UInt64) -> UInt32 {
  switch vector {
  case 0: 18  // T_DIVIDE
  case 1: 10  // T_TRCTRAP
  case 3: 3  // T_BPTFLT
  case 4: 20  // T_OFLOW
  case 5: 21  // T_BOUND
  case 6: 1  // T_PRIVINFLT
  case 10: 26  // T_TSSFLT
  case 11: 27  // T_SEGNPFLT
  case 12: 28  // T_STKFLT
  case 13: 9  // T_PROTFLT
  case 14: 12  // T_PAGEFLT
  case 16: 6  // T_ARITHTRAP
  case 17: 14  // T_ALIGNFLT
  case 19: 29  // T_XMMFLT
  default: 0
  }
}

/// FreeBSD's `struct sigframe`; when the stack cannot hold it, the process ends with SIGILL.
enum Sigframe: SignalFrame {
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32? { buildFrame(request, thread, context) }

  static func restore(_ call: Call, _ address: UInt64) -> Int? {
    var fsBase: UInt64 = 0
    if let refusal = restoreContext(call, address, &fsBase) { return refusal }
    call.setFSBase(fsBase)
    return nil
  }

  static func save(_ call: Call, to address: UInt64) -> Int { saveContext(call, to: address) }

  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
    to memory: UnsafeMutableRawPointer
  ) -> Int32 { writeSignalInfo(table, info, signal, context, to: memory) }

  static func writeTrampoline(_ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int {
    writeCallingTrampoline(
      code, handler: UInt8(Frame.handler), context: UInt8(Frame.context), sigreturn: number)
  }
}

private func buildFrame(
  _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
) -> Int32? {
  let onStack = isOnAlternateStack(thread, context[PERSONA_RSP])
  var top = frameTop(request, thread, context)
  let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint))
  let extendedLength = extendedSize(area)
  if extendedLength > 0 { top = (top &- UInt64(extendedLength)) & ~63 }
  let extendedAddress = top
  let frameAddress = (top &- UInt64(Frame.size)) & ~15
  // On the engine's stack: a signal may arrive while the scratch of a call is in use.
  return withUnsafeTemporaryAllocation(byteCount: Frame.size, alignment: 16) { buffer -> Int32? in
    let frame = buffer.baseAddress!
    frame.initializeMemory(as: UInt8.self, repeating: 0, count: Frame.size)
    frame.storeBytes(of: request.action.handler, toByteOffset: Frame.handler, as: UInt64.self)
    let uc = frame + Frame.context
    writeContext(uc, request, thread, context, onStack: onStack, area)
    if extendedLength > 0 {
      uc.storeBytes(of: extendedAddress, toByteOffset: Machine.extended, as: UInt64.self)
      uc.storeBytes(of: UInt64(extendedLength), toByteOffset: Machine.extendedLength, as: UInt64.self)
    }
    let code = writeSignalInfo(
      Table(UnsafeRawPointer(thread.pointee.process.pointee.table)), request.info, request.signal, context,
      to: frame + Frame.info)
    if extendedLength > 0, persona_copy_out(extendedAddress, area! + 512, extendedLength) != 0 { return nil }
    if persona_copy_out(frameAddress, frame, Frame.size) != 0 { return nil }
    context[PERSONA_RDI] = UInt64(request.signal)
    context[PERSONA_RSI] =
      request.action.flags & SignalActionFlags.sigInfo != 0
      ? frameAddress + UInt64(Frame.info) : UInt64(bitPattern: Int64(code))
    context[PERSONA_RDX] = frameAddress + UInt64(Frame.context)
    context[PERSONA_RCX] = request.info.isFault ? request.info.address : 0
    context[PERSONA_RSP] = frameAddress
    context[PERSONA_RIP] = thread.pointee.process.pointee.trampoline
    context[PERSONA_FLAGS] &= ~0x500  // PSL_T, PSL_D
    return code
  }
}

private func writeContext(
  _ uc: UnsafeMutableRawPointer, _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>,
  _ context: TrapContext, onStack: Bool, _ area: UnsafeRawPointer?
) {
  uc.storeBytes(of: request.mask.low, toByteOffset: Context.mask, as: UInt64.self)
  uc.storeBytes(of: request.mask.high, toByteOffset: Context.mask + 8, as: UInt64.self)
  uc.storeBytes(of: thread.pointee.alternate_stack, toByteOffset: Context.stackPointer, as: UInt64.self)
  uc.storeBytes(of: thread.pointee.alternate_size, toByteOffset: Context.stackSize, as: UInt64.self)
  let disabled = thread.pointee.alternate_flags & 4
  uc.storeBytes(of: disabled != 0 ? 4 : onStack ? 1 : 0, toByteOffset: Context.stackFlags, as: UInt32.self)
  uc.storeBytes(of: onStack ? 1 : 0, toByteOffset: Machine.onStack, as: UInt64.self)
  for position in 0..<15 {
    uc.storeBytes(
      of: context[machineRegister(position)], toByteOffset: Machine.onStack + 8 * (position + 1), as: UInt64.self)
  }
  let fault = request.info.isFault
  uc.storeBytes(of: fault ? foreignTrap(context.trapNumber) : 0, toByteOffset: Machine.trapNumber, as: UInt32.self)
  uc.storeBytes(of: fault ? context.faultAddress : 0, toByteOffset: Machine.address, as: UInt64.self)
  uc.storeBytes(of: fault ? context.hardwareError : 0, toByteOffset: Machine.error, as: UInt64.self)
  uc.storeBytes(of: context[PERSONA_RIP], toByteOffset: Machine.rip, as: UInt64.self)
  // FreeBSD's own selectors (amd64/segments.h GUCODE_SEL, GUDATA_SEL, GUFS32_SEL, GUGS32_SEL, user privilege).
  uc.storeBytes(of: 0x43, toByteOffset: Machine.cs, as: UInt64.self)
  uc.storeBytes(of: 0x3b, toByteOffset: Machine.ss, as: UInt64.self)
  uc.storeBytes(of: context[PERSONA_FLAGS], toByteOffset: Machine.rflags, as: UInt64.self)
  uc.storeBytes(of: context[PERSONA_RSP], toByteOffset: Machine.rsp, as: UInt64.self)
  uc.storeBytes(of: Machine.contextLength, toByteOffset: Machine.length, as: UInt64.self)
  uc.storeBytes(of: request.fsBase, toByteOffset: Machine.fsBase, as: UInt64.self)
  uc.storeBytes(of: request.gsBase, toByteOffset: Machine.gsBase, as: UInt64.self)
  uc.storeBytes(of: Machine.formatXMM, toByteOffset: Machine.format, as: UInt64.self)
  uc.storeBytes(of: Machine.ownedByPCB, toByteOffset: Machine.owned, as: UInt64.self)
  var flags = Machine.hasBases
  if let area {
    (uc + Machine.floatingPoint).copyMemory(from: area, byteCount: 512)
    if extendedSize(area) > 0 { flags |= Machine.hasExtended }
  }
  uc.storeBytes(of: flags, toByteOffset: Machine.flags, as: UInt32.self)
}

/// Puts the registers, mask and floating-point state of the ucontext at guest address `address` into the
/// trap's context: sigreturn(2), setcontext(2).
///
/// - Returns: nil when done, otherwise the answer.
private func restoreContext(_ call: Call, _ address: UInt64, _ fsBase: inout UInt64) -> Int? {
  guard let uc = call.scratch(Context.size) else { return call.error(ENOMEM) }
  guard call.copyIn(uc, address, Context.size) else { return call.error(EFAULT) }
  let flags = uc.load(fromByteOffset: Machine.flags, as: UInt32.self)
  let known = Machine.hasSegments | Machine.hasBases | Machine.hasExtended
  guard flags & ~known == 0 else { return call.error(EINVAL) }
  let rflags = uc.load(fromByteOffset: Machine.rflags, as: UInt64.self)
  let context = call.context
  // PSL_USERCHANGE (x86/psl.h): what a program may set; the rest must be as it is.
  let changeable: UInt64 = 0x254dd5
  let fixed: UInt64 = 0x3f7fd7 & ~changeable
  guard (rflags ^ context[PERSONA_FLAGS]) & fixed & ~0x10202 == 0 else { return call.error(EINVAL) }
  if let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint)) {
    if let refusal = restoreFloatingPoint(call, uc, flags, area) { return refusal }
  }
  for position in 0..<15 {
    context[machineRegister(position)] = uc.load(
      fromByteOffset: Machine.onStack + 8 * (position + 1), as: UInt64.self)
  }
  context[PERSONA_RIP] = uc.load(fromByteOffset: Machine.rip, as: UInt64.self)
  context[PERSONA_RSP] = uc.load(fromByteOffset: Machine.rsp, as: UInt64.self)
  context[PERSONA_FLAGS] = rflags & changeable | context[PERSONA_FLAGS] & ~changeable
  let mask = SignalSet(
    low: uc.load(fromByteOffset: Context.mask, as: UInt64.self),
    high: uc.load(fromByteOffset: Context.mask + 8, as: UInt64.self))
  context.mask = call.table.nativeMask(mask)
  fsBase = uc.load(fromByteOffset: Machine.fsBase, as: UInt64.self)
  return nil
}

private func restoreFloatingPoint(
  _ call: Call, _ uc: UnsafeRawPointer, _ flags: UInt32, _ area: UnsafeMutableRawPointer
) -> Int? {
  let owned = uc.load(fromByteOffset: Machine.owned, as: UInt64.self)
  guard owned == 0x20001 || owned == Machine.ownedByPCB else { return nil }
  let room = extendedSize(area)
  if flags & Machine.hasExtended != 0, room > 0 {
    let length = Int(uc.load(fromByteOffset: Machine.extendedLength, as: UInt64.self))
    guard length >= 0, length <= room else { return call.error(EINVAL) }
    let source = uc.load(fromByteOffset: Machine.extended, as: UInt64.self)
    let features = area.load(fromByteOffset: 472, as: UInt64.self)  // fx_sw_bytes.xfeatures
    guard call.copyIn(area + 512, source, length) else { return call.error(EFAULT) }
    // The XSAVE header: only features that Linux enabled, standard format, reserved words zero.
    let present = area.load(fromByteOffset: 512, as: UInt64.self) & features
    area.storeBytes(of: present, toByteOffset: 512, as: UInt64.self)
    for offset in stride(from: 520, to: 576, by: 8) {
      area.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
    }
  } else if room > 0 {
    // Only x87 and SSE state came along.
    area.storeBytes(of: 3, toByteOffset: 512, as: UInt64.self)
  }
  // Up to the bytes that Linux keeps for itself; reserved MXCSR bits would fault.
  area.copyMemory(from: uc + Machine.floatingPoint, byteCount: 464)
  let mxcsr = area.load(fromByteOffset: 24, as: UInt32.self)
  area.storeBytes(of: mxcsr & 0xffff, toByteOffset: 24, as: UInt32.self)
  return nil
}

/// Writes the present registers as a ucontext: getcontext(2).
private func saveContext(_ call: Call, to address: UInt64) -> Int {
  guard let uc = call.scratch(Context.size) else { return call.error(ENOMEM) }
  uc.initializeMemory(as: UInt8.self, repeating: 0, count: Context.size)
  let context = call.context
  let request = FrameRequest(
    info: SignalInfo(), signal: 0, action: persona_action(),
    mask: call.table.foreignSet(context.mask),
    fsBase: call.segmentBase(ARCH_GET_FS), gsBase: call.segmentBase(ARCH_GET_GS))
  writeContext(
    uc, request, call.thread, context, onStack: isOnAlternateStack(call.thread, context[PERSONA_RSP]),
    UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)))
  // The caller sees the call return 0 when the context is resumed (get_mcontext with GET_MC_CLEAR_RET).
  uc.storeBytes(of: 0, toByteOffset: Machine.onStack + 8 * 7, as: UInt64.self)
  uc.storeBytes(of: 0, toByteOffset: Machine.onStack + 8 * 3, as: UInt64.self)
  let flags = context[PERSONA_FLAGS] & ~TrapContext.carry
  uc.storeBytes(of: flags, toByteOffset: Machine.rflags, as: UInt64.self)
  let known = uc.load(fromByteOffset: Machine.flags, as: UInt32.self) & ~Machine.hasExtended
  uc.storeBytes(of: known, toByteOffset: Machine.flags, as: UInt32.self)
  return call.copyOut(address, uc, Context.size) ? 0 : call.error(EFAULT)
}
