import CHost
import CWire
import Glibc
import Testing

@testable import Supervisor

/// Calls of a run-time linker that become jumps before it runs.
@Suite struct SitesTests {
  /// mov $number, %eax; mov %rcx, %r10; syscall (lib/libc/amd64/SYS.h)
  private func stub(_ number: UInt8) -> [UInt8] { [0xb8, number, 0, 0, 0, 0x49, 0x89, 0xca, 0x0f, 0x05] }

  private func sites(_ text: [UInt8], image: UInt32 = 1, protection: UInt32 = 5) -> [LoadPlan.Site] {
    let file = text.withUnsafeBytes { persona_memory_file("text", $0.baseAddress!, $0.count) }
    defer { close(file) }
    var plan = LoadPlan()
    plan.segments = [
      LoadPlan.Segment(
        address: 0x8_0000_1000, length: UInt64(text.count + 4095) & ~4095, fileOffset: 0,
        fileLength: UInt64(text.count + 4095) & ~4095, protection: protection, image: image)
    ]
    plan.findSites(inLinker: file)
    return plan.sites
  }

  private func place(_ stubs: [(at: Int, bytes: [UInt8])], in count: Int) -> [UInt8] {
    var text = [UInt8](repeating: 0xcc, count: count)
    for stub in stubs { text.replaceSubrange(stub.at..<(stub.at + stub.bytes.count), with: stub.bytes) }
    return text
  }

  @Test func findsCallsAsCLibrariesWriteThem() {
    let found = sites(place([0, 16, 32, 4000].map { ($0, stub(UInt8($0 & 0xff))) }, in: 4100))
    #expect(found.map(\.address) == [0x8_0000_1008, 0x8_0000_1018, 0x8_0000_1028, 0x8_0000_1fa8])
    #expect(found.allSatisfy { $0.length == 8 && $0.filePage == 0 })
  }

  @Test func takesTwoPagesWithTheMost() {
    let starts = (0..<4).map { $0 * 16 } + (0..<6).map { 4096 + $0 * 16 } + (0..<5).map { 8192 + $0 * 16 } + (0..<3).map { 12288 + $0 * 16 }
    let found = sites(place(starts.map { ($0, stub(3)) }, in: 16384))
    #expect(found.map(\.filePage) == Array(repeating: 4096, count: 6) + Array(repeating: 8192, count: 5))
  }

  @Test func leavesWhatIsNotSure() {
    // Too few on a page; over the end of a page; another instruction between; not text; not the linker's.
    #expect(sites(place([0, 16, 32].map { ($0, stub(3)) }, in: 4096)).isEmpty)
    #expect(sites(place([0, 16, 32, 4090].map { ($0, stub(3)) }, in: 8192)).isEmpty)
    #expect(sites(place([0, 16, 32].map { ($0, stub(3)) } + [(64, [0xb8, 3, 0, 0, 0, 0x90, 0x89, 0xca, 0x0f, 0x05])], in: 4096)).isEmpty)
    let text = place([0, 16, 32, 48].map { ($0, stub(3)) }, in: 4096)
    #expect(sites(text).count == 4)
    #expect(sites(text, protection: 1).isEmpty)
    #expect(sites(text, image: 0).isEmpty)
    #expect(sites([0x0f, 0x05]).isEmpty)
  }

  @Test func addsCallsOfTheProgramItself() {
    var plan = LoadPlan()
    plan.segments = [
      LoadPlan.Segment(address: 0x20_0000, length: 0x1000, fileOffset: 0, fileLength: 0x1000, protection: 1, image: 0),
      LoadPlan.Segment(address: 0x20_1000, length: 0x20_0000, fileOffset: 0x3000, fileLength: 0x20_0000, protection: 5, image: 0),
    ]
    plan.sites = [LoadPlan.Site(address: 0x8_0000_1008, filePage: 0, length: 8, image: 1)]
    #expect(plan.addSite(0x20_2408, length: 8) == 0x4400)
    #expect(plan.addSite(0x20_1100, length: 5) == 0x30fb)
    // Side by side by their pages, before the linker's.
    #expect(plan.sites.map(\.address) == [0x20_1100, 0x20_2408, 0x8_0000_1008])
    #expect(plan.sites.map(\.filePage) == [0x3000, 0x4000, 0])
    // Known; over a page's end or beginning; not in text; not in it at all.
    #expect(plan.addSite(0x20_1100, length: 5) == nil)
    #expect(plan.addSite(0x20_3fff, length: 5) == nil)
    #expect(plan.addSite(0x20_3003, length: 5) == nil)
    #expect(plan.addSite(0x20_0100, length: 5) == nil)
    #expect(plan.addSite(0x50_0100, length: 5) == nil)
    #expect(plan.sites.count == 3)
    // No more than eight pages.
    for page in 2..<20 { _ = plan.addSite(0x20_1100 + UInt64(page) * 4096, length: 5) }
    #expect(Set(plan.sites.filter { $0.image == 0 }.map(\.filePage)).count == 8)
    // Nor more than fit into a page of stubs.
    for site in 1..<100 { _ = plan.addSite(0x20_1200 + UInt64(site) * 16, length: 5) }
    #expect(plan.sites.filter { $0.image == 0 }.count == 56)
  }
}
