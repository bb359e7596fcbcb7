import CEngine
import Wire

// net.link.generic: Linux's interfaces by their numbers, as systat(1) -ifstat asks. Source: net/if_mib.{h,c}.

/// IFDATA_*: what is asked of an interface.
private enum InterfaceQuestion: UInt32 {
  case general = 1
  case ofItsKind = 2
  case driverName = 3
}

/// Answers [interface, question] below net.link.generic.ifdata.
func interfaceTable(_ argument: MIB, _ request: inout SysctlRequest) -> Int {
  let call = request.call
  let table = call.table
  guard argument.count == 2 else { return call.error(EINVAL) }
  let wanted = argument[0]
  guard let question = InterfaceQuestion(rawValue: argument[1]) else { return call.error(ENOENT) }
  guard let answer = call.scratch(256), let buffer = call.scratch(Netlink.capacity) else { return call.error(ENOMEM) }
  let links = Netlink(buffer)
  guard links.ask(NetlinkRequest.links) else { return call.error(ENOBUFS) }
  var isFound = false
  var nameLength = 0
  clear(answer, 256)
  links.each(NetlinkRequest.linkAnswer) { link, length in
    guard link.get(at: 4, as: UInt32.self) == wanted else { return }
    isFound = true
    let record = Record(answer, table)
    let flags = UInt64(link.get(at: 8, as: UInt32.self))
    record[.ifmib_head__ifmd_flags] = table.wellKnown(.interface_flags).flatMap { table.toForeign($0, flags) } ?? 0
    interfaceData(table, Record(answer + table.size(.ifmib_head), table), link, length)
    eachAttribute(link + 16, length - 16) { type, value, size in
      switch type {
      case 3:  // IFLA_IFNAME
        while nameLength < min(size, 15), value.get(at: nameLength, as: UInt8.self) != 0 {
          answer.put(value.get(at: nameLength, as: UInt8.self), at: nameLength)
          nameLength += 1
        }
      case 13: record[.ifmib_head__ifmd_snd_maxlen] = UInt64(value.get(at: 0, as: UInt32.self))  // IFLA_TXQLEN
      case 23 where size >= 80:  // IFLA_STATS64, tx_dropped
        record[.ifmib_head__ifmd_snd_drops] = value.get(at: 56, as: UInt64.self)
      case 30: record[.ifmib_head__ifmd_pcount] = UInt64(value.get(at: 0, as: UInt32.self))  // IFLA_PROMISCUITY
      default: break
      }
    }
  }
  guard isFound else { return call.error(ENOENT) }
  switch question {
  case .general: request.put(answer, table.size(.ifmib_head) + table.size(.if_data))
  case .ofItsKind: break
  case .driverName: request.put(answer, nameLength + 1)
  }
  return 0
}

/// The highest interface's number, which if_index is.
private func interfaceCount(_ call: Call) -> Int64? {
  guard let buffer = call.scratch(Netlink.capacity) else { return nil }
  let links = Netlink(buffer)
  guard links.ask(NetlinkRequest.links) else { return nil }
  var highest: UInt32 = 0
  links.each(NetlinkRequest.linkAnswer) { link, _ in highest = max(highest, link.get(at: 4, as: UInt32.self)) }
  return Int64(highest)
}

/// The last ports, IPPORT_HIFIRSTAUTO and IPPORT_HILASTAUTO of netinet/in.h.
private let highPorts: ClosedRange<Int64> = 49152...65535

/// A number about this host's network.
func networkNumber(_ value: HostValue, _ call: Call) -> Int64? {
  func port(_ isLast: Bool) -> Int64? { fileNumber(call, "/proc/sys/net/ipv4/ip_local_port_range", after: isLast ? 1 : 0) }
  switch value {
  case .forwarding: return fileNumber(call, "/proc/sys/net/ipv4/ip_forward")
  case .forwarding6: return fileNumber(call, "/proc/sys/net/ipv6/conf/all/forwarding")
  case .timeToLive: return fileNumber(call, "/proc/sys/net/ipv4/ip_default_ttl")
  case .hopLimit6: return fileNumber(call, "/proc/sys/net/ipv6/conf/default/hop_limit")
  case .firstPort: return port(false)
  case .lastPort: return port(true)
  // Of a socket's own range Linux heeds each end that lies in its range of all: inet_sk_get_local_port_range.
  case .firstHighPort, .lastHighPort:
    guard let first = port(false), let last = port(true), first <= last else { return nil }
    let end = value == .firstHighPort ? highPorts.lowerBound : highPorts.upperBound
    return first...last ~= end ? end : value == .firstHighPort ? first : last
  case .interfaceCount: return interfaceCount(call)
  default: return nil
  }
}
