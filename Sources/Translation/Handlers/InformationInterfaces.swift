import CEngine
import CWire
import Wire

// net.routetable: the network interfaces and their addresses as a BSD's routing socket tells them
// (sys/net/rtsock.c, net/if.h, net/if_dl.h), from Linux's netlink.

/// NET_RT_* of sys/socket.h.
private enum RouteQuestion: UInt32 {
  case interfaces = 3
  case multicast = 4
  case interfacesLong = 5
}

/// Numbers of net/route.h and sys/socket.h.
private enum Route {
  static let version: UInt8 = 5
  static let newAddress: UInt8 = 0xc
  static let interface: UInt8 = 0xe
  static let newMulticast: UInt8 = 0xf
  static let hasGateway: Int32 = 1 << 1
  static let hasNetmask: Int32 = 1 << 2
  static let hasInterface: Int32 = 1 << 4
  static let hasAddress: Int32 = 1 << 5
  static let hasBroadcast: Int32 = 1 << 7
  static let inet: UInt8 = 2
  static let link: UInt8 = 18
  static let inet6: UInt8 = 28
}

/// Answers [0, family, question, interface] below net.routetable; interface 0 is all of them.
func interfaceList(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  guard argument.count >= 4, let question = RouteQuestion(rawValue: argument[2]) else {
    return call.error(EINVAL)
  }
  let wanted = argument[3]
  if question == .multicast {
    multicastList(call, argument[1], wanted, &request)
    return 0
  }
  guard let message = call.scratch(1024), let linkBuffer = call.scratch(Netlink.capacity),
    let addressBuffer = call.scratch(Netlink.capacity)
  else { return call.error(ENOMEM) }
  let links = Netlink(linkBuffer)
  let addresses = Netlink(addressBuffer)
  guard links.ask(NetlinkRequest.links) else { return call.error(ENOBUFS) }
  let long = question == .interfacesLong
  links.each(NetlinkRequest.linkAnswer) { link, length in
    let index = link.get(at: 4, as: UInt32.self)
    guard wanted == 0 || wanted == index else { return }
    let written = interfaceMessage(message, link, length, long)
    request.put(message, written)
    guard addresses.ask(NetlinkRequest.addresses) else { return }
    addresses.each(NetlinkRequest.addressAnswer) { address, length in
      guard address.get(at: 4, as: UInt32.self) == index else { return }
      let written = addressMessage(message, address, length, argument[1], long)
      if written > 0 { request.put(message, written) }
    }
  }
  return 0
}

// MARK: - Messages

/// struct if_msghdr (168 bytes) or if_msghdrl (176), then the interface's struct sockaddr_dl.
private func interfaceMessage(
  _ message: UnsafeMutableRawPointer, _ link: UnsafeMutableRawPointer, _ length: Int, _ long: Bool
) -> Int {
  let data = long ? 24 : 16
  let head = long ? 176 : 168
  let total = head + 56
  clear(message, total)
  let hardware = link.get(at: 2, as: UInt16.self)
  let index = link.get(at: 4, as: UInt32.self)
  let flags = link.get(at: 8, as: UInt32.self)
  message.put(UInt16(total), at: 0)
  message.put(Route.version, at: 2)
  message.put(Route.interface, at: 3)
  message.put(Route.hasInterface, at: 4)
  message.put(interfaceFlags(flags), at: 8)
  message.put(UInt16(truncatingIfNeeded: index), at: 12)
  if long {
    message.put(UInt16(head), at: 16)
    message.put(UInt16(data), at: 18)
  }
  let kind = interfaceType(hardware)
  message.put(kind, at: data)
  // LINK_STATE_DOWN 1, LINK_STATE_UP 2: IFF_LOWER_UP is 0x10000.
  message.put(UInt8(flags & 0x10000 != 0 ? 2 : 1), at: data + 4)
  message.put(UInt16(152), at: data + 6)

  let name = message + head
  name.put(UInt8(54), at: 0)
  name.put(Route.link, at: 1)
  name.put(UInt16(truncatingIfNeeded: index), at: 2)
  name.put(kind, at: 4)
  var nameLength = 0
  var addressLength = 0
  eachAttribute(link + 16, length - 16) { type, value, size in
    switch type {
    case 3:  // IFLA_IFNAME, with its NUL
      while nameLength < min(size, 16), value.get(at: nameLength, as: UInt8.self) != 0 {
        name.put(value.get(at: nameLength, as: UInt8.self), at: 8 + nameLength)
        nameLength += 1
      }
    case 4: message.put(value.get(at: 0, as: UInt32.self), at: data + 8)  // IFLA_MTU
    case 23 where size >= 80:  // IFLA_STATS64: linux/if_link.h
      func count(_ from: Int, _ to: Int) { message.put(value.get(at: from, as: UInt64.self), at: data + to) }
      count(0, 24)
      count(32, 32)
      count(8, 40)
      count(40, 48)
      count(72, 56)
      count(16, 64)
      count(24, 72)
      count(64, 80)
      count(48, 96)
      count(56, 104)
    default: break
    }
  }
  eachAttribute(link + 16, length - 16) { type, value, size in
    // IFLA_ADDRESS; BSD gives a loopback none.
    guard type == 1, kind != 24, size <= 20 else { return }
    for byte in 0..<size { name.put(value.get(at: byte, as: UInt8.self), at: 8 + nameLength + byte) }
    addressLength = size
  }
  name.put(UInt8(nameLength), at: 5)
  name.put(UInt8(addressLength), at: 6)
  message.put(UInt8(addressLength), at: data + 2)
  return total
}

/// struct ifa_msghdr (20 bytes) or ifa_msghdrl (176), then netmask, address and broadcast or far end.
private func addressMessage(
  _ message: UnsafeMutableRawPointer, _ address: UnsafeMutableRawPointer, _ length: Int, _ wanted: UInt32,
  _ long: Bool
) -> Int {
  let linuxInet: UInt8 = 2
  let linuxInet6: UInt8 = 10
  let family = address.get(at: 0, as: UInt8.self)
  guard family == linuxInet || family == linuxInet6 else { return 0 }
  let foreign = family == linuxInet ? Route.inet : Route.inet6
  guard wanted == 0 || wanted == UInt32(foreign) else { return 0 }
  let prefix = Int(address.get(at: 1, as: UInt8.self))
  let index = address.get(at: 4, as: UInt32.self)
  let head = long ? 176 : 20
  clear(message, 512)
  var end = head
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
  var present = Route.hasNetmask | Route.hasAddress
  let width = foreign == Route.inet ? 4 : 16
  // Netmask.
  let mask = message + end
  end += socketAddress(mask, foreign, nil, 0)
  for byte in 0..<width {
    let bits = min(max(prefix - 8 * byte, 0), 8)
    mask.put(UInt8(truncatingIfNeeded: 0xff << (8 - bits)), at: (width == 4 ? 4 : 8) + byte)
  }
  end += socketAddress(message + end, foreign, own, index)
  if let other = broadcast ?? (foreign == Route.inet ? far : nil) {
    present |= Route.hasBroadcast
    end += socketAddress(message + end, foreign, other, index)
  }
  let total = (end + 7) & ~7
  message.put(UInt16(total), at: 0)
  message.put(Route.version, at: 2)
  message.put(Route.newAddress, at: 3)
  message.put(present, at: 4)
  message.put(UInt16(truncatingIfNeeded: index), at: 12)
  if long {
    message.put(UInt16(head), at: 16)
    message.put(UInt16(24), at: 18)
    message.put(UInt16(152), at: 24 + 6)
  }
  return total
}

/// struct sockaddr_in or sockaddr_in6 with its length byte; how much room it takes in a routing message.
private func socketAddress(
  _ to: UnsafeMutableRawPointer, _ family: UInt8, _ bytes: UnsafeMutableRawPointer?, _ index: UInt32
) -> Int {
  let inet = family == Route.inet
  to.put(UInt8(inet ? 16 : 28), at: 0)
  to.put(family, at: 1)
  guard let bytes else { return inet ? 16 : 32 }
  let start = inet ? 4 : 8
  for byte in 0..<(inet ? 4 : 16) { to.put(bytes.get(at: byte, as: UInt8.self), at: start + byte) }
  if !inet {
    // fe80::/10 and ff02::/16 belong to an interface.
    let first = bytes.get(at: 0, as: UInt8.self)
    let second = bytes.get(at: 1, as: UInt8.self)
    if first == 0xfe && second & 0xc0 == 0x80 || first == 0xff && second & 0x0f == 2 { to.put(index, at: 24) }
  }
  return inet ? 16 : 32
}

/// Linux's IFF_* (linux/if.h) as those of net/if.h: they differ from IFF_SIMPLEX on.
private func interfaceFlags(_ native: UInt32) -> UInt32 {
  native & 0x3df | (native & 0x1000 != 0 ? 0x8000 : 0)
}

/// IFT_* of net/if_types.h for one of Linux's ARPHRD_*.
private func interfaceType(_ hardware: UInt16) -> UInt8 {
  switch hardware {
  case 1: return 6
  case 772: return 24
  case 512: return 23
  case 768, 769, 776, 0xfffe: return 131
  default: return 1
  }
}

// MARK: - Multicast

/// struct ifma_msghdr (16 bytes), then the interface's sockaddr_dl and the group's address, from Linux's
/// /proc/net/igmp6 and /proc/net/igmp.
private func multicastList(_ call: Call, _ family: UInt32, _ wanted: UInt32, _ request: inout SysctlRequest) {
  guard let message = call.scratch(256), let group = call.scratch(16) else { return }
  if family == 0 || family == UInt32(Route.inet6) {
    var file = HostFile(call, "/proc/net/igmp6")
    while let index = file.decimal() {
      file.skipWord()
      file.byte()
      while file.peek() == 0x20 { file.byte() }
      for byte in 0..<16 {
        let high = hexadecimalDigit(file.byte()) ?? 0
        group.put(high << 4 | (hexadecimalDigit(file.byte()) ?? 0), at: byte)
      }
      file.skipLine()
      if wanted == 0 || wanted == UInt32(index) {
        request.put(message, multicastMessage(message, Route.inet6, group, UInt32(index)))
      }
    }
  }
  if family == 0 || family == UInt32(Route.inet) {
    var file = HostFile(call, "/proc/net/igmp")
    file.skipLine()
    var index = 0
    while let next = file.peek() {
      // An interface's line begins with its index, a group's with tabs; the group is a number in host order.
      if next != 0x09 {
        index = file.decimal() ?? 0
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
        request.put(message, multicastMessage(message, Route.inet, group, UInt32(index)))
      }
    }
  }
}

private func multicastMessage(
  _ message: UnsafeMutableRawPointer, _ family: UInt8, _ group: UnsafeMutableRawPointer, _ index: UInt32
) -> Int {
  clear(message, 256)
  var end = 16
  let link = message + end
  link.put(UInt8(54), at: 0)
  link.put(Route.link, at: 1)
  link.put(UInt16(truncatingIfNeeded: index), at: 2)
  end += 56
  end += socketAddress(message + end, family, group, index)
  message.put(UInt16(end), at: 0)
  message.put(Route.version, at: 2)
  message.put(Route.newMulticast, at: 3)
  message.put(Route.hasInterface | Route.hasAddress, at: 4)
  message.put(UInt16(truncatingIfNeeded: index), at: 12)
  return end
}

private func hexadecimalDigit(_ character: UInt8?) -> UInt8? {
  switch character {
  case .some(0x30...0x39): return character! - 0x30
  case .some(0x41...0x46): return character! - 0x41 + 10
  case .some(0x61...0x66): return character! - 0x61 + 10
  default: return nil
  }
}
