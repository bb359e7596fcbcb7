import Foundation
import ImageFixtures
import Testing

@Suite(.enabled(if: Executable.path != nil, "build persona first")) struct CommandTests {
  @Test func tellsItsVersion() throws {
    let outcome = try Executable.run("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("persona 0."))
  }

  @Test func helps() throws {
    for arguments in [["--help"], ["help"], ["run", "--help"], ["help", "identify"], ["doctor", "-h"]] {
      let outcome = try Executable.run(arguments)
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("USAGE: persona"))
      #expect(outcome.errors.isEmpty)
    }
  }

  @Test(arguments: [
    (["run"], "no program is named"),
    (["run", "--"], "no program is named"),
    (["run", ""], "the program's name is empty"),
    (["run", "--bogus", "true"], "unknown option '--bogus'"),
    (
      ["run", "--as", "free bsd", "true"],
      "'free bsd' is no personality: write NAME or NAME:RELEASE, such as NAME:14.1"
    ),
    (
      ["run", "--root", "/no/such/folder", "true"],
      "'/no/such/folder' is neither a directory nor a root that 'persona root list' lists"
    ),
    (["run", "--root", "/", "--chroot", "/", "true"], "--root and --chroot contradict each other: name one of them"),
    (["trace", "--trace-format", "xml", "true"], "'xml' is no format of the call log: text, json or summary"),
    (["run", "--trace-format", "xml", "true"], "'xml' is no format of the call log: text, json or summary"),
    (["trace", "--root"], "Missing value for '--root <dir>'"),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    #expect(
      try Executable.run(arguments)
        == .init(status: 125, output: "", errors: "persona: \(message); 'persona --help' tells more\n"))
  }

  @Test func refusesUnknownPersonalities() throws {
    let outcome = try Executable.run("run", "--as", "beos:5", "/bin/true")
    #expect(
      outcome
        == .init(
          status: 125, output: "", errors: "persona: there is no personality 'beos'; there are: \(Executable.personalities)\n"))
  }

  /// fstat(551) came with FreeBSD 12: the program ends with the errno of that call, or 0.
  private func releaseProbe() -> ELFBuilder {
    var program = ELFBuilder.program()
    // mov $551, %eax; xor %edi, %edi; lea -512(%rsp), %rsi; syscall; jc 1f; xor %eax, %eax; 1: mov %eax, %edi; mov $1, %eax;
    // syscall
    program.segments[1].content = [
      0xb8, 0x27, 0x02, 0, 0, 0x31, 0xff, 0x48, 0x8d, 0xb4, 0x24, 0, 0xfe, 0xff, 0xff, 0x0f, 0x05, 0x72, 0x02, 0x31, 0xc0,
      0x89, 0xc7, 0xb8, 1, 0, 0, 0, 0x0f, 0x05,
    ]
    return program
  }

  @Test func runsAsOfARelease() throws {
    let folder = try Folder()
    let path = try folder.file("fstat", releaseProbe().build())
    for (release, status) in [(nil, 0), ("freebsd:12.0", 0), ("freebsd:11.4", 78), ("freebsd:10.1", 78)] as [(String?, Int32)] {
      let options = release.map { ["--as", $0] } ?? []
      #expect(try Executable.run(["run"] + options + [path]) == .init(status: status, output: "", errors: ""), "\(release ?? "")")
    }
  }

  /// A root's shell, or else its headers, tell the release; what the user says and a later program count before.
  @Test func runsAsOfTheRootsRelease() throws {
    let folder = try Folder()
    var older = releaseProbe()
    older.addNote("FreeBSD", 1, [1_001_000])
    var later = releaseProbe()
    later.addNote("FreeBSD", 1, [1_302_001])
    let path = try folder.file("fstat", releaseProbe().build())
    for name in ["told", "headers", "untold"] { _ = try folder.file(name + "/bin/later", later.build()) }
    _ = try folder.file("told/bin/sh", older.build())
    let headers = "#undef __FreeBSD_version\n#define __FreeBSD_version\t1101000\t/* Master */\n"
    for name in ["told", "headers"] { _ = try folder.file(name + "/usr/include/osreldate.h", Array(headers.utf8)) }
    _ = try folder.file("untold/bin/sh", ELFBuilder.program(osABI: 0).build())
    for (tree, options, program, status) in [
      ("told", [], path, 78), ("told", [], "/bin/sh", 78), ("told", [], "/bin/later", 0),
      ("told", ["--as", "freebsd:12.0"], path, 0), ("headers", [], path, 78), ("untold", [], path, 0),
    ] as [(String, [String], String, Int32)] {
      let outcome = try Executable.run(["run", "--root", folder.path + "/" + tree] + options + [program])
      #expect(outcome == .init(status: status, output: "", errors: ""), "\(tree) \(options) \(program)")
    }
  }

  @Test func refusesABrokenTable() throws {
    let folder = try Folder()
    let table = try folder.file(
      "freebsd/abi.table",
      Array(
        """
        personality freebsd "FreeBSD" version 14.0 release 1400097
        abi amd64 { trap syscall  number rax  args rdi rsi  result rax  error carry }
        3 read(fd: fd, buf: out byts[result]) -> size = read
        elf { osabi 9 }

        """.utf8))
    let program = try folder.file("program", ELFBuilder.program().build())
    let outcome = try Executable.run("run", "--personalities", folder.path, program)
    #expect(outcome.status == 125)
    #expect(outcome.errors.hasPrefix("persona: the personality 'freebsd' has mistakes:\n"))
    #expect(outcome.errors.contains("\(table):3:25: error: "))
    #expect(outcome.errors.hasSuffix("mend the tables; 'persona check' shows the same\n"))
    let check = try Executable.run("check", folder.path + "/freebsd")
    #expect(check.status == 1)
    #expect(check.output.contains("\(table):3:25: error: "))
  }

  /// Options of the program are the program's own, also those that Persona has too.
  @Test func leavesTheProgramsOptionsAlone() throws {
    for options in [[], ["--"], ["--trace"], ["--as", "freebsd", "--"], ["--as=freebsd"]] {
      let outcome = try Executable.run(
        ["run"] + options + ["/no/such/program", "--help", "--trace=x", "--", "-v"])
      #expect(outcome.status == 127)
      #expect(outcome.errors == "persona: /no/such/program: no such file; check the path\n")
    }
  }

  @Test func searchesThePath() throws {
    let folder = try Folder()
    _ = try folder.file("first/tool", Array("x".utf8), mode: 0o644)
    let path = try folder.file("second/tool", [])
    let outcome = try Executable.run(
      ["run", "tool"], environment: ["PATH": "\(folder.path)/none:\(folder.path)/first:\(folder.path)/second"]
    )
    #expect(
      outcome
        == .init(
          status: 126, output: "",
          errors: "persona: \(path): is empty; persona identify tells what a file is\n"))
    let refused = try Executable.run(["run", "tool"], environment: ["PATH": "\(folder.path)/first"])
    #expect(refused.status == 126)
    #expect(refused.errors.contains("first/tool: is not executable"))
  }

  @Test func identifiesFiles() throws {
    let folder = try Folder()
    let program = try folder.file("program", ELFBuilder.dynamicProgram().build())
    let text = try folder.file("text", Array("hello\n".utf8))
    let outcome = try Executable.run("identify", program)
    #expect(
      outcome
        == .init(
          status: 0,
          output:
            "\(program): FreeBSD 13.2, ELF64 amd64, executable, dynamic, run-time linker /libexec/ld-elf.so.1\n",
          errors: ""))
    let mixed = try Executable.run("identify", text, folder.path, folder.path + "/none")
    #expect(mixed.status == 1)
    #expect(mixed.output == "\(text): file of unknown format\n")
    #expect(
      mixed.errors == """
        persona: \(folder.path): is a directory; name a file in it
        persona: \(folder.path)/none: No such file or directory

        """)
  }

  /// A folder in the user's configuration comes before the installed one of the same name, and behind what
  /// --personalities names.
  @Test func findsTheUsersPersonalities() throws {
    let folder = try Folder()
    let heading = { (title: String) in
      Array(
        """
        personality freebsd "\(title)" version 14.0
        abi amd64 { trap syscall  number rax  args rdi rsi  result rax  error carry }
        elf { osabi 9 }

        """.utf8)
    }
    _ = try folder.file("persona/personalities/freebsd/abi.table", heading("User's"))
    _ = try folder.file("named/freebsd/abi.table", heading("Named"))
    let program = try folder.file("program", ELFBuilder.program().build())
    let environment = ["XDG_CONFIG_HOME": folder.path]
    let rest = ", ELF64 amd64, executable, static\n"
    #expect(try Executable.run("identify", program).output == "\(program): FreeBSD\(rest)")
    #expect(
      try Executable.run("identify", program, environment: environment).output == "\(program): User's\(rest)")
    #expect(
      try Executable.run(
        "identify", "--personalities", folder.path + "/named", program, environment: environment
      ).output == "\(program): Named\(rest)")
    // Its tables are the ones that count, whatever has been compiled of the installed ones.
    let run = try Executable.run("run", program, environment: environment)
    #expect(run.status == 125)
    #expect(run.errors.contains("persona/personalities/freebsd/abi.table"))
    // HOME leads to the same.
    try FileManager.default.moveItem(atPath: folder.path + "/persona", toPath: folder.path + "/p")
    _ = try folder.file("home/.config/persona/personalities/freebsd/abi.table", heading("Home's"))
    #expect(
      try Executable.run(
        "identify", program, environment: ["XDG_CONFIG_HOME": "", "HOME": folder.path + "/home"]
      ).output == "\(program): Home's\(rest)")
  }

  @Test func reportsAUsersFolderThatLeadsNowhere() throws {
    let folder = try Folder()
    let program = try folder.file("program", ELFBuilder.program().build())
    _ = try folder.file("persona/personalities/other/note", [])
    let link = folder.path + "/persona/personalities/freebsd"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/no/such/folder")
    let run = try Executable.run("run", program, environment: ["XDG_CONFIG_HOME": folder.path])
    #expect(run.status == 125)
    #expect(run.errors.hasPrefix("persona: \(link): No such file or directory; "))
    #expect(run.errors.split(separator: "\n").count == 1)
    // Who needs none of it hears nothing.
    #expect(
      try Executable.run("run", "/bin/true", environment: ["XDG_CONFIG_HOME": folder.path])
        == .init(status: 0, output: "", errors: ""))
  }

  @Test func tellsTheEvidence() throws {
    let folder = try Folder()
    let program = try folder.file("program", ELFBuilder.dynamicProgram().build())
    let outcome = try Executable.run("identify", "-v", program)
    #expect(outcome.output.contains("  states FreeBSD: note \"FreeBSD\" 1302001\n"))
    #expect(outcome.output.contains("  states FreeBSD: OSABI 9 (FreeBSD)\n"))
    #expect(
      outcome.output.contains(
        "  segment LOAD r-x address 0x201000 memory 2048 file 0x1000+2048 align 0x1000\n"))
    #expect(outcome.output.contains("  needs libc.so.7\n"))
  }

  @Test func examinesTheHost() throws {
    let outcome = try Executable.run("doctor")
    #expect(outcome.output.contains("syscall user dispatch"))
    #expect(outcome.output.contains("seccomp user notification"))
    #expect((outcome.status == 0) == !outcome.output.contains("\n         needed: "))
    #expect(outcome.errors.isEmpty)
  }
}
