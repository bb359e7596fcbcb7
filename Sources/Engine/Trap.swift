import CEngine
import CWire
import Translation
import Wire

/// SIGSYS: a system call of the guest, or a SIGSYS that somebody sent.
@c(engine_on_trap)
public func onTrap(
  _ signal: Int32, _ info: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?
) {
  let userDispatch: Int32 = 2  // SYS_USER_DISPATCH, asm-generic/siginfo.h
  guard info!.load(fromByteOffset: 8, as: Int32.self) == userDispatch else {
    onSignal(signal, info, context)
    return
  }
  if isOwnCall(TrapContext(context!)) { return }
  let thread = persona_current()!
  thread.pointee.context = context
  thread.pointee.trap_length = 2
  if knowsState(TrapContext(context!)) {
    let abi = thread.pointee.process.pointee.table.pointee.abi
    noteTrap(thread, at: TrapContext(context!)[PERSONA_RIP] - 2, number: TrapContext(context!)[number: abi.number])
  }
  answer(thread, TrapContext(context!))
  noteMask(thread, TrapContext(context!))
}

/// Carries out the call that the registers describe and puts its result into them.
func answer(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  let table = Table(UnsafeRawPointer(thread.pointee.process.pointee.table))
  var number = context[number: table.header.pointee.abi.number]
  thread.pointee.restart_number = number
  number &= 0xffff_ffff
  var words = registerWords(table, context)
  var row = table.call(number)
  if let indirect = row, isIndirect(indirect) {
    number = words[0]
    row = table.call(number)
    for index in 0..<7 { words[index] = words[index + 1] }
    readStackWords(table, context, row, &words, shift: 1)
  } else {
    readStackWords(table, context, row, &words, shift: 0)
  }
  let logging = thread.pointee.process.pointee.logging != 0
  thread.pointee.restart = 0
  thread.pointee.scratch_used = 0
  thread.pointee.has_message = 0
  guard let row else {
    let errno = Int(table.header.pointee.errno_unsupported)
    store(errno: errno, table.header.pointee.abi, context)
    if logging { recordMissingCall(thread, number: number, errno: errno) }
    return
  }
  var call = Call(thread: thread, table: table, row: row, number: Int(number), words: words)
  if logging { call.recordEntry() }
  let result = call.perform()
  let outcome = encode(result, call, context)
  if logging { call.recordExit(result: outcome.value, outcome: outcome.kind) }
}

private func isIndirect(_ row: UnsafePointer<persona_call>) -> Bool {
  row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue)
    && row.pointee.target == HandlerName.indirect.rawValue
}

private func registerWords(_ table: Table, _ context: TrapContext) -> InlineArray<8, UInt64> {
  var words = InlineArray<8, UInt64>(repeating: 0)
  let registers = table.header.pointee.abi.arguments
  words[0] = context[number: registers.0]
  words[1] = context[number: registers.1]
  words[2] = context[number: registers.2]
  words[3] = context[number: registers.3]
  words[4] = context[number: registers.4]
  words[5] = context[number: registers.5]
  return words
}

/// Reads the argument words that the row has beyond the registers. An unreadable stack leaves zeros, and
/// the call then fails as it would with such arguments.
private func readStackWords(
  _ table: Table, _ context: TrapContext, _ row: UnsafePointer<persona_call>?,
  _ words: inout InlineArray<8, UInt64>, shift: Int
) {
  guard let row, row.pointee.argument_count > 0 else { return }
  let last = Int(table.argument(row, Int(row.pointee.argument_count) - 1).pointee.word)
  let inRegisters = Int(table.header.pointee.abi.argument_registers) - shift
  guard last >= inRegisters else { return }
  let base = context[PERSONA_RSP] + UInt64(table.header.pointee.abi.stack_offset)
  for word in inRegisters...last {
    var value: UInt64 = 0
    if persona_copy_in(&value, base + UInt64(8 * (word - inRegisters)), 8) == 0 { words[word] = value }
  }
}

/// Puts a result in Linux's convention into the registers as the personality's ABI says, and answers what
/// the log calls it.
func encode(
  _ result: Int, _ call: Call, _ context: TrapContext
) -> (kind: persona_log_outcome, value: Int) {
  if result == Int(PERSONA_JUMP) { return (PERSONA_OUTCOME_JUMP, 0) }
  let isAlways = result == Int(PERSONA_RESTART_ALWAYS)
  let isInterrupted = isAlways || result == Int(PERSONA_RESTART)
  if isAlways || isInterrupted && call.table.frame != .note_frame {
    context[PERSONA_RIP] -= UInt64(call.thread.pointee.trap_length)
    context[number: call.table.header.pointee.abi.number] = call.thread.pointee.restart_number
    call.thread.pointee.restart = isAlways ? 2 : 1
    return (PERSONA_OUTCOME_RESTART, 0)
  }
  let abi = call.table.header.pointee.abi
  // A note ends a call, which is never made again.
  if let errno = call.errno(of: isInterrupted ? -Int(EINTR) : result) {
    fail(call.thread, call.table, errno, context)
    return (PERSONA_OUTCOME_ERROR, errno)
  }
  context[number: abi.result] = UInt64(bitPattern: Int64(result))
  if let second = call.second, abi.second != UInt8(PERSONA_NO_REGISTER.rawValue) {
    context[number: abi.second] = UInt64(bitPattern: Int64(second))
  }
  if abi.error == UInt8(PERSONA_ERROR_CARRY.rawValue) {
    context[PERSONA_FLAGS] &= ~TrapContext.carry
  }
  return (PERSONA_OUTCOME_RESULT, result)
}

func store(errno: Int, _ abi: persona_abi, _ context: TrapContext) {
  switch UInt32(abi.error) {
  case PERSONA_ERROR_CARRY.rawValue:
    context[number: abi.result] = UInt64(errno)
    context[PERSONA_FLAGS] |= TrapContext.carry
  case PERSONA_ERROR_MESSAGE.rawValue: context[number: abi.result] = UInt64.max
  default: context[number: abi.result] = UInt64(bitPattern: Int64(-errno))
  }
}

/// Answers an errno, with its words where the personality has them.
func fail(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ errno: Int, _ context: TrapContext
) {
  let abi = table.header.pointee.abi
  store(errno: errno, abi, context)
  if abi.error == UInt8(PERSONA_ERROR_MESSAGE.rawValue) { keepMessage(thread, table, errno) }
}

/// Remembers an error's words for the call that asks for them.
private func keepMessage(_ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ errno: Int) {
  guard thread.pointee.has_message == 0, let text = table.errnoText(errno) else { return }
  withUnsafeMutableBytes(of: &thread.pointee.message) { message in
    var length = 0
    while length < message.count - 1, text[length] != 0 {
      message[length] = UInt8(bitPattern: text[length])
      length += 1
    }
    message[length] = 0
  }
}
