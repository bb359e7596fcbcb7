/// Why a file cannot be read as an image: where, what, and what the user can do.
public struct ImageError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// The file ends before something that its headers promise.
    case truncated
    /// Its headers contradict themselves or the format.
    case corrupt
    /// The operating system refused to read it; the Linux errno.
    case unreadable(Int32)
  }

  public var code: Code
  /// Byte offset in the file of the field that is wrong.
  public var offset: UInt64
  /// What is wrong, without the file's name.
  public var cause: String
  public var remedy: String

  public init(_ code: Code, offset: UInt64, cause: String, remedy: String = "get a fresh copy of the file") {
    self.code = code
    self.offset = offset
    self.cause = cause
    self.remedy = remedy
  }

  public var description: String {
    if case .unreadable = code { return "\(cause); \(remedy)" }
    return "\(cause) (at byte \(offset)); \(remedy)"
  }
}
