import CEngine
import CWire

/// A foreign signal set of up to 128 signals; bit n-1 of the pair stands for signal n.
public struct SignalSet: BitwiseCopyable {
  public var low: UInt64
  public var high: UInt64

  public init(low: UInt64 = 0, high: UInt64 = 0) {
    self.low = low
    self.high = high
  }

  public func contains(_ signal: Int) -> Bool {
    signal <= 64 ? low >> UInt64(signal - 1) & 1 != 0 : high >> UInt64(signal - 65) & 1 != 0
  }

  public mutating func insert(_ signal: Int) {
    if signal <= 64 { low |= 1 << UInt64(signal - 1) } else { high |= 1 << UInt64(signal - 65) }
  }
}

extension Table {
  /// The Linux signal mask for a foreign set; signals that Linux lacks are left out.
  public func nativeMask(_ set: SignalSet) -> UInt64 {
    var mask: UInt64 = 0
    var rest = set.low
    while rest != 0 {
      let native = nativeSignal(rest.trailingZeroBitCount + 1)
      if native != 0 { mask |= 1 << UInt64(native - 1) }
      rest &= rest - 1
    }
    rest = set.high
    while rest != 0 {
      let native = nativeSignal(rest.trailingZeroBitCount + 65)
      if native != 0 { mask |= 1 << UInt64(native - 1) }
      rest &= rest - 1
    }
    return mask
  }

  /// The foreign set for a Linux signal mask.
  public func foreignSet(_ mask: UInt64) -> SignalSet {
    var set = SignalSet()
    var rest = mask
    while rest != 0 {
      let foreign = foreignSignal(rest.trailingZeroBitCount + 1)
      if foreign != 0 { set.insert(foreign) }
      rest &= rest - 1
    }
    return set
  }
}

// MARK: - In guest memory, where a set has 4, 8 or 16 bytes

extension Table {
  /// Bytes of a foreign signal set.
  public var setSize: Int { Int(header.pointee.abi.signal_set) }

  func loadSet(_ memory: UnsafeRawPointer) -> SignalSet {
    switch setSize {
    case 4: SignalSet(low: UInt64(memory.loadUnaligned(as: UInt32.self)))
    case 8: SignalSet(low: memory.loadUnaligned(as: UInt64.self))
    default:
      SignalSet(
        low: memory.loadUnaligned(as: UInt64.self),
        high: memory.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
  }

  func storeSet(_ set: SignalSet, to memory: UnsafeMutableRawPointer) {
    if setSize == 4 {
      memory.storeBytes(of: UInt32(truncatingIfNeeded: set.low), as: UInt32.self)
      return
    }
    memory.storeBytes(of: set.low, as: UInt64.self)
    if setSize == 16 { memory.storeBytes(of: set.high, toByteOffset: 8, as: UInt64.self) }
  }
}

extension Call {
  /// The set at a guest address; nil is EFAULT.
  func readSet(at address: UInt64) -> SignalSet? {
    var bytes = SignalSet()
    return withUnsafeMutableBytes(of: &bytes) {
      persona_copy_in($0.baseAddress!, address, table.setSize) == 0 ? table.loadSet($0.baseAddress!) : nil
    }
  }

  /// Writes a set to a guest address; false is EFAULT.
  func writeSet(_ set: SignalSet, at address: UInt64) -> Bool {
    var bytes = SignalSet()
    return withUnsafeMutableBytes(of: &bytes) {
      table.storeSet(set, to: $0.baseAddress!)
      return persona_copy_out(address, $0.baseAddress!, table.setSize) == 0
    }
  }
}
