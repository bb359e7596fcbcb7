/// How a system makes one number of a version's parts: `release N major N minor N [patch N] [from N]`.
public struct ReleaseEncoding: Sendable, Equatable {
  /// What one of each part adds to the number.
  public var major: UInt32
  public var minor: UInt32
  /// 0 where the number holds no third part.
  public var patch: UInt32 = 0
  /// The lowest number that is made so.
  public var from: UInt32 = 0

  /// The number of a version; nil where it has none.
  public func number(_ major: UInt32, _ minor: UInt32) -> UInt32? {
    let (one, overflow) = major.multipliedReportingOverflow(by: self.major)
    let (two, carry) = minor.multipliedReportingOverflow(by: self.minor)
    let (sum, excess) = one.addingReportingOverflow(two)
    return overflow || carry || excess || two >= self.major || sum < from ? nil : sum
  }

  /// The version as people say it, such as "14.0" or "9.99.3".
  public func text(of number: UInt32) -> String {
    guard number >= from else { return "before \(text(of: from))" }
    var text = "\(number / major).\(number % major / minor)"
    if patch > 0, number % minor / patch > 0 { text += ".\(number % minor / patch)" }
    return text
  }
}

extension ReleaseEncoding {
  /// The version that `number` is the last release of: "15" for all of 15's.
  func text(ofLast number: UInt32) -> String {
    number % major == major - 1 ? "\(number / major)" : text(of: number)
  }
}

extension Parser {
  mutating func releaseEncoding() throws(BadEntry) -> ReleaseEncoding? {
    var encoding = ReleaseEncoding(major: 0, minor: 0)
    let start = current
    while isWord {
      let limit: UInt64 = 1 << 32
      switch text(current) {
      case "major": at += 1
        encoding.major = UInt32(try small("what a major version adds", below: limit))
      case "minor": at += 1
        encoding.minor = UInt32(try small("what a minor version adds", below: limit))
      case "patch": at += 1
        encoding.patch = UInt32(try small("what a patch adds", below: limit))
      case "from": at += 1
        encoding.from = UInt32(try small("the lowest release number", below: limit))
      default: return try checked(encoding, start)
      }
    }
    return try checked(encoding, start)
  }

  private func isEmpty(_ encoding: ReleaseEncoding) -> Bool { encoding == ReleaseEncoding(major: 0, minor: 0) }

  private mutating func checked(
    _ encoding: ReleaseEncoding, _ start: Token
  ) throws(BadEntry) -> ReleaseEncoding? {
    if isEmpty(encoding) { return nil }
    guard encoding.patch < encoding.minor, encoding.minor < encoding.major else {
      throw fail("a major version must add more than a minor one, and that more than a patch", at: start)
    }
    return encoding
  }
}
