import CHost
import CWire
import Glibc
import HostText

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
  /// A program with its plan.
  private struct Foreign {
    var plan: LoadPlan
    var path: String
    var linker: (identity: FileIdentity, path: String)?
    var tableOffset: Int
    var engine: Int32
  }

  private struct Place {
    var index: Int
    var key: Key
    /// nil for a Linux program.
    var program: Foreign?
    var writes: UInt32 = 0
  }

  /// A list, since most sessions execute few programs again, and all pay for what is made at their start.
  private var taken: [Place] = []

  /// nil where there is no memory: everything is asked about then.
  init?() {
    file = persona_shared_file("persona-programs", DecidedPrograms.end)
    guard file >= 0 else { return nil }
    token = UInt64.random(in: 1...UInt64.max)
  }

  deinit { close(file) }

  /// A Linux program, which Linux executes as it is.
  func add(native program: FileIdentity) {
    take(Key(file: program), nil)
  }

  /// A foreign program with its load plan, unless that is too long.
  ///
  /// - Parameters:
  ///   - path: of the program on the host, as Linux names it.
  ///   - engine: this process's descriptor of the engine.
  func add(
    _ program: FileIdentity, path: String, linker: (identity: FileIdentity, path: String)?, root: FileRoot?,
    plan: LoadPlan, table: CompiledPersonality, engine: Int32
  ) {
    guard let offset = offset(of: table) else { return }
    take(
      Key(file: program, path: path, root: root),
      Foreign(plan: plan, path: path, linker: linker, tableOffset: offset, engine: engine))
  }

  /// A call in a program's text has become a jump: its next processes begin with it.
  ///
  /// - Parameter code: the instructions before it that went elsewhere and the call, which must be the file's, too.
  func addSite(_ address: UInt64, _ code: ArraySlice<UInt8>, place: Int) {
    guard let at = taken.firstIndex(where: { $0.index == place }), var program = taken[at].program,
      let offset = program.plan.addSite(address, length: UInt32(code.count - 2)),
      DecidedPrograms.holds(program.path, taken[at].key.file, code, at: offset)
    else { return }
    taken[at].program = program
    write(&taken[at])
  }

  private static func holds(_ path: String, _ identity: FileIdentity, _ code: ArraySlice<UInt8>, at offset: UInt64) -> Bool {
    let file = Host.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return false }
    defer { close(file) }
    var status = stat()
    var found = [UInt8](repeating: 0, count: code.count)
    return fstat(file, &status) == 0 && FileIdentity(settled: status) == identity
      && pread(file, &found, found.count, off_t(offset)) == found.count && found.elementsEqual(code)
  }

  private func take(_ key: Key, _ program: Foreign?) {
    var file = key.file.wire
    let places = (0..<UInt32(PERSONA_PROGRAM_PROBES)).map { Int(persona_program_place(&file, $0)) }
    guard !taken.contains(where: { $0.key == key }),
      let index = places.first(where: { index in !taken.contains { $0.index == index } })
    else { return }
    taken.append(Place(index: index, key: key, program: program))
    write(&taken[taken.count - 1])
  }

  private func write(_ place: inout Place) {
    var decided = persona_program()
    decided.file = place.key.file.wire
    decided.token = token
    var bytes = Int(PERSONA_PROGRAM_HEAD)
    var verdict = PERSONA_EXEC_NATIVE.rawValue
    if let program = place.program {
      verdict = PERSONA_EXEC_FOREIGN.rawValue
      if let linker = program.linker { decided.linker = linker.identity.wire }
      decided.engine = program.engine
      decided.start.table_offset = UInt64(program.tableOffset)
      let plan = program.plan.serialized()
      decided.start.plan_bytes = UInt32(plan.count)
      let path = program.path.hostBytes + [0]
      let text = plan + path + (program.linker?.path ?? "").hostBytes + [0]
      guard text.count <= Int(PERSONA_PLAN_ROOM) else { return }
      text.withUnsafeBytes { _ = memcpy(persona_start_plan(&decided.start), $0.baseAddress!, $0.count) }
      persona_set_place(&decided, UInt32(place.index))
      let planOffset = MemoryLayout<persona_program>.size - Int(PERSONA_PLAN_ROOM)
      decided.path = UInt32(planOffset + plan.count)
      decided.linker_path = decided.path + UInt32(path.count)
      bytes = planOffset + text.count
    }
    decided.bytes = UInt32(bytes)
    place.writes += 1
    verdict |= place.writes << 8
    let start = place.index * Int(PERSONA_PROGRAM_BYTES)
    var none: UInt32 = 0
    guard pwrite(file, &none, 4, start) == 4, pwrite(file, &decided, bytes, start) == bytes else { return }
    // A guest that finds the verdict finds all else.
    _ = pwrite(file, &verdict, 4, start)
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
}
