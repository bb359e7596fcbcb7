import CEngine
import CWire
import Testing

@testable import Translation

@Suite struct ResourcesTests {
  let guest = Guest.freeBSD
  private let infinity = Int.max

  @Test func limits() {
    let limit = Memory(16)
    for which in 0..<9 {
      #expect(guest("getrlimit", which, limit.word) == .value(0))
      #expect(limit.get(0, as: Int.self) >= 0 && limit.get(0, as: Int.self) <= limit.get(8, as: Int.self))
    }
    // RLIMIT_SBSIZE is FreeBSD's own.
    #expect(guest("getrlimit", 9, limit.word) == .value(0))
    #expect(limit.get(0, as: Int.self) == infinity)
    #expect(guest("setrlimit", 9, limit.word) == .value(0))
    limit.set(4096, 0)
    #expect(guest("setrlimit", 9, limit.word) == guest.errno("EINVAL"))
    #expect(guest("getrlimit", 99, limit.word) == guest.errno("EINVAL"))
  }

  @Test func aCurrentLimitAboveTheMaximumIsLowered() {
    let core = 4
    let limit = Memory(16)
    #expect(guest("getrlimit", core, limit.word) == .value(0))
    let maximum = limit.get(8, as: Int.self)
    let before = limit.get(0, as: Int.self)
    limit.set(infinity, 0)
    #expect(guest("setrlimit", core, limit.word) == .value(0))
    #expect(guest("getrlimit", core, limit.word) == .value(0))
    #expect(limit.get(0, as: Int.self) == maximum)
    limit.set(before, 0)
    #expect(guest("setrlimit", core, limit.word) == .value(0))
  }

  @Test func affinity() {
    let mask = Memory(128)
    for index in 0..<128 { mask[index] = 0xff }
    // CPU_LEVEL_WHICH, CPU_WHICH_PID, the caller.
    #expect(guest("cpuset_getaffinity", 3, 2, -1, 128, mask.word) == .value(0))
    var count = 0
    for index in 0..<128 { count += mask[index].nonzeroBitCount }
    #expect(count > 0 && mask[127] == 0)
    #expect(guest("cpuset_getaffinity", 3, 2, -1, 0, mask.word) == guest.errno("ERANGE"))
    #expect(guest("cpuset_getaffinity", 4, 2, -1, 128, mask.word) == guest.errno("EINVAL"))
    #expect(guest("cpuset_getaffinity", 3, 2, 0x7fff_fff0, 128, mask.word) == guest.errno("ESRCH"))
    #expect(guest("cpuset_setaffinity", 3, 1, -1, 128, mask.word) == .value(0))
    #expect(guest("cpuset_setaffinity", 3, 1, -1, 128, Memory(128).word) == guest.errno("EDEADLK"))
    mask[127] = 0x80
    #expect(guest("cpuset_setaffinity", 3, 1, -1, 128, mask.word) == guest.errno("EINVAL"))
    let set = Memory(4)
    #expect(guest("cpuset_getid", 3, 2, -1, set.word) == .value(0))
    #expect(set.get(0, as: Int32.self) == 1)
  }

  @Test func priorities() {
    #expect(guest("getpriority", 0, 0).result < 20)
    let priority = Memory(4)
    #expect(guest("rtprio", 0, 0, priority.word) == .value(0))
    #expect(priority.get(0, as: UInt16.self) == 3)
    priority.set(UInt16(77), 0)
    #expect(guest("rtprio", 1, 0, priority.word) == guest.errno("EINVAL"))
    #expect(guest("getdtablesize").result > 0)
  }

  @Test func use() {
    let usage = Memory(144)
    #expect(guest("getrusage", 0, usage.word) == .value(0))
    #expect(usage.get(32, as: Int.self) > 0)
    #expect(guest("getrusage", 5, usage.word) == guest.errno("EINVAL"))
  }
}
