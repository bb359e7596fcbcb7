import CWire
import Glibc
import PersonalityTables

/// How the call log is written.
public enum LogFormat: String, Sendable, CaseIterable {
  /// One line a call, like strace's.
  case text
  /// One JSON object a line.
  case json
  /// A table of calls, errors and times at the end.
  case summary
}

/// The supervisor's end of the call log: empties the rings that the guests fill and writes what was in them.
///
/// Format: docs/log.md. Not for use by two threads at a time.
public final class CallLog {
  private let reader: LogReader
  private let renderer: LogRenderer
  private let output: Int32
  /// The errno of the write that failed; the rings are emptied all the same.
  public private(set) var failure: Int32?

  /// `memory` is PERSONA_LOG_SLOTS slots that the guests share, still zero; `output` stays the caller's.
  /// - Parameter countsCycles: times are to be the processor's time-stamp counter, where Linux's clock is that too.
  public init(
    memory: UnsafeMutableRawPointer, foreign: Personality, linux: Personality, output: Int32,
    format: LogFormat = .text, countsCycles: Bool = false
  ) {
    let clock = LogClock(countsCycles: countsCycles && LogClock.isCounter())
    if clock.countsCycles {
      let slots = memory.assumingMemoryBound(to: persona_log_slot.self)
      for index in 0..<Int(PERSONA_LOG_SLOTS) { slots[index].counts_cycles = 1 }
    }
    reader = LogReader(memory: memory)
    renderer = LogRenderer(foreign: foreign, linux: linux, format: format, clock: clock)
    self.output = output
  }

  /// Writes everything that has been recorded; false when there was nothing.
  ///
  /// - Parameter emptied: called when the rings are empty, before anything is written: a writer can go on.
  @discardableResult
  public func drain(_ emptied: () -> Void = {}) -> Bool {
    let isNew = reader.read()
    emptied()
    guard isNew else { return false }
    renderer.render(reader.items)
    for damage in reader.damages { renderer.report(damage) }
    if reader.lost > 0 { renderer.report(lost: reader.lost) }
    flush()
    return true
  }

  /// Writes the calls that the threads of `pid` were in when they ended.
  public func processEnded(_ pid: Int32) {
    drain()
    renderer.abandon { $0 == pid }
    flush()
  }

  /// Writes what is left; call it when no guest lives any more.
  public func finish() {
    drain()
    renderer.abandon { _ in true }
    renderer.finish()
    flush()
  }

  private func flush() {
    var rest = renderer.text.bytes
    while !rest.isEmpty, failure == nil {
      let written = write(output, rest.baseAddress!, rest.count)
      if written >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if errno == EAGAIN {
        var ready = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
        _ = poll(&ready, 1, -1)
      } else if errno != EINTR {
        failure = errno
      }
    }
    renderer.text.removeAll()
  }
}
