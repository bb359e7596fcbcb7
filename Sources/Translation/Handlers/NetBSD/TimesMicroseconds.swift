import CEngine
import CWire

// Times as sys/time.h lays them out.

/// setTimevals(dirfd, path, times, flags): two struct timeval in the layout that the row names.
func setTimevals(_ call: inout Call) -> Int {
  if call.address(2) == 0 { return call.hostNow(__NR_utimensat, call[0], call[1], 0, call[3]) }
  guard let times = call.scratch(32) else { return call.error(ENOMEM) }
  let size = UInt64(call.argument(2).pointee.element_size)
  for index in 0..<2 {
    var failure = 0
    let place = call.address(2) + size * UInt64(index)
    guard let native = call.structIn(call.parameter(2), at: place, failure: &failure) else { return failure }
    var time = native.load(as: Timespec.self)
    guard 0..<1_000_000 ~= time.nanoseconds else { return call.error(EINVAL) }
    time.nanoseconds *= 1000
    times.storeBytes(of: time, toByteOffset: 16 * index, as: Timespec.self)
  }
  return call.hostNow(__NR_utimensat, call[0], call[1], times.word, call[3])
}
