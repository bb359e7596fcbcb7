import CEngine
import CWire
import Glibc
import Testing

@testable import Translation

@Suite struct SecurityTests {
  let guest = Guest.freeBSD

  @Test func groupsBeginWithTheEffectiveOne() {
    let count = guest("getgroups", 0, 0).result
    #expect(count >= 1)
    let groups = Memory(4 * 1024)
    #expect(guest("getgroups", 1024, groups.word) == .value(count))
    #expect(groups.get(0, as: UInt32.self) == getegid())
    if count > 1 { #expect(guest("getgroups", count - 1, groups.word) == guest.errno("EINVAL")) }
  }

  @Test func identity() {
    let three = Memory(12)
    #expect(guest("getresuid", three.word, 0, three.word + 8) == .value(0))
    #expect(three.get(0, as: UInt32.self) == getuid())
    #expect(guest("issetugid") == .value(0))
    #expect(guest("setfib", 0) == .value(0))
    #expect(guest("setfib", 1) == guest.errno("EINVAL"))
    #expect(guest("modfind", Memory("linux64").word) == guest.errno("ENOENT"))
    let name = Memory(33)
    #expect(guest("getlogin", name.word, 33) == .value(0))
    #expect(guest("getlogin", name.word, 0) == guest.errno("ERANGE"))
  }

  @Test func identifiers() {
    let two = Memory(32)
    #expect(guest("uuidgen", two.word, 2) == .value(0))
    #expect(two.get(6, as: UInt16.self) >> 12 == 1)
    #expect(two[8] & 0xc0 == 0x80)
    #expect(two.get(16, as: UInt32.self) == two.get(0, as: UInt32.self) &+ 1)
    #expect(guest("uuidgen", two.word, 0) == guest.errno("EINVAL"))
  }
}
