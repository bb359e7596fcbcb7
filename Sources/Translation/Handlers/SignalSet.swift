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
