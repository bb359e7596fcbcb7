import CEngine
import CWire
import Wire

// __sysctl(2) with CTL_QUERY behind a node's numbers: the nodes below it; sys/kern/kern_sysctl.c, sysctl_query.

/// CTL_QUERY, CTLTYPE_* and SYSCTL_VERS_1 of sys/sysctl.h.
private enum Query {
  static let number: Int32 = -2
  static let node: UInt32 = 1
  static let version: UInt32 = 0x100_0000
  static let size = 96
  static let nameLength = 32
}

/// sysctl(2), CTL_QUERY included.
func sysctlWithQuery(_ call: inout Call) -> Int {
  let depth = call.uint32(1)
  guard depth >= 1, depth <= 12 else { return call.error(EINVAL) }
  var mib = MIB()
  for index in 0..<UInt64(depth) {
    var number: UInt32 = 0
    guard call.read(&number, at: call.address(0) + 4 * index) else { return call.error(EFAULT) }
    mib.append(number)
  }
  let isQuery = Int32(bitPattern: mib[mib.count - 1]) == Query.number
  guard isQuery else { return sysctl(&call) }
  var room: UInt64 = 0
  if call.address(3) != 0, !call.read(&room, at: call.address(3)) { return call.error(EFAULT) }
  var request = SysctlRequest(call, old: call.address(2), room: room, new: 0, newLength: 0)
  guard let node = call.scratch(Query.size) else { return call.error(ENOMEM) }
  let parent = mib.count - 1
  var found = 0
  for index in 0..<Int(call.table.header.pointee.sysctls.count) {
    let entry = call.table.sysctl(index)
    guard Int(entry.pointee.depth) > parent, entry.shares(parent, with: mib),
      isFirst(call.table, index, depth: parent)
    else { continue }
    found += 1
    clear(node, Query.size)
    let isLeaf = Int(entry.pointee.depth) == parent + 1
    let type = isLeaf ? leafType(UInt32(entry.pointee.kind)) : Query.node
    node.storeBytes(of: type | Query.version, as: UInt32.self)
    node.storeBytes(of: entry.number(parent), toByteOffset: 4, as: UInt32.self)
    copyWord(call.table.string(entry.pointee.name), parent, to: node + 8)
    node.storeBytes(of: 1, toByteOffset: 40, as: UInt32.self)
    request.put(node, Query.size)
  }
  if found == 0 { return call.error(ENOENT) }
  return request.finish(call.address(3))
}

private func leafType(_ kind: UInt32) -> UInt32 {
  switch kind {
  case PERSONA_SYSCTL_INT.rawValue, PERSONA_SYSCTL_UINT.rawValue: 2
  case PERSONA_SYSCTL_STRING.rawValue: 3
  case PERSONA_SYSCTL_OPAQUE.rawValue: 5
  default: 4
  }
}

/// Whether no earlier variable has the same numbers up to and with `depth`.
private func isFirst(_ table: Table, _ index: Int, depth: Int) -> Bool {
  let numbers = MIB(table.sysctl(index), depth: depth + 1)
  for earlier in 0..<index where table.sysctl(earlier).shares(depth + 1, with: numbers) { return false }
  return true
}

/// Copies the dotted name's word at `position`.
private func copyWord(_ name: UnsafePointer<CChar>, _ position: Int, to memory: UnsafeMutableRawPointer) {
  var at = 0
  for _ in 0..<position {
    while name[at] != 0, name[at] != 0x2e { at += 1 }
    if name[at] == 0x2e { at += 1 }
  }
  var length = 0
  while length < Query.nameLength - 1, name[at + length] != 0, name[at + length] != 0x2e {
    memory.storeBytes(of: UInt8(bitPattern: name[at + length]), toByteOffset: length, as: UInt8.self)
    length += 1
  }
}
