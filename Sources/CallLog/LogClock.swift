import CWire
import Glibc

/// Tells the nanoseconds of CLOCK_MONOTONIC that a record's time stands for.
///
/// Where Linux takes its own clock from the processor's time-stamp counter, engines record that counter, which takes a tenth
/// of the time of the clock. What the counter meant is found by looking at both now and then.
struct LogClock {
  private struct Sample {
    var cycles: UInt64
    var nanoseconds: UInt64

    init() {
      var time = timespec()
      let before = persona_cycles()
      clock_gettime(CLOCK_MONOTONIC, &time)
      cycles = before + (persona_cycles() - before) / 2
      nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
  }

  let countsCycles: Bool
  private var earlier = Sample()
  private var later: Sample
  /// A rate is taken over at least so much, in nanoseconds.
  private static let distance: UInt64 = 1_000_000_000

  init(countsCycles: Bool) {
    self.countsCycles = countsCycles
    later = earlier
  }

  /// Looks at counter and clock; to be called before records are told.
  mutating func look() {
    guard countsCycles else { return }
    if later.nanoseconds - earlier.nanoseconds > LogClock.distance { earlier = later }
    later = Sample()
  }

  func nanoseconds(_ time: UInt64) -> UInt64 {
    guard countsCycles, later.cycles > earlier.cycles else { return time }
    let rate = Double(later.nanoseconds - earlier.nanoseconds) / Double(later.cycles - earlier.cycles)
    // A guest may write any number.
    let since = max(-0x1p62, min(Double(Int64(bitPattern: time &- later.cycles)) * rate, 0x1p62))
    return later.nanoseconds &+ UInt64(bitPattern: Int64(since))
  }

  /// Whether Linux takes its clock from the counter, which is then the same on all processors.
  static func isCounter() -> Bool {
    let file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 16)
    let count = read(file, &text, text.count)
    return count >= 3 && text.prefix(count).elementsEqual("tsc\n".utf8)
  }
}
