/// Which releases of an OS a folder of tables describes, and how it numbers them.
public struct Releases: Sendable, Equatable {
  /// The number of the release that the heading names; 0 if none.
  public internal(set) var own: UInt32 = 0
  /// The version that the heading names.
  public internal(set) var version = ""
  /// How numbers are made of versions; nil where they are not.
  public internal(set) var encoding: ReleaseEncoding?
  /// `serves FIRST...LAST`: those that the tables describe.
  public internal(set) var serves: ClosedRange<UInt32>?

  /// The release that a program built for `number` is run with: the nearest that the folder serves.
  public func served(_ number: UInt32) -> UInt32 {
    guard let serves else { return number }
    return min(max(number, serves.lowerBound), serves.upperBound)
  }

  /// "14.0", or the number where no version is made of it.
  public func text(of number: UInt32) -> String { encoding?.text(of: number) ?? "\(number)" }

  /// The version that programs are told of a release: as written where it is the heading's own, or the only one.
  func version(of number: UInt32) -> String { number == own || encoding == nil ? version : text(of: number) }

  /// The number of a release that is written as a version or as a number; nil where there is none such.
  func number(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt32($0) }
    guard let first = parts[0], parts.count < 3, parts.last != nil else { return nil }
    guard let encoding, parts.count == 2 || first < encoding.major else { return parts.count == 1 ? first : nil }
    return encoding.number(first, parts.count == 2 ? parts[1] ?? 0 : 0)
  }

  /// "10.0 to 15": the releases that the folder serves; nil where it says none.
  public var servedText: String? {
    guard let serves else { return nil }
    guard let encoding else { return "\(serves.lowerBound) to \(serves.upperBound)" }
    return "\(encoding.text(of: serves.lowerBound)) to \(encoding.text(ofLast: serves.upperBound))"
  }
}

extension Releases {
  func write(to writer: inout RecordWriter) {
    writer.add(UInt64(own))
    writer.add(version)
    writer.add(encoding != nil)
    if let encoding {
      for part in [encoding.major, encoding.minor, encoding.patch, encoding.from] { writer.add(UInt64(part)) }
    }
    writer.add(serves != nil)
    if let serves {
      writer.add(UInt64(serves.lowerBound))
      writer.add(UInt64(serves.upperBound))
    }
  }

  init(from reader: inout RecordReader) {
    own = reader.narrow()
    version = reader.text()
    if reader.flag() {
      encoding = ReleaseEncoding(
        major: reader.narrow(), minor: reader.narrow(), patch: reader.narrow(), from: reader.narrow())
    }
    if reader.flag() {
      let first: UInt32 = reader.narrow()
      serves = first...max(first, reader.narrow())
    }
  }
}
