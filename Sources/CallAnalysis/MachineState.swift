import CCapstone

/// What registers and stack may hold at one place of a function.
struct MachineState: Equatable {
  /// In the order in which instructions encode them.
  private(set) var registers: [Value]
  /// Words of the stack, by their distance from where the stack pointer was when the function began.
  private(set) var slots: [Int64: Value] = [:]
  /// Bytes of a register and of a word of the stack.
  let word: UInt8

  static let stackPointer: UInt8 = 4
  static let framePointer: UInt8 = 5

  /// At the beginning of a function.
  static func entry(word: UInt8) -> MachineState {
    var state = MachineState(registers: (0..<16).map { Value(.register($0)) }, word: word)
    state.registers[Int(stackPointer)] = Value(.frame(0))
    return state
  }

  /// Where nothing is known of how it was reached.
  static func unknown(word: UInt8) -> MachineState {
    MachineState(registers: [Value](repeating: .unknown, count: 16), word: word)
  }

  private init(registers: [Value], word: UInt8) {
    self.registers = registers
    self.word = word
  }

  // MARK: Reading

  func register(_ number: UInt8) -> Value { number < 16 ? registers[Int(number)] : .unknown }

  /// Eight or four bytes of the stack.
  func slot(_ offset: Int64) -> Value {
    if let value = slots[offset] { return value }
    let isOverlapped = (-7...7).contains { $0 != 0 && slots[offset + $0] != nil && overlaps(offset + $0, offset) }
    if isOverlapped { return .unknown }
    // What lies above the return address the caller has put there.
    return offset >= 0 ? Value(.stack(offset)) : .unknown
  }

  private func overlaps(_ one: Int64, _ other: Int64) -> Bool { abs(one - other) < 4 }

  private func address(of operand: persona_x86_operand) -> Int64? {
    guard operand.isMemory, operand.index == 255, !operand.is_segmented, operand.base < 16 else { return nil }
    return register(operand.base).frameOffset.map { $0 &+ operand.value }
  }

  func value(of operand: persona_x86_operand) -> Value {
    if operand.isImmediate { return Value(.constant(UInt64(bitPattern: operand.value))) }
    if operand.isRegister {
      return operand.is_high ? .unknown : register(operand.base).truncated(to: operand.width, word: word)
    }
    guard operand.width >= 4, let offset = address(of: operand) else { return .unknown }
    return slot(offset).truncated(to: operand.width, word: word)
  }

  // MARK: Writing

  private mutating func set(_ register: UInt8, _ value: Value) {
    if register < 16 { registers[Int(register)] = value }
  }

  /// Writes `width` bytes of the stack; a word that is written in part is unknown.
  private mutating func store(_ value: Value, at offset: Int64, width: UInt8) {
    let end = offset &+ Int64(max(width, 1))
    let word = Int64(word)
    for place in (offset &- word &+ 1)..<end where place != offset && slots[place] != nil { slots[place] = .unknown }
    for place in stride(from: offset &+ word, to: end, by: Int(word)) { slots[place] = .unknown }
    slots[offset] = width == 4 || width == 8 ? value : .unknown
  }

  mutating func write(_ value: Value, to operand: persona_x86_operand) {
    if operand.isRegister {
      guard operand.base < 16 else { return }
      switch operand.width {
      case 8: set(operand.base, value)
      case 4: set(operand.base, value.truncated(to: 4, word: word))
      default:
        // The other bytes stay: known only where both are.
        let mask = (1 as UInt64) << (8 * UInt64(operand.width)) - 1
        guard !operand.is_high, case .constant(let low)? = value.single else { return set(operand.base, .unknown) }
        set(operand.base, register(operand.base).combined(with: Value(.constant(mask))) { $0 & ~$1 | low & $1 })
      }
    } else if operand.isMemory {
      if let offset = address(of: operand) {
        store(value, at: offset, width: operand.width)
      } else if operand.base < 16, operand.base == MachineState.stackPointer || register(operand.base).isFrame {
        // Somewhere in the frame.
        slots = slots.mapValues { _ in .unknown }
      }
    }
  }

  mutating func push(_ value: Value) {
    let pointer = register(MachineState.stackPointer).adding(Value(.constant(0 &- UInt64(word))))
    set(MachineState.stackPointer, pointer)
    if let offset = pointer.frameOffset { store(value, at: offset, width: word) }
  }

  mutating func pop() -> Value {
    let pointer = register(MachineState.stackPointer)
    let value = pointer.frameOffset.map(slot) ?? .unknown
    set(MachineState.stackPointer, pointer.adding(Value(.constant(UInt64(word)))))
    return value
  }

  mutating func leave() {
    set(MachineState.stackPointer, register(MachineState.framePointer))
    set(MachineState.framePointer, pop())
  }

  mutating func exchange(_ one: UInt8, _ other: UInt8) {
    if one < 16, other < 16 { registers.swapAt(Int(one), Int(other)) }
  }

  /// Forgets the registers whose bits are set.
  mutating func forget(_ mask: UInt32) {
    for number in 0..<16 where mask & 1 << UInt32(number) != 0 { registers[number] = .unknown }
  }

  /// What a called function leaves: the registers that are not in `mask`, and of the stack what it was not told the
  /// address of.
  mutating func afterCall(clobbering mask: UInt32) {
    for number in 0..<16 where number != 4 && number != 5 {
      for case .frame(let start) in registers[number].atoms {
        let end = start < 0 ? 0 : Int64.max
        for offset in slots.keys where offset >= start && offset < end { slots[offset] = .unknown }
      }
    }
    forget(mask)
  }

  /// Adds what may be when it is reached another way; answers whether that was more.
  mutating func formUnion(_ other: MachineState) -> Bool {
    var changed = false
    for index in registers.indices where registers[index] != other.registers[index] {
      if registers[index].formUnion(other.registers[index]) { changed = true }
    }
    for offset in Set(slots.keys).union(other.slots.keys) {
      var value = slot(offset)
      if value.formUnion(other.slot(offset)) { changed = true }
      slots[offset] = value
    }
    return changed
  }
}

extension Value {
  /// Whether it may be an address in the frame.
  var isFrame: Bool { atoms.contains { if case .frame = $0 { true } else { false } } }
}
