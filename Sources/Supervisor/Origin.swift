/// An operating system, as tables name it.
public struct OperatingSystem: Sendable, Equatable {
  /// The name of its personality, if it has one.
  public var name: String
  /// The name as the system writes it itself.
  public var displayName: String

  public init(name: String, displayName: String) {
    self.name = name
    self.displayName = displayName
  }

  /// Its programs need no translation.
  public var isNative: Bool { name == "linux" }
}

/// Which system an image comes from, how sure that is, and why.
public struct Origin: Sendable, Equatable {
  public enum Certainty: Int, Sendable, Comparable {
    /// Nothing told.
    case unknown
    /// Nothing contradicts it, but nothing states it either.
    case assumed
    /// The file itself states it.
    case stated

    public static func < (left: Certainty, right: Certainty) -> Bool { left.rawValue < right.rawValue }
  }

  public var system: OperatingSystem?
  public var certainty: Certainty
  /// The release that it was built for, such as "14.0".
  public var release: String?
  /// Everything in the file that speaks for a system, the weightiest first.
  public var evidence: [Evidence]

  public init(
    system: OperatingSystem? = nil, certainty: Certainty = .unknown, release: String? = nil,
    evidence: [Evidence] = []
  ) {
    self.system = system
    self.certainty = certainty
    self.release = release
    self.evidence = evidence
  }
}

/// One thing in a file that speaks for an operating system.
public struct Evidence: Sendable, Equatable {
  public var system: OperatingSystem
  /// Where and what, such as `OSABI 9`.
  public var text: String
  /// False where several systems share the mark, so that it only supports a guess.
  public var isConclusive: Bool

  public init(_ system: OperatingSystem, _ text: String, isConclusive: Bool = true) {
    self.system = system
    self.text = text
    self.isConclusive = isConclusive
  }
}
