import Testing

@testable import Translation

/// sockaddr_in with its length byte; port in host order.
func internetAddress(_ port: UInt16, length: UInt8 = 16) -> Memory {
  let address = Memory(16)
  address[0] = length
  address[1] = 2
  address.set(port.bigEndian, 2)
  address.set(UInt32(0x7f00_0001).bigEndian, 4)
  return address
}

func localAddress(_ path: String) -> Memory {
  let address = Memory(106)
  address[0] = 106
  address[1] = 1
  for (index, byte) in path.utf8.enumerated() { address[2 + index] = byte }
  return address
}

@Suite struct SocketsTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func socket(_ domain: Int, _ type: Int) -> Int { guest("socket", domain, type, 0).result }

  private func name(_ call: String, _ descriptor: Int, room: UInt32 = 128) -> (Memory, UInt32) {
    let address = Memory(128)
    let length = Memory(4)
    length.set(room, 0)
    #expect(guest(call, descriptor, address.word, length.word) == .value(0))
    return (address, length.get(0))
  }

  /// A listening TCP socket and its port.
  private func listener() -> (Int, UInt16) {
    let listener = socket(2, 1)
    #expect(guest("bind", listener, internetAddress(0).word, 16) == .value(0))
    #expect(guest("listen", listener, 8) == .value(0))
    let (address, length) = name("getsockname", listener)
    #expect(length == 16)
    #expect(address[0] == 16)
    #expect(address[1] == 2)
    return (listener, UInt16(bigEndian: address.get(2)))
  }

  @Test func streams() {
    let (listener, port) = listener()
    let client = socket(2, 1)
    #expect(guest("connect", client, internetAddress(port).word, 16) == .value(0))
    #expect(guest("connect", client, internetAddress(port).word, 16) == guest.errno("EISCONN"))
    let peer = Memory(16)
    let length = Memory(4)
    length.set(UInt32(16), 0)
    let server = guest("accept", listener, peer.word, length.word).result
    #expect(length.get(0, as: UInt32.self) == 16)
    #expect(peer[0] == 16)
    #expect(peer[1] == 2)
    let text = Memory("ping")
    #expect(guest("sendto", client, text.word, 4, 0x20000, 0, 0) == .value(4))
    let back = Memory(16)
    let from = Memory(16)
    length.set(UInt32(16), 0)
    #expect(guest("recvfrom", server, back.word, 16, 0, from.word, length.word) == .value(4))
    #expect(length.get(0, as: UInt32.self) == 0)
    #expect(back.text(0) == "ping")
    #expect(guest("recvfrom", server, back.word, 16, 0x80, 0, 0) == guest.errno("EAGAIN"))
    // A stream that has a peer keeps it.
    let unspecified = Memory(16)
    unspecified[0] = 16
    #expect(guest("connect", client, unspecified.word, 16) == guest.errno("EISCONN"))
    #expect(guest("connect", listener, internetAddress(port).word, 16) == guest.errno("EOPNOTSUPP"))
    for descriptor in [client, server, listener] { _ = guest("close", descriptor) }
  }

  @Test func acceptedSocketsInherit() {
    let (listener, port) = listener()
    #expect(guest("fcntl", listener, 4, 0x4) == .value(0))
    #expect(guest("accept", listener, 0, 0) == guest.errno("EAGAIN"))
    let first = socket(2, 1)
    #expect(guest("connect", first, internetAddress(port).word, 16) == .value(0))
    let inheriting = guest("accept", listener, 0, 0).result
    #expect(guest("fcntl", inheriting, 3, 0) == .value(2 | 0x4))
    let second = socket(2, 1)
    #expect(guest("connect", second, internetAddress(port).word, 16) == .value(0))
    // accept4(2) goes by its flags: SOCK_CLOEXEC.
    let fresh = guest("accept4", listener, 0, 0, 0x1000_0000).result
    #expect(guest("fcntl", fresh, 3, 0) == .value(2))
    #expect(guest("fcntl", fresh, 1, 0) == .value(1))
    #expect(guest("accept4", listener, 0, 0, 0x4) == guest.errno("EINVAL"))
    for descriptor in [listener, first, second, inheriting, fresh] { _ = guest("close", descriptor) }
  }

  @Test func refusals() {
    let stream = socket(2, 1)
    #expect(guest("bind", stream, internetAddress(0).word, 1) == guest.errno("EINVAL"))
    #expect(guest("bind", stream, internetAddress(0).word, 12) == guest.errno("EINVAL"))
    #expect(guest("bind", stream, internetAddress(0).word, 300) == guest.errno("ENAMETOOLONG"))
    #expect(guest("bind", stream, 8, 16) == guest.errno("EFAULT"))
    #expect(guest("accept", stream, 0, 0) == guest.errno("EINVAL"))
    let unknown = internetAddress(0)
    unknown[1] = 16
    #expect(guest("bind", stream, unknown.word, 16) == guest.errno("EAFNOSUPPORT"))
    #expect(guest("getpeername", stream, Memory(16).word, Memory(4).word) == guest.errno("ENOTCONN"))
    #expect(guest("connect", 0x7fff, internetAddress(1).word, 16) == guest.errno("EBADF"))
    let datagram = socket(2, 2)
    #expect(guest("accept", datagram, 0, 0) == guest.errno("EINVAL"))
    #expect(guest("socket", 99, 1, 0) == guest.errno("EAFNOSUPPORT"))
    _ = guest("close", stream)
    _ = guest("close", datagram)
  }

  @Test func datagrams() {
    let receiver = socket(2, 2)
    #expect(guest("bind", receiver, internetAddress(0).word, 16) == .value(0))
    let (address, _) = name("getsockname", receiver)
    let sender = socket(2, 2)
    let text = Memory("datagram")
    #expect(guest("sendto", sender, text.word, 8, 0, address.word, 16) == .value(8))
    let back = Memory(4)
    let from = Memory(16)
    let length = Memory(4)
    length.set(UInt32(8), 0)
    #expect(guest("recvfrom", receiver, back.word, 4, 0, from.word, length.word) == .value(4))
    // Told truncated, not whole.
    #expect(length.get(0, as: UInt32.self) == 8)
    #expect(from[0] == 16)
    #expect(from.get(8, as: UInt64.self) == 0)
    #expect(guest("connect", sender, address.word, 16) == .value(0))
    #expect(guest("sendto", sender, text.word, 8, 0, address.word, 16) == guest.errno("EISCONN"))
    // A datagram socket loses its peer, and is told that the family is none.
    let unspecified = Memory(16)
    unspecified[0] = 16
    #expect(guest("connect", sender, unspecified.word, 16) == guest.errno("EAFNOSUPPORT"))
    #expect(guest("getpeername", sender, from.word, length.word) == guest.errno("ENOTCONN"))
    _ = guest("close", receiver)
    _ = guest("close", sender)
  }

  @Test func localStreams() {
    let listener = socket(1, 1)
    let path = directory.path + "/socket"
    let address = localAddress(path)
    #expect(guest("bind", listener, address.word, 106) == .value(0))
    #expect(guest("bind", socket(1, 1), address.word, 106) == guest.errno("EADDRINUSE"))
    #expect(guest("listen", listener, 4) == .value(0))
    let (bound, length) = name("getsockname", listener)
    #expect(Int(length) == 2 + path.utf8.count + 1)
    #expect(Int(bound[0]) == Int(length))
    #expect(bound[1] == 1)
    #expect(bound.text(2) == path)
    let client = socket(1, 1)
    // SUN_LEN counts no NUL.
    #expect(guest("connect", client, address.word, 2 + path.utf8.count) == .value(0))
    let peer = Memory(106)
    let room = Memory(4)
    room.set(UInt32(106), 0)
    let server = guest("accept", listener, peer.word, room.word).result
    #expect(room.get(0, as: UInt32.self) == 16)
    #expect(peer[0] == 16)
    #expect(peer[1] == 1)
    #expect(peer[2] == 0)
    let (_, unnamed) = name("getsockname", client)
    #expect(unnamed == 16)
    for descriptor in [listener, client, server] { _ = guest("close", descriptor) }
  }

  @Test func localRefusals() {
    let client = socket(1, 1)
    #expect(guest("connect", client, localAddress("").word, 106) == guest.errno("ENOENT"))
    let missing = localAddress(directory.path + "/missing")
    #expect(guest("connect", client, missing.word, 106) == guest.errno("ENOENT"))
    let file = guest("open", directory("file").word, 0x202, 0o600).result
    let plain = localAddress(directory.path + "/file")
    #expect(guest("connect", client, plain.word, 106) == guest.errno("ENOTSOCK"))
    #expect(guest("bind", client, plain.word, 2) == guest.errno("EINVAL"))
    _ = guest("close", file)
    _ = guest("close", client)
  }

  @Test func belowADirectory() {
    let descriptor = guest("open", directory("").word, 0x20000, 0).result
    let listener = socket(1, 1)
    let address = localAddress("here")
    #expect(guest("bindat", descriptor, listener, address.word, 106) == .value(0))
    #expect(guest("listen", listener, 1) == .value(0))
    let client = socket(1, 1)
    #expect(guest("connectat", descriptor, client, address.word, 106) == .value(0))
    let far = socket(2, 1)
    #expect(guest("connectat", descriptor, far, internetAddress(1).word, 16) == guest.errno("EAFNOSUPPORT"))
    for other in [descriptor, listener, client, far] { _ = guest("close", other) }
  }
}
