import CEngine
import CWire
import Translation
import Wire

// Calls that come through a jump (`Patching.swift`), each by the shortest way that its row allows.

/// A call through a jump: all registers that it may need are in `thread.patched`, those that it answers go there.
@c(engine_on_patched)
public func onPatched(_ thread: UnsafeMutablePointer<persona_thread>?, _ registers: UnsafeMutableRawPointer?) {
  let thread = thread.unsafelyUnwrapped
  let registers = registers.unsafelyUnwrapped
  let context = TrapContext(registers)
  let process = thread.pointee.process.unsafelyUnwrapped
  let table = Table(UnsafeRawPointer(process.pointee.table.unsafelyUnwrapped))
  let number = context[number: table.header.pointee.abi.number] & 0xffff_ffff
  guard let row = table.call(number) else {
    context[PERSONA_RIP] -= 2
    return
  }
  thread.pointee.restart = 0
  if process.pointee.logging != 0 || process.pointee.promised & PromiseState.watched != 0 {
    passWatched(thread, table, row, context)
    return
  }
  switch UInt32(row.pointee.passage) {
  case PERSONA_PASSAGE_TRAP.rawValue:
    // The instruction itself is still there.
    context[PERSONA_RIP] -= 2
  case PERSONA_PASSAGE_WHOLE.rawValue:
    thread.pointee.whole = PERSONA_WHOLE_WANTED.rawValue
  case PERSONA_PASSAGE_SAME.rawValue:
    passSame(thread, table, row, context)
  case PERSONA_PASSAGE_DIRECT.rawValue:
    passThrough(thread, table, row, context)
  // It may have a path, too.
  case PERSONA_PASSAGE_STRUCT.rawValue where !looksUp(process, row):
    passStructure(thread, table, row, context)
  case PERSONA_PASSAGE_CLOCK.rawValue where row.pointee.in_registers != 0:
    tellTime(thread, table, row, context)
  case PERSONA_PASSAGE_CLOSE.rawValue where row.pointee.in_registers != 0:
    closeDirectly(thread, table, row, context)
  case PERSONA_PASSAGE_STATUS.rawValue where !looksUp(process, row):
    tellStatus(thread, table, row, context)
  case PERSONA_PASSAGE_PLAIN.rawValue where row.pointee.in_registers != 0 && !looksUp(process, row):
    carryOut(thread, table, row, context)
  case PERSONA_PASSAGE_MASK.rawValue:
    passMask(thread, table, row, context)
  default:
    prepare(thread, context)
    answer(thread, context)
  }
}

@inline(__always)
func prepare(_ thread: UnsafeMutablePointer<persona_thread>, _ context: TrapContext) {
  thread.pointee.context = UnsafeMutableRawPointer(context.words)
  thread.pointee.trap_length = 2
}

/// Carries out a call whose operands are registers and constants, converted where they must be.
@inline(never)
func carryOut(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  prepare(thread, context)
  let number = context[number: table.header.pointee.abi.number]
  thread.pointee.restart_number = number
  thread.pointee.scratch_used = 0
  thread.pointee.has_message = 0
  var call = Call(thread: thread, table: table, row: row, number: Int(number & 0xffff_ffff), registers: context)
  let result = call.perform(context)
  if result < 0 || call.second != nil {
    _ = encode(result, call, context)
  } else {
    succeed(table, context, Int64(result))
  }
}

/// close(2): one call to Linux where no queue of events may know the descriptor.
@inline(never)
private func closeDirectly(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  guard thread.pointee.process.unsafelyUnwrapped.pointee.event_queues == nil else {
    carryOut(thread, table, row, context)
    return
  }
  let descriptor = operand(context, row.pointee.sources.0, row.pointee.widths.0)
  let result = persona_syscall(Int64(__NR_close), descriptor, 0, 0, 0, 0, 0)
  if result < 0 {
    failPlainly(thread, table, table.foreignErrno(Int(-result)), context)
  } else {
    succeed(table, context, result)
  }
}

/// A call that reads or changes the mask.
@inline(never)
private func passMask(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let isPlain = row.pointee.in_registers != 0 && !looksUp(thread.pointee.process.unsafelyUnwrapped, row)
  // C libraries ask for the mask in each setjmp(3).
  let asks = isPlain && row.pointee.target == HandlerName.sigprocmask.rawValue && context[number: row.pointee.sources.1] == 0
  if asks, tellMask(thread, table, row, context) { return }
  prepare(thread, context)
  answerWithMask(thread, context, isPlain ? row : nil)
}

/// sigprocmask(2) that only asks; false where the handler must answer.
private func tellMask(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) -> Bool {
  guard table.setSize == 16 else { return false }
  learnMask(thread, context)
  let set = table.foreignSet(context.mask)
  let old = context[number: row.pointee.sources.2]
  guard old == 0 || persona_store_pair(old, set.low, set.high) == 0 else { return false }
  succeed(table, context, 0)
  return true
}

/// stat(2) and its kin: one call to Linux, whose answer is put right before the foreign structure is made of it.
@inline(never)
private func tellStatus(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let result = callStatus(thread, table, row, context, isLogged: false)
  if result == 0 {
    succeed(table, context, 0)
  } else if result == statusIsLong {
    carryOut(thread, table, row, context)
  } else if result == Int64(PERSONA_RESTART) {
    failDirect(thread, table, row, context, result)
  } else {
    failPlainly(thread, table, table.foreignErrno(Int(-result)), context)
  }
}

/// What `callStatus` answers where the handler must do it.
var statusIsLong: Int64 { 1 }

@inline(__always)
func callStatus(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext, isLogged: Bool
) -> Int64 {
  let none = UInt8(PERSONA_NO_REGISTER.rawValue)
  let status = UnsafeMutableRawPointer(thread) + MemoryLayout<persona_thread>.stride
  let native = UInt64(UInt(bitPattern: nativeStatus(status)))
  let sources = row.pointee.sources
  let isOfDescriptor = sources.1 == none
  var (folder, path): (UInt64, UInt64)
  var flags = UInt64(AT_EMPTY_PATH | AT_NO_AUTOMOUNT)
  if isOfDescriptor {
    if thread.pointee.process.unsafelyUnwrapped.pointee.lacks_null_path != 0 { return statusIsLong }
    (folder, path) = (operand(context, sources.0, row.pointee.widths.0), 0)
  } else {
    folder =
      sources.0 == none
      ? UInt64(bitPattern: table.operand(row, 0).pointee.constant) : operand(context, sources.0, row.pointee.widths.0)
    path = context[number: sources.1]
    flags = UInt64(bitPattern: table.operand(row, 2).pointee.constant | Int64(AT_NO_AUTOMOUNT))
  }
  let result = persona_interruptible(
    thread, Int64(__NR_statx), folder, path, flags, UInt64(statusMask), native, 0)
  if isOfDescriptor, result == -Int64(EFAULT) { return statusIsLong }
  if isLogged { note(thread, Int64(__NR_statx), folder, path, flags, UInt64(statusMask), native, 0, result) }
  if result < 0 { return result }
  settleStatus(status)
  return table.fill(context[number: sources.3], table.structure(Int(row.pointee.structure)), from: status)
    ? 0 : -Int64(EFAULT)
}

/// Makes the one Linux call that a row is whose registers are in Linux's places.
@inline(never)
private func passSame(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let result = persona_same(thread, Int64(row.pointee.target))
  if result >= 0 || result < -4095 {
    succeed(table, context, result)
  } else {
    failDirect(thread, table, row, context, result)
  }
}

/// Makes the one Linux call that a row of plain registers is.
@inline(never)
private func passThrough(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  if row.pointee.target == UInt16(__NR_getpid) {
    succeed(table, context, Int64(thread.pointee.process.pointee.pid))
    return
  }
  let result = callThrough(thread, row, context, isLogged: false)
  if result >= 0 || result < -4095 {
    succeed(table, context, result)
    return
  }
  failDirect(thread, table, row, context, result)
}

@inline(__always)
func callThrough(
  _ thread: UnsafeMutablePointer<persona_thread>, _ row: UnsafePointer<persona_call>, _ context: TrapContext,
  isLogged: Bool
) -> Int64 {
  let (sources, widths, count) = (row.pointee.sources, row.pointee.widths, row.pointee.operand_count)
  var (a, b, c, d, e, f): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
  if count > 0 { a = operand(context, sources.0, widths.0) }
  if count > 1 { b = operand(context, sources.1, widths.1) }
  if count > 2 {
    c = operand(context, sources.2, widths.2)
    if count > 3 { d = operand(context, sources.3, widths.3) }
    if count > 4 { e = operand(context, sources.4, widths.4) }
    if count > 5 { f = operand(context, sources.5, widths.5) }
  }
  let result = persona_interruptible(thread, Int64(row.pointee.target), a, b, c, d, e, f)
  if isLogged { note(thread, Int64(row.pointee.target), a, b, c, d, e, f, result) }
  return result
}

/// The same for a row with one structure that Linux fills, in the engine's memory.
@inline(never)
private func passStructure(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let result = callStructure(thread, table, row, context, isLogged: false)
  if result < 0, result >= -4095 {
    failDirect(thread, table, row, context, result)
  } else {
    succeed(table, context, result)
  }
}

@inline(__always)
func callStructure(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext, isLogged: Bool
) -> Int64 {
  let (sources, widths, count) = (row.pointee.sources, row.pointee.widths, row.pointee.operand_count)
  let (place, shape) = (row.pointee.place, table.structure(Int(row.pointee.structure)))
  let native = UnsafeMutableRawPointer(thread) + MemoryLayout<persona_thread>.stride
  var guest: UInt64 = 0
  func word(_ index: UInt16, _ source: UInt8, _ width: UInt8) -> UInt64 {
    let value = operand(context, source, width)
    guard index == place, value != 0 else { return value }
    guest = value
    return UInt64(UInt(bitPattern: native))
  }
  var (a, b, c, d, e, f): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
  a = word(0, sources.0, widths.0)
  if count > 1 { b = word(1, sources.1, widths.1) }
  if count > 2 {
    c = word(2, sources.2, widths.2)
    if count > 3 { d = word(3, sources.3, widths.3) }
    if count > 4 { e = word(4, sources.4, widths.4) }
    if count > 5 { f = word(5, sources.5, widths.5) }
  }
  let result = persona_interruptible(thread, Int64(row.pointee.target), a, b, c, d, e, f)
  if isLogged { note(thread, Int64(row.pointee.target), a, b, c, d, e, f, result) }
  if guest != 0, result >= 0 || result < -4095, !writeStructure(table, shape, native, to: guest) {
    return -Int64(EFAULT)
  }
  return result
}

@inline(__always)
private func writeStructure(
  _ table: Table, _ shape: UnsafePointer<persona_struct>, _ native: UnsafeMutableRawPointer, to guest: UInt64
) -> Bool {
  if shape.pointee.is_straight != 0 { return table.fill(guest, shape, from: native) }
  let foreign = native + (Int(shape.pointee.native_size) + 15) & ~15
  table.follow(shape, from: native, to: foreign)
  return persona_copy_out(guest, foreign, Int(shape.pointee.foreign_size)) == 0
}

/// clock_gettime(2): Linux's shared object reads most clocks, the handler the others.
@inline(never)
private func tellTime(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext
) {
  let registers = table.header.pointee.abi.arguments
  let time = UnsafeMutableRawPointer(thread) + MemoryLayout<persona_thread>.stride
  guard let clock = Call.plainClock(context[number: registers.0]), readSharedClock(clock, time) else {
    carryOut(thread, table, row, context)
    return
  }
  let (seconds, nanoseconds) = (time.load(as: UInt64.self), time.load(fromByteOffset: 8, as: UInt64.self))
  if persona_store_pair(context[number: registers.1], seconds, nanoseconds) == 0 {
    succeed(table, context, 0)
  } else {
    fail(thread, table, table.foreignErrno(Int(EFAULT)), context)
  }
}

private func failDirect(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ row: UnsafePointer<persona_call>,
  _ context: TrapContext, _ result: Int64
) {
  if result == Int64(PERSONA_RESTART) {
    context[PERSONA_RIP] -= 2
    thread.pointee.trap_length = 2
    thread.pointee.restart = 1
    return
  }
  let descriptor = operand(context, row.pointee.sources.0, row.pointee.widths.0)
  if result == -Int64(EIO), isEndOfMaster(table, row.pointee.target, Int(truncatingIfNeeded: descriptor)) {
    succeed(table, context, 0)
    return
  }
  failPlainly(thread, table, table.foreignErrno(Int(-result)), context)
}

/// `fail` in place for the usual way of telling an errno.
@inline(__always)
private func failPlainly(
  _ thread: UnsafeMutablePointer<persona_thread>, _ table: Table, _ errno: Int, _ context: TrapContext
) {
  guard table.header.pointee.abi.error == UInt8(PERSONA_ERROR_CARRY.rawValue) else {
    fail(thread, table, errno, context)
    return
  }
  context[number: table.header.pointee.abi.result] = UInt64(truncatingIfNeeded: errno)
  context[PERSONA_FLAGS] |= TrapContext.carry
}

@inline(__always)
func succeed(_ table: Table, _ context: TrapContext, _ result: Int64) {
  let abi = table.header
  context[number: abi.pointee.abi.result] = UInt64(bitPattern: result)
  if abi.pointee.abi.error == UInt8(PERSONA_ERROR_CARRY.rawValue) { context[PERSONA_FLAGS] &= ~TrapContext.carry }
}

@inline(__always)
private func operand(_ context: TrapContext, _ register: UInt8, _ width: UInt8) -> UInt64 {
  let value = context[number: register]
  if width == UInt8(PERSONA_CONVERT_NONE.rawValue) { return value }
  let low = UInt32(truncatingIfNeeded: value)
  return width == UInt8(PERSONA_CONVERT_ZERO32.rawValue)
    ? UInt64(low) : UInt64(bitPattern: Int64(Int32(bitPattern: low)))
}
