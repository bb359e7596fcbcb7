import Glibc
import HostText
import Testing

struct HostTextTests {
  /// Ends of the ranges of UTF-8, what is none, and the characters that stand for bytes.
  static let texts: [[UInt8]] = [
    [], Array("plain".utf8), Array("é ü \u{10ffff}".utf8), [0xe9], [0x61, 0xe9, 0x62], [0xc3], [0xc3, 0x28], [0xe2, 0x82],
    [0xe2, 0x82, 0x2f, 0xac], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0xf4, 0x8f, 0xbe, 0x80],
    [0xf4, 0x8f, 0xbf, 0xbf, 0xff], [0xf4, 0x8f, 0xbd, 0xbf], [0xf4], [0xf4, 0x8f], Array(1...255), Array((1...255).reversed()),
  ]

  @Test(arguments: texts) func goesBack(_ bytes: [UInt8]) {
    let text = String(host: bytes)
    #expect(text.hostBytes == bytes)
    #expect(text.withHost { strlen($0) } == bytes.count)
    #expect(text.withHost { String(host: $0) } == text)
  }

  @Test func everyPairGoesBack() {
    for first in UInt8(1)...255 {
      for second in UInt8(1)...255 where String(host: [0x2f, first, second, 0x2f]).hostBytes != [0x2f, first, second, 0x2f] {
        Issue.record("\(first) \(second)")
      }
    }
  }

  @Test func textIsItself() {
    #expect(String(host: Array("naïve/日本".utf8)) == "naïve/日本")
    #expect(String(host: [0x61, 0xe9]) == "a\u{10ffe9}")
    #expect(String(host: [0x61, 0xe9]) != String(host: [0x61, 0xe8]))
  }

  @Test func namesOfFiles() throws {
    let folder = "/tmp/host-text-\(getpid())"
    try #require(Host.mkdir(folder, 0o700) == 0)
    let path = folder + "/" + String(host: [0xff, 0x2e, 0xe9])
    let file = Host.open(path, O_CREAT | O_WRONLY, 0o600)
    #expect(file >= 0)
    close(file)
    let stream = try #require(Host.opendir(folder))
    var names: Set<String> = []
    while let entry = readdir(stream) { names.insert(Host.name(entry)) }
    closedir(stream)
    #expect(names == [".", "..", String(host: [0xff, 0x2e, 0xe9])])
    let link = folder + "/link"
    #expect(Host.symlink(path, link) == 0)
    #expect(Host.readlink(link) == path)
    #expect(Host.realpath(link) == path)
    #expect(Host.unlink(link) == 0)
    #expect(Host.unlink(path) == 0)
    #expect(Host.rmdir(folder) == 0)
  }
}
