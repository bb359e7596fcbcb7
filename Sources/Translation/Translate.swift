import CEngine
import CWire
import Wire

extension Call {
  /// Carries the call out as its row says, and answers in Linux's convention (see `Call`).
  public mutating func perform() -> Int {
    if process.pointee.promised & PromiseState.watched != 0 { return performWatched() }
    return carryOut()
  }

  /// The call of a process that has promised something, held against it before and after.
  private mutating func performWatched() -> Int {
    if let refusal = breaksPromise() { return refusal }
    narrowModes()
    return afterwards(carryOut())
  }

  private mutating func carryOut() -> Int {
    switch UInt32(row.pointee.kind) {
    case PERSONA_CALL_TRANSLATE.rawValue: return translate()
    case PERSONA_CALL_HANDLER.rawValue:
      guard let name = HandlerName(rawValue: row.pointee.target) else { return error(ENOSYS) }
      if let refusal = convertOperands(structures: false) { return refusal }
      return dispatch(name, &self)
    case PERSONA_CALL_ANSWER.rawValue: return Int(row.pointee.target)
    default: return foreignError(Int(table.header.pointee.errno_unsupported))
    }
  }

  /// The same for a call whose operands are `context`'s registers and constants: nobody watches it, and paths
  /// are Linux's.
  @inline(__always)
  public mutating func perform(_ context: TrapContext, isLogged: Bool = false) -> Int {
    if let refusal = takeOperands(context) { return refusal }
    if row.pointee.kind == UInt8(PERSONA_CALL_HANDLER.rawValue) { return dispatchPlain(row.pointee.target, &self) }
    if row.pointee.target == UInt16(__NR_clock_gettime) { return translateClock() }
    let result = Int(
      persona_interruptible(
        thread, Int64(row.pointee.target), unsigned(0), unsigned(1), unsigned(2), unsigned(3), unsigned(4), unsigned(5)))
    if isLogged {
      thread.note(
        Int32(row.pointee.target), operands[0], operands[1], operands[2], operands[3], operands[4], operands[5],
        result: result)
    }
    return result == error(EIO) && isEndOfMaster(table, row.pointee.target, operands[0]) ? 0 : result
  }

  @inline(__always)
  private mutating func takeOperands(_ context: TrapContext) -> Int? {
    let count = Int(row.pointee.operand_count)
    let bytes = UnsafeRawPointer(row)
    var index = 0
    while index < count {
      let source = bytes.load(fromByteOffset: Int(PERSONA_CALL_SOURCES.rawValue) &+ index, as: UInt8.self)
      let width = UInt32(bytes.load(fromByteOffset: Int(PERSONA_CALL_WIDTHS.rawValue) &+ index, as: UInt8.self))
      if source == UInt8(PERSONA_NO_REGISTER.rawValue) {
        operands[unchecked: index] = Int(table.operand(row, index).pointee.constant)
      } else {
        let word = context[number: source]
        if width == PERSONA_CONVERT_NONE.rawValue {
          operands[unchecked: index] = Int(truncatingIfNeeded: word)
        } else if width == PERSONA_CONVERT_SIGN32.rawValue {
          operands[unchecked: index] = Int(Int32(truncatingIfNeeded: word))
        } else if let refusal = convertOperand(index, argument(index), word) {
          return refusal
        }
      }
      index &+= 1
    }
    return nil
  }

  /// One Linux call with converted operands.
  private mutating func translate() -> Int {
    if let refusal = convertOperands(structures: true) { return refusal }
    if row.pointee.target == UInt16(__NR_clock_gettime) { return translateClock() }
    let result = host(
      Int32(row.pointee.target), operands[0], operands[1], operands[2], operands[3], operands[4],
      operands[5])
    if result < 0 {
      return result == error(EIO) && isEndOfMaster(table, row.pointee.target, operands[0]) ? 0 : result
    }
    return writeStructures(result)
  }

  /// clock_gettime without a kernel entry: its answer goes through the engine's memory.
  private mutating func translateClock() -> Int {
    guard let time = scratch(16) else { return error(ENOMEM) }
    let result = hostClock(operands[0], time.assumingMemoryBound(to: UInt64.self))
    if result < 0 { return result }
    // Either converted from scratch later, or the guest's own as it is.
    if !copyOut(unsigned(1), time, 16) { return error(EFAULT) }
    return writeStructures(result)
  }

  /// Fills `operands`; with `structures`, replaces pointers to structures by converted copies.
  private mutating func convertOperands(structures: Bool) -> Int? {
    for index in 0..<Int(row.pointee.operand_count) {
      let operand = table.operand(row, index)
      if operand.pointee.kind == UInt8(PERSONA_OPERAND_CONSTANT.rawValue) {
        operands[index] = Int(operand.pointee.constant)
        continue
      }
      let argument = table.argument(row, Int(operand.pointee.argument))
      let word = words[Int(argument.pointee.word)]
      let conversion = UInt32(argument.pointee.conversion)
      if conversion == PERSONA_CONVERT_STRUCT.rawValue {
        operands[index] = Int(truncatingIfNeeded: word)
        if structures, word != 0, let refusal = enterStructure(index, argument, word) { return refusal }
        continue
      }
      if let refusal = convertOperand(index, argument, word) { return refusal }
    }
    return looksUp(process, row) ? enterPaths() : nil
  }

  private mutating func convertOperand(_ index: Int, _ argument: UnsafePointer<persona_argument>, _ word: UInt64) -> Int? {
    let conversion = UInt32(argument.pointee.conversion)
    // An int's upper half is whatever the register held.
    let isNarrowMap =
      argument.pointee.element_size == 4
      && (conversion == PERSONA_CONVERT_FLAGS.rawValue || conversion == PERSONA_CONVERT_ENUM.rawValue)
    switch table.convert(conversion, Int(argument.pointee.parameter), isNarrowMap ? word & 0xffff_ffff : word) {
    case .value(let value): operands[index] = Int(truncatingIfNeeded: value)
    case .refused(let errno): return foreignError(errno)
    }
    return nil
  }

  private mutating func enterStructure(
    _ index: Int, _ argument: UnsafePointer<persona_argument>, _ address: UInt64
  ) -> Int? {
    let structure = Int(argument.pointee.parameter)
    let shape = table.structure(structure)
    if shape.pointee.identical != 0 { return nil }
    if argument.pointee.direction == UInt8(PERSONA_OUT.rawValue) {
      guard let native = scratch(Int(shape.pointee.native_size)) else { return error(ENOMEM) }
      operands[index] = native.word
      return nil
    }
    var failure = 0
    guard let count = elements(argument) else { return error(EINVAL) }
    guard let native = structIn(structure, at: address, count: count, failure: &failure) else { return failure }
    operands[index] = native.word
    return nil
  }

  /// Elements of an array of structures; nil for more than any system takes (IOV_MAX).
  private func elements(_ argument: UnsafePointer<persona_argument>) -> Int? {
    var count = Int(argument.pointee.count)
    if argument.pointee.count_kind == UInt8(PERSONA_COUNT_ARGUMENT.rawValue) {
      let counting = table.argument(row, count)
      count = Int(Int32(truncatingIfNeeded: words[Int(counting.pointee.word)]))
    }
    return 0...1024 ~= count ? count : nil
  }

  /// Writes back the structures that Linux filled.
  private func writeStructures(_ result: Int) -> Int {
    for index in 0..<Int(row.pointee.operand_count) {
      let operand = table.operand(row, index)
      guard operand.pointee.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue) else { continue }
      let argument = table.argument(row, Int(operand.pointee.argument))
      guard UInt32(argument.pointee.conversion) == PERSONA_CONVERT_STRUCT.rawValue,
        argument.pointee.direction & UInt8(PERSONA_OUT.rawValue) != 0
      else { continue }
      let address = words[Int(argument.pointee.word)]
      let structure = Int(argument.pointee.parameter)
      guard address != 0, table.structure(structure).pointee.identical == 0 else { continue }
      let failure = structOut(
        structure, from: UnsafeRawPointer(bitPattern: operands[index])!, to: address)
      if failure != 0 { return failure }
    }
    return result
  }
}
