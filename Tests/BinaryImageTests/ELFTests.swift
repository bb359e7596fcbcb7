import BinaryImage
import ImageFixtures
import Supervisor
import Testing

@Suite struct ELFTests {
  private func read(_ builder: ELFBuilder) throws -> Image { try Image(bytes: builder.build()) }

  @Test func readsTheHeadersOfAStaticProgram() throws {
    let image = try read(.program())
    #expect(image.format == .elf(.elf64, machine: ImageFormat.amd64))
    #expect(image.entry == 0x201000)
    let elf = try #require(image.elf)
    #expect(elf.kind == .executable)
    #expect(!elf.isDynamic)
    #expect(elf.interpreter == nil)
    #expect(elf.programHeaders.count == 3)
    #expect(
      elf.programHeaders[2]
        == ProgramHeader(
          type: ProgramHeader.load, flags: 6, offset: 0x2010, address: 0x203010, fileSize: 0x100,
          memorySize: 0x3000, alignment: 4096))
    #expect(image.origin.name == "freebsd")
    #expect(image.origin.certainty == .stated)
  }

  @Test func readsLibrariesAndLinkerOfADynamicProgram() throws {
    let image = try read(.dynamicProgram(libraries: ["libthr.so.3", "libc.so.7"]))
    let elf = try #require(image.elf)
    #expect(elf.interpreter == "/libexec/ld-elf.so.1")
    #expect(elf.neededLibraries == ["libthr.so.3", "libc.so.7"])
    #expect(elf.libraryPath == "/usr/local/lib")
    #expect(elf.isDynamic)
    #expect(image.origin.release == "13.2")
    #expect(
      image.summary
        == "FreeBSD 13.2, ELF64 amd64, executable, dynamic, run-time linker /libexec/ld-elf.so.1")
  }

  @Test func tellsStackAndThreadLocalSegments() throws {
    var builder = ELFBuilder.program()
    builder.segments.append(.init(0x6474_e551, flags: 6))
    builder.segments.append(.init(7, address: 0x203010, content: [1, 2, 3], memorySize: 64, alignment: 16))
    let elf = try #require(try read(builder).elf)
    #expect(elf.stackFlags == 6)
    #expect(elf.threadLocalStorage?.memorySize == 64)
  }

  @Test(
    arguments: [
      ("FreeBSD", [1_400_097], "freebsd", "14.0"),
      ("NetBSD", [1_000_000_000], "netbsd", "10.0"),
      ("NetBSD", [999_000_300], "netbsd", "9.99.3"),
      ("DragonFly", [600_400], "dragonfly", "6.4"),
      ("GNU", [0, 3, 2, 0], "linux", "3.2.0"),
    ] as [(String, [UInt32], String, String)])
  func tellsTheReleaseByTheNote(owner: String, words: [UInt32], system: String, release: String)
    throws
  {
    var builder = ELFBuilder.program(osABI: 0)
    builder.addNote(owner, 1, words)
    let origin = try read(builder).origin
    #expect(origin.name == system)
    #expect(origin.certainty == .stated)
    #expect(origin.release == release)
  }

  @Test func readsNotesOfBigEndianFiles() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.isBigEndian = true
    builder.machine = 43
    builder.addNote("NetBSD", 1, [1_000_000_000])
    let image = try read(builder)
    #expect(image.origin.release == "10.0")
    #expect(image.summary == "NetBSD 10.0, ELF64 SPARC64, executable, static")
  }

  @Test(arguments: [
    ("/libexec/ld-elf.so.1", "freebsd"), ("/usr/libexec/ld-elf.so.2", "dragonfly"),
    ("/libexec/ld.elf_so", "netbsd"), ("/usr/libexec/ld.so", "openbsd"), ("/lib/amd64/ld.so.1", "solaris"),
    ("/lib64/ld-linux-x86-64.so.2", "linux"), ("/lib/ld-musl-x86_64.so.1", "linux"),
    ("/nix/store/abc-glibc/lib/ld-linux-x86-64.so.2", "linux"), ("/usr/lib/libc.so.1", "svr4"),
  ])
  func tellsTheSystemByTheLinker(path: String, system: String) throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.segments.append(.init(3, content: Array(path.utf8) + [0]))
    #expect(try read(builder).origin.name == system)
  }

  @Test func weighsTheNoteMoreThanTheRest() throws {
    var builder = ELFBuilder.program(osABI: 3)
    builder.addNote("FreeBSD", 1, [1_400_097])
    builder.segments.append(.init(3, content: Array("/usr/libexec/ld.so".utf8) + [0]))
    let origin = try read(builder).origin
    #expect(origin.name == "freebsd")
    #expect(origin.evidence.map(\.system.name) == ["freebsd", "linux", "openbsd"])
  }

  @Test func assumesLinuxForAProgramWithoutAnyMark() throws {
    let image = try read(.program(osABI: 0))
    #expect(image.origin.name == "linux")
    #expect(image.origin.certainty == .assumed)
    #expect(image.summary == "Linux (assumed), ELF64 amd64, executable, static")
  }

  @Test func knowsNoSystemForAForeignMark() throws {
    let image = try read(.program(osABI: 97))
    #expect(image.origin.system == nil)
    #expect(image.summary == "unknown system, ELF64 amd64, executable, static")
  }

  @Test func readsGosBuildRecord() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.sections = [
      .init(".go.buildinfo", content: ELFBuilder.goBuildInfo(version: "go1.24.1", system: "dragonfly"))
    ]
    let image = try read(builder)
    #expect(image.origin.name == "dragonfly")
    #expect(image.elf?.goVersion == "go1.24.1")
  }

  @Test func takesTheCompilersCommentAsAHint() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.sections = [.init(".comment", content: Array("GCC: (NetBSD nb1) 10.5".utf8) + [0])]
    let origin = try read(builder).origin
    #expect(origin.name == "netbsd")
    #expect(origin.certainty == .assumed)
  }

  /// Later systems number their releases in the same way as early ones did not.
  @Test func tellsReleasesBeforeTheEncoding() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.addNote("FreeBSD", 1, [460_002])
    #expect(try read(builder).origin.release == "before 5.0")
  }

  @Test func namesTheSegmentsOfOneSystem() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.segments.append(.init(0x65a3_dbe7))
    let origin = try read(builder).origin
    #expect(origin.name == "openbsd")
    #expect(origin.evidence.map(\.text) == ["segment OPENBSD_WXNEEDED"])
  }

  @Test func readsMarksInTheFlags() throws {
    var builder = ELFBuilder.program(osABI: 0)
    builder.is64 = false
    builder.machine = 3
    builder.flags = 0x314b_4455
    #expect(try read(builder).origin.name == "unixware")
  }
}
