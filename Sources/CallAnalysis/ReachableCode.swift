import BinaryImage

/// A function of one of several images.
struct FunctionPlace: Hashable {
  var image: Int
  var function: Int
}

/// The functions that can run, in a program and the libraries linked with it, and who calls them.
///
/// Everything in the program itself counts, and of its libraries what a chain of calls, of addresses taken and of
/// pointers in data that is named leads to. A word of data belongs to whoever takes an address before it in the
/// same object, so that a table of functions counts as a whole once its beginning is named.
final class ReachableCode {
  struct Entry {
    var caller: FunctionPlace
    /// The call or jump; nil where the caller runs on into the function.
    var site: UInt64?
    /// A jump: the stack is the caller's, without a return address.
    var isJump: Bool
  }

  let maps: [CodeMap]
  private let scope: SymbolScope
  /// What run-time linkers put into words of each image, sorted by address.
  private let words: [[LinkedImage.Relocation]]
  /// Addresses that are taken in each image, sorted: where objects may begin.
  private let objects: [[UInt64]]

  private(set) var functions: Set<FunctionPlace> = []
  private(set) var entries: [FunctionPlace: [Entry]] = [:]
  /// Functions whose address is known to others, who may call them with anything.
  private(set) var taken: Set<FunctionPlace> = []
  /// Places inside a function that others jump to.
  private(set) var entered: [FunctionPlace: [UInt64]] = [:]
  /// Names that no image defines.
  private(set) var unresolved: Set<String> = []
  /// Names that were looked up.
  private(set) var used: Set<String> = []

  private var waiting: [FunctionPlace] = []
  private var waitingData: [(image: Int, range: Range<UInt64>)] = []
  private var seenData: [Set<UInt64>]

  /// - Parameters:
  ///   - maps: the program first.
  ///   - linker: which of them is the run-time linker.
  init(_ maps: [CodeMap], linker: Int?) {
    self.maps = maps
    scope = SymbolScope(maps.map(\.image), linker: linker)
    words = maps.map { $0.image.relocations.sorted { $0.place < $1.place } }
    objects = maps.map(ReachableCode.objects)
    seenData = maps.map { _ in [] }
    for (image, map) in maps.enumerated() {
      for address in map.image.initializers { take(image, address) }
      for list in map.image.initializerLists { waitingData.append((image, list)) }
      if image == 0 || image == linker { take(image, map.image.entry) }
    }
    if let program = maps.first {
      for function in program.starts.indices { reach(FunctionPlace(image: 0, function: function)) }
      for segment in program.image.segments { waitingData.append((0, segment.address..<segment.end)) }
      for pointer in program.pointers(among: Set(program.starts)) { take(0, pointer) }
    }
    follow()
  }

  /// Addresses at which objects may begin: what code takes the address of, what pointers point to, and symbols.
  private static func objects(_ map: CodeMap) -> [UInt64] {
    var found: Set<UInt64> = []
    for event in map.events where event.kind == .address { found.insert(event.target) }
    for relocation in map.image.relocations {
      if case .address(let address) = relocation.target { found.insert(address) }
    }
    for symbol in map.image.symbols where !symbol.isFunction { found.insert(symbol.address) }
    return found.filter { !map.isCode($0) }.sorted()
  }

  // MARK: Following

  private func reach(_ place: FunctionPlace) {
    if functions.insert(place).inserted { waiting.append(place) }
  }

  /// Someone knows this address: a function that may be called, or an object.
  private func take(_ image: Int, _ address: UInt64) {
    let map = maps[image]
    if let function = map.function(at: address) {
      let place = FunctionPlace(image: image, function: function)
      reach(place)
      if map.starts[function] == address { taken.insert(place) } else { entered[place, default: []].append(address) }
    } else if let segment = map.image.segment(at: address) {
      let next = objects[image].firstIndex(above: address)
      let end = next < objects[image].count ? min(objects[image][next], segment.end) : segment.end
      if seenData[image].insert(address).inserted { waitingData.append((image, address..<end)) }
    }
  }

  private func follow() {
    while true {
      if let place = waiting.popLast() {
        follow(place)
      } else if let data = waitingData.popLast() {
        for word in relocations(data.image, data.range) where !word.isSlot { followWord(data.image, word, from: nil) }
      } else {
        return
      }
    }
  }

  private func relocations(_ image: Int, _ range: Range<UInt64>) -> ArraySlice<LinkedImage.Relocation> {
    let all = words[image]
    var low = 0
    var high = all.count
    while low < high {
      let middle = (low + high) / 2
      if all[middle].place < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var end = low
    while end < all.count, all[end].place < range.upperBound { end += 1 }
    return all[low..<end]
  }

  private func follow(_ place: FunctionPlace) {
    let map = maps[place.image]
    let range = map.range(place.function)
    for event in map.events(in: range) {
      switch event.kind {
      case .call, .jump:
        let isJump = event.kind == .jump
        if isJump, range.contains(event.target) { continue }
        enter(place.image, event.target, Entry(caller: place, site: event.at, isJump: isJump))
      case .slotCall, .slotJump:
        let words = relocations(place.image, event.target..<event.target &+ 1)
        let entry = Entry(caller: place, site: event.at, isJump: event.kind == .slotJump)
        for word in words { followWord(place.image, word, from: entry) }
      case .access:
        for word in relocations(place.image, event.target..<event.target &+ 8) {
          followWord(place.image, word, from: nil)
        }
      case .address: take(place.image, event.target)
      }
    }
    let next = FunctionPlace(image: place.image, function: place.function + 1)
    let isBeside = next.function < map.starts.count && map.starts[next.function] == range.upperBound
    if isBeside, map.runsOn(place.function) {
      enter(place.image, range.upperBound, Entry(caller: place, site: nil, isJump: true))
    }
  }

  private func enter(_ image: Int, _ address: UInt64, _ entry: Entry) {
    let map = maps[image]
    guard let function = map.function(at: address) else { return }
    let place = FunctionPlace(image: image, function: function)
    reach(place)
    if map.starts[function] == address {
      entries[place, default: []].append(entry)
    } else {
      entered[place, default: []].append(address)
    }
  }

  /// What a word of an image points to: called by `entry`, or known to whoever reads it.
  private func followWord(_ image: Int, _ word: LinkedImage.Relocation, from entry: Entry?) {
    switch word.target {
    case .address(let address): go(image, address, entry)
    case .symbol(let index):
      let symbol = maps[image].image.dynamicSymbols[index]
      used.insert(symbol.name)
      let found = scope.resolve(symbol)
      if found.isEmpty, !symbol.name.isEmpty { unresolved.insert(symbol.name) }
      for definition in found { go(definition.image, definition.address, entry) }
    }
  }

  private func go(_ image: Int, _ address: UInt64, _ entry: Entry?) {
    if let entry, maps[image].isCode(address) { enter(image, address, entry) } else { take(image, address) }
  }
}
