import CEngine
import CWire

// varsym_set(2) and its kin. Links expand ${NAME} only where root has set vfs.varsym_enable, so lookups are Linux's.
// Source: sys/kern/{kern_varsym,vfs_lookup}.c, sys/sys/varsym.h.

extension Call {
  /// VARSYM_PROC 1, VARSYM_USER 2, VARSYM_SYS 3; nobody is in a prison, whose level is 4.
  fileprivate func owner(_ level: Int32) -> VariableOwner? {
    if level == 1 { return .process(Int(process.pointee.pid)) }
    let user = UInt32(truncatingIfNeeded: quietly(__NR_geteuid))
    return level == 2 ? .user(user) : level == 3 ? .system : nil
  }
}

/// varsym_set(level, name, data): no data removes. Of a level that it does not know the kernel says nothing.
func variantSet(_ call: inout Call) -> Int {
  var failure = 0
  let data = call.words[2] == 0 ? nil : call.variableText(call.words[2], 256, &failure)
  guard let name = call.variableText(call.words[1], 64, &failure), failure == 0 else { return failure }
  guard 1...4 ~= call.int32(0) else { return 0 }
  if call.int32(0) > 2, quietly(__NR_geteuid) != 0 { return call.error(EPERM) }
  guard let owner = call.owner(call.int32(0)), let variables = NamedVariables() else { return call.error(EINVAL) }
  defer { variables.unlock() }
  let isGone = variables.remove(owner, name)
  guard let data else { return isGone ? 0 : call.error(ENOENT) }
  // The kernel counts two structures, both texts, and 8.
  let all = variables.write(owner, from: 0, to: 0, 0, mark: 0, call) ?? NamedVariables.Listing()
  return all.needed + 54 * all.count < 16384 && variables.append(owner, name, data) ? 0 : call.error(E2BIG)
}

/// varsym_get(mask, wild, buf, bufsize): the process's, else the user's, else the system's; EFAULT goes unnoticed.
func variantGet(_ call: inout Call) -> Int {
  var failure = 0
  guard let name = call.variableText(call.words[1], 64, &failure) else { return failure }
  guard let variables = NamedVariables() else { return call.error(ENOENT) }
  defer { variables.unlock() }
  for level in Int32(1)...3 where call.int32(0) & 1 << level != 0 {
    guard let owner = call.owner(level), let entry = variables.find(owner, name) else { continue }
    let length = textLength(persona_variable_data(entry)) + 1
    if length <= Int(call.int32(3)) {
      _ = call.copyOut(call.words[2], persona_variable_data(entry), length)
    } else if call.int32(3) != 0 {
      _ = call.write(UInt8(0), at: call.words[2])
    }
    return length
  }
  return call.error(ENOENT)
}

/// varsym_list(level, buf, maxsize, marker): from number `*marker` on, which becomes the next one's, or -1.
func variantList(_ call: inout Call) -> Int {
  var marker: Int32 = 0
  guard call.read(&marker, at: call.words[3]) else { return call.error(EFAULT) }
  guard let owner = call.owner(call.int32(0)), let variables = NamedVariables() else { return call.error(EINVAL) }
  defer { variables.unlock() }
  let room = Int(call.int32(2))
  guard let listing = variables.write(owner, from: Int(marker), to: call.words[1], room, mark: 0, call) else {
    return call.error(EFAULT)
  }
  if listing.next != nil, listing.bytes == 0 { return call.error(EOVERFLOW) }
  return call.write(Int32(listing.next ?? -1), at: call.words[3]) ? listing.bytes : call.error(EFAULT)
}
