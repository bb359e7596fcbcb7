import CEngine
import CWire

// POSIX message queues: mq_open(2) and its kin. struct mq_attr begins with the same four words everywhere, but for
// the number of O_NONBLOCK in the first; what is behind them nobody reads.

/// NAME_MAX, with the slash.
private let nameLimit = 256
private let attributeWords = 32

/// Linux's mq calls take the name without the slash that both systems' programs put before it.
private func queueName(_ call: Call, _ address: UInt64) -> (UnsafeMutableRawPointer?, Int) {
  guard let name = call.scratch(nameLimit) else { return (nil, call.error(ENOMEM)) }
  let length = persona_copy_string(name.assumingMemoryBound(to: CChar.self), address, nameLimit)
  if length < 0 { return (nil, Int(length)) }
  guard length >= 2, name.get(at: 0, as: UInt8.self) == UInt8(ascii: "/") else {
    return (nil, call.error(EINVAL))
  }
  for index in 1..<Int(length) where name.get(at: index, as: UInt8.self) == UInt8(ascii: "/") {
    return (nil, call.error(EINVAL))
  }
  return (name + 1, 0)
}

/// mq_open(path, flags, mode, attr): flags as Linux's.
func messageQueueOpen(_ call: inout Call) -> Int {
  let (name, refusal) = queueName(call, call.address(0))
  guard let name else { return refusal }
  var attributes = 0
  if call.address(3) != 0, call[1] & Int(O_CREAT) != 0 {
    guard let copy = call.scratch(64) else { return call.error(ENOMEM) }
    clear(copy, 64)
    guard call.copyIn(copy, call.address(3), attributeWords) else { return call.error(EFAULT) }
    copy.put(UInt64(0), at: 0)
    attributes = copy.word
  }
  return call.hostNow(__NR_mq_open, name.word, call[1], call[2], attributes)
}

/// mq_unlink(path)
func messageQueueUnlink(_ call: inout Call) -> Int {
  let (name, refusal) = queueName(call, call.address(0))
  guard let name else { return refusal }
  return call.hostNow(__NR_mq_unlink, name.word)
}

/// mq_setattr(mqd, attr, oattr): only O_NONBLOCK can be set.
func messageQueueAttributes(_ call: inout Call) -> Int {
  guard let new = call.scratch(64), let old = call.scratch(64),
    let flags = call.table.wellKnown(.open_flags)
  else { return call.error(ENOMEM) }
  var wanted = 0
  if call.address(1) != 0 {
    clear(new, 64)
    guard call.copyIn(new, call.address(1), attributeWords) else { return call.error(EFAULT) }
    switch call.table.toNative(flags, new.get(at: 0, as: UInt64.self)) {
    case .refused(let errno): return call.foreignError(errno)
    case .value(let native):
      guard native & ~UInt64(O_NONBLOCK) == 0 else { return call.error(EINVAL) }
      new.put(native, at: 0)
    }
    wanted = new.word
  }
  let result = call.hostNow(__NR_mq_getsetattr, Int(call.int32(0)), wanted, old.word)
  if result < 0 || call.address(2) == 0 { return result }
  let present = old.get(at: 0, as: UInt64.self) & UInt64(O_NONBLOCK)
  old.put(present == 0 ? 0 : call.table.toForeign(flags, present) ?? 0, at: 0)
  let size = min(call.table.size(.mq_attr), 64)
  return call.copyOut(call.address(2), old, size) ? 0 : call.error(EFAULT)
}

