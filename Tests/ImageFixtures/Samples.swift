/// One small right file of every format that Persona knows.
public enum Samples {
  public static func all() -> [[UInt8]] {
    var files: [[UInt8]] = []
    files.append(ELFBuilder.program().build())
    files.append(ELFBuilder.dynamicProgram().build())
    files.append(ELFBuilder.linker().build())
    var netbsd = ELFBuilder.program(osABI: 0)
    netbsd.addNote("NetBSD", 1, [1_000_000_000])
    files.append(netbsd.build())
    var go = ELFBuilder.program(osABI: 0)
    go.sections = [
      .init(".go.buildinfo", content: ELFBuilder.goBuildInfo(version: "go1.24.1", system: "dragonfly")),
      .init(".comment", content: Array("FreeBSD clang version 14".utf8) + [0]),
    ]
    files.append(go.build())
    var linux = ELFBuilder.program(osABI: 0)
    linux.sections = [.init(".note.ABI-tag", type: 7, content: linux.note("GNU", 1, [0, 3, 2, 0]))]
    files.append(linux.build())
    var i386 = ELFBuilder.program(osABI: 0)
    i386.is64 = false
    i386.machine = 3
    i386.addNote("OpenBSD", 1, [0])
    files.append(i386.build())
    var big = ELFBuilder.program(osABI: 0)
    big.isBigEndian = true
    big.machine = 43
    big.addNote("GNU", 1, [0, 2, 6, 0])
    files.append(big.build())
    files += [pe(), coff(), xout(), aout(), plan9(), Array("#!/bin/sh -e\necho\n".utf8)]
    return files
  }

  private static func put(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt32, size: Int = 4) {
    for index in 0..<size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
  }

  /// A PE32+ console program for amd64, as far as its headers go.
  public static func pe() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    put(&bytes, 0, 0x5a4d, size: 2)
    put(&bytes, 0x3c, 0x80)
    put(&bytes, 0x80, 0x4550)
    put(&bytes, 0x84, 0x8664, size: 2)
    put(&bytes, 0x98, 0x20b, size: 2)
    put(&bytes, 0x80 + 40, 0x1000)
    put(&bytes, 0x80 + 48, 0x4000_0000)
    return bytes
  }

  /// An i386 COFF program of SCO UNIX.
  public static func coff() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    put(&bytes, 0, 0x14c, size: 2)
    put(&bytes, 2, 3, size: 2)
    put(&bytes, 16, 28, size: 2)
    put(&bytes, 20, 0o413, size: 2)
    put(&bytes, 36, 0xd0)
    bytes.replaceSubrange(700..<715, with: Array("crt1.s 1.8 89/05/30".utf8.prefix(15)))
    bytes.replaceSubrange(700..<719, with: Array("crt1.s 1.8 89/05/30".utf8))
    return bytes
  }

  /// A Xenix 386 x.out program.
  public static func xout() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    put(&bytes, 0, 0x206, size: 2)
    put(&bytes, 2, 0x2c, size: 2)
    put(&bytes, 24, 0x1000)
    bytes[28] = 0x4a
    return bytes
  }

  /// A 386BSD a.out program: ZMAGIC, text at 0 from file offset 0x1000.
  public static func aout() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 0x2000)
    put(&bytes, 0, 0o413)
    put(&bytes, 4, 0x1000)
    return bytes
  }

  /// A Plan 9 program for 386.
  public static func plan9() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 128)
    bytes[2] = 1
    bytes[3] = 0xeb
    bytes[22] = 0x10
    bytes[23] = 0x20
    return bytes
  }
}
