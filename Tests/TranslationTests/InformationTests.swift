import CEngine
import CWire
import Testing

@testable import Translation

@Suite struct InformationTests {
  let guest = Guest.freeBSD

  private func mib(_ numbers: [UInt32]) -> Memory {
    let memory = Memory(4 * numbers.count)
    for (index, number) in numbers.enumerated() { memory.set(number, 4 * index) }
    return memory
  }

  private func sysctl(
    _ numbers: [UInt32], old: Memory?, _ length: Memory?, new: Memory? = nil, _ newLength: Int = 0
  ) -> Guest.Answer {
    guest(
      "__sysctl", mib(numbers).word, numbers.count, old?.word ?? 0, length?.word ?? 0, new?.word ?? 0,
      newLength)
  }

  /// The variable's bytes.
  private func value(_ name: String) -> Memory? {
    let text = Memory(name)
    let length = Memory(8)
    guard guest("__sysctlbyname", text.word, name.utf8.count, 0, length.word, 0, 0) == .value(0) else {
      return nil
    }
    let bytes = Memory(length.get(0, as: Int.self))
    length.set(bytes.count, 0)
    guard guest("__sysctlbyname", text.word, name.utf8.count, bytes.word, length.word, 0, 0) == .value(0) else {
      return nil
    }
    return bytes
  }

  @Test func lengthsOfTheOldValue() {
    let length = Memory(8)
    // Without a buffer: how much is needed.
    #expect(sysctl([1, 1], old: nil, length) == .value(0))
    #expect(length.get(0, as: Int.self) == 8)
    // A short buffer gets what fits.
    let old = Memory(16)
    length.set(4, 0)
    #expect(sysctl([1, 1], old: old, length) == guest.errno("ENOMEM"))
    #expect(old.text(0) == "Free")
    #expect(length.get(0, as: Int.self) == 4)
    length.set(16, 0)
    #expect(sysctl([1, 1], old: old, length) == .value(0))
    #expect(old.text(0) == "FreeBSD")
    #expect(length.get(0, as: Int.self) == 8)
    // A buffer without a length has no room.
    #expect(sysctl([1, 1], old: old, nil) == guest.errno("ENOMEM"))
    #expect(guest("__sysctl", mib([1, 1]).word, 2, 16, length.word, 0, 0) == guest.errno("EFAULT"))
  }

  @Test func refusals() {
    let length = Memory(8)
    #expect(sysctl([1], old: nil, length) == guest.errno("EINVAL"))
    #expect(sysctl([1, 9999], old: nil, length) == guest.errno("ENOENT"))
    #expect(sysctl([1, 30], old: nil, length) == guest.errno("EISDIR"))
    #expect(sysctl([1, 1, 1], old: nil, length) == guest.errno("ENOTDIR"))
    #expect(sysctl([1, 1], old: nil, length, new: Memory("x"), 2) == guest.errno("EPERM"))
    #expect(value("kern.nosuch") == nil)
    #expect(value("kern") == nil)
  }

  @Test func namesAndNumbers() {
    let old = Memory(96)
    let length = Memory(8)
    length.set(96, 0)
    #expect(sysctl([0, 3], old: old, length, new: Memory("kern.ostype"), 11) == .value(0))
    #expect(length.get(0, as: Int.self) == 8)
    #expect(old.get(0, as: UInt32.self) == 1 && old.get(4, as: UInt32.self) == 1)
    length.set(96, 0)
    #expect(sysctl([0, 3], old: old, length, new: Memory("kern.ipc"), 8) == .value(0))
    #expect(length.get(0, as: Int.self) == 8 && old.get(4, as: UInt32.self) == 30)
    #expect(sysctl([0, 3], old: old, length, new: Memory("kern.nosuch"), 11) == guest.errno("ENOENT"))
    length.set(96, 0)
    #expect(sysctl([0, 1, 1, 14, 12, 77], old: old, length) == .value(0))
    #expect(old.text(0) == "kern.proc.pathname.77")
    length.set(96, 0)
    #expect(sysctl([0, 4, 1, 24], old: old, length) == .value(0))
    #expect(old.get(0, as: UInt32.self) & 0xf == 2 && old.text(4) == "I")
    length.set(96, 0)
    #expect(sysctl([0, 4, 1], old: old, length) == .value(0))
    #expect(old.get(0, as: UInt32.self) & 0xf == 1 && old.text(4) == "N")
    length.set(96, 0)
    #expect(sysctl([0, 2, 1, 1], old: old, length) == .value(0))
    #expect(old.get(0, as: UInt32.self) == 1 && old.get(4, as: UInt32.self) == 2)
  }

  @Test func walksTheWholeTree() {
    var numbers: [UInt32] = []
    var seen = 0
    let old = Memory(96)
    let length = Memory(8)
    while true {
      length.set(96, 0)
      let answer = sysctl([0, 2] + numbers, old: old, length)
      if answer == guest.errno("ENOENT") { break }
      guard answer == .value(0) else {
        Issue.record("next answers \(answer)")
        break
      }
      let next = (0..<length.get(0, as: Int.self) / 4).map { old.get(4 * $0, as: UInt32.self) }
      #expect(numbers.lexicographicallyPrecedes(next))
      numbers = next
      seen += 1
      if seen > 5000 { break }
    }
    #expect(seen > 50)
  }

  @Test func valuesOfThisHost() {
    #expect(value("kern.osrelease")?.text(0).contains("-RELEASE") == true)
    #expect(value("hw.machine")?.text(0) == "amd64")
    #expect(value("hw.ncpu")!.get(0, as: Int32.self) > 0)
    #expect(value("hw.pagesize")!.get(0, as: Int32.self) == 4096)
    #expect(value("hw.physmem")!.count == 8)
    #expect(value("hw.physmem")!.get(0, as: Int.self) > 1 << 24)
    #expect(value("kern.hostname")!.count > 1)
    #expect(value("kern.boottime")!.get(0, as: Int.self) > 1_500_000_000)
    let load = value("vm.loadavg")!
    #expect(load.count == 24 && load.get(16, as: Int.self) == 2048)
    #expect(value("kern.clockrate")!.count == 20)
    #expect(value("hw.pagesizes")!.count == 24)
    #expect(value("kern.cp_time")!.count == 40)
    let random = Memory(16)
    let length = Memory(8)
    length.set(16, 0)
    #expect(sysctl([1, 37], old: random, length) == .value(0))
    #expect(random.get(0, as: UInt64.self) != 0 && length.get(0, as: Int.self) == 16)
    #expect(value("kern.ngroups")!.get(0, as: Int32.self) == 1023)
  }

  @Test func theProcessItself() {
    let old = Memory(65536)
    let length = Memory(8)
    length.set(65536, 0)
    #expect(sysctl([1, 14, 12, UInt32.max], old: old, length) == .value(0))
    #expect(old.text(0).hasPrefix("/"))
    length.set(65536, 0)
    let pid = UInt32(persona_current()!.pointee.process.pointee.pid)
    #expect(sysctl([1, 14, 7, pid], old: old, length) == .value(0))
    #expect(length.get(0, as: Int.self) > 1)
    length.set(65536, 0)
    #expect(sysctl([1, 14, 1, pid], old: old, length) == .value(0))
    #expect(length.get(0, as: Int.self) == 1088)
    #expect(old.get(0, as: Int32.self) == 1088)
    #expect(old.get(0x48, as: UInt32.self) == pid)
    let user = persona_syscall(Int64(__NR_getuid), 0, 0, 0, 0, 0, 0)
    #expect(old.get(0xac, as: UInt32.self) == UInt32(truncatingIfNeeded: user))
    #expect(sysctl([1, 14, 1, 0x7fff_ffff], old: old, length) == guest.errno("ESRCH"))
    #expect(sysctl([1, 14, 0], old: nil, length) == .value(0))
    #expect(length.get(0, as: Int.self) % 1088 == 0 && length.get(0, as: Int.self) > 5 * 1088)
  }

  @Test func interfacesAsTheRoutingSocketTellsThem() {
    let length = Memory(8)
    #expect(sysctl([4, 17, 0, 0, 3, 0], old: nil, length) == .value(0))
    let old = Memory(length.get(0, as: Int.self))
    length.set(old.count, 0)
    #expect(sysctl([4, 17, 0, 0, 3, 0], old: old, length) == .value(0))
    var at = 0
    var names: [String] = []
    var loopbackAddress = false
    while at < length.get(0, as: Int.self) {
      let size = Int(old.get(at, as: UInt16.self))
      guard size > 16 else { break }
      #expect(old[at + 2] == 5)
      if old[at + 3] == 0xe {
        let link = at + 168
        #expect(old[link + 1] == 18)
        names.append(old.text(link + 8, limit: Int(old[link + 5])))
        #expect(old.get(at + 24, as: UInt32.self) > 0)  // MTU
      } else {
        #expect(old[at + 3] == 0xc)
        // Netmask at 20, the address behind it.
        if old[at + 21] == 2, old[at + 36 + 4] == 127 { loopbackAddress = true }
      }
      at += size
    }
    #expect(at == length.get(0, as: Int.self))
    #expect(names.contains("lo"))
    #expect(loopbackAddress)
    #expect(sysctl([4, 17, 0, 0, 99, 0], old: nil, length) == guest.errno("EINVAL"))
    #expect(sysctl([4, 17, 0, 0, 5, 0], old: nil, length) == .value(0))
    #expect(sysctl([4, 17, 0, 0, 4, 0], old: nil, length) == .value(0))
  }
}
