import CWire

/// What the instructions before a `syscall` allow: whether a jump may take the place of one of them.
///
/// Code cannot be decoded backwards. So it is decoded from each of many places before the site, and the beginning of an
/// instruction is believed only where nearly all that arrive at the site agree on it: within a few instructions
/// decodings fall into step, unless data or overlapping code stands there.
public struct PatchSite {
  /// Bytes of the instructions before the call that may run elsewhere; nil when it must stay as it is.
  public private(set) var length: Int?

  /// How many bytes before the site are looked at, and how far from it a decoding must begin to count.
  public static let reach = 80
  private static let settled = 28
  /// How many decodings must arrive.
  private static let quorum = 12

  /// - Parameter code: the bytes before the call instruction, which follows them.
  public init(_ code: [UInt8]) {
    let decoder = Decoder(word: 8)
    var votes = [Int](repeating: 0, count: code.count)
    var movable = [Bool](repeating: false, count: code.count)
    var arrived = 0
    for start in 0...max(0, code.count - PatchSite.settled) {
      guard let boundaries = PatchSite.walk(code, from: start, decoder, &movable) else { continue }
      arrived += 1
      for boundary in boundaries { votes[boundary] += 1 }
    }
    guard arrived >= PatchSite.quorum else { return }
    let common = votes.indices.filter { votes[$0] * 4 >= arrived * 3 }
    // From the site backwards: all that move may go; the first long one is where the jump goes.
    var end = code.count
    for start in common.reversed() where start >= code.count - Int(PERSONA_SITE_LIMIT) {
      guard movable[start] else { return }
      if end - start >= Int(PERSONA_JUMP_BYTES) {
        length = code.count - start
        return
      }
      end = start
    }
  }

  /// Where the instructions from `start` on begin, if they arrive exactly at the end; `movable` learns which of them
  /// may run at another address.
  private static func walk(
    _ code: [UInt8], from start: Int, _ decoder: Decoder, _ movable: inout [Bool]
  ) -> [Int]? {
    var at = start
    var boundaries: [Int] = []
    while at < code.count {
      guard let instruction = code.withUnsafeBytes({ decoder.decode($0[at...], at: UInt64(at)) }) else { return nil }
      boundaries.append(at)
      movable[at] = instruction.raw.is_movable
      at += Int(instruction.raw.length)
    }
    return at == code.count ? boundaries : nil
  }
}

/// Answers for code that has been looked at already: each process of a C library asks about the same places.
public struct PatchSites {
  private static let most = 256
  private var known: [(code: [UInt8], length: Int?)] = []

  public init() {}

  /// - Parameter code: as `PatchSite` takes it.
  public mutating func length(before code: ArraySlice<UInt8>) -> Int? {
    for site in known where site.code.elementsEqual(code) { return site.length }
    let length = PatchSite(Array(code)).length
    if known.count == PatchSites.most { known.removeAll(keepingCapacity: true) }
    known.append((Array(code), length))
    return length
  }
}
