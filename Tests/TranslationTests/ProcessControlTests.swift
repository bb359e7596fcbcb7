import CEngine
import CWire
import Glibc
import Testing

@testable import Translation

@Suite struct ProcessControlTests {
  let guest = Guest.freeBSD

  @Test func segmentBases() {
    let base = Memory(8)
    #expect(guest("sysarch", 128, base.word) == .value(0))
    #expect(base.get(0, as: UInt.self) != 0)
    #expect(guest("sysarch", 129, base.word) == .value(0))
    base.set(UInt.max, 0)
    #expect(guest("sysarch", 129, base.word) == guest.errno("EINVAL"))
    #expect(guest("sysarch", 77, base.word) == guest.errno("EINVAL"))
  }

  @Test func control() {
    let data = Memory(4)
    // PROC_PDEATHSIG_CTL 11 and STATUS 12: SIGUSR1 is 30.
    data.set(Int32(30), 0)
    #expect(guest("procctl", 0, 0, 11, data.word) == .value(0))
    data.set(Int32(0), 0)
    #expect(guest("procctl", 0, 0, 12, data.word) == .value(0))
    #expect(data.get(0, as: Int32.self) == 30)
    data.set(Int32(0), 0)
    #expect(guest("procctl", 0, 0, 11, data.word) == .value(0))
    data.set(Int32(500), 0)
    #expect(guest("procctl", 0, 0, 11, data.word) == guest.errno("EINVAL"))
    #expect(guest("procctl", 0, 0, 20, data.word) == .value(0))
    #expect(guest("procctl", 0, 0, 999, data.word) == guest.errno("EINVAL"))
    #expect(guest("procctl", 0, 0x7fff_fff0, 12, data.word) == guest.errno("ESRCH"))
  }

  @Test func processDescriptors() {
    let descriptor = Int(persona_syscall(Int64(__NR_pidfd_open), UInt64(getpid()), 0, 0, 0, 0, 0))
    let pid = Memory(4)
    #expect(guest("pdgetpid", descriptor, pid.word) == .value(0))
    #expect(pid.get(0, as: Int32.self) == getpid())
    #expect(guest("pdkill", descriptor, 0) == .value(0))
    #expect(guest("pdgetpid", 9999, pid.word) == guest.errno("EBADF"))
    close(Int32(descriptor))
  }
}
