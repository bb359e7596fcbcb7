import CEngine
import CWire

/// Message types of linux/rtnetlink.h.
enum NetlinkRequest {
  static let linkAnswer: UInt16 = 16
  static let links: UInt16 = 18
  static let addressAnswer: UInt16 = 20
  static let addresses: UInt16 = 22
  static let routeAnswer: UInt16 = 24
  static let routes: UInt16 = 26
  static let neighbourAnswer: UInt16 = 28
  static let neighbours: UInt16 = 30
}

/// A conversation with Linux about its network interfaces, routes and neighbours.
struct Netlink: ~Copyable {
  private let socket: Int
  /// For ioctls about interfaces.
  var descriptor: Int { socket }
  private let buffer: UnsafeMutableRawPointer
  static let capacity = 16 * 1024

  /// `buffer` has `capacity` bytes; NETLINK_ROUTE is 0.
  init(_ buffer: UnsafeMutableRawPointer, protocolNumber: Int = 0) {
    self.buffer = buffer
    // AF_NETLINK 16, SOCK_RAW 3 with SOCK_CLOEXEC.
    socket = quietly(__NR_socket, 16, 3 | 0x80000, protocolNumber)
  }

  deinit { if socket >= 0 { _ = quietly(__NR_close, socket) } }

  /// Asks for all of a kind: a nlmsghdr with NLM_F_REQUEST | NLM_F_DUMP and an empty ifinfomsg.
  func ask(_ type: UInt16) -> Bool { ask(type, bytes: 16) { _ in } }

  /// The same with a request of so many bytes that `fill` makes; without NLM_F_DUMP one answer comes.
  func ask(_ type: UInt16, bytes: Int, isDump: Bool = true, _ fill: (UnsafeMutableRawPointer) -> Void) -> Bool {
    clear(buffer, 16 + bytes)
    buffer.put(UInt32(16 + bytes), at: 0)
    buffer.put(type, at: 4)
    buffer.put(UInt16(isDump ? 0x301 : 1), at: 6)
    fill(buffer + 16)
    return quietly(__NR_sendto, socket, buffer.word, 16 + bytes) == 16 + bytes
  }

  /// The one answer that comes without NLM_F_DUMP: the bytes behind its nlmsghdr.
  func one(_ type: UInt16) -> (memory: UnsafeMutableRawPointer, length: Int)? {
    let received = quietly(__NR_recvfrom, socket, buffer.word, Netlink.capacity)
    guard received >= 16, buffer.get(at: 4, as: UInt16.self) == type else { return nil }
    let length = min(received, Int(buffer.get(at: 0, as: UInt32.self)))
    return length >= 16 ? (buffer + 16, length - 16) : nil
  }

  /// Calls `body` with the bytes behind each answer's nlmsghdr.
  func each(_ type: UInt16, _ body: (UnsafeMutableRawPointer, Int) -> Void) {
    let done: UInt16 = 3
    let error: UInt16 = 2
    while true {
      let received = quietly(__NR_recvfrom, socket, buffer.word, Netlink.capacity)
      guard received >= 16 else { return }
      var position = 0
      while position + 16 <= received {
        let message = buffer + position
        let length = Int(message.get(at: 0, as: UInt32.self))
        guard length >= 16, position + length <= received else { return }
        let kind = message.get(at: 4, as: UInt16.self)
        if kind == done || kind == error { return }
        if kind == type { body(message + 16, length - 16) }
        position += (length + 3) & ~3
      }
    }
  }
}

/// Calls `body` with type, value and size of each rtattr (linux/rtnetlink.h).
func eachAttribute(
  _ start: UnsafeMutableRawPointer, _ length: Int, _ body: (UInt16, UnsafeMutableRawPointer, Int) -> Void
) {
  var position = 0
  while position + 4 <= length {
    let size = Int(start.get(at: position, as: UInt16.self))
    guard size >= 4, position + size <= length else { return }
    body(start.get(at: position + 2, as: UInt16.self) & 0x3fff, start + position + 4, size - 4)
    position += (size + 3) & ~3
  }
}
