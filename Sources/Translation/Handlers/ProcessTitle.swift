import CEngine
import CWire

// kern.proc.args, set: what setproctitle(3) has the system tell of a process in place of its arguments. Linux's /proc
// tells what lies where its kernel put the arguments, and prctl(2) moves that place. Source: sysctl_kern_proc_args() of
// kern/kern_proc.c, linux/prctl.h.

/// What setproctitle(3) makes at the most.
private let longestTitle = 2048

/// PR_SET_MM and PR_SET_MM_MAP; struct prctl_mm_map is eleven addresses, the auxiliary vector's place and length (none:
/// it stays), and a descriptor of the program (none).
private let setMemory = 35
private let setWholeMap = 14
private let mapSize = 104

/// Fields of /proc/self/stat (proc_pid_stat(5)), counted from the letter behind the name, by their places in the map.
private let fields: InlineArray<10, Int> = [23, 24, 42, 43, 44, 25, 45, 46, 47, 48]

/// Where the title lies, once there is one.
nonisolated(unsafe) private var title: UnsafeMutableRawPointer?

func setProcessTitle(_ call: Call, _ pid: Int, _ address: UInt64, _ length: UInt64) -> Int {
  guard pid == Int(call.process.pointee.pid) else { return call.error(EPERM) }
  guard length > 0, length < UInt64(longestTitle) else { return call.error(ENOMEM) }
  if title == nil { title = persona_allocate(longestTitle) }
  guard let title, let text = call.scratch(longestTitle), let map = call.scratch(mapSize) else {
    return call.error(ENOMEM)
  }
  guard call.copyIn(text, address, Int(length)) else { return call.error(EFAULT) }
  var count = Int(length)
  if text.get(at: count - 1, as: UInt8.self) != 0 {
    text.put(UInt8(0), at: count)
    count += 1
  }
  guard describeMemory(call, map) else { return call.error(EPERM) }
  title.copyMemory(from: text, byteCount: count)
  map.put(UInt64(UInt(bitPattern: title)), at: 56)
  map.put(UInt64(UInt(bitPattern: title)) + UInt64(count), at: 64)
  return quietly(__NR_prctl, setMemory, setWholeMap, map.word, mapSize) == 0 ? 0 : call.error(EPERM)
}

/// Fills the map with what is.
private func describeMemory(_ call: Call, _ map: UnsafeMutableRawPointer) -> Bool {
  guard let place = call.scratch(8 * 50) else { return false }
  clear(map, mapSize)
  var file = HostFile(call, "/proc/self/stat")
  guard file.isOpen, file.decimal() != nil else { return false }
  // " (name) S ": the name may hold anything, so it ends at the last parenthesis of the line.
  while let next = file.byte() {
    if next == UInt8(ascii: ")"), file.peek() == 0x20 { break }
  }
  file.byte()
  file.byte()
  for index in 1..<50 { place.put(UInt64(bitPattern: Int64(file.decimal() ?? 0)), at: 8 * index) }
  // start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arguments, environment.
  for index in 0..<5 { map.put(place.get(at: 8 * fields[index], as: UInt64.self), at: 8 * index) }
  map.put(UInt64(quietly(__NR_brk)), at: 40)
  for index in 5..<10 { map.put(place.get(at: 8 * fields[index], as: UInt64.self), at: 8 * (index + 1)) }
  map.put(UInt32.max, at: 100)
  return true
}
