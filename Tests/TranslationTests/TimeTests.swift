import CEngine
import Testing

@testable import Translation

@Suite struct TimeTests {
  let guest = Guest.freeBSD

  private func read(_ clock: Int) -> Int64 {
    let time = Memory(16)
    #expect(guest("clock_gettime", clock, time.word) == .value(0))
    return time.get(0, as: Int64.self) * 1_000_000_000 + time.get(8, as: Int64.self)
  }

  @Test func clocks() {
    #expect(read(0) > 1_600_000_000_000_000_000)
    #expect(abs(read(9) - read(0)) < 1_000_000_000)
    for clock in [4, 5, 7, 8, 11, 12] { #expect(abs(read(clock) - read(4)) < 1_000_000_000) }
    #expect(read(13) % 1_000_000_000 == 0)
    for clock in [1, 2, 14, 15] { #expect(read(clock) >= 0) }
    #expect(read(14) <= read(15) + 1_000_000_000)
    let time = Memory(16)
    #expect(guest("clock_gettime", 3, time.word) == guest.errno("EINVAL"))
    #expect(guest("clock_gettime", 99, time.word) == guest.errno("EINVAL"))
    #expect(guest("clock_gettime", 0, 8) == guest.errno("EFAULT"))
    #expect(guest("clock_getres", 4, time.word) == .value(0))
    #expect(guest("clock_getres", 13, time.word) == .value(0))
    #expect(time.get(0, as: Int64.self) == 1)
    #expect(guest("clock_getres", 13, 0) == .value(0))
    #expect(guest("clock_settime", 4, time.word) == guest.errno("EINVAL"))
    #expect(guest("gettimeofday", time.word, 0) == .value(0))
    #expect(time.get(8, as: Int64.self) < 1_000_000)
  }

  @Test func processorClocks() {
    let clock = Memory(4)
    #expect(guest("clock_getcpuclockid2", 0, 1, clock.word) == .value(0))
    #expect(read(Int(clock.get(0, as: Int32.self))) > 0)
    #expect(guest("clock_getcpuclockid2", 0, 0, clock.word) == .value(0))
    #expect(read(Int(clock.get(0, as: Int32.self))) > 0)
    #expect(guest("clock_getcpuclockid2", 0, 2, clock.word) == guest.errno("EINVAL"))
    #expect(guest("clock_getcpuclockid2", 0x3fff_fff0, 1, clock.word) == guest.errno("ESRCH"))
  }

  @Test func sleeping() {
    let time = Memory(16)
    time.set(Int64(20_000_000), 8)
    expectToLast(19) { #expect(guest("nanosleep", time.word, 0) == .value(0)) }
    expectToLast(19) { #expect(guest("clock_nanosleep", 4, 0, time.word, 0) == .value(0)) }
    // clock_nanosleep answers the errno itself.
    #expect(guest("clock_nanosleep", 14, 0, time.word, 0) == .value(22))
    #expect(guest("clock_nanosleep", 15, 0, time.word, 0) == .value(45))
    #expect(guest("clock_nanosleep", 0, 2, time.word, 0) == .value(22))
    #expect(guest("clock_nanosleep", 0, 0, 8, 0) == .value(14))
    #expect(guest("clock_nanosleep", 0, 1, time.word, 0) == .value(0))
    time.set(Int64(1_000_000_000), 8)
    #expect(guest("nanosleep", time.word, 0) == guest.errno("EINVAL"))
    time.set(Int64(-1), 0)
    time.set(Int64(0), 8)
    #expect(guest("nanosleep", time.word, 0) == .value(0))
    #expect(guest("nanosleep", 8, 0) == guest.errno("EFAULT"))
  }

  @Test func intervalTimers() {
    let setting = Memory(32)
    let old = Memory(32)
    setting.set(Int64(1000), 16)
    #expect(guest("setitimer", 1, setting.word, old.word) == .value(0))
    #expect(guest("getitimer", 1, old.word) == .value(0))
    #expect(old.get(16, as: Int64.self) > 900)
    setting.set(Int64(0), 16)
    #expect(guest("setitimer", 1, setting.word, old.word) == .value(0))
    #expect(old.get(16, as: Int64.self) > 900)
    setting.set(Int64(1_000_000), 24)
    #expect(guest("setitimer", 1, setting.word, 0) == guest.errno("EINVAL"))
    #expect(guest("setitimer", 3, setting.word, 0) == guest.errno("EINVAL"))
    #expect(guest("setitimer", 1, 0, old.word) == .value(0))
  }

  @Test func processTimers() {
    let event = Memory(80)
    let timer = Memory(8)
    let setting = Memory(32)
    #expect(guest("ktimer_create", 4, event.word, timer.word) == .value(0))  // SIGEV_NONE
    let id = Int(timer.get(0, as: Int32.self))
    #expect(id >= 3)
    setting.set(Int64(100), 16)
    #expect(guest("ktimer_settime", id, 0, setting.word, 0) == .value(0))
    #expect(guest("ktimer_gettime", id, setting.word) == .value(0))
    #expect(setting.get(16, as: Int64.self) >= 98)
    #expect(guest("ktimer_getoverrun", id) == .value(0))
    #expect(guest("ktimer_delete", id) == .value(0))
    #expect(guest("ktimer_delete", id) == guest.errno("EINVAL"))
    event.set(Int32(1), 0)
    event.set(Int32(200), 4)
    #expect(guest("ktimer_create", 4, event.word, timer.word) == guest.errno("EINVAL"))
    event.set(Int32(3), 0)
    #expect(guest("ktimer_create", 4, event.word, timer.word) == guest.errno("EINVAL"))
    #expect(guest("ktimer_create", 14, 0, timer.word) == guest.errno("EINVAL"))
  }

  @Test func clockDiscipline() {
    let state = Memory(136)
    #expect(guest("ntp_adjtime", state.word).result >= 0)
    state.set(UInt32(0x40), 0)
    #expect(guest("ntp_adjtime", state.word) == guest.errno("EINVAL"))
  }
}
