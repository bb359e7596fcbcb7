import CEngine
import CWire
import Translation
import Wire

// A call instruction that is used again and again becomes a jump to a stub near it, and from there into the engine
// without a trap. The jump takes the place of a whole instruction of at least five bytes before the `syscall`, which the
// stub carries out in its stead together with those up to the call. The `syscall` itself and all
// instruction boundaries but that one's inside stay as they are, so whoever comes to the call another way, a branch
// or a return from a signal handler, still makes it, by a trap.
//
// Text is never writable: a copy of the page with the change replaces it in one step (mremap), which every thread
// sees whole. The file behind it, and other processes, do not.

/// What a process knows of its call sites. `pages` only grows, so that signal handlers read it without the lock.
struct Patches {
  var lock: UInt32 = 0
  /// 1: no more jumps are made.
  var isOff: UInt32 = 0
  /// The last page of stubs; the first has no address while there is none.
  var pages: UInt32 = 0
  /// Traps at each site, and how many sites had been worth a jump when we last looked.
  var counts: UnsafeMutablePointer<persona_site_counts>?
  var seen: UInt32 = 0
  /// 1: `counts` is memory that the process's children share.
  var isShared: UInt32 = 0
  var settled: UnsafeMutablePointer<SettledSites>?
  var stubPages: UnsafeMutablePointer<StubPage>
}

func patches(_ process: UnsafeMutablePointer<persona_process>) -> UnsafeMutablePointer<Patches>? {
  process.pointee.patches?.assumingMemoryBound(to: Patches.self)
}

/// Makes room for what is known of call sites; without it all of them trap.
func preparePatching(_ process: UnsafeMutablePointer<persona_process>) {
  guard process.pointee.plan.pointee.flags & PERSONA_PLAN_PATCH.rawValue != 0,
    let memory = persona_allocate_forever(MemoryLayout<Patches>.stride),
    let counts = makeSiteCounts(),
    let pages = persona_allocate_forever(firstPages * MemoryLayout<StubPage>.stride)
  else { return }
  let patches = memory.bindMemory(to: Patches.self, capacity: 1)
  patches.initialize(
    to: Patches(
      counts: counts, stubPages: pages.bindMemory(to: StubPage.self, capacity: firstPages)))
  process.pointee.patches = memory
}

/// Held around fork, so that the child finds it free.
func lockPatching(_ process: UnsafeMutablePointer<persona_process>) {
  if let patches = patches(process) { persona_lock(&patches.pointee.lock) }
}

func unlockPatching(_ process: UnsafeMutablePointer<persona_process>) {
  if let patches = patches(process) { persona_unlock(&patches.pointee.lock) }
}

// MARK: - Making a jump

/// Where the site's jump stands now; 0 if it has to go on trapping.
func patch(
  _ patches: UnsafeMutablePointer<Patches>, _ thread: UnsafeMutablePointer<persona_thread>, _ address: UInt64
) -> UInt64 {
  var request = persona_site()
  request.address = address
  request.is_known = isKnown(patches, thread.pointee.process, address) ? 1 : 0
  request.place = thread.pointee.process.pointee.plan.pointee.place
  let answer = withUnsafeMutablePointer(to: &request) {
    hypercall(PERSONA_HC_SITE, UInt64(UInt(bitPattern: $0)))
  }
  let length = Int(request.length)
  guard answer == 0, length >= Int(PERSONA_JUMP_BYTES), length <= Int(PERSONA_SITE_LIMIT) else { return 0 }
  let start = address - UInt64(length)
  var moved = InlineArray<24, UInt8>(repeating: 0)
  guard persona_copy_in(&moved, start, length) == 0,
    let page = stubPage(patches, near: start, fresh: request.stub_page)
  else { return 0 }
  let slot = nextSlot(page)
  var code = stubCode(moved, length, returningTo: address + 2)
  guard page.pointee.used == 0 ? fill(slot, &code, slotBytes) : replace(slot, &code, slotBytes) else { return 0 }
  takeSlot(page, Stub(start: start, length: UInt64(length)))
  var jump = jumpCode(from: start, to: slot)
  return replace(start, &jump, Int(PERSONA_JUMP_BYTES)) ? start : 0
}

/// Whether the page that holds `address` is text that Persona itself put there: the program's as its plan says, or a
/// copy with a jump.
private func isKnown(
  _ patches: UnsafeMutablePointer<Patches>, _ process: UnsafeMutablePointer<persona_process>, _ address: UInt64
) -> Bool {
  let plan = UnsafeRawPointer(process.pointee.plan!)
  let head = process.pointee.plan.pointee
  let segments = (plan + Int(head.segments)).assumingMemoryBound(to: persona_segment.self)
  for index in 0..<Int(head.segment_count) {
    let segment = segments[index]
    if address &- segment.address < segment.length, segment.protection & UInt32(PROT_WRITE) == 0 { return true }
  }
  if process.pointee.trampoline >> 12 == address >> 12 { return true }
  for page in 0...Int(patches.pointee.pages) where patches.pointee.stubPages[page].address != 0 {
    let stubs = patches.pointee.stubPages[page].stubs
    for slot in 0..<slotCount where stubs[slot].length != 0 {
      if stubs[slot].start >> 12 == address >> 12 || (stubs[slot].start + 4) >> 12 == address >> 12 { return true }
    }
  }
  return false
}

/// The moved instructions, `mov $behind, %rcx` and `jmp *entry`.
private func stubCode(
  _ moved: InlineArray<24, UInt8>, _ length: Int, returningTo behind: UInt64
) -> InlineArray<64, UInt8> {
  var code = InlineArray<64, UInt8>(repeating: 0xcc)
  for index in 0..<length { code[index] = moved[index] }
  var at = length
  func word(_ value: UInt64) {
    for index in 0..<8 { code[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    at += 8
  }
  code[at] = 0x48
  code[at + 1] = 0xb9
  at += 2
  word(behind)
  code[at] = 0xff
  code[at + 1] = 0x25
  for index in 2..<6 { code[at + index] = 0 }
  at += 6
  word(label(PERSONA_PATCHED_ENTRY))
  return code
}

/// `jmp slot`, where the moved instructions began.
private func jumpCode(from start: UInt64, to slot: UInt64) -> InlineArray<5, UInt8> {
  var jump = InlineArray<5, UInt8>(repeating: 0xe9)
  let distance = UInt32(truncatingIfNeeded: slot &- (start + UInt64(PERSONA_JUMP_BYTES)))
  for index in 0..<4 { jump[index + 1] = UInt8(truncatingIfNeeded: distance >> UInt32(8 * index)) }
  return jump
}

/// Puts a copy with `count` other bytes at `address` in the place of the pages that hold them.
func replace(_ address: UInt64, _ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
  let first = address & ~4095
  let length = Int(((address + UInt64(count) + 4095) & ~4095) - first)
  guard let copy = persona_map(length, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1) else {
    return false
  }
  let from = UInt64(UInt(bitPattern: copy))
  if persona_copy_in(copy, first, length) == 0 {
    (copy + Int(address - first)).copyMemory(from: bytes, byteCount: count)
    if persona_syscall(Int64(__NR_mprotect), from, UInt64(length), UInt64(PROT_READ | PROT_EXEC), 0, 0, 0) == 0,
      persona_syscall(
        Int64(__NR_mremap), from, UInt64(length), UInt64(length), UInt64(MREMAP_MAYMOVE | MREMAP_FIXED), first, 0)
        == Int64(bitPattern: first)
    {
      return true
    }
  }
  _ = persona_syscall(Int64(__NR_munmap), from, UInt64(length), 0, 0, 0, 0)
  return false
}

// MARK: - Before the program runs

/// Makes jumps of the calls that the plan names in an image's text: a run-time linker's, which makes dozens of calls in each program
/// that begins, and those that became jumps in the program's processes before. Nobody runs there yet, so that pages are read
/// anew and changed where they are.
func patchImage(_ process: UnsafeMutablePointer<persona_process>, _ image: UInt32, _ file: UInt64) {
  let plan = UnsafeRawPointer(process.pointee.plan!)
  let head = process.pointee.plan.pointee
  let sites = (plan + Int(head.sites)).assumingMemoryBound(to: persona_plan_site.self)
  var count = 0
  for index in 0..<Int(head.site_count) where sites[index].image == image { count += 1 }
  guard count > 0, count < slotCount, let patches = patches(process) else { return }
  let place = addressBelow(process, image: image)
  guard place != 0, mapStubPage(place, UInt64(PROT_READ | PROT_WRITE)), let page = addStubPage(patches, place, used: 0)
  else { return }
  var changed: UInt64 = 0
  for index in 0..<Int(head.site_count) where sites[index].image == image {
    let site = sites[index]
    let start = site.address - UInt64(site.length)
    if start & ~4095 != changed {
      if changed != 0 { makeExecutable(changed) }
      changed = start & ~4095
      readAnew(changed, file, site.file_page)
    }
    guard settle(patches, site.address, jumpsFrom: start) else { continue }
    var moved = InlineArray<24, UInt8>(repeating: 0)
    let text = UnsafeMutableRawPointer(bitPattern: UInt(start))!
    for at in 0..<min(Int(site.length), 24) { moved[at] = text.load(fromByteOffset: at, as: UInt8.self) }
    let slot = nextSlot(page)
    var code = stubCode(moved, Int(site.length), returningTo: site.address + 2)
    UnsafeMutableRawPointer(bitPattern: UInt(slot))!.copyMemory(from: &code, byteCount: slotBytes)
    takeSlot(page, Stub(start: start, length: UInt64(site.length)))
    var jump = jumpCode(from: start, to: slot)
    text.copyMemory(from: &jump, byteCount: Int(PERSONA_JUMP_BYTES))
  }
  makeExecutable(changed)
  makeExecutable(place)
}

/// Maps a page of text for writing, with what the file holds.
private func readAnew(_ page: UInt64, _ file: UInt64, _ offset: UInt64) {
  let flags = UInt64(MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)
  let mapped = persona_syscall(Int64(__NR_mmap), page, 4096, UInt64(PROT_READ | PROT_WRITE), flags, UInt64.max, 0)
  guard mapped == Int64(bitPattern: page) else { fatal("persona: no memory for the program's text", mapped) }
  let count = persona_syscall(Int64(__NR_pread64), file, page, 4096, offset, 0, 0)
  if count <= 0 { fatal("persona: cannot read the program's text", count) }
}

private func makeExecutable(_ page: UInt64) {
  let result = persona_syscall(Int64(__NR_mprotect), page, 4096, UInt64(PROT_READ | PROT_EXEC), 0, 0, 0)
  if result < 0 { fatal("persona: the program's text cannot be made executable", result) }
}

// MARK: - The segment register that leads from a patched site to the thread

/// Gives the gs register to the engine, or to the guest if it has one of its own.
func takeSegment(_ thread: UnsafeMutablePointer<persona_thread>) {
  let own = UInt64(UInt(bitPattern: thread))
  let base = thread.pointee.guest_gs == 0 ? own : thread.pointee.guest_gs
  persona_use_gs_base(base)
}

/// A guest that uses gs itself has it, and goes without jumps from then on.
@c(persona_set_gs)
public func setGuestSegment(_ thread: UnsafeMutablePointer<persona_thread>?, _ base: UInt64) -> Int64 {
  let thread = thread!
  if base != 0, let patches = patches(thread.pointee.process) {
    persona_lock(&patches.pointee.lock)
    patches.pointee.isOff = 1
    removeJumps(patches)
    persona_unlock(&patches.pointee.lock)
  }
  let result =
    base == 0 ? 0 : persona_syscall(Int64(__NR_arch_prctl), UInt64(ARCH_SET_GS), base, 0, 0, 0, 0)
  if result < 0 { return result }
  thread.pointee.guest_gs = base
  if base == 0 { takeSegment(thread) }
  return 0
}

/// Puts the instructions back that jumps have replaced. Threads that are in a stub come out of it as ever.
private func removeJumps(_ patches: UnsafeMutablePointer<Patches>) {
  for index in 0...Int(patches.pointee.pages) where patches.pointee.stubPages[index].address != 0 {
    let page = patches.pointee.stubPages[index]
    for slot in 0..<slotCount where page.stubs[slot].length != 0 {
      let start = page.stubs[slot].start
      let code = page.address + UInt64(slot * slotBytes)
      var bytes = InlineArray<5, UInt8>(repeating: 0)
      guard persona_copy_in(&bytes, start, 5) == 0, bytes[0] == 0xe9,
        let original = UnsafeRawPointer(bitPattern: UInt(code))
      else { continue }
      let distance = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1 + 1]) << UInt32(8 * $1) }
      guard start &+ 5 &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance))) == code else { continue }
      _ = replace(start, original, Int(PERSONA_JUMP_BYTES))
    }
  }
}
