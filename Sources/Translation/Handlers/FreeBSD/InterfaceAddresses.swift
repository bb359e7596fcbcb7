import CEngine
import CWire
import Wire

// What ifconfig(8) asks about addresses of IPv6 (sys/netinet6/{in6_var,nd6}.h), from Linux's netlink and /proc/sys/net/ipv6.

/// A name of an interface has so many bytes (IFNAMSIZ); behind it lies a sockaddr_in6, with the address at 8.
private let nameBytes = 16
private let addressPlace = 24

/// IN6_IFF_* for Linux's IFA_F_* (linux/if_addr.h). Who is not permanent came from a router or with a lifetime.
private func addressFlags(_ linux: UInt32) -> UInt32 {
  var flags: UInt32 = 0
  if linux & 0x40 != 0 { flags |= 0x2 }  // IFA_F_TENTATIVE, IN6_IFF_TENTATIVE
  if linux & 0x08 != 0 { flags |= 0x4 }  // IFA_F_DADFAILED, IN6_IFF_DUPLICATED
  if linux & 0x20 != 0 { flags |= 0x10 }  // IFA_F_DEPRECATED, IN6_IFF_DEPRECATED
  if linux & 0x02 != 0 { flags |= 0x20 }  // IFA_F_NODAD, IN6_IFF_NODAD
  if linux & 0x80 == 0 { flags |= 0x40 }  // IFA_F_PERMANENT, IN6_IFF_AUTOCONF
  if linux & 0x01 != 0 { flags |= 0x80 }  // IFA_F_TEMPORARY, IN6_IFF_TEMPORARY
  return flags
}

/// What Linux tells of one address.
private struct InterfaceAddress {
  var flags: UInt32 = 0
  /// Seconds that it is valid and preferred; all ones for ever.
  var valid = UInt32.max
  var preferred = UInt32.max

  private init() {}

  /// That of struct in6_ifreq's name and address; `failure` is the answer where there is none.
  init?(_ call: Call, _ failure: inout Int) {
    guard let request = call.scratch(64), let buffer = call.scratch(Netlink.capacity) else {
      failure = call.error(ENOMEM)
      return nil
    }
    guard call.copyIn(request, call.address(2), addressPlace + 16) else {
      failure = call.error(EFAULT)
      return nil
    }
    let address = request + addressPlace
    // Of a link-local one the kernel's own form has the interface's number in the second word.
    if address.get(at: 0, as: UInt16.self) == 0x80fe { address.put(UInt16(0), at: 2) }
    let netlink = Netlink(buffer)
    guard let index = interfaceIndex(call, netlink.descriptor, request) else {
      failure = call.error(ENXIO)
      return nil
    }
    var found: InterfaceAddress?
    guard netlink.ask(NetlinkRequest.addresses) else {
      failure = call.error(ENOBUFS)
      return nil
    }
    netlink.each(NetlinkRequest.addressAnswer) { answer, length in
      // struct ifaddrmsg: AF_INET6 is 10; flags of 8 bits, and in an attribute all.
      guard answer.get(at: 0, as: UInt8.self) == 10, answer.get(at: 4, as: UInt32.self) == index else { return }
      var told = InterfaceAddress()
      told.flags = UInt32(answer.get(at: 2, as: UInt8.self))
      var isSame = false
      eachAttribute(answer + 8, length - 8) { type, value, size in
        switch type {
        case 1 where size == 16: if !isSame { isSame = holds(value, address) }  // IFA_ADDRESS
        case 2 where size == 16: isSame = holds(value, address)  // IFA_LOCAL
        case 6 where size >= 8:  // IFA_CACHEINFO
          told.preferred = value.get(at: 0, as: UInt32.self)
          told.valid = value.get(at: 4, as: UInt32.self)
        case 8 where size == 4: told.flags = value.get(at: 0, as: UInt32.self)  // IFA_FLAGS
        default: break
        }
      }
      if isSame { found = told }
    }
    guard let found else {
      failure = call.error(EADDRNOTAVAIL)
      return nil
    }
    self = found
  }
}

private func holds(_ value: UnsafeMutableRawPointer, _ address: UnsafeMutableRawPointer) -> Bool {
  value.get(at: 0, as: UInt64.self) == address.get(at: 0, as: UInt64.self)
    && value.get(at: 8, as: UInt64.self) == address.get(at: 8, as: UInt64.self)
}

/// SIOCGIFINDEX of Linux (linux/sockios.h) for the name at `request`, by a socket of the engine's own.
private func interfaceIndex(_ call: Call, _ socket: Int, _ request: UnsafeMutableRawPointer) -> UInt32? {
  guard let memory = call.scratch(40) else { return nil }
  clear(memory, 40)
  memory.copyMemory(from: request, byteCount: nameBytes - 1)
  guard quietly(__NR_ioctl, socket, 0x8933, memory.word) == 0 else { return nil }
  return memory.get(at: nameBytes, as: UInt32.self)
}

/// The answer to whoever is no socket: these requests are sockets' own.
func socketRefusal(_ call: Call) -> Int? {
  guard let memory = call.scratch(16) else { return call.error(ENOMEM) }
  memory.put(UInt32(4), at: 8)
  // SOL_SOCKET 1, SO_DOMAIN 39
  let result = call.hostNow(__NR_getsockopt, call[0], 1, 39, memory.word, memory.word + 8)
  if result == call.error(ENOTSOCK) { return call.error(ENOTTY) }
  return result < 0 ? result : nil
}

/// SIOCGIFAFLAG_IN6: flags of an address.
func ioctlAddressFlags(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  var failure = 0
  guard let address = InterfaceAddress(call, &failure) else { return failure }
  return call.write(addressFlags(address.flags), at: call.address(2) + UInt64(nameBytes)) ? 0 : call.error(EFAULT)
}

/// SIOCGIFALIFETIME_IN6: struct in6_addrlifetime, in seconds since the system started.
func ioctlAddressLifetime(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  var failure = 0
  guard let address = InterfaceAddress(call, &failure), let memory = call.scratch(24) else {
    return failure != 0 ? failure : call.error(ENOMEM)
  }
  // CLOCK_MONOTONIC
  let now = Int64(call.now(1).total / 1_000_000_000)
  memory.put(address.valid == .max ? 0 : now + Int64(address.valid), at: 0)
  memory.put(address.preferred == .max ? 0 : now + Int64(address.preferred), at: 8)
  memory.put(address.valid, at: 16)
  memory.put(address.preferred, at: 20)
  return call.copyOut(call.address(2) + UInt64(nameBytes), memory, 24) ? 0 : call.error(EFAULT)
}

/// SIOCGIFINFO_IN6: struct nd_ifinfo of an interface, which lies behind its name; EPFNOSUPPORT for one without IPv6.
func ioctlNeighbourInformation(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  guard let request = call.scratch(nameBytes + 1), let memory = call.scratch(56), let path = call.scratch(96)
  else { return call.error(ENOMEM) }
  guard call.copyIn(request, call.address(2), nameBytes) else { return call.error(EFAULT) }
  request.put(UInt8(0), at: nameBytes)
  for index in 0..<nameBytes where request.get(at: index, as: UInt8.self) == UInt8(ascii: "/") { return call.error(ENXIO) }
  let mark = call.thread.pointee.scratch_used
  func setting(_ folder: StaticString, _ name: StaticString) -> Int? {
    var end = append(path, 0, "/proc/sys/net/ipv6/")
    end = append(path, end, folder)
    for index in 0..<nameBytes {
      let byte = request.get(at: index, as: UInt8.self)
      if byte == 0 { break }
      path.put(byte, at: end)
      end += 1
    }
    end = append(path, end, name)
    path.put(UInt8(0), at: end)
    var file = HostFile(call, UnsafeRawPointer(path))
    let number = file.decimal()
    call.thread.pointee.scratch_used = mark
    return number
  }
  guard let mtu = setting("conf/", "/mtu") else {
    let socket = quietly(__NR_socket, 16, 3 | 0x80000, 0)
    let isThere = socket >= 0 && interfaceIndex(call, socket, request) != nil
    if socket >= 0 { _ = quietly(__NR_close, socket) }
    return call.error(isThere ? EPFNOSUPPORT : ENXIO)
  }
  let reachable = setting("neigh/", "/base_reachable_time_ms") ?? 30_000
  let accepts = setting("conf/", "/accept_ra") ?? 0
  let forwards = (setting("conf/", "/forwarding") ?? 0) != 0
  // ND6_IFF_PERFORMNUD, _ACCEPT_RTADV, _IFDISABLED, _AUTO_LINKLOCAL
  var flags: UInt32 = 0x1
  if accepts == 2 || (accepts == 1 && !forwards) { flags |= 0x2 }
  if (setting("conf/", "/disable_ipv6") ?? 0) != 0 { flags |= 0x8 }
  // IN6_ADDR_GEN_MODE_NONE is 1.
  if setting("conf/", "/addr_gen_mode") != 1 { flags |= 0x20 }
  clear(memory, 56)
  memory.put(UInt32(truncatingIfNeeded: mtu), at: 0)
  memory.put(UInt32(truncatingIfNeeded: mtu), at: 4)
  memory.put(UInt32(truncatingIfNeeded: reachable), at: 8)
  memory.put(UInt32(truncatingIfNeeded: reachable / 1000), at: 12)
  memory.put(UInt32(truncatingIfNeeded: setting("neigh/", "/retrans_time_ms") ?? 1000), at: 16)
  memory.put(flags, at: 20)
  memory.put(UInt8(truncatingIfNeeded: setting("conf/", "/hop_limit") ?? 64), at: 28)
  memory.put(UInt8(1), at: 29)
  return call.copyOut(call.address(2) + UInt64(nameBytes), memory, 56) ? 0 : call.error(EFAULT)
}

/// SIOCGDEFIFACE_IN6: the interface for addresses whose link nobody named; none, as long as nobody has chosen one.
func ioctlDefaultInterface(_ call: inout Call) -> Int {
  if let refusal = socketRefusal(call) { return refusal }
  return call.write(UInt64(0), at: call.address(2) + UInt64(nameBytes)) ? 0 : call.error(EFAULT)
}
