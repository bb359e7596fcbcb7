import CEngine
import CWire

// What a user hears of a program that breaks what it promised: a line on its terminal, as OpenBSD prints it
// (uprintf), before it ends; or, where the user asked that such calls be carried out, a line of the supervisor's.

extension Call {
  /// Whether broken promises are told of and carried out (`--promises=log`).
  var isLenient: Bool { process.pointee.plan.pointee.flags & PERSONA_PLAN_LENIENT.rawValue != 0 }

  /// "NAME[PID]: "; its length.
  func appendProgram(_ line: UnsafeMutableRawPointer) -> Int {
    let plan = UnsafeRawPointer(process.pointee.plan!)
    var end = appendText(line, 0, plan + Int(process.pointee.plan.pointee.name), limit: 64)
    end = append(line, end, "[")
    end = appendDecimal(line, end, Int(process.pointee.pid))
    return append(line, end, "]: ")
  }

  func tellTerminal(_ line: UnsafeMutableRawPointer, _ length: Int) {
    let path: StaticString = "/dev/tty"
    let terminal = hostNow(__NR_open, Int(bitPattern: path.utf8Start), Int(O_WRONLY | O_NOCTTY | O_CLOEXEC))
    if terminal < 0 { return }
    let end = append(line, length, "\n")
    _ = hostNow(__NR_write, terminal, line.word, end)
    _ = hostNow(__NR_close, terminal)
  }

  func warn(_ line: UnsafeMutableRawPointer, _ length: Int) {
    let end = append(line, length, ": carried out all the same")
    _ = hostNow(Int32(PERSONA_HYPERCALL), Int(PERSONA_HC_FATAL.rawValue), line.word, end)
  }

  /// Tells of a path that unveil(2) hides; false where it is to be hidden.
  func isLenient(path: UnsafeRawPointer) -> Bool {
    guard isLenient, let line = scratch(512) else { return false }
    var end = appendProgram(line)
    end = append(line, end, "unveil \"")
    end = appendText(line, end, path, limit: 300)
    end = append(line, end, "\", syscall ")
    warn(line, appendDecimal(line, end, number))
    return true
  }
}

/// Appends at most `limit` bytes of NUL-terminated text; the new length.
func appendText(
  _ buffer: UnsafeMutableRawPointer, _ length: Int, _ text: UnsafeRawPointer, limit: Int
) -> Int {
  var count = 0
  while count < limit, case let byte = text.load(fromByteOffset: count, as: UInt8.self), byte != 0 {
    buffer.storeBytes(of: byte, toByteOffset: length + count, as: UInt8.self)
    count += 1
  }
  return length + count
}
