import CEngine
import CWire

// Which programs may be executed with promises for the next one (pledge's execpromises). Source: sys_execve() of
// sys/kern/kern_exec.c.

/// Why a program that nobody could hold to the promises may not be executed; nil where the user lets it.
public func refusesNative(_ thread: UnsafeMutablePointer<persona_thread>) -> Int64? {
  guard handsOnPromises(thread.pointee.process) else { return nil }
  let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
  guard let row = table.call(0) else { return nil }
  let call = Call(thread: thread, table: table, row: row, number: 0, words: InlineArray(repeating: 0))
  guard let line = call.scratch(256) else { return -Int64(ENOMEM) }
  var end = call.appendProgram(line)
  end = append(line, end, "executes a Linux program, which nothing holds to its promises")
  if call.isLenient {
    call.warn(line, end)
    return nil
  }
  _ = call.hostNow(Int32(PERSONA_HYPERCALL), Int(PERSONA_HC_FATAL.rawValue), line.word, end)
  return -Int64(EACCES)
}

/// Why a file may not be executed with what is handed on: it is a set-user-ID program.
public func refusesHandingOn(_ process: UnsafeMutablePointer<persona_process>, _ file: Int32) -> Int64? {
  guard handsOnPromises(process) else { return nil }
  return withUnsafeTemporaryAllocation(byteCount: 144, alignment: 8) { status -> Int64? in
    let result = persona_syscall(
      Int64(__NR_fstat), UInt64(UInt32(bitPattern: file)), UInt64(UInt(bitPattern: status.baseAddress!)), 0, 0, 0, 0)
    if result < 0 { return result }
    // st_mode
    return status.baseAddress!.load(fromByteOffset: 24, as: UInt32.self) & 0o6000 != 0 ? -Int64(EACCES) : nil
  }
}
