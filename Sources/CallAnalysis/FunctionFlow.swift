import BinaryImage
import CCapstone

/// How a function hands its registers and stack on: to what it calls, to what it jumps to, and to the system.
struct FunctionFlow {
  /// What is known at each call, jump out of the function, and trap.
  private(set) var states: [UInt64: MachineState] = [:]
  /// Whether it runs on into the next function, and what is known there.
  private(set) var fallsThrough: MachineState?

  private let instructions: [Instruction]
  private let index: [UInt64: Int]
  private let range: Range<UInt64>
  private var arriving: [Int: MachineState] = [:]
  private var visited: Set<Int> = []

  /// - Parameters:
  ///   - entered: places inside to which other functions jump.
  ///   - clobbered: the registers that a call may change, one bit each.
  init(_ map: CodeMap, _ function: Int, entered: [UInt64], clobbered: UInt32, decoder: Decoder) {
    range = map.range(function)
    instructions = FunctionFlow.decode(map, range, decoder)
    index = Dictionary(instructions.enumerated().map { ($1.address, $0) }) { first, _ in first }
    guard !instructions.isEmpty else { return }
    let unknown = MachineState.unknown(word: decoder.word)
    run(from: [(0, .entry(word: decoder.word))], clobbered)
    if let last = instructions.lastIndex(where: { !$0.isFiller }), visited.contains(last) {
      switch instructions[last].flow {
      case .next, .branch, .trap: fallsThrough = after(last, clobbered)
      default: break
      }
    }
    run(from: entered.compactMap { place in index[place].map { ($0, unknown) } }, clobbered)
    // What only a computed jump reaches.
    for place in instructions.indices where !visited.contains(place) && !instructions[place].isFiller {
      run(from: [(place, unknown)], clobbered)
    }
    arriving = [:]
  }

  private static func decode(_ map: CodeMap, _ range: Range<UInt64>, _ decoder: Decoder) -> [Instruction] {
    guard let segment = map.image.segment(at: range.lowerBound) else { return [] }
    var found: [Instruction] = []
    segment.bytes.withUnsafeBytes { bytes in
      var address = range.lowerBound
      while address < range.upperBound {
        let code = bytes[Int(address - segment.address)..<Int(range.upperBound - segment.address)]
        guard var instruction = decoder.decode(code, at: address) else {
          address += 1
          continue
        }
        if instruction.loads, instruction.second.base == 16, instruction.second.isMemory {
          let place = instruction.end &+ UInt64(bitPattern: instruction.second.value)
          if let value = map.constant(at: place, width: instruction.second.width) { instruction.load(value) }
        }
        found.append(instruction)
        address = instruction.end
      }
    }
    return found
  }

  /// The state behind the instruction at `place`.
  private func after(_ place: Int, _ clobbered: UInt32) -> MachineState? {
    guard var state = arriving[place] else { return nil }
    FunctionFlow.perform(instructions[place], &state, clobbered)
    return state
  }

  /// What the kernel leaves changed: results, %rcx and %r11, and what the BSDs clear (amd64/cpu_switch.S, exception.S).
  private static let clobberedByTrap: UInt32 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11

  private static func perform(_ instruction: Instruction, _ state: inout MachineState, _ clobbered: UInt32) {
    switch instruction.flow {
    case .call: state.afterCall(clobbering: clobbered)
    case .trap: state.forget(clobberedByTrap)
    case .jump, .branch, .end: break
    case .next: state.perform(instruction)
    }
  }

  /// Follows control from each place until nothing new is learnt.
  private mutating func run(from places: [(Int, MachineState)], _ clobbered: UInt32) {
    var waiting: [Int] = []
    for (place, state) in places where arrive(place, state) { waiting.append(place) }
    while let place = waiting.popLast() {
      guard var state = arriving[place] else { continue }
      visited.insert(place)
      let instruction = instructions[place]
      let flow = instruction.flow
      var goesOn = true
      switch flow {
      case .call, .trap: states[instruction.address] = state
      case .jump(let target):
        goesOn = false
        leave(instruction, target, state, &waiting)
      case .branch(let target): leave(instruction, target, state, &waiting)
      case .end: goesOn = false
      case .next: break
      }
      guard goesOn else { continue }
      FunctionFlow.perform(instruction, &state, clobbered)
      guard place + 1 < instructions.count, !isBeyondReturn(place, state) else { continue }
      if arrive(place + 1, state) { waiting.append(place + 1) }
    }
  }

  private mutating func leave(
    _ instruction: Instruction, _ target: UInt64?, _ state: MachineState, _ waiting: inout [Int]
  ) {
    if let target, range.contains(target) {
      if let place = index[target], arrive(place, state) { waiting.append(place) }
    } else {
      states[instruction.address] = state
    }
  }

  /// Whether a call that ends the program stands here, and what follows belongs to another path: there the stack is
  /// known to be of another depth.
  private func isBeyondReturn(_ place: Int, _ state: MachineState) -> Bool {
    var call = place
    while call > 0, instructions[call].isFiller { call -= 1 }
    guard case .call = instructions[call].flow, let known = arriving[place + 1] else { return false }
    let (one, other) = (known.register(MachineState.stackPointer), state.register(MachineState.stackPointer))
    return one.frameOffset != nil && other.frameOffset != nil && one != other
  }

  private mutating func arrive(_ place: Int, _ state: MachineState) -> Bool {
    guard let known = arriving[place] else {
      arriving[place] = state
      return true
    }
    var union = known
    guard union.formUnion(state) else { return false }
    arriving[place] = union
    return true
  }
}
