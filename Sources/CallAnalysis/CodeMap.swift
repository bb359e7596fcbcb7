import BinaryImage

/// The functions of an image: where they begin, and what each of them calls, jumps to and names.
///
/// Code is decoded from one known beginning to the next: symbols, the entry, what relocations point to. Targets of
/// calls that are found on the way begin functions as well. Where bytes are no instruction, one byte is passed over.
final class CodeMap {
  /// What leads from one place to another.
  struct Event {
    enum Kind {
      /// A call or jump to the address.
      case call, jump
      /// A call or jump by the address that the word at `target` holds.
      case slotCall, slotJump
      /// Memory that is read or written at `target`.
      case access
      /// An address that is taken.
      case address
    }
    var at: UInt64
    var kind: Kind
    var target: UInt64
  }

  let image: LinkedImage
  /// Where functions begin, sorted.
  private(set) var starts: [UInt64] = []
  /// In the order of their addresses.
  private(set) var events: [Event] = []
  private(set) var traps: [UInt64] = []
  let trap: UInt8?
  /// Bytes of an address.
  private let word: UInt8
  /// Words of data that instructions write to or take the address of, and words that the run-time linker fills in.
  private var changeable: Set<UInt64> = []
  private var relocated: Set<UInt64> = []
  /// Addresses that the instruction before them does not lead to.
  private var stops: Set<UInt64> = []
  private var names: [UInt64: String] = [:]
  private var named: [UInt64] = []

  /// - Parameter trap: the interrupt by which calls are made; nil for `syscall`.
  init(_ image: LinkedImage, trap: UInt8?, decoder: Decoder) {
    self.image = image
    self.trap = trap
    word = decoder.word
    var known: Set<UInt64> = [image.entry]
    relocated = Set(image.relocations.map(\.place))
    known.formUnion(image.initializers)
    for symbol in image.symbols where symbol.isFunction && isCode(symbol.address) {
      known.insert(symbol.address)
      if names[symbol.address] == nil { names[symbol.address] = symbol.name }
    }
    for relocation in image.relocations {
      if case .address(let address) = relocation.target { known.insert(address) }
    }
    known = known.filter(isCode)
    for segment in image.segments where segment.isExecutable {
      let beginnings = known.filter { $0 > segment.address && $0 < segment.end }.sorted()
      sweep(segment, beginnings, decoder)
    }
    for event in events where event.kind == .call || event.kind == .address {
      if isCode(event.target) { known.insert(event.target) }
    }
    for pointer in pointers(among: known) { known.insert(pointer) }
    starts = known.sorted()
    splitAtJumps()
    named = names.keys.sorted()
  }

  /// What others jump to behind an instruction that leads nowhere begins a function as well: tail calls, and the stubs
  /// of procedure linkage tables.
  private func splitAtJumps() {
    var more: Set<UInt64> = []
    for event in events where event.kind == .jump && stops.contains(event.target) {
      guard let source = function(at: event.at), let target = function(at: event.target) else { continue }
      if source != target, starts[target] != event.target { more.insert(event.target) }
    }
    if !more.isEmpty { starts = (starts + more).sorted() }
  }

  /// The initial value of a word of data that no instruction names but to read it.
  func constant(at address: UInt64, width: UInt8) -> UInt64? {
    guard width == 4 || width == 8, !changeable.contains(address), let segment = image.segment(at: address),
      segment.end - address >= UInt64(width), !relocated.contains(address)
    else { return nil }
    let at = Int(address - segment.address)
    return (0..<Int(width)).reduce(0) { $0 | UInt64(segment.bytes[at + $1]) << (8 * UInt64($1)) }
  }

  func isCode(_ address: UInt64) -> Bool { image.segment(at: address)?.isExecutable ?? false }

  private func sweep(_ segment: LinkedImage.Segment, _ beginnings: [UInt64], _ decoder: Decoder) {
    segment.bytes.withUnsafeBytes { bytes in
      var address = segment.address
      var next = 0
      var goesOn = false
      while address < segment.end {
        while next < beginnings.count, beginnings[next] <= address { next += 1 }
        guard let instruction = decoder.decode(bytes[Int(address - segment.address)...], at: address) else {
          address += 1
          goesOn = false
          stops.insert(address)
          continue
        }
        // An instruction does not reach into the next function: what is here is data.
        if next < beginnings.count, instruction.end > beginnings[next] {
          address = beginnings[next]
          continue
        }
        note(instruction)
        if !instruction.isFiller {
          switch instruction.flow {
          case .next, .branch, .trap: goesOn = true
          default: goesOn = false
          }
        }
        address = instruction.end
        if !goesOn { stops.insert(address) }
      }
    }
  }

  private func note(_ instruction: Instruction) {
    let at = instruction.address
    switch instruction.flow {
    case .trap(let number): if number == trap { traps.append(at) }
    case .call(let target?): events.append(Event(at: at, kind: .call, target: target))
    case .jump(let target?), .branch(let target): events.append(Event(at: at, kind: .jump, target: target))
    case .call(nil): noteOperands(instruction, .slotCall)
    case .jump(nil): noteOperands(instruction, .slotJump)
    case .next, .end: noteOperands(instruction, .access)
    }
  }

  private func noteOperands(_ instruction: Instruction, _ kind: Event.Kind) {
    let at = instruction.address
    for operand in instruction.operands {
      if operand.isMemory, !operand.is_segmented {
        // By its distance from the next instruction, or, with addresses of 32 bits, by itself.
        let isNamed = word == 4 && image.hasFixedAddress && operand.base == 255 && operand.index == 255
        if operand.base == 16 || isNamed {
          let target = (isNamed ? 0 : instruction.end) &+ UInt64(bitPattern: operand.value)
          let isTaken = instruction.takesAddress
          events.append(Event(at: at, kind: isTaken ? .address : kind, target: target))
          if isTaken || operand.is_written { changeable.insert(target) }
        } else if image.hasFixedAddress, operand.value > 0x1000,
          image.segment(at: UInt64(bitPattern: operand.value)) != nil
        {
          events.append(Event(at: at, kind: .address, target: UInt64(bitPattern: operand.value)))
          changeable.insert(UInt64(bitPattern: operand.value))
        }
      } else if operand.isImmediate, image.hasFixedAddress, operand.value > 0x1000,
        image.segment(at: UInt64(bitPattern: operand.value)) != nil
      {
        events.append(Event(at: at, kind: .address, target: UInt64(bitPattern: operand.value)))
        changeable.insert(UInt64(bitPattern: operand.value))
      }
    }
  }

  /// Words of data that hold the address of a known function, in an image that lies where it says.
  func pointers(among known: Set<UInt64>) -> Set<UInt64> {
    guard image.hasFixedAddress else { return [] }
    var found: Set<UInt64> = []
    for segment in image.segments {
      segment.bytes.withUnsafeBytes { bytes in
        for at in stride(from: 0, to: bytes.count - Int(word) + 1, by: Int(word)) {
          let pointer =
            word == 4
            ? UInt64(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            : bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
          if known.contains(pointer) { found.insert(pointer) }
        }
      }
    }
    return found
  }

  // MARK: Asking

  /// The function that holds an address.
  func function(at address: UInt64) -> Int? {
    guard isCode(address) else { return nil }
    let index = starts.firstIndex(above: address)
    return index > 0 ? index - 1 : nil
  }

  /// Where a function begins and ends.
  func range(_ function: Int) -> Range<UInt64> {
    let start = starts[function]
    let limit = image.segment(at: start)?.end ?? start
    return start..<max(start, min(limit, function + 1 < starts.count ? starts[function + 1] : limit))
  }

  /// Whether a function goes on into the next one, as far as its last instruction tells.
  func runsOn(_ function: Int) -> Bool { !stops.contains(range(function).upperBound) }

  /// What leads out of a range of code.
  func events(in range: Range<UInt64>) -> ArraySlice<Event> {
    var low = 0
    var high = events.count
    while low < high {
      let middle = (low + high) / 2
      if events[middle].at < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var end = low
    while end < events.count, events[end].at < range.upperBound { end += 1 }
    return events[low..<end]
  }

  /// The name of the function that holds an address, as far as symbols tell.
  func name(at address: UInt64) -> String? {
    let index = named.firstIndex(above: address)
    return index > 0 ? names[named[index - 1]] : nil
  }
}

extension [UInt64] {
  /// In a sorted array, the index of the first element above `value`.
  func firstIndex(above value: UInt64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
