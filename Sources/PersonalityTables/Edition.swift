/// One of the systems that a folder of tables describes: a release of its OS on one kind of machine.
///
/// A folder is read for one edition at a time; what it says for others (`since`, `until`, `on`) is left out.
public struct Edition: Sendable, Hashable {
  /// The release's number; nil for the one that the heading names.
  public var release: UInt32?
  /// The abi's name; nil for the first.
  public var abi: String?

  public init(release: UInt32? = nil, abi: String? = nil) {
    self.release = release
    self.abi = abi
  }
}

/// How one folder counts its releases, which its conditions refer to.
struct ReleaseScheme {
  /// The release that is read; 0 where the folder names none.
  var release: UInt32 = 0
  /// Those that the folder describes, and how it numbers them.
  var releases = Releases()
  var abis: [String] = []
  /// Whether it is the scheme of the folder that is read, rather than of one that it includes.
  var isOwn = true
}

extension Personality {
  /// The release numbers between which the tables say the same, each with all those up to the next.
  public var bands: [ClosedRange<UInt32>] {
    let lowest = releases.serves?.lowerBound ?? 0
    let highest = releases.serves?.upperBound ?? .max
    let starts = Set(boundaries.filter { $0 > lowest && $0 <= highest } + [lowest]).sorted()
    return starts.indices.map { index in
      starts[index]...(index + 1 < starts.count ? starts[index + 1] - 1 : highest)
    }
  }

  /// Every edition that differs from the others: each abi with a release of each band. The first is the heading's own.
  public var editions: [Edition] {
    let own = releases.own
    var numbers: [UInt32?] = [nil]
    for band in bands where !band.contains(own) {
      numbers.append(band.lowerBound > 0 ? band.lowerBound : band.upperBound)
    }
    let names: [String?] = abis.isEmpty ? [nil] : abiNames
    return names.flatMap { name in numbers.map { Edition(release: $0, abi: name) } }
  }

  /// Lets the system be another of its releases: the number that programs compare, and wherever its variables
  /// name it.
  mutating func claim(_ number: UInt32) {
    let old = release
    let text = releases.encoding?.text(of: number)
    for index in sysctls.indices {
      switch sysctls[index].value {
      case .number(let value) where value == Int64(old) && old != 0:
        sysctls[index].value = .number(Int64(number))
      case .text(let value):
        guard let text else { continue }
        sysctls[index].value = .text(value.replacing(part: version, with: text))
      default: continue
      }
    }
    release = number
    if let text { version = text }
  }
}

extension String {
  /// The text with every occurrence of `part` replaced, where no digit stands beside it.
  func replacing(part: String, with other: String) -> String {
    let whole = Array(utf8)
    let part = Array(part.utf8)
    guard !part.isEmpty, part.count <= whole.count else { return self }
    let isDigit = { (byte: UInt8) in byte >= 48 && byte <= 57 }
    var result: [UInt8] = []
    var index = 0
    while index < whole.count {
      let end = index + part.count
      if end <= whole.count, whole[index..<end].elementsEqual(part), index == 0 || !isDigit(whole[index - 1]),
        end == whole.count || !isDigit(whole[end])
      {
        result += other.utf8
        index = end
      } else {
        result.append(whole[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
