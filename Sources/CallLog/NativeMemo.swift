import CWire

/// Texts of Linux calls that read the same each time: a program that makes one call again and again becomes the same Linux call,
/// whose flags and constants cost more to write than all else of its line.
struct NativeMemo: ~Copyable {
  private struct Key {
    var row: UInt32 = 0
    var native = persona_log_native()
  }

  private struct Entry {
    var key = Key()
    /// 0 while there is none.
    var count = 0
  }

  private static let places = 16
  private static let room = 160
  private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: places)
  private let texts = UnsafeMutablePointer<UInt8>.allocate(capacity: places * room)

  init() { entries.initialize(repeating: Entry(), count: NativeMemo.places) }

  deinit {
    entries.deallocate()
    texts.deallocate()
  }

  private static func place(_ row: UInt32, _ native: persona_log_native) -> Int {
    Int((row &* 31) ^ native.number ^ UInt32(truncatingIfNeeded: native.arguments.0)) & (places - 1)
  }

  /// Appends what was kept of the same Linux call made for the same row; false where nothing was.
  func append(_ row: UInt32, _ native: persona_log_native, to text: TextBuffer) -> Bool {
    let place = NativeMemo.place(row, native)
    let entry = entries + place
    guard entry.pointee.count > 0, entry.pointee.key.row == row, isSame(entry.pointee.key.native, native) else { return false }
    text.append(texts + place * NativeMemo.room, entry.pointee.count)
    return true
  }

  func keep(_ row: UInt32, _ native: persona_log_native, _ bytes: UnsafeRawBufferPointer) {
    guard 1...NativeMemo.room ~= bytes.count else { return }
    let place = NativeMemo.place(row, native)
    entries[place] = Entry(key: Key(row: row, native: native), count: bytes.count)
    UnsafeMutableRawPointer(texts + place * NativeMemo.room).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
  }

  private func isSame(_ one: persona_log_native, _ other: persona_log_native) -> Bool {
    one.number == other.number && one.result == other.result && one.arguments.0 == other.arguments.0
      && one.arguments.1 == other.arguments.1 && one.arguments.2 == other.arguments.2 && one.arguments.3 == other.arguments.3
      && one.arguments.4 == other.arguments.4 && one.arguments.5 == other.arguments.5
  }
}
