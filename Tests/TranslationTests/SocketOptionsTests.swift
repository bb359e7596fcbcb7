import Testing

@testable import Translation

@Suite struct SocketOptionsTests {
  let guest = Guest.freeBSD

  private func socket(_ domain: Int = 2, _ type: Int = 1) -> Int { guest("socket", domain, type, 0).result }

  private func set(_ descriptor: Int, _ level: Int, _ name: Int, _ value: Int32) -> Guest.Answer {
    let memory = Memory(4)
    memory.set(value, 0)
    return guest("setsockopt", descriptor, level, name, memory.word, 4)
  }

  private func get(_ descriptor: Int, _ level: Int, _ name: Int) -> Int32 {
    let memory = Memory(64)
    let length = Memory(4)
    length.set(UInt32(4), 0)
    #expect(guest("getsockopt", descriptor, level, name, memory.word, length.word) == .value(0))
    #expect(length.get(0, as: UInt32.self) == 4)
    return memory.get(0)
  }

  @Test func flagsAreToldAsTheirBits() {
    let descriptor = socket()
    #expect(get(descriptor, 0xffff, 0x4) == 0)
    #expect(set(descriptor, 0xffff, 0x4, 1) == .value(0))
    #expect(get(descriptor, 0xffff, 0x4) == 4)
    #expect(set(descriptor, 0xffff, 0x8, 1) == .value(0))
    #expect(get(descriptor, 0xffff, 0x8) == 8)
    #expect(get(descriptor, 0xffff, 0x2) == 0)
    _ = guest("close", descriptor)
  }

  @Test func values() {
    let descriptor = socket()
    #expect(set(descriptor, 0xffff, 0x1001, 16384) == .value(0))
    #expect(get(descriptor, 0xffff, 0x1001) == 16384)
    #expect(get(descriptor, 0xffff, 0x1008) == 1)
    #expect(get(descriptor, 0xffff, 0x1007) == 0)
    #expect(get(descriptor, 0xffff, 0x1019) == 2)
    #expect(get(descriptor, 0xffff, 0x1016) == 6)
    #expect(set(descriptor, 6, 1, 1) == .value(0))
    #expect(get(descriptor, 6, 1) != 0)
    #expect(set(descriptor, 6, 256, 30) == .value(0))
    #expect(get(descriptor, 6, 256) == 30)
    #expect(set(descriptor, 0xffff, 0x800, 1) == .value(0))
    #expect(set(descriptor, 0xffff, 0x7777, 1) == guest.errno("ENOPROTOOPT"))
    #expect(set(9999, 0xffff, 0x4, 1) == guest.errno("EBADF"))
    #expect(set(9999, 0xffff, 0x7777, 1) == guest.errno("EBADF"))
    let six = socket(28)
    #expect(get(six, 0xffff, 0x1019) == 28)
    #expect(set(six, 41, 27, 1) == .value(0))
    #expect(get(six, 41, 27) == 1)
    _ = guest("close", descriptor)
    _ = guest("close", six)
  }

  @Test func errorsOfASocketAreForeign() {
    let listener = socket()
    #expect(guest("bind", listener, internetAddress(0).word, 16) == .value(0))
    let address = Memory(16)
    let length = Memory(4)
    length.set(UInt32(16), 0)
    #expect(guest("getsockname", listener, address.word, length.word) == .value(0))
    _ = guest("close", listener)
    let client = guest("socket", 2, 1 | 0x2000_0000, 0).result
    let answer = guest("connect", client, address.word, 16)
    #expect(answer == guest.errno("EINPROGRESS") || answer == guest.errno("ECONNREFUSED"))
    if answer == guest.errno("EINPROGRESS") {
      // Loopback answers at once.
      #expect(get(client, 0xffff, 0x1007) == 61)
      #expect(get(client, 0xffff, 0x1007) == 0)
    }
    _ = guest("close", client)
  }

  @Test func timesAndLinger() {
    let descriptor = socket()
    let time = Memory(16)
    time.set(3, 0)
    #expect(guest("setsockopt", descriptor, 0xffff, 0x1006, time.word, 16) == .value(0))
    let back = Memory(32)
    let length = Memory(4)
    length.set(UInt32(32), 0)
    #expect(guest("getsockopt", descriptor, 0xffff, 0x1006, back.word, length.word) == .value(0))
    #expect(length.get(0, as: UInt32.self) == 16)
    #expect(back.get(0, as: Int.self) == 3)
    let linger = Memory(8)
    linger.set(Int32(1), 0)
    linger.set(Int32(9), 4)
    #expect(guest("setsockopt", descriptor, 0xffff, 0x80, linger.word, 8) == .value(0))
    length.set(UInt32(8), 0)
    #expect(guest("getsockopt", descriptor, 0xffff, 0x80, back.word, length.word) == .value(0))
    #expect(back.get(4, as: Int32.self) == 9)
    _ = guest("close", descriptor)
  }

  @Test func peerCredentials() {
    let both = Memory(8)
    #expect(guest("socketpair", 1, 1, 0, both.word) == .value(0))
    let near = Int(both.get(0, as: Int32.self))
    let credentials = Memory(88)
    let length = Memory(4)
    length.set(UInt32(88), 0)
    #expect(guest("getsockopt", near, 0, 1, credentials.word, length.word) == .value(0))
    #expect(length.get(0, as: UInt32.self) == 88)
    #expect(credentials.get(0, as: UInt32.self) == 0)
    #expect(credentials.get(4, as: UInt32.self) == UInt32(guest("getuid").result))
    #expect(credentials.get(8, as: Int16.self) > 0)
    #expect(credentials.get(80, as: Int32.self) == Int32(guest("getpid").result))
    _ = guest("close", near)
    _ = guest("close", Int(both.get(4, as: Int32.self)))
  }
}
