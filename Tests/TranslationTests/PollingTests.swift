import CEngine
import Testing

@testable import Translation

@Suite struct PollingTests {
  let guest = Guest.freeBSD

  private func poll(_ descriptor: Int, _ events: UInt16, _ limit: Int = 0) -> (Guest.Answer, UInt16) {
    let entry = Memory(8)
    entry.set(Int32(descriptor), 0)
    entry.set(events, 4)
    let answer = guest("poll", entry.word, 1, limit)
    return (answer, entry.get(6))
  }

  @Test func bits() {
    let pair = Memory(8)
    _ = guest("socketpair", 1, 1, 0, pair.word)
    let one = Int(pair.get(0, as: Int32.self))
    let other = Int(pair.get(4, as: Int32.self))
    #expect(poll(one, 0x1) == (.value(0), 0))
    #expect(poll(one, 0x5) == (.value(1), 0x4))
    let text = Memory("x")
    _ = guest("write", other, text.word, 1)
    #expect(poll(one, 0x41) == (.value(1), 0x41))
    #expect(poll(one, 0x2001) == (.value(1), 0x2001))
    _ = guest("close", other)
    let (_, told) = poll(one, 0x4005)
    #expect(told & 0x4000 != 0)
    #expect(told & 0x10 != 0)
    #expect(told & 0x4 == 0)
    _ = guest("close", one)
    #expect(poll(9999, 1) == (.value(1), 0x20))
    #expect(poll(-1, 1) == (.value(0), 0))
    #expect(poll(0, 1, -2).0 == guest.errno("EINVAL"))
    #expect(guest("poll", 8, 1, 0) == guest.errno("EFAULT"))
  }

  @Test func timeouts() {
    expectToLast(19) { #expect(guest("poll", 0, 0, 20) == .value(0)) }
    let limit = Memory(16)
    limit.set(Int64(20_000_000), 8)
    expectToLast(19) { #expect(guest("ppoll", 0, 0, limit.word, 0) == .value(0)) }
    expectToLast(19) { #expect(guest("pselect", 0, 0, 0, 0, limit.word, 0) == .value(0)) }
    #expect(limit.get(8, as: Int64.self) == 20_000_000)
    limit.set(Int64(20_000), 8)
    expectToLast(19) { #expect(guest("select", 0, 0, 0, 0, limit.word) == .value(0)) }
    #expect(limit.get(8, as: Int64.self) == 20_000)
    limit.set(Int64(1_000_000), 8)
    #expect(guest("select", 0, 0, 0, 0, limit.word) == guest.errno("EINVAL"))
    let mask = Memory(16)
    limit.set(Int64(1_000_000), 8)
    #expect(guest("ppoll", 0, 0, limit.word, mask.word) == .value(0))
    #expect(guest("pselect", 0, 0, 0, 0, limit.word, mask.word) == .value(0))
  }

  @Test func manyDescriptors() {
    let (answer, second) = guest.pair("freebsd10_pipe")
    let text = Memory("x")
    _ = guest("write", second, text.word, 1)
    let entries = Memory(8 * 3000)
    for index in 0..<3000 {
      entries.set(Int32(index % 2 == 0 ? answer.result : -1), 8 * index)
      entries.set(UInt16(1), 8 * index + 4)
    }
    #expect(guest("poll", entries.word, 500, 0) == .value(250))
    let bits = Memory(128)
    bits[answer.result / 8] = 1 << UInt8(answer.result % 8)
    let limit = Memory(16)
    #expect(guest("select", answer.result + 1, bits.word, 0, 0, limit.word) == .value(1))
    #expect(bits[answer.result / 8] == 1 << UInt8(answer.result % 8))
    _ = guest("close", second)
    _ = guest("close", answer.result)
  }
}
