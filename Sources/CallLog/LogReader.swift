import CWire

/// Takes records out of the shared rings.
///
/// The guest can write anything into them: every size is checked against a private copy, `tail` is never
/// read back, and a drain looks at no more bytes than the ring has.
final class LogReader {
  /// Where one record lies in `bytes`.
  struct Item {
    var time: UInt64
    var offset: Int
    var size: Int
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

  private let memory: UnsafeMutableRawPointer
  private var tails = [UInt64](repeating: 0, count: LogReader.slots)
  private var isDamaged = [Bool](repeating: false, count: LogReader.slots)
  private var lostBefore = [UInt32](repeating: 0, count: LogReader.slots)
  private var heads = [UInt64](repeating: 0, count: LogReader.slots)

  /// The records of the last `read`, in the order of their times; those of a thread in its order.
  private(set) var items: [Item] = []
  private(set) var bytes: [UInt8] = []
  private(set) var damages: [Damage] = []
  /// Records that writers gave up since the last `read`.
  private(set) var lost = 0

  /// `memory` is PERSONA_LOG_SLOTS slots, zeroed before the first writer came.
  init(memory: UnsafeMutableRawPointer) { self.memory = memory }

  /// Empties every ring; false when there was nothing.
  func read() -> Bool {
    items.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    damages.removeAll(keepingCapacity: true)
    lost = 0
    for slot in 0..<LogReader.slots { heads[slot] = persona_log_load(&pointer(slot).pointee.head) }
    var filled = 0
    for slot in 0..<LogReader.slots {
      let before = items.count
      readLost(slot)
      if heads[slot] != tails[slot] { read(slot, to: heads[slot]) }
      if items.count > before { filled += 1 }
    }
    if filled > 1 {
      items.sort { $0.time != $1.time ? $0.time < $1.time : $0.offset < $1.offset }
    }
    return !items.isEmpty || !damages.isEmpty || lost > 0
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
      tail = head & ~7
    }
    let data = memory + slot * MemoryLayout<persona_log_slot>.stride + 64
    while tail < head {
      let offset = tail % LogReader.ring
      let available = min(head - tail, LogReader.ring - offset)
      let start = data + Int(offset)
      let word = persona_log_load(start.assumingMemoryBound(to: UInt64.self))
      let size = word & 0xffff_ffff
      let isSkip = (word >> 32) & 0xffff == UInt64(PERSONA_LOG_SKIP.rawValue)
      guard size >= 8, size % 8 == 0, size <= available,
        isSkip || (size >= UInt64(MemoryLayout<persona_log_record>.stride) && size <= LogReader.longestRecord)
      else {
        damage(slot, tail)
        tail = head
        break
      }
      if !isSkip { copy(start, Int(size)) }
      tail += size
    }
    tails[slot] = tail
    persona_log_store(&pointer(slot).pointee.tail, tail)
  }

  private func copy(_ start: UnsafeMutableRawPointer, _ size: Int) {
    let offset = bytes.count
    bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: size))
    let time = bytes.withUnsafeBytes {
      $0.load(fromByteOffset: offset + MemoryLayout<persona_log_record>.offset(of: \.time)!, as: UInt64.self)
    }
    items.append(Item(time: time, offset: offset, size: size))
  }

  private func damage(_ slot: Int, _ position: UInt64) {
    guard !isDamaged[slot] else { return }
    isDamaged[slot] = true
    damages.append(Damage(slot: slot, position: position))
  }
}
