import CCapstone

/// An instruction, as far as control and data flow need it.
struct Instruction {
  enum Flow: Equatable {
    case next
    /// To an address that the instruction names; nil where it is computed.
    case jump(UInt64?)
    case branch(UInt64)
    case call(UInt64?)
    case end
    /// `syscall`, or the interrupt of that number.
    case trap(UInt8?)
  }

  var address: UInt64
  var raw: persona_x86_instruction
  var end: UInt64 { address + UInt64(raw.length) }
  var name: x86_insn { x86_insn(UInt32(raw.identifier)) }

  var operands: [persona_x86_operand] {
    Array([raw.operands.0, raw.operands.1, raw.operands.2].prefix(Int(raw.operand_count)))
  }

  var first: persona_x86_operand { raw.operands.0 }
  var second: persona_x86_operand { raw.operands.1 }

  /// The memory that a jump or call takes its target from, or any operand that is memory.
  var memory: persona_x86_operand? { operands.first { $0.isMemory } }

  var flow: Flow {
    let target = first.isImmediate ? UInt64(bitPattern: first.value) : nil
    switch name {
    case X86_INS_SYSCALL: return .trap(nil)
    case X86_INS_INT: return .trap(UInt8(truncatingIfNeeded: first.value))
    case X86_INS_JMP: return .jump(target)
    case X86_INS_CALL: return .call(target)
    case X86_INS_RET, X86_INS_RETF, X86_INS_IRETQ, X86_INS_HLT, X86_INS_UD2, X86_INS_INT3: return .end
    case X86_INS_LJMP, X86_INS_SYSRET, X86_INS_SYSEXIT: return .end
    case X86_INS_JAE, X86_INS_JA, X86_INS_JBE, X86_INS_JB, X86_INS_JCXZ, X86_INS_JECXZ, X86_INS_JE, X86_INS_JGE,
      X86_INS_JG, X86_INS_JLE, X86_INS_JL, X86_INS_JNE, X86_INS_JNO, X86_INS_JNP, X86_INS_JNS, X86_INS_JO,
      X86_INS_JP, X86_INS_JRCXZ, X86_INS_JS, X86_INS_LOOP, X86_INS_LOOPE, X86_INS_LOOPNE, X86_INS_XBEGIN:
      return target.map { .branch($0) } ?? .next
    default: return .next
    }
  }

  /// Whether it is a plain move.
  var loads: Bool { name == X86_INS_MOV }

  /// Replaces what it reads by a number.
  mutating func load(_ value: UInt64) {
    raw.operands.1.kind = UInt8(X86_OP_IMM.rawValue)
    raw.operands.1.value = Int64(bitPattern: value)
  }

  /// Whether it takes the address of its memory, and does not look into it.
  var takesAddress: Bool { name == X86_INS_LEA }

  /// Whether it does nothing, as what fills the space between functions.
  var isFiller: Bool { name == X86_INS_NOP || name == X86_INS_INT3 }
}

extension persona_x86_operand {
  var isRegister: Bool { kind == UInt8(X86_OP_REG.rawValue) }
  var isImmediate: Bool { kind == UInt8(X86_OP_IMM.rawValue) }
  var isMemory: Bool { kind == UInt8(X86_OP_MEM.rawValue) }
}

/// Capstone in 64-bit or 32-bit mode.
final class Decoder {
  /// Bytes of a register, an address and a word of the stack: 8 or 4.
  let word: UInt8
  private var handle: csh = 0
  private let instruction: UnsafeMutablePointer<cs_insn>

  init(word: UInt8) {
    self.word = word
    guard cs_open(CS_ARCH_X86, word == 4 ? CS_MODE_32 : CS_MODE_64, &handle) == CS_ERR_OK else { fatalError("Capstone was built without x86") }
    cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
    instruction = cs_malloc(handle)
  }

  deinit {
    cs_free(instruction, 1)
    cs_close(&handle)
  }

  /// The instruction at the beginning of `code`, which lies at `address`; nil where the bytes are none.
  func decode(_ code: UnsafeRawBufferPointer.SubSequence, at address: UInt64) -> Instruction? {
    var raw = persona_x86_instruction()
    let bytes = UnsafeRawBufferPointer(rebasing: code)
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
      persona_decode(handle, instruction, start, bytes.count, address, &raw), raw.length > 0
    else { return nil }
    return Instruction(address: address, raw: raw)
  }
}
