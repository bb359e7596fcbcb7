import BinaryImage
import ImageFixtures
import Testing

@Suite struct FormatTests {
  @Test func recognisesEveryFormat() throws {
    #expect(try Image(bytes: Samples.pe()).format == .pe(isPlus: true, machine: 0x8664))
    #expect(try Image(bytes: Samples.pe()).entry == 0x4000_1000)
    #expect(try Image(bytes: Samples.coff()).format == .coff386)
    #expect(try Image(bytes: Samples.coff()).origin.name == "sco")
    #expect(try Image(bytes: Samples.xout()).format == .xout(cpu: 0x4a))
    #expect(try Image(bytes: Samples.aout()).format == .aout(.classic, magic: 0o413))
    #expect(try Image(bytes: Samples.plan9()).format == .aoutBigEndian(magic: 0x1eb))
    #expect(try Image(bytes: Samples.plan9()).entry == 0x1020)
    #expect(try Image(bytes: []).format == .unknown)
    #expect(try Image(bytes: Array("hello, world\n".utf8)).format == .unknown)
  }

  @Test func tellsAOutDialectsApart() throws {
    var linux = Samples.aout()
    linux[2] = 100
    #expect(try Image(bytes: linux).format == .aout(.linux, magic: 0o413))
    var netbsd = Samples.aout()
    netbsd.replaceSubrange(0..<4, with: [0x00, 0x86, 0x01, 0x0b])
    let image = try Image(bytes: netbsd)
    #expect(image.format == .aout(.machineID(134), magic: 0o413))
    #expect(image.origin.name == "netbsd")
  }

  @Test(
    arguments: [
      ("#!/bin/sh\n", "/bin/sh", nil), ("#! /usr/bin/env  python3 -u \necho", "/usr/bin/env", "python3 -u"),
      ("#!/bin/sh", "/bin/sh", nil), ("#!/bin/sh -e\r\n", "/bin/sh", "-e\r"), ("#!/bin/sh\r\n", "/bin/sh\r", nil),
    ] as [(String, String, String?)])
  func readsTheFirstLineOfAScript(text: String, interpreter: String, argument: String?) throws {
    let image = try Image(bytes: Array(text.utf8))
    #expect(image.format == .script(Script(interpreter: interpreter, argument: argument)))
  }

  @Test func describesEverySample() throws {
    #expect(
      try Samples.all().map { try Image(bytes: $0).summary } == [
        "FreeBSD, ELF64 amd64, executable, static",
        "FreeBSD 13.2, ELF64 amd64, executable, dynamic, run-time linker /libexec/ld-elf.so.1",
        "FreeBSD, ELF64 amd64, shared object",
        "NetBSD 10.0, ELF64 amd64, executable, static",
        "DragonFly BSD, ELF64 amd64, executable, static, built by go1.24.1",
        "Linux 3.2.0, ELF64 amd64, executable, static",
        "OpenBSD, ELF32 i386, executable, static",
        "Linux 2.6.0, ELF64 SPARC64, executable, static",
        "Windows, PE32+ program for amd64",
        "SCO UNIX, i386 COFF program",
        "Xenix, x.out program for 386",
        "386BSD or BSD/OS (assumed), i386 a.out program (ZMAGIC)",
        "Plan 9, a.out program for 386",
        "script for /bin/sh",
      ])
  }
}
