import CEngine
import CWire

// Linux's tables of sockets, by the files that tell them: /proc/net/{tcp,udp,raw,icmp} with their twins for IPv6, and
// /proc/net/unix (proc_pid_net(5)).

/// One end of a connection: words of the address as they lie in memory, and a port of the host's byte order.
struct InternetEnd {
  var words = InlineArray<4, UInt32>(repeating: 0)
  var port: UInt16 = 0

  init() {}

  /// " 0100007F:1F90": each word of the address as a number.
  init?(_ file: inout HostFile, isNewer: Bool) {
    file.byte()
    for word in 0..<(isNewer ? 4 : 1) {
      var value: UInt32 = 0
      for _ in 0..<8 {
        guard let digit = hexadecimalDigit(file.byte()) else { return nil }
        value = value << 4 | UInt32(digit)
      }
      words[word] = value
    }
    file.byte()
    guard let number = file.hexadecimal() else { return nil }
    port = UInt16(truncatingIfNeeded: number)
  }
}

/// A line of /proc/net/tcp and its like: "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0
/// 12345".
struct InternetSocket {
  let local: InternetEnd
  let peer: InternetEnd
  /// TCP_* of net/tcp_states.h.
  let state: Int
  let sending: UInt64
  let receiving: UInt64
  let user: Int
  let inode: UInt64

  /// nil when the line is none, such as the title; the file is then somewhere in it.
  init?(_ file: inout HostFile, isNewer: Bool) {
    guard file.decimal() != nil, file.byte() == UInt8(ascii: ":") else { return nil }
    guard let local = InternetEnd(&file, isNewer: isNewer), let peer = InternetEnd(&file, isNewer: isNewer) else { return nil }
    self.local = local
    self.peer = peer
    file.byte()
    state = Int(file.hexadecimal() ?? 0)
    file.byte()
    sending = file.hexadecimal() ?? 0
    file.byte()
    receiving = file.hexadecimal() ?? 0
    // The timer, and how often it ran out.
    file.skipWord()
    file.skipWord()
    user = file.decimal() ?? 0
    _ = file.decimal()
    inode = UInt64(file.decimal() ?? 0)
  }
}

/// A line of /proc/net/unix: "0: 00000002 00000000 00010000 0001 01 12345 /path".
struct LocalSocket {
  /// SOCK_*
  let type: UInt64
  let inode: UInt64

  /// nil when the line is none. The file is then before the name, or at the line's end where there is none.
  init?(_ file: inout HostFile) {
    guard file.hexadecimal() != nil else { return nil }
    for _ in 0..<4 { file.skipWord() }
    while file.peek() == 0x20 { file.byte() }
    type = file.hexadecimal() ?? 0
    file.skipWord()
    inode = UInt64(file.decimal() ?? 0)
    if file.peek() == 0x20 { file.byte() }
  }
}
