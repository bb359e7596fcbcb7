import CCapstone

extension MachineState {
  /// What an instruction does, short of going elsewhere.
  mutating func perform(_ instruction: Instruction) {
    let first = instruction.first
    let second = instruction.second
    switch instruction.name {
    case X86_INS_MOV, X86_INS_MOVABS: write(value(of: second), to: first)
    case X86_INS_MOVZX: write(value(of: second), to: first)
    case X86_INS_MOVSX, X86_INS_MOVSXD: write(value(of: second).signExtended(from: second.width), to: first)
    case X86_INS_LEA:
      guard second.index == 255, second.base < 16 else {
        let isAbsolute = second.index == 255 && second.base == 255
        return write(isAbsolute ? Value(.constant(UInt64(bitPattern: second.value))) : .unknown, to: first)
      }
      write(register(second.base).adding(Value(.constant(UInt64(bitPattern: second.value)))), to: first)
    case X86_INS_XOR, X86_INS_SUB, X86_INS_ADD, X86_INS_AND, X86_INS_OR: calculate(instruction.name, first, second)
    case X86_INS_INC: write(value(of: first).adding(Value(.constant(1))), to: first)
    case X86_INS_DEC: write(value(of: first).adding(Value(.constant(0 &- 1))), to: first)
    case X86_INS_PUSH: push(value(of: first))
    case X86_INS_POP: write(pop(), to: first)
    case X86_INS_LEAVE: leave()
    case X86_INS_XCHG:
      if first.isRegister, second.isRegister, first.width == word { return exchange(first.base, second.base) }
      let (one, other) = (value(of: first), value(of: second))
      write(other, to: first)
      write(one, to: second)
    case X86_INS_CMOVA, X86_INS_CMOVAE, X86_INS_CMOVB, X86_INS_CMOVBE, X86_INS_CMOVE, X86_INS_CMOVG, X86_INS_CMOVGE,
      X86_INS_CMOVL, X86_INS_CMOVLE, X86_INS_CMOVNE, X86_INS_CMOVNO, X86_INS_CMOVNP, X86_INS_CMOVNS, X86_INS_CMOVO,
      X86_INS_CMOVP, X86_INS_CMOVS:
      var either = value(of: first)
      _ = either.formUnion(value(of: second))
      write(either, to: first)
    default:
      forget(instruction.raw.written)
      for operand in instruction.operands where operand.isMemory && operand.is_written { write(.unknown, to: operand) }
    }
  }

  private mutating func calculate(_ name: x86_insn, _ first: persona_x86_operand, _ second: persona_x86_operand) {
    let isSame = first.isRegister && second.isRegister && first.base == second.base
    if isSame, name == X86_INS_XOR || name == X86_INS_SUB { return write(Value(.constant(0)), to: first) }
    let (left, right) = (value(of: first), value(of: second))
    switch name {
    case X86_INS_ADD: write(left.adding(right), to: first)
    case X86_INS_SUB: write(left.adding(right.negated), to: first)
    case X86_INS_AND: write(left.combined(with: right) { $0 & $1 }, to: first)
    case X86_INS_OR:
      // `or $-1, %rax`
      if case .constant(.max)? = right.single { return write(right, to: first) }
      write(left.combined(with: right) { $0 | $1 }, to: first)
    default: write(left.combined(with: right) { $0 ^ $1 }, to: first)
    }
  }
}
