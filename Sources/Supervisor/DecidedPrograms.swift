import CHost
import CWire
import Glibc

/// What was decided about programs that are executed again and again, in a file that guests read: they execute those without
/// asking (`Engine/KnownPrograms`). Tables are copied there, too, so that it is the only file that they need.
final class DecidedPrograms {
  /// Guests open it by its number here.
  let file: Int32
  /// What a place holds, so that no other file is taken for this one.
  let token: UInt64
  /// What a place is for: one file may have several names, and be executed in several roots.
  private struct Key: Equatable {
    var file: FileIdentity
    var path = ""
    var root: FileRoot?
  }

  private static let placesEnd = Int(PERSONA_PROGRAM_PLACES) * Int(PERSONA_PROGRAM_BYTES)
  /// Room for tables: some 160 KiB each.
  private static let end = placesEnd + 8 << 20

  private var tables: [(of: CompiledPersonality, offset: Int)] = []
  private var tablesEnd = placesEnd
  /// A list, since most sessions execute few programs again, and all pay for what is made at their start.
  private var taken: [(place: Int, key: Key)] = []

  /// nil where there is no memory: everything is asked about then.
  init?() {
    file = persona_shared_file("persona-programs", DecidedPrograms.end)
    guard file >= 0 else { return nil }
    token = UInt64.random(in: 1...UInt64.max)
  }

  deinit { close(file) }

  /// A Linux program, which Linux executes as it is.
  func add(native program: FileIdentity) {
    var decided = persona_program()
    decided.verdict = PERSONA_EXEC_NATIVE.rawValue
    decided.file = program.wire
    write(&decided, bytes: Int(PERSONA_PROGRAM_HEAD), Key(file: program))
  }

  /// A foreign program with its load plan, unless that is too long.
  ///
  /// - Parameters:
  ///   - path: of the program on the host, as Linux names it.
  ///   - engine: this process's descriptor of the engine.
  func add(
    _ program: FileIdentity, path: String, linker: (identity: FileIdentity, path: String)?, root: FileRoot?,
    plan: [UInt8], table: CompiledPersonality, engine: Int32
  ) {
    var decided = persona_program()
    decided.verdict = PERSONA_EXEC_FOREIGN.rawValue
    decided.file = program.wire
    if let linker { decided.linker = linker.identity.wire }
    decided.engine = engine
    guard let offset = offset(of: table) else { return }
    decided.start.table_offset = UInt64(offset)
    decided.start.plan_bytes = UInt32(plan.count)
    let text = plan + Array(path.utf8) + [0] + Array((linker?.path ?? "").utf8) + [0]
    guard text.count <= Int(PERSONA_PLAN_ROOM) else { return }
    text.withUnsafeBytes { _ = memcpy(persona_start_plan(&decided.start), $0.baseAddress!, $0.count) }
    let planOffset = MemoryLayout<persona_program>.size - Int(PERSONA_PLAN_ROOM)
    decided.path = UInt32(planOffset + plan.count)
    decided.linker_path = decided.path + UInt32(path.utf8.count + 1)
    write(&decided, bytes: planOffset + text.count, Key(file: program, path: path, root: root))
  }

  /// Where a personality's table is, copied there when it is first asked for.
  private func offset(of personality: CompiledPersonality) -> Int? {
    if let known = tables.first(where: { $0.of === personality }) { return known.offset }
    let size = Int(personality.tableSize)
    let start = tablesEnd
    guard size <= DecidedPrograms.end - start else { return nil }
    guard persona_copy_file(personality.table, off_t(personality.tableOffset), file, off_t(start), size) == 0 else { return nil }
    tablesEnd = (start + size + 4095) & ~4095
    tables.append((personality, start))
    return start
  }

  private func write(_ decided: inout persona_program, bytes: Int, _ key: Key) {
    let places = (0..<UInt32(PERSONA_PROGRAM_PROBES)).map { Int(persona_program_place(&decided.file, $0)) }
    guard !taken.contains(where: { $0.key == key }),
      let place = places.first(where: { place in !taken.contains { $0.place == place } })
    else { return }
    taken.append((place, key))
    decided.bytes = UInt32(bytes)
    decided.token = token
    var verdict = decided.verdict
    decided.verdict = 0
    let start = place * Int(PERSONA_PROGRAM_BYTES)
    // A guest that finds the verdict finds all else.
    guard pwrite(file, &decided, bytes, start) == bytes else { return }
    _ = pwrite(file, &verdict, MemoryLayout.size(ofValue: verdict), start)
  }
}
