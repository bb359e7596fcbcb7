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
      "'free bsd' is no personality: write NAME or NAME:RELEASE, such as freebsd:14.1"
    ),
    (["run", "--root", "/no/such/folder", "true"], "'/no/such/folder' is not a directory"),
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

  @Test func refusesABrokenTable() throws {
    let folder = try Folder()
    let table = try folder.file(
      "freebsd/abi.table",
      Array(
        """
        personality freebsd "FreeBSD" version 14.0 release 1400097
        abi amd64 { trap syscall  number rax  args rdi rsi  result rax  error carry }
        3 read(fd: fd, buf: out byts[result]) -> size = read

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
