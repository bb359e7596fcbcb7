extension Parser {
  /// A number: decimal, `0x`, `0` octal, `'c'`, or one shifted by another.
  mutating func number(_ what: String) throws(BadEntry) -> UInt64 {
    var value = try plainNumber(what)
    while accept(.shift) {
      let shift = try plainNumber("how far to shift")
      guard shift < 64 else { throw fail("a shift by \(shift) leaves nothing", at: tokens[at - 1]) }
      value = value << shift
    }
    return value
  }

  private mutating func plainNumber(_ what: String) throws(BadEntry) -> UInt64 {
    guard kind == .number else {
      throw fail(kind == .bad ? describeBad : "expected \(what)\(found)")
    }
    let token = current
    guard let value = Parser.value(source.bytes.span, Int(token.start), Int(token.length)) else {
      throw fail("'\(text(token))' is no number")
    }
    at += 1
    return value
  }

  mutating func small(_ what: String, below limit: UInt64) throws(BadEntry) -> Int {
    let token = current
    let value = try number(what)
    guard value < limit else { throw fail("\(what) must be below \(limit)", at: token) }
    return Int(value)
  }

  /// What a number token says; a negative number is its two's complement.
  static func value(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> UInt64? {
    var at = start
    let end = start + length
    if text[at] == UInt8(ascii: "'") {
      if length == 3 { return UInt64(text[at + 1]) }
      guard length == 4, text[at + 1] == UInt8(ascii: "\\") else { return nil }
      switch text[at + 2] {
      case UInt8(ascii: "n"): return 10
      case UInt8(ascii: "t"): return 9
      case UInt8(ascii: "0"): return 0
      default: return UInt64(text[at + 2])
      }
    }
    let isNegative = text[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    var radix: UInt64 = 10
    if text[at] == UInt8(ascii: "0"), at + 1 < end {
      if text[at + 1] | 0x20 == UInt8(ascii: "x") {
        radix = 16
        at += 2
      } else if text[at + 1] | 0x20 == UInt8(ascii: "b") {
        radix = 2
        at += 2
      } else {
        radix = 8
        at += 1
      }
    }
    guard at < end else { return nil }
    var value: UInt64 = 0
    while at < end {
      let byte = text[at]
      var digit = UInt64(byte &- 0x30)
      if digit > 9 { digit = UInt64((byte | 0x20) &- 0x61) + 10 }
      guard digit < radix else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(digit)
      if overflow || carry { return nil }
      value = sum
      at += 1
    }
    return isNegative ? 0 &- value : value
  }
}
