import CEngine
import CWire
import Translation

// Programs that the supervisor has decided about before. What it decided lies in a file of its own, from which an exec takes
// all that the next engine needs, and hands it on, so that nobody waits for the supervisor.

/// Executes a file by its path as the supervisor decided about it before; 1 where it has to be asked.
@c(persona_execute_known)
public func executeKnown(
  _ thread: UnsafeMutablePointer<persona_thread>?, _ path: UInt64, _ arguments: UInt64, _ environment: UInt64
) -> Int64 {
  execute(thread!, path, arguments, environment) ?? 1
}

private func execute(
  _ thread: UnsafeMutablePointer<persona_thread>, _ path: UInt64, _ arguments: UInt64, _ environment: UInt64
) -> Int64? {
  let process = thread.pointee.process!
  let plan = process.pointee.plan!
  // What the next program inherits is open for a moment without O_CLOEXEC: no other exec may see it.
  guard plan.pointee.programs >= 0, process.pointee.owns_descriptors != 0, let identity = identity(at: path) else { return nil }
  let ignored = tellIgnored(process)
  if ignored.is_known == 0 { return nil }
  if let state = handedOn(process) {
    persona_release(state.memory)
    return nil
  }
  var (programs, image) = (open(descriptor: plan.pointee.programs, of: plan.pointee.supervisor), Int32(-1))
  defer {
    close(programs)
    close(image)
  }
  guard programs >= 0, let program = find(thread, identity, path, &image, in: programs) else { return nil }
  if verdict(program) == PERSONA_EXEC_NATIVE.rawValue {
    close(programs)
    programs = -1
    return replaceImage(thread, file: -1, path: path, isNative: true, arguments, environment)
  }
  let linker = program.pointee.linker.inode == 0 ? -1 : open(address(program, program.pointee.linker_path), program.pointee.linker)
  defer { close(linker) }
  guard mayExecute(image), linker >= 0 || program.pointee.linker.inode == 0,
    let engine = takeScratch(thread, 64), let variables = withOneMore(thread, environment)
  else { return nil }
  let start = persona_program_start(program)!
  start.pointee.table = programs
  start.pointee.log = -1
  start.pointee.images = (image, linker)
  start.pointee.ignored = ignored
  start.pointee.leads_session = process.pointee.leads_session
  handOnClock(start)
  guard let text = persona_hide_zeros(program) else { return nil }
  variables.last.pointee = UInt64(UInt(bitPattern: text))
  write(program.pointee.engine, of: plan.pointee.supervisor, engine.assumingMemoryBound(to: UInt8.self))
  let result = replaceImage(
    thread, file: -1, path: UInt64(UInt(bitPattern: engine)), isNative: false, arguments,
    UInt64(UInt(bitPattern: variables.start)))
  return result == Int64(PERSONA_RESTART_ALWAYS) ? result : nil
}

// MARK: - What was decided

/// Bytes of most programs' plans with what stands before and behind them: one read gets all.
private let mostlyEnough = 1024

/// What was decided about a file by its path in the process's root, copied to the call's scratch; nil where nothing was.
/// `image` becomes a descriptor of a foreign one.
private func find(
  _ thread: UnsafeMutablePointer<persona_thread>, _ identity: persona_file_identity, _ path: UInt64, _ image: inout Int32,
  in programs: Int32
) -> UnsafeMutablePointer<persona_program>? {
  let process = thread.pointee.process!
  let root = rootOf(process)
  var identity = identity
  let start = thread.pointee.scratch_used
  for turn in 0..<UInt32(PERSONA_PROGRAM_PROBES) {
    thread.pointee.scratch_used = start
    let place = UInt64(persona_program_place(&identity, turn)) * UInt64(PERSONA_PROGRAM_BYTES)
    guard let head = takeScratch(thread, mostlyEnough) else { return nil }
    let program = head.assumingMemoryBound(to: persona_program.self)
    guard read(programs, head, mostlyEnough, at: place), program.pointee.verdict != 0,
      program.pointee.token == process.pointee.plan.pointee.token
    else { return nil }
    guard isSame(program.pointee.file, identity) else { continue }
    if verdict(program) == PERSONA_EXEC_NATIVE.rawValue { return root?.confines == true ? nil : program }
    let count = Int(program.pointee.bytes)
    if count > mostlyEnough {
      thread.pointee.scratch_used = start
      guard count <= MemoryLayout<persona_program>.size, takeScratch(thread, count) != nil, read(programs, head, count, at: place)
      else { return nil }
    }
    var now: UInt32 = 0
    guard read(programs, &now, 4, at: place), program.pointee.verdict == now, now != 0 else { return nil }
    if image < 0 { image = open(path, identity) }
    guard image >= 0 else { return nil }
    let name = UnsafeRawPointer(head) + Int(program.pointee.path)
    if hasRoot(program, root), isPath(thread, name, path) || isLinks(thread, name, image) { return program }
  }
  return nil
}

private func verdict(_ program: UnsafeMutablePointer<persona_program>) -> UInt32 { program.pointee.verdict & 0xff }

private func address(_ program: UnsafeMutablePointer<persona_program>, _ offset: UInt32) -> UInt64 {
  UInt64(UInt(bitPattern: program)) + UInt64(offset)
}

/// Whether the plan looks paths up where the process does.
private func hasRoot(
  _ program: UnsafeMutablePointer<persona_program>, _ root: (path: UnsafeRawPointer, confines: Bool)?
) -> Bool {
  let bytes = UnsafeMutableRawPointer(persona_start_plan(persona_program_start(program))!)
  let plan = bytes.assumingMemoryBound(to: persona_plan.self)
  let confines = plan.pointee.flags & PERSONA_PLAN_CONFINED.rawValue != 0
  guard let root else { return plan.pointee.root == 0 && !confines }
  return plan.pointee.root != 0 && confines == root.confines && isEqual(bytes + Int(plan.pointee.root), root.path)
}

/// Whether a path is Linux's own name for the file, as it is or from the current folder.
private func isPath(
  _ thread: UnsafeMutablePointer<persona_thread>, _ name: UnsafeRawPointer, _ path: UInt64
) -> Bool {
  let length = size(of: name)
  guard let found = takeScratch(thread, length + 1) else { return false }
  let text = found.assumingMemoryBound(to: CChar.self)
  guard persona_copy_string(text, path, length) >= 0 else { return false }
  if text[0] == 47 { return isEqual(found, name) }
  let folder = persona_syscall(
    Int64(__NR_getcwd), UInt64(UInt(bitPattern: text)), UInt64(length), 0, 0, 0, 0)
  guard folder > 1 else { return false }
  // Of /, the NUL takes the place of the slash that is there already.
  var end = Int(folder) - (folder == 2 ? 2 : 1)
  text[end] = 47
  end += 1
  var first: (UInt8, UInt8) = (0, 0)
  let skipsDot = persona_copy_in(&first, path, 2) == 0 && first == (46, 47)
  guard persona_copy_string(text + end, path + (skipsDot ? 2 : 0), length + 1 - end) >= 0 else { return false }
  return isEqual(found, name)
}

/// Whether Linux names the open file so. It makes the entries in /proc for each process anew, so this takes longer.
private func isLinks(_ thread: UnsafeMutablePointer<persona_thread>, _ name: UnsafeRawPointer, _ file: Int32) -> Bool {
  let length = size(of: name)
  guard let found = takeScratch(thread, length), let link = takeScratch(thread, 64) else { return false }
  write(file, of: thread.pointee.process.pointee.pid, link.assumingMemoryBound(to: UInt8.self))
  let count = persona_syscall(
    Int64(__NR_readlink), UInt64(UInt(bitPattern: link)), UInt64(UInt(bitPattern: found)), UInt64(length), 0, 0, 0)
  guard count == Int64(length - 1) else { return false }
  found.storeBytes(of: 0, toByteOffset: length - 1, as: UInt8.self)
  return isEqual(found, name)
}

/// A text's bytes with its NUL.
private func size(of text: UnsafeRawPointer) -> Int {
  var length = 0
  while text.load(fromByteOffset: length, as: UInt8.self) != 0 { length += 1 }
  return length + 1
}

private func isEqual(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer) -> Bool {
  var index = 0
  while true {
    let byte = one.load(fromByteOffset: index, as: UInt8.self)
    guard byte == other.load(fromByteOffset: index, as: UInt8.self) else { return false }
    if byte == 0 { return true }
    index += 1
  }
}

// MARK: - Environment

/// A copy of the guest's environment with room for one string more; nil where it has very many.
private func withOneMore(
  _ thread: UnsafeMutablePointer<persona_thread>, _ environment: UInt64
) -> (start: UnsafeMutablePointer<UInt64>, last: UnsafeMutablePointer<UInt64>)? {
  let count = Int(countPointers(environment))
  guard 0...1000 ~= count, let memory = takeScratch(thread, 8 * (count + 2)) else { return nil }
  let start = memory.assumingMemoryBound(to: UInt64.self)
  guard count == 0 || persona_copy_in(start, environment, 8 * count) == 0 else { return nil }
  start[count + 1] = 0
  return (start, start + count)
}

// MARK: - Files

private func close(_ file: Int32) {
  if file >= 0 { _ = persona_syscall(Int64(__NR_close), UInt64(file), 0, 0, 0, 0, 0) }
}

private func identity(of file: Int32) -> persona_file_identity? { identity(__NR_fstat, UInt64(file)) }

private func identity(at path: UInt64) -> persona_file_identity? { identity(__NR_stat, path) }

/// Fields of Linux's struct stat (asm/stat.h); nil when there is no telling, or it is no regular file.
private func identity(_ call: Int32, _ which: UInt64) -> persona_file_identity? {
  var status = InlineArray<18, UInt64>(repeating: 0)
  let result = withUnsafeMutablePointer(to: &status) {
    persona_syscall(Int64(call), which, UInt64(UInt(bitPattern: $0)), 0, 0, 0, 0)
  }
  let (kind, regular): (UInt64, UInt64) = (0o170000, 0o100000)
  guard result == 0, status[3] & kind == regular else { return nil }
  return persona_file_identity(
    device: status[0], inode: status[1], size: status[6], seconds: Int64(bitPattern: status[13]),
    nanoseconds: Int64(bitPattern: status[14]))
}

private func isSame(_ one: persona_file_identity, _ other: persona_file_identity) -> Bool {
  one.inode == other.inode && one.device == other.device && one.size == other.size && one.seconds == other.seconds
    && one.nanoseconds == other.nanoseconds
}

private func read(_ file: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, at place: UInt64) -> Bool {
  persona_syscall(Int64(__NR_pread64), UInt64(file), UInt64(UInt(bitPattern: memory)), UInt64(count), place, 0, 0) == count
}

/// Opens for reading, whatever it is, without waiting; the next program inherits it. Less than 0 where it cannot be.
private func open(_ path: UInt64) -> Int32 {
  Int32(
    truncatingIfNeeded: persona_syscall(
      Int64(__NR_open), path, UInt64(O_RDONLY | O_NONBLOCK | O_NOCTTY), 0, 0, 0, 0))
}

/// The same, if it is this file.
private func open(_ path: UInt64, _ wanted: persona_file_identity) -> Int32 {
  let file = open(path)
  if file < 0 { return file }
  if let found = identity(of: file), isSame(found, wanted) { return file }
  close(file)
  return -1
}

/// Whether the process's effective ids may execute it: faccessat2(…, X_OK, AT_EACCESS | AT_EMPTY_PATH).
private func mayExecute(_ file: Int32) -> Bool {
  var empty: UInt8 = 0
  return withUnsafeMutablePointer(to: &empty) {
    persona_syscall(439, UInt64(file), UInt64(UInt(bitPattern: $0)), 1, 0x200 | UInt64(AT_EMPTY_PATH), 0, 0) == 0
  }
}

/// Opens as `open` does what another process's descriptor is open at.
private func open(descriptor: Int32, of pid: Int32) -> Int32 {
  var name = InlineArray<64, UInt8>(repeating: 0)
  return withUnsafeMutablePointer(to: &name) {
    write(descriptor, of: pid, UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self))
    return open(UInt64(UInt(bitPattern: $0)))
  }
}

/// Writes the path by which Linux names it, /proc/PID/fd/N.
private func write(_ descriptor: Int32, of pid: Int32, _ path: UnsafeMutablePointer<UInt8>) {
  var end = path
  func add(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { end[index] = text.utf8Start[index] }
    end += text.utf8CodeUnitCount
  }
  func add(_ number: Int32) {
    var divisor: Int32 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      end[0] = UInt8(48 + number / divisor % 10)
      end += 1
      divisor /= 10
    }
  }
  add("/proc/")
  add(pid)
  add("/fd/")
  add(descriptor)
  end[0] = 0
}
