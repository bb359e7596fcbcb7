import CEngine
import CWire
import Wire

// What netstat -s asks of FreeBSD's kernel (sys/netinet/{ip_var,icmp_var,tcp_var,udp_var}.h), of what Linux counts in
// /proc/net/snmp and netstat (net/ipv4/proc.c). What Linux does not count is 0.

/// Counters of a group, which stand in two lines: "Ip: Forwarding DefaultTTL …" and "Ip: 2 64 …".
private struct Counters {
  private let memory: UnsafeMutableRawPointer
  private var length = 0
  /// Where the numbers begin.
  private var numbers = 0
  private static let limit = 12288

  /// `group` has its colon and blank: "Ip: ".
  init?(_ call: Call, _ path: StaticString, _ group: StaticString) {
    guard let memory = call.scratch(Counters.limit) else { return nil }
    self.memory = memory
    var file = HostFile(call, path)
    guard file.find(group) else { return nil }
    line(&file)
    guard file.find(group) else { return nil }
    numbers = length
    line(&file)
  }

  private mutating func line(_ file: inout HostFile) {
    while length < Counters.limit - 1, let next = file.byte(), next != 0x0a {
      memory.put(next, at: length)
      length += 1
    }
    memory.put(UInt8(0x20), at: length)
    length += 1
  }

  /// The number of a name; 0 where this Linux has none.
  subscript(_ name: StaticString) -> UInt64 {
    var (word, number) = (0, numbers)
    while word < numbers, number < length {
      var (end, isSame) = (word, true)
      while memory.get(at: end, as: UInt8.self) != 0x20 {
        let index = end - word
        isSame = isSame && index < name.utf8CodeUnitCount && memory.get(at: end, as: UInt8.self) == name.utf8Start[index]
        end += 1
      }
      isSame = isSame && end - word == name.utf8CodeUnitCount
      var value: UInt64 = 0
      while number < length, case let digit = memory.get(at: number, as: UInt8.self), digit != 0x20 {
        if 0x30...0x39 ~= digit { value = value &* 10 &+ UInt64(digit - 0x30) }
        number += 1
      }
      if isSame { return value }
      word = end + 1
      number += 1
    }
    return 0
  }
}

private let basic: StaticString = "/proc/net/snmp"
private let extended: StaticString = "/proc/net/netstat"

/// The structure of that name, filled by `body`.
func statistics(
  _ name: WellKnown, _ request: inout SysctlRequest, _ body: (Record) -> Bool
) -> Int {
  let call = request.call
  let size = call.table.size(name)
  guard size > 0, let memory = call.scratch(size) else { return call.error(ENOENT) }
  clear(memory, size)
  guard body(Record(memory, call.table)) else { return call.error(ENOENT) }
  request.put(memory, size)
  return 0
}

/// net.inet.ip.stats: struct ipstat
func internetStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.ipstat, &request) { record in
    guard let counters = Counters(call, basic, "Ip: "), let more = Counters(call, extended, "IpExt: ") else { return false }
    record[.ipstat__ips_total] = counters["InReceives"]
    record[.ipstat__ips_badsum] = more["InCsumErrors"]
    record[.ipstat__ips_tooshort] = more["InTruncatedPkts"]
    record[.ipstat__ips_badaddr] = counters["InAddrErrors"]
    record[.ipstat__ips_fragments] = counters["ReasmReqds"]
    record[.ipstat__ips_fragdropped] = counters["ReasmFails"]
    record[.ipstat__ips_fragtimeout] = counters["ReasmTimeout"]
    record[.ipstat__ips_reassembled] = counters["ReasmOKs"]
    record[.ipstat__ips_forward] = counters["ForwDatagrams"]
    record[.ipstat__ips_noproto] = counters["InUnknownProtos"]
    record[.ipstat__ips_delivered] = counters["InDelivers"]
    record[.ipstat__ips_localout] = counters["OutRequests"]
    record[.ipstat__ips_odropped] = counters["OutDiscards"]
    record[.ipstat__ips_noroute] = counters["OutNoRoutes"]
    record[.ipstat__ips_fragmented] = counters["FragOKs"]
    record[.ipstat__ips_ofragments] = counters["FragCreates"]
    record[.ipstat__ips_cantfrag] = counters["FragFails"]
    return true
  }
}

/// net.inet.icmp.stats: struct icmpstat, whose histograms count messages by their type.
func controlMessageStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.icmpstat, &request) { record in
    guard let counters = Counters(call, basic, "Icmp: "), let sent = call.table.layout(.icmpstat__icps_outhist),
      let received = call.table.layout(.icmpstat__icps_inhist)
    else { return false }
    record[.icmpstat__icps_checksum] = counters["InCsumErrors"]
    func count(_ type: Int, _ input: StaticString, _ output: StaticString) -> UInt64 {
      record.memory.put(counters[input], at: received.offset + 8 * type)
      let number = counters[output]
      record.memory.put(number, at: sent.offset + 8 * type)
      return number
    }
    let errors =
      count(3, "InDestUnreachs", "OutDestUnreachs") + count(4, "InSrcQuenchs", "OutSrcQuenchs")
      + count(11, "InTimeExcds", "OutTimeExcds") + count(12, "InParmProbs", "OutParmProbs")
    record[.icmpstat__icps_error] = errors
    record[.icmpstat__icps_reflect] =
      count(0, "InEchoReps", "OutEchoReps") + count(14, "InTimestampReps", "OutTimestampReps")
      + count(18, "InAddrMaskReps", "OutAddrMaskReps")
    _ = count(5, "InRedirects", "OutRedirects")
    _ = count(8, "InEchos", "OutEchos")
    _ = count(13, "InTimestamps", "OutTimestamps")
    _ = count(17, "InAddrMasks", "OutAddrMasks")
    return true
  }
}

/// net.inet.udp.stats: struct udpstat. Programs take from all that came what was not delivered.
func datagramStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.udpstat, &request) { record in
    guard let counters = Counters(call, basic, "Udp: ") else { return false }
    let (noPort, badSum, full) = (counters["NoPorts"], counters["InCsumErrors"], counters["RcvbufErrors"])
    record[.udpstat__udps_ipackets] = counters["InDatagrams"] + noPort + badSum + full
    record[.udpstat__udps_badsum] = badSum
    record[.udpstat__udps_noport] = noPort
    record[.udpstat__udps_fullsock] = full
    record[.udpstat__udps_opackets] = counters["OutDatagrams"]
    return true
  }
}

/// net.inet.tcp.stats: struct tcpstat
func connectionStatistics(_ request: inout SysctlRequest) -> Int {
  let call = request.call
  return statistics(.tcpstat, &request) { record in
    guard let counters = Counters(call, basic, "Tcp: "), let more = Counters(call, extended, "TcpExt: ") else { return false }
    let (active, passive, failed) = (counters["ActiveOpens"], counters["PassiveOpens"], counters["AttemptFails"])
    let established = active + passive > failed ? active + passive - failed : 0
    let present = counters["CurrEstab"]
    record[.tcpstat__tcps_connattempt] = active
    record[.tcpstat__tcps_accepts] = passive
    record[.tcpstat__tcps_connects] = established
    record[.tcpstat__tcps_closed] = established > present ? established - present : 0
    record[.tcpstat__tcps_drops] = counters["EstabResets"]
    record[.tcpstat__tcps_conndrops] = failed
    record[.tcpstat__tcps_delack] = more["DelayedACKs"]
    record[.tcpstat__tcps_timeoutdrop] = more["TCPAbortOnTimeout"]
    record[.tcpstat__tcps_rexmttimeo] = more["TCPTimeouts"]
    record[.tcpstat__tcps_keepprobe] = more["TCPKeepAlive"]
    record[.tcpstat__tcps_sndprobe] = more["TCPWinProbe"]
    // Linux counts what is sent again apart.
    record[.tcpstat__tcps_sndtotal] = counters["OutSegs"] + counters["RetransSegs"]
    record[.tcpstat__tcps_sndrexmitpack] = counters["RetransSegs"]
    record[.tcpstat__tcps_rcvtotal] = counters["InSegs"]
    record[.tcpstat__tcps_rcvbadsum] = counters["InCsumErrors"]
    record[.tcpstat__tcps_rcvoopack] = more["TCPOFOQueue"]
    record[.tcpstat__tcps_pawsdrop] = more["PAWSEstab"] + more["PAWSActive"]
    record[.tcpstat__tcps_predack] = more["TCPHPAcks"]
    record[.tcpstat__tcps_preddat] = more["TCPHPHits"]
    record[.tcpstat__tcps_listendrop] = more["ListenOverflows"]
    record[.tcpstat__tcps_sc_sendcookie] = more["SyncookiesSent"]
    record[.tcpstat__tcps_sc_recvcookie] = more["SyncookiesRecv"]
    record[.tcpstat__tcps_sack_recovery_episode] = more["TCPSackRecovery"]
    record[.tcpstat__tcps_sig_rcvbadsig] = more["TCPMD5Failure"]
    record[.tcpstat__tcps_sig_err_sigopt] = more["TCPMD5Unexpected"]
    record[.tcpstat__tcps_sig_err_nosigopt] = more["TCPMD5NotFound"]
    return true
  }
}
