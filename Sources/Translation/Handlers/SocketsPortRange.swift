import CEngine

// IP_PORTRANGE and IPV6_PORTRANGE: which ports bind(2) chooses from when it is asked for any. Since 6.3 Linux has a range of
// each socket's own (IP_LOCAL_PORT_RANGE), of which it heeds what lies in the range of free ports of all. IP_PORTRANGE_LOW's
// ports do not, but the socket keeps them. Source: netinet/in.h, in_pcb_lport of netinet/in_pcb.c, linux/in.h.

/// IPPORT_RESERVEDSTART and the last port below IPPORT_RESERVED, as the table's port_range has them for Linux.
private let lowPorts: ClosedRange<UInt16> = 600...1023

/// Whether a socket that is bound to `address` chooses from the low ports: any port is wanted, and the socket has their range.
func choosesLowPort(_ call: Call, _ descriptor: Int, _ address: NativeAddress) -> Bool {
  guard address.family == LinuxSocket.familyInternet || address.family == LinuxSocket.familyInternet6,
    address.length >= 4, address.pointer.get(at: 2, as: UInt16.self) == 0
  else { return false }
  // IPPROTO_IP 0, IP_LOCAL_PORT_RANGE 51; sockets of IPv6 have it, too.
  var range: UInt32 = 0
  var length: UInt32 = 4
  let result = withUnsafeMutablePointer(to: &range) { range in
    withUnsafeMutablePointer(to: &length) { length in
      quietly(__NR_getsockopt, descriptor, 0, 51, Int(bitPattern: range), Int(bitPattern: length))
    }
  }
  return result == 0 && range == UInt32(lowPorts.upperBound) << 16 | UInt32(lowPorts.lowerBound)
}

/// bind(2) to the highest low port that is free.
func bindLowPort(_ call: Call, _ descriptor: Int, _ address: NativeAddress) -> Int {
  for port in lowPorts.reversed() {
    address.pointer.put(port.bigEndian, at: 2)
    let result = call.hostNow(__NR_bind, descriptor, address.pointer.word, address.length)
    if result != call.error(EADDRINUSE) { return result }
  }
  return call.error(EADDRNOTAVAIL)
}
