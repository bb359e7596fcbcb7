import CWire
import Wire

/// A compiled personality table, mapped read-only. Layout: Sources/CWire/include/wire-table.h.
public struct Table {
  public let base: UnsafeRawPointer
  public let header: UnsafePointer<persona_table>

  public init(_ base: UnsafeRawPointer) {
    self.base = base
    self.header = base.assumingMemoryBound(to: persona_table.self)
  }

  @inline(__always)
  private func element<T>(_ pool: persona_pool, _ index: Int, as: T.Type) -> UnsafePointer<T> {
    (base + Int(pool.offset)).assumingMemoryBound(to: T.self) + index
  }

  /// The row of a foreign call number; nil when it lies past the table.
  public func call(_ number: UInt64) -> UnsafePointer<persona_call>? {
    guard number < UInt64(header.pointee.calls.count) else { return nil }
    return element(header.pointee.calls, Int(number), as: persona_call.self)
  }

  public func argument(_ row: UnsafePointer<persona_call>, _ index: Int) -> UnsafePointer<persona_argument> {
    element(header.pointee.arguments, Int(row.pointee.arguments) + index, as: persona_argument.self)
  }

  public func operand(_ row: UnsafePointer<persona_call>, _ index: Int) -> UnsafePointer<persona_operand> {
    element(header.pointee.operands, Int(row.pointee.operands) + index, as: persona_operand.self)
  }

  /// What a union argument points to for a value of the argument that tells; nil where it is a plain value.
  public func unionEntry(_ union: UnsafePointer<persona_union>, _ tag: UInt64) -> UnsafePointer<persona_union_entry>? {
    for position in 0..<Int(union.pointee.count) {
      let entry = element(
        header.pointee.union_entries, Int(union.pointee.first) + position, as: persona_union_entry.self)
      if entry.pointee.tag == tag { return entry }
    }
    return nil
  }

  public func union(_ argument: UnsafePointer<persona_argument>) -> UnsafePointer<persona_union> {
    element(header.pointee.unions, Int(argument.pointee.parameter), as: persona_union.self)
  }

  public func map(_ index: Int) -> UnsafePointer<persona_map> {
    element(header.pointee.maps, index, as: persona_map.self)
  }

  public func mapEntry(_ map: UnsafePointer<persona_map>, _ index: Int) -> UnsafePointer<persona_map_entry> {
    element(header.pointee.map_entries, Int(map.pointee.first) + index, as: persona_map_entry.self)
  }

  public func structure(_ index: Int) -> UnsafePointer<persona_struct> {
    element(header.pointee.structs, index, as: persona_struct.self)
  }

  public func field(_ structure: UnsafePointer<persona_struct>, _ index: Int) -> UnsafePointer<persona_field> {
    element(header.pointee.fields, Int(structure.pointee.first) + index, as: persona_field.self)
  }

  @inline(__always)
  func steps(_ structure: UnsafePointer<persona_struct>) -> UnsafePointer<persona_step> {
    element(header.pointee.steps, Int(structure.pointee.steps), as: persona_step.self)
  }

  public func sysctl(_ index: Int) -> UnsafePointer<persona_sysctl> {
    element(header.pointee.sysctls, index, as: persona_sysctl.self)
  }

  /// A NUL-terminated string of the table.
  public func string(_ offset: UInt32) -> UnsafePointer<CChar> {
    (base + Int(header.pointee.strings.offset) + Int(offset)).assumingMemoryBound(to: CChar.self)
  }

  /// The ioctl request with this foreign number.
  public func request(_ key: UInt64) -> UnsafePointer<persona_request>? {
    search(header.pointee.requests, key)
  }

  /// The socket option with this foreign level and name.
  public func option(level: UInt32, name: UInt32) -> UnsafePointer<persona_request>? {
    search(header.pointee.options, UInt64(level) << 32 | UInt64(name))
  }

  private func search(_ pool: persona_pool, _ key: UInt64) -> UnsafePointer<persona_request>? {
    var low = 0
    var high = Int(pool.count)
    while low < high {
      let middle = (low + high) / 2
      let candidate = element(pool, middle, as: persona_request.self)
      if candidate.pointee.key == key { return candidate }
      if candidate.pointee.key < key { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  // MARK: Numbers by name

  /// The personality's number of that name; nil when it has none.
  public func constant(_ name: ConstantName) -> Int64? {
    let value = element(header.pointee.constants, Int(name.rawValue), as: Int64.self).pointee
    return value == Int64.min ? nil : value
  }

  /// The personality's flag of that name; 0, which no value has set, when it has none.
  public subscript(_ flag: ConstantName) -> UInt32 {
    UInt32(truncatingIfNeeded: constant(flag) ?? 0)
  }

  // MARK: Numbers that mean the same

  /// The personality's errno for one of Linux's.
  public func foreignErrno(_ native: Int) -> Int {
    let pool = header.pointee.errno_to_foreign
    guard native > 0, native < Int(pool.count) else { return Int(header.pointee.errno_unsupported) }
    return Int(element(pool, native, as: UInt16.self).pointee)
  }

  /// The personality's signal for one of Linux's; 0 if it has none.
  public func foreignSignal(_ native: Int) -> Int {
    let pool = header.pointee.signal_to_foreign
    guard native > 0, native < Int(pool.count) else { return 0 }
    return Int(element(pool, native, as: UInt8.self).pointee)
  }

  /// Linux's signal for one of the personality's; 0 if it has none.
  public func nativeSignal(_ foreign: Int) -> Int {
    let pool = header.pointee.signal_to_native
    guard foreign > 0, foreign < Int(pool.count) else { return 0 }
    return Int(element(pool, foreign, as: UInt8.self).pointee)
  }

  /// What the personality does with a signal without a handler.
  public func signalDefault(_ foreign: Int) -> Int {
    let pool = header.pointee.signal_default
    guard foreign > 0, foreign < Int(pool.count) else { return 0 }
    return Int(element(pool, foreign, as: UInt8.self).pointee)
  }
}

extension Table {
  /// The words by which a system with `error message` tells an errno; nil where it has none.
  public func errnoText(_ foreign: Int) -> UnsafePointer<CChar>? {
    let pool = header.pointee.errno_text
    guard foreign > 0, foreign < Int(pool.count) else { return nil }
    let offset = (base + Int(pool.offset)).load(fromByteOffset: 4 * foreign, as: UInt32.self)
    return offset == 0 ? nil : string(offset)
  }
}
