/// A program or library with all of its code and data, and what links it with others: what can be known of a file
/// before it runs.
public struct LinkedImage: Sendable {
  public struct Segment: Sendable {
    public var address: UInt64
    public var bytes: [UInt8]
    public var isExecutable: Bool
    public var isWritable: Bool

    public var end: UInt64 { address + UInt64(bytes.count) }

    public init(address: UInt64, bytes: [UInt8], isExecutable: Bool, isWritable: Bool) {
      self.address = address
      self.bytes = bytes
      self.isExecutable = isExecutable
      self.isWritable = isWritable
    }
  }

  public struct Symbol: Sendable {
    public var name: String
    public var address: UInt64
    public var size: UInt64
    public var isFunction: Bool
    public var isDefined: Bool
    /// The version that it has or asks for, where the image's symbols have any.
    public var version: String?
    /// Whether who asks for no version gets this one.
    public var isDefault = true

    public init(name: String, address: UInt64, size: UInt64 = 0, isFunction: Bool = true, isDefined: Bool = true) {
      self.name = name
      self.address = address
      self.size = size
      self.isFunction = isFunction
      self.isDefined = isDefined
    }
  }

  /// A word that the run-time linker fills in.
  public struct Relocation: Sendable {
    public enum Target: Sendable {
      /// An address in the same image.
      case address(UInt64)
      /// An index in `dynamicSymbols`.
      case symbol(Int)
    }
    public var place: UInt64
    public var target: Target
    /// Whether the word stands for the symbol in the code of this image, and belongs to no object.
    public var isSlot = false
  }

  public var segments: [Segment]
  /// Every symbol that has a name, from both symbol tables.
  public var symbols: [Symbol] = []
  /// The symbols by which images are linked with each other, in the file's order.
  public var dynamicSymbols: [Symbol] = []
  public var relocations: [Relocation] = []
  public var entry: UInt64
  /// Addresses of code that runs before and after everything else: DT_INIT and DT_FINI.
  public var initializers: [UInt64] = []
  /// Where lists of such addresses lie: DT_INIT_ARRAY and its kin.
  public var initializerLists: [Range<UInt64>] = []
  /// The name by which others need it: DT_SONAME.
  public var sharedName: String?
  /// True when the image has its own addresses, so that a word of data may hold one without a relocation.
  public var hasFixedAddress: Bool

  public init(segments: [Segment], entry: UInt64, hasFixedAddress: Bool = true) {
    self.segments = segments
    self.entry = entry
    self.hasFixedAddress = hasFixedAddress
  }

  /// What lies in the same segment from `address` on is no code.
  public mutating func endCode(at address: UInt64) {
    guard let index = segments.firstIndex(where: { $0.isExecutable && address > $0.address && address < $0.end })
    else { return }
    let whole = segments[index]
    let count = Int(address - whole.address)
    segments[index].bytes = Array(whole.bytes[..<count])
    segments.append(
      Segment(
        address: address, bytes: Array(whole.bytes[count...]), isExecutable: false, isWritable: whole.isWritable))
  }

  public func segment(at address: UInt64) -> Segment? {
    segments.first { address >= $0.address && address < $0.end }
  }
}
