import Foundation
import PersonalityTables
import Testing

/// The tables against the headers of the systems they describe.
struct HeaderTests {
  // MARK: FreeBSD

  /// `zig cc` for FreeBSD, whose headers come with Zig.
  static func freeBSDCompiler(_ machine: String = "x86_64") throws -> [String] {
    guard let zig = ProcessInfo.processInfo.environment["PERSONA_ZIG"], !zig.isEmpty else {
      throw MissingCompiler(
        description: "PERSONA_ZIG is not set: it must name the zig executable (of the PyPI package ziglang), "
          + "whose FreeBSD headers the tables are checked against; `make test` installs it and sets it")
    }
    return [zig, "cc", "-target", machine + "-freebsd"]
  }

  static func freeBSD(abi: String = "amd64") throws -> HeaderCheck {
    let personality = try Tables.load("freebsd", Edition(release: FreeBSDHeaders.release, abi: abi))
    var check = HeaderCheck(prelude: FreeBSDHeaders.prelude, names: FreeBSDHeaders.names)
    check.declarations(of: personality)
    for entry in personality.auxv { check.constant(entry.name, UInt64(entry.type)) }
    for control in personality.sysctls { check.sysctl(control) }
    return check
  }

  @Test func freeBSDTablesAgreeWithItsHeaders() throws {
    let check = try HeaderTests.freeBSD()
    let errors = try check.errors(compiler: try HeaderTests.freeBSDCompiler())
    #expect(errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))")
    #expect(check.staleReasons == [], "the tables do not have these any more")
  }

  @Test func freeBSDTablesAgreeWithItsHeadersForI386() throws {
    let check = try HeaderTests.freeBSD(abi: "i386")
    let errors = try check.errors(compiler: try HeaderTests.freeBSDCompiler("x86"))
    #expect(errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))")
  }

  @Test func freeBSDCallNumbersAreThoseOfSyscallH() throws {
    let personality = try Tables.load("freebsd", Edition(release: FreeBSDHeaders.release))
    let header = try HeaderText("sys/syscall.h", compiler: try HeaderTests.freeBSDCompiler())
    let defined = header.numbers(prefix: "SYS_").filter { $0.name != "MAXSYSCALL" }
    try #require(defined.count > 400)
    for (name, number) in defined {
      let row = personality.call(number)
      let expected = row.map { FreeBSDHeaders.renamedCalls[$0.name] ?? $0.name }
      #expect(expected == name, "call \(number) is \(name) in sys/syscall.h")
    }
    let highest = try #require(defined.map(\.number).max())
    for number in 0...highest { #expect(personality.call(number) != nil, "call \(number) has no row") }
  }

  @Test func everyFreeBSDErrnoAndSignalHasAnEntry() throws {
    let personality = try Tables.load("freebsd", Edition(release: FreeBSDHeaders.release))
    let compiler = try HeaderTests.freeBSDCompiler()
    let errnos = try HeaderText("sys/errno.h", compiler: compiler).numbers(prefix: "E")
    try #require(errnos.count >= 97)
    for (name, number) in errnos { #expect(personality.errnos.entry(number) != nil, "E\(name) \(number)") }
    let signals = try HeaderText("sys/signal.h", compiler: compiler).numbers(prefix: "SIG")
      .filter { $0.name.allSatisfy { $0.isUppercase || $0.isNumber } && $0.name != "RTMAX" }
    try #require(signals.count >= 33)
    for (name, number) in signals {
      #expect(personality.signals.entry(number) != nil, "SIG\(name) \(number)")
    }
  }

  // MARK: OpenBSD

  static func openBSDCompiler() throws -> [String] { Array(try freeBSDCompiler().dropLast()) + ["x86_64-openbsd"] }

  @Test func openBSDTablesAgreeWithItsHeaders() throws {
    let personality = try Tables.load("openbsd")
    var check = HeaderCheck(prelude: OpenBSDHeaders.prelude, names: OpenBSDHeaders.names)
    check.declarations(of: personality)
    for control in personality.sysctls { check.openBSDSysctl(control) }
    let errors = try check.errors(compiler: try HeaderTests.openBSDCompiler())
    #expect(errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))")
    #expect(check.staleReasons == [], "the tables do not have these any more")
  }

  @Test func openBSDCallNumbersAreThoseOfSyscallH() throws {
    let personality = try Tables.load("openbsd")
    let header = try HeaderText("sys/syscall.h", compiler: try HeaderTests.openBSDCompiler())
    let defined = header.numbers(prefix: "SYS_").filter { $0.name != "MAXSYSCALL" }
    try #require(defined.count > 220)
    for (name, number) in defined { #expect(personality.call(number)?.name == name, "call \(number)") }
    for number in 0..<331 { #expect(personality.call(number) != nil, "call \(number) has no row") }
  }

  // MARK: NetBSD

  static func netBSDCompiler() throws -> [String] { Array(try freeBSDCompiler().dropLast()) + ["x86_64-netbsd"] }

  @Test func netBSDTablesAgreeWithItsHeaders() throws {
    let personality = try Tables.load("netbsd", Edition(release: NetBSDHeaders.release))
    var check = HeaderCheck(prelude: NetBSDHeaders.prelude, names: NetBSDHeaders.names)
    check.declarations(of: personality)
    for entry in personality.auxv { check.constant(entry.name, UInt64(entry.type)) }
    for control in personality.sysctls { check.netBSDSysctl(control) }
    let errors = try check.errors(compiler: try HeaderTests.netBSDCompiler())
    #expect(errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))")
    #expect(check.staleReasons == [], "the tables do not have these any more")
  }

  @Test func netBSDCallNumbersAreThoseOfSyscallH() throws {
    let personality = try Tables.load("netbsd", Edition(release: NetBSDHeaders.release))
    let header = try HeaderText("sys/syscall.h", compiler: try HeaderTests.netBSDCompiler())
    let defined = header.numbers(prefix: "SYS_").filter { !["MAXSYSCALL", "NSYSENT", "MAXSYSARGS"].contains($0.name) }
    try #require(defined.count > 400)
    for (name, number) in defined { #expect(personality.call(number)?.name == name, "call \(number)") }
    for number in 0..<507 { #expect(personality.call(number) != nil, "call \(number) has no row") }
  }

  // MARK: Linux

  @Test func linuxTablesAgreeWithItsHeaders() throws {
    let personality = try Tables.load("linux")
    var kernel = HeaderCheck(prelude: LinuxHeaders.kernel, names: LinuxHeaders.kernelNames)
    var library = HeaderCheck(
      prelude: LinuxHeaders.library, names: LinuxHeaders.libraryNames, chosen: LinuxHeaders.onlyInLibrary)
    kernel.linux(personality)
    library.linux(personality)
    let clang = ["clang"]
    let errors = try kernel.errors(compiler: clang) + library.errors(compiler: clang)
    #expect(errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))")
    #expect(kernel.staleReasons == [] && library.staleReasons == [])
  }
}

struct MissingCompiler: Error, CustomStringConvertible { let description: String }
