import CWire
import CallLog
import Testing

/// Rings as a hostile guest may leave them.
@Suite struct ReaderTests {
  @Test func rubbishIsReportedOncePerSlot() {
    let ring = Ring()
    let slot = ring.slot(5)
    (UnsafeMutableRawPointer(slot) + 64).storeBytes(of: 0xffff_ffff, as: UInt32.self)
    slot.pointee.head = 4096
    let file = LogFile(ring)
    file.log.drain()
    #expect(
      file.text
        == "persona: call log: slot 5 is damaged at byte 0; what its threads recorded may be missing\n")
    #expect(slot.pointee.tail == 4096)
    slot.pointee.head = 1 << 40 | 3
    file.log.drain()
    #expect(file.text.split(separator: "\n").count == 1)
  }

  @Test func aDamagedSlotGoesOn() {
    let ring = Ring()
    let slot = ring.slot(100 % 64)
    slot.pointee.head = UInt64(PERSONA_LOG_SLOT_BYTES) * 2
    let file = LogFile(ring)
    file.log.drain()
    slot.pointee.head = (UInt64(PERSONA_LOG_SLOT_BYTES) - 64) * 3
    file.log.drain()
    ring.append(.entry(1, [7]))
    file.log.finish()
    #expect(file.text.hasSuffix("[100] exit(7) = ?\n"))
  }

  @Test func lostRecordsAreReported() {
    let ring = Ring()
    ring.slot(3).pointee.lost = 2
    let file = LogFile(ring)
    file.log.finish()
    file.log.finish()
    #expect(file.text == "persona: call log: 2 records were lost\n")
  }

  @Test func reportsAreObjectsAmongObjects() {
    let ring = Ring()
    ring.slot(3).pointee.lost = 1
    ring.slot(4).pointee.lost = UInt32.max
    let file = LogFile(ring, format: .json)
    file.log.finish()
    #expect(
      file.text == #"{"log":"slot 4 is damaged at byte 0; what its threads recorded may be missing"}"# + "\n"
        + #"{"log":"1 record was lost"}"# + "\n")
  }

  @Test func lengthsInsideARecordAreNotBelieved() {
    let ring = Ring()
    var entry = Record.entry(4, [1, 0x1000, 1], captures: [1: [65]])
    entry.store(UInt32.max, at: 56 + 4)
    ring.append(entry)
    var exit = Record.exit(4, 1, natives: [.init(number: 1, arguments: [1, 0x1000, 1], result: 1)])
    exit.store(UInt16.max, at: 24 + 6)
    exit.store(UInt16.max, at: 6)
    ring.append(exit)
    let file = LogFile(ring)
    file.log.finish()
    #expect(file.text == "[100] write(1, 0x1000, 1) = 1  <= same\n")
  }

  /// Mutated records, heads and tails: nothing traps, nothing hangs.
  @Test func mutations() {
    var random = Random(state: 42)
    let ring = Ring()
    let file = LogFile(ring)
    let seeds: [Record] = [
      .entry(4, [1, 0x1000, 3], captures: [1: [65, 66, 67]]),
      .exit(4, 3, natives: [.init(number: 1, arguments: [1, 0x1000, 3], result: 3)]),
      .entry(
        10, [5, 0x1000, 1, 0x2000, 8, 0x3000],
        captures: [1: .init(words: [3, 0x21_ffff, 0, 0]), 5: .init(words: [1, 2])]),
      .exit(10, 1, captures: [3: .init(words: [3, 0x20_ffff, 17, 0x55])]),
      .entry(13, [3, 0x1000, 16], captures: [1: [16, 2, 0, 80, 1, 2, 3, 4]]),
      .entry(
        17, [0x1000, 2, 0x2000, 0x3000, 0, 0], captures: [0: .init(ints: [1, 24]), 3: .init(words: [4])]),
      .entry(11, [0x1000, 0x1000, 0x1000], captures: [0: [65], 1: [65, 0, 66], 2: [0]]),
      .signal(16, code: 0x10007, address: 12, handler: 0x4321),
      .entry(6, [1, 0x1000, 0, 0]), .exit(6, 77, captures: [1: .init(ints: [0x8b])]),
      .entry(12, [1, 0x1000, 0x2000], captures: [1: [0xff]]), .exit(12, 0, captures: [2: [1, 2, 3]]),
      .entry(16, [3, 0xffff, 4, 0x1000, 4], captures: [3: [1, 2]]), .entry(15, [0, 0x4004_667f, 0x1000]),
    ]
    for _ in 0..<20_000 {
      let slot = random.below(64)
      for _ in 0..<1 + random.below(4) {
        var record = seeds[random.below(seeds.count)]
        for _ in 0..<random.below(6) {
          let offset = random.below(record.bytes.count)
          record.bytes[offset] = UInt8(truncatingIfNeeded: random.next())
        }
        let ring = ring.slot(slot)
        if Int(ring.pointee.head % (UInt64(PERSONA_LOG_SLOT_BYTES) - 64)) > 200_000 {
          ring.pointee.head += 8 * UInt64(random.below(9000))
        }
        if ring.pointee.head % (UInt64(PERSONA_LOG_SLOT_BYTES) - 64) < 200_000 { self.append(record, ring) }
      }
      switch random.below(200) {
      case 0: ring.slot(slot).pointee.head = random.next()
      case 1: ring.slot(slot).pointee.tail = random.next()
      case 2: ring.slot(slot).pointee.head &-= 64
      case 3: ring.slot(slot).pointee.head = UInt64.max - 7
      default: break
      }
      if random.below(3) == 0 { file.log.drain() }
    }
    file.log.finish()
    #expect(file.log.failure == nil)
  }

  private func append(_ record: Record, _ slot: UnsafeMutablePointer<persona_log_slot>) {
    let ring = UInt64(PERSONA_LOG_SLOT_BYTES) - 64
    let start = UnsafeMutableRawPointer(slot) + 64 + Int(slot.pointee.head % ring)
    record.bytes.withUnsafeBytes { start.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    slot.pointee.head &+= UInt64(record.bytes.count)
  }
}

/// A repeatable sequence (xorshift64*).
struct Random {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }

  mutating func below(_ bound: Int) -> Int { Int(next() >> 1) % bound }
}
