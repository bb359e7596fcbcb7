import CEngine
import CWire
import Translation

// Which call sites are worth a jump. Counts become shared memory at a process's first fork: a child that lives for
// a few calls only counts for its parent, which makes the jump before its next fork.

/// Traps at a site before it is worth a jump: asking and exchanging pages costs as much as some thirty of them.
private let worthwhile: UInt64 = 32
/// Of calls on the signal mask in a run-time linker, which takes and gives a lock with two of them for each name that it
/// looks up: dozens until any program's first function.
private let worthwhileInLinker: UInt64 = 4
/// Traps after which a site that must go on trapping is asked about again, since other code may lie there now.
private let again: UInt64 = 1024
private let mostSites = 4096
private let firstSites: UInt32 = 32

/// A site that has been asked about.
struct SettledSite {
  var address: UInt64 = 0
  /// Where its jump stands; 0 without one.
  var jump: UInt64 = 0
}

/// All of them. Written under the lock of `Patches`; a full one is replaced by a larger one and left to its readers.
struct SettledSites {
  var capacity: Int
  var count: Int
  var entries: UnsafeMutablePointer<SettledSite>
}

/// Notes a trap of the two-byte instruction at `address`, and makes it a jump when it is worth that.
func noteTrap(_ thread: UnsafeMutablePointer<persona_thread>, at address: UInt64, number: UInt64) {
  guard let patches = patches(thread.pointee.process), let counts = patches.pointee.counts else { return }
  let traps = persona_count_traps(counts, address, 1, worthwhile)
  if traps == 0 {
    enlarge(patches, counts)
  } else if traps >= worthwhile || traps >= worthwhileInLinker && isLinkersLock(thread.pointee.process, address, number) {
    settle(patches, thread, address, isRepeated: traps % again == 0)
  }
}

/// Whether `address` lies in the run-time linker that the process began with, and the call is one on the signal mask.
private func isLinkersLock(_ process: UnsafeMutablePointer<persona_process>, _ address: UInt64, _ number: UInt64) -> Bool {
  guard let row = Table(UnsafeRawPointer(process.pointee.table)).call(number & 0xffff_ffff),
    row.pointee.passage == UInt8(PERSONA_PASSAGE_MASK.rawValue)
  else { return false }
  let plan = process.pointee.plan!
  let segments = (UnsafeRawPointer(plan) + Int(plan.pointee.segments)).assumingMemoryBound(to: persona_segment.self)
  for index in 0..<Int(plan.pointee.segment_count)
  where segments[index].image == 1 && address &- segments[index].address < segments[index].length { return true }
  return false
}

/// Makes the jump, unless it is there or was found to be impossible.
private func settle(
  _ patches: UnsafeMutablePointer<Patches>, _ thread: UnsafeMutablePointer<persona_thread>, _ address: UInt64,
  isRepeated: Bool
) {
  let known = find(patches, address)
  guard known == nil || isRepeated, patches.pointee.isOff == 0, persona_try_lock(&patches.pointee.lock) != 0 else { return }
  defer { persona_unlock(&patches.pointee.lock) }
  guard let site = known ?? add(patches, address) else { return }
  // A call that needs all registers traps at a jumping site, too.
  if !jumps(at: site.pointee.jump) { site.pointee.jump = patch(patches, thread, address) }
}

/// Notes that a site has its jump, before the program runs; false without memory.
func settle(_ patches: UnsafeMutablePointer<Patches>, _ address: UInt64, jumpsFrom start: UInt64) -> Bool {
  guard let site = add(patches, address) else { return false }
  site.pointee.jump = start
  return true
}

private func jumps(at address: UInt64) -> Bool {
  var byte: UInt8 = 0
  return address != 0 && persona_copy_in(&byte, address, 1) == 0 && byte == 0xe9
}

// MARK: - Sites that have been asked about

private func find(_ patches: UnsafeMutablePointer<Patches>, _ address: UInt64) -> UnsafeMutablePointer<SettledSite>? {
  guard let settled = patches.pointee.settled else { return nil }
  let site = place(settled.pointee, address)
  return site.pointee.address == address ? site : nil
}

/// The entry of `address`, or the free one where it belongs; there is one always.
private func place(_ settled: SettledSites, _ address: UInt64) -> UnsafeMutablePointer<SettledSite> {
  var index = Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 40)
  while true {
    let site = settled.entries + (index & (settled.capacity - 1))
    if site.pointee.address == address || site.pointee.address == 0 { return site }
    index += 1
  }
}

/// A new entry, under the lock; nil without memory.
private func add(_ patches: UnsafeMutablePointer<Patches>, _ address: UInt64) -> UnsafeMutablePointer<SettledSite>? {
  if let settled = patches.pointee.settled, settled.pointee.count * 2 < settled.pointee.capacity {
    let site = place(settled.pointee, address)
    if site.pointee.address == 0 { settled.pointee.count += 1 }
    site.pointee.address = address
    return site
  }
  let old = patches.pointee.settled
  let capacity = old.map { $0.pointee.capacity * 2 } ?? 32
  let bytes = capacity * MemoryLayout<SettledSite>.stride
  guard capacity <= 2 * mostSites, let memory = persona_allocate_forever(MemoryLayout<SettledSites>.stride),
    let entries = persona_allocate_forever(bytes)
  else { return nil }
  let fresh = memory.bindMemory(to: SettledSites.self, capacity: 1)
  fresh.initialize(
    to: SettledSites(
      capacity: capacity, count: 0, entries: entries.bindMemory(to: SettledSite.self, capacity: capacity)))
  if let old {
    for index in 0..<old.pointee.capacity where old.pointee.entries[index].address != 0 {
      place(fresh.pointee, old.pointee.entries[index].address).pointee = old.pointee.entries[index]
      fresh.pointee.count += 1
    }
  }
  patches.pointee.settled = fresh
  return add(patches, address)
}

// MARK: - Counts

/// The first counts, the process's own.
func makeSiteCounts() -> UnsafeMutablePointer<persona_site_counts>? {
  guard let memory = persona_allocate_forever(bytes(firstSites)) else { return nil }
  let counts = memory.assumingMemoryBound(to: persona_site_counts.self)
  counts.pointee.capacity = firstSites
  return counts
}

private func bytes(_ capacity: UInt32) -> Int { 16 + 16 * Int(capacity) }

/// More room for the process's own counts.
private func enlarge(_ patches: UnsafeMutablePointer<Patches>, _ counts: UnsafeMutablePointer<persona_site_counts>) {
  guard patches.pointee.isShared == 0, counts.pointee.capacity < UInt32(mostSites),
    persona_try_lock(&patches.pointee.lock) != 0
  else { return }
  if patches.pointee.counts == counts { replaceCounts(patches, capacity: UInt32(mostSites), isShared: false) }
  persona_unlock(&patches.pointee.lock)
}

/// The old counts stay where they are for other threads that are just looking there.
private func replaceCounts(_ patches: UnsafeMutablePointer<Patches>, capacity: UInt32, isShared: Bool) {
  let sharing = (isShared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS
  let memory =
    isShared ? persona_map(bytes(capacity), 4096, PROT_READ | PROT_WRITE, sharing, -1) : persona_allocate_forever(bytes(capacity))
  guard let memory else { return }
  let fresh = memory.assumingMemoryBound(to: persona_site_counts.self)
  fresh.pointee.capacity = capacity
  if let old = patches.pointee.counts {
    for index in 0..<UInt64(old.pointee.capacity) {
      var traps: UInt64 = 0
      let address = persona_site_at(old, index, &traps)
      if address != 0 { _ = persona_count_traps(fresh, address, traps, worthwhile) }
    }
  }
  patches.pointee.seen = fresh.pointee.ready
  patches.pointee.isShared = isShared ? 1 : 0
  patches.pointee.counts = fresh
}

/// Before a fork: has children count in memory that they share, and makes the jumps that earlier children found worthwhile.
/// Each mapping costs every fork, so that a process which has forked often enough takes its counts back.
func prepareSitesForFork(_ thread: UnsafeMutablePointer<persona_thread>) {
  guard let patches = patches(thread.pointee.process), let counts = patches.pointee.counts else { return }
  let learning: UInt32 = 512
  let forks = thread.pointee.forks
  if forks <= learning { thread.pointee.forks = forks + 1 }
  // Once the fork's own site jumps, the stack is never as deep again as in a trap.
  if forks == UInt32(worthwhile) + 8 { persona_forget_stack(signalStack(thread).0) }
  if patches.pointee.isShared == 0 {
    guard forks < learning, persona_try_lock(&patches.pointee.lock) != 0 else { return }
    replaceCounts(patches, capacity: max(counts.pointee.capacity, 1000), isShared: true)
    persona_unlock(&patches.pointee.lock)
    return
  }
  let ready = persona_load_count(&counts.pointee.ready)
  if ready != patches.pointee.seen {
    patches.pointee.seen = ready
    for index in 0..<UInt64(counts.pointee.capacity) {
      var traps: UInt64 = 0
      let address = persona_site_at(counts, index, &traps)
      if traps >= worthwhile { settle(patches, thread, address, isRepeated: false) }
    }
  }
  if forks >= learning, persona_is_single() != 0 {
    let old = counts
    replaceCounts(patches, capacity: max(firstSites, 2 * persona_count_sites(old)), isShared: false)
    if patches.pointee.isShared == 0 {
      _ = persona_syscall(
        Int64(__NR_munmap), UInt64(UInt(bitPattern: old)), UInt64(bytes(old.pointee.capacity)), 0, 0, 0, 0)
    }
  }
}
