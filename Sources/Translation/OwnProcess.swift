import CEngine
import CWire
import Wire

// The caller's own folder of procfs(5), "/proc/curproc" or its number: Linux's is "/proc/self", but that the link "file" leads to the program, which
// Linux does not execute.

/// Where a path in that folder leads; nil for all others.
func ownProcess(_ call: Call, _ path: PathOperand, _ intent: PathIntent) -> NativePath? {
  let folder: StaticString = "/proc/", current: StaticString = "curproc", native: StaticString = "/proc/self"
  let program: StaticString = "/file", linux: StaticString = "/proc/self/exe"
  guard let text = call.scratch(256) else { return nil }
  let length = Int(persona_copy_string(text.assumingMemoryBound(to: CChar.self), path.address, 256))
  let start = folder.utf8CodeUnitCount
  guard length > start, length < 256, begins(text, with: folder) else { return nil }
  var end = start
  while end < length, text.load(fromByteOffset: end, as: UInt8.self) != slash { end += 1 }
  let isCurrent = end - start == current.utf8CodeUnitCount && begins(text + start, with: current)
  guard isCurrent || isOwnNumber(call, text + start, end - start) else { return nil }
  let rest = text + end
  if length - end == program.utf8CodeUnitCount, begins(rest, with: program), let plan = call.process.pointee.plan {
    let own = UnsafeRawPointer(plan) + Int(plan.pointee.path)
    guard intent.follows else {
      if let answer = readProgramLink(call, own) { return .refused(answer) }
      return .other(UnsafeMutableRawPointer(mutating: linux.utf8Start))
    }
    let found = rootedPath(call, PathOperand(address: UInt64(UInt(bitPattern: own))), PathIntent())
    if case .same = found { return .other(UnsafeMutableRawPointer(mutating: own)) }
    return found
  }
  guard isCurrent else { return nil }
  let place = rest - native.utf8CodeUnitCount
  place.copyMemory(from: native.utf8Start, byteCount: native.utf8CodeUnitCount)
  return .other(place)
}

private func isOwnNumber(_ call: Call, _ digits: UnsafeRawPointer, _ count: Int) -> Bool {
  var value = 0
  guard count > 0, count < 10 else { return false }
  for index in 0..<count {
    let digit = digits.load(fromByteOffset: index, as: UInt8.self)
    guard digit >= 0x30, digit <= 0x39 else { return false }
    value = value * 10 + Int(digit - 0x30)
  }
  return value == Int(call.process.pointee.pid)
}

/// readlink(2)'s answer, of a row that is Linux's: a buffer and its size behind the path.
private func readProgramLink(_ call: Call, _ program: UnsafeRawPointer) -> Int? {
  guard UInt32(call.row.pointee.kind) == PERSONA_CALL_TRANSLATE.rawValue else { return nil }
  let buffer: Int
  switch Int32(call.row.pointee.target) {
  case __NR_readlink: buffer = 1
  case __NR_readlinkat: buffer = 2
  default: return nil
  }
  guard let name = resolvedName(call, program) else { return call.error(ENOENT) }
  let count = min(name.count, Int(truncatingIfNeeded: call.unsigned(buffer + 1)))
  guard count > 0 else { return call.error(EINVAL) }
  return call.copyOut(call.address(buffer), name.text, count) ? count : call.error(EFAULT)
}
