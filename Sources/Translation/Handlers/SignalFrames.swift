import CEngine
import CWire
import Wire

/// How one system lets a signal handler run: what lies on the stack, and how the context comes back.
public protocol SignalFrame {
  /// Builds the frame on the guest's stack and points the registers at the handler.
  ///
  /// - Returns: the personality's si_code; nil when the stack cannot hold the frame.
  static func build(
    _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
  ) -> Int32?

  /// Puts registers, signal mask and floating-point state of the context at guest address `address` into the
  /// trap's: sigreturn(2), `isReturn`, or setcontext(2).
  ///
  /// - Returns: nil when done, otherwise the answer.
  static func restore(_ call: Call, _ address: UInt64, isReturn: Bool) -> Int?

  /// Writes the present registers as a context: getcontext(2).
  static func save(_ call: Call, to address: UInt64) -> Int

  /// Writes the personality's siginfo for Linux's `info` and answers its si_code. `memory` holds as many bytes
  /// as the table's struct siginfo.
  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
    to memory: UnsafeMutableRawPointer
  ) -> Int32

  /// Writes the code that the kernel gives to programs for calling a handler, at most a page of it.
  ///
  /// - Parameter number: the personality's sigreturn call; 0 when its table has none.
  /// - Returns: bytes written; 0 when programs bring their own.
  static func writeTrampoline(_ table: Table, _ code: UnsafeMutableRawPointer, sigreturn number: Int) -> Int
}

/// What a frame needs beyond the registers.
public struct FrameRequest {
  public var info: SignalInfo
  /// The personality's signal.
  public var signal: Int
  public var action: persona_action
  /// Foreign signals blocked before the handler runs: what sigreturn restores.
  public var mask: SignalSet
  public var fsBase: UInt64
  public var gsBase: UInt64

  public init(
    info: SignalInfo, signal: Int, action: persona_action, mask: SignalSet, fsBase: UInt64, gsBase: UInt64
  ) {
    self.info = info
    self.signal = signal
    self.action = action
    self.mask = mask
    self.fsBase = fsBase
    self.gsBase = gsBase
  }
}

/// The table's frame.
public enum SignalFrames {
  public static func build(
    _ table: Table, _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>,
    _ context: TrapContext
  ) -> Int32? {
    switch table.frame {
    case .sigframe: Sigframe.build(request, thread, context)
    case .siginfo_frame: SiginfoFrame.build(request, thread, context)
    case .sigcontext_frame: SigcontextFrame.build(request, thread, context)
    case .none, .note_frame: nil
    }
  }

  static func restore(_ call: Call, _ address: UInt64, isReturn: Bool) -> Int? {
    switch call.table.frame {
    case .sigframe: Sigframe.restore(call, address, isReturn: isReturn)
    case .siginfo_frame: SiginfoFrame.restore(call, address, isReturn: isReturn)
    case .sigcontext_frame: SigcontextFrame.restore(call, address, isReturn: isReturn)
    case .none, .note_frame: call.error(ENOSYS)
    }
  }

  static func save(_ call: Call, to address: UInt64) -> Int {
    switch call.table.frame {
    case .sigframe: Sigframe.save(call, to: address)
    case .siginfo_frame: SiginfoFrame.save(call, to: address)
    case .sigcontext_frame: SigcontextFrame.save(call, to: address)
    case .none, .note_frame: call.error(ENOSYS)
    }
  }

  static func writeInfo(
    _ table: Table, _ info: SignalInfo, _ signal: Int, _ context: TrapContext?,
    to memory: UnsafeMutableRawPointer
  ) -> Int32 {
    switch table.frame {
    case .sigframe: Sigframe.writeInfo(table, info, signal, context, to: memory)
    case .siginfo_frame: SiginfoFrame.writeInfo(table, info, signal, context, to: memory)
    case .sigcontext_frame: SigcontextFrame.writeInfo(table, info, signal, context, to: memory)
    case .none, .note_frame: 0
    }
  }

  public static func writeTrampoline(
    _ table: Table, _ code: UnsafeMutableRawPointer, sigreturn number: Int
  ) -> Int {
    switch table.frame {
    case .sigframe: Sigframe.writeTrampoline(table, code, sigreturn: number)
    case .siginfo_frame: SiginfoFrame.writeTrampoline(table, code, sigreturn: number)
    case .sigcontext_frame: SigcontextFrame.writeTrampoline(table, code, sigreturn: number)
    case .none, .note_frame: 0
    }
  }
}

extension Table {
  /// How the personality's signal handlers are entered.
  public var frame: FrameName { FrameName(rawValue: header.pointee.abi.frame) ?? .none }
}

// MARK: - What frames have in common

/// Where a frame's bytes end: below the red zone, or at the top of the alternate stack that the action asks for.
func frameTop(
  _ request: FrameRequest, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
) -> UInt64 {
  let isUsable = thread.pointee.alternate_flags & 4 == 0  // SS_DISABLE
  let isActive = isOnAlternateStack(thread, context[PERSONA_RSP])
  return isUsable && !isActive && request.action.flags & SignalActionFlags.onStack != 0
    ? thread.pointee.alternate_stack &+ thread.pointee.alternate_size : context[PERSONA_RSP] &- 128
}

/// Whether a stack pointer lies on the guest's alternate signal stack.
public func isOnAlternateStack(_ thread: UnsafeMutablePointer<persona_thread>, _ pointer: UInt64) -> Bool {
  thread.pointee.alternate_flags & 4 == 0
    && pointer &- thread.pointee.alternate_stack < thread.pointee.alternate_size
}

/// Bytes of the XSAVE area behind the legacy 512; 0 without XSAVE.
func extendedSize(_ area: UnsafeRawPointer?) -> Int {
  guard let area, area.load(fromByteOffset: 464, as: UInt32.self) == 0x4650_5853 else { return 0 }
  let whole = Int(area.load(fromByteOffset: 480, as: UInt32.self))  // fx_sw_bytes.xstate_size
  return whole > 512 && whole < 16384 ? whole - 512 : 0
}

/// General registers as struct sigcontext, and the mcontext_t that numbers them _REG_*, count them from rdi on.
func sigcontextRegister(_ position: Int) -> persona_register {
  switch position {
  case 0: PERSONA_RDI
  case 1: PERSONA_RSI
  case 2: PERSONA_RDX
  case 3: PERSONA_RCX
  case 4: PERSONA_R8
  case 5: PERSONA_R9
  case 6: PERSONA_R10
  case 7: PERSONA_R11
  case 8: PERSONA_R12
  case 9: PERSONA_R13
  case 10: PERSONA_R14
  case 11: PERSONA_R15
  case 12: PERSONA_RBP
  case 13: PERSONA_RBX
  default: PERSONA_RAX
  }
}

/// Writes `call *handler(%rsp); lea context(%rsp),%rdi; push $0; mov $number,%eax; syscall; hlt`, and answers
/// its length. Offsets are below 128.
func writeCallingTrampoline(
  _ code: UnsafeMutableRawPointer, handler: UInt8, context: UInt8, sigreturn number: Int
) -> Int {
  let bytes: InlineArray<11, UInt8> = [
    0xff, 0x54, 0x24, handler, 0x48, 0x8d, 0x7c, 0x24, context, 0x6a, 0x00,
  ]
  for index in 0..<11 { code.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self) }
  code.storeBytes(of: 0xb8, toByteOffset: 11, as: UInt8.self)
  code.storeBytes(of: UInt32(number), toByteOffset: 12, as: UInt32.self)
  code.storeBytes(of: 0xf405_0f, toByteOffset: 16, as: UInt32.self)
  return 19
}

extension Call {
  /// The thread's fs or gs base: `ARCH_GET_FS`, `ARCH_GET_GS`.
  func segmentBase(_ request: Int32) -> UInt64 {
    request == ARCH_GET_GS ? thread.pointee.guest_gs : persona_fs_base()
  }

  /// Sets one of them: `ARCH_SET_FS`, `ARCH_SET_GS`.
  func setSegmentBase(_ request: Int32, _ base: UInt64) -> Int {
    request == ARCH_SET_GS
      ? Int(persona_set_gs(thread, base)) : hostNow(__NR_arch_prctl, Int(request), Int(truncatingIfNeeded: base))
  }

  /// Sets the thread's fs base where it is another.
  func setFSBase(_ base: UInt64) {
    if base != segmentBase(ARCH_GET_FS) {
      _ = hostNow(__NR_arch_prctl, Int(ARCH_SET_FS), Int(truncatingIfNeeded: base))
    }
  }
}
