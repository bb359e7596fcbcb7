import CWire
import Glibc

extension LoadPlan {
  /// A call in an image's text that becomes a jump before the program runs: `struct persona_plan_site`.
  public struct Site: Sendable, Equatable {
    public var address: UInt64
    /// Where the page that holds it lies in the file.
    public var filePage: UInt64
    /// Bytes of the instructions before it that go elsewhere.
    public var length: UInt32
    /// 0 is the program, 1 its run-time linker.
    public var image: UInt32
  }

  /// A page of stubs has so many places, of which the system's signal trampoline takes some.
  private static let mostSites = 56
  private static let mostPagesOfProgram = 8

  /// Adds a call of the program's own text: where its first moved instruction stands in the file; nil where it is known, or is
  /// not to be.
  mutating func addSite(_ address: UInt64, length: UInt32) -> UInt64? {
    let page: UInt64 = 4096
    let start = address - UInt64(length)
    guard let segment = segments.first(where: { $0.image == 0 && $0.protection & 4 != 0 && address &- $0.address < $0.fileLength }),
      start >= segment.address, start / page == (address + 1) / page, !sites.contains(where: { $0.address == address })
    else { return nil }
    let site = Site(
      address: address, filePage: segment.fileOffset + (start - segment.address) / page * page, length: length, image: 0)
    let own = sites.filter { $0.image == 0 } + [site]
    guard own.count <= LoadPlan.mostSites, Set(own.map(\.filePage)).count <= LoadPlan.mostPagesOfProgram else { return nil }
    sites = own.sorted { $0.address < $1.address } + sites.filter { $0.image != 0 }
    return segment.fileOffset + (start - segment.address)
  }

  /// Pages with fewer calls are not worth their exchange, nor are more pages.
  private static let fewest = 4
  private static let mostPages = 2

  /// Finds the calls of a run-time linker that stand as C libraries of the BSDs write them: `mov $number, %eax; mov %rcx, %r10;
  /// syscall`. All of the first instruction goes to the stub, and nobody branches into it.
  mutating func findSites(inLinker file: Int32) {
    var found: [[Site]] = []
    for segment in segments where segment.image == 1 && segment.protection & 4 != 0 {
      withUnsafeTemporaryAllocation(byteCount: max(1, Int(segment.fileLength)), alignment: 8) { text in
        // Its last page may go beyond the file.
        let count = max(0, pread(file, text.baseAddress!, text.count, off_t(segment.fileOffset)))
        found += LoadPlan.sites(in: UnsafeRawBufferPointer(rebasing: text[..<count]), segment)
      }
    }
    let best = found.filter { $0.count >= LoadPlan.fewest }.sorted { $0.count > $1.count }.prefix(LoadPlan.mostPages)
    sites = best.flatMap { $0 }
  }

  /// Those of one segment, page by page.
  private static func sites(in text: UnsafeRawBufferPointer, _ segment: Segment) -> [[Site]] {
    let length = 8
    let page = 4096
    var pages: [[Site]] = []
    var at = length
    while at + 1 < text.count {
      defer { at += 1 }
      guard text[at + 1] == 0x05, text[at] == 0x0f else { continue }
      let start = at - length
      guard text[start] == 0xb8, text[at - 3] == 0x49, text[at - 2] == 0x89, text[at - 1] == 0xca,
        start / page == (at + 1) / page
      else { continue }
      let site = Site(
        address: segment.address + UInt64(at), filePage: segment.fileOffset + UInt64(start / page * page), length: UInt32(length),
        image: 1)
      if let last = pages.last?.last, last.filePage == site.filePage {
        pages[pages.count - 1].append(site)
      } else {
        pages.append([site])
      }
    }
    return pages
  }
}
