import CWire

extension TableCompiler {
  /// The table as one block: its head, then the pools, each 8-byte aligned.
  mutating func block() -> [UInt8] {
    var table = persona_table()
    table.magic = UInt32(PERSONA_TABLE_MAGIC)
    table.version = UInt32(PERSONA_TABLE_VERSION)
    table.abi = wireABI()
    table.errno_unsupported = UInt32(personality.errnoNumber("ENOSYS") ?? 0)
    table.name = string(personality.name)
    table.release = personality.release
    for native in 1...64 where signalToForeign[native] != 0 {
      table.signals_known |= 1 << UInt64(native - 1)
      if signalDefault[Int(signalToForeign[native])] == UInt8(PERSONA_DEFAULT_IGNORE.rawValue) {
        table.signals_ignored |= 1 << UInt64(native - 1)
      }
    }

    var bytes = [UInt8](repeating: 0, count: MemoryLayout<persona_table>.size)
    bytes.reserveCapacity(
      calls.count * 24 + arguments.count * 16 + operands.count * 16 + mapEntries.count * 40
        + fields.count * 16 + strings.count + 65536)
    // What nearly every process looks at comes first: Linux maps 64 KiB at one fault.
    table.errno_to_foreign = TableCompiler.append(errnoToForeign, to: &bytes)
    table.errno_to_native = TableCompiler.append(errnoToNative, to: &bytes)
    table.signal_to_foreign = TableCompiler.append(signalToForeign, to: &bytes)
    table.signal_to_native = TableCompiler.append(signalToNative, to: &bytes)
    table.signal_default = TableCompiler.append(signalDefault, to: &bytes)
    table.well_known = TableCompiler.append(wellKnown, to: &bytes)
    table.calls = TableCompiler.append(calls, to: &bytes)
    table.arguments = TableCompiler.append(arguments, to: &bytes)
    table.operands = TableCompiler.append(operands, to: &bytes)
    table.maps = TableCompiler.append(maps, to: &bytes)
    table.map_entries = TableCompiler.append(mapEntries, to: &bytes)
    table.structs = TableCompiler.append(structs, to: &bytes)
    table.fields = TableCompiler.append(fields, to: &bytes)
    table.layouts = TableCompiler.append(layouts, to: &bytes)
    table.constants = TableCompiler.append(constants, to: &bytes)
    table.unions = TableCompiler.append(unions, to: &bytes)
    table.union_entries = TableCompiler.append(unionEntries, to: &bytes)
    table.steps = TableCompiler.append(steps, to: &bytes)
    table.requests = TableCompiler.append(requests, to: &bytes)
    table.options = TableCompiler.append(options, to: &bytes)
    table.sysctls = TableCompiler.append(sysctls, to: &bytes)
    table.strings = TableCompiler.append(strings, to: &bytes)
    table.errno_text = TableCompiler.append(errnoText, to: &bytes)
    while bytes.count % 8 != 0 { bytes.append(0) }
    table.size = UInt64(bytes.count)
    withUnsafeBytes(of: &table) { head in
      for index in head.indices { bytes[index] = head[index] }
    }
    return bytes
  }

  private static func append<T: BitwiseCopyable>(_ elements: [T], to bytes: inout [UInt8]) -> persona_pool {
    while bytes.count % 8 != 0 { bytes.append(0) }
    let pool = persona_pool(offset: UInt32(bytes.count), count: UInt32(elements.count))
    elements.withUnsafeBytes { bytes.append(contentsOf: $0) }
    return pool
  }

  private func wireABI() -> persona_abi {
    var wire = persona_abi()
    wire.number = abi.number
    wire.result = abi.result
    wire.second = abi.second
    wire.error =
      switch abi.error {
      case .carry: UInt8(PERSONA_ERROR_CARRY.rawValue)
      case .negative: UInt8(PERSONA_ERROR_NEGATIVE.rawValue)
      case .message: UInt8(PERSONA_ERROR_MESSAGE.rawValue)
      }
    wire.argument_registers = UInt8(abi.arguments.count)
    wire.stack_offset = UInt8(abi.stackOffset)
    wire.word = UInt8(abi.word)
    withUnsafeMutableBytes(of: &wire.arguments) { registers in
      for (index, register) in abi.arguments.prefix(registers.count).enumerated() {
        registers[index] = register
      }
    }
    wire.entry_stack = abi.entryStack
    wire.entry_padding = UInt8(abi.entryPadding)
    wire.entry_strings = abi.entryStrings
    wire.frame = abi.frame.rawValue
    let set = personality.structure(named: "sigset").map { personality.structures[$0].size } ?? 16
    wire.signal_set = UInt8(truncatingIfNeeded: set)
    wire.entry_form = UInt8(
      abi.entryForm == .vectors ? PERSONA_ENTRY_VECTORS.rawValue : PERSONA_ENTRY_TOS.rawValue)
    return wire
  }
}
