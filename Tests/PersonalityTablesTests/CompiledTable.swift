import CWire

@testable import PersonalityTables

/// A compiled block, read the way the engine reads it.
struct CompiledTable {
  let block: [UInt8]

  init(block: [UInt8]) { self.block = block }

  init?(_ text: String) {
    let loaded = Small.load(text)
    let (block, _) = TableCompiler.compile(loaded.personality, linux: Small.linux.personality)
    guard loaded.diagnostics.isEmpty, let block else { return nil }
    self.block = block
  }

  var header: persona_table { load(0, as: persona_table.self) }

  func load<T: BitwiseCopyable>(_ offset: Int, as: T.Type) -> T {
    block.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
  }

  func pool<T: BitwiseCopyable>(_ pool: persona_pool, as: T.Type) -> [T] {
    (0..<Int(pool.count)).map { load(Int(pool.offset) + $0 * MemoryLayout<T>.stride, as: T.self) }
  }

  func string(_ offset: UInt32) -> String {
    let start = Int(header.strings.offset) + Int(offset)
    return String(decoding: block[start...].prefix { $0 != 0 }, as: UTF8.self)
  }

  func call(_ number: Int) -> persona_call { pool(header.calls, as: persona_call.self)[number] }

  func arguments(_ number: Int) -> [persona_argument] {
    let row = call(number)
    return Array(
      pool(header.arguments, as: persona_argument.self)[Int(row.arguments)...].prefix(Int(row.argument_count))
    )
  }

  func operands(_ number: Int) -> [persona_operand] {
    let row = call(number)
    return Array(
      pool(header.operands, as: persona_operand.self)[Int(row.operands)...].prefix(Int(row.operand_count)))
  }

  func map(_ index: Int) -> (persona_map, [persona_map_entry]) {
    let map = pool(header.maps, as: persona_map.self)[index]
    let entries = pool(header.map_entries, as: persona_map_entry.self)[Int(map.first)...].prefix(
      Int(map.count))
    return (map, Array(entries))
  }

  func structure(_ index: Int) -> (persona_struct, [persona_field]) {
    let structure = pool(header.structs, as: persona_struct.self)[index]
    let fields = pool(header.fields, as: persona_field.self)[Int(structure.first)...].prefix(
      Int(structure.count))
    return (structure, Array(fields))
  }
}
