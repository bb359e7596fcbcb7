import CWire
import CallLog
import Glibc
import PersonalityTables
import Testing

/// The log with the tables that are shipped.
@Suite struct RealTablesTests {
  private static let folder =
    #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/personalities"

  private func load(_ name: String) throws -> Personality {
    let loaded = try PersonalityLoader.load(name, from: [RealTablesTests.folder])
    #expect(loaded.diagnostics.isEmpty)
    return loaded.personality
  }

  /// Every row is written, whatever its arguments hold.
  @Test(arguments: ["freebsd"]) func everyRow(_ name: String) throws {
    let foreign = try load(name)
    let linux = try load("linux")
    var random = Random(state: 7)
    let ring = Ring()
    let file = LogFile(ring, foreign: foreign, linux: linux)
    var count = 0
    for row in foreign.calls {
      for _ in 0..<5 {
        let words = (0..<8).map { _ in random.word() }
        var captures: [Int: [UInt8]] = [:]
        for index in row.arguments.indices where random.below(3) > 0 {
          captures[index] = (0..<random.below(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        let native = Record.Native(
          number: UInt32(random.below(460)), arguments: [words[0], words[1], random.word(), 5, 6, 7],
          result: Int64(bitPattern: random.word()))
        ring.append(.entry(UInt32(row.number), words, captures: captures))
        ring.append(
          .exit(UInt32(row.number), Int64(bitPattern: random.word()), natives: [native], captures: captures))
        file.log.drain()
        ring.rewind(100 % Int(PERSONA_LOG_SLOTS))
        // A call that never returns has a line for each record.
        count += row.result == .never ? 2 : 1
      }
    }
    #expect(file.text.split(separator: "\n").count == count)
  }

  @Test func signalsOfFreeBSD() throws {
    let ring = Ring()
    let file = LogFile(ring, foreign: try load("freebsd"), linux: try load("linux"))
    let set: [UInt64] = [1 << 19, 0]
    let info: [Int32] = [20, 0, 1, 77, 0, 3] + [Int32](repeating: 0, count: 14)
    ring.append(.entry(346, [0x1000, 0x2000], captures: [0: .init(words: set)]))
    ring.append(.exit(346, 20, captures: [1: .init(ints: info)]))
    ring.append(.signal(8, code: 2, address: 0x40_1000, handler: 0x40_2000))
    file.log.finish()
    #expect(
      file.text
        == "[100] sigwaitinfo([SIGCHLD], {si_signo=SIGCHLD, si_errno=0, si_code=CLD_EXITED, si_pid=77, si_status=3}) = 20\n"
        + "[100] --- SIGFPE {si_code=FPE_INTDIV, si_addr=0x401000} -> handler 0x402000 ---\n")
  }

  @Test func eventsOfFreeBSD() throws {
    let foreign = try load("freebsd")
    let ring = Ring()
    let file = LogFile(ring, foreign: foreign, linux: try load("linux"))
    let timer: [UInt64] = [1, 0x0000_0002_0011_fff9, 50, 0, 0, 0, 0, 0]
    let user: [UInt64] = [2, 0x0100_0000_0000_fff5, 0, 0, 0, 0, 0, 0]
    ring.append(.entry(560, [4, 0x1000, 2, 0, 0, 0], captures: [1: .init(words: timer + user)]))
    ring.append(.exit(560, 0))
    file.log.finish()
    #expect(
      file.text
        == "[100] kevent(4, [{ident=1, EVFILT_TIMER, EV_ADD|EV_ONESHOT, fflags=NOTE_MSECONDS, data=50}, "
        + "{ident=2, EVFILT_USER, 0, fflags=NOTE_FFNOP|NOTE_TRIGGER}], 2, NULL, 0, NULL) = 0\n")
  }
}

extension Random {
  /// Small, large, or anything.
  mutating func word() -> UInt64 {
    switch below(4) {
    case 0: UInt64(below(16))
    case 1: UInt64(bitPattern: -Int64(below(600)))
    case 2: 0x20_0000 + UInt64(below(4096))
    default: next()
    }
  }
}
