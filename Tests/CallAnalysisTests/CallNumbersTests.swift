import BinaryImage
import Testing

@testable import CallAnalysis

@Suite struct CallNumbersTests {
  private static let rax: UInt8 = 0
  private static let rbp: UInt8 = 5

  /// What is found in functions at 0x1000, 0x1100, … with their code; with words of 4 bytes, calls are `int $0x40`.
  private func numbers(
    _ functions: [[UInt8]], register: UInt8 = rax, indirect: Set<Int> = [], word: UInt8 = 8
  ) -> CallNumbers {
    var code: [UInt8] = []
    var symbols: [LinkedImage.Symbol] = []
    for (index, function) in functions.enumerated() {
      symbols.append(LinkedImage.Symbol(name: "f\(index)", address: 0x1000 + UInt64(code.count)))
      code += function + [UInt8](repeating: 0xcc, count: 0x100 - function.count)
    }
    var image = LinkedImage(
      segments: [.init(address: 0x1000, bytes: code, isExecutable: true, isWritable: false)], entry: 0x1000)
    image.symbols = symbols
    return CallNumbers(
      [image], linker: nil,
      CallNumbers.Convention(
        trap: word == 4 ? 0x40 : nil, number: register, firstArgument: word == 4 ? nil : 7, stackOffset: Int64(word),
        indirect: indirect, keepsRegisters: word == 8, word: word))
  }

  @Test(
    arguments: [
      // mov $4, %eax; and with mov %rcx, %r10 behind it, as C libraries have it
      [0xb8, 4, 0, 0, 0, 0x0f, 5, 0xc3], [0xb8, 4, 0, 0, 0, 0x49, 0x89, 0xca, 0x0f, 5, 0xc3],
      // mov $4, %rax; push $4, pop %rax; lea 4(%rax) of zero; xor %eax, %eax, mov $4, %al
      [0x48, 0xc7, 0xc0, 4, 0, 0, 0, 0x0f, 5, 0xc3], [0x6a, 4, 0x58, 0x0f, 5, 0xc3],
      [0x31, 0xc0, 0x8d, 0x40, 4, 0x0f, 5, 0xc3], [0x31, 0xc0, 0xb0, 4, 0x0f, 5, 0xc3],
      // movl $4, -8(%rsp); mov -8(%rsp), %rax
      [0xc7, 0x44, 0x24, 0xf8, 4, 0, 0, 0, 0x48, 0x8b, 0x44, 0x24, 0xf8, 0x0f, 5, 0xc3],
      // mov $4, %ebx; call; mov %ebx, %eax: kept across the call
      [0xbb, 4, 0, 0, 0, 0xe8, 5, 0, 0, 0, 0x89, 0xd8, 0x0f, 5, 0xc3, 0xc3],
    ] as [[UInt8]])
  func followsAConstant(code: [UInt8]) {
    let found = numbers([code])
    #expect(found.sites.keys.sorted() == [4])
    #expect(found.undecided.isEmpty)
  }

  @Test(
    arguments: [
      // mov (%rdi), %rax; rdtsc; mov $4, %eax then call: anything else
      [0x48, 0x8b, 7, 0x0f, 5, 0xc3], [0x0f, 0x31, 0x0f, 5, 0xc3],
      [0xb8, 4, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0x0f, 5, 0xc3, 0xc3], [0x0f, 5, 0xc3],
    ] as [[UInt8]])
  func namesWhatItCannotTell(code: [UInt8]) {
    let found = numbers([code])
    #expect(found.sites.isEmpty)
    #expect(found.undecided.count == 1)
    #expect(found.undecided.first.flatMap(found.name) == "f0")
  }

  @Test func seesBothArmsOfABranch() {
    // mov $4, %eax; test %edi, %edi; je +5; mov $5, %eax; syscall; ret
    let found = numbers([[0xb8, 4, 0, 0, 0, 0x85, 0xff, 0x74, 5, 0xb8, 5, 0, 0, 0, 0x0f, 5, 0xc3]])
    #expect(found.sites.keys.sorted() == [4, 5])
    #expect(found.undecided.isEmpty)
  }

  @Test func followsAnArgumentToItsCallers() {
    // f0: mov $7, %edi; call f2; ret. f1: mov $8, %edi; jmp f2. f2: mov %rdi, %rax; syscall; ret
    let found = numbers([
      [0xbf, 7, 0, 0, 0, 0xe8, 0xf6, 1, 0, 0, 0xc3], [0xbf, 8, 0, 0, 0, 0xe9, 0xf6, 0, 0, 0],
      [0x48, 0x89, 0xf8, 0x0f, 5, 0xc3],
    ])
    #expect(found.sites.keys.sorted() == [7, 8])
    #expect(found.undecided.isEmpty)
    #expect(found.sites[7]?.compactMap(found.name) == ["f0"])
  }

  @Test func followsAnArgumentOnTheStack() {
    // f0: sub $16, %rsp; movq $9, (%rsp); call f1; add $16, %rsp; ret. f1: mov 8(%rsp), %rbp; syscall; ret
    let found = numbers(
      [
        [
          0x48, 0x83, 0xec, 16, 0x48, 0xc7, 4, 0x24, 9, 0, 0, 0, 0xe8, 0xef, 0, 0, 0, 0x48, 0x83, 0xc4, 16, 0xc3,
        ],
        [0x48, 0x8b, 0x6c, 0x24, 8, 0x0f, 5, 0xc3],
      ], register: Self.rbp)
    #expect(found.sites.keys.sorted() == [9])
    #expect(found.undecided.isEmpty)
  }

  @Test func looksThroughTheIndirectCall() {
    // f0: mov $20, %edi; call f1; ret. f1: xor %eax, %eax; syscall; ret
    let found = numbers(
      [[0xbf, 20, 0, 0, 0, 0xe8, 0xf6, 0, 0, 0, 0xc3], [0x31, 0xc0, 0x0f, 5, 0xc3]], indirect: [0])
    #expect(found.sites.keys.sorted() == [0, 20])
  }

  @Test(
    arguments: [
      // mov $4, %eax; int $0x40; ret. inc %eax of 3, which 64-bit code takes for a prefix
      [0xb8, 4, 0, 0, 0, 0xcd, 0x40, 0xc3], [0xb8, 3, 0, 0, 0, 0x40, 0xcd, 0x40, 0xc3],
      // push $5; push $4; pop %eax; pop %ecx: words of 4 bytes side by side
      [0x6a, 5, 0x6a, 4, 0x58, 0x59, 0xcd, 0x40, 0xc3],
      // push %ebp; mov %esp, %ebp; sub $8, %esp; movl $4, -4(%ebp); movl $9, -8(%ebp); mov -4(%ebp), %eax; leave
      [
        0x55, 0x89, 0xe5, 0x83, 0xec, 8, 0xc7, 0x45, 0xfc, 4, 0, 0, 0, 0xc7, 0x45, 0xf8, 9, 0, 0, 0, 0x8b, 0x45, 0xfc, 0xc9,
        0xcd, 0x40, 0xc3,
      ],
    ] as [[UInt8]])
  func followsAConstantInWordsOf32Bits(code: [UInt8]) {
    let found = numbers([code], word: 4)
    #expect(found.sites.keys.sorted() == [4])
    #expect(found.undecided.isEmpty && found.count == 1)
  }

  @Test func followsAnArgumentOnAStackOf32Bits() {
    // f0: sub $8, %esp; movl $9, (%esp); movl $3, 4(%esp); call f1; add $8, %esp; ret. f1: mov 4(%esp), %eax; int $0x40; ret
    let found = numbers(
      [
        [
          0x83, 0xec, 8, 0xc7, 4, 0x24, 9, 0, 0, 0, 0xc7, 0x44, 0x24, 4, 3, 0, 0, 0, 0xe8, 0xe9, 0, 0, 0, 0x83, 0xc4, 8, 0xc3,
        ],
        [0x8b, 0x44, 0x24, 4, 0xcd, 0x40, 0xc3],
      ], word: 4)
    #expect(found.sites.keys.sorted() == [9])
    #expect(found.undecided.isEmpty)
  }

  @Test func doesNotTrustAFunctionWhoseAddressIsTaken() {
    // f0: lea f1(%rip), %rax; mov $7, %edi; call f1; ret. f1: mov %rdi, %rax; syscall; ret
    let found = numbers([
      [0x48, 0x8d, 5, 0xf9, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0xe8, 0xef, 0, 0, 0, 0xc3],
      [0x48, 0x89, 0xf8, 0x0f, 5, 0xc3],
    ])
    #expect(found.sites.keys.sorted() == [7])
    #expect(found.undecided.count == 1)
  }
}
