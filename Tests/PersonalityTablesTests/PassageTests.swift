import CWire
import Testing
import Wire

@testable import PersonalityTables

/// How a patched site may enter the engine for a row.
struct PassageTests {
  private func passage(_ row: persona_call) -> persona_passage { persona_passage(UInt32(row.passage)) }

  @Test func registersInLinuxsPlacesAreLeftThere() throws {
    let table = try #require(
      CompiledTable(
        """
        1 read(fd: fd, buf: out bytes[result], count: size) -> size = read
        2 lseek(fd: fd, offset: offset, whence: int) -> offset = lseek
        3 turned(offset: offset, fd: fd, whence: int) -> offset = lseek(fd, offset, whence)
        4 narrow(fd: fd, buf: out bytes[result], count: u32) -> size = read
        5 getpid() -> pid = getpid

        """))
    #expect(passage(table.call(1)) == PERSONA_PASSAGE_SAME)
    #expect(passage(table.call(2)) == PERSONA_PASSAGE_SAME)
    #expect(passage(table.call(3)) == PERSONA_PASSAGE_DIRECT)
    #expect(table.call(3).sources.0 == UInt8(PERSONA_RSI.rawValue))
    // Linux's own count is of 64 bits, so that somebody must extend it.
    #expect(passage(table.call(4)) == PERSONA_PASSAGE_DIRECT)
    #expect(table.call(4).widths.2 == UInt8(PERSONA_CONVERT_ZERO32.rawValue))
    // The engine knows the answer.
    #expect(passage(table.call(5)) == PERSONA_PASSAGE_DIRECT)
  }

  @Test func operandsOfOtherCallsAreListedByTheirRegisters() throws {
    let table = try #require(
      CompiledTable(
        """
        flags open_flags { mask 3 { 0 O_RDONLY 1 O_WRONLY 2 O_RDWR } 0x200 O_CREAT }
        5 open(path: path, flags: open_flags, mode: mode) -> fd = openat(AT_FDCWD, path, flags, mode)
        6 minherit(len: size, addr: address) -> status = handler minherit(addr, len)
        7 far(a: int, b: int, c: int, d: int, e: int, f: int, addr: address, len: size) -> status = handler minherit(addr, len)

        """))
    let open = table.call(5)
    #expect(passage(open) == PERSONA_PASSAGE_PLAIN && open.in_registers == 1 && open.has_path == 1)
    #expect(open.sources.0 == UInt8(PERSONA_NO_REGISTER.rawValue))
    #expect(open.sources.1 == UInt8(PERSONA_RDI.rawValue) && open.widths.1 == UInt8(PERSONA_CONVERT_NONE.rawValue))
    #expect(open.sources.2 == UInt8(PERSONA_RSI.rawValue) && open.widths.2 == UInt8(PERSONA_CONVERT_FLAGS.rawValue))
    let inherit = table.call(6)
    #expect(inherit.in_registers == 1 && inherit.has_path == 0 && inherit.sources.0 == UInt8(PERSONA_RSI.rawValue))
    #expect(table.call(7).in_registers == 0)
  }
}
