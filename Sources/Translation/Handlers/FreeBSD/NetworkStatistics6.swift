import CEngine
import Wire

// What netstat -s and systat(1) ask about IPv6 (sys/netinet6/ip6_var.h, sys/netinet/icmp6.h), of what Linux counts in
// /proc/net/snmp6 (net/ipv6/proc.c). What Linux does not count is 0.

private let counters: StaticString = "/proc/net/snmp6"

/// net.inet6.ip6.stats: struct ip6stat
func internet6Statistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.ip6stat, &request) { record in
    guard let total = countedNumber(call, counters, "Ip6InReceives ") else { return false }
    func count(_ field: FieldName, _ name: StaticString) {
      record[field] = UInt64(bitPattern: countedNumber(call, counters, name) ?? 0)
    }
    record[.ip6stat__ip6s_total] = UInt64(bitPattern: total)
    count(.ip6stat__ip6s_tooshort, "Ip6InTruncatedPkts ")
    count(.ip6stat__ip6s_fragments, "Ip6ReasmReqds ")
    count(.ip6stat__ip6s_fragdropped, "Ip6ReasmFails ")
    count(.ip6stat__ip6s_fragtimeout, "Ip6ReasmTimeout ")
    count(.ip6stat__ip6s_reassembled, "Ip6ReasmOKs ")
    count(.ip6stat__ip6s_forward, "Ip6OutForwDatagrams ")
    count(.ip6stat__ip6s_cantforward, "Ip6InNoRoutes ")
    count(.ip6stat__ip6s_delivered, "Ip6InDelivers ")
    count(.ip6stat__ip6s_localout, "Ip6OutRequests ")
    count(.ip6stat__ip6s_odropped, "Ip6OutDiscards ")
    count(.ip6stat__ip6s_noroute, "Ip6OutNoRoutes ")
    count(.ip6stat__ip6s_fragmented, "Ip6FragOKs ")
    count(.ip6stat__ip6s_ofragments, "Ip6FragCreates ")
    count(.ip6stat__ip6s_cantfrag, "Ip6FragFails ")
    return true
  }
}

/// net.inet6.icmp6.stats: struct icmp6stat, whose histograms count messages by their type, as Linux's lines do.
func controlMessage6Statistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.icmp6stat, &request) { record in
    guard let sent = call.table.layout(.icmp6stat__icp6s_outhist), let received = call.table.layout(.icmp6stat__icp6s_inhist)
    else { return false }
    func histogram(_ title: StaticString, _ place: Int) {
      var file = HostFile(call, counters)
      while file.find(title), let type = file.decimal(), let number = file.decimal() {
        if 0..<256 ~= type { record.memory.put(UInt64(number), at: place + 8 * type) }
      }
    }
    histogram("Icmp6InType", received.offset)
    histogram("Icmp6OutType", sent.offset)
    func told(_ type: Int) -> UInt64 { record.memory.get(at: sent.offset + 8 * type, as: UInt64.self) }
    // ICMP6_DST_UNREACH 1 to ICMP6_PARAM_PROB 4; ICMP6_ECHO_REPLY 129
    record[.icmp6stat__icp6s_error] = told(1) + told(2) + told(3) + told(4)
    record[.icmp6stat__icp6s_reflect] = told(129)
    record[.icmp6stat__icp6s_checksum] = UInt64(bitPattern: countedNumber(call, counters, "Icmp6InCsumErrors ") ?? 0)
    record[.icmp6stat__icp6s_toofreq] = UInt64(bitPattern: countedNumber(call, counters, "Icmp6OutRateLimitHost ") ?? 0)
    return true
  }
}
