import CEngine
import CWire
import Wire

// pledge(2): what the program promises, and what becomes of a call that breaks it. The engine sees every call, so
// that it can hold the program to it as OpenBSD's kernel does. Source: sys/kern/kern_pledge.c. What a call's
// arguments decide is in PledgeArguments.swift.

/// Bits of `persona_process.promised`.
enum PromiseState {
  /// `promises` hold.
  static let holds: UInt32 = 1
  /// unveil(2) may not be called any more (ps_uvdone).
  static let unveilIsOver: UInt32 = 2
  /// kbind(2) was called: until then a program may map executable memory whatever it promised.
  static let bindingIsOver: UInt32 = 4
  /// System calls are made from known places only (`persona_process.pins`).
  static let pinned: UInt32 = 16
  /// Memory may be both written and executed (PSI_WXNEEDED).
  static let writesCode: UInt32 = 32
  /// pinsyscalls(2) may not be called any more.
  static let pinningIsOver: UInt32 = 64
  /// The kernel's own ranges may not be changed.
  static let isFixed: UInt32 = 128
  /// A socket that is for names only was made.
  static let asksNames: UInt32 = 512
  /// What a call is held against.
  static let watched = holds | pinned | marks | asksNames
  /// Some descriptors are ones of __pledge_open (`persona_process.marked`).
  static let marks: UInt32 = 256
  /// `next_promises` hold for the next program (PS_EXECPLEDGE).
  static let nextHolds: UInt32 = 8
}

/// PLEDGE_* of sys/pledge.h that the rules here name.
enum Promise {
  static let readPath: UInt64 = 0x1
  static let writePath: UInt64 = 0x2
  static let createPath: UInt64 = 0x4
  static let names: UInt64 = 0x20
  static let internet: UInt64 = 0x40
  static let locks: UInt64 = 0x80
  static let local: UInt64 = 0x100
  static let passwords: UInt64 = 0x800
  static let tapes: UInt64 = 0x400
  static let processes: UInt64 = 0x1000
  static let executableMemory: UInt64 = 0x8000
  static let terminal: UInt64 = 0x10000
  static let sendDescriptors: UInt64 = 0x20000
  static let receiveDescriptors: UInt64 = 0x40000
  static let routes: UInt64 = 0x100000
  static let multicast: UInt64 = 0x200000
  static let memoryInformation: UInt64 = 0x400000
  static let processInformation: UInt64 = 0x800000
  static let disks: UInt64 = 0x200_0000
  static let sound: UInt64 = 0x800_0000
  static let video: UInt64 = 0x20_0000_0000
  /// Any of them lets paths be looked up.
  static let paths: UInt64 = 0x10_1008_0107
  static let anyOwner: UInt64 = 0x1_0000_0000
  static let errors: UInt64 = 0x4_0000_0000
  static let writeRoutes: UInt64 = 0x8_0000_0000
  static let always: UInt64 = 0x7fff_ffff_ffff_ffff
}

/// What a rule says of a call: nil allows it.
typealias Breach = (errno: Int32, promise: UInt64)

/// pledge(promises, execpromises): NULL leaves them as they are; they can only be given up.
func promise(_ call: inout Call) -> Int {
  var promises: UInt64 = 0
  var execPromises: UInt64 = 0
  if call.words[0] != 0, let refusal = parse(call, call.words[0], &promises) { return refusal }
  if call.words[1] != 0, let refusal = parse(call, call.words[1], &execPromises) { return refusal }
  let answer = keep(call, promises, execPromises)
  if answer == 0, call.words[0] != 0 { call.wallOff() }
  return answer
}

private func keep(_ call: Call, _ promises: UInt64, _ execPromises: UInt64) -> Int {
  let process = call.process
  var promises = promises
  persona_lock(&process.pointee.action_lock)
  defer { persona_unlock(&process.pointee.action_lock) }
  let state = process.pointee.promised
  if call.words[0] != 0, state & PromiseState.holds != 0 {
    let held = process.pointee.promises
    // With "error", what was given up already is passed over.
    if held & Promise.errors != 0 { promises &= held }
    if promises | held != held { return call.error(EPERM) }
  }
  if call.words[1] != 0, state & PromiseState.nextHolds != 0 {
    let held = process.pointee.next_promises
    if execPromises | held != held { return call.error(EPERM) }
  }
  if call.words[0] != 0 {
    process.pointee.promises = promises
    process.pointee.promised |= PromiseState.holds
    if promises & Promise.paths == 0 { call.forgetUnveiled() }
  }
  if call.words[1] != 0 {
    process.pointee.next_promises = execPromises
    process.pointee.promised |= PromiseState.nextHolds
  }
  return 0
}

/// Reads words between blanks; EINVAL for one that is no promise.
private func parse(_ call: Call, _ address: UInt64, _ promises: inout UInt64) -> Int? {
  let limit = 1024  // MAXPATHLEN
  guard let text = call.scratch(limit), let index = call.table.wellKnown(.promises) else {
    return call.error(ENOMEM)
  }
  let length = Int(persona_copy_string(text.assumingMemoryBound(to: CChar.self), address, limit))
  if length < 0 { return length }
  var start = 0
  while start < length {
    var end = start
    while end < length, text.load(fromByteOffset: end, as: UInt8.self) != 32 { end += 1 }
    guard let granted = grant(call.table, index, text + start, end - start) else { return call.error(EINVAL) }
    promises |= granted
    start = end
    while start < length, text.load(fromByteOffset: start, as: UInt8.self) == 32 { start += 1 }
  }
  return nil
}

/// The bits of the promise with this name.
private func grant(_ table: Table, _ index: Int, _ word: UnsafeRawPointer, _ length: Int) -> UInt64? {
  let map = table.map(index)
  for position in 0..<Int(map.pointee.count) {
    let entry = table.mapEntry(map, position)
    let name = table.string(entry.pointee.name)
    var same = 0
    while same < length, UInt8(bitPattern: name[same]) == word.load(fromByteOffset: same, as: UInt8.self) {
      same += 1
    }
    if same == length, name[same] == 0 { return entry.pointee.native }
  }
  return nil
}

extension Call {
  var promises: UInt64 { process.pointee.promises }

  /// Holds the call against what the process has promised: from where it makes calls, and which.
  ///
  /// - Returns: nil when it keeps that, otherwise the answer, if the process is still there to hear it.
  func breaksPromise() -> Int? {
    let state = process.pointee.promised
    if state & PromiseState.pinned != 0, hasLostStack() { return error(EPERM) }
    if state & PromiseState.marks != 0, isSendingMarked() { return error(EPERM) }
    if let answer = breaksOwnPromise(state) { return answer }
    if state & (PromiseState.asksNames | PromiseState.holds) == PromiseState.asksNames, asksNoNameServer() {
      return error(EINVAL)
    }
    return state & PromiseState.marks != 0 && isChangingMarked() ? error(EPERM) : nil
  }

  private func breaksOwnPromise(_ state: UInt32) -> Int? {
    if state & PromiseState.pinned != 0, let answer = breaksPins() { return answer }
    if state & PromiseState.holds == 0 { return nil }
    let allowing = lookUp(.promised_calls)
    if allowing == Promise.always { return nil }
    guard promises & allowing != 0 else { return broken((EPERM, allowing)) }
    if let missing = missingForPaths(), missing != 0 { return broken((EPERM, missing)) }
    var answer: Int?
    if let breach = argumentBreach(&answer) { return broken(breach) }
    return answer
  }

  /// What the table says of this call's number; 0 when it says nothing.
  private func lookUp(_ name: WellKnown) -> UInt64 {
    guard let map = table.wellKnown(name), case .value(let value) = table.toNative(map, UInt64(number)) else {
      return 0
    }
    return value
  }

  /// Promises that looking up the call's path needs and the program has not made.
  private func missingForPaths() -> UInt64? {
    let needed = lookUp(.promised_paths)
    return needed == 0 ? nil : needed & ~promises
  }

  /// pledge_fail: with "error" the call fails with ENOSYS, otherwise the process ends with SIGABRT. nil lets it go on.
  func broken(_ breach: Breach) -> Int? {
    if promises & Promise.errors != 0 { return error(ENOSYS) }
    guard let line = scratch(256) else { return error(ENOMEM) }
    let length = describe(breach.promise, line)
    if isLenient {
      warn(line, length)
      return nil
    }
    tellTerminal(line, length)
    endProcess(byForeignSignal: 6)
    return error(breach.errno)
  }

  private func describe(_ promise: UInt64, _ line: UnsafeMutableRawPointer) -> Int {
    var end = appendProgram(line)
    end = append(line, end, "pledge \"")
    guard let index = table.wellKnown(.promises) else { return end }
    let map = table.map(index)
    for position in 0..<Int(map.pointee.count) {
      let entry = table.mapEntry(map, position)
      guard entry.pointee.foreign & promise != 0 else { continue }
      end = appendText(line, end, UnsafeRawPointer(table.string(entry.pointee.name)), limit: 32)
      break
    }
    end = append(line, end, "\", syscall ")
    return appendDecimal(line, end, number)
  }
}

/// __pledge_open(path, flags, mode): what libc opens for itself; allowed by the path and a promise.
func pledgedOpen(_ call: inout Call) -> Int {
  call.operands[3] = call.operands[2]
  call.operands[2] = call.operands[1]
  call.operands[1] = call.operands[0]
  call.operands[0] = Int(AT_FDCWD)
  let opened = lockingOpen(&call)
  if opened >= 0 { call.markOpened(opened) }
  return opened
}
