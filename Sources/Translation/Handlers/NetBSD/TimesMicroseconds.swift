import CEngine
import CWire

// Times as sys/time.h lays them out.

/// setTimevals(dirfd, path, times, flags): struct timeval has 32 bits of microseconds.
func setTimevals(_ call: inout Call) -> Int {
  if call.address(2) == 0 { return call.hostNow(__NR_utimensat, call[0], call[1], 0, call[3]) }
  guard let times = call.scratch(32) else { return call.error(ENOMEM) }
  guard call.copyIn(times, call.address(2), 32) else { return call.error(EFAULT) }
  for offset in stride(from: 8, to: 32, by: 16) {
    let microseconds = times.load(fromByteOffset: offset, as: Int32.self)
    guard 0..<1_000_000 ~= microseconds else { return call.error(EINVAL) }
    times.storeBytes(of: Int(microseconds) * 1000, toByteOffset: offset, as: Int.self)
  }
  return call.hostNow(__NR_utimensat, call[0], call[1], times.word, call[3])
}
