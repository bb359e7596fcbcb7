import Testing

@testable import Translation

/// FreeBSD's struct msghdr with one iovec.
private struct Message {
  let header = Memory(48)
  let vector = Memory(16)
  let data: Memory
  let control: Memory?
  let name: Memory?

  init(_ data: Memory, _ count: Int, control: Memory? = nil, name: Memory? = nil) {
    self.data = data
    self.control = control
    self.name = name
    vector.set(data.word, 0)
    vector.set(count, 8)
    header.set(name?.word ?? 0, 0)
    header.set(UInt32(name?.count ?? 0), 8)
    header.set(vector.word, 16)
    header.set(Int32(1), 24)
    header.set(control?.word ?? 0, 32)
    header.set(UInt32(control?.count ?? 0), 40)
  }

  var controlLength: UInt32 { header.get(40) }
  var nameLength: UInt32 { header.get(8) }
  var flags: UInt32 { header.get(44) }
}

@Suite struct SocketsTransferTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func pair(_ type: Int = 1) -> (Int, Int) {
    let both = Memory(8)
    #expect(guest("socketpair", 1, type, 0, both.word) == .value(0))
    return (Int(both.get(0, as: Int32.self)), Int(both.get(4, as: Int32.self)))
  }

  /// A control message: length, level, type, data at 16.
  private func control(_ level: Int32, _ type: Int32, _ data: [Int32]) -> Memory {
    let memory = Memory((16 + 4 * data.count + 7) & ~7)
    memory.set(UInt32(16 + 4 * data.count), 0)
    memory.set(level, 4)
    memory.set(type, 8)
    for (index, value) in data.enumerated() { memory.set(value, 16 + 4 * index) }
    return memory
  }

  @Test func descriptorsTravel() {
    let (near, far) = pair()
    let file = guest("open", directory("passed").word, 0x202, 0o600).result
    let sent = Message(Memory("x"), 1, control: control(0xffff, 1, [Int32(file)]))
    #expect(guest("sendmsg", near, sent.header.word, 0) == .value(1))
    let room = Memory(64)
    let received = Message(Memory(8), 8, control: room)
    #expect(guest("recvmsg", far, received.header.word, 0x40000) == .value(1))
    #expect(received.controlLength == 24)
    #expect(room.get(0, as: UInt32.self) == 20)
    #expect(room.get(4, as: Int32.self) == 0xffff)
    #expect(room.get(8, as: Int32.self) == 1)
    #expect(received.flags & 0x20 == 0)
    let passed = Int(room.get(16, as: Int32.self))
    #expect(passed != file)
    #expect(guest("fcntl", passed, 1, 0) == .value(1))
    for descriptor in [near, far, file, passed] { _ = guest("close", descriptor) }
  }

  @Test func controlDataThatDoesNotFitIsTold() {
    let (near, far) = pair()
    let sent = Message(Memory("x"), 1, control: control(0xffff, 1, [Int32(near)]))
    #expect(guest("sendmsg", near, sent.header.word, 0) == .value(1))
    let received = Message(Memory(8), 8, control: Memory(16))
    #expect(guest("recvmsg", far, received.header.word, 0) == .value(1))
    #expect(received.flags & 0x20 != 0)
    #expect(received.controlLength == 0)
    _ = guest("close", near)
    _ = guest("close", far)
  }

  @Test func controlRefusals() {
    let (near, far) = pair()
    let unknown = Message(Memory("x"), 1, control: control(0xffff, 77, [1]))
    #expect(guest("sendmsg", near, unknown.header.word, 0) == guest.errno("EINVAL"))
    let long = control(0xffff, 1, [1])
    long.set(UInt32(4000), 0)
    #expect(guest("sendmsg", near, Message(Memory("x"), 1, control: long).header.word, 0) == guest.errno("EINVAL"))
    let bad = Message(Memory("x"), 1, control: control(0xffff, 1, [9999]))
    #expect(guest("sendmsg", near, bad.header.word, 0) == guest.errno("EBADF"))
    #expect(guest("sendmsg", near, 8, 0) == guest.errno("EFAULT"))
    _ = guest("close", near)
    _ = guest("close", far)
  }

  @Test func datagramsTellTruncationAndSender() {
    let receiver = guest("socket", 2, 2, 0).result
    #expect(guest("bind", receiver, internetAddress(0).word, 16) == .value(0))
    let on = Memory(4)
    on.set(Int32(1), 0)
    // IP_RECVDSTADDR
    #expect(guest("setsockopt", receiver, 0, 7, on.word, 4) == .value(0))
    let address = Memory(16)
    let length = Memory(4)
    length.set(UInt32(16), 0)
    #expect(guest("getsockname", receiver, address.word, length.word) == .value(0))
    let sender = guest("socket", 2, 2, 0).result
    let sent = Message(Memory("long text"), 9, name: address)
    #expect(guest("sendmsg", sender, sent.header.word, 0) == .value(9))
    let room = Memory(64)
    let from = Memory(32)
    let received = Message(Memory(4), 4, control: room, name: from)
    #expect(guest("recvmsg", receiver, received.header.word, 0) == .value(4))
    #expect(received.flags & 0x10 != 0)
    #expect(received.nameLength == 16)
    #expect(from[0] == 16)
    #expect(from[1] == 2)
    #expect(received.controlLength == 24)
    #expect(room.get(0, as: UInt32.self) == 20)
    #expect(room.get(4, as: Int32.self) == 0)
    #expect(room.get(8, as: Int32.self) == 7)
    #expect(room.get(16, as: UInt32.self) == UInt32(0x7f00_0001).bigEndian)
    _ = guest("close", sender)
    _ = guest("close", receiver)
  }

  @Test func sendsFiles() {
    let file = guest("open", directory("sent").word, 0x202, 0o600).result
    let text = Memory("0123456789")
    #expect(guest("write", file, text.word, 10) == .value(10))
    let (near, far) = pair()
    let sent = Memory(8)
    let head = Memory("<<")
    let tail = Memory(">>")
    let vectors = Memory(32)
    vectors.set(head.word, 0)
    vectors.set(2, 8)
    vectors.set(tail.word, 16)
    vectors.set(2, 24)
    let around = Memory(32)
    around.set(vectors.word, 0)
    around.set(Int32(1), 8)
    around.set(vectors.word + 16, 16)
    around.set(Int32(1), 24)
    #expect(guest("sendfile", file, near, 3, 4, around.word, sent.word, 0) == .value(0))
    #expect(sent.get(0, as: Int.self) == 8)
    let back = Memory(32)
    #expect(guest("read", far, back.word, 32) == .value(8))
    #expect(back.text(0) == "<<3456>>")
    // 0 bytes are all that there are.
    #expect(guest("sendfile", file, near, 8, 0, 0, sent.word, 0) == .value(0))
    #expect(sent.get(0, as: Int.self) == 2)
    #expect(guest("sendfile", file, file, 0, 0, 0, 0, 0) == guest.errno("ENOTSOCK"))
    #expect(guest("sendfile", near, near, 0, 0, 0, 0, 0) == guest.errno("EINVAL"))
    for descriptor in [file, near, far] { _ = guest("close", descriptor) }
  }
}
