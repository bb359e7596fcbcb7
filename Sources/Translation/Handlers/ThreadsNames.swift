import CEngine
import CWire

// What a thread is called: Linux keeps 15 bytes of it.

/// titleOfThread(tid, name, len, cut): a name that is longer is cut where `cut` is 1, else refused.
func titleOfThread(_ call: inout Call) -> Int {
  guard call.int32(0) > 0, persona_find_thread(call.int32(0)) != nil else { return call.error(ESRCH) }
  guard let path = call.scratch(64), let name = call.scratch(32) else { return call.error(ENOMEM) }
  var end = append(path, 0, "/proc/self/task/")
  end = appendDecimal(path, end, Int(call.int32(0)))
  _ = append(path, end, "/comm")
  let file = call.hostNow(__NR_open, path.word, Int(O_RDONLY | O_CLOEXEC))
  if file < 0 { return call.error(ESRCH) }
  var length = call.hostNow(__NR_read, file, name.word, 31)
  _ = call.hostNow(__NR_close, file)
  guard length > 0 else { return call.error(ESRCH) }
  let room = call.unsigned(2)
  if room < UInt64(length) {
    guard call[3] == 1 else { return call.error(ENAMETOOLONG) }
    guard room > 0 else { return call.error(EINVAL) }
    length = Int(room)
  }
  // The name ends with a newline there, with a NUL here.
  name.storeBytes(of: 0, toByteOffset: length - 1, as: UInt8.self)
  return call.copyOut(call.address(1), name, length) ? 0 : call.error(EFAULT)
}
