import CEngine
import CWire
import Wire

// A queue's hash tables of knotes and watches, under `event_lock`.

func releaseTables(_ queue: QueuePointer) {
  persona_release(UnsafeMutableRawPointer(queue.pointee.knotes))
  persona_release(UnsafeMutableRawPointer(queue.pointee.watches))
}

// MARK: Finding

private func slot(_ ident: UInt64, _ filter: ConstantName, _ buckets: Int) -> Int {
  let mixed = ident ^ ident >> 16 ^ ident >> 32 ^ UInt64(filter.rawValue) &* 7
  return Int(truncatingIfNeeded: mixed) & (buckets - 1)
}

func knote(_ queue: QueuePointer, _ ident: UInt64, _ filter: ConstantName) -> KnotePointer? {
  var candidate = queue.pointee.knotes[slot(ident, filter, queue.pointee.buckets)]
  while let knote = candidate {
    if knote.pointee.event.ident == ident, knote.pointee.filter == filter { return knote }
    candidate = knote.pointee.next
  }
  return nil
}

extension Call {
  /// Gives a queue tables of `buckets` chains; false without memory, and then nothing has changed.
  func resize(_ queue: QueuePointer, _ buckets: Int) -> Bool {
    guard let knotes = persona_allocate(8 * buckets) else { return false }
    guard let watches = persona_allocate(8 * buckets) else {
      persona_release(knotes)
      return false
    }
    let newKnotes = knotes.bindMemory(to: KnotePointer?.self, capacity: buckets)
    let newWatches = watches.bindMemory(to: WatchPointer?.self, capacity: buckets)
    for old in 0..<queue.pointee.buckets {
      while let knote = queue.pointee.knotes[old] {
        queue.pointee.knotes[old] = knote.pointee.next
        let slot = slot(knote.pointee.event.ident, knote.pointee.filter, buckets)
        knote.pointee.next = newKnotes[slot]
        newKnotes[slot] = knote
      }
      while let watch = queue.pointee.watches[old] {
        queue.pointee.watches[old] = watch.pointee.next
        let slot = Int(watch.pointee.descriptor) & (buckets - 1)
        watch.pointee.next = newWatches[slot]
        newWatches[slot] = watch
      }
    }
    if queue.pointee.buckets > 0 { releaseTables(queue) }
    queue.pointee.knotes = newKnotes
    queue.pointee.watches = newWatches
    queue.pointee.buckets = buckets
    return true
  }

  func watch(_ queue: QueuePointer, _ descriptor: Int32, _ serial: UInt32) -> WatchPointer? {
    var candidate = queue.pointee.watches[Int(descriptor) & (queue.pointee.buckets - 1)]
    while let watch = candidate {
      if watch.pointee.serial == serial { return watch }
      candidate = watch.pointee.next
    }
    return nil
  }

  // MARK: Making and dropping

  func newKnote(
    _ queue: QueuePointer, _ filter: ConstantName, _ change: ForeignEvent
  ) -> KnotePointer? {
    guard let memory = persona_allocate(MemoryLayout<Knote>.stride) else { return nil }
    let knote = memory.bindMemory(to: Knote.self, capacity: 1)
    knote.pointee.filter = filter
    knote.pointee.event = change
    let requests = table[.EV_ADD] | table[.EV_DELETE] | table[.EV_ENABLE] | table[.EV_DISABLE]
    knote.pointee.event.flags &= ~(requests | table[.EV_FORCEONESHOT] | table[.EV_KEEPUDATA])
    knote.pointee.event.fflags = 0
    knote.pointee.event.data = 0
    knote.pointee.askedFlags = change.fflags
    knote.pointee.askedData = change.data
    if queue.pointee.knoteCount >= 2 * queue.pointee.buckets { _ = resize(queue, 4 * queue.pointee.buckets) }
    let slot = slot(change.ident, filter, queue.pointee.buckets)
    knote.pointee.next = queue.pointee.knotes[slot]
    queue.pointee.knotes[slot] = knote
    queue.pointee.knoteCount += 1
    return knote
  }

  func newWatch(_ queue: QueuePointer, _ knote: KnotePointer, _ descriptor: Int32) -> WatchPointer? {
    guard let events, let memory = persona_allocate(MemoryLayout<Watch>.stride) else { return nil }
    let watch = memory.bindMemory(to: Watch.self, capacity: 1)
    watch.pointee.descriptor = descriptor
    watch.pointee.knote = knote
    knote.pointee.watch = watch
    events.pointee.serial = max(events.pointee.serial &+ 1, WatchSerial.first)
    watch.pointee.serial = events.pointee.serial
    let slot = Int(descriptor) & (queue.pointee.buckets - 1)
    watch.pointee.next = queue.pointee.watches[slot]
    queue.pointee.watches[slot] = watch
    return watch
  }

  /// Forgets a knote and its watch.
  func drop(_ queue: QueuePointer, _ knote: KnotePointer) {
    deactivate(queue, knote)
    let slot = slot(knote.pointee.event.ident, knote.pointee.filter, queue.pointee.buckets)
    knote.leave(&queue.pointee.knotes[slot])
    queue.pointee.knoteCount -= 1
    if let watch = knote.pointee.watch { discard(queue, watch) }
    persona_release(UnsafeMutableRawPointer(knote))
  }

  func discard(_ queue: QueuePointer, _ watch: WatchPointer) {
    remove(queue, watch)
    if watch.pointee.isHelper { _ = hostNow(__NR_close, Int(watch.pointee.descriptor)) }
    persona_release(UnsafeMutableRawPointer(watch))
  }

  private func remove(_ queue: QueuePointer, _ watch: WatchPointer) {
    if watch.pointee.mask != 0 {
      _ = control(set(queue, watch), 2, watch.pointee.descriptor, 0, 0)
    }
    let slot = Int(watch.pointee.descriptor) & (queue.pointee.buckets - 1)
    watch.leave(&queue.pointee.watches[slot])
  }
}
