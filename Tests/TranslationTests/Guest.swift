import CEngine
import CWire
import PersonalityTables
import Testing

@testable import Translation

/// A foreign program's view of this test process: calls by name through the real tables, with this
/// process's own memory as the guest's.
struct Guest: @unchecked Sendable {
  /// What a call answered, in its system's words.
  enum Answer: Equatable {
    case value(Int)
    case failure(Int)
    case restart

    var value: Int? { if case .value(let value) = self { value } else { nil } }

    /// The value of a call that a test needs to succeed; -1 and a report when it failed.
    var result: Int {
      if let value { return value }
      Issue.record("failed: \(self)")
      return -1
    }
  }

  private let block: [UInt8]
  let personality: Personality
  let table: Table

  static let freeBSD = Guest()
  /// The same for programs with words of 32 bits.
  static let freeBSD32 = Guest("freebsd", Edition(abi: "i386"))

  static let netBSD = Guest("netbsd")
  static let openBSD = Guest("openbsd")
  static let dragonFly = Guest("dragonfly")

  private init(_ name: String = "freebsd", _ edition: Edition = Edition()) {
    let (personality, block) = try! Guest.compile(name, edition)
    // The table is read by address for as long as the process lives.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: block.count, alignment: 16)
    block.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: block.count) }
    self.block = block
    self.personality = personality
    table = Table(memory)
  }

  /// The compiled table of a personality.
  static func block(_ name: String) throws -> [UInt8] { try compile(name, Edition()).block }

  private static func compile(_ name: String, _ edition: Edition) throws -> (personality: Personality, block: [UInt8]) {
    var path = #filePath[...]
    for _ in 0..<3 { path = path[..<path.lastIndex(of: "/")!] }
    let directory = String(path) + "/personalities"
    let linux = try PersonalityLoader.load("linux", from: [directory])
    let foreign = try PersonalityLoader.load(name, from: [directory], edition: edition)
    let compiled = TableCompiler.compile(foreign.personality, linux: linux.personality)
    guard let block = compiled.block, foreign.diagnostics.isEmpty, linux.diagnostics.isEmpty else {
      fatalError(foreign.report + compiled.diagnostics.map { $0.text(in: foreign.source) }.joined(separator: "\n"))
    }
    return (foreign.personality, block)
  }

  /// Makes the call `name` with these argument words.
  func callAsFunction(_ name: String, _ words: Int...) -> Answer { perform(name, words).answer }

  /// The same, with the second result register.
  func pair(_ name: String, _ words: Int...) -> (answer: Answer, second: Int) { perform(name, words) }

  private func perform(_ name: String, _ words: [Int]) -> (answer: Answer, second: Int) {
    guard let row = personality.call(named: name) else { fatalError("no call named \(name)") }
    var arguments = InlineArray<8, UInt64>(repeating: 0)
    for (index, word) in words.enumerated() { arguments[index] = UInt64(bitPattern: Int64(word)) }
    let thread = persona_current()!
    thread.pointee.process.pointee.table = table.header
    thread.pointee.scratch_used = 0
    var call = Call(
      thread: thread, table: table, row: table.call(UInt64(row.number))!, number: row.number,
      words: arguments)
    let result = call.perform()
    return (Guest.answer(result, table), call.second ?? 0)
  }

  static func answer(_ result: Int, _ table: Table) -> Answer {
    if result == Int(PERSONA_RESTART) { return .restart }
    if result >= -4095 && result < 0 { return .failure(table.foreignErrno(-result)) }
    if result <= Int(PERSONA_FOREIGN_ERROR), result > Int(PERSONA_FOREIGN_ERROR) - 4096 {
      return .failure(Int(PERSONA_FOREIGN_ERROR) - result)
    }
    return .value(result)
  }

  /// An errno of FreeBSD's, by name.
  func errno(_ name: String) -> Answer { .failure(personality.errnoNumber(name)!) }
}

/// Guest memory, zeroed. Calls know it by its address only, so it stays until the process ends.
final class Memory {
  let bytes: UnsafeMutableRawPointer
  let count: Int

  init(_ count: Int) {
    self.count = count
    bytes = .allocate(byteCount: max(count, 16), alignment: 16)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 16))
  }

  convenience init(_ text: String) {
    let utf8 = Array(text.utf8)
    self.init(utf8.count + 1)
    for (index, byte) in utf8.enumerated() { self[index] = byte }
  }

  var word: Int { Int(bitPattern: bytes) }

  subscript(_ index: Int) -> UInt8 {
    get { bytes.load(fromByteOffset: index, as: UInt8.self) }
    set { bytes.storeBytes(of: newValue, toByteOffset: index, as: UInt8.self) }
  }

  func get<T: BitwiseCopyable>(_ offset: Int, as: T.Type = T.self) -> T {
    bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
  }

  func set<T: BitwiseCopyable>(_ value: T, _ offset: Int) {
    bytes.storeBytes(of: value, toByteOffset: offset, as: T.self)
  }

  /// The NUL-terminated text at `offset`.
  func text(_ offset: Int, limit: Int = .max) -> String {
    var end = offset
    while end < count, end - offset < limit, self[end] != 0 { end += 1 }
    return String(decoding: UnsafeRawBufferPointer(start: bytes + offset, count: end - offset), as: UTF8.self)
  }
}

/// A directory of its own, removed with its owner.
final class TemporaryDirectory {
  let path: String

  init() {
    var path = ""
    while true {
      path = "/tmp/persona-tests-\(UInt64.random(in: 0...UInt64.max))"
      let memory = Memory(path)
      if persona_syscall(Int64(__NR_mkdir), UInt64(memory.word), 0o700, 0, 0, 0, 0) == 0 { break }
    }
    self.path = path
  }

  deinit { TemporaryDirectory.remove(path) }

  func callAsFunction(_ name: String) -> Memory { Memory(path + "/" + name) }

  private static func remove(_ path: String) {
    let name = Memory(path)
    let descriptor = persona_syscall(
      Int64(__NR_open), UInt64(name.word), UInt64(O_DIRECTORY), 0, 0, 0, 0)
    if descriptor >= 0 {
      let entries = Memory(65536)
      while true {
        let count = persona_syscall(
          Int64(__NR_getdents64), UInt64(descriptor), UInt64(entries.word), 65536, 0, 0, 0)
        if count <= 0 { break }
        var at = 0
        while at < count {
          let entry = entries.text(at + 19)
          let length = Int(entries.get(at + 16, as: UInt16.self))
          if entry != ".", entry != ".." {
            let isDirectory = entries.get(at + 18, as: UInt8.self) == 4
            if isDirectory { remove(path + "/" + entry) }
            else {
              let file = Memory(path + "/" + entry)
              _ = persona_syscall(Int64(__NR_unlink), UInt64(file.word), 0, 0, 0, 0, 0)
            }
          }
          at += length
        }
      }
      _ = persona_syscall(Int64(__NR_close), UInt64(descriptor), 0, 0, 0, 0, 0)
    }
    _ = persona_syscall(Int64(__NR_rmdir), UInt64(name.word), 0, 0, 0, 0, 0)
  }
}
