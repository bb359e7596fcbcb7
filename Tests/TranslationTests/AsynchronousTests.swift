import CEngine
import CWire
import Glibc
import Testing

@testable import Translation

@Suite struct AsynchronousTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private func block(_ file: Int, _ buffer: Memory, _ count: Int, _ offset: Int, _ code: Int32 = 0) -> Memory {
    let block = Memory(160)
    block.set(Int32(file), 0)
    block.set(offset, 8)
    block.set(buffer.word, 16)
    block.set(count, 24)
    block.set(code, 48)
    return block
  }

  @Test func writesAndReads() {
    let file = guest("open", directory("aio").word, 0x202, 0o600).result
    let write = block(file, Memory("hello"), 5, 3)
    #expect(guest("aio_error", write.word) == .value(22))
    #expect(guest("aio_write", write.word) == .value(0))
    #expect(guest("aio_error", write.word) == .value(0))
    #expect(guest("aio_return", write.word) == .value(5))
    #expect(guest("aio_return", write.word) == guest.errno("EINVAL"))
    let buffer = Memory(16)
    let read = block(file, buffer, 16, 0)
    #expect(guest("aio_read", read.word) == .value(0))
    let list = Memory(8)
    list.set(read.word, 0)
    #expect(guest("aio_suspend", list.word, 1, 0) == .value(0))
    #expect(guest("aio_return", read.word) == .value(8))
    #expect(buffer.text(3) == "hello")
    #expect(guest("aio_cancel", file, 0) == .value(3))
    #expect(guest("aio_fsync", 0x80, write.word) == .value(0))
    #expect(guest("aio_read", block(-1, buffer, 1, 0).word) == guest.errno("EBADF"))
    #expect(guest("aio_read", block(file, buffer, 1, -5).word) == guest.errno("EINVAL"))
    close(Int32(file))
  }

  @Test func keepsAFailure() {
    let file = guest("open", directory("read-only").word, 0x200, 0o600).result
    let write = block(file, Memory("x"), 1, 0)
    #expect(guest("aio_write", write.word) == guest.errno("EBADF"))
    #expect(guest("aio_error", write.word) == .value(9))
    #expect(guest("aio_return", write.word) == guest.errno("EINVAL"))
    let read = block(file, Memory(4), 4, 0)
    read.set(0, 16)
    #expect(guest("aio_read", read.word) == .value(0))
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    #expect(guest("aio_read", block(Int(ends[0]), Memory(4), 4, 0).word) == guest.errno("EOPNOTSUPP"))
    close(ends[0])
    close(ends[1])
    close(Int32(file))
  }

  @Test func lists() {
    let file = guest("open", directory("list").word, 0x202, 0o600).result
    let first = block(file, Memory("ab"), 2, 0, 1)
    let second = block(file, Memory(2), 2, 0, 2)
    let list = Memory(24)
    list.set(first.word, 0)
    list.set(second.word, 16)
    #expect(guest("lio_listio", 1, list.word, 3, 0) == .value(0))
    #expect(guest("aio_return", first.word) == .value(2))
    #expect(guest("aio_return", second.word) == .value(2))
    first.set(Int32(-7), 0)
    #expect(guest("lio_listio", 1, list.word, 3, 0) == guest.errno("EIO"))
    #expect(guest("aio_error", first.word) == .value(9))
    close(Int32(file))
  }
}
