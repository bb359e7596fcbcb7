import CEngine
import CWire
import Wire

// The signal frame `sigframe`: a struct sigframe of the handler, a ucontext_t and a siginfo_t, on the stack; in the
// context an mcontext_t whose registers begin with mc_rdi. Where each lies is in the table. Sources: x86/sigframe.h
// and x86/ucontext.h; sendsig() and sys_sigreturn() tell the order.

/// Values of mcontext_t's fields.
private enum Machine {
  // mc_flags
  static let hasSegments: UInt64 = 1
  static let hasBases: UInt64 = 2
  static let hasExtended: UInt64 = 4
  static let hasRuntimeBase: UInt64 = 8

  static let formatXMM: UInt64 = 0x10002
  static let ownedByFPU: UInt64 = 0x20001
  static let ownedByPCB: UInt64 = 0x20002

  // Selectors (amd64/segments.h GUCODE_SEL, GUDATA_SEL, GUFS32_SEL, GUGS32_SEL, user privilege).
  static let codeSelector: UInt64 = 0x43
  static let dataSelector: UInt64 = 0x3b
  static let fsSelector: UInt64 = 0x13
  static let gsSelector: UInt64 = 0x1b

  /// PSL_USERCHANGE (x86/psl.h): what a program may set; of the rest, these must be as they are.
  static let changeable: UInt64 = 0x254dd5
  static let fixed: UInt64 = 0x1a3000
}

/// General registers in mcontext_t's order, from mc_rdi on.
private func machineRegister(_ position: Int) -> persona_register {
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

/// Where the table puts the parts of a frame and of a context.
private struct Places {
  let table: Table
  let context: Int
  let info: Int
  let size: Int
  let machine: Int
  let contextSize: Int
  /// What getcontext(2) and its kin copy of a context: not uc_link and what follows, which are the program's own
  /// (UC_COPY_SIZE of kern_context.c).
  var savedSize: Int { table.layout(.ucontext__uc_link)?.offset ?? contextSize }
  /// The floating-point state within ucontext_t, and the room for it.
  let floatingPoint: Int
  let floatingRoom: Int
  let firstRegister: Int

  init?(_ table: Table) {
    guard let context = table.layout(.sigframe__sf_uc), let info = table.layout(.sigframe__sf_si),
      let machine = table.layout(.ucontext__uc_mcontext), let first = table.layout(.mcontext__mc_rdi),
      let floating = table.layout(.mcontext__mc_fpstate) ?? table.layout(.mcontext__mc_fpregs)
    else { return nil }
    self.table = table
    self.context = context.offset
    self.info = info.offset
    self.machine = machine.offset
    size = table.size(.sigframe)
    contextSize = table.size(.ucontext)
    floatingPoint = machine.offset + floating.offset
    floatingRoom = floating.width
    firstRegister = machine.offset + first.offset
  }

  /// Whether state beyond the legacy 512 bytes lies where mc_xfpustate points; otherwise behind them, as far as
  /// there is room.
  var pointsToExtended: Bool { table.layout(.mcontext__mc_xfpustate) != nil }

  /// Whether a frame holds the extended state apart from the context: as the system does, or because the processor has
  /// more than fits; then the unused words before mc_fpregs tell where.
  func isPointedTo(_ area: UnsafeRawPointer?) -> Bool {
    guard let area else { return false }
    return pointsToExtended || inlineBytes(area) > 512 && extendedSize(area) > inlineBytes(area) - 512
  }

  /// Bytes of state that the context itself takes: all with the AVX registers, or the legacy part.
  func inlineBytes(_ area: UnsafeRawPointer) -> Int {
    let withAVX = 832
    return floatingRoom >= withAVX && extendedSize(area) >= withAVX - 512 ? withAVX : 512
  }
}

/// When the stack cannot hold the frame, the process ends with SIGILL.
enum Sigframe: SignalFrame {
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32? {
    let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
    guard let places = Places(table) else { return nil }
    let onStack = isOnAlternateStack(thread, context[PERSONA_RSP])
    var top = frameTop(request, thread, context)
    let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint))
    let extendedLength = places.isPointedTo(area) ? extendedSize(area) : 0
    if extendedLength > 0 { top = (top &- UInt64(extendedLength)) & ~63 }
    let extendedAddress = top
    // The frame is aligned as the context in it is.
    let address = (top &- UInt64(places.size)) & ~UInt64(places.context - 1)
    // On the engine's stack: a signal may arrive while the scratch of a call is in use.
    return withUnsafeTemporaryAllocation(byteCount: places.size, alignment: 16) { buffer -> Int32? in
      let frame = buffer.baseAddress!
      frame.initializeMemory(as: UInt8.self, repeating: 0, count: places.size)
      frame.storeBytes(of: request.action.handler, as: UInt64.self)
      let uc = frame + places.context
      write(places, uc, request, thread, context, onStack: onStack, area)
      if extendedLength > 0, !places.pointsToExtended {
        uc.storeBytes(of: extendedAddress, toByteOffset: places.floatingPoint - 32, as: UInt64.self)
        uc.storeBytes(of: UInt64(extendedLength), toByteOffset: places.floatingPoint - 24, as: UInt64.self)
      } else if extendedLength > 0 {
        let machine = Record(uc + places.machine, table)
        machine[.mcontext__mc_xfpustate] = extendedAddress
        machine[.mcontext__mc_xfpustate_len] = UInt64(extendedLength)
      }
      let code = writeSignalInfo(table, request.info, request.signal, context, to: frame + places.info)
      if extendedLength > 0, persona_copy_out(extendedAddress, area! + 512, extendedLength) != 0 { return nil }
      if persona_copy_out(address, frame, places.size) != 0 { return nil }
      context[PERSONA_RDI] = UInt64(request.signal)
      context[PERSONA_RSI] =
        request.action.flags & SignalActionFlags.sigInfo != 0
        ? address + UInt64(places.info) : UInt64(bitPattern: Int64(code))
      context[PERSONA_RDX] = address + UInt64(places.context)
      context[PERSONA_RCX] = request.info.isFault ? request.info.address : 0
      context[PERSONA_RSP] = address
      context[PERSONA_RIP] = thread.pointee.process.pointee.trampoline
      context[PERSONA_FLAGS] &= ~0x500  // PSL_T, PSL_D
      if thread.pointee.has_runtime_base != 0, thread.pointee.runtime_base != request.fsBase {
        _ = persona_syscall(Int64(__NR_arch_prctl), UInt64(ARCH_SET_FS), thread.pointee.runtime_base, 0, 0, 0, 0)
      }
      return code
    }
  }

  static func restore(_ call: Call, _ address: UInt64, isReturn: Bool) -> Int? {
    guard let places = Places(call.table) else { return call.error(ENOSYS) }
    guard let uc = call.scratch(places.contextSize) else { return call.error(ENOMEM) }
    guard call.copyIn(uc, address, isReturn ? places.contextSize : places.savedSize) else { return call.error(EFAULT) }
    let machine = Record(uc + places.machine, call.table)
    let flags = machine[.mcontext__mc_flags]
    let unknown = flags & ~(Machine.hasSegments | Machine.hasBases | Machine.hasExtended)
    if places.pointsToExtended {
      let isWhole = isReturn || machine[.mcontext__mc_len] == UInt64(call.table.size(.mcontext))
      let isKnown = unknown == 0 || unknown == Machine.hasRuntimeBase && call.table.constant(.AMD64_SET_TLSBASE) != nil
      guard isKnown, isWhole else { return call.error(EINVAL) }
    }
    let rflags = machine[.mcontext__mc_rflags]
    let context = call.context
    guard (rflags ^ context[PERSONA_FLAGS]) & Machine.fixed == 0, machine[.mcontext__mc_cs] & 3 == 3 else {
      return call.error(EINVAL)
    }
    if let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint)) {
      if let refusal = restoreFloatingPoint(call, places, uc, flags, area) { return refusal }
    }
    for position in 0..<15 {
      context[machineRegister(position)] = uc.load(
        fromByteOffset: places.firstRegister + 8 * position, as: UInt64.self)
    }
    context[PERSONA_RIP] = machine[.mcontext__mc_rip]
    context[PERSONA_RSP] = machine[.mcontext__mc_rsp]
    context[PERSONA_FLAGS] = rflags & Machine.changeable | context[PERSONA_FLAGS] & ~Machine.changeable
    let mask = uc + (call.table.layout(.ucontext__uc_sigmask)?.offset ?? 0)
    context.mask = call.table.nativeMask(
      SignalSet(low: mask.load(as: UInt64.self), high: mask.load(fromByteOffset: 8, as: UInt64.self)))
    // set_mcontext and sys_sigreturn differ in this (amd64/exec_machdep.c).
    if call.table.layout(.mcontext__mc_fsbase) != nil, isReturn || flags & Machine.hasBases != 0 {
      call.setFSBase(machine[.mcontext__mc_fsbase])
      let gsBase = machine[.mcontext__mc_gsbase]
      if gsBase != call.segmentBase(ARCH_GET_GS) { _ = call.setSegmentBase(ARCH_SET_GS, gsBase) }
    }
    if !isReturn, flags & Machine.hasRuntimeBase != 0 {
      call.thread.pointee.runtime_base = machine[.mcontext__mc_tlsbase]
      call.thread.pointee.has_runtime_base = 1
    }
    return nil
  }

  /// Writes the present registers as a ucontext: getcontext(2).
  static func save(_ call: Call, to address: UInt64) -> Int {
    guard let places = Places(call.table) else { return call.error(ENOSYS) }
    guard let uc = call.scratch(places.contextSize) else { return call.error(ENOMEM) }
    uc.initializeMemory(as: UInt8.self, repeating: 0, count: places.contextSize)
    let context = call.context
    let request = FrameRequest(
      info: SignalInfo(), signal: 0, action: persona_action(), mask: call.table.foreignSet(context.mask),
      fsBase: call.segmentBase(ARCH_GET_FS), gsBase: call.segmentBase(ARCH_GET_GS))
    write(
      places, uc, request, call.thread, context, onStack: isOnAlternateStack(call.thread, context[PERSONA_RSP]),
      UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)))
    // The caller sees the call return 0 when the context is resumed (get_mcontext with GET_MC_CLEAR_RET).
    uc.storeBytes(of: 0, toByteOffset: places.firstRegister + 8 * 6, as: UInt64.self)  // mc_rax
    uc.storeBytes(of: 0, toByteOffset: places.firstRegister + 8 * 2, as: UInt64.self)  // mc_rdx
    let machine = Record(uc + places.machine, call.table)
    machine[.mcontext__mc_rflags] = context[PERSONA_FLAGS] & ~TrapContext.carry
    if places.pointsToExtended { machine[.mcontext__mc_flags] &= ~Machine.hasExtended }
    if call.thread.pointee.has_runtime_base != 0 {
      machine[.mcontext__mc_tlsbase] = call.thread.pointee.runtime_base
    }
    return call.copyOut(address, uc, places.savedSize) ? 0 : call.error(EFAULT)
  }

  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
    to memory: UnsafeMutableRawPointer
  ) -> Int32 { writeSignalInfo(table, info, signal, context, to: memory) }

  static func writeTrampoline(_ table: Table, _ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int {
    guard let places = Places(table) else { return 0 }
    return writeCallingTrampoline(code, handler: 0, context: UInt8(places.context), sigreturn: number)
  }

  private static func write(
    _ places: Places, _ uc: UnsafeMutableRawPointer, _ request: FrameRequest,
    _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext, onStack: Bool, _ area: UnsafeRawPointer?
  ) {
    let table = places.table
    let mask = uc + (table.layout(.ucontext__uc_sigmask)?.offset ?? 0)
    mask.storeBytes(of: request.mask.low, as: UInt64.self)
    mask.storeBytes(of: request.mask.high, toByteOffset: 8, as: UInt64.self)
    let stack = Record(uc + (table.layout(.ucontext__uc_stack)?.offset ?? 0), table)
    stack[.stack_t__ss_sp] = thread.pointee.alternate_stack
    stack[.stack_t__ss_size] = thread.pointee.alternate_size
    stack[.stack_t__ss_flags] = thread.pointee.alternate_flags & 4 != 0 ? 4 : onStack ? 1 : 0
    let machine = Record(uc + places.machine, table)
    machine[.mcontext__mc_onstack] = onStack ? 1 : 0
    for position in 0..<15 {
      uc.storeBytes(
        of: context[machineRegister(position)], toByteOffset: places.firstRegister + 8 * position, as: UInt64.self)
    }
    if request.info.isFault {
      machine[.mcontext__mc_trapno] = UInt64(foreignTrap(context.trapNumber))
      machine[.mcontext__mc_addr] = context.faultAddress
      machine[.mcontext__mc_err] = context.hardwareError
    }
    machine[.mcontext__mc_rip] = context[PERSONA_RIP]
    machine[.mcontext__mc_cs] = Machine.codeSelector
    machine[.mcontext__mc_ss] = Machine.dataSelector
    machine[.mcontext__mc_rflags] = context[PERSONA_FLAGS]
    machine[.mcontext__mc_rsp] = context[PERSONA_RSP]
    machine[.mcontext__mc_len] = UInt64(table.size(.mcontext))
    machine[.mcontext__mc_fsbase] = request.fsBase
    machine[.mcontext__mc_gsbase] = request.gsBase
    machine[.mcontext__mc_fpformat] = Machine.formatXMM
    machine[.mcontext__mc_ownedfp] = places.pointsToExtended ? Machine.ownedByPCB : Machine.ownedByFPU
    if let area { (uc + places.floatingPoint).copyMemory(from: area, byteCount: places.inlineBytes(area)) }
    if places.pointsToExtended {
      // The bases are there, but count in sigreturn alone: TF_HASSEGS is all that the kernel's entry sets.
      machine[.mcontext__mc_flags] = Machine.hasSegments | (extendedSize(area) > 0 ? Machine.hasExtended : 0)
      machine[.mcontext__mc_ds] = Machine.dataSelector
      machine[.mcontext__mc_es] = Machine.dataSelector
      machine[.mcontext__mc_fs] = Machine.fsSelector
      machine[.mcontext__mc_gs] = Machine.gsSelector
    }
  }

  private static func restoreFloatingPoint(
    _ call: Call, _ places: Places, _ uc: UnsafeRawPointer, _ flags: UInt64, _ area: UnsafeMutableRawPointer
  ) -> Int? {
    let machine = Record(UnsafeMutableRawPointer(mutating: uc) + places.machine, call.table)
    let owned = machine[.mcontext__mc_ownedfp]
    guard owned == Machine.ownedByFPU || owned == Machine.ownedByPCB else { return nil }
    let room = extendedSize(area)
    let inline = places.inlineBytes(area) - 512
    let isExtended = inline > 0 || flags & Machine.hasExtended != 0
    if inline > 0 {
      let rest = uc.load(fromByteOffset: places.floatingPoint - 32, as: UInt64.self)
      let length = uc.load(fromByteOffset: places.floatingPoint - 24, as: UInt64.self)
      if rest != 0, length == UInt64(room), !call.copyIn(area + 512, rest, room) { return call.error(EFAULT) }
      let beyond = rest != 0 && length == UInt64(room) ? area.load(fromByteOffset: 512, as: UInt64.self) & ~7 : 0
      (area + 512).copyMemory(from: uc + places.floatingPoint + 512, byteCount: inline)
      let present = area.load(fromByteOffset: 512, as: UInt64.self) & 7
      area.storeBytes(of: present | beyond, toByteOffset: 512, as: UInt64.self)
    } else if isExtended, room > 0 {
      let length = Int(truncatingIfNeeded: machine[.mcontext__mc_xfpustate_len])
      guard length >= 0, length <= room else { return call.error(EINVAL) }
      guard call.copyIn(area + 512, machine[.mcontext__mc_xfpustate], length) else { return call.error(EFAULT) }
    }
    if room > 0 {
      // The XSAVE header: only features that Linux enabled and that came along, standard format, reserved words zero.
      let enabled = area.load(fromByteOffset: 472, as: UInt64.self)  // fx_sw_bytes.xfeatures
      let legacy: UInt64 = 3  // x87 and SSE
      let present = isExtended ? area.load(fromByteOffset: 512, as: UInt64.self) & enabled : legacy
      area.storeBytes(of: present, toByteOffset: 512, as: UInt64.self)
      for offset in stride(from: 520, to: 576, by: 8) {
        area.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
      }
    }
    // Up to the bytes that Linux keeps for itself; reserved MXCSR bits would fault.
    area.copyMemory(from: uc + places.floatingPoint, byteCount: 464)
    let mxcsr = area.load(fromByteOffset: 24, as: UInt32.self)
    area.storeBytes(of: mxcsr & 0xffff, toByteOffset: 24, as: UInt32.self)
    return nil
  }
}
