import Foundation
import PersonalityTables
import Testing

/// The tables against the headers of the systems they describe.
struct HeaderTests {
  /// That a compiler finds nothing in a system's headers that the tables say otherwise, and each exception is needed.
  private static func expectAgreement(
    _ check: HeaderCheck, _ compiler: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let errors = try check.errors(compiler: compiler)
    #expect(
      errors.isEmpty, "\(errors.count) errors:\n\(errors.joined(separator: "\n"))", sourceLocation: sourceLocation)
    #expect(check.staleReasons == [], "the tables do not have these", sourceLocation: sourceLocation)
  }

  /// The calls of sys/syscall.h, of which there must be so many, and the tables' names of all numbers up to `end`.
  private static func expectCallNumbers(
    _ personality: Personality, _ compiler: [String], moreThan least: Int, end: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let defined = try HeaderText("sys/syscall.h", compiler: compiler).numbers(prefix: "SYS_")
      .filter { !["MAXSYSCALL", "NSYSENT", "MAXSYSARGS"].contains($0.name) }
    try #require(defined.count > least, sourceLocation: sourceLocation)
    for (name, number) in defined {
      #expect(personality.call(number)?.name == name, "call \(number)", sourceLocation: sourceLocation)
    }
    for number in 0..<end {
      #expect(personality.call(number) != nil, "call \(number) has no row", sourceLocation: sourceLocation)
    }
  }

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
    try HeaderTests.expectAgreement(try HeaderTests.freeBSD(), try HeaderTests.freeBSDCompiler())
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
    try HeaderTests.expectAgreement(check, try HeaderTests.openBSDCompiler())
  }

  @Test func openBSDCallNumbersAreThoseOfSyscallH() throws {
    try HeaderTests.expectCallNumbers(
      try Tables.load("openbsd"), try HeaderTests.openBSDCompiler(), moreThan: 220, end: 331)
  }

  // MARK: NetBSD

  static func netBSDCompiler() throws -> [String] { Array(try freeBSDCompiler().dropLast()) + ["x86_64-netbsd"] }

  @Test func netBSDTablesAgreeWithItsHeaders() throws {
    let personality = try Tables.load("netbsd", Edition(release: NetBSDHeaders.release))
    var check = HeaderCheck(prelude: NetBSDHeaders.prelude, names: NetBSDHeaders.names)
    check.declarations(of: personality)
    for entry in personality.auxv { check.constant(entry.name, UInt64(entry.type)) }
    for control in personality.sysctls { check.netBSDSysctl(control) }
    try HeaderTests.expectAgreement(check, try HeaderTests.netBSDCompiler())
  }

  @Test func netBSDCallNumbersAreThoseOfSyscallH() throws {
    try HeaderTests.expectCallNumbers(
      try Tables.load("netbsd", Edition(release: NetBSDHeaders.release)), try HeaderTests.netBSDCompiler(),
      moreThan: 400, end: 507)
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
