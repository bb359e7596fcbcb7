import CWire
import Glibc

extension LoadPlan {
  /// A call in the run-time linker's text that becomes a jump before the program runs: `struct persona_plan_site`.
  public struct Site: Sendable, Equatable {
    public var address: UInt64
    /// Where the page that holds it lies in the file.
    public var filePage: UInt64
    /// Bytes of the instructions before it that go elsewhere.
    public var length: UInt32
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
        address: segment.address + UInt64(at), filePage: segment.fileOffset + UInt64(start / page * page), length: UInt32(length))
      if let last = pages.last?.last, last.filePage == site.filePage {
        pages[pages.count - 1].append(site)
      } else {
        pages.append([site])
      }
    }
    return pages
  }
}
