import enum CallLog.LogFormat

/// How the call log is written: `text`, `json` or `summary`.
public typealias TraceFormat = LogFormat

/// What the user asked `persona run` to do.
public struct RunConfiguration: Sendable, Equatable {
  public enum TraceDestination: Sendable, Equatable {
    case standardError
    case file(String)
  }

  /// The program as the user wrote it: a path, or a name to be searched in PATH.
  public var program: String
  /// argv[0], where it is not the program as the user wrote it.
  public var name: String?
  /// argv without argv[0].
  public var arguments: [String]
  /// Where the call log goes; nil when calls are not logged.
  public var trace: TraceDestination?
  public var traceFormat = TraceFormat.text
  /// Replace call instructions that are used again and again by jumps into the engine.
  public var patchesSites = true
  /// The personality that the user insists on, in place of what the file says.
  public var personality: PersonalityChoice?
  /// Where the foreign system's own files are.
  public var root: FileRoot?
  /// Folders of personalities, searched before the installed ones.
  public var personalityDirectories: [String]
  /// What becomes of a call that breaks what the program promised.
  public var promises = PromisePolicy.enforce

  public init(
    program: String, arguments: [String] = [], trace: TraceDestination? = nil,
    personality: PersonalityChoice? = nil, root: FileRoot? = nil, personalityDirectories: [String] = []
  ) {
    self.program = program
    self.arguments = arguments
    self.trace = trace
    self.personality = personality
    self.root = root
    self.personalityDirectories = personalityDirectories
  }

  /// What the user named relative to the current folder, which a confining root takes the place of.
  mutating func holdPlaces() {
    guard root?.isConfining == true else { return }
    if case .file(let path) = trace { trace = .file(ProgramFile.absolute(path)) }
    personalityDirectories = personalityDirectories.map { ProgramFile.absolute($0) }
  }
}

/// `--promises`: what becomes of a call that breaks what a program promised its system to keep to.
public enum PromisePolicy: String, Sendable, CaseIterable {
  /// What the system does then.
  case enforce
  /// One line on standard error, and the call is carried out.
  case log
}

/// `--as NAME[:RELEASE]`.
public struct PersonalityChoice: Sendable, Equatable {
  public enum Release: Sendable, Equatable {
    /// As the system's programs compare it.
    case number(UInt32)
    /// As people say it; the personality's heading tells the number.
    case version(UInt32, UInt32)
  }

  /// The personality's name, which is its folder's name.
  public var name: String
  /// The release to claim; nil for the table's own.
  public var release: Release?

  public init(name: String, release: Release? = nil) {
    self.name = name
    self.release = release
  }

  /// As the user writes it.
  var description: String {
    switch release {
    case nil: name
    case .number(let number): "\(name):\(number)"
    case .version(let major, let minor): "\(name):\(major).\(minor)"
    }
  }

  /// Reads "NAME", "NAME:13.2" or "NAME:1302001"; nil when it is neither.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty,
      name.utf8.allSatisfy({ ($0 | 0x20 >= 97 && $0 | 0x20 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 })
    else { return nil }
    self.name = String(name)
    guard parts.count == 2 else { return }
    let numbers = parts[1].split(separator: ".", omittingEmptySubsequences: false).map { UInt32($0) }
    switch numbers.count {
    case 1:
      guard let number = numbers[0] else { return nil }
      release = number < 100 ? .version(number, 0) : .number(number)
    case 2:
      guard let major = numbers[0], let minor = numbers[1], major < 100, minor < 100 else { return nil }
      release = .version(major, minor)
    default: return nil
    }
  }
}
