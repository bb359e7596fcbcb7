import CEngine
import CWire
import Wire

// Notes at the process that gets them: sys/src/9k/k10/syscall.c (notify, noted), trap.c, fpu.c. The words for traps
// are those of sys/src/9/pc/trap.c, which programs know; k10 has the processor's mnemonics instead.

/// NFrame of k10/syscall.c: return address, two arguments, the text, the older frame, then the registers.
enum NoteFrame {
  static let argument = 8
  static let secondArgument = 16
  static let text = 24
  static let older = 152
  static let registers = 160
  static let size = 344
}

/// struct Ureg of amd64/include/ureg.h: fifteen registers, four selectors in a word, then these.
enum RegisterRecord {
  static let general = 15
  static let type = 16
  static let error = 17
  static let ip = 18
  static let codeSelector = 19
  static let flags = 20
  static let sp = 21
  static let stackSelector = 22
  static let words = 23
}

/// Ureg's order of the general registers.
private func generalRegister(_ position: Int) -> persona_register {
  switch position {
  case 0: PERSONA_RAX
  case 1: PERSONA_RBX
  case 2: PERSONA_RCX
  case 3: PERSONA_RDX
  case 4: PERSONA_RSI
  case 5: PERSONA_RDI
  case 6: PERSONA_RBP
  case 7: PERSONA_R8
  case 8: PERSONA_R9
  case 9: PERSONA_R10
  case 10: PERSONA_R11
  case 11: PERSONA_R12
  case 12: PERSONA_R13
  case 13: PERSONA_R14
  default: PERSONA_R15
  }
}

/// The flags that a note handler may change for the code that it returns to: O D S Z A P C.
private let changeableFlags: UInt64 = 0xcd5

/// Selectors of k10/amd64.h: user code 5, user data 4, ring 3.
private let userCode: UInt64 = 0x2b
private let userData: UInt64 = 0x23

/// What Ureg.type says of a system call, and of a clock interrupt.
private let systemCallType = UInt64.max
private let clockType: UInt64 = 32

// MARK: - A signal arrives

/// Puts what a Linux signal means into the process's notes, and has the guest handle the first of them.
public func takeSignal(
  _ report: SignalInfo, _ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext
) {
  let process = thread.pointee.process!
  guard let session = persona_session(),
    let membership = process.pointee.membership?.assumingMemoryBound(to: Membership.self)
  else { return }
  let member = membership.pointee.entry
  if report.isFault { unblockFaults() }
  var memory = InlineArray<128, CChar>(repeating: 0)
  withUnsafeMutableBytes(of: &memory) { bytes in
    let start = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
    var text = WordWriter(start, Int(PERSONA_NOTE_BYTES))
    if report.isFault {
      addTrap(&text, report, context)
    } else if !isForOthers(report, member, session) {
      addSignal(&text, report.signal)
    }
    text.end()
    guard text.count > 0 else { return }
    persona_session_lock(session)
    queue(report.isFault ? PERSONA_NOTE_DEBUG : PERSONA_NOTE_USER, start, text.count, to: member)
    persona_session_unlock(session)
  }
  notify(thread, membership, session, context, type: report.isFault ? context.trapNumber : clockType)
}

/// While a fault is looked at Linux blocks its signal; one more, on a stack that is none, is to be found out.
private func unblockFaults() {
  var faults: UInt64 = 1 << 10 | 1 << 6
  _ = withUnsafeMutablePointer(to: &faults) {
    persona_syscall(Int64(__NR_rt_sigprocmask), 1 /* SIG_UNBLOCK */, UInt64(UInt(bitPattern: $0)), 0, 8, 0, 0)
  }
}

/// A terminal's signals reach all of Linux's process group; here only the note group that it began with hears it.
private func isForOthers(
  _ report: SignalInfo, _ member: UnsafeMutablePointer<persona_member>,
  _ session: UnsafeMutablePointer<persona_session>
) -> Bool {
  let isFromKernel = report.code == 0x80  // SI_KERNEL
  return isFromKernel && report.signal != 14 && member.pointee.note_group != session.pointee.terminal_group
}

/// The note for a signal that is not about notes only.
private func addSignal(_ text: inout WordWriter, _ signal: Int) {
  switch signal {
  case 1: text.add("hangup")
  case 2: text.add("interrupt")
  case 14: text.add("alarm")
  case 15: text.add("kill")
  default: break
  }
}

private func addTrap(_ text: inout WordWriter, _ report: SignalInfo, _ context: TrapContext) {
  switch context.trapNumber {
  case 14:
    text.add(context.hardwareError & 2 == 0 ? "sys: trap: fault read addr=" : "sys: trap: fault write addr=")
    text.add(hexadecimal: report.address)
  case 3: text.add("sys: breakpoint")
  case 16, 19: addFloatingPoint(&text, context)
  case 0: text.add("sys: trap: divide error")
  case 1: text.add("sys: trap: debug exception")
  case 4: text.add("sys: trap: overflow")
  case 5: text.add("sys: trap: bounds check")
  case 6: text.add("sys: trap: invalid opcode")
  case 7: text.add("sys: trap: coprocessor not available")
  case 11: text.add("sys: trap: segment not present")
  case 12: text.add("sys: trap: stack exception")
  case 13: text.add("sys: trap: general protection violation")
  case 17: text.add("sys: trap: alignment check")
  default:
    text.add("sys: trap: ")
    text.add(decimal: context.trapNumber)
    text.add(" (reserved)")
  }
}

/// fpupostnote and fpuxf of k10/fpu.c. 16 is x87's exception, 19 SSE's.
private func addFloatingPoint(_ text: inout WordWriter, _ context: TrapContext) {
  guard let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)) else { return text.add("sys: fp: Unknown") }
  text.add("sys: fp: ")
  if context.trapNumber == 19 {
    let control = area.load(fromByteOffset: 24, as: UInt32.self)
    addException(&text, control & ~(control >> 7) & 0x3f)
    text.add(" Exception mxcsr=")
    text.add(hexadecimal: UInt64(control))
    return
  }
  let control = area.load(as: UInt16.self)
  let status = area.load(fromByteOffset: 2, as: UInt16.self) & ~control & 0x7f
  if status & 0x41 == 0x41 {
    text.add(status & 0x200 != 0 ? "Stack Overflow" : "Stack Underflow")
  } else {
    addException(&text, UInt32(status))
  }
  text.add(" Exception ipo=")
  text.add(hexadecimal: area.load(fromByteOffset: 8, as: UInt64.self))
  text.add(" fsw=")
  text.add(hexadecimal: UInt64(status))
}

private func addException(_ text: inout WordWriter, _ raised: UInt32) {
  if raised & 1 != 0 { return text.add("Invalid Operation") }
  if raised & 2 != 0 { return text.add("Denormal Operand") }
  if raised & 4 != 0 { return text.add("Divide-By-Zero") }
  if raised & 8 != 0 { return text.add("Numeric Overflow") }
  if raised & 16 != 0 { return text.add("Numeric Underflow") }
  text.add(raised & 32 != 0 ? "Precision" : "Unknown")
}

// MARK: - notify

/// Has the guest handle its first note when it resumes, or ends the process.
private func notify(
  _ thread: UnsafeMutablePointer<persona_thread>, _ membership: UnsafeMutablePointer<Membership>,
  _ session: UnsafeMutablePointer<persona_session>, _ context: TrapContext, type: UInt64
) {
  let member = membership.pointee.entry
  persona_session_lock(session)
  let isPending = member.pointee.note_count > 0
  var note = persona_note()
  if isPending { note = persona_member_notes(member)![0] }
  persona_session_unlock(session)
  guard isPending else { return }
  addPlace(&note, context[PERSONA_RIP])
  let text = persona_note_text(&note)!
  let isHandled = member.pointee.in_handler != 0
  if note.kind != PERSONA_NOTE_USER.rawValue, isHandled || membership.pointee.handler == 0 {
    endByNote(thread, &note)
  }
  if isHandled { return }
  if membership.pointee.handler == 0 { endProcess(thread, text) }
  let frame = context[PERSONA_RSP] &- UInt64(NoteFrame.size)
  guard writeFrame(frame, note, membership, context, type: type) else {
    suicide(thread, "bad stack address ", frame, " in notify")
  }
  keepFloatingPoint(membership, context)
  if thread.pointee.process.pointee.logging != 0 {
    recordSignal(thread, signal: Int32(foreignNoteSignal(thread)), code: 0, address: 0, handler: membership.pointee.handler)
  }
  membership.pointee.frame = frame
  membership.pointee.lastNote = note
  context[PERSONA_RBP] = frame + UInt64(NoteFrame.registers)
  context[PERSONA_RSP] = frame
  context[PERSONA_RIP] = membership.pointee.handler
  persona_session_lock(session)
  member.pointee.in_handler = 1
  member.pointee.note_count -= 1
  let notes = persona_member_notes(member)!
  for index in 0..<Int(member.pointee.note_count) { notes[index] = notes[index + 1] }
  persona_session_unlock(session)
}

private func foreignNoteSignal(_ thread: UnsafeMutablePointer<persona_thread>) -> Int {
  Table(UnsafeRawPointer(thread.pointee.process.pointee.table)).foreignSignal(noteSignal)
}

/// A note of the system tells where it found the program.
private func addPlace(_ note: inout persona_note, _ place: UInt64) {
  let start = persona_note_text(&note)!
  guard starts(start, 4, with: "sys:") else { return }
  var length = 0
  while start[length] != 0 { length += 1 }
  // ERRMAX less " pc=0x0123456789abcdef" and its NUL.
  length = min(length, Int(PERSONA_NOTE_BYTES) - 23)
  var text = WordWriter(start + length, Int(PERSONA_NOTE_BYTES) - length)
  text.add(" pc=")
  text.add(hexadecimal: place)
  text.end()
}

private func writeFrame(
  _ frame: UInt64, _ note: persona_note, _ membership: UnsafeMutablePointer<Membership>, _ context: TrapContext,
  type: UInt64
) -> Bool {
  var words = InlineArray<43, UInt64>(repeating: 0)
  words[1] = frame + UInt64(NoteFrame.registers)
  words[2] = frame + UInt64(NoteFrame.text)
  var note = note
  withUnsafeMutableBytes(of: &words) {
    $0.baseAddress!.advanced(by: NoteFrame.text).copyMemory(
      from: persona_note_text(&note)!, byteCount: Int(PERSONA_NOTE_BYTES))
  }
  words[NoteFrame.older / 8] = membership.pointee.frame
  let first = NoteFrame.registers / 8
  for index in 0..<RegisterRecord.general { words[first + index] = context[generalRegister(index)] }
  words[first + 15] = userData | userData << 16 | userData << 32 | userData << 48
  words[first + RegisterRecord.type] = type
  words[first + RegisterRecord.error] = type < clockType ? context.hardwareError : 0
  words[first + RegisterRecord.ip] = context[PERSONA_RIP]
  words[first + RegisterRecord.codeSelector] = userCode
  words[first + RegisterRecord.flags] = context[PERSONA_FLAGS]
  words[first + RegisterRecord.sp] = context[PERSONA_RSP]
  words[first + RegisterRecord.stackSelector] = userData
  return withUnsafeBytes(of: &words) { persona_copy_out(frame, $0.baseAddress!, NoteFrame.size) == 0 }
}

// MARK: - noted

/// setNoteHandler(function)
func setNoteHandler(_ call: inout Call) -> Int {
  guard let membership = call.membership else { return call.error(ENOMEM) }
  var first: UInt32 = 0
  if call.address(0) != 0, !call.read(&first, at: call.address(0)) { return call.error(EFAULT) }
  membership.pointee.handler = call.address(0)
  membership.pointee.entry.pointee.has_handler = call.address(0) != 0 ? 1 : 0
  return 0
}

/// NCONT, NDFLT, NSAVE, NRSTR of sys/include/libc.h.
private enum AfterNote {
  static let proceed = 0
  static let byDefault = 1
  static let save = 2
  static let restore = 3
}

/// endNote(what): the handler is done.
func endNote(_ call: inout Call) -> Int {
  guard let membership = call.membership, let session = persona_session() else { return call.error(ENOMEM) }
  let what = Int(call.int32(0))
  let member = membership.pointee.entry
  if what != AfterNote.restore, member.pointee.in_handler == 0 {
    suicide(call.thread, "call to noted when not notified", nil, "")
  }
  let frame = membership.pointee.frame
  var words = InlineArray<43, UInt64>(repeating: 0)
  let isRead = withUnsafeMutableBytes(of: &words) {
    persona_copy_in($0.baseAddress!, frame, NoteFrame.size) == 0
  }
  guard isRead else { suicide(call.thread, "bad ureg ", frame, " in noted") }
  persona_session_lock(session)
  member.pointee.in_handler = 0
  persona_session_unlock(session)
  let first = NoteFrame.registers / 8
  let context = call.context
  guard what == AfterNote.proceed || what == AfterNote.restore || what == AfterNote.save else {
    if what == AfterNote.byDefault { endByNote(call.thread, &membership.pointee.lastNote) }
    suicide(call.thread, "bad arg ", UInt64(bitPattern: Int64(call[0])), " in noted")
  }
  let (ip, sp) = (words[first + RegisterRecord.ip], words[first + RegisterRecord.sp])
  var probe: UInt64 = 0
  guard call.read(&probe, at: ip), call.read(&probe, at: sp) else {
    suicide(call.thread, "trap in noted pc=", ip, "")
  }
  for index in 0..<RegisterRecord.general { context[generalRegister(index)] = words[first + index] }
  context[PERSONA_RIP] = ip
  context[PERSONA_RSP] = sp
  let flags = words[first + RegisterRecord.flags] & changeableFlags
  context[PERSONA_FLAGS] = flags | context[PERSONA_FLAGS] & ~changeableFlags
  if what == AfterNote.save {
    let arguments: (UInt64, UInt64, UInt64) = (
      0, frame + UInt64(NoteFrame.registers), frame + UInt64(NoteFrame.text)
    )
    _ = call.write(arguments, at: frame)
    context[PERSONA_RBP] = arguments.1
    context[PERSONA_RSP] = frame
  } else {
    restoreFloatingPoint(membership, context)
    membership.pointee.frame = words[NoteFrame.older / 8]
  }
  notify(call.thread, membership, session, context, type: systemCallType)
  return Int(PERSONA_JUMP)
}

/// The registers that a handler may not touch belong to the code that it interrupted.
private func keepFloatingPoint(_ membership: UnsafeMutablePointer<Membership>, _ context: TrapContext) {
  let size = context.floatingPointSize
  guard let area = UnsafeRawPointer(bitPattern: UInt(context.floatingPoint)) else { return }
  if membership.pointee.floatingPoint == nil { membership.pointee.floatingPoint = persona_allocate(size) }
  membership.pointee.floatingPoint?.copyMemory(from: area, byteCount: size)
  beginFloatingPoint(UnsafeMutableRawPointer(mutating: area), size)
}

/// The floating-point state that a program and a note handler begin with: m->fcw and m->mxcsr of k10/fpu.c. Invalid
/// operations, divisions by zero and overflows are exceptions.
public func beginFloatingPoint(_ area: UnsafeMutableRawPointer, _ size: Int) {
  clear(area, 416)
  area.storeBytes(of: 0x232, as: UInt16.self)
  area.storeBytes(of: 0x1900, toByteOffset: 24, as: UInt32.self)
  guard size > 512 else { return }
  // XSTATE_BV: the legacy part counts.
  let present = area.load(fromByteOffset: 512, as: UInt64.self)
  area.storeBytes(of: present | 3, toByteOffset: 512, as: UInt64.self)
}

private func restoreFloatingPoint(_ membership: UnsafeMutablePointer<Membership>, _ context: TrapContext) {
  let size = context.floatingPointSize
  guard let area = UnsafeMutableRawPointer(bitPattern: UInt(context.floatingPoint)),
    let kept = membership.pointee.floatingPoint
  else { return }
  area.copyMemory(from: kept, byteCount: size)
}

// MARK: - Ends

/// Ends the process with the note's words; a trap's are told on descriptor 2 too.
private func endByNote(_ thread: UnsafeMutablePointer<persona_thread>, _ note: inout persona_note) -> Never {
  let text = persona_note_text(&note)!
  if note.kind == PERSONA_NOTE_DEBUG.rawValue {
    var line = InlineArray<256, CChar>(repeating: 0)
    withUnsafeMutableBytes(of: &line) {
      let start = $0.baseAddress!.assumingMemoryBound(to: CChar.self)
      var words = WordWriter(start, 256)
      beginLine(thread, &words)
      words.add(text)
      words.add("\n")
      print(start, words.count)
    }
  }
  endProcess(thread, text)
}

/// The process cannot go on: says why and ends.
private func suicide(
  _ thread: UnsafeMutablePointer<persona_thread>, _ why: StaticString, _ value: UInt64?, _ rest: StaticString
) -> Never {
  var line = InlineArray<256, CChar>(repeating: 0)
  withUnsafeMutableBytes(of: &line) { bytes in
    let start = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
    var words = WordWriter(start, 256)
    beginLine(thread, &words)
    words.add(why)
    if let value { words.add(hexadecimal: value) }
    words.add(rest)
    words.add("\n")
    print(start, words.count)
    copyWords("Suicide", to: bytes.baseAddress!, room: 256)
  }
  let text = withUnsafeMutableBytes(of: &line) { $0.baseAddress!.assumingMemoryBound(to: CChar.self) }
  endProcess(thread, text)
}

/// pprint: "NAME PID: suicide: ".
private func beginLine(_ thread: UnsafeMutablePointer<persona_thread>, _ words: inout WordWriter) {
  guard let membership = thread.pointee.process.pointee.membership else { return }
  let member = membership.assumingMemoryBound(to: Membership.self).pointee.entry
  words.add(persona_member_name(member)!)
  words.add(" ")
  words.add(decimal: UInt64(UInt32(bitPattern: member.pointee.pid)))
  words.add(": suicide: ")
}

private func print(_ text: UnsafePointer<CChar>, _ count: Int) {
  _ = persona_syscall(Int64(__NR_write), 2, UInt64(UInt(bitPattern: text)), UInt64(count), 0, 0, 0)
}
