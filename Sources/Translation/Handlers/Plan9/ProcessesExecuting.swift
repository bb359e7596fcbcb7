import CEngine
import CWire

// exec(2): sys/src/9k/port/sysproc.c (sysexec). Names are looked up in the process's own name space, `#!` lines read
// here, and what the file is the supervisor decides.

/// sizeof(Exec) of sys/include/a.out.h: as long may the first line of a script be.
private let headerSize = 32
/// nelem(progarg): words of that line and the script's name.
private let mostWords = 17

/// executeProgram(path, argv)
func executeProgram(_ call: inout Call) -> Int {
  guard let memory = call.scratch(4096), let member = call.member, let session = persona_session() else {
    return call.error(ENOMEM)
  }
  let path = memory.assumingMemoryBound(to: CChar.self)
  let length = persona_copy_string(path, call.address(0), 4096)
  if length < 0 { return Int(length) }
  let count = countArguments(call, call.address(1))
  if count < 0 { return count }
  let file = openProgram(call, path: UnsafePointer(path))
  if file < 0 { return file }
  let before = member.pointee
  // A note that comes between belongs to the new program, which has none yet.
  setName(member, path)
  let result: Int
  switch readScript(call, file) {
  case .program:
    result = count == 0 ? call.error(ENOEXEC) : execute(call, file, call.address(1))
    _ = call.hostNow(__NR_close, file)
  case .failure(let error):
    result = error
    _ = call.hostNow(__NR_close, file)
  case .script(let line):
    _ = call.hostNow(__NR_close, file)
    result = executeScript(call, line, path, count)
  }
  persona_session_lock(session)
  member.pointee.flags = before.flags
  member.pointee.name = before.name
  persona_session_unlock(session)
  return result
}

private enum ScriptLine {
  case program
  /// The words behind `#!`, NUL-terminated.
  case script(UnsafeMutablePointer<CChar>)
  case failure(Int)
}

/// Looks whether the file's first line names an interpreter.
private func readScript(_ call: Call, _ file: Int) -> ScriptLine {
  guard let memory = call.scratch(64), let name = call.scratch(64) else { return .failure(call.error(ENOMEM)) }
  var text = WordWriter(name.assumingMemoryBound(to: CChar.self), 64)
  text.add("/proc/self/fd/")
  text.add(decimal: UInt64(file))
  text.end()
  let readable = call.hostNow(__NR_openat, Int(AT_FDCWD), name.word, Int(O_RDONLY | O_CLOEXEC))
  // A program that may be executed and not read is no script.
  if readable < 0 { return .program }
  clear(memory, 64)
  let count = call.hostNow(__NR_pread64, readable, memory.word, headerSize, 0)
  _ = call.hostNow(__NR_close, readable)
  let bytes = memory.assumingMemoryBound(to: CChar.self)
  guard count >= 2 else { return .failure(count < 0 ? count : call.error(ENOEXEC)) }
  guard bytes[0] == 35, bytes[1] == 33 else { return .program }
  for index in 2..<count where bytes[index] == 10 {
    bytes[index] = 0
    return .script(bytes + 2)
  }
  return .failure(call.error(ENOEXEC))
}

/// argv: the script's last name, the line's words behind the interpreter, the script as it was named, and the
/// caller's words without its argv[0].
private func executeScript(
  _ call: Call, _ line: UnsafeMutablePointer<CChar>, _ path: UnsafeMutablePointer<CChar>, _ count: Int
) -> Int {
  var words = InlineArray<17, UInt64>(repeating: 0)
  let own = tokenize(line, &words)
  guard own > 0, own < mostWords else { return call.error(ENOEXEC) }
  let rest = max(0, count - 1)
  guard
    let memory = persona_allocate(8 * (own + 1 + rest + 1))
  else { return call.error(ENOMEM) }
  defer { persona_release(memory) }
  let vector = memory.assumingMemoryBound(to: UInt64.self)
  let interpreter = UnsafePointer<CChar>(bitPattern: UInt(words[0]))!
  vector[0] = UInt64(UInt(bitPattern: persona_member_name(call.member!)))
  for index in 1..<max(own, 1) { vector[index] = words[index] }
  vector[own] = UInt64(UInt(bitPattern: path))
  if rest > 0, persona_copy_in(vector + own + 1, call.address(1) + 8, 8 * rest) != 0 { return call.error(EFAULT) }
  vector[own + 1 + rest] = 0
  let file = openProgram(call, path: interpreter)
  if file < 0 { return file }
  // A script's interpreter is no script.
  var result = call.error(ENOEXEC)
  if case .program = readScript(call, file) { result = execute(call, file, UInt64(UInt(bitPattern: memory))) }
  _ = call.hostNow(__NR_close, file)
  return result
}

/// tokenize(2): words between blanks, which apostrophes keep together.
private func tokenize(_ line: UnsafeMutablePointer<CChar>, _ words: inout InlineArray<17, UInt64>) -> Int {
  var count = 0
  var next = line
  while count < mostWords {
    while isBlank(next.pointee) { next += 1 }
    if next.pointee == 0 { break }
    words[count] = UInt64(UInt(bitPattern: next))
    count += 1
    var end = next
    var isQuoted = false
    while next.pointee != 0, isQuoted || !isBlank(next.pointee) {
      if next.pointee == 39 {
        if isQuoted, next[1] == 39 {
          next += 1
        } else {
          isQuoted.toggle()
          next += 1
          continue
        }
      }
      end.pointee = next.pointee
      end += 1
      next += 1
    }
    let isLast = next.pointee == 0
    end.pointee = 0
    if isLast { break }
    next += 1
  }
  return count
}

private func isBlank(_ byte: CChar) -> Bool { byte == 32 || byte == 9 || byte == 10 }

private func countArguments(_ call: Call, _ vector: UInt64) -> Int {
  var count = 0
  while count < 1 << 20 {
    var pointer: UInt64 = 0
    guard call.read(&pointer, at: vector + UInt64(8 * count)) else { return call.error(EFAULT) }
    if pointer == 0 { return count }
    count += 1
  }
  return call.error(ENOMEM)
}

private func execute(_ call: Call, _ file: Int, _ arguments: UInt64) -> Int {
  let allowed = call.checkExecutable(file)
  if allowed < 0 { return allowed }
  // What is mounted on the working directory may have changed since chdir; a program of Linux's begins there.
  if let state = call.names(), let path = call.linuxDirectory(state.directoryLocation, state) {
    _ = quietly(__NR_chdir, path.word)
  }
  return Int(
    persona_execute(
      call.thread, Int32(truncatingIfNeeded: file), 0, 0, arguments, environmentPointers(call)))
}
