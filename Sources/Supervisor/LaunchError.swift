import Glibc

/// Why Persona cannot start a program, with the exit status that shells and env(1) use for it.
public struct LaunchError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Status: Int32, Sendable {
    /// Persona itself failed, or was called wrongly.
    case ours = 125
    /// The program was found and cannot be run.
    case cannotRun = 126
    /// There is no such program.
    case notFound = 127
  }

  public var status: Status
  /// The file that it is about, nil for Persona as a whole.
  public var file: String?
  public var cause: String
  public var remedy: String?
  /// What exec tells the guest that asked, as a Linux errno; nil where the status says enough.
  public var guestError: Int32?

  public init(_ status: Status, file: String? = nil, _ cause: String, remedy: String? = nil, guestError: Int32? = nil) {
    self.status = status
    self.file = file
    self.cause = cause
    self.remedy = remedy
    self.guestError = guestError
  }

  /// What to do about a Linux errno: its own remedy where a limit was reached, or else `other`.
  static func remedy(_ code: Int32, _ other: String) -> String {
    code == EMFILE || code == ENFILE ? "close some files, or raise 'ulimit -n'" : other
  }

  /// One line: "persona: FILE: CAUSE; REMEDY".
  public var description: String {
    "persona: " + (file.map { "\($0): " } ?? "") + cause + (remedy.map { "; \($0)" } ?? "")
  }
}
