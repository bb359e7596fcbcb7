import CWire
import Testing
import Wire

@testable import PersonalityTables

struct CompilerTests {
  // MARK: Head

  @Test func theHeadSaysHowCallsAreMade() throws {
    let table = try #require(CompiledTable(""))
    #expect(table.header.magic == UInt32(PERSONA_TABLE_MAGIC))
    #expect(table.header.size == UInt64(table.block.count))
    #expect(table.string(table.header.name) == "tiny")
    #expect(table.header.release == 100)
    #expect(table.header.errno_unsupported == 78)
    let abi = table.header.abi
    #expect(abi.number == UInt8(PERSONA_RAX.rawValue))
    #expect(abi.second == UInt8(PERSONA_RDX.rawValue))
    #expect(abi.error == UInt8(PERSONA_ERROR_CARRY.rawValue))
    #expect(abi.argument_registers == 6)
    #expect(abi.arguments.0 == UInt8(PERSONA_RDI.rawValue) && abi.arguments.3 == UInt8(PERSONA_R10.rawValue))
    #expect(abi.stack_offset == 8 && abi.word == 8)
    #expect(abi.entry_stack == UInt8(PERSONA_RDI.rawValue) && abi.entry_padding == 8)
  }

  @Test func numbersGoBothWays() throws {
    let table = try #require(
      CompiledTable(
        "signal { 1 SIGHUP terminate 29 SIGINFO ignore = SIGPWR 65...67 SIGRTMIN core = 36...38 }"))
    let toForeign = table.pool(table.header.errno_to_foreign, as: UInt16.self)
    let toNative = table.pool(table.header.errno_to_native, as: UInt16.self)
    #expect(toForeign[11] == 35 && toNative[35] == 11)
    #expect(toForeign[61] == 87 && toNative[87] == 0)
    let signals = table.pool(table.header.signal_to_native, as: UInt8.self)
    let back = table.pool(table.header.signal_to_foreign, as: UInt8.self)
    let defaults = table.pool(table.header.signal_default, as: UInt8.self)
    #expect(signals[29] == 30 && back[30] == 29 && signals[67] == 38 && back[36] == 65 && back.count == 65)
    #expect(defaults[29] == UInt8(PERSONA_DEFAULT_IGNORE.rawValue))
    #expect(defaults[66] == UInt8(PERSONA_DEFAULT_CORE.rawValue))
    let (hup, pwr, realtime): (UInt64, UInt64, UInt64) = (1 << 0, 1 << 29, 7 << 35)
    #expect(table.header.signals_known & (hup | pwr | realtime | 1 << 38) == hup | pwr | realtime)
    #expect(table.header.signals_ignored & (hup | pwr | realtime) == pwr)
  }

  // MARK: Calls

  @Test func aTranslatedCallHasItsOperandsAsWritten() throws {
    let table = try #require(
      CompiledTable(
        """
        flags open_flags { mask 3 { 0 O_RDONLY 1 O_WRONLY 2 O_RDWR } }
        5 open(path: path, flags: open_flags, mode: mode) -> fd
          = openat(AT_FDCWD, path, flags, mode)
        """.replacing("\n  =", with: " =")))
    let row = table.call(5)
    #expect(row.kind == UInt8(PERSONA_CALL_TRANSLATE.rawValue) && row.target == 257)
    #expect(table.string(row.name) == "open")
    let operands = table.operands(5)
    #expect(operands.count == 4)
    #expect(operands[0].kind == UInt8(PERSONA_OPERAND_CONSTANT.rawValue) && operands[0].constant == -100)
    #expect(operands[1...].map(\.argument) == [0, 1, 2])
    let arguments = table.arguments(5)
    #expect(arguments[0].conversion == UInt8(PERSONA_CONVERT_PATH.rawValue))
    #expect(
      arguments[1].conversion == UInt8(PERSONA_CONVERT_FLAGS.rawValue) && arguments[1].element_size == 4)
    #expect(arguments[2].conversion == UInt8(PERSONA_CONVERT_ZERO32.rawValue) && arguments[2].word == 2)
    #expect(table.call(4).kind == UInt8(PERSONA_CALL_MISSING.rawValue))
  }

  @Test func operandsAreAllArgumentsUnlessWritten() throws {
    let table = try #require(
      CompiledTable(
        """
        3 read(fd: fd, buf: out bytes[result], nbyte: size) -> size = read
        4 seek(fd: fd, at: offset) -> offset = handler mmap(at, fd, PROT_READ | PROT_WRITE)
        6 both(fd: fd, id: inout u32, list: in u16[*id]) -> pair = handler munmap
        7 gone = obsolete
        8 none() -> status = unsupported "not here"
        9 always() -> int = answer 7
        10...12 lkmnosys = unsupported "reserved"
        13 quit(status: int) -> never = handler exit
        """))
    #expect(table.operands(3).map(\.argument) == [0, 1, 2])
    #expect(table.arguments(3)[1].count_kind == UInt8(PERSONA_COUNT_RESULT.rawValue))
    #expect(table.arguments(3)[1].direction == UInt8(PERSONA_OUT.rawValue))
    let handled = table.operands(4)
    #expect(table.call(4).target == HandlerName.mmap.rawValue)
    #expect(
      handled.count == 3 && handled[0].argument == 1 && handled[1].argument == 0 && handled[2].constant == 3)
    let pointee = table.arguments(6)[2]
    #expect(pointee.count_kind == UInt8(PERSONA_COUNT_POINTEE.rawValue) && pointee.count == 1)
    #expect(pointee.element_size == 2)
    #expect(table.call(6).result == UInt8(PERSONA_RESULT_PAIR.rawValue))
    #expect(table.call(7).kind == UInt8(PERSONA_CALL_OBSOLETE.rawValue))
    #expect(table.string(table.call(8).reason) == "not here")
    #expect(table.call(9).target == 7 && table.call(9).kind == UInt8(PERSONA_CALL_ANSWER.rawValue))
    #expect(table.call(12).kind == UInt8(PERSONA_CALL_UNSUPPORTED.rawValue))
    #expect(table.call(13).result == UInt8(PERSONA_RESULT_NONE.rawValue))
  }

  // MARK: Maps

  @Test func bitsThatAgreeNeedNoEntry() throws {
    let table = try #require(CompiledTable("flags prot { 1 PROT_READ 2 PROT_WRITE 4 PROT_EXEC }"))
    let (map, entries) = table.map(0)
    #expect(map.identity == 7 && map.foreign_known == 7 && entries.isEmpty && map.unknown_errno == 22)
  }

  @Test func bitsInAnothersWayAreNoIdentity() throws {
    // Bit 0x40 is O_CREAT on Linux, so a foreign 0x200 that becomes it keeps 0x40 out of the identity.
    let table = try #require(
      CompiledTable(
        """
        flags open_flags {
          mask 3 { 0 O_RDONLY 1 O_WRONLY 2 O_RDWR }
          0x200 O_CREAT 0x80 O_EXCL 0x40 O_APPEND -> ignore
          0x20 O_EXLOCK reject EOPNOTSUPP "no" 0x10 O_OTHER <- O_CLOEXEC else EPERM
        }
        """))
    let (map, entries) = table.map(0)
    #expect(map.identity == 0x80 && map.foreign_known == 0x2f3 && map.unknown_errno == 1)
    let create = try #require(entries.first { $0.foreign == 0x200 })
    #expect(create.native == 0x40 && create.native_mask == 0x40 && create.foreign_mask == 0x200)
    let write = try #require(entries.first { $0.foreign == 1 })
    #expect(write.foreign_mask == 3 && write.native_mask == 3 && write.native == 1)
    // A value of the sub-field that nobody describes is refused.
    let odd = try #require(entries.first { $0.foreign == 3 })
    #expect(odd.action == UInt16(PERSONA_MAP_REJECT.rawValue) && odd.error == 1)
    let lock = try #require(entries.first { $0.foreign == 0x20 })
    #expect(lock.action == UInt16(PERSONA_MAP_REJECT.rawValue) && lock.error == 45)
    #expect(entries.first { $0.foreign == 0x40 }?.action == UInt16(PERSONA_MAP_IGNORE.rawValue))
    let other = entries.filter { $0.foreign == 0x10 }.map(\.action)
    #expect(other == [UInt16(PERSONA_MAP_TO_FOREIGN.rawValue), UInt16(PERSONA_MAP_REJECT.rawValue)])
  }

  @Test func aFlagWithoutEffectDoesNotComeBack() throws {
    let table = try #require(CompiledTable("flags f { 0x40 F_ODD = 0 0x10 F_APP = O_APPEND }"))
    #expect(
      table.map(0).1.map(\.action) == [
        UInt16(PERSONA_MAP_TO_NATIVE.rawValue), UInt16(PERSONA_MAP_BOTH.rawValue),
      ])
  }

  @Test func aNegativeValueIsFoundInAnInt() throws {
    let table = try #require(CompiledTable("enum at { -3 HERE = AT_FDCWD 1 SEEK_SET }"))
    let entries = table.map(0).1
    #expect(entries.map(\.foreign) == [UInt64(bitPattern: -3), 0xffff_fffd, 1])
    #expect(entries[1].native == UInt64(bitPattern: -100))
    #expect(entries[1].action == UInt16(PERSONA_MAP_TO_NATIVE.rawValue))
  }

  @Test func verbatimValuesPass() throws {
    let table = try #require(
      CompiledTable("flags f verbatim { 1 F_ONE 2 F_TWO }\n1 a(f: f) -> int = handler mmap"))
    #expect(table.map(0).0.identity == .max)
    #expect(table.arguments(1)[0].conversion == UInt8(PERSONA_CONVERT_ZERO32.rawValue))
  }

  // MARK: Structures

  @Test func aStructureThatAgreesIsIdentical() throws {
    let table = try #require(CompiledTable("struct timespec { tv_sec i64 tv_nsec i64 } [16 bytes]"))
    #expect(table.structure(0).0.identical == 1)
  }

  @Test func fieldsConvertByName() throws {
    let table = try #require(
      CompiledTable(
        """
        struct timespec { tv_sec i64 tv_nsec i64 } [16 bytes]
        struct stat { st_dev u64 st_ino u64 st_nlink u64 st_mode u16 pad 2 st_uid u32 st_gid u32 st_gen u32
          modified timespec = st_mtim st_size i32 } [64 bytes]
        flags prot { 8 PROT_READ } struct winsize { rows prot:u16 = ws_row ws_ypixel u16 at 6 }
        6 fstat(fd: fd, sb: out stat) -> status = fstat
        """.replacing(" struct winsize", with: "\nstruct winsize")))
    let (stat, fields) = table.structure(1)
    #expect(stat.foreign_size == 64 && stat.native_size == 144 && stat.identical == 0)
    func field(_ name: String) throws -> persona_field {
      try #require(fields.first { table.string($0.name) == name })
    }
    let mode = try field("st_mode")
    #expect(
      mode.foreign_offset == 24 && mode.foreign_width == 2 && mode.native_offset == 24
        && mode.native_width == 4)
    #expect(try field("st_uid").foreign_offset == 28)
    #expect(try field("st_gen").native_width == 0)
    let seconds = try field("tv_sec")
    #expect(seconds.foreign_offset == 40 && seconds.native_offset == 88 && seconds.foreign_width == 8)
    let size = try field("st_size")
    #expect(size.foreign_width == 4 && size.native_width == 8 && size.is_signed == 1)
    let rows = table.structure(2).1[0]
    #expect(
      rows.conversion == UInt8(PERSONA_CONVERT_FLAGS.rawValue) && rows.parameter == 0
        && rows.foreign_width == 2)
    #expect(table.structure(2).0.foreign_size == 8)
    let argument = table.arguments(6)[1]
    #expect(argument.conversion == UInt8(PERSONA_CONVERT_STRUCT.rawValue) && argument.parameter == 1)
    #expect(argument.element_size == 64)
    let known = table.pool(table.header.well_known, as: UInt16.self)
    #expect(known[Int(WellKnown.stat.rawValue)] == 1 && known[Int(WellKnown.timespec.rawValue)] == 0)
    #expect(known[Int(WellKnown.siginfo.rawValue)] == .max)
  }

  // MARK: Sub-tables

  @Test func subTablesAreSorted() throws {
    let table = try #require(
      CompiledTable(
        """
        struct winsize { ws_row u16 ws_col u16 ws_xpixel u16 ws_ypixel u16 } [8 bytes]
        ioctl {
          0x40087468 TIOCGWINSZ(out winsize) = TIOCGWINSZ
          0x4004667f FIONREAD(out int)
          0x20006601 FIOCLEX = handler ioctl
          0x8004667b FIOSETOWN(in int) = unsupported ENOATTR "no"
        }
        sockopt SOL_SOCKET 0xffff { 0x1009 SO_LABEL(bytes) = unsupported EINVAL "no" 4 SO_REUSEADDR(int) }
        sysctl {
          kern.ostype [1.1] string "Tiny"
          hw.ncpu [6.3] int host onlineCPUs
        }
        """))
    let requests = table.pool(table.header.requests, as: persona_request.self)
    #expect(requests.map(\.key) == [0x2000_6601, 0x4004_667f, 0x4008_7468, 0x8004_667b])
    #expect(
      requests[0].kind == UInt8(PERSONA_CALL_HANDLER.rawValue)
        && requests[0].target == HandlerName.ioctl.rawValue)
    #expect(requests[1].native == 0x541b && requests[1].size == 4 && requests[1].direction == 2)
    #expect(requests[2].conversion == UInt8(PERSONA_CONVERT_STRUCT.rawValue) && requests[2].size == 8)
    #expect(requests[3].error == 87)
    let options = table.pool(table.header.options, as: persona_request.self)
    #expect(options.map(\.key) == [0xffff_0000_0004, 0xffff_0000_1009])
    #expect(options[0].native == 1 << 32 | 2 && options[0].size == 4)
    let sysctls = table.pool(table.header.sysctls, as: persona_sysctl.self)
    #expect(sysctls.map { table.string($0.name) } == ["hw.ncpu", "kern.ostype"])
    #expect(sysctls[0].is_host == 1 && sysctls[0].value == Int64(HostValue.onlineCPUs.rawValue))
    #expect(sysctls[1].mib.0 == 1 && sysctls[1].mib.1 == 1 && sysctls[1].depth == 2)
    #expect(table.string(UInt32(sysctls[1].value)) == "Tiny")
  }
}
