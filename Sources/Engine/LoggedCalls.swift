import CEngine
import CWire
import Translation
import Wire

// Patched calls of a process with a log: the ways of Patching.swift between two records.

/// A call through a jump in a process whose calls are recorded, or held against what it has promised.
@inline(never)
func passWatched(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let process = thread.pointee.process.unsafelyUnwrapped
  let isPlain = process.pointee.promised & PromiseState.watched == 0 && !looksUp(process, row)
  switch UInt32(row.pointee.passage) {
  case PERSONA_PASSAGE_TRAP.rawValue: context[PERSONA_RIP] -= 2
  case PERSONA_PASSAGE_WHOLE.rawValue: thread.pointee.whole = PERSONA_WHOLE_WANTED.rawValue
  case PERSONA_PASSAGE_MASK.rawValue:
    prepare(thread, context)
    answerWithMask(thread, context, nil)
  case PERSONA_PASSAGE_SAME.rawValue where isPlain: logSame(thread, table, row, context)
  case PERSONA_PASSAGE_DIRECT.rawValue where isPlain, PERSONA_PASSAGE_STRUCT.rawValue where isPlain:
    logDirect(thread, table, row, context)
  case PERSONA_PASSAGE_PLAIN.rawValue where isPlain && row.pointee.in_registers != 0,
    PERSONA_PASSAGE_CLOCK.rawValue where isPlain && row.pointee.in_registers != 0,
    PERSONA_PASSAGE_CLOSE.rawValue where isPlain && row.pointee.in_registers != 0:
    logPlain(thread, table, row, context)
  case PERSONA_PASSAGE_STATUS.rawValue where isPlain: logStatus(thread, table, row, context)
  default:
    prepare(thread, context)
    answer(thread, context)
  }
}

/// A call whose operands are registers, recorded as begun.
@inline(__always)
private func begin(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) -> Call {
  prepare(thread, context)
  let number = context[number: table.header.pointee.abi.number]
  thread.pointee.restart_number = number
  thread.pointee.scratch_used = 0
  thread.pointee.has_message = 0
  let call = Call(thread: thread, table: table, row: row, number: Int(number & 0xffff_ffff), registers: context)
  call.recordEntry()
  return call
}

@inline(__always)
private func end(_ call: Call, _ context: TrapContext, _ result: Int, isSame: Bool = false) {
  if result >= 0, call.second == nil {
    succeed(call.table, context, Int64(result))
    call.recordExit(result: result, outcome: PERSONA_OUTCOME_RESULT, isSame: isSame)
  } else {
    endLogged(call, context, result)
  }
}

@inline(never)
private func logSame(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let call = begin(thread, table, row, context)
  end(call, context, Int(persona_same(thread, Int64(row.pointee.target))), isSame: true)
}

@inline(never)
private func logDirect(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let call = begin(thread, table, row, context)
  let isDirect = row.pointee.passage == UInt8(PERSONA_PASSAGE_DIRECT.rawValue)
  let result =
    isDirect
    ? callThrough(thread, row, context, isLogged: true) : callStructure(thread, table, row, context, isLogged: true)
  end(call, context, Int(result))
}

@inline(never)
private func logPlain(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  var call = begin(thread, table, row, context)
  let result = call.perform(context, isLogged: true)
  end(call, context, result)
}

@inline(never)
private func logStatus(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  var call = begin(thread, table, row, context)
  var result = Int(callStatus(thread, table, row, context, isLogged: true))
  if result == Int(statusIsLong) { result = call.perform(context, isLogged: true) }
  end(call, context, result)
}

/// The end of a call that is not a plain success.
@inline(never)
private func endLogged(_ call: Call, _ context: TrapContext, _ result: Int) {
  let row = call.row.pointee
  var result = result
  if row.passage == UInt8(PERSONA_PASSAGE_SAME.rawValue) {
    let words = call.words
    func word(_ index: Int) -> UInt64 { index < Int(row.operand_count) ? words[index] : 0 }
    note(call.thread, Int64(row.target), word(0), word(1), word(2), word(3), word(4), word(5), Int64(result))
  }
  let isDirect = row.kind == UInt8(PERSONA_CALL_TRANSLATE.rawValue)
  if isDirect, result == -Int(EIO), isEndOfMaster(call.table, row.target, Int(truncatingIfNeeded: call.words[0])) {
    result = 0
  }
  let outcome = encode(result, call, context)
  call.recordExit(result: outcome.value, outcome: outcome.kind)
}

/// Keeps the call for the log.
@inline(__always)
func note(
  _ thread: UnsafeMutablePointer<persona_thread>, _ number: Int64, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64, _ result: Int64
) {
  func word(_ value: UInt64) -> Int { Int(truncatingIfNeeded: value) }
  thread.note(
    Int32(truncatingIfNeeded: number), word(a), word(b), word(c), word(d), word(e), word(f), result: Int(result))
}
