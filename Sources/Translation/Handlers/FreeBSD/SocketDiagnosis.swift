import CEngine
import CWire

// What Linux tells of sockets by netlink alone (linux/{sock_diag,inet_diag,unix_diag}.h): how many connections may wait, and
// whom a local socket is connected to. Where Linux is built without it, nothing is told.

enum SocketDiagnosis {
  /// NETLINK_SOCK_DIAG
  static var netlinkProtocol: Int { 4 }
  /// SOCK_DIAG_BY_FAMILY, question and answer
  static var byFamily: UInt16 { 20 }
  /// TCP_LISTEN of net/tcp_states.h, for local sockets too
  static var listening: UInt8 { 10 }

  struct Local {
    var peer: UInt64 = 0
    var isListening = false
    var waiting: UInt64 = 0
    var limit: UInt64 = 0
    /// Bytes to be read and bytes that the peer has not read, of one that does not listen.
    var receiving: UInt64 = 0
    var sending: UInt64 = 0
    /// RCV_SHUTDOWN 1 and SEND_SHUTDOWN 2 of net/sock.h.
    var shutdown: UInt8 = 0
  }

  /// What is known of the local socket with an inode: struct unix_diag_req and unix_diag_msg.
  static func local(_ facts: borrowing Netlink, _ inode: UInt64) -> Local {
    var found = Local()
    let isAsked = facts.ask(byFamily, bytes: 24, isDump: false) { request in
      request.put(UInt8(1), at: 0)  // AF_UNIX
      request.put(UInt32.max, at: 4)
      request.put(UInt32(truncatingIfNeeded: inode), at: 8)
      request.put(UInt32(0x14), at: 12)  // UDIAG_SHOW_PEER, UDIAG_SHOW_RQLEN
      request.put(UInt64.max, at: 16)  // no cookie
    }
    guard isAsked, let answer = facts.one(byFamily), answer.length >= 16 else { return found }
    found.isListening = answer.memory.get(at: 2, as: UInt8.self) == listening
    eachAttribute(answer.memory + 16, answer.length - 16) { type, value, size in
      if type == 2, size >= 4 { found.peer = UInt64(value.get(at: 0, as: UInt32.self)) }  // UNIX_DIAG_PEER
      if type == 4, size >= 8 {  // UNIX_DIAG_RQLEN
        let first = UInt64(value.get(at: 0, as: UInt32.self))
        let second = UInt64(value.get(at: 4, as: UInt32.self))
        if found.isListening { (found.waiting, found.limit) = (first, second) } else { (found.receiving, found.sending) = (first, second) }
      }
      if type == 6, size >= 1 { found.shutdown = value.get(at: 0, as: UInt8.self) }  // UNIX_DIAG_SHUTDOWN
    }
    return found
  }
}

extension SocketDiagnosis {
  /// The name of the local socket with an inode, as struct sockaddr_un has it, into `name`: its length, 0 where it has none.
  static func localName(_ facts: borrowing Netlink, _ inode: UInt64, _ name: UnsafeMutableRawPointer) -> Int {
    let isAsked = facts.ask(byFamily, bytes: 24, isDump: false) { request in
      request.put(UInt8(1), at: 0)  // AF_UNIX
      request.put(UInt32.max, at: 4)
      request.put(UInt32(truncatingIfNeeded: inode), at: 8)
      request.put(UInt32(1), at: 12)  // UDIAG_SHOW_NAME
      request.put(UInt64.max, at: 16)
    }
    guard isAsked, let answer = facts.one(byFamily), answer.length >= 16 else { return 0 }
    var length = 0
    eachAttribute(answer.memory + 16, answer.length - 16) { type, value, size in
      guard type == 0 else { return }  // UNIX_DIAG_NAME
      length = min(size, LinuxSocket.pathBytes)
      name.copyMemory(from: value, byteCount: length)
    }
    return length
  }
}

/// How many connections may wait at each listening socket of TCP.
struct ListenLimits {
  private let call: Call
  private let buffer: UnsafeMutableRawPointer
  /// Pairs of an inode and its limit.
  private let memory: UnsafeMutableRawPointer
  private var count = 0
  private static var most: Int { 1024 }

  init?(_ call: Call) {
    guard let memory = call.scratch(8 * ListenLimits.most), let buffer = call.scratch(Netlink.capacity) else { return nil }
    self.call = call
    self.memory = memory
    self.buffer = buffer
  }

  /// Asks for those of one family: struct inet_diag_req_v2 and inet_diag_msg.
  mutating func read(_ isNewer: Bool) {
    let facts = Netlink(buffer, protocolNumber: SocketDiagnosis.netlinkProtocol)
    let isAsked = facts.ask(SocketDiagnosis.byFamily, bytes: 56) { request in
      request.put(UInt8(isNewer ? 10 : 2), at: 0)
      request.put(UInt8(6), at: 1)
      request.put(UInt32(1) << UInt32(SocketDiagnosis.listening), at: 4)
    }
    guard isAsked else { return }
    var found = 0
    let memory = memory
    facts.each(SocketDiagnosis.byFamily) { answer, length in
      guard length >= 72, found < ListenLimits.most else { return }
      memory.put(answer.get(at: 68, as: UInt32.self), at: 8 * found)
      memory.put(answer.get(at: 60, as: UInt32.self), at: 8 * found + 4)
      found += 1
    }
    count = found
  }

  subscript(_ inode: UInt64) -> UInt64 {
    for index in 0..<count where UInt64(memory.get(at: 8 * index, as: UInt32.self)) == inode {
      return UInt64(memory.get(at: 8 * index + 4, as: UInt32.self))
    }
    return 0
  }
}
