import CEngine
import CWire
import Translation
import Wire

// Where stubs lie: in pages of 64 slots near the sites whose jumps lead there.

let firstPages = 8
private let pageCount = 128
let slotBytes = 64
let slotCount = 4096 / slotBytes

/// One stub: `length` bytes of instructions moved from `start`, then the way to the engine.
struct Stub {
  var start: UInt64 = 0
  var length: UInt64 = 0
}

/// A page of stubs.
struct StubPage {
  var address: UInt64 = 0
  var stubs: UnsafeMutablePointer<Stub>
  /// Slots that are taken, from the first one on.
  var used: UInt32
}

/// A page with a free slot that a jump at `address` reaches; `fresh` is an address for another one, which is writable until
/// it holds a stub.
func stubPage(
  _ patches: UnsafeMutablePointer<Patches>, near address: UInt64, fresh: UInt64
) -> UnsafeMutablePointer<StubPage>? {
  for index in 0...Int(patches.pointee.pages) {
    let page = patches.pointee.stubPages + index
    if page.pointee.address != 0, Int(page.pointee.used) < slotCount, reaches(page.pointee.address, address) { return page }
  }
  guard fresh != 0, reaches(fresh, address), mapStubPage(fresh, UInt64(PROT_READ | PROT_WRITE)) else { return nil }
  return addStubPage(patches, fresh, used: 0)
}

func mapStubPage(_ address: UInt64, _ protection: UInt64) -> Bool {
  let flags = UInt64(MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS)
  let mapped = persona_syscall(Int64(__NR_mmap), address, 4096, protection, flags, UInt64.max, 0)
  if mapped == Int64(bitPattern: address) { return true }
  if mapped > 0 { _ = persona_syscall(Int64(__NR_munmap), UInt64(mapped), 4096, 0, 0, 0, 0) }
  return false
}

/// Makes a page that is there one of stubs; without memory it stays, and nobody uses it.
func addStubPage(
  _ patches: UnsafeMutablePointer<Patches>, _ address: UInt64, used: UInt32
) -> UnsafeMutablePointer<StubPage>? {
  let next = patches.pointee.stubPages[0].address == 0 ? 0 : Int(patches.pointee.pages) + 1
  if next == firstPages, !makeRoomForPages(patches) { return nil }
  guard next < pageCount, let stubs = persona_allocate_forever(slotCount * MemoryLayout<Stub>.stride) else { return nil }
  patches.pointee.stubPages[next] = StubPage(
    address: address, stubs: stubs.bindMemory(to: Stub.self, capacity: slotCount), used: used)
  persona_store_count(&patches.pointee.pages, UInt32(next))
  return patches.pointee.stubPages + next
}

/// The first few pages' room is short, as most programs' is. The old one stays for who is just reading it.
private func makeRoomForPages(_ patches: UnsafeMutablePointer<Patches>) -> Bool {
  guard let memory = persona_allocate_forever(pageCount * MemoryLayout<StubPage>.stride) else { return false }
  let fresh = memory.bindMemory(to: StubPage.self, capacity: pageCount)
  for index in 0..<firstPages { fresh[index] = patches.pointee.stubPages[index] }
  patches.pointee.stubPages = fresh
  return true
}

/// A page below the program (image 0) or its run-time linker (1), within reach of its jumps; 0 without. One page stays free
/// between them, as guard pages count on.
func addressBelow(_ process: UnsafeMutablePointer<persona_process>, image: UInt32) -> UInt64 {
  let plan = UnsafeRawPointer(process.pointee.plan!)
  let head = process.pointee.plan.pointee
  let segments = (plan + Int(head.segments)).assumingMemoryBound(to: persona_segment.self)
  var lowest = UInt64(PERSONA_RESERVED_START)
  for index in 0..<Int(head.segment_count) where segments[index].image == image { lowest = min(lowest, segments[index].address) }
  return lowest < 0x1_2000 ? 0 : (lowest & ~4095) - 8192
}

private func reaches(_ page: UInt64, _ address: UInt64) -> Bool {
  let distance = Int64(bitPattern: page &- address)
  return distance > -0x7fff_0000 && distance < 0x7fff_0000
}

func nextSlot(_ page: UnsafeMutablePointer<StubPage>) -> UInt64 {
  page.pointee.address + UInt64(slotBytes) * UInt64(page.pointee.used)
}

func takeSlot(_ page: UnsafeMutablePointer<StubPage>, _ stub: Stub) {
  page.pointee.stubs[Int(page.pointee.used)] = stub
  page.pointee.used += 1
}

/// Writes the beginning of a page and makes it executable.
@discardableResult
func fill(_ page: UInt64, _ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
  UnsafeMutableRawPointer(bitPattern: UInt(page))!.copyMemory(from: bytes, byteCount: count)
  return persona_syscall(Int64(__NR_mprotect), page, 4096, UInt64(PROT_READ | PROT_EXEC), 0, 0, 0) == 0
}

// MARK: - Code that is no stub

/// Puts code that is no stub where stubs are, so that it needs no mapping of its own; nil without memory.
func placeCode(
  _ process: UnsafeMutablePointer<persona_process>, _ bytes: UnsafeRawPointer, _ count: Int
) -> UInt64? {
  guard let patches = patches(process) else { return placeAlone(bytes, count) }
  persona_lock(&patches.pointee.lock)
  defer { persona_unlock(&patches.pointee.lock) }
  let slots = (count + slotBytes - 1) / slotBytes
  for index in 0...Int(patches.pointee.pages) {
    let page = patches.pointee.stubPages + index
    let used = Int(page.pointee.used)
    guard page.pointee.address != 0, used + slots <= slotCount else { continue }
    let place = page.pointee.address + UInt64(slotBytes * used)
    guard replace(place, bytes, count) else { return nil }
    page.pointee.used += UInt32(slots)
    return place
  }
  let place = addressBelow(process, image: 0)
  guard place != 0, mapStubPage(place, UInt64(PROT_READ | PROT_WRITE)) else { return placeAlone(bytes, count) }
  fill(place, bytes, count)
  _ = addStubPage(patches, place, used: UInt32(slots))
  return place
}

private func placeAlone(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64? {
  guard let page = persona_map(4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1) else { return nil }
  let place = UInt64(UInt(bitPattern: page))
  fill(place, bytes, count)
  return place
}

// MARK: - Running through a stub

/// Whether a range holds stubs, which the guest may not replace.
@c(persona_holds_stubs)
public func holdsStubs(_ start: UInt64, _ end: UInt64) -> Int32 {
  guard let patches = patches(persona_current()!.pointee.process) else { return 0 }
  for index in 0...Int(persona_load_count(&patches.pointee.pages)) {
    let address = patches.pointee.stubPages[index].address
    if address != 0, address < end, address + 4096 > start { return 1 }
  }
  return 0
}

/// Where the guest is by its own text when it is in a stub or has not yet been taken into the engine; the same
/// address elsewhere.
func guestAddress(_ process: UnsafeMutablePointer<persona_process>, _ context: TrapContext) -> UInt64 {
  let rip = context[PERSONA_RIP]
  if rip &- label(PERSONA_PATCHED_ENTRY) < label(PERSONA_PATCHED_SAVED) - label(PERSONA_PATCHED_ENTRY) {
    return context[PERSONA_RCX] - 2
  }
  guard let stub = stub(process, rip) else { return rip }
  return stub.start + min(rip % UInt64(slotBytes), stub.length)
}

/// Whether the guest is about to carry out a stub's first instruction.
func isStubStart(_ process: UnsafeMutablePointer<persona_process>, _ context: TrapContext) -> Bool {
  context[PERSONA_RIP] % UInt64(slotBytes) == 0 && stub(process, context[PERSONA_RIP]) != nil
}

private func stub(_ process: UnsafeMutablePointer<persona_process>, _ rip: UInt64) -> Stub? {
  guard let patches = patches(process) else { return nil }
  for index in 0...Int(persona_load_count(&patches.pointee.pages)) {
    let page = patches.pointee.stubPages[index]
    guard page.address != 0, rip &- page.address < 4096 else { continue }
    let stub = page.stubs[Int(rip - page.address) / slotBytes]
    return stub.length == 0 ? nil : stub
  }
  return nil
}
