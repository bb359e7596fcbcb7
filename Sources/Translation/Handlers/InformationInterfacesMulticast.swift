import CEngine
import CWire
import Wire

/// struct ifma_msghdr, then the interface's sockaddr_dl and the group's address, from Linux's /proc/net/igmp6 and
/// /proc/net/igmp.
func multicastList(_ call: Call, _ family: UInt32, _ wanted: UInt32, _ request: inout SysctlRequest) {
  guard let message = call.scratch(256), let group = call.scratch(16), let name = call.scratch(16) else { return }
  var nameLength = 0
  let table = call.table
  if family == 0 || family == InternetFamily.internet6.number(table).map({ UInt32($0) }) {
    var file = HostFile(call, "/proc/net/igmp6")
    while let index = file.decimal() {
      nameLength = interfaceName(&file, name)
      while file.peek() == 0x20 { file.byte() }
      for byte in 0..<16 {
        let high = hexadecimalDigit(file.byte()) ?? 0
        group.put(high << 4 | (hexadecimalDigit(file.byte()) ?? 0), at: byte)
      }
      file.skipLine()
      if wanted == 0 || wanted == UInt32(index) {
        request.put(message, multicastMessage(table, message, .internet6, group, UInt32(index), name, nameLength))
      }
    }
  }
  if family == 0 || family == InternetFamily.internet.number(table).map({ UInt32($0) }) {
    var file = HostFile(call, "/proc/net/igmp")
    file.skipLine()
    var index = 0
    while let next = file.peek() {
      // An interface's line begins with its index, a group's with tabs; the group is a number in host order.
      if next != 0x09 {
        index = file.decimal() ?? 0
        nameLength = interfaceName(&file, name)
        file.skipLine()
        continue
      }
      while file.peek() == 0x09 { file.byte() }
      var address: UInt32 = 0
      while let digit = hexadecimalDigit(file.peek()) {
        address = address << 4 | UInt32(digit)
        file.byte()
      }
      group.put(address, at: 0)
      file.skipLine()
      if wanted == 0 || wanted == UInt32(index) {
        request.put(message, multicastMessage(table, message, .internet, group, UInt32(index), name, nameLength))
      }
    }
  }
}

private func multicastMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ family: InternetFamily, _ group: UnsafeMutableRawPointer,
  _ index: UInt32, _ name: UnsafeMutableRawPointer, _ nameLength: Int
) -> Int {
  clear(message, 256)
  let head = table.size(.ifma_msghdr)
  (message + head + 8).copyMemory(from: name, byteCount: nameLength)
  var end = head + linkAddress(table, message + head, index, 0, nameLength, 0)
  end += family.put(message + end, family.number(table) ?? 0, group, index)
  let header = Record(message, table)
  header[.ifma_msghdr__ifmam_addrs] = RouteAddresses.interface | RouteAddresses.address
  header[.ifma_msghdr__ifmam_index] = UInt64(index)
  beginMessage(table, message, end, .RTM_NEWMADDR)
  return end
}

/// Reads an interface's name behind its index; its length, 16 at most (IFNAMSIZ).
private func interfaceName(_ file: inout HostFile, _ name: UnsafeMutableRawPointer) -> Int {
  var length = 0
  while file.peek() == 0x09 || file.peek() == 0x20 { file.byte() }
  while let byte = file.peek(), byte > 0x20, length < 16 {
    name.put(byte, at: length)
    length += 1
    file.byte()
  }
  return length
}

func hexadecimalDigit(_ character: UInt8?) -> UInt8? {
  switch character {
  case .some(0x30...0x39): return character! - 0x30
  case .some(0x41...0x46): return character! - 0x41 + 10
  case .some(0x61...0x66): return character! - 0x61 + 10
  default: return nil
  }
}
