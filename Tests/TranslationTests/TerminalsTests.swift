import Testing

@testable import Translation

@Suite struct TerminalsTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func master() -> Int { guest("posix_openpt", 0x8002).result }

  @Test func attributes() {
    let terminal = master()
    let attributes = Memory(44)
    #expect(guest("ioctl", terminal, 0x402c_7413, attributes.word) == .value(0))
    let input = attributes.get(0, as: UInt32.self)
    #expect(input & 0x100 != 0)  // ICRNL
    #expect(input & 0x200 != 0)  // IXON
    let local = attributes.get(12, as: UInt32.self)
    #expect(local & (0x8 | 0x80 | 0x100 | 0x400) == 0x588)  // ECHO, ISIG, ICANON, IEXTEN
    #expect(attributes.get(8, as: UInt32.self) & 0x300 == 0x300)  // CS8
    #expect(attributes[16] == 4)  // VEOF
    #expect(attributes[24] == 3)  // VINTR
    #expect(attributes[17] == 0xff)  // VEOL is disabled
    #expect(attributes.get(40, as: UInt32.self) == 38400)
    // cfmakeraw(3), as far as it matters here.
    attributes.set(local & ~UInt32(0x588), 12)
    attributes.set(UInt32(0), 0)
    attributes[32] = 1  // VMIN
    #expect(guest("ioctl", terminal, 0x802c_7416, attributes.word) == .value(0))
    let back = Memory(44)
    #expect(guest("ioctl", terminal, 0x402c_7413, back.word) == .value(0))
    #expect(back.get(12, as: UInt32.self) & 0x588 == 0)
    #expect(back.get(0, as: UInt32.self) == 0)
    #expect(back[32] == 1)
    #expect(back.get(40, as: UInt32.self) == 38400)
    _ = guest("close", terminal)
  }

  @Test func sizesAndNames() {
    let terminal = master()
    let size = Memory(8)
    size.set(UInt16(25), 0)
    size.set(UInt16(80), 2)
    #expect(guest("ioctl", terminal, 0x8008_7467, size.word) == .value(0))
    let back = Memory(8)
    #expect(guest("ioctl", terminal, 0x4008_7468, back.word) == .value(0))
    #expect(back.get(2, as: UInt16.self) == 80)
    #expect(guest("ioctl", terminal, 0x2000_741c, 0) == .value(0))  // TIOCPTMASTER
    let number = Memory(4)
    #expect(guest("ioctl", terminal, 0x4004_740f, number.word) == .value(0))
    let slave = guest("open", Memory("/dev/pts/\(number.get(0, as: Int32.self))").word, 0x8002, 0).result
    let name = Memory(32)
    let request = Memory(16)
    request.set(Int32(32), 0)
    request.set(name.word, 8)
    #expect(guest("ioctl", slave, 0x8010_6678, request.word) == .value(0))  // FIODGNAME
    #expect(name.text(0).hasPrefix("pts/"))
    _ = guest("close", slave)
    _ = guest("close", terminal)
  }

  @Test func onAnyDescriptor() {
    let file = guest("open", directory("plain").word, 0x202, 0o600).result
    #expect(guest("ioctl", file, 0x2000_6601, 0) == .value(0))  // FIOCLEX
    #expect(guest("fcntl", file, 1, 0) == .value(1))
    #expect(guest("ioctl", file, 0x2000_6602, 0) == .value(0))
    #expect(guest("fcntl", file, 1, 0) == .value(0))
    let on = Memory(4)
    on.set(Int32(1), 0)
    #expect(guest("ioctl", file, 0x8004_667e, on.word) == .value(0))  // FIONBIO
    #expect(guest("fcntl", file, 3, 0) == .value(2 | 4))
    #expect(guest("ioctl", file, 0x402c_7413, on.word) == guest.errno("ENOTTY"))
    #expect(guest("ioctl", file, 0x1234_5678, 0) == guest.errno("ENOTTY"))
    #expect(guest("ioctl", 9999, 0x1234_5678, 0) == guest.errno("EBADF"))
    _ = guest("close", file)
  }
}
