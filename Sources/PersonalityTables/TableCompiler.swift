import CWire
import Wire

/// Resolves a personality against Linux and lays it out as the engine's table (wire-table.h).
///
/// Checking and compiling are one pass: what cannot be compiled is reported, all at once. The passes are in
/// TableCompiler+Calls.swift, +Maps.swift, +Numbers.swift, +Structures.swift and +Subtables.swift.
public struct TableCompiler {
  let personality: Personality
  let native: NativeNames
  let abi: CallABI
  var diagnostics: [Diagnostic] = []

  var calls: [persona_call] = []
  var arguments: [persona_argument] = []
  var operands: [persona_operand] = []
  var maps: [persona_map] = []
  var mapEntries: [persona_map_entry] = []
  var structs: [persona_struct] = []
  var fields: [persona_field] = []
  var steps: [persona_step] = []
  var requests: [persona_request] = []
  var options: [persona_request] = []
  var sysctls: [persona_sysctl] = []
  var strings: [UInt8] = [0]
  var errnoToForeign: [UInt16] = []
  var errnoToNative: [UInt16] = []
  var errnoText: [UInt32] = []
  var signalToForeign: [UInt8] = []
  var signalToNative: [UInt8] = []
  var signalDefault: [UInt8] = []
  var wellKnown: [UInt16] = []
  var layouts: [persona_layout] = []
  var constants: [Int64] = []
  var unions: [persona_union] = []
  var unionEntries: [persona_union_entry] = []

  init(_ personality: Personality, abi: CallABI, native: NativeNames) {
    self.personality = personality
    self.native = native
    self.abi = abi
  }

  /// Compiles the personality's table for the ABI that it was read for.
  ///
  /// The block is nil exactly when there are diagnostics. `checked` also looks for what would compile, but be
  /// met by a guest (Checks.swift); a start does without.
  public static func compile(
    _ personality: Personality, linux: Personality, checked: Bool = false
  ) -> (block: [UInt8]?, diagnostics: [Diagnostic]) {
    guard let abi = personality.abis.first else {
      return (nil, [Diagnostic(position: Position(0, 0), message: "no abi is described")])
    }
    var compiler = TableCompiler(personality, abi: abi, native: NativeNames(linux))
    compiler.compileAll()
    if checked { compiler.check() }
    return (compiler.diagnostics.isEmpty ? compiler.block() : nil, compiler.diagnostics)
  }

  /// What Linux's own tables must keep: a constant has one value, a call at most six arguments.
  static func checkLinux(_ linux: Personality) -> [Diagnostic] {
    var diagnostics: [Diagnostic] = []
    var values: [String: UInt64] = [:]
    for map in linux.maps {
      for entry in map.entries {
        if let value = values.updateValue(entry.value, forKey: entry.name), value != entry.value {
          diagnostics.append(
            Diagnostic(
              position: entry.position, message: "'\(entry.name)' is also \(Int64(bitPattern: value))"))
        }
      }
    }
    for call in linux.calls where call.arguments.count > 6 {
      diagnostics.append(
        Diagnostic(position: call.arguments[6].position, message: "a call of Linux has six arguments at most")
      )
    }
    return diagnostics
  }

  mutating func compileAll() {
    compileNumbers()
    compileMaps()
    compileStructures()
    compileCalls()
    compileRequests()
    compileOptions()
    compileSysctls()
    for name in WellKnown.allCases {
      let key = "\(name)"
      let index = personality.map(named: key) ?? personality.structure(named: key)
      wellKnown.append(index.map { UInt16(truncatingIfNeeded: $0) } ?? .max)
    }
    for name in FieldName.allCases { layouts.append(layout("\(name)")) }
    compileConstants()
  }

  /// The place of STRUCTURE__FIELD.
  private func layout(_ name: String) -> persona_layout {
    let bytes = Array(name.utf8)
    guard let split = bytes.indices.dropLast().first(where: { bytes[$0] == 95 && bytes[$0 + 1] == 95 }),
      let index = personality.structure(named: String(decoding: bytes[..<split], as: UTF8.self)),
      let field = personality.structures[index].field(
        named: String(decoding: bytes[(split + 2)...], as: UTF8.self))
    else { return persona_layout() }
    return persona_layout(
      offset: UInt16(truncatingIfNeeded: field.offset), width: UInt16(truncatingIfNeeded: field.size))
  }

  // MARK: Reports

  mutating func report(_ message: String, _ position: Position, _ hint: String? = nil) {
    diagnostics.append(Diagnostic(position: position, message: message, hint: hint))
  }

  /// The personality's errno of that name; reported where it has none.
  mutating func errno(_ name: String, _ position: Position) -> UInt16 {
    if let number = personality.errnoNumber(name) { return UInt16(truncatingIfNeeded: number) }
    report(
      "no errno named '\(name)'", position, didYouMean(name, personality.errnos.entries.map(\.name)))
    return 0
  }

  mutating func handler(_ name: String, _ position: Position) -> UInt16 {
    if let number = native.handlers[name] { return number }
    report("no handler named '\(name)'", position, didYouMean(name, native.handlers.keys.sorted()))
    return 0
  }

  // MARK: Strings

  /// Adds a NUL-terminated string and answers its offset; "" is 0.
  mutating func string(_ text: String) -> UInt32 {
    if text.isEmpty { return 0 }
    let offset = UInt32(strings.count)
    strings.append(contentsOf: text.utf8)
    strings.append(0)
    return offset
  }
}
