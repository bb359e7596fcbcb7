import CEngine
import Testing

@testable import Translation

/// kqueue(2), a queue and what it tells.
private final class Queue {
  let guest = Guest.freeBSD
  let descriptor: Int
  let layout = EventLayout(Guest.freeBSD.table, size: 64)!

  init() { descriptor = guest("kqueue").result }
  deinit { _ = guest("close", descriptor) }

  static func event(
    _ ident: Int, _ filter: Int32, _ flags: UInt32, _ fflags: UInt32 = 0, _ data: Int64 = 0,
    udata: UInt64 = 0
  ) -> ForeignEvent {
    ForeignEvent(
      ident: UInt64(ident), filter: filter, flags: flags, fflags: fflags, data: data, udata: udata)
  }

  /// The answer of a call that only changes.
  @discardableResult
  func change(_ changes: ForeignEvent...) -> Guest.Answer {
    let memory = Memory(64 * changes.count)
    for (index, change) in changes.enumerated() { layout.encode(change, memory.bytes + 64 * index) }
    return guest("kevent", descriptor, memory.word, changes.count, 0, 0, 0)
  }

  /// What is told within `milliseconds`.
  func events(_ capacity: Int = 8, within milliseconds: Int = 0, _ changes: ForeignEvent...) -> [ForeignEvent] {
    let memory = Memory(64 * max(changes.count, 1))
    for (index, change) in changes.enumerated() { layout.encode(change, memory.bytes + 64 * index) }
    let output = Memory(64 * capacity)
    let limit = Memory(16)
    limit.set(Int64(milliseconds / 1000), 0)
    limit.set(Int64(milliseconds % 1000 * 1_000_000), 8)
    let count = guest(
      "kevent", descriptor, memory.word, changes.count, output.word, capacity, limit.word
    ).result
    return (0..<max(count, 0)).map { layout.decode(output.bytes + 64 * $0) }
  }
}

@Suite struct EventsTests {
  let guest = Guest.freeBSD

  private func pipe() -> (read: Int, write: Int) {
    let (answer, second) = guest.pair("freebsd10_pipe")
    return (answer.result, second)
  }

  private func socketPair() -> (Int, Int) {
    let pair = Memory(8)
    _ = guest("socketpair", 1, 1, 0, pair.word).result
    return (Int(pair.get(0, as: Int32.self)), Int(pair.get(4, as: Int32.self)))
  }

  private func write(_ descriptor: Int, _ text: String) {
    let memory = Memory(text)
    #expect(guest("write", descriptor, memory.word, text.utf8.count) == .value(text.utf8.count))
  }

  private func close(_ descriptors: Int...) { for descriptor in descriptors { _ = guest("close", descriptor) } }

  @Test func levelTriggeredRead() {
    let queue = Queue()
    let ends = pipe()
    #expect(queue.change(Queue.event(ends.read, -1, 1, udata: 77)) == .value(0))
    #expect(queue.events().isEmpty)
    write(ends.write, "hello")
    for _ in 0..<2 {
      let events = queue.events()
      #expect(events.count == 1)
      #expect(events.first?.data == 5)
      #expect(events.first?.udata == 77)
      #expect(events.first?.flags == 0)
    }
    close(ends.write)
    let events = queue.events()
    #expect(events.first?.flags == 0x8000)
    #expect(events.first?.data == 5)
    close(ends.read)
    #expect(queue.events().isEmpty)
    #expect(queue.change(Queue.event(ends.read, -1, 2)) == guest.errno("EBADF"))
  }

  @Test func edgeTriggered() {
    let queue = Queue()
    let (one, other) = socketPair()
    #expect(queue.change(Queue.event(one, -1, 0x21), Queue.event(one, -2, 0x21)) == .value(0))
    var events = queue.events()
    #expect(events.count == 1)
    #expect(events.first?.filter == -2)
    #expect((events.first?.data ?? 0) > 1000)
    #expect(queue.events().isEmpty)
    write(other, "abc")
    events = queue.events().filter { $0.filter == -1 }
    #expect(events.first?.data == 3)
    #expect(events.first?.flags == 0x20)
    #expect(queue.events().isEmpty)
    write(other, "d")
    #expect(queue.events().first { $0.filter == -1 }?.data == 4)
    // A registration anew tells again what holds.
    #expect(queue.events(8, within: 0, Queue.event(one, -1, 0x21)).first { $0.filter == -1 }?.data == 4)
    close(other)
    #expect(queue.events().first { $0.filter == -1 }?.flags == 0x8020)
    close(one)
  }

  @Test func bothFiltersWithDifferentEdges() {
    let queue = Queue()
    let (one, other) = socketPair()
    queue.change(Queue.event(one, -1, 0x1), Queue.event(one, -2, 0x21))
    #expect(queue.events().map(\.filter) == [-2])
    write(other, "abc")
    for _ in 0..<3 { #expect(queue.events().filter { $0.filter == -1 }.count == 1) }
    close(one, other)
  }

  @Test func onlyOneEventFits() {
    let queue = Queue()
    let (one, other) = socketPair()
    queue.change(Queue.event(one, -1, 0x21), Queue.event(one, -2, 0x21))
    write(other, "abc")
    let first = queue.events(1)
    let second = queue.events(1)
    #expect(Set([first.first?.filter, second.first?.filter]) == [-1, -2])
    #expect(queue.events(1).isEmpty)
    close(one, other)
  }

  @Test func oneshotDispatchEnableDisable() {
    let queue = Queue()
    let ends = pipe()
    write(ends.write, "x")
    queue.change(Queue.event(ends.read, -1, 0x11))
    #expect(queue.events().first?.flags == 0x10)
    #expect(queue.events().isEmpty)
    #expect(queue.change(Queue.event(ends.read, -1, 2)) == guest.errno("ENOENT"))
    queue.change(Queue.event(ends.read, -1, 0x81))
    #expect(queue.events().first?.flags == 0x80)
    #expect(queue.events().isEmpty)
    queue.change(Queue.event(ends.read, -1, 4))
    #expect(queue.events().count == 1)
    queue.change(Queue.event(ends.read, -1, 4), Queue.event(ends.read, -1, 8))
    #expect(queue.events().isEmpty)
    queue.change(Queue.event(ends.read, -1, 2))
    queue.change(Queue.event(ends.read, -1, 9))  // EV_ADD | EV_DISABLE
    #expect(queue.events().isEmpty)
    queue.change(Queue.event(ends.read, -1, 4))
    #expect(queue.events().count == 1)
    close(ends.read, ends.write)
  }

  @Test func errorsInTheEventList() {
    let queue = Queue()
    let ends = pipe()
    write(ends.write, "x")
    let events = queue.events(
      4, within: 0, Queue.event(9999, -1, 1), Queue.event(ends.read, -1, 0x41), Queue.event(5, 3, 1),
      Queue.event(7, -11, 2))
    #expect(events.map(\.flags) == [0x4000, 0x4000, 0x4000, 0x4000])
    #expect(events.map(\.data) == [9, 0, 22, 2])
    #expect(queue.change(Queue.event(9999, -1, 1)) == guest.errno("EBADF"))
    #expect(queue.change(Queue.event(1, -1, 0), Queue.event(1, 0, 0)) == guest.errno("ENOENT"))
    #expect(guest("kevent", ends.read, 0, 0, 0, 0, 0) == guest.errno("EBADF"))
    #expect(guest("kevent", queue.descriptor, 8, 1, 0, 0, 0) == guest.errno("EFAULT"))
    let limit = Memory(16)
    limit.set(Int64(1_000_000_000), 8)
    let output = Memory(64)
    #expect(guest("kevent", queue.descriptor, 0, 0, output.word, 1, limit.word) == guest.errno("EINVAL"))
    close(ends.read, ends.write)
  }

  @Test func listeningSocket() {
    let queue = Queue()
    let listener = guest("socket", 2, 1, 0).result
    let address = Memory(16)
    address[0] = 16
    address[1] = 2
    address.set(UInt32(0x0100_007f), 4)
    #expect(guest("bind", listener, address.word, 16) == .value(0))
    #expect(guest("listen", listener, 5) == .value(0))
    queue.change(Queue.event(listener, -1, 1))
    #expect(queue.events().isEmpty)
    let length = Memory(4)
    length.set(UInt32(16), 0)
    #expect(guest("getsockname", listener, address.word, length.word) == .value(0))
    let client = guest("socket", 2, 1, 0).result
    // A socket that is not connected has nothing to tell.
    queue.change(Queue.event(client, -1, 1), Queue.event(client, -2, 1))
    #expect(queue.events().isEmpty)
    #expect(guest("connect", client, address.word, 16) == .value(0))
    let events = queue.events(8, within: 1000)
    #expect(events.first { $0.ident == UInt64(listener) }?.data == 1)
    #expect(queue.events().contains { $0.ident == UInt64(client) && $0.filter == -2 && $0.flags == 0 })
    close(listener, client)
  }

  @Test func userEvents() {
    let queue = Queue()
    #expect(queue.change(Queue.event(1, -11, 0x21, 0, 0, udata: 5)) == .value(0))
    #expect(queue.events().isEmpty)
    queue.change(Queue.event(1, -11, 0, 0x0100_0000 | 0xc000_0000 | 0x55, 9, udata: 6))
    var events = queue.events()
    #expect(events.count == 1)
    #expect(events.first?.fflags == 0x55)
    #expect(events.first?.data == 9)
    #expect(events.first?.udata == 6)
    #expect(queue.events().isEmpty)
    queue.change(Queue.event(1, -11, 0x200, 0x4000_0000 | 0x0100_0000 | 0x5, 0, udata: 9))
    events = queue.events()
    #expect(events.first?.fflags == 0x5)
    #expect(events.first?.udata == 6)
    // Without EV_CLEAR it is told until it is cleared.
    queue.change(Queue.event(2, -11, 1), Queue.event(2, -11, 0, 0x0100_0000))
    for _ in 0..<3 { #expect(queue.events().count == 1) }
    queue.change(Queue.event(2, -11, 0x20))
    #expect(queue.events().isEmpty)
  }

  @Test func userEventWakesOneWaiter() {
    let queue = Queue()
    queue.change(Queue.event(1, -11, 0x21))
    let woken = Memory(8)
    let thread = GuestThread {
      let events = queue.events(1, within: 5000)
      woken.set(Int64(events.count), 0)
    }
    let (limit, _) = (Memory(16), 0)
    limit.set(Int64(30_000_000), 8)
    _ = guest("nanosleep", limit.word, 0)
    queue.change(Queue.event(1, -11, 0, 0x0100_0000))
    thread.join()
    #expect(woken.get(0, as: Int64.self) == 1)
  }

  @Test func manyWaitersManyTriggers() {
    let queue = Queue()
    queue.change(Queue.event(1, -11, 0x21), Queue.event(2, -11, 0x11))
    let threads = (0..<8).map { _ in
      GuestThread {
        for _ in 0..<200 {
          queue.change(Queue.event(1, -11, 0, 0x0100_0000))
          _ = queue.events(2, within: 1)
        }
      }
    }
    for thread in threads { thread.join() }
    queue.change(Queue.event(1, -11, 0, 0x0100_0000))
    #expect(queue.events(2, within: 1000).count == 1)
  }

  @Test func timers() {
    let queue = Queue()
    // Not told of before its time, however long that takes here.
    queue.change(Queue.event(1, -7, 0x11, 0, 3_600_000))
    #expect(queue.events().isEmpty)
    var events: [ForeignEvent] = []
    let took = milliseconds {
      queue.change(Queue.event(1, -7, 0x11, 0, 20))
      events = queue.events(4, within: 60_000)
    }
    #expect(took >= 20 && took < 50_000)
    #expect(events.first?.data == 1)
    #expect(events.first?.flags == 0x30)
    #expect(queue.events(4, within: 40).isEmpty)
    queue.change(Queue.event(2, -7, 1, 4, 2000))  // every 2000 µs
    _ = queue.events(4, within: 0)
    let limit = Memory(16)
    limit.set(Int64(21_000_000), 8)
    _ = guest("nanosleep", limit.word, 0)
    events = queue.events(4, within: 1000)
    #expect((events.first?.data ?? 0) >= 10)
    #expect(queue.change(Queue.event(2, -7, 2)) == .value(0))
    #expect(queue.events(4, within: 10).isEmpty)
    #expect(queue.change(Queue.event(3, -7, 1, 0, -1)) == guest.errno("EINVAL"))
    #expect(queue.change(Queue.event(3, -7, 1, 3, 1)) == guest.errno("EINVAL"))
    // Added again it starts anew.
    queue.change(Queue.event(4, -7, 0x11, 0, 3_600_000))
    queue.change(Queue.event(4, -7, 0x11, 0, 5))
    #expect(queue.events(4, within: 4000).map(\.ident) == [4])
    // NOTE_ABSTIME in the past.
    queue.change(Queue.event(5, -7, 0x11, 0x11, 1))
    #expect(queue.events(4, within: 1000).map(\.ident) == [5])
  }

  @Test func timeouts() {
    let queue = Queue()
    let took = milliseconds { #expect(queue.events(4, within: 30).isEmpty) }
    #expect(took >= 29 && took < 20_000)
  }

  @Test func regularFiles() {
    let queue = Queue()
    let directory = TemporaryDirectory()
    let file = guest("open", directory("f").word, 0x202, 0o600).result
    write(file, "0123456789")
    #expect(queue.change(Queue.event(file, -1, 1)) == .value(0))
    #expect(queue.events().isEmpty)
    #expect(guest("lseek", file, 4, 0) == .value(4))
    queue.change(Queue.event(file, -1, 1))
    for _ in 0..<2 { #expect(queue.events().first?.data == 6) }
    _ = guest("lseek", file, 0, 2)
    #expect(queue.events().isEmpty)
    let other = guest("open", directory("f").word, 0x9, 0).result  // O_WRONLY | O_APPEND
    write(other, "ab")
    #expect(queue.events(4, within: 1000).first?.data == 2)
    queue.change(Queue.event(file, -1, 2))
    #expect(queue.change(Queue.event(other, -2, 1)) == .value(0))
    #expect(queue.events().map(\.filter) == [-2])
    close(file, other)
    #expect(queue.events().isEmpty)
  }

  @Test func vnodes() {
    let queue = Queue()
    let directory = TemporaryDirectory()
    let file = guest("open", directory("f").word, 0x202, 0o600).result
    queue.change(Queue.event(file, -4, 0x21, 0x7ff))
    write(file, "x")
    #expect(queue.events(4, within: 1000).first?.fflags == 0x6)  // NOTE_WRITE | NOTE_EXTEND
    #expect(guest("fchmod", file, 0o644) == .value(0))
    #expect(queue.events(4, within: 1000).first?.fflags == 0x8)
    #expect(guest("link", directory("f").word, directory("g").word) == .value(0))
    #expect((queue.events(4, within: 1000).first?.fflags ?? 0) & 0x10 != 0)
    #expect(guest("rename", directory("f").word, directory("h").word) == .value(0))
    #expect((queue.events(4, within: 1000).first?.fflags ?? 0) & 0x20 != 0)
    #expect(guest("unlink", directory("g").word) == .value(0))
    #expect(guest("unlink", directory("h").word) == .value(0))
    #expect((queue.events(4, within: 1000).first?.fflags ?? 0) & 0x1 != 0)
    close(file)
    let ends = pipe()
    #expect(queue.change(Queue.event(ends.read, -4, 0x21, 2)) == guest.errno("EINVAL"))
    close(ends.read, ends.write)
  }

  @Test func signals() {
    let queue = Queue()
    #expect(queue.change(Queue.event(30, -6, 1)) == .value(0))
    #expect(queue.events().isEmpty)
    for _ in 0..<3 { signalSeen(persona_current().pointee.process, 30) }
    let events = queue.events(4, within: 1000)
    #expect(events.first?.data == 3)
    #expect(events.first?.flags == 0x20)
    #expect(queue.events().isEmpty)
    signalSeen(persona_current().pointee.process, 31)
    #expect(queue.events().isEmpty)
  }

  @Test func closedDescriptorsAreForgotten() {
    let queue = Queue()
    let ends = pipe()
    write(ends.write, "x")
    queue.change(Queue.event(ends.read, -1, 1))
    let second = guest("dup", ends.read).result
    #expect(queue.events().count == 1)
    close(ends.read)
    #expect(queue.events().isEmpty)
    // The number is used again, for another pipe.
    let others = pipe()
    #expect(others.read == ends.read)
    queue.change(Queue.event(others.read, -1, 1))
    #expect(queue.events().isEmpty)
    write(others.write, "yz")
    #expect(queue.events().first?.data == 2)
    #expect(guest("dup2", second, others.read) == .value(others.read))
    #expect(queue.events().isEmpty)
    close(second, others.read, others.write, ends.write)
  }

  @Test func severalNamesAndNesting() {
    let inner = Queue()
    let outer = Queue()
    let name = guest("dup", inner.descriptor).result
    inner.change(Queue.event(1, -11, 1))
    outer.change(Queue.event(inner.descriptor, -1, 1))
    #expect(outer.events().isEmpty)
    let change = Memory(64)
    inner.layout.encode(Queue.event(1, -11, 0, 0x0100_0000), change.bytes)
    #expect(guest("kevent", name, change.word, 1, 0, 0, 0) == .value(0))
    #expect(outer.events(4, within: 1000).count == 1)
    #expect(inner.events().count == 1)
    close(name)
    #expect(inner.events().count == 1)
    #expect(inner.change(Queue.event(inner.descriptor, -1, 1)) == guest.errno("EINVAL"))
    let file = Memory(8)
    file.set(Int32(inner.descriptor), 0)
    file.set(Int16(1), 4)
    #expect(guest("poll", file.word, 1, 1000) == .value(1))
  }

  @Test func closingRangesSparesTheEngine() async {
    // In a process of its own, since the range is everybody's.
    await #expect(processExitsWith: .success) {
      let guest = Guest.freeBSD
      let queue = Queue()
      queue.change(Queue.event(1, -7, 1, 0, 5))
      let high = guest("fcntl", 0, 0, 600).result  // F_DUPFD
      #expect(guest("close_range", 600, 0xffff_ffff, 0) == .value(0))
      #expect(guest("fcntl", high, 1, 0) == guest.errno("EBADF"))
      #expect(queue.events(4, within: 1000).count == 1)
    }
  }
}

/// Filters, layouts and units by another system's table.
@Suite struct EventsByTableTests {
  @Test func layoutsOfBothSizes() throws {
    let table = Guest.freeBSD.table
    let long = try #require(EventLayout(table, size: 64))
    let short = try #require(EventLayout(table, size: 32))
    #expect(long.ext?.offset == 32 && short.ext == nil)
    #expect(EventLayout(table, size: 24) == nil)
    let memory = Memory(64)
    let event = ForeignEvent(
      ident: 7, filter: -4, flags: 0x8021, fflags: 0x8000_0000, data: -2, udata: 99, ext: (1, 2, 3, 4))
    long.encode(event, memory.bytes)
    #expect(memory.get(0, as: UInt64.self) == 7)
    #expect(memory.get(8, as: Int16.self) == -4)
    #expect(memory.get(10, as: UInt16.self) == 0x8021)
    #expect(memory.get(12, as: UInt32.self) == 0x8000_0000)
    #expect(memory.get(16, as: Int64.self) == -2)
    #expect(memory.get(24, as: UInt64.self) == 99)
    #expect(memory.get(56, as: UInt64.self) == 4)
    let read = long.decode(memory.bytes)
    #expect(read.filter == -4 && read.flags == 0x8021 && read.data == -2 && read.ext.3 == 4)
    memory.set(UInt64(5), 32)
    short.encode(event, memory.bytes)
    #expect(memory.get(32, as: UInt64.self) == 5)
    #expect(short.decode(memory.bytes).ext.0 == 0)
  }

  @Test func filtersByTheTablesNumbers() {
    let freeBSD = Guest.freeBSD.table
    #expect(freeBSD.eventFilter(-1) == .EVFILT_READ)
    #expect(freeBSD.eventFilter(-8) == .EVFILT_PROCDESC)
    #expect(freeBSD.eventFilter(-11) == .EVFILT_USER)
    #expect(freeBSD.eventFilter(0) == nil && freeBSD.eventFilter(-16) == nil && freeBSD.eventFilter(1) == nil)
    #expect(freeBSD.constant(.EV_HUP) == nil && freeBSD[.EV_HUP] == 0)
    #expect(freeBSD[.EV_KEEPUDATA] == 0x200 && freeBSD[.NOTE_USECONDS] == 4)
    #expect(freeBSD.eventSystemFlags == 0xf000)
  }
}
