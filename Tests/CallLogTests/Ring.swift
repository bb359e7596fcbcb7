import CWire
import CallLog
import Glibc
import PersonalityTables

/// The call log's shared memory, as tests and the writers in them see it.
final class Ring {
  let memory: UnsafeMutableRawPointer
  static let size = Int(PERSONA_LOG_SLOTS) * MemoryLayout<persona_log_slot>.stride

  init() {
    memory = mmap(nil, Ring.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    precondition(memory != MAP_FAILED)
  }

  deinit { munmap(memory, Ring.size) }

  func slot(_ index: Int) -> UnsafeMutablePointer<persona_log_slot> {
    memory.assumingMemoryBound(to: persona_log_slot.self) + index
  }

  /// Moves an empty slot past what is left before the ring's end when that is little.
  func rewind(_ index: Int) {
    let slot = slot(index)
    let ring = UInt64(PERSONA_LOG_SLOT_BYTES) - 64
    let rest = ring - slot.pointee.head % ring
    guard rest < 65536 else { return }
    (UnsafeMutableRawPointer(slot) + 64 + Int(slot.pointee.head % ring)).storeBytes(of: rest, as: UInt64.self)
    slot.pointee.head += rest
  }

  /// Puts bytes behind what slot `index` holds, as an engine would.
  func append(_ record: Record, slot index: Int? = nil) {
    let slot = slot(index ?? Int(record.tid) % Int(PERSONA_LOG_SLOTS))
    let data = UnsafeMutableRawPointer(slot) + 64
    let ring = Int(PERSONA_LOG_SLOT_BYTES) - 64
    precondition(Int(slot.pointee.head) % ring + record.bytes.count <= ring)
    record.bytes.withUnsafeBytes {
      (data + Int(slot.pointee.head) % ring).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
    slot.pointee.head += UInt64(record.bytes.count)
  }
}

/// A record built by hand.
struct Record {
  var bytes: [UInt8]
  var tid: Int32

  private init(_ kind: persona_log_kind, pid: Int32, tid: Int32, time: UInt64) {
    self.tid = tid
    bytes = []
    append(UInt32(0))
    append(UInt16(kind.rawValue))
    append(UInt16(0))
    append(pid)
    append(tid)
    append(time)
  }

  static func entry(
    _ number: UInt32, _ arguments: [UInt64] = [], pid: Int32 = 100, tid: Int32 = 100, time: UInt64 = 0,
    captures: [Int: [UInt8]] = [:]
  ) -> Record {
    var record = Record(PERSONA_LOG_ENTRY, pid: pid, tid: tid, time: time)
    record.append(number)
    record.append(UInt32(arguments.count))
    for argument in arguments { record.append(argument) }
    record.close(captures)
    return record
  }

  struct Native {
    var number: UInt32
    var arguments: [UInt64]
    var result: Int64
  }

  static func exit(
    _ number: UInt32, _ result: Int64, outcome: persona_log_outcome = PERSONA_OUTCOME_RESULT,
    second: Int64 = 0, natives: [Native] = [], isSame: Bool = false, pid: Int32 = 100, tid: Int32 = 100, time: UInt64 = 0,
    captures: [Int: [UInt8]] = [:]
  ) -> Record {
    var record = Record(PERSONA_LOG_EXIT, pid: pid, tid: tid, time: time)
    record.append(number)
    record.append(UInt8(outcome.rawValue))
    record.append(UInt8(isSame ? 1 : 0))
    record.append(UInt16(natives.count))
    record.append(result)
    record.append(second)
    for native in natives {
      record.append(native.number)
      record.append(UInt32(native.arguments.count))
      record.append(native.result)
      for argument in native.arguments { record.append(argument) }
    }
    record.close(captures)
    return record
  }

  static func signal(
    _ signal: Int32, code: Int32, address: UInt64, handler: UInt64, pid: Int32 = 100, tid: Int32 = 100
  ) -> Record {
    var record = Record(PERSONA_LOG_SIGNAL, pid: pid, tid: tid, time: 0)
    record.append(signal)
    record.append(code)
    record.append(address)
    record.append(handler)
    record.close([:])
    return record
  }

  private mutating func close(_ captures: [Int: [UInt8]]) {
    for (argument, content) in captures.sorted(by: { $0.key < $1.key }) {
      append(UInt8(argument))
      append(UInt8(0))
      append(UInt16(0))
      append(UInt32(content.count))
      bytes += content
      while bytes.count % 8 != 0 { bytes.append(0) }
    }
    store(UInt32(bytes.count), at: 0)
    store(UInt16(captures.count), at: 6)
  }

  mutating func store<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: T.self) }
  }

  private mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}

/// A call log that writes to a file whose text can be read back.
final class LogFile {
  let log: CallLog
  private let descriptor: Int32

  init(
    _ ring: Ring, foreign: Personality = SamplePersonality.foreign,
    linux: Personality = SamplePersonality.linux,
    format: LogFormat = .text, countsCycles: Bool = false
  ) {
    let file = tmpfile()!
    descriptor = dup(fileno(file))
    fclose(file)
    log = CallLog(
      memory: ring.memory, foreign: foreign, linux: linux, output: descriptor, format: format, countsCycles: countsCycles)
  }

  deinit { close(descriptor) }

  /// Everything written so far.
  var text: String {
    var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }
}

extension [UInt8] {
  init(words: [UInt64]) { self = words.flatMap { word in Swift.withUnsafeBytes(of: word) { Array($0) } } }
  init(ints: [Int32]) { self = ints.flatMap { word in Swift.withUnsafeBytes(of: word) { Array($0) } } }
}
