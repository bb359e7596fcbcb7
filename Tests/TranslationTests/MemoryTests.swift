import CEngine
import CWire
import Testing

@testable import Translation

@Suite struct MemoryTests {
  let guest = Guest.freeBSD

  // sys/mman.h of FreeBSD.
  private let shared = 0x1
  private let anonymous = 0x1002
  private let fixed = 0x10
  private let exclusive = 0x4000
  private let guardPages = 0x2000
  private let stack = 0x400
  private let low = 0x80000
  private let readWrite = 3

  private func map(_ length: Int, _ flags: Int, at address: Int = 0, prot: Int = 3) -> Guest.Answer {
    guest("mmap", address, length, prot, flags, -1, 0)
  }

  @Test func mapsAndUnmaps() {
    let address = map(5000, anonymous).result
    let bytes = UnsafeMutableRawPointer(bitPattern: address)!
    bytes.storeBytes(of: 7, toByteOffset: 8191, as: UInt8.self)
    // An address inside a page means the page.
    #expect(guest("munmap", address + 100, 5000) == .value(0))
    #expect(guest("mincore", address, 8192, Memory(2).word) == guest.errno("ENOMEM"))
  }

  @Test func refusesWhatFreeBSDRefuses() {
    let invalid = guest.errno("EINVAL")
    #expect(map(0, anonymous) == invalid)
    #expect(guest("mmap", 0, 4096, readWrite, anonymous, 0, 0) == invalid)
    #expect(guest("mmap", 0, 4096, readWrite, anonymous, -1, 4096) == invalid)
    #expect(map(4096, 0x1003) == invalid)
    #expect(map(4096, anonymous | exclusive) == invalid)
    #expect(map(4096, anonymous | 0x8000) == invalid)
    #expect(map(4096, anonymous, prot: 8) == invalid)
    #expect(map(4096, anonymous | 5 << 24) == invalid)
    #expect(map(4096, anonymous | fixed, at: 0x10_0001) == invalid)
    #expect(map(4096, anonymous | stack, prot: 1) == invalid)
    #expect(map(4096, guardPages | 0x1000, prot: 0) == invalid)
    #expect(guest("munmap", 0x10_0000, 0) == invalid)
    // PROT_MAX without what is asked for now.
    #expect(map(4096, anonymous, prot: 3 | 1 << 16) == guest.errno("EOPNOTSUPP"))
    #expect(map(4096, anonymous, prot: 3 | 7 << 16).value != nil)
  }

  @Test func keepsItsOwnRange() {
    let own = Int(PERSONA_RESERVED_START) + 0x1000
    #expect(map(4096, anonymous | fixed, at: own) == guest.errno("EINVAL"))
    #expect(map(Int(PERSONA_RESERVED_END) - own, anonymous | fixed, at: own - 8192) == guest.errno("EINVAL"))
    #expect(guest("munmap", own, 4096) == guest.errno("EINVAL"))
    #expect(guest("mprotect", own, 4096, 0) == guest.errno("EINVAL"))
    #expect(guest("madvise", own, 4096, 5) == guest.errno("EINVAL"))
    // As a hint it is only passed over.
    let elsewhere = map(4096, anonymous, at: own).result
    #expect(elsewhere < Int(PERSONA_RESERVED_START) || elsewhere >= Int(PERSONA_RESERVED_END))
    _ = guest("munmap", elsewhere, 4096)
  }

  @Test func excludesWhatIsMapped() {
    let address = map(8192, anonymous).result
    #expect(map(4096, anonymous | fixed | exclusive, at: address) == guest.errno("ENOMEM"))
    _ = guest("munmap", address, 8192)
    #expect(map(4096, anonymous | fixed | exclusive, at: address) == .value(address))
    #expect(map(4096, anonymous | fixed, at: address) == .value(address))
    _ = guest("munmap", address, 4096)
  }

  @Test func alignsAsAsked() {
    for bits in [12, 16, 21, 24] {
      let address = map(12288, anonymous | bits << 24).result
      #expect(address & (1 << bits - 1) == 0)
      #expect(guest("munmap", address, 12288) == .value(0))
    }
    // MAP_ALIGNED_SUPER.
    let address = map(4 << 20, anonymous | 1 << 24).result
    #expect(address & (2 << 20 - 1) == 0)
    _ = guest("munmap", address, 4 << 20)
    #expect(map(4096, anonymous | 50 << 24) == guest.errno("ENOMEM"))
  }

  @Test func mapsLow() {
    let address = map(4096, anonymous | low).result
    #expect(address > 0 && address + 4096 <= 1 << 31)
    _ = guest("munmap", address, 4096)
  }

  @Test func reservesGuards() {
    let address = map(1 << 30, guardPages, prot: 0).result
    #expect(guest("read", -1, address, 1) == guest.errno("EBADF"))
    var value = UInt32(0)
    #expect(persona_load32(UInt64(address), &value) != 0)
    #expect(map(4096, anonymous | fixed, at: address) == .value(address))
    #expect(persona_load32(UInt64(address), &value) == 0)
    _ = guest("munmap", address, 1 << 30)
  }

  @Test func mapsFilesAtAnyOffset() {
    let directory = TemporaryDirectory()
    let file = guest("open", directory("mapped").word, 0x202, 0o600).result
    let text = Memory("0123456789")
    #expect(guest("pwrite", file, text.word, 10, 4090) == .value(10))
    let address = guest("mmap", 0, 16, 1, shared, file, 4093).result
    #expect(address & 4095 == 4093)
    #expect(UnsafeRawPointer(bitPattern: address)!.load(as: UInt8.self) == UInt8(ascii: "3"))
    // A file must be said to be shared or private.
    #expect(guest("mmap", 0, 16, 1, 0, file, 0) == guest.errno("EINVAL"))
    #expect(guest("msync", address & ~4095, 0, 0) == .value(0))
    #expect(guest("msync", address & ~4095, 8192, 3) == guest.errno("EINVAL"))
    _ = guest("munmap", address & ~4095, 8192)
    #expect(guest("msync", address & ~4095, 8192, 0) == guest.errno("EINVAL"))
    _ = guest("close", file)
  }

  @Test func protectsAcrossHoles() {
    let address = map(3 * 4096, anonymous).result
    _ = guest("munmap", address + 4096, 4096)
    #expect(guest("mprotect", address + 1, 3 * 4096 - 1, 1) == .value(0))
    #expect(persona_store32(UInt64(address + 8192), 1) != 0)
    _ = guest("munmap", address, 3 * 4096)
  }

  @Test func adviceKeepsContents() {
    let address = map(8192, anonymous).result
    let bytes = UnsafeMutableRawPointer(bitPattern: address)!
    bytes.storeBytes(of: 42, as: UInt8.self)
    for advice in [0, 1, 2, 3, 4, 6, 7, 8, 9] {
      #expect(guest("madvise", address, 8192, advice) == .value(0))
      #expect(bytes.load(as: UInt8.self) == 42)
    }
    #expect(guest("madvise", address, 8192, 5) == .value(0))
    #expect(guest("madvise", address, 8192, 11) == guest.errno("EINVAL"))
    _ = guest("munmap", address + 4096, 4096)
    #expect(guest("madvise", address, 8192, 3) == .value(0))
    _ = guest("munmap", address, 4096)
  }

  @Test func inheritance() {
    let address = map(8192, anonymous).result
    for kind in [2, 3, 1] { #expect(guest("minherit", address, 8192, kind) == .value(0)) }
    #expect(guest("minherit", address, 8192, 0) == guest.errno("EINVAL"))
    #expect(guest("minherit", address, 8192, 4) == guest.errno("EINVAL"))
    _ = guest("munmap", address, 8192)
  }

  @Test func tellsResidentPages() {
    let address = map(2 * 4096, anonymous).result
    UnsafeMutableRawPointer(bitPattern: address)!.storeBytes(of: 1, as: UInt8.self)
    let vector = Memory(2)
    vector[1] = 0xff
    #expect(guest("mincore", address, 8192, vector.word) == .value(0))
    #expect(vector[0] == 1 && vector[1] == 0)
    _ = guest("munmap", address, 8192)
  }

  @Test func breakGrowsAndShrinks() {
    let start = map(1 << 20, anonymous).result
    _ = guest("munmap", start, 1 << 20)
    let process = persona_current()!.pointee.process!
    process.pointee.brk_start = UInt64(start)
    process.pointee.brk_end = UInt64(start)
    #expect(guest("break", 0) == .value(start))
    #expect(guest("break", start + 100) == .value(start + 4096))
    UnsafeMutableRawPointer(bitPattern: start)!.storeBytes(of: 1, as: UInt8.self)
    #expect(guest("break", start + 65536) == .value(start + 65536))
    #expect(guest("break", start) == .value(start))
    var value = UInt32(0)
    #expect(persona_load32(UInt64(start), &value) != 0)
  }
}
