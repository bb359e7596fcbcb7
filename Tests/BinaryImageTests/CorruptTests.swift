import BinaryImage
import ImageFixtures
import Testing

@Suite struct CorruptTests {
  /// The error of reading `bytes`, as users see it.
  private func message(_ bytes: [UInt8]) -> String {
    do {
      _ = try Image(bytes: bytes)
      return "no error"
    } catch {
      return error.description
    }
  }

  private func changed(_ offset: Int, _ values: [UInt8], of builder: ELFBuilder = .program()) -> [UInt8] {
    var bytes = builder.build()
    bytes.replaceSubrange(offset..<offset + values.count, with: values)
    return bytes
  }

  @Test func namesWhatIsCutOff() {
    let bytes = ELFBuilder.program().build()
    #expect(
      message(Array(bytes.prefix(10)))
        == "truncated: the ELF identification needs 16 bytes, the file has 10 (at byte 0); get a fresh copy of the file"
    )
    #expect(
      message(Array(bytes.prefix(40)))
        == "truncated: the ELF header needs 64 bytes, the file has 40 (at byte 0); get a fresh copy of the file"
    )
    #expect(
      message(Array(bytes.prefix(100)))
        == "truncated: the program header table needs 168 bytes, the file has 100 (at byte 64); "
        + "get a fresh copy of the file")
  }

  @Test func refusesWrongIdentification() {
    #expect(message(changed(4, [7])).hasPrefix("corrupt: ELF class 7 is neither 32 nor 64 bits (at byte 4)"))
    #expect(
      message(changed(5, [0])).hasPrefix("corrupt: byte order 0 is neither little nor big endian (at byte 5)")
    )
    #expect(message(changed(6, [9])).hasPrefix("corrupt: ELF version 9 does not exist (at byte 6)"))
  }

  @Test func refusesWrongTables() {
    #expect(message(changed(54, [32, 0])).hasPrefix("corrupt: e_phentsize is 32, not 56 (at byte 54)"))
    #expect(
      message(changed(52, [1, 0])).hasPrefix("corrupt: e_ehsize 1 is less than an ELF header (at byte 52)"))
    #expect(message(changed(56, [0xff, 0xf0])).contains("program headers are more than any system loads"))
    let farAway = changed(32, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    #expect(message(farAway).hasPrefix("truncated: the program header table needs 168 bytes"))
  }

  @Test func refusesAnInterpreterOutsideTheFile() {
    var builder = ELFBuilder.program()
    builder.segments.append(.init(3, offset: 0x10_0000, fileSize: 20))
    #expect(
      message(builder.build()).hasPrefix("truncated: the run-time linker's path (PT_INTERP) needs 20 bytes"))
    builder.segments[3] = .init(3, content: Array("/libexec/ld-elf.so.1".utf8))
    #expect(message(builder.build()).hasPrefix("corrupt: PT_INTERP holds no path of 1 to 4095 bytes"))
  }

  @Test func refusesScriptsWithoutInterpreter() {
    #expect(
      message(Array("#!\n".utf8)) == "a script that names no interpreter after \"#!\" (at byte 2); "
        + "write the interpreter's path there, such as #!/bin/sh")
    #expect(message(Array("#!   \t \nx".utf8)).hasPrefix("a script that names no interpreter"))
    #expect(
      message(Array("#!/".utf8) + [UInt8](repeating: 97, count: 5000)).hasPrefix(
        "a script whose first line is longer than 4095 bytes"))
  }

  @Test func ignoresBrokenSectionsOfAProgramThatLoads() throws {
    var builder = ELFBuilder.program()
    builder.sections = [.init(".comment", content: [1, 2, 3, 0])]
    var bytes = builder.build()
    bytes.replaceSubrange(40..<48, with: [0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    #expect(try Image(bytes: bytes).origin.name == "freebsd")
    bytes = builder.build()
    bytes.replaceSubrange(60..<62, with: [0xff, 0xff])
    #expect(try Image(bytes: bytes).origin.name == "freebsd")
  }

  @Test func survivesEveryTruncation() {
    for sample in Samples.all() {
      for length in stride(from: 0, to: min(sample.count, 1200), by: 7) {
        _ = try? Image(bytes: Array(sample.prefix(length)))
      }
    }
  }
}
