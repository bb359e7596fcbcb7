import CEngine
import CWire

/// The registers of interrupted guest code: Linux's ucontext on the engine's signal stack.
///
/// Layout from Linux's asm/ucontext.h and asm/sigcontext.h (x86-64), in 64-bit words: flags, link,
/// stack (pointer, flags, size), 23 register words in the order of `persona_register`, the address of
/// the floating-point state, 8 reserved words, the signal mask.
public struct TrapContext {
  public let words: UnsafeMutablePointer<UInt64>

  /// Words of a ucontext, signal mask included.
  public static let wordCount = 38
  static let registers = 5
  static let segmentWord = registers + 18
  static let errorWord = registers + 19
  static let trapWord = registers + 20
  static let faultWord = registers + 22
  static let floatingPointWord = registers + 23
  static let maskWord = 37
  /// Where the mask lies, for who hands its address to Linux.
  public static var maskPosition: Int { maskWord }

  public init(_ context: UnsafeMutableRawPointer) {
    words = context.assumingMemoryBound(to: UInt64.self)
  }

  public subscript(_ register: persona_register) -> UInt64 {
    get { words[Self.registers + Int(register.rawValue)] }
    nonmutating set { words[Self.registers + Int(register.rawValue)] = newValue }
  }

  public subscript(number register: UInt8) -> UInt64 {
    get { words[Self.registers + Int(register)] }
    nonmutating set { words[Self.registers + Int(register)] = newValue }
  }

  /// Code, gs, fs and stack selector, 16 bits each.
  public var segments: UInt64 {
    get { words[Self.segmentWord] }
    nonmutating set { words[Self.segmentWord] = newValue }
  }
  /// The hardware's error code, vector and faulting address of a fault.
  public var hardwareError: UInt64 { words[Self.errorWord] }
  public var trapNumber: UInt64 { words[Self.trapWord] }
  public var faultAddress: UInt64 { words[Self.faultWord] }
  /// Address of the FXSAVE/XSAVE area on the same stack; 0 stands for the initial state.
  public var floatingPoint: UInt64 {
    get { words[Self.floatingPointWord] }
    nonmutating set { words[Self.floatingPointWord] = newValue }
  }
  /// Linux signals that are blocked when the guest resumes.
  public var mask: UInt64 {
    get { words[Self.maskWord] }
    nonmutating set { words[Self.maskWord] = newValue & ~Self.unblockable }
  }

  /// SIGSEGV, SIGBUS, SIGSYS and the engine's own signal 64 must always arrive: a blocked fault or trap
  /// would kill the guest.
  public static let unblockable: UInt64 = 1 << 10 | 1 << 6 | 1 << 30 | 1 << 63

  public static let carry: UInt64 = 1
  /// The flags that a program may set itself: status, trap, direction, alignment check and identification
  /// (Intel SDM volume 1, 3.4.3).
  public static let userFlags: UInt64 = 0x240dd5

  /// Bytes of the floating-point state at `floatingPoint`: the legacy 512, or all of the XSAVE area when
  /// Linux marked it so (FP_XSTATE_MAGIC1 in the software-reserved bytes, asm/sigcontext.h).
  public var floatingPointSize: Int {
    guard let area = UnsafeRawPointer(bitPattern: UInt(floatingPoint)) else { return 0 }
    let magic = area.load(fromByteOffset: 464, as: UInt32.self)
    return magic == 0x4650_5853 ? Int(area.load(fromByteOffset: 468, as: UInt32.self)) : 512
  }
}

extension Call {
  /// The guest's registers at the trap.
  public var context: TrapContext { TrapContext(thread.pointee.context) }
}
