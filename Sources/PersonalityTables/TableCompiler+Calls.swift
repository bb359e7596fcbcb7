import CWire
import Wire

extension TableCompiler {
  mutating func compileCalls() {
    var missing = persona_call()
    missing.kind = UInt8(PERSONA_CALL_MISSING.rawValue)
    calls = [persona_call](repeating: missing, count: personality.callByNumber.count)
    for (index, row) in personality.calls.enumerated() {
      let wire = compile(row)
      for number in row.number...row.last where personality.callByNumber[number] == Int32(index) {
        calls[number] = wire
      }
    }
  }

  private mutating func compile(_ row: CallRow) -> persona_call {
    var wire = persona_call()
    wire.passage = UInt8(PERSONA_PASSAGE_PLAIN.rawValue)
    wire.name = string(row.name)
    wire.argument_count = UInt8(truncatingIfNeeded: row.arguments.count)
    wire.arguments = UInt32(arguments.count)
    var word = 0
    for argument in row.arguments { arguments.append(compile(argument.type, row, &word)) }
    if word > maximumArguments, let argument = row.arguments.last {
      report("the arguments of \(row.name) take more than \(maximumArguments) words", argument.position)
    }
    switch row.result {
    case .pair: wire.result = UInt8(PERSONA_RESULT_PAIR.rawValue)
    case .never: wire.result = UInt8(PERSONA_RESULT_NONE.rawValue)
    case .scalar(let scalar) where scalar.width(word: abi.word) > abi.word:
      wire.result = UInt8(PERSONA_RESULT_WIDE.rawValue)
    default: wire.result = UInt8(PERSONA_RESULT_VALUE.rawValue)
    }
    switch row.action {
    case .none:
      report(
        "\(row.name) does not say what it becomes", row.actionPosition,
        "'= call', '= handler name', '= obsolete' or '= unsupported \"why\"'")
    case .obsolete: wire.kind = UInt8(PERSONA_CALL_OBSOLETE.rawValue)
    case .answer(let value):
      wire.kind = UInt8(PERSONA_CALL_ANSWER.rawValue)
      wire.target = UInt16(truncatingIfNeeded: value)
    case .unsupported(let why):
      wire.kind = UInt8(PERSONA_CALL_UNSUPPORTED.rawValue)
      wire.reason = string(why)
    case .handler(let name, let operands):
      wire.kind = UInt8(PERSONA_CALL_HANDLER.rawValue)
      wire.target = handler(name, row.actionPosition)
      wire.passage = UInt8((HandlerName(rawValue: wire.target)?.passage ?? PERSONA_PASSAGE_TRAP).rawValue)
      append(operands, row, &wire)
      listRegisters(&wire)
      if wire.passage == UInt8(PERSONA_PASSAGE_STATUS.rawValue), !fillsStraight(&wire) {
        wire.passage = UInt8(PERSONA_PASSAGE_PLAIN.rawValue)
      }
      checkResult(row)
    case .translate(let name, let operands):
      wire.kind = UInt8(PERSONA_CALL_TRANSLATE.rawValue)
      guard let call = native.call(name) else {
        report(
          "Linux has no call named '\(name)'", row.actionPosition,
          didYouMean(name, native.calls.keys.sorted()))
        return wire
      }
      wire.target = UInt16(truncatingIfNeeded: call.number)
      append(operands, row, &wire)
      makeDirect(&wire, call)
      if wire.passage == UInt8(PERSONA_PASSAGE_PLAIN.rawValue) { listRegisters(&wire) }
      checkTranslation(row, call, operands)
      checkResult(row)
    }
    wire.has_path = hasPath(wire) ? 1 : 0
    planCaptures(&wire)
    return wire
  }

  private func hasPath(_ wire: persona_call) -> Bool {
    operands[Int(wire.operands)...].prefix(Int(wire.operand_count)).contains { operand in
      operand.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
        && arguments[Int(wire.arguments) + Int(operand.argument)].conversion == UInt8(PERSONA_CONVERT_PATH.rawValue)
    }
  }

  private mutating func checkResult(_ row: CallRow) {
    if row.result == nil { report("\(row.name) does not say what it returns", row.position, "'-> status'?") }
  }

  private mutating func append(_ list: [Operand]?, _ row: CallRow, _ wire: inout persona_call) {
    wire.operands = UInt32(operands.count)
    let count = list?.count ?? row.arguments.count
    wire.operand_count = UInt8(truncatingIfNeeded: count)
    if count > maximumArguments {
      report("more than \(maximumArguments) operands", list?[maximumArguments].position ?? row.actionPosition)
    }
    for index in 0..<count {
      var operand = persona_operand()
      operand.kind = UInt8(PERSONA_OPERAND_CONSTANT.rawValue)
      switch list?[index].value ?? .argument(index) {
      case .argument(let argument):
        operand.kind = UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
        operand.argument = UInt8(truncatingIfNeeded: argument)
      case .number(let value): operand.constant = value
      case .names(let names):
        for name in names {
          guard let value = namedOperand(name, list![index].position, row) else { continue }
          operand.constant |= Int64(bitPattern: value)
        }
      }
      operands.append(operand)
    }
  }

  /// Whether the row of `fileStatus` has constant flags and a structure that is made in straight steps, which it notes.
  private func fillsStraight(_ wire: inout persona_call) -> Bool {
    let last = operands[Int(wire.operands) + Int(wire.operand_count) - 1]
    guard wire.in_registers != 0, wire.operand_count == 4, wire.sources.2 == UInt8(PERSONA_NO_REGISTER.rawValue),
      wire.widths.0 != UInt8(PERSONA_CONVERT_ENUM.rawValue), last.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue)
    else { return false }
    let argument = arguments[Int(wire.arguments) + Int(last.argument)]
    guard argument.conversion == UInt8(PERSONA_CONVERT_STRUCT.rawValue), structs[Int(argument.parameter)].is_straight != 0
    else { return false }
    wire.structure = argument.parameter
    return true
  }

  /// Lists a Linux call's operands by their registers, if they are no more than that but for one structure that Linux
  /// fills; with such a structure paths may go along, which the engine looks at where they are not Linux's own.
  private func makeDirect(_ wire: inout persona_call, _ call: CallRow) {
    let count = Int(wire.operand_count)
    let registers = abi.arguments
    guard count <= 6, wire.result == UInt8(PERSONA_RESULT_VALUE.rawValue) else { return }
    var passage = PERSONA_PASSAGE_DIRECT
    for index in 0..<count {
      let operand = operands[Int(wire.operands) + index]
      guard operand.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue) else { return }
      let argument = arguments[Int(wire.arguments) + Int(operand.argument)]
      guard Int(argument.word) < registers.count else { return }
      var width = PERSONA_CONVERT_NONE
      switch UInt32(argument.conversion) {
      case PERSONA_CONVERT_NONE.rawValue, PERSONA_CONVERT_PATH.rawValue: break
      case PERSONA_CONVERT_SIGN32.rawValue: width = PERSONA_CONVERT_SIGN32
      case PERSONA_CONVERT_ZERO32.rawValue: width = PERSONA_CONVERT_ZERO32
      case PERSONA_CONVERT_STRUCT.rawValue where structs[Int(argument.parameter)].identical != 0: break
      case PERSONA_CONVERT_STRUCT.rawValue:
        let shape = structs[Int(argument.parameter)]
        guard passage == PERSONA_PASSAGE_DIRECT, argument.direction == Direction.out.rawValue, shape.step_count > 0,
          shape.foreign_size + shape.native_size <= 8192
        else { return }
        passage = PERSONA_PASSAGE_STRUCT
        wire.structure = argument.parameter
        wire.place = UInt16(index)
      default: return
      }
      withUnsafeMutableBytes(of: &wire.sources) { $0[index] = registers[Int(argument.word)] }
      withUnsafeMutableBytes(of: &wire.widths) { $0[index] = UInt8(width.rawValue) }
    }
    if passage == PERSONA_PASSAGE_DIRECT, hasPath(wire) { return }
    if passage == PERSONA_PASSAGE_DIRECT, isSame(wire, call) { passage = PERSONA_PASSAGE_SAME }
    wire.passage = UInt8(passage.rawValue)
  }

  /// Whether the operands' registers are where Linux looks for them. What is of 32 bits on both sides Linux extends itself
  /// (SYSCALL_DEFINE of linux/syscalls.h), but for calls that declare a long there.
  private func isSame(_ wire: persona_call, _ call: CallRow) -> Bool {
    let longer = ["mmap", "mprotect", "pkey_mprotect", "readv", "writev", "remap_file_pages"]
    guard call.name != "getpid", !longer.contains(call.name), call.arguments.count >= wire.operand_count else { return false }
    let places = [PERSONA_RDI, PERSONA_RSI, PERSONA_RDX, PERSONA_R10, PERSONA_R8, PERSONA_R9].map { UInt8($0.rawValue) }
    return (0..<Int(wire.operand_count)).allSatisfy { index in
      let operand = operands[Int(wire.operands) + index]
      let argument = arguments[Int(wire.arguments) + Int(operand.argument)]
      let isWhole = [PERSONA_CONVERT_NONE, PERSONA_CONVERT_STRUCT].contains { UInt8($0.rawValue) == argument.conversion }
      return abi.arguments[Int(argument.word)] == places[index] && (isWhole || isOf32Bits(call.arguments[index].type))
    }
  }

  private func isOf32Bits(_ type: ArgumentType) -> Bool {
    switch type {
    case .scalar(let scalar): scalar.width(word: 8) == 4
    case .map(_, let width): width == 4
    default: false
    }
  }

  /// Lists a call's operands by their registers and conversions, if no other words of the guest's and no converted
  /// structures are among them.
  private func listRegisters(_ wire: inout persona_call) {
    let count = Int(wire.operand_count)
    let registers = abi.arguments
    let isTranslated = wire.kind == UInt8(PERSONA_CALL_TRANSLATE.rawValue)
    for argument in arguments[Int(wire.arguments)...].prefix(Int(wire.argument_count)) {
      if Int(argument.word) >= registers.count { return }
    }
    guard count <= 6, wire.result == UInt8(PERSONA_RESULT_VALUE.rawValue) || !isTranslated else { return }
    for index in 0..<count {
      let operand = operands[Int(wire.operands) + index]
      var (source, conversion) = (UInt8(PERSONA_NO_REGISTER.rawValue), UInt32(PERSONA_CONVERT_NONE.rawValue))
      if operand.kind == UInt8(PERSONA_OPERAND_ARGUMENT.rawValue) {
        let argument = arguments[Int(wire.arguments) + Int(operand.argument)]
        source = registers[Int(argument.word)]
        conversion = UInt32(argument.conversion)
        if conversion == PERSONA_CONVERT_STRUCT.rawValue {
          if isTranslated, structs[Int(argument.parameter)].identical == 0 { return }
          conversion = PERSONA_CONVERT_NONE.rawValue
        }
        if conversion == PERSONA_CONVERT_PATH.rawValue { conversion = PERSONA_CONVERT_NONE.rawValue }
      }
      withUnsafeMutableBytes(of: &wire.sources) { $0[index] = source }
      withUnsafeMutableBytes(of: &wire.widths) { $0[index] = UInt8(conversion) }
    }
    wire.in_registers = 1
  }

  private mutating func namedOperand(_ name: String, _ position: Position, _ row: CallRow) -> UInt64? {
    if let value = native.constant(name) { return value }
    let names = row.arguments.map(\.name) + native.constants.keys.sorted()
    report("no argument and no constant of Linux is named '\(name)'", position, didYouMean(name, names))
    return nil
  }

  // MARK: Arguments

  /// How an argument travels; `word` is its first word, and becomes the next one's.
  private mutating func compile(_ type: ArgumentType, _ row: CallRow, _ word: inout Int) -> persona_argument {
    var wire = persona_argument()
    wire.word = UInt8(truncatingIfNeeded: word)
    var width = abi.word
    wire.class_ = UInt8(PERSONA_ARG_VALUE.rawValue)
    wire.conversion = UInt8(PERSONA_CONVERT_NONE.rawValue)
    switch type {
    case .scalar(let scalar):
      width = scalar.width(word: abi.word)
      wire.conversion = UInt8(conversion(scalar))
      wire.element_size = UInt32(width)
    case .map(let index, let bytes):
      width = bytes
      wire.parameter = UInt16(truncatingIfNeeded: index)
      wire.element_size = UInt32(bytes)
      let own = mapConversion(index)
      let plain = personality.maps[index].kind == .flags ? Scalar.uint : .int
      wire.conversion = UInt8(
        own != PERSONA_CONVERT_NONE.rawValue ? own : bytes >= 8 ? own : conversion(plain))
    case .path:
      wire.class_ = UInt8(PERSONA_ARG_PATH.rawValue)
      wire.conversion = UInt8(PERSONA_CONVERT_PATH.rawValue)
      wire.direction = Direction.in.rawValue
    case .string:
      wire.class_ = UInt8(PERSONA_ARG_STRING.rawValue)
      wire.direction = Direction.in.rawValue
    case .strings:
      wire.class_ = UInt8(PERSONA_ARG_STRINGS.rawValue)
      wire.direction = Direction.in.rawValue
    case .union(let index):
      wire.class_ = UInt8(PERSONA_ARG_UNION.rawValue)
      wire.parameter = union(index, row)
    case .pointer(let direction, let pointee, let count):
      wire.class_ = UInt8(PERSONA_ARG_MEMORY.rawValue)
      wire.direction = direction.rawValue
      wire.element_size = UInt32(size(pointee))
      compile(count, &wire)
      if case .structure(let index) = pointee {
        wire.parameter = UInt16(truncatingIfNeeded: index)
        if count == .one || direction == .in && !isIdentical(index) && nativeStructure(index) != nil {
          wire.conversion = UInt8(PERSONA_CONVERT_STRUCT.rawValue)
        }
      } else if case .map(let index, _) = pointee {
        wire.parameter = UInt16(truncatingIfNeeded: index)
      } else if case .set = pointee {
        wire.is_set = 1
      }
    }
    word += width > abi.word ? width / abi.word : 1
    return wire
  }

  private func compile(_ count: ElementCount, _ wire: inout persona_argument) {
    wire.count_kind = UInt8(PERSONA_COUNT_CONSTANT.rawValue)
    switch count {
    case .one: wire.count = 1
    case .constant(let number): wire.count = UInt32(truncatingIfNeeded: number)
    case .argument(let index):
      wire.count_kind = UInt8(PERSONA_COUNT_ARGUMENT.rawValue)
      wire.count = UInt32(index)
    case .result: wire.count_kind = UInt8(PERSONA_COUNT_RESULT.rawValue)
    case .pointee(let index):
      wire.count_kind = UInt8(PERSONA_COUNT_POINTEE.rawValue)
      wire.count = UInt32(index)
    }
  }

  /// Bytes of what a pointer points to.
  func size(_ pointee: PointeeType) -> Int {
    switch pointee {
    case .scalar(let scalar): scalar.width(word: abi.word)
    case .map(_, let width): width
    case .structure(let index): personality.structures[index].size
    case .bytes, .text, .set: 1
    }
  }

  /// How a plain value is extended to 64 bits.
  func conversion(_ scalar: Scalar) -> UInt32 {
    if scalar == .signal { return PERSONA_CONVERT_SIGNAL.rawValue }
    switch (scalar.width(word: abi.word), scalar.isSigned) {
    case (1, _): return PERSONA_CONVERT_ZERO8.rawValue
    case (2, true): return PERSONA_CONVERT_SIGN16.rawValue
    case (2, false): return PERSONA_CONVERT_ZERO16.rawValue
    case (4, true): return PERSONA_CONVERT_SIGN32.rawValue
    case (4, false): return PERSONA_CONVERT_ZERO32.rawValue
    default: return PERSONA_CONVERT_NONE.rawValue
    }
  }

  // MARK: What one Linux call can take

  private mutating func checkTranslation(_ row: CallRow, _ call: CallRow, _ list: [Operand]?) {
    let given = list?.count ?? row.arguments.count
    if given != call.arguments.count {
      let missing = given < call.arguments.count
      let which = missing ? ": '\(call.arguments[given].name)' is missing" : ""
      report(
        "Linux's \(call.name) takes \(call.arguments.count) argument\(call.arguments.count == 1 ? "" : "s"),"
          + " not \(given)\(which)", row.actionPosition)
      return
    }
    for index in 0..<given {
      guard case .argument(let argument) = list?[index].value ?? .argument(index) else { continue }
      let position = list?[index].position ?? row.arguments[argument].position
      if let why = obstacle(row.arguments[argument], call.arguments[index], call) { report(why, position) }
    }
  }

  /// Why an argument cannot go to Linux without a handler.
  private func obstacle(_ argument: CallArgument, _ other: CallArgument, _ call: CallRow) -> String? {
    switch argument.type {
    case .strings: return "'\(argument.name)' is an array of strings: it needs a handler"
    case .union: return "'\(argument.name)' is a union: it needs a handler"
    case .pointer(let direction, .structure(let index), let count):
      let name = personality.structures[index].name
      guard let counterpart = nativeStructure(index) else {
        return "Linux has no struct \(name): '\(argument.name)' needs a handler"
      }
      if count != .one, direction != .in, !isIdentical(index) {
        return "struct \(name) differs from Linux's: an array of it that Linux writes needs a handler"
      }
      if case .pointer(_, .structure(let wanted), _) = other.type,
        native.linux.structures[wanted].name != counterpart.name
      {
        return "Linux's \(call.name) takes struct \(native.linux.structures[wanted].name),"
          + " not \(counterpart.name)"
      }
      return nil
    case .pointer(_, .map(let index, _), _) where mapConversion(index) != PERSONA_CONVERT_NONE.rawValue:
      return "'\(personality.maps[index].name)' behind a pointer needs a handler"
    case .pointer(_, .scalar(.signal), _): return "signals behind a pointer need a handler"
    default: return nil
    }
  }
}
