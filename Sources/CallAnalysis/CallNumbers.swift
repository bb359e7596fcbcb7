import BinaryImage

/// The numbers with which a program and its libraries can make calls, from the instructions that make them.
///
/// The number register is followed backwards: through moves and the stack within a function, and where it is what
/// the function was given, to every place that calls it. It is taken for granted that nobody changes another
/// function's stack but through an address that it was given, and that C functions keep the registers that their
/// ABI says they keep.
public struct CallNumbers {
  /// Where a number is decided: the instruction that makes the call, or that calls who makes it.
  public struct Site: Hashable, Sendable {
    public var image: Int
    public var address: UInt64
  }

  /// The sites that decide each number.
  public private(set) var sites: [Int: Set<Site>] = [:]
  /// Instructions that make calls, whose number is not known in every case.
  public private(set) var undecided: [Site] = []
  /// How many instructions that make calls can run.
  public private(set) var count = 0
  /// Names that the images look up in each other.
  public let used: Set<String>
  public let unresolved: Set<String>

  private let code: ReachableCode
  private let convention: Convention
  private let decoder: Decoder
  private var flows: [FunctionPlace: FunctionFlow] = [:]

  /// How calls are made, in the numbers by which instructions encode registers.
  public struct Convention: Sendable {
    /// The interrupt that makes calls; nil for `syscall`.
    public var trap: UInt8?
    public var number: UInt8
    /// Where the first argument is; nil for the stack.
    public var firstArgument: UInt8?
    /// How far from the stack pointer the first argument on the stack is.
    public var stackOffset: Int64
    /// Numbers whose first argument is the number of the call that is meant: syscall(2), __syscall(2).
    public var indirect: Set<Int>
    /// Whether functions keep the registers that the System V ABI has them keep.
    public var keepsRegisters: Bool
    /// Bytes of a register: 8 or 4.
    public var word: UInt8

    public init(
      trap: UInt8?, number: UInt8, firstArgument: UInt8?, stackOffset: Int64, indirect: Set<Int> = [],
      keepsRegisters: Bool, word: UInt8 = 8
    ) {
      self.trap = trap
      self.number = number
      self.firstArgument = firstArgument
      self.stackOffset = stackOffset
      self.indirect = indirect
      self.keepsRegisters = keepsRegisters
      self.word = word
    }

    /// Registers that a call may change: rbx, rbp, rsp and r12 to r15 are kept, or rsp and rbp alone.
    var clobbered: UInt32 { keepsRegisters ? 0x0fc7 : 0xffcf }
  }

  /// - Parameters:
  ///   - images: the program, and the libraries in the order in which symbols are looked up in them.
  ///   - linker: which of them is the run-time linker.
  public init(_ images: [LinkedImage], linker: Int?, _ convention: Convention) {
    let decoder = Decoder(word: convention.word)
    self.decoder = decoder
    code = ReachableCode(images.map { CodeMap($0, trap: convention.trap, decoder: decoder) }, linker: linker)
    used = code.used
    unresolved = code.unresolved
    self.convention = convention
    for (image, map) in code.maps.enumerated() {
      for trap in map.traps {
        guard let function = map.function(at: trap) else { continue }
        let place = FunctionPlace(image: image, function: function)
        guard code.functions.contains(place) else { continue }
        count += 1
        examine(trap, place)
      }
    }
  }

  /// The function that holds an address.
  public func name(_ site: Site) -> String? { code.maps[site.image].name(at: site.address) }

  private mutating func examine(_ trap: UInt64, _ place: FunctionPlace) {
    let site = Site(image: place.image, address: trap)
    guard let state = flow(place).states[trap] else { return undecided.append(site) }
    var isOpen = false
    var found: [Int: Set<Site>] = [:]
    trace(state.register(convention.number), at: site, place, &found, &isOpen)
    let indirect = convention.indirect.intersection(found.keys)
    if !indirect.isEmpty {
      let first = convention.firstArgument.map(state.register)
      let number =
        first ?? state.register(MachineState.stackPointer).frameOffset.map { state.slot($0 + convention.stackOffset) }
      trace(number ?? .unknown, at: site, place, &found, &isOpen)
    }
    for (number, places) in found { sites[number, default: []].formUnion(places) }
    if isOpen { undecided.append(site) }
  }

  private mutating func flow(_ place: FunctionPlace) -> FunctionFlow {
    if let known = flows[place] { return known }
    let flow = FunctionFlow(
      code.maps[place.image], place.function, entered: code.entered[place] ?? [], clobbered: convention.clobbered,
      decoder: decoder)
    flows[place] = flow
    return flow
  }

  /// What a function was given.
  private struct Question: Hashable {
    var place: FunctionPlace
    var atom: Value.Atom
  }

  /// More questions than that are not followed for one site.
  private static let patience = 20_000

  /// Follows a value to the constants that it can be.
  private mutating func trace(
    _ value: Value, at site: Site, _ place: FunctionPlace, _ found: inout [Int: Set<Site>], _ isOpen: inout Bool
  ) {
    var waiting: [Question] = []
    var asked: Set<Question> = []
    func take(_ value: Value, _ site: Site, _ place: FunctionPlace) {
      if value.isOpen { isOpen = true }
      for atom in value.atoms {
        switch atom {
        case .constant(let number):
          found[Int(Int32(truncatingIfNeeded: number)), default: []].insert(site)
        case .frame: isOpen = true
        case .register, .stack:
          let question = Question(place: place, atom: atom)
          if asked.insert(question).inserted { waiting.append(question) }
        }
      }
    }
    take(value, site, place)
    while let question = waiting.popLast() {
      guard asked.count < CallNumbers.patience else {
        isOpen = true
        return
      }
      let entries = code.entries[question.place] ?? []
      if entries.isEmpty || code.taken.contains(question.place) { isOpen = true }
      for entry in entries {
        let caller = flow(entry.caller)
        guard let state = entry.site.map({ caller.states[$0] }) ?? caller.fallsThrough else {
          // A jump that stays in the function counts as none; anything else was not understood.
          if entry.site != nil { isOpen = true }
          continue
        }
        let address = entry.site ?? code.maps[entry.caller.image].range(entry.caller.function).upperBound
        take(
          CallNumbers.given(question.atom, state, isJump: entry.isJump),
          Site(image: entry.caller.image, address: address), entry.caller)
      }
    }
  }

  /// What a caller in this state gives.
  private static func given(_ atom: Value.Atom, _ state: MachineState, isJump: Bool) -> Value {
    switch atom {
    case .register(let number): return state.register(number)
    case .stack(let offset):
      guard let pointer = state.register(MachineState.stackPointer).frameOffset else { return .unknown }
      return state.slot(pointer &+ offset &- (isJump ? 0 : Int64(state.word)))
    case .constant, .frame: return Value(atom)
    }
  }
}
