import Testing

@testable import Translation

@Suite struct DescriptorsTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func open(_ name: String, _ flags: Int = 0x202, _ mode: Int = 0o600) -> Int {
    guest("open", directory(name).word, flags, mode).result
  }

  @Test func duplicates() {
    let file = open("a")
    #expect(guest("fcntl", file, 17, 40).result >= 40)  // F_DUPFD_CLOEXEC
    #expect(guest("fcntl", file, 10, 90) == .value(90))  // F_DUP2FD
    #expect(guest("fcntl", 90, 1, 0) == .value(0))  // F_GETFD
    #expect(guest("fcntl", file, 18, 90) == .value(90))  // F_DUP2FD_CLOEXEC
    #expect(guest("fcntl", 90, 1, 0) == .value(1))
    #expect(guest("fcntl", 90, 18, 90) == .value(90))
    #expect(guest("fcntl", file, 10, -1) == guest.errno("EBADF"))
    #expect(guest("fcntl", file, 99, 0) == guest.errno("EINVAL"))
    #expect(guest("fcntl", 9999, 1, 0) == guest.errno("EBADF"))
    #expect(guest("fcntl", file, 21, 0) == .value(0))  // F_ISUNIONSTACK
    _ = guest("close", 90)
    _ = guest("close", file)
  }

  @Test func statusFlags() {
    let file = open("a")
    #expect(guest("fcntl", file, 3, 0) == .value(2))
    // O_NONBLOCK | O_APPEND, and O_CREAT which is ignored
    #expect(guest("fcntl", file, 4, 0x4 | 0x8 | 0x200) == .value(0))
    #expect(guest("fcntl", file, 3, 0) == .value(2 | 0x4 | 0x8))
    #expect(guest("fcntl", file, 4, 0) == .value(0))
    #expect(guest("fcntl", file, 3, 0) == .value(2))
    _ = guest("close", file)
  }

  @Test func recordLocks() {
    let file = open("a")
    let lock = Memory(32)
    lock.set(Int64(10), 0)
    lock.set(Int64(5), 8)
    lock.set(Int16(3), 20)  // F_WRLCK
    #expect(guest("fcntl", file, 12, lock.word) == .value(0))  // F_SETLK
    // One's own locks do not stand in the way.
    #expect(guest("fcntl", file, 11, lock.word) == .value(0))  // F_GETLK
    #expect(lock.get(20, as: Int16.self) == 2)  // F_UNLCK
    #expect(lock.get(0, as: Int64.self) == 10)
    lock.set(Int16(9), 20)
    #expect(guest("fcntl", file, 12, lock.word) == guest.errno("EINVAL"))
    #expect(guest("fcntl", file, 12, 8) == guest.errno("EFAULT"))
    _ = guest("close", file)
  }

  @Test func pipes() {
    let (answer, second) = guest.pair("freebsd10_pipe")
    let text = Memory("hello")
    #expect(guest("write", second, text.word, 5) == .value(5))
    let back = Memory(8)
    #expect(guest("read", answer.result, back.word, 8) == .value(5))
    #expect(back.text(0) == "hello")
    _ = guest("close", second)
    #expect(guest("read", answer.result, back.word, 8) == .value(0))
    _ = guest("close", answer.result)
  }

  @Test func kernelInformation() {
    let file = open("known")
    let information = Memory(1392)
    #expect(guest("fcntl", file, 22, information.word) == guest.errno("EINVAL"))
    information.set(Int32(1392), 0)
    #expect(guest("fcntl", file, 22, information.word) == .value(0))
    #expect(information.text(368).hasSuffix("/known"))
    #expect(information.get(8, as: Int32.self) == Int32(file))
    _ = guest("close", file)
  }

  @Test func closesRanges() {
    let queue = guest("kqueue").result
    let change = Memory(64)
    change.set(UInt64(7), 0)
    change.set(Int16(-11), 8)  // EVFILT_USER
    change.set(UInt16(1), 10)  // EV_ADD
    #expect(guest("kevent", queue, change.word, 1, 0, 0, 0) == .value(0))
    #expect(guest("fcntl", queue, 10, 200) == .value(200))
    #expect(guest("fcntl", queue, 10, 205) == .value(205))
    #expect(guest("close_range", 200, 0x7fff_ffff, 0) == .value(0))
    #expect(guest("fcntl", 205, 1, 0) == guest.errno("EBADF"))
    // NOTE_TRIGGER: the kqueue still has what it needs.
    change.set(UInt16(0), 10)
    change.set(UInt32(0x0100_0000), 12)
    let event = Memory(64)
    #expect(guest("kevent", queue, change.word, 1, event.word, 1, 0) == .value(1))
    #expect(guest("close_range", 9, 8, 0) == guest.errno("EINVAL"))
    #expect(guest("close_range", 200, 300, 64) == guest.errno("EINVAL"))
    _ = guest("close", queue)
  }
}
