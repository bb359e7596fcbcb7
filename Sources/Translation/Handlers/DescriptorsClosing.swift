import CEngine
import CWire
import Wire

// close_range(2) and closefrom(2), which must not reach the descriptors that the engine keeps for kqueues.

/// CLOSE_RANGE_CLOEXEC, the same on both sides.
private let closeOnExecOnly = 4

/// closeRange(lowfd, highfd, flags); closefrom(2)'s descriptor may be negative.
func closeRange(_ call: inout Call) -> Int {
  let flags = call[2]
  if flags & ~closeOnExecOnly != 0 { return call.error(EINVAL) }
  var low = max(0, call[0])
  let high = Int(call.uint32(1))
  if low > high { return call.error(EINVAL) }
  while low <= high {
    let kept = call.firstKept(low, high)
    if kept > low {
      let result = call.hostNow(__NR_close_range, low, kept - 1, flags)
      if result < 0 { return result }
    }
    low = kept + 1
  }
  return 0
}

extension Call {
  /// The lowest descriptor in `low...high` that a worker, or a kqueue outside this range, needs; `high + 1` without one.
  func firstKept(_ low: Int, _ high: Int) -> Int {
    lockEvents()
    defer { unlockEvents() }
    var kept = high + 1
    func consider(_ descriptor: Int32) {
      if Int(descriptor) >= low { kept = min(kept, Int(descriptor)) }
    }
    var worker = knownOperations?.pointee.workers
    while let current = worker {
      worker = current.pointee.next
      consider(current.pointee.descriptor)
      consider(current.pointee.wake)
    }
    guard let events else { return kept }
    var candidate = events.pointee.queues
    while let queue = candidate {
      candidate = queue.pointee.next
      if low...high ~= Int(queue.pointee.descriptor) { continue }
      consider(events.pointee.signals)
      consider(queue.pointee.wake)
      consider(queue.pointee.writers)
      for index in 0..<queue.pointee.buckets {
        var watch = queue.pointee.watches[index]
        while let one = watch {
          if one.pointee.isHelper { consider(one.pointee.descriptor) }
          watch = one.pointee.next
        }
      }
    }
    return kept
  }
}
