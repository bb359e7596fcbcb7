import CEngine
import CWire
import Translation
import Wire

// The code that signal handlers return to, which the system itself brings: made when the first handler is there, since
// many programs have none.

/// Makes the process's trampoline if there is none and the system has one. False without memory.
func needTrampoline(_ process: UnsafeMutablePointer<persona_process>) -> Bool {
  if process.pointee.trampoline != 0 || process.pointee.lacks_trampoline != 0 { return true }
  let table = Table(UnsafeRawPointer(process.pointee.table))
  // The instructions before it let it be decoded, so that its call becomes a jump (PatchSite).
  let before = 128
  var code = InlineArray<256, UInt8>(repeating: 0x90)  // nop
  return withUnsafeMutableBytes(of: &code) {
    let start = $0.baseAddress!
    let length = SignalFrames.writeTrampoline(table, start + before, sigreturn: sigreturnNumber(table))
    guard length > 0 else {
      process.pointee.lacks_trampoline = 1
      return true
    }
    guard let address = placeCode(process, start, before + length) else { return false }
    process.pointee.trampoline = address + UInt64(before)
    return true
  }
}

/// The highest number whose row is the sigreturn handler: older ones take older frames. 0 without any.
private func sigreturnNumber(_ table: Table) -> Int {
  var number = Int(table.header.pointee.calls.count)
  while number > 0 {
    number -= 1
    let row = table.call(UInt64(number))!
    if row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue),
      row.pointee.target == HandlerName.sigreturn.rawValue
    {
      return number
    }
  }
  return 0
}
