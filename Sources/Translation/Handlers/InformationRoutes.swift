import CEngine
import CWire
import Wire

// Routes and link-layer neighbours as routing messages tell them (net/route.h), from Linux's netlink. Linux's main and
// local tables are the BSDs' one. Told are routes to one place; those of broadcasts and groups are Linux's own.

/// RTA_* of net/route.h that only routes have.
extension RouteAddresses {
  fileprivate static let destination: UInt64 = 0x1
  fileprivate static let gateway: UInt64 = 0x2
}

/// RTF_* of net/route.h that all BSDs share.
private enum RouteFlags {
  static let up: UInt64 = 0x1
  static let gateway: UInt64 = 0x2
  static let host: UInt64 = 0x4
  static let reject: UInt64 = 0x8
  static let link: UInt64 = 0x400
  static let fixed: UInt64 = 0x800
  static let blackhole: UInt64 = 0x1000
}

/// RTP_* of net/route.h, of the one system whose routing messages have a priority.
private enum RoutePriority {
  static let local: UInt64 = 1
  static let connected: UInt64 = 4
  static let fixed: UInt64 = 8
}

/// Linux's struct rtmsg, 12 bytes, and its attributes (linux/rtnetlink.h).
private struct NativeRoute {
  let family: InternetFamily
  let prefix: Int
  let kind: UInt8
  let isKernels: Bool
  var destination: UnsafeMutableRawPointer?
  var gateway: UnsafeMutableRawPointer?
  var source: UnsafeMutableRawPointer?
  var interface: UInt32 = 0
  var mtu: UInt32 = 0

  /// RTN_UNICAST 1, RTN_LOCAL 2, RTN_BLACKHOLE 6, RTN_UNREACHABLE 7, RTN_PROHIBIT 8 of the tables 254 and 255.
  init?(_ message: UnsafeMutableRawPointer, _ length: Int) {
    guard length >= 12, let family = InternetFamily(message.get(at: 0, as: UInt8.self)) else { return nil }
    self.family = family
    prefix = Int(message.get(at: 1, as: UInt8.self))
    kind = message.get(at: 7, as: UInt8.self)
    // RTPROT_KERNEL
    isKernels = message.get(at: 5, as: UInt8.self) == 2
    // RTM_F_CLONED
    guard 254...255 ~= message.get(at: 4, as: UInt8.self), [1, 2, 6, 7, 8].contains(kind),
      message.get(at: 8, as: UInt32.self) & 0x200 == 0
    else { return nil }
    take(message + 12, length - 12)
  }

  private mutating func take(_ attributes: UnsafeMutableRawPointer, _ length: Int) {
    var found = self
    eachAttribute(attributes, length) { type, value, size in
      switch type {
      case 1: found.destination = value  // RTA_DST
      case 4: found.interface = value.get(at: 0, as: UInt32.self)  // RTA_OIF
      case 5: found.gateway = value  // RTA_GATEWAY
      case 7: found.source = value  // RTA_PREFSRC
      case 8:  // RTA_METRICS, of which RTAX_MTU is the second
        eachAttribute(value, size) { metric, number, _ in
          if metric == 2 { found.mtu = number.get(at: 0, as: UInt32.self) }
        }
      case 9 where size >= 8:  // RTA_MULTIPATH: struct rtnexthop, of which the first counts
        found.interface = value.get(at: 4, as: UInt32.self)
        let first = min(Int(value.get(at: 0, as: UInt16.self)), size)
        eachAttribute(value + 8, max(first - 8, 0)) { type, value, _ in if type == 5 { found.gateway = value } }
      default: break
      }
    }
    self = found
  }
}

/// What Linux's ioctls tell of an interface by its index: struct ifreq, 40 bytes, with the name first.
private struct InterfaceFacts {
  let memory: UnsafeMutableRawPointer
  var mtu: UInt32 = 0
  var hardware: UInt16 = 0
  var nameLength = 0

  init?(_ socket: Int, _ index: UInt32, _ memory: UnsafeMutableRawPointer) {
    self.memory = memory
    clear(memory, 40)
    memory.put(index, at: 16)
    // SIOCGIFNAME, SIOCGIFMTU, SIOCGIFHWADDR
    guard quietly(__NR_ioctl, socket, 0x8910, memory.word) == 0 else { return nil }
    while nameLength < 16, memory.get(at: nameLength, as: UInt8.self) != 0 { nameLength += 1 }
    if quietly(__NR_ioctl, socket, 0x8921, memory.word) == 0 { mtu = memory.get(at: 16, as: UInt32.self) }
    if quietly(__NR_ioctl, socket, 0x8927, memory.word) == 0 { hardware = memory.get(at: 16, as: UInt16.self) }
  }
}

/// NET_RT_DUMP: all routes of a family, 0 being all; NET_RT_FLAGS: those with one of some flags, or neighbours.
func routeList(_ call: Call, _ family: UInt32, _ flags: UInt64, _ request: inout SysctlRequest) -> Int {
  if flags & RouteFlags.link != 0 { return neighbourList(call, family, &request) }
  let table = call.table
  guard let message = call.scratch(1024), let buffer = call.scratch(Netlink.capacity), let facts = call.scratch(40) else {
    return call.error(ENOMEM)
  }
  let routes = Netlink(buffer)
  guard routes.ask(NetlinkRequest.routes) else { return call.error(ENOBUFS) }
  routes.each(NetlinkRequest.routeAnswer) { answer, length in
    guard let route = NativeRoute(answer, length), let number = route.family.number(table),
      family == 0 || family == UInt32(number)
    else { return }
    let interface = InterfaceFacts(routes.descriptor, route.interface, facts)
    let written = routeMessage(table, message, route, number, interface)
    let told = Record(message, table)[.rt_msghdr__rtm_flags]
    if flags == 0 || told & flags != 0 { request.put(message, written) }
  }
  return 0
}

private func routeMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ route: NativeRoute, _ number: UInt8, _ interface: InterfaceFacts?
) -> Int {
  clear(message, 1024)
  let head = table.size(.rt_msghdr)
  var present = RouteAddresses.destination | RouteAddresses.gateway
  var flags = RouteFlags.up
  var priority = RoutePriority.fixed
  let isHost = route.prefix == 8 * route.family.width
  if isHost { flags |= RouteFlags.host }
  if route.kind == 2 {
    flags |= UInt64(table[.RTF_LOCAL])
    priority = RoutePriority.local
  } else if route.kind == 6 {
    flags |= RouteFlags.blackhole
  } else if route.kind > 6 {
    flags |= RouteFlags.reject
  } else if route.gateway == nil {
    flags |= isHost ? 0 : UInt64(table[.RTF_CONNECTED])
    priority = RoutePriority.connected
  }
  if !route.isKernels { flags |= RouteFlags.fixed }
  var end = head + route.family.put(message + head, number, route.destination, route.interface)
  let kind = interface.map { interfaceType($0.hardware) } ?? 0
  if let gateway = route.gateway {
    flags |= RouteFlags.gateway
    end += route.family.put(message + end, number, gateway, route.interface)
  } else {
    end += linkAddress(table, message + end, route.interface, kind, 0, 0)
  }
  if !isHost {
    present |= RouteAddresses.netmask
    let mask = message + end
    end += route.family.put(mask, number, nil, 0)
    putMask(mask, route.family, route.prefix)
  }
  if let interface {
    present |= RouteAddresses.interface
    for byte in 0..<interface.nameLength {
      message.put(interface.memory.get(at: byte, as: UInt8.self), at: end + 8 + byte)
    }
    end += linkAddress(table, message + end, route.interface, kind, interface.nameLength, 0)
  }
  if let source = route.source {
    present |= RouteAddresses.address
    end += route.family.put(message + end, number, source, route.interface)
  }
  finishMessage(table, message, end, flags, present, route.interface)
  let header = Record(message, table)
  header[.rt_msghdr__rtm_priority] = priority
  if let metrics = table.layout(.rt_msghdr__rtm_rmx) {
    let mtu = route.mtu != 0 ? route.mtu : interface?.mtu ?? 0
    Record(message + metrics.offset, table)[.rt_metrics__rmx_mtu] = UInt64(mtu)
  }
  return end
}

/// The fields that all messages about routes have.
private func finishMessage(
  _ table: Table, _ message: UnsafeMutableRawPointer, _ end: Int, _ flags: UInt64, _ present: UInt64, _ index: UInt32
) {
  let header = Record(message, table)
  header[.rt_msghdr__rtm_hdrlen] = UInt64(table.size(.rt_msghdr))
  header[.rt_msghdr__rtm_index] = UInt64(index)
  header[.rt_msghdr__rtm_flags] = flags
  header[.rt_msghdr__rtm_addrs] = present
  beginMessage(table, message, end, .RTM_GET)
}

/// Neighbours with a known link-layer address: struct ndmsg, 12 bytes, and its attributes (linux/neighbour.h).
private func neighbourList(_ call: Call, _ family: UInt32, _ request: inout SysctlRequest) -> Int {
  let table = call.table
  guard let message = call.scratch(1024), let buffer = call.scratch(Netlink.capacity), let facts = call.scratch(40) else {
    return call.error(ENOMEM)
  }
  let now = call.now(1).seconds
  let neighbours = Netlink(buffer)
  guard neighbours.ask(NetlinkRequest.neighbours) else { return call.error(ENOBUFS) }
  neighbours.each(NetlinkRequest.neighbourAnswer) { answer, length in
    guard length >= 12, let native = InternetFamily(answer.get(at: 0, as: UInt8.self)),
      let number = native.number(table), family == 0 || family == UInt32(number)
    else { return }
    let index = answer.get(at: 4, as: UInt32.self)
    let state = answer.get(at: 8, as: UInt16.self)
    var address: UnsafeMutableRawPointer?
    var link: UnsafeMutableRawPointer?
    var linkLength = 0
    var confirmed: Int64 = 0
    eachAttribute(answer + 12, length - 12) { type, value, size in
      switch type {
      case 1: address = value  // NDA_DST
      case 2 where size <= 20:  // NDA_LLADDR
        link = value
        linkLength = size
      case 3: confirmed = Int64(value.get(at: 0, as: UInt32.self)) / 100  // NDA_CACHEINFO, in ticks
      default: break
      }
    }
    // NUD_NOARP 0x40 are groups, NUD_INCOMPLETE 0x1 and NUD_FAILED 0x20 have no address.
    guard let address, let link, state & 0x61 == 0 else { return }
    clear(message, 1024)
    var end = table.size(.rt_msghdr)
    end += native.put(message + end, number, address, index)
    for byte in 0..<linkLength { message.put(link.get(at: byte, as: UInt8.self), at: end + 8 + byte) }
    let interface = InterfaceFacts(neighbours.descriptor, index, facts)
    end += linkAddress(table, message + end, index, interface.map { interfaceType($0.hardware) } ?? 0, 0, linkLength)
    // NUD_PERMANENT
    let isFixed = state & 0x80 != 0
    let flags = RouteFlags.up | RouteFlags.host | RouteFlags.link | (isFixed ? RouteFlags.fixed : 0)
    finishMessage(table, message, end, flags, RouteAddresses.destination | RouteAddresses.gateway, index)
    if !isFixed, let metrics = table.layout(.rt_msghdr__rtm_rmx) {
      // Linux asks anew half a minute after the last confirmation (base_reachable_time).
      let expires = now + max(30 - confirmed, 0)
      Record(message + metrics.offset, table)[.rt_metrics__rmx_expire] = UInt64(bitPattern: expires)
    }
    request.put(message, end)
  }
  return 0
}
