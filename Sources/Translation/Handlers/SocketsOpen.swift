import CEngine
import CWire

private let familyIPv6 = 10
private let typeMask = 0xf
private let onlyIPv6 = 26  // IPV6_V6ONLY of linux/in6.h

/// socket(domain, type, protocol): an IPv6 socket of the BSDs takes no IPv4 traffic unless asked to
/// (net.inet6.ip6.v6only is 1), Linux's does unless asked not to.
func openSocket(_ call: inout Call) -> Int {
  let descriptor = call.hostNow(__NR_socket, call[0], call[1], call[2])
  let type = call[1] & typeMask
  guard descriptor >= 0, call[0] == familyIPv6, type == 1 || type == 2 else { return descriptor }
  guard let value = call.scratch(4) else { return descriptor }
  value.storeBytes(of: 1, as: Int32.self)
  _ = call.hostNow(__NR_setsockopt, descriptor, 41, onlyIPv6, value.word, 4)
  return descriptor
}
