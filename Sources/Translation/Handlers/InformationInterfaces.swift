import CEngine
import CWire
import Wire

// The network interfaces and their addresses, as routing messages tell them (net/if.h, net/if_dl.h, net/route.h),
// from Linux's netlink. Each message begins with its length (2 bytes), RTM_VERSION and its type; behind its header
// lie addresses, padded to words, in the order of their RTA_ bits. What differs is in the table.

/// RTA_* of net/route.h: which addresses follow.
enum RouteAddresses {
  static let netmask: UInt64 = 0x4
  static let interface: UInt64 = 0x10
  static let address: UInt64 = 0x20
  static let broadcast: UInt64 = 0x80
}

/// AF_LINK of sys/socket.h.
private let linkFamily: UInt8 = 18

/// Answers [0, family, question, interface] below the routing table's name; interface 0 is all of them.
func interfaceList(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  let table = call.table
  guard argument.count >= 4 else { return call.error(EINVAL) }
  let question = Int64(argument[2])
  let wanted = argument[3]
  if question == table.constant(.NET_RT_DUMP) { return routeList(call, argument[1], 0, &request) }
  if question == table.constant(.NET_RT_FLAGS) { return routeList(call, argument[1], UInt64(wanted), &request) }
  if question == table.constant(.NET_RT_IFMALIST) {
    multicastList(call, argument[1], wanted, &request)
    return 0
  }
  let long = question == table.constant(.NET_RT_IFLISTL)
  let older = question == table.constant(.NET_RT_OIFLIST)
  guard long || older || question == table.constant(.NET_RT_IFLIST) else { return call.error(EINVAL) }
  guard let message = call.scratch(1024), let linkBuffer = call.scratch(Netlink.capacity),
    let addressBuffer = call.scratch(Netlink.capacity)
  else { return call.error(ENOMEM) }
  let links = Netlink(linkBuffer)
  let addresses = Netlink(addressBuffer)
  guard links.ask(NetlinkRequest.links) else { return call.error(ENOBUFS) }
  links.each(NetlinkRequest.linkAnswer) { link, length in
    let index = link.get(at: 4, as: UInt32.self)
    guard wanted == 0 || wanted == index else { return }
    let written = interfaceMessage(table, message, link, length, long)
    request.put(message, written)
    guard addresses.ask(NetlinkRequest.addresses) else { return }
    addresses.each(NetlinkRequest.addressAnswer) { address, length in
      guard address.get(at: 4, as: UInt32.self) == index else { return }
      let written = addressMessage(table, message, address, length, argument[1], long, older)
      if written > 0 { request.put(message, written) }
    }
  }
  return 0
}

/// The part that all messages share.
func beginMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ length: Int, _ type: ConstantName
) {
  message.put(UInt16(length), at: 0)
  message.put(UInt8(truncatingIfNeeded: table.constant(.RTM_VERSION) ?? 0), at: 2)
  message.put(UInt8(truncatingIfNeeded: table.constant(type) ?? 0), at: 3)
}

/// struct if_msghdr or if_msghdrl, then the interface's struct sockaddr_dl; its length.
private func interfaceMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ link: UnsafeMutableRawPointer, _ length: Int, _ long: Bool
) -> Int {
  clear(message, 1024)
  let head = table.size(long ? .if_msghdrl : .if_msghdr)
  let dataOffset = table.layout(long ? .if_msghdrl__ifm_data : .if_msghdr__ifm_data)?.offset ?? 0
  let header = Record(message, table)
  let data = Record(message + dataOffset, table)
  let index = link.get(at: 4, as: UInt32.self)
  let flags = link.get(at: 8, as: UInt32.self)
  header[.if_msghdr__ifm_addrs] = RouteAddresses.interface
  header[.if_msghdr__ifm_flags] = table.wellKnown(.interface_flags).flatMap { table.toForeign($0, UInt64(flags)) } ?? 0
  header[.if_msghdr__ifm_index] = UInt64(index)
  header[.if_msghdr__ifm_hdrlen] = UInt64(head)
  if long {
    header[.if_msghdrl__ifm_len] = UInt64(head)
    header[.if_msghdrl__ifm_data_off] = UInt64(dataOffset)
  }
  let kind = interfaceType(link.get(at: 2, as: UInt16.self))
  interfaceData(table, data, link, length)
  let name = message + head
  var nameLength = 0
  var addressLength = 0
  eachAttribute(link + 16, length - 16) { type, value, size in
    switch type {
    case 3:  // IFLA_IFNAME, with its NUL
      while nameLength < min(size, 16), value.get(at: nameLength, as: UInt8.self) != 0 {
        name.put(value.get(at: nameLength, as: UInt8.self), at: 8 + nameLength)
        nameLength += 1
      }
    case 23 where size >= 80 && long:
      guard let drops = table.layout(.if_msghdrl__ifi_oqdrops) else { return }
      // 10's kernel lets one number more follow than its headers say: sysctl_iflist_ifml of net/rtsock.c.
      header[.if_msghdrl__ifi_oqdrops] = value.get(at: 56, as: UInt64.self)
      data[.if_data__ifi_datalen] = UInt64(table.size(.if_data) + Int(drops.width))
    default: break
    }
  }
  eachAttribute(link + 16, length - 16) { type, value, size in
    guard isLinkAddress(type, size, kind) else { return }
    for byte in 0..<size { name.put(value.get(at: byte, as: UInt8.self), at: 8 + nameLength + byte) }
    addressLength = size
  }
  let nameSize = linkAddress(table, name, index, kind, nameLength, addressLength)
  beginMessage(table, message, head + nameSize, .RTM_IFINFO)
  return head + nameSize
}

/// IFLA_ADDRESS; BSD gives a loopback (IFT_LOOP 24) none.
private func isLinkAddress(_ type: UInt16, _ size: Int, _ kind: UInt8) -> Bool { type == 1 && kind != 24 && size <= 20 }

/// The struct if_data of an interface: what it is, and what has gone through it.
func interfaceData(_ table: Table, _ data: Record, _ link: UnsafeMutableRawPointer, _ length: Int) {
  let kind = interfaceType(link.get(at: 2, as: UInt16.self))
  data[.if_data__ifi_type] = UInt64(kind)
  // IFF_LOWER_UP is 0x10000.
  let isUp = link.get(at: 8, as: UInt32.self) & 0x10000 != 0
  data[.if_data__ifi_link_state] = UInt64(table[isUp ? .LINK_STATE_UP : .LINK_STATE_DOWN])
  data[.if_data__ifi_datalen] = UInt64(table.size(.if_data))
  eachAttribute(link + 16, length - 16) { type, value, size in
    switch type {
    case 4: data[.if_data__ifi_mtu] = UInt64(value.get(at: 0, as: UInt32.self))  // IFLA_MTU
    case 23 where size >= 80: traffic(value, data)  // IFLA_STATS64
    case _ where isLinkAddress(type, size, kind): data[.if_data__ifi_addrlen] = UInt64(size)
    default: break
    }
  }
}

/// The fields of a struct sockaddr_dl whose name and address follow at 8; the room that it takes.
func linkAddress(
  _ table: Table, _ name: UnsafeMutableRawPointer, _ index: UInt32, _ kind: UInt8, _ nameLength: Int,
  _ addressLength: Int
) -> Int {
  let length = max(table.size(.sockaddr_dl), 8 + nameLength + addressLength)
  name.put(UInt8(length), at: 0)
  name.put(linkFamily, at: 1)
  name.put(UInt16(truncatingIfNeeded: index), at: 2)
  name.put(kind, at: 4)
  name.put(UInt8(nameLength), at: 5)
  name.put(UInt8(addressLength), at: 6)
  return (length + 7) & ~7
}

/// Linux's struct rtnl_link_stats64 (linux/if_link.h).
private func traffic(_ value: UnsafeMutableRawPointer, _ data: Record) {
  func count(_ offset: Int, _ field: FieldName) { data[field] = value.get(at: offset, as: UInt64.self) }
  count(0, .if_data__ifi_ipackets)
  count(8, .if_data__ifi_opackets)
  count(16, .if_data__ifi_ibytes)
  count(24, .if_data__ifi_obytes)
  count(32, .if_data__ifi_ierrors)
  count(40, .if_data__ifi_oerrors)
  count(48, .if_data__ifi_iqdrops)
  count(56, .if_data__ifi_oqdrops)
  count(64, .if_data__ifi_imcasts)
  count(72, .if_data__ifi_collisions)
}

/// struct ifa_msghdr, ifa_msghdrl or the older ifa_msghdr70, then netmask, address and broadcast or far end; 0 for another family.
private func addressMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ address: UnsafeMutableRawPointer, _ length: Int,
  _ wanted: UInt32, _ long: Bool, _ older: Bool
) -> Int {
  let native = address.get(at: 0, as: UInt8.self)
  guard let family = InternetFamily(native), let number = family.number(table),
    wanted == 0 || wanted == UInt32(number)
  else { return 0 }
  let prefix = Int(address.get(at: 1, as: UInt8.self))
  let index = address.get(at: 4, as: UInt32.self)
  let head = table.size(older ? .ifa_msghdr70 : long ? .ifa_msghdrl : .ifa_msghdr)
  clear(message, 1024)
  var local: UnsafeMutableRawPointer?
  var far: UnsafeMutableRawPointer?
  var broadcast: UnsafeMutableRawPointer?
  eachAttribute(address + 8, length - 8) { type, value, _ in
    switch type {
    case 1: far = value  // IFA_ADDRESS
    case 2: local = value  // IFA_LOCAL
    case 4: broadcast = value  // IFA_BROADCAST
    default: break
    }
  }
  guard let own = local ?? far else { return 0 }
  var present = RouteAddresses.netmask | RouteAddresses.address
  let mask = message + head
  var end = head + family.put(mask, number, nil, 0)
  putMask(mask, family, prefix)
  end += family.put(message + end, number, own, index)
  if let other = broadcast ?? (family == .internet ? far : nil) {
    present |= RouteAddresses.broadcast
    end += family.put(message + end, number, other, index)
  }
  let header = Record(message, table)
  header[older ? .ifa_msghdr70__ifam_addrs : .ifa_msghdr__ifam_addrs] = present
  header[older ? .ifa_msghdr70__ifam_index : .ifa_msghdr__ifam_index] = UInt64(index)
  header[.ifa_msghdr__ifam_hdrlen] = UInt64(head)
  if long, let data = table.layout(.ifa_msghdrl__ifam_data) {
    header[.ifa_msghdrl__ifam_len] = UInt64(head)
    header[.ifa_msghdrl__ifam_data_off] = UInt64(data.offset)
    Record(message + data.offset, table)[.if_data__ifi_datalen] = UInt64(table.size(.if_data))
  }
  beginMessage(table, message, end, older ? .RTM_ONEWADDR : .RTM_NEWADDR)
  return end
}

/// Sets the first bits of an address.
func putMask(_ mask: UnsafeMutableRawPointer, _ family: InternetFamily, _ prefix: Int) {
  for byte in 0..<family.width {
    let bits = min(max(prefix - 8 * byte, 0), 8)
    mask.put(UInt8(truncatingIfNeeded: 0xff << (8 - bits)), at: family.start + byte)
  }
}

/// The two families whose addresses are told.
enum InternetFamily: UInt8 {
  // Linux's AF_INET and AF_INET6.
  case internet = 2
  case internet6 = 10

  init?(_ native: UInt8) { self.init(rawValue: native) }

  /// Where the address lies in its structure, and its bytes.
  var start: Int { self == .internet ? 4 : 8 }
  var width: Int { self == .internet ? 4 : 16 }

  func number(_ table: Table) -> UInt8? {
    table.wellKnown(.address_family).flatMap { table.toForeign($0, UInt64(rawValue)) }.map { UInt8($0) }
  }

  /// Writes struct sockaddr_in or sockaddr_in6 with its length byte; how much room it takes in a message.
  func put(
    _ to: UnsafeMutableRawPointer, _ number: UInt8, _ bytes: UnsafeMutableRawPointer?, _ index: UInt32
  ) -> Int {
    to.put(UInt8(self == .internet ? 16 : 28), at: 0)
    to.put(number, at: 1)
    if let bytes {
      for byte in 0..<width { to.put(bytes.get(at: byte, as: UInt8.self), at: start + byte) }
      // fe80::/10 and ff02::/16 belong to an interface.
      let first = bytes.get(at: 0, as: UInt8.self)
      let second = bytes.get(at: 1, as: UInt8.self)
      let isLocal = first == 0xfe && second & 0xc0 == 0x80 || first == 0xff && second & 0x0f == 2
      if self == .internet6, isLocal { to.put(index, at: 24) }
    }
    return self == .internet ? 16 : 32
  }
}

/// IFT_* of net/if_types.h, IANA's numbers, for one of Linux's ARPHRD_*.
func interfaceType(_ hardware: UInt16) -> UInt8 {
  switch hardware {
  case 1: return 6
  case 772: return 24
  case 512: return 23
  case 768, 769, 776, 0xfffe: return 131
  default: return 1
  }
}
