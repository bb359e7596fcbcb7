import PersonalityTables
import Testing

@testable import Supervisor

@Suite struct CallSitesTests {
  /// Scans one trap instruction behind `code`, for an ABI with the number in this register.
  private func number(_ code: [UInt8], register: String = "rax") throws -> Int? {
    let abi = try #require(
      LoadedPersonality(
        SourceText(
          """
          personality x "X" version 1.0
          abi amd64 { trap syscall  number \(register)  args rdi rsi  result rax  error carry }
          """, path: "test.table")
      ).personality.abis.first)
    var sites = CallSites()
    sites.scan((code + [0x0f, 0x05])[...], at: 0x1000, abi: abi)
    let address = 0x1000 + UInt64(code.count)
    #expect(sites.undecided == (sites.decided.isEmpty ? [address] : []))
    #expect(sites.decided.values.flatMap { $0 } == (sites.decided.isEmpty ? [] : [address]))
    return sites.decided.keys.first
  }

  @Test(
    arguments: [
      // mov $4, %eax; and with mov %rcx, %r10 behind it, as C libraries have it
      ([0xb8, 4, 0, 0, 0], 4), ([0xb8, 0xdd, 1, 0, 0, 0x49, 0x89, 0xca], 477),
      // mov $1, %rax; xor %eax, %eax; mov %rbx, %rdi
      ([0x48, 0xc7, 0xc0, 1, 0, 0, 0], 1), ([0x31, 0xc0, 0x48, 0x89, 0xdf], 0),
      // mov $5, %eax; lea 8(%rsp), %rdi; xor %esi, %esi; mov $0x1b6, %edx
      ([0xb8, 5, 0, 0, 0, 0x48, 0x8d, 0x7c, 0x24, 8, 0x31, 0xf6, 0xba, 0xb6, 1, 0, 0], 5),
    ] as [([UInt8], Int)])
  func seesANumberBesideTheCall(code: [UInt8], expected: Int) throws {
    #expect(try number(code) == expected)
  }

  @Test(arguments: [
    // mov 8(%rsp), %rax
    [0x48, 0x8b, 0x44, 0x24, 8],
    // mov $5, %r8d and xor %r8d, %r8d: the same bytes behind a prefix
    [0x41, 0xb8, 5, 0, 0, 0], [0x45, 0x31, 0xc0],
    // mov $4, %eax; mov %edi, %eax: the number is another one by then
    [0xb8, 4, 0, 0, 0, 0x89, 0xf8],
    // mov $4, %eax; call
    [0xb8, 4, 0, 0, 0, 0xe8, 0, 0, 0, 0],
    // movabs $4, %rax
    [0x48, 0xb8, 4, 0, 0, 0, 0, 0, 0, 0], [],
  ] as [[UInt8]])
  func decidesNothingElse(code: [UInt8]) throws {
    #expect(try number(code) == nil)
  }

  @Test func takesTheRegisterFromTheTable() throws {
    #expect(try number([0xbd, 0x33, 0, 0, 0], register: "rbp") == 0x33)
    #expect(try number([0xb8, 0x33, 0, 0, 0], register: "rbp") == nil)
  }
}
