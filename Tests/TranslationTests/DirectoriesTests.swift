import Testing

@testable import Translation

@Suite struct DirectoriesTests {
  let guest = Guest.freeBSD
  let directory = TemporaryDirectory()

  private struct Entry: Equatable {
    var name: String
    var type: UInt8
    var next: Int64
  }

  private func populate(_ count: Int) {
    for index in 0..<count {
      let name = String(repeating: "x", count: index % 250) + String(index)
      let file = guest("open", directory(name).word, 0x201, 0o600).result
      _ = guest("close", file)
    }
  }

  private func open() -> Int { guest("open", directory("").word, 0x20000, 0).result }

  /// Reads everything with buffers of `size`; checks each block's shape.
  private func entries(_ descriptor: Int, _ size: Int) -> [Entry] {
    var result: [Entry] = []
    let buffer = Memory(size)
    let base = Memory(8)
    while true {
      guard let count = guest("getdirentries", descriptor, buffer.word, size, base.word).value else {
        Issue.record("getdirentries failed")
        return result
      }
      if count == 0 { return result }
      #expect(count <= size)
      if let last = result.last { #expect(base.get(0, as: Int64.self) == last.next) }
      var at = 0
      while at < count {
        let length = Int(buffer.get(at + 16, as: UInt16.self))
        let nameLength = Int(buffer.get(at + 20, as: UInt16.self))
        #expect(length == (24 + nameLength + 1 + 7) & ~7)
        let name = buffer.text(at + 24)
        #expect(name.utf8.count == nameLength)
        result.append(Entry(name: name, type: buffer[at + 18], next: buffer.get(at + 8)))
        at += length
      }
      #expect(at == count)
    }
  }

  @Test(arguments: [280, 300, 512, 1000, 4096, 65536])
  func readsAll(size: Int) {
    populate(300)
    let descriptor = open()
    let all = entries(descriptor, size)
    #expect(all.count == 302)
    #expect(Set(all.map(\.name)).count == 302)
    #expect(all.first { $0.name == "." }?.type == 4)
    #expect(all.first { $0.name == "0" }?.type == 8)
    // d_off is where lseek(2) goes on.
    let middle = all[100]
    #expect(guest("lseek", descriptor, Int(middle.next), 0) == .value(Int(middle.next)))
    #expect(entries(descriptor, size).first?.name == all[101].name)
    _ = guest("close", descriptor)
  }

  @Test func oldLayout() {
    populate(20)
    let descriptor = open()
    let buffer = Memory(4096)
    let count = guest("freebsd11_getdents", descriptor, buffer.word, 4096).result
    var names: Set<String> = []
    var at = 0
    while at < count {
      names.insert(buffer.text(at + 8))
      #expect(buffer.text(at + 8).utf8.count == Int(buffer[at + 7]))
      at += Int(buffer.get(at + 4, as: UInt16.self))
    }
    #expect(names.count == 22)
    _ = guest("close", descriptor)
  }

  @Test func refusals() {
    populate(1)
    let descriptor = open()
    let buffer = Memory(512)
    #expect(guest("getdirentries", descriptor, buffer.word, 16, 0) == guest.errno("EINVAL"))
    #expect(guest("getdirentries", descriptor, 8, 512, 0) == guest.errno("EFAULT"))
    let file = guest("open", directory("0").word, 0, 0).result
    #expect(guest("getdirentries", file, buffer.word, 512, 0) == guest.errno("EINVAL"))
    #expect(guest("getdirentries", 9999, buffer.word, 512, 0) == guest.errno("EBADF"))
    _ = guest("close", file)
    _ = guest("close", descriptor)
  }

  @Test func workingDirectory() {
    let buffer = Memory(4096)
    #expect(guest("__getcwd", buffer.word, 4096) == .value(0))
    #expect(buffer.text(0).hasPrefix("/"))
    #expect(guest("__getcwd", buffer.word, 1) == guest.errno("EINVAL"))
    #expect(guest("__getcwd", buffer.word, 2) == guest.errno("ENOMEM"))
  }
}
