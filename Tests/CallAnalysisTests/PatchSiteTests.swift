import Testing

import CallAnalysis

/// What may be moved from before a `syscall`, judged by its bytes.
struct PatchSiteTests {
  /// The answer for these bytes behind code that decodes the same from most places: `mov %rdi, %rax`.
  private func length(_ bytes: [UInt8]) -> Int? {
    let before = [[UInt8]](repeating: [0x48, 0x89, 0xf8], count: 26).flatMap { $0 }
    return PatchSite(Array((before + bytes).suffix(PatchSite.reach))).length
  }

  @Test func constants() {
    #expect(length([0xb8, 39, 0, 0, 0]) == 5)  // mov $39, %eax
    #expect(length([0x48, 0xc7, 0xc0, 39, 0, 0, 0]) == 7)  // mov $39, %rax
    #expect(length([0x48, 0x8b, 0x44, 0x24, 0x08]) == 5)  // mov 8(%rsp), %rax
  }

  @Test func instructionsUpToTheCallMoveAlong() {
    #expect(length([0xb8, 39, 0, 0, 0, 0x49, 0x89, 0xca]) == 8)  // mov $39, %eax; mov %rcx, %r10
    #expect(length([0x49, 0x89, 0xca, 0xb8, 39, 0, 0, 0]) == 5)  // the other way round
  }

  @Test func aPrefixBelongsToItsInstruction() {
    #expect(length([0x41, 0xb8, 39, 0, 0, 0]) == 6)  // mov $39, %r8d
  }

  @Test func whatMeansAnotherThingElsewhereStays() {
    #expect(length([0x48, 0x8d, 0x05, 1, 0, 0, 0]) == nil)  // lea 1(%rip), %rax
    #expect(length([0x8b, 0x05, 1, 0, 0, 0]) == nil)  // mov 1(%rip), %eax
    #expect(length([0xe8, 1, 0, 0, 0]) == nil)  // call
    #expect(length([0xb8, 39, 0, 0, 0, 0x75, 0x02, 0x31, 0xc0]) == nil)  // a branch between
    #expect(length([0xb8, 39, 0, 0, 0, 0x0f, 0x05]) == nil)  // another call between
  }

  @Test func nothingLongEnough() {
    #expect(length([]) == nil)
    #expect(PatchSite([]).length == nil)
    #expect(PatchSite([0xb8, 39, 0, 0, 0]).length == nil)  // too little before it to be sure
  }

  @Test func bytesThatAreNoCode() {
    #expect(PatchSite([UInt8](repeating: 0x06, count: PatchSite.reach)).length == nil)
  }

  @Test func codeThatIsKnownIsAnsweredAsBefore() {
    var sites = PatchSites()
    let before = [[UInt8]](repeating: [0x48, 0x89, 0xf8], count: 25).flatMap { $0 }
    for number in [39, 20, 39, 20] as [UInt8] {
      #expect(sites.length(before: (before + [0xb8, number, 0, 0, 0])[...]) == 5)
      #expect(sites.length(before: (before + [0xe8, number, 0, 0, 0])[...]) == nil)
    }
  }
}
