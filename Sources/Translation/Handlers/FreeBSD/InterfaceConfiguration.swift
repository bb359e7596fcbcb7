import CEngine
import CWire
import Wire

// Which interfaces there are, and their addresses (net/if.c, ifconf(); netinet/in.c, in_control()).

private let nameBytes = 16

/// Records that are put one behind the other into a buffer of the guest's; those that do not fit are left out.
private struct InterfaceRecords {
  let call: Call
  let buffer: UInt64
  let room: Int
  private(set) var length = 0
  private(set) var isFaulty = false
  private var isFull = false

  init(_ call: Call, buffer: UInt64, room: Int) {
    self.call = call
    self.buffer = buffer
    self.room = room
  }

  /// A name and, behind it, an address whose first byte tells its length.
  mutating func put(_ record: UnsafeMutableRawPointer) {
    let size = nameBytes + max(Int(record.get(at: nameBytes, as: UInt8.self)), 16)
    guard !isFull, length + size <= room else {
      isFull = true
      return
    }
    if !call.copyOut(buffer + UInt64(length), record, size) { isFaulty = true }
    length += size
  }
}

/// SIOCGIFCONF: each interface's addresses, its own first, as its name and a struct sockaddr that is as long as its first byte
/// says, 16 bytes at least. OSIOCGIFCONF does the same in kernels without what 4.3BSD's programs need.
func ioctlInterfaceConfiguration(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  let request = call.address(2)
  var room: Int32 = 0
  var buffer: UInt64 = 0
  guard call.read(&room, at: request), call.read(&buffer, at: request + 8) else { return call.error(EFAULT) }
  guard room > 0 else { return call.error(EINVAL) }
  guard let record = call.scratch(256), let linkBuffer = call.scratch(Netlink.capacity),
    let addressBuffer = call.scratch(Netlink.capacity)
  else { return call.error(ENOMEM) }
  let links = Netlink(linkBuffer)
  let addresses = Netlink(addressBuffer)
  guard links.ask(NetlinkRequest.links) else { return call.error(ENOBUFS) }
  var records = InterfaceRecords(call, buffer: buffer, room: Int(room))
  let table = call.table
  links.each(NetlinkRequest.linkAnswer) { link, length in
    let index = link.get(at: 4, as: UInt32.self)
    putLink(table, record, link, length, index)
    records.put(record)
    guard addresses.ask(NetlinkRequest.addresses) else { return }
    addresses.each(NetlinkRequest.addressAnswer) { address, length in
      guard address.get(at: 4, as: UInt32.self) == index, putAddress(table, record, address, length, index) else { return }
      records.put(record)
    }
  }
  if records.isFaulty { return call.error(EFAULT) }
  return call.write(Int32(records.length), at: request) ? 0 : call.error(EFAULT)
}

/// The interface's name, and its struct sockaddr_dl, which the kernel makes a multiple of a long.
private func putLink(
  _ table: Table, _ record: UnsafeMutableRawPointer, _ link: UnsafeMutableRawPointer, _ length: Int, _ index: UInt32
) {
  clear(record, 256)
  let kind = interfaceType(link.get(at: 2, as: UInt16.self))
  let own = record + nameBytes
  var nameLength = 0
  var addressLength = 0
  eachAttribute(link + 16, length - 16) { type, value, size in
    guard type == 3 else { return }  // IFLA_IFNAME, with its NUL
    nameLength = min(textLength(value), size, nameBytes - 1)
    record.copyMemory(from: value, byteCount: nameLength)
    (own + 8).copyMemory(from: value, byteCount: nameLength)
  }
  eachAttribute(link + 16, length - 16) { type, value, size in
    // IFLA_ADDRESS; a loopback has none.
    guard type == 1, kind != 24, size <= 32 else { return }
    (own + 8 + nameLength).copyMemory(from: value, byteCount: size)
    addressLength = size
  }
  let whole = linkAddress(table, own, index, kind, nameLength, addressLength)
  own.put(UInt8(whole), at: 0)
}

/// One address of the interface whose name the record has; false for another family's.
private func putAddress(
  _ table: Table, _ record: UnsafeMutableRawPointer, _ address: UnsafeMutableRawPointer, _ length: Int, _ index: UInt32
) -> Bool {
  guard let family = InternetFamily(address.get(at: 0, as: UInt8.self)), let number = family.number(table) else { return false }
  var local: UnsafeMutableRawPointer?
  var far: UnsafeMutableRawPointer?
  eachAttribute(address + 8, length - 8) { type, value, _ in
    if type == 1 { far = value }  // IFA_ADDRESS
    if type == 2 { local = value }  // IFA_LOCAL
  }
  guard let own = local ?? far else { return false }
  let place = record + nameBytes
  clear(place, 256 - nameBytes)
  _ = family.put(place, number, own, 0)
  // A kernel's own link-local address has the interface's number in its second word (sa6_embedscope()).
  if family == .internet6, own.get(at: 0, as: UInt8.self) == 0xfe, own.get(at: 1, as: UInt8.self) & 0xc0 == 0x80 {
    place.put(UInt16(truncatingIfNeeded: index).byteSwapped, at: 10)
  }
  return true
}

/// SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR and SIOCGIFNETMASK: the interface's address of IPv4, or that of its addresses which
/// the request names, with what belongs to it.
func ioctlInterfaceAddress(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  guard let map = call.table.wellKnown(.address_family),
    let internet = call.table.toForeign(map, UInt64(LinuxSocket.familyInternet)), let memory = call.scratch(80)
  else { return call.error(ENOMEM) }
  let place = call.address(2)
  clear(memory, 80)
  let flags = memory + 40
  guard call.copyIn(memory, place, 32) else { return call.error(EFAULT) }
  memory.put(UInt8(0), at: nameBytes - 1)
  flags.copyMemory(from: memory, byteCount: nameBytes)
  let isNamed = memory.get(at: nameBytes + 1, as: UInt8.self) == UInt8(truncatingIfNeeded: internet)
  memory.put(isNamed ? LinuxSocket.familyInternet : 0, at: nameBytes)
  // SIOCGIFFLAGS of linux/sockios.h
  let found = call.hostNow(__NR_ioctl, call[0], 0x8913, flags.word)
  if found < 0 { return found == call.error(ENODEV) ? call.error(ENXIO) : found }
  // The number of the request within its group, and the flag without which an interface has no such address.
  let request: (number: Int, needs: UInt16)
  switch call.uint32(1) & 0xff {
  case 33: request = (0x8915, 0)
  case 34: request = (0x8917, 0x10)  // IFF_POINTOPOINT
  case 35: request = (0x8919, 0x2)  // IFF_BROADCAST
  default: request = (0x891b, 0)
  }
  if request.needs != 0, flags.get(at: nameBytes, as: UInt16.self) & request.needs == 0 { return call.error(EINVAL) }
  let result = call.hostNow(__NR_ioctl, call[0], request.number, memory.word)
  if result < 0 { return result }
  memory.put(UInt8(16), at: nameBytes)
  memory.put(UInt8(truncatingIfNeeded: internet), at: nameBytes + 1)
  return call.copyOut(place + UInt64(nameBytes), memory + nameBytes, 16) ? 0 : call.error(EFAULT)
}
