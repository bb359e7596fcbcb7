import CEngine
import CWire

// Times and events as sys/{time,event}.h lay them out.

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

/// Filters by their numbers here, as the event handlers know them.
private let filters: InlineArray<10, Int16> = [-1, -2, -3, -4, -5, -6, -7, -9, -11, -13]

/// kevent with numbered filters of 32 bits: lists are rewritten to 32 bytes an event and back.
func keventNumbered(_ call: inout Call) -> Int {
  let (changes, events) = (call.unsigned(2), min(call.unsigned(4), 1024))
  guard changes <= 1024 else { return call.error(EINVAL) }
  guard let input = call.scratch(32 * Int(changes) + 32), let output = call.scratch(32 * Int(events) + 32),
    let wide = call.scratch(40)
  else { return call.error(ENOMEM) }
  let (list, answer) = (call.address(1), call.address(3))
  for index in 0..<Int(changes) {
    guard call.copyIn(wide, list + UInt64(40 * index), 40) else { return call.error(EFAULT) }
    let filter = wide.load(fromByteOffset: 8, as: UInt32.self)
    guard filter < 10 else { return call.error(EINVAL) }
    let place = input + 32 * index
    place.storeBytes(of: wide.load(as: UInt64.self), as: UInt64.self)
    place.storeBytes(of: filters[Int(filter)], toByteOffset: 8, as: Int16.self)
    let flags = UInt16(truncatingIfNeeded: wide.load(fromByteOffset: 12, as: UInt32.self))
    place.storeBytes(of: flags, toByteOffset: 10, as: UInt16.self)
    place.storeBytes(of: wide.load(fromByteOffset: 16, as: UInt32.self), toByteOffset: 12, as: UInt32.self)
    place.storeBytes(of: wide.load(fromByteOffset: 24, as: UInt64.self), toByteOffset: 16, as: UInt64.self)
    place.storeBytes(of: wide.load(fromByteOffset: 32, as: UInt64.self), toByteOffset: 24, as: UInt64.self)
  }
  let saved = (call.words[1], call.words[3])
  call.words[1] = UInt64(input.word)
  call.words[3] = UInt64(output.word)
  (call.operands[1], call.operands[3], call.operands[4]) = (input.word, output.word, Int(events))
  let result = keventLegacy(&call)
  (call.words[1], call.words[3]) = saved
  for index in 0..<max(result, 0) {
    let place = output + 32 * index
    let filter = place.load(fromByteOffset: 8, as: Int16.self)
    var number: UInt32 = 0
    while number < 9, filters[Int(number)] != filter { number += 1 }
    wide.storeBytes(of: place.load(as: UInt64.self), as: UInt64.self)
    wide.storeBytes(of: number, toByteOffset: 8, as: UInt32.self)
    let flags = UInt32(place.load(fromByteOffset: 10, as: UInt16.self))
    wide.storeBytes(of: flags, toByteOffset: 12, as: UInt32.self)
    wide.storeBytes(of: UInt64(place.load(fromByteOffset: 12, as: UInt32.self)), toByteOffset: 16, as: UInt64.self)
    wide.storeBytes(of: place.load(fromByteOffset: 16, as: UInt64.self), toByteOffset: 24, as: UInt64.self)
    wide.storeBytes(of: place.load(fromByteOffset: 24, as: UInt64.self), toByteOffset: 32, as: UInt64.self)
    guard call.copyOut(answer + UInt64(40 * index), wide, 40) else { return call.error(EFAULT) }
  }
  return result
}
