import CEngine
import CWire

// The one door between a path that the guest names and the path that Linux is asked for. All paths come through
// it: operands of type `path` before Linux or a handler sees them (`Call.perform`), and what handlers find
// elsewhere, such as the paths of local sockets. A process whose paths are Linux's own pays one comparison.
//
// To add a way of looking up: a member of `PathView`, a function `(Call, PathOperand) -> NativePath` in its own
// file, a line in `Call.lookUp`, and one in `copyPathView` if it keeps memory of the process's own.

/// How a process's paths are looked up, as `persona_process.path_view`: empty is Linux's own way.
public struct PathView: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Only what the process has unveiled is there.
  public static let unveiled = PathView(rawValue: 1)
  /// There is a tree in which absolute paths are looked up first.
  public static let rooted = PathView(rawValue: 2)
  /// With `rooted`: nothing else is there.
  public static let confined = PathView(rawValue: 4)
}

/// A path of a call in flight.
public struct PathOperand {
  /// Where the text is, in guest memory or the engine's.
  public var address: UInt64
  /// The descriptor of the directory that a relative path starts from, or Linux's AT_FDCWD.
  public var directory: Int
  /// Which of the call's paths it is, from 0. `Call.number` and `Call.operands` tell what the call wants of it.
  public var position: Int
  /// Whether the call's path before this one lies in the process's root.
  var isSourceRooted = false

  public init(address: UInt64, directory: Int = Int(AT_FDCWD), position: Int = 0) {
    self.address = address
    self.directory = directory
    self.position = position
  }
}

/// What Linux is asked for in place of a path.
public enum NativePath {
  /// The path itself; where its text cannot be read, Linux finds that out.
  case same
  /// NUL-terminated text in the call's scratch memory, relative to the same directory or absolute.
  case other(UnsafeMutableRawPointer)
  /// The call's answer.
  case refused(Int)
}

/// Whether a call's paths are looked up by the engine, not by Linux alone.
@inline(__always)
public func looksUp(_ process: UnsafeMutablePointer<persona_process>, _ row: UnsafePointer<persona_call>) -> Bool {
  process.pointee.path_view != 0 && row.pointee.has_path != 0
}

extension Call {
  /// Looks a path up as the process does.
  public func lookUp(_ path: PathOperand) -> NativePath {
    let view = PathView(rawValue: process.pointee.path_view)
    let rooted = view.contains(.rooted) ? rootedPath(self, path) : .same
    guard view.contains(.unveiled) else { return rooted }
    switch rooted {
    case .same: return unveiledPath(self, path)
    case .other(let text):
      var path = path
      path.address = UInt64(UInt(bitPattern: text))
      if case .refused(let answer) = unveiledPath(self, path) { return .refused(answer) }
      return rooted
    case .refused: return rooted
    }
  }

  /// Puts what Linux is asked for into the path operands; the answer if one is refused.
  ///
  /// A path starts from the directory whose descriptor is the operand before it, as in all of Linux's calls.
  mutating func enterPaths() -> Int? {
    var position = 0
    var isRooted = false
    for index in 0..<Int(row.pointee.operand_count) where isPath(index) {
      let hasDirectory = index > 0 && isDirectory(index - 1)
      var path = PathOperand(
        address: address(index), directory: hasDirectory ? Int(int32(index - 1)) : Int(AT_FDCWD),
        position: position)
      path.isSourceRooted = isRooted
      position += 1
      switch lookUp(path) {
      case .same: isRooted = false
      case .other(let text):
        isRooted = true
        operands[index] = text.word
      case .refused(let answer): return answer
      }
    }
    return nil
  }

  private func isPath(_ index: Int) -> Bool {
    table.operand(row, index).pointee.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
      && argument(index).pointee.conversion == UInt8(PERSONA_CONVERT_PATH.rawValue)
  }

  /// Whether the operand is a descriptor: a constant can only be AT_FDCWD.
  private func isDirectory(_ index: Int) -> Bool {
    let operand = table.operand(row, index)
    if operand.pointee.kind == UInt8(PERSONA_OPERAND_CONSTANT.rawValue) {
      return operand.pointee.constant == Int64(AT_FDCWD)
    }
    switch UInt32(argument(index).pointee.conversion) {
    case PERSONA_CONVERT_SIGN32.rawValue, PERSONA_CONVERT_ENUM.rawValue: return true
    default: return false
    }
  }
}

/// Gives a process that was copied from another in the same memory what its path view keeps for itself; false
/// without memory.
public func copyPathView(_ process: UnsafeMutablePointer<persona_process>) -> Bool {
  PathView(rawValue: process.pointee.path_view).contains(.unveiled) ? copyUnveiled(process) : true
}

/// Frees what `copyPathView` made.
public func releasePathView(_ process: UnsafeMutablePointer<persona_process>) {
  if PathView(rawValue: process.pointee.path_view).contains(.unveiled) {
    persona_release(process.pointee.paths)
  }
}
