import CWire

/// Takes records out of the shared rings.
///
/// The guest can write anything into them: every size is checked in a private copy, `tail` is never
/// read back, and a drain looks at no more bytes than the ring has.
final class LogReader {
  /// One record, in memory that the next `read` uses again.
  struct Item {
    var time: UInt64
    var bytes: UnsafeRawBufferPointer
  }

  /// What was wrong with a slot; each slot says so once.
  struct Damage: Equatable {
    var slot: Int
    var position: UInt64
  }

  static let slots = Int(PERSONA_LOG_SLOTS)
  static let ring = UInt64(PERSONA_LOG_SLOT_BYTES) - 64
  /// No record that an engine writes is longer: arguments, natives and captures.
  static let longestRecord = 64 * 1024
  /// No writers give up more records between two looks.
  static let mostLost: UInt32 = 1 << 20
  private static let head = MemoryLayout<persona_log_record>.stride

  private let memory: UnsafeMutableRawPointer
  private var tails = [UInt64](repeating: 0, count: LogReader.slots)
  private var isDamaged = [Bool](repeating: false, count: LogReader.slots)
  private var lostBefore = [UInt32](repeating: 0, count: LogReader.slots)
  private var heads = [UInt64](repeating: 0, count: LogReader.slots)

  /// What the rings held, and the records in it.
  private var copy = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var used = 0
  private var records = UnsafeMutableBufferPointer<Item>(start: nil, count: 0)
  private var recordCount = 0

  /// The records of the last `read`, in the order of their times; those of a thread in its order.
  var items: UnsafeBufferPointer<Item> { UnsafeBufferPointer(rebasing: records[..<recordCount]) }
  private(set) var damages: [Damage] = []
  /// Records that writers gave up since the last `read`.
  private(set) var lost = 0

  /// `memory` is PERSONA_LOG_SLOTS slots, zeroed before the first writer came.
  init(memory: UnsafeMutableRawPointer) { self.memory = memory }

  deinit {
    copy.deallocate()
    records.deallocate()
  }

  /// Empties every ring; false when there was nothing.
  func read() -> Bool {
    (used, recordCount, lost) = (0, 0, 0)
    damages.removeAll(keepingCapacity: true)
    var waiting = 0
    for slot in 0..<LogReader.slots {
      heads[slot] = persona_log_load(&pointer(slot).pointee.head)
      waiting += Int(min(heads[slot] &- tails[slot], LogReader.ring))
    }
    makeRoom(waiting)
    var filled = 0
    for slot in 0..<LogReader.slots {
      let before = recordCount
      readLost(slot)
      if heads[slot] != tails[slot] { read(slot, to: heads[slot]) }
      if recordCount > before { filled += 1 }
    }
    if filled > 1 {
      var read = UnsafeMutableBufferPointer(rebasing: records[..<recordCount])
      read.sort {
        $0.time != $1.time ? $0.time < $1.time : $0.bytes.baseAddress! < $1.bytes.baseAddress!
      }
    }
    return recordCount > 0 || !damages.isEmpty || lost > 0
  }

  private func makeRoom(_ bytes: Int) {
    guard bytes > copy.count else { return }
    let size = max(bytes, 2 * copy.count)
    copy.deallocate()
    records.deallocate()
    copy = .allocate(byteCount: size, alignment: 16)
    records = .allocate(capacity: size / LogReader.head + 1)
  }

  private func pointer(_ slot: Int) -> UnsafeMutablePointer<persona_log_slot> {
    memory.assumingMemoryBound(to: persona_log_slot.self) + slot
  }

  private func readLost(_ slot: Int) {
    let now = pointer(slot).pointee.lost
    let since = now &- lostBefore[slot]
    lostBefore[slot] = now
    if since > LogReader.mostLost { return damage(slot, tails[slot]) }
    if !isDamaged[slot] { lost += Int(since) }
  }

  private func read(_ slot: Int, to head: UInt64) {
    var tail = tails[slot]
    if head &- tail > LogReader.ring || head % 8 != 0 {
      damage(slot, tail)
      tail = head
    }
    let data = memory + slot * MemoryLayout<persona_log_slot>.stride + 64
    while tail < head {
      let offset = tail % LogReader.ring
      let count = Int(min(head - tail, LogReader.ring - offset))
      let piece = copy.baseAddress! + used
      piece.copyMemory(from: data + Int(offset), byteCount: count)
      used += count
      if let bad = split(UnsafeRawBufferPointer(start: piece, count: count)) {
        damage(slot, tail + UInt64(bad))
        tail = head
        break
      }
      tail += UInt64(count)
    }
    tails[slot] = tail
    persona_log_store(&pointer(slot).pointee.tail, tail)
  }

  /// Finds the records of a piece of a ring; where something else stands, the place of that.
  private func split(_ piece: UnsafeRawBufferPointer) -> Int? {
    var offset = 0
    while offset < piece.count {
      guard piece.count - offset >= 8 else { return offset }
      let word = piece.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let size = Int(word & 0xffff_ffff)
      let isSkip = (word >> 32) & 0xffff == UInt64(PERSONA_LOG_SKIP.rawValue)
      guard size >= 8, size % 8 == 0, size <= piece.count - offset,
        isSkip || (size >= LogReader.head && size <= LogReader.longestRecord)
      else { return offset }
      if !isSkip {
        let bytes = UnsafeRawBufferPointer(rebasing: piece[offset..<offset + size])
        let time = bytes.loadUnaligned(fromByteOffset: MemoryLayout<persona_log_record>.offset(of: \.time)!, as: UInt64.self)
        (records.baseAddress! + recordCount).initialize(to: Item(time: time, bytes: bytes))
        recordCount += 1
      }
      offset += size
    }
    return nil
  }

  private func damage(_ slot: Int, _ position: UInt64) {
    guard !isDamaged[slot] else { return }
    isDamaged[slot] = true
    damages.append(Damage(slot: slot, position: position))
  }
}
