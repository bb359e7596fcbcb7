import CEngine
import CWire

// The one door between a path that the guest names and the path that Linux is asked for. All paths come through
// it: operands of type `path` before Linux or a handler sees them (`Call.perform`), and what handlers find
// elsewhere, such as the paths of local sockets. A process whose paths are Linux's own pays one comparison.
//
// To add a way of looking up: a case of `PathView`, a function `(Call, PathOperand) -> NativePath` in its own
// file under Handlers, a line in `Call.lookUp`, and one in `copyPathView` if it keeps memory of the process's own.

/// How a process's paths are looked up, as `persona_process.path_view`.
public enum PathView: UInt32 {
  /// As Linux does it.
  case native = 0
  /// Only what the process has unveiled is there.
  case unveiled = 1
}

/// A path of a call in flight.
public struct PathOperand {
  /// Where the text is, in guest memory or the engine's.
  public var address: UInt64
  /// The descriptor of the directory that a relative path starts from, or Linux's AT_FDCWD.
  public var directory: Int
  /// Which of the call's paths it is, from 0. `Call.number` and `Call.operands` tell what the call wants of it.
  public var position: Int

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

extension Call {
  /// Looks a path up as the process does.
  public func lookUp(_ path: PathOperand) -> NativePath {
    switch PathView(rawValue: process.pointee.path_view) {
    case .unveiled: return unveiledPath(self, path)
    case .native, nil: return .same
    }
  }

  /// Puts what Linux is asked for into the path operands; the answer if one is refused.
  ///
  /// A path starts from the directory whose descriptor is the operand before it, as in all of Linux's calls.
  mutating func enterPaths() -> Int? {
    var position = 0
    for index in 0..<Int(row.pointee.operand_count) where isPath(index) {
      let hasDirectory = index > 0 && isDirectory(index - 1)
      let path = PathOperand(
        address: address(index), directory: hasDirectory ? Int(int32(index - 1)) : Int(AT_FDCWD),
        position: position)
      position += 1
      switch lookUp(path) {
      case .same: continue
      case .other(let text): operands[index] = text.word
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
  switch PathView(rawValue: process.pointee.path_view) {
  case .unveiled: return copyUnveiled(process)
  case .native, nil: return true
  }
}

/// Frees what `copyPathView` made.
public func releasePathView(_ process: UnsafeMutablePointer<persona_process>) {
  switch PathView(rawValue: process.pointee.path_view) {
  case .unveiled: persona_release(process.pointee.paths)
  case .native, nil: return
  }
}
