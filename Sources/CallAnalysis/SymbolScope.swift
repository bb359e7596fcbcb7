import BinaryImage

/// Which definition a symbol finds among images that are linked with each other.
struct SymbolScope {
  /// Image and index of symbol, by name, in the order of the search.
  private var definitions: [String: [(image: Int, symbol: Int)]] = [:]
  private let images: [LinkedImage]
  /// The run-time linker, whose own definitions replace others of some names.
  private let linker: Int?

  init(_ images: [LinkedImage], linker: Int?) {
    self.images = images
    self.linker = linker
    for (number, image) in images.enumerated() {
      for (index, symbol) in image.dynamicSymbols.enumerated()
      where symbol.isDefined && !symbol.name.isEmpty {
        definitions[symbol.name, default: []].append((number, index))
      }
    }
  }

  /// Where what `symbol` asks for is: of the first image that has it in the version, and of the run-time linker.
  func resolve(_ symbol: LinkedImage.Symbol) -> [(image: Int, address: UInt64)] {
    guard let candidates = definitions[symbol.name] else { return [] }
    let fitting = candidates.filter { found in
      let definition = images[found.image].dynamicSymbols[found.symbol]
      guard let wanted = symbol.version, let version = definition.version else { return definition.isDefault }
      return wanted == version
    }
    var found: [(image: Int, address: UInt64)] = []
    let usable = fitting.isEmpty ? candidates : fitting
    let first = usable.first { $0.image != linker } ?? usable[0]
    for candidate in usable where candidate.image == first.image || candidate.image == linker {
      found.append((candidate.image, images[candidate.image].dynamicSymbols[candidate.symbol].address))
    }
    return found
  }
}
