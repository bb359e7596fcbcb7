import Foundation
import ImageFixtures
import Testing

/// Every kind of file that cannot be run gets one clear line and the exit status that shells know.
@Suite(.enabled(if: Executable.path != nil, "build persona first")) struct BadProgramTests {
  let folder: Folder

  init() throws {
    folder = try Folder()
  }

  private func check(_ path: String, _ status: Int32, _ message: String, options: [String] = []) throws {
    let outcome = try Executable.run(["run"] + options + [path])
    #expect(outcome == .init(status: status, output: "", errors: "persona: \(path): \(message)\n"))
  }

  @Test func missingFile() throws {
    try check(folder.path + "/none", 127, "no such file; check the path")
  }

  @Test func missingName() throws {
    try check(
      "no-such-program-anywhere", 127,
      "no such program in PATH; give its path, such as ./no-such-program-anywhere")
  }

  @Test func directory() throws {
    try check(folder.path, 126, "is a directory; name a program in it")
  }

  @Test func device() throws {
    try check("/dev/null", 126, "is not a regular file; name a program")
  }

  @Test func notExecutable() throws {
    let path = try folder.file("plain", ELFBuilder.program().build(), mode: 0o644)
    try check(path, 126, "is not executable; chmod +x it, if it is meant to be run")
  }

  @Test func empty() throws {
    try check(try folder.file("empty", []), 126, "is empty; persona identify tells what a file is")
  }

  @Test func text() throws {
    try check(
      try folder.file("text", Array("hello\n".utf8)), 126,
      "is not a program in any format that Persona knows; persona identify tells what a file is")
  }

  @Test func truncated() throws {
    let whole = ELFBuilder.program().build()
    try check(
      try folder.file("header", Array(whole.prefix(30))), 126,
      "truncated: the ELF header needs 64 bytes, the file has 30 (at byte 0); get a fresh copy of the file")
    try check(
      try folder.file("segment", Array(whole.prefix(0x1800))), 126,
      "truncated: the segment at 0x203010 needs 256 bytes from byte 8208, the file has 6144; "
        + "get a fresh copy of the file")
  }

  @Test func corrupt() throws {
    var bytes = ELFBuilder.program().build()
    bytes[4] = 9
    try check(
      try folder.file("corrupt", bytes), 126,
      "corrupt: ELF class 9 is neither 32 nor 64 bits (at byte 4); get a fresh copy of the file")
  }

  @Test func wrongArchitecture() throws {
    var builder = ELFBuilder.program()
    builder.machine = 183
    try check(
      try folder.file("arm", builder.build()), 126,
      "is an ELF file for aarch64 (64 bits); this version runs programs for amd64 only; get that build of the program"
    )
  }

  @Test func libraryAndObject() throws {
    var builder = ELFBuilder.program()
    builder.type = 1
    try check(
      try folder.file("object.o", builder.build()), 126, "is an object file, not a program; link it first")
    builder = .linker()
    builder.entry = 0
    try check(
      try folder.file("library.so", builder.build()), 126,
      "is a shared library, not a program; name the program that uses it")
  }

  @Test func unknownSystem() throws {
    let path = try folder.file("unknown", ELFBuilder.program(osABI: 97).build())
    try check(
      path, 126,
      "is an ELF file for amd64 (64 bits) of an unknown system (OSABI 97); name the system with --as, one of: \(Executable.personalities)"
    )
  }

  @Test func unmarkedProgram() throws {
    let path = try folder.file("unmarked", ELFBuilder.program(osABI: 0).build())
    try check(
      path, 126,
      "carries no mark of its system; if it is not for Linux, name the system with --as, one of: \(Executable.personalities)")
  }

  @Test func smallerWord() throws {
    var program = ELFBuilder.program()
    program.is64 = false
    program.machine = 3
    program.entry = 0x201000
    try check(
      try folder.file("i386", program.build()), 126,
      "is a 32-bit program (abi i386 of FreeBSD), and the engine serves 64-bit programs only; "
        + "get the 64-bit build of the program")
  }

  @Test func smallerWordOfAnotherFormat() throws {
    try check(
      try folder.file("386", Samples.plan9()), 126,
      "is a 32-bit program (abi 386 of Plan 9), and the engine serves 64-bit programs only; "
        + "get the 64-bit build of the program")
  }

  @Test func systemWithoutPersonality() throws {
    try check(
      try folder.file("xenix", Samples.xout()), 126,
      "is an x.out program for 386 for Xenix, which has no personality yet; there are: \(Executable.personalities)")
  }

  @Test func dynamicProgramWithoutLinker() throws {
    let path = try folder.file(
      "dynamic", ELFBuilder.dynamicProgram(interpreter: "/libexec/none/ld-elf.so.1").build())
    try check(
      path, 126,
      "needs its run-time linker /libexec/none/ld-elf.so.1, which this host does not have; "
        + "give the folder that holds the foreign system's files with --root, or keep its base archive with "
        + "'persona root add freebsd base.txz'")
    try check(
      path, 126,
      "needs its run-time linker /libexec/none/ld-elf.so.1, which the root \(folder.path) does not have; "
        + "unpack the system's whole base archive there",
      options: ["--root", folder.path])
  }

  @Test func emptyLinker() throws {
    let path = try folder.file(
      "dynamic", ELFBuilder.dynamicProgram(interpreter: "/libexec/none/ld-elf.so.1").build())
    _ = try folder.file("libexec/none/ld-elf.so.1", [])
    try check(
      path, 126,
      "its run-time linker /libexec/none/ld-elf.so.1 of the root \(folder.path) is a file of unknown format, "
        + "not an ELF file for amd64 (64 bits); unpack the root anew",
      options: ["--root", folder.path])
  }

  @Test func brokenLinker() throws {
    let path = try folder.file(
      "dynamic", ELFBuilder.dynamicProgram(interpreter: "/libexec/none/ld-elf.so.1").build())
    _ = try folder.file("libexec/none/ld-elf.so.1", Array(ELFBuilder.linker().build().prefix(0x1800)))
    try check(
      path, 126,
      "its run-time linker cannot be loaded: truncated: the segment at 0x1000 needs 4096 bytes from byte 4096, "
        + "the file has 6144; get a fresh copy of the file",
      options: ["--root", folder.path])
  }

  @Test func scripts() throws {
    try check(
      try folder.file("bare", Array("#!\n".utf8)), 126,
      "a script that names no interpreter after \"#!\" (at byte 2); "
        + "write the interpreter's path there, such as #!/bin/sh")
    try check(
      try folder.file("lost", Array("#!/no/such/shell\n".utf8)), 126,
      "its interpreter /no/such/shell does not exist; "
        + "give the folder that holds the foreign system's files with --root")
    try check(
      try folder.file("returned", Array("#!/bin/sh\r\n".utf8)), 126,
      "the name of its interpreter ends with a carriage return, which is part of it; end the script's lines with line feeds alone")
    let path = folder.path + "/loop"
    try check(
      try folder.file("loop", Array("#!\(path)\n".utf8)), 126,
      "scripts that run scripts are nested too deeply; let the first one name a program")
  }

  @Test func unreadable() throws {
    guard geteuid() != 0 else { return }
    let path = try folder.file("secret", ELFBuilder.program().build(), mode: 0o111)
    try check(path, 126, "permission denied; check the permissions of the file and its folders")
  }
}
